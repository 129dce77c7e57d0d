"""Wasserstein GANs on Fashion-MNIST: a gradient penalty against weights clipped as in the published listing.

``python -m runs.wgan_images`` takes some twenty minutes on two cores and writes ``results/wgan_images``;
``--profile gpu`` trains wider networks on all images, and ``--quick`` takes seconds. What was cut off goes on with the
same command. Data, generator, seeds and comparisons are those of ``runs/dcgan.py``.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from runs import _images
from runs._images import Setting
from runs._shared import Outcome, command, save_arrays, side_by_side, summary, write_record
from teachkit.deep import wgan
from teachkit.deep.dcgan import Norm
from teachkit.deep.device import place


@dataclass(frozen=True)
class Config:
    """Everything that decides the result.

    Attributes:
        games: what holds the critic back.
        norm: of the critic; "batch" is refused.
        critic_steps: turns of the critic before each of the generator's.
        weight: of the penalty.
        penalty_lr: learning rate of Adam with the penalty, for both networks.
        clip: largest size of a weight of the clipped critic.
        clipping_lr: learning rate of RMSProp with clipping, for both networks.
        setting: data, networks, batches, comparisons and seeds.
    """

    games: tuple[str, ...] = ("penalty", "clipping")
    norm: Norm = "none"
    critic_steps: int = 5
    weight: float = 10.0
    penalty_lr: float = 1e-4
    clip: float = 0.01
    clipping_lr: float = 5e-5
    setting: Setting = field(default_factory=lambda: Setting(steps=960, ema=0.98))


GPU = Config(norm="layer", setting=Setting(**{**_images.FULL, "batch": 64}, steps=8_000))
QUICK = Config(critic_steps=2, setting=Setting(**_images.SMOKE))


def main(config: Config, out: Path, workers: int = 2) -> Path:
    """Train every game from every seed, and write the manifest, curves, samples and one generator's weights."""
    started, setting = time.perf_counter(), config.setting
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(config, game, seed, out) for game in config.games for seed in setting.seeds]
    with place(setting.device) as here:
        outcomes = list(side_by_side(train, jobs, workers))
    if here.rank:
        return out
    first = [o for o in outcomes if o.seed == setting.seeds[0]]
    samples = {f"{o.name}_{key}": x for o in first for key, x in film(o).items()}
    save_arrays(out / "samples.npz", samples, None)
    save_arrays(out / "curves.npz", _images.curves(outcomes))
    metrics = {**summary(outcomes), "floor": _images.floor(setting)}
    return write_record(out, config, setting.seeds, metrics, outcomes, started, _images.device(here))


def film(outcome: Outcome) -> dict[str, np.ndarray]:
    """Return 25 images at the start, after 1, 2, 4, ... comparisons, and at the end: a notebook can carry these."""
    whole = _images.film(outcome)
    last = len(whole["steps"]) - 1
    kept = sorted({0, *(1 << i for i in range(last.bit_length())), last})
    return {"steps": whole["steps"][kept], "images": whole["images"][kept, :25]}


def train(config: Config, game: str, seed: int, out: Path) -> Outcome:
    """Train one game from one seed; the first seed's averaged generator with penalty is also written down."""
    setting = config.setting
    common = {"noise": setting.noise, "critic_steps": config.critic_steps}
    if game == "penalty":
        parts = wgan.wgan_parts(weight=config.weight, lr=config.penalty_lr, **common)
    else:
        parts = wgan.clipping_parts(clip=config.clip, lr=config.clipping_lr, **common)
    nets = _images.networks(setting, seed, config.norm)
    weights = out / "weights.npz" if (game, seed) == ("penalty", setting.seeds[0]) else None
    return _images.follow(setting, game, seed, nets, parts, asdict(config), out, weights)


if __name__ == "__main__":
    command("wgan_images", main, Config(), QUICK, {"gpu": GPU})
