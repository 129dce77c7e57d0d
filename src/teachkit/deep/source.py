"""The randomness of a training: the order of the data, and the noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from teachkit import _check
from teachkit.deep.device import Place

Batch = Tensor | tuple[Tensor, ...]


class Source:
    """Batches of the data, which lie on the device, and noise beside them; both go on from a saved state.

    Each epoch takes the rows in a new order, and leaves out what does not fill a batch. With several processes every
    one draws the same order and the same noise for the whole batch and keeps its own rows. Together they do what one
    process does, unless something mixes rows, as batch norm does: it sees the rows of its own process alone.

    Args:
        data: one tensor [n, ...], or several with as many rows, such as images and labels.
        batch: rows in a batch, over all processes.
        seed: of order and noise.
        prepare: applied to a batch of the first tensor, such as ``scaled``.
        here: this process's place.

    Raises:
        ValueError: if the data are no tensors, empty or of several lengths, or the batch does not fit them or the
            processes.

    >>> source = Source(torch.arange(4), 2, seed=0)
    >>> sorted(torch.cat([source.batch(), source.batch()]).tolist()), source.normal(3).shape
    ([0, 1, 2, 3], torch.Size([2, 3]))
    """

    def __init__(
        self,
        data: Batch,
        batch: int,
        *,
        seed: int,
        prepare: Callable[[Tensor], Tensor] | None = None,
        here: Place | None = None,
    ) -> None:
        here = here or Place(torch.device("cpu"))
        tensors = data if isinstance(data, tuple) else (data,)
        if not all(isinstance(x, Tensor) and x.ndim for x in tensors):
            raise ValueError("data: expected a tensor [n, ...] or a tuple of such tensors")
        lengths = sorted({len(x) for x in tensors})
        if len(lengths) != 1 or lengths[0] == 0:
            raise ValueError(f"data: expected tensors of one length of at least 1, got lengths {lengths}")
        self.size, self.device = _check.count("batch", batch), here.device
        if self.size > lengths[0] or self.size % here.world:
            raise ValueError(
                f"batch: expected at most {lengths[0]} rows, and a multiple of {here.world} processes, got {self.size}"
            )
        self._tensors, self._alone = tuple(x.to(here.device) for x in tensors), not isinstance(data, tuple)
        self._prepare = prepare or (lambda x: x)
        each = self.size // here.world
        self._mine = slice(here.rank * each, (here.rank + 1) * each)
        self._ordering = torch.Generator().manual_seed(_check.count("seed", seed, low=0))
        self._noise = torch.Generator(here.device).manual_seed(seed + 1)
        self._new_epoch()

    def batch(self) -> Batch:
        """Return this process's rows of the next batch."""
        if self._position + self.size > len(self._order):
            self._new_epoch()
        rows = self._order[self._position : self._position + self.size][self._mine].to(self.device)
        self._position += self.size
        first, *others = (x[rows] for x in self._tensors)
        return self._prepare(first) if self._alone else (self._prepare(first), *others)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal noise of shape [batch, ...], this process's rows."""
        return torch.randn(self.size, *shape, generator=self._noise, device=self.device)[self._mine]

    def uniform(self, *shape: int) -> Tensor:
        """Return uniform noise from [0, 1) of shape [batch, ...], this process's rows."""
        return torch.rand(self.size, *shape, generator=self._noise, device=self.device)[self._mine]

    def state(self) -> dict[str, Any]:
        """Return what the next batches and noise depend on."""
        noise = self._noise.get_state()
        return {"epoch": self._epoch_start, "position": self._position, "noise": noise}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same data."""
        self._ordering.set_state(state["epoch"])
        self._new_epoch()
        self._position = state["position"]
        self._noise.set_state(state["noise"])

    def _new_epoch(self) -> None:
        self._epoch_start, self._position = self._ordering.get_state(), 0
        self._order = torch.randperm(len(self._tensors[0]), generator=self._ordering)


def scaled(pixels: Tensor) -> Tensor:
    """Return bytes 0 to 255 as numbers from -1 to 1.

    >>> scaled(torch.tensor([0, 255], dtype=torch.uint8)).tolist()
    [-1.0, 1.0]
    """
    return pixels.float() / 127.5 - 1
