"""Cures for mode collapse side by side: the ring of eight and the grid of 25, at equal steps and at equal time.

``python -m runs.mode_collapse`` takes about half an hour on two cores and writes ``results/mode_collapse``;
``--quick`` takes seconds. Data, networks, batches and seeds are the same for all methods, and so is the generator's
start.

Equal time means the time that the plain GAN needs for all its steps. What a step of each method costs is measured
beforehand, method after method in rounds, as a multiple of the plain GAN's step in the same round: trainings that run
one after the other, on a machine that has other work now and then, could not be compared by their own clocks.

The critic is small on purpose: with it the plain GAN collapses. ``gan_wide`` shows what a larger one alone changes.
The step of the look ahead is the best of three on the ring with a seed that is not among the run's, and the numbers of
the gradient penalty are those of its authors' planar examples, but for a learning rate as high as that of all others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from runs._shared import (
    SCRATCH,
    Outcome,
    command,
    peak_memory_mb,
    save_arrays,
    side_by_side,
    spread,
    stacked,
    write_record,
)
from teachkit.data import Mixture, grid, ring
from teachkit.deep.minimax import sample
from teachkit.deep.mode_collapse import METHODS, Options, recipe
from teachkit.deep.source import Source
from teachkit.deep.train import Step, Training
from teachkit.metrics import high_quality_share, mode_js, modes_covered

BASELINE = "gan"
RADIUS = 3  # standard deviations: a sample within it has high quality
WIDE = "gan_wide"  # no cure but a larger critic: what the small one of all others has to do with it
MEASURED = ("modes", "touched", "share", "js")


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        laws: by name: number of modes, standard deviation of each.
        methods: names of recipes; the plain GAN is among them, since its time is the common one.
        options: sizes and rates of the recipes.
        wide: hidden units of the larger critic.
        train: number of training samples.
        batch: of them in a batch.
        steps: the generator's, in each training.
        every: steps from one measurement to the next.
        shown: samples in a measurement.
        least: of these, how many make a mode count as covered.
        frames: steps after which samples of the first seed are kept.
        drawn: of these, how many.
        rounds: in which the times of a step are measured.
        round_steps: of each method in a round.
        seeds: one training of each method and law each.
        data_seed: draws the training samples.
    """

    laws: tuple[tuple[str, int, float], ...] = (("ring", 8, 0.1), ("grid", 25, 0.05))
    methods: tuple[str, ...] = (*METHODS, WIDE)
    options: Options = field(default_factory=Options)
    wide: tuple[int, ...] = (128, 128)
    train: int = 20_000
    batch: int = 128
    steps: int = 2000
    every: int = 100
    shown: int = 2500
    least: int = 20
    frames: tuple[int, ...] = (0, 100, 200, 300, 400, 500, 750, 1000, 1250, 1500, 1750, 2000)
    drawn: int = 400
    rounds: int = 9
    round_steps: int = 40
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    data_seed: int = 0


QUICK = replace(
    Config(), methods=("gan", "unrolled", "pacgan", "wgan_gp", WIDE), wide=(16,), train=500, batch=32, steps=4,
    options=Options(hidden=(16, 16), critic_hidden=(8, 8), unroll=2), every=2, shown=200, least=1, frames=(0, 4),
    drawn=20, rounds=2, round_steps=2, seeds=(0, 1),
)  # fmt: skip


def main(config: Config, out: Path, workers: int = 2) -> Path:
    """Train every method on every law from every seed, and write the manifest, the curves and the films to ``out``."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    paces = pace(config)
    jobs = [
        (config, law, method, seed) for law, *_ in config.laws for method in config.methods for seed in config.seeds
    ]
    outcomes = list(side_by_side(train, jobs, workers, out / SCRATCH))
    frames = {o.name: o.arrays["frames"].astype(np.float16) for o in outcomes if o.seed == config.seeds[0]}
    save_arrays(out / "samples.npz", {"steps": np.array(config.frames), **frames}, dtype=None)
    names = [key for key in outcomes[0].arrays if key != "frames"]
    curves = {f"{name}_{key}": x for key in names for name, x in stacked(outcomes, key).items()}
    save_arrays(out / "curves.npz", {"steps": _measured_at(config), **curves})
    metrics = {"pace": paces, **{law: _tables(config, law, outcomes, paces) for law, *_ in config.laws}}
    return write_record(out, config, config.seeds, metrics, outcomes, started)


def pace(config: Config) -> dict[str, dict[str, float]]:
    """Return the time of a step on one core by method, as a multiple of the plain GAN's: medians over rounds."""
    torch.set_num_threads(1)
    law, steps = config.laws[0][0], config.round_steps * (config.rounds + 1)
    runs = {method: _training(config, law, method, config.seeds[0]).run(steps) for method in config.methods}
    times = np.array([[_seconds(run, config.round_steps) for run in runs.values()] for _ in range(config.rounds + 1)])
    ratios = times[1:] / times[1:, [config.methods.index(BASELINE)]]  # the first round finds the memory
    low, middle, high = np.quantile(ratios, (0.25, 0.5, 0.75), axis=0)
    return {
        method: {"median": float(middle[i]), "spread": float(high[i] - low[i]) / 2, "n": config.rounds}
        for i, method in enumerate(config.methods)
    }


