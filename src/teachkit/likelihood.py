"""Likelihood, and the divergences that compare two laws (chapter `likelihood`).

The first part fits a normal law to numbers. The second compares probability vectors; `likelihood_density` does the
same for densities on the line. All results are in nats; the total variation has no unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit._divergence import js_terms, kl_terms

_HALF_LOG_2PI = 0.5 * float(np.log(2 * np.pi))


class GaussianFit(NamedTuple):
    """Mean and standard deviation of a normal law."""

    mu: float
    sigma: float


class Ascent(NamedTuple):
    """One iterate of gradient ascent: the parameters, and the log-likelihood there in nats."""

    mu: float
    sigma: float
    value: float


def gaussian_mle(x: ArrayLike) -> GaussianFit:
    """Return the normal law under which the numbers x are likeliest, statement `gaussian-mle`.

    mu is the mean of x, and sigma^2 the mean of (x - mu)^2: divided by n, not by n - 1.

    Args:
        x: [n], with at least two different values.

    Raises:
        ValueError: if x is not a finite vector, or all its values are the same (the likelihood has no maximum), or
            their deviation is below the smallest number.

    >>> gaussian_mle([1, 3, 4, 5, 7])
    GaussianFit(mu=4.0, sigma=2.0)
    """
    return _spread_out(x)


def gaussian_log_likelihood(x: ArrayLike, mu: ArrayLike, sigma: ArrayLike) -> np.ndarray:
    """Return sum over i of log N(x_i; mu, sigma^2), in nats, statement `gaussian-likelihood`.

    Args:
        x: [n].
        mu: means, of any shape.
        sigma: standard deviations, all above 0, of a shape that NumPy can combine with that of mu.

    Returns:
        One value for each pair of mu and sigma, in their combined shape.

    Raises:
        ValueError: if x is not a finite vector, or mu or sigma is not finite, sigma not above 0, or they do not fit.

    >>> float(gaussian_log_likelihood([1, 3, 4, 5, 7], 4.0, 2.0).round(4))
    -10.5604
    """
    n, (m, s) = _summary(x)
    mu, sigma = _parameters(mu, sigma)
    with np.errstate(over="ignore"):  # where sigma is tiny, the value is -inf
        squares = (s / sigma) ** 2 + _gap(m, mu, sigma) ** 2
    return -n * (_HALF_LOG_2PI + np.log(sigma) + 0.5 * squares)


def gaussian_gradient(x: ArrayLike, mu: float, sigma: float) -> np.ndarray:
    """Return the derivatives of ``gaussian_log_likelihood`` by mu and by log sigma, [2].

    They are n (m - mu) / sigma^2 and n ((s^2 + (m - mu)^2) / sigma^2 - 1), with the mean m and the deviation s of x;
    infinite where they exceed the largest number.

    Raises:
        ValueError: as ``gaussian_log_likelihood``.

    >>> gaussian_gradient([1, 3, 4, 5, 7], 2.0, 2.0)
    array([2.5, 5. ])
    """
    n, (m, s) = _summary(x)
    mu, sigma = np.float64(_check.number("mu", mu)), np.float64(_check.positive("sigma", sigma))
    with np.errstate(over="ignore"):
        gap = _gap(m, mu, sigma)
        return n * np.array([gap / sigma, (s / sigma) ** 2 + gap**2 - 1])


def gaussian_ascent(x: ArrayLike, mu: float, sigma: float, step: float, steps: int = 100) -> Iterator[Ascent]:
    """Climb the mean log-likelihood in mu and log sigma, statement `likelihood-ascent`: yield start and iterates.

    Args:
        x: [n], with at least two different values.
        mu: start.
        sigma: start, above 0.
        step: step size, above 0; near the top it must stay below min(1, 2 s^2), statement `ascent-step`.
        steps: how many.

    Raises:
        ValueError: if an argument is out of its range.
        FloatingPointError: if the numbers overflow: the step is too large for the place where it is taken.

    >>> *_, last = gaussian_ascent([1, 3, 4, 5, 7], 2.0, 2.0, step=0.5)
    >>> round(last.mu, 4), round(last.sigma, 4), round(last.value, 4)
    (4.0, 2.0, -10.5604)
    """
    _spread_out(x)
    mu, sigma = float(_check.number("mu", mu)), _check.positive("sigma", sigma)
    step, steps = _check.positive("step", step), _check.count("steps", steps, low=0)
    return _climb(_check.vector("x", x).copy(), mu, sigma, step, steps)


def _climb(x: np.ndarray, mu: float, sigma: float, step: float, steps: int) -> Iterator[Ascent]:
    for k in range(steps + 1):
        yield Ascent(mu, sigma, float(gaussian_log_likelihood(x, mu, sigma)))
        if k == steps:
            return
        with np.errstate(over="ignore"):
            u, v = step * gaussian_gradient(x, mu, sigma) / x.size
            after = float(mu + u), float(sigma * np.exp(v))  # log sigma moves by v
        if not (np.isfinite(after[0]) and 0 < after[1] < np.inf):
            at = f"mu = {mu:g}, sigma = {sigma:g}"
            raise FloatingPointError(f"step: {step:g} is too large at {at}, the numbers overflow after {k + 1} steps")
        mu, sigma = after


def gaussian_kl(mu1: ArrayLike, sigma1: ArrayLike, mu2: ArrayLike, sigma2: ArrayLike) -> np.ndarray:
    """Return KL(N(mu1, sigma1^2) || N(mu2, sigma2^2)) in nats, statement `gaussian-kl`; shapes as NumPy combines them.

    Raises:
        ValueError: if a number is not finite, a sigma not above 0, or the shapes do not fit.

    >>> gaussian_kl(0.0, 1.0, [0.0, 1.0, 2.0], 1.0)
    array([0. , 0.5, 2. ])
    """
    mu1, sigma1 = _parameters(mu1, sigma1, "1")
    mu2, sigma2 = _parameters(mu2, sigma2, "2")
    try:
        mu1, sigma1, mu2, sigma2 = np.broadcast_arrays(mu1, sigma1, mu2, sigma2)
    except ValueError as error:
        raise ValueError(f"mu2: expected shapes that fit, got {mu1.shape} and {mu2.shape}") from error
    with np.errstate(over="ignore", divide="ignore"):
        near = np.log1p((sigma1 - sigma2) / sigma2)  # keeps the digits where the sigmas are close
        ratio = np.where(np.abs(near) < 0.5, near, np.log(sigma1) - np.log(sigma2))
        return 0.5 * (np.expm1(2 * ratio) - 2 * ratio + _gap(mu1, mu2, sigma2) ** 2)


def entropy(p: ArrayLike) -> float:
    """Return -sum p log p of a probability vector [k], in nats, with 0 log 0 = 0.

    Raises:
        ValueError: if p is not a probability vector.

    >>> round(entropy([0.5, 0.5]), 6), entropy([1.0, 0.0])
    (0.693147, 0.0)
    """
    p = _shares("p", p)
    some = p[p > 0]
    return float(np.abs((some * np.log(some)).sum()))


def kl(p: ArrayLike, q: ArrayLike) -> float:
    """Return KL(p || q) = sum p log(p / q) of probability vectors [k] in nats, statement `kl-divergence`.

    It is infinite where q has a zero and p has none.

    Raises:
        ValueError: if p or q is not a probability vector, or they have not the same length.

    >>> kl([0.5, 0.5], [0.75, 0.25]).__round__(6), kl([0.5, 0.5], [1.0, 0.0])
    (0.143841, inf)
    """
    log_p, log_q = _logs(p, q)
    return float(np.inf if (log_q[log_p > -np.inf] == -np.inf).any() else kl_terms(log_p, log_q).sum())


def js(p: ArrayLike, q: ArrayLike) -> float:
    """Return the Jensen-Shannon divergence of probability vectors [k] in nats, statement `js-divergence`.

    It is (KL(p || m) + KL(q || m)) / 2 with m = (p + q) / 2, and lies between 0 and log 2.

    Raises:
        ValueError: as ``kl``.

    >>> js([1.0, 0.0], [0.0, 1.0]).__round__(6), js([0.5, 0.5], [0.5, 0.5])
    (0.693147, 0.0)
    """
    return float(js_terms(*_logs(p, q)).sum())


def total_variation(p: ArrayLike, q: ArrayLike) -> float:
    """Return sum |p - q| / 2 of probability vectors [k], between 0 and 1, statement `total-variation`.

    Raises:
        ValueError: as ``kl``.

    >>> total_variation([0.5, 0.5], [0.75, 0.25])
    0.25
    """
    p = _shares("p", p)
    return min(1.0, float(np.abs(p - _shares("q", q, len(p))).sum() / 2))


def _logs(p: ArrayLike, q: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    p = _shares("p", p)
    with np.errstate(divide="ignore"):
        return np.log(p), np.log(_shares("q", q, len(p)))


def _shares(name: str, p: ArrayLike, size: int | None = None) -> np.ndarray:
    p = _check.probabilities(name, p, size)
    return p / p.sum()


def _spread_out(x: ArrayLike) -> GaussianFit:
    fit = _summary(x)[1]
    if fit.sigma == 0:
        raise ValueError("x: expected at least two different values, and a deviation above 0, for a maximum to exist")
    return fit


def _gap(a: ArrayLike, b: ArrayLike, scale: ArrayLike) -> np.ndarray:
    """Return (a - b) / scale, also where a - b alone overflows."""
    difference = np.subtract(a, b)
    return np.where(np.isfinite(difference), difference / scale, 2 * ((np.divide(a, 2) - np.divide(b, 2)) / scale))


def _summary(x: ArrayLike) -> tuple[int, GaussianFit]:
    """Return n, the mean of x and the root of its mean squared deviation, at any scale."""
    x = _check.vector("x", x)
    if (x == x[0]).all():
        return x.size, GaussianFit(float(x[0]), 0.0)
    _, power = np.frexp(np.abs(x).max())  # a power of two divides without rounding
    y = np.ldexp(x, -power)
    m = y.mean()
    y = y - y[0]  # exact where the numbers are close, while their mean is rounded
    s = np.sqrt(((y - y.mean()) ** 2).mean())
    return x.size, GaussianFit(float(np.ldexp(m, power)), float(np.ldexp(s, power)))


def _parameters(mu: ArrayLike, sigma: ArrayLike, suffix: str = "") -> tuple[np.ndarray, np.ndarray]:
    mu, sigma = _check.floats(f"mu{suffix}", mu), _check.floats(f"sigma{suffix}", sigma)
    if not np.isfinite(mu).all():
        raise ValueError(f"mu{suffix}: expected finite numbers, got NaN or infinity")
    if not ((sigma > 0) & np.isfinite(sigma)).all():
        raise ValueError(f"sigma{suffix}: expected finite numbers above 0")
    try:
        return np.broadcast_arrays(mu, sigma)
    except ValueError as error:
        raise ValueError(f"sigma{suffix}: expected a shape that fits {mu.shape}, got {sigma.shape}") from error
