"""Coupling flows on the two moons: affine against additive layers, and 2, 4 and 8 of them.

``python -m runs.coupling`` takes a few minutes on two cores and writes ``results/coupling``; ``--quick`` takes seconds.
The law's exact density is known, so the distance to it is measured, not judged by eye.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from runs._shared import Outcome, command, peak_memory_mb, save_arrays, side_by_side, stacked, summary, write_record
from teachkit.data import TwoMoons, two_moons
from teachkit.deep.coupling import CouplingFlow, fit, save_npz


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


def main(config: Config, out: Path, workers: int = 2) -> Path:
    """Train every model from every seed, and write the manifest, the loss curves and one flow's weights to ``out``."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    jobs = [Job(k, d, s) for d in sorted(config.depths, reverse=True) for k in config.kinds for s in config.seeds]
    outcomes = list(side_by_side(train, [(config, job, out) for job in jobs], workers))
    save_arrays(out / "curves.npz", stacked(outcomes, "losses"))
    metrics = {"entropy": _entropy(config), **summary(outcomes)}
    return write_record(out, config, config.seeds, metrics, outcomes, started)


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
    curve = losses.reshape(-1, config.thin).mean(1)
    return Outcome(job.name, job.seed, numbers, {"losses": curve}, peak_memory_mb())


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


if __name__ == "__main__":
    command("coupling", main, Config(), QUICK)
