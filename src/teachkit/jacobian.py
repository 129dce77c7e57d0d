"""Jacobians of maps R^d -> R^m: by differences, their log-determinant, and a trace by random probes.

A map takes a batch of points, [n, d], and returns a batch, [n, m]. See the chapter `change_of_variables`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check

Map = Callable[[np.ndarray], np.ndarray]
_STEP = np.finfo(float).eps ** 0.2  # balances rounding, eps / h, against truncation, h^4
_OFFSETS = np.array([-2.0, -1.0, 1.0, 2.0])
_WEIGHTS = np.array([1.0, -8.0, 8.0, -1.0]) / 12


def jacobian(f: Map, x: ArrayLike) -> np.ndarray:
    """Return the Jacobian of f, entry (i, j) = d f_i / d x_j, by central differences of fourth order.

    Works for any smooth f that NumPy can evaluate; the relative error is about 1e-12 for well scaled f.
    All perturbed points go into one call of f.

    Args:
        f: maps [n, d] to [n, m], row by row.
        x: one point, [d], or a batch, [n, d].

    Returns:
        [m, d] for one point, [n, m, d] for a batch.

    Raises:
        ValueError: if x is not a finite array of one or two axes, or f does not keep the batch axis.

    >>> jacobian(lambda z: np.stack([z[:, 0] + z[:, 1], 2 * z[:, 0]], 1), [3.0, 4.0]).round(9)
    array([[1., 1.],
           [2., 0.]])
    """
    x = _check.floats("x", x)
    if x.ndim not in (1, 2):
        raise ValueError(f"x: expected one point [d] or a batch [n, d], got shape {x.shape}")
    n, d = _check.points("x", np.atleast_2d(x)).shape
    h = _STEP * np.maximum(1.0, np.abs(np.atleast_2d(x)))
    steps = _OFFSETS[:, None, None, None] * (np.eye(d)[:, None, :] * h)  # [4, d, n, d]
    y = _check.floats("f", f((x + steps).reshape(-1, d)))
    if y.ndim != 2 or len(y) != 4 * d * n:
        raise ValueError(f"f: expected to map [{4 * d * n}, {d}] to [{4 * d * n}, m], got {y.shape}")
    differences = np.einsum("s,sdnm->nmd", _WEIGHTS, y.reshape(4, d, n, -1)) / h[:, None, :]
    return differences[0] if x.ndim == 1 else differences


def log_abs_det(f: Map, x: ArrayLike) -> np.ndarray:
    """Return log |det J_f(x)|, a number for one point [d], an array [n] for a batch [n, d].

    It costs 4 d evaluations of f and O(d^3) for the determinant, so it checks the log-determinants that
    layers claim; it does not replace them.

    Raises:
        ValueError: if f does not map R^d to R^d.

    >>> A = np.array([[2.0, 1.0], [1.0, 3.0]])
    >>> float(log_abs_det(lambda z: z @ A.T, [0.3, -0.7]).round(9)), float(np.log(5).round(9))
    (1.609437912, 1.609437912)
    """
    J = jacobian(f, x)
    if J.shape[-1] != J.shape[-2]:
        raise ValueError(f"f: expected a map from R^d to R^d, got a Jacobian of shape {J.shape[-2:]}")
    return np.linalg.slogdet(J).logabsdet


def hutchinson(matvec: Map, d: int, rng: np.random.Generator, probes: int = 64) -> tuple[float, float]:
    """Estimate the trace of a d x d matrix A from products A v alone: tr A = E[v^T A v].

    The probes v have independent entries +1 or -1, so a diagonal A is found exactly (Hutchinson 1989).

    Args:
        matvec: maps [probes, d], one v a row, to the rows A v, [probes, d].
        d: size of the matrix.
        rng: source of the probes.
        probes: how many.

    Returns:
        The estimate and its standard error (nan for one probe).

    Raises:
        ValueError: if a count is not positive or matvec changes the shape.

    >>> A = np.diag([1.0, 2.0, 3.0])
    >>> hutchinson(lambda v: v @ A.T, 3, np.random.default_rng(0), probes=4)
    (6.0, 0.0)
    """
    probes = _check.count("probes", probes)
    v = rng.choice([-1.0, 1.0], size=(probes, _check.count("d", d)))
    image = _check.floats("matvec", matvec(v))
    if image.shape != v.shape:
        raise ValueError(f"matvec: expected to map {v.shape} to {v.shape}, got {image.shape}")
    values = (v * image).sum(axis=1)
    spread = values.std(ddof=1) / np.sqrt(probes) if probes > 1 else np.nan
    return float(values.mean()), float(spread)
