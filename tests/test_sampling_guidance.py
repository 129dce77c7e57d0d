"""Guidance: the product of densities, and what a guided sampler makes of it."""

import numpy as np
import pytest
from scipy import integrate

from teachkit.data import Gaussian, Mixture, ring
from teachkit.diffusion_forward import Schedule, linear_schedule, marginal
from teachkit.diffusion_reverse import ideal_denoiser
from teachkit.sampling import guided, guided_law, guided_log_density, labelled, noise_ratio, probability_flow

PLAIN, GIVEN = Gaussian([0.0], [[1.0]]), Gaussian([1.0], [[0.5]])


@pytest.mark.law("classifier-free-guidance")
@pytest.mark.law("guided-score")
@pytest.mark.parametrize("scale", [-0.5, 0.0, 1.0, 3.0])
def test_guided_noise_is_the_score_of_the_product_at_this_level(scale, rng):
    schedule, law = linear_schedule(10, 0.01, 0.5), ring(8)
    given, x, h = labelled(law, [0, 3]), rng.standard_normal((6, 2)), 1e-5
    denoiser = guided(ideal_denoiser(given, schedule), ideal_denoiser(law, schedule), scale)
    for t in (1, 4, 10):
        laws = marginal(law, t, schedule), marginal(given, t, schedule)
        slopes = [
            (guided_log_density(*laws, scale, x + s) - guided_log_density(*laws, scale, x - s)) / (2 * h)
            for s in h * np.eye(2)
        ]
        score = -denoiser(x, t) / np.sqrt(1 - schedule.abar[t])
        np.testing.assert_allclose(score, np.transpose(slopes), rtol=1e-5, atol=1e-5)


@pytest.mark.law("guided-score")
def test_product_is_the_density_times_a_power_of_the_label_s_probability(rng):
    law = Mixture([0.2, 0.5, 0.3], [[-1.0], [0.5], [2.0]], [0.5, 1.0, 0.3])
    x = rng.standard_normal((20, 1))
    parts = np.stack([w * np.exp(labelled(law, [k]).log_prob(x)) for k, w in enumerate(law.weights)])
    label = parts[[0, 2]].sum(0) / parts.sum(0)
    direct = law.log_prob(x) + 2.5 * np.log(label)
    gap = direct - guided_log_density(law, labelled(law, [0, 2]), 2.5, x)
    np.testing.assert_allclose(gap, 2.5 * np.log(0.5), rtol=1e-10)


@pytest.mark.law("guided-score-gap")
def test_example_by_hand():
    """Scale 3, variances 1 and 1/2: the product has mean 3/2 and variance 1/4, the sampler ends at 2 and 1/8."""
    grid = np.linspace(-6, 8, 4001)[:, None]
    p = guided_law(PLAIN, GIVEN, 3.0, grid)
    mean = p @ grid[:, 0]
    assert mean == pytest.approx(1.5, abs=1e-9)
    assert p @ (grid[:, 0] - mean) ** 2 == pytest.approx(0.25, abs=1e-6)
    sigma = 300 * (np.arange(2001) / 2000) ** 3
    schedule = Schedule.from_abar(1 / (1 + np.maximum(sigma, 1e-7 * np.arange(2001)) ** 2))
    denoiser = guided(ideal_denoiser(GIVEN, schedule), ideal_denoiser(PLAIN, schedule), 3.0)
    *_, (_, x) = probability_flow(denoiser, [[0.0], [1.0]], schedule, method="heun")
    assert x[0, 0] == pytest.approx(2 - 0.75 * np.sqrt(2) / 300, abs=1e-4)  # what the start at 300 leaves out
    assert (x[1, 0] - x[0, 0]) ** 2 == pytest.approx(1 / 8, rel=1e-2)


@pytest.mark.law("guided-score-gap")
@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 5.0])
def test_slopes_of_the_guided_score_and_of_the_noised_product(scale):
    """The guided score is steeper for scale > 1 and flatter for scale < 1; the sampler's spread ends at s^scale."""
    s2, schedule = 0.5, linear_schedule(100, 0.001, 0.1)
    grid = np.linspace(-8, 10, 3001)[:, None]
    p, x = guided_law(PLAIN, GIVEN, scale, grid), np.array([[-0.5], [0.7]])
    denoiser = guided(ideal_denoiser(GIVEN, schedule), ideal_denoiser(PLAIN, schedule), scale)
    for t in (20, 60, 100):
        a, s = np.sqrt(schedule.abar[t]), np.sqrt(1 - schedule.abar[t])
        noised = np.diff(Mixture(p, a * grid, s).score(x)[:, 0])[0] / 1.2
        used = np.diff(-denoiser(x, t)[:, 0] / s)[0] / 1.2
        sigma2 = noise_ratio(schedule)[t] ** 2
        assert a**2 * used == pytest.approx(-scale / (s2 + sigma2) - (1 - scale) / (1 + sigma2), rel=1e-9)
        assert a**2 * noised == pytest.approx(-1 / (1 / (scale / s2 + 1 - scale) + sigma2), rel=1e-5)
        assert np.sign(noised - used) == np.sign(scale - 1) or scale == 1
    rate = lambda u: u * (scale / (s2 + u**2) + (1 - scale) / (1 + u**2))  # noqa: E731
    shrink = np.exp(-integrate.quad(rate, 0, 200, limit=500)[0])
    assert 200 * shrink == pytest.approx(s2 ** (scale / 2), rel=1e-3)


@pytest.mark.law("guided-score-gap")
def test_mean_of_the_sampler_in_the_limit():
    """d mu / d sigma = sigma (slope mu - w m / (s^2 + sigma^2)) from far away: 2 m for w = 3 and s^2 = 1/2."""
    kernel = lambda v: (1 + v) * (0.5 + v) ** -2.5  # noqa: E731
    assert 3 * 0.5**1.5 / 2 * integrate.quad(kernel, 0, np.inf)[0] == pytest.approx(2, rel=1e-9)


def test_scale_zero_and_one_are_the_two_denoisers(rng):
    x = rng.standard_normal((3, 2, 2))
    for scale, wanted in ((0, np.cos(x)), (1, np.sin(x))):
        np.testing.assert_allclose(guided(lambda x, t: np.sin(x), lambda x, t: np.cos(x), scale)(x, 3), wanted)


def test_a_denoiser_that_writes_into_its_argument_changes_nothing_for_the_other():
    def rude(x, t):
        x += 1
        return x

    x = np.zeros((2, 1))
    np.testing.assert_array_equal(guided(lambda x, t: 2 * x, rude, 3.0)(x, 1), np.full((2, 1), -2.0))
    assert (x == 0).all()


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("scale", lambda: guided(None, None, np.inf)),
        ("conditional", lambda: guided(lambda x, t: x[:1], lambda x, t: x, 1.0)(np.zeros((2, 2)), 1)),
        ("components", lambda: labelled(ring(3), [3])),
        ("components", lambda: labelled(ring(3), [0, 0])),
        ("components", lambda: labelled(ring(3), [0.5])),
        ("components", lambda: labelled(Mixture([1.0, 0.0], [[0.0], [1.0]], 1.0), [1])),
        ("scale", lambda: guided_log_density(PLAIN, GIVEN, np.nan, [[0.0]])),
        ("x", lambda: guided_law(PLAIN, GIVEN, 1.0, [0.0])),
    ],
)
def test_bad_input_is_named(argument, call):
    with pytest.raises(ValueError, match=f"^{argument}: "):
        call()
