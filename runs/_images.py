"""What the runs on images share: a training that is measured, written down, and goes on where it was cut off."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from runs._shared import SCRATCH, Outcome, peak_memory_mb, rank_correlation, save_arrays, spread
from teachkit.data import fashion_mnist
from teachkit.deep import dcgan, features
from teachkit.deep.device import Place, describe, place, precision
from teachkit.deep.recording import CURVES, progress, read_rows, train
from teachkit.deep.source import Source, scaled
from teachkit.deep.train import Part, Training
from teachkit.metrics import fid

NETS = ("critic", "generator")
SHOWN = 36


@dataclass(frozen=True)
class Setting:
    """What decides a training on images beside its game.

    Attributes:
        train: training images, the first of Fashion-MNIST.
        test: test images, to which the generator's are compared; as many of these.
        channels: of both networks, see ``dcgan``.
        noise: numbers in the generator's noise.
        batch: images of each kind in a batch.
        steps: of the generator.
        measured: how often the images are compared during the training.
        thin: steps from one point of the loss curves to the next.
        ema: decay of the average of the generator's weights, whose images are compared.
        seeds: one training of each game each; the data are the same.
        device: where it runs.
        mixed: whether forward passes take the device's fastest type.
        compiled: whether the networks are compiled.
        judge: "trained" for the recorded feature network; "untrained" ones are good for smoke runs alone.
    """

    train: int = 8_000
    test: int = 2_000
    channels: int = 16
    noise: int = 64
    batch: int = 64
    steps: int = 4_000
    measured: int = 16
    thin: int = 10
    ema: float = 0.995
    seeds: tuple[int, ...] = (0, 1, 2)
    device: str = "cpu"
    mixed: bool = False
    compiled: bool = False
    judge: str = "trained"

    def __post_init__(self) -> None:
        if self.steps % self.measured or self.every % self.thin:
            raise ValueError(f"steps: expected a multiple of {self.measured} times {self.thin}, got {self.steps}")

    @property
    def every(self) -> int:
        """Return the steps from one comparison to the next."""
        return self.steps // self.measured


class Judged(Protocol):
    """What every run says whose pictures are compared with real ones."""

    train: int
    test: int
    seeds: tuple[int, ...]
    judge: str


FULL = {"train": 60_000, "test": 10_000, "channels": 64, "batch": 128, "ema": 0.999, "device": "cuda"}
SMOKE = {
    "train": 200, "test": 140, "channels": 2, "noise": 8, "batch": 8, "steps": 6, "measured": 3, "thin": 1,
    "seeds": (0, 1), "judge": "untrained",
}  # fmt: skip


def networks(setting: Setting, seed: int, norm: dcgan.Norm) -> dict[str, nn.Module]:
    """Return both networks before training; the generator's weights depend on the seed alone."""
    sources = [torch.Generator().manual_seed(2 * seed + i) for i in range(2)]
    return {
        "critic": dcgan.discriminator(setting.channels, norm=norm, rng=sources[1]),
        "generator": dcgan.generator(setting.noise, setting.channels, rng=sources[0]),
    }


def follow(
    setting: Setting,
    name: str,
    seed: int,
    nets: Mapping[str, nn.Module],
    parts: Sequence[Part],
    config: Mapping[str, Any],
    out: Path,
    weights: Path | None = None,
) -> Outcome:
    """Train one game and compare its images with the test images now and then; go on if it was cut off.

    Under ``torchrun`` the first process alone compares and writes; the outcomes of the others are empty.

    Args:
        setting: of the run.
        name: of the game.
        seed: of data order and noise.
        nets: before the training.
        parts: their turns.
        config: what must be the same when it goes on.
        out: the run's folder.
        weights: where the averaged generator goes, if anywhere.
    """
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = setting.device != "cpu"
    folder, batch = out / SCRATCH / f"{name}_{seed}", setting.batch * parts[0].times
    with place(setting.device) as here:
        data = torch.from_numpy(fashion_mnist("train", setting.train).x)[:, None]
        source = Source(data, setting.batch, seed=seed, prepare=scaled, here=here)
        training = Training(
            nets, parts, source, ema={"generator": setting.ema}, compiled=setting.compiled,
            precision=precision(here.device) if setting.mixed else torch.float32,
        )  # fmt: skip
        made = {
            "config": dict(config),
            "game": name,
            "seed": seed,
            **({"processes": here.world} if here.world > 1 else {}),
        }
        often = {"every": setting.every, "log_every": setting.thin}
        steps = train(training, setting.steps, folder=folder, config=made, here=here, **often)
        if here.rank:
            return Outcome(name, seed, {"steps": sum(1 for _ in steps)}, {}, peak_memory_mb())
        log, compare = Log(folder / "compared.npz", training.step), _judge(setting, here.device)
        G, start = training.averages["generator"].module, training.step
        if start % setting.every == 0 and start not in log.steps:  # else it was cut off while it was compared
            log.add(start, np.nan, **compare(G))
        began = time.perf_counter()
        for step in progress(steps, setting.steps, batch, start=start, quiet=not sys.stderr.isatty()):
            if step.step % setting.every == 0:
                log.add(step.step, time.perf_counter() - began, **compare(G))
                began = time.perf_counter()
    if weights is not None:
        dcgan.save(weights, G)
    curves = {**_losses(folder / CURVES), **log.arrays()}
    return Outcome(name, seed, _numbers(setting, curves, batch), curves, peak_memory_mb())


