"""Sheet 1, foundations: the change of variables and Jacobians."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from teachkit.grading.checks._foundations import BY_HAND, DIFFERENCES, PUSHED, RATIO
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Choice, Curve, Expression, Number, TrueFalse, Wrong
from teachkit.grading.kinds.base import Data, expected


def _normal(z: Any) -> Any:
    return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def _apart(kind: Number, data: dict[str, float]) -> bool:
    """Whether the right and the wrong answers lie so far apart that each gets its own message."""
    answers = np.sort([expected(x, data) for x in (kind.value, *(wrong.answer for wrong in kind.wrong))])
    return bool((np.diff(answers) > 3 * kind.rtol * np.maximum(np.abs(answers[1:]), np.abs(answers[:-1]))).all())


# --- a stretched normal ----------------------------------------------------------------------------


def _stretched_data(draw: Draw) -> dict[str, float]:
    """Draw z below 0, so that every wrong code lies farther out and has another height."""
    a, b, z = -draw.decimal(1.8, 3.2), draw.decimal(1, 3), -draw.decimal(0.6, 1.4)
    data = {"a": a, "b": b, "x": round(b + a * z, 2)}
    return data if _apart(_STRETCHED, data) else _stretched_data(draw)


def _height(code: Callable[[float, float, float], float], factor: Callable[[float], float]) -> Callable[[Data], float]:
    return lambda data: _normal(code(data["a"], data["b"], data["x"])) * factor(data["a"])


def _code(a: float, b: float, x: float) -> float:
    return (x - b) / a


_density = _height(_code, lambda a: 1 / abs(a))
_STRETCHED = Number(
    value=_density,
    draw=_stretched_data,
    wrong=[
        Wrong(_height(_code, lambda a: 1 / a), "A density is never negative: take the absolute value of the slope."),
        Wrong(_height(_code, lambda a: 1), "This is the height of the base at the code of x. The map spreads the same "
              "mass over another length, so its slope must enter."),
        Wrong(_height(_code, abs), "You multiply by the stretch. Where the map stretches, the same mass covers more "
              "length, so the density must fall."),
        Wrong(_height(_code, lambda a: 1 / a**2), "You divide by the square of a. A length is stretched by |a|; only "
              "the variance is multiplied by the square."),
        Wrong(_height(lambda a, b, x: (x + b) / a, lambda a: 1 / abs(a)), "Your code of x is off: push it through the "
              "map again, and it does not come back to x. Look at the sign of b."),
        Wrong(_height(lambda a, b, x: x / a, lambda a: 1 / abs(a)), "Your code of x leaves out the shift: the code of "
              "x = b must be 0."),
        Wrong(_height(lambda a, b, x: a * x + b, lambda a: 1 / abs(a)), "You push x forward once more. The base must "
              "be evaluated at the point that x came from."),
        Wrong(_height(lambda a, b, x: (x - b) / math.sqrt(-a), lambda a: 1 / math.sqrt(-a)), "Here |a| is used as a "
              "variance. The map multiplies lengths by |a|, so |a| is the standard deviation."),
        Wrong(_height(_code, lambda a: math.sqrt(2 * math.pi) / abs(a)), "The constant of the normal density is "
              "missing: without it the area is sqrt(2*pi)."),
        Wrong(lambda data: math.log(_density(data)), "This is the logarithm of the density; the question asks "
              "for the density."),
    ],
)  # fmt: skip


# --- a normal variable, squeezed into (0, 1) -------------------------------------------------------


def _sigmoid_data(draw: Draw) -> dict[str, float]:
    return {"a": draw.decimal(1.8, 2.0, 2), "b": draw.choice([-1, 1]) * draw.decimal(0.2, 0.5)}


def _logit(x: np.ndarray) -> np.ndarray:
    return np.log(x / (1 - x))


def _squeezed(slope: Callable[[np.ndarray, float], Any], sign: float = 1) -> Callable[[np.ndarray, Data], np.ndarray]:
    """Return a curve: the base at the code of x, times ``slope(x, a)``."""
    return lambda x, data: _normal((_logit(x) - sign * data["b"]) / data["a"]) * slope(x, data["a"])


_bounded = _squeezed(lambda x, a: 1 / (a * x * (1 - x)))
_SIGMOID = Curve(
    value=_bounded,
    domain=(0.01, 0.99),
    points=100,
    draw=_sigmoid_data,
    wrong=[
        Wrong(_squeezed(lambda x, a: 1), "This is the height of the base at the code of x; the slope of the inverse is "
              "missing. Add up the heights times the step: the area is not 1."),
        Wrong(_squeezed(lambda x, a: 1 / a), "Only the stretch by a is in the slope. The sigmoid squeezes too, near 0 "
              "and 1 much more than in the middle."),
        Wrong(_squeezed(lambda x, a: 1 / (x * (1 - x))), "Only the sigmoid is in the slope; the stretch by a is "
              "missing. The area is a, not 1."),
        Wrong(_squeezed(lambda x, a: a * x * (1 - x)), "You multiply by the slope of the forward map. Where it "
              "squeezes, near 0 and 1, the density must grow."),
        Wrong(_squeezed(lambda x, a: 1 / (a * x)), "Your slope belongs to log x. The inverse of the sigmoid is "
              "log x - log(1 - x); both parts have a derivative."),
        Wrong(_squeezed(lambda x, a: 1 / (a * x * (1 - x)), sign=-1), "This is the mirror image: b enters the code "
              "with the wrong sign. The code of x = sigmoid(b) must be 0."),
        Wrong(lambda x, data: _normal(data["a"] * _logit(x) + data["b"]) * data["a"] / (x * (1 - x)), "This is a "
              "density, but of sigmoid((Z - b)/a): the steps must be undone one by one, the last one first."),
        Wrong(lambda x, data: np.log(_bounded(x, data)), "This is the log-density; plot the density itself."),
    ],
)  # fmt: skip


# --- the log-density at the end of a chain ---------------------------------------------------------


def _chain_data(draw: Draw) -> dict[str, float]:
    data = {
        "log_pz": -draw.decimal(4, 6),
        "d": draw.integer(3, 5),
        "det1": draw.decimal(2.5, 4),
        "det2": -draw.decimal(0.4, 0.8),
        "log_det_g": draw.decimal(0.5, 0.9),
        "factor": draw.choice([1.6, 2.0, 2.5]),
    }
    return data if _apart(_CHAIN, data) else _chain_data(draw)


def _parts(data: Data) -> list[float]:
    """Return the log-determinants of the four maps."""
    return [math.log(data["det1"]), math.log(-data["det2"]), -data["log_det_g"], data["d"] * math.log(data["factor"])]


def _along(*weights: float, base: float = 1, scale: float = 1) -> Callable[[Data], float]:
    """Return log p, with each log-determinant subtracted so many times."""
    return lambda data: scale * (base * data["log_pz"] - np.dot(weights, _parts(data)))


_CHAIN = Number(
    value=_along(1, 1, 1, 1),
    unit="nats",
    units={"bits": math.log(2)},
    draw=_chain_data,
    wrong=[
        Wrong(_along(-1, -1, -1, -1), "The log-determinants are added. Going forward, a map that stretches lowers the "
              "density: subtract them."),
        Wrong(_along(1, 1, -1, 1), "The third map is the inverse of g. It undoes what g does to volumes, so its "
              "log-determinant has the other sign."),
        Wrong(_along(1, 1, 0, 1), "The third map is left out. It is an inverse, and has a log-determinant as well."),
        Wrong(lambda data: _along(1, 1, 1, 1 / data["d"])(data), "The last map stretches every one of the d "
              "coordinates, and you count one of them."),
        Wrong(_along(1, 0, 1, 1), "The second map is left out. A negative determinant mirrors; its absolute value "
              "counts like any other."),
        Wrong(_along(1, -1, 1, 1), "The second map's part has the wrong sign. The minus sign of its determinant says "
              "that it mirrors; that it shrinks shows in the logarithm of the absolute value."),
        Wrong(_along(-1, -1, -1, -1, base=0), "This is the log-determinant of the chain; the log-density of the base "
              "is missing."),
        Wrong(_along(1, 1, 1, 1, base=0), "The log-density of the base is missing: the point was not equally likely to "
              "begin with."),
        Wrong(lambda data: data["log_pz"] - math.prod(_parts(data)), "The logarithms are multiplied. The determinants "
              "have a product; their logarithms have a sum."),
        Wrong(_along(1, 1, 1, 1, scale=1 / math.log(2)), "This is the number in bits, read as nats. Say so: write the "
              "unit behind it, in quotes."),
        Wrong(_along(1, 1, 1, 1, scale=math.log(2) ** 2), "The number of bits is too small: one nat is more than one "
              "bit."),
        Wrong(lambda data: math.exp(_along(1, 1, 1, 1)(data)), "This is the density; asked for is its logarithm."),
    ],
)  # fmt: skip


# --- reading a failed test -------------------------------------------------------------------------

_INTEGRAL = Choice(
    right="c",
    why={
        "a": "Work out what leaving it out would give: log p is then too large by log |det A|, so the integral is "
             "|det A| itself. That fits the rotation, but not the other two rows.",
        "b": "This mistake is real, and this test can't find it: a matrix and its transpose have the same determinant, "
             "so the integral would be 1 in every row.",
        "d": "Then every row would show the same factor 2 pi, the rotation too.",
        "e": "Subtracting too much makes the density too small: the first two integrals would be below 1.",
    },
)  # fmt: skip


# --- two branches ----------------------------------------------------------------------------------

_PLUS, _MINUS = "exp(-(sqrt(x) - 1)**2/2)", "exp(-(sqrt(x) + 1)**2/2)"

_SQUARE = Expression(
    value=f"({_PLUS} + {_MINUS})/(2*sqrt(2*pi*x))",
    variables={"x": (0.05, 9.0)},
    wrong=[
        Wrong(f"{_PLUS}/(2*sqrt(2*pi*x))", "Only the positive code counts here. The mass of the negative z is lost, "
              "and the area is P(Z > 0), about 0.84."),
        Wrong(f"{_PLUS}/sqrt(2*pi*x)", "One branch is doubled. Twice one branch is right only if the two codes have "
              "the same density, and this base is not symmetric about 0."),
        Wrong("exp(-x/2)/sqrt(2*pi*x)", "This is the square of a variable with mean 0. Here the mean is not 0."),
        Wrong(f"({_PLUS} + {_MINUS})/sqrt(2*pi)", "The slopes of the two inverses are missing: only the heights of the "
              "base are added."),
        Wrong(f"({_PLUS} + {_MINUS})*2*sqrt(x)/sqrt(2*pi)", "You multiply by the slope of the forward map. Where it "
              "stretches, the density falls."),
        Wrong(f"({_PLUS} - {_MINUS})/(2*sqrt(2*pi*x))", "The second branch is subtracted: its slope is negative, but "
              "it brings mass too. Take the absolute value."),
        Wrong(f"({_PLUS} + {_MINUS})/(2*x*sqrt(2*pi))", "The slope of the square is taken at x. It belongs at the "
              "code, which is a root of x."),
        Wrong(f"({_PLUS} + {_MINUS})/(4*sqrt(2*pi*x))", "You average the two branches. Each brings its own mass, so "
              "they are added; the area here is one half."),
        Wrong(f"({_PLUS} + {_MINUS})/sqrt(2*pi*x)", "The slope of the root is off by a factor: the area here is 2."),
        Wrong(f"({_PLUS} + {_MINUS})/(2*sqrt(x))", "The constant of the normal density is missing."),
    ],
)  # fmt: skip


# --- half a fold -----------------------------------------------------------------------------------

_FOLD = TrueFalse(
    truth=False,
    right="d",
    why={
        "a": "A set of probability zero may be left out; a density may have any value there.",
        "b": "For z2 < 0 the determinant is negative, and the absolute value in the formula takes care of that.",
        "c": "Given z2, the first coordinate of x does fix z1: the sine is only a shift there.",
        "e": "In the whole plane there is one. But for some of the z that are asked about it lies where the base has "
             "no mass: look at the range of Z2.",
        "f": "Outside of the image the density is 0. The claim is only about places f(z) inside it.",
        "g": "A determinant that is not zero makes a map invertible near each point, and not on the whole strip.",
    },
    otherwise="Test the claim at z = (0, 0.5): which other points does f send to the same place, and may they occur?",
)  # fmt: skip


ITEMS = {
    "stretched-normal": _STRETCHED,
    "sigmoid-of-normal": _SIGMOID,
    "jacobian-by-hand": BY_HAND,
    "jacobian-by-differences": DIFFERENCES,
    "affine-log-density": PUSHED,
    "chain-of-maps": _CHAIN,
    "failed-integral": _INTEGRAL,
    "squared-normal": _SQUARE,
    "half-a-fold": _FOLD,
    "ratio-of-normals": RATIO,
}
