"""The way back from noise to data (chapter `diffusion_reverse`): targets, the ideal denoiser, ancestral sampling.

A denoiser takes x_t, [n, ...], and the step t, and returns a guess of the noise in x_t, of the same shape. The loss and
the variational bound are in ``diffusion_bound``; their names are here too. Letters: ``a`` is sqrt(abar_t), the share
of the signal, and ``s`` is sqrt(1 - abar_t), that of the noise, so x_t = a x0 + s eps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.data import Gaussian, Mixture
from teachkit.diffusion_bound import (
    Bound,
    Denoiser,
    batch,
    bound,
    bound_weights,
    normal_chain,
    reverse_mean,
    reverse_variance,
    simple_loss,
)
from teachkit.diffusion_schedule import Schedule, per_row

__all__ = [
    "KINDS",
    "Bound",
    "Denoiser",
    "ancestral",
    "bound",
    "bound_weights",
    "convert",
    "ideal_denoiser",
    "normal_chain",
    "reverse_mean",
    "reverse_variance",
    "simple_loss",
    "target",
    "time_embedding",
]
KINDS = ("noise", "x0", "v", "score")
_BLOCK = 1 << 21  # numbers held at once when points meet data


def target(x0: ArrayLike, eps: ArrayLike, t: ArrayLike, schedule: Schedule, kind: str = "noise") -> np.ndarray:
    """Return what a network of this kind is trained to predict at x_t = a x0 + s eps, definition `four-targets`.

    "noise" is eps, "x0" is x0, "v" is a eps - s x0, and "score" is -eps / s, the gradient of log q(x_t | x0).

    Args:
        x0: data, [n, ...].
        eps: the noise, of the shape of x0.
        t: step from 1 to T, or one for each row, [n].
        schedule: of the levels of noise.
        kind: "noise", "x0", "v" or "score".

    Raises:
        ValueError: if the shapes do not fit, t is no step of the schedule, or the kind is none of the four.

    >>> from teachkit.diffusion_schedule import Schedule
    >>> target([[1.0]], [[2.0]], 1, Schedule([0.36]), "v").round(6)  # a = 0.8, s = 0.6
    array([[1.]])
    """
    x0 = batch("x0", x0)
    eps = _check.shaped("eps", eps, x0.shape)
    a, s = _shares(t, x0, schedule)
    return _from_pair(x0, eps, a, s, _kind("kind", kind))


def convert(
    prediction: ArrayLike, xt: ArrayLike, t: ArrayLike, schedule: Schedule, given: str, wanted: str
) -> np.ndarray:
    """Return what a prediction of one kind says in the terms of another, proposition `same-prediction`.

    Each kind gives the pair (x0, eps) with xt = a x0 + s eps, and the pair gives each kind. Where s or a is small the
    way through a division by it loses digits.

    Args:
        prediction: of the kind ``given``, [n, ...].
        xt: where it was made, of the same shape.
        t: step from 1 to T, or one for each row, [n].
        schedule: of the levels of noise.
        given: "noise", "x0", "v" or "score".
        wanted: one of these too.

    Raises:
        ValueError: as ``target``.

    >>> from teachkit.diffusion_schedule import Schedule
    >>> convert([[2.0]], [[2.0]], 1, Schedule([0.36]), "noise", "x0").round(6)  # (2 - 0.6 * 2) / 0.8
    array([[1.]])
    """
    xt = batch("xt", xt)
    prediction = _check.shaped("prediction", prediction, xt.shape)
    a, s = _shares(t, xt, schedule)
    if _kind("given", given) == _kind("wanted", wanted):
        return prediction.copy()
    return _from_pair(*_to_pair(prediction, xt, a, s, given), a, s, wanted)


def _shares(t: ArrayLike, x: np.ndarray, schedule: Schedule) -> tuple[np.ndarray, np.ndarray]:
    abar = per_row(schedule.abar, t, x)
    return np.sqrt(abar), np.sqrt(1 - abar)


def _kind(name: str, kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"{name}: expected one of {', '.join(KINDS)}, got {kind!r}")
    return kind


def _to_pair(p: np.ndarray, xt: np.ndarray, a: np.ndarray, s: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    if kind == "x0":
        return p, (xt - a * p) / s
    if kind == "v":
        return a * xt - s * p, s * xt + a * p
    eps = p if kind == "noise" else -s * p
    return (xt - s * eps) / a, eps


def _from_pair(x0: np.ndarray, eps: np.ndarray, a: np.ndarray, s: np.ndarray, kind: str) -> np.ndarray:
    if kind == "v":
        return a * eps - s * x0
    if kind == "score":
        return -eps / s
    return (eps if kind == "noise" else x0).copy()


def ideal_denoiser(data: ArrayLike | Gaussian | Mixture, schedule: Schedule) -> Denoiser:
    """Return x_t, t -> E[eps | x_t], the minimiser of the simple loss for this law, exact, theorem `ideal-denoiser`.

    For N points it is (x_t - a sum_i w_i x_i) / s, where w is the softmax of -|x_t - a x_i|^2 / (2 s^2).

    Args:
        data: the law of x0: points of equal weight, [N, ...], a ``Gaussian`` or a ``Mixture``.
        schedule: of the levels of noise.

    Raises:
        ValueError: if the data are not a finite array with a row; on the way, if x_t has rows of another shape, or t is
            not a single step of the schedule.

    >>> from teachkit.diffusion_schedule import Schedule
    >>> denoiser = ideal_denoiser([[1.0], [-1.0]], Schedule([0.36]))
    >>> denoiser(np.array([[0.0], [0.8]]), 1).round(4)  # between the two; where x0 = 1 is without noise
    array([[0.    ],
           [0.0741]])
    """
    if isinstance(data, Gaussian):
        shape, noise = (data.d,), _of_gaussian(data)
    elif isinstance(data, Mixture):
        shape, noise = (data.d,), _of_points(data.weights, data.means, data.stds)
    else:
        x = _check.array("data", data)
        if x.ndim < 2:
            raise ValueError(f"data: expected points of shape [N, d], got {x.shape}")
        shape, noise = x.shape[1:], _of_points(np.full(len(x), 1 / len(x)), x.reshape(len(x), -1), np.zeros(len(x)))

    def denoiser(xt: np.ndarray, t: int) -> np.ndarray:
        xt = _check.shaped("xt", xt, (None, *shape))
        a, s = _shares(_check.count("t", t), xt, schedule)
        return noise(xt.reshape(len(xt), -1), a, s).reshape(xt.shape)

    return denoiser


def _of_gaussian(law: Gaussian) -> Callable[[np.ndarray, float, float], np.ndarray]:
    sizes, axes = np.linalg.eigh(law.cov)
    return lambda x, a, s: s * ((x - a * law.mean) @ axes / (a**2 * sizes + s**2)) @ axes.T


def _of_points(
    weights: np.ndarray, means: np.ndarray, stds: np.ndarray
) -> Callable[[np.ndarray, float, float], np.ndarray]:
    """Return the denoiser of a mixture; with stds of 0 its components are points."""
    keep = weights > 0
    weights, means, stds = weights[keep], means[keep], stds[keep]
    centre = means.mean(0)  # products of numbers around 0 keep more digits
    m, d = means - centre, means.shape[1]

    def noise(x: np.ndarray, a: float, s: float) -> np.ndarray:
        v = a**2 * stds**2 + s**2
        z = x - a * centre
        logs = (a * z @ m.T - a**2 * (m**2).sum(1) / 2 - (z**2).sum(1)[:, None] / 2) / v
        logs += np.log(weights) - d / 2 * np.log(v)
        r = np.exp(logs - logs.max(1, keepdims=True))
        r /= r.sum(1, keepdims=True) * v
        return s * (z * r.sum(1)[:, None] - a * (r @ m))

    rows = max(1, _BLOCK // len(m))
    return lambda x, a, s: np.concatenate([noise(x[i : i + rows], a, s) for i in range(0, len(x), rows)])


def ancestral(
    denoiser: Denoiser,
    xT: ArrayLike,
    schedule: Schedule,
    rng: np.random.Generator,
    variance: str | ArrayLike = "posterior",
    noise_at_one: bool = False,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (t, x_t) from (T, xT) to (0, x_0), algorithm `ancestral-sampling`.

    x_{t-1} = (x_t - beta_t / s_t eps(x_t, t)) / sqrt(alpha_t) + sigma_t z with z ~ N(0, I), but z = 0 at t = 1: the
    last step returns the mean. No array that was yielded changes later.

    Args:
        denoiser: (x_t, t) -> noise. It gets a copy of x_t, and may write into it.
        xT: where to start, [n, ...]; as a rule noise from N(0, I).
        schedule: of the levels of noise.
        rng: of the z, one ``standard_normal`` of the shape of xT a step; none at t = 1 without ``noise_at_one``.
        variance: sigma^2, as for ``reverse_variance``.
        noise_at_one: add sigma_1 z too. That is nothing for "posterior", whose sigma_1 is 0.

    Raises:
        ValueError: at the call, if xT is not finite, rng is no generator or the variance is none; on the way, if the
            denoiser changes the shape.

    >>> from teachkit.diffusion_schedule import linear_schedule
    >>> schedule, rng = linear_schedule(100, 1e-4, 0.2), np.random.default_rng(0)
    >>> *_, (t, x0) = ancestral(ideal_denoiser([[1.0], [-1.0]], schedule), np.zeros((4, 1)), schedule, rng)
    >>> t, x0.round(3).ravel()
    (0, array([-1., -1., -1.,  1.]))
    """
    x = batch("xT", xT).copy()
    rng = _check.generator("rng", rng)
    return _back(denoiser, x, schedule, rng, np.sqrt(reverse_variance(schedule, variance)), bool(noise_at_one))


