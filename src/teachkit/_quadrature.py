"""Adaptive quadrature on an interval, with an estimate of its error: what SciPy's ``quad`` does, in NumPy alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

# Gauss-Kronrod: 15 nodes, of which every second one carries Gauss's rule of 7 nodes (Piessens et al. 1983).
_POSITIVE = [
    [0.991455371120812639206854697526329, 0.022935322010529224963732008058970, 0.0],
    [0.949107912342758524526189684047851, 0.063092092629978553290700663189204, 0.129484966168869693270611432679082],
    [0.864864423359769072789712788640926, 0.104790010322250183839876322541518, 0.0],
    [0.741531185599394439863864773280788, 0.140653259715525918745189590510238, 0.279705391489276667901467771423780],
    [0.586087235467691130294144691258380, 0.169004726639267902826583426598550, 0.0],
    [0.405845151377397166906606412076961, 0.190350578064785409913256402421014, 0.381830050505118944950369775488975],
    [0.207784955007898467600689403773245, 0.204432940075298892414161999234649, 0.0],
]
_MIDDLE = [0.0, 0.209482141084727828012999174891714, 0.417959183673469387755102040816327]
_NODES, _KRONROD, _GAUSS = np.array([[-node, *weights] for node, *weights in _POSITIVE] + [_MIDDLE] + _POSITIVE[::-1]).T
_PANELS, _MOST_PANELS, _LEVELS = 64, 20_000, 60
_ROUNDING = 50 * np.finfo(float).eps


def integrate(
    f: Callable[[np.ndarray], np.ndarray], low: float, high: float, tol: float = 1e-13, points: ArrayLike = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Integrate several functions over [low, high] at once, halving panels until each has an error below ``tol``.

    The error of a panel is the difference between the two rules, which overstates it where f is smooth.
    Rounding sets a floor. A peak or a hole much narrower than a 64th of the interval may be missed.

    Args:
        f: maps points [n] to the functions' values, [r, n], all finite.
        low: lower end.
        high: upper end.
        tol: error at which a panel is no longer halved.
        points: places between the ends where panels start as well, such as the ends of a narrow peak.

    Returns:
        Integrals, [r], and the sums of the panels' errors, [r].

    >>> value, error = integrate(lambda x: np.stack([x**2, np.abs(x - 0.3)]), 0.0, 1.0)
    >>> value.round(12), bool((error < 1e-12).all())
    (array([0.33333333, 0.29      ]), True)
    """
    edges = np.union1d(np.linspace(low, high, _PANELS + 1), points)
    left, right = edges[:-1], edges[1:]
    total, error, panels = 0.0, 0.0, 0
    for level in range(_LEVELS):
        value, gap, size = _panels(f, left, right)
        panels += len(left)
        done = (gap <= np.maximum(tol, _ROUNDING * size)).all(axis=0)
        if level == _LEVELS - 1 or panels > _MOST_PANELS:
            done[:] = True  # what is left goes into the error
        total, error = total + value[:, done].sum(axis=1), error + gap[:, done].sum(axis=1)
        if done.all():
            break
        left, right = _halve(left[~done], right[~done])
    return total, error


def _panels(
    f: Callable[[np.ndarray], np.ndarray], left: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return of each panel the integrals, their errors, and the integrals of |f|: each [r, panels]."""
    half = (right - left) / 2
    x = (left + half)[:, None] + half[:, None] * _NODES
    y = f(x.ravel())
    y = y.reshape(len(y), *x.shape)
    value = (y @ _KRONROD) * half
    return value, np.abs(value - (y @ _GAUSS) * half), (np.abs(y) @ _KRONROD) * half


def _halve(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle = left + (right - left) / 2
    return np.concatenate([left, middle]), np.concatenate([middle, right])
