"""The way back: targets and conversions, the ideal denoiser, ancestral sampling, the embedding of time."""

import itertools
import warnings

import numpy as np
import pytest

from teachkit import diffusion_reverse as back
from teachkit.data import Gaussian, Mixture
from teachkit.diffusion_forward import marginal, q_sample
from teachkit.diffusion_schedule import Schedule, linear_schedule
from teachkit.transport import wp_sorted

TWO = Schedule([0.36, 0.75])
LONG = linear_schedule(60, 1e-3, 0.25)
NODES, SHARES = np.polynomial.hermite_e.hermegauss(80)
SHARES = SHARES / SHARES.sum()
PAIR = np.array([[-1.0], [1.0]])


@pytest.fixture
def laws(rng):
    root = rng.standard_normal((2, 2))
    return [
        Gaussian([0.5, -1.0], root @ root.T + 0.1 * np.eye(2)),
        Mixture([0.2, 0.5, 0.3], rng.standard_normal((3, 2)), [0.1, 0.5, 1.0]),
        rng.standard_normal((6, 2)),
    ]


@pytest.mark.law("four-targets")
@pytest.mark.parametrize("t", [1, 30, 60, np.arange(1, 6)], ids=str)
def test_targets_are_what_they_say(t, rng):
    x0, eps = rng.standard_normal((2, 5, 3))
    abar = LONG.abar[t] if np.ndim(t) == 0 else LONG.abar[t][:, None]
    a, s = np.sqrt(abar), np.sqrt(1 - abar)
    for kind, value in {"noise": eps, "x0": x0, "v": a * eps - s * x0, "score": -eps / s}.items():
        np.testing.assert_allclose(back.target(x0, eps, t, LONG, kind), value, rtol=1e-14)
    xt = q_sample(x0, t, eps, LONG)
    # The score is the slope of log q(x_t | x_0); v has no part along x_t on the circle of (a, s).
    np.testing.assert_allclose(back.target(x0, eps, t, LONG, "score"), -(xt - a * x0) / s**2, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(a * xt - s * back.target(x0, eps, t, LONG, "v"), x0, rtol=1e-10, atol=1e-12)


@pytest.mark.law("same-prediction")
@pytest.mark.parametrize(("given", "wanted"), list(itertools.product(back.KINDS, repeat=2)))
def test_each_kind_says_what_each_other_says(given, wanted, rng):
    x0, eps = rng.standard_normal((2, 5, 3, 2))
    for t in (1, 20, 60, np.array([1, 2, 30, 59, 60])):
        xt = q_sample(x0, t, eps, LONG)
        out = back.convert(back.target(x0, eps, t, LONG, given), xt, t, LONG, given, wanted)
        np.testing.assert_allclose(out, back.target(x0, eps, t, LONG, wanted), rtol=1e-9, atol=1e-10)


@pytest.mark.law("same-prediction")
def test_errors_of_the_kinds_differ_by_a_factor_of_the_step(rng):
    x0, eps, off = rng.standard_normal((3, 5, 3))
    for t in (1, 20, 60):
        abar, snr = LONG.abar[t], LONG.snr[t]
        xt = q_sample(x0, t, eps, LONG)
        factors = {"noise": 1.0, "x0": 1 / snr, "v": 1 / abar, "score": 1 / (1 - abar)}
        for kind, factor in factors.items():
            seen = back.convert(eps + off, xt, t, LONG, "noise", kind)
            error = ((seen - back.target(x0, eps, t, LONG, kind)) ** 2).sum()
            assert error == pytest.approx(factor * (off**2).sum(), rel=1e-8)
        assert 1 + 1 / snr == pytest.approx(1 / abar, rel=1e-12)  # noise and clean point together are the velocity


@pytest.mark.law("noise-is-score")
@pytest.mark.parametrize("t", [1, 5, 30, 60])
def test_ideal_noise_is_the_score_of_the_noisy_law(laws, t, rng):
    x = 2 * rng.standard_normal((200, 2))
    for law in laws:
        score = marginal(law, t, LONG).score(x)
        seen = back.ideal_denoiser(law, LONG)(x, t)
        np.testing.assert_allclose(seen, -np.sqrt(1 - LONG.abar[t]) * score, rtol=1e-9, atol=1e-9)


@pytest.mark.law("ideal-denoiser")
@pytest.mark.law("posterior-mean")
@pytest.mark.parametrize("t", [1, 10, 60])
def test_ideal_noise_is_the_mean_of_the_noise_given_x(t):
    """By Bayes' rule in so many words: over x_0 on a grid for a density, over the points for points."""
    a, s = LONG.abar[t] ** 0.5, (1 - LONG.abar[t]) ** 0.5
    law = Mixture([0.3, 0.7], [[-1.0], [0.5]], [0.2, 0.4])
    grid = np.linspace(-4, 4, 40_001)
    points = np.array([-1.0, 0.2, 1.5])
    for data, x0, prior in [
        (law, grid, np.exp(law.log_prob(grid[:, None]))),
        (Gaussian([0.5], [[0.3]]), grid, np.exp(-((grid - 0.5) ** 2) / 0.6)),
        (points[:, None], points, np.ones(3)),
    ]:
        for x in (-1.5, 0.0, 0.4, 2.0):
            eps = (x - a * x0) / s
            weight = prior * np.exp(-(eps**2 - (eps**2).min()) / 2)
            seen = back.ideal_denoiser(data, LONG)(np.array([[x]]), t)
            assert seen[0, 0] == pytest.approx(weight @ eps / weight.sum(), rel=1e-8, abs=1e-9)


@pytest.mark.law("posterior-mean")
@pytest.mark.parametrize("t", [1, 20, 60])
def test_the_loss_of_any_denoiser_is_the_least_loss_plus_its_distance_from_the_ideal(t):
    ideal = back.ideal_denoiser(PAIR, LONG)

    def mean(values):  # over the point and the noise
        return values.reshape(2, -1) @ SHARES @ [0.5, 0.5]

    eps = np.tile(NODES, 2)[:, None]
    xt = q_sample(np.repeat(PAIR, 80, axis=0), t, eps, LONG)
    best = mean((eps - ideal(xt, t)) ** 2)
    for other in (xt, np.sin(3 * xt), np.zeros_like(xt)):
        gap = mean((ideal(xt, t) - other) ** 2)
        assert mean((eps - other) ** 2) == pytest.approx(best + gap, rel=1e-6)


def test_denoiser_of_pictures_is_that_of_their_vectors(rng):
    data, xt = rng.standard_normal((7, 2, 3, 1)), rng.standard_normal((4, 2, 3, 1))
    flat = back.ideal_denoiser(data.reshape(7, 6), LONG)(xt.reshape(4, 6), 9)
    np.testing.assert_array_equal(back.ideal_denoiser(data, LONG)(xt, 9), flat.reshape(xt.shape))


def test_denoiser_takes_rows_in_blocks(monkeypatch, rng):
    data, xt = rng.standard_normal((7, 2)), rng.standard_normal((5, 2))
    whole = back.ideal_denoiser(data, LONG)(xt, 9)
    monkeypatch.setattr(back, "_BLOCK", 14)
    np.testing.assert_allclose(back.ideal_denoiser(data, LONG)(xt, 9), whole, rtol=1e-12)


@pytest.mark.law("two-point-denoiser")
def test_two_points_give_a_hyperbolic_tangent():
    """By hand, and in the chapter's two steps: tanh(16/84) and tanh(0.8 x / 0.36)."""
    ideal = back.ideal_denoiser(PAIR, TWO)
    for t in (1, 2):
        a, s2 = TWO.abar[t] ** 0.5, 1 - TWO.abar[t]
        x = np.linspace(-2, 2, 9)[:, None]
        clean = back.convert(ideal(x, t), x, t, TWO, "noise", "x0")
        np.testing.assert_allclose(clean, np.tanh(a * x / s2), rtol=1e-12, atol=1e-14)


@pytest.mark.law("ideal-memorises")
@pytest.mark.parametrize("d", [1, 2])
def test_sampling_with_the_ideal_denoiser_returns_the_data(d, rng):
    data = np.stack([np.linspace(-1, 1, 12), np.cos(np.arange(12))], 1)[:, :d]
    schedule = linear_schedule(200, 1e-4, 0.1)
    ideal = back.ideal_denoiser(data, schedule)
    *_, (_, x1), (_, x0) = back.ancestral(ideal, rng.standard_normal((300, d)), schedule, rng)
    a2 = schedule.abar[1]
    squares = ((x1[:, None] / a2**0.5 - data) ** 2).sum(2)
    near = np.sort(squares, axis=1)
    bound = np.ptp(data, axis=0).max() * d**0.5 * 11 * np.exp(-a2 * (near[:, 1] - near[:, 0]) / (2 * (1 - a2)))
    distance = np.linalg.norm(x0 - data[squares.argmin(1)], axis=1)
    assert (distance <= bound + 1e-12).all()
    assert (distance < 1e-3).mean() > 0.9
    assert (x0 <= data.max(0) + 1e-12).all()
    assert (x0 >= data.min(0) - 1e-12).all()


@pytest.mark.law("ancestral-sampling")
@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_moments_are_those_of_the_exact_chain(variance, rng):
    ideal = back.ideal_denoiser(Gaussian([0.7], [[0.2]]), LONG)
    path = dict(back.ancestral(ideal, rng.standard_normal((40_000, 1)), LONG, rng, variance))
    means, variances = back.normal_chain(0.7, 0.2, LONG, variance)
    for t, x in path.items():
        assert abs(x.mean() - means[t]) < 5 * (variances[t] / 40_000) ** 0.5
        assert x.var() == pytest.approx(variances[t], rel=0.04)


@pytest.mark.law("ancestral-sampling")
@pytest.mark.parametrize(("variance", "name"), [("posterior", "fixed_small"), ("beta", "fixed_large")])
def test_steps_are_those_of_diffusers(variance, name, rng):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from diffusers import DDPMScheduler
    peer = DDPMScheduler(trained_betas=LONG.beta[1:], variance_type=name, clip_sample=False)
    peer.betas = torch.tensor(LONG.beta[1:])
    peer.alphas, peer.alphas_cumprod, peer.one = 1 - peer.betas, torch.tensor(LONG.abar[1:]), torch.ones(1).double()
    xT, seed = rng.standard_normal((4, 2)), 5
    x = torch.tensor(xT)
    draws = np.random.default_rng(seed)

    def draw(shape, **_):
        return torch.tensor(draws.standard_normal(tuple(shape)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", draw)
        for t, ours in back.ancestral(lambda x, t: np.tanh(x + t), xT, LONG, np.random.default_rng(seed), variance):
            np.testing.assert_allclose(ours, x.numpy(), rtol=1e-10, atol=1e-10)
            if t:
                x = peer.step(torch.tanh(x + t), t - 1, x).prev_sample


@pytest.mark.law("ancestral-sampling")
def test_path_goes_down_to_zero_and_never_changes(rng):
    def spoil(x, t):
        x *= 0
        return x

    xT = rng.standard_normal((3, 2, 2))
    path = list(back.ancestral(spoil, xT, LONG, rng))
    assert [t for t, _ in path] == list(range(60, -1, -1))
    np.testing.assert_array_equal(path[0][1], xT)
    assert len({id(x) for _, x in path}) == 61
    first = iter(back.ancestral(lambda x, t: 0 * x, xT, LONG, np.random.default_rng(1)))
    kept = [next(first)[1] for _ in range(3)]
    kept[2][:] = 7  # a caller's change is not taken up
    assert np.abs(next(first)[1]).max() < 6


@pytest.mark.law("ancestral-sampling")
@pytest.mark.law("noise-at-one")
def test_last_step_is_the_mean_and_noise_left_in_adds_sigma_z(rng):
    ideal = back.ideal_denoiser(PAIR, LONG)
    xT = rng.standard_normal((500, 1))
    runs = {
        left: list(back.ancestral(ideal, xT, LONG, np.random.default_rng(3), "beta", noise_at_one=left))
        for left in (False, True)
    }
    np.testing.assert_array_equal(runs[True][-2][1], runs[False][-2][1])
    (_, x1), (_, x0) = runs[False][-2:]
    np.testing.assert_array_equal(x0, back.reverse_mean(ideal(x1, 1), x1, 1, LONG))
    draws = np.random.default_rng(3)
    for _ in range(60):
        z = draws.standard_normal((500, 1))
    np.testing.assert_allclose(runs[True][-1][1] - x0, LONG.beta[1] ** 0.5 * z, rtol=1e-9, atol=1e-12)
    for left in (False, True):  # nothing to add where sigma_1 = 0
        *_, (_, x) = back.ancestral(ideal, xT, LONG, np.random.default_rng(3), noise_at_one=left)
        assert np.abs(np.abs(x) - 1).max() < 0.2


@pytest.mark.law("noise-at-one")
@pytest.mark.parametrize("sigma", [0.01, 0.1])
def test_noise_left_in_moves_two_points_by_its_deviation(sigma, rng):
    """In W_2, to the data: sigma exactly, but for the chance that the noise crosses the middle."""
    clean = np.repeat(PAIR[:, 0], 20_000)
    z = rng.standard_normal(40_000)
    moved = wp_sorted(clean + sigma * z, clean, 2)
    assert moved == pytest.approx(sigma, rel=0.02)
    assert wp_sorted(clean + sigma * z, clean, 2) <= sigma * np.sqrt((z**2).mean()) + 1e-12


@pytest.mark.law("s0-noise-at-one")
def test_printed_listing_ends_with_a_spread_that_the_data_have_not():
    """Noise at every step, t = 1 too: N(0, 1) keeps its law, but a single point comes back smeared by sigma_1."""
    schedule = linear_schedule()
    _, clean = back.normal_chain(0.5, 0.0, schedule, "beta")
    _, printed = back.normal_chain(0.5, 0.0, schedule, "beta", noise_at_one=True)
    assert clean[0] < 1e-20
    assert printed[0] == pytest.approx(1e-4, rel=1e-9)


@pytest.mark.law("time-embedding")
def test_embedding_is_that_of_diffusers(rng):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from diffusers.models.embeddings import get_timestep_embedding
    t = np.array([0, 1, 17, 999])
    peer = get_timestep_embedding(torch.tensor(t), 32, downscale_freq_shift=1.0).numpy()
    np.testing.assert_allclose(back.time_embedding(t, 32), peer, atol=1e-4)  # the peer counts in float32


@pytest.mark.law("embedding-distance")
def test_scalar_product_of_two_embeddings_knows_the_distance_in_time_alone(rng):
    t = rng.uniform(0, 900, 20)
    e, later = back.time_embedding(t, 16.0), back.time_embedding(t + 37.5, 16)
    frequencies = 10_000.0 ** (-np.arange(8) / 7)
    np.testing.assert_allclose((e * later).sum(1), np.cos(37.5 * frequencies).sum(), rtol=1e-10)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: back.target([[1.0]], [[1.0, 2.0]], 1, TWO), "eps: expected shape"),
        (lambda: back.target(1.0, 1.0, 1, TWO), "x0: expected shape"),
        (lambda: back.target([[1.0]], [[1.0]], 0, TWO), "t: expected"),
        (lambda: back.target([[1.0]], [[1.0]], 3, TWO), "t: expected"),
        (lambda: back.target([[1.0]], [[1.0]], 1, TWO, "velocity"), "kind: expected one of"),
        (lambda: back.convert([[1.0]], [[1.0]], 1, TWO, "eps", "x0"), "given: expected one of"),
        (lambda: back.convert([[1.0]], [[1.0]], 1, TWO, "x0", ""), "wanted: expected one of"),
        (lambda: back.convert([[1.0]], [[np.inf]], 1, TWO, "x0", "v"), "xt: expected finite"),
        (lambda: back.ideal_denoiser([1.0, 2.0], TWO), "data: expected points"),
        (lambda: back.ideal_denoiser(PAIR, TWO)(np.zeros((2, 2)), 1), "xt: expected shape"),
        (lambda: back.ideal_denoiser(PAIR, TWO)(np.zeros((2, 1)), 5), "t: expected"),
        (lambda: back.ideal_denoiser(PAIR, TWO)(np.zeros((2, 1)), 0), "t: expected"),
        (lambda: back.ancestral(np.tanh, [[np.nan]], TWO, np.random.default_rng(0)), "xT: expected finite"),
        (lambda: back.ancestral(np.tanh, [[0.0]], TWO, 3), "rng: expected"),
        (lambda: back.ancestral(np.tanh, [[0.0]], TWO, np.random.default_rng(0), "both"), "variance: expected"),
        (lambda: list(back.ancestral(lambda x, t: x[0], [[0.0]], TWO, np.random.default_rng(0))), "denoiser: expected"),
        (lambda: back.time_embedding([1.0], 5), "d: expected an even"),
        (lambda: back.time_embedding([1.0], 2), "d: expected"),
        (lambda: back.time_embedding([[1.0]], 4), "t: expected a vector"),
        (lambda: back.time_embedding([1.0], 4, 1.0), "longest: expected"),
    ],
)
def test_wrong_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
