"""Ordinary differential equations: solvers as generators, and their errors.

A field f(t, y) gives the slope dy/dt. A solver walks from t0 to t1 in equal steps h and yields (t, y) after each.
See the chapter `ode`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check

Field = Callable[[float, np.ndarray], np.ndarray]
Iterates = Iterator[tuple[float, np.ndarray]]
Solver = Callable[[Field, ArrayLike, float, float, int], Iterates]
OneStep = Callable[[Field, float, np.ndarray, float], np.ndarray]


def euler(f: Field, y0: ArrayLike, t0: float, t1: float, steps: int) -> Iterates:
    """Yield (t, y) of Euler's method, first (t0, y0): y + h f(t, y), statement `euler-method`.

    The largest error is at most proportional to h, statement `euler-error`. An overflow is not caught: y is then inf.
    Numbers are real: a complex problem is one in twice as many real numbers.

    Args:
        f: (t, y) -> dy/dt, of the shape of y. It gets a copy of y, and may write into it.
        y0: start, of any shape: a number, [d], or a batch [n, d].
        t0: time to start from.
        t1: time to end at; below t0 it runs backward.
        steps: number of steps, so h = (t1 - t0) / steps.

    Raises:
        ValueError: at the call, if y0, t0 or t1 is not finite, y0 is empty, t0 = t1, steps is below 1 or so large
            that rounding makes two times equal; on the way, if f changes the shape.

    >>> [(round(t, 3), float(y.round(6))) for t, y in euler(lambda t, y: -2 * y, 3.0, 0.0, 0.3, 3)]
    [(0.0, 3.0), (0.1, 2.4), (0.2, 1.92), (0.3, 1.536)]
    """
    return _solve(_euler_step, f, y0, t0, t1, steps)


def heun(f: Field, y0: ArrayLike, t0: float, t1: float, steps: int) -> Iterates:
    """Yield (t, y) of Heun's method: y + h (k1 + k2) / 2, k2 taken at Euler's next point, statement `heun-method`.

    Two values of f a step, order 2 (`runge-kutta-orders`). Arguments and errors are those of ``euler``.

    >>> [float(y.round(6)) for t, y in heun(lambda t, y: -2 * y, 3.0, 0.0, 0.2, 2)]
    [3.0, 2.46, 2.0172]
    """
    return _solve(_heun_step, f, y0, t0, t1, steps)


def rk4(f: Field, y0: ArrayLike, t0: float, t1: float, steps: int) -> Iterates:
    """Yield (t, y) of the classical Runge-Kutta method: y + h (k1 + 2 k2 + 2 k3 + k4) / 6, statement `rk4-method`.

    Four values of f a step, order 4 (`runge-kutta-orders`). Arguments and errors are those of ``euler``.

    >>> [float(y.round(6)) for t, y in rk4(lambda t, y: -2 * y, 3.0, 0.0, 0.2, 2)]
    [3.0, 2.4562, 2.010973]
    """
    return _solve(_rk4_step, f, y0, t0, t1, steps)


def _euler_step(f: Field, t: float, y: np.ndarray, h: float) -> np.ndarray:
    return y + h * f(t, y)


def _heun_step(f: Field, t: float, y: np.ndarray, h: float) -> np.ndarray:
    k1 = f(t, y)
    k2 = f(t + h, y + h * k1)
    return y + h / 2 * (k1 + k2)


def _rk4_step(f: Field, t: float, y: np.ndarray, h: float) -> np.ndarray:
    k1 = f(t, y)
    k2 = f(t + h / 2, y + h / 2 * k1)
    k3 = f(t + h / 2, y + h / 2 * k2)
    k4 = f(t + h, y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def _solve(step: OneStep, f: Field, y0: ArrayLike, t0: float, t1: float, steps: int) -> Iterates:
    y0 = _check.array("y0", y0).copy()
    h = _step_size(t0, t1, steps)

    def slope(t: float, y: np.ndarray) -> np.ndarray:
        # Copies: f may write into its argument, or return the same array each time.
        return np.array(_check.returned("f", f(t, np.array(y)), y0.shape))

    return _iterates(step, slope, y0, float(t0), float(t1), h, int(steps))


def _iterates(step: OneStep, f: Field, y: np.ndarray, t0: float, t1: float, h: float, steps: int) -> Iterates:
    yield t0, y.copy()
    for k in range(steps):
        y = step(f, t0 + k * h, y, h)
        # Rounding must not move the end, nor the caller's changes the path.
        yield (t1 if k + 1 == steps else t0 + (k + 1) * h), np.array(y)


def _step_size(t0: float, t1: float, steps: int) -> float:
    steps = _check.count("steps", steps)
    t0, t1 = float(_check.number("t0", t0)), float(_check.number("t1", t1))
    if t1 == t0 or not np.isfinite(t1 - t0):
        raise ValueError(f"t1: expected a time at a finite distance from t0 = {t0}, got {t1}")
    h = (t1 - t0) / steps
    if abs(h) < np.spacing(max(abs(t0), abs(t1))):
        raise ValueError(f"steps: expected steps that move the time, got {steps} from {t0} to {t1}")
    return h


def global_errors(
    solver: Solver,
    f: Field,
    y0: ArrayLike,
    t0: float,
    t1: float,
    counts: Iterable[int],
    exact: Callable[[float], ArrayLike],
) -> np.ndarray:
    """Return the global error max_k |y_k - y(t_k)| for each number of steps, the quantity in `order-of-a-method`.

    The norm is the largest entry; another norm differs by a constant factor and has the same order.

    Args:
        solver: ``euler``, ``heun``, ``rk4`` or another generator of (t, y).
        f: field, as for ``euler``.
        y0: start.
        t0: time to start from.
        t1: time to end at.
        counts: numbers of steps, [m].
        exact: t -> y(t), of the shape of y0.

    Returns:
        [m], in the unit of y; nan where the path or exact is nan somewhere.

    Raises:
        ValueError: if counts is no list or empty, exact returns another shape, or for any reason of ``euler``.

    >>> global_errors(euler, lambda t, y: -2 * y, 3.0, 0.0, 0.5, [5, 10], lambda t: 3 * np.exp(-2 * t)).round(4)
    array([0.1206, 0.0576])
    """
    counts = list(counts) if isinstance(counts, Iterable) else []
    if not counts:
        raise ValueError("counts: expected a list of at least one number of steps")
    return np.array([_largest_error(solver(f, y0, t0, t1, n), exact) for n in counts])


def _largest_error(path: Iterates, exact: Callable[[float], ArrayLike]) -> float:
    largest = 0.0
    for t, y in path:
        error = np.abs(y - _check.returned("exact", exact(t), np.shape(y))).max()
        largest = np.maximum(largest, error)  # Python's max would drop a nan
    return float(largest)


def observed_order(counts: ArrayLike, errors: ArrayLike) -> float:
    """Return the slope of log error against log h, by least squares; h is proportional to 1 / counts.

    Raises:
        ValueError: if counts and errors are not two vectors of one length of at least 2, all above 0, or all counts
            are equal.

    >>> round(observed_order([10, 20, 40], [1.0, 0.25, 0.0625]), 9)
    2.0
    """
    counts, errors = _check.vector("counts", counts), _check.vector("errors", errors)
    for name, values in (("counts", counts), ("errors", errors)):
        if len(values) < 2 or len(values) != len(counts) or (values <= 0).any():
            raise ValueError(f"{name}: expected {max(2, len(counts))} or more numbers above 0, got {values}")
    log_h, log_error = -np.log(counts), np.log(errors)
    spread = log_h - log_h.mean()
    if not spread.any():
        raise ValueError("counts: expected at least two different numbers of steps")
    return float(spread @ log_error / (spread @ spread))


def euler_bound(h: float, L: float, M: float, time: float) -> float:
    """Return the bound of `euler-error` on Euler's error after ``time``: M h (e^(L time) - 1) / (2 L).

    Args:
        h: step size, above 0.
        L: Lipschitz constant of f in y, above 0; any larger number is one too.
        M: bound on the norm of y'', at least 0.
        time: t - t0, above 0.

    Returns:
        The bound, in the unit of y; inf where it exceeds the largest number or L time exceeds 709.

    Raises:
        ValueError: if h, L or time is not a finite number above 0, or M not one of at least 0.

    >>> round(euler_bound(0.1, 2.0, 12.0, 0.5), 4)  # y' = -2 y, y(0) = 3, up to t = 0.5
    0.5155
    """
    h, L, time = (_check.positive(name, value) for name, value in {"h": h, "L": L, "time": time}.items())
    if _check.number("M", M) < 0:
        raise ValueError(f"M: expected a number of at least 0, got {M}")
    if M == 0:
        return 0.0
    x = L * time
    growth = 1.0 if x == 0 else np.expm1(x) / x if x <= 709 else np.inf
    # Mantissas and exponents apart: h M alone may underflow where the bound does not.
    mantissa, exponent = np.frexp([0.5, h, M, time, growth])
    with np.errstate(over="ignore"):
        return float(np.ldexp(mantissa.prod(), exponent.sum()))


def growth_factor(solver: Solver, z: ArrayLike) -> np.ndarray:
    """Return R(z), by which one step multiplies y when y' = lam y and z = h lam, statement `growth-factors`.

    Args:
        solver: ``euler``, ``heun``, ``rk4`` or another generator of (t, y).
        z: real, of any shape.

    Returns:
        Of the shape of z. The numbers stay bounded where it is at most 1 in size. An overflow is not caught.

    Raises:
        ValueError: if z is not a finite array of numbers.

    >>> growth_factor(euler, [-0.5, -2.5]), growth_factor(heun, -1.0)
    (array([ 0.5, -1.5]), array(0.5))
    """
    z = _check.array("z", z)
    _, (_, factor) = solver(lambda t, y: z * y, np.ones_like(z), 0.0, 1.0, 1)
    return np.asarray(factor)
