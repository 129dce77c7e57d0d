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

    Args:
        f: (t, x [n, d]) -> [n, d], row by row.
        z: points at time t0, [n, d].
        log_pz: their log-densities at t0, [n], in nats.
        t0: time to start from.
        t1: time to end at; below t0 it runs backward.
        steps: number of steps.
        trace: (t, x) -> tr(df/dx), [n]; if None, the exact Jacobian's trace, by differences: 4 d values of f each time.
        solver: ``euler``, ``heun`` or ``rk4``.

    Returns:
        A generator of t, x [n, d] and log p_t(x) [n].

    Raises:
        ValueError: at the call, if z is not a finite [n, d] or log_pz not a finite [n], and as ``euler`` does; on the
            way, if f or trace returns another shape, or, without trace, x is no longer finite.

    >>> field = lambda t, x: -2 * x  # every length shrinks by e^(-2 t), so log p grows by 2 t
    >>> [(t, float(log_p[0].round(9))) for t, x, log_p in density_path(field, [[3.0]], [0.0], 0.0, 0.5, 2)]
    [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0)]
    """
    z = _check.points("z", z)
    log_pz = _check.shaped("log_pz", log_pz, (len(z),))
    rate = _trace_by_differences(f) if trace is None else trace

    def both(t: float, state: np.ndarray) -> np.ndarray:
        x = state[:, :-1]
        slope = _check.returned("f", f(t, x), x.shape)
        return np.column_stack([slope, -_check.returned("trace", rate(t, x), (len(x),))])

    path = solver(both, np.column_stack([z, log_pz]), t0, t1, steps)
    return ((t, state[:, :-1], state[:, -1]) for t, state in path)


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
        ValueError: as ``euler`` does for t0, t1 and steps; when called, as ``density_path`` does.

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
