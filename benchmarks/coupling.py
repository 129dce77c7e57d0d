"""Coupling flows: Real NVP on vectors against four libraries, and Glow on images against two.

A peer has about as many weights, and its log-determinant, its inverse and its density must fit each other and
autograd, or the benchmark stops. On vectors each peer is taken with the library's own activation, tanh, and with the
cheaper ReLU; on images with the numbers of an image ordered by channel, as they come, and by pixel ("last"). All run
in this process on one thread, one after the other, round by round; a ratio is taken within each round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks._flows import VECTORS, Peer, moved, normal_log_prob, seeded, teachkit_vectors
from benchmarks._flows_images import IMAGES, Shape, teachkit_images
from benchmarks._report import Task, agree, milliseconds, report, rounds, spread

_ALIKE = 0.1
_CLOSE = {"rtol": 1e-4, "atol": 1e-3}  # float32 through all layers
_JACOBIAN = {"rtol": 1e-3, "atol": 1e-2}  # and a determinant in float32


@dataclass(frozen=True)
class Config:
    """What is measured.

    Attributes:
        layers: coupling layers of Real NVP, an even number.
        hidden: units in each of the two hidden layers of its networks.
        batch: vectors.
        rounds: of all peers on vectors.
        shape: of an image.
        scales: grids of Glow.
        depth: steps on each.
        channels: of its networks.
        images: at a time.
        image_rounds: of all peers on images.
    """

    layers: int = 8
    hidden: int = 64
    batch: int = 4096
    rounds: int = 75
    shape: Shape = (3, 32, 32)
    scales: int = 3
    depth: int = 8
    channels: int = 64
    images: int = 64
    image_rounds: int = 25


QUICK = Config(layers=2, batch=16, rounds=2, shape=(3, 8, 8), scales=2, depth=1, images=4, image_rounds=2)


def vector_metrics(config: Config) -> dict[str, Any]:
    """Return the peers' times over the library's on vectors, the times, and the numbers of weights."""
    sizes = config.layers, config.hidden
    with seeded(0):
        peers = {"teachkit": moved(teachkit_vectors(*sizes))}
        for name, peer in VECTORS.items():
            peers |= {name: moved(peer(*sizes)), f"{name}_relu": moved(peer(*sizes, nn.ReLU))}
        x = torch.randn(config.batch, 2)
    for peer in peers.values():
        fits_itself(peer, x[:16])
    tasks = {"log_prob": _log_prob, "backward": _backward, "sample": _sample}
    metrics = _weights(peers, "vectors")
    for name, task in tasks.items():
        metrics |= _speedups(name, {peer: partial(task, flow, x) for peer, flow in peers.items()}, config.rounds)
    return metrics


def image_metrics(config: Config) -> dict[str, Any]:
    """Return the peers' times of log_prob with backward over the library's on images, the times, and the weights."""
    sizes = config.scales, config.depth, config.channels
    with seeded(0):
        x = torch.randn(config.images, *config.shape)
        for peer in (teachkit_images, *IMAGES.values()):
            fits_itself(moved(peer((3, 8, 8), 2, 1, config.channels)), torch.randn(4, 3, 8, 8))
        peers = {"teachkit": moved(teachkit_images(config.shape, *sizes))}
        for name, peer in IMAGES.items():
            peers |= {key: moved(peer(config.shape, *sizes)) for key in (name, f"{name}_last")}
    tasks = {}
    for name, flow in peers.items():
        last = name.endswith("_last")
        given = x.contiguous(memory_format=torch.channels_last) if last else x
        if last:
            flow.net.to(memory_format=torch.channels_last)
        with torch.no_grad():
            flow.inverse(given)  # sets what is scaled by the first batch
        tasks[name] = partial(_backward, flow, given)
    return {**_weights(peers, "glow"), **_speedups("glow", tasks, config.image_rounds)}


def fits_itself(peer: Peer, x: Tensor) -> None:
    """Raise ``RuntimeError`` unless inverse, log-determinant and density fit, at x, at samples and by autograd."""
    with torch.no_grad():
        peer.inverse(x)
        for y in (x, peer.sample(len(x))):
            z, log_det = peer.inverse(y)
            agree([[y, -log_det], peer.forward(z)], **_CLOSE)
            agree([[peer.log_prob(y)], [normal_log_prob(z) + log_det]], **_CLOSE)
    J = torch.autograd.functional.jacobian(lambda row: peer.inverse(row)[0].flatten(), x[:1])
    claimed = peer.inverse(x[:1])[1].detach()
    agree([[torch.linalg.slogdet(J.flatten(1)).logabsdet.expand(1)], [claimed]], **_JACOBIAN)


def main(config: Config, out: Path) -> None:
    """Measure, print a table, and write the record into ``out``."""
    names = "torch", "zuko", "nflows", "normflows", "FrEIA"
    parts: list[Callable[[], dict[str, Any]]] = [partial(vector_metrics, config), partial(image_metrics, config)]
    with one_thread():
        report(config, out, parts, threads=1, **{name.lower(): version(name) for name in names})


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _log_prob(peer: Peer, x: Tensor) -> Tensor:
    with torch.no_grad():
        return peer.log_prob(x)


def _backward(peer: Peer, x: Tensor) -> None:
    peer.net.zero_grad()
    (-peer.log_prob(x).mean()).backward()


def _sample(peer: Peer, x: Tensor) -> Tensor:
    with torch.no_grad():
        return peer.sample(len(x))


def _weights(peers: Mapping[str, Peer], name: str) -> dict[str, int]:
    """Return the numbers of weights, all of which must be near the library's."""
    counts = {peer: flow.weights for peer, flow in peers.items()}
    if any(abs(n / counts["teachkit"] - 1) > _ALIKE for n in counts.values()):
        raise RuntimeError(f"{name}: expected numbers of weights within {_ALIKE:.0%}, got {counts}")
    return {f"weights_{peer}_{name}": n for peer, n in counts.items() if not peer.endswith(("_relu", "_last"))}


def _speedups(name: str, tasks: Mapping[str, Task], count: int) -> dict[str, Any]:
    times = rounds(tasks, count)
    mine = times["teachkit"]
    ratios = {f"{name}_speedup_over_{peer}": spread(t / mine) for peer, t in times.items() if peer != "teachkit"}
    return ratios | milliseconds({f"{peer}_{name}": t for peer, t in times.items()})
