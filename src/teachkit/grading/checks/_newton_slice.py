"""The items of sheet 7 about the slice along b: the step, where it does harm, gain over promise."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from teachkit.grading.checks._newton_by_hand import formula, number
from teachkit.grading.kinds import Curve, Wrong


def _height(b: Any) -> Any:
    """Return the population objective at a = 0 as a function of b alone, up to a constant."""
    return b - np.exp(2 * b) / 2


def _leap(b: Any) -> Any:
    return np.expm1(-2 * b) / 2


def _gain(b: Any) -> Any:
    return _height(b + _leap(b)) - _height(b)


def _promise(b: Any) -> Any:
    return np.sinh(b) ** 2  # g p / 2, since H p = -g


@cache
def _zero(f: Callable[[float], float]) -> float:
    """Return where f, negative at -0.9 and positive at -0.3, is 0, by bisection."""
    low, high = -0.9, -0.3
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return high


def _nearer(b: float) -> float:
    return abs(b) - abs(b + _leap(b))


def _above_quarter(b: float) -> float:
    return _gain(b) - _promise(b) / 4


STEP_ALONG_B = formula(
    "(exp(-2*b - 2*a**2) - 1)/2",
    {"a": (0.3, 1.2), "b": (-1, 1)},
    ("(1 - exp(-2*b - 2*a**2))/2", "The sign is wrong. For very negative b, does L rise or fall with b?"),
    ("(exp(-2*b) - 1)/2", "That is the step at a = 0; the mean of exp(2s) depends on a."),
    ("(exp(-2*b - a**2/2) - 1)/2", "You took the mean of exp(a z1); exp(s) is squared before the mean is taken."),
    ("(exp(-2*b - a**2) - 1)/2", "You squared the mean of exp(s). The mean of its square is larger."),
    ("(exp(-2*b - 4*a**2) - 1)/2", "The mean of exp(r z1) is exp(r^2/2); you left out this half."),
    ("(exp(-2*b + 2*a**2) - 1)/2", "In yours a lengthens the step. But a spread in s makes the curvature larger."),
    ("exp(-2*b - 2*a**2) - 1", "You lost the 2 that the second derivative brings down from the exponent."),
    ("(exp(2*b + 2*a**2) - 1)/2", "For very negative b the curvature is small and the step long; yours is not."),
    ("1 - exp(2*b + 2*a**2)", "That is the gradient; Newton's step divides it by the curvature."),
    ("-2*exp(2*b + 2*a**2)", "That is the second derivative; Newton's step divides by it."),
    ("b + (exp(-2*b - 2*a**2) - 1)/2", "That is where the step lands; the step itself is asked for.", 0.5),
)

FIRST_HARM = number(
    lambda d: _zero(_gain) - d["a"] ** 2,
    (lambda d: _zero(_gain), "That is the place for a = 0; yours is another one."),
    (lambda d: -(d["a"] ** 2), "That is the top. A step from left of it passes the top, and may still end higher."),
    (lambda d: _zero(_gain) + d["a"] ** 2, "You moved it the wrong way: what does a spread in s do to x2?"),
    (lambda d: _zero(_gain) - 2 * d["a"] ** 2, "You moved it by too much: where is the top for your a?"),
    (lambda d: _zero(_nearer) - d["a"] ** 2, "There the step ends as far away as it began. Compare values of L.", 0.3),
    (lambda d: _zero(_above_quarter) - d["a"] ** 2, "There a trust region begins to shrink. L still rises a little."),
    (
        lambda d: _zero(_gain) + _leap(_zero(_gain)) - d["a"] ** 2,
        "That is where the step from there lands; its start is asked for.",
        0.3,
    ),
    (lambda d: _leap(_zero(_gain)), "That is the length of the step from there; the place itself is asked for.", 0.3),
    (lambda d: -_zero(_gain) - d["a"] ** 2, "That is to the right of the top, where every full step raises L."),
    rtol=2e-3,
    draw=lambda draw: {"a": draw.decimal(0.4, 0.9)},
)


GAIN_OVER_PROMISE = Curve(
    value=lambda b, data: _gain(b) / _promise(b),
    domain=(-0.8, -0.1),
    wrong=[
        Wrong(lambda b, data: _promise(b) / _gain(b), "You divided the promise by the gain."),
        Wrong(lambda b, data: _gain(b) / _promise(b) / 2, "Your promise is g p alone; the model bends.", 0.3),
        Wrong(lambda b, data: _gain(b) / _promise(b) / 3, "In your promise the curvature has the wrong sign."),
        Wrong(lambda b, data: _gain(b), "That is the gain alone; divide it by what the model promises.", 0.3),
        Wrong(lambda b, data: _promise(b), "That is the promise alone; divide the gain by it.", 0.3),
        Wrong(lambda b, data: -_gain(b) / _promise(b), "The sign is wrong: near the top the ratio must be near 1."),
        Wrong(lambda b, data: (_height(b - _leap(b)) - _height(b)) / _promise(b), "You stepped to b - p; p is added."),
    ],
)
