"""Wasserstein distances (chapter `transport`): on the line, along random lines, between normal laws.

The general case between finitely many points is in ``transport_plan``, its smoothed form in ``transport_sinkhorn``;
their names are here too.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit._transport_exact import whole
from teachkit.transport_plan import assignment, cost_matrix, dual, plan, power_of_two, slack, witness
from teachkit.transport_sinkhorn import NotConvergedError, sinkhorn, sinkhorn_path

__all__ = [
    "NotConvergedError",
    "assignment",
    "cost_matrix",
    "dual",
    "gaussian_w2",
    "plan",
    "random_directions",
    "sinkhorn",
    "sinkhorn_path",
    "slack",
    "sliced",
    "w1_sorted",
    "witness",
    "wp_sorted",
]
_BLOCK = 1 << 18  # numbers projected at a time: both sides stay in the cache


def w1_sorted(x: ArrayLike, y: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None) -> float:
    """Return W_1 between two samples on the line, as ``wp_sorted`` with p = 1.

    >>> w1_sorted([0.0, 1.0], [5.0, 3.0])
    3.5
    """
    return wp_sorted(x, y, 1.0, a, b)


def wp_sorted(
    x: ArrayLike, y: ArrayLike, p: float = 1.0, a: ArrayLike | None = None, b: ArrayLike | None = None
) -> float:
    """Return W_p between two samples on the line, statements `sorting` and `quantile-formula`.

    Equal sizes without weights: W_p^p = mean |x_(i) - y_(i)|^p with both sorted. Otherwise the integral of
    |F^-1(u) - G^-1(u)|^p over the levels u of both quantile functions, merged; the levels are exact, so no mass is
    too small to count. Weights such as 0.1 + 0.2 and 0.3 differ by 1e-17, which for W_p means 1e-17^(1/p).

    Args:
        x: [n], in any order.
        y: [m].
        p: at least 1.
        a: weights of x, [n], with sum 1 up to 1e-9; they are divided by their sum. Equal if left out.
        b: weights of y, [m]; likewise.

    Returns:
        The distance, in the unit of x.

    Raises:
        ValueError: if x or y is not a finite vector, p is below 1, the weights are not probabilities, or the distance
            overflows.

    >>> round(wp_sorted([0.0, 1.0], [0.0, 1.0, 2.0], 2.0) ** 2, 12)  # by hand: 1/6 + 1/3
    0.5
    """
    p = _power(p)
    if a is None and b is None and np.size(x) == np.size(y):
        x, y = _sorted("x", x), _sorted("y", y)
        with np.errstate(over="ignore"):
            x -= y
        return _in_range("x, y", _mean_power(x, p))
    (x, a), (y, b) = _with_mass("x", x, "a", a), _with_mass("y", y, "b", b)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        distance = _by_levels(x, y, _running_sum(a), _running_sum(b), p)
        if _is_sure(distance, x, y, p):
            return distance
    return _in_range("x, y", _by_levels(x, y, _whole_levels(a), _whole_levels(b), p))


def sliced(x: ArrayLike, y: ArrayLike, p: float, directions: ArrayLike) -> float:
    """Return the sliced distance: the p-mean over the directions of W_p between the projections.

    Statement `sliced-wasserstein`: (mean over v of W_p(<x, v>, <y, v>)^p)^(1/p).

    Args:
        x: [n, d].
        y: [m, d].
        p: at least 1.
        directions: [k, d]; each is divided by its length. ``random_directions`` draws them.

    Raises:
        ValueError: if a shape does not fit, a number is not finite, p is below 1, a direction is zero, or the distance
            overflows.

    >>> sliced([[0.0, 0.0]], [[3.0, 4.0]], 2, [[1.0, 0.0], [0.0, 1.0]])  # sqrt((9 + 16) / 2)
    3.5355339059327378
    """
    x, p = _check.points("x", x), _power(p)
    y = _check.points("y", y, x.shape[1])
    v = _unit(_check.points("directions", directions, x.shape[1]))
    scale = 2.0**60 if max(np.abs(x).max(), np.abs(y).max()) > 1e290 else 1.0  # so that no projection overflows
    x, y = x.T / scale, y.T / scale
    rows = max(1, _BLOCK // max(x.shape[1], y.shape[1]))
    parts = [_row_powers(v[i : i + rows] @ x, v[i : i + rows] @ y, p) for i in range(0, len(v), rows)]
    return _in_range("x, y", scale * _mean_power(np.concatenate(parts), p))


def random_directions(k: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Return k directions drawn evenly from the unit sphere of R^d, [k, d].

    Raises:
        ValueError: if a count is not a whole number of at least 1, or rng is not a generator.

    >>> random_directions(2, 3, np.random.default_rng(0)).shape
    (2, 3)
    """
    shape = _check.count("k", k), _check.count("d", d)
    return _unit(_check.generator("rng", rng).standard_normal(shape))


