"""The samplers against their NumPy twins, batches and guidance, and how little a step costs beside the network."""

import math

import numpy as np
import pytest
import torch

from teachkit import sampling as twin
from teachkit.deep import _shared
from teachkit.deep import sampling as deep
from teachkit.deep.diffusion_reverse import denoiser
from teachkit.deep.unet import unet
from teachkit.diffusion_forward import Schedule, cosine_schedule, linear_schedule
from teachkit.diffusion_reverse import ancestral, ideal_denoiser

SHORT = linear_schedule(12, 1e-3, 0.5)
POINTS = np.random.default_rng(0).standard_normal((5, 1, 2, 2))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.double)


class Drawn(np.random.Generator):
    """A generator of NumPy whose normal numbers are torch's."""

    def __init__(self, seed=0):
        super().__init__(np.random.PCG64(0))
        self.torch = seeded(seed)

    def standard_normal(self, size=None):
        return torch.randn(*size, generator=self.torch, dtype=torch.double).numpy()


def ideal(schedule):
    """Return the ideal denoiser of some points, as NumPy's and as torch's."""
    exact = ideal_denoiser(POINTS, schedule)
    return exact, lambda x, t: torch.from_numpy(exact(x.numpy(), int(t[0])))


def assert_same(mine, theirs):
    mine, theirs = list(mine), list(theirs)
    assert [t for t, _ in mine] == [t for t, _ in theirs]
    for (_, a), (_, b) in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.law("ancestral-sampling")
@pytest.mark.parametrize("noise_at_one", [False, True])
@pytest.mark.parametrize("variance", ["posterior", "beta"])
@pytest.mark.parametrize("schedule", [SHORT, cosine_schedule(9)], ids=["linear", "cosine"])
def test_ancestral_is_the_twin_draw_for_draw(schedule, variance, noise_at_one):
    theirs, mine = ideal(schedule)
    xT = normal(3, 1, 2, 2, seed=1)
    assert_same(
        deep.ancestral(mine, xT, schedule, seeded(), variance, noise_at_one),
        ancestral(theirs, xT.numpy(), schedule, Drawn(), variance, noise_at_one),
    )


@pytest.mark.law("ddim-sampling")
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("times", [None, 5, [12, 2, 7]], ids=str)
def test_ddim_is_the_twin_draw_for_draw(times, eta):
    theirs, mine = ideal(SHORT)
    xT = normal(3, 1, 2, 2, seed=1)
    assert_same(
        deep.ddim(mine, xT, SHORT, times, eta, seeded()), twin.ddim(theirs, xT.numpy(), SHORT, times, eta, Drawn())
    )  # fmt: skip


@pytest.mark.law("ddim-ancestral")
def test_ddim_with_all_noise_is_ancestral():
    _, mine = ideal(SHORT)
    xT = normal(3, 1, 2, 2, seed=1)
    assert_same(deep.ddim(mine, xT, SHORT, eta=1.0, rng=seeded()), deep.ancestral(mine, xT, SHORT, seeded()))


@pytest.mark.law("heun-sampling")
@pytest.mark.parametrize("times", [None, 5, [12, 2, 7]], ids=str)
def test_heun_is_the_twin(times):
    theirs, mine = ideal(SHORT)
    xT = normal(3, 1, 2, 2, seed=1)
    assert_same(
        deep.heun(mine, xT, SHORT, times), twin.probability_flow(theirs, xT.numpy(), SHORT, times, "heun")
    )  # fmt: skip


def walks(spy, xT):
    return {
        "ancestral": lambda: deep.ancestral(spy, xT, SHORT, seeded()),
        "ddim": lambda: deep.ddim(spy, xT, SHORT, 5),
        "heun": lambda: deep.heun(spy, xT, SHORT, 5),
    }


@pytest.mark.parametrize("name", ["ancestral", "ddim", "heun"])
def test_what_was_yielded_stays_and_the_network_is_called_as_often_as_said(name):
    told = []

    def spy(x, t):
        told.append(t.tolist())
        return 0.1 * x

    xT = normal(3, 2)
    start, seen, kept = xT.clone(), [], []
    for _, x in walks(spy, xT)[name]():
        seen.append(x)
        kept.append(x.clone())
    assert all(torch.equal(a, b) for a, b in zip(seen, kept, strict=True))
    assert torch.equal(xT, start)
    assert len(told) == deep.calls(name, 12 if name == "ancestral" else 5)
    assert all(len(t) == 3 and len({*t}) == 1 for t in told)
    assert told[0] == [12] * 3
    assert min(min(told)) >= 1  # a denoiser knows no t = 0


