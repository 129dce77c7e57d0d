"""The module likelihood at the edges: extreme scales, degenerate vectors, wrong input."""

import numpy as np
import pytest

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

X = np.array([1.0, 3.0, 4.0, 5.0, 7.0])


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e160, 1e300, 2e307])
def test_fit_at_any_scale(scale):
    mu, sigma = gaussian_mle(X * scale)
    assert (mu, sigma) == (pytest.approx(4 * scale, rel=1e-14), pytest.approx(2 * scale, rel=1e-14))
    value = gaussian_log_likelihood(X * scale, mu, sigma)
    assert value == pytest.approx(gaussian_log_likelihood(X, 4, 2) - 5 * np.log(scale), rel=1e-12)
    np.testing.assert_allclose(gaussian_gradient(X * scale, mu, sigma) * [sigma, 1], 0, atol=1e-13)


def test_fit_far_from_zero_loses_no_digits():
    assert gaussian_mle([1e8 + 1, 1e8 + 2, 1e8 + 3]).sigma == pytest.approx(np.sqrt(2 / 3), rel=1e-14)
    assert gaussian_mle([-1e308, 1e308]) == (0.0, 1e308)
    assert gaussian_mle([1, 1 + 2**-52]).sigma == 2**-53
    assert gaussian_mle([1e8, 1e8 + 2**-26]).sigma == 2**-27


def test_likelihood_far_away_is_minus_infinity_and_not_an_error():
    assert gaussian_log_likelihood(X, 4, 1e-300) == -np.inf
    assert gaussian_kl(0, 1, 0, 1e-300) == np.inf
    assert gaussian_kl(0, 1e-300, 0, 1) == pytest.approx(300 * np.log(10) - 0.5)
    assert gaussian_kl(1, 1, 0, 1e-309) == np.inf
    np.testing.assert_array_equal(gaussian_gradient(X, 2, 1e-200), [np.inf, np.inf])


def test_a_difference_beyond_the_largest_number_is_no_obstacle():
    assert gaussian_kl(1e308, 1e308, -1e308, 1e308) == pytest.approx(2, rel=1e-15)
    value = gaussian_log_likelihood([1e308], -1e308, 1e308)
    assert value == pytest.approx(gaussian_log_likelihood([1], -1, 1) - 308 * np.log(10), rel=1e-14)
    np.testing.assert_allclose(gaussian_gradient([1e308], -1e308, 1e308), [2e-308, 3], rtol=1e-14)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_kl_of_close_deviations_keeps_its_digits(scale):
    r = 2.0**-20
    assert gaussian_kl(0, scale * (1 + r), 0, scale) == pytest.approx(r**2 - r**3 / 3, rel=1e-9)


@pytest.mark.parametrize(("scale", "sigma"), [(1, 1e-154), (1, 1e-200), (1, 1e-5), (1e300, 2)])
def test_ascent_from_a_deviation_far_too_small(scale, sigma):
    with pytest.raises(FloatingPointError, match=f"step: 0.5 is too large at mu = 2, sigma = {sigma:g}"):
        list(gaussian_ascent(scale * X, 2, sigma, 0.5))


def test_ascent_yields_the_start_and_as_many_steps():
    assert len(list(gaussian_ascent(X, 2, 1e-200, 0.5, steps=0))) == 1
    assert [k.mu for k in gaussian_ascent(X, 2, 2, 0.5, steps=1)] == [2, 2.25]
    assert next(gaussian_ascent(X, 2, 0.1, 0.01)).sigma == 0.1


def test_one_outcome_and_the_certain_one():
    assert entropy([1.0]) == kl([1.0], [1.0]) == js([1.0], [1.0]) == total_variation([1.0], [1.0]) == 0
    assert kl([1.0, 0.0], [1.0, 0.0]) == 0
    assert kl([0, 1], [1, 0]) == np.inf


@pytest.mark.parametrize("tiny", [1e-300, 5e-324])
def test_tiny_probabilities(tiny):
    assert kl([1.0, tiny], [tiny, 1.0]) == pytest.approx(-np.log(tiny), rel=1e-14)
    assert js([1.0, tiny], [tiny, 1.0]) == pytest.approx(np.log(2), rel=1e-14)
    assert kl([1.0, tiny], [1.0, tiny]) == 0


