"""NICE, Real NVP and Glow as compositions of layers, from flat codes [n, d] to images [n, c, h, w].

Each list here goes from the data to the noise, as the papers draw it; ``_chain`` turns it, as a ``Chain`` starts at the
noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from teachkit import _check
from teachkit.coupling import checkerboard as checkerboard_mask
from teachkit.deep._coupling_layer import Layer
from teachkit.deep.coupling_layers import Chain, Coupling, Flatten, MultiScale, Scaling, Squeeze
from teachkit.deep.coupling_mixing import ActNorm, BatchNormFlow, Conv1x1, Permutation
from teachkit.deep.coupling_nets import conv_net, mlp, residual_net

Shape = tuple[int, int, int]
MIXINGS = ("conv1x1", "reverse", "fixed")


def nice(shape: Shape, *, depth: int, hidden: int, hidden_layers: int, rng: torch.Generator) -> Layer:
    """Return ``depth`` additive couplings of even and odd entries in turn, then a scaling of each entry."""
    d, layers = math.prod(shape), [Flatten(shape)]
    if d < 2:
        raise ValueError(f"shape: expected at least 2 numbers, of which a coupling keeps a half, got {shape}")
    hidden_layers = _check.count("hidden_layers", hidden_layers)
    kept = {"even": (d + 1) // 2, "odd": d // 2}
    for i in range(_check.count("depth", depth)):
        half = ("even", "odd")[i % 2]
        net = mlp(kept[half], d - kept[half], hidden, hidden_layers, rng=rng)
        layers.append(Coupling(half, net, additive=True))
    return _chain([*layers, Scaling((d,))])


def realnvp(
    shape: Shape,
    *,
    scales: int,
    depth: int,
    hidden: int,
    blocks: int,
    checkerboard: bool,
    additive: bool,
    rng: torch.Generator,
) -> Layer:
    """Return scales of ``depth`` checkerboard couplings, a squeeze, ``depth`` channel couplings, and a split.

    Without ``checkerboard`` these are 2 depth channel couplings. The last scale has depth + 1 checkerboard couplings
    alone. Batch norm follows each coupling.
    """
    scales, depth = _check.count("scales", scales), _check.count("depth", depth)
    if scales == 1 and not checkerboard:
        raise ValueError("checkerboard: expected True for a single scale, which has no other couplings")
    (c, h, w), chains = _divisible(shape, by := 2 ** (scales - 1)), []
    if h == w == by:
        raise ValueError(f"shape: expected more than one point on the last of {scales} scales, got {shape}")

    def step(kept: str | torch.Tensor, c_in: int, c_out: int) -> list[Layer]:
        net = residual_net(c_in, c_out if additive else 2 * c_out, hidden, blocks, rng=rng)
        return [Coupling(kept, net, additive=additive), BatchNormFlow(c)]

    for scale in range(scales):
        last = scale == scales - 1
        boards = depth + 1 if last else depth if checkerboard else 0
        layers = [layer for i in range(boards) for layer in step(_board(h, w, i), c, c)]
        if not last:
            c, h, w = 4 * c, h // 2, w // 2
            layers.append(Squeeze())
            for i in range(2 * depth - boards):
                layers += step(("first", "second")[i % 2], c // 2, c // 2)
        chains.append(_chain(layers))
        c = c // 2
    return MultiScale(chains, shape)


def glow(
    shape: Shape,
    *,
    scales: int,
    depth: int,
    hidden: int,
    mixing: str,
    boards: int,
    additive: bool,
    plu: bool,
    rng: torch.Generator,
) -> Layer:
    """Return scales of a squeeze, ``depth`` steps of act norm, mixing and channel coupling, and a split.

    Before the first squeeze stand ``boards`` steps of act norm and checkerboard coupling.
    """
    if mixing not in MIXINGS:
        raise ValueError(f"mixing: expected one of {', '.join(MIXINGS)}, got {mixing!r}")
    scales, depth = _check.count("scales", scales), _check.count("depth", depth)
    (c, h, w), chains, layers = _divisible(shape, 2**scales), [], []

    def coupling(kept: str | torch.Tensor, c_in: int, c_out: int) -> Layer:
        net = conv_net(c_in, c_out if additive else 2 * c_out, hidden, rng=rng)
        return Coupling(kept, net, additive=additive)

    for i in range(_check.count("boards", boards, low=0)):
        layers += [ActNorm(c), coupling(_board(h, w, i), c, c)]
    for _ in range(scales):
        c, layers = 4 * c, [*layers, Squeeze()]
        for _ in range(depth):
            step = coupling("first", c // 2, c // 2)
            layers += [ActNorm(c), _mixing(mixing, c, plu, rng), step]
        chains.append(_chain(layers))
        c, layers = c // 2, []
    return MultiScale(chains, shape)


def _board(h: int, w: int, i: int) -> torch.Tensor:
    """Return the checkerboard mask [h, w], or for odd i the other one."""
    board = checkerboard_mask(h, w)
    return torch.from_numpy(1 - board if i % 2 else board).float()


def _mixing(name: str, c: int, plu: bool, rng: torch.Generator) -> Layer:
    if name == "conv1x1":
        return Conv1x1(c, plu=plu, rng=rng)
    return Permutation(c, "reverse" if name == "reverse" else "random", rng=rng)


def _chain(layers: Sequence[Layer]) -> Chain:
    """Return the chain of layers that are listed from the data to the noise."""
    return Chain(layers[::-1])


def _divisible(shape: Shape, by: int) -> Shape:
    if shape[1] % by or shape[2] % by:
        raise ValueError(f"shape: expected a height and width divisible by {by} for these scales, got {shape}")
    return shape
