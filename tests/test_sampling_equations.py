"""The equations behind the samplers: the forward SDE, Fokker-Planck, score matching, and what a large step loses."""

import numpy as np
import pytest

from teachkit.data import Mixture
from teachkit.diffusion_forward import linear_schedule, marginal
from teachkit.diffusion_reverse import ideal_denoiser
from teachkit.sampling import ddim_coefficients

TWO = Mixture([0.3, 0.7], [[-1.0], [1.0]], [0.3, 0.2])


@pytest.mark.law("vp-sde")
def test_euler_maruyama_of_the_forward_sde_is_the_chain_up_to_beta_squared():
    """The chain multiplies by sqrt(1 - beta), Euler-Maruyama by 1 - beta / 2; both add beta to the variance."""
    for beta in (0.1, 0.01, 0.001):
        assert abs(np.sqrt(1 - beta) - (1 - beta / 2)) < 0.14 * beta**2
    for T in (10, 100, 1000):
        b = 2 / T
        m, v = (1 - b / 2) ** T, 0.0
        for _ in range(T):
            v = (1 - b / 2) ** 2 * v + b
        assert abs(m - np.exp(-1)) < 0.5 / T
        assert abs(v - (1 - np.exp(-2))) < 2 / T


@pytest.mark.law("fokker-planck")
@pytest.mark.law("reverse-sdes")
@pytest.mark.law("probability-flow")
def test_marginals_solve_the_fokker_planck_equation_of_every_noise():
    """With beta = 2 and abar = e^(-2u): dp/du = (x p)' + p'' = -(f p)' - noise^2 p'', f = -x - (1 + noise^2) p'/p."""

    def law(u):
        abar = np.exp(-2 * u)
        return Mixture(TWO.weights, np.sqrt(abar) * TWO.means, np.sqrt(abar * TWO.stds**2 + 1 - abar))

    h, u = 1e-3, 0.3
    here, left, right = (np.linspace(-2.5, 2.5, 41)[:, None] + step for step in (0, -h, h))

    def p(x, u=u):
        return np.exp(law(u).log_prob(x))

    def flux(x, noise):
        return (-x[:, 0] - (1 + noise**2) * law(u).score(x)[:, 0]) * p(x)

    by_time = (p(here, u + h) - p(here, u - h)) / (2 * h)
    curved = (p(right) - 2 * p(here) + p(left)) / h**2
    forward = (right[:, 0] * p(right) - left[:, 0] * p(left)) / (2 * h) + curved
    np.testing.assert_allclose(by_time, forward, atol=2e-4)
    for noise in (0.0, 0.5, 1.0, 2.0):
        back = -(flux(right, noise) - flux(left, noise)) / (2 * h) - noise**2 * curved
        np.testing.assert_allclose(by_time, back, atol=2e-4)


@pytest.mark.law("ancestral-shrinks")
def test_an_ancestral_step_loses_the_variance_of_the_clean_data(rng):
    schedule, law = linear_schedule(1000).respaced([200, 600]), TWO
    for eta in (0.0, 1.0):
        a, b, c = ddim_coefficients(2, 1, schedule, eta)
        s = np.sqrt(1 - schedule.abar[2])
        x = marginal(law, 2, schedule).sample(200_000, rng)
        eps = ideal_denoiser(law, schedule)(x, 2)
        x0 = (x - s * eps) / np.sqrt(schedule.abar[2])
        unknown = law_variance(law) - x0.var()  # the mean of Var(x_0 | x_t), by the law of total variance
        k = a - b * np.sqrt(schedule.abar[2]) / s
        made = (a * x0 + b * eps).var() + c**2
        wanted = law_variance(marginal(law, 1, schedule))
        assert wanted - made == pytest.approx(k**2 * unknown, abs=0.01)
        assert k**2 * unknown > 0.05


def law_variance(law):
    mean = law.weights @ law.means[:, 0]
    return law.weights @ (law.stds**2 + (law.means[:, 0] - mean) ** 2)


@pytest.mark.law("denoising-score-matching")
def test_denoising_and_explicit_score_matching_differ_by_a_constant():
    """Three points, normal noise, quadrature: the difference of the two losses is the same for every guess."""
    x, std = np.array([-1.0, 0.2, 1.5]), 0.6
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()
    noisy = x[:, None] + std * nodes
    law = Mixture([1 / 3] * 3, x[:, None], std)
    score = law.score(noisy.reshape(-1, 1)).reshape(noisy.shape)
    gaps = []
    for guess in (np.zeros_like(noisy), np.sin(noisy), score, -noisy):
        squares = (guess + nodes / std) ** 2 - (guess - score) ** 2
        gaps.append((squares @ weights).mean())
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-8)
    assert gaps[0] > 0.1
