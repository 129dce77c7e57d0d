"""Spectral norms by iteration, laws of packed samples, and a generator that looks ahead."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import binom

from teachkit import metrics
from teachkit import mode_collapse as mc
from teachkit.likelihood import js, total_variation
from teachkit.minimax_games import bilinear_dynamics


@pytest.mark.law("power-iteration")
@pytest.mark.law("power-rate")
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (6, 2)])
def test_power_iteration_climbs_to_the_largest_singular_value_and_never_above_it(shape, rng):
    W, u = rng.standard_normal(shape), rng.standard_normal(shape[0])
    largest = np.linalg.norm(W, 2)
    sigmas = [mc.power_iteration(W, k, u).sigma for k in range(1, 30)]
    assert np.diff(sigmas).min() >= -1e-14
    assert max(sigmas) <= largest * (1 + 1e-14)
    assert mc.power_iteration(W, 2000, u).sigma == pytest.approx(largest, rel=1e-10)


@pytest.mark.law("power-iteration")
def test_power_iteration_is_its_closed_form_in_the_singular_vectors(rng):
    """From u = sum c_i u_i comes sigma_k^2 = sum c_i^2 s_i^{4k} / sum c_i^2 s_i^{4k-2}."""
    W, u = rng.standard_normal((4, 4)), rng.standard_normal(4)
    left, s, _ = np.linalg.svd(W)
    c = left.T @ u
    for k in (1, 2, 7):
        expected = np.sqrt((c**2 * s ** (4 * k)).sum() / (c**2 * s ** (4 * k - 2)).sum())
        assert mc.power_iteration(W, k, u).sigma == pytest.approx(expected, rel=1e-12)


@pytest.mark.law("power-rate")
@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_power_iteration_errs_less_than_its_bounds(k, rng):
    """s_1^2 - sigma^2 <= s_1^2 tau^2 (s_2 / s_1)^{4k - 2}, and the angle to u_1 shrinks like (s_2 / s_1)^{2k}."""
    W, start = rng.standard_normal((4, 5)), rng.standard_normal(4)
    left, s, _ = np.linalg.svd(W)
    c = left.T @ start
    tau, ratio = np.linalg.norm(c[1:]) / abs(c[0]), s[1] / s[0]
    sigma, u, _ = mc.power_iteration(W, k, start)
    assert -1e-12 <= s[0] ** 2 - sigma**2 <= s[0] ** 2 * tau**2 * ratio ** (4 * k - 2) * (1 + 1e-9)
    now = left.T @ u
    assert np.linalg.norm(now[1:]) / abs(now[0]) <= tau * ratio ** (2 * k) * (1 + 1e-9)
    flat = np.diag([3.0, 2.0])  # two values: the angle shrinks exactly so
    _, u, _ = mc.power_iteration(flat, k, [1.0, 1.0])
    assert u[1] / u[0] == pytest.approx((2 / 3) ** (2 * k), rel=1e-12)
    if k == 1:
        assert mc.power_iteration(flat, 1, [1.0, 1.0]).sigma ** 2 == pytest.approx(97 / 13, rel=1e-14)


@pytest.mark.law("power-iteration")
def test_power_iteration_returns_the_singular_pair(rng):
    W = rng.standard_normal((3, 5))
    sigma, u, v = mc.power_iteration(W, 500, rng.standard_normal(3))
    left, s, right = np.linalg.svd(W)
    assert abs(u @ left[:, 0]) == pytest.approx(1)
    assert abs(v @ right[0]) == pytest.approx(1)
    np.testing.assert_allclose(W @ v, sigma * u, atol=1e-12)
    assert sigma == pytest.approx(s[0])


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_power_iteration_at_any_scale(scale):
    assert mc.power_iteration(scale * np.diag([3.0, 1.0]), 40, [1, 1]).sigma == pytest.approx(3 * scale, rel=1e-12)
    assert mc.power_iteration(np.diag([3.0, 1.0]), 40, [scale, scale]).sigma == pytest.approx(3, rel=1e-12)


def test_start_that_the_matrix_takes_to_zero_gives_zero():
    assert mc.power_iteration([[1.0, 2.0], [0.0, 0.0]], 3, [0.0, 1.0]).sigma == 0
    assert mc.power_iteration(np.zeros((2, 3)), 3, [0.0, 1.0]).sigma == 0


def test_packed_keeps_the_order(rng):
    x = rng.standard_normal((6, 2))
    np.testing.assert_array_equal(mc.packed(x, 3)[1], x[3:].ravel())
    np.testing.assert_array_equal(mc.packed(x, 1), x)


def brute(p, q, m):
    """Sum over all packs in their order."""
    packs = itertools.product(range(len(p)), repeat=m)
    return 0.5 * sum(abs(np.prod([p[i] for i in pack]) - np.prod([q[i] for i in pack])) for pack in packs)


@pytest.mark.law("packing")
@pytest.mark.parametrize(("k", "m"), [(1, 3), (2, 5), (3, 4), (5, 1), (4, 3)])
def test_packed_distance_is_the_sum_over_all_packs(k, m, rng):
    p, q = rng.dirichlet(np.ones(k), 2)
    assert mc.packed_total_variation(p, q, m) == pytest.approx(brute(p, q, m), abs=1e-14)
    assert mc.packed_total_variation(p, p, m) == 0
    if m == 1:
        assert mc.packed_total_variation(p, q, 1) == pytest.approx(total_variation(p, q), abs=1e-15)


@pytest.mark.law("packing")
@pytest.mark.parametrize("kept", [1, 3, 7])
@pytest.mark.parametrize("m", [1, 2, 4])
def test_dropped_modes_raise_the_packed_distance_as_fast_as_can_be(kept, m, rng):
    """A pack shows a lost mode with probability 1 - (1 - t)^m, and no two laws at distance t are further apart."""
    for p in (np.full(8, 1 / 8), rng.dirichlet(np.ones(8))):
        left = p[:kept].sum()
        q = np.where(np.arange(8) < kept, p / left, 0)
        assert mc.packed_total_variation(p, q, m) == pytest.approx(1 - left**m, abs=1e-13)
        assert mc.packed_bounds(p, q, m)[1] == pytest.approx(1 - left**m, abs=1e-13)


@pytest.mark.law("packing")
def test_distance_of_large_packs_of_two_values_is_that_of_binomial_laws():
    i, m = np.arange(1501), 1500  # (1500 choose 750) is above the largest float
    expected = total_variation(binom.pmf(i, m, 0.5), binom.pmf(i, m, 0.51))
    assert mc.packed_total_variation([0.5, 0.5], [0.49, 0.51], m) == pytest.approx(expected, rel=1e-9)


@pytest.mark.law("packing")
@pytest.mark.parametrize("m", [2, 3, 5])
def test_a_fault_of_the_same_size_that_drops_no_mode_raises_it_slower(m):
    p = np.full(8, 1 / 8)
    dropped, tilted = np.array([1 / 6] * 6 + [0] * 2), p * ([1.5, 0.5] * 4)
    assert total_variation(p, dropped) == pytest.approx(total_variation(p, tilted)) == 1 / 4
    assert mc.packed_total_variation(p, dropped, m) > 1.15 * mc.packed_total_variation(p, tilted, m)


@pytest.mark.law("packing")
@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_packed_distance_lies_between_its_bounds_and_grows(m, rng):
    for _ in range(20):
        p, q = rng.dirichlet(np.ones(4), 2)
        low, high = mc.packed_bounds(p, q, m)
        at = mc.packed_total_variation(p, q, m)
        assert low - 1e-12 <= at <= high + 1e-12
        assert at <= mc.packed_total_variation(p, q, m + 1) + 1e-12
    if m == 1:
        assert low == pytest.approx(high)


def quadratic(rng, m=3, n=2):
    A, B, C = rng.standard_normal((m, n)), rng.standard_normal((m, m)), rng.standard_normal((n, n))
    return A, B + B.T, C @ C.T + np.eye(n), rng.standard_normal(m), rng.standard_normal(n)


def looking_ahead(A, B, C, theta, phi, k, h):
    """f(theta, phi_k), step by step."""
    for _ in range(k):
        phi = phi + h * (A.T @ theta - C @ phi)
    return theta @ A @ phi + theta @ B @ theta / 2 - phi @ C @ phi / 2, phi


@pytest.mark.law("unrolled-gradient")
@pytest.mark.parametrize("k", [0, 1, 2, 6])
def test_unrolled_gradient_is_the_slope_of_the_game_after_k_steps(k, rng):
    A, B, C, theta, phi = quadratic(rng)
    got = mc.unrolled_gradient(A, theta, phi, steps=k, step=0.1, B=B, C=C)
    h = 1e-5
    slope = [
        (looking_ahead(A, B, C, theta + e, phi, k, 0.1)[0] - looking_ahead(A, B, C, theta - e, phi, k, 0.1)[0]) / 2 / h
        for e in h * np.eye(len(theta))
    ]
    np.testing.assert_allclose(got, slope, rtol=1e-7, atol=1e-8)
    ahead = mc.unrolled_critic(A, theta, phi, steps=k, step=0.1, C=C)
    np.testing.assert_allclose(ahead, looking_ahead(A, B, C, theta, phi, k, 0.1)[1], rtol=1e-12)


@pytest.mark.law("unrolled-gradient")
def test_unrolled_gradient_runs_from_the_plain_one_to_that_of_the_best_reply(rng):
    A, B, C, theta, phi = quadratic(rng)
    plain = mc.unrolled_gradient(A, theta, phi, steps=0, step=0.1, B=B, C=C)
    np.testing.assert_allclose(plain, A @ phi + B @ theta, rtol=1e-12)
    late = mc.unrolled_gradient(A, theta, phi, steps=3000, step=0.1, B=B, C=C)
    np.testing.assert_allclose(late, (B + A @ np.linalg.solve(C, A.T)) @ theta, rtol=1e-8)


@pytest.mark.law("unrolled-rate")
@pytest.mark.parametrize("k", [0, 1, 5])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99, 1.01])
def test_step_of_the_bilinear_game_that_looks_ahead_has_eigenvalues_of_known_modulus(k, part):
    h = part * 2 / (2 * k + 1)

    def step(theta, phi):
        theta = theta - h * mc.unrolled_gradient([[1.0]], [theta], [phi], steps=k, step=h)[0]
        return theta, phi + h * theta

    size = np.abs(np.linalg.eigvals(np.transpose([step(1.0, 0.0), step(0.0, 1.0)])))
    as_stated = np.allclose(size, np.sqrt(abs(1 - 2 * k * h**2)), rtol=1e-9)
    assert as_stated == (part < 1)
    if part < 1:
        assert 1 - 2 * k * h**2 > 0


def test_in_the_bilinear_game_looking_ahead_ends_the_circling():
    """The gradient is phi + 2 k h theta: a brake on theta, while plain alternating steps stay on their ellipse."""
    theta, phi, h = 1.0, 0.0, 0.1
    for _ in range(500):
        slope = mc.unrolled_gradient([[1.0]], [theta], [phi], steps=5, step=h)[0]
        assert slope == pytest.approx(phi + 2 * 5 * h * theta)
        theta, phi = theta - h * slope, phi + h * theta
    *_, (x, y) = bilinear_dynamics("alternating", 1.0, 0.0, step=h, steps=500)
    assert np.hypot(theta, phi) < 1e-6 < 0.9 < np.hypot(x, y)


@pytest.mark.law("lost-modes")
@pytest.mark.parametrize(("kept", "of"), [(1, 2), (1, 8), (7, 8), (24, 25), (3, 3)])
def test_lost_modes_cost_what_the_formula_says(kept, of):
    p, q, r = np.full(of, 1 / of), np.where(np.arange(of) < kept, 1 / kept, 0), kept / of
    assert js(p, q) == pytest.approx(np.log(2) + (r * np.log(r) - (1 + r) * np.log1p(r)) / 2, abs=1e-12)
    assert total_variation(p, q) == pytest.approx(1 - r, abs=1e-14)


@pytest.mark.law("mode-coverage")
def test_numbers_of_the_definition_on_a_generator_of_one_mode():
    """A at 0, B at 4: of five samples three are at A, one is near neither, and one makes B covered only if one is
    enough."""
    y, centres = [[0.1], [-0.2], [0.0], [2.0], [4.2]], [[0.0], [4.0]]
    assert metrics.mode_shares(y, centres, 0.5).tolist() == pytest.approx([0.6, 0.2, 0.2])
    assert [metrics.modes_covered(y, centres, 0.5, least) for least in (1, 2, 4)] == [2, 1, 0]
    assert metrics.high_quality_share(y, centres, 0.5) == pytest.approx(0.8)
    assert metrics.mode_js(y, centres, 0.5, [0.5, 0.5, 0]) == pytest.approx(js([0.6, 0.2, 0.2], [0.5, 0.5, 0]))
    assert metrics.mode_js(y[:3], centres, 0.5, [0.5, 0.5, 0]) == pytest.approx(0.75 * np.log(4 / 3))


@pytest.mark.law("fixed-critic")
@pytest.mark.parametrize("loss", [lambda D: np.log(1 - D), lambda D: -np.log(D), lambda D: -D])
def test_against_a_fixed_critic_one_point_beats_every_law_that_is_spread(loss, rng):
    D = rng.uniform(0.1, 0.9, 6)
    D[4] = D[2] = D.max()  # two best points
    best = loss(D)[2]
    for q in rng.dirichlet(np.ones(6), 50):
        assert q @ loss(D) > best
    assert np.array([0, 0, 0.3, 0, 0.7, 0]) @ loss(D) == pytest.approx(best)


@pytest.mark.law("feature-matching")
@pytest.mark.parametrize("features", [1, 3])
def test_few_points_match_any_means(features, rng):
    """A vertex of {q >= 0, sum q = 1, sum q f = mean f} has at most one point more than there are features."""
    x = rng.standard_normal((40, features))
    f = np.tanh(x @ rng.standard_normal((features, features))) + x**2
    rows = np.vstack([f.T, np.ones(40)])
    found = linprog(rng.standard_normal(40), A_eq=rows, b_eq=rows.mean(axis=1), method="highs-ds")
    assert found.status == 0
    assert (found.x > 1e-9).sum() <= features + 1
    np.testing.assert_allclose(found.x @ f, f.mean(axis=0), atol=1e-9)


GAME = {"A": [[1.0, 2.0]], "theta": [1.0], "phi": [0.0, 1.0], "steps": 1, "step": 0.1}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mc.power_iteration([1.0], 1, [1.0]), "W: expected shape"),
        (lambda: mc.power_iteration([[1.0]], 0, [1.0]), "steps: expected a whole number of at least 1"),
        (lambda: mc.power_iteration([[1.0]], 1, [1.0, 2.0]), "u: expected a vector of 1 entries"),
        (lambda: mc.power_iteration([[1.0]], 1, [0.0]), "u: expected a start that is not zero"),
        (lambda: mc.packed([[1.0], [2.0], [3.0]], 2), "x: expected a multiple of 2 samples, got 3"),
        (lambda: mc.packed_total_variation([0.5, 0.6], [0.5, 0.5], 2), "p: expected non-negative numbers with sum 1"),
        (lambda: mc.packed_total_variation([0.5, 0.5], [1.0], 2), "q: expected a vector of 2 entries"),
        (lambda: mc.packed_total_variation([0.1] * 10, [0.1] * 10, 20), "m: expected less"),
        (lambda: mc.packed_total_variation([0.5, 0.5], [0.5, 0.5], 100_000), "m: expected less"),
        (lambda: mc.unrolled_gradient(**{**GAME, "phi": [1.0]}), "phi: expected a vector of 2 entries"),
        (lambda: mc.unrolled_gradient(**GAME, C=[[1.0, 1.0], [0.0, 1.0]]), "C: expected a symmetric matrix"),
        (lambda: mc.unrolled_gradient(**{**GAME, "step": 0.0}), "step: expected a finite number above 0"),
        (lambda: mc.unrolled_critic(**{**GAME, "steps": -1}), "steps: expected a whole number of at least 0"),
    ],
)
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
