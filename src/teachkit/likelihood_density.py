"""Divergences between two densities on the line, by quadrature with an error (chapter `likelihood`).

A density comes as its logarithm, [n, 1] -> [n] in nats, such as the ``log_prob`` of a law in `teachkit.data`.

Quadrature sees a density at its nodes alone. A peak or a hole much narrower than a 64th of the interval may lie
between them; the argument ``points`` tells where to look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from teachkit import _check
from teachkit._divergence import js_terms, kl_terms
from teachkit._quadrature import integrate

LogDensity = Callable[[np.ndarray], np.ndarray]
_LOST = 1e-3  # probability that an interval may leave out
_UNSEEN = 1e-12  # probability that counts as none


class Integral(NamedTuple):
    """The value of an integral, and an estimate of its error."""

    value: float
    error: float


def density_kl(log_p: LogDensity, log_q: LogDensity, low: float, high: float, points: Sequence[float] = ()) -> Integral:
    """Return KL(p || q) of two densities on the line by quadrature over [low, high], in nats.

    The integrand is p log(p / q) - p + q, which is nowhere negative. So the value is a lower bound, up to its
    error: what lies outside of the interval, or between the nodes, can only add to it, without limit. The answer is
    (inf, nan) if the nodes find more than 1e-12 of the mass of p where q = 0.

    Args:
        log_p: log-density [n, 1] -> [n] in nats, -inf where the density is 0; such as the ``log_prob`` of a law.
        log_q: likewise.
        low: lower end of an interval that holds all but a thousandth of either law.
        high: upper end.
        points: places between the ends where the quadrature starts a new panel, such as both ends of a hole in the
            support of q or of a narrow peak, which it may miss otherwise.

    Returns:
        The value, and the estimated error of the quadrature, which knows nothing of what was missed.

    Raises:
        ValueError: if a log-density is no function, low < high does not hold, a point is not between them, a
            log-density is NaN, +inf or not one number a point, or the interval does not hold a mass near 1 of it.

    >>> from teachkit.data import Gaussian
    >>> value, error = density_kl(Gaussian([0], [[1]]).log_prob, Gaussian([1], [[1]]).log_prob, -20, 20)
    >>> round(value, 10), error < 1e-9
    (0.5, True)
    """
    value, error, _, blind = _compare(log_p, log_q, low, high, points, kl_terms)
    return Integral(np.inf, np.nan) if blind > _UNSEEN else Integral(value, error)


def density_js(log_p: LogDensity, log_q: LogDensity, low: float, high: float, points: Sequence[float] = ()) -> Integral:
    """Return the Jensen-Shannon divergence of two densities on the line, in nats; arguments as ``density_kl``.

    The error includes the most that can be due to mass which the integral of either density lacks.

    >>> from teachkit.data import Uniform
    >>> value, error = density_js(Uniform([0], [1]).log_prob, Uniform([0.25], [1.25]).log_prob, -1, 2)
    >>> round(value, 8), error < 1e-8  # log(2) / 4
    (0.1732868, True)
    """
    value, error, outside, _ = _compare(log_p, log_q, low, high, points, js_terms)
    return Integral(value, error + float(np.log(2)) * outside)


def density_total_variation(
    log_p: LogDensity, log_q: LogDensity, low: float, high: float, points: Sequence[float] = ()
) -> Integral:
    """Return half the area between two densities on the line; arguments as ``density_kl``, error as ``density_js``.

    >>> from teachkit.data import Uniform
    >>> value, error = density_total_variation(Uniform([0], [1]).log_prob, Uniform([0.25], [1.25]).log_prob, -1, 2)
    >>> round(value, 8), error < 1e-8
    (0.25, True)
    """
    value, error, outside, _ = _compare(log_p, log_q, low, high, points, _tv_terms)
    return Integral(value, error + outside)


def _tv_terms(log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    return np.abs(np.exp(log_p) - np.exp(log_q)) / 2


def _compare(
    log_p: LogDensity,
    log_q: LogDensity,
    low: float,
    high: float,
    points: Sequence[float],
    terms: Callable[..., np.ndarray],
) -> tuple[float, float, float, float]:
    """Return the integral of ``terms``, its error, the mean mass outside, and the mass of p where q is 0."""
    low, high = _check.number("low", low), _check.number("high", high)
    if not 0 < float(high) - float(low) < np.inf:
        raise ValueError(f"high: expected a number above low = {low}, got {high}")
    points = _check.vector("points", points) if np.size(points) else np.array([])
    if not ((low < points) & (points < high)).all():
        raise ValueError(f"points: expected numbers between {low} and {high}")

    def rows(x: np.ndarray) -> np.ndarray:
        a, b = _evaluate("log_p", log_p, x), _evaluate("log_q", log_q, x)
        p = np.exp(a)
        return np.stack([p, np.exp(b), terms(a, b), np.where(b == -np.inf, p, 0.0)])

    (*masses, value, blind), error = integrate(rows, float(low), float(high), points=points)
    for name, mass in zip(("log_p", "log_q"), masses, strict=True):
        if not abs(mass - 1) <= _LOST:
            raise ValueError(f"{name}: expected a density with mass 1 from {low} to {high}, got mass {mass:.6g}")
    outside = sum(abs(1 - mass) for mass in masses) / 2
    return float(value), float(error[2]), float(outside), float(blind)


def _evaluate(name: str, log_density: LogDensity, x: np.ndarray) -> np.ndarray:
    if not callable(log_density):
        raise ValueError(f"{name}: expected a function, got {type(log_density).__name__}")
    out = _check.floats(name, log_density(x[:, None]))
    if out.shape != x.shape:
        raise ValueError(f"{name}: expected one number a point, {x.shape}, got {out.shape}")
    if not (out < np.inf).all():
        raise ValueError(f"{name}: expected log-densities below infinity, got NaN or infinity")
    return out
