"""Laws: densities integrate to 1, samples follow them, scores and Hessians are their derivatives."""

import numpy as np
import pytest

from teachkit import data
from teachkit.jacobian import jacobian

PLANE = {
    "gaussian": data.Gaussian([0.5, -0.3], [[1.0, 0.4], [0.4, 0.7]]),
    "mixture": data.Mixture([0.3, 0.7], [[-1.0, 0.0], [1.0, 0.5]], [0.5, 0.8]),
    "ring": data.ring(8),
    "grid": data.grid(25),
    "banana": data.banana(),
    "two_moons": data.two_moons(),
    "checkerboard": data.checkerboard(),
    "uniform": data.Uniform([-1.0, 0.0], [2.0, 1.5]),
}
SMOOTH = [name for name, law in PLANE.items() if hasattr(law, "score")]


def midpoints(low, high, n):
    edge = np.linspace(low, high, n + 1)
    return (edge[1:] + edge[:-1]) / 2


@pytest.mark.parametrize("name", PLANE)
def test_density_integrates_to_one(name):
    side = midpoints(-6, 6, 480)
    points = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    assert np.exp(PLANE[name].log_prob(points)).sum() * 0.025**2 == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", PLANE)
def test_samples_follow_the_density(name, rng):
    """Cell frequencies of 200,000 samples against the density's mass there, in standard errors."""
    law, n, k = PLANE[name], 200_000, 12
    edges = np.linspace(-3, 3, k + 1)
    x = law.sample(n, rng)
    counts, _, _ = np.histogram2d(x[:, 0], x[:, 1], [edges, edges])
    fine = midpoints(-3, 3, k * 40)
    points = np.stack(np.meshgrid(fine, fine, indexing="ij"), -1).reshape(-1, 2)
    mass = np.exp(law.log_prob(points)).reshape(k, 40, k, 40).sum((1, 3)) * (6 / (k * 40)) ** 2
    error = np.sqrt(mass * (1 - mass).clip(0) / n) + 2e-4
    assert np.abs(counts / n - mass).max() < (5.5 * error).max()
    assert (np.abs(counts / n - mass) < 5.5 * error).all()


@pytest.mark.parametrize("name", PLANE)
def test_number_of_samples_may_be_a_whole_float(name):
    first, second = (PLANE[name].sample(n, np.random.default_rng(0)) for n in (7, 7.0))
    assert first.shape == (7, 2)
    np.testing.assert_array_equal(first, second)


def test_other_counts_may_be_whole_floats():
    np.testing.assert_array_equal(data.ring(4.0).means, data.ring(4).means)
    np.testing.assert_array_equal(data.grid(9.0).means, data.grid(9).means)
    assert data.standard_normal(3.0).mean.shape == (3,)


@pytest.mark.parametrize("name", SMOOTH)
def test_score_and_hessian_are_derivatives(name, rng):
    law = PLANE[name]
    x = law.sample(40, rng)
    score = jacobian(lambda y: law.log_prob(y)[:, None], x)[:, 0]
    scale = np.abs(score).max()
    np.testing.assert_allclose(law.score(x), score, atol=1e-7 * scale)
    hessian = jacobian(law.score, x)
    np.testing.assert_allclose(law.hessian(x), hessian, atol=1e-6 * np.abs(hessian).max())


@pytest.mark.law("banana-derivatives")
def test_banana_derivatives_against_autograd(rng):
    import torch

    law, x = data.Banana(0.1), rng.standard_normal((50, 2)) * 2
    log_p = lambda y: -0.5 * (y[0] ** 2 + (y[1] + 0.1 * y[0] ** 2) ** 2)  # noqa: E731
    points = torch.from_numpy(x)
    score = torch.func.vmap(torch.func.grad(log_p))(points).numpy()
    hessian = torch.func.vmap(torch.func.hessian(log_p))(points).numpy()
    np.testing.assert_allclose(law.score(x), score, atol=1e-12)
    np.testing.assert_allclose(law.hessian(x), hessian, atol=1e-12)
    total, first, second = law.along_second(x[:, 0], x[:, 1])
    assert total == pytest.approx(law.log_prob(x).sum(), rel=1e-12)
    np.testing.assert_allclose(first, score[:, 1], atol=1e-12)
    assert second == hessian[0, 1, 1]


