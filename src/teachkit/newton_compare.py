"""Rivals of Newton's method on the same objective: gradient ascent, Adam, BFGS and SciPy's trust region.

Each is a generator of ``teachkit.newton.Iterate``, as ``newton`` is, and ascends the objective of the chapter
`newton`. They ask for less than Newton's method in a step, and need more steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit._newton_layer import arguments
from teachkit.data import SmoothLaw
from teachkit.newton import Iterate, derivatives, newton
from teachkit.trust_region import Model

Move = Callable[[np.ndarray], np.ndarray]
_SCIPY_NAMES = {"bfgs": "BFGS", "trust-exact": "trust-exact"}


class Row(NamedTuple):
    """One method's account.

    Attributes:
        method: its name.
        iterations: steps it took, rejected ones included.
        objectives: values of the objective that it asked for; those that are only recorded do not count.
        gradients: gradients that it asked for.
        hessians: Hessians that it asked for.
        gradient_norm: Euclidean norm of the gradient where it stopped.
        value: the objective there.
        reached: whether that norm is at most the tolerance.
    """

    method: str
    iterations: int
    objectives: int
    gradients: int
    hessians: int
    gradient_norm: float
    value: float
    reached: bool


def gradient_ascent(
    theta0: ArrayLike, z: ArrayLike, target: SmoothLaw, *, step: float = 0.3, max_iter: int = 10_000, tol: float = 1e-10
) -> Iterator[Iterate]:
    """Yield the iterates of theta + step * gradient, first theta0, last the first with gradient norm at most ``tol``.

    Args:
        theta0: start, 4 or 5 entries.
        z: batch, [n, 2].
        target: gives log p, score and Hessian.
        step: factor of the gradient; above 2 / (largest curvature) the iterates run away, until the numbers overflow.
        max_iter: most steps.
        tol: gradient norm at which to stop.

    Raises:
        ValueError: for arguments as in ``newton.objective``, a step or tol not above 0, or max_iter below 1.

    >>> from teachkit.data import banana
    >>> z = np.random.default_rng(0).standard_normal((1000, 2))
    >>> *_, last = gradient_ascent([0, 0, 0, 0], z, banana())
    >>> last.gradient_norm <= 1e-10
    True
    """
    step = _check.positive("step", step)
    return _ascend(theta0, z, target, lambda g: step * g, "gradient", max_iter, tol)


def adam(
    theta0: ArrayLike,
    z: ArrayLike,
    target: SmoothLaw,
    *,
    step: float = 0.05,
    beta1: float = 0.9,
    beta2: float = 0.999,
    max_iter: int = 10_000,
    tol: float = 1e-10,
) -> Iterator[Iterate]:
    """Yield the iterates of Adam on the full batch: running means of g and g^2, freed of their bias from 0.

    Args and errors: as in ``gradient_ascent``; beta1 and beta2, the means' memories, lie in [0, 1).
    Source: Kingma and Ba (2015), algorithm 1, with epsilon 1e-8.

    >>> from teachkit.data import banana
    >>> z = np.random.default_rng(0).standard_normal((1000, 2))
    >>> start, first, *_ = adam([0, 0, 0, 0], z, banana())
    >>> np.abs(first.theta).round(6)  # the first step is the gradient's sign
    array([0.05, 0.05, 0.05, 0.05])
    """
    move = _adam_move(_check.positive("step", step), _memory("beta1", beta1), _memory("beta2", beta2))
    return _ascend(theta0, z, target, move, "adam", max_iter, tol)


def scipy_minimize(
    theta0: ArrayLike, z: ArrayLike, target: SmoothLaw, method: str, *, max_iter: int = 1000, tol: float = 1e-10
) -> Iterator[Iterate]:
    """Yield the iterates of SciPy's "bfgs" or "trust-exact", which get the negated objective.

    SciPy runs to its end first. BFGS may stop before ``tol``, when its line search finds no gain above the rounding
    error of the objective ("precision loss"); the last iterate's gradient norm tells.

    Args and errors: as in ``gradient_ascent``; also ValueError for another method or a start where the derivatives
    are not finite, and ImportError without SciPy.

    >>> from teachkit.data import banana
    >>> z = np.random.default_rng(0).standard_normal((1000, 2))
    >>> *_, last = scipy_minimize([0, 0, 0, 0], z, banana(), "trust-exact")
    >>> last.gradient_norm <= 1e-10
    True
    """
    return iter(_run_scipy(theta0, z, target, method, max_iter, tol)[0])


def compare(theta0: ArrayLike, z: ArrayLike, target: SmoothLaw, tol: float = 1e-10) -> list[Row]:
    """Run Newton's method and its rivals from theta0 to gradient norm ``tol``, and return one account each.

    Newton's method asks for all three derivatives once at the start and once a step.

    Raises:
        ValueError: as in ``gradient_ascent``, or if the objective or a derivative is not finite at theta0.
        ImportError: without SciPy, which comes with the extra ``plot``.

    >>> from teachkit.data import banana
    >>> z = np.random.default_rng(0).standard_normal((1000, 2))
    >>> [row.method for row in compare([0, 0, 0, 0], z, banana()) if row.reached][:2]
    ['newton', 'gradient ascent']
    """
    steps = list(newton(theta0, z, target, tol=tol))
    rows = [_account("newton", steps, (len(steps),) * 3, tol)]
    for name, method in (("gradient ascent", gradient_ascent), ("adam", adam)):
        steps = list(method(theta0, z, target, tol=tol))
        rows.append(_account(name, steps, (0, len(steps), 0), tol))
    for name in _SCIPY_NAMES:
        steps, result = _run_scipy(theta0, z, target, name, 1000, tol)
        rows.append(_account(name, steps, (result.nfev, result.njev, result.get("nhev", 0)), tol))
    return rows


def _ascend(
    theta0: ArrayLike, z: ArrayLike, target: SmoothLaw, move: Move, kind: str, max_iter: int, tol: float
) -> Iterator[Iterate]:
    tol, max_iter = _check.positive("tol", tol), _check.count("max_iter", max_iter)
    theta, z = arguments("theta0", theta0, z)
    return _moves(theta, z, target, move, kind, max_iter, tol)


def _moves(
    theta: np.ndarray, z: np.ndarray, target: SmoothLaw, move: Move, kind: str, max_iter: int, tol: float
) -> Iterator[Iterate]:
    now = derivatives(theta, z, target)
    yield _iterate(theta, now, "start")
    for _ in range(max_iter):
        if now.gradient_norm <= tol or not now.is_finite:
            return
        theta = theta + move(now.gradient)
        now = derivatives(theta, z, target)
        yield _iterate(theta, now, kind)


def _adam_move(step: float, beta1: float, beta2: float) -> Move:
    mean, square, t = 0.0, 0.0, 0

    def move(g: np.ndarray) -> np.ndarray:
        nonlocal mean, square, t
        t += 1
        mean = beta1 * mean + (1 - beta1) * g
        square = beta2 * square + (1 - beta2) * g**2
        return step * mean / (1 - beta1**t) / (np.sqrt(square / (1 - beta2**t)) + 1e-8)

    return move


def _run_scipy(
    theta0: ArrayLike, z: ArrayLike, target: SmoothLaw, method: str, max_iter: int, tol: float
) -> tuple[list[Iterate], Any]:
    minimize = _minimize()
    if method not in _SCIPY_NAMES:
        raise ValueError(f"method: expected one of {', '.join(_SCIPY_NAMES)}, got {method!r}")
    theta, z = arguments("theta0", theta0, z)
    at = _remember_last(lambda theta: derivatives(theta, z, target))
    if not at(theta).is_finite:
        raise ValueError("theta0: expected a start where the objective and its derivatives are finite")
    path = [_iterate(theta, at(theta), "start")]
    largest_entry = _check.positive("tol", tol) / np.sqrt(theta.size)  # SciPy's BFGS looks at this, not at the norm
    result = minimize(
        lambda theta: -at(theta).value,
        theta,
        jac=lambda theta: -at(theta).gradient,
        hess=(lambda theta: -at(theta).hessian) if method == "trust-exact" else None,
        method=_SCIPY_NAMES[method],
        callback=lambda theta: path.append(_iterate(theta.copy(), at(theta), method)),
        options={"gtol": largest_entry, "maxiter": _check.count("max_iter", max_iter)},
    )
    return path, result


def _minimize() -> Callable[..., Any]:
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise ImportError("SciPy's methods need SciPy: pip install 'teachkit[plot]'", name="scipy") from error
    return minimize


def _remember_last(f: Callable[[np.ndarray], Model]) -> Callable[[np.ndarray], Model]:
    """Return f with a memory of one: SciPy asks for value, gradient and Hessian one after the other."""
    last: list[Any] = [None, None]

    def remembered(theta: np.ndarray) -> Model:
        if last[0] is None or not np.array_equal(theta, last[0]):
            last[:] = theta.copy(), f(theta)
        return last[1]

    return remembered


def _iterate(theta: np.ndarray, now: Model, kind: str) -> Iterate:
    return Iterate(theta, now.value, now.gradient_norm, kind, np.inf)


def _account(method: str, path: list[Iterate], evaluations: tuple[int, int, int], tol: float) -> Row:
    last = path[-1]
    return Row(method, len(path) - 1, *evaluations, last.gradient_norm, last.value, last.gradient_norm <= tol)


def _memory(name: str, beta: float) -> float:
    wanted = "a number in [0, 1)"
    if not 0 <= _check.number(name, beta, wanted) < 1:
        raise ValueError(f"{name}: expected {wanted}, got {beta}")
    return float(beta)
