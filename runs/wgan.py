"""A Wasserstein GAN where the minimax loss fails: clipping and penalty on the ring of eight, from the same far start.

``python -m runs.wgan`` takes some minutes on two cores and writes ``results/wgan``; ``--quick`` takes seconds.
Data, networks, seeds and start are those of ``runs/minimax.py``, and so is the game with the minimax loss.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from runs import minimax
from runs._shared import (
    Outcome,
    command,
    peak_memory_mb,
    save_arrays,
    side_by_side,
    stacked,
    summary,
    write_record,
)
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


def main(config: Config, out: Path, workers: int = 2) -> Path:
    """Play every game from every seed, and write the manifest, the curves and the samples to ``out``."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(config, game, seed) for game in config.games for seed in config.base.seeds]
    outcomes = list(side_by_side(train, jobs, workers))
    first = [o for o in outcomes if o.seed == config.base.seeds[0]]
    save_arrays(out / "samples.npz", {o.name: o.arrays["pictures"] for o in first})
    curves = [key for key in outcomes[0].arrays if key != "pictures"]
    save_arrays(out / "curves.npz", {f"{game}_{k}": v for k in curves for game, v in stacked(outcomes, k).items()})
    return write_record(out, config, config.base.seeds, summary(outcomes), outcomes, started)


def train(config: Config, game: str, seed: int) -> Outcome:
    """Play one game; every so many rounds measure the samples, and average the losses since the last measurement."""
    torch.set_num_threads(1)
    base = config.base
    law, x, held_out = minimax.data(base)
    G, f = minimax.networks(base, config.start, seed)
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
    return Outcome(game, seed, numbers, {**curves, "pictures": np.stack(pictures)}, peak_memory_mb())


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


if __name__ == "__main__":
    command("wgan", main, Config(), QUICK)
