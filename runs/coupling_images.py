"""NICE, Real NVP and Glow on images: bits per dimension, what each part of Glow buys, inverse errors, codes.

``python -m runs.coupling_images`` takes some ten minutes on two cores, on the small digits, and writes
``results/coupling_images``; ``--profile cifar --data FILE`` trains wide flows on 32 x 32 pixels in three colours, on a
GPU, and ``--quick`` takes seconds. What was cut off goes on with the same command. ``runs.coupling_clothes`` has the
same flows on Fashion-MNIST.

FILE is an .npz with the arrays "train" and "test", uint8 [n, c, h, w], and their classes "train_classes" and
"test_classes", [n].
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from runs import _coupling_images, _images
from runs._coupling_images import LEVELS, Data, bits, images
from runs._shared import (
    SCRATCH,
    Outcome,
    clock_of,
    command,
    peak_memory_mb,
    save_arrays,
    side_by_side,
    summary,
    write_record,
)
from teachkit.deep import coupling_images
from teachkit.deep.coupling_images import ImageFlow, flow_parts
from teachkit.deep.coupling_layers import Coupling
from teachkit.deep.device import Place, place
from teachkit.deep.recording import CURVES, progress, read_rows, train
from teachkit.deep.source import Source
from teachkit.deep.train import Training

MODELS = ("nice", "realnvp", "glow")
ROUNDED = 16  # images on which random flows are measured


def small() -> dict[str, dict[str, Any]]:
    """Return the sizes of the three flows for the digits."""
    return {
        "nice": {"depth": 4, "hidden": 128, "hidden_layers": 2},
        "realnvp": {"scales": 2, "depth": 2, "hidden": 16, "blocks": 1},
        "glow": {"scales": 2, "depth": 4, "hidden": 32},
    }


def wide(scales: int) -> dict[str, dict[str, Any]]:
    """Return the sizes of the three flows for a device; 28 pixels can be halved twice, 32 more often."""
    return {
        "nice": {"depth": 4, "hidden": 1000, "hidden_layers": 5},
        "realnvp": {"scales": scales, "depth": 3, "hidden": 64, "blocks": 4},
        "glow": {"scales": scales, "depth": 16, "hidden": 128},
    }


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        data: "digits", "fashion_mnist" or "file".
        train: training images.
        test: test images.
        data_seed: draws which of the digits are which.
        sizes: of each model.
        lr: learning rate of each model.
        mixings: of Glow, each with affine and with additive couplings.
        depths: steps of Glow on each grid.
        boards: checkerboard couplings before Glow's first squeeze; with any, Real NVP is also
            trained without those on all its grids but the last.
        weight_decay: of AdamW.
        clip: largest norm of a gradient.
        batch: images in a step.
        steps: of every training.
        measured: how often the test images are coded during the training.
        thin: steps from one point of the loss curve to the next.
        ema: decay of the average of the weights, with which everything is measured.
        draws: of the noise for each test image at the end.
        temperatures: of samples.
        checked: depths of Glow with random weights in which rounding errors are measured.
        stirred: spread of these random weights, see ``_coupling_images.stirred``.
        classes: images of the first are moved to the second.
        seeds: one training of each flow each; the data are the same.
        device: where it runs.
    """

    data: str = "digits"
    train: int = 1_500
    test: int = 297
    data_seed: int = 0
    sizes: dict[str, dict[str, Any]] = field(default_factory=small)
    lr: dict[str, float] = field(default_factory=lambda: {"nice": 2e-3, "realnvp": 5e-3, "glow": 5e-3})
    mixings: tuple[str, ...] = ("reverse", "fixed", "conv1x1")
    depths: tuple[int, ...] = (2, 4, 8)
    boards: tuple[int, ...] = (2, 4)
    weight_decay: float = 0.0
    clip: float = 10.0
    batch: int = 32
    steps: int = 1_000
    measured: int = 10
    thin: int = 10
    ema: float = 0.99
    draws: int = 16
    temperatures: tuple[float, ...] = (0.5, 0.7, 1.0)
    checked: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    stirred: float = 0.3
    classes: tuple[int, int] = (1, 7)
    seeds: tuple[int, ...] = (0, 1, 2)
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.data not in LEVELS:
            raise ValueError(f"data: expected one of {', '.join(LEVELS)}, got {self.data!r}")
        if self.steps % self.measured or self.every % self.thin:
            raise ValueError(f"steps: expected a multiple of {self.measured} times {self.thin}, got {self.steps}")

    @property
    def every(self) -> int:
        """Return the steps from one look at the test images to the next."""
        return self.steps // self.measured


