import sys

import numpy as np
import pytest

from teachkit import newton
from teachkit.data import banana, ring
from teachkit.newton import derivatives, gradient
from teachkit.newton_compare import adam, compare, gradient_ascent, scipy_minimize

METHODS = {
    "gradient ascent": gradient_ascent,
    "adam": adam,
    "bfgs": lambda *a, **k: scipy_minimize(*a, "bfgs", **k),
    "trust-exact": lambda *a, **k: scipy_minimize(*a, "trust-exact", **k),
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())


@pytest.fixture
def z(rng):
    return rng.standard_normal((1000, 2))


@pytest.mark.law("trust-region")
@pytest.mark.parametrize("m", [4, 5])
def test_all_methods_agree_on_the_optimum(z, m):
    rows = compare(np.zeros(m), z, banana())
    assert [row.method for row in rows] == ["newton", *METHODS]
    assert all(row.reached for row in rows)
    np.testing.assert_allclose([row.value for row in rows], rows[0].value, rtol=1e-14)


def test_newton_needs_the_fewest_iterations(z):
    first, *rivals = compare(np.zeros(4), z, banana())
    assert first.iterations == 3
    # trust-exact is Newton's method too
    assert {row.method: row.iterations > 2 * first.iterations for row in rivals} == {
        "gradient ascent": True,
        "adam": True,
        "bfgs": True,
        "trust-exact": False,
    }


@every_method
def test_iterates_tell_the_truth(z, method):
    path = list(method([0.2, 0.1, -0.1, 0.3], z, banana()))
    assert path[0].step == "start"
    np.testing.assert_array_equal(path[0].theta, [0.2, 0.1, -0.1, 0.3])
    for iterate in path[:: max(1, len(path) // 5)]:
        now = derivatives(iterate.theta, z, banana())
        assert iterate.value == now.value
        assert iterate.gradient_norm == pytest.approx(np.linalg.norm(now.gradient), rel=1e-12)
    assert all(iterate.gradient_norm > 1e-10 for iterate in path[:-1])


def test_gradient_ascent_takes_the_step_it_names(z):
    start, first, *_ = gradient_ascent(np.zeros(4), z, banana(), step=0.125)
    np.testing.assert_array_equal(first.theta, 0.125 * gradient(start.theta, z, banana()))


def test_gradient_ascent_runs_away_with_a_long_step_and_ends(z):
    *_, last = gradient_ascent(np.zeros(4), z, banana(), step=3.0)
    assert not last.gradient_norm < 1


def test_adam_against_torch(z):
    import torch

    theta = torch.zeros(4, dtype=torch.float64)
    optimizer = torch.optim.Adam([theta], lr=0.1, betas=(0.8, 0.99), maximize=True)
    for iterate in adam(np.zeros(4), z, banana(), step=0.1, beta1=0.8, beta2=0.99, max_iter=50):
        np.testing.assert_allclose(iterate.theta, theta.numpy(), atol=1e-12)
        theta.grad = torch.from_numpy(gradient(iterate.theta, z, banana()))
        optimizer.step()


@pytest.mark.parametrize("name", ["bfgs", "trust-exact"])
def test_scipy_method_ends_where_scipy_does(z, name):
    from scipy.optimize import minimize

    result = minimize(
        lambda theta: -derivatives(theta, z, banana()).value,
        np.zeros(4),
        jac=lambda theta: -derivatives(theta, z, banana()).gradient,
        hess=(lambda theta: -derivatives(theta, z, banana()).hessian) if name == "trust-exact" else None,
        method=name,
        options={"gtol": 5e-11},
    )
    path = list(METHODS[name](np.zeros(4), z, banana()))
    assert len(path) == result.nit + 1
    np.testing.assert_array_equal(path[-1].theta, result.x)
    row = next(row for row in compare(np.zeros(4), z, banana()) if row.method == name)
    assert (row.objectives, row.gradients, row.hessians) == (result.nfev, result.njev, result.get("nhev", 0))


def test_first_order_methods_are_charged_for_gradients_alone(z):
    first, ascent, adam_row, *_ = compare(np.zeros(4), z, banana())
    assert (first.objectives, first.gradients, first.hessians) == (4, 4, 4)
    for row in (ascent, adam_row):
        assert (row.objectives, row.gradients, row.hessians) == (0, row.iterations + 1, 0)


def test_newton_is_charged_for_every_pass_over_the_batch(z, monkeypatch):
    calls = []
    whole = newton._derivatives
    monkeypatch.setattr(newton, "_derivatives", lambda *a: calls.append(a) or whole(*a))
    start = [1.0, 1.0, -2.0, 2.0]
    steps = list(newton.newton(start, z, banana()))
    assert len(calls) == len(steps)
    monkeypatch.undo()
    assert compare(start, z, banana())[0][1:5] == (len(calls) - 1, *(len(calls),) * 3)


def test_a_method_that_stops_early_is_not_called_successful(z):
    rows = {row.method: row for row in compare(np.zeros(4), z[:50], ring(8, radius=4.0))}
    ascent = rows["gradient ascent"]
    assert not ascent.reached
    assert not ascent.gradient_norm <= 1e-10
    assert rows["newton"].reached


@pytest.mark.parametrize("theta", [[0, 0, 0, 0], [-800, -800, 0, 0], [0.1, 0.2, 0.3, 0.4, 0.5]])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 1])
def test_derivatives_find_one_bad_number_in_the_batch(z, theta, bad, column):
    z[700, column] = bad
    for law in (banana(), ring(8)):
        with pytest.raises(ValueError, match="z: expected finite numbers"):
            derivatives(theta, z, law)


