"""Every score of three models' pictures and of real ones, from the recorded weights; and what deceives each score.

``python -m runs.evaluation`` takes some minutes on one core and writes ``results/evaluation``; ``--quick`` takes
seconds. It trains nothing: it needs the records ``features``, ``dcgan``, ``wgan_images`` and ``diffusion_reverse``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from runs import diffusion_reverse
from runs._shared import (
    ROOT,
    SCRATCH,
    Outcome,
    command,
    peak_memory_mb,
    save_arrays,
    side_by_side,
    summary,
    write_record,
)
from teachkit import metrics
from teachkit.data import fashion_mnist
from teachkit.deep import dcgan, features, sampling

RESULTS = ROOT / "results"
FILES = {"dcgan": "dcgan", "wgan_gp": "wgan_images", "ddpm": "diffusion_reverse"}
SHOWN = 25


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        n: pictures in each set, generated or real.
        train: training images that the models saw, from which the row "real" is drawn.
        sizes: numbers of pictures from which FID is extrapolated.
        draws: of each size.
        few: a small number of pictures, above the number of features.
        block: pictures in a block of KID.
        ddim_steps: of the diffusion model, which is told no class, as the others are.
        needed: models without whose weights nothing is recorded.
        judge: the folder of the feature network's weights; it makes 64 numbers of a picture.
        seeds: of the models' noise, and of what is drawn.
    """

    n: int = 2_000
    train: int = 8_000
    sizes: tuple[int, ...] = (250, 500, 1_000, 2_000)
    draws: int = 5
    few: int = 100
    block: int = 50
    ddim_steps: int = 25
    needed: tuple[str, ...] = ("dcgan", "wgan_gp", "ddpm")
    judge: str = "results/features"
    seeds: tuple[int, ...] = (0, 1, 2)


QUICK = replace(
    Config(), n=100, train=200, sizes=(70, 100), draws=1, few=70, block=20, ddim_steps=2, needed=(), seeds=(0, 1)
)


def main(config: Config, out: Path, workers: int = 1) -> Path:
    """Score every model with each seed, deceive every score, and write the manifest and some pictures to ``out``."""
    started = time.perf_counter()
    there = {name: (RESULTS / folder / "weights.npz").is_file() for name, folder in FILES.items()}
    if missing := [FILES[name] for name in config.needed if not there[name]]:
        raise FileNotFoundError(f"no weights of {', '.join(missing)}; `python -m runs.{missing[0]}` writes them")
    out.mkdir(parents=True, exist_ok=True)
    names = ["real", *(name for name in FILES if there[name])]
    jobs = [(config, name, seed) for name in names for seed in config.seeds]
    outcomes = list(side_by_side(score, jobs, workers, out / SCRATCH))
    tricks = list(side_by_side(deceive, [(config, seed) for seed in config.seeds], workers, out / SCRATCH))
    firsts = [o for o in outcomes if o.seed == config.seeds[0]]
    save_arrays(out / "samples.npz", {o.name: o.arrays["images"] for o in firsts}, None)
    save_arrays(out / "curves.npz", {f"{o.name}_{o.seed}": o.arrays["fid"] for o in outcomes})
    numbers = {**summary(outcomes), **summary(tricks)}
    return write_record(out, config, config.seeds, numbers, [*outcomes, *tricks], started)


def score(config: Config, name: str, seed: int) -> Outcome:
    """Return all scores of one set of pictures against the test images, and FID at each size."""
    torch.set_num_threads(1)
    net, began = features.load(ROOT / config.judge / "weights.npz"), time.perf_counter()
    images = pictures(config, name, seed)
    seconds = time.perf_counter() - began
    real = features.features(net, fashion_mnist("test", config.n).x)
    fake, probs = features.features(net, images), features.probabilities(net, images)
    rng = np.random.default_rng(seed)
    line = metrics.fid_extrapolated(real, fake, config.sizes, rng, config.draws)
    blocks = metrics.kid_blocks(real, fake, config.block, 100, rng)
    precision, recall = metrics.precision_recall(real, fake)
    density, coverage = metrics.density_coverage(real, fake)
    numbers = {
        "fid": metrics.fid(real, fake), "fid_limit": line.limit, "kid": metrics.kid(real, fake),
        "kid_block_spread": blocks.std, "inception_score": metrics.inception_score(probs),
        "precision": precision, "recall": recall, "density": density, "coverage": coverage,
        "seconds": seconds,
    }  # fmt: skip
    return Outcome(name, seed, numbers, {"images": images[:SHOWN], "fid": line.values}, peak_memory_mb())


