"""Samplers: DDIM and its family, Euler and Heun on the probability flow, and the SDEs that run back."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from scipy import special

from teachkit.data import Gaussian, Mixture
from teachkit.diffusion_forward import Schedule, cosine_schedule, linear_schedule, marginal, q_sample
from teachkit.diffusion_reverse import ancestral, ideal_denoiser
from teachkit.ode import observed_order
from teachkit.sampling import ddim, ddim_coefficients, noise_ratio, probability_flow, reverse_sde, spaced

TWO = Mixture([0.3, 0.7], [[-1.0], [1.0]], [0.3, 0.2])


def fine(T, largest=20.0):
    """A schedule whose noise ratio is a square of the step's number."""
    sigma = largest * (np.arange(T + 1) / T) ** 2
    return Schedule.from_abar(1 / (1 + sigma**2))


def last(path):
    *_, (t, x) = path
    assert t == 0
    return x


def cdf(law, x):
    return special.ndtr((x - law.means[:, 0]) / law.stds) @ law.weights


def wavy(x, t):
    """A denoiser without structure: it depends on every argument."""
    return np.sin(3 * x + t) + x[..., ::-1] / 2


@pytest.mark.law("ddim-sampling")
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("make", [linear_schedule, cosine_schedule])
def test_ddim_is_that_of_diffusers(eta, make, rng):
    schedule, xT = make(20), rng.standard_normal((3, 1, 4))
    peer = DDIMScheduler(num_train_timesteps=20, clip_sample=False, timestep_spacing="trailing")
    peer.alphas_cumprod = torch.from_numpy(schedule.abar[1:].copy())  # the peer's own are float32
    peer.set_timesteps(5)
    draws = np.random.default_rng(7)
    x, xs = torch.from_numpy(xT), [xT]
    for t in peer.timesteps.tolist():
        found = torch.from_numpy(wavy(x.numpy(), t + 1))
        z = torch.from_numpy(draws.standard_normal(xT.shape)) if eta > 0 and t > 3 else torch.zeros_like(x)
        x = peer.step(found, t, x, eta=eta, variance_noise=z).prev_sample
        xs.append(x.numpy())
    path = list(ddim(wavy, xT, schedule, 5, eta, np.random.default_rng(7)))
    assert [t for t, _ in path] == [20, 16, 12, 8, 4, 0]
    for (_, ours), theirs in zip(path, xs, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.law("ddim-ancestral")
@pytest.mark.parametrize("times", [None, [1, 4, 5, 9, 12]])
def test_eta_one_is_ancestral_draw_for_draw(times, rng):
    schedule, xT = linear_schedule(12, 0.01, 0.4), rng.standard_normal((5, 2))
    ours = list(ddim(wavy, xT, schedule, times, 1.0, np.random.default_rng(3)))
    at = np.array(range(1, 13) if times is None else times)
    theirs = ancestral(lambda x, k: wavy(x, at[k - 1]), xT, schedule.respaced(at), np.random.default_rng(3))
    for (t, x), (k, y) in zip(ours, theirs, strict=True):
        assert t == (at[k - 1] if k else 0)
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)


@pytest.mark.law("ddim-family")
@pytest.mark.law("ddim-marginals")
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_each_process_of_the_family_has_the_kernel_as_its_marginals(eta, rng):
    """One data point: then the denoiser knows x_0, and the sampler is the process given x_0."""
    schedule, x0 = linear_schedule(6, 0.1, 0.6), np.array([2.0, -1.0])
    xT = q_sample(np.tile(x0, (40_000, 1)), 6, rng.standard_normal((40_000, 2)), schedule)
    for t, x in ddim(ideal_denoiser([x0], schedule), xT, schedule, None, eta, rng):
        np.testing.assert_allclose(x.mean(0), np.sqrt(schedule.abar[t]) * x0, atol=0.03)
        np.testing.assert_allclose(np.cov(x.T), (1 - schedule.abar[t]) * np.eye(2), atol=0.03)


