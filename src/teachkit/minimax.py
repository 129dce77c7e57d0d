"""The game between a generator and a discriminator (chapter `minimax`).

The first part has the value of the game for finitely many outcomes, or for densities at the nodes of a quadrature
rule. The second has the losses as functions of logits: D = sigmoid(a) with a the discriminator's logit. The third
estimates the Jensen-Shannon divergence from samples. All values are in nats. Two normal laws, where everything is
known, are in ``minimax_gaussian``; small games and their dynamics in ``minimax_games``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit._divergence import js_terms
from teachkit.likelihood import js

LOG_4 = float(np.log(4))
_LOST = 1e-3  # probability that quadrature nodes may leave out


class Estimate(NamedTuple):
    """A mean over samples, and its standard error."""

    value: float
    error: float


def optimal_discriminator(p: ArrayLike, q: ArrayLike) -> np.ndarray:
    """Return D* = p / (p + q), statement `optimal-discriminator`; 1/2 where both are 0, where any number would do.

    Args:
        p: densities or probabilities of the data, of any shape, none below 0.
        q: those of the generator at the same points.

    Raises:
        ValueError: if an entry is negative or not finite, or the shapes differ.

    >>> optimal_discriminator([0.5, 0.5, 0.0, 0.0], [0.5, 0.0, 1.0, 0.0])
    array([0.5, 1. , 0. , 0.5])
    """
    p, q = _masses("p", p), _masses("q", q)
    _same_shape("q", q, p)
    _, power = np.frexp(np.maximum(p, q))  # so that the sum of huge numbers does not overflow
    p, q = np.ldexp(p, -power), np.ldexp(q, -power)
    return np.divide(p, p + q, out=np.full(p.shape, 0.5), where=p + q > 0)


def value(p: ArrayLike, q: ArrayLike, D: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return V = sum of p log D + q log(1 - D), definition `gan-value`, with 0 log 0 = 0.

    It is -inf where D is certain and wrong with positive probability, also if D = 1 came from rounding. The losses
    take logits instead, which do not round.

    Args:
        p: probabilities of the data, [k]; with weights: its densities at the nodes of a quadrature rule.
        q: those of the generator, [k].
        D: the discriminator at these points, [k], from 0 to 1.
        weights: of the quadrature rule, [k], none below 0.

    Raises:
        ValueError: if a shape does not fit, D leaves [0, 1], p or q is not a probability vector, or their weighted
            sum is not 1 up to a thousandth.

    >>> round(value([0.5, 0.5], [0.5, 0.5], [0.5, 0.5]), 4)  # -log 4
    -1.3863
    """
    p, q, weights = _laws(p, q, weights)
    D = _check.vector("D", D, (p.size,))
    if not ((D >= 0) & (D <= 1)).all():
        raise ValueError(f"D: expected numbers from 0 to 1, got {D[(D < 0) | (D > 1)][0]}")
    return float(weights @ (_times_log(p, D) + _times_log(q, 1 - D)))


