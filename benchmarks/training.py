"""The training engine against a bare loop in PyTorch: a step of DCGAN, and one of the critic with gradient penalty.

Both start from the same networks and take the same batches and noise, so their losses must agree. They run in this
process, one step after the other, round by round; a ratio is taken within each round. The bare loop computes no more
than it must: in the generator's turn the critic's weights get no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from benchmarks._report import agree, milliseconds, report, rounds, spread
from teachkit.deep import dcgan
from teachkit.deep.source import Source, scaled
from teachkit.deep.train import Part, Training
from teachkit.deep.wgan import wgan_parts

Nets = dict[str, nn.Module]


@dataclass(frozen=True)
class Config:
    """What is measured.

    Attributes:
        images: in the data, which are noise.
        batch: images of each kind in a step.
        channels: of the networks, one comparison each.
        noise: numbers in the generator's noise.
        checked: steps whose losses must agree.
        rounds: rounds of engine and bare loop.
    """

    images: int = 8192
    batch: int = 64
    channels: tuple[int, ...] = (16, 64)
    noise: int = 64
    checked: int = 3
    rounds: int = 25


QUICK = Config(images=64, batch=8, channels=(2,), noise=8, rounds=2)


def dcgan_metrics(config: Config, channels: int) -> dict[str, Any]:
    """Return the time of a step of DCGAN by the engine over that of the bare loop, and both times."""
    return _compare(config, f"dcgan_{channels}", "batch", channels, dcgan.parts(noise=config.noise), bare_dcgan)


def critic_metrics(config: Config, channels: int) -> dict[str, Any]:
    """Return the time of the critic's step with penalty by the engine over that of the bare loop, and both times."""
    parts = wgan_parts(noise=config.noise, critic_steps=1)[:1]
    return _compare(config, f"wgan_gp_critic_{channels}", "layer", channels, parts, bare_critic)


def bare_dcgan(config: Config, nets: Nets, data: Tensor) -> Iterator[list[float]]:
    """Yield the losses of DCGAN's steps, by hand."""
    D, G = nets["critic"], nets["generator"]
    mine, theirs = (torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in (G, D))
    rows, noise = _rows(config), torch.Generator().manual_seed(1)
    while True:
        real = data[next(rows)].float() / 127.5 - 1
        with torch.no_grad():
            fake = G(torch.randn(config.batch, config.noise, generator=noise))
        loss = softplus(-D(real)).mean() + softplus(D(fake)).mean()
        theirs.zero_grad()
        loss.backward()
        theirs.step()
        next(rows)  # the engine takes a batch in the generator's turn too
        D.requires_grad_(False)
        fooled = softplus(-D(G(torch.randn(config.batch, config.noise, generator=noise)))).mean()
        mine.zero_grad()
        fooled.backward()
        mine.step()
        D.requires_grad_(True)
        yield [loss.item(), fooled.item()]


def bare_critic(config: Config, nets: Nets, data: Tensor) -> Iterator[list[float]]:
    """Yield the losses of the critic with gradient penalty, by hand."""
    D, G = nets["critic"], nets["generator"]
    optimizer = torch.optim.Adam(D.parameters(), 1e-4, (0.0, 0.9))
    rows, noise = _rows(config), torch.Generator().manual_seed(1)
    while True:
        real = data[next(rows)].float() / 127.5 - 1
        with torch.no_grad():
            fake = G(torch.randn(config.batch, config.noise, generator=noise))
        loss = D(fake).mean() - D(real).mean()
        u = torch.rand(config.batch, 1, 1, 1, generator=noise)
        z = (u * real + (1 - u) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(D(z).sum(), z, create_graph=True)
        loss = loss + 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield [loss.item()]


def main(config: Config, out: Path) -> None:
    """Measure, print a table, and write the record into ``out``."""
    parts = [partial(part, config, c) for part in (dcgan_metrics, critic_metrics) for c in config.channels]
    report(config, out, parts, threads=torch.get_num_threads())


def _compare(
    config: Config,
    name: str,
    norm: dcgan.Norm,
    channels: int,
    parts: tuple[Part, ...],
    bare: Callable[[Config, Nets, Tensor], Iterator[list[float]]],
) -> dict[str, Any]:
    seeded = torch.Generator().manual_seed(0)
    data = torch.randint(256, (config.images, 1, 28, 28), generator=seeded, dtype=torch.uint8)
    by_hand = bare(config, _networks(config, norm, channels), data)
    engine = _engine(_networks(config, norm, channels), parts, Source(data, config.batch, seed=0, prepare=scaled))
    agree([list(islice(peer, config.checked)) for peer in (engine, by_hand)], rtol=1e-3, atol=1e-5)
    times = rounds({f"engine_{name}": partial(next, engine), f"bare_{name}": partial(next, by_hand)}, config.rounds)
    return {
        f"{name}_time_over_bare": spread(times[f"engine_{name}"] / times[f"bare_{name}"]),
        **milliseconds(times),
    }


def _engine(nets: Nets, parts: tuple[Part, ...], source: Source) -> Iterator[list[float]]:
    for step in Training(nets, parts, source).run(10**9):
        yield [loss.item() for loss in step.losses.values()]


def _networks(config: Config, norm: dcgan.Norm, channels: int) -> Nets:
    seeded = torch.Generator().manual_seed(0)
    return {
        "critic": dcgan.discriminator(channels, norm=norm, rng=seeded),
        "generator": dcgan.generator(config.noise, channels, rng=seeded),
    }


def _rows(config: Config) -> Iterator[Tensor]:
    """Yield the rows of each batch, in the order of the engine's source."""
    ordering = torch.Generator().manual_seed(0)
    while True:
        yield from torch.randperm(config.images, generator=ordering).split(config.batch)
