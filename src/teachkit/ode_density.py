"""The density that a flow in time carries along: dx/dt = f(t, x) as a model (chapter `ode`).

The solvers are those of `teachkit.ode`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.change_of_variables import Bijection
from teachkit.jacobian import jacobian
from teachkit.ode import Field, Solver, rk4


def density_path(
    f: Field,
    z: ArrayLike,
    log_pz: ArrayLike,
    t0: float,
    t1: float,
    steps: int,
    *,
    trace: Field | None = None,
    solver: Solver = rk4,
) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Yield (t, x, log p_t(x)) along dx/dt = f(t, x), d log p/dt = -tr(df/dx), `instantaneous-change-of-variables`.

    f must be Lipschitz in x, as in the theorem. If it is not, a run may leave all bounds (an error here), or jump over
    the place where the solution ends and return finite nonsense: compare runs with different steps.

    Args:
        f: (t, x [n, d]) -> [n, d], row by row.
        z: points at time t0, [n, d].
        log_pz: their log-densities at t0, [n], in nats; -inf where the density is 0.
        t0: time to start from.
        t1: time to end at; below t0 it runs backward.
        steps: number of steps.
        trace: (t, x) -> tr(df/dx), [n]; if None, by differences with steps of 7e-4 max(1, |x_i|), as in
            `teachkit.jacobian`: 4 d values of f each time. Give it if f has kinks or varies on a shorter scale.
        solver: ``euler``, ``heun`` or ``rk4``.

    Returns:
        A generator of t, x [n, d] and log p_t(x) [n].

    Raises:
        ValueError: at the call, if z is not a finite [n, d], log_pz not an [n] or NaN or inf in it, and as ``euler``
            does; on the way, if f or trace returns another shape, or x is no longer finite.

    >>> field = lambda t, x: -2 * x  # every length shrinks by e^(-2 t), so log p grows by 2 t
    >>> [(t, float(log_p[0].round(9))) for t, x, log_p in density_path(field, [[3.0]], [0.0], 0.0, 0.5, 2)]
    [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0)]
    """
    z = _check.points("z", z)
    log_pz = _log_densities(log_pz, len(z))
    rate = _trace_by_differences(f) if trace is None else trace

    def both(t: float, state: np.ndarray) -> np.ndarray:
        x = _bounded(t, state[:, :-1])
        slope = _bounded(t, np.array(_check.returned("f", f(t, x.copy()), x.shape)))
        return np.column_stack([slope, -_check.returned("trace", rate(t, x), (len(x),))])

    # The solver carries what log p gains: log_pz may be -inf.
    path = solver(both, np.column_stack([z, np.zeros(len(z))]), t0, t1, steps)
    return ((t, _bounded(t, state[:, :-1]), log_pz + state[:, -1]) for t, state in path)


def _log_densities(log_pz: ArrayLike, n: int) -> np.ndarray:
    log_pz = _check.floats("log_pz", log_pz)
    if log_pz.shape != (n,) or not (log_pz < np.inf).all():
        raise ValueError(f"log_pz: expected shape [{n}], finite numbers or -inf, got {log_pz}")
    return log_pz.copy()


def _bounded(t: float, x: np.ndarray) -> np.ndarray:
    if not np.isfinite(x).all():
        raise ValueError(f"f: expected a run of finite numbers, but by t = {t:.6g} it left all bounds or met NaN")
    return x


def _trace_by_differences(f: Field) -> Field:
    return lambda t, x: np.einsum("nii->n", jacobian(lambda points: f(t, points), x))


def continuous_flow(
    f: Field, t0: float, t1: float, steps: int, *, trace: Field | None = None, solver: Solver = rk4
) -> Bijection:
    """Return the flow of dx/dt = f(t, x) from t0 to t1 as a bijection with log-determinant, the integral of the trace.

    ``inverse`` runs backward in time. Value, inverse and log-determinant each carry the solver's error: they fit the
    differential equation, and each other up to a power of h alone, statement `discrete-log-det`.

    Args:
        f: field, as for ``density_path``.
        t0: time of the base z.
        t1: time of the data x.
        steps: number of steps of each run.
        trace: as for ``density_path``.
        solver: likewise.

    Raises:
        ValueError: as ``euler`` does for t0, t1 and steps; when called, as ``density_path`` does. A place that the
            flow does not reach has no inverse; ``density_path`` says what then happens.

    >>> x, log_det = continuous_flow(lambda t, x: -2 * x, 0.0, 0.5, 8).forward([[3.0]])
    >>> x.round(4), log_det.round(9)
    (array([[1.1036]]), array([-1.]))
    """
    solver(f, 0.0, t0, t1, steps)  # it checks the times, and does not start

    def run(name: str, x: ArrayLike, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
        x = _check.points(name, x)
        path = density_path(f, x, np.zeros(len(x)), start, end, steps, trace=trace, solver=solver)
        _, y, log_p = deque(path, maxlen=1).pop()  # the steps before are not kept
        return y, -log_p

    return Bijection(lambda z: run("z", z, t0, t1), lambda x: run("x", x, t1, t0))
