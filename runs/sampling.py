"""One diffusion model, many samplers: FID against the number of steps, and what guidance does to precision and recall.

``python -m runs.sampling`` takes some twenty minutes on one core and writes ``results/sampling``; ``--quick`` takes
seconds. It trains nothing: it needs the records ``features`` and ``diffusion_reverse``. FIDs compare with each other,
with the floor, and with nothing that was computed from other numbers of images.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from runs import _images, diffusion_reverse
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
from runs.diffusion_reverse import CLASSES, SHAPE
from teachkit.data import fashion_mnist
from teachkit.deep import features, sampling
from teachkit.deep.dcgan import pixels
from teachkit.deep.unet import UNet
from teachkit.metrics import fid, precision_recall

MODEL = ROOT / "results" / "diffusion_reverse"
SHOWN = 2 * CLASSES


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        n: samples in each set, of all classes alike.
        test: test images that they are compared with.
        train: training images, from which the floor draws n.
        steps: of each sampler. Heun's method calls the network twice a step but in the last.
        unclipped: steps of DDIM without bringing the guess of x_0 to the range of the data.
        scales: of guidance; 0 is without class, 1 with it.
        scaled_steps: of DDIM under guidance.
        seeds: of the noise.
        device: where it runs.
        judge: "trained" for the recorded feature network; "untrained" ones are good for smoke runs alone.
        model: how the network was trained, if it is not the recorded one.
    """

    n: int = 500
    test: int = 2_000
    train: int = 8_000
    steps: dict[str, tuple[int, ...]] = field(
        default_factory=lambda: {
            "ancestral": (5, 10, 20, 50, 100),
            "ddim": (5, 10, 20, 50, 100),
            "heun": (3, 5, 10, 25, 50),
        }
    )
    unclipped: tuple[int, ...] = (5, 20)
    scales: tuple[float, ...] = (0, 1, 2, 3, 5)
    scaled_steps: int = 20
    seeds: tuple[int, ...] = (0, 1, 2)
    device: str = "cpu"
    judge: str = "trained"
    model: diffusion_reverse.Config | None = None


GPU = replace(Config(), n=10_000, test=10_000, train=60_000, device="cuda")
QUICK = replace(
    Config(), n=70, test=140, train=200, steps={"ancestral": (2,), "ddim": (2,), "heun": (2,)}, unclipped=(2,),
    scales=(1, 2), scaled_steps=2, seeds=(0, 1), judge="untrained", model=diffusion_reverse.QUICK,
)  # fmt: skip


