"""The same Glow from three libraries: scales of a squeeze, steps of scaling, mixing and coupling, and a split."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks._flows import Peer, over_normal

Shape = tuple[int, int, int]


def teachkit_images(shape: Shape, scales: int, depth: int, hidden: int) -> Peer:
    """Return the library's own, without the logit that it puts before: a flow from codes [n, d] to images."""
    from teachkit.deep.coupling_images import glow

    flow = glow(shape, scales=scales, depth=depth, hidden=hidden, rng=torch.Generator().manual_seed(0))
    layer = flow.layer
    return over_normal(flow, layer, layer.inverse, lambda n: layer(torch.randn(n, flow.d))[0])


def normflows_images(shape: Shape, scales: int, depth: int, hidden: int) -> Peer:
    """Return that of normflows, with its 1x1 convolutions as triangular factors."""
    from normflows import MultiscaleFlow
    from normflows.distributions import DiagGaussian
    from normflows.flows import GlowBlock, Merge, Squeeze

    c, h, w = shape
    levels, laws, merges = [], [], []
    for i in range(scales):
        grid = c * 2 ** (i + 2), h // 2 ** (i + 1), w // 2 ** (i + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it factors its matrices by an old function of torch
            levels.insert(0, [*(GlowBlock(grid[0], hidden) for _ in range(depth)), Squeeze()])
        last = i == scales - 1
        laws.insert(0, DiagGaussian((grid[0] // (1 if last else 2), *grid[1:]), trainable=False))
        merges += [] if last else [Merge()]
    flow = MultiscaleFlow(laws, levels, merges, class_cond=False)
    shapes = [law.shape for law in laws]

    def inverse(x: Tensor) -> tuple[Tensor, Tensor]:
        parts, log_det = flow.inverse_and_log_det(x)
        return _flat(parts), log_det

    def forward(z: Tensor) -> tuple[Tensor, Tensor]:
        return flow.forward_and_log_det(_parts(z, shapes))

    return Peer(flow, lambda x: flow.log_prob(x, None), lambda n: flow.sample(n)[0], forward, inverse)


def freia_images(shape: Shape, scales: int, depth: int, hidden: int) -> Peer:
    """Return FrEIA's, whose mixing is a rotation that stays as it was drawn: it learns no matrix at each step."""
    from FrEIA.framework import GraphINN, InputNode, Node, OutputNode
    from FrEIA.modules import AllInOneBlock, IRevNetDownsampling, Split

    block = {"subnet_constructor": partial(_network, hidden=hidden), "permute_soft": True, "global_affine_type": "EXP"}
    nodes, ends = [InputNode(*shape)], []
    end = nodes[0]
    for i in range(scales):
        nodes.append(Node(end, IRevNetDownsampling, {}))
        for _ in range(depth):
            nodes.append(Node(nodes[-1], AllInOneBlock, block))
        end = nodes[-1]
        if i < scales - 1:
            nodes.append(Node(end, Split, {}))
            end, left = (nodes[-1], 0), (nodes[-1], 1)
            ends.append(left)
    flow = GraphINN([*nodes, *(OutputNode(out) for out in [*ends, end])], force_tuple_output=True)
    shapes = flow.global_out_shapes

    def inverse(x: Tensor) -> tuple[Tensor, Tensor]:
        parts, log_det = flow(x)
        return _flat(parts), log_det

    def forward(z: Tensor) -> tuple[Tensor, Tensor]:
        (x,), log_det = flow(_parts(z, shapes), rev=True)
        return x, log_det

    return over_normal(flow, forward, inverse, lambda n: forward(torch.randn(n, math.prod(shape)))[0])


IMAGES = {"normflows": normflows_images, "freia": freia_images}


def _network(c_in: int, c_out: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, hidden, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, hidden, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, c_out, 3, padding=1),
    )


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.flatten(1) for part in parts], 1)


def _parts(z: Tensor, shapes: Sequence[Shape]) -> list[Tensor]:
    pieces = z.split([math.prod(shape) for shape in shapes], 1)
    return [piece.unflatten(1, tuple(shape)) for piece, shape in zip(pieces, shapes, strict=True)]