def gaussian_w2(m1: ArrayLike, S1: ArrayLike, m2: ArrayLike, S2: ArrayLike) -> float:
    """Return W_2 between N(m1, S1) and N(m2, S2); singular covariances are allowed.

    Statement `gaussian-w2`: W_2^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1^1/2 S2 S1^1/2)^1/2). The trace is computed as
    |A - B U|^2 with S1 = A A^T, S2 = B B^T and the best orthogonal U, so nothing cancels when the laws are close.

    Args:
        m1: [d].
        S1: [d, d], symmetric, no eigenvalue below 0; one down to -1e-10 of the largest is taken for 0.
        m2: [d].
        S2: [d, d]; likewise.

    Raises:
        ValueError: if a shape does not fit, a number is not finite, a matrix is not a covariance, or the distance
            overflows.

    >>> gaussian_w2([0.0], [[1.0]], [3.0], [[25.0]])  # sqrt(3^2 + (5 - 1)^2)
    5.0
    """
    m1 = _check.vector("m1", m1)
    m2 = _check.vector("m2", m2, (m1.size,))
    A, B = _root("S1", S1, m1.size), _root("S2", S2, m1.size)
    scale = power_of_two(max(np.abs(A).max(), np.abs(B).max()))
    left, _, right = np.linalg.svd((B / scale).T @ (A / scale))
    with np.errstate(over="ignore"):
        apart = np.concatenate([m1 - m2, (A - B @ (left @ right)).ravel()])
    scale = power_of_two(np.abs(apart).max())
    return _in_range("m1, m2", float(scale * np.linalg.norm(apart / scale)))


def _root(name: str, S: ArrayLike, d: int) -> np.ndarray:
    """Return a matrix A with S = A A^T, from the correlations, so that small variances keep their digits."""
    S = _check.matrix(name, S, rows=d, symmetric=True)
    scale = power_of_two(float(np.sqrt(np.abs(S).max())))
    S = S / scale / scale
    values = np.linalg.eigvalsh(S)
    if values[0] < -1e-10 * max(abs(values[-1]), abs(values[0])):
        raise ValueError(f"{name}: expected no eigenvalue below 0, got {values[0] * scale * scale:.3g}")
    deviations = np.sqrt(np.maximum(np.diag(S), 0.0))
    unit = np.where(deviations > 0, deviations, 1.0)
    values, vectors = np.linalg.eigh(S / unit[:, None] / unit)
    values[values < 8 * d * np.finfo(float).eps] = 0.0  # rounding, which the root would raise to 1e-8
    return scale * deviations[:, None] * vectors * np.sqrt(values)


def _power(p: float) -> float:
    if _check.positive("p", p) < 1:
        raise ValueError(f"p: expected a number of at least 1, got {p}")
    return float(p)


def _sorted(name: str, x: ArrayLike) -> np.ndarray:
    x = _check.floats(name, x)
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"{name}: expected a vector of at least 1 entries, got shape {x.shape}")
    x = np.sort(x)
    if not np.isfinite(x[[0, -1]]).all():  # infinities and NaN are at the ends now
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return x


def _with_mass(
    name: str, x: ArrayLike, weights_name: str, weights: ArrayLike | None
) -> tuple[np.ndarray, np.ndarray | int]:
    """Return the sorted values of positive weight, and their weights; without weights their number."""
    if weights is None:
        x = _sorted(name, x)
        return x, x.size
    x = _check.vector(name, x)
    w = _check.probabilities(weights_name, weights, x.size)
    order = np.argsort(x)
    order = order[w[order] > 0]
    return x[order], w[order]


