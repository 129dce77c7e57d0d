"""Laws of the chapter likelihood: fits, and divergences of probability vectors."""

from itertools import chain, combinations

import numpy as np
import pytest
from scipy import optimize, special, stats
from scipy.spatial.distance import jensenshannon

from teachkit.data import Mixture
from teachkit.jacobian import jacobian
from teachkit.likelihood import (
    entropy,
    gaussian_ascent,
    gaussian_gradient,
    gaussian_kl,
    gaussian_log_likelihood,
    gaussian_mle,
    js,
    kl,
    total_variation,
)

X = np.array([1.0, 3.0, 4.0, 5.0, 7.0])  # the chapter's numbers: mean 4, root mean square deviation 2
LOG2 = np.log(2)


def pairs(rng, k=5, n=200):
    """Pairs of probability vectors: smooth, peaked, and with zeros."""
    for concentration in (1.0, 0.1):
        yield from zip(*(rng.dirichlet(np.full(k, concentration), n) for _ in range(2)), strict=True)
    for _ in range(n):
        p, q = rng.dirichlet(np.ones(k), 2) * rng.integers(0, 2, (2, k))
        if p.sum() > 0 and q.sum() > 0:
            yield p / p.sum(), q / q.sum()


@pytest.mark.law("likelihood")
@pytest.mark.parametrize(("mu", "sigma"), [(4, 2), (0, 1), (-3, 0.1), (1e3, 20)])
def test_log_likelihood_is_the_sum_of_log_densities(mu, sigma):
    assert gaussian_log_likelihood(X, mu, sigma) == pytest.approx(stats.norm(mu, sigma).logpdf(X).sum(), rel=1e-12)
    product = np.prod(stats.norm(4, 2).pdf(X))
    assert np.exp(gaussian_log_likelihood(X, 4, 2)) == pytest.approx(product, rel=1e-12)


@pytest.mark.law("gaussian-likelihood")
def test_likelihood_knows_the_data_by_three_numbers(rng):
    other = 4 + 2 * np.array([-1.0, 1.0, -1.0, 1.0, 0.0]) * np.sqrt(5 / 4)  # the same n, mean and deviation
    mu, sigma = rng.normal(size=(7, 1)), rng.uniform(0.1, 5, 9)
    left, right = (gaussian_log_likelihood(x, mu, sigma) for x in (X, other))
    assert left.shape == (7, 9)
    np.testing.assert_allclose(left, right, rtol=1e-12)
    top = gaussian_log_likelihood(X, 4, 2)
    np.testing.assert_allclose(top - left, 5 * gaussian_kl(4, 2, mu, sigma), rtol=1e-12, atol=1e-12)


@pytest.mark.law("gaussian-mle")
def test_no_other_normal_law_is_likelier(rng):
    x = rng.gumbel(size=30)
    mu, sigma = gaussian_mle(x)
    best = gaussian_log_likelihood(x, mu, sigma)
    others = gaussian_log_likelihood(x, mu + rng.normal(size=5000), sigma * np.exp(rng.normal(size=5000)))
    assert (others < best).all()
    loc, scale = stats.norm.fit(x)
    assert (mu, sigma) == (pytest.approx(loc, rel=1e-12), pytest.approx(scale, rel=1e-12))
    found = optimize.minimize(lambda t: -gaussian_log_likelihood(x, t[0], np.exp(t[1])), [0, 0])
    np.testing.assert_allclose(found.x, [mu, np.log(sigma)], atol=1e-5)


@pytest.mark.law("gaussian-mle")
@pytest.mark.parametrize("x", [[3.0], [2.5] * 7, [0.0, 0.0]])
def test_equal_numbers_have_no_likeliest_law(x):
    with pytest.raises(ValueError, match="x: expected at least two different values"):
        gaussian_mle(x)
    values = gaussian_log_likelihood(x, x[0], 10.0 ** -np.arange(0, 300, 20))
    np.testing.assert_allclose(np.diff(values), len(x) * 20 * np.log(10), rtol=1e-12)


NAMES = {  # a bijection of (mu, sigma), and its inverse
    "natural": (lambda m, s: (m / s**2, 1 / s**2), lambda a, b: (a / b, b**-0.5)),
    "logarithm": (lambda m, s: (m, np.log(s)), lambda a, b: (a, np.exp(b))),
    "ends": (lambda m, s: (m - s, m + s), lambda a, b: ((a + b) / 2, (b - a) / 2)),
    "mirrored": (lambda m, s: (-(m**3), 1 / s), lambda a, b: (-np.cbrt(a), 1 / b)),
}


