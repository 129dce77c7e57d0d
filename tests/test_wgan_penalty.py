"""Laws of the gradient penalty of the chapter wgan on the line: its optimum and its trap."""

import numpy as np
import pytest
from scipy.optimize import minimize

from teachkit import wgan
from teachkit.transport import w1_sorted


def line_samples(rng, n=60, m=60):
    return rng.standard_normal(n), 0.7 * rng.standard_normal(m) + rng.choice([-1.5, 1.5], m)


@pytest.mark.law("penalty-bias")
@pytest.mark.parametrize("theta", [0.1, 2.0, 30.0])
@pytest.mark.parametrize("weight", [0.1, 10.0])
def test_slope_between_two_point_masses(theta, weight):
    slope, value = wgan.two_points(theta, weight)
    found = minimize(lambda s: -(s[0] * theta - weight * (abs(s[0]) - 1) ** 2), [1.0], method="Nelder-Mead", tol=1e-12)
    assert slope == pytest.approx(found.x[0], rel=1e-6)
    assert value == pytest.approx(theta + theta**2 / (2 * weight), rel=1e-12)
    assert -found.fun == pytest.approx(theta + theta**2 / (4 * weight), rel=1e-9)
    f = wgan.best_penalised([theta], [0.0], weight)
    assert f.slopes.tolist() == pytest.approx([slope], rel=1e-12)
    assert f.value == pytest.approx(value, rel=1e-12)


@pytest.mark.law("penalty-bias")
def test_penalised_optimum_exceeds_w1_by_the_integral(rng):
    x, y = line_samples(rng, 9, 7)
    W = w1_sorted(x, y)
    for weight in (0.3, 10.0, 1e4):
        f = wgan.best_penalised(x, y, weight)
        middle, width = (f.knots[1:] + f.knots[:-1]) / 2, np.diff(f.knots)
        lead = (y[:, None] <= middle).mean(0) - (x[:, None] <= middle).mean(0)
        inside = (np.minimum(x[:, None, None], y[:, None]) < middle) & (
            np.maximum(x[:, None, None], y[:, None]) > middle
        )
        r = (inside / np.abs(x[:, None, None] - y[:, None])).mean((0, 1))
        assert (r * width).sum() == pytest.approx(1, rel=1e-12)  # a density
        assert f.value - W == pytest.approx(
            (lead**2 / (2 * weight * np.where(lead == 0, 1, r)) * width).sum(), rel=1e-9
        )
        best = f.value - weight * (r * (np.abs(f.slopes) - 1) ** 2 * width).sum()
        for _ in range(100):
            s = f.slopes + rng.normal(scale=0.3, size=f.slopes.size)
            for excess in (np.abs(s) - 1, np.maximum(np.abs(s) - 1, 0)):  # either form
                assert (s * lead * width).sum() - weight * (r * excess**2 * width).sum() <= best + 1e-12
    assert f.value == pytest.approx(W, rel=1e-3)


@pytest.mark.law("penalty-trap")
def test_wrong_slope_is_a_trap_for_the_two_sided_penalty(rng):
    """The second best slope, -(1 - theta / (2 weight)): training from below ends there, one-sided it does not."""
    start = wgan.Critic(np.array([[1.0]]), np.array([1.0]), np.array([-1.0]))
    for one_sided, slope in ((False, -0.9), (True, 1.1)):
        *_, last = wgan.fit_penalised(start, [[2.0]], [[0.0]], one_sided=one_sided, steps=2000, rng=rng)
        assert last.value == pytest.approx(2 * slope, abs=1e-2)


@pytest.mark.law("penalty-trap")
@pytest.mark.parametrize(("theta", "weight"), [(2.0, 10.0), (1.0, 0.6)])
def test_second_best_slope_is_a_local_maximum(theta, weight):
    J = lambda s: s * theta - weight * (abs(s) - 1) ** 2  # noqa: E731
    low = -(1 - theta / (2 * weight))
    assert all(J(low + h) < J(low) for h in (-1e-3, 1e-3))
    assert J(0) < J(low) < J(1 + theta / (2 * weight))
    assert J(0) == -weight
    one_sided = [s * theta - weight * max(abs(s) - 1, 0) ** 2 for s in np.linspace(-3, 3, 601)]
    assert (np.diff(one_sided, 2) < 1e-12).all()  # concave: no second top


@pytest.mark.law("penalty-trap")
@pytest.mark.parametrize("d", [1, 2, 3])
def test_one_sided_objective_is_concave_in_the_critic(d, rng):
    """At the middle of two critics J is at least the mean; the two-sided one breaks this."""
    x, y = rng.standard_normal((20, d)), rng.standard_normal((20, d)) + 1
    z = (u := rng.random((20, 1))) * x + (1 - u) * y
    broken = 0
    for _ in range(50):
        f, g = (wgan.random_critic(6, d, rng) for _ in range(2))
        f, g = f._replace(v=2 * f.v), g._replace(v=2 * g.v)
        joined = wgan.Critic(*(np.concatenate(p) for p in zip(f, g, strict=True)))
        middle = joined._replace(v=joined.v / 2)
        for one_sided in (True, False):
            J = [wgan.critic_value(c, x, y) - 10 * wgan.penalty(c, z, one_sided=one_sided)[0] for c in (f, g, middle)]
            low = J[2] < (J[0] + J[1]) / 2 - 1e-9
            assert not (one_sided and low)
            broken += low
    assert broken > 0
