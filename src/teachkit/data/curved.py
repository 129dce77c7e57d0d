"""Curved laws: the banana and the two moons."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.data.gaussian import LOG_2PI, Mixture

_LEAST_STD = 0.01  # of the noise of the two moons


class Banana:
    """The law of (y1, y2 - curvature y1^2) with y ~ N(0, I): a normal bent along a parabola.

    Its log-density is -(x1^2 + y2^2)/2 - log 2 pi with y2 = x2 + curvature x1^2; the bend is a shear, so
    its Jacobian determinant is 1 and no constant is missing. Target of the chapter `newton`.

    >>> Banana(0.1).hessian([[1.0, 0.0]]).round(6)
    array([[[-1.06, -0.2 ],
            [-0.2 , -1.  ]]])
    """

    d = 2

    def __init__(self, curvature: float = 0.1) -> None:
        self.curvature = float(_check.number("curvature", curvature))

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n independent samples, [n, 2]."""
        y = rng.standard_normal((_check.count("n", n), 2))
        return np.stack([y[:, 0], y[:, 1] - self.curvature * y[:, 0] ** 2], 1)

    def log_prob(self, x: ArrayLike) -> np.ndarray:
        """Return log p at each row of x, [n], in nats."""
        x1, y2 = self._unbend(x)
        return -0.5 * (x1**2 + y2**2) - LOG_2PI

    def score(self, x: ArrayLike) -> np.ndarray:
        """Return the gradient of log p, (-x1 - 2 curvature x1 y2, -y2), [n, 2]."""
        x1, y2 = self._unbend(x)
        return np.stack([-x1 - 2 * self.curvature * x1 * y2, -y2], 1)

    def hessian(self, x: ArrayLike) -> np.ndarray:
        """Return the second derivatives of log p at each row of x, [n, 2, 2]."""
        x1, y2 = self._unbend(x)
        out = np.full((len(x1), 2, 2), -1.0)
        out[:, 0, 0] -= 2 * self.curvature * y2 + (2 * self.curvature * x1) ** 2
        out[:, 0, 1] = out[:, 1, 0] = -2 * self.curvature * x1
        return out

    def along_second(
        self, x1: np.ndarray, x2: np.ndarray, out: np.ndarray | None = None
    ) -> tuple[float, np.ndarray, float]:
        """Return the sum of log p and its derivatives along x2, see ``FastLaw``; the second one is -1 everywhere."""
        minus_y2 = np.multiply(x1, -self.curvature, out=out)
        minus_y2 *= x1
        minus_y2 -= x2
        total = -0.5 * (np.dot(x1, x1) + np.dot(minus_y2, minus_y2)) - x1.size * LOG_2PI
        return float(total), minus_y2, -1.0

    def _unbend(self, x: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        x = _check.points("x", x, 2)
        return x[:, 0], x[:, 1] + self.curvature * x[:, 0] ** 2


def banana(curvature: float = 0.1) -> Banana:
    """Return the banana of the chapter `newton`.

    >>> banana().log_prob([[0.0, 0.0]]).round(4)
    array([-1.8379])
    """
    return Banana(curvature)


class TwoMoons:
    """Two interleaved half circles of radius 1 with normal noise of the given std.

    A point is (cos t, sin t) on the upper moon or (1 - cos t, 1/2 - sin t) on the lower one, each with
    probability 1/2 and t uniform on [0, pi], plus noise N(0, std^2 I). The density is an integral over t.
    Gauss-Legendre quadrature turns it into a mixture of normals along the arcs, exact to rounding.

    Args:
        std: of the noise, at least 0.01: the number of quadrature nodes grows with 1 / std.

    Raises:
        ValueError: if ``std`` is no finite number or below 0.01.

    >>> two_moons().log_prob([[0.0, 1.0]]).round(6)
    array([-0.452974])
    """

    d = 2

    def __init__(self, std: float = 0.1) -> None:
        self.std = _check.positive("std", std)
        if self.std < _LEAST_STD:
            raise ValueError(f"std: expected at least {_LEAST_STD}, got {std}")
        nodes, weights = np.polynomial.legendre.leggauss(int(np.ceil(32 + 12 / self.std)))
        t = 0.5 * np.pi * (nodes + 1)
        self._arc = Mixture(np.tile(weights / 4, 2), np.concatenate([_upper(t), _lower(t)]), self.std)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n independent samples, [n, 2]."""
        n = _check.count("n", n)
        t = np.pi * rng.random(n)
        on_upper = rng.random((n, 1)) < 0.5
        return np.where(on_upper, _upper(t), _lower(t)) + self.std * rng.standard_normal((n, 2))

    def log_prob(self, x: ArrayLike) -> np.ndarray:
        """Return log p at each row of x, [n], in nats."""
        return self._arc.log_prob(x)

    def score(self, x: ArrayLike) -> np.ndarray:
        """Return the gradient of log p at each row of x, [n, 2]."""
        return self._arc.score(x)

    def hessian(self, x: ArrayLike) -> np.ndarray:
        """Return the second derivatives of log p at each row of x, [n, 2, 2]."""
        return self._arc.hessian(x)


def _upper(t: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(t), np.sin(t)], 1)


def _lower(t: np.ndarray) -> np.ndarray:
    return np.stack([1 - np.cos(t), 0.5 - np.sin(t)], 1)


def two_moons(std: float = 0.1) -> TwoMoons:
    """Return the two moons on which the chapters `flows` and `coupling` train.

    >>> two_moons().sample(2, np.random.default_rng(0)).shape
    (2, 2)
    """
    return TwoMoons(std)
