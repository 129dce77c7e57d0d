"""A GAN on the ring of eight: two losses of the generator, two optimizers, two starts.

``python -m runs.minimax`` takes some minutes on two cores and writes ``results/minimax``; ``--quick`` takes seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from runs._shared import (
    Outcome,
    command,
    peak_memory_mb,
    rank_correlation,
    save_arrays,
    side_by_side,
    spread,
    summary,
    write_record,
)
from teachkit.data import Mixture, ring
from teachkit.deep.minimax import (
    ADAM,
    Factory,
    GeneratorLoss,
    Round,
    discriminator_loss,
    minimax_loss,
    mlp,
    non_saturating_loss,
    play,
    sample,
)
from teachkit.metrics import high_quality_share, modes_covered
from teachkit.transport import assignment, cost_matrix


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        std: of each mode of the ring.
        games: (start, loss of the generator, optimizer of both networks).
        offsets: of a start: added to both coordinates of the generator's first samples.
        head_starts: of a start: updates of the discriminator before the first round.
        rates: learning rate of an optimizer, for both networks.
        noise: coordinates of the generator's noise.
        hidden: units in each of the two hidden layers of either network.
        train: number of training samples.
        steps: rounds.
        critic_steps: updates of the discriminator in a round.
        batch: samples of each kind in a batch.
        shown: samples in each measurement of the quality.
        least: of these, how many make a mode count as covered.
        every: rounds between two measurements.
        pictures: rounds after which the first seed's samples are kept.
        seeds: one training of each kind each; the data are the same.
        data_seed: draws the training samples and those for the measurements.
    """

    std: float = 0.1
    games: tuple[tuple[str, str, str], ...] = (
        ("far", "minimax", "sgd"),
        ("far", "non_saturating", "sgd"),
        ("far", "minimax", "adam"),
        ("far", "non_saturating", "adam"),
        ("near", "minimax", "adam"),
        ("near", "non_saturating", "adam"),
    )
    offsets: tuple[tuple[str, float], ...] = (("far", 10.0), ("near", 0.0))
    head_starts: tuple[tuple[str, int], ...] = (("far", 1000), ("near", 0))
    rates: tuple[tuple[str, float], ...] = (("sgd", 0.02), ("adam", 1e-3))
    noise: int = 2
    hidden: int = 64
    train: int = 20_000
    steps: int = 1000
    critic_steps: int = 5
    batch: int = 128
    shown: int = 400
    least: int = 10
    every: int = 25
    pictures: tuple[int, ...] = (0, 50, 200, 1000)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    data_seed: int = 0


QUICK = replace(
    Config(), games=Config.games[:2], head_starts=(("far", 50),), train=2000, steps=20, every=10, shown=100,
    pictures=(0, 20), seeds=(0, 1),
)  # fmt: skip
LOSSES = {"minimax": minimax_loss, "non_saturating": non_saturating_loss}
OPTIMIZERS: dict[str, Factory] = {"sgd": torch.optim.SGD, "adam": ADAM}


class Job(NamedTuple):
    """One training."""

    start: str
    loss: str
    optimizer: str
    seed: int

    @property
    def name(self) -> str:
        """Return the name of the game, as in the metrics."""
        return f"{self.start}_{self.loss}_{self.optimizer}"


def main(config: Config, out: Path, workers: int = 2) -> Path:
    """Play every game from every seed, and write the manifest, the curves and the samples to ``out``."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(config, Job(*game, seed)) for game in config.games for seed in config.seeds]
    outcomes = list(side_by_side(train, jobs, workers))
    first = [o for o in outcomes if o.seed == config.seeds[0]]
    save_arrays(out / "samples.npz", {o.name: o.arrays["pictures"] for o in first})
    curves = {f"{o.name}_{o.seed}_{k}": v for o in outcomes for k, v in o.arrays.items() if k != "pictures"}
    save_arrays(out / "curves.npz", curves)
    metrics = {**summary(outcomes), "floor": _floor(config)}
    return write_record(out, config, config.seeds, metrics, outcomes, started)


def networks(config: Config, start: str, seed: int) -> tuple[nn.Module, nn.Module]:
    """Return generator and discriminator before training; only the start and the seed decide their weights."""
    source = torch.Generator().manual_seed(seed)
    hidden = (config.hidden, config.hidden)
    G, D = mlp((config.noise, *hidden, 2), generator=source), mlp((2, *hidden, 1), generator=source)
    with torch.no_grad():
        G[-1].bias += dict(config.offsets)[start]
    return G, D


def data(config: Config) -> tuple[Mixture, torch.Tensor, np.ndarray]:
    """Return the law, the training samples, and the samples against which the generator's are matched."""
    rng, law = np.random.default_rng(config.data_seed), ring(8, std=config.std)
    return law, torch.from_numpy(law.sample(config.train, rng)).float(), law.sample(config.shown, rng)


