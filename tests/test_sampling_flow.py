"""Flow matching: the ideal velocity, its marginals, and its kinship with diffusion."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, special

from teachkit.data import Gaussian, Mixture, ring
from teachkit.diffusion_forward import Schedule
from teachkit.diffusion_reverse import ideal_denoiser
from teachkit.ode import observed_order
from teachkit.sampling import (
    ddim,
    flow,
    flow_path,
    flow_times,
    ideal_velocity,
    probability_flow,
    straightness,
    velocity_target,
)

TWO = Mixture([0.3, 0.7], [[-1.0], [1.0]], [0.5, 0.4])


def law_at(t):
    return Mixture(TWO.weights, t * TWO.means, np.sqrt((t * TWO.stds) ** 2 + (1 - t) ** 2))


def last(path):
    *_, (_, x) = path
    return x


@pytest.mark.law("flow-matching")
@pytest.mark.parametrize("t", [0.0, 0.3, 0.8, 1.0])
def test_velocity_is_the_mean_of_the_lines_through_a_point(t):
    """Least squares of X - Z on functions of x_t, by quadrature over both."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    weights = weights / weights.sum()
    x = (TWO.means + TWO.stds[:, None] * nodes).ravel()
    w = np.outer(np.outer(TWO.weights, weights).ravel(), weights).ravel()
    z, x = np.tile(nodes, len(x)), np.repeat(x, len(nodes))
    at, wanted = flow_path(z, x, t), velocity_target(z, x)
    v = ideal_velocity(TWO)(at[:, None], t)[:, 0]
    for test in (np.ones_like(at), at, np.sin(at), np.exp(-(at**2))):  # orthogonality is what makes it the minimum
        assert w @ ((wanted - v) * test) == pytest.approx(0, abs=1e-6)
    assert w @ (wanted - v) ** 2 < w @ (wanted - v - 0.1 * np.sin(at)) ** 2


@pytest.mark.law("flow-matching")
def test_density_and_velocity_solve_the_continuity_equation():
    x, h, t = np.linspace(-3, 3, 31)[:, None], 1e-4, 0.6
    v = ideal_velocity(TWO)
    by_time = (np.exp(law_at(t + h).log_prob(x)) - np.exp(law_at(t - h).log_prob(x))) / (2 * h)
    flux = [v(x + s, t)[:, 0] * np.exp(law_at(t).log_prob(x + s)) for s in (-h, h)]
    np.testing.assert_allclose(by_time, -(flux[1] - flux[0]) / (2 * h), atol=1e-6)


@pytest.mark.law("flow-matching")
def test_flow_carries_noise_to_a_mixture():
    z = np.linspace(-2.5, 2.5, 41)[:, None]
    for t, x in flow(ideal_velocity(TWO), z, 200, "heun"):
        law = law_at(t)
        level = special.ndtr((x - law.means[:, 0]) / law.stds) @ law.weights
        np.testing.assert_allclose(level, special.ndtr(z[:, 0]), atol=1e-4)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2)])
def test_order_of_the_flow(method, order):
    z, counts = np.linspace(-2, 2, 9)[:, None], [40, 80, 160]
    exact = last(flow(ideal_velocity(TWO), z, 2000, "heun"))
    errors = [np.abs(last(flow(ideal_velocity(TWO), z, n, method)) - exact).max() for n in counts]
    assert observed_order(counts, errors) == pytest.approx(order, abs=0.15)


@pytest.mark.law("flow-is-diffusion")
def test_velocity_is_the_noise_in_other_words(rng):
    """v = (x - eps) / t with eps found at x / sqrt(t^2 + (1 - t)^2)."""
    t = np.array([0.9, 0.5, 0.2])
    schedule = Schedule.from_abar([1.0, *(t**2 / (t**2 + (1 - t) ** 2))])
    np.testing.assert_allclose(flow_times(schedule), [1, *t], rtol=1e-12)
    for law in (ring(5, 2.0, 0.3), Gaussian([1.0, -2.0], [[2.0, 0.6], [0.6, 0.5]]), rng.standard_normal((7, 2))):
        velocity, denoiser = ideal_velocity(law), ideal_denoiser(law, schedule)
        for k, time in enumerate(t, start=1):
            x = rng.standard_normal((6, 2))
            eps = denoiser(x / np.sqrt(time**2 + (1 - time) ** 2), k)
            np.testing.assert_allclose(velocity(x, time), (x - eps) / time, rtol=1e-7, atol=1e-9)


@pytest.mark.law("flow-is-diffusion")
def test_euler_on_the_flow_is_ddim_step_by_step(rng):
    steps = 12
    times = np.linspace(0, 1, steps + 1)[1:]  # at t = 0 there is no noise ratio: start after the first step
    schedule = Schedule.from_abar(times[::-1] ** 2 / (times[::-1] ** 2 + (1 - times[::-1]) ** 2))
    velocity = ideal_velocity(TWO)
    path = [x for _, x in flow(velocity, rng.standard_normal((5, 1)), steps)][1:]
    scale = np.sqrt(schedule.abar) / flow_times(schedule)
    theirs = ddim(ideal_denoiser(TWO, schedule), path[0] * scale[-1], schedule)
    for ours, (k, x) in zip(path, theirs, strict=True):
        np.testing.assert_allclose(ours, x / scale[k], rtol=1e-8, atol=1e-10)


