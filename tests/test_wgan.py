"""Laws of the chapter wgan on the line: witness, clipped and penalised optimum, and the identities that join them."""

import numpy as np
import pytest
from scipy.optimize import linprog

from teachkit import wgan
from teachkit.likelihood import js, kl
from teachkit.transport import assignment, cost_matrix, dual, plan, sinkhorn, w1_sorted, witness, wp_sorted


def line_samples(rng, n=60, m=60):
    return rng.standard_normal(n), 0.7 * rng.standard_normal(m) + rng.choice([-1.5, 1.5], m)


def column(x):
    return np.asarray(x, float)[:, None]


def trained(x, y, rng, hidden=64, steps=4000, weight=10.0, d=1):
    start = wgan.random_critic(hidden, d, rng)
    *_, last = wgan.fit_penalised(start, x, y, weight=weight, one_sided=True, lr=0.02, steps=steps, batch=None, rng=rng)
    return last.critic


@pytest.mark.law("witness-line")
@pytest.mark.parametrize(("n", "m"), [(60, 60), (7, 4), (1, 1), (1, 9)])
def test_witness_attains_w1_with_slopes_of_sign(n, m, rng):
    x, y = line_samples(rng, n, m)
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    for weights in ((None, None), (a, b)):
        f = wgan.witness_line(x, y, *weights)
        assert set(f.slopes) <= {-1.0, 0.0, 1.0}
        assert f.value == pytest.approx(w1_sorted(x, y, *weights), rel=1e-12)
        means = [np.average(f(z), weights=w) for z, w in zip((x, y), weights, strict=True)]
        assert means[0] - means[1] == pytest.approx(f.value, rel=1e-11)
        middle = (f.knots[1:] + f.knots[:-1]) / 2
        F, G = (np.array([np.average(z <= t, weights=w) for t in middle])
                for z, w in zip((x, y), weights, strict=True))  # fmt: skip
        np.testing.assert_array_equal(np.sign(np.round(G - F, 12)), f.slopes)


@pytest.mark.law("witness-line")
def test_no_other_slopes_do_better(rng):
    """One slope changed: strictly worse where F and G differ, as good where they agree."""
    x, y = np.round(line_samples(rng, 12, 12), 1)
    f, value = wgan.witness_line(x, y), lambda g: g(x).mean() - g(y).mean()
    middle, width = (f.knots[1:] + f.knots[:-1]) / 2, np.diff(f.knots)
    count = [(z[:, None] <= middle).sum(0) for z in (x, y)]
    assert (count[0] == count[1]).any()
    assert (count[0] != count[1]).any()
    for k, slope in enumerate(f.slopes):
        for new in (-1.0, -0.3, 0.0, 0.7, 1.0):
            slopes = f.slopes.copy()
            slopes[k] = new
            loss = abs(count[0][k] - count[1][k]) / 12 * width[k] * abs(new - slope)
            assert value(f._replace(slopes=slopes)) == pytest.approx(f.value - loss, abs=1e-12)


@pytest.mark.law("wgan-objective")
@pytest.mark.law("wgan-certificate")
@pytest.mark.parametrize("d", [1, 2])
def test_one_number_in_many_ways(d, rng):
    """Programme, dual, assignment, sorting and witness agree; a trained critic proves all but a stated gap."""
    n = 60
    x, y = (np.stack(columns, 1) for columns in zip(*(line_samples(rng) for _ in range(d)), strict=True))
    even, cost = np.full(n, 1 / n), cost_matrix(x, y)
    best = plan(even, even, cost)[1]
    f = witness(x, y)
    ways = {
        "dual": dual(even, even, cost)[2],
        "assignment": assignment(cost)[1],
        "witness": wgan.critic_value(f, x, y),
        "exact": wgan.exact_w1(x, y),
    }
    if d == 1:
        ways |= {"sorting": w1_sorted(x[:, 0], y[:, 0]), "signs": wgan.witness_line(x[:, 0], y[:, 0]).value}
    for value in ways.values():
        assert value == pytest.approx(best, abs=1e-9)
    proof = wgan.certify(trained(x, y, rng, d=d), x, y)
    assert proof.w1 == pytest.approx(best, abs=1e-9)
    assert proof.bound == proof.value / proof.lipschitz
    assert proof.gap == proof.w1 - proof.bound
    assert -1e-12 <= proof.gap <= (0.05 if d == 1 else 0.12) * best
    for eps in (0.5, 0.05):
        blurred = sinkhorn(even, even, cost, eps, max_iter=100_000)[1]
        assert -1e-4 <= blurred - best <= eps * np.log(n)


