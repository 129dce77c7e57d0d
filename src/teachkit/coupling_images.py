"""Flows on images: from bytes to real numbers and back, and the layers that stand between couplings.

Each bookkeeping term is in nats for one image, [n]. ``forward`` of a layer maps noise to data, as in ``coupling``,
where the masks and ``squeeze`` stand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check


def dequantise(b: ArrayLike, rng: np.random.Generator, levels: int = 256) -> np.ndarray:
    """Return (b + u) / levels with uniform noise u in [0, 1), of the shape of b; statement `dequantisation-bits`.

    Args:
        b: images of whole numbers from 0 to levels - 1, [n, ...].
        rng: source of u.
        levels: how many values a pixel has, at least 2.

    Returns:
        Numbers in [0, 1).

    Raises:
        ValueError: if b is empty or has a number that is not whole or out of range, levels is, or rng is no generator.

    >>> x = dequantise([[0, 128, 255]], np.random.default_rng(0))
    >>> quantise(x)
    array([[  0, 128, 255]])
    """
    b, levels = _check.array("b", b), _check.count("levels", levels, low=2)
    if b.min() < 0 or b.max() > levels - 1 or (b != np.floor(b)).any():
        raise ValueError(f"b: expected whole numbers from 0 to {levels - 1}, got numbers from {b.min()} to {b.max()}")
    x = (b + _check.generator("rng", rng).random(b.shape)) / levels
    return np.minimum(x, np.nextafter((b + 1) / levels, 0))  # the sum rounds up to b + 1 at times


def quantise(x: ArrayLike, levels: int = 256) -> np.ndarray:
    """Return floor(x levels) as whole numbers, with 1 among the brightest: undoes ``dequantise``.

    Raises:
        ValueError: if x is empty or leaves [0, 1], or levels is out of range.

    >>> quantise([0.0, 0.5, 1.0], levels=2)
    array([0, 1, 1])
    """
    x, levels = _unit("x", x), _check.count("levels", levels, low=2)
    b = np.floor(x * levels)
    b += (x >= (b + 1) / levels) * 1.0 - (x < b / levels)  # 1 / 49 times 49 is rounded to less than 1
    return np.minimum(b, levels - 1).astype(int)


def logit(x: ArrayLike, alpha: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Stretch [0, 1] to the line: y = log(p / (1 - p)) with p = alpha / 2 + (1 - alpha) x; statement `logit-log-det`.

    alpha keeps p away from 0 and 1, so y stays within -log(2 / alpha - 1) and log(2 / alpha - 1).

    Args:
        x: [n, ...], in [0, 1].
        alpha: above 0 and below 1.

    Returns:
        y, of the shape of x, and log |det dy/dx| [n] = sum(log(1 - alpha) - log p - log(1 - p)).

    Raises:
        ValueError: if x has no n or leaves [0, 1], or alpha is out of range.

    >>> y, log_det = logit([[0.5]])
    >>> y, log_det.round(6)  # log(0.95 * 4)
    (array([[0.]]), array([1.335001]))
    """
    x, alpha = _unit("x", _rows("x", x)), _share(alpha)
    left, right = (np.log(alpha / 2 + (1 - alpha) * part) for part in (x, 1 - x))  # 1 - p may be rounded to 0
    return left - right, _summed(np.log1p(-alpha) - left - right)


