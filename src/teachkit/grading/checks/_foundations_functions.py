"""The functions of sheet 1: a Jacobian by differences, the log-density of an affine map."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from teachkit.change_of_variables import affine, pushforward_log_prob
from teachkit.data import standard_normal
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.jacobian import jacobian

Vector = Callable[[np.ndarray], np.ndarray]

# --- a Jacobian by differences ---------------------------------------------------------------------

Rule = Callable[[Vector, np.ndarray, np.ndarray], np.ndarray]


def _columns(rule: Rule, scale: Callable[[float], float], axis: int = 1) -> Callable[..., np.ndarray]:
    """Return a function of f, x and h that puts one difference for each input side by side."""
    return lambda f, x, h: np.stack([rule(f, x, h * e) / scale(h) for e in np.eye(len(x))], axis)


def _central(f: Vector, x: np.ndarray, step: np.ndarray) -> np.ndarray:
    return f(x + step) - f(x - step)


def _cut_step(f: Vector, x: np.ndarray, step: np.ndarray) -> np.ndarray:
    return _central(f, x, step.astype(x.dtype))


def _whole_steps(f: Vector, x: np.ndarray, step: np.ndarray) -> np.ndarray:
    return f((x + step).astype(x.dtype)) - f((x - step).astype(x.dtype))


def _reshaped(f: Vector, x: np.ndarray, h: float) -> np.ndarray:
    rows = _columns(_central, lambda h: 2 * h, axis=0)(f, x, h)
    return rows.reshape(rows.shape[::-1])


def _exact(f: Vector, x: np.ndarray, h: float) -> np.ndarray:
    return jacobian(lambda rows: np.stack([f(row) for row in rows]), x)


def _one_point(f: Vector) -> Vector:
    """Return f with a clear message for a row in brackets, which is the book's form of a batch with one point."""

    def of_point(x: np.ndarray) -> np.ndarray:
        if np.ndim(x) == 2 and len(x) == 1 < len(x[0]):
            raise ValueError("f takes one point, an array [d], and not a batch [1, d]")
        return f(x)

    return of_point


@_one_point
def _wave(x: np.ndarray) -> np.ndarray:
    return np.stack([x[0] * x[1] ** 2, np.sin(x[0]) + x[1] ** 3, np.exp(0.5 * x[0])])


@_one_point
def _of_three(x: np.ndarray) -> np.ndarray:
    return np.stack([x[0] * x[1] * x[2], x[0] ** 3 - np.cos(x[1]) * x[2]])


def _batch_of_steps(f: Vector, x: np.ndarray, h: float) -> np.ndarray:
    steps = h * np.eye(len(x))
    return (f(x + steps) - f(x - steps)) / (2 * h)


def _moved(f: Vector, x: np.ndarray, h: float, back: bool) -> np.ndarray:
    columns = []
    for j in range(len(x)):
        x[j] += h
        up = f(x)
        x[j] -= 2 * h
        columns.append((up - f(x)) / (2 * h))
        x[j] += h if back else 0
    return np.stack(columns, 1)


def _one_array(f: Vector, x: np.ndarray, h: float) -> np.ndarray:
    columns = []
    for j in range(len(x)):
        up = down = x
        up[j] += h
        down[j] -= h
        columns.append((f(up) - f(down)) / (2 * h))
    return np.stack(columns, 1)


_BATCH = "You give f all the moved points at once. This f takes one point, not a batch: call it once for each column."
_RESTORED = (
    "You move x itself. Moving it back does not restore it exactly: adding and subtracting h rounds, and an array of "
    "whole numbers cuts the fraction off. So make copies of x."
)
_COPIES = (
    "Every entry is 0, as if f were taken twice at the same point. After up = x and down = x both names mean one "
    "array: make copies."
)

