"""The items of sheet 2 about steps in games with a saddle point."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from teachkit.grading.checks._games_judge import named
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Derivation, Function, Number
from teachkit.grading.kinds.base import Data

# --- the game x y --------------------------------------------------------------------------------


def _draw_step(draw: Draw) -> dict[str, Any]:
    return {"h": draw.choice([0.3, 0.35, 0.5, 0.55, 0.65, 0.7])}  # with others a count is nearly whole


def _of(rule: Callable[[float], float]) -> Callable[[Data], float]:
    return lambda data: rule(data["h"])


def _count(h: float) -> float:
    return math.log(10) / math.log(math.hypot(1, h))


ROUND = Derivation(
    draw=_draw_step,
    steps={
        "simultaneous": Number(
            value=_of(lambda h: math.hypot(1, h)),
            wrong=named(
                (_of(lambda h: 1 + h**2), "That is the factor of the squared distance."),
                (_of(lambda h: 1 + h), "You added two lengths at a right angle; use Pythagoras."),
                (_of(lambda h: math.sqrt(1 - h**2)), "That is below 1; these steps leave. Take one from (1, 0)."),
                (1.0, "Only in continuous time is the distance kept. Take one step from (1, 0)."),
            ),
        ),
        "steps": Number(
            value=_of(lambda h: math.ceil(_count(h))),
            wrong=named(
                (_of(lambda h: math.floor(_count(h))), "After so many steps the factor is not yet reached."),
                (_of(_count), "The idea is right; a number of steps is a whole number."),
                (_of(lambda h: math.ceil(_count(h)) + 1), "The distance is 10 already after fewer steps."),
                (_of(lambda h: math.ceil(_count(h)) + 2), "The distance is 10 already after fewer steps."),
                (_of(lambda h: math.floor(_count(h)) - 1), "After so many steps the factor is not yet reached."),
                (_of(lambda h: math.ceil(_count(h) / 2)), "You took the factor of the squared distance."),
                (
                    _of(lambda h: math.ceil(9 / (math.hypot(1, h) - 1))),
                    "The steps multiply the distance.",
                ),
                (
                    _of(lambda h: math.ceil(_count(h) * math.log(2) / math.log(10))),
                    "That is for twice the distance; ten times is asked for.",
                ),
            ),
        ),
        "farthest": Number(
            value=_of(lambda h: 1 / math.sqrt(1 - h / 2)),
            wrong=named(
                (_of(lambda h: 1 / math.sqrt(1 + h / 2)), "That is the nearest point of the ellipse."),
                (_of(lambda h: 1 / (1 - h / 2)), "That is the square of the distance."),
                (1.0, "The ellipse is no circle: its axes are the diagonals. Put x = y into the form."),
                (
                    _of(lambda h: 1 / math.sqrt(1 - h)),
                    "At x = y = t, what is the form, and what the distance?",
                ),
                (_of(lambda h: math.hypot(1, h)), "That is where simultaneous steps are after one step."),
            ),
        ),
        "extragradient": Number(
            value=_of(lambda h: math.sqrt(1 - h**2 + h**4)),
            rtol=1e-4,
            wrong=named(
                (_of(lambda h: 1 / math.hypot(1, h)), "That is 1 over the factor of a simultaneous step."),
                (
                    _of(lambda h: math.hypot(1 - h**2 / 2, h)),
                    "You look half a step ahead; the whole step is asked for.",
                ),
                (_of(lambda h: math.hypot(1 - h**2 / 2, h / 2)), "You halved the step with the new slopes."),
                (_of(lambda h: math.hypot(1 + h**2, h)), "i times i is -1, not 1."),
                (_of(lambda h: 1 - h**2 + h**4), "That is the factor of the squared distance."),
                (
                    _of(lambda h: 1 + h**2),
                    "Those are two plain steps; the second one starts from the old point.",
                ),
                (
                    _of(lambda h: math.hypot(1, h)),
                    "That is the plain step; use the slopes of the point ahead.",
                ),
                (
                    _of(lambda h: 1 - h**2),
                    "The step also turns: what is the imaginary part?",
                ),
                (_of(lambda h: math.sqrt(1 + h**2 + h**4)), "Square 1 - h^2 again: it has a middle term."),
                (_of(lambda h: math.sqrt(1 - h**2)), "You dropped the square of h^2."),
            ),
        ),
    },
)

# --- one step that looks ahead -------------------------------------------------------------------

Pair = tuple[np.ndarray, np.ndarray]


def _ahead(x: np.ndarray, y: np.ndarray, A: np.ndarray, h: float, slip: str = "") -> Pair:
    """Return an extragradient step for the payoff x . A y, with one of some slips."""
    x, y, A = (np.asarray(v, float) for v in (x, y, A))
    side = -1.0 if slip == "both down" else 1.0
    seen_x, seen_y = x - h * A @ y, y + side * h * A.T @ x
    if slip == "y alone":
        seen_x = x
    if slip == "half":
        seen_x, seen_y = (x + seen_x) / 2, (y + seen_y) / 2
    if slip == "late look":
        seen_y = y + h * A.T @ seen_x
    if slip == "from ahead":
        return seen_x - h * A @ seen_y, seen_y + h * A.T @ seen_x
    if slip == "plain":
        return seen_x, seen_y
    if slip == "alternating":
        return seen_x, y + h * A.T @ seen_x
    if slip == "roles":
        return x + h * A @ (y - h * A.T @ x), y - h * A.T @ (x + h * A @ y)
    if slip == "late":
        new = x - h * A @ seen_y
        return new, y + h * A.T @ new
    return x - h * A @ seen_y, y + side * h * A.T @ seen_x


def _start(k: int, m: int) -> Callable[[Draw, Data], tuple[Any, ...]]:
    return lambda draw, data: (draw.normal((k,)), draw.normal((m,)), draw.normal((k, m)), draw.decimal(0.2, 0.6))


EXTRAGRADIENT = Function(
    cases={
        "one number each": _start(1, 1),
        "two and two": _start(2, 2),
        "two and three": _start(2, 3),
        "whole numbers": lambda draw, data: (np.array([1, 2]), np.array([3, -1]), np.array([[1, 0], [2, 1]]), 0.5),
    },
    reference=_ahead,
    wrong=named(
        (
            partial(_ahead, slip="plain"),
            "That is the point ahead. It only serves to find the slopes.",
        ),
        (partial(_ahead, slip="from ahead"), "You take the second step from the point ahead; it starts from (x, y)."),
        (partial(_ahead, slip="alternating"), "Those are alternating steps: y moves after x. Nobody looks ahead."),
        (partial(_ahead, slip="late"), "For y's step you use the new x; use the x of the point ahead."),
        (partial(_ahead, slip="y alone"), "Only y looks ahead in your step; x must as well."),
        (partial(_ahead, slip="half"), "You look only half a step ahead; the whole step is asked for."),
        (partial(_ahead, slip="late look"), "Your y looks ahead from the new x; both points ahead start from (x, y)."),
        (lambda x, y, A, h: _ahead(x, y, A, h)[::-1], "The results are in each other's place: first x, then y."),
        (partial(_ahead, slip="both down"), "In yours both go down. y wants the payoff to be large."),
        (partial(_ahead, slip="roles"), "In yours x goes up and y goes down; it is the other way round."),
    ),
)
