"""DCGAN on Fashion-MNIST: how near its images come to the test images, and whether its losses tell.

``python -m runs.dcgan`` takes about ten minutes on two cores and writes ``results/dcgan``; ``--profile gpu`` trains
wider networks on all images, and ``--quick`` takes seconds. What was cut off goes on with the same command.
``torchrun --nproc-per-node=2 -m runs.dcgan`` shares each batch between two processes.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from runs import _images
from runs._images import Setting
from runs._shared import Outcome, command, save_arrays, side_by_side, summary, write_record
from teachkit.deep import dcgan
from teachkit.deep.adversarial import HINGE, LEAST_SQUARES, MINIMAX, NON_SATURATING
from teachkit.deep.device import place

GAMES = {"minimax": MINIMAX, "non_saturating": NON_SATURATING, "least_squares": LEAST_SQUARES, "hinge": HINGE}


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        game: one of ``GAMES``.
        lr: learning rate of Adam, for both networks.
        beta1: of Adam.
        setting: data, networks, batches, comparisons and seeds.
    """

    game: str = "non_saturating"
    lr: float = 2e-4
    beta1: float = 0.5
    setting: Setting = field(default_factory=Setting)


GPU = Config(setting=Setting(**_images.FULL, steps=20_000))
QUICK = Config(setting=Setting(**_images.SMOKE))


def main(config: Config, out: Path, workers: int = 2) -> Path:
    """Train from every seed, and write the manifest, curves, samples and one generator's weights to ``out``."""
    started, setting = time.perf_counter(), config.setting
    out.mkdir(parents=True, exist_ok=True)
    with place(setting.device) as here:
        outcomes = list(side_by_side(train, [(config, seed, out) for seed in setting.seeds], workers))
    if here.rank:
        return out
    save_arrays(out / "samples.npz", _images.film(outcomes[0]), None)
    save_arrays(out / "curves.npz", _images.curves(outcomes))
    metrics = {**summary(outcomes), "floor": _images.floor(setting)}
    return write_record(out, config, setting.seeds, metrics, outcomes, started, _images.device(here))


def train(config: Config, seed: int, out: Path) -> Outcome:
    """Train from one seed; the first seed's averaged generator is also written down."""
    setting = config.setting
    parts = dcgan.parts(GAMES[config.game], noise=setting.noise, lr=config.lr, beta1=config.beta1)
    nets = _images.networks(setting, seed, "batch")
    weights = out / "weights.npz" if seed == setting.seeds[0] else None
    return _images.follow(setting, "dcgan", seed, nets, parts, asdict(config), out, weights)


if __name__ == "__main__":
    command("dcgan", main, Config(), QUICK, {"gpu": GPU})