DIFFERENCES = Function(
    cases={
        "f: R2 -> R3": lambda draw, data: (_wave, draw.uniform(0.5, 1.5, (2,)), 0.1),
        "f: R3 -> R2": lambda draw, data: (
            _of_three, draw.uniform(0.5, 1.5, (3,)), 0.2
        ),
        "f: R2 -> R2": lambda draw, data: (lambda x: _wave(x)[:2], draw.uniform(0.5, 1.5, (2,)), 0.05),
        "f: R -> R": lambda draw, data: (lambda x: x**3 + x**2, draw.uniform(0.5, 1.5, (1,)), 0.2),
        "whole numbers": lambda draw, data: (_wave, np.array([draw.integer(1, 2), draw.integer(1, 2)]), 0.25),
    },
    reference=_columns(_central, lambda h: 2 * h),
    wrong=[
        Wrong(_columns(_central, lambda h: 2 * h, axis=0), "Rows and columns are swapped: with m outputs and d inputs "
              "the shape is [m, d]. A square case can't show this, so test one that is not square."),
        Wrong(_reshaped, "The shape is right, the places are not: reshape reads the numbers in the same order. Rows "
              "become columns by a transpose."),
        Wrong(_columns(lambda f, x, step: f(x + step) - f(x), lambda h: h), "This is the forward difference. Its error "
              "falls like h, that of the central one like h squared."),
        Wrong(_columns(lambda f, x, step: f(x) - f(x - step), lambda h: h), "This is the backward difference. Its "
              "error falls like h, that of the central one like h squared."),
        Wrong(_columns(_central, lambda h: h), "Every entry is twice what it should be: how far apart are the two "
              "points at which f is taken?"),
        Wrong(_columns(_central, lambda h: -2 * h), "Every sign is reversed: subtract the value at x - h from that at "
              "x + h."),
        Wrong(_columns(lambda f, x, step: _central(f, x, step / 2), lambda h: h), "You move by h/2 to each side; the "
              "question moves by h."),
        Wrong(_batch_of_steps, _BATCH),
        Wrong(lambda f, x, h: _batch_of_steps(f, x, h).T, _BATCH),
        Wrong(lambda f, x, h: _moved(f, x, h, back=True), _RESTORED),
        Wrong(lambda f, x, h: _moved(f, x, h, back=False), _RESTORED),
        Wrong(_one_array, _COPIES),
        Wrong(lambda f, x, h: _one_array(f, x.astype(float), h), _COPIES),
        Wrong(_columns(_central, lambda h: 2 / h), "In Python a/2*h is (a/2)*h: it multiplies by h. Put brackets "
              "around 2*h."),
        Wrong(_columns(lambda f, x, step: _central(f, x, np.full(len(x), step.sum())), lambda h: 2 * h), "All inputs "
              "move at once, so every column is the same, about the sum of the right ones. Move one input at a time."),
        Wrong(_columns(_whole_steps, lambda h: 2 * h), "An array of whole numbers cuts off the fraction, so the two "
              "points are not 2*h apart. Make x an array of floats first."),
        Wrong(_columns(_cut_step, lambda h: 2 * h), "The step itself is an array of whole numbers and became 0. "
              "np.zeros_like(x) has the dtype of x: make x an array of floats first."),
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


_CONSTANT = 0.5 * math.log(2 * math.pi)


def _pushed(
    back: Callable[..., np.ndarray] = lambda x, A, b: np.linalg.solve(A, (x - b).T).T,
    log_det: Callable[[np.ndarray], Any] = lambda A: np.linalg.slogdet(A)[1],
    constant: Callable[[np.ndarray], float] = lambda x: x.shape[1] * _CONSTANT,
    total: Callable[[np.ndarray], Any] = lambda squares: squares.sum(axis=1),
) -> Callable[..., np.ndarray]:
    """Return the log-density with one of its parts replaced."""
    return lambda x, A, b: -0.5 * total(back(x, A, b) ** 2) - constant(x) - log_det(A)


def _covariance(x: np.ndarray, A: np.ndarray, b: np.ndarray) -> np.ndarray:
    squares = ((x - b) * np.linalg.solve(A, (x - b).T).T).sum(axis=1)
    return -0.5 * squares - x.shape[1] * _CONSTANT - 0.5 * np.linalg.slogdet(A)[1]


_POSITIVE = (
    "This is right while the determinant is positive and of a modest size. A map that mirrors has a negative one, and "
    "in 200 dimensions it underflows to 0: ask for the logarithm of its absolute value at once."
)
_UNDERFLOW = (
    "The determinant of 200 dimensions underflows to 0 before you take its logarithm. NumPy has a function that never "
    "forms it."
)
_COVARIANCE = "belongs to a normal law whose covariance is A. The covariance of A Z is A A^T."
_ONE_NUMBER = "This is one number for the whole batch. Give one value per row, an array [n]."

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
              "map stretches, the density falls. Try A = 10*I: log p must fall by d log 10."),
        Wrong(_pushed(log_det=lambda A: 0), "The log-determinant is missing: the result is right only where |det A| = "
              "1, such as for rotations and shears. For A = 2*I compare with the normal law of variance 4."),
        Wrong(_pushed(log_det=lambda A: np.log(np.linalg.det(A))), _POSITIVE),
        Wrong(_pushed(log_det=lambda A: math.log(np.linalg.det(A))), _POSITIVE),
        Wrong(_pushed(log_det=lambda A: np.log(np.abs(np.linalg.det(A)))), _UNDERFLOW),
        Wrong(_pushed(log_det=lambda A: math.log(abs(np.linalg.det(A)))), _UNDERFLOW),
        Wrong(_pushed(log_det=lambda A: np.linalg.slogdet(A)[0]), "You subtract the sign of the determinant. slogdet "
              "returns two values, and the logarithm is the second."),
        Wrong(_pushed(log_det=lambda A: np.prod(np.linalg.slogdet(A))), "The sign of the determinant multiplies its "
              "logarithm. It is the logarithm of the absolute value that counts, whatever the sign."),
        Wrong(_pushed(log_det=lambda A: np.linalg.slogdet(A)[1] / 2), f"Half the log-determinant {_COVARIANCE}"),
        Wrong(_pushed(log_det=lambda A: 2 * np.linalg.slogdet(A)[1]), "The log-determinant counts twice: log det of "
              "the covariance A A^T is twice that of A, and the normal law has half of it."),
        Wrong(_covariance, f"A in the place of the covariance {_COVARIANCE}"),
        Wrong(_pushed(back=lambda x, A, b: np.linalg.solve(A.T, (x - b).T).T), "A is transposed on the way back. In "
              "formulas a point is a column, here it is a row: check that your z give z @ A.T + b = x."),
        Wrong(_pushed(back=lambda x, A, b: np.linalg.solve(A, x - b)), "np.linalg.solve(A, x - b) takes the columns of "
              "the batch for points. Yours are rows: it fails for most shapes, and is wrong for n = d."),
        *(
            Wrong(_pushed(back=lambda x, A, b: np.linalg.inv(A) @ (x - b), total=total), "inv(A) @ (x - b) takes the "
                  "columns of the batch for points. Yours are rows: it fails for most shapes, and is wrong for n = d.")
            for total in (lambda squares: squares.sum(axis=1), lambda squares: squares.sum(axis=0))
        ),
        Wrong(_pushed(back=lambda x, A, b: x), "The base is evaluated at x. It belongs at the z that go to x."),
        Wrong(_pushed(back=lambda x, A, b: x @ A.T + b), "You push x forward once more. The base must be evaluated at "
              "the points that x came from."),
        Wrong(_pushed(back=lambda x, A, b: np.linalg.solve(A, x.T).T - b), "b is subtracted after the matrix was "
              "undone. The map adds b last, so it comes off first."),
        Wrong(_pushed(back=lambda x, A, b: np.linalg.solve(A, x.T).T), "The shift is not undone: for x = b your z must "
              "be 0."),
        Wrong(_pushed(constant=lambda x: _CONSTANT), "The constant of the normal law belongs to every dimension: there "
              "are d of them, not one."),
        Wrong(_pushed(constant=lambda x: x.shape[1] * _CONSTANT / math.log(10)), "The constant of the normal law is in "
              "log10. Nats need the natural logarithm, which is np.log."),
        Wrong(_pushed(constant=lambda x: len(x) * _CONSTANT), "The constant of the normal law is taken n times, with "
              "the number of points: len(x) is n. It belongs to every dimension."),
        Wrong(_pushed(constant=lambda x: 2 * x.shape[1] * _CONSTANT), "The constant of the normal law is "
              "log sqrt(2*pi) in each dimension, and not log(2*pi)."),
        Wrong(_pushed(constant=lambda x: 0), "The constant of the normal law is missing, so the density does not "
              "integrate to 1."),
        Wrong(_pushed(total=lambda squares: 2 * squares.sum(axis=1)), "The exponent of the normal density has a factor "
              "1/2, which is missing here."),
        Wrong(_pushed(total=lambda squares: squares.mean(axis=1)), "The squares of a point's entries are averaged; the "
              "log-density has their sum."),
        Wrong(_pushed(total=lambda squares: squares.sum(axis=0)), "The squares are added up over the points. They "
              "belong to one point each: sum over its entries, which is axis 1."),
        Wrong(_pushed(total=np.sum), "The squares of all points are added up. Each row is a point of its own, with its "
              "own log-density."),
        Wrong(lambda x, A, b: _pushed()(x, A, b).sum(), _ONE_NUMBER),
        Wrong(lambda x, A, b: _pushed()(x, A, b).mean(), _ONE_NUMBER),
        Wrong(lambda x, A, b: _pushed()(x, A, b)[:, None], "The values are right, but they are a column [n, 1]. Give "
              "one value per row, an array [n]."),
        Wrong(lambda x, A, b: _pushed()(x, A, b) / math.log(2), "This is in bits; the question asks for nats."),
        Wrong(lambda x, A, b: np.exp(_pushed()(x, A, b)), "This is the density; asked for is its logarithm."),
    ],
)  # fmt: skip
