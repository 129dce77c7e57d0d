"""Solvers of differential equations against closed forms, quadrature rules and SciPy."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, optimize

from teachkit.ode import euler, euler_bound, global_errors, growth_factor, heun, observed_order, rk4

ORDERS = {euler: 1, heun: 2, rk4: 4}
RATE, START, END = 2.0, 3.0, 0.5


def decay(t, y):
    return -RATE * y


def spin(t, y):
    """A speed that changes with time: the points turn about the origin by the angle sin t."""
    return np.cos(t) * np.stack([-y[..., 1], y[..., 0]], -1)


def spun(t):
    turn = np.array([[np.cos(np.sin(t)), np.sin(np.sin(t))], [-np.sin(np.sin(t)), np.cos(np.sin(t))]])
    return np.array([[1.0, 0.0], [0.5, 2.0]]) @ turn


# field, start, end, solution; all start at time 0
PROBLEMS = {
    "decay": (decay, START, END, lambda t: START * np.exp(-RATE * t)),
    "rational": (lambda t, y: -2 * t * y**2, 1.0, 2.0, lambda t: 1 / (1 + t**2)),
    "spin": (spin, spun(0.0), 3.0, spun),
}


def end(path):
    *_, (t, y) = path
    return t, y


@pytest.mark.law("initial-value-problem")
@pytest.mark.parametrize("name", PROBLEMS)
def test_solution_starts_at_y0_and_is_y0_plus_the_integral_of_its_slope(name):
    f, y0, t1, exact = PROBLEMS[name]
    np.testing.assert_allclose(exact(0.0), y0)
    integral, _ = integrate.quad_vec(lambda t: f(t, exact(t)), 0, t1, epsabs=1e-12)
    np.testing.assert_allclose(y0 + integral, exact(t1), atol=1e-10)


@pytest.mark.law("initial-value-problem")
@pytest.mark.parametrize("name", PROBLEMS)
def test_scipy_finds_the_same_solution(name):
    f, y0, t1, exact = PROBLEMS[name]
    shape = np.shape(y0)
    flat = lambda t, y: np.ravel(f(t, y.reshape(shape)))  # noqa: E731
    solution = integrate.solve_ivp(flat, (0, t1), np.ravel(y0), method="DOP853", rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(solution.y[:, -1], np.ravel(exact(t1)), atol=1e-10)
    np.testing.assert_allclose(end(rk4(f, y0, 0, t1, 2000))[1], exact(t1), atol=1e-11)


@pytest.mark.law("ivp-unique")
def test_picard_iterates_converge_within_their_bound():
    """On y' = -2 y the n-th iterate is the Taylor polynomial; its distance is at most M L^n t^(n+1) / (n+1)!."""
    iterate, t = np.polynomial.Polynomial([START]), np.linspace(0, 1, 101)
    gaps = []
    for n in range(12):
        gap = np.abs(iterate(t) - START * np.exp(-RATE * t)).max()
        assert gap <= RATE * START * RATE**n / float(np.prod(np.arange(1.0, n + 2))) + 1e-15
        gaps.append(gap)
        iterate = START + (-RATE * iterate).integ()
    assert gaps[-1] < 1e-4 < gaps[0]


@pytest.mark.law("ivp-unique")
def test_picard_iterates_of_a_nonlinear_field_find_scipys_solution():
    """y' = 2 sin y + t has L = 2; successive iterates differ by at most C L^n t^(n+1) / (n+1)!, C = max |f(t, y0)|."""
    f, t = lambda t, y: 2 * np.sin(y) + t, np.linspace(0, 2, 4001)
    wanted = integrate.solve_ivp(f, (0, 2), [1.0], "DOP853", rtol=1e-12, atol=1e-13, dense_output=True).sol(t)[0]
    iterate, bound = np.full_like(t, 1.0), np.abs(f(t, 1.0)).max() * t
    for n in range(30):
        after = 1.0 + integrate.cumulative_trapezoid(f(t, iterate), t, initial=0)
        assert (np.abs(after - iterate) <= bound * (1 + 1e-6) + 1e-12).all()
        iterate, bound = after, bound * 2 * t / (n + 2)
    np.testing.assert_allclose(iterate, wanted, atol=1e-6)
    assert np.abs(1.0 - wanted).max() > 1


