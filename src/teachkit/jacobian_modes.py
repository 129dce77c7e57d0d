"""Forward and reverse mode: products with the Jacobian of a chain, without forming a Jacobian, and their cost.

A chain is a list of steps, first step first. Each step knows its value, and how its own Jacobian J and J^T act on
a vector. A batch of points is an array [n, d].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.jacobian import Map

Product = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Step(NamedTuple):
    """One step of a chain, a map R^d -> R^m.

    Attributes:
        value: x [n, d] -> y [n, m].
        jvp: (x [n, d], v [n, d]) -> J v, [n, m].
        vjp: (x [n, d], u [n, m]) -> J^T u, [n, d].
    """

    value: Map
    jvp: Product
    vjp: Product


def linear(A: ArrayLike) -> Step:
    """Return the step x -> A x, with Jacobian A.

    Args:
        A: [m, d].

    Raises:
        ValueError: if A is not a finite matrix; when called, if x does not fit.

    >>> linear([[1.0, 2.0]]).vjp(np.zeros((1, 2)), np.ones((1, 1)))
    array([[1., 2.]])
    """
    A = _check.shaped("A", A, (None, None)).copy()

    def value(x: np.ndarray) -> np.ndarray:
        return _check.points("x", x, A.shape[1]) @ A.T

    return Step(value, lambda x, v: v @ A.T, lambda x, u: u @ A)


def entrywise(function: Map, slope: Map) -> Step:
    """Return the step that applies a function of one variable to every entry; its Jacobian is diagonal.

    Args:
        function: array -> array of the same shape.
        slope: its derivative, likewise.

    Raises:
        ValueError: when called, if function or slope changes the shape.

    >>> entrywise(np.sin, np.cos).jvp(np.zeros((1, 2)), np.array([[1.0, 2.0]]))
    array([[1., 2.]])
    """

    def value(x: np.ndarray) -> np.ndarray:
        return _check.returned("function", function(x), np.shape(x))

    def product(x: np.ndarray, v: np.ndarray) -> np.ndarray:
        return _check.returned("slope", slope(x), np.shape(x)) * v

    return Step(value, product, product)


def forward_mode(steps: Sequence[Step], x: ArrayLike, v: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return f(x) and J_f(x) v in one sweep from the first step to the last, algorithm `forward-mode`.

    Args:
        steps: the chain, first step first.
        x: [n, d].
        v: [n, d], one direction for each point.

    Returns:
        f(x) [n, m] and J v [n, m].

    Raises:
        ValueError: if there is no step or one is no ``Step``, x or v is not a finite [n, d], or a step returns a
            wrong shape.

    >>> forward_mode([linear([[1.0, 1.0]]), entrywise(np.exp, np.exp)], [[0.0, 0.0]], [[1.0, 2.0]])
    (array([[1.]]), array([[3.]]))
    """
    steps, x = _check.instances("steps", steps, Step), _check.points("x", x)
    v = _check.shaped("v", v, x.shape).copy()
    for i, step in enumerate(steps):
        y = _value(i, step, x)
        x, v = y, _check.returned(f"steps[{i}].jvp", step.jvp(x, v), y.shape)
    return x, v


def _value(i: int, step: Step, x: np.ndarray) -> np.ndarray:
    y = _check.floats(f"steps[{i}].value", step.value(x.copy())).copy()  # it may write into x, or use its y again
    if y.ndim != 2 or len(y) != len(x):
        raise ValueError(f"steps[{i}].value: expected to map {list(x.shape)} to [{len(x)}, m], got {list(y.shape)}")
    return y


def reverse_mode(steps: Sequence[Step], x: ArrayLike, u: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return f(x) and J_f(x)^T u: one sweep to the end, one back, algorithm `reverse-mode`.

    The first sweep keeps the input of every step, because the second needs them in the opposite order.

    Args:
        steps: the chain, first step first.
        x: [n, d].
        u: [n, m], one vector for each value.

    Returns:
        f(x) [n, m] and J^T u [n, d].

    Raises:
        ValueError: if there is no step or one is no ``Step``, x is not a finite [n, d], u does not fit f(x), or a
            step returns a wrong shape.

    >>> reverse_mode([linear([[1.0, 1.0]]), entrywise(np.exp, np.exp)], [[0.0, 0.0]], [[2.0]])
    (array([[1.]]), array([[2., 2.]]))
    """
    steps, x = _check.instances("steps", steps, Step), _check.points("x", x)
    kept = []
    for i, step in enumerate(steps):
        kept.append(x)
        x = _value(i, step, x)
    u = _check.shaped("u", u, x.shape).copy()
    for i in reversed(range(len(steps))):
        u = _check.returned(f"steps[{i}].vjp", steps[i].vjp(kept[i], u), kept[i].shape)
    return x, u


class Cost(NamedTuple):
    """Multiplications that products with a chain of full Jacobians take, statement `cost-of-modes`.

    Attributes:
        product: for one J v, or one J^T u.
        forward: for all of J, one J v for each input.
        reverse: for all of J, one J^T u for each output.
    """

    product: int
    forward: int
    reverse: int


def cost(sizes: Sequence[int]) -> Cost:
    """Return what a chain of maps with full Jacobians costs, R^sizes[0] -> ... -> R^sizes[-1].

    Raises:
        ValueError: if there are fewer than two sizes, or one is not a whole number of at least 1.

    >>> cost([784, 100, 1])  # a network with one output: its gradient
    Cost(product=78500, forward=61544000, reverse=78500)
    """
    _check.vector("sizes", sizes)
    sizes = [_check.count(f"sizes[{i}]", size) for i, size in enumerate(sizes)]
    if len(sizes) < 2:
        raise ValueError("sizes: expected at least two, got one")
    product = sum(m * d for d, m in pairwise(sizes))
    return Cost(product, sizes[0] * product, sizes[-1] * product)
