"""The items of sheet 7 that are worked out step by step: one sample, second derivatives, another banana."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from teachkit import newton as nt
from teachkit.data import banana
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Derivation, Expression, Number, Wrong
from teachkit.grading.kinds.base import Data, expected

Value = Callable[[Data], float]
_BITS = {"unit": "nats", "units": {"bits": math.log(2)}}


def number(value: Value, *wrong: tuple[Any, ...], **options: Any) -> Number:
    """Return a number that depends on the student's data, with its wrong answers as (answer, message, credit)."""
    return Number(value=value, wrong=[Wrong(*entry) for entry in wrong], **options)


def formula(value: str, variables: dict[str, tuple[float, float]], *wrong: tuple[Any, ...]) -> Expression:
    """Return a formula in some variables, with its wrong answers as (answer, message, credit)."""
    return Expression(value=value, variables=variables, wrong=[Wrong(*entry) for entry in wrong])


def _nats(value: Value, *wrong: tuple[Any, ...]) -> Number:
    in_bits = (lambda d: value(d) / math.log(2), "That is the number in bits; nats are asked for.")
    return number(value, *wrong, in_bits, **_BITS)


# --- one sample ----------------------------------------------------------------------------------


def _draw_sample(draw: Draw) -> dict[str, Any]:
    """Draw a layer and a base point with s < 0, until no two slips give the same number."""
    side, digits = draw.choice([-1, 1]), draw.decimal
    a, z1 = draw.choice([0.4, 0.45, 0.5]), draw.choice([1.2, 1.25, 1.3, 1.35, 1.6])
    layer = {"a": -side * a, "b": -digits(0.11, 0.14, 2), "c": side * digits(0.8, 1), "d": digits(0.8, 0.9)}
    data = {**layer, "z1": side * z1, "z2": digits(0.2, 0.5)}
    return data if all(_are_apart(step, data) for step in _SAMPLE.values()) else _draw_sample(draw)


def _are_apart(step: Number, data: Data) -> bool:
    """Whether the answers that get different messages differ by more than the tolerance."""
    answers = [(expected(step.value, data), ""), *((expected(x.answer, data), x.message) for x in step.wrong)]
    answers.sort()
    return all(b - a > 2 * step.rtol * abs(a) for (a, x), (b, y) in pairwise(answers) if x != y)


def _s(data: Data) -> float:
    return data["a"] * data["z1"] + data["b"]


def _t(data: Data) -> float:
    return data["c"] * data["z1"] + data["d"]


def _x2(data: Data) -> float:
    return float(nt.push([data[name] for name in "abcd"], [[data["z1"], data["z2"]]])[0, 1])


def _log_p(data: Data, curvature: float = 0.1, x2: Value = _x2) -> float:
    return float(banana(curvature).log_prob([[data["z1"], x2(data)]])[0])


def _moved_by(s: Value) -> Value:
    return lambda d: d["z2"] * math.exp(s(d)) + _t(d)


def _seen_at(x2: Value) -> Value:
    return lambda d: _log_p(d, x2=x2)


def _plus(log_p: Value, s: Value = _s) -> Value:
    return lambda d: log_p(d) + s(d)