def train(config: Config, job: Job) -> Outcome:
    """Play one game, and measure its samples every so many rounds."""
    torch.set_num_threads(1)
    law, x, held_out = data(config)
    G, D = networks(config, job.start, job.seed)
    started, rounds, measured, pictures = time.perf_counter(), [], [], []
    game = _game(config, job, G, D, x, LOSSES[job.loss])
    for step in range(config.steps + 1):
        if step:
            rounds.append(next(game))
        if step % config.every == 0 or step in config.pictures:
            y = (
                sample(G, config.shown, noise=config.noise, rng=torch.Generator().manual_seed(job.seed))
                .double()
                .numpy()
            )
        if step % config.every == 0:
            measured.append(measure(config, law, held_out, y))
        if step in config.pictures:
            pictures.append(y.astype(np.float32))
    curves = _curves(config, rounds, measured)
    numbers = {**_numbers(curves), "seconds": time.perf_counter() - started}
    return Outcome(job.name, job.seed, numbers, {**curves, "pictures": np.stack(pictures)}, peak_memory_mb())


def _game(
    config: Config, job: Job, G: nn.Module, D: nn.Module, x: torch.Tensor, loss: GeneratorLoss
) -> Iterator[Round]:
    return play(
        G,
        D,
        x,
        critic_loss=lambda critic, real, fake: discriminator_loss(critic(real), critic(fake)),
        generator_loss=lambda critic, fake: loss(critic(fake)),
        steps=config.steps,
        batch=config.batch,
        noise=config.noise,
        critic_steps=config.critic_steps,
        head_start=dict(config.head_starts)[job.start],
        lr=dict(config.rates)[job.optimizer],
        optimizer=OPTIMIZERS[job.optimizer],
        rng=torch.Generator().manual_seed(1000 + job.seed),
    )


def measure(config: Config, law: Mixture, held_out: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return W_1 to as many samples of the law by assignment, the modes covered, and the share within 3 stds."""
    return {
        "w1": assignment(cost_matrix(y, held_out))[1],
        "modes": modes_covered(y, law.means, 3 * config.std, config.least),
        "share": high_quality_share(y, law.means, 3 * config.std),
    }


def _curves(config: Config, rounds: list[Round], measured: list[dict[str, float]]) -> dict[str, np.ndarray]:
    """Return means of each loss between two measurements, and the measurements, of which there is one more."""
    means = np.array(rounds).reshape(-1, config.every, len(Round._fields)).mean(axis=1)
    losses = dict(zip(Round._fields[1:], means.T[1:], strict=True))
    return {**losses, **{name: np.array([row[name] for row in measured]) for name in measured[0]}}


def _numbers(curves: dict[str, np.ndarray]) -> dict[str, float]:
    """Return start and end of the curves, and how the losses go with W_1 between the tenth part and the end."""
    late = slice(len(curves["w1"]) // 10, None)
    losses, w1 = Round._fields[1:], curves["w1"][1:]
    return {
        **{f"{name}_start": float(curve[0]) for name, curve in curves.items()},
        **{f"{name}_end": float(curve[-1]) for name, curve in curves.items()},
        **{f"{name}_with_w1": rank_correlation(curves[name][late], w1[late]) for name in losses[:2]},
    }


def _floor(config: Config) -> dict[str, float]:
    """Return W_1 between two independent sets of samples of the law: what a perfect generator would get."""
    rng, law = np.random.default_rng(config.data_seed + 1), ring(8, std=config.std)
    pairs = [[law.sample(config.shown, rng) for _ in range(2)] for _ in config.seeds]
    return {"w1": spread([assignment(cost_matrix(*pair))[1] for pair in pairs])}


if __name__ == "__main__":
    command("minimax", main, Config(), QUICK)
