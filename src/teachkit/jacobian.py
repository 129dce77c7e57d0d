"""Jacobians of maps R^d -> R^m: by differences, their products with vectors, their log-determinant and trace.

A map takes a batch of points, [n, d], and returns a batch, [n, m].
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check

Map = Callable[[np.ndarray], np.ndarray]
_EPS = np.finfo(float).eps
_STEP = _EPS**0.2  # balances rounding, eps / h, against truncation, h^4
_OFFSETS = np.array([-2.0, -1.0, 1.0, 2.0])
# Draws one probe a row, and the mean fourth power of its entries.
_LAWS = {
    "rademacher": (lambda rng, shape: rng.choice([-1.0, 1.0], size=shape), 1.0),
    "gaussian": (lambda rng, shape: rng.standard_normal(shape), 3.0),
}


def jacobian(f: Map, x: ArrayLike) -> np.ndarray:
    """Return the Jacobian of f, entry (i, j) = d f_i / d x_j, by central differences of fourth order.

    Statement `jacobian-matrix`. The step is h = 7e-4 max(1, |x|), and the error about 1e-13 for f that vary slowly on
    it, about 1e-9 for others. All perturbed points, 4 d for each point, go into one call of f. Where the four values
    show that f varies on the step, or are not finite, f is called again with shorter steps until two agree, down to
    1e-8 |x|; so the scale of f need not be that of x. What four values cannot show, such as a kink much closer than h,
    stays unseen.

    Args:
        f: maps [n, d] to [n, m], row by row.
        x: one point, [d], or a batch, [n, d].

    Returns:
        [m, d] for one point, [n, m, d] for a batch.

    Raises:
        ValueError: if x is not a finite array of one or two axes, f does not keep the batch axis, or f is not finite
            around x.

    >>> jacobian(lambda z: np.stack([z[:, 0] + z[:, 1], 2 * z[:, 0]], 1), [3.0, 4.0]).round(9)
    array([[1., 1.],
           [2., 0.]])
    """
    batch, single = _points(x)
    n, d = batch.shape
    size = np.maximum(1.0, np.abs(batch))
    along = (np.eye(d)[:, None, :] * size).reshape(d * n, d)  # first all points along axis 1, then along axis 2, ...
    slopes = _slopes(f, np.tile(batch, (d, 1)), along).reshape(d, n, -1)
    J = np.moveaxis(slopes, 0, -1) / size[:, None, :]
    return J[0] if single else J


def jvp(f: Map, x: ArrayLike, v: ArrayLike) -> np.ndarray:
    """Return J_f(x) v, the slope of f along v, by differences: 4 evaluations of f, however large d is.

    Statement `jvp-vjp`. It is the derivative of t -> f(x + t v) at t = 0. Steps are chosen as in ``jacobian``.

    Args:
        f: maps [n, d] to [n, m], row by row.
        x: one point, [d], or a batch, [n, d].
        v: one direction for each point; same shape as x.

    Returns:
        [m] for one point, [n, m] for a batch.

    Raises:
        ValueError: if x is not a finite array of one or two axes, v has another shape, f does not keep the batch
            axis, or f is not finite around x.

    >>> f = lambda z: np.stack([z[:, 0] ** 2 + z[:, 1], np.sin(z[:, 0] * z[:, 1])], 1)
    >>> jvp(f, [1.0, 1.0], [1.0, 2.0]).round(9)  # (2 + 2, 3 cos 1)
    array([4.        , 1.62090692])
    """
    batch, single = _points(x)
    v = _check.shaped("v", v, batch.shape[1:] if single else batch.shape).reshape(batch.shape)
    # Along v / size every coordinate moves by at most its own step of `jacobian`.
    size = (np.abs(v) / np.maximum(1.0, np.abs(batch))).max(axis=1, keepdims=True)
    direction = v / np.where(size > 0, size, 1.0)
    slopes = _slopes(f, batch, direction) * size
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
        ValueError: if x is not a finite array of one or two axes, u does not fit f(x), f does not keep the batch
            axis, or f is not finite around x.

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


def _slopes(f: Map, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return d/dt f(x + t v) at t = 0, [n, m]. No |v_j| may exceed max(1, |x_j|): shorter steps only shrink t."""
    t = _STEP
    slopes, _, rough, _ = _differences(f, x, v, t)
    unsettled, last = rough | ~np.isfinite(slopes), slopes.copy()
    shortest = np.maximum(1e-8 * _length(x, v), 1e-305)  # below it x + t v would consist of rounding
    while (rows := np.flatnonzero(unsettled.any(axis=1) & (t > shortest))).size:
        t /= 32
        finer, noise, _, flat = _differences(f, x[rows], v[rows], t)
        gap = np.abs(finer - last[rows])
        same = gap <= 8 * noise
        # Four equal values are what rounding leaves of f, unless longer steps leave its domain.
        settled = unsettled[rows] & (same | (gap <= 1e-8 * np.abs(finer))) & ~(flat & np.isfinite(slopes[rows]))
        slopes[rows] = np.where(settled, np.where(same, last[rows], finer), slopes[rows])
        last[rows], unsettled[rows] = finer, unsettled[rows] & ~settled
    if not np.isfinite(slopes).all():
        raise ValueError("f: expected finite values around x, got NaN or infinity")
    return slopes


