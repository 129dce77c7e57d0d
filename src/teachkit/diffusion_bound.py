"""What a denoiser is worth (chapter `diffusion_reverse`): the simple loss, the variational bound, exact normal chains.

The model walks back by p(x_{t-1} | x_t) = N(mu_t(x_t), sigma_t^2 I) from p(x_T) = N(0, I), where mu_t takes the noise
that the denoiser sees out of x_t. All terms are in nats for a row of data, summed over its entries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.diffusion_forward import prior_kl, q_sample
from teachkit.diffusion_schedule import Schedule, per_row

Denoiser = Callable[[np.ndarray, int], np.ndarray]


class Bound(NamedTuple):
    """The terms of the variational bound on -log p(x0), in nats, means over the rows; theorem `bound-split`.

    ``prior`` is L_T. ``steps`` is [T + 1] like the arrays of a schedule: 0 at index 0, L_0 = -E log p(x0 | x_1) at
    index 1, and L_{t-1} = E KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) at index t.
    """

    prior: float
    steps: np.ndarray

    @property
    def total(self) -> float:
        """Return the bound, L_T + ... + L_0."""
        return float(self.prior + self.steps.sum())


def batch(name: str, x: ArrayLike) -> np.ndarray:
    """Return ``x`` as a finite float64 array [n, ...] with n at least 1, or raise ``ValueError``.

    >>> batch("xT", 1.0)
    Traceback (most recent call last):
    ...
    ValueError: xT: expected shape [n, ...], got one number
    """
    out = _check.array(name, x)
    if out.ndim == 0:
        raise ValueError(f"{name}: expected shape [n, ...], got one number")
    return out


def reverse_mean(eps: ArrayLike, xt: ArrayLike, t: int | np.ndarray, schedule: Schedule) -> np.ndarray:
    """Return (x_t - beta_t / sqrt(1 - abar_t) eps) / sqrt(alpha_t), the mean of the step back, proposition `bound-kl`.

    Args:
        eps: the noise in x_t, known or predicted, of the shape of xt.
        xt: where the step starts, [n, ...].
        t: the step, 1 to T: one, or [n].
        schedule: of T steps.

    Raises:
        ValueError: if a shape does not fit or t is no step.

    >>> reverse_mean([[1.0]], [[1.4]], 1, Schedule([0.36])).round(6)  # the clean point: 1.4 = 0.8 * 1 + 0.6 * 1
    array([[1.]])
    """
    xt = batch("xt", xt)
    eps = _check.shaped("eps", eps, xt.shape)
    alpha, beta, abar = (per_row(values, t, xt) for values in (schedule.alpha, schedule.beta, schedule.abar))
    return (xt - beta / np.sqrt(1 - abar) * eps) / np.sqrt(alpha)


def reverse_variance(schedule: Schedule, variance: str | ArrayLike = "posterior") -> np.ndarray:
    """Return sigma_t^2 of the steps back, [T + 1], with 0 at index 0.

    Args:
        schedule: of T steps.
        variance: "posterior" for the variance of x_{t-1} given x_t and x_0, which is 0 at t = 1; "beta" for beta_t; or
            the numbers themselves, [T + 1], at least 0.

    Raises:
        ValueError: if the variance is none of these.

    >>> reverse_variance(Schedule([0.36, 0.75]), "beta")
    array([0.  , 0.36, 0.75])
    """
    if isinstance(variance, str):
        named = {"posterior": schedule.posterior_variance, "beta": schedule.beta}
        if variance not in named:
            raise ValueError(f'variance: expected "posterior", "beta" or numbers, got {variance!r}')
        return named[variance]
    out = _check.shaped("variance", variance, (schedule.T + 1,))
    if (out < 0).any():
        raise ValueError(f"variance: expected numbers of at least 0, got {out.min()}")
    return out


def simple_loss(predicted: ArrayLike, eps: ArrayLike) -> float:
    """Return the mean of (eps - predicted)^2 over rows and entries, definition `simple-loss`: |.|^2 / d, on average.

    Raises:
        ValueError: if the shapes differ.

    >>> simple_loss([[1.0, 0.0]], [[0.0, 2.0]])
    2.5
    """
    eps = _check.array("eps", eps)
    return float(((eps - _check.shaped("predicted", predicted, eps.shape)) ** 2).mean())


def bound_weights(schedule: Schedule, variance: str | ArrayLike = "posterior") -> np.ndarray:
    """Return by what the bound multiplies E |eps - eps(x_t, t)|^2 at each step, [T + 1], theorem `loss-reweights`.

    It is beta_t^2 / (2 sigma_t^2 alpha_t (1 - abar_t)). At t = 1 the variance of the normal decoder takes the place of
    sigma_1^2: beta_1 where the variance given is 0 there. The simple loss has the same weight at each step.

    Raises:
        ValueError: as ``reverse_variance``, or if a later variance is 0.

    >>> bound_weights(Schedule([0.36, 0.75]), "beta").round(4)
    array([0.    , 0.7812, 1.7857])
    """
    sigma2 = _decoder_variance(schedule, variance)
    weights = np.zeros(schedule.T + 1)
    alpha, beta, abar = schedule.alpha[1:], schedule.beta[1:], schedule.abar[1:]
    weights[1:] = beta**2 / (2 * sigma2[1:] * alpha * (1 - abar))
    return weights


def bound(
    denoiser: Denoiser,
    x0: ArrayLike,
    schedule: Schedule,
    rng: np.random.Generator,
    variance: str | ArrayLike = "posterior",
) -> Bound:
    """Return the terms of the variational bound on -log p(x0) for a normal decoder, theorem `bound-split`.

    The mean over x_t is estimated with one draw for each row and step, so the sum has a spread of its own. The decoder
    p(x0 | x_1) is N(mu_1(x_1), sigma_1^2 I), with beta_1 for sigma_1^2 where the variance given is 0 at t = 1.

    Args:
        denoiser: (x_t, t) -> noise.
        x0: data, [n, ...].
        schedule: of T steps.
        rng: of the noise, one ``standard_normal`` of the shape of x0 a step, from t = 1 to T.
        variance: sigma^2, as for ``reverse_variance``.

    Returns:
        The terms, in nats for a row.

    Raises:
        ValueError: if x0 is not finite or the variance none of these; or if the denoiser changes the shape.

    >>> from teachkit.diffusion_schedule import linear_schedule
    >>> schedule = linear_schedule(50, 1e-3, 0.3)
    >>> exact = lambda x, t: (x - np.sqrt(schedule.abar[t]) * 3) / np.sqrt(1 - schedule.abar[t])  # all data at 3
    >>> terms = bound(exact, np.full((4, 1), 3.0), schedule, np.random.default_rng(0))
    >>> bool(abs(terms.steps[2:]).max() < 1e-12), round(terms.prior, 4)
    (True, 0.001)
    """
    x0, rng = batch("x0", x0), _check.generator("rng", rng)
    sigma2, weights = _decoder_variance(schedule, variance), bound_weights(schedule, variance)
    steps, d = np.zeros(schedule.T + 1), x0[0].size
    for t in range(1, schedule.T + 1):
        eps = rng.standard_normal(x0.shape)
        seen = _check.returned("denoiser", denoiser(q_sample(x0, t, eps, schedule), t), x0.shape)
        steps[t] = weights[t] * ((eps - seen) ** 2).reshape(len(x0), -1).sum(1).mean()
    ratio = schedule.posterior_variance[2:] / sigma2[2:]
    steps[2:] += d / 2 * (ratio - 1 - np.log(ratio))
    steps[1] += d / 2 * np.log(2 * np.pi * sigma2[1])
    return Bound(float(prior_kl(x0, schedule).mean()), steps)


def _decoder_variance(schedule: Schedule, variance: str | ArrayLike) -> np.ndarray:
    sigma2 = reverse_variance(schedule, variance).copy()
    if sigma2[1] == 0:
        sigma2[1] = schedule.beta[1]
    if (sigma2[1:] <= 0).any():
        raise ValueError("variance: expected numbers above 0 for steps 2 to T")
    return sigma2


def normal_chain(
    mean: float,
    var: float,
    schedule: Schedule,
    variance: str | ArrayLike = "posterior",
    noise_at_one: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of x_t under ancestral sampling with the ideal denoiser of N(mean, var), [T + 1] each.

    Nothing is drawn: for a normal law the denoiser is linear, each step back is m_{t-1} = c m_t + b and
    v_{t-1} = c^2 v_t + sigma_t^2, and the start is N(0, 1). Proposition `noise-at-one`.

    Args:
        mean: of the data, on the line.
        var: of the data, at least 0.
        schedule: of T steps.
        variance: sigma^2, as for ``reverse_variance``.
        noise_at_one: add sigma_1 z in the last step too.

    Raises:
        ValueError: if mean or var is no such number, or the variance none of these.

    >>> schedule = Schedule([0.36, 0.75])
    >>> means, variances = normal_chain(0.0, 1.0, schedule, "beta", noise_at_one=True)
    >>> variances.round(9)  # N(0, 1) stays itself with this variance and noise in every step
    array([1., 1., 1.])
    """
    mean, var = _check.number("mean", mean), _check.number("var", var)
    if var < 0:
        raise ValueError(f"var: expected a number of at least 0, got {var}")
    sigma2 = reverse_variance(schedule, variance)
    means, variances = np.zeros(schedule.T + 1), np.ones(schedule.T + 1)
    for t in range(schedule.T, 0, -1):
        abar = schedule.abar[t]
        spread = abar * var + 1 - abar  # of the noisy data; the ideal denoiser is s (x_t - a mean) / spread
        keep = (1 - schedule.beta[t] / spread) / np.sqrt(schedule.alpha[t])
        means[t - 1] = keep * means[t] + np.sqrt(abar / schedule.alpha[t]) * schedule.beta[t] / spread * mean
        variances[t - 1] = keep**2 * variances[t] + (sigma2[t] if t > 1 or noise_at_one else 0.0)
    return means, variances
