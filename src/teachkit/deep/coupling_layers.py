"""Layers of the flows on images (chapter `coupling_images`): coupling, squeeze, scaling, and how they are composed.

``forward`` maps noise to data and ``inverse`` data to noise. Each also returns log |det| of its own direction, [n].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from teachkit import _check
from teachkit.deep._coupling_layer import Layer, Pushed, Shape, shown, sizes
from teachkit.deep._coupling_split import check_mask, half, join, mask, split

__all__ = ["Chain", "Coupling", "Flatten", "Layer", "MultiScale", "Scaling", "Squeeze"]

Half = Literal["first", "second", "even", "odd"]
Move = Callable[[Tensor, Tensor | None, Tensor], Tensor]
BOUND = 2.0  # |s| stays below it


class Chain(Layer):
    """The composition f_K(... f_1(z)) of layers f_1, ..., f_K: log-determinants add up, statement `flow-log-density`.

    Args:
        layers: f_1 first; so the inverse goes through them from the last.
        shape: of one x, if it is to be checked; without it each layer looks at what it gets.

    Raises:
        ValueError: if there is no layer, one is no ``Layer``, or they do not fit the shape; when called, if the input
            has another shape or no rows.

    >>> chain = Chain([Squeeze(), Scaling((4, 1, 1))], shape=(1, 2, 2))
    Traceback (most recent call last):
    ...
    ValueError: x: expected shape [n, 4, 1, 1], got [n, 1, 2, 2]
    >>> chain = Chain([Scaling((4, 1, 1)), Squeeze()], shape=(1, 2, 2))
    >>> chain(torch.ones(3, 4, 1, 1))[0].shape
    torch.Size([3, 1, 2, 2])
    """

    def __init__(self, layers: Sequence[Layer], shape: Shape | None = None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_check.instances("layers", layers, Layer))
        if shape is not None:
            self.x_shape = sizes("shape", shape)
            self.z_shape = self._noise_shape(self.x_shape)

    def _forward(self, z: Tensor) -> Pushed:
        total = None
        for layer in self.layers:
            z, log_det = layer(z)
            total = log_det if total is None else total + log_det
        return z, total

    def _inverse(self, x: Tensor) -> Pushed:
        total = None
        for layer in reversed(self.layers):
            x, log_det = layer.inverse(x)
            total = log_det if total is None else total + log_det
        return x, total

    def _noise_shape(self, shape: Shape) -> Shape:
        for layer in reversed(self.layers):
            shape = layer.noise_shape(shape)
        return shape


class Coupling(Layer):
    """A coupling layer: some entries are kept, and a network of these scales and shifts the others.

    x = z exp(s) + t at the moved entries, statements `affine-coupling` and `masked-coupling`; with ``additive``
    x = z + t and log |det| = 0, statement `additive-coupling`. The network is never inverted.

    With a mask the network sees b z, of the shape of z, and gives s and t for all entries, of which those of the kept
    ones are dropped. With a half it sees the kept half of the channels alone and gives s and t of the other half.

    s = bound tanh(raw s / bound). An inverse divides by exp(s), so it multiplies the rounding errors of all layers
    before it by exp(-s); a bound keeps one layer from doing so by more than exp(bound).

    Args:
        kept: which entries are kept: a mask b of zeros and ones that broadcasts to one x, 1 keeps; or a half of the
            channels (axis 1): "first", "second", "even" (0, 2, ...) or "odd". Of 2 m + 1 channels "first" and "even"
            have m + 1.
        net: from the kept entries to raw s and t, stacked along axis 1, or to t alone.
        additive: t alone.
        bound: of s; None for none.

    Raises:
        ValueError: if kept is no half and no mask of zeros and ones with at least one of each, or bound not above 0;
            when called, if the mask doesn't fit the input or the network returns another shape.

    >>> swap = Coupling("first", nn.Linear(1, 1, bias=False), additive=True)
    >>> _ = nn.init.constant_(swap.net.weight, 10.0)
    >>> x, log_det = swap(torch.tensor([[1.0, 2.0]]))
    >>> x.tolist(), log_det.tolist()
    ([[1.0, 12.0]], [0.0])
    """

    def __init__(
        self, kept: Half | Tensor, net: nn.Module, *, additive: bool = False, bound: float | None = BOUND
    ) -> None:
        super().__init__()
        self.net, self.additive = net, additive
        self.bound = None if bound is None else _check.positive("bound", bound)
        self.half = half(kept) if isinstance(kept, str) else None
        b = None if self.half else mask(kept)
        self.register_buffer("mask", b, persistent=False)
        self.register_buffer("moved", None if b is None else 1 - b, persistent=False)

    def _forward(self, z: Tensor) -> Pushed:
        return self._apply_to("z", z, _scale_and_shift, 1)

    def _inverse(self, x: Tensor) -> Pushed:
        return self._apply_to("x", x, _shift_and_scale, -1)

    def _noise_shape(self, shape: Shape) -> Shape:
        if self.half and shape[0] < 2:
            raise ValueError(f"x: expected at least 2 channels to split, got shape {shown(shape)}")
        if not self.half:
            check_mask("x", self.mask, shape)
        return shape

    def _apply_to(self, name: str, y: Tensor, move: Move, sign: int) -> Pushed:
        if self.half:
            kept, moved = split(name, y, self.half)
            s, t = self._condition(kept, moved, sign)
            out = join(kept, move(moved, s, t), self.half)
        else:
            check_mask(name, self.mask, tuple(y.shape[1:]))
            s, t = self._condition(y * self.mask, y, sign)
            s = None if s is None else s * self.moved
            out = move(y, s, t * self.moved)
        return out, y.new_zeros(len(y)) if s is None else s.sum(tuple(range(1, s.ndim)))

    def _condition(self, seen: Tensor, moved: Tensor, sign: int) -> tuple[Tensor | None, Tensor]:
        """Return s with this sign, None where there is none, and t, of the shape of ``moved``."""
        out = self.net(seen)
        n, c, *rest = moved.shape
        if out.shape != (wanted := (n, c if self.additive else 2 * c, *rest)):
            raise ValueError(f"net: expected to return shape {list(wanted)}, got {list(out.shape)}")
        out = out.to(moved.dtype).contiguous()  # from fewer digits under autocast, and from channels side by side
        if self.additive:
            return None, out
        raw_s, t = out.chunk(2, 1)
        return sign * raw_s if self.bound is None else sign * self.bound * torch.tanh(raw_s / self.bound), t


class Squeeze(Layer):
    """Each 2 x 2 square of the image x becomes 4 channels of z, log |det| = 0, statement `squeeze-layer`.

    ``inverse`` is ``coupling.squeeze``, [n, c, h, w] -> [n, 4c, h/2, w/2], and ``forward`` undoes it.

    Raises:
        ValueError: when called, if x has an odd height or width, or z a number of channels not divisible by 4.

    >>> Squeeze().inverse(torch.arange(4.0).reshape(1, 1, 2, 2))[0].flatten()
    tensor([0., 1., 2., 3.])
    """

    def _forward(self, z: Tensor) -> Pushed:
        if z.ndim != 4 or z.shape[1] % 4:
            raise ValueError(f"z: expected shape [n, 4c, h, w], got {list(z.shape)}")
        return pixel_shuffle(z, 2), z.new_zeros(len(z))

    def _inverse(self, x: Tensor) -> Pushed:
        self.noise_shape(tuple(x.shape[1:]))
        return pixel_unshuffle(x, 2), x.new_zeros(len(x))

    def _noise_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3 or shape[1] % 2 or shape[2] % 2:
            raise ValueError(f"x: expected shape [n, c, h, w] with even h and w, got {shown(shape)}")
        c, h, w = shape
        return 4 * c, h // 2, w // 2


class Scaling(Layer):
    """x = z exp(log_scale), entry by entry: the last layer of NICE, which lets it change volume; it starts at 1.

    Args:
        shape: of one z.

    >>> Scaling((2,))(torch.ones(1, 2))
    (tensor([[1., 1.]], grad_fn=<MulBackward0>), tensor([0.], grad_fn=<ExpandBackward0>))
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.x_shape = self.z_shape = sizes("shape", shape)
        self.log_scale = nn.Parameter(torch.zeros(self.z_shape))

    def _forward(self, z: Tensor) -> Pushed:
        return z * self.log_scale.exp(), self.log_scale.sum().expand(len(z))

    def _inverse(self, x: Tensor) -> Pushed:
        return x * (-self.log_scale).exp(), -self.log_scale.sum().expand(len(x))


