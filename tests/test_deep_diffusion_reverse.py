"""Training a denoiser, its bound in bits and its file, against the NumPy twins, SciPy and closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from teachkit import diffusion_reverse as twin
from teachkit.deep import diffusion_reverse as deep
from teachkit.deep.sampling import sample
from teachkit.deep.source import Source, scaled
from teachkit.deep.train import Training
from teachkit.deep.unet import unet
from teachkit.diffusion_forward import Schedule, linear_schedule, q_sample

SHORT = linear_schedule(20, 1e-3, 0.5)


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


@pytest.mark.parametrize("kind", twin.KINDS)
def test_targets_are_the_twins(kind):
    x0, eps, t = normal(5, 1, 2, 2), normal(5, 1, 2, 2, seed=1), torch.tensor([1, 2, 7, 19, 20])
    xt, wanted = deep.target(x0, eps, t, SHORT, kind)
    np.testing.assert_allclose(xt, q_sample(x0.numpy(), t.numpy(), eps.numpy(), SHORT), atol=1e-12)
    expected = twin.target(x0.numpy(), eps.numpy(), t.numpy(), SHORT, kind)
    np.testing.assert_allclose(wanted, expected, rtol=1e-10, atol=1e-12)
    back = deep.denoiser(lambda x, t: wanted, SHORT, kind)(xt, t)
    torch.testing.assert_close(back, eps, rtol=1e-10, atol=1e-10)


def data(n=40):
    x = torch.randint(256, (n, 1, 4, 4), generator=seeded(2), dtype=torch.uint8)
    return x, torch.arange(n) % 3


def net(classes=3):
    return unet(1, 4, (1, 2), classes=classes, rng=seeded())


@pytest.mark.parametrize("kind", ["noise", "v"])
def test_the_loss_of_a_step_is_the_mean_square_to_its_target(kind):
    """An untrained network says 0, so the loss is the mean square of the target."""
    training = Training(
        {"denoiser": net()}, deep.ddpm_parts(SHORT, kind), Source(data(), 16, seed=0, prepare=scaled)
    )  # fmt: skip
    (step,) = training.run(1)
    source = Source(data(), 16, seed=0, prepare=scaled)
    (x, _), _ = source.batch(), source.uniform()  # which classes are dropped
    t = (source.uniform() * 20).long() + 1
    eps = source.normal(1, 4, 4)
    expected = twin.target(x.double().numpy(), eps.double().numpy(), t.numpy(), SHORT, kind)
    assert step.losses["denoiser"].item() == pytest.approx(np.square(expected).mean(), rel=1e-5)


def test_every_step_is_drawn_and_a_tenth_of_the_classes_is_dropped():
    seen = []

    class Spy(torch.nn.Module):
        classes = 3

        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.zeros(()))

        def forward(self, x, t, y=None):
            seen.append((t, y))
            return x * self.w

    x, y = data(1000)
    (part,) = deep.ddpm_parts(SHORT)
    source = Source((x, y), 1000, seed=0, prepare=scaled)
    for _ in range(5):
        part.loss({"denoiser": Spy()}, source.batch(), source)
    t, y = (torch.cat(each) for each in zip(*seen, strict=True))
    counts = torch.bincount(t, minlength=21)
    assert counts[0] == 0
    assert (counts[1:] - 250).abs().max() < 5 * math.sqrt(250)
    assert ((y == 3).float().mean() - 0.1).abs() < 4 * math.sqrt(0.09 / 5000)
    seen.clear()
    part.loss({"denoiser": Spy()}, scaled(x), source)
    assert seen[0][1] is None


def test_training_finds_the_ideal_denoiser_of_one_point():
    """For data in one point the noise is known: after some steps the samples are there, by class."""
    levels = torch.tensor([0, 255], dtype=torch.uint8)
    x, y = levels.repeat(32).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4), torch.tensor([0, 1]).repeat(32)
    schedule = linear_schedule(20, 1e-2, 0.5)
    training = Training(
        {"denoiser": unet(1, 8, (1,), classes=2, rng=seeded())}, deep.ddpm_parts(schedule, lr=5e-3),
        Source((x, y), 64, seed=0, prepare=scaled), ema={"denoiser": 0.95},
    )  # fmt: skip
    losses = [step.losses["denoiser"].item() for step in training.run(150)]
    assert np.mean(losses[-20:]) < 0.1 * losses[0]
    asked = torch.arange(20) % 2
    made = sample(
        training.averages["denoiser"].module, 20, (1, 4, 4), schedule, "ancestral", rng=seeded(1), y=asked, quiet=True
    )
    assert (made.mean((1, 2, 3)) - (2.0 * asked - 1)).abs().max() < 0.2


def test_bound_as_a_density_is_the_twins():
    x0, gain = normal(3, 1, 2, 2), 0.3
    for variance in ("posterior", "beta"):
        mine = deep.bound_bits(
            lambda x, t: gain * x + t.double().reshape(-1, 1, 1, 1) / 40, x0, SHORT, seeded(), variance, levels=None
        )
        theirs = twin.bound(lambda x, t: gain * x + t / 40, x0.numpy(), SHORT, Drawn(), variance)
        bits = 4 * math.log(2)
        np.testing.assert_allclose(mine.steps, theirs.steps / bits, rtol=1e-10, atol=1e-12)
        assert mine.prior == pytest.approx(theirs.prior / bits, rel=1e-12)
        assert mine.total == pytest.approx(theirs.total / bits, rel=1e-10)


def test_masses_of_the_levels_are_those_of_scipy_and_sum_to_one():
    x = torch.linspace(-1, 1, 256, dtype=torch.double)
    for mean, std in ((0.2, 0.01), (-1.3, 0.3), (0.999, 1e-3)):
        logs = deep.level_log_mass(x, torch.tensor(mean, dtype=torch.double), std, 256)
        assert logs.exp().sum().item() == pytest.approx(1, abs=1e-12)
        edges = np.concatenate([[-np.inf], (x[1:] + x[:-1]).numpy() / 2, [np.inf]])
        high, low = stats.norm.sf(edges[:-1], mean, std), stats.norm.sf(edges[1:], mean, std)
        other = np.where(x > mean, high - low, np.diff(stats.norm.cdf(edges, mean, std)))
        near = other > 1e-250
        np.testing.assert_allclose(logs[near], np.log(other[near]), rtol=1e-6)
        assert torch.isfinite(logs).all()


def test_the_first_term_is_the_code_length_of_the_levels():
    """By hand, with the same noise; for fine levels it nears the density times the width of a level."""
    x0 = torch.tensor([0, 3, 200, 255], dtype=torch.uint8).reshape(1, 1, 2, 2).repeat(3, 1, 1, 1)
    x0 = scaled(x0).double()
    schedule = Schedule([0.3, 0.5])
    terms = deep.bound_bits(lambda x, t: 0.9 * x, x0, schedule, seeded(), "beta")
    eps = torch.randn(x0.shape, generator=seeded(), dtype=torch.double)
    x1 = q_sample(x0.numpy(), 1, eps.numpy(), schedule)
    mean = torch.from_numpy(twin.reverse_mean(0.9 * x1, x1, 1, schedule))
    expected = -deep.level_log_mass(x0, mean, math.sqrt(0.3), 256).sum().item() / 12 / math.log(2)
    assert terms.steps[1] == pytest.approx(expected, rel=1e-12)
    inside = torch.zeros(50, 1, 2, 2, dtype=torch.double)
    coded = deep.bound_bits(lambda x, t: 0.9 * x, inside, schedule, seeded(), "beta", levels=10_001).steps[1]
    density = deep.bound_bits(lambda x, t: 0.9 * x, inside, schedule, seeded(), "beta", levels=None).steps[1]
    assert coded == pytest.approx(density + math.log2(10_000 / 2), abs=1e-6)


def test_the_bound_of_the_ideal_denoiser_is_the_entropy():
    """Two levels at -1 and 1, equally likely: no code is shorter than 1 bit, and many steps come close to it."""
    schedule = linear_schedule(200, 1e-3, 0.08)
    ideal = twin.ideal_denoiser([[-1.0], [1.0]], schedule)
    x0 = torch.tensor([-1.0, 1.0], dtype=torch.double).repeat(500)[:, None]
    terms = deep.bound_bits(
        lambda x, t: torch.from_numpy(ideal(x.numpy(), int(t[0]))), x0, schedule, seeded(), levels=2
    )
    assert 0.95 < terms.total < 1.2


def test_rows_take_turns():
    """Half the rows in each step: odd and even steps see the halves, so with equal rows nothing changes."""
    seen = []

    def spy(x, t):
        seen.append(x[:, 0, 0, 0] > 0)
        return torch.zeros_like(x)

    clean = Schedule([1e-9, 1e-9, 1e-9])
    x0 = torch.tensor([1.0, 1.0, -1.0]).reshape(3, 1, 1, 1)
    deep.bound_bits(spy, x0, clean, seeded(), rows=2)
    assert [x.tolist() for x in seen] == [[True, True], [False, True], [True, False]]


@pytest.mark.parametrize(
    "sizes",
    [
        {"width": 4, "multipliers": (1, 2), "classes": 3},
        {"width": 6, "multipliers": (1, 1, 3), "attention": 2, "blocks": 2},
        {"width": 4, "multipliers": (1,), "attention": 0},
        {"width": 4, "multipliers": (2, 3)},
    ],
    ids=["classes", "deep", "flat", "wide"],
)
def test_file_gives_the_network_back(tmp_path, sizes):
    first = unet(2, **sizes, rng=seeded())
    with torch.no_grad():
        for p in first.parameters():
            p += 0.1 * torch.randn(p.shape, generator=seeded(1))
    deep.save(tmp_path / "w.npz", first)
    again = deep.load(tmp_path / "w.npz")
    assert not again.training
    assert again.classes == first.classes
    x, t = torch.randn(3, 2, 8, 8, generator=seeded()), torch.tensor([1, 9, 500])
    torch.testing.assert_close(again(x, t), first(x, t), atol=1e-2, rtol=1e-2)
    with np.load(tmp_path / "w.npz") as arrays:
        assert {a.dtype for a in arrays.values()} == {np.dtype(np.float16)}


def test_foreign_and_damaged_files_are_named(tmp_path):
    path = tmp_path / "w.npz"
    with pytest.raises(FileNotFoundError):
        deep.load(path)
    deep._weights.save(path, torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"w\.npz: expected the weights of a U-Net, got weight, bias"):
        deep.load(path)
    np.savez(path, **{"first.weight": np.zeros(4)})
    with pytest.raises(ValueError, match=r"w\.npz: expected the weights of a U-Net, got first.weight"):
        deep.load(path)
    deep.save(path, net())
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"w\.npz: expected weights in an .npz file"):
        deep.load(path)


def bits(x0=None, **more):
    x0 = torch.ones(2, 1, 2, 2) if x0 is None else x0
    return deep.bound_bits(lambda x, t: x, x0, SHORT, seeded(), **more)


def at(t, x0=None, eps=None):
    x0 = torch.ones(2, 3, 1) if x0 is None else x0
    return deep.target(x0, torch.ones(2, 3, 1) if eps is None else eps, torch.tensor(t), SHORT)


def trained(net, *tensors):
    return next(Training({"denoiser": net}, deep.ddpm_parts(SHORT), Source(tensors, 4, seed=0, prepare=scaled)).run(1))


BAD = {
    "t of 0": (lambda: at([0, 1]), "t: expected steps from 1 to 20, got 0 to 1"),
    "t below": (lambda: at([-1, 1]), "t: expected steps from 1 to 20, got -1 to 1"),
    "t above": (lambda: at([1, 21]), "t: expected steps from 1 to 20, got 1 to 21"),
    "one t": (lambda: at([1]), r"t: expected 2 whole numbers .*, got \[1\]"),
    "t of floats": (lambda: at([1.0, 2.0]), "t: expected 2 whole numbers .* torch.float32"),
    "eps": (lambda: at([1, 2], eps=torch.ones(2, 1, 1)), "x0 and eps: expected one shape"),
    "bytes": (lambda: at([1, 2], torch.ones(2, 3, 1).byte()), "x0 and eps: expected .* got .* of torch.uint8"),
    "net": (lambda: trained(unet(1, 4, (1, 2), rng=seeded()), *data()), "net: expected one that takes classes"),
    "batch": (lambda: trained(net(), *data(), data()[1]), "batch: expected data and whole numbers as classes"),
    "labels": (lambda: trained(net(), data()[0], data()[1] / 2), "batch: expected data and whole numbers as classes"),
    "rng": (lambda: deep.bound_bits(lambda x, t: x, torch.ones(2, 1), SHORT, None), "rng: expected a torch.Generator"),
    "x0 of bytes": (lambda: bits(torch.ones(2, 4).byte()), "x0: expected floating-point numbers, .* got torch.uint8"),
    "denoiser": (
        lambda: deep.bound_bits(lambda x, t: x[:, :1], torch.ones(2, 3), SHORT, seeded()),
        r"denoiser: expected to return shape \[2, 3\], got \[2, 1\]",
    ),
    "std": (
        lambda: deep.level_log_mass(torch.ones(1), torch.ones(1), 0.0, 256),
        "std: expected a finite number above 0",
    ),
    "one level": (lambda: deep.level_log_mass(torch.ones(1), torch.ones(1), 0.1, 1), "levels: expected a whole number"),
    "kind": (lambda: deep.ddpm_parts(SHORT, "eps"), "kind: expected one of noise, x0, v, score, got 'eps'"),
    "of a net": (lambda: deep.denoiser(net(), SHORT, "eps"), "kind: expected one of"),
    "dropped": (lambda: deep.ddpm_parts(SHORT, classes_dropped=1.1), "classes_dropped: expected a number from 0 to 1"),
    "lr": (lambda: deep.ddpm_parts(SHORT, lr=0), "lr: expected a finite number above 0"),
    "x0": (lambda: bits(torch.zeros(0, 1, 2, 2)), r"x0: expected shape \[n, ...\] with n at least 1"),
    "large": (lambda: bits(3 * torch.ones(1, 1, 2, 2)), "x0: expected 256 even levels from -1 to 1"),
    "levels": (lambda: bits(levels=1), "levels: expected a whole number of at least 2"),
    "off": (lambda: bits(torch.zeros(1, 4)), "x0: expected 256 even levels"),
    "rows": (lambda: bits(rows=3), "rows: expected at most the 2 rows of x0, got 3"),
    "variance": (lambda: bits(variance="gamma"), "variance: expected"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_argument_is_named(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()
