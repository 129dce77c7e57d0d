"""The density of images that a flow gives: noise, logit, codes, samples (chapter `coupling_images`).

An image is a table of whole numbers b in 0, ..., levels - 1. Noise u from [0, 1) makes it continuous,
x = (b + u) / levels in [0, 1]; a logit takes x to y on the whole line; the flow takes y to the code z, whose law is
standard normal.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from teachkit import _check
from teachkit.deep._coupling_layer import Layer
from teachkit.deep._shared import generator

Shape = tuple[int, int, int]
_ROWS = 250  # images that go through a flow at a time


class ImageFlow(nn.Module):
    """A density of images: a logit, then a flow from a standard normal law.

    Args:
        layer: takes flat codes [n, d] to y [n, c, h, w], and back.
        shape: (c, h, w) of an image, d = c h w.
        levels: how many whole numbers a pixel can be.
        alpha: the logit's distance from its ends, y = logit(alpha / 2 + (1 - alpha) x), statement `logit-log-det`.
        recipe: the name of the function that made the flow and its arguments, which ``save`` writes down.

    Raises:
        ValueError: if a number is out of range.

    >>> from teachkit.deep.coupling_layers import Chain, Flatten, Scaling
    >>> flow = ImageFlow(Chain([Scaling((16,)), Flatten((1, 4, 4))]), (1, 4, 4), levels=16)
    >>> b, rng = torch.arange(32).reshape(2, 1, 4, 4) % 16, torch.Generator().manual_seed(1)
    >>> flow.bits(b, rng).shape, flow.sample(3, rng).shape
    (torch.Size([2]), torch.Size([3, 1, 4, 4]))
    """

    def __init__(
        self,
        layer: Layer,
        shape: Shape,
        levels: int = 256,
        alpha: float = 0.05,
        *,
        recipe: dict[str, object] | None = None,
    ) -> None:
        super().__init__()
        self.shape, self.levels = checked(shape), _check.count("levels", levels, low=2)
        if not 0 < _check.number("alpha", alpha) < 1:
            raise ValueError(f"alpha: expected a number above 0 and below 1, got {alpha}")
        self.layer, self.alpha, self.recipe, self.d = layer, alpha, recipe, math.prod(self.shape)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, [n], for x [n, c, h, w] in [0, 1]; statement `flow-log-density`.

        Raises:
            ValueError: if x has another shape, or a number outside [0, 1], where the model has no density.
        """
        return self._log_prob(self._unit("x", x))

    def bits(self, b: Tensor, rng: torch.Generator) -> Tensor:
        """Return bits per dimension, [n], of images of whole numbers with fresh noise, statement `dequantisation-bits`.

        Their mean over the noise bounds the length of the code that the flow's discrete model gives, from above.

        Args:
            b: [n, c, h, w], whole numbers from 0 to levels - 1.
            rng: of the noise.

        Raises:
            ValueError: if b has another shape or is not such numbers, or rng is no generator of torch.
        """
        rng = generator("rng", rng, self._like().device)
        return self.bits_with(b, torch.rand(b.shape, generator=rng, device=rng.device, dtype=self._like().dtype))

    def bits_with(self, b: Tensor, u: Tensor) -> Tensor:
        """Return bits per dimension, [n], with noise u from [0, 1) that is given, of the shape of b."""
        if u.shape != b.shape:
            raise ValueError(f"u: expected the shape {list(b.shape)} of b, got {list(u.shape)}")
        x = (self._whole(b) + u.to(self._like())) / self.levels
        return -self._log_prob(x) / (self.d * math.log(2)) + math.log2(self.levels)

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes z [n, d] of x [n, c, h, w] in [0, 1]; in training mode batch norm would mix the rows.

        Raises:
            ValueError: if x has another shape, or a number outside [0, 1].
        """
        z, _ = self.layer.inverse(self._logit(self._unit("x", x))[0])
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Return x [n, c, h, w] of codes z [n, d]; a code of no image may come out up to alpha beyond [0, 1].

        Raises:
            ValueError: if z has another shape.
        """
        if z.ndim != 2 or z.shape[1] != self.d or len(z) == 0:
            raise ValueError(f"z: expected shape [n, {self.d}] with n at least 1, got {list(z.shape)}")
        y, _ = self.layer(z.to(self._like()))
        return (torch.sigmoid(y) - self.alpha / 2) / (1 - self.alpha)

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
        """Return n images [n, c, h, w] in [0, 1] from codes N(0, temperature^2), statement `temperature`.

        What comes out beyond [0, 1] is cut off.

        Raises:
            ValueError: if n is not a whole number of at least 1, the temperature not above 0, or rng no generator.
        """
        n, temperature = _check.count("n", n), _check.positive("temperature", temperature)
        rng, like = generator("rng", rng, self._like().device), self._like()
        z = temperature * torch.randn(n, self.d, generator=rng, device=like.device, dtype=like.dtype)
        return torch.cat([self.decode(rows) for rows in z.split(_ROWS)]).clamp(0, 1)

    def quantised(self, x: Tensor) -> np.ndarray:
        """Return images [n, c, h, w] in [0, 1] as whole numbers 0 to levels - 1, uint8, or int64 above 256 levels."""
        b = (x.detach() * self.levels).floor().clamp(0, self.levels - 1)
        return b.to(torch.uint8 if self.levels <= 256 else torch.int64).cpu().numpy()

    def _log_prob(self, x: Tensor) -> Tensor:
        y, log_slope = self._logit(x)
        z, log_det = self.layer.inverse(y)
        return -0.5 * (z.square().sum(1) + self.d * math.log(2 * math.pi)) + log_det + log_slope

    def _logit(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and log |det dy/dx| [n]."""
        p = self.alpha / 2 + (1 - self.alpha) * x
        left, right = p.log(), torch.log1p(-p)
        return left - right, self.d * math.log(1 - self.alpha) - (left + right).flatten(1).sum(1)

    def _unit(self, name: str, x: Tensor) -> Tensor:
        x = self._images(name, x)
        if not x.is_floating_point() or not ((x >= 0) & (x <= 1)).all():  # NaN is not in it
            raise ValueError(f"{name}: expected floating-point numbers in [0, 1], where the flow has its density")
        return x.to(self._like())

    def _whole(self, b: Tensor) -> Tensor:
        b = self._images("b", b)
        # Bytes can't be wrong, and on an accelerator the look would wait for the device at every step.
        if not (b.dtype == torch.uint8 and self.levels == 256) and not _is_whole(b, self.levels):
            raise ValueError(f"b: expected whole numbers from 0 to {self.levels - 1}")
        return b.to(self._like())

    def _images(self, name: str, x: Tensor) -> Tensor:
        if x.ndim != 4 or tuple(x.shape[1:]) != self.shape or len(x) == 0:
            wanted = ", ".join(map(str, self.shape))
            raise ValueError(f"{name}: expected shape [n, {wanted}] with n at least 1, got {list(x.shape)}")
        return x

    def _like(self) -> Tensor:
        return next(self.parameters())


def checked(shape: Shape) -> Shape:
    """Return (c, h, w) if it is three whole numbers of at least 1, else raise ``ValueError``.

    >>> checked((1, 8))
    Traceback (most recent call last):
    ...
    ValueError: shape: expected (c, h, w), got (1, 8)
    """
    if len(shape) != 3:
        raise ValueError(f"shape: expected (c, h, w), got {shape}")
    c, h, w = (_check.count("shape", size) for size in shape)
    return c, h, w


def _is_whole(b: Tensor, levels: int) -> bool:
    inside = bool(((b >= 0) & (b <= levels - 1)).all())
    return inside and not (b.is_floating_point() and bool((b != b.round()).any()))
