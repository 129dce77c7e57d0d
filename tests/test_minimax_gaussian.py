"""Laws of the chapter minimax: two normal laws."""

import numpy as np
import pytest
from scipy import integrate, stats

from teachkit.data import Gaussian
from teachkit.likelihood import gaussian_kl
from teachkit.likelihood_density import density_js
from teachkit.minimax import LOG_4, optimal_discriminator, sigmoid
from teachkit.minimax_gaussian import gaussian_game, gaussian_logit, shift_gradients

GAMES = [(0.0, 1.0, 2.0, 1.0), (0.0, 1.0, 1.0, 0.5), (-1.0, 2.0, 0.5, 0.7), (3.0, 0.4, 2.5, 1.5), (0.0, 1.0, 5.0, 2.0)]


def divergence(mu, sigma, m, s):
    p, q = Gaussian([mu], [[sigma**2]]), Gaussian([m], [[s**2]])
    return density_js(p.log_prob, q.log_prob, -40, 40).value


def central(f, at, h=1e-4):
    """Return the derivatives of f at a point (m, s) by central differences."""
    return np.array([(f(*(at + h * e)) - f(*(at - h * e))) / (2 * h) for e in np.eye(2)])


@pytest.mark.law("gaussian-discriminator")
@pytest.mark.parametrize("game", GAMES)
def test_discriminator_is_a_logistic_of_a_quadratic(game):
    mu, sigma, m, s = game
    x = np.linspace(-8, 8, 101)
    expected = optimal_discriminator(stats.norm(mu, sigma).pdf(x), stats.norm(m, s).pdf(x))
    np.testing.assert_allclose(sigmoid(gaussian_logit(*game)(x)), expected, rtol=1e-10, atol=1e-300)


@pytest.mark.law("gaussian-discriminator")
def test_equal_deviations_give_a_linear_logit():
    logit = gaussian_logit(1.0, 2.0, 4.0, 2.0)
    assert logit.c2 == 0
    assert logit.c1 == pytest.approx(-3 / 4)
    assert logit(2.5) == pytest.approx(0, abs=1e-15)  # half-way between the means
    assert gaussian_logit(1.0, 2.0, 4.0, 2.1).c2 != 0


def test_logits_slope_is_its_derivative():
    logit, x, h = gaussian_logit(0.0, 1.0, 1.0, 0.5), np.linspace(-3, 3, 7), 1e-6
    np.testing.assert_allclose(logit.slope(x), (logit(x + h) - logit(x - h)) / (2 * h), atol=1e-7)


def test_logit_of_nearly_equal_and_of_extreme_laws():
    # One part in 10^12 between the deviations: the difference of squares would lose half of the digits.
    s = 1 + 1e-12
    assert gaussian_logit(0.0, 1.0, 0.0, s).c2 == pytest.approx(-(s - 1), rel=1e-9)
    assert gaussian_logit(0.0, 1e150, 0.0, 2e150).c2 == pytest.approx(-0.375e-300)
    assert gaussian_logit(0.0, 1e-150, 0.0, 2e-150).c2 == pytest.approx(-0.375e300)
    assert gaussian_logit(0.0, 1e300, 0.0, 1e300) == (0, 0, 0)


@pytest.mark.law("value-is-jsd")
@pytest.mark.parametrize("game", GAMES)
def test_value_of_the_game(game):
    out = gaussian_game(*game)
    assert out.jsd == pytest.approx(divergence(*game), abs=1e-10)
    assert out.value == pytest.approx(2 * out.jsd - LOG_4, abs=1e-12)


@pytest.mark.law("value-is-jsd")
@pytest.mark.parametrize("ratio", [1e-1, 1e-2, 1e-4, 1e-10, 1e-40])
@pytest.mark.parametrize("m", [0.0, 1.5])
def test_value_with_a_narrow_law(ratio, m):
    """In the narrow law's units SciPy's quadrature has no spike to miss: JS = log 2 - overlap terms."""

    def lost(z):
        """Return the integrand p log(1 + q/p) + q log(1 + p/q) by z."""
        a = z * z / 2 - (m + ratio * z) ** 2 / 2 + np.log(ratio)
        return stats.norm.pdf(z) * (np.logaddexp(0, a) + np.exp(a) * np.logaddexp(0, -a))

    expected = -sum(integrate.quad(lost, *ends, epsabs=0, limit=300)[0] for ends in ((-14, -4), (-4, 4), (4, 14)))
    narrow = gaussian_game(0.0, 1.0, m, ratio)
    assert narrow.value == pytest.approx(expected, rel=1e-9, abs=1e-12)
    wide = gaussian_game(m, ratio, 0.0, 1.0)
    assert wide.value == pytest.approx(narrow.value, rel=1e-9, abs=1e-12)
    assert narrow.jsd == pytest.approx((narrow.value + LOG_4) / 2, rel=1e-15)