@pytest.mark.parametrize("name", ["ancestral", "ddim", "heun"])
def test_no_gradients_are_kept_and_none_are_switched_off_outside(name):
    w = torch.ones((), requires_grad=True)
    for _, x in walks(lambda x, t: w * x, normal(3, 2))[name]():
        assert torch.is_grad_enabled()
        assert not x.requires_grad
        (w * x).sum().backward()  # what comes out can go into a graph


def test_guidance_is_the_twins_and_reaches_the_network():
    a, b, x, t = (lambda x, t: 2 * x), (lambda x, t: x.cos()), normal(3, 2), torch.ones(3)
    for scale in (0.0, 0.3, 1.0, 4.0):
        expected = twin.guided(lambda x, t: 2 * x, lambda x, t: np.cos(x), scale)(x.numpy(), 1)
        np.testing.assert_allclose(deep.guided(a, b, scale)(x, t), expected, atol=1e-12)


def test_clipping_bounds_the_data_and_leaves_the_rest_alone():
    x, t = 3 * normal(50, 4), torch.arange(50) % 12 + 1
    eps = normal(50, 4, seed=1)
    out = deep.clipped(lambda x, t: eps, SHORT)(x, t)
    abar = torch.tensor(SHORT.abar)[t][:, None]
    x0, before = ((x - (1 - abar).sqrt() * e) / abar.sqrt() for e in (out, eps))
    assert x0.abs().max() < 1 + 1e-9
    inside = before.abs() <= 1
    assert inside.any()
    assert torch.equal(out[inside], eps[inside])
    torch.testing.assert_close(x0, before.clamp(-1, 1))


def woken():
    net = unet(1, 4, (1, 2), classes=3, rng=seeded())
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p += 0.05 * torch.randn(p.shape, generator=seeded(i))
    return net


@pytest.mark.parametrize("method", ["ancestral", "ddim", "heun"])
@pytest.mark.parametrize("scale", [0.0, 1.0, 2.5])
def test_samples_in_batches_are_those_of_the_samplers(method, scale):
    net, y, rng = woken(), torch.tensor([0, 1, 2, 1, 0]), seeded()
    made = deep.sample(
        net, 5, (1, 4, 4), SHORT, method, 4, rng=seeded(), batch=3, y=y, scale=scale, clip=False, quiet=True
    )
    assert made.shape == (5, 1, 4, 4)
    for rows in (slice(0, 3), slice(3, 5)):
        eps = deep.guided(denoiser(net, SHORT, y=y[rows]), denoiser(net, SHORT), scale)
        xT = torch.randn(len(y[rows]), 1, 4, 4, generator=rng)
        if method == "heun":
            path = deep.heun(eps, xT, SHORT, 4)
        else:
            path = deep.ddim(eps, xT, SHORT, 4, 1.0 if method == "ancestral" else 0.0, rng)
        *_, (_, x) = path
        torch.testing.assert_close(made[rows], x, atol=1e-5, rtol=1e-5)


def test_samples_with_clipping_keep_to_the_range_and_steps_have_a_bar(capsys):
    made = deep.sample(woken(), 4, (1, 4, 4), SHORT, "ancestral", rng=seeded())
    assert made.abs().max() <= 1 + 1e-6
    assert "13/13" in capsys.readouterr().err
    other = deep.sample(lambda x, t: -5 * x, 4, (1, 4, 4), SHORT, rng=seeded(), clip=False, quiet=True)
    assert other.abs().max() > 1


def test_a_step_costs_little_beside_the_network():
    """The twin of a loop written by hand does the same work: the same number of tensor operations, and two more."""

    def count(run):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
            run()
        names = ("aten::add", "aten::mul", "aten::randn", "aten::add_", "aten::sub", "aten::select")
        return sum(event.count for event in seen.key_averages() if event.key in names)

    schedule, xT = linear_schedule(50, 1e-3, 0.2), torch.randn(4, 1, 8, 8, generator=seeded())
    beta, alpha, abar = schedule.beta.tolist(), schedule.alpha.tolist(), schedule.abar.tolist()

    def bare():
        x, rng = xT, seeded()
        for t in range(50, 0, -1):
            x = (x - beta[t] / math.sqrt(1 - abar[t]) * (0.1 * x)) / math.sqrt(alpha[t])
            x = x + math.sqrt(beta[t]) * torch.randn(x.shape, generator=rng)

    mine = count(lambda: list(deep.ancestral(lambda x, t: 0.1 * x, xT, schedule, seeded())))
    assert mine <= count(bare) + 2


