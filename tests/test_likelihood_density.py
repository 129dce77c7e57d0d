"""Laws of the chapter likelihood: divergences of densities on the line, and of laws that move apart."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from teachkit._quadrature import integrate as panels
from teachkit.data import Gaussian, Mixture, Uniform
from teachkit.likelihood import gaussian_kl, gaussian_log_likelihood
from teachkit.likelihood_density import density_js, density_kl, density_total_variation

LOG2 = np.log(2)
MODES = Mixture([0.5, 0.5], [[-2.0], [2.0]], 0.5)
SCIPY = {  # two laws, and an interval that holds them
    "normal, normal": (stats.norm(0, 1), stats.norm(1, 2), -40, 40),
    "normal, logistic": (stats.norm(0, 1), stats.logistic(0.5, 0.6), -30, 30),
    "gamma, exponential": (stats.gamma(3), stats.expon(scale=2), 0, 80),
    "triangle, uniform": (stats.triang(0.3, -1, 2), stats.uniform(-1, 2), -1, 1),
    "beta, beta": (stats.beta(2, 3), stats.beta(4, 2), 0, 1),
}


def normal(mu, sigma=1.0):
    return Gaussian([mu], [[sigma**2]]).log_prob


def uniform(low, high):
    return Uniform([low], [high]).log_prob


def logpdf(law):
    return lambda x: law.logpdf(x[:, 0])


@pytest.mark.law("kl-divergence")
@pytest.mark.law("js-divergence")
@pytest.mark.law("total-variation")
@pytest.mark.parametrize("name", SCIPY)
def test_quadrature_is_that_of_scipy(name):
    p, q, low, high = SCIPY[name]
    mid = lambda x: (p.pdf(x) + q.pdf(x)) / 2  # noqa: E731
    for ours, terms in (
        (density_kl, lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)) if p.pdf(x) > 0 else 0.0),
        (density_js, lambda x: sum(r.pdf(x) * np.log(r.pdf(x) / mid(x)) for r in (p, q) if r.pdf(x) > 0) / 2),
        (density_total_variation, lambda x: abs(p.pdf(x) - q.pdf(x)) / 2),
    ):
        value, error = ours(logpdf(p), logpdf(q), low, high)
        knots = np.linspace(low, high, 12)[1:-1]
        reference, gap = integrate.quad(terms, low, high, points=knots, limit=200, epsabs=1e-9, epsrel=1e-9)
        assert value == pytest.approx(reference, abs=5 * (error + gap))
        assert 0 <= error < 1e-8


@pytest.mark.law("gaussian-kl")
@pytest.mark.parametrize("first", [(0.0, 1.0), (-2.0, 0.5), (3.0, 4.0)])
@pytest.mark.parametrize("mu", [0.0, 1e-6, 0.7, 30.0])
@pytest.mark.parametrize("sigma", [0.3, 1.0, 5.0])
def test_kl_of_normal_laws_in_closed_form(first, mu, sigma):
    value, error = density_kl(normal(*first), normal(mu, sigma), -90, 90)
    assert error < 1e-9
    assert value == pytest.approx(gaussian_kl(*first, mu, sigma), rel=1e-9, abs=error)


@pytest.mark.law("gibbs-inequality")
def test_kl_is_not_symmetric_and_vanishes_for_equal_densities():
    there, back = density_kl(normal(0), normal(0, 3), -60, 60), density_kl(normal(0, 3), normal(0), -60, 60)
    assert 0 < there.value < back.value - 1
    assert density_kl(MODES.log_prob, MODES.log_prob, -20, 20).value == 0
    steps = [density_kl(normal(a), normal(b), -40, 40).value for a, b in ((0, 1), (1, 2), (0, 2))]
    assert steps == [pytest.approx(0.5), pytest.approx(0.5), pytest.approx(2)]  # no triangle inequality


@pytest.mark.law("likelihood-limit")
def test_mean_log_likelihood_tends_to_the_negative_cross_entropy(rng):
    x = MODES.sample(200_000, rng)
    entropy, _ = panels(lambda t: -np.exp(MODES.log_prob(t[:, None]))[None] * MODES.log_prob(t[:, None]), -15, 15)
    for mu, sigma in ((0, 2), (2, 1), (-1, 3)):
        terms = normal(mu, sigma)(x)
        divergence, _ = density_kl(MODES.log_prob, normal(mu, sigma), -30, 30)
        assert terms.mean() == pytest.approx(-entropy[0] - divergence, abs=5 * terms.std() / np.sqrt(len(x)))
        assert gaussian_log_likelihood(x[:, 0], mu, sigma) == pytest.approx(terms.sum(), rel=1e-9)


@pytest.mark.law("moment-matching")
@pytest.mark.parametrize("law", [MODES, Mixture([0.9, 0.1], [[0.0], [5.0]], [1.0, 0.2])])
def test_divergence_to_a_normal_law_splits_in_two(law):
    mean = law.weights @ law.means[:, 0]
    s = np.sqrt(law.weights @ (law.stds**2 + (law.means[:, 0] - mean) ** 2))
    least, _ = density_kl(law.log_prob, normal(mean, s), -30, 30)
    for mu, sigma in ((mean + 0.1, s), (mean, 1.1 * s), (0, 1), (-2, 0.7)):
        value, error = density_kl(law.log_prob, normal(mu, sigma), -30, 30)
        assert value == pytest.approx(least + gaussian_kl(mean, s, mu, sigma), abs=1e-8 + error)
        assert value > least


@pytest.mark.parametrize(
    ("std", "mu", "sigma", "least"),
    [(0.5, 0.0, 1.736, 1.871), (0.5, 2.0, 0.5, 0.693), (1.0, 0.0, 2.047, 0.2265)],  # the first is a local minimum only
)
def test_minima_of_the_other_direction(std, mu, sigma, least):
    modes = Mixture([0.5, 0.5], [[-2.0], [2.0]], std).log_prob
    value = density_kl(normal(mu, sigma), modes, -30, 30).value
    assert value == pytest.approx(least, abs=1e-3)
    for a, b in ((0.1, 1), (-0.1, 1), (0, 1.05), (0, 0.95), (0.1, 1.05), (0.1, 0.95)):
        assert density_kl(normal(mu + a, sigma * b), modes, -30, 30).value > value
    if least < 0.7:
        grid = [(a, b) for a in np.linspace(0, 3, 13) for b in np.geomspace(0.3, 3, 13)]
        assert min(density_kl(normal(a, b), modes, -30, 30).value for a, b in grid) > value - 1e-3


@pytest.mark.law("tv-event")
@pytest.mark.parametrize("theta", [-2.0, 0.1, 1.0, 4.0])
def test_total_variation_of_shifted_normal_laws(theta):
    value, error = density_total_variation(normal(0), normal(theta), -30, 30)
    assert value == pytest.approx(2 * stats.norm.cdf(abs(theta) / 2) - 1, abs=1e-10 + error)
    overlap = integrate.quad(lambda x: min(stats.norm.pdf(x), stats.norm.pdf(x - theta)), -30, 30, points=[theta / 2])
    assert value == pytest.approx(1 - overlap[0], abs=1e-9)


@pytest.mark.law("pinsker")
@pytest.mark.law("bretagnolle-huber")
@pytest.mark.law("js-bounds")
@pytest.mark.parametrize("name", SCIPY)
def test_bounds_hold_for_densities(name):
    p, q, low, high = SCIPY[name]
    kl, js, tv = (f(logpdf(p), logpdf(q), low, high).value for f in (density_kl, density_js, density_total_variation))
    assert 0 < tv <= np.sqrt(kl / 2)
    assert tv <= np.sqrt(-np.expm1(-kl))
    assert tv**2 / 2 <= js <= LOG2 * tv <= LOG2


@pytest.mark.law("bretagnolle-huber")
def test_pinsker_is_the_better_bound_up_to_about_1_6_nats():
    meet = optimize.brentq(lambda k: k / 2 + np.expm1(-k), 1, 2)
    assert meet == pytest.approx(1.594, abs=5e-4)
    for divergence, better in ((0.5, True), (1.5, True), (1.7, False), (1.9, False)):
        assert (divergence / 2 < -np.expm1(-divergence)) == better


@pytest.mark.law("disjoint-supports")
def test_disjoint_densities():
    p, q = uniform(0, 1), uniform(3, 5)
    assert density_kl(p, q, -1, 6).value == density_kl(q, p, -1, 6).value == np.inf
    assert density_js(p, q, -1, 6).value == pytest.approx(LOG2, abs=1e-9)
    assert density_total_variation(p, q, -1, 6).value == pytest.approx(1, abs=1e-9)


@pytest.mark.law("shifted-uniforms")
@pytest.mark.parametrize("shift", [-2.5, -0.4, 0.001, 0.3, 0.999, 1.0, 7.0])
def test_a_uniform_law_that_moves(shift):
    pair, ends = (uniform(0, 1), uniform(shift, shift + 1)), (-4, 9)
    overlap = min(abs(shift), 1)
    assert density_kl(*pair, *ends).value == np.inf
    assert density_js(*pair, *ends).value == pytest.approx(overlap * LOG2, abs=1e-9)
    assert density_total_variation(*pair, *ends).value == pytest.approx(overlap, abs=1e-9)
    wide = density_kl(uniform(0, 1), uniform(-1, 2), *ends)  # here q covers p
    assert wide.value == pytest.approx(np.log(3), abs=1e-9)


@pytest.mark.law("js-saturation")
@pytest.mark.parametrize("theta", [-3.0, 0.0, 0.5, 2.0, 6.0, 10.0])
@pytest.mark.parametrize("sigma", [0.7, 1.0, 3.0])
def test_js_of_normal_laws_comes_close_to_its_ceiling(theta, sigma):
    exact = np.exp(-(theta**2) / (8 * sigma**2))
    p, q = (stats.norm(mu, sigma).pdf for mu in (0, theta))
    overlap = integrate.quad(lambda x: np.sqrt(p(x) * q(x)), -30, 40, points=[0, theta / 2, theta], limit=200)
    assert overlap[0] == pytest.approx(exact, abs=1e-9)
    left = LOG2 - density_js(normal(0, sigma), normal(theta, sigma), -30, 40).value
    assert -1e-12 <= left <= exact + 1e-12


@pytest.mark.law("js-saturation")
@pytest.mark.parametrize("name", SCIPY)
def test_js_of_other_laws_stays_within_their_overlap_of_its_ceiling(name):
    p, q, low, high = SCIPY[name]
    affinity, _ = panels(lambda x: np.sqrt(p.pdf(x) * q.pdf(x))[None], low, high)
    assert 0 < LOG2 - density_js(logpdf(p), logpdf(q), low, high).value <= affinity[0] + 1e-9


@pytest.mark.law("likelihood-not-quality")
def test_noise_with_a_hundredth_of_the_truth():
    mixed = lambda x: np.logaddexp(np.log(0.01) + MODES.log_prob(x), np.log(0.99) + normal(0, 5)(x))  # noqa: E731
    value, _ = density_kl(MODES.log_prob, mixed, -60, 60)
    assert 0.5 < value <= np.log(100)


def test_a_single_zero_of_the_density_is_not_a_hole():
    notch = lambda x: 2 * np.log(np.abs(x[:, 0])) + normal(0)(x)  # noqa: E731 - x^2 N(x; 0, 1), which is 0 at 0
    with np.errstate(divide="ignore"):
        for low in (-20, -20.3125):
            assert np.isfinite(density_kl(normal(0), notch, low, 20).value)
            assert density_kl(normal(0), notch, low, 20).value == pytest.approx(
                np.euler_gamma + LOG2, abs=1e-6
            )  # -E log x^2


@pytest.mark.law("kl-divergence")
@pytest.mark.parametrize("width", [1e-2, 1e-6])
def test_a_narrow_hole_is_found_if_one_says_where(width):
    hole = (0.301, 0.301 + width)
    lost = np.diff(stats.norm.cdf(hole))[0]
    gap = lambda x: np.where((x[:, 0] > hole[0]) & (x[:, 0] < hole[1]), -np.inf, normal(0)(x) - np.log1p(-lost))  # noqa: E731
    if width > 1e-3:  # more than the thousandth that an interval may leave out
        with pytest.raises(ValueError, match="log_q: expected a density with mass 1"):
            density_kl(normal(0), gap, -20, 20)
    else:
        assert density_kl(normal(0), gap, -20, 20).value < 1e-6  # missed: a lower bound, as promised
    assert density_kl(normal(0), gap, -20, 20, points=hole).value == np.inf
    assert density_js(normal(0), gap, -20, 20, points=hole).value > 0.3 * lost
    assert density_total_variation(normal(0), gap, -20, 20, points=hole).value == pytest.approx(lost, rel=1e-6)


def test_value_is_a_lower_bound_when_the_interval_is_short():
    exact = gaussian_kl(0, 1, 1, 1)
    values = [density_kl(normal(0), normal(1), 0.5 - half, 0.5 + half).value for half in (4, 5, 8)]
    assert values == sorted(values)
    assert values[0] < exact
    for compare in (density_js, density_total_variation):
        for half in (4, 5):
            value, error = compare(normal(0), normal(1), 0.5 - half, 0.5 + half)
            full = compare(normal(0), normal(1), -30, 30).value
            assert abs(value - full) <= error


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_units_do_not_matter(scale):
    pair, ends = (normal(0, scale), normal(scale, 2 * scale)), (-40 * scale, 40 * scale)
    assert density_kl(*pair, *ends).value == pytest.approx(gaussian_kl(0, 1, 1, 2), rel=1e-9)


def test_quadrature_is_exact_for_polynomials_and_sees_jumps():
    powers = np.arange(23)[:, None]
    value, error = panels(lambda x: x**powers, -1.0, 2.0)
    np.testing.assert_allclose(value, ((2.0 ** (powers + 1) - (-1.0) ** (powers + 1)) / (powers + 1))[:, 0], rtol=1e-13)
    value, error = panels(lambda x: (x > 1 / 3)[None] * np.ones_like(x), 0.0, 1.0)
    assert abs(value[0] - 2 / 3) <= error[0] + 1e-15 < 1e-11
    value, error = panels(lambda x: x[None] ** -0.5, 0.0, 1.0)  # a pole at the end
    assert abs(value[0] - 2) <= error[0] < 1e-9


@pytest.mark.parametrize("compare", [density_kl, density_js, density_total_variation])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((normal(0), normal(0), 1, 1), "high: expected a number above low = 1, got 1"),
        ((normal(0), normal(0), -1e308, 1e308), "high: expected a number above low"),
        ((normal(0), normal(0), np.nan, 1), "low: expected a finite number, got nan"),
        ((normal(0), normal(0), -1, 1), "log_p: expected a density with mass 1 from -1 to 1, got mass 0.682689"),
        ((normal(0), normal(0), -3, 3), "log_p: expected a density with mass 1 from -3 to 3, got mass 0.9973"),
        ((3, normal(0), -9, 9), "log_p: expected a function, got int"),
        ((normal(0), normal(9), -7, 7), "log_q: expected a density with mass 1"),
        ((lambda x: normal(0)(x) + 1, normal(0), -9, 9), "log_p: expected a density with mass 1 .* got mass 2.71828"),
        ((normal(0), lambda x: normal(0)(x)[:, None], -9, 9), "log_q: expected one number a point"),
        ((lambda x: x[:, 0] * np.nan, normal(0), -9, 9), "log_p: expected log-densities below infinity"),
        ((normal(0), lambda x: ["a"], -9, 9), "log_q: expected an array of numbers"),
        ((normal(0), normal(0), -9, 9, [10.0]), "points: expected numbers between -9 and 9"),
        ((normal(0), normal(0), -9, 9, [np.nan]), "points: expected finite numbers"),
    ],
)
def test_bad_input_names_the_argument(compare, arguments, message):
    with pytest.raises(ValueError, match=message):
        compare(*arguments)
