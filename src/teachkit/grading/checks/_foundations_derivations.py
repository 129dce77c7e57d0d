"""The derivations of sheet 1: a Jacobian by hand, the ratio of two normal variables."""

from __future__ import annotations

import math
from collections.abc import Callable

from teachkit.grading.checks._foundations_line import apart
from teachkit.grading.draw import Draw
from teachkit.grading.expression import Formula
from teachkit.grading.kinds import Derivation, Expression, Number, Wrong
from teachkit.grading.kinds.base import Data

# --- a Jacobian by hand ----------------------------------------------------------------------------

_PLANE = {"z1": (-1.5, 1.5), "z2": (-1.5, 1.5)}


def _entry(value: str, *wrong: tuple[str, str]) -> Expression:
    return Expression(value=value, variables=_PLANE, wrong=[Wrong(*pair) for pair in wrong])


_SECOND_ROW = "The rule is right, and this fits a second row with its two entries"
_OTHER_COLUMN = "This is the derivative with respect to the other input; it belongs in another column."
_SWAPPED = "Rows and columns are swapped: the row is the output, the column the input."
_ONE = "Add 0.1 to this input, with the other one held fixed: the product does not, in general, change by 0.1."
_TWO = "Two derivatives are added up here. Each entry has one variable, and holds the other fixed."
_INNER_ITSELF = "The chain rule has the derivative of the inner function as a factor, not that function itself."


def _tile(factor: Callable[[float, float], float]) -> Callable[[Data], float]:
    return lambda data: factor(
        -(data["z1"] + 2 * data["z2"] ** 2) * math.exp(data["z1"] - data["z2"] ** 2), data["side"]
    )


def _added(data: Data) -> float:
    z1, z2 = data["z1"], data["z2"]
    return abs((z1 - 2 * z2**2) * math.exp(z1 - z2**2)) * data["side"] ** 2


# Determinants over the exponential that follow, with the right rule, from likely mistakes in j22.
_FROM_J22 = ["2*z2**2 - z1", "z2 - z1", "-(z1 + z2**2)", "-(z1 + 2*z2)", "-(z1 + 2*z2**2*exp(z2**2 - z1))"]
_FOLLOWS = (
    "The step is right, but it starts from a determinant that is not: this fits a mistake in j22. Mend that first."
)


def _following(factor: str) -> Callable[[Data], float]:
    def area(data: Data) -> float:
        det = Formula(f"({factor})*exp(z1 - z2**2)", _PLANE)(data)
        return float(abs(det)) * data["side"] ** 2

    return area


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
        Wrong(_added, "This would fit a determinant in which the two products are added, or a "
              "j22 with the wrong sign."),
        *(Wrong(_following(factor), _FOLLOWS) for factor in _FROM_J22[1:]),
        Wrong(_tile(lambda det, side: math.sqrt(abs(det)) * side), "This is a length, the side of a square of the "
              "same area; the area is asked for."),
        Wrong(_tile(lambda det, side: (det * side) ** 2), "The determinant is squared here. It is a factor of "
              "areas already, not of lengths."),
    ],
)  # fmt: skip


def _by_hand_data(draw: Draw) -> dict[str, float]:
    """Draw a point whose determinant is negative, so that the bars of the area matter."""
    data = {"z1": draw.decimal(0.2, 0.9, 2), "z2": draw.decimal(0.3, 0.9, 2), "side": 0.01}
    return data if apart(_TILE, data) else _by_hand_data(draw)


