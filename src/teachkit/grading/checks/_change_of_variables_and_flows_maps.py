"""Checks of the first five items of sheet 6, each on one map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Choice, Derivation, Expression, Function, Holds, Number, Wrong


def _formula(value: str, wrong: Mapping[str, str]) -> Expression:
    """A formula in the point x of three entries."""
    return Expression(value=value, variables={f"x{i}": (-2, 2) for i in (1, 2, 3)}, wrong=_named(wrong))


def _in_k(value: str, wrong: Mapping[str, str]) -> Expression:
    """A formula in the number K of terms."""
    return Expression(value=value, variables={"K": range(1, 21)}, wrong=_named(wrong))


def _named(wrong: Mapping[Any, str]) -> Sequence[Wrong]:
    return [Wrong(answer, message) for answer, message in wrong.items()]


# --- the map whose points have partners ---------------------------------------------------------


def _square_and_cube(z: np.ndarray) -> np.ndarray:
    z = np.asarray(z, float)
    return np.stack([z[:, 0] ** 2 * z[:, 1], z[:, 1] ** 3], axis=1)


_SIGNS = np.array([[1, 1], [-1, 1], [1, -1], [-1, -1], [1, 1], [-1, -1]])


def _points(first: tuple[float, float], second: tuple[float, float]) -> Callable[[Draw, Any], tuple[np.ndarray]]:
    """Return a case: points whose coordinates have sizes in two intervals, with all pairs of signs."""

    def case(draw: Draw, _: Any) -> tuple[np.ndarray]:
        sizes = np.concatenate([draw.uniform(*first, (6, 1)), draw.uniform(*second, (6, 1))], axis=1)
        return (sizes * _SIGNS,)

    return case


def _mixed(*rows: tuple[int, int]) -> Callable[[Draw, Any], tuple[np.ndarray]]:
    """Return a case: one batch with points on and off the axes; a 0 in ``rows`` is a coordinate that is 0."""
    return lambda draw, _: (draw.uniform(0.5, 2, (6, 2)) * _SIGNS * rows,)


def _everywhere(test: Callable[[np.ndarray, np.ndarray], bool]) -> Callable[[list[Any], list[Any]], bool]:
    """Return the property that a test of z and the partners holds in every case."""
    return lambda arguments, results: all(test(z, np.asarray(y)) for (z,), y in zip(arguments, results, strict=True))


# --- the map with a cube root -------------------------------------------------------------------


def _cube_density(x3: float) -> float:
    """Return the base's height on a cube of side 2, times the determinant of the inverse."""
    return 3 * x3**2 / 2**3


def _reached(x3: float, other: float) -> Number:
    """The density at (0, 1, x3); students may take the other x3."""
    det = 3 * x3**2
    wrong = {
        det: "That is the determinant alone. The base density is one over the volume of the cube, not 1.",
        1 / 8: "That is the base density alone, as if the map kept volumes.",
        1 / 8 / det: "You divide by the determinant of the inverse. It multiplies; the one of f is divided by.",
        det / 4: "You have used the area of a square. The base lives on a cube with three sides of length 2.",
        _cube_density(other): "That belongs to another of the points: compare the values of x3.",
        0: "The faces belong to the cube: put this point into the inverse, and see whether z is in the cube.",
    }
    return Number(value=_cube_density(x3), wrong=_named(wrong))


