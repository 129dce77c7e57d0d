"""Diffusion forwards: noise step by step, in one jump, and one step back when the start is known.

This is the chapter `diffusion_forward`. Step t makes x_t = sqrt(alpha_t) x_{t-1} + sqrt(beta_t) eps with standard
normal eps and alpha_t = 1 - beta_t. After t steps from x_0 the law is N(sqrt(abar_t) x_0, (1 - abar_t) I) with abar_t
the product of the alphas. A step ``t`` is one int for all rows, or an array of ints, one per row. The schedules are in
``diffusion_schedule``, and their names are here too; walking back is in ``diffusion_reverse``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.data import Gaussian, Mixture
from teachkit.diffusion_schedule import Schedule, cosine_schedule, linear_schedule, per_row, steps

__all__ = [
    "Schedule",
    "cosine_schedule",
    "linear_schedule",
    "marginal",
    "normal_step_cost",
    "posterior",
    "prior_kl",
    "q_sample",
    "q_step",
    "reverse_conditional",
]


def q_step(x: ArrayLike, t: int | np.ndarray, eps: ArrayLike, schedule: Schedule) -> np.ndarray:
    """Return x_t from x_{t-1}: sqrt(alpha_t) x + sqrt(beta_t) eps, definition `forward-chain`.

    Args:
        x: x_{t-1}, [n, ...].
        t: the step, 1 to T: one, or [n].
        eps: standard normal noise of the shape of x.
        schedule: of T steps.

    Raises:
        ValueError: if t is out of range, or a shape does not fit.

    >>> q_step([[10.0]], 1, [[-1.0]], Schedule([0.36]))
    array([[7.4]])
    """
    x, eps = _pair("x", x, "eps", eps)
    keep, add = (per_row(values, t, x) for values in (schedule.alpha, schedule.beta))
    return np.sqrt(keep) * x + np.sqrt(add) * eps


def q_sample(x0: ArrayLike, t: int | np.ndarray, eps: ArrayLike, schedule: Schedule) -> np.ndarray:
    """Return x_t from x_0 in one jump: sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps, statement `forward-kernel`.

    Args:
        x0: clean data, [n, ...].
        t: the step, 1 to T: one, or [n].
        eps: standard normal noise of the shape of x0.
        schedule: of T steps.

    Raises:
        ValueError: if t is out of range, or a shape does not fit.

    >>> q_sample([[10.0], [10.0]], np.array([1, 2]), [[-1.0], [0.0]], Schedule([0.36, 0.75]))
    array([[7.4],
           [4. ]])
    """
    x0, eps = _pair("x0", x0, "eps", eps)
    abar = per_row(schedule.abar, t, x0)
    return np.sqrt(abar) * x0 + np.sqrt(1 - abar) * eps


def posterior(
    x0: ArrayLike, xt: ArrayLike, t: int | np.ndarray, schedule: Schedule
) -> tuple[np.ndarray, float | np.ndarray]:
    """Return mean and variance of x_{t-1} given x_t and x_0, statement `forward-posterior`.

    The mean is (sqrt(abar_{t-1}) beta_t x_0 + sqrt(alpha_t) (1 - abar_{t-1}) x_t) / (1 - abar_t), and every entry has
    the variance ``schedule.posterior_variance[t]``.

    Args:
        x0: clean data, [n, ...].
        xt: after t steps, of the same shape.
        t: the step, 1 to T: one, or [n].
        schedule: of T steps.

    Returns:
        The mean, of the shape of x0; the variance, a float for one t and [n] otherwise.

    Raises:
        ValueError: if t is out of range, or a shape does not fit.

    >>> mean, var = posterior([[1.0]], [[0.4]], 2, Schedule([0.36, 0.75]))
    >>> mean.round(4), round(var, 4)
    (array([[0.8]]), 0.3214)
    """
    x0, xt = _pair("x0", x0, "xt", xt)
    t = steps(t, len(x0), schedule.T)
    alpha, beta, abar = (per_row(values, t, x0) for values in (schedule.alpha, schedule.beta, schedule.abar))
    before = per_row(schedule.abar[:-1], t - 1, x0, low=0)
    mean = (np.sqrt(before) * beta * x0 + np.sqrt(alpha) * (1 - before) * xt) / (1 - abar)
    variance = schedule.posterior_variance[t]
    return mean, float(variance) if isinstance(t, int) else variance


def marginal(law: Gaussian | Mixture | ArrayLike, t: int, schedule: Schedule) -> Gaussian | Mixture:
    """Return the exact law of x_t when x_0 has this law, statement `forward-marginal`.

    Args:
        law: of x_0: a normal law, a mixture of spherical ones, or points [N, d], each with probability 1/N.
        t: 0 to T; for points 1 to T, as they have no density.
        schedule: of T steps.

    Raises:
        ValueError: if law is none of these, or t is out of range.

    >>> law = marginal([[-1.0], [1.0]], 2, Schedule([0.36, 0.75]))
    >>> law.means.ravel(), law.stds.round(4)
    (array([-0.4,  0.4]), array([0.9165, 0.9165]))
    """
    points = not isinstance(law, Gaussian | Mixture)
    abar = schedule.abar[_single(t, schedule.T, int(points))]
    if points:
        law = _check.points("law", law)
        return Mixture(np.full(len(law), 1 / len(law)), np.sqrt(abar) * law, math.sqrt(1 - abar))
    if isinstance(law, Gaussian):
        return Gaussian(np.sqrt(abar) * law.mean, abar * law.cov + (1 - abar) * np.eye(law.d))
    return Mixture(law.weights, np.sqrt(abar) * law.means, np.sqrt(abar * law.stds**2 + 1 - abar))


def reverse_conditional(
    law: Gaussian | Mixture | ArrayLike, xt: ArrayLike, t: int, schedule: Schedule
) -> Gaussian | Mixture:
    """Return the exact law of x_{t-1} given x_t alone, when x_0 has this law, statement `reverse-conditional`.

    Args:
        law: of x_0, as in ``marginal``.
        xt: where step t has led, [d].
        t: 1 to T; for points 2 to T.
        schedule: of T steps.

    Raises:
        ValueError: if law is none of these, xt has another dimension, or t is out of range.

    >>> law = reverse_conditional([[-1.0], [1.0]], [0.4], 2, Schedule([0.36, 0.75]))
    >>> law.means.ravel().round(4), law.weights.round(4)
    (array([-0.6286,  0.8   ]), array([0.4059, 0.5941]))
    """
    points = not isinstance(law, Gaussian | Mixture)
    t = _single(t, schedule.T, 1 + int(points))
    before = marginal(law, t - 1, schedule)
    xt = _check.vector("xt", xt, sizes=(before.d,))
    alpha, beta = schedule.alpha[t], schedule.beta[t]
    if isinstance(before, Gaussian):
        cov = np.linalg.inv(before.precision + alpha / beta * np.eye(before.d))
        cov = (cov + cov.T) / 2
        return Gaussian(cov @ (before.precision @ before.mean + math.sqrt(alpha) / beta * xt), cov)
    v = before.stds[:, None] ** 2
    narrow = v * beta / (beta + alpha * v)
    means = narrow * (before.means / v + math.sqrt(alpha) / beta * xt)
    spread = (alpha * v + beta)[:, 0]
    miss = ((xt - math.sqrt(alpha) * before.means) ** 2).sum(1)
    with np.errstate(divide="ignore"):  # a component without weight keeps none
        log_r = np.log(before.weights) - 0.5 * miss / spread - 0.5 * before.d * np.log(spread)
    r = np.exp(log_r - log_r.max())
    return Mixture(r / r.sum(), means, np.sqrt(narrow[:, 0]))


def normal_step_cost(
    law: Gaussian | Mixture | ArrayLike, t: int, schedule: Schedule, variance: float | None = None
) -> float:
    """Return how far x_{t-1} given x_t is from normal, in nats, for data on the line: statement `normal-step-cost`.

    It is the mean over x_t of KL(q(x_{t-1} | x_t) || the normal law with the same mean and variance), that is
    E log((1 + beta_t (log p_t)''(x_t)) / alpha_t) / 2 + h(x_t) - h(x_{t-1}) with p_t the density of x_t and h the
    entropy. With ``variance`` the normal law has this one, whatever x_t; then E (r - 1 - log r) / 2 is added, with r
    the true variance over this one. The means are sums over 801 nodes for each component of the marginals.
    They are right to eight digits if no component of the data is ten times narrower than another, to three if none is a
    hundred times narrower, and to two if none is three hundred times narrower.

    Args:
        law: of x_0, with d = 1, as in ``marginal``.
        t: 1 to T; for points 2 to T.
        schedule: of T steps.
        variance: of the normal law, above 0; the true one at each x_t if left out.

    Raises:
        ValueError: if law is none of these or not on the line, t is out of range, or variance not above 0.

    >>> round(normal_step_cost([[-1.0], [1.0]], 2, Schedule([0.36, 0.75])), 4)
    0.0335
    """
    t = _single(t, schedule.T, 1 + int(not isinstance(law, Gaussian | Mixture)))
    before, after = marginal(law, t - 1, schedule), marginal(law, t, schedule)
    if after.d != 1:
        raise ValueError(f"law: expected a law on the line, got d = {after.d}")
    (x, p), (y, q) = _nodes(before), _nodes(after)
    beta, alpha = schedule.beta[t], schedule.alpha[t]
    factor = (1 + beta * after.hessian(y).ravel()) / alpha  # the true variance is beta times this
    cost = float(q @ (np.log(factor) / 2 - after.log_prob(y)) + p @ before.log_prob(x))
    if variance is None:
        return cost
    r = beta / _check.positive("variance", variance) * factor
    return cost + float(q @ (r - 1 - np.log(r))) / 2


def prior_kl(x0: ArrayLike, schedule: Schedule) -> np.ndarray:
    """Return KL(q(x_T | x_0) || N(0, I)) for each row of x0, [n], in nats, statement `prior-limit`.

    It is (abar_T |x_0|^2 - d abar_T - d log(1 - abar_T)) / 2; its mean over data bounds KL(q(x_T) || N(0, I)).

    Args:
        x0: clean data, [n, ...], d numbers in a row.
        schedule: of T steps.

    Raises:
        ValueError: if x0 is not [n, ...], or holds a number that is not finite.

    >>> prior_kl([[1.0]], Schedule([0.36, 0.75])).round(4)  # -log(0.84) / 2
    array([0.0872])
    """
    x0 = _rows("x0", x0)
    flat, abar = x0.reshape(len(x0), -1), schedule.abar[-1]
    return 0.5 * (abar * (flat**2).sum(1) - flat.shape[1] * (abar + math.log1p(-abar)))


def _rows(name: str, x: ArrayLike) -> np.ndarray:
    out = _check.array(name, x)
    if out.ndim < 2:
        raise ValueError(f"{name}: expected shape [n, ...], got {out.shape}")
    return out


def _pair(name: str, x: ArrayLike, other: str, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, y = _rows(name, x), _check.array(other, y)
    if x.shape != y.shape:
        raise ValueError(f"{other}: expected the shape of {name}, {x.shape}, got {y.shape}")
    return x, y


def _single(t: int, T: int, low: int) -> int:
    if np.ndim(t):
        raise ValueError(f"t: expected one step, got shape {np.shape(t)}")
    return steps(t, 0, T, low)


def _nodes(law: Gaussian | Mixture) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes [m, 1] and weights [m] of the trapezoidal rule under each component: exact for smooth means."""
    if isinstance(law, Gaussian):
        law = Mixture([1.0], law.mean[None], math.sqrt(law.cov[0, 0]))
    z = np.linspace(-10, 10, 801)
    mass = np.exp(-0.5 * z**2)
    return (law.means + law.stds[:, None] * z).reshape(-1, 1), np.outer(law.weights, mass / mass.sum()).ravel()
