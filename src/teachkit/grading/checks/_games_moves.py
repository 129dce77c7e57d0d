"""The items of sheet 2 about training: the losses from logits, and steps in games with a saddle point."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from teachkit import minimax
from teachkit.grading.checks._games_judge import named
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Derivation, Function, Number
from teachkit.grading.kinds.base import Data

# --- the losses ----------------------------------------------------------------------------------

Losses = tuple[float, float, float]


def _losses(real: np.ndarray, fake: np.ndarray) -> Losses:
    return minimax.discriminator_loss(real, fake), minimax.minimax_loss(fake), minimax.non_saturating_loss(fake)


def _rounded(real: np.ndarray, fake: np.ndarray) -> Losses:
    """Return the losses from D itself, which rounds to 0 and 1."""
    with np.errstate(all="ignore"):
        D, E = (1 / (1 + np.exp(-np.asarray(a, float))) for a in (real, fake))
        right, missed, passed = (float(np.log(d).mean()) for d in (D, 1 - E, E))
    return -right - missed, missed, -passed


def _guarded(real: np.ndarray, fake: np.ndarray, small: float = 1e-8) -> Losses:
    """Return the losses from D with a small number inside the logarithms."""
    with np.errstate(all="ignore"):
        D, E = (1 / (1 + np.exp(-np.asarray(a, float))) for a in (real, fake))
        right, missed, passed = (float(np.log(d + small).mean()) for d in (D, 1 - E, E))
    return -right - missed, missed, -passed


def _overflowing(real: np.ndarray, fake: np.ndarray) -> Losses:
    with np.errstate(all="ignore"):
        right, missed, passed = (float(np.log(1 + np.exp(u)).mean()) for u in (-real, fake, -fake))
    return right + missed, -missed, passed


def _without_log1p(real: np.ndarray, fake: np.ndarray) -> Losses:
    right, missed, passed = (
        float(np.mean(np.maximum(u, 0) + np.log(1 + np.exp(-np.abs(u))))) for u in (-real, fake, -fake)
    )
    return right + missed, -missed, passed


def _summed(real: np.ndarray, fake: np.ndarray) -> Losses:
    n, m = len(real), len(fake)
    first, small, large = _losses(real, fake)
    missed = minimax.minimax_loss(fake)
    return n * (first + missed) - m * missed, m * small, m * large


def _pooled(real: np.ndarray, fake: np.ndarray) -> Losses:
    first, small, large = _losses(real, fake)
    n, m, missed = len(real), len(fake), minimax.minimax_loss(fake)
    return (n * (first + missed) - m * missed) / (n + m), small, large


def _spoiled(spoil: Callable[[Losses], Losses]) -> Callable[[np.ndarray, np.ndarray], Losses]:
    return lambda real, fake: spoil(_losses(real, fake))


_GUARDED = "The small number keeps the result finite and makes it wrong: at a = -40, -log D is 40."
LOSSES = Function(
    cases={
        "a batch": lambda draw, data: (2 * draw.normal((6,)), 2 * draw.normal((6,))),
        "batches of two sizes": lambda draw, data: (draw.normal((3,)), draw.normal((8,)) - 1),
        "very sure, and wrong": lambda draw, data: (np.array([-900.0, 40.0]), np.array([900.0, -45.0, -44.0])),
        "sure, and right": lambda draw, data: (np.array([40.0, 41.0]), np.array([-39.0, -40.0])),
        "very sure logits": lambda draw, data: (np.array([900.0, -40.0, 2.0]), np.array([-900.0, 45.0, -1.0])),
    },
    reference=_losses,
    rtol=1e-7,
    wrong=named(
        (
            _rounded,
            "Where D rounds to 0 or 1 its logarithm is lost. Write both logarithms through the logit.",
            0.5,
        ),
        (
            _overflowing,
            "exp overflows above 709. NumPy has a logarithm of a sum of exponentials.",
            0.5,
        ),
        (_without_log1p, "log(1 + u) is 0 for a tiny u, and should be u: at a = 40 the answer is 4e-18, not 0.", 0.5),
        (_guarded, _GUARDED, 0.4),
        *((partial(_guarded, small=10.0**-k), _GUARDED, 0.4) for k in (5, 6, 7, 9, 10, 12, 15)),
        (_summed, "You add up where the mean over the batch is asked for.", 0.4),
        (_pooled, "The discriminator's loss has two means, each over its own batch, and not one over all points.", 0.6),
        (lambda real, fake: _losses(fake, real), "You took the logits of the data for those of the fakes."),
        (lambda real, fake: _losses(-real, -fake), "You swapped D and 1 - D: a large logit means data."),
        (_spoiled(lambda x: (-x[0], x[1], x[2])), "The discriminator raises V; its loss is minus V.", 0.6),
        (_spoiled(lambda x: (x[0], -x[1], x[2])), "The minimax loss is log(1 - D) itself, without a minus.", 0.6),
        (_spoiled(lambda x: (x[0], x[2], x[1])), "The two losses of the generator are in each other's place.", 0.3),
        (
            _spoiled(lambda x: (x[0] / 2, x[1], x[2])),
            "You halved the first loss; V is a sum of two means.",
            0.6,
        ),
    ),
)

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