MAPS = {
    "triangular-inverse": Derivation(
        steps={
            "reason": Choice(
                right="b",
                why={
                    "a": "The determinant is never zero, but that makes a map one-to-one only near each point: "
                    "(exp(z1) cos z2, exp(z1) sin z2) has the determinant exp(2 z1) and repeats itself.",
                    "c": "A triangular Jacobian makes the determinant cheap and says nothing about invertibility: "
                    "the Jacobian of (z1**2, z2) is triangular too.",
                    "d": "Smoothness is not enough: z1**2 is smooth, and it sends 1 and -1 to the same place.",
                    "e": "The exponentials multiply z2 and z3, they are not applied to them. A positive number times "
                    "z2 reaches every real number.",
                },
                because="One solution z for each x: that is what invertible means.",
            ),
            "z1": _formula(
                "x1/2",
                {
                    "2*x1": "That is f again. Solve the first equation for z1: f(1, 0, 0) has x1 = 2.",
                    "x1": "The factor of the first equation is lost: f(1, 0, 0) has x1 = 2, not 1.",
                },
            ),
            "z2": _formula(
                "exp(-x1/2)*x2",
                {
                    "exp(-x1)*x2": "You have put x1 for z1. The exponent of the second equation holds z1.",
                    "exp(x1/2)*x2": "You multiply by the exponential again; to undo a product, divide.",
                    "exp(x1)*x2": "That is the second component of f with x in the place of z, not its inverse.",
                    "x2-exp(x1/2)": "The exponential multiplies z2: it is undone by a quotient, not a difference.",
                },
            ),
            "z3": _formula(
                "exp(x1/2+exp(-x1/2)*x2)*x3",
                {
                    "exp(x1/2+x2)*x3": "You have put x2 for z2. The exponent of the third equation holds z2.",
                    "exp(x1+x2)*x3": "The exponent holds z1 and z2, you have x1 and x2: put the first results in.",
                    "exp(-x1/2-exp(-x1/2)*x2)*x3": "The exponential stands on the side where it was; divide by it.",
                    "exp(x1/2+exp(x1/2)*x2)*x3": "The z2 in your exponent is not the one of the second equation.",
                    "exp(-x1-x2)*x3": "That is the third component of f with x in the place of z, not its inverse.",
                },
            ),
            "log_det": _formula(
                "exp(-x1/2)*x2-log(2)",
                {
                    "log(2)-exp(-x1/2)*x2": "That is the log-determinant of f at z; the one of the inverse is asked.",
                    "x2-log(2)": "You have put x2 for z2. The diagonal leaves z2 in it, and z2 must be put in by x.",
                    "exp(-x1/2)*x2+log(2)": "The sign of log 2 is wrong: the inverse halves the first coordinate.",
                    "exp(exp(-x1/2)*x2)/2": "That is the determinant; its logarithm is asked for.",
                    "-log(2)": "Only the first entry of the diagonal is in it. The product has three factors.",
                    "exp(-x1/2)*x2": "The factor 2 of the first component is lost.",
                    "-exp(-x1/2)*x2-log(2)": "The sign of z2 is wrong.",
                    "-exp(-x1/2)*x2*log(2)": "You multiply the logarithms; the logarithm of a product is their sum.",
                },
            ),
        }
    ),
    "partners": Function(
        cases={
            "points off the axes": _points((0.5, 2), (0.5, 2)),
            "points with z2 = 0": _points((0.5, 2), (0, 0)),
            "points with z1 = 0": _points((0, 0), (0.5, 2)),
            "a batch of all kinds": _mixed((0, 1), (1, 1), (1, 0), (1, 1), (0, 1), (1, 0)),
            "the same in another order": _mixed((1, 0), (0, 1), (1, 1), (1, 0), (1, 1), (0, 1)),
        },
        holds=[
            Holds(
                _everywhere(lambda z, y: y.shape == z.shape),
                "Return one point for each row of z, as an array of the same shape.",
            ),
            Holds(
                _everywhere(lambda z, y: np.allclose(_square_and_cube(y), _square_and_cube(z))),
                "In some row your point and z have different images. Try (1, 2), (0, 2) and (1, 0), and look for NaN.",
            ),
            Holds(
                _everywhere(lambda z, y: bool((np.abs(y - z).max(axis=1)[z[:, 0] != 0] > 1e-6).all())),
                "Where z1 is not 0 some row returns the point itself, although another one has the same image.",
            ),
        ],
        wrong=[
            Wrong(
                np.copy,
                "You return z itself, as if f were one-to-one. Once z2 is known, ask what x1 still tells about z1.",
            ),
            Wrong(
                lambda z: -z,
                "Turning both signs looks natural, but z2**3 turns its sign too: put (1, 2) and (-1, -2) into f.",
            ),
            Wrong(
                lambda z: z * [1, -1],
                "Both components of f are odd in z2, so they show the turned sign: put (1, 2) and (1, -2) into f.",
            ),
            Wrong(
                lambda z: z[:, ::-1],
                "Exchanging the coordinates helps with a symmetric map only: put (1, 2) and (2, 1) into f.",
            ),
            Wrong(
                lambda z: np.tile([-1.0, 0.0], (len(z), 1)),
                "One pair of points proves something about f, but here each row of z asks for its own partner.",
            ),
            Wrong(
                lambda z: np.stack([np.abs(z[:, 0]), z[:, 1]], axis=1),
                "The size of z1 has the same square as z1, but where z1 is positive that is the same point again.",
            ),
        ],
    ),
    "affine-condition": Choice(
        right="d",
        why={
            "a": "diag(1, 0) is not 0, and it flattens the plane to a line.",
            "b": "The mirror with A = diag(1, -1) is its own inverse and has a negative determinant: the sign of the "
            "determinant tells the orientation and no more.",
            "c": "The identity has zeros and is invertible. The matrix of four ones has none and flattens the plane.",
            "e": "Such a map is invertible, but b = 0 is not necessary: a shift is undone by shifting back.",
            "f": "No b saves a singular A: if A v = 0 with v not 0, then z and z + v have the same image for every b.",
        },
        because="Then z can be computed from every x; otherwise two points share an image, whatever b is.",
    ),
    "cube-root": Derivation(
        steps={
            "z2": _formula(
                "x2*exp(-x1)",
                {
                    "x2*exp(x1)": "You multiply by the exponential again; to undo a product, divide.",
                    "x2-exp(x1)": "The exponential multiplies z2: it is undone by a quotient, not a difference.",
                    "x2/x1": "You divide by z1 alone; the factor is its exponential.",
                },
            ),
            "z3": _formula(
                "(x3**3-x1**2)*exp(x1)",
                {
                    "(x3**3-x1**2)*exp(-x1)": "z3 has the factor exp(-z1). To undo it, divide by it.",
                    "x3**3*exp(x1)-x1**2": "The square was added last under the root, so it must be undone first.",
                    "(x3-x1**2)*exp(x1)": "The cube root is not undone.",
                    "(cbrt(x3)-x1**2)*exp(x1)": "You take a cube root again; it is undone by a power.",
                    "(x3**3+x1**2)*exp(x1)": "The square was added, so it is subtracted on the way back.",
                },
            ),
            "det": _formula(
                "3*x3**2",
                {
                    "3*x2**2": "Check the index: which entry of x does z3 depend on by its third power?",
                    "3*x3**2*exp(x1)": "That is one entry of the diagonal. Look at the second one, too.",
                    "1/(3*x3**2)": "That is the determinant of f; the one of its inverse is asked for.",
                    "x3**2": "The derivative of a third power has a factor.",
                    "3*x3**2*exp(2*x1)": "The exponents in the second and the third entry have opposite signs.",
                    "(x3**3-x1**2)*x1*x2": "You multiply the values of the inverse; the diagonal holds derivatives.",
                },
            ),
            "first": _reached(1 / 2, other=1 / 3),
            "second": _reached(1 / 3, other=1 / 2),
            "third": Number(
                value=0,
                wrong=[
                    Wrong(_cube_density(1), "The formula gives that, but look where the inverse sends this point."),
                    Wrong(3, "That is the determinant alone. What is the base density where the inverse lands?"),
                    Wrong(1 / 8, "That is the base density inside the cube. Does the inverse land inside?"),
                ],
            ),
            "at_zero": Choice(
                right="c",
                why={
                    "a": "The cube root is one-to-one, at 0 too: the inverse that you found is defined everywhere.",
                    "b": "The slope of the cube root at 0 is not 0: it grows without bound on the way there.",
                    "d": "A diffeomorphism is differentiable both ways. Draw the cube root near 0.",
                    "e": "At x3 = 0 the Jacobian of f does not exist. The one of the inverse exists everywhere, and "
                    "substitution needs no other.",
                },
                because="The inverse is one-to-one and smooth everywhere, and the substitution asks no more.",
            ),
        }
    ),
    "sum-of-sigmoids": Derivation(
        steps={
            "x": _in_k(
                "K/2",
                {
                    "K": "You take every sigmoid at 0 to be 1. Put z = 0 into 1/(1 + exp(-z)).",
                    "0": "A sigmoid at 0 is not 0: it lies between 0 and 1, and 0 is the middle of its argument.",
                    "1/2": "That is one term of the sum.",
                    "K*(K+1)/4": "You multiply each sigmoid by its k. The k stands inside, where the argument is 0.",
                },
            ),
            "slope": _in_k(
                "K*(K+1)/8",
                {
                    "K/4": "The chain rule is missing: sigma(k z) changes k times as fast as sigma(z).",
                    "K*(K+1)/4": "Twice too large: check sigma (1 - sigma) at 0, and the sum of the k.",
                    "K*(K+1)/2": "Four times too large: check both, sigma (1 - sigma) at 0 and the sum of the k.",
                    "K**2/4": "You have taken the last k for all of them. The k run from 1 to K.",
                    "K**2/8": "Check the sum 1 + ... + K for K = 2.",
                    "K*(K-1)/8": "Check the sum 1 + ... + K for K = 2.",
                    "1/4": "That is the slope of one sigmoid; f is a sum of K of them.",
                },
            ),
            "density": _in_k(
                "8/(sqrt(2*pi)*K*(K+1))",
                {
                    "K*(K+1)/(8*sqrt(2*pi))": "You multiply by the slope of f. Where f stretches, the density falls.",
                    "1/sqrt(2*pi)": "That is the base density alone, as if f kept lengths.",
                    "4/(sqrt(2*pi)*K)": "Your slope here is K/4: in term number k the chain rule is missing.",
                    "8/(K*(K+1))": "The factor of the base is missing: a normal density at 0 is not 1.",
                    "8*exp(-K**2/8)/(sqrt(2*pi)*K*(K+1))": "The base density belongs at z = 0; you take it at x.",
                    "4/(sqrt(2*pi)*K*(K+1))": "Half of what it should be: is the slope right?",
                    "8/(2*pi*K*(K+1))": "The constant is that of the plane; on the line it has a square root.",
                    "8/sqrt(2*pi)*K*(K+1)": "A bracket is missing: in a/b*c only b stands below the fraction bar.",
                },
            ),
        }
    ),
}
