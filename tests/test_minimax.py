"""Laws of the chapter minimax: the value of the game, its best discriminator, its losses."""

import numpy as np
import pytest
from scipy import special

from teachkit.data import Gaussian
from teachkit.likelihood import js, kl
from teachkit.likelihood_density import density_js
from teachkit.minimax import (
    LOG_4,
    discriminator_loss,
    discriminator_slopes,
    jsd,
    minimax_loss,
    minimax_slope,
    non_saturating_loss,
    non_saturating_slope,
    optimal_discriminator,
    sigmoid,
    softplus,
    value,
)

LOGITS = np.array([-30.0, -3.0, -0.5, 0.0, 0.7, 4.0, 30.0])


def pair(rng, k=6):
    """Return two probability vectors with zeros: of p alone, of q alone, of both."""
    p, q = rng.dirichlet(np.ones(k)), rng.dirichlet(np.ones(k))
    p[[0, 1]] = q[[1, 2]] = 0
    return p / p.sum(), q / q.sum()


@pytest.mark.law("gan-value")
def test_value_is_the_mean_log_probability_of_the_right_label(rng):
    """Against the definition as an expectation: draw samples, look up D."""
    p, q, D = [0.2, 0.3, 0.5], [0.6, 0.3, 0.1], np.array([0.3, 0.5, 0.9])
    x, y = rng.choice(3, 200_000, p=p), rng.choice(3, 200_000, p=q)
    assert value(p, q, D) == pytest.approx(np.log(D[x]).mean() + np.log(1 - D[y]).mean(), abs=0.01)


@pytest.mark.law("gan-value")
def test_value_of_certain_and_of_wrong_answers():
    assert value([1, 0], [0, 1], [1, 0]) == 0
    assert value([1, 0], [0, 1], [0, 0]) == -np.inf
    assert value([0.5, 0.5], [1, 0], [1, 1]) == -np.inf
    assert value([0.5, 0.5, 0], [0.5, 0.5, 0], [0.5, 0.5, 1]) == pytest.approx(-LOG_4)


@pytest.mark.law("optimal-discriminator")
def test_no_discriminator_beats_the_best(rng):
    for _ in range(50):
        p, q = pair(rng)
        D = optimal_discriminator(p, q)
        best = value(p, q, D)
        assert all(value(p, q, rng.random(p.size)) < best for _ in range(20))
        where = p + q > 0
        nudged = np.clip(D + 1e-3 * rng.standard_normal(p.size) * where, 0, 1)
        assert value(p, q, nudged) < best


@pytest.mark.law("optimal-discriminator")
def test_where_both_are_zero_any_number_will_do(rng):
    p, q = pair(rng)
    D = optimal_discriminator(p, q)
    assert D[1] == 0.5
    for other in (0.0, 0.2, 1.0):
        assert value(p, q, np.where(p + q > 0, D, other)) == value(p, q, D)


def test_best_discriminator_at_any_scale():
    for scale in (1e-300, 1.0, 1e300, 5e307):
        np.testing.assert_allclose(optimal_discriminator([scale, 3 * scale], [scale, scale]), [0.5, 0.75], rtol=1e-15)
    assert optimal_discriminator([5e-324], [5e-324]) == 0.5
    np.testing.assert_array_equal(optimal_discriminator([1e-300, 1e300], [1e300, 1e-300]), [0, 1])


@pytest.mark.law("value-is-jsd")
def test_value_at_the_best_discriminator(rng):
    """Against the divergence as the mean of two KL divergences to the mixture."""
    for _ in range(20):
        p, q = pair(rng)
        m = (p + q) / 2
        divergence = (kl(p, m) + kl(q, m)) / 2
        assert value(p, q, optimal_discriminator(p, q)) == pytest.approx(2 * divergence - LOG_4, abs=1e-14)
        assert divergence == pytest.approx(jsd(p, q), abs=1e-14)


@pytest.mark.law("gan-optimum")
def test_lowest_best_value_is_at_the_data(rng):
    p = rng.dirichlet(np.ones(5))
    D = optimal_discriminator(p, p)
    np.testing.assert_array_equal(D, 0.5)
    assert value(p, p, D) == pytest.approx(-LOG_4, abs=1e-15)
    for q in rng.dirichlet(np.ones(5), 50):
        assert value(p, q, optimal_discriminator(p, q)) > -LOG_4


