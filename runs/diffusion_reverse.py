"""A diffusion model on Fashion-MNIST: how near its images come to the test images, and its bound in bits.

``python -m runs.diffusion_reverse`` takes some twenty-five minutes on one core and writes
``results/diffusion_reverse``; ``--profile gpu`` trains a wider network on all images, and ``--quick`` takes seconds.
What was cut off goes on with the same command.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from runs import _images
from runs._shared import (
    SCRATCH,
    Outcome,
    command,
    peak_memory_mb,
    save_arrays,
    side_by_side,
    stacked,
    summary,
    write_record,
)
from teachkit.book.manifest import read_result
from teachkit.data import fashion_mnist
from teachkit.deep import features, sampling
from teachkit.deep.dcgan import pixels
from teachkit.deep.device import place, precision
from teachkit.deep.diffusion_reverse import bound_bits, ddpm_parts, denoiser, load, save, target
from teachkit.deep.recording import CURVES, progress, read_rows, train
from teachkit.deep.source import Source, scaled
from teachkit.deep.train import Training
from teachkit.deep.unet import UNet, unet
from teachkit.diffusion import Schedule, cosine_schedule, linear_schedule
from teachkit.metrics import fid

NAME = "ddpm"
SCHEDULES = {"linear": linear_schedule, "cosine": cosine_schedule}
CLASSES = 10
SHAPE = (1, features.SIZE, features.SIZE)


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        train: training images, the first of Fashion-MNIST.
        test: test images, with which as many samples are compared, of all classes alike.
        width: channels of the network on the finest grid.
        multipliers: channels of each grid over these.
        blocks: residual blocks of a grid.
        schedule: "linear" or "cosine".
        T: steps of the schedule.
        kind: what the network says.
        dropped: share of the images whose class is hidden.
        lr: learning rate.
        clip: largest norm of a gradient.
        batch: images in a step.
        steps: of the training.
        shots: how often some images are sampled during the training.
        thin: steps from one point of the loss curve to the next.
        ema: decay of the average of the weights, with which everything is sampled and measured.
        sampler: with which the images are made that are compared.
        sampler_steps: of these.
        rows: test images in each of the T terms of the bound.
        walked: images whose whole way from noise is kept, by ancestral sampling in all T steps.
        seeds: one training each.
        device: where it runs.
        mixed: whether forward passes take the device's fastest type.
        compiled: whether the network is compiled.
        judge: "trained" for the recorded feature network; "untrained" ones are good for smoke runs alone.
    """

    train: int = 8_000
    test: int = 2_000
    width: int = 16
    multipliers: tuple[int, ...] = (1, 2, 2)
    blocks: int = 1
    schedule: str = "linear"
    T: int = 1_000
    kind: str = "noise"
    dropped: float = 0.2
    lr: float = 2e-3
    clip: float = 1.0
    batch: int = 32
    steps: int = 2_160
    shots: int = 6
    thin: int = 10
    ema: float = 0.995
    sampler: sampling.Method = "ancestral"
    sampler_steps: int = 50
    rows: int = 32
    walked: int = 10
    seeds: tuple[int, ...] = (0, 1, 2)
    device: str = "cpu"
    mixed: bool = False
    compiled: bool = False
    judge: str = "trained"

    def __post_init__(self) -> None:
        if self.steps % self.shots or self.every % self.thin:
            raise ValueError(f"steps: expected a multiple of {self.shots} times {self.thin}, got {self.steps}")

    @property
    def every(self) -> int:
        """Return the steps from one look at the samples to the next."""
        return self.steps // self.shots


GPU = Config(
    train=60_000, test=10_000, width=64, multipliers=(1, 2, 4), blocks=2, lr=2e-4, batch=128, steps=60_000,
    ema=0.9995, sampler_steps=1_000, rows=128, device="cuda", mixed=True, compiled=True,
)  # fmt: skip
QUICK = Config(
    train=200, test=140, width=4, multipliers=(1, 2), T=6, lr=1e-3, batch=8, steps=6, shots=3, thin=1,
    sampler_steps=2, rows=8, seeds=(0, 1), judge="untrained",
)  # fmt: skip


