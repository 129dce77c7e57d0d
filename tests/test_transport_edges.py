"""Edges of the modules on transport: bad input, extreme scales, degenerate laws, another library."""

import re

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from teachkit import transport
from teachkit.transport import (
    assignment,
    cost_matrix,
    dual,
    gaussian_w2,
    plan,
    random_directions,
    sinkhorn,
    sinkhorn_path,
    slack,
    sliced,
    w1_sorted,
    witness,
    wp_sorted,
)

HALF, C, I2 = [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], np.eye(2)
NAN = [np.nan, 1.0]
BAD = {
    "x: expected a vector": lambda: w1_sorted([], [1.0]),
    "y: expected a vector": lambda: w1_sorted([1.0], [[1.0]]),
    "x: expected finite": lambda: w1_sorted(NAN, [1.0, 2.0]),
    "y: expected finite": lambda: w1_sorted([1.0, 2.0, 3.0], [1.0, np.inf]),
    "x: expected an array of numbers": lambda: w1_sorted(["1"], [1.0]),
    "a: expected non-negative numbers with sum 1, got -1": lambda: w1_sorted([1, 2], [1], a=[2, -1]),
    "b: expected non-negative numbers with sum 1, got sum 0.7": lambda: w1_sorted([1], [1, 2], b=[0.5, 0.2]),
    "a: expected a vector of 2 entries": lambda: w1_sorted([1, 2], [1], a=[1.0]),
    "p: expected a number of at least 1, got 0.5": lambda: wp_sorted([1], [1], 0.5),
    "p: expected a finite number above 0": lambda: wp_sorted([1], [1], np.nan),
    "y: expected shape [n, 2]": lambda: sliced([[1, 2]], [[1, 2, 3]], 2, [[1, 0]]),
    "directions: expected shape [n, 2]": lambda: sliced([[1, 2]], [[1, 2]], 2, [1, 0]),
    "directions: expected directions that are not zero": lambda: sliced([[1, 2]], [[1, 2]], 2, [[0, 0]]),
    "p: expected a number of at least 1": lambda: sliced([[1, 2]], [[1, 2]], 0.9, [[1, 0]]),
    "k: expected a whole number": lambda: random_directions(0, 2, np.random.default_rng(0)),
    "rng: expected a generator": lambda: random_directions(2, 2, None),
    "x, y: expected points whose distance does": lambda: w1_sorted([1.7e308], [-1.7e308]),
    "x, y: expected points whose distance does not": lambda: sliced([[1.7e308]], [[-1.7e308]], 1, [[1.0]]),
    "m1, m2: expected points whose distance": lambda: gaussian_w2([1.7e308], [[0.0]], [-1.7e308], [[0.0]]),
    "x, y: expected points whose distances, to the power 2": lambda: cost_matrix([[1e300], [0.0]], [[0.0]], 2),
    "x, y: expected points whose distances, to the power 3": lambda: cost_matrix([[1e-150], [9.0]], [[0.0]], 3),
    "cost: expected costs for which the potentials": lambda: dual(HALF, [0.3, 0.7], 1.7e308 * (2 * I2 - 1)),
    "eps: expected a number that cost / eps does not overflow with, got 1.0": lambda: sinkhorn(
        HALF, HALF, 1e308 * I2, 1.0
    ),
    "eps: expected a number that start / eps": lambda: sinkhorn_path(HALF, HALF, C, 1e-5, start=[1e308, 0]),
    "eps: expected a number that cost / eps does not overflow with, got 1e-310": lambda: sinkhorn(
        HALF, HALF, C, 1e-310
    ),
    "x: expected finite numbers": lambda: w1_sorted([-np.inf, 1.0], [1.0, 2.0]),
    "S1: expected no eigenvalue below 0, got -0.001": lambda: gaussian_w2([0, 0], np.diag([1, -1e-3]), [0, 0], I2),
    "S2: expected no eigenvalue below 0": lambda: gaussian_w2([0, 0], I2, [0, 0], [[0, 1e-3], [1e-3, 0]]),
    "d: expected a whole number": lambda: random_directions(2, 1.5, np.random.default_rng(0)),
    "m2: expected a vector of 2 entries": lambda: gaussian_w2([0, 0], I2, [0], I2),
    "S1: expected a symmetric matrix": lambda: gaussian_w2([0, 0], [[1, 1], [0, 1]], [0, 0], I2),
    "S2: expected no eigenvalue below 0, got -1": lambda: gaussian_w2([0, 0], I2, [0, 0], [[1, 2], [2, 1]]),
    "S2: expected a 2 x 2 matrix": lambda: gaussian_w2([0, 0], I2, [0, 0], [[1]]),
    "x: expected at least one sample": lambda: cost_matrix(np.zeros((0, 2)), [[0, 0]]),
    "y: expected shape [n, 1]": lambda: cost_matrix([[1]], [[0, 0]]),
    "p: expected a finite number above 0, got 0": lambda: cost_matrix([[1]], [[0]], 0),
    "cost: expected a square matrix": lambda: assignment([[1, 2]]),
    "cost: expected finite numbers": lambda: assignment([NAN, [1, 2]]),
    "a: expected non-negative numbers with sum 1, got sum 1.1": lambda: plan([0.5, 0.6], HALF, C),
    "a: expected non-negative numbers with sum 1, got -0.5": lambda: dual([1.5, -0.5], HALF, C),
    "b: expected finite numbers": lambda: sinkhorn(HALF, NAN, C, 1),
    "cost: expected shape [2, 1], got [2, 2]": lambda: plan(HALF, [1.0], C),
    "cost: expected shape [1, 2], got [2, 2]": lambda: dual([1.0], HALF, C),
    "f: expected a vector of 2 entries": lambda: slack([1.0], HALF, C),
    "b: expected a vector of 2 entries": lambda: witness([[1], [2]], [[1], [2]], b=[1.0]),
    "z: expected shape [n, 1]": lambda: witness([[1]], [[2]])([[1, 2]]),
    "eps: expected a finite number above 0, got 0": lambda: sinkhorn(HALF, HALF, C, 0),
    "eps: expected a finite number above 0, got -1": lambda: sinkhorn(HALF, HALF, C, -1),
    "tol: expected a finite number above 0": lambda: sinkhorn(HALF, HALF, C, 1, tol=0),
    "max_iter: expected a whole number": lambda: sinkhorn(HALF, HALF, C, 1, max_iter=0),
    "every: expected a whole number": lambda: sinkhorn_path(HALF, HALF, C, 1, every=0),
    "start: expected a vector of 2": lambda: sinkhorn_path(HALF, HALF, C, 1, start=[1.0]),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused_by_name(message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        BAD[message]()


def test_arguments_are_left_as_they_are(rng):
    x, y, cost = rng.standard_normal(5), rng.standard_normal(5), rng.random((5, 5))
    points, even = rng.standard_normal((5, 2)), np.full(5, 0.2)
    given = (x, y, cost, points, even)
    before = [array.copy() for array in given]
    wp_sorted(x, y, 1), wp_sorted(x, y, 2, even), sliced(points, points, 2, points), assignment(cost)
    plan(even, even, cost), dual(even, even, cost), sinkhorn(even, even, cost, 1.0)
    for array, old in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_distances_scale_with_the_points(scale, rng):
    x, y, a = rng.standard_normal((9, 2)), rng.standard_normal((9, 2)), rng.dirichlet(np.ones(9))
    v = random_directions(5, 2, rng)
    for distance in (
        lambda s: w1_sorted(s * x[:, 0], s * y[:, 0]),
        lambda s: wp_sorted(s * x[:, 0], s * y[:7, 0], 3, a),
        lambda s: wp_sorted(s * x[:, 0], s * y[:, 0], 2000),
        lambda s: sliced(s * x, s * y, 2000, v),
        lambda s: sliced(s * x, s * y, 2, v),
        lambda s: sliced(s * x, s * y[:5], 2, v),
        lambda s: assignment(cost_matrix(s * x, s * y))[1],
        lambda s: plan(a, a, cost_matrix(s * x, s * y))[1],
        lambda s: dual(a, a, cost_matrix(s * x, s * y))[2],
        lambda s: sinkhorn(a, a, cost_matrix(s * x, s * y), 0.5 * s)[1],
    ):
        assert distance(scale) == pytest.approx(scale * distance(1.0), rel=1e-9, abs=0)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_normal_laws_at_extreme_scales(scale):
    far = gaussian_w2([0, 0], scale * I2, [0, 0], 4 * scale * I2)
    assert far == pytest.approx(np.sqrt(2 * scale), rel=1e-12)
    assert gaussian_w2([0, 0], 0 * I2, [3 * scale, -4 * scale], 0 * I2) == pytest.approx(5 * scale, rel=1e-12)


def test_close_normal_laws_keep_their_digits(rng):
    """The trace formula would give 0 or the square root of the rounding error, about 1e-8."""
    S, shift = np.array([[2.0, 0.6], [0.6, 1.0]]), 1e-9
    assert gaussian_w2([0, 0], S, [0, 0], S) < 1e-14
    assert gaussian_w2([0, 0], S, [0, 0], (1 + shift) ** 2 * S) == pytest.approx(shift * np.sqrt(3), rel=1e-5)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_singular_covariances(rank, rng):
    """On a subspace of R^4 the distance is that of the laws in coordinates of the subspace."""
    basis = np.linalg.qr(rng.standard_normal((4, 4)))[0][:, : max(rank, 1)]
    roots = rng.standard_normal((2, max(rank, 1), max(rank, 1))) * (rank > 0)
    small = [r @ r.T for r in roots]
    big = [basis @ S @ basis.T for S in small]
    zero, origin = np.zeros(4), np.zeros(max(rank, 1))
    inside = gaussian_w2(origin, small[0], origin, small[1])
    assert gaussian_w2(zero, big[0], zero, big[1]) == pytest.approx(inside, rel=1e-12, abs=1e-13)
    assert gaussian_w2(zero, big[0], zero, big[0]) < 1e-13 * max(np.abs(roots).max(), 1)


def test_small_variances_keep_their_digits():
    """Beside a variance of 1 they are no rounding: W_2 of the second coordinates alone is 1e-10."""
    first, second = np.diag([1.0, 1e-20]), np.diag([1.0, 4e-20])
    assert gaussian_w2([0, 0], first, [0, 0], second) == pytest.approx(1e-10, rel=1e-12)


def test_projections_do_not_depend_on_other_coordinates():
    x, y = [[1e200, 0], [0, 1e-200]], [[1e200, 0], [0, 3e-200]]
    assert sliced(x, y, 2, [[0, 1]]) == pytest.approx(2e-200 / np.sqrt(2), rel=1e-12)
    assert sliced([[1.0, 0]], [[1e300, 0]], 1, [[1, 0]]) == 1e300
    assert witness([[0.0]], [[1.0]])([[0.3], [1e200]])[0] == pytest.approx(witness([[0.0]], [[1.0]])([[0.3]])[0])


def test_degenerate_samples_on_the_line():
    assert w1_sorted([2.0], [2.0]) == 0
    assert w1_sorted([1.0, 1.0, 1.0], [1.0]) == 0
    assert w1_sorted([0.0, 1e300], [0.0], a=[1.0, 0.0]) == 0  # no mass, no cost, however far away
    assert w1_sorted([1e308, -1e308], [0.0, 0.0]) == 1e308  # the sum of the gaps overflows, their mean does not
    assert wp_sorted([0.0], [0.0, 3.0], 2, b=[0.5, 0.5]) == pytest.approx(np.sqrt(4.5), rel=1e-15)


def test_many_equal_levels_are_not_split_by_rounding(rng):
    """Samples repeated 3 and 7 times have the same law as before, so their distance is that of the originals."""
    x, y = rng.standard_normal(30), rng.standard_normal(30)
    assert wp_sorted(np.repeat(x, 3), np.repeat(y, 7), 2) == pytest.approx(wp_sorted(x, y, 2), rel=1e-12)


@pytest.mark.parametrize("tiny", [1e-20, 1e-300])
def test_the_smallest_mass_counts(tiny):
    """A mass that adding to 1 would lose, so far away that it makes up the distance."""
    x, a = [0.0, 1 / tiny], [1.0, tiny]
    for order in (1, -1):
        assert w1_sorted(x[::order], [0.0], a[::order]) == pytest.approx(1, rel=1e-15)
    assert plan(a, [1.0], cost_matrix(np.transpose([x]), [[0.0]]))[1] == pytest.approx(1, rel=1e-15)


@pytest.mark.parametrize("p", [600, 2000])
def test_large_powers_approach_the_largest_gap(p):
    assert wp_sorted([0.0], [1.9], p) == 1.9
    assert wp_sorted([0.0, 0.0], [1.9, 0.1], p) == pytest.approx(1.9 * 0.5 ** (1 / p), rel=1e-14)


def test_costs_keep_small_distances_beside_large_ones():
    cost = cost_matrix([[0.0, 0.0], [1e300, 0.0]], [[3e-300, 4e-300], [1e300, 1.0]])
    np.testing.assert_allclose(cost, [[5e-300, 1e300], [1e300, 1.0]], rtol=1e-15)


def test_one_point_against_many():
    cost = [[3.0, 1.0, 2.0]]
    P, value = plan([1.0], [0.2, 0.3, 0.5], cost)
    np.testing.assert_allclose(P, [[0.2, 0.3, 0.5]], atol=1e-15)
    assert value == pytest.approx(1.9)
    assert sinkhorn([1.0], [0.2, 0.3, 0.5], cost, 0.1)[1] == pytest.approx(1.9)


def test_costs_that_are_all_zero_or_negative(rng):
    even = np.full(4, 0.25)
    assert plan(even, even, np.zeros((4, 4)))[1] == dual(even, even, np.zeros((4, 4)))[2] == 0
    assert sinkhorn(even, even, np.zeros((4, 4)), 0.1)[1] == 0
    cost = -rng.random((4, 4))
    assert plan(even, even, cost)[1] == pytest.approx(assignment(cost)[1], rel=1e-12)


def test_a_million_points(rng):
    x, y = rng.standard_normal(1_000_000), 2 + rng.standard_normal(1_000_000)
    assert w1_sorted(x, y) == pytest.approx(wasserstein_distance(x, y), rel=1e-9)


@pytest.fixture
def ot(monkeypatch):
    monkeypatch.setenv("POT_BACKEND_DISABLE_PYTORCH", "1")
    return pytest.importorskip("ot")


@pytest.mark.parametrize("kind", ["random", "duplicates", "zero weights", "one point", "collinear"])
def test_values_are_those_of_pot(ot, kind, rng):
    n, m = (1, 8) if kind == "one point" else (15, 8)
    x, y = rng.standard_normal((n, 2)), rng.standard_normal((m, 2))
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    if kind == "duplicates":
        x, y = x.round(), y.round()
    elif kind == "zero weights":
        a = np.append(0.0, a[1:] / a[1:].sum())
    elif kind == "collinear":
        x, y = np.outer(x[:, 0], [1, 2]), np.outer(y[:, 0], [1, 2])
    cost = cost_matrix(x, y, 2)
    assert plan(a, b, cost)[1] == pytest.approx(ot.emd2(a, b, cost), rel=1e-9, abs=1e-12)
    on_line = ot.wasserstein_1d(x[:, 0], y[:, 0], a, b, p=2)
    assert wp_sorted(x[:, 0], y[:, 0], 2, a, b) ** 2 == pytest.approx(on_line, rel=1e-9, abs=1e-12)
    with np.errstate(divide="ignore"):  # it divides by masses of 0
        theirs = ot.sinkhorn(a, b, cost, 1.0, stopThr=1e-13, numItermax=100_000)
    np.testing.assert_allclose(sinkhorn(a, b, cost, 1.0, tol=1e-12)[0], theirs, rtol=0, atol=1e-9)
    v = random_directions(20, 2, rng)
    assert sliced(x, y, 2, v) == pytest.approx(ot.sliced_wasserstein_distance(x, y, projections=v.T, p=2), rel=1e-9)
    m1, m2, S1, S2 = x.mean(0), y.mean(0), I2 + x.T @ x, I2 + y.T @ y
    assert gaussian_w2(m1, S1, m2, S2) == pytest.approx(
        ot.gaussian.bures_wasserstein_distance(m1, m2, S1, S2), rel=1e-9
    )


@pytest.mark.parametrize("p", [1.0, 2.0, 7.0])
@pytest.mark.parametrize("far", [1.0, 1e12])
def test_rounded_levels_are_used_only_where_they_are_sure(rng, p, far):
    x, y, a, b = rng.random(3000), rng.random(2500), *(rng.dirichlet(np.full(n, 0.1)) for n in (3000, 2500))
    x[a.argmin()] *= far  # hardly any mass, and so far away that the last digit of a level counts
    whole = (transport._with_mass(*side) for side in (("x", x, "a", a), ("y", y, "b", b)))
    (u, v), (s, t) = whole
    exact = transport._by_levels(u, s, transport._whole_levels(v), transport._whole_levels(t), p)
    assert wp_sorted(x, y, p, a, b) == pytest.approx(exact, rel=1e-11)
