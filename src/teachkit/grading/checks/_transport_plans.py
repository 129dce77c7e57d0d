"""The items of sheet 3 on plans and prices: a bound by prices, and slackness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Choice, Derivation, Number, TrueFalse, Wrong
from teachkit.grading.kinds.base import Data

# --- a bound by prices ---------------------------------------------------------------------------

SOURCES, TARGETS = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.4, 0.4])
GIVEN_PLAN = np.array([[0.0, 0.4, 0.1], [0.0, 0.0, 0.3], [0.2, 0.0, 0.0]])


def _arrays(data: Data) -> tuple[np.ndarray, np.ndarray]:
    return np.array(data["C"], float), np.array(data["f"], float)


def _best_g(data: Data) -> np.ndarray:
    C, f = _arrays(data)
    return (C - f[:, None]).min(axis=0)


def _best_f(data: Data) -> np.ndarray:
    return (_arrays(data)[0] - _best_g(data)).min(axis=1)


def _cost(data: Data) -> float:
    return float((GIVEN_PLAN * _arrays(data)[0]).sum())


def _lower(data: Data) -> float:
    return float(SOURCES @ _arrays(data)[1] + TARGETS @ _best_g(data))


def _better(data: Data) -> float:
    return float(SOURCES @ _best_f(data) + TARGETS @ _best_g(data))


def _mistaken_g(data: Data) -> dict[str, np.ndarray]:
    """Return what each mistake in g leads to, by its message."""
    C, f = _arrays(data)
    return {
        "That is the largest C_ij - f_i. With it some pair has a sum of prices above its cost.":
            (C - f[:, None]).max(axis=0),
        "That is the least cost in the column. The prices f are asked for at the same time, so they come off first.":
            C.min(axis=0),
        "You add f where it comes off: the condition is f_i + g_j <= C_ij.": (C + f[:, None]).min(axis=0),
        "You look along a row of C. All pairs that end at y_j stand in column j.": (C - f).min(axis=1),
        "You take f_j off the whole column. From each row i its own f_i comes off, before the minimum is taken.":
            C.min(axis=0) - f,
        "You take the mean over the column. The condition must hold for every i, so the smallest one decides.":
            (C - f[:, None]).mean(axis=0),
    }  # fmt: skip


def _mistaken_sums(data: Data) -> dict[str, dict[str, float]]:
    """Return what each mistake in the other steps leads to, by step and message."""
    (C, f), g = _arrays(data), _best_g(data)
    return {
        "lower": {
            "You add up the prices as if each point held mass 1. Weigh f by a and g by b.": f.sum() + g.sum(),
            "You take the mean of the prices; the masses are not equal here.": f.mean() + g.mean(),
            "Only g is in it. The carrier is also paid for loading.": TARGETS @ g,
            "Only f is in it. The carrier is also paid for unloading.": SOURCES @ f,
            "You have exchanged a and b: f belongs to the x, with masses a.": TARGETS @ f + SOURCES @ g,
            "You subtract the prices f; they are added.": TARGETS @ g - SOURCES @ f,
        },
        "upper": {
            "You add up the costs where mass moves, without the masses.": C[GIVEN_PLAN > 0].sum(),
            "That is the cost of the plan a_i b_j, not of the one that is given.": SOURCES @ C @ TARGETS,
            "You have mixed up rows and columns: P_ij goes with C_ij.": (GIVEN_PLAN * C.T).sum(),
            "The plan moves 0.1 from x1 to y3 as well.": (np.where(GIVEN_PLAN == 0.1, 0, GIVEN_PLAN) * C).sum(),
        },
        "better": {
            "That is the first bound. Raise each f_i as far as your g allows, and compute the bound with the new f.":
                _lower(data),
            "That is the cost of the plan. What do the new f and your g earn?": _cost(data),
            "You weigh with a and b exchanged.": TARGETS @ _best_f(data) + SOURCES @ g,
            "Only the new f is in it. Weigh g by b and add it.": SOURCES @ _best_f(data),
            "You take the largest C_ij - g_j for each f_i; then some sum of prices is above its cost.":
                SOURCES @ (C - g).max(axis=1) + TARGETS @ g,
            "That is by how much the bound has risen.": _better(data) - _lower(data),
        },
    }  # fmt: skip


def _carried(data: Data) -> dict[str, list[float]]:
    """Return the bounds that are computed rightly from each mistaken g."""
    C, f = _arrays(data)
    slips = _mistaken_g(data).values()
    return {
        "lower": [float(SOURCES @ f + TARGETS @ g) for g in slips],
        "better": [float(SOURCES @ (C - g).min(axis=1) + TARGETS @ g) for g in slips],
    }


def _draw_prices(draw: Draw) -> dict[str, Any]:
    """Draw costs and first prices until there is a gap, and all mistakes lead to numbers of their own."""
    while True:
        data = {
            "C": [[draw.decimal(1, 9) for _ in range(3)] for _ in range(3)],
            "f": [draw.choice([-1, 1]) * draw.decimal(0.3, 3) for _ in range(3)],
        }
        gaps = np.diff([_lower(data), _better(data), _cost(data)])
        if gaps.min() > 0.1 and _all_differ(data):
            return data


def _all_differ(data: Data) -> bool:
    groups = [[right, *wrong] for right, *wrong in zip(_best_g(data), *_mistaken_g(data).values(), strict=True)]
    rights = {"lower": _lower(data), "upper": _cost(data), "better": _better(data)}
    sums = {step: [rights[step], *wrong.values()] for step, wrong in _mistaken_sums(data).items()}
    apart = min(abs(x - y) for step, carried in _carried(data).items() for x in carried for y in sums[step])
    groups += sums.values()
    return apart > 0.02 and all(np.diff(np.sort(group)).min() > 0.02 and np.abs(group).min() > 0.02 for group in groups)


_MEND_FIRST = "That is what comes out of a g that is not right. Once g is right, compute this anew."
_SHAPE: Data = {"C": [[1, 2, 3], [4, 5, 6], [7, 8, 9]], "f": [1, 2, 3]}


def _price(j: int) -> Number:
    named = [Wrong(lambda data, m=message: float(_mistaken_g(data)[m][j]), message) for message in _mistaken_g(_SHAPE)]
    return Number(value=lambda data: float(_best_g(data)[j]), wrong=named, atol=1e-6)


def _sum(step: str, value: Callable[[Data], float]) -> Number:
    messages = _mistaken_sums(_SHAPE)[step]
    named = [Wrong(lambda data, m=message: float(_mistaken_sums(data)[step][m]), message) for message in messages]
    carried = len(_carried(_SHAPE).get(step, []))
    named += [Wrong(lambda data, k=k: _carried(data)[step][k], _MEND_FIRST) for k in range(carried)]
    return Number(value=value, wrong=named, atol=1e-6)


BOUND_BY_PRICES = Derivation(
    draw=_draw_prices,
    steps={
        "g1": _price(0),
        "g2": _price(1),
        "g3": _price(2),
        "lower": _sum("lower", _lower),
        "upper": _sum("upper", _cost),
        "better": _sum("better", _better),
        "what_follows": Choice(
            right="c",
            because="The best plan costs at least the bound and at most what this plan costs.",
            why={
                "a": "A plan is proved best by prices whose value equals its cost. Are the two numbers equal?",
                "b": "It may also come from prices that are too low. Do the two numbers tell which?",
                "d": "If each g_j is the largest feasible one, and then each f_i, every pair obeys f_i + g_j <= C_ij.",
                "e": "For feasible prices and any plan the value is at most the cost. Nothing is wrong with a gap.",
            },
        ),
    },
)

# --- what slackness does not say -----------------------------------------------------------------

TIGHT_PAIRS = TrueFalse(
    truth=False,
    right="d",
    because="Slack zero allows mass to move, and does not force it to.",
    otherwise="Take x = (0, 1), y = (1, 2) and the cost |x - y|, with equal masses. Compute the costs of both "
    "pairings, then find prices and look at the slack of all four pairs.",
    why={
        "a": "The proposition forbids mass where the slack is positive. Does it demand mass where it is zero?",
        "b": "The gap is the sum of P_ij times the slack: a pair with slack zero adds nothing to it, with or without "
        "mass.",
        "c": "Adding a constant to f and taking it off g leaves every sum f_i + g_j as it is, and so every slack.",
        "e": "An optimal plan moves no mass where the slack is positive: that is what the proposition excludes.",
        "f": "Some optimal plan has at most n + m - 1 entries. Does that forbid slack zero at more pairs than these?",
    },
)
