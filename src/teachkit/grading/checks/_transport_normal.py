"""The item of sheet 3 on normal laws: their distance, and the score of pictures that is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Choice, Derivation, Expression, Number, Wrong
from teachkit.grading.kinds.base import Data

_DISTANCE = Expression(
    value="sqrt(2*m**2 + 2*(s - t)**2)",
    variables={"s": (0.3, 3.0), "t": (0.3, 3.0), "m": (-2.0, 2.0)},
    wrong=[
        Wrong("2*m**2 + 2*(s - t)**2", "That is the square of W2."),
        Wrong("sqrt(2)*abs(s - t)", "The means differ too. For s = t one law is the other, shifted. What is W2 then?"),
        Wrong("sqrt(2)*abs(m)", "That would be all if both had the same covariance. Which variance does each have "
              "along the first axis?"),
        Wrong("sqrt(m**2 + 2*(s - t)**2)", "The shift is (m, m). What is the square of its length?"),
        Wrong("sqrt(2*m**2 + (s - t)**2)", "The standard deviations differ along both axes."),
        Wrong("sqrt(4*m**2 + 2*(s - t)**2)", "The shift is (m, m). What is the square of its length?"),
        Wrong("sqrt(2*m**2 + 2*(s**2 - t**2)**2)", "You subtract variances. In the formula the roots of the "
              "covariances are subtracted; check the units."),
        Wrong("sqrt(2*m**2 + 2*abs(s**2 - t**2))", "The traces do not become a difference of variances. Compute the "
              "last trace for diagonal matrices."),
        Wrong("sqrt(2*m**2 + 2*s**2 + 2*t**2)", "That is the root of the cost of the independent coupling: the "
              "last trace is missing."),
        Wrong("sqrt(2*m**2 + 2*s**2 + 2*t**2 - 2*s*t)", "The last trace has two equal terms, one for each axis."),
        Wrong("sqrt(2*m**2 + 2*s**2 + 2*t**2 - 4*s**2*t**2)", "The last trace is that of a root: its terms are s t."),
        Wrong("sqrt(2)*(m + s - t)", "Squares are added, and the root is taken of the sum."),
        Wrong("sqrt(2)*abs(m) + sqrt(2)*abs(s - t)", "Squares are added, and the root is taken of the sum."),
        Wrong("sqrt(2*m**2 + 2*(s + t)**2)", "The sign of the last trace: for s = t and m = 0 the laws agree."),
    ],
)  # fmt: skip


def _moments(data: Data) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the shift of the means and both variances."""
    m, n = np.array(data["real_mean"]), np.array(data["fake_mean"])
    return n - m, np.array(data["real_var"]), np.array(data["fake_var"])


def _score(
    spread: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda v, u: (np.sqrt(v) - np.sqrt(u)) ** 2,
    shift: Callable[[np.ndarray], float] = lambda d: float(d @ d),
) -> Callable[[Data], float]:
    """Return the score with another term for the spread of a feature, or for the shift."""

    def value(data: Data) -> float:
        d, v, u = _moments(data)
        return shift(d) + float(spread(v, u).sum())

    return value


_FID = Number(
    value=_score(),
    wrong=[
        Wrong(lambda d: np.sqrt(_score()(d)), "That is the distance W2; FID is its square."),
        Wrong(_score(lambda v, u: (v - u) ** 2), "You subtract variances. In the formula roots are subtracted: what is "
              "given are variances."),
        Wrong(_score(lambda v, u: abs(v - u)), "The traces do not become a difference of variances. Compute the last "
              "trace for diagonal matrices."),
        Wrong(_score(lambda v, u: abs(np.sqrt(v) - np.sqrt(u))), "The differences of the standard deviations are "
              "squared, too."),
        Wrong(_score(shift=lambda d: float(np.linalg.norm(d))), "The length of the shift is squared, too."),
        Wrong(_score(shift=lambda d: float(abs(d).sum())), "The shift enters with the square of its length."),
        Wrong(_score(shift=lambda d: float(d.sum() ** 2)), "First square, then add: the two features are two axes."),
        Wrong(_score(shift=lambda d: 0.0), "The means differ as well."),
        Wrong(_score(lambda v, u: 0 * v), "That is the part of the means. The variances differ as well."),
        Wrong(_score(lambda v, u: v + u), "The last trace is missing: equal sets would not get 0."),
        Wrong(_score(lambda v, u: v + u - 2 * v * u), "The last trace is that of a root."),
        Wrong(_score(lambda v, u: v + u - np.sqrt(v * u)), "The last trace counts twice."),
        Wrong(_score(lambda v, u: v + u + 2 * np.sqrt(v * u)), "The sign of the last trace: equal sets must get 0."),
        Wrong(lambda d: _score()(d) / 2, "The features are not averaged; the terms of both are added."),
    ],
)  # fmt: skip


def _draw_features(draw: Draw) -> dict[str, Any]:
    """Return means and variances of two features of two sets for which the slips lead to different numbers."""
    while True:
        means = [draw.integer(0, 6) / 2 for _ in range(4)]
        variances = [(draw.integer(1, 7) / 2) ** 2 for _ in range(4)]
        data = {
            "real_mean": means[:2],
            "real_var": variances[:2],
            "fake_mean": means[2:],
            "fake_var": variances[2:],
        }
        values = np.sort([_score()(data), *(x.answer(data) for x in _FID.wrong)])
        if (np.diff(values) > 0.005 * values[1:]).all():
            return data


TURNED_ELLIPSE = Derivation(
    draw=_draw_features,
    steps={
        "w2": _DISTANCE,
        "fid": _FID,
        "zero": Choice(
            right="b",
            because="Means and covariances are all that the number is made of.",
            why={
                "a": "The formula knows nothing of single pictures. Could other sets have the same means and "
                "covariances?",
                "c": "That would follow if the features had normal laws. Take the values -1 and 1, and find three "
                "other values with the same mean and variance.",
                "d": "Copies do give 0. Does nothing else?",
                "e": "It is never below 0, and for two sets with equal means and covariances the formula gives 0.",
            },
        ),
    },
)
