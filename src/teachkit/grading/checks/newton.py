"""Sheet 7, Newton's method on a coupling layer: all items but those that ask for code."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from teachkit import newton as nt
from teachkit.data import banana
from teachkit.grading.checks._newton import BEST_STEP, GRADIENT, TWO_STEPS
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Choice, Curve, Derivation, Expression, Number, TrueFalse, Wrong
from teachkit.grading.kinds.base import Data


def _number(value: Callable[[Data], float], *wrong: tuple, **options: Any) -> Number:
    return Number(value=value, wrong=[Wrong(*entry) for entry in wrong], **options)


def _formula(value: str, variables: dict[str, tuple[float, float]], *wrong: tuple) -> Expression:
    return Expression(value=value, variables=variables, wrong=[Wrong(*entry) for entry in wrong])


_NATS = {"unit": "nats", "units": {"bits": math.log(2)}}

# --- one sample ----------------------------------------------------------------------------------


def _draw_sample(draw: Draw) -> dict[str, Any]:
    """Draw a layer and a base point with s < 0, from values for which no two slips give the same number."""
    side, digits = draw.choice([-1, 1]), draw.decimal
    a, z1 = draw.choice([0.4, 0.45, 0.5]), draw.choice([1.2, 1.25, 1.3, 1.35, 1.6])
    layer = {"a": -side * a, "b": -digits(0.11, 0.14, 2), "c": side * digits(0.8, 1), "d": digits(0.8, 0.9)}
    return {**layer, "z1": side * z1, "z2": digits(0.2, 0.4)}


def _s(data: Data) -> float:
    return data["a"] * data["z1"] + data["b"]


def _t(data: Data) -> float:
    return data["c"] * data["z1"] + data["d"]


def _x2(data: Data) -> float:
    return float(nt.push([data[name] for name in "abcd"], [[data["z1"], data["z2"]]])[0, 1])


def _log_p(data: Data, curvature: float = 0.1) -> float:
    return float(banana(curvature).log_prob([[data["z1"], _x2(data)]])[0])


_SAMPLE = {
    "s": _number(
        _s,
        (lambda d: math.exp(_s(d)), "That is det J itself; s is its logarithm."),
        (lambda d: d["a"] * d["z1"], "The constant of the line is missing: at z1 = 0 your s would be 0."),
        (lambda d: d["a"] * d["z2"] + d["b"], "You put z2 into the line; the layer computes s from what it keeps."),
        (_t, "That is t, the translation."),
    ),
    "x2": _number(
        _x2,
        (lambda d: d["z2"] * _s(d) + _t(d), "You multiplied by s, which is negative here; a scale may not be."),
        (lambda d: d["z2"] * math.exp(-_s(d)) + _t(d), "You divided by the scale, as the inverse does."),
        (lambda d: (d["z2"] - _t(d)) * math.exp(-_s(d)), "That is the inverse: it takes data back to the base."),
        (lambda d: (d["z2"] + _t(d)) * math.exp(_s(d)), "You scaled the translation too: z2 = 0 must land at t."),
        (lambda d: d["z2"] * math.exp(_s(d)), "That is u, without the translation."),
    ),
    "log_p": _number(
        _log_p,
        (lambda d: _log_p(d) + math.log(2 * math.pi), "Your density does not integrate to one: a constant is missing."),
        (lambda d: _log_p(d) + math.log(2 * math.pi) / 2, "In the plane the constant counts once for each axis."),
        (lambda d: _log_p(d, -0.1), "You bent the banana upwards: look at the sign of 0.1 x1^2."),
        (lambda d: _log_p(d, 0), "You took the plain normal law; the term 0.1 x1^2 is missing."),
        (lambda d: float(banana().log_prob([[d["z1"], d["z2"]]])[0]), "You put in z; the layer has taken it to x."),
        (lambda d: math.exp(_log_p(d)), "That is the density; its logarithm is asked for."),
    ),
    "objective": _number(
        lambda d: _log_p(d) + _s(d),
        (lambda d: _log_p(d) - _s(d), "You subtracted the log-determinant. That would reward a layer that collapses."),
        (lambda d: _log_p(d) + math.log(abs(_s(d))), "You took the logarithm of |s|; s is a logarithm already."),
        (lambda d: _log_p(d) + math.exp(_s(d)), "You added the determinant; its logarithm is asked for."),
        (_log_p, "The log-determinant is missing: this part alone is best for a cloud without any spread."),
        (lambda d: _log_p(d) * _s(d), "You multiplied. Densities multiply, their logarithms add."),
        **_NATS,
    ),
}

# --- second derivatives --------------------------------------------------------------------------

_PLANE = {"x1": (-2, 2), "x2": (-2, 2), "k": (0.15, 0.6)}
_SECOND = {
    "h11": _formula(
        "-1 - 2*k*(x2 + k*x1**2) - (2*k*x1)**2",
        _PLANE,
        ("-1 - 2*k - 2*k*(x2 + k*x1**2)", "At y2 = 0 yours is the same for all x1. But far out the ridge is steeper."),
        ("-1 - 2*k*(x2 + k*x1**2)", "In x1 y2 both factors depend on x1; you differentiated only the first."),
        ("-1 - (2*k*x1)**2", "In x1 y2 both factors depend on x1; you differentiated only the second."),
        ("-1 - 2*k*(x2 + k*x1**2) + (2*k*x1)**2", "The minus before x1 y2 belongs to both terms of its derivative."),
        ("-2*k*(x2 + k*x1**2) - (2*k*x1)**2", "At k = 0 the target is normal; what must this entry be there?"),
        ("-x1 - 2*k*x1*(x2 + k*x1**2)", "That is the first derivative; differentiate once more."),
        ("-1 - 0.2*(x2 + 0.1*x1**2) - (0.2*x1)**2", "That is the chapter's banana; here the curvature is k."),
    ),
    "h12": _formula(
        "-2*k*x1",
        _PLANE,
        ("0", "Zero would mean that the score along x2 is the same for every x1. Look at it: it holds x1^2."),
        ("2*k*x1", "The size is right, the sign is not: the score along x2 is minus y2."),
        ("-k*x1", "The factor 2 of the derivative of a square is lost."),
        ("-2*k*x1*(x2 + k*x1**2)", "That is a part of the score along x1; differentiate it along x2."),
    ),
}

# --- a step without an error; a banana that bends upwards ----------------------------------------

_SILENT = TrueFalse(
    truth=False,
    right="b",
    otherwise="Compute the rank with np.linalg.matrix_rank, and see what the solver does for z1 = 0.5.",
    why={
        "a": "More samples help only if their rank-one terms point in new directions. Which ones do these have?",
        "c": "A sum of singular matrices can be invertible: diag(1, 0) + diag(0, 1) is the identity.",
        "d": "Eigenvalues of both signs make a stationary point a saddle, but such a matrix can be inverted.",
        "e": "Rounding decides whether the solver notices. The rank is a matter of the formula, the same for all z1.",
    },
)


def _draw_bent(draw: Draw) -> dict[str, Any]:
    """Draw a curvature and a shift; m is an odd number of tenths, so that m = 4k never makes two slips equal."""
    return {"k": draw.integer(3, 8) / 20, "m": (2 * draw.integer(4, 8) + 1) / 10}


_BENT = {
    "d": _number(
        lambda d: d["k"] - d["m"],
        (lambda d: d["m"] - d["k"], "The size is right, the sign is not: on average y2 must be 0."),
        (lambda d: -d["m"], "That is the ridge at x1 = 0. A level line must match the ridge on average over x1."),
        (lambda d: -d["m"] - d["k"], "This banana bends the other way: away from x1 = 0 its ridge is higher."),
        (lambda d: -d["k"], "That is the chapter's optimum with another curvature; here the ridge is shifted too."),
        (lambda d: 3 * d["k"] - d["m"], "You took the mean of z1^4 for that of z1^2."),
    ),
    "kl": _number(
        lambda d: d["k"] ** 2,
        (lambda d: 2 * d["k"] ** 2, "That is the variance of k z1^2; log p has a half in front of the square."),
        (lambda d: 1.5 * d["k"] ** 2, "You took the mean of the square. The shift d removes its mean first."),
        (lambda d: d["k"] ** 2 / 2, "You took the variance of z1^2 to be 1. It is the mean of z1^4, less 1."),
        (0.01, "That is the chapter's banana; yours has another curvature."),
        (0, "A line can't follow a parabola, so something is left; only with the square nothing is."),
        **_NATS,
    ),
    "e": _number(
        lambda d: d["k"],
        (lambda d: -d["k"], "With this sign t bends against the ridge: put x2 = z2 + t into y2."),
        (lambda d: 2 * d["k"], "Compare the squares as they stand; nothing is differentiated here."),
    ),
    "d_exact": _number(
        lambda d: -d["m"],
        (lambda d: d["k"] - d["m"], "That is best for the line, which had to make up for the missing square."),
        (lambda d: d["m"], "The size is right, the sign is not: the ridge is where y2 = 0."),
        (0, "The ridge does not pass through the origin: put x1 = 0 into y2 = 0."),
    ),
}

# --- the slice along b ---------------------------------------------------------------------------


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


_STEP = _formula(
    "(exp(-2*b - 2*a**2) - 1)/2",
    {"a": (0.3, 1.2), "b": (-1, 1)},
    ("(1 - exp(-2*b - 2*a**2))/2", "The sign is wrong. For very negative b, does L rise or fall with b?"),
    ("(exp(-2*b) - 1)/2", "That is the step at a = 0; the mean of exp(2s) depends on a."),
    ("(exp(-2*b - a**2/2) - 1)/2", "You took the mean of exp(a z1); exp(s) is squared before the mean is taken."),
    ("exp(-2*b - 2*a**2) - 1", "You lost the 2 that the second derivative brings down from the exponent."),
    ("(exp(2*b + 2*a**2) - 1)/2", "You inverted the wrong way: the step is long where the curvature is small."),
    ("1 - exp(2*b + 2*a**2)", "That is the gradient; Newton's step divides it by the curvature."),
    ("b + (exp(-2*b - 2*a**2) - 1)/2", "That is where the step lands; the step itself is asked for.", 0.5),
)

_HARM = _number(
    lambda d: _zero(_gain) - d["a"] ** 2,
    (lambda d: _zero(_gain), "That is the place for a = 0; yours is another one."),
    (lambda d: -(d["a"] ** 2), "That is the top. A step from left of it passes the top, and may still end higher."),
    (lambda d: _zero(_gain) + d["a"] ** 2, "You moved it the wrong way: what does a spread in s do to x2?"),
    (lambda d: _zero(_gain) - 2 * d["a"] ** 2, "You moved it by too much: where is the top for your a?"),
    (lambda d: _zero(_nearer) - d["a"] ** 2, "There the step ends as far away as it began. Compare values of L.", 0.3),
    (lambda d: _zero(_above_quarter) - d["a"] ** 2, "There a trust region begins to shrink. L still rises a little."),
    rtol=2e-3,
    draw=lambda draw: {"a": draw.decimal(0.4, 0.9)},
)

_RATIO = Curve(
    value=lambda b, data: _gain(b) / _promise(b),
    domain=(-0.8, -0.1),
    wrong=[
        Wrong(lambda b, data: _promise(b) / _gain(b), "You divided the promise by the gain."),
        Wrong(lambda b, data: _gain(b) / _promise(b) / 2, "Your promise is g p alone; the model bends.", 0.3),
        Wrong(lambda b, data: _gain(b) / _promise(b) / 3, "In your promise the curvature has the wrong sign."),
        Wrong(lambda b, data: _gain(b), "That is the gain alone; divide it by what the model promises.", 0.3),
        Wrong(lambda b, data: -_gain(b) / _promise(b), "The sign is wrong: near the top the ratio must be near 1."),
        Wrong(lambda b, data: (_height(b - _leap(b)) - _height(b)) / _promise(b), "You stepped to b - p; p is added."),
    ],
)

# --- a run that stopped; three errors ------------------------------------------------------------

_STUCK = Choice(
    right="c",
    why={
        "a": "A zero gradient says that the point is stationary, no more. What tells of which kind it is?",
        "b": "The gradient says that it is stationary. Gradient ascent runs away from saddles; Newton's method divides "
        "by the curvature, sign and all.",
        "d": "A matrix is singular when an eigenvalue is 0. Here none is near 0, and the system was solved well.",
        "e": "Along an eigenvector with eigenvalue h > 0 the step is -g/h. It goes down there, at any length.",
    },
)


def _draw_errors(draw: Draw) -> dict[str, Any]:
    """Draw three errors of a method of order r, from values for which no two slips give the same number."""
    r = draw.choice([1.5, 1.6, 1.7, 1.8, 2.4, 2.5, 2.6, 2.7])
    factor, e0 = draw.decimal(1.4, 1.5), draw.decimal(0.05, 0.09, 2)
    e1 = factor * e0**r
    return {"errors": [e0, float(f"{e1:.8g}"), float(f"{factor * e1**r:.8g}")]}


def _slope(data: Data) -> float:
    first, second, third = np.log(data["errors"])
    return float((third - second) / (second - first))


def _logs(later: int, data: Data) -> float:
    return math.log(data["errors"][later]) / math.log(data["errors"][later - 1])


_ORDER = _number(
    _slope,
    (2, "That is the order of Newton's method near a good optimum. Measure this one: is it Newton's?"),
    (lambda d: 1 / _slope(d), "You divided the wrong way round: a fast method has a large order."),
    (lambda d: _logs(2, d), "You left out the factor C. Differences of logarithms are free of it.", 0.3),
    (lambda d: _logs(1, d), "You used two errors only; since C is not known you need all three."),
    (lambda d: d["errors"][2] / d["errors"][1], "That is the factor of one step. Is it the same in both steps?"),
    (lambda d: math.log10(d["errors"][1] / d["errors"][2]), "That is the number of digits won in the last step."),
    rtol=4e-3,
    draw=_draw_errors,
)

ITEMS = {
    "one-sample": Derivation(steps=_SAMPLE, draw=_draw_sample),
    "second-derivatives": Derivation(steps=_SECOND),
    "batch-gradient": GRADIENT,
    "step-without-error": _SILENT,
    "bent-upwards": Derivation(steps=_BENT, draw=_draw_bent),
    "step-along-b": _STEP,
    "first-harm": _HARM,
    "gain-over-promise": _RATIO,
    "stuck-run": _STUCK,
    "best-step": BEST_STEP,
    "order-of-a-method": _ORDER,
    "two-steps": TWO_STEPS,
}