@pytest.mark.law("value-is-jsd")
@pytest.mark.parametrize(("shift", "scale"), [(1e8, 1.0), (-3e9, 1.0), (0.0, 1e-100), (0.0, 1e100), (1e160, 1e150)])
@pytest.mark.parametrize("game", GAMES[:4])
def test_game_moves_and_scales_with_both_laws(game, shift, scale):
    mu, sigma, m, s = game
    here, there = gaussian_game(*game), gaussian_game(mu * scale + shift, sigma * scale, m * scale + shift, s * scale)
    rel = 4e-16 * (1 + abs(shift) / scale) / sigma + 1e-12  # what rounding the means costs
    assert there.value == pytest.approx(here.value, abs=10 * rel)
    assert there.jsd == pytest.approx(here.jsd, abs=10 * rel)
    np.testing.assert_allclose(there.minimax * scale, here.minimax, atol=20 * rel)
    np.testing.assert_allclose(there.non_saturating * scale, here.non_saturating, rtol=20 * rel, atol=20 * rel)


@pytest.mark.law("gan-optimum")
def test_value_is_never_below_that_of_equal_laws(rng):
    for mu, sigma in ((0.0, 1.0), (1e9, 3.0), (-2.0, 1e-120)):
        out = gaussian_game(mu, sigma, mu, sigma)
        assert out.value == pytest.approx(-LOG_4, abs=1e-14)
        assert 0 <= out.jsd < 1e-14
        for m, s in zip(mu + sigma * rng.standard_normal(10), sigma * np.exp(rng.standard_normal(10)), strict=True):
            assert gaussian_game(mu, sigma, m, s).value > -LOG_4


@pytest.mark.law("generator-gradients")
@pytest.mark.parametrize("s", [1e-2, 1e-5])
def test_gradient_of_a_narrow_generator(s):
    """E log(1 - D*) by SciPy with the discriminator held fixed, as a function of m and s."""
    m0 = 0.7
    log_p = lambda x: -x * x / 2  # noqa: E731

    def loss(m, deviation):
        def integrand(z):
            x = m + deviation * z
            a = log_p(x) + ((x - m0) / s) ** 2 / 2 + np.log(s)
            return -stats.norm.pdf(z) * np.logaddexp(0, a)

        return integrate.quad(integrand, -9, 9, points=[-4, 0, 4], epsabs=1e-14, epsrel=1e-12, limit=300)[0]

    expected = central(lambda u, v: loss(m0 + s * u, s * v), np.array([0.0, 1.0])) / s
    np.testing.assert_allclose(gaussian_game(0.0, 1.0, m0, s).minimax, expected, rtol=1e-5, atol=1e-6 / np.sqrt(s))


@pytest.mark.law("generator-gradients")
@pytest.mark.parametrize("game", GAMES)
def test_minimax_gradient_is_that_of_twice_the_divergence(game):
    mu, sigma, *at = game
    expected = central(lambda m, s: 2 * divergence(mu, sigma, m, s), np.array(at))
    np.testing.assert_allclose(gaussian_game(*game).minimax, expected, atol=1e-6)


@pytest.mark.law("generator-gradients")
@pytest.mark.parametrize("game", GAMES)
def test_non_saturating_gradient_is_kl_minus_twice_the_divergence(game):
    mu, sigma, *at = game
    expected = central(lambda m, s: float(gaussian_kl(m, s, mu, sigma)) - 2 * divergence(mu, sigma, m, s), np.array(at))
    np.testing.assert_allclose(gaussian_game(*game).non_saturating, expected, atol=1e-6)


@pytest.mark.law("non-saturating-divergence")
@pytest.mark.parametrize("game", GAMES[:3])
def test_non_saturating_gradient_is_that_of_kl_from_the_average(game):
    """SciPy's quadrature of 2 r log(r / p) with r = (p + q) / 2."""
    mu, sigma, *at = game
    p = stats.norm(mu, sigma).logpdf

    def integrand(x, m, s):
        r = np.logaddexp(p(x), stats.norm(m, s).logpdf(x)) - np.log(2)
        return 2 * np.exp(r) * (r - p(x))

    def twice(m, s):
        return integrate.quad(integrand, -20, 20, args=(m, s), points=[mu, m], epsabs=1e-12, limit=300)[0]

    np.testing.assert_allclose(gaussian_game(*game).non_saturating, central(twice, np.array(at)), atol=1e-6)


