"""Samplers of a diffusion model: DDIM, the ODE and the SDEs with the same marginals (chapter `sampling`).

A denoiser maps (x_t [n, ...], t) to the noise that it finds in x_t. A sampler yields (t, x), from (T, x_T) down to
(0, x_0), and never changes what it has yielded. Guidance is in ``sampling_guidance``, flow matching in
``sampling_flow``; their names are here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.diffusion_forward import Schedule
from teachkit.diffusion_reverse import Denoiser
from teachkit.sampling_flow import flow, flow_path, flow_times, ideal_velocity, straightness, velocity_target
from teachkit.sampling_guidance import guided, guided_law, guided_log_density, labelled

__all__ = [
    "ddim",
    "ddim_coefficients",
    "flow",
    "flow_path",
    "flow_times",
    "grid_down",
    "guided",
    "guided_law",
    "guided_log_density",
    "ideal_velocity",
    "labelled",
    "noise_ratio",
    "probability_flow",
    "reverse_sde",
    "spaced",
    "straightness",
    "velocity_target",
]
Trajectory = Iterator[tuple[int, np.ndarray]]
Stride = Callable[[np.ndarray, int, int], np.ndarray]


def spaced(T: int, steps: int) -> np.ndarray:
    """Return steps times out of 1..T, evenly spaced, with T the last: round(k T / steps), k = 1..steps.

    Raises:
        ValueError: if steps is no whole number from 1 to T.

    >>> spaced(1000, 4), spaced(10, 3)
    (array([ 250,  500,  750, 1000]), array([ 3,  7, 10]))
    """
    T, steps = _check.count("T", T), _check.count("steps", steps)
    if steps > T:
        raise ValueError(f"steps: expected at most T = {T}, got {steps}")
    return np.rint(np.arange(1, steps + 1) * T / steps).astype(int)


def grid_down(times: int | ArrayLike | None, T: int) -> list[int]:
    """Return the steps that a sampler visits, falling, with 0 at the end.

    Args:
        times: how many of 1..T, evenly spaced; or which, in any order; None for all.
        T: number of the steps.

    Raises:
        ValueError: if times holds a number twice or one that is no step from 1 to T, or asks for more than T.

    >>> grid_down(3, 10), grid_down([2, 9], 10)
    ([10, 7, 3, 0], [9, 2, 0])
    """
    if times is None:
        return list(range(_check.count("T", T), -1, -1))
    if np.ndim(times) == 0:
        chosen = spaced(T, _check.count("times", times))
    else:
        chosen = np.unique(_check.vector("times", times))
        whole = (chosen == np.rint(chosen)).all() and chosen[0] >= 1 and chosen[-1] <= T
        if len(chosen) != len(np.asarray(times)) or not whole:
            raise ValueError(f"times: expected different whole numbers from 1 to {T}, got {times}")
    return [int(t) for t in chosen[::-1]] + [0]


def noise_ratio(schedule: Schedule) -> np.ndarray:
    """Return sigma_t = sqrt((1 - abar_t) / abar_t), [T + 1]: noise per signal, 0 at t = 0, rising.

    Raises:
        ValueError: if schedule is no ``Schedule``.

    >>> from teachkit.diffusion_forward import Schedule
    >>> noise_ratio(Schedule([0.5, 0.6])).round(6)
    array([0., 1., 2.])
    """
    if not isinstance(schedule, Schedule):
        raise ValueError(f"schedule: expected a Schedule, got {type(schedule).__name__}")
    return np.sqrt((1 - schedule.abar) / schedule.abar)


def ddim_coefficients(t: int, s: int, schedule: Schedule, eta: float = 0.0) -> tuple[float, float, float]:
    """Return (a, b, c) of a step from t to s < t: x_s = a x0 + b eps + c z, statement `ddim-sampling`.

    a = sqrt(abar_s), c = eta sqrt((1 - abar_s) / (1 - abar_t) (1 - abar_t / abar_s)), b = sqrt(1 - abar_s - c^2);
    x0 and eps are what the denoiser finds in x_t.

    Raises:
        ValueError: if not 0 <= s < t <= T, or eta is no number from 0 to 1.

    >>> from teachkit.diffusion_forward import Schedule
    >>> [round(number, 6) for number in ddim_coefficients(2, 1, Schedule([0.5, 0.6]), eta=1.0)]
    [0.707107, 0.353553, 0.612372]
    """
    s = _check.count("s", s, low=0)
    t = _check.count("t", t, low=s + 1)
    if t > schedule.T:
        raise ValueError(f"t: expected at most T = {schedule.T}, got {t}")
    here, there = schedule.abar[t], schedule.abar[s]
    variance = _eta(eta) ** 2 * (1 - there) / (1 - here) * (1 - here / there)
    return float(np.sqrt(there)), float(np.sqrt(max(1 - there - variance, 0.0))), float(np.sqrt(variance))


def ddim(
    denoiser: Denoiser,
    xT: ArrayLike,
    schedule: Schedule,
    times: int | ArrayLike | None = None,
    eta: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Trajectory:
    """Yield (t, x) of DDIM, statement `ddim-sampling`: remove the noise that is found, and put a part of it back.

    eta = 0 draws nothing; eta = 1 over all steps is ancestral sampling with the posterior's variance, draw for draw
    (`ddim-ancestral`). One call of the denoiser a step. Source: Song, Meng and Ermon (2021), equation 12.

    Args:
        denoiser: (x_t [n, ...], t) -> noise, of the shape of x_t.
        xT: start, [n, ...], at the noise level of the largest time.
        schedule: of T steps.
        times: the steps to visit: a number of them for ``spaced``, or an array of different ones; None for all.
        eta: share of the noise that is drawn anew, from 0 to 1.
        rng: for the fresh noise; it may be left out if eta = 0.

    Raises:
        ValueError: at the call, if xT is one number or not finite, times are not in 1..T, eta not in [0, 1], or rng
            is missing; on the way, if the denoiser returns another shape.

    >>> from teachkit.diffusion_forward import linear_schedule
    >>> path = ddim(lambda x, t: 0 * x, [[1.0]], linear_schedule(), times=2)
    >>> [(t, float(x[0, 0].round(3))) for t, x in path]
    [(1000, 1.0), (500, 44.128), (0, 157.41)]
    """
    eta, sigma = _eta(eta), noise_ratio(schedule)
    if eta > 0:
        rng = _check.generator("rng", rng)

    def step(x: np.ndarray, t: int, s: int) -> np.ndarray:
        eps = _noise(denoiser, x, t)
        x0 = x / np.sqrt(schedule.abar[t]) - sigma[t] * eps
        a, b, c = ddim_coefficients(t, s, schedule, eta)
        return a * x0 + b * eps + (c * rng.standard_normal(x.shape) if c > 0 else 0.0)

    return _walk(step, xT, schedule, times)


def probability_flow(
    denoiser: Denoiser,
    xT: ArrayLike,
    schedule: Schedule,
    times: int | ArrayLike | None = None,
    method: str = "euler",
) -> Trajectory:
    """Yield (t, x) of the ODE with the same marginals, d(x / sqrt(abar)) / d sigma = eps, `probability-flow`.

    sigma = ``noise_ratio``. Euler's step is DDIM's with eta = 0 (`ddim-euler`), one call each; Heun's takes a second
    slope at the end of the step, statement `heun-sampling`, two calls each but for the last one, to t = 0, which is
    Euler's: a denoiser knows no t = 0. Source: Karras et al. (2022), algorithm 1.

    Args:
        denoiser: as for ``ddim``.
        xT: likewise.
        schedule: likewise.
        times: likewise; the solver's grid.
        method: "euler" or "heun".

    Raises:
        ValueError: if method is another word, and as ``ddim`` does.

    >>> from teachkit.diffusion_forward import linear_schedule
    >>> schedule = linear_schedule()
    >>> exact = lambda x, t: np.sqrt(1 - schedule.abar[t]) * x  # for data from N(0, 1): nothing should move
    >>> *_, (t, x) = probability_flow(exact, [[1.0]], schedule, times=50, method="heun")
    >>> t, x.round(2)
    (0, array([[1.]]))
    """
    if method not in ("euler", "heun"):
        raise ValueError(f"method: expected 'euler' or 'heun', got {method!r}")
    sigma, scale = noise_ratio(schedule), np.sqrt(schedule.abar)

    def step(x: np.ndarray, t: int, s: int) -> np.ndarray:
        slope = _noise(denoiser, x, t)
        there = scale[s] * (x / scale[t] + (sigma[s] - sigma[t]) * slope)
        if method == "heun" and s > 0:
            slope = (slope + _noise(denoiser, there, s)) / 2
            there = scale[s] * (x / scale[t] + (sigma[s] - sigma[t]) * slope)
        return there

    return _walk(step, xT, schedule, times)


def reverse_sde(
    denoiser: Denoiser,
    xT: ArrayLike,
    schedule: Schedule,
    rng: np.random.Generator | None = None,
    times: int | ArrayLike | None = None,
    noise: float = 1.0,
) -> Trajectory:
    """Yield (t, x) of Euler-Maruyama on the SDEs that run back with the same marginals, statement `reverse-sdes`.

    x_s = x + B (x + (1 + noise^2) score) / 2 + noise sqrt(B) z, with score = -eps / sqrt(1 - abar_t) and B the
    integral of beta over the step, log(abar_s / abar_t). noise = 1 is the reverse of the forward SDE, noise = 0 the
    probability-flow ODE by Euler in time. The last step adds its noise as well, as the method says.

    Args:
        denoiser: as for ``ddim``.
        xT: likewise.
        schedule: likewise; steps with B above 1 are coarse, and the result is then far off.
        rng: for the noise; it may be left out if noise = 0.
        times: as for ``ddim``.
        noise: size of the noise, at least 0.

    Raises:
        ValueError: if noise is below 0, and as ``ddim`` does.

    >>> from teachkit.diffusion_forward import linear_schedule
    >>> schedule, rng = linear_schedule(), np.random.default_rng(0)
    >>> exact = lambda x, t: np.sqrt(1 - schedule.abar[t]) * x  # for data from N(0, 1)
    >>> *_, (t, x) = reverse_sde(exact, rng.standard_normal((4000, 1)), schedule, rng)
    >>> t, bool(abs(x.std() - 1) < 0.05)
    (0, True)
    """
    if _check.number("noise", noise) < 0:
        raise ValueError(f"noise: expected a number of at least 0, got {noise}")
    if noise > 0:
        rng = _check.generator("rng", rng)
    sigma, scale = noise_ratio(schedule), np.sqrt(schedule.abar)

    def step(x: np.ndarray, t: int, s: int) -> np.ndarray:
        B = 2 * np.log(scale[s] / scale[t])
        score = -_noise(denoiser, x, t) / (scale[t] * sigma[t])
        x = x + B / 2 * (x + (1 + noise**2) * score)
        return x + noise * np.sqrt(B) * rng.standard_normal(x.shape) if noise > 0 else x

    return _walk(step, xT, schedule, times)


def _walk(step: Stride, xT: ArrayLike, schedule: Schedule, times: int | ArrayLike | None) -> Trajectory:
    xT = _check.array("xT", xT).copy()
    if xT.ndim == 0:
        raise ValueError("xT: expected shape [n, ...], got one number")
    grid = grid_down(times, schedule.T)

    def path() -> Trajectory:
        x = xT
        yield grid[0], x.copy()
        for t, s in pairwise(grid):
            x = step(x, t, s)
            yield s, x.copy()

    return path()


def _noise(denoiser: Denoiser, x: np.ndarray, t: int) -> np.ndarray:
    return _check.returned("denoiser", denoiser(x.copy(), t), x.shape)


def _eta(eta: float) -> float:
    if not 0 <= _check.number("eta", eta) <= 1:
        raise ValueError(f"eta: expected a number from 0 to 1, got {eta}")
    return float(eta)
