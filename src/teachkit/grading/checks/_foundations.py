"""The items of sheet 1 on maps of several variables: Jacobians, an affine map, the ratio of two variables."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from teachkit.change_of_variables import affine, pushforward_log_prob
from teachkit.data import standard_normal
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Derivation, Expression, Function, Number, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.jacobian import jacobian

Vector = Callable[[np.ndarray], np.ndarray]

# --- a Jacobian by hand ----------------------------------------------------------------------------

_PLANE = {"z1": (-1.5, 1.5), "z2": (-2.0, 2.0)}


def _entry(value: str, *wrong: tuple[str, str]) -> Expression:
    return Expression(value=value, variables=_PLANE, wrong=[Wrong(*pair) for pair in wrong])


def _tile(factor: Callable[[float, float], float]) -> Callable[[Data], float]:
    return lambda data: factor((2 * data["z1"] ** 2 - data["z2"]) * math.cos(data["z1"] * data["z2"]), data["side"])


BY_HAND = Derivation(
    draw=lambda draw: {"z1": draw.decimal(0.48, 0.62, 2), "z2": draw.decimal(1.2, 1.6, 2), "side": 0.01},
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
            ("z1*cos(z1*z2)", "This is the derivative by the other input, which belongs into another column."),
            ("-z2*cos(z1*z2)", "The derivative of the sine has no minus sign; that of the cosine has one."),
        ),
        "j22": _entry(
            "z1*cos(z1*z2)",
            ("cos(z1*z2)", "The inner derivative is missing: the product moves too when the input moves."),
            ("z2*cos(z1*z2)", "This is the derivative by the other input, which belongs into another column."),
            ("-z1*cos(z1*z2)", "The derivative of the sine has no minus sign; that of the cosine has one."),
        ),
        "det": _entry(
            "(2*z1**2 - z2)*cos(z1*z2)",
            ("(2*z1**2 + z2)*cos(z1*z2)", "The two products are subtracted, not added."),
            ("(z2 - 2*z1**2)*cos(z1*z2)", "The order is turned round: the product over the diagonal comes first."),
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
        "tile": Number(
            value=_tile(lambda det, side: abs(det) * side**2),
            wrong=[
                Wrong(_tile(lambda det, side: det * side**2), "An area is not negative. The sign of the determinant "
                      "says that the map mirrors the tile."),
                Wrong(_tile(lambda det, side: abs(det) * side), "The tile's side was used for its area."),
                Wrong(_tile(lambda det, side: abs(det)), "This is the factor; the tile's own area is missing."),
                Wrong(_tile(lambda det, side: side**2 / abs(det)), "You divide by the factor. The density is divided "
                      "by it, the area is multiplied."),
                Wrong(_tile(lambda det, side: side**2), "This is the area before the map."),
                Wrong(_tile(lambda det, side: (det * side) ** 2), "The determinant is squared here. It is a factor of "
                      "areas already, not of lengths."),
            ],
        ),
    },
)  # fmt: skip


# --- a Jacobian by differences ---------------------------------------------------------------------

Rule = Callable[[Vector, np.ndarray, np.ndarray], np.ndarray]


def _columns(rule: Rule, scale: Callable[[float], float], axis: int = 1) -> Callable[..., np.ndarray]:
    """Return a function of f, x and h that puts one difference for each input side by side."""
    return lambda f, x, h: np.stack([rule(f, x, h * e) / scale(h) for e in np.eye(len(x))], axis)


def _central(f: Vector, x: np.ndarray, step: np.ndarray) -> np.ndarray:
    return f(x + step) - f(x - step)


def _whole_steps(f: Vector, x: np.ndarray, step: np.ndarray) -> np.ndarray:
    return f((x + step).astype(x.dtype)) - f((x - step).astype(x.dtype))


def _exact(f: Vector, x: np.ndarray, h: float) -> np.ndarray:
    return jacobian(lambda rows: np.stack([f(row) for row in rows]), x)


def _wave(x: np.ndarray) -> np.ndarray:
    return np.stack([x[0] * x[1] ** 2, np.sin(x[0]) + x[1] ** 3, np.exp(0.5 * x[0])])


DIFFERENCES = Function(
    cases={
        "two inputs, three outputs": lambda draw, data: (_wave, draw.uniform(0.5, 1.5, (2,)), 0.1),
        "three inputs, two outputs": lambda draw, data: (
            lambda x: np.stack([x[0] * x[1] * x[2], x[0] ** 3 - np.cos(x[1]) * x[2]]), draw.uniform(0.5, 1.5, (3,)), 0.2
        ),
        "two inputs, two outputs": lambda draw, data: (lambda x: _wave(x)[:2], draw.uniform(0.5, 1.5, (2,)), 0.05),
        "one input, one output": lambda draw, data: (lambda x: x**3 + x**2, draw.uniform(0.5, 1.5, (1,)), 0.2),
        "whole numbers": lambda draw, data: (_wave, np.array([draw.integer(1, 2), draw.integer(1, 2)]), 0.25),
    },
    reference=_columns(_central, lambda h: 2 * h),
    wrong=[
        Wrong(_columns(_central, lambda h: 2 * h, axis=0), "Rows and columns are swapped: with m outputs and d inputs "
              "the shape is [m, d]. A square case can't show this, so test one that is not square."),
        Wrong(_columns(lambda f, x, step: f(x + step) - f(x), lambda h: h), "This is the forward difference. Its error "
              "falls like h, that of the central one like h squared."),
        Wrong(_columns(lambda f, x, step: f(x) - f(x - step), lambda h: h), "This is the backward difference. Its "
              "error falls like h, that of the central one like h squared."),
        Wrong(_columns(_central, lambda h: h), "Every entry is twice what it should be: how far apart are the two "
              "points at which f is taken?"),
        Wrong(_columns(_central, lambda h: 2 / h), "In Python a/2*h is (a/2)*h: it multiplies by h. Put brackets "
              "around 2*h."),
        Wrong(_columns(lambda f, x, step: _central(f, x, np.full(len(x), step.sum())), lambda h: 2 * h), "All inputs "
              "move at once, so every column is the sum of the right ones. Move one input at a time."),
        Wrong(_columns(_whole_steps, lambda h: 2 * h), "An array of whole numbers drops the step: x[j] += h leaves it "
              "as it was, or cuts it off. Make x an array of floats first.", credit=0.5),
        Wrong(_exact, "These are the derivatives, but not the central differences with the step h that was given."),
    ],
)  # fmt: skip


# --- the log-density of an affine map --------------------------------------------------------------


def _matrix(draw: Draw, d: int) -> np.ndarray:
    """Draw a matrix with a positive determinant: its diagonal outweighs the rest."""
    return 2 * np.eye(d) + draw.uniform(-0.8, 0.8, (d, d)) / max(d - 1, 1)


def _batch(n: int, d: int, mirrored: bool = False) -> Callable[[Draw, Data], tuple[np.ndarray, ...]]:
    def case(draw: Draw, data: Data) -> tuple[np.ndarray, ...]:
        A = _matrix(draw, d)
        return draw.normal((n, d)), A[::-1].copy() if mirrored else A, draw.uniform(0.3, 1.5, (d,))

    return case


def _pushed(
    code: Callable[..., np.ndarray] = lambda x, A, b: np.linalg.solve(A, (x - b).T).T,
    log_det: Callable[[np.ndarray], Any] = lambda A: np.linalg.slogdet(A)[1],
    constant: Callable[[int], float] = lambda d: 0.5 * d * math.log(2 * math.pi),
    total: Callable[[np.ndarray], Any] = lambda squares: squares.sum(axis=1),
) -> Callable[..., np.ndarray]:
    """Return the log-density with one of its parts replaced."""
    return lambda x, A, b: -0.5 * total(code(x, A, b) ** 2) - constant(len(b)) - log_det(A)


PUSHED = Function(
    cases={
        "one point": _batch(1, 2),
        "a batch": _batch(6, 2),
        "as many points as dimensions": _batch(3, 3),
        "a negative determinant": _batch(5, 2, mirrored=True),
        "whole numbers": lambda draw, data: (
            np.array([[1, 2], [0, draw.integer(3, 5)]]), np.array([[2, 1], [1, draw.integer(2, 4)]]), np.array([1, 1])
        ),
        "200 dimensions": lambda draw, data: (draw.normal((2, 200)) / 100, np.eye(200) / 100, np.full(200, 0.01)),
    },
    reference=lambda x, A, b: pushforward_log_prob(standard_normal(len(b)).log_prob, affine(A, b).inverse, x),
    wrong=[
        Wrong(_pushed(log_det=lambda A: -np.linalg.slogdet(A)[1]), "The log-determinant has the wrong sign: where the "
              "map stretches, the density falls. Try A = 10 I: log p must fall by d log 10."),
        Wrong(_pushed(log_det=lambda A: 0), "The log-determinant is missing: the result is right for a rotation alone. "
              "For A = 2 I compare with the normal law of variance 4."),
        Wrong(_pushed(log_det=lambda A: np.log(np.linalg.det(A))), "This is right while the determinant is positive "
              "and of a modest size. A map that mirrors has a negative one, and in 200 dimensions it underflows to 0: "
              "ask for the logarithm of its absolute value at once.", credit=0.5),
        Wrong(_pushed(log_det=lambda A: np.log(np.abs(np.linalg.det(A)))), "The determinant of 200 dimensions "
              "underflows to 0 before you take its logarithm. NumPy has a function that never forms it.", credit=0.7),
        Wrong(_pushed(code=lambda x, A, b: np.linalg.solve(A.T, (x - b).T).T), "A is transposed on the way back. In "
              "formulas a point is a column, here it is a row: check that the codes z give z @ A.T + b = x."),
        Wrong(_pushed(code=lambda x, A, b: x @ A.T + b), "You push x forward once more. The base must be evaluated at "
              "the points that x came from."),
        Wrong(_pushed(code=lambda x, A, b: np.linalg.solve(A, x.T).T - b), "b is subtracted after the matrix was "
              "undone. The map adds b last, so it comes off first."),
        Wrong(_pushed(code=lambda x, A, b: np.linalg.solve(A, x.T).T), "The shift is not undone: at x = b the code "
              "must be 0."),
        Wrong(_pushed(constant=lambda d: 0.5 * math.log(2 * math.pi)), "The constant of the normal law belongs to "
              "every dimension: there are d of them, not one."),
        Wrong(_pushed(constant=lambda d: 0), "The constant of the normal law is missing, so the density does not "
              "integrate to 1."),
        Wrong(_pushed(total=lambda squares: squares.mean(axis=1)), "The squares of a point's entries are averaged; the "
              "log-density has their sum."),
        Wrong(_pushed(total=np.sum), "The squares of all points are added up. Each row is a point of its own, with its "
              "own log-density."),
        Wrong(lambda x, A, b: np.exp(_pushed()(x, A, b)), "This is the density; asked for is its logarithm."),
    ],
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
            ("abs(1/z2)", "This is its absolute value. The determinant itself has a sign, and it matters below."),
            ("1/z2 - z1/z2**2", "The product of the other two entries has a factor that is 0: does the second output "
             "depend on z1?"),
            ("-z1/z2**2", "This is the entry of the first output by z2, not the determinant."),
        ),
        "joint": _plane(
            "abs(y)*exp(-y**2*(1 + x**2)/2)/(2*pi)", "x y",
            ("y*exp(-y**2*(1 + x**2)/2)/(2*pi)", "Half of the plane gets a negative density: the absolute value is "
             "missing."),
            ("exp(-y**2*(1 + x**2)/2)/(2*pi)", "The base is right, the determinant is missing."),
            ("exp(-y**2*(1 + x**2)/2)/(2*pi*abs(y))", "You multiply by the forward determinant. Where the map "
             "stretches, the density falls."),
            ("abs(y)*exp(-(x**2 + y**2)/2)/(2*pi)", "The base is evaluated at (x, y); it belongs at the code of "
             "this point."),
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
            ("1/(1 + x**2)", "The shape is right; the area is not 1."),
        ),
        "outside": Number(
            value=1 - 2 * math.atan(10) / math.pi,
            wrong=[
                Wrong(2 * math.atan(10) / math.pi, "This is the probability of the inside."),
                Wrong(0.5 - math.atan(10) / math.pi, "This is one of the two tails."),
                Wrong(0.5 + math.atan(10) / math.pi, "This is P(X < 10)."),
                Wrong(math.erfc(10 / math.sqrt(2)), "This is the probability for a normal variable. Use the density of "
                      "the step before."),
                Wrong(2 / (10 * math.pi), "This replaces 1 + x**2 by x**2; close, and too large. The integral has a "
                      "closed form."),
            ],
        ),
    },
)  # fmt: skip
