"""Sheet 7, Newton's method on a coupling layer: its items, in order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachkit.grading.checks._newton_ball import BEST_STEP
from teachkit.grading.checks._newton_batch import GRADIENT
from teachkit.grading.checks._newton_by_hand import BENT, ONE_SAMPLE, SECOND_DERIVATIVES, number
from teachkit.grading.checks._newton_root import TWO_STEPS
from teachkit.grading.checks._newton_slice import FIRST_HARM, GAIN_OVER_PROMISE, STEP_ALONG_B
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Choice, TrueFalse
from teachkit.grading.kinds.base import Data

_SILENT = TrueFalse(
    truth=False,
    right="b",
    because="The rank is two however many samples share this z1, and no error is no proof of the contrary.",
    otherwise="Compute the singular values with np.linalg.svd: are there four that are not small?",
    why={
        "a": "More samples help only if their rank-one terms point in new directions. Which ones do these have?",
        "c": "A sum of singular matrices can be invertible: diag(1, 0) + diag(0, 1) is the identity.",
        "d": "Signs do not decide this: diag(1, -1) is invertible. And has H both signs here?",
        "e": "It is the other way round: rounding can only hide that a matrix is singular. Look at the formula.",
    },
)

_STUCK = Choice(
    right="c",
    because="Only the eigenvalues of the Hessian tell where a run has ended; the norm of the gradient does not.",
    why={
        "a": "A zero gradient says that the point is stationary, no more. What tells of which kind it is?",
        "b": "The gradient says that it is stationary. Gradient ascent runs away from saddles; Newton's method divides "
        "by the curvature, sign and all.",
        "d": "L may rise on the way to a saddle, too, along the directions in which it bends down. Which curve "
        "does L follow along the two others?",
        "e": "Near a point with an invertible Hessian, what does half of Newton's step do to the distance, whatever "
        "the signs?",
    },
)


def _draw_errors(draw: Draw) -> dict[str, Any]:
    """Draw three errors of a method of order r, from values for which no two slips give the same number."""
    r = draw.choice([1.5, 1.6, 1.7, 1.8, 2.4, 2.5, 2.6, 2.7])
    factor, e0 = draw.decimal(1.4, 1.5), draw.decimal(0.05, 0.09, 2)
    e1 = factor * e0**r
    return {"errors": [e0, float(f"{e1:.8g}"), float(f"{factor * e1**r:.8g}")]}


def _slope(data: Data) -> float:
    first, second, third = np.log(data["errors"])
    return float((third - second) / (second - first))


def _logs(later: int, data: Data) -> float:
    return math.log(data["errors"][later]) / math.log(data["errors"][later - 1])


_NO_FACTOR = "You divided the logarithms themselves, as if C were 1. Their differences are free of C."
_ORDER = number(
    _slope,
    (2, "That is the order of Newton's method near a good optimum. Measure this one: is it Newton's?"),
    (lambda d: 1 / _slope(d), "You divided the wrong way round: a fast method has a large order."),
    (lambda d: _logs(2, d), _NO_FACTOR, 0.3),
    (lambda d: _logs(1, d), _NO_FACTOR, 0.3),
    (lambda d: d["errors"][2] / d["errors"][1], "That is the factor of one step. Is it the same in both steps?"),
    (lambda d: math.log10(d["errors"][1] / d["errors"][2]), "That is the number of digits won in the last step."),
    rtol=4e-3,
    draw=_draw_errors,
)

ITEMS = {
    "one-sample": ONE_SAMPLE,
    "second-derivatives": SECOND_DERIVATIVES,
    "batch-gradient": GRADIENT,
    "step-without-error": _SILENT,
    "bent-upwards": BENT,
    "step-along-b": STEP_ALONG_B,
    "first-harm": FIRST_HARM,
    "gain-over-promise": GAIN_OVER_PROMISE,
    "stuck-run": _STUCK,
    "best-step": BEST_STEP,
    "order-of-a-method": _ORDER,
    "two-steps": TWO_STEPS,
}