BY_HAND = Derivation(
    draw=_by_hand_data,
    steps={
        "j11": _entry(
            "z2",
            ("z1", _OTHER_COLUMN),
            ("exp(z1 - z2**2)", _SWAPPED),
            ("z1*z2", "This is the first output itself, not its derivative."),
            ("z1 + z2", _TWO),
            ("1", _ONE),
        ),
        "j12": _entry(
            "z1",
            ("z2", _OTHER_COLUMN),
            ("exp(z1 - z2**2)", _SWAPPED),
            ("z1*z2", "This is the first output itself, not its derivative."),
            ("z1 + z2", _TWO),
            ("1", _ONE),
        ),
        "j21": _entry(
            "exp(z1 - z2**2)",
            ("z1", _SWAPPED),
            ("-2*z2*exp(z1 - z2**2)", _OTHER_COLUMN),
            ("(1 - 2*z2)*exp(z1 - z2**2)", _TWO),
            ("(z1 - z2**2)*exp(z1 - z2**2)", _INNER_ITSELF),
            ("z1*exp(z1 - z2**2)", "The factor is the derivative of the exponent with respect to z1, not z1."),
            ("1", "This is the inner derivative alone. The exponential stays, as a factor."),
            ("exp(z1)", "The other input is held fixed, and not set to 0: it stays in the formula."),
            ("-exp(z1 - z2**2)", "The minus sign in the exponent belongs to z2, and this entry moves z1."),
            ("(z1 - z2**2)*exp(z1 - z2**2 - 1)", "This is the rule for powers of z, and here z stands in the "
             "exponent."),
        ),
        "j22": _entry(
            "-2*z2*exp(z1 - z2**2)",
            ("exp(z1 - z2**2)", "This is the derivative with respect to the other input. Here z2 moves, and what "
             "stands in the exponent moves at another rate."),
            ("2*z2*exp(z1 - z2**2)", "The sign of the inner derivative is wrong: if z2 > 0 grows, the output falls."),
            ("-z2*exp(z1 - z2**2)", "The derivative of a square has a factor in front: compare with "
             "(z2 + h)**2 - z2**2."),
            ("-z2**2*exp(z1 - z2**2)", _INNER_ITSELF),
            ("(z1 - z2**2)*exp(z1 - z2**2)", _INNER_ITSELF),
            ("(1 - 2*z2)*exp(z1 - z2**2)", _TWO),
            ("-2*z2", "This is the inner derivative alone. The exponential stays, as a factor."),
            ("-2*exp(z1 - z2**2)", "The derivative of z2**2 is not the same everywhere: compare (z2 + h)**2 - z2**2 "
             "at z2 = 0 and z2 = 1."),
            ("-2*z2*exp(-z2**2)", "The other input is held fixed, and not set to 0: it stays in the formula."),
        ),
        "det": _entry(
            "-(z1 + 2*z2**2)*exp(z1 - z2**2)",
            ("(z1 - 2*z2**2)*exp(z1 - z2**2)", "The two products are subtracted, not added; or the sign of j21 is "
             "wrong."),
            ("(z1 + 2*z2**2)*exp(z1 - z2**2)", "The sign is wrong. It is the product over the diagonal minus the "
             "other; or look at the signs of j21 and j22."),
            ("(2*z2**2 - z1)*exp(z1 - z2**2)", "This fits a j22 with the wrong sign."),
            ("(z2 - z1)*exp(z1 - z2**2)", f"{_SECOND_ROW} without their inner derivatives."),
            ("(z2 + 2*z1*z2)*exp(z1 - z2**2)", f"{_SECOND_ROW} in the wrong order."),
            ("-(z1 + z2**2)*exp(z1 - z2**2)", "This fits a j22 that lacks the factor of the square's derivative."),
            ("-(z1 + 2*z2)*exp(z1 - z2**2)", "This fits a j22 that lacks its factor z2."),
            ("-2*z2**2 - z1*exp(z1 - z2**2)", "This fits a j22 that lacks the exponential."),
            ("-2*z2**2*exp(z1 - z2**2)", "This is the product over the diagonal alone. That is enough for a triangular "
             "matrix, and here no entry is zero everywhere."),
            ("abs(z1 + 2*z2**2)*exp(z1 - z2**2)", "This is its absolute value. The determinant itself has a sign."),
        ),
        "det_inverse": _entry(
            "-exp(z2**2 - z1)/(z1 + 2*z2**2)",
            ("-(z1 + 2*z2**2)*exp(z1 - z2**2)", "This is the determinant of the forward map. Going back undoes the "
             "stretch."),
            ("(z1 + 2*z2**2)*exp(z1 - z2**2)", "A minus sign belongs to the logarithm, not to the determinant: the two "
             "determinants have the product 1, not the sum 0."),
            ("exp(z2**2 - z1)/(z1 - 2*z2**2)", "This would fit a determinant in which the two products are added."),
            ("-exp(z1 - z2**2)/(z1 + 2*z2**2)", "Only one factor of the determinant has gone below the bar. What does "
             "the other one become there?"),
            ("-(z1 + 2*z2**2)*exp(z2**2 - z1)", "Only one factor of the determinant has gone below the bar. What does "
             "the other one become there?"),
            *((f"exp(z2**2 - z1)/({factor})", _FOLLOWS) for factor in _FROM_J22),
            ("exp(z2**2 - z1)/abs(z1 + 2*z2**2)", "This is its absolute value: an inverse mirrors where the map does."),
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
            ("abs(x)*exp(-y**2*(1 + x**2)/2)/(2*pi)", "The factor has the wrong letter: which of x and y is z2?"),
            ("-y*exp(-y**2*(1 + x**2)/2)/(2*pi)", "Half of the plane gets a negative density: the absolute value is "
             "missing."),
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
                Wrong(100 - 200 * math.atan(10) / math.pi, "This is in percent; give a number between 0 and 1."),
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