def logit_inverse(y: ArrayLike, alpha: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Undo ``logit``: x = (sigmoid(y) - alpha / 2) / (1 - alpha), cut to [0, 1], and log |det dx/dy| [n].

    A flow gives y of any size. What lies beyond the reach of ``logit`` becomes the nearest end of [0, 1]; the
    determinant is that of the formula there.

    Raises:
        ValueError: if y has no n or is not finite, or alpha is out of range.

    >>> logit_inverse(logit([[0.25, 1.0]])[0])[0].round(12)
    array([[0.25, 1.  ]])
    >>> logit_inverse([[50.0]])[0]
    array([[1.]])
    """
    y, alpha = _check.array("y", _rows("y", y)), _share(alpha)
    small = np.exp(-np.abs(y))  # sigmoid(-|y|) = small / (1 + small), without overflow
    p = np.where(y >= 0, 1.0, small) / (1 + small)
    log_det = _summed(-np.abs(y) - 2 * np.log1p(small) - np.log1p(-alpha))
    return np.clip((p - alpha / 2) / (1 - alpha), 0.0, 1.0), log_det


def actnorm(x: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the start of an activation norm from its first batch, statement `actnorm`: shift [c], log_scale [c].

    The layer is x = z exp(log_scale) + shift; so z = (x - shift) exp(-log_scale) has mean 0 and standard deviation 1
    in each channel over the batch and the points.

    Args:
        x: [n, c, h, w].

    Raises:
        ValueError: if x has another number of axes, or a channel is constant.

    >>> actnorm([[[[1.0, 5.0]]]])[0]
    array([3.])
    """
    x = _check.shaped("x", x, (None, None, None, None))
    std = np.where(np.ptp(x, axis=(0, 2, 3)) > 0, x.std(axis=(0, 2, 3)), 0.0)  # of equal numbers it is rounded too
    if not std.all():
        raise ValueError(f"x: expected numbers that differ in each channel, got constant ones in {np.argmin(std)}")
    return x.mean(axis=(0, 2, 3)), np.log(std)


def conv1x1_log_det(W: ArrayLike, h: int, w: int) -> float:
    """Return h w log|det W|, of x = W z at each of h w points: statement `conv1x1-log-det`.

    Raises:
        ValueError: if W is not square, or singular, or a size is not a whole number of at least 1.

    >>> conv1x1_log_det([[0.0, 1.0], [1.0, 0.0]], 4, 4)
    0.0
    """
    log_det = np.linalg.slogdet(_invertible(W)).logabsdet
    return float(_check.count("h", h) * _check.count("w", w) * log_det)


def plu(W: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return P, L, U, log_d and sign with W = P L (U + diag(sign exp(log_d))), statement `plu-form`.

    P is a permutation, L is triangular below with ones on its diagonal, U triangular above with zeros there; all are
    [c, c]. log_d and sign are [c], and log|det W| is the sum of log_d. It is elimination with the largest pivot.

    Raises:
        ValueError: if W is not square, or singular.

    >>> P, L, U, log_d, sign = plu([[0.0, 1.0], [2.0, 0.0]])
    >>> P @ L @ (U + np.diag(sign * np.exp(log_d)))
    array([[0., 1.],
           [2., 0.]])
    """
    A, c = _invertible(W).copy(), len(W)
    rows = np.arange(c)
    for k in range(c):
        pivot = k + np.argmax(np.abs(A[k:, k]))
        A[[k, pivot]], rows[[k, pivot]] = A[[pivot, k]], rows[[pivot, k]]
        A[k + 1 :, k] /= A[k, k]
        A[k + 1 :, k + 1 :] -= np.outer(A[k + 1 :, k], A[k, k + 1 :])
    d = np.diagonal(A)
    return np.eye(c)[:, rows], np.tril(A, -1) + np.eye(c), np.triu(A, 1), np.log(np.abs(d)), np.sign(d)


def from_plu(P: ArrayLike, L: ArrayLike, U: ArrayLike, log_d: ArrayLike, sign: ArrayLike) -> np.ndarray:
    """Return W = P L (U + diag(sign exp(log_d))), [c, c], statement `plu-form`: undoes ``plu``.

    Raises:
        ValueError: if the sizes differ, P is no permutation, L not triangular below with ones, U not triangular above
            with zeros on its diagonal, or sign not of 1 and -1.

    >>> from_plu([[0, 1], [1, 0]], np.eye(2), np.zeros((2, 2)), [0.0, 0.0], [1, -1])
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    log_d = _check.vector("log_d", log_d)
    c = log_d.size
    P, L, U = (_check.matrix(name, A, rows=c) for name, A in (("P", P), ("L", L), ("U", U)))
    sign = _check.vector("sign", sign, (c,))
    if not (np.isin(P, (0, 1)).all() and (P.sum(0) == 1).all() and (P.sum(1) == 1).all()):
        raise ValueError("P: expected a permutation matrix")
    if (np.triu(L) != np.eye(c)).any():
        raise ValueError("L: expected a triangular matrix, zeros above its diagonal and ones on it")
    if np.tril(U).any():
        raise ValueError("U: expected a triangular matrix, zeros below its diagonal and on it")
    if (np.abs(sign) != 1).any():
        raise ValueError("sign: expected 1 or -1 in each entry")
    return P @ L @ (U + np.diag(sign * np.exp(log_d)))


def _unit(name: str, x: ArrayLike) -> np.ndarray:
    x = _check.array(name, x)
    if x.min() < 0 or x.max() > 1:
        raise ValueError(f"{name}: expected numbers from 0 to 1, got {x.min():g} to {x.max():g}")
    return x


def _rows(name: str, x: ArrayLike) -> np.ndarray:
    x = _check.floats(name, x)
    if x.ndim < 2:
        raise ValueError(f"{name}: expected shape [n, ...], got {x.shape}")
    return x


def _share(alpha: float) -> float:
    if not 0 < _check.number("alpha", alpha) < 1:
        raise ValueError(f"alpha: expected a number above 0 and below 1, got {alpha}")
    return float(alpha)


def _summed(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1).sum(axis=1)


def _invertible(W: ArrayLike) -> np.ndarray:
    W = _check.matrix("W", _check.array("W", W))
    with np.errstate(divide="ignore", invalid="ignore"):
        condition = np.linalg.cond(W)
    if not condition < 1 / np.finfo(float).eps:
        raise ValueError(f"W: expected an invertible matrix, got one with condition number {condition:.3g}")
    return W