def main(config: Config, out: Path, workers: int = 1) -> Path:
    """Train from every seed, and write the manifest, curves, samples and one network's weights to ``out``."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    with place(config.device) as here:
        jobs = [(config, seed, out) for seed in config.seeds]
        outcomes = list(side_by_side(follow, jobs, workers, out / SCRATCH / "kept"))
    if here.rank:
        return out
    curves = ("step", "loss", "bits")
    save_arrays(out / "curves.npz", {key: stacked(outcomes, key)[NAME] for key in curves})
    save_arrays(out / "samples.npz", {k: x for k, x in outcomes[0].arrays.items() if k not in curves}, None)
    metrics = {**summary(outcomes), "floor": _images.floor(config)}
    return write_record(out, config, config.seeds, metrics, outcomes, started, _images.device(here))


def follow(config: Config, seed: int, out: Path) -> Outcome:
    """Train from one seed, then measure; the first seed's averaged network is also written down and shown."""
    torch.set_num_threads(1)
    folder, first = out / SCRATCH / f"{NAME}_{seed}", seed == config.seeds[0]
    with place(config.device) as here:
        data = fashion_mnist("train", config.train)
        tensors = torch.from_numpy(data.x)[:, None], torch.from_numpy(data.y).long()
        training = Training(
            {"denoiser": network(config, seed)}, ddpm_parts(schedule(config), config.kind,
            classes_dropped=config.dropped, lr=config.lr), Source(tensors, config.batch, seed=seed, prepare=scaled,
            here=here), ema={"denoiser": config.ema}, clip=config.clip, compiled=config.compiled,
            precision=precision(here.device) if config.mixed else torch.float32,
        )  # fmt: skip
        made = {"config": asdict(config), "seed": seed}
        often = {"every": config.every, "log_every": config.thin}
        steps = train(training, config.steps, folder=folder, config=made, here=here, **often)
        if here.rank:
            return Outcome(NAME, seed, {"steps": sum(1 for _ in steps)}, {}, peak_memory_mb())
        log, start = _images.Log(folder / "shots.npz", training.step), training.step
        net = training.averages["denoiser"].module
        if start and start % config.every == 0 and start not in log.steps:  # it was cut off while it sampled
            log.add(start, np.nan, images=some(config, net, here.device))
        began = time.perf_counter()
        for step in progress(steps, config.steps, config.batch, start=start, quiet=not sys.stderr.isatty()):
            if step.step % config.every == 0:
                seconds = time.perf_counter() - began
                log.add(step.step, seconds, images=some(config, net, here.device))
                began = time.perf_counter()
    if first:
        save(out / "weights.npz", net)
        net = load(out / "weights.npz").to(here.device)  # what is measured is what can be loaded
    rows, shots = read_rows(folder / CURVES), log.arrays()
    seconds = float(
        np.nanmean(shots["seconds"]) * len(shots["seconds"])
    )  # a part that was cut off counts as the others
    curves = {"step": np.array([row["step"] for row in rows]), "loss": np.array([row["loss_denoiser"] for row in rows])}
    numbers, bits = measured(config, net, seed, here.device)
    numbers |= {"loss_train": float(curves["loss"][-len(rows) // 10 :].mean()), "seconds": seconds}
    numbers |= {"images_per_second": config.batch * config.steps / seconds}
    numbers["parameters"] = sum(p.numel() for p in net.parameters())
    shown = {"shots": shots["images"], "shots_step": shots["step"], **walks(config, net, here.device)} if first else {}
    return Outcome(NAME, seed, numbers, {**curves, "bits": bits, **shown}, peak_memory_mb())


def schedule(config: Config) -> Schedule:
    """Return the schedule with which a run trained; a record's configuration, as a ``Config``, says which."""
    return SCHEDULES[config.schedule](config.T)


def recorded(folder: Path) -> tuple[Config, UNet]:
    """Return the configuration and the network of a record; its weights are of the first seed."""
    held = {key: tuple(x) if isinstance(x, list) else x for key, x in read_result(folder)["config"].items()}
    return Config(**held), load(folder / "weights.npz")


def network(config: Config, seed: int) -> UNet:
    """Return the network before its training; its weights depend on the seed alone."""
    rng = torch.Generator().manual_seed(seed)
    return unet(1, config.width, config.multipliers, classes=CLASSES, blocks=config.blocks, rng=rng)


def some(config: Config, net: UNet, device: torch.device, n: int = 3 * CLASSES) -> np.ndarray:
    """Return n samples of all classes in turn, always from the same noise, uint8 [n, 28, 28]."""
    way = schedule(config), config.sampler, config.sampler_steps
    rng, y = torch.Generator(device).manual_seed(0), torch.arange(n) % CLASSES
    return pixels(sampling.sample(net, n, SHAPE, *way, rng=rng, y=y, kind=config.kind, quiet=True))


def measured(config: Config, net: UNet, seed: int, device: torch.device) -> tuple[dict[str, float], np.ndarray]:
    """Return FID, loss, and the parts of the bound with its terms in bits for each pixel, [T + 1]."""
    test, rng, began = (
        fashion_mnist("test", config.test).x,
        torch.Generator(device).manual_seed(seed),
        time.perf_counter(),
    )
    judge = _images.judge(config.judge).to(device)
    way = schedule(config), config.sampler, config.sampler_steps
    y = torch.arange(config.test) % CLASSES
    made = sampling.sample(net, config.test, SHAPE, *way, rng=rng, y=y, kind=config.kind, quiet=True)
    seconds = time.perf_counter() - began
    x0 = scaled(torch.from_numpy(test)[:, None]).to(device)
    eps = denoiser(net, schedule(config), config.kind)
    bound = bound_bits(eps, x0, schedule(config), rng, rows=config.rows)
    return {
        "fid": fid(features.features(judge, test), features.features(judge, pixels(made))),
        "loss": simple_loss(config, net, x0, rng),
        "bits": bound.total,
        "bits_first": float(bound.steps[1]),
        "bits_steps": float(bound.steps[2:].sum()),
        "bits_prior": bound.prior,
        "samples_per_second": config.test / seconds,
    }, bound.steps


@torch.no_grad()
def simple_loss(config: Config, net: UNet, x0: Tensor, rng: torch.Generator) -> float:
    """Return the simple loss on the test images without their classes, one step and one noise for each."""
    total = 0.0
    for x in x0.split(250):
        t = torch.randint(1, config.T + 1, (len(x),), generator=rng, device=x.device)
        eps = torch.randn(x.shape, generator=rng, device=x.device)
        xt, wanted = target(x, eps, t, schedule(config), config.kind)
        total += (net(xt, t) - wanted).square().mean().item() * len(x)
    return total / len(x0)


def walks(config: Config, net: UNet, device: torch.device) -> dict[str, Any]:
    """Return samples of each class, and the whole way of a few at some steps, with what the network takes for x_0."""
    levels, rng = schedule(config), torch.Generator(device).manual_seed(1)
    y = torch.arange(config.walked, device=device) % CLASSES
    eps = sampling.clipped(denoiser(net, levels, config.kind, y), levels)
    kept = {round(config.T * k / 10) for k in range(11)} | {round(config.T * k / 100) for k in (1, 2, 5)}
    xT, times, way, guess = torch.randn(config.walked, *SHAPE, generator=rng, device=device), [], [], []
    with torch.no_grad():
        for t, x in sampling.ancestral(eps, xT, levels, rng):
            if t in kept:
                abar, at = levels.abar[t], torch.full((len(x),), t, device=device)
                x0 = (x - (1 - abar) ** 0.5 * eps(x, at)) / abar**0.5 if t else x
                times.append(t)
                way.append(x[:, 0].half().cpu().numpy())
                guess.append(pixels(x0))
    return {
        "images": some(config, net, device, 10 * CLASSES),
        "times": np.array(times), "way": np.stack(way), "guess": np.stack(guess), "classes": y.cpu().numpy(),
    }  # fmt: skip


if __name__ == "__main__":
    command("diffusion_reverse", main, Config(), QUICK, {"gpu": GPU})
