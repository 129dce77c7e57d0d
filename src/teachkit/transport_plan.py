"""Optimal transport between finitely many points: plan, potentials, assignment, witness (chapter `transport`).

All of it is one linear programme and its dual, solved in exact arithmetic by ``_transport_exact``. SciPy solves the
assignment, and is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit._transport_exact import solve

_TINY = np.finfo(float).tiny


def cost_matrix(x: ArrayLike, y: ArrayLike, p: float = 1.0) -> np.ndarray:
    """Return the costs |x_i - y_j|^p in the Euclidean norm, [n, m].

    Args:
        x: [n, d].
        y: [m, d].
        p: power, above 0.

    Raises:
        ValueError: if x or y is not a finite array of two axes, d differs, p is not above 0, or the power of a distance
            is too large or, where the points differ, too small for a float.

    >>> cost_matrix([[0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]])
    array([[5., 1.]])
    """
    x, p = _check.points("x", x), _check.positive("p", p)
    y = _check.points("y", y, x.shape[1])
    columns = list(zip(x.T[:, :, None], y.T, strict=True))
    with np.errstate(over="ignore"):
        widest = reduce(np.maximum, (np.abs(u - v) for u, v in columns))
        scale = np.where(widest > 0, np.ldexp(1.0, np.frexp(widest)[1] - 1), 1.0)
        # From differences: |x|^2 - 2 x.y + |y|^2 would cancel for points close to each other.
        squares = sum(((u - v) / scale) ** 2 for u, v in columns)
        cost = squares ** (p / 2) * scale**p
    if not np.isfinite(cost).all() or (p > 1 and (cost[widest > 0] < _TINY).any()):
        raise ValueError(f"x, y: expected points whose distances, to the power {p:g}, are in the range of floats")
    return cost


def power_of_two(top: float) -> float:
    """Return the largest power of two up to ``top``, and 1 for 0: dividing by it is exact and avoids overflow.

    >>> power_of_two(5.0), power_of_two(0.3), power_of_two(0.0)
    (4.0, 0.25, 1.0)
    """
    return float(np.ldexp(1.0, np.frexp(top)[1] - 1)) if top > 0 else 1.0


def assignment(cost: ArrayLike) -> tuple[np.ndarray, float]:
    """Return the permutation s that minimises the mean of cost[i, s(i)], and that mean, statement `birkhoff`.

    For weights 1/n on both sides it is the value of `plan`. SciPy solves it in floats, in O(n^3) operations.

    Args:
        cost: [n, n], any finite numbers.

    Returns:
        s [n] and the value, in the unit of the costs.

    Raises:
        ValueError: if the cost is not a finite square matrix.

    >>> s, value = assignment([[1.0, 0.0], [0.0, 3.0]])
    >>> s.tolist(), value
    ([1, 0], 0.0)
    """
    from scipy.optimize import linear_sum_assignment

    cost = _check.matrix("cost", cost)
    rows, s = linear_sum_assignment(cost if np.abs(cost).max() < 1e290 else cost * 2.0**-60)  # its sums may overflow
    paid = cost[rows, s]
    scale = power_of_two(np.abs(paid).max())
    return s, float((paid / scale).mean() * scale)


def plan(a: ArrayLike, b: ArrayLike, cost: ArrayLike) -> tuple[np.ndarray, float]:
    """Return a plan of least cost: min sum P_ij cost_ij over P >= 0 with row sums a and column sums b.

    Statement `transport-lp`. The plan is a vertex: at most n + m - 1 entries are not zero. It is found in exact
    arithmetic, so plan and cost are right to the last digits however far masses or costs are apart. 200 points on
    each side take about a second, 1000 take minutes.

    Args:
        a: masses of the sources, [n], with sum 1 up to 1e-9; they are divided by their sum.
        b: masses of the targets, [m]; likewise.
        cost: [n, m], any finite numbers.

    Returns:
        P [n, m] and its cost.

    Raises:
        ValueError: if a mass is negative, the masses do not sum to 1, the cost is not a finite [n, m], or it is so
            large that potentials overflow.

    >>> P, value = plan([0.5, 0.5], [0.25, 0.75], [[0.0, 1.0], [1.0, 0.0]])
    >>> P.tolist(), value
    ([[0.25, 0.25], [0.0, 0.5]], 0.25)
    """
    found = solve(*masses_and_cost(a, b, cost))
    return found.plan, found.value


def dual(a: ArrayLike, b: ArrayLike, cost: ArrayLike) -> tuple[np.ndarray, np.ndarray, float]:
    """Return potentials of greatest value: max sum f_i a_i + sum g_j b_j over f_i + g_j <= cost_ij.

    Statement `kantorovich-duality`. The potentials are found in exact arithmetic: there they satisfy the inequality,
    and the value is that of the best plan. Each f_i and g_j is then rounded to its own last digit, so for the returned
    ones both hold up to about 1e-16 of the largest. The median of f over the masses a is made 0; only f + g matters.

    Args:
        a: masses of the sources, [n], with sum 1.
        b: masses of the targets, [m], with sum 1.
        cost: [n, m], any finite numbers.

    Returns:
        f [n], g [m] and the value, in the unit of the costs.

    Raises:
        ValueError: as ``plan``.

    >>> f, g, value = dual([0.5, 0.5], [0.25, 0.75], [[0.0, 1.0], [1.0, 0.0]])
    >>> (f[:, None] + g).tolist(), value
    ([[0.0, 1.0], [-1.0, 0.0]], 0.25)
    """
    found = solve(*masses_and_cost(a, b, cost))
    return found.f, found.g, found.bound


def slack(f: ArrayLike, g: ArrayLike, cost: ArrayLike) -> np.ndarray:
    """Return cost_ij - f_i - g_j, [n, m]: zero wherever an optimal plan moves mass, `complementary-slackness`.

    Raises:
        ValueError: if the cost is not a finite [n, m], or the potentials are not finite vectors that fit.

    >>> slack([0.0, 0.0], [0.5], [[0.5], [2.0]])
    array([[0. ],
           [1.5]])
    """
    cost = _check.shaped("cost", cost, (None, None))
    f, g = _check.vector("f", f, (cost.shape[0],)), _check.vector("g", g, (cost.shape[1],))
    return cost - f[:, None] - g


def witness(
    x: ArrayLike, y: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None
) -> Callable[[ArrayLike], np.ndarray]:
    """Return a 1-Lipschitz function f with mean f(x) - mean f(y) = W_1, statement `kantorovich-rubinstein`.

    It is f(z) = min over j of |z - y_j| - g_j with the dual's g: a minimum of cones, defined on all of R^d. Its values
    and the dual's g are rounded, so the equality holds up to about 1e-15 of the largest distance.

    Args:
        x: [n, d].
        y: [m, d].
        a: weights of x, [n], with sum 1; equal if left out.
        b: weights of y, [m]; likewise.

    Returns:
        A function [k, d] -> [k]. It raises ``ValueError`` for what is not a finite [k, d].

    Raises:
        ValueError: if the shapes do not fit, or the weights are not probabilities.

    >>> f = witness([[3.0]], [[0.0]])
    >>> float(f([[3.0]])[0] - f([[0.0]])[0])
    3.0
    """
    cost = cost_matrix(x, y)
    y = _check.points("y", y)
    n, m = cost.shape
    a = np.full(n, 1 / n) if a is None else _check.probabilities("a", a, n)
    b = np.full(m, 1 / m) if b is None else _check.probabilities("b", b, m)
    g = dual(a, b, cost)[1]

    def f(z: ArrayLike) -> np.ndarray:
        return (cost_matrix(_check.points("z", z, y.shape[1]), y) - g).min(axis=1)

    return f


def masses_and_cost(a: ArrayLike, b: ArrayLike, cost: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the masses and the cost of a transport problem, checked.

    >>> masses_and_cost([1.0], [1.0], [[1.0, 2.0]])
    Traceback (most recent call last):
    ...
    ValueError: cost: expected shape [1, 1], got [1, 2]
    """
    a, b = _check.probabilities("a", a), _check.probabilities("b", b)
    return a, b, _check.shaped("cost", cost, (a.size, b.size))


def total_cost(P: np.ndarray, cost: np.ndarray) -> float:
    """Return sum P_ij cost_ij, without overflow on the way.

    >>> total_cost(np.full((2, 2), 0.25), np.full((2, 2), 1e308))
    1e+308
    """
    cost = np.where(P > 0, cost, 0.0)  # a pair that is not used must not set the scale
    scale = power_of_two(np.abs(cost).max())
    return float((P * (cost / scale)).sum() * scale)
