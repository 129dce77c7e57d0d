"""The population objective of the banana: its closed form, its optimum, and how a batch scatters around it."""

import numpy as np
import pytest
from scipy import integrate

from teachkit import newton as nt
from teachkit.data import Banana, banana, standard_normal
from teachkit.newton_population import kl_to_banana, standard_errors

BANANA = banana()


def batch(n=2000, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 2))


def optimum(theta0, z):
    *_, end = nt.newton(theta0, z, BANANA)
    return end.theta


@pytest.mark.law("objective-is-kl")
@pytest.mark.parametrize("theta", [(0, 0, 0, 0), (0.2, -0.3, 0.1, 0.4), (0.1, 0.1, -0.5, 0.2, 0.3)], ids=str)
def test_objective_is_minus_kl_up_to_the_base_entropy(theta):
    """By quadrature over z, not by sample: E log p(x) + s = -KL - entropy of the base."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    z = np.stack(np.meshgrid(nodes, nodes), -1).reshape(-1, 2)
    w = np.outer(weights, weights).ravel() / (2 * np.pi)
    s = theta[0] * z[:, 0] + theta[1]
    mean = w @ (BANANA.log_prob(nt.push(theta, z)) + s)
    assert mean == pytest.approx(-kl_to_banana(theta) - np.log(2 * np.pi * np.e), abs=1e-8)


@pytest.mark.law("population-optimum")
def test_population_optimum():
    from scipy.optimize import minimize

    found = minimize(kl_to_banana, [0.3, -0.4, 0.2, 0.5], tol=1e-14)
    np.testing.assert_allclose(found.x, [0, 0, 0, -0.1], atol=1e-6)
    assert kl_to_banana([0, 0, 0, -0.1]) == pytest.approx(0.01, abs=1e-15)


@pytest.mark.law("population-optimum")
def test_population_objective_is_concave(rng):
    for left, right in rng.uniform(-1.5, 1.5, (500, 2, 5)):
        middle = kl_to_banana((left + right) / 2)
        assert middle <= (kl_to_banana(left) + kl_to_banana(right)) / 2 + 1e-12


@pytest.mark.law("exact-flow")
def test_quadratic_feature_makes_the_flow_exact(rng):
    assert kl_to_banana([0, 0, 0, 0, -0.1]) == pytest.approx(0, abs=1e-15)
    z = rng.standard_normal((1000, 2))
    x = nt.push((0, 0, 0, 0, -0.1), z)
    np.testing.assert_allclose(BANANA.log_prob(x), standard_normal(2).log_prob(z), atol=1e-12)


@pytest.mark.law("batch-optimum-error")
def test_batch_optimum_scatters_as_the_sandwich_says():
    """On a strongly bent banana, where the sandwich differs from the inverse Hessian, which must fail."""
    target, population = Banana(0.5), np.array([0, 0, 0, -0.5])
    sandwich, naive = [], []
    for seed in range(200):
        z = batch(2000, seed)
        *_, end = nt.newton([0, 0, 0, 0], z, target)
        sandwich.append((end.theta - population) / standard_errors(end.theta, z, target))
        inverse = np.linalg.inv(-nt.hessian(end.theta, z, target))
        naive.append((end.theta - population) / np.sqrt(np.diag(inverse) / len(z)))
    assert np.abs(np.mean(sandwich, 0)).max() < 4 / np.sqrt(200)
    assert (np.abs(np.std(sandwich, 0) - 1) < 4 / np.sqrt(2 * 200)).all()
    assert np.std(naive, 0).max() > 1.4


@pytest.mark.law("batch-optimum-error")
def test_large_batch_reaches_the_population_optimum():
    z = batch(400_000)
    for population in ([0, 0, 0, -0.1], [0, 0, 0, 0, -0.1]):
        theta = optimum(np.zeros(len(population)), z)
        assert (np.abs(theta - population) < 4 * standard_errors(theta, z, BANANA)).all()


def test_standard_errors_against_the_bootstrap(rng):
    z = batch(2000)
    theta = optimum([0, 0, 0, 0], z)
    again = [optimum(theta, z[rng.integers(0, 2000, 2000)]) for _ in range(200)]
    np.testing.assert_allclose(np.std(again, 0), standard_errors(theta, z, BANANA), rtol=0.25)


def test_closed_form_kl_by_integration():
    value, _ = integrate.dblquad(
        lambda y, x: (
            np.exp(-(x * x + y * y) / 2) / (2 * np.pi) * (-y * y / 2 - 0.2 + (y * np.exp(0.2) + 0.1 * x * x) ** 2 / 2)
        ),
        -8,
        8,
        -8,
        8,
        epsabs=1e-8,
    )
    assert kl_to_banana([0, 0.2, 0, 0]) == pytest.approx(value, abs=1e-6)


def test_closed_form_is_finite_or_infinite_but_never_wrong_by_its_clamp():
    assert kl_to_banana([0, 400, 0, 0]) == np.inf
    assert kl_to_banana([1e200, -1e300, 1e200, 1e200, -1e200]) == np.inf
    for b in (-1e-3, 1e-3, -1e-6, 1e-6):  # near the minimum KL is b^2
        assert kl_to_banana([0, b, 0, 0, -0.1]) == pytest.approx(b**2, rel=2 * abs(b), abs=1e-15)
    assert min(kl_to_banana([0, b, 0, 0, -0.1]) for b in np.linspace(-1e-7, 1e-7, 101)) >= 0


@pytest.mark.parametrize(("z", "theta"), [((0.3, -0.2), 0.1), ((-1.0, 0.4), 0.0), ((0.7, 1.1), -0.3), ((0.5, -0.2), 0)])
@pytest.mark.parametrize("m", [4, 5])
def test_one_sample_has_no_standard_errors(z, theta, m):
    """At most samples rounding makes the pivots nonzero, so that a solver would not complain."""
    with pytest.raises(np.linalg.LinAlgError, match="Hessian is singular"):
        standard_errors(np.full(m, theta), [z], BANANA)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kl_to_banana([0, 0, 0]), "theta: expected a vector of 4 or 5"),
        (lambda: kl_to_banana([0, 0, 0, np.nan]), "theta: expected finite"),
        (lambda: standard_errors([0] * 6, batch(5), BANANA), "theta: expected a vector of 4 or 5"),
        (lambda: standard_errors([0] * 4, np.zeros((5, 3)), BANANA), "z: expected shape"),
        (lambda: standard_errors([0, 800, 0, 0], batch(5), BANANA), "theta: expected a point where"),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
