"""Coupling flows on the two moons: affine against additive layers, and 2, 4 and 8 of them.

``python runs/coupling.py`` takes a few minutes on two cores and writes ``results/coupling``; ``--quick`` takes seconds.
The law's exact density is known, so the distance to it is measured, not judged by eye.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from teachkit._files import write_whole
from teachkit.book.manifest import describe, write_result
from teachkit.data import TwoMoons, two_moons
from teachkit.deep.coupling import CouplingFlow, fit, save_npz

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        std: noise of the two moons.
        kinds: of layers.
        depths: numbers of layers.
        hidden: units in the hidden layers of a network.
        train: number of training samples.
        held_out: number of samples for each estimate.
        steps: training steps.
        batch: samples a step.
        lr: first learning rate.
        seeds: one training each; the data are the same.
        data_seed: draws the training and the held-out samples.
        thin: steps that are averaged into one point of a loss curve.
    """

    std: float = 0.1
    kinds: tuple[str, ...] = ("affine", "additive")
    depths: tuple[int, ...] = (2, 4, 8)
    hidden: int = 64
    train: int = 100_000
    held_out: int = 20_000
    steps: int = 2500
    batch: int = 512
    lr: float = 5e-3
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    data_seed: int = 0
    thin: int = 25


QUICK = replace(Config(), depths=(2,), train=2000, held_out=500, steps=50, batch=64, seeds=(0, 1))


class Job(NamedTuple):
    """One training."""

    kind: str
    depth: int
    seed: int

    @property
    def name(self) -> str:
        """Return the name of the model, as in the metrics."""
        return f"{self.kind}_{self.depth}"


class Outcome(NamedTuple):
    """What one training gave: its numbers, its loss curve, and the peak memory of its process in MB."""

    job: Job
    numbers: dict[str, float]
    curve: np.ndarray
    peak_memory_mb: float


def main(config: Config, out: Path, workers: int = 2) -> Path:
    """Train every model from every seed, and write the manifest, the loss curves and one flow's weights to ``out``."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    outcomes = list(_train_all(config, out, workers))
    _save_curves(outcomes, out)
    metrics = {"entropy": _entropy(config), **_summary(outcomes)}
    manifest = describe(
        "coupling",
        asdict(config),
        list(config.seeds),
        metrics,
        round(time.perf_counter() - started, 1),
        peak_memory_mb=max(outcome.peak_memory_mb for outcome in outcomes),
    )
    return write_result(out, manifest)


def train(config: Config, job: Job, out: Path) -> Outcome:
    """Train one flow and compare it with the law; the first seed's deepest affine flow is also written down."""
    torch.set_num_threads(1)
    law, x, held_out = _data(config)
    seeds = [torch.Generator().manual_seed(4 * job.seed + i) for i in range(3)]
    flow = CouplingFlow(layers=job.depth, hidden=config.hidden, additive=job.kind == "additive", generator=seeds[0])
    started = time.perf_counter()
    steps = fit(flow, x, steps=config.steps, batch=config.batch, lr=config.lr, generator=seeds[1])
    losses = np.array([step.loss for step in steps])
    seconds = time.perf_counter() - started
    if job == Job("affine", max(config.depths), config.seeds[0]):
        save_npz(flow, out / "weights.npz")
    numbers = {**_compare(flow, law, held_out, seeds[2]), "seconds": seconds}
    return Outcome(job, numbers, losses.reshape(-1, config.thin).mean(1), _peak_memory_mb())


def _train_all(config: Config, out: Path, workers: int) -> Iterator[Outcome]:
    jobs = [Job(k, d, s) for d in sorted(config.depths, reverse=True) for k in config.kinds for s in config.seeds]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for future in [pool.submit(train, config, job, out) for job in jobs]:
            outcome = future.result()
            print(outcome.job, {name: round(value, 4) for name, value in outcome.numbers.items()}, flush=True)
            yield outcome


def _data(config: Config) -> tuple[TwoMoons, torch.Tensor, np.ndarray]:
    rng, law = np.random.default_rng(config.data_seed), two_moons(config.std)
    x, held_out = law.sample(config.train, rng), law.sample(config.held_out, rng)
    return law, torch.from_numpy(x).float(), held_out


def _entropy(config: Config) -> float:
    """Return the Monte-Carlo estimate of the law's entropy, on the held-out samples, in nats."""
    law, _, held_out = _data(config)
    return float(-law.log_prob(held_out).mean())


@torch.no_grad()
def _compare(flow: CouplingFlow, law: TwoMoons, held_out: np.ndarray, generator: torch.Generator) -> dict[str, float]:
    """Return the held-out loss and both Kullback-Leibler divergences, in nats, with their standard errors."""
    log_q = flow.log_prob(torch.from_numpy(held_out).float()).double().numpy()
    y = flow.sample(len(held_out), generator)
    forward = law.log_prob(held_out) - log_q
    backward = flow.log_prob(y).double().numpy() - law.log_prob(y.double().numpy())
    return {
        "nll": float(-log_q.mean()),
        "kl_data_model": float(forward.mean()),
        "kl_data_model_error": _standard_error(forward),
        "kl_model_data": float(backward.mean()),
        "kl_model_data_error": _standard_error(backward),
    }


def _standard_error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _summary(outcomes: list[Outcome]) -> dict[str, dict[str, dict[str, float]]]:
    """Return mean and standard deviation over the seeds, by model and quantity."""
    numbers: dict[str, list[dict[str, float]]] = {}
    for outcome in outcomes:
        numbers.setdefault(outcome.job.name, []).append(outcome.numbers)
    return {model: {key: _spread([row[key] for row in rows]) for key in rows[0]} for model, rows in numbers.items()}


def _spread(values: list[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "spread": float(np.std(values, ddof=1)), "n": len(values)}


def _save_curves(outcomes: list[Outcome], out: Path) -> None:
    """Write the loss curves, one array [seeds, steps / thin] a model, as float32."""
    names = dict.fromkeys(outcome.job.name for outcome in outcomes)
    curves = {n: np.stack([o.curve for o in outcomes if o.job.name == n]).astype(np.float32) for n in names}
    with write_whole(out / "curves.npz") as file:
        np.savez_compressed(file, **curves)


def _peak_memory_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run of a few seconds")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "coupling")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    main(QUICK if arguments.quick else Config(), arguments.out, arguments.workers)
