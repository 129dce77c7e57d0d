"""Solvers at their edges: shapes, directions, sizes of numbers, and what they refuse."""

import types

import numpy as np
import pytest

from teachkit import ode, ode_density
from teachkit.data import standard_normal
from teachkit.ode import euler, heun, rk4

SOLVERS = (euler, heun, rk4)


def decay(t, y):
    return -2 * y


OVER = lambda t, x: np.full_like(x, 5e307)  # noqa: E731
TRACE = lambda t, x: np.full(len(x), -2.0)  # noqa: E731


def flow(trace=None):
    return ode_density.continuous_flow(decay, 0.0, 1.0, 4, trace=trace)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 3), (2, 5, 3)])
def test_any_shape_is_solved_entry_by_entry(solver, shape, rng):
    y0 = rng.standard_normal(shape)
    path = list(solver(decay, y0, 0, 1, 4))
    assert [np.shape(y) for _, y in path] == [shape] * 5
    alone = [[float(y) for _, y in solver(decay, value, 0, 1, 4)] for value in y0.ravel()]
    np.testing.assert_allclose([np.ravel(y) for _, y in path], np.transpose(alone), rtol=1e-15)


@pytest.mark.parametrize("solver", SOLVERS)
def test_solver_is_a_generator_that_leaves_its_start_alone(solver):
    y0 = np.array([1.0, 2.0])
    path = solver(decay, y0, 0, 1, 10**9)  # nothing is computed before it is asked for
    assert isinstance(path, types.GeneratorType)
    _, first = next(path)
    first += 1
    t, second = next(path)
    assert t == 1e-9
    np.testing.assert_allclose(second, [1.0, 2.0], rtol=1e-8)  # what the caller does to a point does not move the path
    np.testing.assert_array_equal(y0, [1.0, 2.0])


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("y0", [3.0, [3.0, -1.0]])
def test_field_may_write_into_its_argument_and_reuse_its_result(solver, y0):
    buffer = np.empty(np.shape(y0))

    def in_place(t, y):
        y *= -2
        return y

    def reused(t, y):
        buffer[...] = -2 * y
        return buffer

    wanted = [y for _, y in solver(decay, y0, 0, 1, 4)]
    for f in (in_place, reused):
        path = [y for _, y in solver(f, y0, 0, 1, 4)]
        np.testing.assert_array_equal(path, wanted)
        assert all(isinstance(y, np.ndarray) for y in path)


def test_field_of_a_density_path_may_write_into_its_argument():
    def in_place(t, x):
        x *= -2
        return x

    trace = lambda t, x: -2 - x[:, 0] ** 2  # noqa: E731
    for given in (trace, None):
        one, two = (
            ode_density.continuous_flow(f, 0.0, 0.5, 4, trace=given).forward([[3.0]]) for f in (decay, in_place)
        )
        for wanted, got in zip(one, two, strict=True):
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("solver", SOLVERS)
def test_times_are_evenly_spaced_and_end_exactly(solver):
    for t0, t1, steps in ((0, 0.3, 3), (-1, 2, 7), (2, -1, 10), (0, 0.7, 35)):  # 35 (0.7 / 35) is not 0.7
        times = [t for t, _ in solver(decay, 1.0, t0, t1, steps)]
        assert (times[0], times[-1], len(times)) == (t0, t1, steps + 1)
        np.testing.assert_allclose(times, np.linspace(t0, t1, steps + 1), atol=1e-15)


@pytest.mark.parametrize("solver", SOLVERS)
def test_backward_run_undoes_a_forward_run_up_to_the_error_of_the_method(solver):
    gaps = []
    for steps in (50, 100):
        *_, (_, y) = solver(lambda t, y: np.sin(y + t), [0.3, 1.0], 0, 2, steps)
        *_, (_, back) = solver(lambda t, y: np.sin(y + t), y, 2, 0, steps)
        gaps.append(np.abs(back - [0.3, 1.0]).max())
    order = {euler: 1, heun: 2, rk4: 4}[solver]
    assert gaps[0] / gaps[1] >= 2**order * 0.8
    assert 0 < gaps[1] < 0.1


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1.0, 1e8, 1e300])
def test_scale_of_a_linear_problem_does_not_matter(solver, scale):
    """Neither that of y nor, inverted in the field, that of t."""
    *_, (_, unit) = solver(decay, 1.0, 0, 1, 10)
    *_, (_, y) = solver(decay, scale, 0, 1, 10)
    assert y / scale == pytest.approx(unit, rel=1e-12)
    *_, (t, slow) = solver(lambda t, y: -2 * y / scale, 1.0, 0, scale, 10)
    assert (t, slow) == (scale, pytest.approx(unit, rel=1e-12))


