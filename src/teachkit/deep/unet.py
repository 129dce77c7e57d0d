"""The U-Net that predicts noise: an image goes down to a coarse grid and up again, with the time told to every block.

It is the network of Ho, Jain and Abbeel (2020) in small: residual blocks with group norm and SiLU, self-attention on
the coarsest grids, and what each block made on the way down is handed to its partner on the way up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention

from teachkit import _check
from teachkit.deep._shared import generator, linear

_GROUPS, _HEAD = 8, 32  # most groups of a norm, and channels of a head of attention where they divide


def unet(
    channels: int,
    width: int,
    multipliers: Sequence[int] = (1, 2, 2),
    attention: int = 1,
    classes: int | None = None,
    *,
    blocks: int = 1,
    rng: torch.Generator,
) -> UNet:
    """Return a U-Net (images [n, channels, h, w], times [n]) -> [n, channels, h, w], which is 0 before its training.

    Each grid but the first has half the side of the one before, so h and w are multiples of 2^(grids - 1).

    Args:
        channels: of the images.
        width: by which all channels are counted, an even number of at least 4.
        multipliers: by grid, its channels over ``width``; as many grids.
        attention: on how many of the grids, from the coarsest, each block is followed by self-attention.
        classes: if given, the network also takes a class of each image, 0 to classes - 1; the number ``classes``
            itself stands for no class.
        blocks: residual blocks of a grid on the way down, and as many on the way up.
        rng: source of the weights.

    Raises:
        ValueError: if a number is out of range.

    >>> net = unet(1, 8, (1, 2), classes=10, rng=torch.Generator().manual_seed(0))
    >>> net(torch.zeros(3, 1, 8, 8), torch.tensor([1, 2, 9]), torch.tensor([0, 9, 10])).shape
    torch.Size([3, 1, 8, 8])
    """
    channels, blocks = _check.count("channels", channels), _check.count("blocks", blocks)
    if (width := _check.count("width", width, low=4)) % 2:
        raise ValueError(f"width: expected an even number, got {width}")
    widths = [width * _check.count("multipliers", m) for m in multipliers]
    if not widths:
        raise ValueError("multipliers: expected at least one, got none")
    if (attention := _check.count("attention", attention, low=0)) > max(len(widths), 1):
        raise ValueError(f"attention: expected at most the {len(widths)} grids, got {attention}")
    classes = None if classes is None else _check.count("classes", classes)
    net = UNet(channels, widths, attention, classes, blocks, generator("rng", rng))
    return net.to(memory_format=torch.channels_last)  # the faster order of numbers for convolutions of few channels


class UNet(nn.Module):
    """The network that ``unet`` makes, which tells what the arguments are.

    Attributes:
        classes: how many, or None.
    """

    def __init__(
        self,
        channels: int,
        widths: Sequence[int],
        attention: int,
        classes: int | None,
        blocks: int,
        rng: torch.Generator,
    ) -> None:
        super().__init__()
        first, told = widths[0], 4 * widths[0]
        self.classes = classes
        self.time = nn.Sequential(linear(first, told, generator=rng), nn.SiLU(), linear(told, told, generator=rng))
        if classes is not None:
            self.label = nn.Embedding(classes + 1, told, _weight=torch.randn(classes + 1, told, generator=rng))
        self.first = _conv(channels, first, 3, rng)
        self.down, self.up, skips, c = nn.ModuleList(), nn.ModuleList(), [], first
        attends = [level >= len(widths) - attention for level in range(len(widths))]
        for level, (wide, attend) in enumerate(zip(widths, attends, strict=True)):
            if level:
                self.down.append(Down(c, rng))
            for _ in range(blocks):
                self.down.append(Block(c, wide, told, attend, rng))
                c = wide
                skips.append(c)
        self.middle = Block(c, c, told, attends[-1], rng)
        for level, (wide, attend) in reversed(list(enumerate(zip(widths, attends, strict=True)))):
            for _ in range(blocks):
                self.up.append(Block(c + skips.pop(), wide, told, attend, rng))
                c = wide
            if level:
                self.up.append(Up(c, c := widths[level - 1], rng))
        self.last = nn.Sequential(_norm(c), nn.SiLU(), _zero(_conv(c, channels, 3, rng)))
        self._channels, self._multiple = channels, 2 ** (len(widths) - 1)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what the network predicts, [n, channels, h, w].

        Args:
            x: noisy images [n, channels, h, w].
            t: their times [n], whole numbers or not, up to some thousand.
            y: their classes [n], if the network takes classes; without them each has none.

        Raises:
            ValueError: if a shape or a type is not that, or, on the CPU, a class out of range.
        """
        self._check_input(x, t, y)
        told = self.time(time_embedding(t, self.time[0].in_features).to(x.dtype))
        if self.classes is not None:
            told = told + self.label(torch.full_like(t, self.classes, dtype=torch.long) if y is None else y)
        h, skips = self.first(x), []
        for layer in self.down:
            h = layer(h, told)
            if isinstance(layer, Block):
                skips.append(h)
        h = self.middle(h, told)
        for layer in self.up:
            h = layer(torch.cat([h, skips.pop()], 1) if isinstance(layer, Block) else h, told)
        return self.last(h)

    def _check_input(self, x: Tensor, t: Tensor, y: Tensor | None) -> None:
        if x.ndim != 4 or x.shape[1] != self._channels or x.shape[2] % self._multiple or x.shape[3] % self._multiple:
            raise ValueError(
                f"x: expected shape [n, {self._channels}, h, w] with h and w multiples of {self._multiple}, "
                f"got {list(x.shape)}"
            )
        held = self.first.weight.dtype
        if x.dtype != held and not torch.is_autocast_enabled(x.device.type):
            raise ValueError(f"x: expected numbers of the network's type {held}, got {x.dtype}")
        if t.shape != x.shape[:1]:
            raise ValueError(f"t: expected shape [{len(x)}], got {list(t.shape)}")
        if y is not None and (self.classes is None or y.shape != t.shape):
            wanted = "none, as the network takes no classes" if self.classes is None else f"shape [{len(x)}]"
            raise ValueError(f"y: expected {wanted}, got {list(y.shape)}")
        if y is not None and y.device.type == "cpu" and not torch.compiler.is_compiling():  # elsewhere a look waits
            check_classes(y, self.classes)