def _back(
    denoiser: Denoiser, x: np.ndarray, schedule: Schedule, rng: np.random.Generator, sigma: np.ndarray, last: bool
) -> Iterator[tuple[int, np.ndarray]]:
    yield schedule.T, x.copy()
    for t in range(schedule.T, 0, -1):
        eps = _check.returned("denoiser", denoiser(x.copy(), t), x.shape)
        x = reverse_mean(eps, x, t, schedule)
        if t > 1 or last:
            x = x + sigma[t] * rng.standard_normal(x.shape)
        yield t - 1, x.copy()


def time_embedding(t: ArrayLike, d: int, longest: float = 10_000) -> np.ndarray:
    """Return sines, then cosines, of t at d / 2 frequencies from 1 down to 1 / longest, definition `time-embedding`.

    Frequency i is longest^(-i / (d/2 - 1)), so the periods grow from 2 pi to 2 pi longest by equal factors.

    Args:
        t: steps, [n]; need not be whole.
        d: even, at least 4.
        longest: above 1; the longest period is 2 pi times this.

    Returns:
        [n, d].

    Raises:
        ValueError: if t is not a finite vector, d not even and at least 4, or longest not above 1.

    >>> time_embedding([0, 1], 4, longest=100).round(4)
    array([[0.    , 0.    , 1.    , 1.    ],
           [0.8415, 0.01  , 0.5403, 1.    ]])
    """
    t = _check.vector("t", t)
    if (d := _check.count("d", d, 4)) % 2:
        raise ValueError(f"d: expected an even number, got {d}")
    if _check.positive("longest", longest) <= 1:
        raise ValueError(f"longest: expected a number above 1, got {longest}")
    angle = t[:, None] * np.geomspace(1, 1 / longest, d // 2)
    return np.concatenate([np.sin(angle), np.cos(angle)], 1)
