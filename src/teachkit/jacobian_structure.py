"""Determinants: by elimination in general, and without it where the matrix has structure.

Elimination on a d x d matrix takes O(d^3) operations. A triangular matrix needs its diagonal alone, O(d), and the
identity plus a matrix of rank r needs O(d r^2 + r^3). Logarithms are in nats.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check


class Elimination(NamedTuple):
    """A determinant and what it took.

    Attributes:
        sign: 1 or -1; 0 if a pivot is exactly 0. Rounding usually leaves a tiny pivot in a singular matrix.
        log_abs_det: log |det A|; -inf if a pivot is exactly 0.
        multiplications: how many multiplications and divisions were made.
    """

    sign: int
    log_abs_det: float
    multiplications: int


def eliminate(A: ArrayLike) -> Elimination:
    """Return the determinant of A by Gaussian elimination with row exchanges, algorithm `determinant-by-elimination`.

    It is written to be read and counted; ``numpy.linalg.slogdet`` does the same faster.

    Args:
        A: [d, d].

    Raises:
        ValueError: if A is not a finite square matrix, or so large that sums of its entries leave the range of floats.

    >>> eliminate([[1.0, 1.0], [2.0, 0.0]])  # det = -2, log 2 = 0.693...
    Elimination(sign=-1, log_abs_det=0.6931471805599453, multiplications=2)
    """
    U = _check.matrix("A", A).copy()
    sign, total, count = 1, 0.0, 0
    for k in range(len(U)):
        p = k + int(np.abs(U[k:, k]).argmax())
        if not np.abs(U[p, k]) < np.inf:
            raise ValueError("A: expected a matrix whose elimination stays within the range of floats")
        if U[p, k] == 0:
            return Elimination(0, -np.inf, count)
        if p != k:
            U[[k, p]] = U[[p, k]]
            sign = -sign
        factors = U[k + 1 :, k] / U[k, k]
        with np.errstate(over="ignore", invalid="ignore"):
            U[k + 1 :, k + 1 :] -= np.outer(factors, U[k, k + 1 :])
        sign, total = int(sign * np.sign(U[k, k])), total + float(np.log(np.abs(U[k, k])))
        count += len(factors) + len(factors) ** 2
    return Elimination(sign, total, count)


def triangular_log_det(diagonal: ArrayLike) -> np.ndarray:
    """Return log |det T| of triangular matrices from their diagonals: the sum of log |t_ii|, O(d).

    Statement `triangular-determinant`. It sums logarithms, because the product of many entries leaves the range
    of floats. The rest of T does not enter, so it is not asked for.

    Args:
        diagonal: [d] for one matrix, [n, d] for a batch.

    Returns:
        A number for one matrix, [n] for a batch; -inf where an entry is 0.

    Raises:
        ValueError: if the diagonal is not a finite array of one or two axes.

    >>> float(triangular_log_det([2.0, -0.5, 4.0]).round(6))  # log 4
    1.386294
    """
    diagonal = _check.floats("diagonal", diagonal)
    if diagonal.ndim not in (1, 2):
        raise ValueError(f"diagonal: expected one diagonal [d] or a batch [n, d], got shape {diagonal.shape}")
    diagonal = _check.shaped("diagonal", diagonal, (None,) * diagonal.ndim)
    with np.errstate(divide="ignore"):  # log 0 is -inf here
        return np.log(np.abs(diagonal)).sum(axis=-1)


def low_rank_log_det(U: ArrayLike, W: ArrayLike) -> float:
    """Return log |det(I + U W^T)| from the r x r matrix I + W^T U: O(d r^2 + r^3), not O(d^3).

    Statement `sylvester-identity`; for vectors, r = 1, it is log |1 + w . u|, statement `determinant-lemma`, exact
    to the last digits for small w . u too.

    Args:
        U: [d, r], or [d] for r = 1.
        W: same shape.

    Returns:
        log |det|, -inf for a singular matrix.

    Raises:
        ValueError: if U is not a finite array of one or two axes, W has another shape, or their product is too
            large for floats.

    >>> round(low_rank_log_det([1.0, 2.0], [3.0, -1.0]), 6)  # log(1 + 3 - 2)
    0.693147
    """
    U = _check.floats("U", U)
    if U.ndim not in (1, 2):
        raise ValueError(f"U: expected shape [d, r] or [d], got {U.shape}")
    U = _check.shaped("U", U, (None,) * U.ndim)
    W = _check.shaped("W", W, U.shape)
    U, W = U.reshape(len(U), -1), W.reshape(len(W), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        product = W.T @ U
    if not np.isfinite(product).all():
        raise ValueError("U: expected a product W^T U within the range of floats")
    if product.size == 1 and product > -0.5:  # adding 1 first would drop a small product
        return float(np.log1p(product[0, 0]))
    return float(np.linalg.slogdet(np.eye(len(product)) + product).logabsdet)