def _differences(f: Map, x: np.ndarray, v: np.ndarray, t: float) -> tuple[np.ndarray, ...]:
    """Return, each [n, m], the slopes with step t, their rounding error, where f varies on t, and where it is flat."""
    with np.errstate(all="ignore"):  # a step can leave the domain of f; what is not finite is looked at again
        y = _image(f, x + t * _OFFSETS[:, None, None] * v).reshape(4, len(x), -1)
        far, near = y[3] - y[0], y[2] - y[1]
        slopes, second = (8 * near - far) / (12 * t), near / (2 * t)
        noise = _EPS / t * (np.abs(y).max(axis=(0, 2))[:, None] + _length(x, v)[:, None] * np.abs(slopes))
        rough = ~(np.abs(slopes - second) <= 1e-5 * np.abs(slopes) + 8 * noise)
    return slopes, noise, rough, (y == y[0]).all(axis=0)


def _length(x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the largest |x_j| that v moves, [n], as a multiple of max(1, |x_j|): rounding of x against t v."""
    return np.minimum(np.abs(x), 1.0).max(axis=1, where=v != 0, initial=0.0)


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
        ValueError: if f does not map R^d to R^d, and as ``jacobian`` does.

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
    (Hutchinson 1989); with normal entries, "gaussian", it is not. The standard error comes from the probes
    themselves: it is 0 if all give one value, by chance as well, so a few probes can be wrong with error 0.

    Args:
        matvec: maps [probes, d], one v a row, to the rows A v, [probes, d].
        d: size of the matrix.
        rng: source of the probes.
        probes: how many.
        law: of the entries of a probe, "rademacher" or "gaussian".

    Returns:
        The estimate and its standard error (nan for one probe).

    Raises:
        ValueError: if a count is not positive, the law is unknown, rng is no generator, or matvec changes the shape
            or is not finite.

    >>> A = np.diag([1.0, 2.0, 3.0])
    >>> hutchinson(lambda v: v @ A.T, 3, np.random.default_rng(0), probes=4)
    (6.0, 0.0)
    """
    probes, d = _check.count("probes", probes), _check.count("d", d)
    draw, _ = _law(law)
    v = draw(_check.generator("rng", rng), (probes, d))
    image = _check.floats("matvec", matvec(v.copy()))  # it may write into its argument
    if image.shape != v.shape:
        raise ValueError(f"matvec: expected to map {v.shape} to {v.shape}, got {image.shape}")
    largest = np.abs(_check.array("matvec", image)).max()
    scale = np.ldexp(
        0.5, np.frexp(largest)[1]
    )  # squares of small values would underflow; a power of two rounds nothing
    values = (v * (image / scale)).sum(axis=1)
    spread = values.std(ddof=1) / np.sqrt(probes) if probes > 1 else np.nan
    return float(values.mean() * scale), float(spread * scale)


def hutchinson_std(A: ArrayLike, law: str = "rademacher") -> float:
    """Return the standard deviation of v^T A v, one probe of ``hutchinson``; k probes divide it by sqrt(k).

    Statement `hutchinson-variance`: the variance is 2 sum_{i != j} s_ij^2 + (kappa - 1) sum_i s_ii^2 with
    S = (A + A^T) / 2 and kappa = E v_i^4, which is 1 for "rademacher" and 3 for "gaussian".

    Args:
        A: [d, d].
        law: of the entries of a probe.

    Raises:
        ValueError: if A is not a finite square matrix, or is empty, or the law is unknown.

    >>> A = [[1.0, 1.0], [1.0, 2.0]]
    >>> round(hutchinson_std(A) ** 2, 9), round(hutchinson_std(A, "gaussian") ** 2, 9)
    (4.0, 14.0)
    """
    A = _check.matrix("A", _check.array("A", A))
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