def main(config: Config, out: Path, workers: int = 1) -> Path:
    """Sample in every way from every seed, and write the manifest, curves and some images to ``out``."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    settings = [("walk", way) for way in config.steps] + [("push", x) for x in config.scales] + [("floor", None)]
    jobs = [(config, seed, *setting) for setting in settings for seed in config.seeds]
    outcomes = list(side_by_side(measure, jobs, workers, out / SCRATCH / "kept"))
    first = [o for o in outcomes if o.seed == config.seeds[0] and o.arrays]
    save_arrays(out / "samples.npz", {o.name: o.arrays["images"] for o in first}, None)
    curves = {f"{o.name}_{o.seed}": o.arrays["fid"] for o in outcomes if "fid" in o.arrays}
    curves |= {f"{way}_calls": np.array([sampling.calls(way, k) for k in steps]) for way, steps in config.steps.items()}
    save_arrays(out / "curves.npz", curves)
    return write_record(out, config, config.seeds, summary(outcomes), outcomes, started, config.device)


def measure(config: Config, seed: int, what: str, setting: Any) -> Outcome:
    """Return what one measurement with one setting gives; a name, as a job is known by what it prints as."""
    return {"walk": walk, "push": push, "floor": floor}[what](config, seed, setting)


def walk(config: Config, seed: int, way: sampling.Method) -> Outcome:
    """Return the FID of one sampler at each number of steps; ``fid_20`` is that of 20 steps."""
    values, images, began = [], [], time.perf_counter()
    for steps in config.steps[way]:
        x = drawn(config, way, steps, seed)
        values.append(distance(config, x))
        images.append(x[:SHOWN])
    numbers = {f"fid_{k}": value for k, value in zip(config.steps[way], values, strict=True)}
    if way == "ddim":
        for steps in config.unclipped:
            numbers[f"fid_unclipped_{steps}"] = distance(config, drawn(config, way, steps, seed, clip=False))
    numbers["seconds"] = time.perf_counter() - began
    return Outcome(way, seed, numbers, {"fid": np.array(values), "images": np.stack(images)}, peak_memory_mb())


def push(config: Config, seed: int, scale: float) -> Outcome:
    """Return what guidance of one scale does: FID, precision and recall, and how many samples show their class."""
    began = time.perf_counter()
    x = drawn(config, "ddim", config.scaled_steps, seed, scale=scale)
    numbers = {**scored(config, x), "agreement": agreement(config, x, classes(config).numpy())}
    numbers["seconds"] = time.perf_counter() - began
    return Outcome(f"scale_{scale:g}".replace(".", "_"), seed, numbers, {"images": x[:SHOWN]}, peak_memory_mb())


def floor(config: Config, seed: int, _: None) -> Outcome:
    """Return the same of as many training images, which a perfect sampler can't beat but by chance."""
    data = fashion_mnist("train", config.train)
    rows = np.random.default_rng(seed).permutation(len(data.x))[: config.n]
    x, y = data.x[rows], data.y[rows]
    numbers = {**scored(config, x), "agreement": agreement(config, x, y)}
    return Outcome("floor", seed, numbers, {}, peak_memory_mb())


def drawn(
    config: Config, way: sampling.Method, steps: int, seed: int, *, scale: float = 1.0, clip: bool = True
) -> np.ndarray:
    """Return n samples, uint8 [n, 28, 28], from the same noise for every way."""
    torch.set_num_threads(1)
    made, net = model(config)
    rng, levels = torch.Generator(config.device).manual_seed(seed), diffusion_reverse.schedule(made)
    return pixels(
        sampling.sample(
            net.to(config.device), config.n, SHAPE, levels, way, min(steps, made.T), rng=rng, y=classes(config),
            scale=scale, kind=made.kind, clip=clip, quiet=True,
        )
    )  # fmt: skip


def model(config: Config) -> tuple[diffusion_reverse.Config, UNet]:
    """Return how the network was trained, and the network; an untrained one for smoke runs."""
    if config.model is None:
        return diffusion_reverse.recorded(MODEL)
    return config.model, diffusion_reverse.network(config.model, 0)


def classes(config: Config) -> torch.Tensor:
    """Return the classes that are asked for, in turn, [n]."""
    return torch.arange(config.n) % CLASSES


def scored(config: Config, x: np.ndarray) -> dict[str, float]:
    """Return FID, precision and recall of images against the test images."""
    net, real = reference(config.judge, config.test)
    fake = features.features(net, x)
    precision, recall = precision_recall(real, fake)
    return {"fid": fid(real, fake), "precision": precision, "recall": recall}


def distance(config: Config, x: np.ndarray) -> float:
    """Return the FID of images to the test images."""
    net, real = reference(config.judge, config.test)
    return fid(real, features.features(net, x))


def agreement(config: Config, x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of the images that the feature network takes for their class."""
    net, _ = reference(config.judge, config.test)
    return float((features.probabilities(net, x).argmax(1) == y).mean())


@lru_cache(1)
def reference(judge: str, test: int) -> tuple[nn.Sequential, np.ndarray]:
    """Return the feature network and what it says of the test images."""
    net = _images.judge(judge)
    return net, features.features(net, fashion_mnist("test", test).x)


if __name__ == "__main__":
    command("sampling", main, Config(), QUICK, {"gpu": GPU})
