"""The item of sheet 3 on measuring samples: an unbiased kernel distance."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Wrong
from teachkit.grading.kinds.base import Data


def _kernel(x: np.ndarray, y: np.ndarray, slip: str = "") -> np.ndarray:
    scale = {"no d": 1.0, "root of d": x.shape[1] ** -0.5}.get(slip, 1 / x.shape[1])
    power = {"linear": 1, "square": 2}.get(slip, 3)
    return (scale * x @ y.T + (slip != "no one")) ** power


def _within(x: np.ndarray, slip: str) -> float:
    K, n = _kernel(x, x, slip), len(x)
    apart = K.sum() - np.trace(K)
    if slip == "diagonal":
        return float(K.mean())
    if slip == "half left":
        return float(K.sum() / n / (n - 1))
    if slip == "other half":
        return float(apart / n / n)
    if slip == "once":
        return float(apart / 2 / n / (n - 1))
    return float(apart / n / (n - 1))


def _between(x: np.ndarray, y: np.ndarray, slip: str) -> float:
    K = _kernel(x, y, slip)
    if slip == "no pairs" and len(x) == len(y):
        return float((K.sum() - np.trace(K)) / len(x) / (len(x) - 1))
    return float(K.mean())


def _kid(a: np.ndarray, b: np.ndarray, *, slip: str = "") -> float:
    """Return the unbiased kernel distance, with one of some slips."""
    cross = _between(a, b, slip)
    twice = {"one cross": 1.0, "plus": -2.0}.get(slip, 2.0)
    out = _within(a, slip) + _within(b, slip) - twice * cross
    if slip == "sums":
        return float(_kernel(a, a).sum() + _kernel(b, b).sum() - 2 * _kernel(a, b).sum())
    if slip == "cut":
        return max(out, 0.0)
    if slip == "root":
        return float(np.sqrt(abs(out)))
    return -out if slip == "sign" else out


def _two_sets(n: int, m: int, d: int, shift: float = 0.0) -> Callable[[Draw, Data], tuple[np.ndarray, np.ndarray]]:
    return lambda draw, data: (draw.normal((n, d)), 1.2 * draw.normal((m, d)) + shift)


def _near(draw: Draw, data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Return two sets whose unbiased distance is below 0, and that are far from equal."""
    while True:
        a, b = draw.normal((5, 3)), draw.normal((5, 3))
        if _kid(a, b) < -0.3:
            return a, b


def _slip(name: str, message: str, credit: float = 0.0) -> Wrong:
    return Wrong(partial(_kid, slip=name), message, credit)


KERNEL_DISTANCE = Function(
    cases={
        "equal sizes": _two_sets(6, 6, 4, 0.5),
        "more of the first": _two_sets(7, 4, 3, 1.0),
        "two of each": _two_sets(2, 2, 5),
        "one feature": _two_sets(4, 6, 1, 0.5),
        "two sets of one law": _near,
    },
    reference=_kid,
    wrong=[
        _slip("diagonal", "Your sums hold the pairs of a sample with itself. Their kernel is large, so your number is "
              "too large for small sets: that is the biased form.", 0.3),
        _slip("half left", "You divide by n(n - 1), and the pairs of a sample with itself are still in the sum.", 0.3),
        _slip("other half", "You leave out the pairs of a sample with itself and divide by n^2. Only n(n - 1) pairs "
              "are left.", 0.3),
        _slip("once", "You count each pair of two samples once and divide by the number of ordered pairs."),
        _slip("no pairs", "In the mixed term you leave out pairs of the same number. They are different samples, and "
              "nothing is special about them.", 0.4),
        _slip("no d", "The scalar product is not divided by d.", 0.2),
        _slip("root of d", "You divide the scalar product by the root of d.", 0.2),
        _slip("no one", "The 1 in the kernel is missing. Without it, means and covariances are not compared.", 0.2),
        _slip("square", "You take the power 2; the kernel has the power 3.", 0.2),
        _slip("linear", "Without the power 3 only the means are compared."),
        _slip("one cross", "The mixed term counts twice: it is that of a square (p - q)^2.", 0.2),
        _slip("plus", "The mixed term has a minus: equal laws must have a distance near 0."),
        _slip("sign", "All signs are the wrong way round."),
        _slip("cut", "You cut off what is below 0. Then the mean over many draws is no longer right: an estimate "
              "without bias has to fall below 0 at times.", 0.6),
        _slip("root", "You take a root. The squared distance is asked for, and an estimate of it may be below 0."),
        _slip("sums", "You add up kernels where means are asked for."),
    ],
)  # fmt: skip