@pytest.mark.law("function-space")
def test_value_is_not_convex_in_the_mean():
    m = np.linspace(0, 6, 25)
    second = np.diff([gaussian_game(0.0, 1.0, at, 1.0).value for at in m], 2)
    assert second[0] > 0.01
    assert second.min() < -0.001


@pytest.mark.law("generator-gradients")
def test_both_gradients_vanish_at_the_data_and_only_their_sum_is_kl():
    out = gaussian_game(1.0, 2.0, 1.0, 2.0)
    np.testing.assert_allclose([out.minimax, out.non_saturating], 0, atol=1e-14)
    out = gaussian_game(0.0, 1.0, 2.0, 1.0)
    np.testing.assert_allclose(out.minimax + out.non_saturating, [2.0, 0.0], atol=1e-12)
    assert out.non_saturating[0] > out.minimax[0] > 0


@pytest.mark.law("vanishing-gradient")
@pytest.mark.parametrize("m", [0.1, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 30.0, 40.0])
def test_gradient_between_its_bounds(m):
    """And against SciPy's quadrature of the overlap p q / (p + q)."""
    small, large = shift_gradients(m)
    assert m * stats.norm.cdf(-m / 2) <= small <= m * min(2 * stats.norm.cdf(-m / 2), np.exp(-m * m / 8) / 2)
    assert small + large == pytest.approx(m, rel=1e-14)

    def overlap(x):
        p, q = stats.norm.pdf(x), stats.norm.pdf(x, m)
        return p * q / (p + q) if p + q else 0.0

    ends = (m / 2 - min(10, 80 / m), m / 2 + min(10 + m / 2, 80 / m))
    expected, _ = integrate.quad(overlap, *ends, points=[m / 2], epsabs=0, epsrel=1e-10, limit=300)
    assert small == pytest.approx(m * expected, rel=1e-8)


@pytest.mark.law("vanishing-gradient")
def test_constant_of_the_decay():
    scaled = [shift_gradients(m)[0] * np.exp(m * m / 8) for m in (10.0, 20.0, 40.0, 70.0)]
    assert np.all(np.diff(scaled) > 0)
    assert scaled[-1] == pytest.approx(np.sqrt(np.pi / 2), rel=3e-3)


def test_gradient_by_shift_at_the_ends_of_the_numbers():
    assert shift_gradients(0.0) == (0, 0)
    assert shift_gradients(1e-300) == pytest.approx((5e-301, 5e-301), rel=1e-14)
    assert shift_gradients(-24.0) == tuple(-g for g in shift_gradients(24.0))
    assert shift_gradients(1e160) == (0, 1e160)
    assert shift_gradients(1e308) == (0, 1e308)


@pytest.mark.law("vanishing-gradient")
def test_gradient_by_shift_is_that_of_the_game():
    for m in (-3.0, 0.0, 0.5, 6.0):
        out = gaussian_game(0.0, 1.0, m, 1.0)
        assert (out.minimax[0], out.non_saturating[0]) == pytest.approx(shift_gradients(m), abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian_logit(0, 0, 0, 1), "sigma: expected a finite number above 0"),
        (lambda: gaussian_logit(0, 1, 0, -1), "s: expected a finite number above 0"),
        (lambda: gaussian_logit(np.nan, 1, 0, 1), "mu: expected a finite number"),
        (lambda: gaussian_logit(0, 1, "a", 1), "m: expected a finite number"),
        (lambda: gaussian_logit(0, 1, 0, 1e-200), "s: the logit's coefficients overflow"),
        (lambda: gaussian_logit(0, 1, 1e160, 1), "m: the logit's coefficients overflow"),
        (lambda: gaussian_logit(1e160, 1, 0, 1), "mu: the logit's coefficients overflow"),
        (lambda: gaussian_game(0, 1, 1e160, 1), "m: the logit's coefficients overflow"),
        (lambda: gaussian_game(0, 1, 0, 1e-200), "s: the logit's coefficients overflow"),
        (lambda: gaussian_game(0, 1, np.inf, 1), "m: expected a finite number"),
        (lambda: gaussian_game(0, 1, 0, 0), "s: expected a finite number above 0"),
        (lambda: shift_gradients(np.inf), "m: expected a finite number"),
    ],
)
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
