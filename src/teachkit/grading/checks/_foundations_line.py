"""The items of sheet 1 on the line: a stretched normal, and the square of one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Expression, Number, Wrong
from teachkit.grading.kinds.base import Data, expected


def _normal(z: Any) -> Any:
    return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def apart(kind: Number, data: dict[str, Any]) -> bool:
    """Whether the right and the wrong answers lie so far apart that each gets its own message."""
    named = [(kind.value, ""), *((wrong.answer, wrong.message) for wrong in kind.wrong)]
    known = sorted((expected(answer, data), message) for answer, message in named)
    return all(
        b - a > 3 * kind.rtol * max(abs(a), abs(b))
        for (a, one), (b, other) in itertools.pairwise(known)
        if one != other
    )


# --- a stretched normal ----------------------------------------------------------------------------


def _stretched_data(draw: Draw) -> dict[str, float]:
    """Draw z below 0, so that the wrong points lie farther out and have another height."""
    a, b, z = -draw.decimal(1.8, 3.2), draw.decimal(1, 3), -draw.decimal(0.6, 1.4)
    data = {"a": a, "b": b, "x": round(b + a * z, 2)}
    return data if apart(STRETCHED, data) else _stretched_data(draw)


def _height(start: Callable[[float, float, float], float], factor: Callable[[float], float]) -> Callable[[Data], float]:
    return lambda data: _normal(start(data["a"], data["b"], data["x"])) * factor(data["a"])


def _back(a: float, b: float, x: float) -> float:
    return (x - b) / a


def _same_point(a: float, b: float, x: float) -> float:
    return x


def _forward(a: float, b: float, x: float) -> float:
    return a * x + b


def _probability(sign: float) -> Callable[[Data], float]:
    return lambda data: NormalDist().cdf(sign * _back(data["a"], data["b"], data["x"]))


_AT_X = "The base is evaluated at x. It belongs at the z that the map sends to x"
_ONCE_MORE = "You push x forward once more. The base must be evaluated at the point that x came from"
_NOT_A_DENSITY = "This is a probability, a value of a distribution function. A density is the derivative of one."

_density = _height(_back, lambda a: 1 / abs(a))
STRETCHED = Number(
    value=_density,
    draw=_stretched_data,
    wrong=[
        Wrong(_height(_back, lambda a: 1 / a), "A density is never negative: take the absolute value of the slope."),
        Wrong(_height(_back, lambda a: 1), "This is the height of the base at the z that the map sends to x. The map "
              "spreads the same mass over another length, so its slope must enter."),
        Wrong(_height(_back, abs), "You multiply by the stretch. Where the map stretches, the same mass covers more "
              "length, so the density must fall."),
        Wrong(_height(_back, lambda a: 1 / a**2), "You divide by the square of a. A length is stretched by |a|; only "
              "the variance is multiplied by the square."),
        Wrong(_height(_same_point, lambda a: 1 / abs(a)), f"{_AT_X}; the factor is right."),
        Wrong(_height(_same_point, lambda a: 1), f"{_AT_X}, and the slope of the map must enter as well."),
        Wrong(_height(lambda a, b, x: (x + b) / a, lambda a: 1 / abs(a)), "The base is evaluated at the wrong z: push "
              "it through the map, and it does not come back to x. Look at the sign of b."),
        Wrong(_height(lambda a, b, x: x / a, lambda a: 1 / abs(a)), "Your z leaves out the shift: it must be 0 for "
              "x = b."),
        Wrong(_height(_forward, lambda a: 1 / abs(a)), f"{_ONCE_MORE}."),
        Wrong(_height(_forward, lambda a: 1), f"{_ONCE_MORE}, and the slope of the map must enter as well."),
        Wrong(_height(lambda a, b, x: (x - b) / math.sqrt(-a), lambda a: 1 / math.sqrt(-a)), "Here |a| is used as a "
              "variance. The map multiplies lengths by |a|, so |a| is the standard deviation."),
        Wrong(_height(lambda a, b, x: (x - b) / a**2, lambda a: 1 / a**2), "Here the square of a is used as a standard "
              "deviation. It is the variance."),
        Wrong(_height(_back, lambda a: math.sqrt(2 * math.pi) / abs(a)), "The constant of the normal density is "
              "missing: without it the area is sqrt(2*pi)."),
        Wrong(_probability(1), _NOT_A_DENSITY),
        Wrong(_probability(-1), _NOT_A_DENSITY),
        Wrong(lambda data: math.log(_density(data)), "This is the logarithm of the density; the question asks "
              "for the density."),
    ],
)  # fmt: skip


# --- two branches ----------------------------------------------------------------------------------

_PLUS, _MINUS = "exp(-(sqrt(x) - 1)**2/2)", "exp(-(sqrt(x) + 1)**2/2)"

_AT_ROOTS = "The base is evaluated at x. It belongs at the two points z that the square sends to x."
_SQUARED_AGAIN = "You square x once more. The base belongs at the points that x came from, the roots of x."

SQUARE = Expression(
    value=f"({_PLUS} + {_MINUS})/(2*sqrt(2*pi*x))",
    variables={"x": (0.05, 9.0)},
    wrong=[
        Wrong(f"{_PLUS}/(2*sqrt(2*pi*x))", "Only the positive root counts here. The mass of the negative z is lost, "
              "and the area is P(Z > 0), about 0.84."),
        Wrong(f"{_PLUS}/sqrt(2*pi*x)", "One branch is doubled. Twice one branch is right only if the two points have "
              "the same density, and this base is not symmetric about 0."),
        Wrong(f"{_MINUS}/(2*sqrt(2*pi*x))", "Only the negative root counts here, and most of the mass is at the "
              "positive one."),
        Wrong("exp(-x/2)/sqrt(2*pi*x)", "This is the square of a variable with mean 0. Here the mean is not 0."),
        Wrong(f"({_PLUS} + {_MINUS})/sqrt(2*pi)", "The slopes of the two inverses are missing: only the heights of the "
              "base are added."),
        Wrong(f"({_PLUS} + {_MINUS})*2*sqrt(x)/sqrt(2*pi)", "You multiply by the slope of the forward map. Where it "
              "stretches, the density falls."),
        Wrong(f"({_PLUS} - {_MINUS})/(2*sqrt(2*pi*x))", "The second branch is subtracted: its slope is negative, but "
              "it brings mass too. Take the absolute value."),
        Wrong(f"({_PLUS} + {_MINUS})/(2*x*sqrt(2*pi))", "The slope of the square is taken at x. It belongs at the "
              "points z that go to x, which are roots of x."),
        Wrong("(exp(-(x - 1)**2/2) + exp(-(x + 1)**2/2))/(2*sqrt(2*pi*x))", _AT_ROOTS),
        Wrong("exp(-(x - 1)**2/2)/(2*sqrt(2*pi*x))", _AT_ROOTS),
        Wrong("exp(-(x - 1)**2/2)/sqrt(2*pi)", f"{_AT_ROOTS} And the slopes of the two inverses are missing."),
        Wrong(f"({_PLUS} + {_MINUS})*2*x/sqrt(2*pi)", "You multiply by a slope of the forward map, taken at x. Where "
              "it stretches, the density falls; and its slope belongs at the points that go to x."),
        Wrong("exp(-(x**2 - 1)**2/2)/sqrt(2*pi)", _SQUARED_AGAIN),
        Wrong("exp(-(x**2 - 1)**2/2)*2*x/sqrt(2*pi)", _SQUARED_AGAIN),
        Wrong(f"({_PLUS} + {_MINUS})/(4*sqrt(2*pi*x))", "You average the two branches. Each brings its own mass, so "
              "they are added; the area here is one half."),
        Wrong(f"({_PLUS} + {_MINUS})/sqrt(2*pi*x)", "The slope of the root is off by a factor: the area here is 2."),
        Wrong(f"({_PLUS} + {_MINUS})/(2*sqrt(x))", "The constant of the normal density is missing."),
        Wrong(f"({_PLUS} + {_MINUS})/(4*pi*sqrt(x))", "The constant 1/(2*pi) belongs to the plane; on the line the "
              "normal density has 1/sqrt(2*pi)."),
        Wrong("(exp(-(sqrt(x) - 1)**2) + exp(-(sqrt(x) + 1)**2))/(2*sqrt(2*pi*x))", "The exponent of the normal "
              "density has a factor that is missing here."),
    ],
)  # fmt: skip