@pytest.mark.law("wgan-objective")
@pytest.mark.parametrize("theta", [3.0, 0.5, 1e-3])
def test_two_points_moving_apart(theta):
    """W_1 tells theta; the divergences tell only that the laws are apart."""
    assert w1_sorted([theta], [0.0]) == theta
    assert js([1, 0], [0, 1]) == pytest.approx(np.log(2))
    assert kl([1, 0], [0, 1]) == np.inf


@pytest.mark.law("s2-wgan-constraint")
@pytest.mark.law("wgan-objective")
def test_without_a_constraint_the_value_has_no_bound(rng):
    x, y = line_samples(rng)
    f = wgan.witness_line(x, y)
    for scale in (1, 10, 1e6):
        assert wgan.critic_value(lambda z, s=scale: s * f(z[:, 0]), column(x), column(y)) == pytest.approx(
            scale * f.value, rel=1e-9
        )


def strict_witness(x, y):
    """Return a witness whose potentials are tight on the plan alone, so that it is smooth at the points of y.

    Solvers return a corner of the optimal potentials, where further pairs are tight and the witness has edges.
    """
    cost, n = cost_matrix(y, x), len(x)
    s, _ = assignment(cost)
    rows, columns = np.repeat(np.arange(n), n), np.tile(np.arange(n), n)
    A = np.zeros((n * n, 2 * n + 1))
    A[np.arange(n * n), rows] = A[np.arange(n * n), n + columns] = 1
    on = columns == s[rows]
    A[~on, -1] = 1
    goal, limits = np.r_[np.zeros(2 * n), -1.0], [(None, None)] * 2 * n + [(0, 1)]
    u = linprog(goal, A[~on], cost.ravel()[~on], A[on], cost.ravel()[on], bounds=limits).x
    assert u[-1] > 1e-5
    return lambda z: -(cost_matrix(z, x) - u[n:-1]).min(axis=1)


@pytest.mark.law("wgan-gradient")
def test_gradient_of_w1_is_that_of_the_fixed_witness(rng):
    """By differences, along the witness, and along the plan: three ways to one vector."""
    x, z, h = rng.standard_normal((12, 2)), rng.standard_normal((12, 2)), 1e-6
    g = lambda theta: z @ np.array([[theta[0], theta[1]], [0.3, 1.0]]).T + theta[2:]  # noqa: E731
    theta = np.array([0.8, -0.4, 2.0, 1.0])
    f, steps = strict_witness(x, g(theta)), h * np.eye(4)
    W = lambda t: wgan.exact_w1(x, g(t))  # noqa: E731
    V = lambda t: f(x).mean() - f(g(t)).mean()  # noqa: E731
    assert V(theta) == pytest.approx(W(theta), rel=1e-9)
    by_w1, held = (np.array([v(theta + s) - v(theta - s) for s in steps]) / (2 * h) for v in (W, V))
    np.testing.assert_allclose(held, by_w1, atol=1e-8)
    push = wgan.w1_gradient(x, g(theta))
    jacobians = [(g(theta + s) - g(theta - s)) / (2 * h) for s in steps]
    np.testing.assert_allclose([(push * J).sum() for J in jacobians], by_w1, atol=1e-8)