@pytest.mark.law("ivp-unique")
def test_solutions_part_and_meet_at_most_exponentially(rng):
    """For tanh(W y) L is the largest singular value of W; a growing line meets the bound. Run backward, it is a lower
    bound: solutions never meet.
    """
    W = rng.standard_normal((3, 3))
    L, f = np.linalg.norm(W, 2), lambda t, y: np.tanh(y @ W.T) + np.sin(t)
    y0 = rng.standard_normal((20, 3))
    near = y0 + 0.1 * rng.standard_normal((20, 3))
    for (t, y), (_, other) in zip(rk4(f, y0, 0, 2, 200), rk4(f, near, 0, 2, 200), strict=True):
        apart, start = np.linalg.norm(y - other, axis=1), np.linalg.norm(y0 - near, axis=1)
        assert (apart <= np.exp(L * t) * start * (1 + 1e-6)).all()
        assert (apart >= np.exp(-L * t) * start * (1 - 1e-6)).all()
    _, lines = end(rk4(lambda t, y: L * y, [1.0, 1.1], 0, 2, 2000))
    assert lines[1] - lines[0] == pytest.approx(0.1 * np.exp(2 * L), rel=1e-6)


@pytest.mark.law("solver-does-not-notice")
@pytest.mark.parametrize("solver", ORDERS)
@pytest.mark.parametrize("steps", [10, 1000])
def test_solver_returns_one_of_many_solutions(solver, steps):
    f = lambda t, y: 2 * np.sqrt(np.abs(y))  # noqa: E731
    assert all(y == 0 for _, y in solver(f, 0.0, 0, 1, steps))
    for c in (0.0, 0.3, 0.7):  # each of these solves the equation too: slope of (t - c)_+^2 is 2 (t - c)_+
        t = np.linspace(0, 1, 11)
        np.testing.assert_allclose(2 * np.maximum(t - c, 0), f(t, np.maximum(t - c, 0) ** 2), atol=1e-15)


@pytest.mark.law("solver-does-not-notice")
@pytest.mark.parametrize("solver", ORDERS)
def test_solver_steps_over_the_end_of_a_solution(solver):
    ends = [end(solver(lambda t, y: y**2, 1.0, 0, 1, steps))[1] for steps in (10, 20, 40, 80)]
    assert np.isfinite(ends).all()
    assert all(after > 1.5 * before for before, after in pairwise(ends))  # no limit: the trace of the pole
    changes = np.diff(ends)
    assert (changes[1:] > changes[:-1]).all()  # D1 / D2 stays below 1, far from 2^p


