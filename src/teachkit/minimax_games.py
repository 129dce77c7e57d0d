"""Small games: who moves first, and how gradient steps circle (chapter `minimax`)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check

_HUGE = 1e307  # of a matrix below it, length and eigenvalues do not overflow
METHODS = ("simultaneous", "alternating", "extragradient", "consensus")


class Reply(NamedTuple):
    """The outcome of a game in which one side moves first: its value, and the row and column played."""

    value: float
    row: int
    column: int


def min_max(payoff: ArrayLike) -> Reply:
    """Return min over rows of max over columns: the row player moves first and pays, statement `min-max-order`.

    Args:
        payoff: [n, k], what the row player pays.

    Raises:
        ValueError: if it is not a finite matrix with an entry.

    >>> min_max([[1, -1], [-1, 1]])
    Reply(value=1.0, row=0, column=0)
    """
    payoff = _check.points("payoff", payoff)
    i = int(payoff.max(axis=1).argmin())
    j = int(payoff[i].argmax())
    return Reply(float(payoff[i, j]), i, j)


def max_min(payoff: ArrayLike) -> Reply:
    """Return max over columns of min over rows: the column player moves first; arguments as ``min_max``.

    >>> max_min([[1, -1], [-1, 1]])
    Reply(value=-1.0, row=1, column=0)
    """
    reply = min_max(-_check.points("payoff", payoff).T)
    return Reply(-reply.value, reply.column, reply.row)


def bilinear_dynamics(
    method: str,
    x: float,
    y: float,
    step: float,
    steps: int = 100,
    *,
    regulariser: float = 0.0,
    weight: float = 1.0,
) -> Iterator[tuple[float, float]]:
    """Play f(x, y) = x y + r (x^2 - y^2)/2 by gradient steps, x down and y up: yield the start and each point.

    The first letter of a line is the method; v = (y + r x, r y - x) is the direction against which both go.

    - simultaneous: w - h v(w), statement `simultaneous-spiral`.
    - alternating: first x, then y from the new x, statement `alternating-orbit`.
    - extragradient: w - h v(w - h v(w)), statement `extragradient-rate`.
    - consensus: w - h (v(w) + c grad |v|^2/2), statement `consensus-rate`.

    Args:
        method: one of these four.
        x: start of the player who goes down.
        y: start of the player who goes up.
        step: step size h, above 0.
        steps: how many.
        regulariser: r, at least 0.
        weight: c, at least 0; for consensus alone.

    Raises:
        ValueError: if the method is unknown, or a number is out of its range.
        FloatingPointError: if the numbers overflow.

    >>> [(round(x, 2), round(y, 2)) for x, y in bilinear_dynamics("alternating", 1.0, 0.0, step=1.0, steps=3)]
    [(1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (-1.0, 0.0)]
    """
    A, steps = step_matrix(method, step, regulariser=regulariser, weight=weight), _check.count("steps", steps, low=0)
    w = np.array([_check.number("x", x), _check.number("y", y)], dtype=float)
    return _powers(A, w, steps)


def step_matrix(method: str, step: float, *, regulariser: float = 0.0, weight: float = 1.0) -> np.ndarray:
    """Return the matrix [2, 2] that takes (x, y) to the next point; arguments as ``bilinear_dynamics``.

    Raises:
        ValueError: as ``bilinear_dynamics``, or if an entry overflows.

    >>> step_matrix("simultaneous", 0.5)
    array([[ 1. , -0.5],
           [ 0.5,  1. ]])
    """
    h, r, c = _numbers(method, step, regulariser, weight)
    with np.errstate(over="ignore", invalid="ignore"):
        out = _matrix(method, h, np.array([[r, 1.0], [-1.0, r]]), c)
    if not (np.abs(out) < _HUGE).all():
        raise ValueError(f"step: the matrix of the step overflows for {h:g}")
    return out


def _matrix(method: str, h: float, v: np.ndarray, c: float) -> np.ndarray:
    one = np.eye(2)
    if method == "alternating":
        down, up = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])
        return (one - h * up * v[1]) @ (one - h * down * v[0])
    if method == "extragradient":
        return one - h * v @ (one - h * v)
    return one - h * v - (h * c * v.T @ v if method == "consensus" else 0.0)


def spectral_radius(method: str, step: float, *, regulariser: float = 0.0, weight: float = 1.0) -> float:
    """Return the largest modulus of an eigenvalue of ``step_matrix``, in closed form.

    It is the factor by which the distance to (0, 0) changes per step in the long run.

    With h, r, c as in ``bilinear_dynamics`` and z = r - i: |1 - h z| for simultaneous, |1 - h z + h^2 z^2| for
    extragradient, |1 - h z - h c |z|^2| for consensus steps, which multiply x + i y by the number in the bars, so
    the distance changes by exactly this factor in every step. For alternating steps the characteristic polynomial
    is t^2 - (2(1 - h r) - h^2) t + (1 - h r)^2.

    Raises:
        ValueError: as ``step_matrix``.

    >>> round(spectral_radius("simultaneous", 0.5), 6), spectral_radius("alternating", 0.5)  # sqrt(1.25), 1
    (1.118034, 1.0)
    """
    step_matrix(method, step, regulariser=regulariser, weight=weight)
    h, r, c = float(step), float(regulariser), float(weight)
    z = complex(r, -1.0)
    if method == "alternating":
        half, root = abs(1 - h * r - h * h / 2), abs(1 - h * r)
        return root if half <= root else half + math.sqrt(half - root) * math.sqrt(half + root)
    if method == "extragradient":
        return abs(1 - h * z + h * z * (h * z))
    return abs(1 - h * z - (h * c * (r * r + 1) if method == "consensus" else 0.0))


def orbit_form(x: ArrayLike, y: ArrayLike, step: float) -> np.ndarray:
    """Return x^2 + y^2 - h x y, which alternating steps of size h leave unchanged, statement `alternating-orbit`.

    Raises:
        ValueError: if a number is not finite, the step not above 0, the shapes do not fit, or the form overflows.

    >>> orbit_form([1, 1, 0, -1], [0, 1, 1, 0], 1.0)  # the path in the example of ``bilinear_dynamics``
    array([1., 1., 1., 1.])
    """
    x, y, h = _check.array("x", x), _check.array("y", y), _check.positive("step", step)
    if x.shape != y.shape:
        raise ValueError(f"y: expected shape {x.shape}, got {y.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        out = x * x + y * y - h * x * y
    if not np.isfinite(out).all():
        raise ValueError("x: the form overflows")
    return out


def _powers(A: np.ndarray, w: np.ndarray, steps: int) -> Iterator[tuple[float, float]]:
    for k in range(steps + 1):
        if not np.isfinite(w).all():
            raise FloatingPointError(f"step: the numbers overflow after {k} steps")
        yield float(w[0]), float(w[1])
        with np.errstate(over="ignore", invalid="ignore"):
            w = A @ w


def _numbers(method: str, step: float, regulariser: float, weight: float) -> tuple[float, float, float]:
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    step = _check.positive("step", step)
    for name, number in (("regulariser", regulariser), ("weight", weight)):
        if _check.number(name, number) < 0:
            raise ValueError(f"{name}: expected a number of at least 0, got {number}")
    return step, float(regulariser), float(weight)