def device(here: Place) -> str:
    """Return the device as a record names it, with the number of processes where there are several.

    >>> device(Place(torch.device("cpu"))), device(Place(torch.device("cpu"), 0, 2))
    ('cpu', '2 x cpu')
    """
    return f"{here.world} x {describe(here.device)}" if here.world > 1 else describe(here.device)


class Log:
    """The comparisons of one training in a file, which is written whole each time.

    Args:
        path: the file; what it has of steps after ``step`` is dropped.
        step: of the training.
    """

    def __init__(self, path: Path, step: int) -> None:
        self._path, self._rows = path, []
        if path.exists():
            with np.load(path) as arrays:
                columns = dict(arrays)
            rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            self._rows = [row for row in rows if row["step"] <= step]

    @property
    def steps(self) -> list[int]:
        """Return the steps that were compared."""
        return [int(row["step"]) for row in self._rows]

    def add(self, step: int, seconds: float, **measured: Any) -> None:
        """Write one comparison down, with the seconds of training since the last one; NaN if they are not known."""
        self._rows.append({"step": step, "seconds": seconds, **measured})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        save_arrays(self._path, self.arrays(), None)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the columns."""
        return {key: np.stack([row[key] for row in self._rows]) for key in self._rows[0]}


def floor(setting: Judged) -> dict[str, dict[str, float]]:
    """Return the FID between real images, over the seeds: what a perfect generator would get.

    "train" compares the test images with as many training images, "halves" the halves of the test images, where the
    samples' own error is twice as large.
    """
    net, test = judge(setting.judge), fashion_mnist("test", setting.test).x
    train, values = fashion_mnist("train", setting.train).x, {"train": [], "halves": []}
    for seed in setting.seeds:
        rng = np.random.default_rng(seed)
        some, half = rng.permutation(len(train))[: len(test)], np.array_split(rng.permutation(len(test)), 2)
        values["train"].append(fid(features.features(net, test), features.features(net, train[some])))
        values["halves"].append(fid(*(features.features(net, test[rows]) for rows in half)))
    return {name: spread(each) for name, each in values.items()}


def film(outcome: Outcome) -> dict[str, np.ndarray]:
    """Return what the samples of one training keep: the steps and their images, uint8 [compared, 36, 28, 28]."""
    return {"steps": outcome.arrays["step"].astype(np.int32), "images": outcome.arrays["images"]}


def curves(outcomes: Sequence[Outcome]) -> dict[str, np.ndarray]:
    """Return the arrays of all trainings but their images, by game, seed and name."""
    return {f"{o.name}_{o.seed}_{k}": x for o in outcomes for k, x in o.arrays.items() if k != "images"}


def judge(name: str) -> nn.Sequential:
    """Return the feature network, "trained" as recorded or "untrained" for smoke runs."""
    if name == "untrained":
        return features.network(rng=torch.Generator().manual_seed(0))
    return features.load()


def _judge(setting: Setting, device: torch.device) -> Callable[[nn.Module], dict[str, Any]]:
    """Return generator -> its FID to the test images and some images, always from the same noise."""
    net = judge(setting.judge).to(device)
    real = features.features(net, fashion_mnist("test", setting.test).x)

    def compare(G: nn.Module) -> dict[str, Any]:
        images = dcgan.sample(G, setting.test, setting.noise, torch.Generator().manual_seed(0))
        return {"fid": fid(real, features.features(net, images)), "images": images[:SHOWN]}

    return compare


def _losses(path: Path) -> dict[str, np.ndarray]:
    """Return the curves of the losses that the training has written down."""
    rows = read_rows(path)
    columns = ("step", *(f"loss_{name}" for name in NETS))
    return {column if column != "step" else "loss_step": np.array([r[column] for r in rows]) for column in columns}


def _numbers(setting: Setting, curves: Mapping[str, np.ndarray], batch: int) -> dict[str, float]:
    """Return ends, speed, and how the losses go with the FID, over all comparisons and over the late half.

    The critic's value is minus its loss, penalty included. Losses are means since the last comparison.
    """
    values, taken = curves["fid"][1:], curves["seconds"][1:]
    means = {
        name: np.array([
            curves[f"loss_{name}"][(curves["loss_step"] > end - setting.every) & (curves["loss_step"] <= end)].mean()
            for end in curves["step"][1:]
        ])
        for name in NETS
    }  # fmt: skip
    signed, late = {"value": -means["critic"], "generator": means["generator"]}, slice(len(values) // 2, None)
    seconds = float(np.nanmean(taken) * len(taken))  # a window in which it was cut off counts as the others
    return {
        "fid_start": float(curves["fid"][0]),
        "fid_end": float(values[-1]),
        "fid_best": float(values.min()),
        **{f"loss_{name}_end": float(x[-1]) for name, x in means.items()},
        **{f"{name}_with_fid": rank_correlation(x, values) for name, x in signed.items()},
        **{f"{name}_with_fid_late": rank_correlation(x[late], values[late]) for name, x in signed.items()},
        "seconds": seconds,
        "images_per_second": batch * setting.every * len(taken) / seconds,
    }