def _seconds(steps: Iterator[Step], count: int) -> float:
    before = time.process_time()
    for _ in range(count):
        next(steps)
    return time.process_time() - before


def law_of(config: Config, name: str) -> tuple[Mixture, float, np.ndarray]:
    """Return the law, the radius of its modes, and its probabilities of each mode and of being at none.

    In the plane a normal sample is within r standard deviations with probability 1 - exp(-r^2 / 2).
    """
    k, std = {law: rest for law, *rest in config.laws}[name]
    law = {"ring": ring, "grid": grid}[name](k, std=std)
    outside = np.exp(-(RADIUS**2) / 2)
    return law, RADIUS * std, np.array([(1 - outside) / k] * k + [outside])


def train(config: Config, law: str, method: str, seed: int) -> Outcome:
    """Train one method, and measure its samples every so many steps; its seconds are those of one core."""
    torch.set_num_threads(1)
    started, training = time.process_time(), _training(config, law, method, seed)
    steps, rows, frames = training.run(config.steps), [], []
    for step in range(config.steps + 1):
        if step:
            next(steps)
        if step % config.every == 0 or step in config.frames:
            y = _samples(config, training)
        if step % config.every == 0:
            rows.append(measure(config, law, y))
        if step in config.frames:
            frames.append(y[: config.drawn])
    curves = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    numbers = {**rows[-1], "seconds": time.process_time() - started}
    return Outcome(f"{law}_{method}", seed, numbers, {**curves, "frames": np.stack(frames)}, peak_memory_mb())


def measure(config: Config, law: str, y: np.ndarray) -> dict[str, float]:
    """Return the modes covered and those with one sample, the share of samples at a mode, and the divergence."""
    p, radius, truth = law_of(config, law)
    return {
        "modes": modes_covered(y, p.means, radius, config.least),
        "touched": modes_covered(y, p.means, radius),
        "share": high_quality_share(y, p.means, radius),
        "js": mode_js(y, p.means, radius, truth),
    }


def _training(config: Config, law: str, method: str, seed: int) -> Training:
    x = law_of(config, law)[0].sample(config.train, np.random.default_rng(config.data_seed))
    options = replace(config.options, critic_hidden=config.wide) if method == WIDE else config.options
    rng = torch.Generator().manual_seed(seed)
    nets, parts = recipe(BASELINE if method == WIDE else method, options, generator=rng)
    return Training(nets, parts, Source(torch.from_numpy(x).float(), config.batch, seed=1000 + seed))


def _samples(config: Config, training: Training) -> np.ndarray:
    rng = torch.Generator().manual_seed(0)
    y = sample(training.nets["generator"], config.shown, noise=config.options.noise, rng=rng)
    return y.double().numpy()


def _tables(
    config: Config, law: str, outcomes: Sequence[Outcome], paces: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, Any]]:
    """Return for each method its numbers after all steps, and those in the time that the plain GAN needs for them."""
    mine = {m: [o for o in outcomes if o.name == f"{law}_{m}"] for m in config.methods}
    at = {m: _last(config, paces[m]["median"]) for m in mine}
    return {
        "floor": _spreads(_floor(config, law)),
        "at_steps": {m: _spreads([_row(config, law, o, -1) for o in each]) for m, each in mine.items()},
        "at_time": {
            m: {"steps": float(_measured_at(config)[at[m]]), **_spreads([_row(config, law, o, at[m]) for o in each])}
            for m, each in mine.items()
        },
        "seconds": {m: spread([o.numbers["seconds"] for o in each]) for m, each in mine.items()},
    }


def _last(config: Config, pace: float) -> int:
    """Return the last measurement within the plain GAN's time, with a fiftieth for the clock's unrest."""
    most = config.steps // config.every
    return min(most, int(1.02 * most / pace))


def _row(config: Config, law: str, outcome: Outcome, at: int) -> dict[str, float]:
    row = {key: float(outcome.arrays[key][at]) for key in MEASURED}
    return {**row, "all_modes": float(row["modes"] == {name: k for name, k, _ in config.laws}[law])}


def _spreads(rows: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {key: spread([row[key] for row in rows]) for key in rows[0]}


def _floor(config: Config, law: str) -> list[dict[str, float]]:
    """Return the measurements of as many samples of the law itself: what a perfect generator would get."""
    rng = np.random.default_rng(config.data_seed + 1)
    return [measure(config, law, law_of(config, law)[0].sample(config.shown, rng)) for _ in config.seeds]


def _measured_at(config: Config) -> np.ndarray:
    return np.arange(0, config.steps + 1, config.every)


if __name__ == "__main__":
    command("mode_collapse", main, Config(), QUICK)