def test_rounding_of_the_sum_is_forgiven():
    p = np.full(7, 0.1) + 3 / 70 * (1 + 1e-12)
    assert kl(p, np.full(7, 1 / 7)) == pytest.approx(0, abs=1e-20)
    assert total_variation([1 + 9e-10, 0], [0, 1]) == 1
    large = [0.5 + 4e-10, 0.5 + 4e-10]
    assert kl(large, [0.5, 0.5]) == kl([0.5, 0.5], large) == 0
    assert entropy(large) == pytest.approx(np.log(2), rel=1e-14)


@pytest.mark.parametrize("compare", [kl, js, total_variation])
@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        ([0.5, 0.6], [0.5, 0.5], "p: expected non-negative numbers with sum 1, got sum 1.1"),
        ([0.5, 0.5], [1.5, -0.5], "q: expected non-negative numbers with sum 1, got -0.5"),
        ([0.5, 0.5], [0.2, 0.3, 0.5], r"q: expected a vector of 2 entries, got shape \(3,\)"),
        ([], [], "p: expected a vector of at least 1"),
        ([0.5, np.nan], [0.5, 0.5], "p: expected finite numbers"),
        ([0.5, 0.5], [[0.5, 0.5]], "q: expected a vector"),
        ("ab", [0.5, 0.5], "p: expected an array of numbers"),
    ],
)
def test_bad_vectors_are_named(compare, p, q, message):
    with pytest.raises(ValueError, match=message):
        compare(p, q)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian_mle([]), "x: expected a vector of at least 1"),
        (lambda: gaussian_mle([[1.0, 2.0]]), "x: expected a vector"),
        (lambda: gaussian_mle([1.0, np.inf]), "x: expected finite numbers"),
        (lambda: gaussian_mle([1e-3] * 3), "x: expected at least two different values"),
        (lambda: gaussian_mle([5e-324, 1e-323]), "x: .* and a deviation above 0"),
        (lambda: gaussian_ascent([3, 3, 3], 3, 1, 0.5), "x: expected at least two different values"),
        (lambda: gaussian_log_likelihood(X, 0, 0), "sigma: expected finite numbers above 0"),
        (lambda: gaussian_log_likelihood(X, 0, [1, -1]), "sigma: expected finite numbers above 0"),
        (lambda: gaussian_log_likelihood(X, 0, np.nan), "sigma: expected finite numbers above 0"),
        (lambda: gaussian_log_likelihood(X, np.inf, 1), "mu: expected finite numbers"),
        (lambda: gaussian_log_likelihood(X, [1, 2], [1, 2, 3]), r"sigma: expected a shape that fits \(2,\)"),
        (lambda: gaussian_gradient(X, 0, -1), "sigma: expected a finite number above 0"),
        (lambda: gaussian_gradient(X, "0", 1), "mu: expected a finite number"),
        (lambda: gaussian_kl(0, 1, 0, 0), "sigma2: expected finite numbers above 0"),
        (lambda: gaussian_kl(0, -1, 0, 1), "sigma1: expected finite numbers above 0"),
        (lambda: gaussian_kl([0, 1], 1, [0, 1, 2], 1), r"mu2: expected shapes that fit, got \(2,\) and \(3,\)"),
        (lambda: entropy([0.5]), "p: expected non-negative numbers with sum 1"),
        (lambda: gaussian_mle(np.ma.array(X, mask=[0, 0, 0, 0, 1])), "x: expected all numbers, got a masked array"),
        (lambda: gaussian_ascent(X, 0, 0, 0.1), "sigma: expected a finite number above 0"),
        (lambda: gaussian_ascent(X, 0, 1, 0), "step: expected a finite number above 0"),
        (lambda: gaussian_ascent(X, 0, 1, 0.1, -1), "steps: expected a whole number of at least 0"),
        (lambda: gaussian_ascent([], 0, 1, 0.1), "x: expected a vector"),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