def test_two_moons_against_adaptive_quadrature(rng):
    from scipy.integrate import quad

    law = data.two_moons(0.1)
    for x, y in law.sample(10, rng):

        def along(t, x=x, y=y):
            upper = (x - np.cos(t)) ** 2 + (y - np.sin(t)) ** 2
            lower = (x - 1 + np.cos(t)) ** 2 + (y - 0.5 + np.sin(t)) ** 2
            return (np.exp(-50 * upper) + np.exp(-50 * lower)) / (2 * np.pi * 2 * np.pi * 0.01)

        expected = quad(along, 0, np.pi, epsabs=0, epsrel=1e-12, limit=200)[0]
        assert law.log_prob([[x, y]])[0] == pytest.approx(np.log(expected), abs=1e-10)


def test_two_moons_are_sharp_down_to_the_least_std():
    """At std 0.01 the density across the middle of an arc is a normal's over the arc's length, 2 pi for both moons."""
    law, r = data.two_moons(0.01), 1 + 0.01 * np.linspace(-2, 2, 9)
    across = np.exp(law.log_prob(np.stack([0 * r, r], 1)))
    profile = np.exp(-0.5 * ((r - 1) / 0.01) ** 2) / (np.sqrt(2 * np.pi) * 0.01)
    np.testing.assert_allclose(across, profile / (2 * np.pi), rtol=0.03)


@pytest.mark.parametrize("method", ["log_prob", "score", "hessian"])
def test_two_moons_have_documented_methods(method):
    assert getattr(data.TwoMoons, method).__doc__.startswith("Return")


def test_gaussian_against_scipy(rng):
    from scipy.stats import multivariate_normal

    law, x = PLANE["gaussian"], rng.standard_normal((20, 2))
    np.testing.assert_allclose(law.log_prob(x), multivariate_normal(law.mean, law.cov).logpdf(x), atol=1e-13)


def test_mixture_far_away_underflows_without_nan():
    value = PLANE["mixture"].log_prob([[1e3, 1e3]])
    assert np.isfinite(value).all()
    assert value[0] < -1e5


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: data.Gaussian([0, 0], [[1, 2], [2, 1]]), "cov: expected a positive definite"),
        (lambda: data.Gaussian([0, np.nan], np.eye(2)), "mean: expected finite"),
        (lambda: data.Gaussian([0, 0], [[1, 0.5], [0, 1]]), "cov: expected a symmetric"),
        (lambda: data.Gaussian([0, 0], [[1e-10, 5e-11], [0, 1e-10]]), "cov: expected a symmetric"),
        (lambda: data.Gaussian([0, 0], np.eye(3)), "cov: expected a 2 x 2"),
        (lambda: data.Mixture([0.5, 0.6], [[0], [1]], 1), "weights: expected non-negative numbers with sum 1"),
        (lambda: data.Mixture([0.5, 0.5], [[0], [1]], [1, -1]), "stds: expected numbers above 0"),
        (lambda: data.Mixture([0.5, 0.5], [[0], [1]], [1, 1, 1]), "stds: expected a vector of 2 entries"),
        (lambda: data.Mixture([0.5, 0.5], [[0], [1]], [1]), "stds: expected a vector of 2 entries"),
        (lambda: data.Mixture([0.5, 0.5], [[0], [1]], "abc"), "stds: expected an array of numbers"),
        (lambda: data.Uniform([0, 0], [1, 0]), "high: expected every entry above"),
        (lambda: data.grid(24), "k: expected a square number"),
        (lambda: data.ring(0), "k: expected a whole number"),
        (lambda: data.ring(8, radius=np.nan), "radius: expected a finite number"),
        (lambda: data.grid(9, spacing="1"), "spacing: expected a finite number"),
        (lambda: data.two_moons(0), "std: expected a finite number above 0"),
        (lambda: data.two_moons(0.0099), "std: expected at least 0.01, got 0.0099"),
        (lambda: data.Banana(np.inf), "curvature: expected a finite number"),
        (lambda: data.banana().log_prob([1.0, 2.0]), "x: expected shape"),
        (lambda: data.banana().log_prob(np.empty((0, 2))), "x: expected at least one sample"),
        (lambda: data.banana().sample(0, np.random.default_rng(0)), "n: expected a whole number"),
        (lambda: data.two_moons().log_prob("abc"), "x: expected an array of numbers"),
    ],
)
def test_bad_input_names_the_argument(build, message):
    with pytest.raises(ValueError, match=message):
        build()