def test_overflow_is_passed_on():
    with np.errstate(over="ignore", invalid="ignore"):
        *_, (_, y) = euler(lambda t, y: y**2, 1e200, 0, 1, 2)
    assert not np.isfinite(y)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y0": [1.0, np.nan]}, "y0: expected finite"),
        ({"y0": []}, "y0: expected at least one number"),
        ({"y0": "abc"}, "y0: expected an array of numbers"),
        ({"t0": np.nan}, "t0: expected a finite number"),
        ({"t1": np.inf}, "t1: expected a finite number"),
        ({"t1": 0.0}, "t1: expected a time at a finite distance from t0"),
        ({"t0": -1e308, "t1": 1e308}, "t1: expected a time at a finite distance"),
        ({"steps": 0}, "steps: expected a whole number of at least 1"),
        ({"steps": -3}, "steps: expected a whole number of at least 1"),
        ({"steps": 2.5}, "steps: expected a whole number of at least 1"),
        ({"t0": 1.0, "t1": 2.0, "steps": 10**17}, "steps: expected steps that move the time"),
        ({"t1": 5e-324, "steps": 10}, "steps: expected steps that move the time"),
        ({"steps": 10**17}, "steps: expected steps that move the time"),
        ({"t0": 1.0, "t1": 1 + 8 * 2**-52, "steps": 13}, "steps: expected steps that move the time"),
    ],
)
def test_bad_input_is_refused_at_the_call(solver, change, message):
    arguments = {"f": decay, "y0": 1.0, "t0": 0.0, "t1": 1.0, "steps": 10, **change}
    with pytest.raises(ValueError, match=message):
        solver(**arguments)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("f", [lambda t, y: y[:1], lambda t, y: 0.0, lambda t, y: y[:, None]])
def test_field_that_changes_the_shape_is_refused(solver, f):
    with pytest.raises(ValueError, match=r"f: expected to return shape \(3,\)"):
        list(solver(f, [1.0, 2.0, 3.0], 0, 1, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ode.global_errors(euler, decay, 1.0, 0, 1, [], np.exp), "counts: expected a list of at least one"),
        (lambda: ode.global_errors(euler, decay, 1.0, 0, 1, 5, np.exp), "counts: expected a list of at least one"),
        (lambda: ode.global_errors(euler, decay, 1.0, 0, 1, [0], np.exp), "steps: expected a whole number"),
        (lambda: ode.global_errors(euler, decay, [1.0, 2.0], 0, 1, [2], np.exp), "exact: expected to return shape"),
        (lambda: ode.observed_order([1], [1.0]), "counts: expected 2 or more"),
        (lambda: ode.observed_order([1, 2], [1.0]), "errors: expected 2 or more"),
        (lambda: ode.observed_order([1, 2], [1.0, 0.0]), "errors: expected 2 or more numbers above 0"),
        (lambda: ode.observed_order([2, 2], [1.0, 1.0]), "counts: expected at least two different"),
        (lambda: ode.euler_bound(0.1, 0.0, 1.0, 1.0), "L: expected a finite number above 0"),
        (lambda: ode.euler_bound(-0.1, 1.0, 1.0, 1.0), "h: expected a finite number above 0"),
        (lambda: ode.euler_bound(0.1, 1.0, -1.0, 1.0), "M: expected a number of at least 0"),
        (lambda: ode.euler_bound(0.1, 1.0, np.nan, 1.0), "M: expected a finite number"),
        (lambda: ode.growth_factor(euler, 1j), "z: expected an array of numbers"),
        (lambda: ode.growth_factor(euler, np.nan), "z: expected finite"),
        (lambda: ode_density.density_path(decay, [1.0], [0.0], 0, 1, 2), r"z: expected shape \[n, d\]"),
        (lambda: ode_density.density_path(decay, [[1.0]], [[0.0]], 0, 1, 2), r"log_pz: expected shape \[1\]"),
        (lambda: ode_density.density_path(decay, [[1.0]], [np.nan], 0, 1, 2), "log_pz: expected shape"),
        (lambda: ode_density.density_path(decay, [[1.0]], [np.inf], 0, 1, 2), "log_pz: expected shape"),
        (lambda: ode_density.density_path(decay, [[1.0]], [0.0], 0, 1, 0), "steps: expected a whole number"),
        (lambda: ode_density.continuous_flow(decay, 0, 0, 2), "t1: expected a time"),
        (lambda: flow().forward([1.0]), r"z: expected shape \[n, d\]"),
        (lambda: flow().inverse([[np.nan]]), "x: expected finite"),
        (lambda: flow(lambda t, x: -2.0).forward([[1.0]]), r"trace: expected to return shape \(1,\)"),
        (
            lambda: list(ode_density.density_path(lambda t, x: x[:, 0], [[1.0]], [0.0], 0, 1, 2)),
            "f: expected to return shape",
        ),
        (
            lambda: list(ode_density.density_path(lambda t, x: x * np.nan, [[1.0]], [0.0], 0, 1, 2, trace=TRACE)),
            "f: expected a run of finite numbers, but by t = 0 it left all bounds or met NaN",
        ),
        (
            lambda: list(ode_density.density_path(OVER, [[1.0]], [0.0], 0, 4, 2, trace=TRACE, solver=euler)),
            "f: expected a run of finite numbers, but by t = 4 ",
        ),
    ],
)
def test_helpers_name_the_bad_argument(call, message):
    with np.errstate(over="ignore"), pytest.raises(ValueError, match=message):
        call()


