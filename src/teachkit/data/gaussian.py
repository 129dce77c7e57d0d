"""The normal law and mixtures of spherical normals."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check

LOG_2PI = float(np.log(2 * np.pi))
_BLOCK = 1 << 21  # numbers held at once when points meet mixture components


class Gaussian:
    """The normal law N(mean, cov) on R^d.

    Args:
        mean: [d].
        cov: [d, d], symmetric and positive definite.

    Raises:
        ValueError: if ``mean`` is not a finite vector, or ``cov`` not a symmetric positive definite matrix of its size.

    >>> Gaussian([0.0, 0.0], np.eye(2)).log_prob([[0.0, 0.0]]).round(4)
    array([-1.8379])
    """

    def __init__(self, mean: ArrayLike, cov: ArrayLike) -> None:
        self.mean = _check.vector("mean", mean)
        self.d = self.mean.size
        self.cov = _check.matrix("cov", cov, rows=self.d, symmetric=True)
        try:
            self._root = np.linalg.cholesky(self.cov)
        except np.linalg.LinAlgError as error:
            raise ValueError("cov: expected a positive definite matrix") from error
        self.precision = np.linalg.inv(self.cov)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n independent samples, [n, d]."""
        return self.mean + rng.standard_normal((_check.count("n", n), self.d)) @ self._root.T

    def log_prob(self, x: ArrayLike) -> np.ndarray:
        """Return log p at each row of x, [n], in nats."""
        centred = _check.points("x", x, self.d) - self.mean
        white = np.linalg.solve(self._root, centred.T)
        return -0.5 * ((white**2).sum(0) + self.d * LOG_2PI) - np.log(np.diag(self._root)).sum()

    def score(self, x: ArrayLike) -> np.ndarray:
        """Return the gradient of log p at each row of x, [n, d]."""
        return -(_check.points("x", x, self.d) - self.mean) @ self.precision

    def hessian(self, x: ArrayLike) -> np.ndarray:
        """Return the second derivatives of log p, the same at each row of x, [n, d, d]."""
        n = len(_check.points("x", x, self.d))
        return np.broadcast_to(-self.precision, (n, self.d, self.d))


def standard_normal(d: int) -> Gaussian:
    """Return N(0, I) on R^d, the base of every flow in the book.

    >>> standard_normal(3).mean
    array([0., 0., 0.])
    """
    d = _check.count("d", d)
    return Gaussian(np.zeros(d), np.eye(d))


class Mixture:
    """A mixture of spherical normals: sum over k of weights[k] N(means[k], stds[k]^2 I).

    Args:
        weights: [k], non-negative with sum 1.
        means: [k, d].
        stds: [k] or one number for all.

    Raises:
        ValueError: if the shapes do not fit, a std is not above 0, or the weights are not probabilities.

    >>> Mixture([0.5, 0.5], [[-2.0], [2.0]], 1.0).score([[0.0]])
    array([[0.]])
    """

    def __init__(self, weights: ArrayLike, means: ArrayLike, stds: ArrayLike) -> None:
        self.means = _check.points("means", means)
        k, self.d = self.means.shape
        self.weights = _check.probabilities("weights", weights, k)
        stds = _check.floats("stds", stds)
        self.stds = _check.vector("stds", np.full(k, stds) if stds.ndim == 0 else stds, sizes=(k,))
        if (self.stds <= 0).any():
            raise ValueError("stds: expected numbers above 0")

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n independent samples, [n, d]."""
        n = _check.count("n", n)
        k = rng.choice(len(self.weights), size=n, p=self.weights / self.weights.sum())
        return self.means[k] + self.stds[k, None] * rng.standard_normal((n, self.d))

    def log_prob(self, x: ArrayLike) -> np.ndarray:
        """Return log p at each row of x, [n], in nats."""
        return self._by_blocks(x, lambda block: _logsumexp(self._log_joint(block)))

    def score(self, x: ArrayLike) -> np.ndarray:
        """Return the gradient of log p, [n, d]: the components' scores weighted by responsibility."""
        return self._by_blocks(x, lambda block: self._moments(block)[0])

    def hessian(self, x: ArrayLike) -> np.ndarray:
        """Return the second derivatives of log p, [n, d, d]: mean curvature plus spread of the scores."""
        return self._by_blocks(x, lambda block: self._moments(block)[1])

    def _log_joint(self, x: np.ndarray) -> np.ndarray:
        squared = sum((x[:, None, j] - self.means[:, j]) ** 2 for j in range(self.d))
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights)
        return log_weights - self.d * (np.log(self.stds) + 0.5 * LOG_2PI) - 0.5 * squared / self.stds**2

    def _moments(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        joint = self._log_joint(x)
        r = np.exp(joint - _logsumexp(joint)[:, None])
        component = -(x[:, None] - self.means) / self.stds[:, None] ** 2
        score = np.einsum("nk,nkd->nd", r, component)
        spread = np.einsum("nk,nki,nkj->nij", r, component, component) - score[:, :, None] * score[:, None, :]
        curvature = (r @ (1 / self.stds**2))[:, None, None] * np.eye(self.d)
        return score, spread - curvature

    def _by_blocks(self, x: ArrayLike, f: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        x = _check.points("x", x, self.d)
        rows = max(1, _BLOCK // (len(self.weights) * self.d))
        return np.concatenate([f(x[i : i + rows]) for i in range(0, len(x), rows)])


def ring(k: int = 8, radius: float = 2.0, std: float = 0.1) -> Mixture:
    """Return k equal spherical normals evenly spaced on a circle.

    >>> ring(4).means.round(6)[1]
    array([0., 2.])
    """
    k, radius = _check.count("k", k), _check.number("radius", radius)
    angle = 2 * np.pi * np.arange(k) / k
    return Mixture(np.full(k, 1 / k), radius * np.stack([np.cos(angle), np.sin(angle)], 1), std)


def grid(k: int = 25, spacing: float = 1.0, std: float = 0.05) -> Mixture:
    """Return k equal spherical normals on a centred square grid; k must be a square number.

    >>> len(grid(25).means)
    25
    """
    k, spacing = _check.count("k", k), _check.number("spacing", spacing)
    side = math.isqrt(k)
    if side**2 != k:
        raise ValueError(f"k: expected a square number, got {k}")
    line = spacing * (np.arange(side) - (side - 1) / 2)
    return Mixture(np.full(k, 1 / k), np.stack(np.meshgrid(line, line), -1).reshape(-1, 2), std)


def _logsumexp(a: np.ndarray) -> np.ndarray:
    top = a.max(axis=1)
    top = np.where(np.isfinite(top), top, 0.0)  # a row of -inf: far outside every component
    with np.errstate(divide="ignore"):
        return top + np.log(np.exp(a - top[:, None]).sum(axis=1))
