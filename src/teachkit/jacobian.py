"""Jacobians of maps R^d -> R^m: by differences, their products with vectors, their log-determinant and trace.

A map takes a batch of points, [n, d], and returns a batch, [n, m].
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
# Draws one probe a row, and the mean fourth power of its entries.
_LAWS = {
    "rademacher": (lambda rng, shape: rng.choice([-1.0, 1.0], size=shape), 1.0),
    "gaussian": (lambda rng, shape: rng.standard_normal(shape), 3.0),
}


def jacobian(f: Map, x: ArrayLike) -> np.ndarray:
    """Return the Jacobian of f, entry (i, j) = d f_i / d x_j, by central differences of fourth order.

    Statement `jacobian-matrix`. Works for any smooth f that NumPy can evaluate; the relative error is about
    1e-12 for well scaled f. All perturbed points, 4 d for each point, go into one call of f.

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
    batch, single = _points(x)
    n, d = batch.shape
    h = _STEP * np.maximum(1.0, np.abs(batch))
    steps = _OFFSETS[:, None, None, None] * (np.eye(d)[:, None, :] * h)  # [4, d, n, d]
    y = _image(f, batch + steps).reshape(4, d, n, -1)
    differences = np.einsum("s,sdnm->nmd", _WEIGHTS, y) / h[:, None, :]
    return differences[0] if single else differences


def jvp(f: Map, x: ArrayLike, v: ArrayLike) -> np.ndarray:
    """Return J_f(x) v, the slope of f along v, by differences: 4 evaluations of f, however large d is.

    Statement `jvp-vjp`. It is the derivative of t -> f(x + t v) at t = 0.

    Args:
        f: maps [n, d] to [n, m], row by row.
        x: one point, [d], or a batch, [n, d].
        v: one direction for each point; same shape as x.

    Returns:
        [m] for one point, [n, m] for a batch.

    Raises:
        ValueError: if x is not a finite array of one or two axes, v has another shape, or f does not keep the
            batch axis.

    >>> f = lambda z: np.stack([z[:, 0] ** 2 + z[:, 1], np.sin(z[:, 0] * z[:, 1])], 1)
    >>> jvp(f, [1.0, 1.0], [1.0, 2.0]).round(9)  # (2 + 2, 3 cos 1)
    array([4.        , 1.62090692])
    """
    batch, single = _points(x)
    v = _check.shaped("v", v, batch.shape[1:] if single else batch.shape).reshape(batch.shape)
    # Along v / size every coordinate moves by at most its own step of `jacobian`.
    size = (np.abs(v) / np.maximum(1.0, np.abs(batch))).max(axis=1, keepdims=True)
    direction = v / np.where(size > 0, size, 1.0)
    y = _image(f, batch + _STEP * _OFFSETS[:, None, None] * direction).reshape(4, len(batch), -1)
    slopes = np.einsum("s,snm->nm", _WEIGHTS, y) / _STEP * size
    return slopes[0] if single else slopes


def vjp(f: Map, x: ArrayLike, u: ArrayLike) -> np.ndarray:
    """Return J_f(x)^T u, the gradient of u . f at x, by differences: 4 d evaluations of f.

    Statement `jvp-vjp`. Differences know no reverse mode: this forms the whole Jacobian. Where f is a chain of
    known steps, ``teachkit.jacobian_modes.reverse_mode`` needs one pass.

    Args:
        f: maps [n, d] to [n, m], row by row.
        x: one point, [d], or a batch, [n, d].
        u: one vector for each value of f, [m] or [n, m].

    Returns:
        [d] for one point, [n, d] for a batch.

    Raises:
        ValueError: if x is not a finite array of one or two axes, u does not fit f(x), or f does not keep the
            batch axis.

    >>> f = lambda z: np.stack([z[:, 0] ** 2 + z[:, 1], np.sin(z[:, 0] * z[:, 1])], 1)
    >>> vjp(f, [1.0, 1.0], [1.0, 0.0]).round(9)  # the first row of J
    array([2., 1.])
    """
    J = jacobian(f, x)
    u = _check.shaped("u", u, J.shape[:-1])
    return np.einsum("...m,...md->...d", u, J)


