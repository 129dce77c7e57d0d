"""A Wasserstein GAN where the minimax loss fails: clipping and penalty on the ring of eight, from the same far start.

``python runs/wgan.py`` takes some minutes on two cores and writes ``results/wgan``; ``--quick`` takes seconds.
Data, networks, seeds and start are those of ``runs/minimax.py``, and so is the game with the minimax loss.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import minimax
import numpy as np
import torch
from minimax import ROOT, networks
from torch import nn

from teachkit._files import write_whole
from teachkit.book.manifest import describe, write_result
from teachkit.deep import wgan as deep
from teachkit.deep.minimax import Round, discriminator_loss, minimax_loss, play, sample


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        games: what holds the critic back; "minimax" is the GAN. Clipping uses RMSProp, the others plain SGD.
        start: of the generator, one of the base's.
        clip: largest size of a weight of the clipped critic.
        weight: of the penalty.
        rates: learning rate of each game, for both networks.
        base: networks, data, rounds, batches and seeds.
    """

    games: tuple[str, ...] = ("penalty", "one_sided", "clipping", "minimax")
    start: str = "far"
    clip: float = 0.05
    weight: float = 10.0
    rates: tuple[tuple[str, float], ...] = (
        ("penalty", 0.003),
        ("one_sided", 0.003),
        ("clipping", 0.001),
        ("minimax", 0.02),
    )
    base: minimax.Config = field(default_factory=lambda: replace(minimax.Config(), steps=500, pictures=(0, 50, 500)))


QUICK = replace(Config(), games=("penalty", "clipping", "minimax"), base=minimax.QUICK)


class Outcome(NamedTuple):
    """What one training gave: numbers, curves, samples at some rounds, peak memory of its process in MB."""

    game: str
    seed: int
    numbers: dict[str, float]
    curves: dict[str, np.ndarray]
    pictures: np.ndarray
    peak_memory_mb: float


def main(config: Config, out: Path, workers: int = 2) -> Path:
    """Play every game from every seed, and write the manifest, the curves and the samples to ``out``."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    outcomes = list(_play_all(config, out, workers))
    stacked = {
        f"{game}_{key}": np.stack([o.curves[key] for o in outcomes if o.game == game])
        for game in config.games
        for key in outcomes[0].curves
    }
    _save(out / "curves.npz", stacked)
    first = [o for o in outcomes if o.seed == config.base.seeds[0]]
    _save(out / "samples.npz", {o.game: o.pictures for o in first})
    manifest = describe(
        "wgan",
        asdict(config),
        list(config.base.seeds),
        {g: _spread([o.numbers for o in outcomes if o.game == g]) for g in config.games},
        round(time.perf_counter() - started, 1),
        peak_memory_mb=max(outcome.peak_memory_mb for outcome in outcomes),
    )
    return write_result(out, manifest)


def train(config: Config, game: str, seed: int) -> Outcome:
    """Play one game; every so many rounds measure the samples, and average the losses since the last measurement."""
    torch.set_num_threads(1)
    base = config.base
    law, x, held_out = minimax.data(base)
    G, f = networks(base, config.start, seed)
    started, rows, pictures, since = time.perf_counter(), [], [], []
    rounds = _game(config, game, G, f, x, seed)
    for step in range(base.steps + 1):
        if step:
            since.append(next(rounds))
        if step % base.every == 0 or step in base.pictures:
            y = sample(G, base.shown, noise=base.noise, rng=torch.Generator().manual_seed(seed)).double().numpy()
        if step % base.every == 0:
            rows.append({**minimax.measure(base, law, held_out, y), **_means(since)})
            since = []
        if step in base.pictures:
            pictures.append(y)
    curves = {key: np.array([row.get(key, np.nan) for row in rows]) for key in rows[-1]}
    numbers = {**_numbers(curves), "seconds": time.perf_counter() - started}
    return Outcome(game, seed, numbers, curves, np.stack(pictures), minimax._peak_memory_mb())


def _game(config: Config, game: str, G: nn.Module, f: nn.Module, x: torch.Tensor, seed: int) -> Iterator[Round]:
    base = config.base
    return play(
        G, f, x, steps=base.steps, batch=base.batch, noise=base.noise, critic_steps=base.critic_steps,
        head_start=dict(base.head_starts)[config.start], lr=dict(config.rates)[game],
        rng=torch.Generator().manual_seed(1000 + seed), **_rules(config, game, seed),
    )  # fmt: skip


def _rules(config: Config, game: str, seed: int) -> dict[str, Callable[..., Any]]:
    """Return losses, optimizer and what happens to the critic after each of its steps."""
    if game == "minimax":
        return {
            "critic_loss": lambda critic, real, fake: discriminator_loss(critic(real), critic(fake)),
            "generator_loss": lambda critic, fake: minimax_loss(critic(fake)),
            "optimizer": torch.optim.SGD,
        }
    common = {"generator_loss": deep.generator_loss}
    if game == "clipping":
        cut = partial(deep.clip_weights, clip=config.clip)
        return {**common, "critic_loss": deep.critic_loss, "optimizer": torch.optim.RMSprop, "after_critic": cut}
    between = torch.Generator().manual_seed(2000 + seed)
    penalised = deep.penalised(weight=config.weight, generator=between, one_sided=game == "one_sided")
    return {**common, "critic_loss": penalised, "optimizer": torch.optim.SGD}


def _means(rounds: list[Round]) -> dict[str, float]:
    return {key: float(np.mean([getattr(r, key) for r in rounds])) for key in Round._fields[1:]} if rounds else {}


def _numbers(curves: dict[str, np.ndarray]) -> dict[str, float]:
    """Return ends of the curves, and the correlation of the critic's value with W_1, over all and the late half."""
    w1, value = curves["w1"][1:], -curves["critic_loss"][1:]
    late = slice(len(w1) // 2, None)
    return {
        "w1_start": float(curves["w1"][0]),
        "w1_end": float(w1[-1]),
        "modes_end": float(curves["modes"][-1]),
        "share_end": float(curves["share"][-1]),
        "gradient_start": float(curves["gradient_norm"][1]),
        "gradient_end": float(curves["gradient_norm"][-1]),
        "value_over_w1_start": float(value[0] / curves["w1"][:2].mean()),
        "correlation": _correlation(value, w1),
        "correlation_late": _correlation(value[late], w1[late]),
    }


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 2 and np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0


def _play_all(config: Config, out: Path, workers: int) -> Iterator[Outcome]:
    jobs = [(game, seed) for game in config.games for seed in config.base.seeds]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for future in [pool.submit(train, config, *job) for job in jobs]:
            outcome = future.result()
            shown = {name: round(value, 4) for name, value in outcome.numbers.items()}
            print(outcome.game, outcome.seed, shown, flush=True)
            yield outcome


def _spread(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation over the seeds of each number."""
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    return {
        key: {"mean": float(np.mean(v)), "spread": float(np.std(v, ddof=1)), "n": len(v)} for key, v in columns.items()
    }


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with write_whole(path) as file:
        np.savez_compressed(file, **{name: x.astype(np.float32) for name, x in arrays.items()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smoke run of a few seconds")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "wgan")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    main(QUICK if arguments.quick else Config(), arguments.out, arguments.workers)