@pytest.mark.law("mle-equivariance")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("x", [X, [-0.5, 0.1, 0.2, 1.7]])
def test_maximum_does_not_depend_on_the_names_of_the_parameters(name, x):
    g, inverse = NAMES[name]

    def minus(t):
        mu, sigma = inverse(*t)
        return -gaussian_log_likelihood(x, mu, sigma) if 0 < sigma < np.inf else np.inf

    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000}
    with np.errstate(all="ignore"):
        found = optimize.minimize(minus, g(0.8, 1.3), method="Nelder-Mead", options=options)
    np.testing.assert_allclose(found.x, g(*gaussian_mle(x)), rtol=1e-5, atol=1e-5)


@pytest.mark.law("mle-variance-bias")
@pytest.mark.parametrize("n", [2, 5])
def test_variance_is_too_small_by_one_part_in_n(n, rng):
    sigma2, runs = 9.0, 400_000
    x = 1 + 3 * rng.standard_normal((runs, n))
    s2 = x.var(axis=1)
    assert gaussian_mle(x[0]).sigma ** 2 == pytest.approx(s2[0], rel=1e-12)
    assert s2.mean() == pytest.approx((n - 1) / n * sigma2, abs=5 * s2.std() / np.sqrt(runs))
    for factor, exact in ((1, (2 * n - 1) / n**2), (n / (n - 1), 2 / (n - 1))):
        squares = (factor * s2 - sigma2) ** 2
        assert squares.mean() == pytest.approx(exact * sigma2**2, abs=5 * squares.std() / np.sqrt(runs))
    skew = rng.exponential(3, (runs, n)).var(axis=1)  # the bias needs no normal law
    assert skew.mean() == pytest.approx((n - 1) / n * sigma2, abs=5 * skew.std() / np.sqrt(runs))


@pytest.mark.law("likelihood-ascent")
@pytest.mark.parametrize(("mu", "sigma"), [(0, 3), (6, 1), (4, 2), (-2, 10)])
def test_gradient_is_that_of_differences_and_leads_to_the_top(mu, sigma):
    def f(t):
        return np.array([[gaussian_log_likelihood(X, a, np.exp(b))] for a, b in t])

    np.testing.assert_allclose(gaussian_gradient(X, mu, sigma), jacobian(f, [mu, np.log(sigma)])[0], atol=1e-7)
    iterates = list(gaussian_ascent(X, mu, sigma, 0.5, 400))
    assert len(iterates) == 401
    assert iterates[0][:2] == (mu, pytest.approx(sigma))
    np.testing.assert_allclose(iterates[-1], (4, 2, gaussian_log_likelihood(X, 4, 2)), rtol=1e-10)


@pytest.mark.law("ascent-step")
@pytest.mark.parametrize("s", [0.3, 2.0])
def test_step_must_stay_below_its_bound(s):
    x, bound = np.array([-s, s]), min(1.0, 2 * s**2)
    for factor, converges in ((0.95, True), (1.05, False)):
        *_, last = gaussian_ascent(x, 1e-4 * s, s * np.exp(1e-4), factor * bound, 3000)
        away = np.hypot(last.mu / s, np.log(last.sigma / s))
        assert (away < 1e-10) == converges
        assert converges or away > 1e-2

    def mean(t):
        return np.array([gaussian_gradient(x, a, np.exp(b)) / 2 for a, b in t])

    np.testing.assert_allclose(jacobian(mean, [0.0, np.log(s)]), np.diag([-1 / s**2, -2.0]), atol=1e-6)


@pytest.mark.law("ascent-step")
@pytest.mark.parametrize(
    ("s", "mu", "lam", "step"),
    [
        (0.3, 1e-6, 0.0, 1.1 * 2 * 0.3**2),  # above 2 s^2 alone: any mu off the mean leaves
        (2.0, 0.0, 1e-6, 1.1),  # above 1 alone: with mu at the mean, log sigma leaves
        (2.0, 1e-6, 1e-6, 1.1),
    ],
)
def test_each_of_the_two_bounds_is_needed(s, mu, lam, step):
    x = np.array([-s, s])
    for at, leaves in ((step, True), (step * 0.9 / 1.1, False)):
        ways = [np.hypot(k.mu / s, np.log(k.sigma / s)) for k in gaussian_ascent(x, mu, s * np.exp(lam), at, 2000)]
        assert (max(ways) > 0.05) == leaves
        assert leaves or ways[-1] < 1e-10


