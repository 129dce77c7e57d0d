"""The derivations of sheet 1: a Jacobian by hand, the ratio of two normal variables."""

from __future__ import annotations

import math
from collections.abc import Callable

from teachkit.grading.checks._foundations_line import apart
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Derivation, Expression, Number, Wrong
from teachkit.grading.kinds.base import Data

# --- a Jacobian by hand ----------------------------------------------------------------------------

_PLANE = {"z1": (-1.5, 1.5), "z2": (-2.0, 2.0)}


def _entry(value: str, *wrong: tuple[str, str]) -> Expression:
    return Expression(value=value, variables=_PLANE, wrong=[Wrong(*pair) for pair in wrong])


_SECOND_ROW = "The rule is right, and this fits a second row with its two entries"
_OTHER_COLUMN = "This is the derivative with respect to the other input; it belongs in another column."


def _tile(factor: Callable[[float, float], float]) -> Callable[[Data], float]:
    return lambda data: factor((2 * data["z1"] ** 2 - data["z2"]) * math.cos(data["z1"] * data["z2"]), data["side"])


def _added(data: Data) -> float:
    z1, z2 = data["z1"], data["z2"]
    return abs((2 * z1**2 + z2) * math.cos(z1 * z2)) * data["side"] ** 2


_TILE = Number(
    value=_tile(lambda det, side: abs(det) * side**2),
    wrong=[
        Wrong(_tile(lambda det, side: det * side**2), "An area is not negative. The sign of the determinant "
              "says that the map mirrors the tile."),
        Wrong(_tile(lambda det, side: abs(det) * side), "The tile's side was used for its area."),
        Wrong(_tile(lambda det, side: abs(det)), "This is the factor; the tile's own area is missing."),
        Wrong(_tile(lambda det, side: side**2 / abs(det)), "You divide by the factor. The density is divided "
              "by it, the area is multiplied."),
        Wrong(_tile(lambda det, side: side**2), "0.0001 is the area before the map. If you have rounded, give "
              "four significant digits, as in 1.234e-5."),
        Wrong(_added, "This would fit a determinant in which the two products are added."),
        Wrong(_tile(lambda det, side: (det * side) ** 2), "The determinant is squared here. It is a factor of "
              "areas already, not of lengths."),
    ],
)  # fmt: skip


def _by_hand_data(draw: Draw) -> dict[str, float]:
    """Draw a point whose determinant is negative, so that the bars of the area matter."""
    data = {"z1": draw.decimal(0.48, 0.62, 2), "z2": draw.decimal(1.2, 1.6, 2), "side": 0.01}
    return data if apart(_TILE, data) else _by_hand_data(draw)


BY_HAND = Derivation(
    draw=_by_hand_data,
    steps={
        "j11": _entry(
            "2*z1",
            ("2*z1 + z2", "z2 is held fixed here, so it has no derivative."),
            ("2*z1 + 1", "Two derivatives are added up here. Each entry has one variable, and holds the other fixed."),
            ("z1", "The derivative of a square has a factor in front: compare with (z1 + h)**2 - z1**2."),
        ),
        "j12": _entry(
            "1",
            ("z2*cos(z1*z2)", "Rows and columns are swapped: the row is the output, the column the input."),
            ("z2", "The second input itself stands there, not its derivative."),
            ("0", "The first output does depend on the second input: add 0.1 to z2 and see what changes."),
        ),
        "j21": _entry(
            "z2*cos(z1*z2)",
            ("1", "Rows and columns are swapped: the row is the output, the column the input."),
            ("cos(z1*z2)", "The inner derivative is missing: the product moves too when the input moves."),
            ("z1*cos(z1*z2)", _OTHER_COLUMN),
            ("-z2*cos(z1*z2)", "The derivative of the sine has no minus sign; that of the cosine has one."),
        ),
        "j22": _entry(
            "z1*cos(z1*z2)",
            ("cos(z1*z2)", "The inner derivative is missing: the product moves too when the input moves."),
            ("z2*cos(z1*z2)", _OTHER_COLUMN),
            ("-z1*cos(z1*z2)", "The derivative of the sine has no minus sign; that of the cosine has one."),
        ),
        "det": _entry(
            "(2*z1**2 - z2)*cos(z1*z2)",
            ("(2*z1**2 + z2)*cos(z1*z2)", "The two products are subtracted, not added; or the "
             "sign of j21 is wrong."),
            ("(z2 - 2*z1**2)*cos(z1*z2)", "The sign is wrong. It is the product over the diagonal minus the "
             "other; or look at the signs of j21 and j22."),
            ("(2*z1 - 1)*cos(z1*z2)", f"{_SECOND_ROW} without their inner derivatives."),
            ("2*z1*z2*cos(z1*z2) - z1*cos(z1*z2)", f"{_SECOND_ROW} in the wrong order."),
            ("(2*z1**2 - 1)*cos(z1*z2)", "This fits a j21 without its inner derivative."),
            ("2*z1**2*cos(z1*z2)", "This is the product over the diagonal alone. That is enough for a triangular "
             "matrix, and here no entry is zero."),
            ("abs(2*z1**2 - z2)*abs(cos(z1*z2))", "This is its absolute value. The determinant itself has a sign."),
        ),
        "det_inverse": _entry(
            "1/((2*z1**2 - z2)*cos(z1*z2))",
            ("(2*z1**2 - z2)*cos(z1*z2)", "This is the determinant of the forward map. Going back undoes the stretch."),
            ("(z2 - 2*z1**2)*cos(z1*z2)", "A minus sign belongs to the logarithm, not to the determinant: the two "
             "determinants have the product 1, not the sum 0."),
            ("1/((2*z1**2 + z2)*cos(z1*z2))", "This would fit a determinant in which the two products are added."),
            ("1/abs((2*z1**2 - z2)*cos(z1*z2))", "This is its absolute value: an inverse mirrors where the map does."),
        ),
        "tile": _TILE,
    },
)  # fmt: skip


