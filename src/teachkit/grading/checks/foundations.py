"""Sheet 1, foundations: the change of variables and Jacobians."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from teachkit.grading.checks._foundations_derivations import BY_HAND, RATIO
from teachkit.grading.checks._foundations_functions import DIFFERENCES, PUSHED
from teachkit.grading.checks._foundations_line import SIGMOID, SQUARE, STRETCHED, apart
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Choice, Number, TrueFalse, Wrong
from teachkit.grading.kinds.base import Data

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
    return data if apart(_CHAIN, data) else _chain_data(draw)


def _parts(data: Data) -> list[float]:
    """Return the log-determinants of the four maps."""
    return [math.log(data["det1"]), math.log(-data["det2"]), -data["log_det_g"], data["d"] * math.log(data["factor"])]


def _along(*weights: float, base: float = 1, scale: float = 1) -> Callable[[Data], float]:
    """Return log p, with each log-determinant subtracted so many times."""
    return lambda data: scale * (base * data["log_pz"] - np.dot(weights, _parts(data)))


def _last(log_det: Callable[[int, float], float]) -> Callable[[Data], float]:
    """Return log p with another log-determinant of the last map."""
    return lambda data: _along(1, 1, 1, 0)(data) - log_det(data["d"], data["factor"])


def _bare(size: Callable[[float], float]) -> Callable[[Data], float]:
    """Return log p with the first two determinants in place of their logarithms."""
    return lambda data: _along(0, 0, 1, 1)(data) - data["det1"] - size(data["det2"])


def _tens(data: Data) -> float:
    first, second, third, last = _parts(data)
    return data["log_pz"] - (first + second + last) / math.log(10) - third


_BARE = "The first two determinants themselves are subtracted. The density is divided by them, so subtract logarithms"

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
        Wrong(_last(lambda d, c: math.log(d * c)), "You take the logarithm of d times the factor. The determinant is "
              "the product of d equal factors."),
        Wrong(_along(1, 1, 1, 0), "The last map is left out. It stretches every coordinate by the factor."),
        Wrong(_along(0, 1, 1, 1), "The first map is left out. Its determinant is not 1, so it changes the density."),
        Wrong(_along(1, 0, 1, 1), "The second map is left out. A negative determinant mirrors; its absolute value "
              "counts like any other."),
        Wrong(_along(1, -1, 1, 1), "The second map's part has the wrong sign. The minus sign of its determinant says "
              "that it mirrors; that it shrinks shows in the logarithm of the absolute value."),
        Wrong(_along(-1, -1, -1, -1, base=0), "This is the log-determinant of the chain; the log-density of the base "
              "is missing."),
        Wrong(_along(1, 1, 1, 1, base=0), "The log-density of the base is missing: start from log p_Z(z)."),
        Wrong(lambda data: data["log_pz"] - math.prod(_parts(data)), "The logarithms are multiplied. The determinants "
              "have a product; their logarithms have a sum."),
        Wrong(_bare(abs), f"{_BARE}."),
        Wrong(_bare(lambda det: det), f"{_BARE}, of their absolute values."),
        Wrong(_tens, "These are logarithms to base 10. In nats they are natural ones, as math.log and np.log give."),
        Wrong(_along(1, 1, 1, 1, scale=1 / math.log(2)), "This is the number in bits, read as nats. Say so: write the "
              "unit behind it, in quotes."),
        Wrong(_along(1, 1, 1, 1, scale=math.log(2)), "This is the number of nats with the unit "
              "bits, or nats multiplied by log 2. Nats need no factor."),
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
        "e": "Subtracting too much makes the density too small: the integral would be 1/|det A|: 1 "
             "for the rotation, and below 1 in the last two rows.",
    },
    because="Added where it should be subtracted, log |det A| makes the density too large by |det A| squared: 1, 16 "
            "and 25.",
)  # fmt: skip


# --- half a fold -----------------------------------------------------------------------------------

_FOLD = TrueFalse(
    truth=False,
    right="d",
    why={
        "a": "A line has area zero. It may be left out, and a density may have any value on it.",
        "b": "Where a map stretches, the same mass covers a larger area, so the density falls: to divide is right.",
        "c": "Given z2, the first coordinate of x does fix z1: the sine is only a shift there.",
        "e": "In the whole plane there is one. But for some of the z that are asked about it lies where the base has "
             "no mass: look at the range of Z2.",
        "f": "Outside the image the density is 0. The claim is only about places f(z) inside it.",
        "g": "A determinant that is not zero makes a map invertible near each point, and not on the whole strip.",
    },
    otherwise="Test the claim at z = (0, 0.5): which other points does f send to the same place, and may they occur?",
    because="The points (z1, z2) and (z1 + sin z2, -z2) share a place. For 0 < |z2| < 1 the base may produce both, and "
            "the claim counts one.",
)  # fmt: skip


ITEMS = {
    "stretched-normal": STRETCHED,
    "sigmoid-of-normal": SIGMOID,
    "jacobian-by-hand": BY_HAND,
    "jacobian-by-differences": DIFFERENCES,
    "affine-log-density": PUSHED,
    "chain-of-maps": _CHAIN,
    "failed-integral": _INTEGRAL,
    "squared-normal": SQUARE,
    "half-a-fold": _FOLD,
    "ratio-of-normals": RATIO,
}
