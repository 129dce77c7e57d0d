"""The density that a flow in time carries along: normal laws, closed forms, and the determinants of flow maps."""

import numpy as np
import pytest
from scipy import integrate, linalg

from teachkit.change_of_variables import compose, pushforward_log_prob
from teachkit.data import Gaussian, standard_normal
from teachkit.jacobian import log_abs_det
from teachkit.ode import euler, heun, observed_order, rk4
from teachkit.ode_density import continuous_flow, density_path

A = np.array([[-0.5, 1.0], [-2.0, 0.3]])  # not normal: a transposed matrix shows


def clump(t, x):
    """A field whose trace changes from place to place."""
    return np.stack([np.sin(2 * x[:, 0]) - x[:, 1] / 2, (1 + t) * np.sin(2 * x[:, 1]) + x[:, 0] / 2], 1)


def clump_trace(t, x):
    return 2 * np.cos(2 * x[:, 0]) + 2 * (1 + t) * np.cos(2 * x[:, 1])


@pytest.mark.law("linear-flow-gaussian")
@pytest.mark.parametrize("trace", [None, lambda t, x: np.full(len(x), np.trace(A))], ids=["differences", "given"])
def test_linear_flow_of_a_normal_law_stays_normal(trace, rng):
    mean, cov = np.array([1.0, -2.0]), np.array([[2.0, 0.5], [0.5, 1.0]])
    start = Gaussian(mean, cov)
    z = start.sample(40, rng)
    for t, x, log_p in density_path(lambda t, x: x @ A.T, z, start.log_prob(z), 0, 1.5, 150, trace=trace):
        E = linalg.expm(t * A)
        np.testing.assert_allclose(x, z @ E.T, atol=1e-7)
        np.testing.assert_allclose(log_p, Gaussian(E @ mean, E @ cov @ E.T).log_prob(z @ E.T), atol=1e-9)


@pytest.mark.law("linear-flow-gaussian")
def test_determinant_of_the_exponential_is_the_exponential_of_the_trace(rng):
    for d in (1, 2, 5):
        M = rng.standard_normal((d, d))
        assert np.linalg.det(linalg.expm(M)) == pytest.approx(np.exp(np.trace(M)), rel=1e-10)


@pytest.mark.law("instantaneous-change-of-variables")
def test_running_example_gains_two_nats_per_unit_of_time():
    start = Gaussian([3.0], [[1.0]])
    z = np.array([[3.0], [2.0], [4.5]])
    for t, x, log_p in density_path(lambda t, x: -2 * x, z, start.log_prob(z), 0, 0.5, 50):
        np.testing.assert_allclose(log_p, start.log_prob(z) + 2 * t, atol=1e-10)
        law = Gaussian([3 * np.exp(-2 * t)], [[np.exp(-4 * t)]])
        np.testing.assert_allclose(law.log_prob(x), log_p, atol=1e-5)


@pytest.mark.law("instantaneous-change-of-variables")
@pytest.mark.parametrize("trace", [None, lambda t, x: np.cos(x[:, 0])], ids=["differences", "given"])
def test_sine_field_against_its_closed_form(trace):
    """x' = sin x has the flow tan(x/2) = e^t tan(z/2), with slope e^t / (cos^2(z/2) + e^(2t) sin^2(z/2))."""
    z = np.linspace(-3, 3, 21)[:, None]
    x, log_det = continuous_flow(lambda t, x: np.sin(x), 0, 1, 400, trace=trace).forward(z)
    np.testing.assert_allclose(x, 2 * np.arctan(np.e * np.tan(z / 2)), atol=1e-9)
    wanted = 1 - np.log(np.cos(z / 2) ** 2 + np.e**2 * np.sin(z / 2) ** 2)
    np.testing.assert_allclose(log_det, wanted[:, 0], atol=1e-8)


def test_cubic_field_which_is_not_lipschitz_has_a_density_on_its_image_alone():
    """x' = -x^3 has the flow z / sqrt(1 + 2 t z^2) with slope (1 + 2 t z^2)^(-3/2); it reaches |x| < 1 / sqrt(2 t)."""
    z = np.linspace(-2, 2, 21)[:, None]
    flow = continuous_flow(lambda t, x: -(x**3), 0, 1, 400)
    x, log_det = flow.forward(z)
    np.testing.assert_allclose(x, z / np.sqrt(1 + 2 * z**2), atol=1e-9)
    np.testing.assert_allclose(log_det, -1.5 * np.log(1 + 2 * z[:, 0] ** 2), atol=1e-8)
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(ValueError, match="f: expected a run of finite"):
        flow.inverse([[0.8]])