@pytest.mark.law("wgan-gradient")
def test_w1_lies_above_the_value_of_a_fixed_witness(rng):
    """The proof: W - V is at least zero, and zero where the witness was made."""
    x, y = rng.standard_normal((15, 2)), rng.standard_normal((15, 2)) + 1
    f = witness(x, y)
    shifts = rng.standard_normal((100, 2))
    gaps = [wgan.exact_w1(x, y + s) - wgan.critic_value(f, x, y + s) for s in shifts]
    assert min(gaps) > -1e-12
    assert wgan.exact_w1(x, y) - wgan.critic_value(f, x, y) == pytest.approx(0, abs=1e-12)


@pytest.mark.law("wgan-gradient")
def test_pulls_can_cancel_and_a_best_critic_can_have_an_edge():
    for theta in (-0.8, 0.0, 0.3, 0.8):
        y = np.array([theta - 0.1, theta + 0.1])
        assert w1_sorted([-1.0, 1.0], y) == pytest.approx(0.9, rel=1e-12)
        np.testing.assert_allclose(wgan.w1_gradient([[-1.0], [1.0]], column(y)), [[0.5], [-0.5]])
    V = lambda theta: abs(0 - 1) - abs(theta - 1)  # noqa: E731  of |t - 1|, data at 0
    assert V(1) == w1_sorted([0.0], [1.0])
    assert (V(1 + 1e-6) - V(1)) / 1e-6 == pytest.approx(-1)
    assert (V(1) - V(1 - 1e-6)) / 1e-6 == pytest.approx(1)


@pytest.mark.law("wgan-gradient")
def test_w1_has_no_gradient_where_laws_meet():
    for h in (1e-3, 1e-9):
        assert (w1_sorted([0.0], [h]) - w1_sorted([0.0], [0.0])) / h == 1
        assert (w1_sorted([0.0], [-h]) - w1_sorted([0.0], [0.0])) / -h == -1
    assert wgan.w1_gradient([[1.0]], [[1.0]]).tolist() == [[0.0]]


@pytest.mark.law("clipped-optimum")
@pytest.mark.parametrize("seed", range(6))
def test_best_clipped_critic_is_one_unit_many_times(seed):
    rng = np.random.default_rng(seed)
    x, y = line_samples(rng, 15, 11)
    x, y = (x, y) if seed % 2 else (3 * x + 1, 3 * y - 1)
    clip, hidden = 0.3, 5
    best, value = wgan.best_clipped(x, y, hidden, clip)
    assert max(np.abs(part).max() for part in best) <= clip
    assert wgan.critic_value(best, column(x), column(y)) == pytest.approx(value, rel=1e-12)
    assert [np.ptp(part) for part in best] == [0, 0, 0]
    w, b = (u.ravel() for u in np.meshgrid(*[np.linspace(-1, 1, 201)] * 2))
    phi = np.maximum(column(x) * w + b, 0).mean(0) - np.maximum(column(y) * w + b, 0).mean(0)
    assert hidden * clip**2 * np.abs(phi).max() <= value + 1e-12
    assert hidden * clip**2 * np.abs(phi).max() >= 0.98 * value


@pytest.mark.law("clipped-optimum")
def test_other_critics_are_best_only_where_units_tie(rng):
    """Half of the units changed: worse for three points in general position, as good between two equal gaps."""
    for x, y, ties in (([0.3, 2.0], [-1.1], False), ([-1.0, 1.0], [0.0], True)):
        best, value = wgan.best_clipped(x, y, 2, 0.1)
        w, b, v = best.W[0, 0], best.b[0], best.v[0]
        grid = [(s, t) for s in np.linspace(-0.1, 0.1, 21) for t in np.linspace(-0.1, 0.1, 21)]
        others = [wgan.Critic(np.array([[w], [s]]), np.array([b, t]), np.full(2, v)) for s, t in grid
                  if np.hypot(s - w, t - b) > 1e-9]  # fmt: skip
        found = max(wgan.critic_value(f, column(x), column(y)) for f in others)
        assert (found == pytest.approx(value, rel=1e-9)) is ties
        assert found <= value + 1e-12


