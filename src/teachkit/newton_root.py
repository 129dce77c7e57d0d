"""Newton's method for an equation f(z) = y (chapter `newton`): the cousin that finds roots, not maxima."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.jacobian import Map, jacobian


def newton_root(f: Map, y: ArrayLike, z0: ArrayLike, *, max_iter: int = 50, tol: float = 1e-12) -> Iterator[np.ndarray]:
    """Yield Newton's iterates for f(z) = y, first z0: each adds J_f(z)^-1 (y - f(z)).

    On one affine coupling layer the second step is exact from any start, statement `newton-inverts-coupling`.

    Args:
        f: maps [n, d] to [n, d]; its Jacobian is taken by differences.
        y: the value to reach, [d].
        z0: start, [d].
        max_iter: most steps.
        tol: largest entry of |y - f(z)| at which to stop; it also stops where f(z) is not finite.

    Raises:
        ValueError: at the call, if y and z0 are not finite vectors of one length, max_iter is below 1, or tol not
            above 0; on the way, if f does not map [n, d] to [n, d].
        numpy.linalg.LinAlgError: if a Jacobian on the way is singular.

    >>> [float(z[0].round(6)) for z in newton_root(lambda z: z**2, [2.0], [1.0])][:4]
    [1.0, 1.5, 1.416667, 1.414216]
    """
    y = _check.vector("y", y)
    z0 = _check.vector("z0", z0, sizes=(y.size,)).copy()
    return _iterates(f, y, z0, _check.count("max_iter", max_iter), _check.positive("tol", tol))


def _iterates(f: Map, y: np.ndarray, z: np.ndarray, max_iter: int, tol: float) -> Iterator[np.ndarray]:
    yield z
    for _ in range(max_iter):
        residual = y - _value(f, z)
        if not tol < np.abs(residual).max() < np.inf:
            return
        z = z + np.linalg.solve(jacobian(f, z), residual)
        yield z


def _value(f: Map, z: np.ndarray) -> np.ndarray:
    value = _check.floats("f", f(z[None]))
    if value.shape != (1, z.size):
        raise ValueError(f"f: expected to map [1, {z.size}] to [1, {z.size}], got {value.shape}")
    return value[0]