def test_density_path_yields_the_start_first():
    z = np.array([[0.5, -1.0]])
    t, x, log_p = next(ode_density.density_path(decay, z, standard_normal(2).log_prob(z), 0, 1, 3))
    assert t == 0
    np.testing.assert_array_equal(x, z)
    np.testing.assert_array_equal(log_p, standard_normal(2).log_prob(z))


def test_density_zero_stays_zero():
    *_, (_, _, log_p) = ode_density.density_path(decay, [[1.0], [2.0]], [-np.inf, 0.0], 0, 1, 4)
    np.testing.assert_allclose(log_p, [-np.inf, 2.0])


@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1.0, 1e8, 1e300])
def test_scale_of_space_does_not_matter_to_a_linear_field_nor_to_one_with_its_trace(scale):
    x, log_det = flow().forward([[3 * scale]])
    assert x[0, 0] / scale == pytest.approx(flow().forward([[3.0]])[0][0, 0], rel=1e-12)
    assert log_det[0] == pytest.approx(-2, rel=1e-9)
    sine = ode_density.continuous_flow(
        lambda t, x: scale * np.sin(x / scale), 0.0, 0.5, 40, trace=lambda t, x: np.cos(x[:, 0] / scale)
    )
    half = np.exp(1) * np.sin(1.5) ** 2 + np.cos(1.5) ** 2  # z = 3, t = 0.5
    assert sine.forward([[3 * scale]])[1][0] == pytest.approx(0.5 - np.log(half), abs=1e-7)


def test_global_error_is_the_largest_entry_of_all_steps():
    exact = lambda t: np.array([3.0, -4.0]) if t == 0.5 else np.zeros(2)  # noqa: E731
    assert ode.global_errors(euler, decay, [0.0, 0.0], 0, 1, [4], exact).tolist() == [4.0]


def test_error_of_a_run_that_breaks_is_nan():
    with np.errstate(invalid="ignore"):
        (error,) = ode.global_errors(rk4, lambda t, y: -2 * np.sqrt(y), 1.0, 0, 2, [9], lambda t: max(1 - t, 0) ** 2)
    assert np.isnan(error)
    assert np.isnan(ode.global_errors(euler, decay, 1.0, 0, 1, [4], lambda t: np.nan if 0 < t < 1 else 1.0)).all()


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ((1e-200, 1e-200, 1.0, 1.0), 5e-201),
        ((0.1, 1e308, 1.0, 1e-308), 0.05e-308 * np.expm1(1)),
        ((0.1, 1e-12, 1.0, 2.0), 0.1 * (1 + 1e-12)),
        ((1e-200, 1.0, 1e-200, 1e300), np.inf),
        ((1e-200, 1e-300, 1e-200, 1e290), 5e-111),
        ((1e200, 1.0, 1e200, 1.0), np.inf),
        ((0.1, 2.0, 12.0, 1000.0), np.inf),
        ((0.1, 2.0, 0.0, 1000.0), 0.0),
    ],
)
def test_bound_of_any_size_neither_underflows_nor_warns(arguments, wanted):
    assert ode.euler_bound(*arguments) == pytest.approx(wanted, rel=1e-12)
