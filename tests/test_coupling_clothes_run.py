"""The three flows at the sizes of their runs: rounding at full depth, and the record on clothes."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from runs import _coupling_images as measures
from runs import coupling_clothes as run
from runs import coupling_images
from teachkit.book.manifest import read_result
from teachkit.coupling_images import logit
from teachkit.data import fashion_mnist
from teachkit.deep import coupling_images as flows
from teachkit.deep.coupling_mixing import BatchNormFlow

PROFILES = {
    "digits": (coupling_images.Config(), (1, 8, 8), 17),
    "clothes": (run.CPU, (1, 28, 28), 256),
    "clothes on a GPU": (run.GPU, (1, 28, 28), 256),
    "cifar": (coupling_images.CIFAR, (3, 32, 32), 256),
}
TRAINED = {
    (profile, job.model, job.differs)
    for profile, (config, _, _) in PROFILES.items()
    for job in coupling_images.jobs(config)
}


@pytest.mark.parametrize(("profile", "model", "differs"), sorted(TRAINED, key=str), ids=str)
def test_inverse_error_at_full_size_stays_small(profile, model, differs):
    config, shape, levels = PROFILES[profile]
    sizes, rng = {**config.sizes[model], **dict(differs)}, torch.Generator().manual_seed(0)
    flow = getattr(flows, model)(shape, **sizes, levels=levels, rng=rng)
    b = torch.randint(levels, (3, *shape), generator=torch.Generator().manual_seed(4))
    deepest = (profile, model) == ("cifar", "glow")  # 48 steps: random weights of 0.3 would give 1.3e-4 in float32
    measures.stirred(flow, 0.2 if deepest else 0.3, torch.Generator().manual_seed(1))
    for layer in flow.modules():
        if isinstance(layer, BatchNormFlow):
            layer.momentum = 1.0  # one batch says all, as many would
    flow.bits(b, torch.Generator().manual_seed(2))
    assert flows.inverse_error(flow, (b + 0.5) / levels) < 1e-4
    assert flows.inverse_error(flow.double(), (b.double() + 0.5) / levels) < 1e-10


@pytest.mark.parametrize("profile", ["digits", "clothes", "clothes on a GPU"])
def test_file_of_a_recorded_glow_is_small(profile, tmp_path):
    config, shape, levels = PROFILES[profile]
    rng = torch.Generator().manual_seed(0)
    flow = flows.glow(shape, **config.sizes["glow"], levels=levels, rng=rng)
    flows.save(tmp_path / "flow.npz", measures.stirred(flow, 1.0, rng))
    assert (tmp_path / "flow.npz").stat().st_size < 2e6


def test_quick_run_writes_what_the_chapter_reads(quick_run, tmp_path):
    manifest = quick_run(tmp_path / "coupling_clothes")
    assert set(manifest["metrics"]) == {job.name for job in coupling_images.jobs(run.QUICK)}
    assert all(made["bits"]["n"] == 2 for made in manifest["metrics"].values())
    with np.load(tmp_path / "coupling_clothes" / "samples.npz") as samples:
        assert all(samples[f"{name}_samples"].shape == (3, 36, 1, 28, 28) for name in coupling_images.MODELS)


def test_a_record_of_either_profile_has_the_same_rows():
    assert {job[:3] for job in coupling_images.jobs(run.CPU)} == {job[:3] for job in coupling_images.jobs(run.GPU)}
    assert (run.GPU.train, run.GPU.test, run.GPU.device) == (60_000, 10_000, "cuda")


def test_recorded_glow_is_the_one_that_was_measured(root):
    folder = root / "results" / "coupling_clothes"
    made, flow = read_result(folder)["metrics"]["glow"], flows.load(folder / "weights.npz")
    assert flow.shape == (1, 28, 28)
    bits = measures.bits(flow, measures.images("fashion_mnist", 1, run.CPU.test).test, 1)
    assert bits == pytest.approx(made["bits"]["mean"], abs=0.03)


def test_a_normal_law_and_the_floor_lie_where_the_chapter_says(root, rng):
    made = read_result(root / "results" / "coupling_clothes")["metrics"]
    y, test = (
        logit((x.reshape(len(x), -1) + rng.random((len(x), 784))) / 256, 0.05)
        for x in (fashion_mnist("train", 8_000).x, fashion_mnist("test", 2_000).x)
    )
    law = multivariate_normal(y[0].mean(0), np.cov(y[0].T))
    peak = multivariate_normal(np.zeros(784)).logpdf(np.zeros(784))  # no code has a larger density
    normal, floor = (8 - (log_p + test[1]).mean() / (784 * np.log(2)) for log_p in (law.logpdf(test[0]), peak))
    assert (round(normal, 2), round(floor, 2)) == (5.25, 5.40)
    assert normal < floor < made["nice"]["bits"]["mean"]
    assert all(1.65 < floor - made[name]["bits"]["mean"] < 2 for name in ("realnvp", "glow"))


def test_record_says_what_the_chapter_says_of_it(root):
    folder = root / "results" / "coupling_clothes"
    made = read_result(folder)["metrics"]
    bits, spread, seconds, size = (
        {name: m[quantity][kind] for name, m in made.items()}
        for quantity, kind in (("bits", "mean"), ("bits", "spread"), ("seconds", "mean"), ("parameters", "mean"))
    )
    falling = ["nice", "realnvp_channels", "realnvp", "glow", "glow_boards_2"]
    assert all(bits[a] - bits[b] > spread[a] + spread[b] for a, b in pairwise(falling))
    assert seconds["realnvp"] == pytest.approx(seconds["glow"], rel=0.1)
    assert seconds["glow_boards_2"] > 2 * seconds["glow"]
    assert 90 < size["nice"] / size["realnvp"] < 110
    assert run.CPU.sizes["glow"]["hidden"] == 4 * run.CPU.sizes["realnvp"]["hidden"] == 64
    with np.load(folder / "curves.npz") as curves:
        for seed in run.CPU.seeds:
            at = {
                name: (curves[f"{name}_{seed}_step"] / run.CPU.steps * seconds[name], curves[f"{name}_{seed}_bits"])
                for name in falling
            }
            late, plain = (x[len(x) // 2 :] for x in at["realnvp_channels"])
            assert (np.interp(late, *at["realnvp"]) < plain).all()
            end, glow = (x[-1] for x in at["glow"])
            assert 0 < np.interp(end, *at["glow_boards_2"]) - glow < 0.1
