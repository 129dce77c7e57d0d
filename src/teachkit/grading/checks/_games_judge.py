"""The items of sheet 2 about the discriminator: the best one, its logit, its sharpness, and what it teaches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Curve, Derivation, Expression, Number, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.likelihood import js
from teachkit.minimax import LOG_4, optimal_discriminator, softplus, value
from teachkit.minimax_gaussian import shift_gradients

_BITS = {"unit": "nats", "units": {"bits": math.log(2)}}


def named(*entries: tuple[Any, ...]) -> list[Wrong]:
    """Return wrong answers, given as (answer, message) or (answer, message, credit)."""
    return [Wrong(*entry) for entry in entries]


# --- the best discriminator on three outcomes ----------------------------------------------------

_PAIRS = [  # the generator never makes the third outcome; no two slips give the same number
    ([0.45, 0.3, 0.25], [0.2, 0.8, 0.0]),
    ([0.6, 0.1, 0.3], [0.3, 0.7, 0.0]),
    ([0.4, 0.2, 0.4], [0.1, 0.9, 0.0]),
    ([0.55, 0.1, 0.35], [0.3, 0.7, 0.0]),
    ([0.3, 0.45, 0.25], [0.65, 0.35, 0.0]),
    ([0.2, 0.4, 0.4], [0.7, 0.3, 0.0]),
    ([0.1, 0.6, 0.3], [0.8, 0.2, 0.0]),
]


def _draw_pair(draw: Draw) -> dict[str, Any]:
    p, q = draw.choice(_PAIRS)
    return {"p": p, "q": q}


def _best(data: Data) -> np.ndarray:
    return optimal_discriminator(data["p"], data["q"])


def _value(data: Data) -> float:
    return value(data["p"], data["q"], _best(data))


def _jsd(data: Data) -> float:
    return js(data["p"], data["q"])


def _half(law: str) -> Callable[[Data], float]:
    """Return the part of V that belongs to the data, or to the generator."""

    def part(data: Data) -> float:
        D = _best(data) if law == "p" else 1 - _best(data)
        return sum(mass * math.log(d) for mass, d in zip(data[law], D, strict=True) if mass > 0)

    return part


def _unsure(data: Data) -> float:
    """Return V if the third outcome gets 1/2."""
    return value(data["p"], data["q"], [*_best(data)[:2], 0.5])


def _at(i: int) -> Number:
    return Number(
        value=lambda d: _best(d)[i],
        wrong=named(
            (lambda d: 1 - _best(d)[i], "That is the probability that the point is a fake; D asks whether it is data."),
            (
                lambda d: d["p"][i] / d["q"][i],
                "That is the ratio p/q. What would it be for equal masses, and what D?",
            ),
            (lambda d: d["p"][i], "That is p alone; the best answer depends on how often the fakes are there, too."),
            (0.5, "With 1/2 the discriminator ignores that one of the laws is here more often."),
        ),
    )


BEST = Derivation(
    draw=_draw_pair,
    steps={
        "D1": _at(0),
        "D2": _at(1),
        "D3": Number(
            value=1.0,
            wrong=named(
                (0.5, "1/2 is for a place where neither law is, or both equally. Who is at the third outcome?"),
                (0.0, "You swapped the labels: D is the probability that the point comes from the data."),
                (lambda d: d["p"][2], "That is p alone. If such a point turns up, where can it come from?"),
            ),
        ),
        "value": Number(
            value=_value,
            wrong=named(
                (lambda d: -_value(d), "The size is right. But logarithms of probabilities are not above 0."),
                (lambda d: _value(d) / 2, "You took the mean of both parts; V is their sum."),
                (lambda d: _value(d) / math.log(2), "That is the value in bits; nats are asked for."),
                (_half("p"), "That is the data's part alone. The generator's points are judged, too."),
                (_half("q"), "That is the generator's part alone. The data are judged, too."),
                (-LOG_4, "That is the value of a discriminator that always says 1/2. The best one gets more."),
                (_unsure, "At the third outcome this discriminator hesitates. What does log D give for D = 1?"),
                (lambda d: 2 * _jsd(d), "That is 2 JS. V itself is smaller by a constant."),
            ),
            **_BITS,
        ),
        "js": Number(
            value=_jsd,
            wrong=named(
                (lambda d: 2 * _jsd(d), "The value of the game holds 2 JS; you left out the 2."),
                (lambda d: _value(d) / 2, "The constant log 4 is missing. JS is never below 0."),
                (lambda d: _jsd(d) / math.log(2), "That is the divergence in bits; nats are asked for."),
                (lambda d: _value(d) + math.log(2), "You added log 2. What is V for equal laws?"),
                (
                    lambda d: (_value(d) + math.log(2)) / 2,
                    "You added log 2. What is V for equal laws?",
                ),
                (
                    lambda d: (_value(d) - LOG_4) / 2,
                    "That is below 0. For equal laws it should be 0.",
                ),
                (math.log(2), "That is the largest possible value, for laws without overlap. Yours do overlap."),
            ),
            **_BITS,
        ),
    },
)

# --- the logit of two normal laws ----------------------------------------------------------------

LOGIT = Expression(
    value="(x - m)**2/(2*s**2) - x**2/2 + log(s)",
    variables={"x": (-3, 3), "m": (-2, 2), "s": (0.4, 2.5)},
    wrong=named(
        (
            "x**2/2 - (x - m)**2/(2*s**2) - log(s)",
            "That is log q - log p. Where p is above q the logit is above 0.",
        ),
        ("(x - m)**2/(2*s**2) - x**2/2", "A normal density has s in front of the exponential, too. Try m = 0 = x."),
        (
            "(x - m)**2/(2*s**2) - x**2/2 - log(s)",
            "The sign of log s is wrong: a wide law is low; log q has -log s.",
        ),
        ("(x - m)**2/s**2 - x**2 + log(s)", "The halves in the exponents are missing."),
        ("(x - m)**2/(2*s) - x**2/2 + log(s)/2", "In your density s is the variance; it is the standard deviation."),
        (
            "x**2/2 - (x - m)**2/(2*s**2) + log(s)",
            "Both squares have the wrong sign.",
        ),
        (
            "x**2/2 - (x - m)**2/(2*s**2)",
            "The sign is wrong, and the factors in front of the exponentials are missing.",
        ),
        ("(x - m)**2/s**2 - x**2", "The halves in the exponents are missing, and so is what stands in front of them."),
        ("(x - m)**2/(2*s) - x**2/2 + log(s)", "In your exponent the variance is s; s is the standard deviation."),
        ("(x - m)**2/(2*s**2) - x**2/2 + log(s)/2", "log s has no half: it is the square root of s^2."),
        ("(x - m)**2/(2*s**2) - x**2/2 + 2*log(s)", "The variance s^2 stands under a root in front of the density."),
        ("1/(1 + exp(x**2/2 - (x - m)**2/(2*s**2) - log(s)))", "That is D itself; its logit is asked for."),
        ("exp((x - m)**2/(2*s**2) - x**2/2)*s", "That is p/q; the logit is its logarithm."),
        ("m**2/2 - m*x", "That is for s = 1. With different widths a square of x is left."),
    ),
)

# --- a discriminator that is too sure, or not sure enough ----------------------------------------

_NODES = np.linspace(-9, 9, 901)
_WEIGHTS = np.exp(-(_NODES**2) / 2) * (_NODES[1] - _NODES[0]) / math.sqrt(2 * math.pi)


def _draw_shift(draw: Draw) -> dict[str, Any]:
    return {"m": draw.integer(14, 24) / 10}


def _bound(kappa: Any, data: Data) -> np.ndarray:
    """Return (V + log 4)/2; by symmetry both parts of V are equal."""
    logit = data["m"] ** 2 / 2 - data["m"] * _NODES
    return math.log(2) - softplus(-np.multiply.outer(kappa, logit)) @ _WEIGHTS


def _powers(kappa: Any, data: Data) -> np.ndarray:
    """Return the curve of D to the power kappa."""
    logit = data["m"] ** 2 / 2 - data["m"] * _NODES
    D = np.exp(-np.multiply.outer(kappa, softplus(-logit)))
    other = np.log1p(-np.minimum(D, 1 - 1e-16)) @ (_WEIGHTS * np.exp(logit * -1.0))
    return (np.log(D) @ _WEIGHTS + other + LOG_4) / 2


SHARPNESS = Curve(
    value=_bound,
    domain=(0.1, 3.0),
    points=30,
    rtol=2e-3,
    draw=_draw_shift,
    wrong=named(
        (lambda k, d: 2 * _bound(k, d) - LOG_4, "That is V. It bounds 2 JS - log 4, not JS."),
        (lambda k, d: 2 * _bound(k, d), "That is V + log 4, which bounds 2 JS."),
        (lambda k, d: _bound(k, d) - math.log(2), "That is V/2: the constant log 4 is missing."),
        (lambda k, d: 2 * _bound(k, d) - math.log(2), "You added log 2 to V; for D = 1/2 the bound must be 0."),
        (lambda k, d: _bound(k, d) / math.log(2), "That is the bound in bits; nats are asked for."),
        (lambda k, d: _bound(-np.asarray(k), d), "Your discriminator takes the data for the fakes."),
        (lambda k, d: -_bound(k, d), "The sign is wrong: V grows when the discriminator gets better."),
        (lambda k, d: np.full(np.shape(k), float(_bound(1.0, d))), "That is JS itself, which k = 1 alone reaches."),
        (lambda k, d: _bound(1 / k, d), "You divided the logit by k."),
        (_powers, "You took D to the power k; the logit is multiplied by k."),
    ),
)

# --- slopes --------------------------------------------------------------------------------------


def _slope(text: str, *wrong: tuple[Any, ...]) -> Expression:
    by_D = ("That is the derivative by D. By the logit it has the factor D (1 - D) more.",)
    entries = [entry if len(entry) > 1 else (*entry, *by_D) for entry in wrong]
    return Expression(value=text, variables={"a": (-4, 4)}, wrong=named(*entries))


_D = "1/(1 + exp(-a))"
_UP = "The sign is wrong: the generator wants its logit to rise, so the loss must fall with a."
SLOPES = Derivation(
    steps={
        "minimax": _slope(
            f"-{_D}",
            (_D, _UP),
            (f"-(1 - {_D})", "That is the slope of the other loss. Try a = -10: what does log(1 - D) do there?"),
            (f"-1/(1 - {_D})",),
            ("-log(1 + exp(a))", "That is the loss itself; its derivative is asked for."),
            (f"-{_D}*(1 - {_D})", "That is minus the derivative of D; the logarithm is missing."),
        ),
        "non_saturating": _slope(
            f"-(1 - {_D})",
            (f"1 - {_D}", _UP),
            (f"-{_D}", "That is the slope of the other loss. Try a = -10: what does -log D do there?"),
            (f"-1/({_D})",),
            ("log(1 + exp(-a))", "That is the loss itself; its derivative is asked for."),
            (f"-{_D}*(1 - {_D})", "That is minus the derivative of D; the logarithm is missing."),
        ),
        "least_squares": _slope(
            f"-(1 - {_D})*{_D}*(1 - {_D})",
            (f"(1 - {_D})*{_D}*(1 - {_D})", _UP),
            (f"-(1 - {_D})", "That is the derivative by D. By the logit it has the factor D (1 - D) more."),
            (f"-2*(1 - {_D})*{_D}*(1 - {_D})", "The 2 of the square cancels against the half in front."),
            (f"-(1 - {_D})*{_D}", "One factor is missing: write out the chain rule with the derivative of D."),
            (f"(1 - {_D})**2/2", "That is the loss itself; its derivative is asked for."),
        ),
    }
)

# --- a gradient that fades -----------------------------------------------------------------------


def _draw_distance(draw: Draw) -> dict[str, Any]:
    return {"m": draw.integer(30, 46) / 10}


def _below(m: float) -> float:
    """Return P(Z < -m/2)."""
    return math.erfc(m / 2 / math.sqrt(2)) / 2


def _gradients(pick: Callable[[float, float, float], float]) -> Callable[[Data], float]:
    return lambda d: pick(d["m"], *shift_gradients(d["m"]))


_FADING: Sequence[tuple[Any, ...]] = (
    (_gradients(lambda m, small, large: large), "That is the gradient of the non-saturating loss."),
    (_gradients(lambda m, small, large: small / m), "That is the mean of D*. The chain rule has one factor more."),
    (_gradients(lambda m, small, large: -small), "The sign is wrong: the loss falls when m goes towards 0."),
    (_gradients(lambda m, small, large: small / large), "That is the ratio of the two gradients."),
    (lambda d: d["m"] / (1 + math.exp(d["m"] ** 2 / 2)), "You took D* at the mean of the fakes, not the mean of D*."),
    (lambda d: 1 / (1 + math.exp(d["m"] ** 2 / 2)), "That is D* at the mean of the fakes."),
    (lambda d: d["m"] / 2 * math.exp(-(d["m"] ** 2) / 8), "That is the upper bound of the chapter."),
    (lambda d: d["m"] * _below(d["m"]), "That is the lower bound of the chapter."),
    (lambda d: 2 * d["m"] * _below(d["m"]), "That is an upper bound of the chapter."),
    (
        _gradients(lambda m, small, large: small / 2),
        "You halved it. The loss is the logarithm itself.",
    ),
    (_gradients(lambda m, small, large: -small / m), "Sign and size: multiply by the slope of the logit, which is -m."),
    (lambda d: d["m"] / 2, "You took the mean over the data as well. The loss sees the fakes alone."),
)
FADES = Number(value=_gradients(lambda m, small, large: small), rtol=2e-3, draw=_draw_distance, wrong=named(*_FADING))
