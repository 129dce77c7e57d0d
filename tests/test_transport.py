"""Laws of the chapter transport: distances on the line, along random lines, between normal laws."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.linalg import sqrtm

from teachkit.data import Gaussian, standard_normal
from teachkit.likelihood import js, kl
from teachkit.transport import (
    assignment,
    cost_matrix,
    gaussian_w2,
    plan,
    random_directions,
    sliced,
    w1_sorted,
    witness,
    wp_sorted,
)

S1 = np.array([[2.0, 0.6], [0.6, 1.0]])
S2 = np.array([[0.5, -0.3], [-0.3, 3.0]])
M1, M2 = np.array([1.0, -2.0]), np.array([0.0, 0.5])


def masses(n, rng):
    return rng.dirichlet(np.ones(n))


def line_cost(x, y, p):
    return np.abs(np.subtract.outer(x, y)) ** p


def random_covariance(d, rng, rank=None):
    root = rng.standard_normal((d, rank or d))
    return root @ root.T


@pytest.mark.law("wasserstein")
@pytest.mark.parametrize("p", [1, 2, 3.5])
def test_distance_is_the_root_of_the_least_cost(p, rng):
    """Sizes 4 and 6: random matrices scaled to the right sums are plans; by the quantile plan the bound is attained."""
    x, y, a, b = rng.standard_normal(4), 9 + rng.standard_normal(6), masses(4, rng), masses(6, rng)
    cost, distance = line_cost(x, y, p), wp_sorted(x, y, p, a, b)
    assert plan(a, b, cost)[1] ** (1 / p) == pytest.approx(distance, rel=1e-12)
    assert 5 < distance < 13  # in the unit of the points, for every p
    for _ in range(50):
        P = rng.random((4, 6))
        for _ in range(300):
            P *= (a / P.sum(1))[:, None]
            P *= b / P.sum(0)
        np.testing.assert_allclose(P.sum(1), a, atol=1e-12)
        assert (P * cost).sum() ** (1 / p) >= distance * (1 - 1e-12)


@pytest.mark.law("wasserstein-metric")
@pytest.mark.parametrize("p", [1, 2, 3])
def test_distance_is_a_metric(p, rng):
    """Symmetric, zero for equal laws only, and the triangle inequality, in the plane with weights."""
    points, weights = rng.standard_normal((3, 5, 2)), [masses(5, rng) for _ in range(3)]

    def distance(i, j):
        return plan(weights[i], weights[j], cost_matrix(points[i], points[j], p))[1] ** (1 / p)

    assert distance(0, 1) == pytest.approx(distance(1, 0), rel=1e-12)
    assert distance(0, 0) == pytest.approx(0, abs=1e-12)
    assert distance(0, 1) > 0.1
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        assert distance(i, k) <= distance(i, j) + distance(j, k) + 1e-12


@pytest.mark.law("wasserstein-metric")
def test_without_the_root_the_triangle_inequality_fails():
    x = [0.0], [1.0], [2.0]
    squared = lambda i, j: wp_sorted(x[i], x[j], 2) ** 2  # noqa: E731
    assert squared(0, 2) > squared(0, 1) + squared(1, 2)


@pytest.mark.law("point-masses")
@pytest.mark.parametrize("theta", [-3.0, -1e-3, 1e-6, 0.0, 0.5, 1e6])
def test_two_point_masses(theta):
    """W_p = |theta|, while the divergences see only whether the two points are one."""
    for p in (1, 2, 3.5):
        assert wp_sorted([0.0], [theta], p) == abs(theta)
        assert plan([1], [1], cost_matrix([[0.0]], [[theta]], p))[1] == pytest.approx(abs(theta) ** p, rel=1e-15)
    places = np.unique([0.0, theta])
    here, there = (places == 0).astype(float), (places == theta).astype(float)
    apart = theta != 0
    assert kl(here, there) == (np.inf if apart else 0)
    assert js(here, there) == pytest.approx(np.log(2) * apart, rel=1e-15)
    assert np.abs(here - there).sum() / 2 == apart


@pytest.mark.law("sorting")
@pytest.mark.parametrize("p", [1, 1.5, 2, 4])
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_sorted_pairing_is_the_best_assignment(n, p, rng):
    x, y = rng.standard_normal(n), rng.standard_normal(n) ** 3
    assert wp_sorted(x, y, p) ** p == pytest.approx(assignment(line_cost(x, y, p))[1], rel=1e-9)


@pytest.mark.law("sorting")
def test_undoing_a_crossing_never_costs_more(rng):
    x, y = np.sort(rng.standard_normal((2, 1000, 2)), axis=-1)
    for p in (1, 1.3, 2, 5):
        straight = (np.abs(x - y) ** p).sum(1)
        crossed = (np.abs(x - y[:, ::-1]) ** p).sum(1)
        assert (straight <= crossed * (1 + 1e-12)).all()


@pytest.mark.law("sorting")
def test_sorting_is_wrong_for_a_concave_cost():
    """With the square root of the distance one long way beats many short ones."""
    cost = line_cost([0.0, 1.0, 2.0], [1.0, 2.0, 3.0], 0.5)
    assert assignment(cost)[1] == pytest.approx(np.sqrt(3) / 3)
    assert np.diag(cost).mean() == 1


@pytest.mark.law("quantile-formula")
@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize(("n", "m"), [(1, 5), (6, 4), (9, 9)])
def test_quantile_formula_is_the_linear_programme(n, m, p, rng):
    x, y = rng.standard_normal(n).round(1), rng.standard_normal(m).round(1)  # rounded: there are ties
    for a, b in ((masses(n, rng), masses(m, rng)), (np.full(n, 1 / n), np.full(m, 1 / m))):
        value = plan(a, b, line_cost(x, y, p))[1]
        assert wp_sorted(x, y, p, a, b) ** p == pytest.approx(value, rel=1e-9, abs=1e-12)
    assert wp_sorted(x, y, p) == pytest.approx(wp_sorted(x, y, p, np.full(n, 1 / n), np.full(m, 1 / m)), rel=1e-12)


@pytest.mark.law("quantile-formula")
@pytest.mark.parametrize(("n", "m"), [(1, 1), (50, 50), (30, 80)])
def test_w1_is_that_of_scipy(n, m, rng):
    x, y = rng.standard_normal(n), rng.exponential(size=m)
    assert w1_sorted(x, y) == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-12)
    a, b = masses(n, rng), masses(m, rng)
    assert w1_sorted(x, y, a, b) == pytest.approx(stats.wasserstein_distance(x, y, a, b), rel=1e-12)


@pytest.mark.law("quantile-formula")
def test_large_samples_approach_the_integral_of_quantiles():
    """Exponential against normal: W_p from the quantile functions themselves, by quadrature."""
    n = 200_000
    level = (np.arange(n) + 0.5) / n
    x, y = stats.expon.ppf(level), stats.norm.ppf(level)
    for p in (1, 2):
        gap = lambda u, p=p: np.abs(stats.expon.ppf(u) - stats.norm.ppf(u)) ** p  # noqa: E731
        exact = integrate.quad(gap, 0, 1, limit=500)[0] ** (1 / p)
        assert wp_sorted(x, y, p) == pytest.approx(exact, rel=1e-3)
    cdf_gap = lambda t: np.abs(stats.expon.cdf(t) - stats.norm.cdf(t))  # noqa: E731
    assert w1_sorted(x, y) == pytest.approx(integrate.quad(cdf_gap, -9, 30, limit=500)[0], rel=1e-3)


@pytest.mark.law("gaussian-w2")
def test_gaussian_distance_is_the_formula_of_fid(rng):
    for d in (1, 2, 5):
        m1, m2, A, B = rng.standard_normal(d), rng.standard_normal(d), *(random_covariance(d, rng) for _ in "AB")
        trace = np.trace(A + B - 2 * sqrtm(sqrtm(A) @ B @ sqrtm(A)).real)
        fid = np.trace(A + B - 2 * sqrtm(A @ B).real)  # the product is not symmetric, its root's trace is the same
        assert gaussian_w2(m1, A, m2, B) ** 2 == pytest.approx((m1 - m2) @ (m1 - m2) + trace, rel=1e-9)
        assert fid == pytest.approx(trace, rel=1e-9)


@pytest.mark.law("gaussian-w2")
def test_linear_map_between_normal_laws_attains_the_distance(rng):
    root = sqrtm(S1).real
    back = np.linalg.inv(root)
    T = back @ sqrtm(root @ S2 @ root).real @ back
    np.testing.assert_allclose(T @ S1 @ T.T, S2, atol=1e-12)
    mean_square = np.trace((np.eye(2) - T) @ S1 @ (np.eye(2) - T).T) + (M1 - M2) @ (M1 - M2)
    assert gaussian_w2(M1, S1, M2, S2) ** 2 == pytest.approx(mean_square, rel=1e-12)


@pytest.mark.law("gaussian-w2")
def test_no_cross_covariance_does_better(rng):
    """Every coupling of two laws has a cross-covariance S1^1/2 C S2^1/2 with a contraction C."""
    A, B = sqrtm(S1).real, sqrtm(S2).real
    best = gaussian_w2(0 * M1, S1, 0 * M2, S2) ** 2
    for _ in range(300):
        u, s, v = np.linalg.svd(rng.standard_normal((2, 2)))
        C = u @ np.diag(np.minimum(s, 1)) @ v
        assert np.trace(S1 + S2 - 2 * A @ C @ B) >= best - 1e-12


@pytest.mark.law("gaussian-w2")
def test_moments_alone_bound_the_distance_of_any_laws(rng):
    """W_2 of two clouds is at least that of the normal laws with their means and covariances."""
    x, y = rng.exponential(size=(60, 2)), rng.uniform(-3, 1, (60, 2))
    value = assignment(cost_matrix(x, y, 2))[1]
    moments = [part for z in (x, y) for part in (z.mean(0), np.cov(z.T, bias=True))]
    bound = gaussian_w2(*moments) ** 2
    assert 0.5 < bound < value


@pytest.mark.law("gaussian-w2")
def test_sample_distance_approaches_that_of_the_laws(rng):
    x, y = (Gaussian(m, S).sample(500, rng) for m, S in ((M1, S1), (M2, S2)))
    exact = gaussian_w2(M1, S1, M2, S2)
    assert assignment(cost_matrix(x, y, 2))[1] ** 0.5 == pytest.approx(exact, rel=0.07)


@pytest.mark.law("sliced-wasserstein")
@pytest.mark.parametrize("m", [40, 25])
@pytest.mark.parametrize("p", [1, 2, 3])
def test_sliced_is_the_mean_over_lines(p, m, rng):
    x, y, v = rng.standard_normal((40, 3)), rng.standard_normal((m, 3)), random_directions(7, 3, rng)
    powers = [wp_sorted(x @ u, y @ u, p) ** p for u in v]
    assert sliced(x, y, p, v) == pytest.approx(np.mean(powers) ** (1 / p), rel=1e-12)
    assert sliced(x, y, p, 5 * v) == pytest.approx(sliced(x, y, p, v), rel=1e-12)


@pytest.mark.law("sliced-wasserstein")
def test_directions_are_even_on_the_sphere(rng):
    v = random_directions(100_000, 3, rng)
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(v.T @ v / len(v), np.eye(3) / 3, atol=0.01)
    np.testing.assert_allclose(v.mean(0), 0, atol=0.01)


@pytest.mark.law("sliced-bounds")
@pytest.mark.parametrize("d", [1, 2, 5])
def test_sliced_is_below_the_distance(d, rng):
    x, y, v = rng.standard_normal((30, d)), 1 + rng.standard_normal((30, d)), random_directions(4000, d, rng)
    for p in (1, 2, 3):
        assert sliced(x, y, p, v) <= assignment(cost_matrix(x, y, p))[1] ** (1 / p) * (1 + 1e-12)
    assert sliced(x, y, 2, v) ** 2 <= assignment(cost_matrix(x, y, 2))[1] / d * 1.03


@pytest.mark.law("sliced-bounds")
def test_sliced_of_a_shift_is_exactly_its_share(rng):
    """For a shift by u every projection moves by <u, v>, and the mean of its square is |u|^2 / d."""
    x, u = rng.standard_normal((20, 4)), np.array([1.0, 2.0, 0.0, -2.0])
    v = np.concatenate([np.eye(4), -np.eye(4)])  # second moments of an even law on the sphere
    assert sliced(x, x + u, 2, v) ** 2 == pytest.approx(9 / 4, rel=1e-12)


@pytest.mark.law("empirical-rate")
@pytest.mark.parametrize("d", [2, 4, 8])
def test_no_cloud_of_n_points_is_near_the_uniform_law(d, rng):
    """The mean distance from a uniform point to the nearest of n points is below W_1, and above the bound."""
    from math import gamma, pi

    n, ball = 256, pi ** (d / 2) / gamma(d / 2 + 1)
    bound = 0.5 * (2 * n * ball) ** (-1 / d)
    side = round(n ** (1 / d))
    grid = np.stack(np.meshgrid(*[(np.arange(side) + 0.5) / side] * d), -1).reshape(-1, d)
    fresh = rng.random((2000, d))
    for cloud in (grid, rng.random((n, d))):
        assert len(cloud) == n
        assert cost_matrix(fresh, cloud).min(axis=1).mean() > bound


@pytest.mark.law("empirical-rate")
def test_distance_of_two_samples_falls_with_the_power_one_over_d(rng):
    """d = 3: from n = 64 to 512 points it should halve. d = 2: like sqrt(log n / n)."""

    def mean_distance(n, d):
        pairs = rng.random((12, 2, n, d))
        return np.mean([assignment(cost_matrix(x, y))[1] for x, y in pairs])

    assert mean_distance(64, 3) / mean_distance(512, 3) == pytest.approx(2, rel=0.15)
    for n in (64, 512):
        assert mean_distance(n, 2) == pytest.approx(0.45 * np.sqrt(np.log(n) / n), rel=0.2)


@pytest.mark.law("empirical-rate")
@pytest.mark.parametrize("n", [10, 100])
def test_mean_distance_on_the_line_is_below_half_of_one_over_the_root(n, rng):
    """For large n the mean of sqrt(n) W_1 is the integral of E|bridge(t)|, sqrt(2 / pi) pi / 8."""
    law, samples = (np.arange(4000) + 0.5) / 4000, rng.random((300, n))
    mean = np.mean([w1_sorted(sample, law) for sample in samples])
    assert np.sqrt(n) * mean == pytest.approx(np.sqrt(np.pi / 32), rel=0.1)
    assert mean < 0.5 / np.sqrt(n)


@pytest.mark.law("distance-concentration")
@pytest.mark.parametrize("d", [1, 10, 1000])
def test_squared_distances_concentrate(d, rng):
    x, y = standard_normal(d).sample(4000, rng), standard_normal(d).sample(4000, rng)
    squares = ((x - y) ** 2).sum(1)
    assert squares.mean() == pytest.approx(2 * d, rel=0.1)
    assert squares.std() / squares.mean() == pytest.approx(np.sqrt(2 / d), rel=0.1)


@pytest.mark.law("s0-duality-no-rescue")
@pytest.mark.parametrize("d", [2, 50])
def test_dual_of_two_samples_is_their_matching(d, rng):
    """The best 1-Lipschitz function on the samples gives the value of the best pairing, in any dimension."""
    x, y = rng.standard_normal((40, d)), rng.standard_normal((40, d))
    f = witness(x, y)
    assert f(x).mean() - f(y).mean() == pytest.approx(assignment(cost_matrix(x, y))[1], rel=1e-9)


@pytest.mark.law("s0-fid-squared")
def test_fid_formula_is_the_square_of_the_distance():
    """N(0, I) against N((3, 4), I): the distance is 5, the formula gives 25, as S2 writes it."""
    formula = 25 + np.trace(np.eye(2) + np.eye(2) - 2 * np.eye(2))
    assert gaussian_w2([0, 0], np.eye(2), [3, 4], np.eye(2)) == 5.0
    assert formula == 25
