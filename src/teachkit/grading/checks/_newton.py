"""The items of sheet 7 that ask for a function: a gradient, a step, two iterates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from teachkit import newton as nt
from teachkit.data import banana
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Holds, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.trust_region import Model, step_within

# --- batch-gradient ------------------------------------------------------------------------------


def _gradient(theta: np.ndarray, z: np.ndarray, curvature: float = 0.1) -> np.ndarray:
    return nt.gradient(theta, z, banana(curvature))


def _mean_v(z: np.ndarray) -> np.ndarray:
    return np.array([z[:, 0].mean(), 1, 0, 0])


def _unscaled(theta: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the gradient with z2 in the place of u."""
    g = banana().score(nt.push(theta, z))[:, 1:]
    w = np.stack([z[:, 1] * z[:, 0], z[:, 1], z[:, 0], np.ones(len(z))], 1)
    return (g * w).mean(axis=0) + _mean_v(z)


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
    ],
)

# --- best-step -----------------------------------------------------------------------------------


def _with_spectrum(*curvatures: float, reach: float) -> Callable[[Draw, Data], tuple[np.ndarray, np.ndarray, float]]:
    """Return a case: H has these eigenvalues, the radius is ``reach`` times the full step's length."""

    def case(draw: Draw, data: Data) -> tuple[np.ndarray, np.ndarray, float]:
        h = np.array(curvatures)
        v, g = draw.uniform(0.5, 1.0, h.shape), draw.uniform(0.5, 1.5, h.shape)
        Q = np.eye(h.size) - 2 * np.outer(v, v) / (v @ v)
        H = Q * h @ Q
        return Q @ g, (H + H.T) / 2, reach * math.hypot(*(g / h))

    return case


def _best(g: np.ndarray, H: np.ndarray, radius: float) -> np.ndarray:
    return step_within(Model(0.0, g, H), radius)[0]


def _full(g: np.ndarray, H: np.ndarray, radius: float) -> np.ndarray:
    return np.linalg.solve(-H, g)


def _cut(g: np.ndarray, p: np.ndarray, radius: float) -> np.ndarray:
    return p * min(1, radius / math.hypot(*p))


def _unchecked(g: np.ndarray, H: np.ndarray, radius: float) -> np.ndarray:
    p = _full(g, H, radius)
    return p if math.hypot(*p) <= radius else _best(g, H, radius)


def _falls_short(g: np.ndarray, H: np.ndarray, radius: float, p: Any) -> bool:
    """Whether a step gains less in the model than the best one."""
    gains = [g @ q + q @ H @ q / 2 for q in (np.asarray(p, float), _best(g, H, radius))]
    return gains[0] < gains[1] - 1e-6 * abs(gains[1])


def _none_short(part: slice) -> Callable[[Sequence[Any], list[Any]], bool]:
    return lambda cases, steps: not any(_falls_short(*x, p) for x, p in zip(cases[part], steps[part], strict=True))


BEST_STEP = Function(
    cases={
        "the full step fits": _with_spectrum(-1, -2, -3, reach=1.5),
        "the full step is too long": _with_spectrum(-0.3, -2, -4, reach=0.4),
        "H is nearly singular": _with_spectrum(-1e-4, -1, -2, reach=1e-3),
        "one eigenvalue is positive": _with_spectrum(1, -1, -2, reach=1.5),
        "both eigenvalues are positive": _with_spectrum(0.5, 2, reach=1.5),
    },
    holds=[
        Holds(
            lambda cases, steps: all(
                np.shape(p) == x[0].shape and np.isfinite(p).all() for x, p in zip(cases, steps, strict=True)
            ),
            "Each step must be a vector like g, of finite numbers.",
        ),
        Holds(
            lambda cases, steps: all(math.hypot(*p) <= x[2] * (1 + 1e-6) for x, p in zip(cases, steps, strict=True)),
            "A step is longer than the radius.",
        ),
        Holds(_none_short(slice(0, 1)), "Where H is negative definite and the full step fits, the full step is best."),
        Holds(
            _none_short(slice(1, 3)),
            "Where H is negative definite and the full step too long, the ball holds a "
            "better step than yours. Is its length the radius, to six digits?",
        ),
        Holds(
            _none_short(slice(3, 5)),
            "Where H has a positive eigenvalue, the ball holds a better step than yours. "
            "Is mu I - H positive semidefinite for your mu?",
        ),
    ],
    rtol=1e-4,
    wrong=[
        Wrong(_full, "That is the full step, whatever the radius and the signs of the eigenvalues."),
        Wrong(
            lambda g, H, radius: _cut(g, _full(g, H, radius), radius),
            "You shorten the full step. The best step of a smaller ball also turns towards the gradient.",
        ),
        Wrong(
            lambda g, H, radius: g * radius / math.hypot(*g),
            "You go along the gradient to the boundary. That is best only for a ball so small that H does not matter.",
        ),
        Wrong(
            _unchecked,
            "You take the full step whenever it fits. Where does it lead if an eigenvalue is positive?",
            credit=0.5,
        ),
        Wrong(
            lambda g, H, radius: _best(g, H + 100 * np.eye(len(g)), radius),
            "You always go to the boundary, also where the top of the model lies inside the ball.",
            credit=0.5,
        ),
        Wrong(lambda g, H, radius: -_best(g, -H, radius), "Your step is the best one for minimising."),
    ],
)

# --- two-steps -----------------------------------------------------------------------------------


def _two_steps(theta: np.ndarray, x: np.ndarray, z0: np.ndarray, slip: str = "") -> np.ndarray:
    """Return z0 and two iterates of Newton's method for f(z) = x, [3, 2], with one of some slips."""
    a, b, c, d = theta
    path, J = [np.array(z0, float)], np.eye(2)
    for k in range(2):
        z1, z2 = path[-1]
        scale = math.exp(a * z1 + b)
        stretch = a * z2 * {"no s": 0, "no scale": 1}.get(slip, scale)
        if k == 0 or slip != "frozen":
            J = np.array([[1, 0], [stretch + c, scale]])
        J = J.T if slip == "transposed" else np.diag(np.diag(J)) if slip == "diagonal" else J
        gap = x - [z1, z2 * scale + c * z1 + d]
        step = J @ gap if slip == "not inverted" else np.linalg.solve(J, gap)
        path.append(path[-1] + (-step if slip == "away" else step))
    return np.array(path)


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
        Wrong(partial(_two_steps, slip="not inverted"), "You multiply by the Jacobian; solve with it."),
        Wrong(
            _at_once,
            "You used the explicit inverse. It is right about the end, but Newton's first step is not there yet.",
            credit=0.3,
        ),
    ],
)