_WRONG_S = [
    (lambda d: math.exp(_s(d)), "That is det J itself; s is its logarithm."),
    (lambda d: d["a"] * d["z1"], "The constant of the line is missing: at z1 = 0 your s would be 0."),
    (lambda d: d["a"] * d["z2"] + d["b"], "You put z2 into the line; the layer computes s from what it keeps."),
    (lambda d: d["b"] * d["z1"] + d["a"], "You swapped a and b: b is the value of the line at z1 = 0."),
    (_t, "That is t, the translation."),
]
_WRONG_X2 = [
    (lambda d: d["z2"] * _s(d) + _t(d), "You multiplied by s, which is negative here; the scale exp(s) never is."),
    (lambda d: d["z2"] * math.exp(-_s(d)) + _t(d), "You divided by the scale, as the inverse does."),
    (lambda d: (d["z2"] - _t(d)) * math.exp(-_s(d)), "That is the inverse: it takes data back to the base."),
    (lambda d: (d["z2"] + _t(d)) * math.exp(_s(d)), "You scaled the translation too: z2 = 0 must land at t."),
    (lambda d: d["z2"] * math.exp(_s(d)), "That is u, without the translation."),
    (_t, "That is t, where z2 = 0 lands; your z2 is another one."),
]
_FROM_S = [(_moved_by(s), "This follows from your s; correct that first.") for s, _ in _WRONG_S]
_WRONG_LOG_P = [
    (lambda d: _log_p(d) + math.log(2 * math.pi), "Your density does not integrate to one: a constant is missing."),
    (lambda d: _log_p(d) + math.log(2 * math.pi) / 2, "In the plane the constant counts once for each axis."),
    (lambda d: 2 * _log_p(d) + math.log(2 * math.pi), "The factor 1/2 before the squares is missing."),
    (lambda d: _log_p(d, -0.1), "You bent the banana upwards: look at the sign of 0.1 x1^2."),
    (lambda d: _log_p(d, 0), "You took the plain normal law; the term 0.1 x1^2 is missing."),
    (lambda d: float(banana().log_prob([[d["z1"], d["z2"]]])[0]), "You put in z; the layer has taken it to x."),
    (lambda d: math.exp(_log_p(d)), "That is the density; its logarithm is asked for."),
]
_FROM_X2 = [(_seen_at(x2), "This follows from your x2; correct that first.") for x2, _ in _WRONG_X2 + _FROM_S]
_FROM_LOG_P = [
    (_plus(log_p), "This follows from your log_p; correct that first.") for log_p, _ in _WRONG_LOG_P + _FROM_X2
]
_FROM_BOTH = [
    (_plus(_seen_at(_moved_by(s)), s), "This follows from your s and x2; correct them first.") for s, _ in _WRONG_S
]

_SAMPLE = {
    "s": number(_s, *_WRONG_S),
    "x2": number(_x2, *_WRONG_X2, *_FROM_S),
    "log_p": _nats(_log_p, *_WRONG_LOG_P, *_FROM_X2),
    "objective": _nats(
        _plus(_log_p),
        (lambda d: _log_p(d) - _s(d), "You subtracted the log-determinant. That would reward a layer that collapses."),
        (lambda d: _log_p(d) + math.log(abs(_s(d))), "You took the logarithm of |s|; s is a logarithm already."),
        (lambda d: _log_p(d) + math.exp(_s(d)), "You added the determinant; its logarithm is asked for."),
        (_log_p, "The log-determinant is missing: this part alone is best for a cloud that has collapsed onto t."),
        (lambda d: _log_p(d) * _s(d), "You multiplied two logarithms; the objective adds them."),
        *_FROM_BOTH,
        *_FROM_LOG_P,
    ),
}
ONE_SAMPLE = Derivation(steps=_SAMPLE, draw=_draw_sample)

# --- second derivatives --------------------------------------------------------------------------

