"""A model that writes lines of a novel: the gradient penalty against the standard loss, with the same networks.

``python -m runs.language`` takes about a quarter of an hour on two cores and writes ``results/language``; ``--profile
gpu`` trains wider networks for longer, and ``--quick`` takes seconds. What was cut off goes on with the same command.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from runs._images import Log
from runs._shared import (
    SCRATCH,
    Outcome,
    command,
    peak_memory_mb,
    save_arrays,
    side_by_side,
    spread,
    summary,
    write_record,
)
from teachkit import ngrams
from teachkit._files import write_whole
from teachkit.data import text
from teachkit.deep import language
from teachkit.deep.device import Place, describe, pick
from teachkit.deep.recording import CURVES, progress, read_rows, train
from teachkit.deep.source import Source
from teachkit.deep.train import Part, Training


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        games: names, losses and turns of the critic in a step.
        length: symbols in a line.
        held_out: share of the novel, at its end, that no training sees.
        channels: of the convolutions of both networks.
        blocks: residual ones of each.
        noise: numbers in the generator's noise.
        batch: lines of each kind in a batch.
        lr: learning rate of Adam, for both networks.
        weight: of the penalty.
        steps: of the generator, the same for each game.
        measured: steps after which samples are measured, with the last.
        thin: steps from one point of the loss curves to the next.
        drawn: lines in a measurement.
        longest: n-grams that are compared.
        shown: of the lines, how many of the first seed are kept.
        seeds: one training of each game each.
        device: where it runs.
    """

    games: tuple[tuple[str, str, int], ...] = (
        ("wgan_gp", "wgan_gp", 5),
        ("standard", "standard", 5),
        ("standard_one", "standard", 1),
    )
    length: int = 32
    held_out: float = 0.2
    channels: int = 64
    blocks: int = 2
    noise: int = 64
    batch: int = 32
    lr: float = 1e-3
    weight: float = 10.0
    steps: int = 1000
    measured: tuple[int, ...] = (0, 50, 100, 200, 400, 600, 800, 1000)
    thin: int = 10
    drawn: int = 2048
    longest: int = 4
    shown: int = 16
    seeds: tuple[int, ...] = (0, 1, 2)
    device: str = "cpu"


GPU = Config(
    games=(("wgan_gp", "wgan_gp", 10), ("standard", "standard", 10), ("standard_one", "standard", 1)),
    channels=128, blocks=4, batch=64, lr=2e-4, steps=8000, thin=20, device="cuda",
    measured=(0, 100, 250, 500, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000),
)  # fmt: skip
QUICK = replace(
    Config(), length=8, channels=4, blocks=1, noise=4, batch=8, steps=4, measured=(0, 2, 4), thin=1, drawn=50,
    shown=3, seeds=(0, 1),
)  # fmt: skip


class Book(NamedTuple):
    """What lines are compared with: windows for training and held out, [n, length], laws and words of the former."""

    seen: np.ndarray
    held_out: np.ndarray
    laws: list[ngrams.Grams]
    words: frozenset[str]


def main(config: Config, out: Path, workers: int = 2) -> Path:
    """Train every game from every seed, and write the manifest, curves, lines and a generator's weights to ``out``."""
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(config, game, seed, out) for game in config.games for seed in config.seeds]
    outcomes = list(side_by_side(train_one, jobs, workers))
    curves = {f"{o.name}_{o.seed}_{k}": x for o in outcomes for k, x in o.arrays.items() if k != "lines"}
    save_arrays(out / "curves.npz", curves)
    _save_lines(config, outcomes, out / "samples.json")
    metrics = {**summary(outcomes), "floor": _floor(config)}
    return write_record(out, config, config.seeds, metrics, outcomes, started, describe(pick(config.device)))


def networks(config: Config, seed: int) -> dict[str, nn.Module]:
    """Return both networks before training; only the seed decides their weights."""
    rng = torch.Generator().manual_seed(seed)
    sizes = {"length": config.length, "channels": config.channels, "blocks": config.blocks, "rng": rng}
    return {"generator": language.generator(config.noise, **sizes), "critic": language.critic(**sizes)}


@cache
def book(config: Config) -> Book:
    """Return the windows of both parts of the novel, and what the first part's n-grams and words are."""
    whole = text.book_text()
    cut = whole.index(" ", int((1 - config.held_out) * len(whole))) + 1
    seen, held_out = (text.lines(part, config.length) for part in (whole[:cut], whole[cut:]))
    laws = [ngrams.count(seen, n) for n in range(1, config.longest + 1)]
    return Book(seen, held_out, laws, ngrams.vocabulary(whole[:cut]))


def compare(config: Config, codes: np.ndarray) -> dict[str, float]:
    """Return the divergences of lines [n, length] from the training text, in nats, and the share of valid words."""
    about = book(config)
    pairs = [(n, ngrams.divergence(ngrams.count(codes, n), law)) for n, law in enumerate(about.laws, 1)]
    return {**{f"js_{n}": x for n, x in pairs}, "words": ngrams.valid_word_share(text.decode(codes), about.words)}


