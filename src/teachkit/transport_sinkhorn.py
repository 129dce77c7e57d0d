"""Transport with an entropy: Sinkhorn's iteration, stable for small eps (chapter `transport`).

Potentials stay in the logarithmic domain. Between two logarithmic steps the same iteration runs as two products with
one fixed matrix, which saves the exponentials; it is given up as soon as its factors grow too far.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.transport_plan import masses_and_cost, total_cost

_FAR = 1e40  # factors beyond this, or below its inverse, are not trusted
_INNER = 50  # products between two logarithmic steps


class Entropic(NamedTuple):
    """An iterate of Sinkhorn's iteration.

    Attributes:
        plan: P_ij = a_i b_j exp((f_i + g_j - cost_ij) / eps), [n, m]; its column sums are b.
        value: its cost, sum P_ij cost_ij.
        f: potential of the sources, [n].
        g: potential of the targets, [m].
        residual: sum over i of |row sum i - a_i|, the mass that is not where it should be.
        lower: a lower bound for the cost of every plan, from g and the largest f that `kantorovich-duality` allows.
        iterations: how many updates of both potentials led here.
    """

    plan: np.ndarray
    value: float
    f: np.ndarray
    g: np.ndarray
    residual: float
    lower: float
    iterations: int


class NotConvergedError(ArithmeticError):
    """Sinkhorn's iteration ended before its tolerance was met; ``last`` is the iterate that it reached."""

    def __init__(self, last: Entropic, tol: float) -> None:
        self.last = last
        super().__init__(
            f"Sinkhorn has not converged: residual {last.residual:.2e} after {last.iterations} iterations, "
            f"above tol {tol:g}"
        )


def sinkhorn(
    a: ArrayLike, b: ArrayLike, cost: ArrayLike, eps: float, *, tol: float = 1e-5, max_iter: int = 10_000
) -> tuple[np.ndarray, float]:
    """Return the plan that minimises sum P_ij cost_ij + eps KL(P | a b^T), and its cost without the second term.

    Statements `entropic-transport` and `sinkhorn-iteration`. The cost exceeds the optimal one by 0 to
    eps log min(n, m), statement `entropic-bias`, up to tol times the spread of the costs, since rows may be wrong by
    tol. From f = g = 0 the iteration would need about 1 / eps steps to move the potentials at all. So eps is halved
    from the spread of the costs on, with 50 iterations for each value.

    Args:
        a: masses of the sources, [n], with sum 1.
        b: masses of the targets, [m], with sum 1.
        cost: [n, m], any finite numbers.
        eps: strength of the smoothing, above 0, in the unit of the costs.
        tol: mass that may be in the wrong row, above 0.
        max_iter: updates of both potentials, at least 1; those at larger eps are not counted.

    Returns:
        P [n, m] and its cost.

    Raises:
        ValueError: as ``plan``, or if eps, tol or max_iter is not as above, or cost / eps overflows.
        NotConvergedError: if the tolerance is not met; it tells the residual and holds the last iterate.

    >>> P, value = sinkhorn([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], 0.5)
    >>> P.round(4).tolist(), round(value, 4)
    ([[0.4404, 0.0596], [0.0596, 0.4404]], 0.1192)
    """
    tol, max_iter = _check.positive("tol", tol), _check.count("max_iter", max_iter)
    g, done = _warm_start(a, b, cost, eps), 0
    while done < max_iter:
        steps = min(_INNER, max_iter - done)
        last = next(sinkhorn_path(a, b, cost, eps, steps, g))
        if last.residual <= tol:
            return last.plan, last.value
        g, done = last.g, done + steps
    raise NotConvergedError(last._replace(iterations=done), tol)