@pytest.mark.law("gan-optimum")
def test_highest_best_value_is_for_laws_with_nothing_in_common(rng):
    for p, q in rng.dirichlet(np.ones(5), (50, 2)):
        p[2:], q[:3] = 0, 0
        p, q = p / p.sum(), q / q.sum()
        assert value(p, q, optimal_discriminator(p, q)) == 0
        share = 10.0 ** rng.uniform(-8, 0)
        touching = (1 - share) * q + share * np.eye(5)[1]
        assert value(p, touching, optimal_discriminator(p, touching)) < 0


@pytest.mark.law("non-saturating-divergence")
def test_kl_minus_twice_the_divergence_is_a_divergence(rng):
    for p, q in rng.dirichlet(np.ones(5), (30, 2)):
        assert kl(q, p) - 2 * js(p, q) == pytest.approx(2 * kl((p + q) / 2, p), abs=1e-13)
    p, q = np.array([0.5, 0.25, 0.25]), np.array([0.5, 0.5, 0.0])
    assert kl(q, p) - 2 * js(p, q) == pytest.approx(2 * kl((p + q) / 2, p), abs=1e-14)
    assert kl(p, p) - 2 * js(p, p) == 0
    for p, q in rng.dirichlet(np.ones(5), (30, 2)):
        near = p + 1e-3 * (q - p)
        assert kl(q, p) - 2 * js(p, q) > 1e-4
        assert kl(near, p) - 2 * js(p, near) > 0


@pytest.mark.law("function-space")
def test_best_value_is_convex_in_the_law(rng):
    best = lambda p, q: value(p, q, optimal_discriminator(p, q))  # noqa: E731
    for p, first, second in rng.dirichlet(np.ones(4), (50, 3)):
        t = rng.random()
        between = best(p, t * first + (1 - t) * second)
        assert between <= t * best(p, first) + (1 - t) * best(p, second) + 1e-14
        assert between > best(p, p)


@pytest.mark.law("function-space")
def test_best_replies_go_round_and_small_steps_arrive():
    """From the example beside the statement: each reply improves, and the game never ends."""
    p, q = np.array([0.5, 0.5]), np.array([0.6, 0.4])
    for k in range(6):
        D = optimal_discriminator(p, q)
        reply = np.eye(2)[D.argmax()]
        assert value(p, reply, D) < value(p, q, D)
        np.testing.assert_array_equal(reply, [k % 2, 1 - k % 2])
        q = reply
    q = np.array([0.6, 0.4])
    for _ in range(100):
        pull = np.log(1 - optimal_discriminator(p, q))
        q = q - 0.1 * (pull - pull.mean())
    np.testing.assert_allclose(q, p, atol=1e-3)


@pytest.mark.law("value-is-jsd")
def test_densities_at_nodes_agree_with_adaptive_quadrature():
    p, q = Gaussian([0.0], [[1.0]]), Gaussian([1.5], [[1.0]])
    x = np.linspace(-10, 10, 4001)
    a, b, weights = np.exp(p.log_prob(x[:, None])), np.exp(q.log_prob(x[:, None])), np.full(x.size, 0.005)
    expected = density_js(p.log_prob, q.log_prob, -10, 10).value
    assert jsd(a, b, weights) == pytest.approx(expected, abs=1e-10)
    assert value(a, b, optimal_discriminator(a, b), weights) == pytest.approx(2 * expected - LOG_4, abs=1e-10)


def test_divergence_of_vectors_is_that_of_likelihood(rng):
    p, q = pair(rng)
    assert jsd(p, q) == js(p, q)
    assert jsd(p, q, np.ones(p.size)) == pytest.approx(js(p, q), abs=1e-15)


@pytest.mark.law("gan-losses")
def test_losses_are_the_value_and_its_parts():
    D = special.expit(LOGITS)
    assert minimax_loss(LOGITS) == pytest.approx(np.log1p(-D).mean(), rel=1e-3)
    assert non_saturating_loss(LOGITS) == pytest.approx(-np.log(D).mean(), rel=1e-12)
    # On a batch that is the whole law the discriminator's loss is minus the value.
    logits = np.array([0.3, -1.0, 2.0])
    even = np.full(3, 1 / 3)
    assert discriminator_loss(logits, logits) == pytest.approx(-value(even, even, sigmoid(logits)), rel=1e-14)