def test_ascent_says_when_the_numbers_overflow():
    with pytest.raises(FloatingPointError, match="step: 50 is too large"):
        list(gaussian_ascent(X, 0.0, 0.1, 50))


@pytest.mark.law("mixture-unbounded")
@pytest.mark.parametrize("x", [X, [3.0], [2.0, 2.0, 2.0], [1.0, 1.0, 5.0], [-0.3, 7.2, 0.0, 1e3]])
@pytest.mark.parametrize("second", [(4.0, 1.0), (-3.0, 20.0)])
def test_a_mixture_that_sits_on_a_point_has_any_likelihood(x, second):
    mu2, sigma2 = second
    values = [
        Mixture([0.5, 0.5], [[x[0]], [mu2]], [sigma, sigma2]).log_prob(np.c_[x]).sum()
        for sigma in 10.0 ** -np.arange(10, 150, 5)
    ]
    np.testing.assert_allclose(np.diff(values), np.sum(np.equal(x, x[0])) * 5 * np.log(10), rtol=1e-6)
    spike = [gaussian_log_likelihood(X, 1.0, sigma) for sigma in (1, 0.1, 0.01)]
    assert spike == sorted(spike, reverse=True)  # a single normal law gains nothing by a spike on x_1


@pytest.mark.law("kl-divergence")
def test_kl_is_that_of_scipy(rng):
    for p, q in pairs(rng):
        assert kl(p, q) == pytest.approx(special.rel_entr(p, q).sum(), rel=1e-9, abs=1e-13)
    assert kl([0.5, 0.5], [1, 0]) == np.inf
    assert kl([1, 0], [0.5, 0.5]) == pytest.approx(LOG2)


@pytest.mark.law("gibbs-inequality")
def test_kl_is_never_negative_and_zero_for_equal_laws_alone(rng):
    for p, q in pairs(rng):
        assert kl(p, q) > 0
        assert kl(p, p) == 0 == total_variation(p, p)
        assert js(p, p) == pytest.approx(0, abs=1e-30)
    p = np.array([0.2, 0.3, 0.5])
    tilt = 1e-7 * np.array([1.0, -1.0, 0.0])
    assert kl(p + tilt, p) == pytest.approx((tilt**2 / p).sum() / 2, rel=1e-6)  # where p log(p/q) alone loses digits


@pytest.mark.law("counts-mle")
@pytest.mark.parametrize("truth", [[0.1, 0.2, 0.3, 0.4], [0.5, 0.0, 0.5, 0.0], [0.0, 0.0, 1.0, 0.0]])
def test_mean_log_likelihood_of_counts(rng, truth):
    x = rng.choice(4, 50, p=truth)
    share = np.bincount(x, minlength=4) / 50
    best = np.log(share[x]).mean()
    assert best == pytest.approx(-stats.entropy(share), rel=1e-12, abs=1e-15)
    near = 0.99 * share + 0.01 * rng.dirichlet(np.ones(4), 50)
    for q in (*rng.dirichlet(np.ones(4), 50), *near, *np.eye(4), [0.5, 0.0, 0.5, 0.0]):
        with np.errstate(divide="ignore"):
            mean = np.log(np.asarray(q)[x]).mean()  # -inf where an outcome of the data has q = 0
        assert mean == pytest.approx(-entropy(share) - kl(share, q), rel=1e-12)
        assert mean < best or np.allclose(q, share)


@pytest.mark.law("total-variation")
@pytest.mark.law("tv-event")
def test_total_variation_is_the_largest_gap_of_an_event(rng):
    events = list(chain.from_iterable(combinations(range(5), r) for r in range(6)))
    for p, q in list(pairs(rng, n=40)):
        gaps = [abs(p[list(event)].sum() - q[list(event)].sum()) for event in events]
        distance = total_variation(p, q)
        assert distance == pytest.approx(max(gaps), abs=1e-14)
        assert distance == pytest.approx(abs((p - q)[p > q].sum()), abs=1e-14)
        assert distance == pytest.approx(1 - np.minimum(p, q).sum(), abs=1e-14)
        assert total_variation(q, p) == distance


