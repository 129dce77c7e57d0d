"""The batch of the chapter `newton` against infinitely many samples: the optimum there, and the distance to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit._newton_layer import U_POWER, Z_POWER, arguments, push
from teachkit.data import SmoothLaw
from teachkit.newton import hessian

_ROUNDING = 1e-14  # largest error of the divergence near its minimum, where all terms are below 1
_SINGULAR = 1e-12  # singular values below this part of the largest one count as zero


def kl_to_banana(theta: ArrayLike) -> float:
    """Return KL(flow || banana) in nats for z ~ N(0, I), in closed form; statement `population-optimum`.

    With k = e + 0.1 it is -1/2 - b + (exp(2b + 2a^2) + c^2 + d^2 + 2dk + 3k^2) / 2.

    Args:
        theta: (a, b, c, d) or (a, b, c, d, e).

    Returns:
        The divergence from the banana of curvature 0.1; inf where it is too large for a number.

    Raises:
        ValueError: if theta does not have 4 or 5 finite entries.

    >>> round(kl_to_banana([0, 0, 0, -0.1]), 12)
    0.01
    >>> kl_to_banana([0, 0, 0, 0, -0.1])
    0.0
    """
    a, b, c, d, *e = _check.vector("theta", theta, sizes=(4, 5))
    k = sum(e) + 0.1
    with np.errstate(over="ignore"):
        squares = c**2 + (d + k) ** 2 + 2 * k**2  # (d + k)^2 + 2k^2 = d^2 + 2dk + 3k^2
        kl = -0.5 - b + (np.exp(2 * (b + a**2)) + squares) / 2
    return 0.0 if -_ROUNDING < kl < 0 else float(kl)


def standard_errors(theta: ArrayLike, z: ArrayLike, target: SmoothLaw) -> np.ndarray:
    """Return the standard errors of a batch optimum theta around the population optimum, [m].

    The sandwich formula for an M-estimator, statement `batch-optimum-error`: the square roots of
    diag(H^-1 S H^-1) / n, where S is the mean of the outer products of the single-sample gradients (White 1982).

    Args:
        theta: the optimum, (a, b, c, d) or (a, b, c, d, e).
        z: the batch, [n, 2].
        target: gives log p, its score and its Hessian.

    Raises:
        ValueError: if theta does not have 4 or 5 finite entries, z is not a finite [n, 2], or the derivatives at
            theta are not finite.
        numpy.linalg.LinAlgError: "Hessian is singular", as for a single sample, by its rank up to rounding.

    >>> from teachkit.data import banana
    >>> z = np.random.default_rng(0).standard_normal((10_000, 2))
    >>> standard_errors([0, 0, 0, -0.1], z, banana()).round(3)
    array([0.007, 0.007, 0.01 , 0.01 ])
    """
    theta, z = arguments("theta", theta, z)
    H = hessian(theta, z, target)
    if not np.isfinite(H).all():
        raise ValueError("theta: expected a point where the objective's derivatives are finite")
    if np.linalg.matrix_rank(H, rtol=_SINGULAR, hermitian=True) < theta.size:
        raise np.linalg.LinAlgError("Hessian is singular")
    each, bread = _gradients(theta, z, target), np.linalg.inv(H)
    return np.sqrt(np.diag(bread @ (each.T @ each / len(z)) @ bread) / len(z))


def _gradients(theta: np.ndarray, z: np.ndarray, target: SmoothLaw) -> np.ndarray:
    """Return the single-sample gradients g u^k z1^p + d s/d theta, [n, m]."""
    x, u = push(theta, z)
    k, p = U_POWER[: theta.size], Z_POWER[: theta.size]
    g = target.score(x)[:, 1:]
    return (g * u[:, None] ** k + (k == 1)) * z[:, :1] ** p