def pictures(config: Config, name: str, seed: int) -> np.ndarray:
    """Return n pictures of a model, or real training images, uint8 [n, 28, 28]."""
    if name == "real":
        train = fashion_mnist("train", config.train).x
        return train[np.random.default_rng(seed).permutation(len(train))[: config.n]]
    weights, rng = RESULTS / FILES[name] / "weights.npz", torch.Generator().manual_seed(seed)
    if name != "ddpm":
        G = dcgan.load(weights)
        return dcgan.sample(G, config.n, dcgan.sizes(G)[0], rng)
    made, net = diffusion_reverse.recorded(weights.parent)
    way = diffusion_reverse.schedule(made), "ddim", config.ddim_steps
    x = sampling.sample(net, config.n, diffusion_reverse.SHAPE, *way, rng=rng, kind=made.kind, quiet=True)
    return diffusion_reverse.pixels(x)


def deceive(config: Config, seed: int) -> Outcome:
    """Return what each score says of sets that are made to deceive it."""
    torch.set_num_threads(1)
    net, rng = features.load(ROOT / config.judge / "weights.npz"), np.random.default_rng(seed)
    test, train = fashion_mnist("test", config.n).x, fashion_mnist("train", config.train).x
    real, seen = features.features(net, test), features.features(net, train)
    began = time.perf_counter()
    numbers = {
        **_score_of_ten(features.probabilities(net, test), features.probabilities(net, train)),
        **_moments(real, rng),
        **_few(real, seen, config.few, rng),
        **_blocks(real, seen, config.block, rng),
        **_outlier(real, features.features(net, rng.integers(0, 256, test.shape).astype(np.uint8))),
        "seconds": time.perf_counter() - began,
    }
    return Outcome("fooled", seed, numbers, {}, peak_memory_mb())


def _score_of_ten(real: np.ndarray, seen: np.ndarray) -> dict[str, float]:
    """The surest training image of each class, again and again."""
    ten = seen[seen.argmax(axis=0)]
    return {"is_real": metrics.inception_score(real), "is_ten": metrics.inception_score(ten)}


def _moments(real: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Normal features with the mean and the covariance of the real ones, which no picture need have."""
    normal = rng.multivariate_normal(real.mean(axis=0), np.cov(real, rowvar=False), len(real), method="eigh")
    return {
        "normal_fid": metrics.fid(real, normal), "normal_kid": metrics.kid(real, normal),
        "normal_precision": metrics.precision_recall(real, normal)[0],
        "normal_coverage": metrics.density_coverage(real, normal)[1],
    }  # fmt: skip


def _few(real: np.ndarray, seen: np.ndarray, few: int, rng: np.random.Generator) -> dict[str, float]:
    """Real features, and the same ones drawn towards their mean by a twentieth, from few and from all."""
    out, middle = {}, seen.mean(axis=0)
    for name, n, rounds in (("few", few, 200), ("all", len(real), 1)):
        pairs = [(real[rng.permutation(len(real))[:n]], seen[rng.permutation(len(seen))[:n]]) for _ in range(rounds)]
        out[f"{name}_true"] = float(np.mean([metrics.fid(a, b) for a, b in pairs]))
        out[f"{name}_narrow"] = float(np.mean([metrics.fid(a, middle + 0.95 * (b - middle)) for a, b in pairs]))
    return {**out, "few_gain": out["few_true"] - out["few_narrow"]}


def _blocks(real: np.ndarray, seen: np.ndarray, size: int, rng: np.random.Generator) -> dict[str, float]:
    """KID of real images against real ones in small blocks: how it spreads, and how often it is below 0."""
    pairs = [(rng.permutation(len(real))[:size], rng.permutation(len(seen))[:size]) for _ in range(200)]
    values = np.array([metrics.kid(real[i], seen[j]) for i, j in pairs])
    biased = np.mean([metrics.kid(real[i], seen[j], unbiased=False) for i, j in pairs])
    return {
        "kid_block_mean": float(values.mean()), "kid_block_spread": float(values.std()),
        "kid_block_below_zero": float((values < 0).mean()), "kid_block_biased": float(biased),
    }  # fmt: skip


def _outlier(real: np.ndarray, noise: np.ndarray) -> dict[str, float]:
    """Pure noise as the fakes, before and after one real image is replaced by another such image."""
    spoilt = np.concatenate([real[:-1], noise[:1]])
    return {
        "noise_precision": metrics.precision_recall(real, noise[1:])[0],
        "noise_precision_outlier": metrics.precision_recall(spoilt, noise[1:])[0],
        "noise_density_outlier": metrics.density_coverage(spoilt, noise[1:])[0],
        "noise_coverage_outlier": metrics.density_coverage(spoilt, noise[1:])[1],
    }


if __name__ == "__main__":
    command("evaluation", main, Config(), QUICK)