def train_one(config: Config, game: tuple[str, str, int], seed: int, out: Path) -> Outcome:
    """Play one game, measure its lines now and then, and go on if it was cut off."""
    torch.set_num_threads(1)
    (name, *_), folder, device = game, out / SCRATCH / f"{game[0]}_{seed}", pick(config.device)
    data = torch.from_numpy(book(config).seen)
    source = Source(data, config.batch, seed=seed, prepare=language.one_hot, here=Place(device))
    training = Training(networks(config, seed), _parts(config, game), source)
    made = {"config": asdict(config), "game": game, "seed": seed}
    every = int(np.gcd.reduce(config.measured))
    steps = train(training, config.steps, folder=folder, config=made, every=every, log_every=config.thin)
    G, start = training.nets["generator"], training.step
    log, look = Log(folder / "compared.npz", start), _look(config, G)
    if start in config.measured and start not in log.steps:  # else it was cut off while it was measured
        log.add(start, np.nan if start else 0.0, **look())
    began = time.perf_counter()
    for step in progress(steps, config.steps, config.batch, start=start, quiet=not sys.stderr.isatty()):
        if step.step in config.measured:
            log.add(step.step, time.perf_counter() - began, **look())
            began = time.perf_counter()
    if (game, seed) == (config.games[0], config.seeds[0]):
        language.save(out / "weights.npz", G)
    curves = {**_losses(folder / CURVES), **log.arrays()}
    return Outcome(name, seed, _numbers(config, curves), curves, peak_memory_mb())


def _parts(config: Config, game: tuple[str, str, int]) -> tuple[Part, Part]:
    _, loss, critic_steps = game
    common = {"noise": config.noise, "critic_steps": critic_steps, "lr": config.lr}
    if loss == "standard":
        return language.standard_parts(**common)
    return language.wgan_gp_parts(**common, weight=config.weight)


def _look(config: Config, G: nn.Module) -> Callable[[], dict[str, Any]]:
    """Return a measurement of the generator as it is then, always with the same noise."""

    def look() -> dict[str, Any]:
        rows = language.probabilities(G, config.drawn, torch.Generator().manual_seed(0))
        best, codes = (x.cpu() for x in rows.max(-1))
        codes = codes.numpy().astype(np.uint8)
        other = {"certain": best.mean().item(), "different": len(np.unique(codes, axis=0)) / len(codes)}
        return {**compare(config, codes), **other, "lines": codes[: config.shown]}

    return look


def _losses(path: Path) -> dict[str, np.ndarray]:
    """Return the curves of losses and norms that the training has written down."""
    rows = read_rows(path)
    return {("loss_step" if name == "step" else name): np.array([row[name] for row in rows]) for name in rows[0]}


def _numbers(config: Config, curves: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the ends of the curves, divergences and words at each measured step, and the seconds of the training."""
    names = [name for name in curves if name.startswith("js_")] + ["words"]
    steps = curves["step"].astype(int)
    taken = curves["seconds"]
    return {
        **{f"{name}_end": float(curves[name][-1]) for name in (*names, "certain", "different")},
        **{f"{name}_at_{step}": float(x) for name in names for step, x in zip(steps, curves[name], strict=True)},
        "loss_critic_end": float(curves["loss_critic"][-1]),
        "seconds": float(np.nanmean(taken[1:] / np.diff(steps)) * config.steps),  # without where it was cut off
    }


def _floor(config: Config) -> dict[str, dict[str, dict[str, float]]]:
    """Return what as many real lines get, drawn from the training text and from the rest, over the seeds."""
    about, floor = book(config), {}
    for name, windows in (("seen", about.seen), ("held_out", about.held_out)):
        draws = [np.random.default_rng(seed).permutation(len(windows))[: config.drawn] for seed in config.seeds]
        rows = [compare(config, windows[rows]) for rows in draws]
        floor[name] = {key: spread([row[key] for row in rows]) for key in rows[0]}
    return floor


def _save_lines(config: Config, outcomes: Sequence[Outcome], path: Path) -> None:
    """Write lines of the first seed's generators by game and step, and real ones from the text held out."""
    real = book(config).held_out[:: len(book(config).held_out) // config.shown][: config.shown]
    lines = {"real": {"0": text.decode(real)}}
    for o in outcomes:
        if o.seed == config.seeds[0]:
            pairs = zip(o.arrays["step"].astype(int), o.arrays["lines"], strict=True)
            lines[o.name] = {str(step): text.decode(codes) for step, codes in pairs}
    with write_whole(path) as file:
        file.write((json.dumps(lines, indent=1) + "\n").encode())


if __name__ == "__main__":
    command("language", main, Config(), QUICK, {"gpu": GPU})