@pytest.mark.law("ddim-marginals")
def test_variance_of_a_step_is_that_of_the_kernel():
    schedule = cosine_schedule(9)
    for t, s, eta in [(9, 8, 0.0), (9, 3, 0.7), (4, 1, 1.0), (2, 0, 0.3)]:
        a, b, c = ddim_coefficients(t, s, schedule, eta)
        assert a**2 + b**2 + c**2 == pytest.approx(1, abs=1e-12)
        assert a**2 == pytest.approx(schedule.abar[s], abs=1e-12)
    assert ddim_coefficients(5, 4, schedule, 1.0)[2] ** 2 == pytest.approx(schedule.posterior_variance[5], rel=1e-10)


@pytest.mark.law("ddim-euler")
def test_ddim_without_noise_is_euler_in_the_noise_ratio(rng):
    schedule, xT = linear_schedule(30, 0.001, 0.3), rng.standard_normal((4, 3))
    sigma, times = noise_ratio(schedule), [30, 22, 9, 4, 1, 0]
    y = xT / np.sqrt(schedule.abar[30])
    for t, s in pairwise(times):
        y = y + (sigma[s] - sigma[t]) * wavy(np.sqrt(schedule.abar[t]) * y, t)
    np.testing.assert_allclose(last(ddim(wavy, xT, schedule, times[:-1])), y, rtol=1e-10)
    np.testing.assert_allclose(last(probability_flow(wavy, xT, schedule, times[:-1])), y, rtol=1e-10)


@pytest.mark.law("probability-flow")
@pytest.mark.law("flow-quantiles")
def test_probability_flow_carries_the_marginals_of_a_mixture():
    """On the line paths can't cross, so each keeps its level: F_t(x_t) is the same for every t."""
    schedule = fine(800)
    start = marginal(TWO, 800, schedule)
    xT = np.linspace(-40, 60, 301)[:, None] * np.sqrt(schedule.abar[-1])
    level = cdf(start, xT)
    assert level.min() < 0.03
    assert level.max() > 0.97
    for t, x in probability_flow(ideal_denoiser(TWO, schedule), xT, schedule, method="heun"):
        assert np.abs(cdf(marginal(TWO, t, schedule), x) - level).max() < 5e-5
    assert t == 0


@pytest.mark.law("flow-quantiles")
def test_probability_flow_of_a_normal_law_is_a_line():
    schedule, law = fine(400), Gaussian([1.0, -2.0], [[2.0, 0.6], [0.6, 0.5]])
    xT = np.array([[3.0, 1.0], [-1.0, 0.5]])
    sizes, axes = np.linalg.eigh(law.cov)
    y = xT / np.sqrt(schedule.abar[-1]) - law.mean
    stretch = np.sqrt(sizes / (sizes + noise_ratio(schedule)[-1] ** 2))
    exact = law.mean + ((y @ axes) * stretch) @ axes.T
    x = last(probability_flow(ideal_denoiser(law, schedule), xT, schedule, method="heun"))
    np.testing.assert_allclose(x, exact, atol=5e-4)


@pytest.mark.law("heun-sampling")
@pytest.mark.law("sampler-orders")
@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2)])
def test_order_of_the_solvers_on_a_mixture(method, order):
    xT, counts = np.linspace(-2, 2, 9)[:, None], [40, 80, 160]
    smooth = Mixture([0.5, 0.5], [[-1.0], [1.0]], 0.5)

    def end(T, method):
        return last(probability_flow(ideal_denoiser(smooth, fine(T)), xT, fine(T), method=method))

    exact = end(1500, "heun")
    errors = [np.abs(end(T, method) - exact).max() for T in counts]
    assert observed_order(counts, errors) == pytest.approx(order, abs=0.1)


@pytest.mark.law("heun-sampling")
def test_heun_calls_twice_a_step_but_never_at_time_zero(rng):
    seen = []

    def denoiser(x, t):
        seen.append(t)
        return wavy(x, t)

    last(probability_flow(denoiser, rng.standard_normal((2, 2)), linear_schedule(10), [2, 5, 10], method="heun"))
    assert seen == [10, 5, 5, 2, 2]