def _by_levels(x: np.ndarray, y: np.ndarray, top: np.ndarray, other: np.ndarray, p: float) -> float:
    """Return the distance of sorted values, given up to which level each is the quantile."""
    i, j, widths = _merge(top, other)
    with np.errstate(over="ignore"):
        gaps = x[i] - y[j]
    return _mean_power(gaps, p, widths)


def _whole_levels(weights: np.ndarray | int) -> np.ndarray:
    """Return the levels without rounding: whole numbers, of any length."""
    return np.arange(1, weights + 1) if isinstance(weights, int) else np.cumsum(whole(weights)[0])


def _running_sum(w: np.ndarray) -> np.ndarray:
    """Return the cumulative sums divided by the last one; summed in long numbers by rows, so rounding hardly grows."""
    side = math.isqrt(w.size - 1) + 1
    rows = np.zeros((side, side), np.longdouble)
    rows.flat[: w.size] = w
    rows = np.cumsum(rows, axis=1)
    rows[1:] += np.cumsum(rows[:-1, -1])[:, None]
    return (rows.ravel()[: w.size] / rows.flat[w.size - 1]).astype(float)


def _is_sure(distance: float, x: np.ndarray, y: np.ndarray, p: float) -> bool:
    """Whether rounded levels can't have moved the distance by more than a share of 1e-11.

    If no level is off by more than e, W_p^p is not by more than 2 p e R^p, with the spread R of all values.
    """
    e = 2.0**-53 + 4 * (math.isqrt(max(x.size, y.size)) + 1) * float(np.finfo(np.longdouble).eps)
    with np.errstate(over="ignore"):
        spread = max(x[-1], y[-1]) - min(x[0], y[0])
    return 0 < distance < np.inf and math.log(2 * e) + p * math.log(spread / distance) < math.log(1e-11)


def _merge(top: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the steps of both quantile functions together: which value of either holds, and the widths, with sum 1."""
    if object in (top.dtype, other.dtype):  # Python's whole numbers, of any length
        top, other = top.astype(object), other.astype(object)
    top, other = top * other[-1], other * top[-1]
    levels = np.concatenate([top, other])
    order = np.argsort(levels, kind="stable")  # two sorted runs, which a stable sort merges
    widths, first = np.diff(levels[order], prepend=0), order < top.size
    i, j = np.cumsum(first) - first, np.cumsum(~first) - ~first  # how many steps of either are complete
    keep = widths > 0
    return i[keep], j[keep], (widths[keep] / top[-1]).astype(float)


def _mean_power(gaps: np.ndarray, p: float, widths: np.ndarray | None = None) -> float:
    """Return (mean of |gaps|^p)^(1/p), weighted with widths of sum 1 if given; overwrites the gaps."""
    gaps = np.abs(gaps, out=gaps)
    if p == 1.0 and widths is None:
        with np.errstate(over="ignore"):
            mean = gaps.mean()
        if np.isfinite(mean):
            return float(mean)
    if np.isinf(gaps.max()):
        return np.inf
    scale = _scale(gaps, p)
    powers = np.power(gaps / scale, p)
    mean = powers.mean() if widths is None else powers @ widths
    return float(scale * mean ** (1 / p))


def _scale(gaps: np.ndarray, p: float) -> float:
    """Return what to divide gaps by before a power: exact where 2^p is far from overflow."""
    top = float(gaps.max())
    return power_of_two(top) if p < 500 else top or 1.0


def _in_range(names: str, distance: float) -> float:
    if np.isinf(distance):
        raise ValueError(f"{names}: expected points whose distance does not overflow")
    return distance


def _row_powers(x: np.ndarray, y: np.ndarray, p: float) -> np.ndarray:
    """Return W_p between row i of x [k, n] and row i of y [k, m], [k]."""
    if x.shape[1] != y.shape[1]:
        return np.array([wp_sorted(u, v, p) for u, v in zip(x, y, strict=True)])
    x.sort(axis=1)
    y.sort(axis=1)
    gaps = np.abs(x - y)
    scale = _scale(gaps, p)
    return scale * np.mean((gaps / scale) ** p, axis=1) ** (1 / p)


def _unit(v: np.ndarray) -> np.ndarray:
    scaled = v / np.maximum(np.abs(v).max(axis=1, keepdims=True), np.finfo(float).tiny)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    if (length == 0).any():
        raise ValueError("directions: expected directions that are not zero")
    return scaled / length
