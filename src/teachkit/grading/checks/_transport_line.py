"""The items of sheet 3 on the line: sorting by hand, sorting with weights, a witness."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Holds, Number, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.transport import w1_sorted, wp_sorted
from teachkit.wgan import Line, witness_line

# --- sorting by hand -----------------------------------------------------------------------------


def _by_hand(data: Data) -> float:
    return w1_sorted(data["x"], data["y"])


def _mistaken(data: Data) -> dict[str, float]:
    """Return what each mistake leads to, by its message."""
    x, y = (np.array(data[name], float) for name in "xy")
    gaps = np.abs(np.sort(x) - np.sort(y))
    apart = abs(x.mean() - y.mean())
    return {
        "You pair the numbers in the order in which they are printed. That is the cost of some plan, not of the best.":
            np.abs(x - y).mean(),
        "That is the difference of the means. Mass that goes right and mass that goes left cancel in it; in the work "
        "they add up.": apart,
        "That is the difference of the means, with a sign. A distance is never negative, and mass that goes right and "
        "mass that goes left must not cancel.": -apart,
        "That is the difference of the medians. Every point counts, not only those in the middle.":
            abs(np.median(x) - np.median(y)),
        "That is the median of the four distances. W1 is their mean: each carries a quarter of the mass.":
            np.median(gaps),
        "That is the sum over the four pairs. Each point holds a quarter of the mass.": gaps.sum(),
        "That is W2: you take the root of the mean square. For W1 the distances themselves count.":
            wp_sorted(x, y, 2),
        "That is the mean square of the distances. For W1 the distances themselves count.": (gaps**2).mean(),
        "That is the largest of the four distances. W1 is the mean over all of the mass.": gaps.max(),
        "You sort the two samples in opposite directions. That is the worst plan of all.":
            np.abs(np.sort(x) - np.sort(y)[::-1]).mean(),
        "You send each x to the nearest y. Then some y gets more mass than it may hold, and another none.":
            np.abs(x[:, None] - y).min(axis=1).mean(),
        "You send each y to the nearest x. Then more mass leaves some x than lies there, and none leaves another.":
            np.abs(x[:, None] - y).min(axis=0).mean(),
        "That is the mean over all sixteen pairs, the cost of the plan that sends everything everywhere.":
            np.abs(x[:, None] - y).mean(),
    }  # fmt: skip


def _draw_samples(draw: Draw) -> Data:
    """Draw two samples, eight different numbers, until the answer and all mistakes differ from each other."""
    while True:
        data = {name: [draw.integer(0, 30) for _ in range(4)] for name in "xy"}
        numbers = np.sort([_by_hand(data), *_mistaken(data).values()])
        if len({*data["x"], *data["y"]}) == 8 and (np.diff(numbers) > 0.03 * numbers[1:]).all():
            return data


_MESSAGES = list(_mistaken({"x": [1, 2], "y": [3, 4]}))

SORT_BY_HAND = Number(
    value=_by_hand,
    draw=_draw_samples,
    wrong=[Wrong(lambda data, name=name: _mistaken(data)[name], name) for name in _MESSAGES],
)

# --- sorting with weights ------------------------------------------------------------------------

Case = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _masses(draw: Draw, n: int) -> np.ndarray:
    a = draw.uniform(0.2, 1.0, (n,))
    return a / a.sum()


def _points(n: int, m: int) -> Callable[[Draw, Data], Case]:
    """Return a case: n and m points in no order, with masses."""

    def case(draw: Draw, data: Data) -> Case:
        y = draw.uniform(-4, 4, (m,))
        return draw.uniform(-3, 3, (n,)), _masses(draw, n), y, _masses(draw, m)

    return case


def _weighted(x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray) -> float:
    return w1_sorted(x, y, a, b)


def _lead(x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all points in order, and F - G at each."""
    z, mass = np.concatenate([x, y]), np.concatenate([a, -b])
    order = np.argsort(z, kind="stable")
    return z[order], np.cumsum(mass[order])


def _with_slip(x: np.ndarray, a: np.ndarray, y: np.ndarray, b: np.ndarray, slip: str) -> float:
    z, lead = _lead(x, a, y, b)
    width = np.diff(z)
    return float({
        "ends": np.abs(lead[1:]) @ width,
        "square": lead[:-1] ** 2 @ width,
        "largest": np.abs(lead).max(),
        "no widths": np.abs(lead).sum(),
        "no bars": lead[:-1] @ width,
        "late": np.abs(np.concatenate([[0], lead])[np.searchsorted(z, z[:-1])]) @ width,
    }[slip])  # fmt: skip


_MEANS = "That is a difference of means. Where F - G has both signs, the bars must stand inside of the integral."

