"""Argument checks shared by every module: one clear ``ValueError`` that names the argument."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

T = TypeVar("T")


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
    out = floats(name, x)
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
    out = floats(name, x)
    if out.ndim != 1 or out.size == 0 or (sizes is not None and out.size not in sizes):
        wanted = " or ".join(map(str, sizes)) if sizes else "at least 1"
        raise ValueError(f"{name}: expected a vector of {wanted} entries, got shape {out.shape}")
    return _finite(name, out)


def matrix(name: str, x: ArrayLike, rows: int | None = None, symmetric: bool = False) -> np.ndarray:
    """Return ``x`` as a finite square float64 matrix, with ``rows`` rows if given, symmetric up to rounding if asked.

    >>> matrix("A", [[1, 2]])
    Traceback (most recent call last):
    ...
    ValueError: A: expected a square matrix, got shape (1, 2)
    """
    out = floats(name, x)
    if out.ndim != 2 or out.shape[0] != out.shape[1] or (rows is not None and out.shape[0] != rows):
        wanted = "a square matrix" if rows is None else f"a {rows} x {rows} matrix"
        raise ValueError(f"{name}: expected {wanted}, got shape {out.shape}")
    _finite(name, out)
    if symmetric and not np.allclose(out, out.T, rtol=1e-8, atol=1e-14 * np.abs(out).max(initial=0.0)):
        raise ValueError(f"{name}: expected a symmetric matrix")
    return out


def shaped(name: str, x: ArrayLike, shape: tuple[int | None, ...]) -> np.ndarray:
    """Return ``x`` as a finite float64 array of this shape, where None stands for any length of at least 1.

    >>> shaped("W0", [[1, 2]], (None, 3))
    Traceback (most recent call last):
    ...
    ValueError: W0: expected shape [any, 3], got [1, 2]
    """
    out = floats(name, x)
    if out.ndim != len(shape) or any(m == 0 or n not in (None, m) for n, m in zip(shape, out.shape, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name}: expected shape [{wanted}], got {list(out.shape)}")
    return _finite(name, out)


def array(name: str, x: ArrayLike) -> np.ndarray:
    """Return ``x`` as a finite float64 array of any shape, a single number included, that is not empty.

    >>> array("y0", [])
    Traceback (most recent call last):
    ...
    ValueError: y0: expected at least one number, got shape (0,)
    """
    out = floats(name, x)
    if out.size == 0:
        raise ValueError(f"{name}: expected at least one number, got shape {out.shape}")
    return _finite(name, out)


def probabilities(name: str, p: ArrayLike, size: int | None = None) -> np.ndarray:
    """Return ``p`` as a float64 vector of numbers from 0 to 1 with sum 1 (up to 1e-9), of ``size`` entries if given.

    >>> probabilities("weights", [0.5, 0.6])
    Traceback (most recent call last):
    ...
    ValueError: weights: expected non-negative numbers with sum 1, got sum 1.1
    """
    out = vector(name, p, None if size is None else (size,))
    if (out < 0).any():
        raise ValueError(f"{name}: expected non-negative numbers with sum 1, got {out.min()}")
    if not abs(out.sum() - 1) <= 1e-9:
        raise ValueError(f"{name}: expected non-negative numbers with sum 1, got sum {out.sum():.10g}")
    return out


def generator(name: str, rng: np.random.Generator) -> np.random.Generator:
    """Return ``rng`` if it is a generator of random numbers of NumPy.

    >>> generator("rng", 0)
    Traceback (most recent call last):
    ...
    ValueError: rng: expected a generator, such as numpy.random.default_rng(0), got int
    """
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"{name}: expected a generator, such as numpy.random.default_rng(0), got {type(rng).__name__}")
    return rng


def returned(name: str, value: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """Return ``value``, which the function ``name`` gave, as a float64 array if it has this shape; NaN may be in it.

    >>> returned("f", [1.0], (2,))
    Traceback (most recent call last):
    ...
    ValueError: f: expected to return shape (2,), got (1,)
    """
    out = floats(name, value)
    if out.shape != shape:
        raise ValueError(f"{name}: expected to return shape {shape}, got {out.shape}")
    return out


def positive(name: str, value: float) -> float:
    """Return ``value`` as a float if it is finite and above zero.

    >>> positive("std", -1)
    Traceback (most recent call last):
    ...
    ValueError: std: expected a finite number above 0, got -1
    """
    wanted = "a finite number above 0"
    out = number(name, value, wanted)
    if out <= 0:
        raise ValueError(f"{name}: expected {wanted}, got {out}")
    return float(out)


def count(name: str, value: int, low: int = 1) -> int:
    """Return ``value`` as an int if it is a whole number of at least ``low``; 3.0 is one.

    >>> count("n", 2.5)
    Traceback (most recent call last):
    ...
    ValueError: n: expected a whole number of at least 1, got 2.5
    """
    wanted = f"a whole number of at least {low}"
    out = number(name, value, wanted)
    if out < low or out != int(out):
        raise ValueError(f"{name}: expected {wanted}, got {out}")
    return int(out)


def number(name: str, value: float, wanted: str = "a finite number") -> float:
    """Return ``value``, a finite real number of Python or NumPy, as Python's int or float; True is not a number.

    >>> number("radius", "2")
    Traceback (most recent call last):
    ...
    ValueError: radius: expected a finite number, got '2'
    """
    plain = value.item() if isinstance(value, np.generic | np.ndarray) and np.ndim(value) == 0 else value
    if type(plain) not in (int, float) or not abs(plain) <= sys.float_info.max:
        raise ValueError(f"{name}: expected {wanted}, got {reprlib.repr(plain)}")
    return plain


def instances(name: str, items: Iterable[T], kind: type[T]) -> tuple[T, ...]:
    """Return ``items`` as a tuple if there is at least one, and each is of this kind.

    >>> instances("layers", [1, "2"], int)
    Traceback (most recent call last):
    ...
    ValueError: layers[1]: expected int, got str
    """
    # A Bijection is a tuple itself: taken for the list, it would be torn in two.
    if isinstance(items, kind) or not isinstance(items, Iterable):
        raise ValueError(f"{name}: expected a list of {kind.__name__}, got one {type(items).__name__}")
    items = tuple(items)
    if not items:
        raise ValueError(f"{name}: expected at least one {kind.__name__}, got none")
    for i, item in enumerate(items):
        if not isinstance(item, kind):
            raise ValueError(f"{name}[{i}]: expected {kind.__name__}, got {type(item).__name__}")
    return items


def floats(name: str, x: ArrayLike) -> np.ndarray:
    """Return ``x`` as a float64 array of any shape, not checked for NaN or infinity.

    >>> floats("x", [[1], [1, 2]])
    Traceback (most recent call last):
    ...
    ValueError: x: expected an array of numbers, got list
    """
    if np.ma.is_masked(x):
        raise ValueError(f"{name}: expected all numbers, got a masked array with some missing")
    try:
        out = np.asarray(x)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name}: expected an array of numbers, got {type(x).__name__}") from error
    if out.dtype.kind not in "biuf":  # NumPy would turn None into NaN, "1" into 1, and drop an imaginary part
        raise ValueError(f"{name}: expected an array of numbers, got {type(x).__name__}")
    return out.astype(float, copy=False)


def _finite(name: str, out: np.ndarray) -> np.ndarray:
    if not np.isfinite(out).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return out
