"""Densities under a change of variables, and invertible maps that know their log-determinant.

One convention for the whole library: ``forward`` goes from the base z to the data x, ``inverse`` back,
and each returns its value together with log |det| of its *own* Jacobian, one number a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.jacobian import Map, log_abs_det

LogDensity = Callable[[np.ndarray], np.ndarray]
MapWithLogDet = Callable[[ArrayLike], tuple[np.ndarray, np.ndarray]]


class Bijection(NamedTuple):
    """An invertible map with its log-determinants.

    Attributes:
        forward: z [n, d] -> (x [n, d], log |det dx/dz| [n]).
        inverse: x [n, d] -> (z [n, d], log |det dz/dx| [n]), the negative of the former at z.
    """

    forward: MapWithLogDet
    inverse: MapWithLogDet


def pushforward_log_prob(log_pz: LogDensity, f_inverse: MapWithLogDet, x: ArrayLike) -> np.ndarray:
    """Return log p_X(x) = log p_Z(f^-1(x)) + log |det d f^-1/dx|, statement `change-of-variables`.

    Args:
        log_pz: log-density of the base, [n, d] -> [n], in nats.
        f_inverse: x -> (z, log |det dz/dx|), as ``Bijection.inverse``.
        x: [n, d].

    Returns:
        [n], in nats.

    Raises:
        ValueError: if x is not a finite [n, d], or the log-determinant not one number a row.

    >>> x = affine([[2.0]], [3.0])  # X = 2 Z + 3
    >>> base = lambda z: -0.5 * (z**2).sum(1) - 0.5 * np.log(2 * np.pi)
    >>> np.exp(pushforward_log_prob(base, x.inverse, [[3.0]])).round(6)  # 1 / (2 sqrt(2 pi))
    array([0.199471])
    """
    x = _check.points("x", x)
    z, log_det = _apply("f_inverse", f_inverse, x)
    return log_pz(z) + log_det


def pushforward_branches(log_pz: LogDensity, branches: Sequence[MapWithLogDet], x: ArrayLike) -> np.ndarray:
    """Return log p_X(x) for a map that is not injective: the sum over its branches, `sum-over-branches`.

    Each branch inverts the map on one piece of its domain. A branch that does not reach x returns nan
    in its row of z (and any log-determinant); that row adds nothing. Where no branch reaches x, log p_X is -inf.

    Raises:
        ValueError: if there is no branch, x is not a finite [n, d], or a log-determinant not one number a row.

    >>> half = lambda sign: lambda x: (sign * np.sqrt(x), -np.log(2 * np.sqrt(x[:, 0])))
    >>> base = lambda z: -0.5 * (z**2).sum(1) - 0.5 * np.log(2 * np.pi)
    >>> np.exp(pushforward_branches(base, [half(1), half(-1)], [[1.0]])).round(6)  # chi-square at 1
    array([0.241971])
    """
    x = _check.points("x", x)
    if not branches:
        raise ValueError("branches: expected at least one inverse branch")
    terms = [_branch_log_prob(log_pz, f"branches[{i}]", branch, x) for i, branch in enumerate(branches)]
    return np.logaddexp.reduce(terms)


def _branch_log_prob(log_pz: LogDensity, name: str, branch: MapWithLogDet, x: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        z, log_det = _apply(name, branch, x)
    reached = np.isfinite(z).all(axis=1)
    out = np.full(len(x), -np.inf)
    if reached.any():  # a law takes at least one point
        out[reached] = log_pz(z[reached]) + log_det[reached]
    return out


def _apply(name: str, f: MapWithLogDet, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the image of x [n, d] under f, and its log-determinants, which must be one number a row."""
    y, log_det = f(x)
    log_det = _check.floats(name, log_det)
    if log_det.shape != (len(x),):
        raise ValueError(f"{name}: expected one log-determinant a row, ({len(x)},), got {log_det.shape}")
    return np.asarray(y), log_det


def affine(A: ArrayLike, b: ArrayLike) -> Bijection:
    """Return the bijection x = A z + b with constant log |det A|.

    Raises:
        ValueError: if A is not square or is singular to working precision, or b does not fit.

    >>> x, log_det = affine([[2.0, 1.0], [0.0, 3.0]], [0.0, 0.0]).forward([[1.0, 1.0]])
    >>> x, log_det.round(6)
    (array([[3., 3.]]), array([1.791759]))
    """
    A = _check.matrix("A", A)
    b = _check.vector("b", b, sizes=(len(A),))
    if np.linalg.matrix_rank(A) < len(A):
        raise ValueError("A: expected an invertible matrix, got a singular one")
    log_det = float(np.linalg.slogdet(A).logabsdet)

    def forward(z: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        z = _check.points("z", z, len(A))
        return z @ A.T + b, np.full(len(z), log_det)

    def inverse(x: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        x = _check.points("x", x, len(A))
        return np.linalg.solve(A, (x - b).T).T, np.full(len(x), -log_det)

    return Bijection(forward, inverse)


def numeric(f: Map, f_inverse: Map) -> Bijection:
    """Return the bijection of two plain maps, with log-determinants by differences: slow, for checking.

    Raises:
        ValueError: when it is called, if z or x is not a finite [n, d], or the map does not go from R^d to R^d.

    >>> _, log_det = numeric(np.exp, np.log).forward([[2.0]])
    >>> log_det.round(9)
    array([2.])
    """

    def evaluate(name: str, map_: Map, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        y = _check.points(name, y)
        return map_(y), log_abs_det(map_, y)

    return Bijection(lambda z: evaluate("z", f, z), lambda x: evaluate("x", f_inverse, x))


def compose(*maps: Bijection) -> Bijection:
    """Return the bijection that applies ``maps`` from left to right; log-determinants add up.

    Raises:
        ValueError: if there is no map or one is not a ``Bijection``; when called, if z or x is not a finite [n, d],
            or the log-determinant of a map not one number a row.

    >>> twice = compose(affine([[2.0]], [0.0]), affine([[2.0]], [1.0]))
    >>> twice.forward([[1.0]])[0], twice.inverse([[5.0]])[0]
    (array([[5.]]), array([[1.]]))
    """
    maps = _check.instances("maps", maps, Bijection)
    forward = {f"maps[{i}].forward": m.forward for i, m in enumerate(maps)}
    inverse = {f"maps[{i}].inverse": m.inverse for i, m in enumerate(maps)}
    return Bijection(_chain("z", forward), _chain("x", dict(reversed(inverse.items()))))


def _chain(start: str, steps: Mapping[str, MapWithLogDet]) -> MapWithLogDet:
    def run(y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        y = _check.points(start, y)
        total = np.zeros(len(y))
        for name, step in steps.items():
            y, log_det = _apply(name, step, y)
            total = total + log_det
        return y, total

    return run
