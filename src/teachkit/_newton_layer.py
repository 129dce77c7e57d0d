"""The coupling layer of the chapter `newton`, as that chapter's modules share it.

Only x2 = u + t depends on theta, with u = z2 exp(s); s and t are polynomials in z1 with theta as coefficients.
The derivative of x2 along theta_i is u^k_i z1^p_i.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check

U_POWER = np.array([1, 1, 0, 0, 0])  # k_i for a, b, c, d, e
Z_POWER = np.array([1, 0, 1, 0, 2])  # p_i


def arguments(name: str, theta: ArrayLike, z: ArrayLike, finite: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return theta, under this name in errors, as a new vector of 4 or 5 entries, and z as points of the plane.

    >>> arguments("theta0", [0, 0, 0], [[1.0, 2.0]])
    Traceback (most recent call last):
    ...
    ValueError: theta0: expected a vector of 4 or 5 entries, got shape (3,)
    """
    return _check.vector(name, theta, sizes=(4, 5)).copy(), _check.points("z", z, 2, finite)


def coefficients(theta: np.ndarray) -> np.ndarray:
    """Return s (row 0) and t (row 1) as polynomials: column p holds the factor of z1^p.

    There is a column for each power of z1 that the Hessian needs, up to twice the highest of s and t.

    >>> coefficients(np.array([1.0, 2.0, 3.0, 4.0]))
    array([[2., 1., 0.],
           [4., 3., 0.]])
    """
    k, p = U_POWER[: theta.size], Z_POWER[: theta.size]
    out = np.zeros((2, 2 * p.max() + 1))
    out[1 - k, p] = theta
    return out


@np.errstate(over="ignore", invalid="ignore")  # exp(s) may leave the range of numbers
def push(theta: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x [n, 2] and u [n].

    >>> push(np.array([0.0, 0.0, 1.0, 0.5]), np.array([[2.0, 1.0]]))
    (array([[2. , 3.5]]), array([1.]))
    """
    s, t = np.polynomial.polynomial.polyval(z[:, 0], coefficients(theta).T)
    u = z[:, 1] * np.exp(s)
    return np.stack([z[:, 0], u + t], axis=1), u
