"""Networks for coupling layers (chapter `coupling_images`): any network does, as a coupling layer never inverts it.

Each ends with a layer of zeros, so that a flow of such coupling layers starts as the identity. The other weights are
normal with variance 2 / (inputs), which suits ReLU.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, relu

from teachkit import _check
from teachkit.deep._shared import generator

_GAIN = 3.0  # of the learned log-scale of the last layer, as in Glow: it then learns three times as fast


def mlp(d_in: int, d_out: int, hidden: int = 64, depth: int = 2, *, rng: torch.Generator) -> nn.Sequential:
    """Return a network of vectors [n, d_in] -> [n, d_out] with ``depth`` hidden layers of ReLU units; it starts at 0.

    Raises:
        ValueError: if a size is not a whole number of at least 1, or rng no generator of torch.

    >>> mlp(2, 3, rng=torch.Generator().manual_seed(0))(torch.ones(1, 2)).tolist()
    [[0.0, 0.0, 0.0]]
    """
    sizes = [_check.count("d_in", d_in), *[_check.count("hidden", hidden)] * _check.count("depth", depth)]
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out)
        layers += [_drawn(layer, fan_in, rng), nn.ReLU(inplace=True)]
    last = nn.utils.skip_init(nn.Linear, sizes[-1], _check.count("d_out", d_out))
    return nn.Sequential(*layers, _zero(last))


def conv_net(c_in: int, c_out: int, hidden: int = 64, *, rng: torch.Generator) -> nn.Sequential:
    """Return Glow's network of images [n, c_in, h, w] -> [n, c_out, h, w]: 3 x 3, 1 x 1, 3 x 3; it starts at 0.

    Raises:
        ValueError: as ``mlp``.

    >>> conv_net(2, 4, 8, rng=torch.Generator().manual_seed(0))(torch.ones(1, 2, 4, 4)).shape
    torch.Size([1, 4, 4, 4])
    """
    hidden = _check.count("hidden", hidden)
    return _ByPoint(
        _conv(_check.count("c_in", c_in), hidden, 3, rng),
        nn.ReLU(inplace=True),
        _conv(hidden, hidden, 1, rng),
        nn.ReLU(inplace=True),
        ZeroConv(hidden, _check.count("c_out", c_out)),
    )


def residual_net(c_in: int, c_out: int, hidden: int = 64, blocks: int = 2, *, rng: torch.Generator) -> nn.Sequential:
    """Return Real NVP's network of images [n, c_in, h, w] -> [n, c_out, h, w]: 3 x 3, residual blocks, 3 x 3.

    It starts at 0, and its blocks as the identity.

    Raises:
        ValueError: as ``mlp``.

    >>> residual_net(2, 4, 8, rng=torch.Generator().manual_seed(0))(torch.ones(1, 2, 4, 4)).abs().max().item()
    0.0
    """
    hidden, blocks = _check.count("hidden", hidden), _check.count("blocks", blocks)
    return _ByPoint(
        _conv(_check.count("c_in", c_in), hidden, 3, rng),
        *(Block(hidden, rng) for _ in range(blocks)),
        nn.ReLU(inplace=True),
        ZeroConv(hidden, _check.count("c_out", c_out)),
    )


class Block(nn.Module):
    """A residual block: h + conv(relu(conv(relu(h)))), which starts as the identity.

    >>> block, h = Block(4, torch.Generator().manual_seed(0)), torch.ones(2, 4, 3, 3)
    >>> torch.equal(block(h), h)
    True
    """

    def __init__(self, channels: int, rng: torch.Generator) -> None:
        super().__init__()
        self.before = _conv(channels, channels, 3, rng)
        self.after = _zero(nn.utils.skip_init(nn.Conv2d, channels, channels, 3, padding=1))

    def forward(self, h: Tensor) -> Tensor:
        """Return [n, channels, h, w] of h, of the same shape."""
        return h + self.after(relu(self.before(relu(h)), inplace=True))


class _ByPoint(nn.Sequential):
    """Layers that hold the channels of a point side by side, the faster order of numbers for few channels."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self.to(memory_format=torch.channels_last)

    def forward(self, h: Tensor) -> Tensor:
        return super().forward(h.movedim(-3, -1).contiguous().movedim(-1, -3))


class ZeroConv(nn.Conv2d):
    """A 3 x 3 convolution that starts at 0, times exp(3 log_scale), one learned number for each of its channels.

    >>> ZeroConv(2, 3)(torch.ones(1, 2, 4, 4)).abs().max().item()
    0.0
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, 3, padding=1, device="meta")  # the layer's own start draws from the global state
        self.to_empty(device="cpu")
        self.log_scale = nn.Parameter(torch.zeros(c_out))
        _zero(self)

    def forward(self, h: Tensor) -> Tensor:
        """Return [n, c_out, h, w] of h [n, c_in, h, w]."""
        scale = torch.exp(_GAIN * self.log_scale)
        return conv2d(h, self.weight * scale.view(-1, 1, 1, 1), self.bias * scale, padding=1)


def _conv(c_in: int, c_out: int, size: int, rng: torch.Generator) -> nn.Conv2d:
    layer = nn.utils.skip_init(nn.Conv2d, c_in, c_out, size, padding=size // 2)
    return _drawn(layer, c_in * size**2, rng)


def _drawn(layer: nn.Module, fan_in: int, rng: torch.Generator) -> nn.Module:
    nn.init.normal_(layer.weight, std=(2 / fan_in) ** 0.5, generator=generator("rng", rng))
    nn.init.zeros_(layer.bias)
    return layer


def _zero(layer: nn.Module) -> nn.Module:
    nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
    return layer