WITH_WEIGHTS = Function(
    cases={
        "one point on each side": _points(1, 1),
        "equal sizes": _points(4, 4),
        "more x than y": _points(6, 3),
        "one point against many": _points(1, 7),
        "whole numbers": lambda draw, data: (
            np.array([5, 0, 3]), _masses(draw, 3), np.array([2, 1, 9, 4]), _masses(draw, 4)),
        "points that coincide": lambda draw, data: (
            np.array([2.0, 1.0, 2.0]), np.array([0.25, 0.5, 0.25]), np.array([3.0, 1.0]), np.array([0.4, 0.6])),
    },
    reference=_weighted,
    wrong=[
        Wrong(lambda x, a, y, b: w1_sorted(x, y), "You leave out the weights: your answer is right for equal ones."),
        Wrong(
            lambda x, a, y, b: w1_sorted(np.sort(x), np.sort(y), a, b),
            "You sort the points and leave the weights in their old order. A weight must move with its point.",
        ),
        Wrong(lambda x, a, y, b: abs(a @ x - b @ y), _MEANS),
        Wrong(partial(_with_slip, slip="no bars"), _MEANS),
        Wrong(lambda x, a, y, b: -_with_slip(x, a, y, b, "no bars"), _MEANS),
        Wrong(
            partial(_with_slip, slip="ends"),
            "Each width is multiplied by F - G at its right end. Between two neighbours the distribution functions "
            "have the value of the left one.",
        ),
        Wrong(
            partial(_with_slip, slip="late"),
            "Your F and G rise too late: F(t) counts the mass at points x_i <= t, with the point t itself.",
        ),
        Wrong(partial(_with_slip, slip="square"), "You square F - G; the integral is over its absolute value."),
        Wrong(partial(_with_slip, slip="largest"), "That is the largest gap between F and G. W1 is the area."),
        Wrong(
            partial(_with_slip, slip="no widths"),
            "You add up the heights |F - G|. An area also needs the widths, the distances of neighbouring points.",
        ),
        Wrong(
            lambda x, a, y, b: a @ np.abs(x[:, None] - y) @ b,
            "That is the cost of the plan a_i b_j, which sends everything everywhere. It is not the best one.",
        ),
        Wrong(lambda x, a, y, b: wp_sorted(x, y, 2, a, b), "That is W2; the distances are squared in it."),
        Wrong(lambda x, a, y, b: wp_sorted(x, y, 2, a, b) ** 2, "That is the square of W2."),
    ],
)  # fmt: skip

# --- a witness -----------------------------------------------------------------------------------


def _best(data: Data) -> Line:
    return witness_line(np.array(data["x"], float), np.array(data["y"], float))


def _draw_uneven(draw: Draw) -> Data:
    """Draw four numbers and two, until mass has to go both ways."""
    while True:
        data = {"x": [draw.integer(0, 20) for _ in range(4)], "y": [draw.integer(0, 20) for _ in range(2)]}
        f = _best(data)
        apart = abs(np.mean(data["x"]) - np.mean(data["y"]))
        if len({*data["x"], *data["y"]}) == 6 and 0.2 * f.value < apart < 0.8 * f.value:
            return data


def _flat(values: list[Any]) -> np.ndarray:
    return np.concatenate([np.asarray(x, float) for x in values])


def _value(values: list[Any]) -> float:
    return float(np.mean(values[0]) - np.mean(values[1]))


def _rise(cases: list[Any], values: list[Any], within: float = np.inf) -> float:
    """Return by how much f changes more than t, at most, between neighbours that are no farther apart than this."""
    t, f = _flat([x[0] for x in cases]), _flat(values)
    order = np.argsort(t, kind="stable")
    gaps, rises = np.diff(t[order]), np.abs(np.diff(f[order]))
    return float((rises - gaps)[gaps <= within].max())


def _beside(data: Data) -> np.ndarray:
    points = np.array(data["x"] + data["y"], float)
    return np.concatenate([points - 1e-5, points + 1e-5])


def _exact(cases: list[Any]) -> Line:
    return witness_line(cases[0][0], cases[1][0])


WITNESS = Function(
    cases={
        "your x": lambda draw, data: (np.array(data["x"], float),),
        "your y": lambda draw, data: (np.array(data["y"], float),),
        "beside your points": lambda draw, data: (_beside(data),),
        "from -5 to 25": lambda draw, data: (np.linspace(-5, 25, 241),),
        "far outside": lambda draw, data: (np.array([-60.0, -30.0, 50.0, 80.0]),),
    },
    draw=_draw_uneven,
    holds=[
        Holds(
            lambda cases, values: all(
                np.shape(f) == x[0].shape and np.isfinite(np.asarray(f, float)).all()
                for x, f in zip(cases, values, strict=True)
            ),
            "f must return an array of finite numbers, one for each t.",
        ),
        Holds(
            lambda cases, values: np.ptp(_flat(values)) > 1e-9,
            "Your f is constant. It can't tell x from y.",
        ),
        Holds(
            lambda cases, values: _rise(cases, values, within=1e-4) < 0.01,
            "Your f jumps or is very steep, or gives two values at one t. A 1-Lipschitz function does neither.",
        ),
        Holds(
            lambda cases, values: _rise(cases, values) <= 1e-5 * max(1, np.abs(_flat(values)).max()),
            "Your f is steeper than one somewhere. Look at the slope between neighbouring points, also outside of "
            "the data.",
        ),
        Holds(
            lambda cases, values: abs(_value(values) + _exact(cases).value) > 1e-6 * _exact(cases).value,
            "Your f has the size of a witness and the wrong sign: its mean is larger on y. It shall be large where x "
            "has more mass.",
        ),
        Holds(
            lambda cases, values: _value(values) > 0,
            "Your f is nowhere steeper than one, but its mean on x is not larger than its mean on y. In which "
            "direction does mass go between two neighbouring points? f falls on its way.",
        ),
        Holds(
            lambda cases, values: _value(values) >= (1 - 1e-6) * _exact(cases).value,
            "Your f is nowhere steeper than one and its value is positive, but smaller than W1. Between which "
            "neighbours does mass have to pass? There f must have a slope of size one, in the right direction.",
        ),
    ],
)
