"""Kernel distances between samples (chapter `evaluation`): the maximum mean discrepancy and KID."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit._distances import blocks, squared, two_sets

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]  # rows [n, d] and [m, d] -> values [n, m]


class Spread(NamedTuple):
    """What ``kid_blocks`` returns: the mean of KID over the blocks, and its standard deviation."""

    mean: float
    std: float


def rbf(bandwidth: float) -> Kernel:
    """Return the Gaussian kernel exp(-|x - y|^2 / (2 bandwidth^2)).

    Raises:
        ValueError: if the bandwidth is not a finite number above 0.

    >>> float(rbf(1.0)(np.zeros((1, 2)), np.ones((1, 2))).round(4)[0, 0])  # exp(-1)
    0.3679
    """
    scale = -0.5 / _check.positive("bandwidth", bandwidth) ** 2

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        centre = y.mean(axis=0)  # a common shift costs no digits
        return np.exp(scale * squared(x - centre, y - centre))

    return kernel


def polynomial(degree: int = 3, scale: float | None = None, offset: float = 1.0) -> Kernel:
    """Return the kernel (scale x.y + offset)^degree; without a scale it is 1/d. Degree 3 is KID's.

    Raises:
        ValueError: if the degree is not a whole number of at least 1, or scale or offset is not above 0.

    >>> polynomial()(np.ones((1, 4)), np.ones((1, 4)))  # (4/4 + 1)^3
    array([[8.]])
    """
    degree, offset = _check.count("degree", degree), _check.positive("offset", offset)
    scale = None if scale is None else _check.positive("scale", scale)

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        base = (1 / x.shape[1] if scale is None else scale) * (x @ y.T) + offset
        return math.prod([base] * (degree - 1), start=base)  # NumPy's power takes ten times as long

    return kernel


def median_bandwidth(x: ArrayLike, y: ArrayLike, most: int = 1000) -> float:
    """Return the median distance between two different rows of x [n, d] and y [m, d] together.

    Args:
        x: one set.
        y: the other.
        most: rows of each that are used, the first ones; the number of distances is about 2 most^2.

    Raises:
        ValueError: if the shapes do not fit, a set has fewer than 2 rows, or the median is 0.

    >>> median_bandwidth([[0.0], [1.0]], [[3.0], [7.0]])  # of 1, 2, 3, 4, 6, 7
    3.5
    """
    most = _check.count("most", most, 2)
    x, y = two_sets(("x", "y"), x, y)
    both = np.concatenate([x[:most], y[:most]])
    both = both - both.mean(axis=0)
    middle = float(np.median(np.sqrt(squared(both, both)[np.triu_indices(len(both), 1)])))
    if middle == 0:
        raise ValueError("x, y: expected points that differ, got a median distance of 0")
    return middle


def mmd(x: ArrayLike, y: ArrayLike, kernel: Kernel, unbiased: bool = True) -> float:
    """Return the square of the maximum mean discrepancy, statement `mmd`.

    mean k(x, x') + mean k(y, y') - 2 mean k(x, y). Unbiased: the first two means leave out a row with itself, and the
    result may be below 0, statement `mmd-unbiased`. Biased: they don't, and it is at least 0.

    Args:
        x: [n, d], at least 2 rows.
        y: [m, d]; likewise.
        kernel: takes rows [n, d] and [m, d], returns [n, m]; it is asked for blocks of rows of the first.
        unbiased: which form.

    Raises:
        ValueError: if the shapes do not fit, a set has fewer than 2 rows, or the kernel's values are not finite or
            have another shape.

    >>> mmd([[0.0], [2.0]], [[1.0], [3.0]], lambda x, y: x @ y.T, unbiased=False)  # squared distance of the means
    1.0
    """
    x, y = two_sets(("x", "y"), x, y)
    return _within(x, kernel, unbiased) + _within(y, kernel, unbiased) - 2 * _sums(x, y, kernel)[0] / len(x) / len(y)


def kid(a: ArrayLike, b: ArrayLike, degree: int = 3, unbiased: bool = True) -> float:
    """Return the kernel distance of features, statement `kid`: ``mmd`` with the kernel (x.y / d + 1)^degree.

    Args:
        a: features [n, d], at least 2 rows.
        b: [m, d]; likewise.
        degree: 3 as a rule: then means, covariances and third moments are compared.
        unbiased: as in ``mmd``.

    Raises:
        ValueError: as ``mmd``.

    >>> kid([[0.0], [2.0]], [[1.0], [3.0]], degree=1, unbiased=False)
    1.0
    """
    a, b = two_sets(("a", "b"), a, b)
    return mmd(a, b, polynomial(degree), unbiased)


def kid_blocks(a: ArrayLike, b: ArrayLike, size: int, count: int, rng: np.random.Generator, degree: int = 3) -> Spread:
    """Return mean and standard deviation of the unbiased KID over ``count`` blocks of ``size`` rows of each set.

    A block's rows are drawn without replacement, each block anew. The deviation is that of one block: the mean of the
    blocks errs less, and less than the deviation over sqrt(count) only where blocks share no rows.

    Raises:
        ValueError: as ``mmd``, or if size is not a whole number from 2 to the rows of the smaller set.

    >>> from numpy.random import default_rng
    >>> kid_blocks(np.eye(4), np.eye(4) + 1, size=4, count=3, rng=default_rng(0)).std < 1e-12  # all rows each time
    True
    """
    a, b = two_sets(("a", "b"), a, b)
    size, count = _check.count("size", size, 2), _check.count("count", count)
    if size > min(len(a), len(b)):
        raise ValueError(f"size: expected at most the rows of the smaller set, {min(len(a), len(b))}, got {size}")
    _check.generator("rng", rng)
    drawn = ([rng.choice(len(x), size, replace=False) for x in (a, b)] for _ in range(count))
    values = [mmd(a[i], b[j], polynomial(degree)) for i, j in drawn]
    return Spread(float(np.mean(values)), float(np.std(values)))


def _within(x: np.ndarray, kernel: Kernel, unbiased: bool) -> float:
    """Return the mean of the kernel over pairs of rows of one set, with or without the pairs of a row with itself."""
    total, own = _sums(x, x, kernel)
    n = len(x)
    return (total - own) / n / (n - 1) if unbiased else total / n / n


def _sums(x: np.ndarray, y: np.ndarray, kernel: Kernel) -> tuple[float, float]:
    """Return the sum of the kernel over all pairs of rows, and that over pairs of equal number."""
    total = own = 0.0
    for rows in blocks(len(x), len(y)):
        K = _check.returned("kernel", kernel(x[rows], y), (rows.stop - rows.start, len(y)))
        total, own = total + float(K.sum()), own + float(np.trace(K, offset=rows.start))
    if not np.isfinite(total):
        raise ValueError("kernel: expected finite values, got NaN or infinity")
    return total, own