@pytest.mark.law("instantaneous-change-of-variables")
@pytest.mark.parametrize("trace", [None, clump_trace], ids=["differences", "given"])
def test_integral_of_the_trace_is_the_log_det_of_the_flow_map(trace, rng):
    z = rng.standard_normal((15, 2))
    flow = continuous_flow(clump, 0.0, 1.0, 200, trace=trace)
    x, log_det = flow.forward(z)
    np.testing.assert_allclose(log_det, log_abs_det(lambda y: flow.forward(y)[0], z), atol=1e-6)
    back, log_det_back = flow.inverse(x)
    np.testing.assert_allclose(back, z, atol=1e-7)
    np.testing.assert_allclose(log_det_back, -log_det, atol=1e-7)


@pytest.mark.law("instantaneous-change-of-variables")
def test_density_of_the_flow_integrates_to_one():
    flow = continuous_flow(clump, 0.0, 0.7, 40, trace=clump_trace)
    edge = np.linspace(-8, 8, 201)
    middle = (edge[1:] + edge[:-1]) / 2
    x = np.stack(np.meshgrid(middle, middle), -1).reshape(-1, 2)
    density = np.exp(pushforward_log_prob(standard_normal(2).log_prob, flow.inverse, x))
    assert density.sum() * (edge[1] - edge[0]) ** 2 == pytest.approx(1, abs=1e-5)


@pytest.mark.law("instantaneous-change-of-variables")
def test_field_without_divergence_keeps_the_density(rng):
    """A pendulum: areas in the plane of angle and speed do not change."""
    z = rng.standard_normal((20, 2))
    pendulum = lambda t, x: np.stack([x[:, 1], -np.sin(x[:, 0])], 1)  # noqa: E731
    *_, (_, x, log_p) = density_path(pendulum, z, standard_normal(2).log_prob(z), 0, 3, 60)
    np.testing.assert_allclose(log_p, standard_normal(2).log_prob(z), atol=1e-9)
    assert np.abs(standard_normal(2).log_prob(x) - log_p).max() > 0.3  # but it does not stay where it was


def test_flows_in_time_can_be_chained(rng):
    z = rng.standard_normal((10, 2))
    whole, parts = continuous_flow(clump, 0, 1, 400), [continuous_flow(clump, a, a + 0.5, 200) for a in (0.0, 0.5)]
    for got, wanted in zip(compose(*parts).forward(z), whole.forward(z), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-12)


def dome(x):
    """A density that is zero outside of the unit disk: (1 - |x|^2)^3 times 4 / pi."""
    with np.errstate(divide="ignore"):
        return np.log(4 / np.pi * np.maximum(1 - (x**2).sum(1), 0) ** 3)


@pytest.mark.law("continuity-equation")
@pytest.mark.parametrize("base", [standard_normal(2).log_prob, dome], ids=["normal", "zero outside a disk"])
def test_density_at_a_fixed_place_changes_by_the_divergence_of_the_current(base, rng):
    """d p / dt = -div(p f), by central differences in time and in space."""
    x, h = rng.standard_normal((12, 2)), 1e-3

    def density(t, x):
        return np.exp(pushforward_log_prob(base, continuous_flow(clump, 0.0, t, 400, trace=clump_trace).inverse, x))

    in_time = (density(0.5 + h, x) - density(0.5 - h, x)) / (2 * h)
    divergence = 0
    for j, e in enumerate(h * np.eye(2)):
        current = [density(0.5, x + s * e) * clump(0.5, x + s * e)[:, j] for s in (1, -1)]
        divergence = divergence + (current[0] - current[1]) / (2 * h)
    np.testing.assert_allclose(in_time, -divergence, atol=5e-5)
    assert np.abs(in_time).max() > 0.02


@pytest.mark.law("continuity-equation")
def test_running_example_at_a_fixed_place():
    """d log p_t(3) / dt = 2 - 18 u (u - 1), u = e^(2 t): 2 at the start, 0 at t = 0.048, -82 at t = 0.5."""
    flow = lambda t: continuous_flow(lambda t, x: -2 * x, 0.0, t, 200)  # noqa: E731
    log_p = lambda t: pushforward_log_prob(Gaussian([3.0], [[1.0]]).log_prob, flow(t).inverse, [[3.0]])[0]  # noqa: E731
    for t, wanted in ((0.0481, 0.0), (0.5, -82.07)):
        assert (log_p(t + 1e-5) - log_p(t - 1e-5)) / 2e-5 == pytest.approx(wanted, abs=0.02)


