"""The item of sheet 7 that asks for the gradient of a batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from teachkit import newton as nt
from teachkit.data import banana
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Wrong
from teachkit.grading.kinds.base import Data


def _gradient(theta: np.ndarray, z: np.ndarray, curvature: float = 0.1) -> np.ndarray:
    return nt.gradient(theta, z, banana(curvature))


def _mean_v(z: np.ndarray) -> np.ndarray:
    return np.array([z[:, 0].mean(), 1, 0, 0])


def _u(theta: np.ndarray, z: np.ndarray) -> np.ndarray:
    return z[:, 1] * np.exp(theta[0] * z[:, 0] + theta[1])


def _mixed(z: np.ndarray, u: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the gradient with g taken at ``seen``, [n, 2], and u as given."""
    g = banana().score(seen)[:, 1:]
    w = np.stack([u * z[:, 0], u, z[:, 0], np.ones(len(z))], 1)
    return (g * w).mean(axis=0) + _mean_v(z)


def _unscaled(theta: np.ndarray, z: np.ndarray) -> np.ndarray:
    return _mixed(z, z[:, 1], nt.push(theta, z))


def _not_moved(theta: np.ndarray, z: np.ndarray) -> np.ndarray:
    return _mixed(z, _u(theta, z), z)


def _bent_along_z2(theta: np.ndarray, z: np.ndarray) -> np.ndarray:
    return _mixed(z, _u(theta, z), np.stack([z[:, 1], nt.push(theta, z)[:, 1]], 1))


def _whole_u(theta: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the gradient with u put into an array of the dtype of z."""
    u = _u(theta, z).astype(z.dtype)
    x2 = u + theta[2] * z[:, 0] + theta[3]
    return _mixed(z, u, np.stack([z[:, 0], x2], 1))


def _whole_x(theta: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the gradient with x put into an array of the dtype of z."""
    return _mixed(z, _u(theta, z), nt.push(theta, z).astype(z.dtype))


_FRACTIONS = "An array of whole numbers drops fractions, even if you write floats into it: start with z.astype(float)."


def _batch(*z: Any) -> Callable[[Draw, Data], tuple[np.ndarray, np.ndarray]]:
    """Return a case with these points, or with so many normal ones."""
    return lambda draw, data: (draw.uniform(-0.5, 0.5, (4,)), np.array(z) if z[1:] else draw.normal((*z, 2)))


GRADIENT = Function(
    cases={
        "one sample": _batch(1),
        "a batch": _batch(7),
        "a large batch": _batch(400),
        "whole numbers": _batch([1, -2], [0, 3], [-1, 1]),
    },
    reference=_gradient,
    wrong=[
        Wrong(
            lambda theta, z: len(z) * _gradient(theta, z),
            "You add the samples up. A batch with every sample twice must have the same gradient.",
            credit=0.3,
        ),
        Wrong(
            lambda theta, z: np.stack([_gradient(theta, row[None]) for row in z]),
            "You return one gradient for each sample; their mean is asked for.",
            credit=0.3,
        ),
        Wrong(
            lambda theta, z: _gradient(theta, z) - _mean_v(z),
            "The log-determinant has a derivative too. Without it the gradient drives exp(s) to 0.",
        ),
        Wrong(
            lambda theta, z: 2 * _mean_v(z) - _gradient(theta, z),
            "The sign of g is wrong: log p falls as y2 moves away from 0.",
        ),
        Wrong(lambda theta, z: -_gradient(theta, z), "That is the gradient of minus L; here L itself is maximised."),
        Wrong(
            lambda theta, z: _gradient(theta, z) - 2 * _mean_v(z),
            "You subtract the log-determinant; the objective adds it.",
        ),
        Wrong(_unscaled, "Your derivatives of x2 along a and b lack a factor; at a = b = 0 it is 1."),
        Wrong(partial(_gradient, curvature=0), "Your g has no 0.1 x1^2 in it, so you fit a plain normal law."),
        Wrong(partial(_gradient, curvature=-0.1), "Your banana bends upwards: look at the sign of 0.1 x1^2."),
        Wrong(_not_moved, "You take g at z; the target is asked about x, where the layer has moved the sample."),
        Wrong(_bent_along_z2, "The banana bends along x1, which is z1; you took z2 there."),
        Wrong(_whole_u, _FRACTIONS),
        Wrong(_whole_x, _FRACTIONS),
        Wrong(
            lambda theta, z: _gradient(theta, z)[None],
            "The numbers are right. But the result has the shape [1, 4], and [4] is asked for.",
            credit=0.3,
        ),
    ],
)
