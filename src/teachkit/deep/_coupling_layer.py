"""What all layers of the flows on images share: two directions, and shapes that are checked at the door."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from teachkit import _check

Shape = tuple[int, ...]
Pushed = tuple[Tensor, Tensor]  # the image of a batch, and log |det| [n]


class Layer(nn.Module):
    """A bijection with its log-determinant; images are [n, c, h, w], vectors [n, d].

    A layer of one's own defines ``_forward``, ``_inverse`` and, if it changes shapes, ``_noise_shape``.

    Attributes:
        x_shape: of one x, or None where any will do.
        z_shape: of one z, likewise.
    """

    x_shape: Shape | None = None
    z_shape: Shape | None = None

    def forward(self, z: Tensor) -> Pushed:
        """Return x and log |det dx/dz| [n].

        Raises:
            ValueError: if z is no batch of at least one entry of the layer's shape.
        """
        return self._forward(batch("z", z, self.z_shape))

    def inverse(self, x: Tensor) -> Pushed:
        """Return z and log |det dz/dx| [n].

        Raises:
            ValueError: if x is no batch of at least one entry of the layer's shape.
        """
        return self._inverse(batch("x", x, self.x_shape))

    def noise_shape(self, shape: Shape) -> Shape:
        """Return the shape of one z for one x of this shape.

        Raises:
            ValueError: if the layer can't take such x.
        """
        if self.x_shape not in (None, tuple(shape)):
            raise ValueError(f"x: expected shape {shown(self.x_shape)}, got {shown(shape)}")
        return self._noise_shape(shape)

    def _forward(self, z: Tensor) -> Pushed:
        raise NotImplementedError

    def _inverse(self, x: Tensor) -> Pushed:
        raise NotImplementedError

    def _noise_shape(self, shape: Shape) -> Shape:
        return shape if self.z_shape is None else self.z_shape


class Channelwise(Layer):
    """A layer of images with a fixed number of channels, or of vectors with as many entries."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = _check.count("channels", channels)

    def _noise_shape(self, shape: Shape) -> Shape:
        if shape[0] != self.channels:
            raise ValueError(f"x: expected {self.channels} channels, got shape {shown(shape)}")
        return shape

    def look(self, name: str, y: Tensor) -> int:
        """Return the number of points of one entry, h w, once its channels are checked."""
        if y.shape[1] != self.channels:
            raise ValueError(f"{name}: expected {self.channels} channels, got shape {list(y.shape)}")
        return y[0, 0].numel()


def batch(name: str, x: Tensor, shape: Shape | None) -> Tensor:
    """Return x if it is a batch of at least one entry of this shape, if one is given.

    >>> import torch
    >>> batch("x", torch.zeros(3, 1, 2), (2, 1))
    Traceback (most recent call last):
    ...
    ValueError: x: expected shape [n, 2, 1] with n at least 1, got [3, 1, 2]
    """
    if not isinstance(x, Tensor) or x.ndim < 2 or len(x) == 0 or shape not in (None, x.shape[1:]):
        wanted = "[n, ...]" if shape is None else shown(shape)
        got = list(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"{name}: expected shape {wanted} with n at least 1, got {got}")
    return x


def shown(shape: Shape) -> str:
    """Return the shape of a batch, as messages show it.

    >>> shown((1, 8, 8))
    '[n, 1, 8, 8]'
    """
    return f"[n, {', '.join(map(str, shape))}]"


def sizes(name: str, shape: Shape) -> Shape:
    """Return ``shape`` as a tuple of ints if it is one or more whole numbers of at least 1.

    >>> sizes("shape", [1, 8, 8])
    (1, 8, 8)
    """
    if not isinstance(shape, Sequence) or not shape:
        raise ValueError(f"{name}: expected sizes such as (1, 8, 8), got {shape!r}")
    return tuple(_check.count(name, size) for size in shape)
