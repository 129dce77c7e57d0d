"""The mathematics of three cures for mode collapse (chapter `mode_collapse`).

Spectral norms by power iteration; laws of packed samples, and how far apart they are; the gradient of a generator
that looks some of the critic's steps ahead.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check

_MOST = 5_000_000  # comparisons that count the values in all packs


class Singular(NamedTuple):
    """An estimate of the largest singular value, with its left and right unit vectors."""

    sigma: float
    u: np.ndarray
    v: np.ndarray


def power_iteration(W: ArrayLike, steps: int, u: ArrayLike) -> Singular:
    """Estimate the largest singular value of W, statement `power-iteration`.

    A step is v = W^T u / |W^T u| and u = W v / |W v|, and then sigma = u^T W v = |W v|. No sigma is above the largest
    singular value, and none below the one of the step before.

    Args:
        W: [m, n].
        steps: at least 1.
        u: start, [m], not zero.

    Returns:
        sigma with u [m] and v [n]. Where W^T u is zero sigma is 0, as the start says nothing about W then.

    Raises:
        ValueError: if W is no finite matrix, u does not fit it or is zero, or ``steps`` is below 1.

    >>> [round(power_iteration([[3.0, 0.0], [0.0, 2.0]], k, [1.0, 1.0]).sigma, 4) for k in (1, 2, 5)]
    [2.7316, 2.932, 2.9994]
    """
    W = _check.shaped("W", W, (None, None))
    u, steps = _check.vector("u", u, (len(W),)), _check.count("steps", steps)
    if not u.any():
        raise ValueError("u: expected a start that is not zero")
    u, scale = _unit(u), float(np.abs(W).max()) or 1.0
    for _ in range(steps):
        v = _unit(W.T / scale @ u)
        Wv = W / scale @ v
        u = _unit(Wv) if Wv.any() else u
    return Singular(float(np.linalg.norm(Wv)) * scale, u, v)


def packed(x: ArrayLike, m: int) -> np.ndarray:
    """Put m samples side by side, [n, d] -> [n / m, m * d]: what a packed discriminator sees.

    Raises:
        ValueError: if x is not a matrix with a multiple of m rows.

    >>> packed([[1, 2], [3, 4], [5, 6], [7, 8]], 2)
    array([[1., 2., 3., 4.],
           [5., 6., 7., 8.]])
    """
    x, m = _check.points("x", x), _check.count("m", m)
    if len(x) % m:
        raise ValueError(f"x: expected a multiple of {m} samples, got {len(x)}")
    return x.reshape(len(x) // m, -1)


def packed_total_variation(p: ArrayLike, q: ArrayLike, m: int) -> float:
    """Return the total variation between the laws of m independent samples of p and of q, statement `packing`.

    It is half the sum of |p(x_1) ... p(x_m) - q(x_1) ... q(x_m)|. The order of the x_i does not matter, so that the
    sum runs over how often each value occurs: exact, with (k + m - 1 choose m) terms.

    Args:
        p: probabilities of k values.
        q: of the same values.
        m: samples in a pack.

    Raises:
        ValueError: if p or q is not a probability vector, their lengths differ, or there are too many terms.

    >>> [round(packed_total_variation([0.5, 0.5], [1.0, 0.0], m), 4) for m in (1, 2, 3)]  # 1 - 1 / 2^m
    [0.5, 0.75, 0.875]
    """
    p, m = _check.probabilities("p", p), _check.count("m", m)
    q = _check.probabilities("q", q, p.size)
    if comb(p.size + m - 1, m) * p.size * m > _MOST:
        raise ValueError(f"m: expected less, since packs of {m} of {p.size} values make too many terms")
    from scipy.special import gammaln, xlogy

    counts = _counts(p.size, m)
    log_orders = gammaln(m + 1) - gammaln(counts + 1).sum(axis=1)  # the number itself overflows for large m
    of_p, of_q = (np.exp(log_orders + xlogy(counts, law).sum(axis=1)) for law in (p, q))
    return float(min(1.0, 0.5 * np.abs(of_p - of_q).sum()))


def packed_bounds(p: ArrayLike, q: ArrayLike, m: int) -> tuple[float, float]:
    """Return bounds of ``packed_total_variation`` for two laws at distance t, of which one needs t alone.

    The upper one is 1 - (1 - t)^m, and is reached where q is p without some modes (q = p given a set S with mass
    1 - t). The lower one looks at each sample only through whether p > q there: it is the packed distance of two
    coins. Statement `packing`.

    Args:
        p: probabilities of k values.
        q: of the same values.
        m: samples in a pack.

    Raises:
        ValueError: as ``packed_total_variation``.

    >>> low, high = packed_bounds([0.5, 0.5], [0.7, 0.3], 4)
    >>> round(low, 4), round(high, 4)
    (0.3392, 0.5904)
    """
    p, m = _check.probabilities("p", p), _check.count("m", m)
    q = _check.probabilities("q", q, p.size)
    more = p > q
    a, b = (min(1.0, float(law[more].sum())) for law in (p, q))
    return packed_total_variation([a, 1 - a], [b, 1 - b], m), 1 - (1 - (a - b)) ** m


def unrolled_critic(
    A: ArrayLike, theta: ArrayLike, phi: ArrayLike, *, steps: int, step: float, C: ArrayLike | None = None
) -> np.ndarray:
    """Return phi_k, the critic after k steps of gradient ascent of f(theta, .) from phi; see ``unrolled_gradient``.

    phi_{j+1} = phi_j + h (A^T theta - C phi_j).

    >>> unrolled_critic([[1.0]], [2.0], [0.0], steps=3, step=0.5)
    array([3.])
    """
    A, theta, phi, _, C, k, h = _game(A, theta, phi, None, C, steps, step)
    return _critic(A, theta, phi, C, k, h)[0]


def unrolled_gradient(
    A: ArrayLike,
    theta: ArrayLike,
    phi: ArrayLike,
    *,
    steps: int,
    step: float,
    B: ArrayLike | None = None,
    C: ArrayLike | None = None,
) -> np.ndarray:
    """Return the gradient in theta of f(theta, phi_k(theta)), statement `unrolled-gradient`.

    The game is f(theta, phi) = theta^T A phi + theta^T B theta / 2 - phi^T C phi / 2; the generator theta lowers it,
    the critic phi raises it. With ``unrolled_critic`` and J = h sum over j < k of (1 - h C)^j A^T, the derivative of
    phi_k in theta, the gradient is A phi_k + B theta + J^T (A^T theta - C phi_k). Its last term is what a generator
    misses that does not look ahead. With k = 0 it is the plain gradient; as k grows it tends to that of
    max over phi of f, (B + A C^-1 A^T) theta, if C is invertible and the steps converge.

    Args:
        A: [m, n].
        theta: the generator, [m].
        phi: the critic, [n].
        steps: k, at least 0.
        step: h, above 0.
        B: symmetric [m, m]; zero if not given.
        C: symmetric [n, n]; zero if not given.

    Raises:
        ValueError: if the shapes do not fit, B or C is not symmetric, or a number is out of its range.

    >>> unrolled_gradient([[1.0]], [2.0], [0.0], steps=3, step=0.5)  # phi + 2 k h theta
    array([6.])
    """
    A, theta, phi, B, C, k, h = _game(A, theta, phi, B, C, steps, step)
    ahead, J = _critic(A, theta, phi, C, k, h)
    return A @ ahead + B @ theta + J.T @ (A.T @ theta - C @ ahead)


def _critic(
    A: np.ndarray, theta: np.ndarray, phi: np.ndarray, C: np.ndarray, k: int, h: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return phi_k and its derivative in theta, [n, m]."""
    M, total, power = np.eye(len(C)) - h * C, np.zeros_like(C), np.eye(len(C))
    for _ in range(k):
        total, power = total + power, power @ M
    J = h * total @ A.T
    return power @ phi + J @ theta, J


def _game(
    A: ArrayLike,
    theta: ArrayLike,
    phi: ArrayLike,
    B: ArrayLike | None,
    C: ArrayLike | None,
    steps: int,
    step: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, int, float]:
    A = _check.shaped("A", A, (None, None))
    m, n = A.shape
    B = np.zeros((m, m)) if B is None else _check.matrix("B", B, m, symmetric=True)
    C = np.zeros((n, n)) if C is None else _check.matrix("C", C, n, symmetric=True)
    theta, phi = _check.vector("theta", theta, (m,)), _check.vector("phi", phi, (n,))
    return A, theta, phi, B, C, _check.count("steps", steps, low=0), _check.positive("step", step)


def _unit(x: np.ndarray) -> np.ndarray:
    """Return x / |x|, or zero, without overflow."""
    size = float(np.abs(x).max())
    return x / size / np.linalg.norm(x / size) if size else x


def _counts(k: int, m: int) -> np.ndarray:
    """Return how often each of k values occurs in every pack of m without order, [packs, k]."""
    packs = np.array(list(combinations_with_replacement(range(k), m)))
    return (packs[:, :, None] == np.arange(k)).sum(axis=1)