_PLANE = {"x1": (-2, 2), "x2": (-2, 2), "k": (0.15, 0.6)}
_SECOND = {
    "h11": formula(
        "-1 - 2*k*(x2 + k*x1**2) - (2*k*x1)**2",
        _PLANE,
        ("-1 - 2*k - 2*k*(x2 + k*x1**2)", "At y2 = 0 yours is the same for all x1. But far out the ridge is steeper."),
        ("-1 - 2*k*(x2 + k*x1**2)", "In x1 y2 both factors depend on x1; you differentiated only the first."),
        ("-1 - (2*k*x1)**2", "In x1 y2 both factors depend on x1; you differentiated only the second."),
        ("-1 - 2*k*(x2 + k*x1**2) + (2*k*x1)**2", "The minus before x1 y2 belongs to both terms of its derivative."),
        ("-1 - k*(x2 + k*x1**2) - (k*x1)**2", "The factor 2 of the derivative of a square is lost."),
        ("-2*k*(x2 + k*x1**2) - (2*k*x1)**2", "At k = 0 the target is normal; what must this entry be there?"),
        ("-x1 - 2*k*x1*(x2 + k*x1**2)", "That is the first derivative; differentiate once more."),
        ("-1 - 0.2*(x2 + 0.1*x1**2) - (0.2*x1)**2", "That is the chapter's banana; here the curvature is k."),
    ),
    "h12": formula(
        "-2*k*x1",
        _PLANE,
        ("0", "Zero would mean that the score along x2 is the same for every x1. Look at it: it holds x1^2."),
        ("2*k*x1", "The size is right, the sign is not: the score along x2 is minus y2."),
        ("-k*x1", "The factor 2 of the derivative of a square is lost."),
        ("-2*k*x1*(x2 + k*x1**2)", "That is a part of the score along x1; differentiate it along x2."),
        ("-(x2 + k*x1**2)", "That is the first derivative along x2; differentiate it along x1."),
        ("-0.2*x1", "That is the chapter's banana; here the curvature is k."),
    ),
}
SECOND_DERIVATIVES = Derivation(steps=_SECOND)

# --- a banana that bends upwards -----------------------------------------------------------------


def _draw_bent(draw: Draw) -> dict[str, Any]:
    """Draw a curvature and a shift; m is an odd number of tenths, so that m = 4k never makes two slips equal."""
    return {"k": draw.integer(3, 8) / 20, "m": (2 * draw.integer(4, 8) + 1) / 10}


_BENT = {
    "d": number(
        lambda d: d["k"] - d["m"],
        (lambda d: d["m"] - d["k"], "The size is right, the sign is not: on average y2 must be 0."),
        (lambda d: -d["m"], "That is the ridge at x1 = 0. A level line must match the ridge on average over x1."),
        (lambda d: -d["m"] - d["k"], "This banana bends the other way: away from x1 = 0 its ridge is higher."),
        (lambda d: -d["k"], "That is the chapter's optimum with another curvature; here the ridge is shifted too."),
        (lambda d: d["k"], "You left out the shift m: where is the ridge at x1 = 0?"),
        (lambda d: 3 * d["k"] - d["m"], "You took the mean of z1^4 for that of z1^2."),
    ),
    "kl": _nats(
        lambda d: d["k"] ** 2,
        (lambda d: 2 * d["k"] ** 2, "That is the variance of k z1^2; log p has a half in front of the square."),
        (lambda d: 1.5 * d["k"] ** 2, "You took the mean of the square. The shift d removes its mean first."),
        (lambda d: d["k"] ** 2 / 2, "You took the variance of z1^2 to be 1. It is the mean of z1^4, less 1."),
        (lambda d: d["k"], "This grows like k. But k z1^2 stands in a square: twice the k costs four times as much."),
        (0.01, "That is the chapter's banana; yours has another curvature."),
        (0, "A line can't follow a parabola, so something is left; only with the square nothing is."),
    ),
    "e": number(
        lambda d: d["k"],
        (lambda d: -d["k"], "With this sign t bends against the ridge: put x2 = z2 + t into y2."),
        (lambda d: 2 * d["k"], "Compare the squares as they stand; nothing is differentiated here."),
    ),
    "d_exact": number(
        lambda d: -d["m"],
        (lambda d: d["k"] - d["m"], "That is best for the line, which had to make up for the missing square."),
        (lambda d: d["m"], "The size is right, the sign is not: the ridge is where y2 = 0."),
        (0, "The ridge does not pass through the origin: put x1 = 0 into y2 = 0."),
    ),
}
BENT = Derivation(steps=_BENT, draw=_draw_bent)
