"""Squared distances between many points, a block of rows at a time, so that memory stays small."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check

_BLOCK = 1 << 22  # numbers of a matrix of distances that are there at a time: 32 MB
_FEW = 8  # columns up to which differences are taken: exact, and fast enough
_LARGEST = 1e150  # its square is a float


def two_sets(names: tuple[str, str], x: ArrayLike, y: ArrayLike, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return two sets of points [n, d] and [m, d] with at least ``least`` rows each, or raise ``ValueError``.

    >>> two_sets(("real", "fake"), [[0.0], [1.0]], [[2.0]])
    Traceback (most recent call last):
    ...
    ValueError: fake: expected at least 2 rows, got 1
    """
    x = _check.points(names[0], x)
    y = _check.points(names[1], y, x.shape[1])
    for name, rows in zip(names, (x, y), strict=True):
        if len(rows) < least:
            raise ValueError(f"{name}: expected at least {least} rows, got {len(rows)}")
        if np.abs(rows).max() > _LARGEST:
            raise ValueError(f"{name}: expected numbers of size up to {_LARGEST:.0e}, got {np.abs(rows).max():.3g}")
    return x, y


def squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the squared distances [n, m] between the rows of x [n, d] and y [m, d].

    Up to 8 columns from differences. Beyond, |x|^2 + |y|^2 - 2 x.y is faster and errs by rounding of |x|^2: a mean
    should be taken off before.

    >>> squared(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]))
    array([[25.,  1.]])
    """
    if x.shape[1] <= _FEW:
        return sum((np.subtract.outer(u, v) ** 2 for u, v in zip(x.T, y.T, strict=True)), np.zeros((len(x), len(y))))
    out = x @ y.T
    out *= -2
    out += np.einsum("ij,ij->i", x, x)[:, None]
    out += np.einsum("ij,ij->i", y, y)
    return np.maximum(out, 0, out=out)


def blocks(n: int, width: int) -> Iterator[slice]:
    """Yield slices that cut n rows into blocks of about 4 million numbers, for rows of this width.

    >>> list(blocks(3, 2 << 20))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    step = max(1, _BLOCK // width)
    yield from (slice(start, min(start + step, n)) for start in range(0, n, step))