def test_derivatives_of_an_overflow_are_not_an_error(z):
    assert derivatives([800, 0, 0, 0], z, banana()).value == -np.inf


@pytest.mark.parametrize("method", ["bfgs", "trust-exact"])
def test_start_without_finite_derivatives_is_named(z, method):
    for call in (compare, lambda *a: scipy_minimize(*a, method)):
        with pytest.raises(ValueError, match="theta0: expected a start where the objective and its derivatives are"):
            call([0, 800, 0, 0], z, banana())


@pytest.mark.parametrize("call", [compare, METHODS["bfgs"]])
def test_without_scipy_the_extra_is_named(z, call, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match=r"teachkit\[plot\]"):
        call(np.zeros(4), z, banana())


@every_method
def test_first_iterate_is_a_copy_of_the_start(z, method):
    theta0 = np.zeros(4)
    start, *_ = method(theta0, z, banana(), max_iter=2)
    theta0 += 1
    np.testing.assert_array_equal(start.theta, 0)


@every_method
@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.zeros(3), np.zeros((1, 2))), {}, "theta0: expected a vector of 4 or 5 entries"),
        ((np.zeros(4), np.zeros((1, 3))), {}, "z: expected shape"),
        ((np.zeros(4), [[np.nan, 1.0]]), {}, "z: expected finite numbers"),
        ((np.zeros(4), [[1.0, np.inf]]), {}, "z: expected finite numbers"),
        ((np.zeros(4), np.zeros((1, 2))), {"tol": 0}, "tol: expected a finite number above 0"),
        ((np.zeros(4), np.zeros((1, 2))), {"max_iter": 0}, "max_iter: expected a whole number of at least 1"),
    ],
)
def test_bad_argument_is_named_at_the_call(method, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        method(*arguments, banana(), **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda *a: gradient_ascent(*a, step=-1), "step: expected a finite number above 0"),
        (lambda *a: adam(*a, beta1=1.0), r"beta1: expected a number in \[0, 1\), got 1.0"),
        (lambda *a: adam(*a, beta2=-0.1), "beta2"),
        (lambda *a: adam(*a, beta2="0.9"), r"beta2: expected a number in \[0, 1\), got '0.9'"),
        (lambda *a: scipy_minimize(*a, "cg"), "method: expected one of bfgs, trust-exact, got 'cg'"),
    ],
)
def test_bad_option_is_named(z, call, message):
    with pytest.raises(ValueError, match=message):
        call(np.zeros(4), z, banana())