def jsd(p: ArrayLike, q: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the Jensen-Shannon divergence, in nats; arguments as ``value``.

    Without weights this is ``likelihood.js``. For densities that are known as functions,
    ``likelihood_density.density_js`` chooses its own nodes and has an error.

    >>> x = np.arange(0.005, 2, 0.01)
    >>> p, q = 1.0 * (x < 1), 1.0 * (x > 1)
    >>> round(jsd(p, q, np.full(x.size, 0.01)), 4)  # log 2
    0.6931
    """
    if weights is None:
        return js(p, q)
    p, q, weights = _laws(p, q, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = js_terms(np.log(p), np.log(q))
    return float(weights @ np.where(p + q > 0, terms, 0.0))


def sigmoid(a: ArrayLike) -> np.ndarray:
    """Return 1 / (1 + exp(-a)), the probability of the logit a, without overflow.

    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    return np.exp(-softplus(-_check.array("a", a)))


def softplus(a: ArrayLike) -> np.ndarray:
    """Return log(1 + exp(a)) = -log sigmoid(-a), without overflow or loss of digits.

    >>> softplus([-1000.0, 1000.0])
    array([   0., 1000.])
    """
    return np.logaddexp(0.0, _check.array("a", a))


def discriminator_loss(real: ArrayLike, fake: ArrayLike) -> float:
    """Return -mean log D(real) - mean log(1 - D(fake)) from logits, the negative of V on a batch.

    Args:
        real: logits on data, of any shape.
        fake: logits on samples of the generator, of any shape.

    Raises:
        ValueError: if one of them is empty or not finite.

    >>> round(discriminator_loss([0.0], [0.0]), 4)  # log 4
    1.3863
    """
    return float(softplus(-_check.array("real", real)).mean() + softplus(_check.array("fake", fake)).mean())


def minimax_loss(fake: ArrayLike) -> float:
    """Return mean log(1 - D(fake)) from logits: what the generator lowers in the minimax game.

    >>> round(minimax_loss([0.0]), 4)
    -0.6931
    """
    return float(-softplus(_check.array("fake", fake)).mean())


def non_saturating_loss(fake: ArrayLike) -> float:
    """Return -mean log D(fake) from logits: what the generator lowers in practice.

    >>> round(non_saturating_loss([0.0]), 4)
    0.6931
    """
    return float(softplus(-_check.array("fake", fake)).mean())


def minimax_slope(a: ArrayLike) -> np.ndarray:
    """Return d/da log(1 - sigmoid(a)) = -sigmoid(a), statement `generator-slopes`.

    >>> minimax_slope([-1000.0, 0.0])  # a fake that is found out gets no gradient
    array([-0. , -0.5])
    """
    return -sigmoid(a)


def non_saturating_slope(a: ArrayLike) -> np.ndarray:
    """Return d/da -log sigmoid(a) = -(1 - sigmoid(a)), statement `generator-slopes`.

    >>> non_saturating_slope([-1000.0, 0.0])
    array([-1. , -0.5])
    """
    return -sigmoid(-_check.array("a", a))


def discriminator_slopes(real: ArrayLike, fake: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives of -log sigmoid(real) and of -log(1 - sigmoid(fake)) by the logits.

    >>> discriminator_slopes([0.0], [0.0])
    (array([-0.5]), array([0.5]))
    """
    return -sigmoid(-_check.array("real", real)), sigmoid(_check.array("fake", fake))


def jsd_from_samples(
    log_p: Callable[[np.ndarray], np.ndarray],
    log_q: Callable[[np.ndarray], np.ndarray],
    x: ArrayLike,
    y: ArrayLike,
) -> Estimate:
    """Return a Monte Carlo estimate of the Jensen-Shannon divergence where both densities are known.

    It is ``jsd_bound`` with the logit of D*, log p - log q, and has no bias.

    Args:
        log_p: log-density [n, d] -> [n] in nats, such as the ``log_prob`` of a law.
        log_q: likewise.
        x: samples of p, [n, d], at least 2.
        y: samples of q, [m, d], at least 2.

    Raises:
        ValueError: if the shapes do not fit, or a sample lies where the density of its own law is 0.

    >>> from teachkit.data import Gaussian
    >>> rng, p, q = np.random.default_rng(0), Gaussian([0], [[1]]), Gaussian([1], [[1]])
    >>> jsd, error = jsd_from_samples(p.log_prob, q.log_prob, p.sample(4000, rng), q.sample(4000, rng))
    >>> abs(jsd - 0.11121) < 3 * error < 0.02
    True
    """
    x = _check.points("x", x)
    y = _check.points("y", y, x.shape[1])
    return _bound(_log_ratio("x", log_p, log_q, x), -_log_ratio("y", log_q, log_p, y, ("log_q", "log_p")))


def jsd_bound(real: ArrayLike, fake: ArrayLike) -> Estimate:
    """Return (V + log 4) / 2 for a discriminator with these logits, statement `jsd-bound`.

    Its expectation never exceeds the Jensen-Shannon divergence, if the discriminator was not trained on these samples.

    Args:
        real: logits on samples of the data, [n], at least 2.
        fake: logits on samples of the generator, [m], at least 2.

    Raises:
        ValueError: if one of them is not a finite vector, or has one entry.

    >>> jsd_bound([0.0, 0.0], [0.0, 0.0])
    Estimate(value=0.0, error=0.0)
    """
    return _bound(_check.vector("real", real), _check.vector("fake", fake))


def _bound(real: np.ndarray, fake: np.ndarray) -> Estimate:
    total, variance = LOG_4, 0.0
    for name, a, sign in (("real", real, -1), ("fake", fake, 1)):
        if a.size < 2:
            raise ValueError(f"{name}: expected at least two samples, got {a.size}")
        terms = np.logaddexp(0.0, sign * a)
        total, variance = total - terms.mean(), variance + terms.var(ddof=1) / a.size
    return Estimate(float(total / 2), float(np.sqrt(variance) / 2))


def _log_ratio(
    name: str, own: Callable, other: Callable, z: np.ndarray, names: tuple[str, str] = ("log_p", "log_q")
) -> np.ndarray:
    a, b = (_check.returned(n, f(z), (len(z),)) for n, f in zip(names, (own, other), strict=True))
    with np.errstate(invalid="ignore"):
        out = a - b
    if (np.isnan(out) | (out == -np.inf)).any():
        raise ValueError(f"{name}: expected samples where {names[0][-1]} has a density above 0")
    return out


def _laws(p: ArrayLike, q: ArrayLike, weights: ArrayLike | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if weights is None:
        p = _check.probabilities("p", p)
        return p, _check.probabilities("q", q, p.size), np.ones(p.size)
    weights = _masses("weights", _check.vector("weights", weights))
    p = _masses("p", _check.vector("p", p, (weights.size,)))
    q = _masses("q", _check.vector("q", q, (weights.size,)))
    for name, density in (("p", p), ("q", q)):
        if not abs(weights @ density - 1) <= _LOST:
            raise ValueError(f"{name}: expected a weighted sum of 1, got {weights @ density:.6g}")
    return p, q, weights


def _masses(name: str, p: ArrayLike) -> np.ndarray:
    p = _check.array(name, p)
    if (p < 0).any():
        raise ValueError(f"{name}: expected no number below 0, got {p.min()}")
    return p


def _same_shape(name: str, x: np.ndarray, like: np.ndarray) -> None:
    if x.shape != like.shape:
        raise ValueError(f"{name}: expected shape {like.shape}, got {x.shape}")


def _times_log(p: np.ndarray, D: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(D), 0.0)