@pytest.mark.law("reverse-sdes")
@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0, 1.5])
def test_sdes_of_every_noise_reproduce_a_normal_law(noise, rng):
    """For a normal law a step is linear, so its variance is a recursion; it tends to the data's as steps get fine."""
    end = {}
    for T in (100, 200, 400):
        schedule = Schedule.from_abar(np.exp(-6 * np.linspace(0, 1, T + 1) ** 2))
        V = 1 + schedule.abar * (0.25 - 1)
        v = V[-1]
        for t in range(T, 0, -1):
            B = np.log(schedule.abar[t - 1] / schedule.abar[t])
            v = (1 + B / 2 * (1 - (1 + noise**2) / V[t])) ** 2 * v + noise**2 * B
        end[T] = v
    assert observed_order(list(end), np.abs(np.array(list(end.values())) - 0.25)) == pytest.approx(1, abs=0.2)
    schedule = Schedule.from_abar(np.exp(-6 * np.linspace(0, 1, 101) ** 2))
    denoiser = ideal_denoiser(Gaussian([0.0], [[0.25]]), schedule)
    xT = marginal(Gaussian([0.0], [[0.25]]), 100, schedule).sample(20_000, rng)
    assert last(reverse_sde(denoiser, xT, schedule, rng, noise=noise)).var() == pytest.approx(end[100], rel=0.04)


@pytest.mark.law("reverse-sdes")
def test_sde_reproduces_the_weights_of_a_mixture(rng):
    schedule = fine(400, 10)
    xT = marginal(TWO, 400, schedule).sample(4000, rng)
    x = np.sort(last(reverse_sde(ideal_denoiser(TWO, schedule), xT, schedule, rng))[:, 0])
    assert np.abs(cdf(TWO, x[:, None]) - np.arange(4000) / 4000).max() < 0.04


def test_path_is_never_changed_and_neither_is_the_start(rng):
    xT = rng.standard_normal((3, 2))
    kept = xT.copy()

    def rude(x, t):
        x += 1
        return x

    for sampler in (ddim, probability_flow):
        path = sampler(rude, xT, linear_schedule(4))
        xs = []
        for _, x in path:
            xs.append(x.copy())
            x[:] = np.nan
        assert np.isfinite(xs).all()
    np.testing.assert_array_equal(xT, kept)


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("xT", lambda s: ddim(wavy, [[np.nan]], s)),
        ("xT", lambda s: ddim(wavy, 1.0, s)),
        ("times", lambda s: ddim(wavy, [[0.0]], s, [3, 3])),
        ("times", lambda s: ddim(wavy, [[0.0]], s, [0, 3])),
        ("times", lambda s: ddim(wavy, [[0.0]], s, [2, 11])),
        ("times", lambda s: ddim(wavy, [[0.0]], s, [1.5])),
        ("steps", lambda s: ddim(wavy, [[0.0]], s, 11)),
        ("eta", lambda s: ddim(wavy, [[0.0]], s, eta=1.5)),
        ("rng", lambda s: ddim(wavy, [[0.0]], s, eta=0.5)),
        ("rng", lambda s: reverse_sde(wavy, [[0.0]], s)),
        ("noise", lambda s: reverse_sde(wavy, [[0.0]], s, noise=-1)),
        ("method", lambda s: probability_flow(wavy, [[0.0]], s, method="rk4")),
        ("schedule", lambda s: probability_flow(wavy, [[0.0]], s.abar)),
        ("denoiser", lambda s: list(ddim(lambda x, t: x[:, :1], [[0.0, 1.0]], s))),
        ("t", lambda s: ddim_coefficients(3, 3, s)),
        ("t", lambda s: ddim_coefficients(11, 3, s)),
        ("steps", lambda s: spaced(10, 0)),
    ],
)
def test_bad_input_is_named(argument, call):
    with pytest.raises(ValueError, match=f"^{argument}: "):
        call(linear_schedule(10))
