"""The transport programme in exact arithmetic: the network simplex on whole numbers (chapter `transport`).

A float is a whole number times a power of two. So masses and costs become whole numbers without rounding, and so do
the flows and potentials of every step: nothing is lost, however far the magnitudes are apart. A vertex of the
programme is a tree that joins the sources 0..n-1 and the targets n..n+m-1, with a flow on each of its edges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Edge = tuple[int, int]


class Solution(NamedTuple):
    """An optimal plan and optimal potentials of a transport programme; every number is rounded once, at the end.

    Attributes:
        plan: [n, m]; its row and column sums are the masses divided by their sums.
        value: its cost.
        f: potentials of the sources, [n], with median 0 over the masses.
        g: potentials of the targets, [m].
        bound: their value, sum a_i f_i + sum b_j g_j.
    """

    plan: np.ndarray
    value: float
    f: np.ndarray
    g: np.ndarray
    bound: float


def solve(a: np.ndarray, b: np.ndarray, cost: np.ndarray) -> Solution:
    """Return the solution for masses a [n] and b [m], divided by their sums, and costs [n, m].

    Points without mass take no part; their potentials are the largest that the inequality allows.

    Raises:
        ValueError: if a potential is too large for a float.

    >>> solve(np.array([0.5, 0.5]), np.array([0.25, 0.75]), np.array([[0.0, 1.0], [1.0, 0.0]])).plan.tolist()
    [[0.25, 0.25], [0.0, 0.5]]
    """
    (a, _), (b, _), (C, exponent) = whole(a), whole(b), whole(cost)
    A, B, i, j = a.sum(), b.sum(), np.flatnonzero(a), np.flatnonzero(b)
    tree = _Tree(a[i] * B, b[j] * A, C[np.ix_(i, j)], cost[np.ix_(i, j)])
    tree.improve()
    plan, value = np.zeros(C.shape), 0
    for (u, v), mass in tree.masses():
        plan[i[u], j[v]] = mass / (A * B)
        value += mass * C[i[u], j[v]]
    f, g = _potentials(a, C, tree.f, i)
    bound = (a @ f) * B + (b @ g) * A
    return Solution(
        plan,
        _float(value, exponent, A * B),
        _floats(f, exponent),
        _floats(g, exponent),
        _float(bound, exponent, A * B),
    )


def whole(x: np.ndarray) -> tuple[np.ndarray, int]:
    """Return Python's whole numbers k, in the shape of x, and the exponent e with x = k 2^e exactly.

    >>> k, e = whole(np.array([0.75, -2.0]))
    >>> k.tolist(), e
    ([3, -8], -2)
    """
    fraction, exponent = np.frexp(x)
    digits = np.ldexp(fraction, 53).astype(np.int64).astype(object)
    low = int(exponent.min(where=x != 0, initial=2000))
    k = digits << np.maximum(exponent - low, 0).astype(object)
    ends = int(np.bitwise_or.reduce(k, axis=None))  # the zeros at its end are at the end of every number
    spare = max((ends & -ends).bit_length() - 1, 0)
    return k >> spare, low - 53 + spare


class _Tree:
    """A vertex of the programme, with the potentials for which no edge of the tree has slack."""

    def __init__(self, supply: np.ndarray, demand: np.ndarray, C: np.ndarray, cost: np.ndarray) -> None:
        self.C, (self.n, m) = C, C.shape
        # Tiny extra masses: now no part of the sources balances a part of the targets, so no edge of a tree is idle,
        # every step lowers the cost, and no tree comes twice. `masses` takes them out.
        self.grain = 2 * self.n + 1
        supply, demand = supply * self.grain + 1, demand * self.grain
        demand[-1] += self.n
        self.flow = _greedy(supply.tolist(), demand.tolist(), cost)
        self.near: list[set[int]] = [set() for _ in range(self.n + m)]
        for edge in self.flow:
            self._join(edge)
        self.above, self.depth = [-1] * (self.n + m), [0] * (self.n + m)
        self.f, self.g = np.zeros(self.n, dtype=object), np.zeros(m, dtype=object)
        self._hang(0, -1)

    def improve(self) -> None:
        """For one source after the other, bring in the pair of most negative slack, until none is negative."""
        i, clean = 0, 0
        while clean < self.n:
            slack = self.C[i] - self.g
            j = int(slack.argmin())
            clean += 1
            if slack[j] < self.f[i]:
                self._pivot(i, self.n + j)
                clean = 0
            i = (i + 1) % self.n

    def masses(self) -> list[tuple[Edge, int]]:
        """Return the edges (source, target) of the tree with what flows along them."""
        return [((u, v - self.n), (flow + self.n) // self.grain) for (u, v), flow in self.flow.items()]

    def _pivot(self, u: int, v: int) -> None:
        """Let the edge (u, v) into the tree, and the edge out whose flow is used up first."""
        from_v, from_u = self._climb(v, u)
        way = from_v + from_u[::-1]  # from v to u: every other edge loses what the new one gains
        out = min(way[::2], key=self.flow.__getitem__)
        moved = self.flow[out]
        for k, edge in enumerate(way):
            self.flow[edge] += moved if k % 2 else -moved
        del self.flow[out]
        self.near[out[0]].remove(out[1])
        self.near[out[1]].remove(out[0])
        self.flow[u, v] = moved
        self._join((u, v))
        if out in from_v:
            self._hang(v, u)
        else:
            self._hang(u, v)

    def _join(self, edge: Edge) -> None:
        u, v = edge
        self.near[u].add(v)
        self.near[v].add(u)

    def _climb(self, v: int, u: int) -> tuple[list[Edge], list[Edge]]:
        """Return the edges from v, and those from u, up to the node where the ways to the root meet."""
        from_v: list[Edge] = []
        from_u: list[Edge] = []
        while u != v:
            if self.depth[u] >= self.depth[v]:
                from_u.append(self._edge(u, self.above[u]))
                u = self.above[u]
            else:
                from_v.append(self._edge(v, self.above[v]))
                v = self.above[v]
        return from_v, from_u

    def _edge(self, one: int, other: int) -> Edge:
        return (one, other) if one < self.n else (other, one)

    def _hang(self, top: int, above: int) -> None:
        """Hang the part of the tree that begins at ``top`` below another node, and set its potentials."""
        n, stack = self.n, [(top, above)]
        while stack:
            node, up = stack.pop()
            self.above[node] = up
            if up >= 0:
                self.depth[node] = self.depth[up] + 1
                if node < n:
                    self.f[node] = self.C[node, up - n] - self.g[up - n]
                else:
                    self.g[node - n] = self.C[up, node - n] - self.f[up]
            stack.extend((other, node) for other in self.near[node] if other != up)


def _greedy(supply: list[int], demand: list[int], cost: np.ndarray) -> dict[Edge, int]:
    """Return the flows of a first tree: as much as possible to each pair, the cheapest first."""
    n, m = cost.shape
    flow: dict[Edge, int] = {}
    with np.errstate(over="ignore"):  # the order need not be exact
        order = np.argsort(cost - cost.min(axis=0), axis=None)
    for i, j in zip(*np.divmod(order, m), strict=True):
        moved = min(supply[i], demand[j])
        if moved:
            flow[int(i), n + int(j)] = moved
            supply[i] -= moved
            demand[j] -= moved
    return flow


def _potentials(a: np.ndarray, C: np.ndarray, f: np.ndarray, i: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the potentials of all points, from those of the sources i; the median of f over the masses a is 0."""
    g = (C[i] - f[:, None]).min(axis=0)
    f = (C - g).min(axis=1)
    order = np.argsort(f)
    median = f[order[int((2 * np.cumsum(a[order]) >= a.sum()).argmax())]]
    return f - median, g + median


def _float(k: int, exponent: int, total: int) -> float:
    """Return k 2^exponent / total, rounded once."""
    return (k << exponent) / total if exponent > 0 else k / (total << -exponent)


def _floats(h: np.ndarray, exponent: int) -> np.ndarray:
    try:
        return np.array([_float(k, exponent, 1) for k in h])
    except OverflowError as error:
        raise ValueError("cost: expected costs for which the potentials do not overflow") from error