@pytest.mark.law("flow-is-diffusion")
def test_paths_of_flow_and_probability_flow_are_the_same(rng):
    sigma = 30 * (np.arange(801) / 800) ** 2
    schedule = Schedule.from_abar(1 / (1 + sigma**2))
    xT, start = rng.standard_normal((6, 1)), flow_times(schedule)[-1]
    there = last(probability_flow(ideal_denoiser(TWO, schedule), xT, schedule, method="heun"))
    x, velocity, grid = start * xT / np.sqrt(schedule.abar[-1]), ideal_velocity(TWO), np.linspace(start, 1, 801)
    for t, u in pairwise(grid):
        slope = velocity(x, t)
        x = x + (u - t) / 2 * (slope + velocity(x + (u - t) * slope, u))
    np.testing.assert_allclose(x, there, atol=1e-3)


@pytest.mark.law("straightness")
@pytest.mark.parametrize(("m", "s"), [(0.0, 1.0), (3.0, 0.2)])
def test_straightness_of_a_normal_law_and_what_the_flow_saves(m, s):
    """x(t) = t m + g(t) z with g^2 = t^2 s^2 + (1 - t)^2; the map z -> m + s z costs less than independent pairs."""
    slope = lambda t: (t * s**2 - (1 - t)) / np.sqrt(t**2 * s**2 + (1 - t) ** 2)  # noqa: E731
    bend = integrate.quad(lambda t: slope(t) ** 2, 0, 1)[0] - (s - 1) ** 2
    spread = integrate.quad(lambda t: 1 + s**2 - slope(t) ** 2, 0, 1)[0]
    law = Gaussian([m], [[s**2]])
    assert straightness(ideal_velocity(law), [[-1.0], [1.0]], 400) == pytest.approx(bend, abs=1e-4)
    assert m**2 + 1 + s**2 - spread - bend == pytest.approx(m**2 + (s - 1) ** 2, abs=1e-9)
    x = last(flow(ideal_velocity(law), [[-1.0], [1.0]], 400, "heun"))
    np.testing.assert_allclose(x, [[m - s], [m + s]], atol=1e-4)


@pytest.mark.law("straightness")
def test_straight_paths_need_one_step(rng):
    """After a reflow the pairs are (z, m + s z), and their velocity is constant along each path."""
    m, s, z = 3.0, 0.2, rng.standard_normal((5, 1))

    def velocity(x, t):
        return m + (s - 1) * (x - t * m) / (1 - t + t * s)

    assert straightness(velocity, z, 10) == pytest.approx(0, abs=1e-20)
    np.testing.assert_allclose(last(flow(velocity, z, 1)), m + s * z, rtol=1e-12)
    assert np.abs(last(flow(ideal_velocity(Gaussian([m], [[s**2]])), z, 1)) - m - s * z).max() > 0.1


@pytest.mark.parametrize("t", [0.0, 0.5, 0.99])
def test_velocity_moves_with_the_data(t):
    """Data shifted by c: v(x + t c) = v(x) + c, and data far from 0 lose no more digits than their own numbers do."""
    x, near, c = np.linspace(-1, 1, 9)[:, None] * (1 - t) ** 2, np.array([[-1.0], [1.0]]), 4096.0
    expected = c + ideal_velocity(near)(x, t)
    np.testing.assert_allclose(ideal_velocity(near + c)(x + t * c, t), expected, atol=1e-7)


def test_points_are_reached(rng):
    points = np.array([[1.0, 2.0], [-3.0, 0.0]])
    x = last(flow(ideal_velocity(points), rng.standard_normal((8, 2)), 50))
    assert np.abs(x[:, None] - points).max(2).min(1).max() < 1e-9


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("t", lambda: flow_path([[0.0]], [[1.0]], 1.5)),
        ("t", lambda: flow_path([[0.0]], [[1.0]], [0.5, 0.5])),
        ("x", lambda: flow_path([[0.0]], [[1.0], [2.0]], 0.5)),
        ("z", lambda: velocity_target(1.0, 1.0)),
        ("data", lambda: ideal_velocity([1.0, 2.0])),
        ("t", lambda: ideal_velocity([[1.0]])([[0.0]], 1.0)),
        ("t", lambda: ideal_velocity(TWO)([[0.0]], -0.1)),
        ("x", lambda: ideal_velocity(TWO)([[0.0, 1.0]], 0.5)),
        ("method", lambda: flow(ideal_velocity(TWO), [[0.0]], 3, "rk4")),
        ("steps", lambda: flow(ideal_velocity(TWO), [[0.0]], 0)),
        ("z", lambda: flow(lambda x, t: x, 1.0, 3)),
        ("z", lambda: straightness(lambda x, t: x, 1.0, 3)),
        ("velocity", lambda: last(flow(lambda x, t: x[:1], [[0.0], [1.0]], 3))),
    ],
)
def test_bad_input_is_named(argument, call):
    with pytest.raises(ValueError, match=f"^{argument}: "):
        call()
