"""Diffusion: the samplers against a bare loop and diffusers' schedulers, and the U-Net against diffusers' one.

The samplers ask a network that does next to nothing, so that their own work is what is timed; they take the same
noise, and peers whose samples differ stop the benchmark. A bare loop is what one writes by hand, with all numbers of
the steps ready. The U-Nets have about the same number of weights. All run in this process, one after the other, round
by round; a ratio is taken within each round.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks._report import Task, agree, milliseconds, report, rounds, spread
from teachkit.deep.sampling import ancestral, ddim
from teachkit.deep.unet import unet
from teachkit.diffusion import Schedule, linear_schedule

_CLOSE = {"rtol": 1e-3, "atol": 1e-3}  # float32 over a thousand steps, and the peer's numbers of the steps are float32
_ALIKE = 0.1


class Pair(NamedTuple):
    """Two U-Nets with about the same number of weights.

    Attributes:
        name: of the comparison.
        width: of the library's, channels on the finest grid.
        multipliers: of its grids.
        blocks: of a grid.
        channels: of diffusers' grids, with one layer in a block; the last has attention, as in the library's.
    """

    name: str
    width: int
    multipliers: tuple[int, ...]
    blocks: int
    channels: tuple[int, ...]


@dataclass(frozen=True)
class Config:
    """What is measured.

    Attributes:
        batch: images at a time.
        side: of an image, one channel.
        T: steps of the schedule, all of which are taken by ancestral sampling.
        ddim_steps: evenly spaced ones; T is a multiple.
        unets: one comparison each.
        rounds: rounds of all peers.
    """

    batch: int = 16
    side: int = 28
    T: int = 1000
    ddim_steps: int = 100
    unets: tuple[Pair, ...] = (
        Pair("wider", 32, (1, 2, 2), 1, (32, 48, 48)),
        Pair("alike", 32, (1, 2, 4), 2, (32, 64, 128)),
    )
    rounds: int = 25


QUICK = Config(batch=2, side=8, T=10, ddim_steps=5, unets=(Pair("alike", 8, (1, 2), 2, (8, 16)),), rounds=2)


def trivial(x: Tensor, t: Tensor) -> Tensor:
    """Return what stands for a network's answer."""
    return 0.1 * x


def ancestral_metrics(config: Config) -> dict[str, Any]:
    """Return the time of a step of ancestral sampling, over the bare loop's and diffusers', and all three."""
    schedule, xT = linear_schedule(config.T), _noise(config)
    tasks: dict[str, Task] = {
        "teachkit_ancestral": lambda: _end(ancestral(trivial, xT, schedule, _seeded())),
        "bare_ancestral": lambda: bare_ancestral(xT, schedule, _seeded()),
        "diffusers_ancestral": lambda: diffusers_ancestral(xT, schedule, _seeded()),
    }
    return _sampler_metrics("ancestral", tasks, config.T, config.rounds)