CIFAR = Config(
    data="file", train=50_000, test=10_000, sizes=wide(3), batch=128, steps=100_000, ema=0.999, draws=4,
    lr={"nice": 1e-3, "realnvp": 5e-4, "glow": 5e-4}, mixings=(), depths=(), boards=(), classes=(0, 3), seeds=(0, 1),
    device="cuda",
)  # fmt: skip
QUICK = Config(
    train=100, test=40, sizes={
        "nice": {"depth": 2, "hidden": 8, "hidden_layers": 1},
        "realnvp": {"scales": 2, "depth": 1, "hidden": 4, "blocks": 1}, "glow": {"scales": 2, "depth": 1, "hidden": 4},
    }, mixings=("reverse", "conv1x1"), depths=(1, 2), boards=(1,), batch=8, steps=6, measured=3, thin=1, draws=2,
    checked=(1, 2), seeds=(0, 1),
)  # fmt: skip


class Job(NamedTuple):
    """One training: a model, what differs from its usual sizes, and what it is called."""

    name: str
    model: str
    differs: tuple[tuple[str, Any], ...]
    seed: int


def main(config: Config, out: Path, workers: int = 2, file: Path | None = None) -> Path:
    """Train every flow from every seed, and write the manifest, curves, samples and Glow's weights to ``out``."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    with place(config.device) as here:
        each = [(config, job, out, file) for job in jobs(config)]
        outcomes = list(side_by_side(follow, each, workers, out / SCRATCH / "kept"))
    if here.rank:
        return out
    curves = ("step", "bits", "loss_step", "loss")
    written = {f"{o.name}_{o.seed}_{k}": x for o in outcomes for k, x in o.arrays.items() if k in curves}
    save_arrays(
        out / "curves.npz",
        {**written, **growth(config, images(config.data, config.train, config.test, config.data_seed, file))},
    )
    shown = {f"{o.name}_{k}": x for o in outcomes for k, x in o.arrays.items() if k not in curves}
    save_arrays(out / "samples.npz", shown, None)
    return write_record(out, config, config.seeds, summary(outcomes), outcomes, started, _images.device(here))


def jobs(config: Config) -> list[Job]:
    """Return the trainings: the three models, then Glow's other mixings, couplings and depths, and other masks."""
    kinds: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in MODELS}
    for additive in (False, True):
        for mixing in config.mixings:
            if additive or mixing != "conv1x1":  # else it is Glow as it is
                name = f"glow_{mixing}_{'additive' if additive else 'affine'}"
                kinds[name] = "glow", {"mixing": mixing, "additive": additive}
    for depth in config.depths:
        if depth != config.sizes["glow"]["depth"]:
            kinds[f"glow_depth_{depth}"] = "glow", {"depth": depth}
    for boards in config.boards:
        kinds[f"glow_boards_{boards}"] = "glow", {"boards": boards}
    if config.boards:
        kinds["realnvp_channels"] = "realnvp", {"checkerboard": False}
    return [
        Job(name, model, tuple(differs.items()), seed)
        for seed in config.seeds
        for name, (model, differs) in kinds.items()
    ]