class Block(nn.Module):
    """A residual block: x + conv(silu(norm(conv(silu(norm(x))) + linear(silu(told))))), then attention where asked.

    The last convolution starts at 0, so that the block starts as the identity, or as a 1 x 1 convolution where the
    channels change.

    >>> block, x = Block(4, 4, 8, False, torch.Generator().manual_seed(0)), torch.ones(2, 4, 3, 3)
    >>> torch.equal(block(x, torch.zeros(2, 8)), x)
    True
    """

    def __init__(self, fan_in: int, fan_out: int, told: int, attend: bool, rng: torch.Generator) -> None:
        super().__init__()
        self.before = nn.Sequential(_norm(fan_in), nn.SiLU(), _conv(fan_in, fan_out, 3, rng))
        self.told = nn.Sequential(nn.SiLU(), linear(told, fan_out, generator=rng))
        self.after = nn.Sequential(_norm(fan_out), nn.SiLU(), _zero(_conv(fan_out, fan_out, 3, rng)))
        self.short = nn.Identity() if fan_in == fan_out else _conv(fan_in, fan_out, 1, rng)
        self.attention = Attention(fan_out, rng) if attend else nn.Identity()

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Return [n, fan_out, h, w] of x [n, fan_in, h, w] and what the block is told [n, told]."""
        h = self.before(x) + self.told(told)[:, :, None, None]
        return self.attention(self.short(x) + self.after(h))


class Attention(nn.Module):
    """Self-attention over the points of a grid: x + out(softmax(q k^T / sqrt(d)) v), d channels in each head.

    >>> Attention(4, torch.Generator().manual_seed(0))(torch.ones(2, 4, 3, 3)).shape
    torch.Size([2, 4, 3, 3])
    """

    def __init__(self, channels: int, rng: torch.Generator) -> None:
        super().__init__()
        self.heads = 1 if channels % _HEAD else channels // _HEAD
        self.norm = _norm(channels)
        self.qkv = _conv(channels, 3 * channels, 1, rng)
        self.out = _zero(_conv(channels, channels, 1, rng))

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, channels, h, w] of x, of the same shape."""
        q, k, v = self.qkv(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1)).transpose(3, 4).unbind(1)
        h = scaled_dot_product_attention(q, k, v)  # [n, heads, points, d]
        return x + self.out(h.transpose(2, 3).reshape(x.shape))