def ddim_metrics(config: Config) -> dict[str, Any]:
    """Return the time of a step of DDIM with eta = 0, over the bare loop's and diffusers', and all three."""
    schedule, xT = linear_schedule(config.T), _noise(config)
    times = np.arange(1, config.T + 1, config.T // config.ddim_steps)[::-1]  # those that diffusers takes
    tasks: dict[str, Task] = {
        "teachkit_ddim": lambda: _end(ddim(trivial, xT, schedule, times)),
        "bare_ddim": lambda: bare_ddim(xT, schedule, times),
        "diffusers_ddim": lambda: diffusers_ddim(xT, schedule, config.ddim_steps),
    }
    return _sampler_metrics("ddim", tasks, config.ddim_steps, config.rounds)


def unet_metrics(config: Config, pair: Pair) -> dict[str, Any]:
    """Return the time of forward and backward over diffusers', in both orders of its numbers, and the weights."""
    ours = unet(1, pair.width, pair.multipliers, blocks=pair.blocks, rng=_seeded())
    theirs = diffusers_unet(pair.channels, config.side)
    weights = [sum(p.numel() for p in net.parameters()) for net in (ours, theirs)]
    if not 1 - _ALIKE <= weights[0] / weights[1] <= 1 + _ALIKE:
        raise RuntimeError(f"{pair.name}: expected numbers of weights within {_ALIKE:.0%}, got {weights}")
    x, t = _noise(config), torch.randint(1, config.T + 1, (config.batch,), generator=_seeded())
    last = diffusers_unet(pair.channels, config.side).to(memory_format=torch.channels_last)
    times = rounds(
        {
            f"teachkit_{pair.name}": lambda: _backward(ours, ours(x, t)),
            f"diffusers_{pair.name}": lambda: _backward(theirs, theirs(x, t).sample),
            f"diffusers_channels_last_{pair.name}": lambda: _backward(
                last, last(x.to(memory_format=torch.channels_last), t).sample
            ),
        },
        config.rounds,
    )
    mine, *others = times.values()
    return {
        f"unet_{pair.name}_time_over_diffusers": spread(mine / others[0]),
        f"unet_{pair.name}_time_over_diffusers_channels_last": spread(mine / others[1]),
        **{f"weights_{peer}_{pair.name}": n for peer, n in zip(("teachkit", "diffusers"), weights, strict=True)},
        **milliseconds(times),
    }


@torch.no_grad()
def bare_ancestral(x: Tensor, schedule: Schedule, rng: torch.Generator) -> Tensor:
    """Return the samples of ancestral sampling with the posterior's variance, by hand."""
    p = (1 / np.sqrt(schedule.alpha)).tolist()
    q = [0.0, *(schedule.beta[1:] / np.sqrt(1 - schedule.abar[1:])).tolist()]
    sigma = np.sqrt(schedule.posterior_variance).tolist()
    for t in range(schedule.T, 0, -1):
        x = (x - q[t] * trivial(x, torch.full((len(x),), t))) * p[t]
        if t > 1:
            x = x + sigma[t] * torch.randn(x.shape, generator=rng)
    return x


@torch.no_grad()
def bare_ddim(x: Tensor, schedule: Schedule, times: Iterable[int]) -> Tensor:
    """Return the samples of DDIM with eta = 0, by hand."""
    signal, noise = np.sqrt(schedule.abar).tolist(), np.sqrt(1 - schedule.abar).tolist()
    for t, s in pairwise([*map(int, times), 0]):
        eps = trivial(x, torch.full((len(x),), t))
        x0 = (x - noise[t] * eps) / signal[t]
        x = signal[s] * x0 + noise[s] * eps
    return x


@torch.no_grad()
def diffusers_ancestral(x: Tensor, schedule: Schedule, rng: torch.Generator) -> Tensor:
    """Return the same by diffusers."""
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(schedule.T, trained_betas=schedule.beta[1:], clip_sample=False)
    scheduler.set_timesteps(schedule.T)
    for t in scheduler.timesteps:
        x = scheduler.step(trivial(x, t), t, x, generator=rng).prev_sample
    return x


@torch.no_grad()
def diffusers_ddim(x: Tensor, schedule: Schedule, steps: int) -> Tensor:
    """Return the same by diffusers."""
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(schedule.T, trained_betas=schedule.beta[1:], clip_sample=False)
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        x = scheduler.step(trivial(x, t), t, x).prev_sample
    return x


def diffusers_unet(channels: tuple[int, ...], side: int) -> nn.Module:
    """Return diffusers' U-Net of as many grids, with attention on the coarsest."""
    from diffusers import UNet2DModel

    plain = len(channels) - 1
    return UNet2DModel(
        sample_size=side,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=channels,
        down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain,
        norm_num_groups=8,
    )


def main(config: Config, out: Path) -> None:
    """Measure, print a table, and write the record into ``out``."""
    parts: list[Callable[[], dict[str, Any]]] = [partial(ancestral_metrics, config), partial(ddim_metrics, config)]
    parts += [partial(unet_metrics, config, pair) for pair in config.unets]
    report(config, out, parts, threads=torch.get_num_threads(), diffusers=version("diffusers"), torch=version("torch"))


def _sampler_metrics(name: str, tasks: dict[str, Task], steps: int, count: int) -> dict[str, Any]:
    agree([[task()] for task in tasks.values()], **_CLOSE)
    times = {key: values / steps for key, values in rounds(tasks, count).items()}
    mine, bare, theirs = times.values()
    return {
        f"{name}_time_over_bare": spread(mine / bare),
        f"{name}_time_over_diffusers": spread(mine / theirs),
        f"diffusers_{name}_time_over_bare": spread(theirs / bare),
        **{f"us_step_{key}": spread(1e6 * values) for key, values in times.items()},
    }


def _backward(net: nn.Module, out: Tensor) -> None:
    net.zero_grad()
    out.square().mean().backward()


def _end(path: Iterable[tuple[int, Tensor]]) -> Tensor:
    return deque(path, maxlen=1)[0][1]


def _noise(config: Config) -> Tensor:
    return torch.randn(config.batch, 1, config.side, config.side, generator=_seeded())


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