def _points(x: ArrayLike) -> tuple[np.ndarray, bool]:
    """Return x as a batch [n, d], and whether it was one point."""
    x = _check.floats("x", x)
    if x.ndim not in (1, 2):
        raise ValueError(f"x: expected one point [d] or a batch [n, d], got shape {x.shape}")
    return _check.points("x", np.atleast_2d(x)), x.ndim == 1


def _image(f: Map, points: np.ndarray) -> np.ndarray:
    """Return f at all these points [..., d] in one call, [product of ..., m]."""
    rows = points.reshape(-1, points.shape[-1])
    y = _check.floats("f", f(rows))
    if y.ndim != 2 or len(y) != len(rows):
        raise ValueError(f"f: expected to map {list(rows.shape)} to [{len(rows)}, m], got {y.shape}")
    return y


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


def hutchinson(
    matvec: Map, d: int, rng: np.random.Generator, probes: int = 64, law: str = "rademacher"
) -> tuple[float, float]:
    """Estimate the trace of a d x d matrix A from products A v alone: tr A = E[v^T A v].

    Statement `hutchinson-variance`. With entries +1 or -1, "rademacher", a diagonal A is found exactly
    (Hutchinson 1989); with normal entries, "gaussian", it is not.

    Args:
        matvec: maps [probes, d], one v a row, to the rows A v, [probes, d].
        d: size of the matrix.
        rng: source of the probes.
        probes: how many.
        law: of the entries of a probe, "rademacher" or "gaussian".

    Returns:
        The estimate and its standard error (nan for one probe).

    Raises:
        ValueError: if a count is not positive, the law is unknown, or matvec changes the shape.

    >>> A = np.diag([1.0, 2.0, 3.0])
    >>> hutchinson(lambda v: v @ A.T, 3, np.random.default_rng(0), probes=4)
    (6.0, 0.0)
    """
    probes, d = _check.count("probes", probes), _check.count("d", d)
    draw, _ = _law(law)
    v = draw(rng, (probes, d))
    image = _check.floats("matvec", matvec(v))
    if image.shape != v.shape:
        raise ValueError(f"matvec: expected to map {v.shape} to {v.shape}, got {image.shape}")
    values = (v * image).sum(axis=1)
    spread = values.std(ddof=1) / np.sqrt(probes) if probes > 1 else np.nan
    return float(values.mean()), float(spread)


def hutchinson_std(A: ArrayLike, law: str = "rademacher") -> float:
    """Return the standard deviation of v^T A v, one probe of ``hutchinson``; k probes divide it by sqrt(k).

    Statement `hutchinson-variance`: the variance is 2 sum_{i != j} s_ij^2 + (kappa - 1) sum_i s_ii^2 with
    S = (A + A^T) / 2 and kappa = E v_i^4, which is 1 for "rademacher" and 3 for "gaussian".

    Args:
        A: [d, d].
        law: of the entries of a probe.

    Raises:
        ValueError: if A is not a finite square matrix or the law is unknown.

    >>> A = [[1.0, 1.0], [1.0, 2.0]]
    >>> round(hutchinson_std(A) ** 2, 9), round(hutchinson_std(A, "gaussian") ** 2, 9)
    (4.0, 14.0)
    """
    A = _check.matrix("A", A)
    _, kappa = _law(law)
    scale = np.abs(A).max() or 1.0  # squares of entries beyond 1e154 would overflow
    S = (A / scale + A.T / scale) / 2
    diagonal = np.diag(S)
    off = ((S - np.diag(diagonal)) ** 2).sum()
    return float(scale * np.sqrt(2 * off + (kappa - 1) * (diagonal**2).sum()))


def _law(name: str) -> tuple[Callable[[np.random.Generator, tuple[int, int]], np.ndarray], float]:
    if not isinstance(name, str) or name not in _LAWS:
        raise ValueError(f"law: expected one of {', '.join(_LAWS)}, got {name!r}")
    return _LAWS[name]