def test_a_generator_for_a_device_without_index_draws_on_the_first():
    """What ``torch.Generator("cuda").device`` says is "cuda", and a tensor of it lies on "cuda:0"."""

    class Elsewhere(torch.Generator):
        device = torch.device("cuda")

    rng = Elsewhere()
    assert _shared.generator("rng", rng, torch.device("cuda:0")) is rng
    with pytest.raises(ValueError, match="rng: expected a generator on cpu, where the data lie, got one on cuda"):
        _shared.generator("rng", rng, torch.device("cpu"))


def sampled(net=None, **more):
    return deep.sample(net or woken(), 2, (1, 4, 4), SHORT, **{"rng": seeded(), "quiet": True, **more})


def last(path):
    *_, (_, x) = path
    return x


G = unet(1, 4, (1, 2), rng=seeded())
X = torch.zeros(2, 1, 4, 4)
BAD = {
    "xT": (lambda: deep.ancestral(G, torch.zeros(0, 3), SHORT, seeded()), r"xT: expected shape \[n, ...\]"),
    "variance": (lambda: deep.ancestral(G, X, SHORT, seeded(), "gamma"), "variance: expected"),
    "eta": (lambda: deep.ddim(G, X, SHORT, eta=1.5, rng=seeded()), "eta: expected a number from 0 to 1"),
    "rng": (lambda: deep.ddim(G, X, SHORT, eta=0.5), "rng: expected a torch.Generator"),
    "no rng": (lambda: deep.ancestral(G, X, SHORT, None), "rng: expected a torch.Generator, .* got NoneType"),
    "seed": (lambda: sampled(rng=0), "rng: expected a torch.Generator, .* got int"),
    "NaN": (lambda: sampled(scale=math.nan), "scale: expected a finite number, got nan"),
    "class": (lambda: sampled(y=torch.tensor([0, 4])), "y: expected whole numbers from 0 to 3, got 0 to 4"),
    "list": (lambda: sampled(y=[0, 1]), "y: expected a tensor of whole numbers, torch.int64, got list"),
    "wide": (lambda: last(deep.ddim(lambda x, t: x[:, :1], normal(2, 3), SHORT)), "denoiser: expected to return shape"),
    "heun": (lambda: last(deep.heun(lambda x, t: x[:, :1], normal(2, 3), SHORT)), "denoiser: expected to return shape"),
    "low": (lambda: deep.clipped(G, SHORT, 1, -1), "low: expected a number below -1, got 1"),
    "device": (lambda: deep.ancestral(G, X.to("meta"), SHORT, seeded()), "rng: expected a generator on meta"),
    "times": (lambda: deep.heun(G, X, SHORT, 13), "steps: expected at most T = 12"),
    "outside": (lambda: deep.ddim(G, X, SHORT, [0, 4]), "times: expected different whole numbers from 1 to 12"),
    "method": (lambda: deep.sample(G, 2, (1, 4, 4), SHORT, "ode", rng=seeded()), "method: expected one of ancestral"),
    "n": (lambda: deep.sample(G, 0, (1, 4, 4), SHORT, rng=seeded()), "n: expected a whole number of at least 1"),
    "y": (lambda: deep.sample(G, 2, (1, 4, 4), SHORT, rng=seeded(), y=torch.ones(3)), r"y: expected classes \[2\]"),
    "scale": (lambda: deep.sample(G, 2, (1, 4, 4), SHORT, rng=seeded(), scale=2), r"y: expected classes \[2\]"),
    "steps": (lambda: deep.calls("ddim", 0), "steps: expected a whole number of at least 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_argument_is_named(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_the_first_moves_of_a_schedule_by_hand():
    """Two steps: x / sqrt(alpha) - beta / (s sqrt(alpha)) eps + sigma z, and no noise in the last."""
    two = Schedule([0.36, 0.75])
    (_, x2), (_, x1), (_, x0) = deep.ancestral(lambda x, t: 0 * x + 1, torch.ones(1, 1), two, seeded(), "beta")
    z = torch.randn(1, 1, generator=seeded()).item()
    first = (1 - 0.75 / math.sqrt(0.84)) / 0.5 + math.sqrt(0.75) * z
    assert x1.item() == pytest.approx(first, rel=1e-5)
    assert x0.item() == pytest.approx((first - 0.36 / 0.6) / 0.8, rel=1e-5)
    assert x2.item() == 1