@pytest.mark.law("gan-losses")
def test_stable_forms_against_scipy():
    a = np.array([-1e308, -800.0, -37.0, -1e-9, 0.0, 1e-300, 20.0, 800.0, 1e308])
    np.testing.assert_allclose(sigmoid(a), special.expit(a), rtol=1e-13)
    np.testing.assert_allclose(softplus(a), -special.log_expit(-a), rtol=1e-13)
    assert minimax_loss([1e308]) == -1e308


@pytest.mark.law("generator-slopes")
@pytest.mark.parametrize(
    ("loss", "slope"), [(minimax_loss, minimax_slope), (non_saturating_loss, non_saturating_slope)]
)
def test_slopes_are_derivatives(loss, slope):
    h = 1e-5
    for a in LOGITS:
        assert slope(a) == pytest.approx((loss([a + h]) - loss([a - h])) / (2 * h), abs=1e-9)


@pytest.mark.law("generator-slopes")
def test_slopes_in_terms_of_the_discriminator():
    D = special.expit(LOGITS)
    np.testing.assert_allclose(minimax_slope(LOGITS), -D, rtol=1e-14)
    np.testing.assert_allclose(non_saturating_slope(LOGITS), -special.expit(-LOGITS), rtol=1e-14)
    np.testing.assert_allclose(minimax_slope(LOGITS) + non_saturating_slope(LOGITS), -1, rtol=1e-15)
    # A fake that is found out: the one slope is gone, the other at its largest.
    assert -minimax_slope(-30.0) < 1e-12
    assert -non_saturating_slope(-30.0) > 1 - 1e-12


def test_discriminators_slopes_are_derivatives():
    h, (real, fake) = 1e-5, discriminator_slopes(LOGITS, LOGITS)
    for i, a in enumerate(LOGITS):
        up, down = discriminator_loss([a + h], [0.0]), discriminator_loss([a - h], [0.0])
        assert real[i] == pytest.approx((up - down) / (2 * h), abs=1e-9)
        up, down = discriminator_loss([0.0], [a + h]), discriminator_loss([0.0], [a - h])
        assert fake[i] == pytest.approx((up - down) / (2 * h), abs=1e-9)


P, Q = [0.5, 0.5], [0.25, 0.75]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimal_discriminator([-0.1], [0.5]), "p: expected no number below 0, got -0.1"),
        (lambda: optimal_discriminator([0.1], [np.nan]), "q: expected finite numbers"),
        (lambda: optimal_discriminator(P, [1.0]), r"q: expected shape \(2,\), got \(1,\)"),
        (lambda: optimal_discriminator([], []), "p: expected at least one number"),
        (lambda: value([0.5, 0.6], Q, P), "p: expected non-negative numbers with sum 1"),
        (lambda: value(P, [1.0], P), "q: expected a vector of 2 entries"),
        (lambda: value(P, Q, [0.5, 1.1]), r"D: expected numbers from 0 to 1, got 1\.1"),
        (lambda: value(P, Q, [-0.1, 0.5]), r"D: expected numbers from 0 to 1, got -0\.1"),
        (lambda: value(P, Q, [np.nan, 0.5]), "D: expected finite numbers"),
        (lambda: value(P, Q, [0.5]), "D: expected a vector of 2 entries"),
        (lambda: value(P, Q, P, [1.0, -1.0]), "weights: expected no number below 0"),
        (lambda: value(P, Q, P, [1.0]), "p: expected a vector of 1 entries"),
        (lambda: value(P, Q, P, [2.0, 2.0]), "p: expected a weighted sum of 1, got 2"),
        (lambda: jsd(P, [0.5, 0.6], [1.0, 1.0]), r"q: expected a weighted sum of 1, got 1\.1"),
        (lambda: jsd(P, [0.5, 0.6]), "q: expected non-negative numbers with sum 1"),
        (lambda: sigmoid([np.inf]), "a: expected finite numbers"),
        (lambda: softplus("a"), "a: expected an array of numbers"),
        (lambda: minimax_slope([]), "a: expected at least one number"),
        (lambda: non_saturating_slope([np.nan]), "a: expected finite numbers"),
        (lambda: discriminator_loss([], [0.0]), "real: expected at least one number"),
        (lambda: discriminator_loss([0.0], [np.nan]), "fake: expected finite numbers"),
        (lambda: minimax_loss([]), "fake: expected at least one number"),
        (lambda: non_saturating_loss([np.inf]), "fake: expected finite numbers"),
        (lambda: discriminator_slopes([np.nan], [0.0]), "real: expected finite numbers"),
    ],
)
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
