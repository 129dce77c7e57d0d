"""Flow matching: a velocity along straight lines from noise to data, and the ODE it drives (chapter `sampling`).

Time runs as in a flow: t = 0 is the noise z, t = 1 the data x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check, ode
from teachkit.data import Gaussian, Mixture
from teachkit.diffusion_forward import Schedule

Velocity = Callable[[np.ndarray, float], np.ndarray]
_METHODS = {"euler": ode.euler, "heun": ode.heun}


def flow_path(z: ArrayLike, x: ArrayLike, t: float | ArrayLike) -> np.ndarray:
    """Return the points (1 - t) z + t x on the lines from noise to data, statement `flow-matching`.

    Args:
        z: noise, [n, ...].
        x: data, of the shape of z.
        t: a time from 0 to 1 for all rows, or one for each, [n].

    Returns:
        Of the shape of z.

    Raises:
        ValueError: if the shapes differ or t is not in [0, 1].

    >>> flow_path([[0.0], [0.0]], [[4.0], [8.0]], [0.25, 1.0])
    array([[1.],
           [8.]])
    """
    z, x = _pair(z, x)
    t = _check.array("t", t)
    if t.shape not in ((), (len(z),)) or (t < 0).any() or (t > 1).any():
        raise ValueError(f"t: expected one number from 0 to 1, or {len(z)} of them, got {t}")
    t = t.reshape(t.shape + (1,) * (z.ndim - 1)) if t.ndim else t
    return (1 - t) * z + t * x


def velocity_target(z: ArrayLike, x: ArrayLike) -> np.ndarray:
    """Return x - z, the velocity of ``flow_path`` at every time: what the network learns to predict.

    Raises:
        ValueError: if the shapes differ.

    >>> velocity_target([[0.0]], [[4.0]])
    array([[4.]])
    """
    z, x = _pair(z, x)
    return x - z


def ideal_velocity(data: Gaussian | Mixture | ArrayLike) -> Velocity:
    """Return v(x, t) = E[X - Z | (1 - t) Z + t X = x] with Z ~ N(0, I) apart from X: the minimiser of `flow-matching`.

    For a component N(m, s^2 I) it is m + (t s^2 - (1 - t)) / (t^2 s^2 + (1 - t)^2) (x - t m), and the components are
    weighted by how likely they are at x.

    Args:
        data: law of X, a normal law or a mixture; or points [N, d] of equal weight.

    Returns:
        (x [n, d], t from 0 to 1) -> [n, d]; for points, t must be below 1.

    Raises:
        ValueError: if data is none of these; when called, if x is not [n, d] or t not such a time.

    >>> velocity = ideal_velocity(Gaussian([3.0], [[4.0]]))
    >>> velocity(np.array([[2.0]]), 0.0), velocity(np.array([[2.0]]), 1.0)
    (array([[1.]]), array([[2.]]))
    """
    if isinstance(data, Gaussian):
        return _normal_velocity(data)
    if isinstance(data, Mixture):
        return _mixture_velocity(data.weights, data.means, data.stds)
    points = _check.points("data", data)
    return _mixture_velocity(np.full(len(points), 1 / len(points)), points, np.zeros(len(points)))


def flow(velocity: Velocity, z: ArrayLike, steps: int, method: str = "euler") -> Iterator[tuple[float, np.ndarray]]:
    """Yield (t, x) of dx/dt = velocity(x, t) from the noise (0, z) to (1, x) in equal steps, by ``teachkit.ode``.

    Euler's step is a step of DDIM with eta = 0 (`flow-is-diffusion`). Heun's method also asks for the velocity at
    t = 1, which points as data do not have.

    Args:
        velocity: (x [n, ...], t) -> [n, ...].
        z: start, [n, ...].
        steps: number of steps.
        method: "euler" or "heun".

    Raises:
        ValueError: if method is another word, z is one number or not finite, or steps is below 1; on the way, if
            velocity returns another shape.

    >>> *_, (t, x) = flow(ideal_velocity(Gaussian([3.0], [[4.0]])), [[0.0], [1.0]], 100, "heun")
    >>> t, x.round(2)
    (1.0, array([[3.],
           [5.]]))
    """
    if method not in _METHODS:
        raise ValueError(f"method: expected 'euler' or 'heun', got {method!r}")
    z = _rows(z)
    return _METHODS[method](lambda t, x: _check.returned("velocity", velocity(x, t), z.shape), z, 0.0, 1.0, steps)


def flow_times(schedule: Schedule) -> np.ndarray:
    """Return the times 1 / (1 + sigma_k) of a flow at which it meets the schedule's steps, [T + 1], falling from 1.

    sigma_k = sqrt((1 - abar_k) / abar_k). If x_k is on a path of the probability flow, x_k / sqrt(abar_k) times this
    time is on a path of the flow, statement `flow-is-diffusion`.

    >>> flow_times(Schedule([0.5, 0.6])).round(6)
    array([1.      , 0.5     , 0.333333])
    """
    return 1 / (1 + np.sqrt((1 - schedule.abar) / schedule.abar))


def straightness(velocity: Velocity, z: ArrayLike, steps: int, method: str = "heun") -> float:
    """Return how far the paths bend: the mean over paths and times of |velocity - (end - start)|^2, `straightness`.

    It is 0 exactly if every path is a line run through at one speed; then a single step of Euler's is exact.

    Args:
        velocity: as for ``flow``.
        z: starts, [n, ...].
        steps: of the solver; the velocity at a time is taken as the solver's step.
        method: likewise.

    Returns:
        A number of at least 0, in the squared unit of x.

    Raises:
        ValueError: as ``flow`` does.

    >>> straightness(lambda x, t: 0 * x + 2, [[0.0], [1.0]], 4)
    0.0
    """
    path = [x for _, x in flow(velocity, z, steps, method)]
    bend = np.diff(path, axis=0) * (len(path) - 1) - (path[-1] - path[0])
    return float((bend.reshape(len(bend), len(path[0]), -1) ** 2).sum(2).mean())


def _pair(z: ArrayLike, x: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    z = _rows(z)
    return z, _check.shaped("x", x, z.shape)


def _rows(z: ArrayLike) -> np.ndarray:
    z = _check.array("z", z)
    if z.ndim == 0:
        raise ValueError("z: expected shape [n, ...], got one number")
    return z


def _mixture_velocity(weights: np.ndarray, means: np.ndarray, stds: np.ndarray) -> Velocity:
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    centre = means.mean(0)  # products of numbers around 0 keep more digits
    m = means - centre

    def velocity(x: np.ndarray, t: float) -> np.ndarray:
        x, t = _check.points("x", x, means.shape[1]), _time(t)
        variance = t**2 * stds**2 + (1 - t) ** 2
        if not (variance > 0).all():
            raise ValueError("t: expected a time below 1, as points have no velocity there")
        z = x - t * centre
        squared = ((z**2).sum(1)[:, None] - 2 * t * z @ m.T + t**2 * (m**2).sum(1)) / variance
        log_r = log_weights - 0.5 * squared - 0.5 * means.shape[1] * np.log(variance)
        r = np.exp(log_r - log_r.max(1, keepdims=True))
        r /= r.sum(1, keepdims=True)
        pull = r * ((t * stds**2 - (1 - t)) / variance)
        return centre + r @ m + pull.sum(1)[:, None] * z - t * pull @ m

    return velocity


def _normal_velocity(law: Gaussian) -> Velocity:
    identity = np.eye(law.d)

    def velocity(x: np.ndarray, t: float) -> np.ndarray:
        x, t = _check.points("x", x, law.d), _time(t)
        variance = t**2 * law.cov + (1 - t) ** 2 * identity
        gain = np.linalg.solve(variance, t * law.cov - (1 - t) * identity)  # both symmetric, and they commute
        return law.mean + (x - t * law.mean) @ gain

    return velocity


def _time(t: float) -> float:
    if not 0 <= _check.number("t", t) <= 1:
        raise ValueError(f"t: expected a number from 0 to 1, got {t}")
    return float(t)
