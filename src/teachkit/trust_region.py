"""The trust-region subproblem, solved exactly for a handful of parameters (chapter `newton`).

A quadratic model value + g.p + p.H p / 2 is trusted for steps p no longer than a radius. Its best step
solves (mu I - H) p = g for the smallest mu >= 0 that makes mu I - H positive semidefinite and keeps p
inside (More and Sorensen 1983). In the eigenbasis of H that is one equation in mu.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from teachkit import _check

_ACCEPT, _SHRINK, _GROW = 1e-4, 0.25, 0.75  # gain over predicted gain at which a step is taken, the radius changed
_MAX_RADIUS = 1e3


class Model(NamedTuple):
    """A quadratic model at a point: the value, the gradient [m] and the Hessian [m, m] of what is maximised."""

    value: float
    gradient: np.ndarray
    hessian: np.ndarray

    @property
    def gradient_norm(self) -> float:
        """Return the gradient's Euclidean norm, without overflow in its squares."""
        return math.hypot(*self.gradient)

    @property
    def is_finite(self) -> bool:
        """Tell whether value, gradient and Hessian are all finite."""
        return all(np.isfinite(part).all() for part in self)


def step_within(model: Model, radius: float) -> tuple[np.ndarray, str]:
    """Return the step p, |p| <= radius, that maximises g.p + p.H p / 2, and its kind; statement `trust-region-step`.

    Kinds: "newton" when the full Newton step fits, "boundary" when the radius cuts it (or H has no maximum),
    "hard case" when H is indefinite and g has no part along its top eigenvectors, so that the step is
    completed along one of them, and "least norm" when H is singular and many steps are equally good.

    Raises:
        ValueError: if the shapes do not fit, a number is not finite, H is not symmetric, or the radius not above 0.

    >>> step_within(Model(0.0, np.array([1.0, 0.0]), -np.eye(2)), radius=5.0)
    (array([1., 0.]), 'newton')
    >>> step_within(Model(0.0, np.array([1.0, 0.0]), np.eye(2)), radius=0.5)
    (array([0.5, 0. ]), 'boundary')
    """
    g = _check.vector("gradient", model.gradient)
    H = _check.matrix("hessian", model.hessian, rows=g.size, symmetric=True)
    radius = _check.positive("radius", radius)
    scale = max(np.abs(H).max(), np.abs(g).max() / radius) or 1.0  # p / radius has the same problem in a unit ball
    curvature, Q = np.linalg.eigh(H / scale)
    step, kind = _in_eigenbasis(Q.T @ (g / scale / radius), curvature)
    return radius * (Q @ step), kind


def _in_eigenbasis(g: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, str]:
    rounding = 10 * g.size * np.finfo(float).eps
    floor = max(0.0, h[-1])  # the least mu allowed
    free = floor - h > rounding * np.abs(h).max()  # directions in which floor I - H is invertible
    reachable = np.abs(g[~free]).max(initial=0.0) <= rounding * np.abs(g).max()
    inner = np.where(free, g, 0.0) / np.where(free, floor - h, 1.0)
    length = math.hypot(*inner)
    if not reachable or length > 1:
        return _on_boundary(g, h, floor), "boundary"
    if free.all():
        return inner, "newton"
    if h[-1] > rounding * np.abs(h).max():
        inner[-1] = math.sqrt((1 - length) * (1 + length))
        return inner, "hard case"
    return inner, "least norm"


def _on_boundary(g: np.ndarray, h: np.ndarray, floor: float) -> np.ndarray:
    """Return g / (mu - h) for the mu > floor at which its length is 1, by bisection on log(mu - floor)."""
    high = math.hypot(*g)  # mu - h >= mu - floor, so the step is short enough at mu = floor + high
    low = high * 1e-30
    for _ in range(200):
        middle = math.sqrt(low) * math.sqrt(high)
        if math.hypot(*(g / (floor - h + middle))) > 1:
            low = middle
        else:
            high = middle
        if high <= low * (1 + 4e-16):
            break
    step = g / (floor - h + high)
    return step / max(1.0, math.hypot(*step))


def judge(model: Model, step: np.ndarray, value: float, radius: float) -> tuple[bool, float]:
    """Compare the gain with the predicted gain: return whether to take the step, and the next radius.

    An inner step of ``newton``: it takes a step of ``step_within`` as it is, and checks nothing but the new value.
    Near the optimum both gains fall below the rounding error of the value; a margin of that size then
    makes their ratio 1, so that rounding noise does not reject good steps.

    >>> flat = Model(0.0, np.array([1.0]), np.array([[-1.0]]))
    >>> judge(flat, np.array([1.0]), 0.5, radius=1.0)
    (True, 2.0)
    >>> judge(flat, np.array([1.0]), -3.0, radius=1.0)
    (False, 0.25)
    """
    length = math.hypot(*step)
    noise = 10 * np.finfo(float).eps * max(1.0, abs(model.value))
    predicted = model.gradient @ step + 0.5 * step @ model.hessian @ step
    ratio = (value - model.value + noise) / (predicted + noise) if np.isfinite(value) else -np.inf
    if ratio < _SHRINK:
        radius = 0.25 * length
    elif ratio > _GROW and length > 0.99 * radius:
        radius = min(2 * radius, _MAX_RADIUS)
    return bool(ratio > _ACCEPT), radius