@pytest.mark.law("discrete-log-det")
def test_log_det_of_eulers_map_differs_from_the_trace_by_a_multiple_of_the_step():
    exact, gaps = -1.0, []
    for n in (5, 10, 20, 40):
        x, log_det = continuous_flow(lambda t, x: -2 * x, 0.0, 0.5, n, solver=euler).forward([[3.0]])
        assert log_det[0] == pytest.approx(exact, abs=1e-9)  # the integral of the trace
        assert x[0, 0] == pytest.approx(3 * (1 - 1 / n) ** n)
        gaps.append(exact - n * np.log(1 - 1 / n))  # against the log-determinant of Euler's own map
    assert gaps[0] == pytest.approx(0.1157, abs=1e-4)
    assert observed_order([5, 10, 20, 40], gaps) == pytest.approx(1, abs=0.1)


@pytest.mark.law("discrete-log-det")
def test_expansion_of_the_log_det_of_an_euler_step(rng):
    J = rng.standard_normal((4, 4))
    for h in (1e-2, 1e-3):
        log_det = np.linalg.slogdet(np.eye(4) + h * J).logabsdet
        third = abs(log_det - (h * np.trace(J) - h**2 / 2 * np.trace(J @ J)))
        assert third < 20 * h**3 < abs(log_det - h * np.trace(J))


@pytest.mark.law("discrete-log-det")
def test_short_euler_step_is_bijective_and_a_long_one_need_not_be(rng):
    W = rng.standard_normal((3, 3))
    L = np.linalg.norm(W, 2)
    x, y = rng.standard_normal((2, 200, 3))
    for h in (0.3 / L, 0.9 / L):
        step = lambda x, h=h: x + h * np.tanh(x @ W.T)  # noqa: E731
        apart = np.linalg.norm(step(x) - step(y), axis=1)
        assert (apart >= (1 - h * L) * np.linalg.norm(x - y, axis=1) - 1e-12).all()
        J = np.eye(3) + h * (1 - np.tanh(x @ W.T) ** 2)[:, :, None] * W
        assert (np.linalg.det(J) > 0).all()
        source = x
        for _ in range(400):  # Banach's iteration finds a point that the step takes to x: it is onto
            source = x - h * np.tanh(source @ W.T)
        np.testing.assert_allclose(step(source), x, atol=1e-12)
    for h in (0.5, 1.0, 3.0):  # f(x) = -x / h has L = 1 / h
        ends = [y for _, y in euler(lambda t, y, h=h: -y / h, [3.0, -7.0], 0, h, 1)][-1]
        np.testing.assert_allclose(ends, [0.0, 0.0], atol=1e-14)


@pytest.mark.law("s2-trace-sign")
def test_s2_integral_of_the_trace_has_the_wrong_sign():
    """For f = -2 x the log-density rises by 1 up to t = 0.5; the printed formula lets it fall by 1."""
    start, end = Gaussian([3.0], [[1.0]]), Gaussian([3 / np.e], [[np.exp(-2)]])
    z, integral = np.array([[2.0], [3.5]]), -2 * 0.5
    gained = end.log_prob(z / np.e) - start.log_prob(z)
    np.testing.assert_allclose(gained, 1, atol=1e-12)
    np.testing.assert_allclose(gained, -integral)
    assert (np.abs(gained - integral) > 1.9).all()


@pytest.mark.parametrize("solver", [euler, heun, rk4])
def test_log_density_converges_with_the_order_of_the_method(solver, rng):
    z, counts = rng.standard_normal((10, 2)), [40, 80, 160]
    _, exact = continuous_flow(clump, 0, 1, 2000, trace=clump_trace).forward(z)
    runs = [continuous_flow(clump, 0, 1, n, trace=clump_trace, solver=solver).forward(z)[1] for n in counts]
    order = {euler: 1, heun: 2, rk4: 4}[solver]
    assert observed_order(counts, [np.abs(run - exact).max() for run in runs]) == pytest.approx(order, abs=0.3)


def test_solution_of_scipy_carries_the_same_density(rng):
    z = rng.standard_normal((4, 2))
    x, log_det = continuous_flow(clump, 0.0, 1.0, 400).forward(z)

    def both(t, state):
        point = state[None, :2]
        return [*clump(t, point)[0], clump_trace(t, point)[0]]

    for start, point, value in zip(z, x, log_det, strict=True):
        wanted = integrate.solve_ivp(both, (0, 1), [*start, 0.0], "DOP853", rtol=1e-11, atol=1e-12).y[:, -1]
        np.testing.assert_allclose([*point, value], wanted, atol=1e-7)
