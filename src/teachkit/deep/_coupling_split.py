"""Which entries a coupling layer keeps: a half of the channels, or those where a mask is 1."""

from __future__ import annotations

import torch
from torch import Tensor

from teachkit.deep._coupling_layer import Shape, shown

HALVES = ("first", "second", "even", "odd")


def split(name: str, y: Tensor, half: str) -> tuple[Tensor, Tensor]:
    """Return the kept and the moved channels.

    >>> [part.tolist() for part in split("x", torch.arange(5)[None], "odd")]
    [[[1, 3]], [[0, 2, 4]]]
    """
    if y.ndim < 2 or y.shape[1] < 2:
        raise ValueError(f"{name}: expected at least 2 channels to split, got shape {list(y.shape)}")
    a, b = y.split([(y.shape[1] + 1) // 2, y.shape[1] // 2], 1) if half in HALVES[:2] else (y[:, ::2], y[:, 1::2])
    return (a, b) if half in ("first", "even") else (b, a)


def join(kept: Tensor, moved: Tensor, half: str) -> Tensor:
    """Undo ``split``."""
    a, b = (kept, moved) if half in ("first", "even") else (moved, kept)
    if half in HALVES[:2]:
        return torch.cat([a, b], 1)
    if a.shape == b.shape:
        return torch.stack([a, b], 2).flatten(1, 2)
    return torch.cat([torch.stack([a[:, :-1], b], 2).flatten(1, 2), a[:, -1:]], 1)


def half(kept: str) -> str:
    """Return ``kept`` if it names a half of the channels."""
    if kept not in HALVES:
        raise ValueError(f"kept: expected a mask or one of {', '.join(HALVES)}, got {kept!r}")
    return kept


def mask(kept: Tensor) -> Tensor:
    """Return ``kept`` as a tensor of floats if it is of zeros and ones with at least one of each."""
    wanted = "kept: expected a mask of zeros and ones with at least one of each"
    try:
        b = torch.as_tensor(kept)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f"{wanted}, got {type(kept).__name__}") from error
    if b.ndim == 0 or b.numel() == 0 or not ((b == 0) | (b == 1)).all() or b.min() == b.max():
        raise ValueError(wanted)
    return b.to(torch.get_default_dtype(), copy=True)  # the caller's tensor may change


def check_mask(name: str, mask: Tensor, shape: Shape) -> None:
    """Raise ``ValueError`` unless the mask broadcasts to this shape of one entry."""
    fits = mask.ndim <= len(shape) and all(
        m in (1, k) for m, k in zip(reversed(mask.shape), reversed(shape), strict=False)
    )
    if not fits:
        raise ValueError(f"{name}: the mask has shape {list(mask.shape)}, which doesn't fit {shown(shape)}")
