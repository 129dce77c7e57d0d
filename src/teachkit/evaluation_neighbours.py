"""Measures of samples by their nearest neighbours (chapter `evaluation`): precision, recall, density, coverage."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit._distances import blocks, squared, two_sets


def neighbour_radii(x: ArrayLike, k: int = 3) -> np.ndarray:
    """Return the distance of every row of x [n, d] to its k-th nearest other row, [n].

    Raises:
        ValueError: if x has not the shape [n, d], has fewer than 2 rows, or k is not a whole number from 1 to n - 1.

    >>> neighbour_radii([[0.0], [1.0], [3.0]], k=1)
    array([1., 1., 2.])
    """
    x, _ = two_sets(("x", "x"), x, x)
    return np.sqrt(_radii("x", x - x.mean(axis=0), k))


def precision_recall(real: ArrayLike, fake: ArrayLike, k: int = 3) -> tuple[float, float]:
    """Return precision and recall of fakes, statement `precision-recall`; both lie in [0, 1].

    A set's region is the union of closed balls, one around each of its rows, up to the row's k-th nearest other row
    of the set. Precision: share of the fakes in the region of the real ones. Recall: share of the real ones in the
    region of the fakes (Kynkaanniemi et al. 2019).

    Args:
        real: features [n, d], at least k + 1 rows.
        fake: [m, d]; likewise. Equal sizes are usual: the regions shrink with the number of rows.
        k: which neighbour, at least 1.

    Raises:
        ValueError: if a shape does not fit, a number is not finite, or k is not less than n and m.

    >>> precision_recall([[0.0], [1.0], [2.0], [3.0]], [[0.5], [1.5], [8.0]], k=1)
    (0.6666666666666666, 1.0)
    """
    real, fake = _centred(real, fake)
    R, F = _radii("real", real, k), _radii("fake", fake, k)
    reached, good = np.zeros(len(real), bool), np.zeros(len(fake), bool)
    for rows in blocks(len(real), len(fake)):
        D = squared(real[rows], fake)
        good |= (R[rows, None] >= D).any(axis=0)
        reached[rows] = (D <= F).any(axis=1)
    return float(good.mean()), float(reached.mean())


def density_coverage(real: ArrayLike, fake: ArrayLike, k: int = 5) -> tuple[float, float]:
    """Return density and coverage of fakes, statement `density-coverage`.

    Only real rows have balls, up to their k-th nearest other real row. Density: how many balls a fake is in, on the
    mean, over k; it may exceed 1. Coverage: share of the balls with a fake in them (Naeem et al. 2020).

    Args:
        real: features [n, d], at least k + 1 rows.
        fake: [m, d], at least 2 rows. Coverage grows with m.
        k: which neighbour, at least 1.

    Raises:
        ValueError: if a shape does not fit, a number is not finite, or k is not less than n.

    >>> density_coverage([[0.0], [1.0], [2.0], [3.0]], [[0.5], [1.5], [8.0]], k=1)
    (1.3333333333333333, 0.75)
    """
    real, fake = _centred(real, fake)
    R = _radii("real", real, k)
    inside = np.zeros(len(real), int)
    for rows in blocks(len(real), len(fake)):
        inside[rows] = (squared(real[rows], fake) <= R[rows, None]).sum(axis=1)
    return float(inside.sum() / len(fake) / k), float(np.mean(inside > 0))


def _centred(real: ArrayLike, fake: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets less the mean of the real ones, so that a common shift costs no digits."""
    real, fake = two_sets(("real", "fake"), real, fake)
    return real - real.mean(axis=0), fake - real.mean(axis=0)


def _radii(name: str, x: np.ndarray, k: int) -> np.ndarray:
    """Return the squared distance of every row to its k-th nearest other row."""
    k = _check.count("k", k)
    if k >= len(x):
        raise ValueError(f"k: expected less than the number of rows of {name}, {len(x)}, got {k}")
    out = np.empty(len(x))
    for rows in blocks(len(x), len(x)):
        D = squared(x[rows], x)
        D[np.arange(len(D)), np.arange(rows.start, rows.stop)] = np.inf  # a row is no neighbour of itself
        out[rows] = np.partition(D, k - 1, axis=1)[:, k - 1]
    return out