def sinkhorn_path(
    a: ArrayLike, b: ArrayLike, cost: ArrayLike, eps: float, every: int = _INNER, start: ArrayLike | None = None
) -> Iterator[Entropic]:
    """Yield every ``every``-th iterate of Sinkhorn's iteration, without end.

    One iteration, in the logarithmic domain: f_i = -eps log sum_j b_j exp((g_j - cost_ij) / eps), then
    g_j = -eps log sum_i a_i exp((f_i - cost_ij) / eps).

    Args:
        a: as in ``sinkhorn``, and so are b, cost and eps.
        b: masses of the targets.
        cost: [n, m].
        eps: strength of the smoothing.
        every: iterations from one iterate to the next.
        start: the g to begin with, [m]; zero if left out.

    Raises:
        ValueError: as ``sinkhorn``, or if every is not a whole number of at least 1, or start not a finite [m].

    >>> path = sinkhorn_path([0.5, 0.5], [0.25, 0.75], [[0.0, 1.0], [1.0, 0.0]], 0.5, every=1)
    >>> [round(next(path).residual, 4) for _ in range(3)]
    [0.1809, 0.0654, 0.0205]
    """
    a, b, cost = masses_and_cost(a, b, cost)
    eps, every = _check.positive("eps", eps), _check.count("every", every)
    g = np.zeros(b.size) if start is None else _check.vector("start", start, (b.size,))
    M, G = _in_units("cost", cost, eps), _in_units("start", g, eps)
    return _path(a / a.sum(), b / b.sum(), cost, M, G, eps, every)


def _path(
    a: np.ndarray, b: np.ndarray, cost: np.ndarray, M: np.ndarray, G: np.ndarray, eps: float, every: int
) -> Iterator[Entropic]:
    """Yield the iterates from G on; M and G are the costs and the g in units of eps."""
    done = 0
    while True:
        done += every
        left = every
        while left:
            F, G = _logarithmic(a, b, M, G)
            F, G, more = _products(a, b, M, F, G, left - 1)
            left -= 1 + more
        P = a[:, None] * b * np.exp(F[:, None] + G - M)
        residual = float(np.abs(P.sum(axis=1) - a).sum())
        lower = eps * float(a @ (M - G).min(axis=1) + b @ G)
        yield Entropic(P, total_cost(P, cost), eps * F, eps * G, residual, lower, done)


def _in_units(name: str, x: np.ndarray, eps: float) -> np.ndarray:
    """Return x / eps, or raise ``ValueError`` if sums of such numbers might overflow."""
    with np.errstate(over="ignore"):
        x = x / eps
    if not np.abs(x).max() < 1e300:
        raise ValueError(f"eps: expected a number that {name} / eps does not overflow with, got {eps}")
    return x


def _warm_start(a: ArrayLike, b: ArrayLike, cost: ArrayLike, eps: float) -> np.ndarray:
    """Return the g that the iteration reaches while eps falls by halves from about half the spread of the costs."""
    a, b, cost = masses_and_cost(a, b, cost)
    M = _in_units("cost", cost, _check.positive("eps", eps))
    g = np.zeros(b.size)
    for k in range(int(np.log2(max(np.ptp(M / 2), 1.0))), 0, -1):
        g = next(sinkhorn_path(a, b, cost, eps * 2.0**k, start=g)).g
    return g


def _logarithmic(a: np.ndarray, b: np.ndarray, M: np.ndarray, G: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both potentials, in units of eps, after one iteration."""
    with np.errstate(divide="ignore"):  # a mass may be 0
        log_a, log_b = np.log(a), np.log(b)
    F = -_log_sum_exp((G + log_b) - M, axis=1)
    return F, -_log_sum_exp((F + log_a)[:, None] - M, axis=0)


def _products(
    a: np.ndarray, b: np.ndarray, M: np.ndarray, F: np.ndarray, G: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return both potentials after up to ``most`` iterations by products, and how many were safe."""
    if most == 0:
        return F, G, 0
    u, v, done = np.ones(a.size), np.ones(b.size), 0
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        K = np.exp(F[:, None] + G - M)
        while done < most:
            next_u = 1 / (K @ (b * v))
            next_v = 1 / ((a * next_u) @ K)
            if not (_moderate(next_u) and _moderate(next_v)):
                break
            u, v, done = next_u, next_v, done + 1
    return F + np.log(u), G + np.log(v), done


def _moderate(u: np.ndarray) -> bool:
    return bool(u.min() > 1 / _FAR and u.max() < _FAR)  # false for NaN


def _log_sum_exp(x: np.ndarray, axis: int) -> np.ndarray:
    """Return log sum exp x along an axis; overwrites x."""
    top = x.max(axis=axis, keepdims=True)
    x -= top
    return np.log(np.exp(x, out=x).sum(axis=axis)) + top.squeeze(axis)
