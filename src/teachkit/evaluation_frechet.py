"""The Frechet distance of features (chapter `evaluation`), and what it tends to with more of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.transport import gaussian_w2

_DIGITS = 1e-6  # bound of the relative error up to which the fast form is taken; the error itself is far smaller
_EPS = float(np.finfo(float).eps)
Moments = tuple[np.ndarray, np.ndarray]


class Extrapolation(NamedTuple):
    """What ``fid_extrapolated`` returns: values at the sizes, and the line limit + slope / size through them."""

    limit: float
    slope: float
    sizes: np.ndarray
    values: np.ndarray


def frechet_distance(m1: ArrayLike, S1: ArrayLike, m2: ArrayLike, S2: ArrayLike) -> float:
    """Return |m1 - m2|^2 + tr(S1 + S2 - 2 (S1^1/2 S2 S1^1/2)^1/2), the square of W_2 between two normal laws.

    Statement `gaussian-w2`. Means [k] and covariances [k, k], which may be singular.

    Raises:
        ValueError: as ``transport.gaussian_w2``, or if the square overflows.

    >>> frechet_distance([0.0], [[1.0]], [3.0], [[25.0]])  # 3^2 + (5 - 1)^2
    25.0
    """
    distance = gaussian_w2(m1, S1, m2, S2)
    if distance > np.sqrt(np.finfo(float).max):
        raise ValueError(f"m1, m2: expected laws whose squared distance does not overflow, got {distance:.3g}")
    return distance**2


def fid(a: ArrayLike, b: ArrayLike) -> float:
    """Return the Frechet distance between normal laws with the means and covariances of features, statement `fid`.

    It is the squared distance, and biased: means and covariances of finitely many samples err, and this adds about a
    constant over n to it, so values compare only at equal n and m. The covariances have the divisor n - 1.

    Args:
        a: features of one set of samples [n, k], one row for each, at least 2.
        b: of the other, [m, k].

    Raises:
        ValueError: if the shapes do not fit, a set has fewer than 2 rows, or a number is not finite.

    Warns:
        UserWarning: if a set has no more rows than features: its covariance is singular then, and the value says
            more about the number of rows than about the samples.

    >>> fid([[0.0], [2.0]], [[3.0], [5.0]])  # equal covariances, means 3 apart
    9.0
    """
    a = _check.points("a", a)
    b = _check.points("b", b, a.shape[1])
    _warn_if_few(a, b)
    return _distance(_moments("a", a), _moments("b", b))


def fid_extrapolated(
    a: ArrayLike, b: ArrayLike, sizes: Sequence[int], rng: np.random.Generator, repeats: int = 1
) -> Extrapolation:
    """Return where FID tends with the number of rows, by a line in 1/size, statement `fid-extrapolation`.

    At each size, that many rows of both sets are drawn without replacement, ``repeats`` times, and the values
    averaged; the line is that of least squares. Its limit may be below 0 (Chong and Forsyth 2020).

    Args:
        a: features [n, k].
        b: [m, k].
        sizes: at least two different ones, each from 2 to the smaller of n and m.
        rng: draws the rows.
        repeats: draws at each size.

    Raises:
        ValueError: as ``fid``, or if a size is out of range, all are equal, or repeats is not a whole number above 0.

    Warns:
        UserWarning: as ``fid``, if a size is not above the number of features.

    >>> x = np.random.default_rng(0).standard_normal((800, 8))
    >>> line = fid_extrapolated(x[:400], x[400:], (50, 100, 200), np.random.default_rng(1), repeats=20)
    >>> line.values.round(1).tolist(), round(line.limit, 1)
    ([1.1, 0.6, 0.3], 0.1)
    """
    a = _check.points("a", a)
    b = _check.points("b", b, a.shape[1])
    sizes = np.array([_check.count("sizes", n, 2) for n in sizes])
    if len(set(sizes)) < 2 or sizes.max() > min(len(a), len(b)):
        raise ValueError(f"sizes: expected at least two different ones up to {min(len(a), len(b))}, got {sizes}")
    _check.generator("rng", rng)
    draws = range(_check.count("repeats", repeats))
    some = lambda x, n: x[rng.choice(len(x), n, replace=False)]  # noqa: E731
    values = np.array([np.mean([fid(some(a, n), some(b, n)) for _ in draws]) for n in sizes])
    slope, limit = np.polyfit(1 / sizes, values, 1)
    return Extrapolation(float(limit), float(slope), sizes, values)


def _distance(one: Moments, other: Moments) -> float:
    """Return the Frechet distance by eigenvalues alone where they surely give six digits, else with all digits."""
    (m1, S1), (m2, S2) = one, other
    total = float(np.trace(S1) + np.trace(S2))
    with np.errstate(over="ignore", invalid="ignore"):
        apart = float((m1 - m2) @ (m1 - m2))
        try:
            L = np.linalg.cholesky(S1)
            values = np.maximum(np.linalg.eigvalsh(L.T @ S2 @ L), 0.0)
        except np.linalg.LinAlgError:  # singular, or overflow
            return frechet_distance(m1, S1, m2, S2)
        noise = _EPS * float(np.linalg.norm(values))
    distance = apart + total - 2 * float(np.sqrt(values).sum())
    # Together the eigenvalues err by eps times their norm (Hoffman and Wielandt), a root by its part over the root.
    error = _EPS * total + noise * float(np.sqrt((1 / np.maximum(values, noise)).sum())) if noise > 0 else total
    return distance if error <= _DIGITS * distance < np.inf else frechet_distance(m1, S1, m2, S2)


def _moments(name: str, x: np.ndarray) -> Moments:
    """Return the mean and the unbiased covariance of the rows."""
    if len(x) < 2:
        raise ValueError(f"{name}: expected at least 2 rows, got {len(x)}")
    with np.errstate(over="ignore", invalid="ignore"):
        mean = x.mean(axis=0)
        apart = x - mean
        S = apart.T @ apart / (len(x) - 1)  # of one array: NumPy computes half of it and mirrors
    if not np.isfinite(S).all():
        raise ValueError(f"{name}: expected features whose covariance does not overflow")
    return mean, (S + S.T) / 2


def _warn_if_few(a: np.ndarray, b: np.ndarray) -> None:
    for name, x in (("a", a), ("b", b)):
        if 2 <= len(x) <= x.shape[1]:
            warnings.warn(
                f"{name}: {len(x)} rows of {x.shape[1]} features have a singular covariance (rank at most "
                f"{len(x) - 1}), so the distance depends on the number of rows more than on the samples",
                stacklevel=3,
            )
