"""The item of sheet 7 that asks for two steps of Newton's method for an equation."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from teachkit import newton as nt
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Wrong
from teachkit.grading.kinds.base import Data


def _jacobian(theta: np.ndarray, z: np.ndarray, slip: str) -> np.ndarray:
    """Return the Jacobian of the layer at z, with one of some slips."""
    a, b, c, _ = theta
    scale = math.exp(a * z[0] + b)
    stretch = a * z[1] * {"no s": 0, "no scale": 1}.get(slip, scale)
    J = np.array([[1, 0], [stretch + c * (slip != "no c"), 1 if slip == "unit" else scale]])
    return J.T if slip == "transposed" else np.diag(np.diag(J)) if slip == "diagonal" else J


def _two_steps(theta: np.ndarray, x: np.ndarray, z0: np.ndarray, slip: str = "") -> np.ndarray:
    """Return z0 and two iterates of Newton's method for f(z) = x, [3, 2], with one of some slips."""
    path, J = [np.array(z0, float)], np.eye(2)
    for k in range(2):
        if k == 0 or slip != "frozen":
            J = _jacobian(theta, path[-1], slip)
        gap = x - nt.push(theta, path[-1][None])[0]
        step = J @ gap if slip == "not inverted" else np.linalg.solve(J, gap)
        path.append(path[-1] + (-step if slip == "away" else step))
    return np.array(path)


def _same_row(theta: np.ndarray, x: np.ndarray, z0: np.ndarray) -> np.ndarray:
    return np.stack([_two_steps(theta, x, z0)[-1]] * 3)


def _at_once(theta: np.ndarray, x: np.ndarray, z0: np.ndarray) -> np.ndarray:
    end = _two_steps(theta, x, z0)[-1]
    return np.stack([z0, end, end])


def _from(*z0: Any) -> Callable[[Draw, Data], tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return lambda draw, data: (draw.uniform(0.2, 0.6, (4,)), draw.uniform(-1, 1, (2,)), np.array(z0))


TWO_STEPS = Function(
    cases={"a start": _from(0.5, -1.5), "a start far away": _from(-2.0, 3.0), "a start of whole numbers": _from(1, 2)},
    reference=_two_steps,
    wrong=[
        Wrong(
            partial(_two_steps, slip="transposed"),
            "You transposed the Jacobian: row i belongs to x_i, column j to z_j, and x1 does not depend on z2.",
        ),
        Wrong(
            partial(_two_steps, slip="diagonal"), "Your Jacobian is diagonal. x2 depends on z1 too, through s and t."
        ),
        Wrong(
            partial(_two_steps, slip="frozen"),
            "You keep the first Jacobian for the second step; take it anew where you are.",
        ),
        Wrong(
            partial(_two_steps, slip="away"),
            "Each step goes away from the solution: the residual is x - f(z), and the step is added.",
        ),
        Wrong(
            partial(_two_steps, slip="no scale"),
            "In your Jacobian the derivative of z2 exp(s) along z1 lacks a factor.",
        ),
        Wrong(
            partial(_two_steps, slip="no s"),
            "In the lower left of your Jacobian t is differentiated; s depends on z1 too.",
        ),
        Wrong(
            partial(_two_steps, slip="no c"),
            "In the lower left of your Jacobian the scale is differentiated; t depends on z1 too.",
        ),
        Wrong(
            partial(_two_steps, slip="unit"),
            "In your Jacobian x2 grows along z2 as fast as z2 itself; the layer scales it.",
        ),
        Wrong(
            _same_row,
            "Your rows are one and the same array, changed at each step: keep a copy of each iterate, z.copy().",
            credit=0.5,
        ),
        Wrong(partial(_two_steps, slip="not inverted"), "You multiply by the Jacobian; solve with it."),
        Wrong(
            _at_once,
            "You used the explicit inverse. It is right about the end, but Newton's first step is not there yet.",
            credit=0.3,
        ),
    ],
)
