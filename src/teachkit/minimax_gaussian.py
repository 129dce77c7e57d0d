"""The game between two normal laws on the line, where everything is known (chapter `minimax`).

Data N(mu, sigma^2), and a generator z -> m + s z of standard normal noise, so that its law is N(m, s^2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit._quadrature import integrate
from teachkit.minimax import minimax_slope, non_saturating_slope, sigmoid, softplus

_FAR = 12.0  # standard deviations, beyond which a normal law has less than 1e-32 of its mass
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
        raise ValueError(f"s: the logit's coefficients overflow for deviations {sigma:g} and {s:g}")
    return out


def gaussian_game(mu: float, sigma: float, m: float, s: float) -> Game:
    """Return value, divergence and both gradients of the generator, by quadrature; statement `generator-gradients`.

    Raises:
        ValueError: as ``gaussian_logit``.

    >>> game = gaussian_game(0.0, 1.0, 0.0, 1.0)
    >>> round(game.value, 6), game.jsd, game.minimax.round(12) + 0
    (-1.386294, 0.0, array([0., 0.]))
    """
    a = gaussian_logit(mu, sigma, m, s)
    real = _mean(lambda z: [softplus(-a(mu + sigma * z))])
    fake = _mean(lambda z: [softplus(a(m + s * z)), *_pull(minimax_slope, a, m, s, z)])
    other = _mean(lambda z: _pull(non_saturating_slope, a, m, s, z))
    value = -float(real[0] + fake[0])
    return Game(value, max((value + _LOG_4) / 2, 0.0), fake[1:], other)


def shift_gradients(m: float) -> tuple[float, float]:
    """Return both gradients by m for data N(0, 1) and generator N(m, 1), statement `vanishing-gradient`.

    They are m E D* and m (1 - E D*), with D* = sigmoid(m^2/2 - m x) and x drawn from the generator.

    Raises:
        ValueError: if m is not a finite number.

    >>> minimax, non_saturating = shift_gradients(10.0)
    >>> f"{minimax:.1e} {non_saturating:.4f}"
    '4.5e-06 10.0000'
    """
    m = float(_check.number("m", m))
    share = float(_mean(lambda z: [sigmoid(-m * m / 2 - m * z)])[0])
    return m * share, m * (1 - share)


def _pull(slope: Callable, a: Quadratic, m: float, s: float, z: np.ndarray) -> list[np.ndarray]:
    """Return loss'(a(x)) a'(x) (dx/dm, dx/ds) at x = m + s z."""
    x = m + s * z
    pulled = slope(a(x)) * a.slope(x)
    return [pulled, pulled * z]


def _mean(rows: Callable[[np.ndarray], list[np.ndarray]]) -> np.ndarray:
    """Return the expectations of functions of a standard normal z."""

    def weighted(z: np.ndarray) -> np.ndarray:
        return np.stack(rows(z)) * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)

    return integrate(weighted, -_FAR, _FAR)[0]


def _laws(mu: float, sigma: float, m: float, s: float) -> tuple[float, float, float, float]:
    return (
        float(_check.number("mu", mu)),
        _check.positive("sigma", sigma),
        float(_check.number("m", m)),
        _check.positive("s", s),
    )