@pytest.mark.law("runge-kutta-orders")
@pytest.mark.parametrize("solver", ORDERS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_halving_the_step_twice_shows_the_order_and_the_error(solver, name):
    """D1 / D2 is near 2^p, and the third run's error near D2 / (2^p - 1); here up to t = 1."""
    (f, y0, _, exact), t1 = PROBLEMS[name], 1.0
    ends = [end(solver(f, y0, 0, t1, n))[1] for n in (80, 160, 320)]
    first, second = ends[1] - ends[0], ends[2] - ends[1]
    np.testing.assert_allclose(first / second, 2 ** ORDERS[solver], rtol=0.15)
    np.testing.assert_allclose(second / (2 ** ORDERS[solver] - 1), exact(t1) - ends[2], rtol=0.15)


@pytest.mark.parametrize("solver", [heun, rk4])
def test_halving_shows_a_field_that_is_not_smooth_though_the_numbers_are_right(solver):
    """y' = sqrt|t - 1/3| y is Lipschitz in y; its root makes every method one of order 3/2."""
    ends = np.array([end(solver(lambda t, y: np.sqrt(abs(t - 1 / 3)) * y, 1.0, 0, 1, n))[1] for n in (160, 320, 640)])
    assert ends[-1] == pytest.approx(np.exp(((1 / 3) ** 1.5 + (2 / 3) ** 1.5) * 2 / 3), abs=1e-4)
    assert (ends[1] - ends[0]) / (ends[2] - ends[1]) == pytest.approx(2**1.5, abs=0.2)


@pytest.mark.law("euler-method")
def test_euler_by_hand():
    path = list(euler(decay, START, 0.0, END, 5))
    np.testing.assert_allclose([t for t, _ in path], [0, 0.1, 0.2, 0.3, 0.4, 0.5], atol=1e-15)
    np.testing.assert_allclose([y for _, y in path], [3, 2.4, 1.92, 1.536, 1.2288, 0.98304], rtol=1e-14)
    assert path[-1][0] == END


@pytest.mark.law("euler-method")
def test_euler_is_a_sum_of_left_ends_when_the_slope_is_a_function_of_time():
    t = np.linspace(-1, 2, 31)
    assert end(euler(lambda t, y: np.exp(t), 0.0, -1, 2, 30))[1] == pytest.approx(0.1 * np.exp(t[:-1]).sum())


@pytest.mark.law("heun-method")
def test_heun_is_the_trapezoidal_rule_when_the_slope_is_a_function_of_time():
    t = np.linspace(-1, 2, 31)
    wanted = integrate.trapezoid(np.exp(t), t)
    assert end(heun(lambda t, y: np.exp(t), 0.0, -1, 2, 30))[1] == pytest.approx(wanted, rel=1e-14)


@pytest.mark.law("heun-method")
def test_heun_by_hand():
    # k1 = -6, Euler's point 2.4, k2 = -4.8, mean -5.4.
    assert [float(y) for _, y in heun(decay, START, 0.0, 0.1, 1)] == pytest.approx([3, 3 - 0.54])
    # y' = t y from (1, 1), h = 1: k1 = 1, Euler's point 2 at time 2, k2 = 4.
    assert end(heun(lambda t, y: t * y, 1.0, 1.0, 2.0, 1))[1] == pytest.approx(1 + 2.5)


@pytest.mark.law("rk4-method")
def test_rk4_is_simpsons_rule_when_the_slope_is_a_function_of_time():
    t = np.linspace(-1, 2, 61)  # with the middles
    wanted = integrate.simpson(np.exp(t), x=t)
    assert end(rk4(lambda t, y: np.exp(t), 0.0, -1, 2, 30))[1] == pytest.approx(wanted, rel=1e-14)


@pytest.mark.law("rk4-method")
def test_rk4_by_hand():
    # y' = t y from (0, 1), h = 1: k1 = 0, k2 = 1/2, k3 = 1/2 * 5/4, k4 = 13/8.
    assert end(rk4(lambda t, y: t * y, 1.0, 0.0, 1.0, 1))[1] == pytest.approx(1 + (1 + 1.25 + 1.625) / 6)


@pytest.mark.law("euler-error")
@pytest.mark.parametrize("steps", [5, 50, 500])
@pytest.mark.parametrize("rate", [-2.0, 1.0, 3.0])
def test_euler_stays_within_its_bound_at_every_step(rate, steps):
    """On y' = rate y up to 1, where L = |rate| and M = rate^2 max |y|."""
    M = rate**2 * START * max(1.0, np.exp(rate))
    for t, y in list(euler(lambda t, y: rate * y, START, 0, 1, steps))[1:]:
        assert abs(y - START * np.exp(rate * t)) <= euler_bound(1 / steps, abs(rate), M, t)


@pytest.mark.law("euler-error")
def test_euler_stays_within_its_bound_in_the_plane():
    """The turning points: L = max |cos t| = 1; y'' has the norm |y| sqrt(cos^4 t + sin^2 t), at most |y|."""
    y0, n = spun(0.0), 60
    for t, y in list(euler(spin, y0, 0, 3, n))[1:]:
        error, radius = np.linalg.norm(y - spun(t), axis=1), np.linalg.norm(y0, axis=1)
        assert (error <= [euler_bound(3 / n, 1.0, r, t) for r in radius]).all()


@pytest.mark.law("euler-error")
@pytest.mark.parametrize("steps", [40, 400])
def test_lipschitz_near_the_solution_is_enough_for_short_steps(steps):
    """y' = -2 t y^2 up to 1: within r = 0.2 of the solution L = max 4 t (y(t) + r) = 2.8; M = 2, and the bound < r."""
    f, y0, _, exact = PROBLEMS["rational"]
    assert euler_bound(1 / steps, 2.8, 2.0, 1.0) < 0.2
    for t, y in list(euler(f, y0, 0, 1, steps))[1:]:
        assert abs(y - exact(t)) <= euler_bound(1 / steps, 2.8, 2.0, t)


@pytest.mark.law("euler-error")
def test_half_the_step_is_half_the_error_and_a_straight_line_has_none():
    errors = global_errors(euler, decay, START, 0, END, [1000, 2000, 4000], PROBLEMS["decay"][3])
    np.testing.assert_allclose(errors[:-1] / errors[1:], 2, rtol=1e-3)
    assert errors[0] == pytest.approx(0.5 * (END / 1000) * RATE**2 * END * 3 / np.e, rel=1e-2)
    assert global_errors(euler, lambda t, y: 0 * y + 5, 1.0, 0, 1, [7], lambda t: 1 + 5 * t)[0] < 1e-14


@pytest.mark.law("order-of-a-method")
@pytest.mark.law("runge-kutta-orders")
@pytest.mark.parametrize("solver", ORDERS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_error_falls_with_the_power_of_the_step_that_is_the_order(solver, name):
    """The slope lies near the order from both sides: a method of higher order fails as well."""
    f, y0, t1, exact = PROBLEMS[name]
    counts = [80, 160, 320]
    assert observed_order(counts, global_errors(solver, f, y0, 0, t1, counts, exact)) == pytest.approx(
        ORDERS[solver], abs=0.1
    )


@pytest.mark.law("runge-kutta-orders")
@pytest.mark.parametrize("solver", ORDERS)
def test_orders_hold_for_a_pendulum(solver):
    f = lambda t, y: np.array([y[1], -np.sin(y[0]) + 0.3 * np.cos(t)])  # noqa: E731
    reference = integrate.solve_ivp(f, (0, 4), [1.0, 0.5], "DOP853", rtol=1e-13, atol=1e-14, dense_output=True).sol
    counts = [100, 200, 400]
    errors = [np.abs(end(solver(f, [1.0, 0.5], 0, 4, n))[1] - reference(4.0)).max() for n in counts]
    assert observed_order(counts, errors) == pytest.approx(ORDERS[solver], abs=0.1)


@pytest.mark.law("growth-factors")
def test_growth_factors_are_taylor_polynomials_of_the_exponential():
    z = np.linspace(-4, 2, 61)
    terms = [z**k / float(np.prod(np.arange(1.0, k + 1))) for k in range(5)]
    for solver, order in ORDERS.items():
        np.testing.assert_allclose(growth_factor(solver, z), sum(terms[: order + 1]), atol=1e-13)
        _, y = end(solver(lambda t, y: -RATE * y, START, 0, 2, 7))
        assert y == pytest.approx(START * float(growth_factor(solver, -RATE * 2 / 7)) ** 7, rel=1e-12)


@pytest.mark.law("euler-stability")
@pytest.mark.parametrize(("z", "signs", "sizes"), [(0.5, 1, -1), (1.5, -1, -1), (2.0, -1, 0), (2.5, -1, 1)], ids=str)
def test_euler_decays_only_for_steps_below_two_over_the_rate(z, signs, sizes):
    """Signs: kept or changed at each step. Sizes: fall, stay or grow."""
    y = np.array([value for _, value in euler(lambda t, y: -4 * y, START, 0, 30 * z / 4, 30)])
    np.testing.assert_allclose(y, START * (1 - z) ** np.arange(31), rtol=1e-9)
    assert (np.sign(y[1:] * y[:-1]) == signs).all()
    ratio = np.abs(y[1:] / y[:-1])
    assert (np.abs(ratio - 1) < 1e-12).all() if sizes == 0 else (np.sign(ratio - 1) == sizes).all()


@pytest.mark.law("euler-stability")
def test_euler_is_at_zero_after_one_step_of_one_over_the_rate():
    assert [float(y) for _, y in euler(decay, START, 0, 2, 4)] == [3, 0, 0, 0, 0]


@pytest.mark.law("growth-factors")
@pytest.mark.parametrize(("solver", "limit"), [(euler, 2.0), (heun, 2.0), (rk4, 2.785293563)])
def test_limits_of_stability(solver, limit):
    found = optimize.brentq(lambda z: abs(growth_factor(solver, -z)) - 1, 1.9, 3)
    assert found == pytest.approx(limit, abs=1e-8)
    z = np.linspace(1e-3, 50, 100_000)
    np.testing.assert_array_equal(np.abs(growth_factor(solver, -z)) < 1, z < limit)  # exactly when


@pytest.mark.law("s0-ode-unique")
def test_s0_two_curves_solve_one_initial_value_problem():
    t = np.linspace(0, 2, 41)
    for y, slope in ((0 * t, 0 * t), (t**2, 2 * t)):
        np.testing.assert_allclose(slope, 2 * np.sqrt(np.abs(y)), atol=1e-14)
        assert y[0] == 0


@pytest.mark.law("s0-euler-index")
def test_s0_first_euler_value_belongs_to_one_step_not_to_time_one():
    (_, (t, y)) = euler(decay, START, 0, 0.1, 1)
    exact = PROBLEMS["decay"][3]
    assert (t, float(y)) == (0.1, pytest.approx(2.4))
    assert abs(y - exact(0.1)) < 0.06 < 1.9 < abs(y - exact(1.0))