# --- the ratio of two normal variables -------------------------------------------------------------


def _plane(value: str, names: str, *wrong: tuple[str, str]) -> Expression:
    variables = dict.fromkeys(names.split(), (-2.5, 2.5))
    return Expression(value=value, variables=variables, wrong=[Wrong(*pair) for pair in wrong])


RATIO = Derivation(
    steps={
        "det": _plane(
            "1/z2", "z1 z2",
            ("z2", "This is the determinant of the way back."),
            ("abs(1/z2)", "This is its absolute value. The determinant itself has a sign."),
            ("1/z2 - z1/z2**2", "The product of the other two entries has a factor that is 0: does the second output "
             "depend on z1?"),
            ("-z1/z2**2", "This is the entry of the first output with respect to z2, not the determinant."),
        ),
        "joint": _plane(
            "abs(y)*exp(-y**2*(1 + x**2)/2)/(2*pi)", "x y",
            ("y*exp(-y**2*(1 + x**2)/2)/(2*pi)", "Half of the plane gets a negative density: the absolute value is "
             "missing."),
            ("exp(-y**2*(1 + x**2)/2)/(2*pi)", "The base is right, the determinant is missing."),
            ("abs(y)*exp(-y**2*(1 + x**2)/2)", "The constants of the two normal densities are missing."),
            ("abs(y)*exp(-((x/y)**2 + y**2)/2)/(2*pi)", "You take x/y for z1. Check it: z1 divided by z2 must be x."),
            ("exp(-y**2*(1 + x**2)/2)/(2*pi*abs(y))", "You multiply by the forward determinant. Where the map "
             "stretches, the density falls."),
            ("abs(y)*exp(-(x**2 + y**2)/2)/(2*pi)", "The base is evaluated at (x, y); it belongs at the z1 and "
             "z2 that go there."),
            ("exp(-(x**2 + y**2)/2)/(2*pi)", "The base is evaluated at (x, y); it belongs at the z1 and z2 that go "
             "there. And the determinant is missing."),
            ("abs(y)*exp(-y**2*(1 + x**2)/2)/sqrt(2*pi)", "The base has two dimensions, each with its constant."),
        ),
        "density": _plane(
            "1/(pi*(1 + x**2))", "x",
            ("0", "Negative and positive y cancel: without the absolute value the integral over all y is 0."),
            ("1/(2*pi*(1 + x**2))", "Only one half of the y is integrated over; the area is one half."),
            ("1/sqrt(2*pi*(1 + x**2))", "This is the integral without the determinant. It falls like 1/|x|, so its "
             "area is infinite."),
            ("exp(-x**2/2)/sqrt(2*pi)", "The ratio of two normal variables is not normal: divide by a y close to 0, "
             "and see how large x gets."),
            ("2/(pi*(1 + x**2))", "The area is 2: the two halves of the y are counted twice."),
            ("1/(1 + x**2)", "The shape is right; the area is not 1."),
            ("2/(1 + x**2)", "The shape is right; the area is not 1. The constants of the base got lost."),
            ("arctan(x)/pi", "This is an antiderivative of the density. It grows with x, and is negative for x < 0."),
            ("1/2 + arctan(x)/pi", "This is the distribution function; the density is its derivative."),
        ),
        "outside": Number(
            value=1 - 2 * math.atan(10) / math.pi,
            wrong=[
                Wrong(2 * math.atan(10) / math.pi, "This is the probability of the inside."),
                Wrong(0.5 - math.atan(10) / math.pi, "This is one of the two tails."),
                Wrong(0.5 + math.atan(10) / math.pi, "This is P(X < 10)."),
                Wrong(math.erfc(10 / math.sqrt(2)), "This is the probability for a normal variable. Use the density of "
                      "the step before."),
                Wrong(0, "It is small, and not 0. For a normal variable it would be 0 to many digits; use the density "
                      "of the step before."),
                Wrong(2 / (10 * math.pi), "Close, and too large. 1/x**2 in place of 1/(1 + x**2) would give 0.06366; "
                      "a share of samples is not exact enough either."),
            ],
        ),
    },
)  # fmt: skip