class Flatten(Layer):
    """Images x [n, c, h, w] as vectors z [n, chw], log |det| = 0.

    Args:
        shape: (c, h, w), or any shape of one x.

    >>> Flatten((1, 2, 2))(torch.zeros(3, 4))[0].shape
    torch.Size([3, 1, 2, 2])
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.x_shape = sizes("shape", shape)
        self.z_shape = (math.prod(self.x_shape),)

    def _forward(self, z: Tensor) -> Pushed:
        return z.unflatten(1, self.x_shape), z.new_zeros(len(z))

    def _inverse(self, x: Tensor) -> Pushed:
        return x.flatten(1), x.new_zeros(len(x))


class MultiScale(Layer):
    """Levels one inside the other: after each but the last, half of the channels leave as z, statement `multi-scale`.

    z is one vector: what leaves after the first level (the finest), then after the second, ..., then what is left.
    Of 2 m channels the first m go on, and the last m leave.

    Args:
        levels: the first is that at the data; each holds its own ``Squeeze``.
        shape: (c, h, w) of one x.

    Attributes:
        z_shapes: (c, h, w) of each part of z, in its order.

    Raises:
        ValueError: if there is no level, a level can't take the shape that reaches it, or it leaves an odd number of
            channels to halve; when called, if the input has another shape or no rows.

    >>> flow = MultiScale([Squeeze(), Squeeze()], shape=(1, 4, 4))
    >>> flow.z_shapes
    [(2, 2, 2), (8, 1, 1)]
    >>> flow.inverse(torch.zeros(3, 1, 4, 4))[0].shape
    torch.Size([3, 16])
    """

    def __init__(self, levels: Sequence[Layer], shape: Shape) -> None:
        super().__init__()
        self.levels = nn.ModuleList(_check.instances("levels", levels, Layer))
        self.x_shape, self.z_shapes = sizes("shape", shape), []
        inside = self.x_shape
        for i, level in enumerate(self.levels):
            inside = level.noise_shape(inside)
            if i < len(self.levels) - 1:
                if inside[0] % 2:
                    raise ValueError(f"levels[{i}]: expected an even number of channels to halve, got {inside[0]}")
                inside = (inside[0] // 2, *inside[1:])
            self.z_shapes.append(inside)
        self._parts = [math.prod(part) for part in self.z_shapes]
        self.z_shape = (sum(self._parts),)

    def _forward(self, z: Tensor) -> Pushed:
        pieces = [part.unflatten(1, shape) for part, shape in zip(z.split(self._parts, 1), self.z_shapes, strict=True)]
        x, total = self.levels[-1](pieces[-1])
        for level, left in zip(reversed(self.levels[:-1]), reversed(pieces[:-1]), strict=True):
            x, log_det = level(torch.cat([x, left], 1))
            total = total + log_det
        return x, total

    def _inverse(self, x: Tensor) -> Pushed:
        pieces, total = [], x.new_zeros(len(x))
        for level in self.levels[:-1]:
            x, log_det = level.inverse(x)
            total = total + log_det
            x, left = x.chunk(2, 1)
            pieces.append(left.flatten(1))
        x, log_det = self.levels[-1].inverse(x)
        return torch.cat([*pieces, x.flatten(1)], 1), total + log_det


def _scale_and_shift(z: Tensor, s: Tensor | None, t: Tensor) -> Tensor:
    """Return x of z, with s as it is."""
    return z + t if s is None else torch.addcmul(t, z, s.exp())


def _shift_and_scale(x: Tensor, s: Tensor | None, t: Tensor) -> Tensor:
    """Return z of x, with -s in the place of s."""
    return x - t if s is None else (x - t) * s.exp()