@pytest.mark.law("data-processing")
def test_merging_outcomes_brings_laws_closer(rng):
    for p, q in pairs(rng):
        groups = rng.integers(0, 3, 5)
        merged = [np.bincount(groups, v, minlength=3) for v in (p, q)]
        for distance in (kl, js, total_variation):
            assert distance(*merged) <= distance(p, q) + 1e-14


@pytest.mark.law("pinsker")
@pytest.mark.law("bretagnolle-huber")
def test_kl_bounds_the_total_variation(rng):
    for p, q in pairs(rng):
        divergence, distance = kl(p, q), total_variation(p, q)
        assert distance <= np.sqrt(divergence / 2) + 1e-14
        assert distance <= np.sqrt(-np.expm1(-divergence)) + 1e-14
    # Pinsker's constant cannot be improved: it is reached as laws meet.
    near = [0.5 + 1e-4, 0.5 - 1e-4], [0.5, 0.5]
    assert total_variation(*near) == pytest.approx(np.sqrt(kl(*near) / 2), rel=1e-6)


@pytest.mark.law("bretagnolle-huber")
@pytest.mark.parametrize("d", [0.1, 1e-3, 1e-6])
def test_as_laws_part_the_second_bound_is_within_a_factor_two(d):
    """1 - TV is then e^-KL for this pair, and the bound promises half of it: no power of e^-KL could be larger."""
    p, q = [1.0, 0.0], [d, 1 - d]
    assert 1 - total_variation(p, q) == pytest.approx(np.exp(-kl(p, q)), rel=1e-9)
    assert d / 2 <= 1 - np.sqrt(-np.expm1(-kl(p, q))) <= d


@pytest.mark.law("js-divergence")
def test_js_is_that_of_scipy_and_of_its_definition(rng):
    for p, q in pairs(rng):
        middle = (p + q) / 2
        assert js(p, q) == pytest.approx((kl(p, middle) + kl(q, middle)) / 2, rel=1e-9, abs=1e-14)
        assert js(p, q) == pytest.approx(jensenshannon(p, q) ** 2, rel=1e-9, abs=1e-14)
        assert js(p, q) == pytest.approx(entropy(middle) - (entropy(p) + entropy(q)) / 2, abs=1e-13)


@pytest.mark.law("js-bounds")
@pytest.mark.law("js-saturation")
def test_js_lies_between_the_bounds_and_its_root_is_a_distance(rng):
    for p, q in pairs(rng):
        distance = total_variation(p, q)
        assert distance**2 / 2 - 1e-14 <= js(p, q) <= LOG2 * distance + 1e-14
        assert -1e-14 <= LOG2 - js(p, q) <= np.sqrt(p * q).sum() + 1e-14
        assert js(p, q) == pytest.approx(js(q, p), rel=1e-12)
        third = rng.dirichlet(np.ones(5))
        assert np.sqrt(js(p, q)) <= np.sqrt(js(p, third)) + np.sqrt(js(third, q)) + 1e-12


@pytest.mark.law("disjoint-supports")
def test_laws_without_a_common_outcome(rng):
    for _ in range(20):
        p, q = np.r_[rng.dirichlet(np.ones(3)), 0, 0], np.r_[0, 0, 0, rng.dirichlet(np.ones(2))]
        assert (kl(p, q), kl(q, p)) == (np.inf, np.inf)
        assert js(p, q) == pytest.approx(LOG2, rel=1e-14)
        assert total_variation(p, q) == pytest.approx(1, rel=1e-14)
        touching = 0.999 * q + 0.001 * p
        assert js(p, touching) < LOG2 - 1e-5
        assert total_variation(p, touching) == pytest.approx(0.999)
        assert kl(touching, p) == np.inf  # touching, but q still has mass where p has none


@pytest.mark.law("likelihood-not-quality")
def test_a_hundredth_of_the_truth_costs_little_likelihood(rng):
    for p, r in pairs(rng):
        for share in (0.01, 0.5):
            mixed = share * p + (1 - share) * r
            assert kl(p, mixed / mixed.sum()) <= np.log(1 / share) + 1e-12
