"""The game between two normal laws on the line, where everything is known (chapter `minimax`).

Data N(mu, sigma^2), and a generator z -> m + s z of standard normal noise, so that its law is N(m, s^2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit._quadrature import integrate
from teachkit.minimax import minimax_slope, non_saturating_slope, softplus

_FAR = 12.0  # standard deviations, beyond which a normal law has less than 1e-32 of its mass
_KNOTS = np.array([-12.0, -6.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0, 12.0])  # where panels start under a narrow bell
_FLAT = 40.0  # where 1/cosh is below 1e-17
_LOG_4 = float(np.log(4))


class Quadratic(NamedTuple):
    """The function c0 + c1 x + c2 x^2."""

    c0: float
    c1: float
    c2: float

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """Return its values at x, of any shape."""
        x = _check.floats("x", x)
        return self.c0 + x * (self.c1 + x * self.c2)

    def slope(self, x: ArrayLike) -> np.ndarray:
        """Return its derivative at x."""
        return self.c1 + 2 * self.c2 * _check.floats("x", x)


class Game(NamedTuple):
    """What the best discriminator makes of a generator.

    Attributes:
        value: V(D*, G), in nats.
        jsd: the Jensen-Shannon divergence of data and generator, in nats.
        minimax: gradient of E log(1 - D*(m + s z)) by m and s with D* held fixed, [2].
        non_saturating: likewise of -E log D*(m + s z), [2].
    """

    value: float
    jsd: float
    minimax: np.ndarray
    non_saturating: np.ndarray


def gaussian_logit(mu: float, sigma: float, m: float, s: float) -> Quadratic:
    """Return the logit of D* for data N(mu, sigma^2) and generator N(m, s^2), statement `gaussian-discriminator`.

    It is log p - log q, a quadratic: c2 = (1/s^2 - 1/sigma^2)/2, c1 = mu/sigma^2 - m/s^2 and
    c0 = m^2/(2 s^2) - mu^2/(2 sigma^2) + log(s/sigma). With s = sigma it is linear.

    Raises:
        ValueError: if a number is not finite, a deviation not above 0, or a coefficient overflows.

    >>> gaussian_logit(0.0, 1.0, 2.0, 1.0)
    Quadratic(c0=2.0, c1=-2.0, c2=0.0)
    """
    mu, sigma, m, s = _laws(mu, sigma, m, s)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        u, v = np.float64(mu) / sigma, np.float64(m) / s
        out = Quadratic(
            float((v - u) * (v + u) / 2 + np.log(s) - np.log(sigma)),
            float(u / sigma - v / s),
            float((1 / np.float64(s) - 1 / np.float64(sigma)) * (1 / np.float64(s) + 1 / np.float64(sigma)) / 2),
        )
    if not np.isfinite(out).all():
        name = "s" if not np.isfinite(out.c2) else "mu" if abs(u) > abs(v) else "m"
        raise ValueError(f"{name}: the logit's coefficients overflow for N({mu:g}, {sigma:g}^2) and N({m:g}, {s:g}^2)")
    return out


def gaussian_game(mu: float, sigma: float, m: float, s: float) -> Game:
    """Return value, divergence and both gradients of the generator, by quadrature; statement `generator-gradients`.

    The error of value and divergence is below 1e-12, that of the gradients below 1e-12/sigma or, where this is more,
    1e-12 of the larger one. For the relative size of a tiny gradient see ``shift_gradients``.

    Raises:
        ValueError: as ``gaussian_logit`` for data N(0, 1) and a generator with (m - mu)/sigma and s/sigma.

    >>> game = gaussian_game(0.0, 1.0, 0.0, 1.0)
    >>> round(game.value, 6), game.jsd, game.minimax.round(12) + 0
    (-1.386294, 0.0, array([0., 0.]))
    """
    mu, sigma, m, s = _laws(mu, sigma, m, s)
    m, s = (m - mu) / sigma, s / sigma  # in units of the data, so that nothing cancels
    gaussian_logit(0.0, 1.0, m, s)
    real = _mean(lambda x: [softplus(-_logit(x, (x - m) / s, s))], m + s * _KNOTS)
    fake = _mean(lambda z: _fake(z, m, s), (_KNOTS - m) / s)
    value = -float(real[0] + fake[0])
    return Game(value, max((value + _LOG_4) / 2, 0.0), fake[1:3] / sigma, fake[3:] / sigma)  # the 0 against rounding


def shift_gradients(m: float) -> tuple[float, float]:
    """Return both gradients by m for data N(0, 1) and generator N(m, 1), statement `vanishing-gradient`.

    They are g = m E D* and m - g, with D* = sigmoid(m^2/2 - m x) and x drawn from the generator. Computed as
    g = m exp(-m^2/8) E[1/(2 cosh(m u/2))] with a standard normal u, so that no digits of a tiny g are lost.

    Raises:
        ValueError: if m is not a finite number.

    >>> minimax, non_saturating = shift_gradients(10.0)
    >>> f"{minimax:.1e} {non_saturating:.4f}"
    '4.5e-06 10.0000'
    """
    m = float(_check.number("m", m))
    unit = min(1.0, 2 / max(abs(m), 1.0))  # u = unit t
    steep = m * unit
    overlap = integrate(lambda t: (_bell(unit * t) / (2 * np.cosh(steep * t / 2)))[None], -_FLAT, _FLAT)[0][0]
    small = steep * math.exp(-m * m / 8) * float(overlap)
    return small, m - small


def _logit(x: np.ndarray, z: np.ndarray, s: float) -> np.ndarray:
    """Return log p - log q at x = m + s z, for data N(0, 1)."""
    return (z - x) * (z + x) / 2 + np.log(s)


def _fake(z: np.ndarray, m: float, s: float) -> list[np.ndarray]:
    """Return softplus of the logit at x = m + s z, and loss'(logit) logit'(x) (dx/dm, dx/ds) for both losses."""
    x = m + s * z
    a = _logit(x, z, s)
    pulls = [slope(a) * (z / s - x) for slope in (minimax_slope, non_saturating_slope)]
    return [softplus(a), *(part for pull in pulls for part in (pull, pull * z))]


def _mean(rows: Callable[[np.ndarray], list[np.ndarray]], points: np.ndarray) -> np.ndarray:
    """Return the expectations of functions of a standard normal, which may change fast around these points."""
    inside = points[np.abs(points) < _FAR]
    return integrate(lambda z: np.stack(rows(z)) * _bell(z), -_FAR, _FAR, points=inside)[0]


def _bell(z: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


def _laws(mu: float, sigma: float, m: float, s: float) -> tuple[float, float, float, float]:
    return (
        float(_check.number("mu", mu)),
        _check.positive("sigma", sigma),
        float(_check.number("m", m)),
        _check.positive("s", s),
    )