class Down(nn.Module):
    """Half the side: a 3 x 3 convolution with stride 2.

    >>> Down(4, torch.Generator().manual_seed(0))(torch.ones(2, 4, 6, 6), None).shape
    torch.Size([2, 4, 3, 3])
    """

    def __init__(self, channels: int, rng: torch.Generator) -> None:
        super().__init__()
        self.conv = _conv(channels, channels, 3, rng, stride=2)

    def forward(self, x: Tensor, told: Tensor | None) -> Tensor:
        """Return [n, channels, h / 2, w / 2]."""
        return self.conv(x)


class Up(nn.Module):
    """Twice the side: every point four times, then a 3 x 3 convolution to the channels of the finer grid.

    >>> Up(4, 2, torch.Generator().manual_seed(0))(torch.ones(2, 4, 3, 3), None).shape
    torch.Size([2, 2, 6, 6])
    """

    def __init__(self, fan_in: int, fan_out: int, rng: torch.Generator) -> None:
        super().__init__()
        self.conv = _conv(fan_in, fan_out, 3, rng)

    def forward(self, x: Tensor, told: Tensor | None) -> Tensor:
        """Return [n, fan_out, 2 h, 2 w]."""
        return self.conv(interpolate(x, scale_factor=2.0, mode="nearest"))


def check_classes(y: Tensor, classes: int | None) -> None:
    """Raise ``ValueError`` unless y is a tensor of whole numbers, from 0 to ``classes`` if given, which is no class.

    >>> check_classes(torch.tensor([0, 4]), 3)
    Traceback (most recent call last):
    ...
    ValueError: y: expected whole numbers from 0 to 3, got 0 to 4
    """
    if not isinstance(y, Tensor) or y.dtype not in (torch.int32, torch.int64):
        kind = y.dtype if isinstance(y, Tensor) else type(y).__name__
        raise ValueError(f"y: expected a tensor of whole numbers, torch.int64, got {kind}")
    if classes is not None and ((y < 0) | (y > classes)).any():
        raise ValueError(f"y: expected whole numbers from 0 to {classes}, got {y.min()} to {y.max()}")


def time_embedding(t: Tensor, d: int, longest: float = 10_000) -> Tensor:
    """Return d numbers for each time [n], [n, d], as the NumPy twin ``diffusion_reverse.time_embedding`` does.

    Raises:
        ValueError: if d is not even and at least 4.

    >>> time_embedding(torch.tensor([0, 5]), 4)[0]
    tensor([0., 0., 1., 1.])
    """
    if d % 2 or d < 4:
        raise ValueError(f"d: expected an even number of at least 4, got {d}")
    t = t if t.is_floating_point() else t.float()
    frequencies = torch.logspace(0, -math.log10(longest), d // 2, dtype=t.dtype, device=t.device)
    angle = t[:, None] * frequencies
    return torch.cat([angle.sin(), angle.cos()], 1)


def _conv(fan_in: int, fan_out: int, side: int, rng: torch.Generator, stride: int = 1) -> nn.Conv2d:
    layer = nn.utils.skip_init(nn.Conv2d, fan_in, fan_out, side, stride, side // 2)  # its own start is global
    nn.init.normal_(layer.weight, std=(fan_in * side * side) ** -0.5, generator=rng)
    nn.init.zeros_(layer.bias)
    return layer


def _norm(channels: int) -> nn.GroupNorm:
    # A group of one channel would take out what a block is told, which is one number for all of a channel's points.
    return nn.GroupNorm(math.gcd(_GROUPS, channels, max(1, channels // 4)), channels)


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    return layer
