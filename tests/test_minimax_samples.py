"""Laws of the chapter minimax: what a discriminator tells about two laws, exactly and from samples."""

import numpy as np
import pytest

from teachkit.data import Gaussian, ring
from teachkit.likelihood_density import density_js
from teachkit.minimax import (
    LOG_4,
    discriminator_loss,
    jsd,
    jsd_bound,
    jsd_from_samples,
    optimal_discriminator,
    sigmoid,
    value,
)


def pair(rng, k=6):
    """Return two probability vectors with zeros: of p alone, of q alone, of both."""
    p, q = rng.dirichlet(np.ones(k)), rng.dirichlet(np.ones(k))
    p[[0, 1]] = q[[1, 2]] = 0
    return p / p.sum(), q / q.sum()


@pytest.mark.law("jsd-bound")
def test_every_discriminator_gives_a_lower_bound(rng):
    """Exactly, with expectations for means: over finitely many outcomes."""
    for _ in range(20):
        p, q = pair(rng)
        best, D = jsd(p, q), rng.random(p.size)
        assert (value(p, q, D) + LOG_4) / 2 < best
        assert (value(p, q, optimal_discriminator(p, q)) + LOG_4) / 2 == pytest.approx(best, abs=1e-14)


@pytest.mark.law("jsd-bound")
def test_mean_of_the_bound_is_the_bound_for_a_poor_discriminator(rng):
    p, q, a = [0.2, 0.3, 0.5], [0.6, 0.3, 0.1], np.array([1.0, 0.5, -2.0])
    exact = (value(p, q, sigmoid(a)) + LOG_4) / 2
    assert exact < -0.2 < jsd(p, q)
    found = np.array([jsd_bound(a[rng.choice(3, 6, p=p)], a[rng.choice(3, 4, p=q)]).value for _ in range(20_000)])
    assert found.mean() == pytest.approx(exact, abs=4 * found.std() / np.sqrt(found.size))


@pytest.mark.law("jsd-bound")
def test_error_of_the_bound_is_that_of_a_sum_of_two_means(rng):
    real, fake = rng.standard_normal(50) + 1, 2 * rng.standard_normal(40)
    terms = -np.logaddexp(0, -real), -np.logaddexp(0, fake)
    expected = np.sqrt(sum(np.var(t, ddof=1) / t.size for t in terms)) / 2
    assert jsd_bound(real, fake).error == pytest.approx(expected, rel=1e-13)


@pytest.mark.law("jsd-bound")
def test_bound_from_logits_is_the_loss(rng):
    real, fake = rng.standard_normal(50) + 1, rng.standard_normal(40)
    bound = jsd_bound(real, fake)
    assert bound.value == pytest.approx((LOG_4 - discriminator_loss(real, fake)) / 2, rel=1e-13)


@pytest.mark.law("jsd-bound")
def test_samples_estimate_the_divergence_with_an_honest_error(rng):
    p, q = Gaussian([0.0], [[1.0]]), Gaussian([1.5], [[0.49]])
    exact = density_js(p.log_prob, q.log_prob, -10, 10).value
    estimates = [jsd_from_samples(p.log_prob, q.log_prob, p.sample(300, rng), q.sample(200, rng)) for _ in range(300)]
    z = np.array([(e.value - exact) / e.error for e in estimates])
    assert abs(z.mean()) < 4 / np.sqrt(300)
    assert 0.8 < z.std() < 1.2


def test_samples_without_a_common_point_give_log_two(rng):
    p, q = ring(8), ring(8, radius=40.0)
    with np.errstate(all="raise", under="ignore"):
        estimate = jsd_from_samples(p.log_prob, q.log_prob, p.sample(10, rng), q.sample(10, rng))
    assert estimate == (pytest.approx(np.log(2)), pytest.approx(0, abs=1e-12))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jsd_bound([0.0], [0.0, 1.0]), "real: expected at least two samples, got 1"),
        (lambda: jsd_bound([0.0, 1.0], [[0.0]]), "fake: expected a vector"),
        (lambda: samples([[0.0], [1.0]], [0.0]), r"y: expected shape \[n, 1\]"),
        (lambda: samples([[0.0], [1.0]], [[0.0]]), "fake: expected at least two samples, got 1"),
        (lambda: samples([[0.0], [9.0]], [[0.0], [1.0]]), "x: expected samples where p has a density above 0"),
        (lambda: samples([[0.0], [1.0]], [[9.0], [1.0]]), "y: expected samples where q has a density above 0"),
        (lambda: one_sided([[0.0], [9.0]], [[0.0], [1.0]]), "x: expected samples where p has a density above 0"),
        (lambda: one_sided([[0.0], [9.0]], [[0.0], [1.0]], swap=True), "y: expected samples where q has"),
        (lambda: jsd_from_samples(lambda x: x, flat, [[0.0]] * 2, [[0.0]] * 2), r"log_p: expected to return shape"),
    ],
)
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def flat(x):
    """Return the log-density of the uniform law on [-2, 2]."""
    return np.where(np.abs(x[:, 0]) <= 2, -np.log(4), -np.inf)


def samples(x, y):
    return jsd_from_samples(flat, flat, x, y)


def one_sided(x, y, swap=False):
    """Give x to the law on [-2, 2], y to one on the whole line; or the other way round."""
    p, q = flat, lambda x: -np.abs(x[:, 0])
    return jsd_from_samples(q, p, y, x) if swap else jsd_from_samples(p, q, x, y)
