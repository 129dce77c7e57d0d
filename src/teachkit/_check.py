"""Argument checks shared by every module: one clear ``ValueError`` that names the argument."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def points(name: str, x: ArrayLike, d: int | None = None, finite: bool = True) -> np.ndarray:
    """Return ``x`` as a float64 array of shape [n, d], n >= 1, or raise ``ValueError``.

    Without ``finite``, NaN and infinity are left for the caller to find.

    >>> points("z", [[0, 1]], d=2).shape
    (1, 2)
    >>> points("z", [0.0, np.nan], d=2)
    Traceback (most recent call last):
    ...
    ValueError: z: expected shape [n, 2], got (2,)
    """
    out = _floats(name, x)
    if out.ndim != 2 or (d is not None and out.shape[1] != d) or out.shape[1] == 0:
        raise ValueError(f"{name}: expected shape [n, {'d' if d is None else d}], got {out.shape}")
    if out.shape[0] == 0:
        raise ValueError(f"{name}: expected at least one sample, got none")
    return _finite(name, out) if finite else out


def vector(name: str, x: ArrayLike, sizes: tuple[int, ...] | None = None) -> np.ndarray:
    """Return ``x`` as a finite float64 array of shape [d], with d one of ``sizes`` if given.

    >>> vector("theta", [0, 0, 0], sizes=(4, 5))
    Traceback (most recent call last):
    ...
    ValueError: theta: expected a vector of 4 or 5 entries, got shape (3,)
    """
    out = _floats(name, x)
    if out.ndim != 1 or out.size == 0 or (sizes is not None and out.size not in sizes):
        wanted = " or ".join(map(str, sizes)) if sizes else "at least 1"
        raise ValueError(f"{name}: expected a vector of {wanted} entries, got shape {out.shape}")
    return _finite(name, out)


def matrix(name: str, x: ArrayLike, rows: int | None = None) -> np.ndarray:
    """Return ``x`` as a finite square float64 matrix, with ``rows`` rows if given.

    >>> matrix("A", [[1, 2]])
    Traceback (most recent call last):
    ...
    ValueError: A: expected a square matrix, got shape (1, 2)
    """
    out = _floats(name, x)
    if out.ndim != 2 or out.shape[0] != out.shape[1] or (rows is not None and out.shape[0] != rows):
        wanted = "a square matrix" if rows is None else f"a {rows} x {rows} matrix"
        raise ValueError(f"{name}: expected {wanted}, got shape {out.shape}")
    return _finite(name, out)


def positive(name: str, value: float) -> float:
    """Return ``value`` as a float if it is finite and above zero.

    >>> positive("std", -1)
    Traceback (most recent call last):
    ...
    ValueError: std: expected a finite number above 0, got -1
    """
    if not (np.isscalar(value) or np.ndim(value) == 0) or not np.isfinite(value) or value <= 0:
        raise ValueError(f"{name}: expected a finite number above 0, got {value}")
    return float(value)


def count(name: str, value: int, low: int = 1) -> int:
    """Return ``value`` as an int if it is a whole number of at least ``low``.

    >>> count("n", 2.5)
    Traceback (most recent call last):
    ...
    ValueError: n: expected a whole number of at least 1, got 2.5
    """
    if isinstance(value, bool) or int(value) != value or value < low:
        raise ValueError(f"{name}: expected a whole number of at least {low}, got {value}")
    return int(value)


def _floats(name: str, x: ArrayLike) -> np.ndarray:
    try:
        return np.asarray(x, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected an array of numbers, got {type(x).__name__}") from error


def _finite(name: str, out: np.ndarray) -> np.ndarray:
    if not np.isfinite(out).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return out