def follow(config: Config, job: Job, out: Path, file: Path | None = None) -> Outcome:
    """Train one flow, then measure it; the first seed's Glow is also written down, and the models' samples."""
    torch.set_num_threads(1)
    data, folder = (
        images(config.data, config.train, config.test, config.data_seed, file),
        out / SCRATCH / f"{job.name}_{job.seed}",
    )
    with place(config.device) as here:
        training = at_start(config, job, data, here)
        made = {"config": asdict(config), "job": list(job[:3]), "seed": job.seed}
        often = {"every": config.every, "log_every": config.thin}
        steps = train(training, config.steps, folder=folder, config=made, here=here, **often)
        if here.rank:
            return Outcome(job.name, job.seed, {"steps": sum(1 for _ in steps)}, {}, peak_memory_mb())
        log, start = _images.Log(folder / "bits.npz", training.step), training.step
        flow, clock = training.averages["flow"].module.eval(), clock_of(config.device)
        test = data.test.to(here.device)
        if start and start % config.every == 0 and start not in log.steps:  # it was cut off while it measured
            log.add(start, np.nan, bits=bits(flow, test, 1))
        began = clock()
        for step in progress(steps, config.steps, config.batch, start=start, quiet=not sys.stderr.isatty()):
            if step.step % config.every == 0:
                seconds = clock() - began
                log.add(step.step, seconds, bits=bits(flow, test, 1))
                began = clock()
    first = job.seed == config.seeds[0] and job.name in MODELS
    if first and job.name == "glow":
        coupling_images.save(out / "weights.npz", flow)
        flow = coupling_images.load(out / "weights.npz").to(here.device)  # what is measured is what can be loaded
    rows, seen = read_rows(folder / CURVES), log.arrays()
    curves = {"step": seen["step"], "bits": seen["bits"], "loss_step": np.array([row["step"] for row in rows])}
    curves["loss"] = np.array([row["loss_flow"] for row in rows])
    # A part that was cut off counts as the others.
    numbers = measured(config, flow, data) | {"seconds": float(np.nanmean(seen["seconds"]) * len(seen["seconds"]))}
    numbers["images_per_second"] = config.batch * config.steps / numbers["seconds"]
    shown = _coupling_images.pictures(flow, data, config.temperatures, config.classes) if first else {}
    return Outcome(job.name, job.seed, numbers, {**curves, **shown}, peak_memory_mb())


def at_start(config: Config, job: Job, data: Data, here: Place) -> Training:
    """Return the training at its start; Glow's act norms have seen a batch."""
    rng = torch.Generator().manual_seed(job.seed)
    flow = network(config, job, tuple(data.train.shape[1:]), rng)
    b = data.train[: max(config.batch, 256)]
    with torch.no_grad():
        flow.to(here.device).bits_with(b, torch.rand(b.shape, generator=rng))
    return Training(
        {"flow": flow}, flow_parts(config.lr[job.model], weight_decay=config.weight_decay),
        Source(data.train, config.batch, seed=job.seed, here=here), ema={"flow": config.ema}, clip=config.clip,
    )  # fmt: skip


def network(config: Config, job: Job, shape: tuple[int, int, int], rng: torch.Generator) -> ImageFlow:
    """Return the flow of a training before it; its weights depend on the generator alone."""
    make = getattr(coupling_images, job.model)
    return make(shape, **{**config.sizes[job.model], **dict(job.differs)}, levels=LEVELS[config.data], rng=rng)


def measured(config: Config, flow: ImageFlow, data: Data) -> dict[str, float]:
    """Return bits, the inverse error in both precisions, and the spread of the test images' codes without noise."""
    like = next(flow.parameters())
    test, seen = data.test.to(like.device), data.train[: config.test].to(like.device)
    z = _coupling_images.codes(flow, test)
    return {
        "bits": bits(flow, test, config.draws),
        "bits_train": bits(flow, seen, config.draws),
        **_coupling_images.rounding(flow, test[:1_000]),
        "code_std": z.std().item(),
        "parameters": sum(p.numel() for p in flow.parameters()),
    }


def growth(config: Config, data: Data) -> dict[str, np.ndarray]:
    """Return the inverse error of Glow with random weights at several depths, [depths], in both precisions.

    "bounded" is Glow as it is, and "free" has no bound of s; where numbers overflow there, the error is not a number.
    """
    rows: dict[str, list[float]] = {}
    for depth in config.checked:
        for bounded in ("bounded", "free"):
            rng, job = torch.Generator().manual_seed(0), Job("glow", "glow", (("depth", depth),), 0)
            flow = network(config, job, tuple(data.train.shape[1:]), rng).eval()
            for layer in flow.modules():
                if isinstance(layer, Coupling) and bounded == "free":
                    layer.bound = None
            errors = _coupling_images.rounding(_coupling_images.stirred(flow, config.stirred, rng), data.test[:ROUNDED])
            for key, error in errors.items():
                rows.setdefault(f"growth_{bounded}_{key.removeprefix('inverse_error_')}", []).append(error)
    return {"growth_depth": np.array(config.checked)} | {key: np.array(row) for key, row in rows.items()}


if __name__ == "__main__":
    wanted = "an .npz file with train, test and their classes"
    command("coupling_images", main, Config(), QUICK, {"cifar": CIFAR}, data=wanted)