@pytest.mark.law("clipped-optimum")
def test_training_with_clipping_ends_at_that_value_with_weights_at_the_clip(rng):
    """From a start whose units are not all stuck; most weights pile up at the ends."""
    x, y = line_samples(rng)
    clip, hidden = 0.1, 64
    start = wgan.random_critic(hidden, 1, rng)
    *_, last = wgan.fit_clipped(start, column(x), column(y), clip=clip, lr=1e-3, steps=3000, batch=None, rng=rng)
    value = wgan.best_clipped(x, y, hidden, clip)[1]
    assert 0.3 * value < last.value <= value + 1e-12
    assert np.mean(np.abs(last.critic.v) == clip) > 0.6


@pytest.mark.law("s0-clipping-is-not-one")
def test_clipped_value_is_no_multiple_of_w1():
    """Width and clip decide the factor for two points; and of two samples the nearer one can get the larger value."""
    factors = [
        wgan.best_clipped([3.0], [1.0], hidden, clip)[1] / 2 for hidden, clip in ((64, 0.01), (64, 1), (512, 0.1))
    ]
    assert factors == pytest.approx([0.0064, 64, 5.12])
    x, near, far = [-1.0, 1.0], [-0.2, 1.8], [0.0, 0.0]
    assert [w1_sorted(x, y) for y in (near, far)] == pytest.approx([0.8, 1.0])
    assert [wgan.best_clipped(x, y, 64, 0.01)[1] / 0.0064 for y in (near, far)] == pytest.approx([0.8, 0.5])


@pytest.mark.law("penalty-bias")
def test_training_with_the_penalty_ends_near_that_value(rng):
    x, y = line_samples(rng)
    for weight in (1.0, 10.0):
        value = wgan.critic_value(trained(column(x), column(y), rng, weight=weight), column(x), column(y))
        best, W = wgan.best_penalised(x, y, weight).value, w1_sorted(x, y)
        assert abs(value - best) < 0.5 * (best - W)  # nearer to it than to W_1


@pytest.mark.law("penalty-slope-one")
def test_optimal_critic_has_slope_one_along_the_plan(rng):
    """Gradients of the witness at points between partners have norm one and point from y to x."""
    x, y = rng.standard_normal((25, 2)), rng.standard_normal((25, 2)) + np.array([1, 0])
    (s, _), h = assignment(cost_matrix(x, y)), 1e-6
    even = np.full(25, 1 / 25)
    high, _, W = dual(even, even, cost_matrix(x, y))
    others = lambda z: (high - cost_matrix(z, x)).max(axis=1)  # noqa: E731  cones at the other sample
    critics = [witness(x, y), others, strict_witness(x, y), lambda z: 0.3 * others(z) + 0.7 * critics[0](z)]
    t = rng.uniform(0.05, 0.95, (25, 1))
    at = x + t * (y[s] - x)
    for f in critics:
        assert f(x).mean() - f(y).mean() == pytest.approx(W, abs=1e-9)
        g = np.stack([(f(at + h * e) - f(at - h * e)) / (2 * h) for e in np.eye(2)], 1)
        np.testing.assert_allclose(g, (x - y[s]) / np.linalg.norm(x - y[s], axis=1, keepdims=True), atol=1e-4)


@pytest.mark.law("penalty-slope-one")
def test_elsewhere_the_slope_may_be_smaller():
    """Between 1 and 2 as much of x as of y lies to the left: an optimal critic may be level there."""
    f = wgan.witness_line([0.0, 3.0], [1.0, 2.0])
    assert f.slopes.tolist() == [-1.0, 0.0, 1.0]
    assert f.value == w1_sorted([0.0, 3.0], [1.0, 2.0]) == wp_sorted([0.0, 3.0], [1.0, 2.0])
