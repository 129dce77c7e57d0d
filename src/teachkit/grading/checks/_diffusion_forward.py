"""The items of sheet 5 on the way to noise: the kernel of three steps by hand, and one step back by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Derivation, Number, Wrong
from teachkit.grading.kinds.base import Data

Value = Callable[[Data], float]
Slips = Sequence[tuple[Value, str]]

MEND_FIRST = (
    "That is what a slip in an earlier value leads to: mend that one first, or, if it is right by now, use it here."
)

_BETAS = [sorted(three) for three in combinations((0.19, 0.36, 0.51, 0.64, 0.75), 3)]  # the roots of 1 - beta are short


def by_hand(value: Value, slips: Slips, carried: Sequence[Value] = ()) -> Number:
    """Return the check of one step: its slips by name, then what follows from slips in earlier steps."""
    named = [Wrong(slip, message) for slip, message in slips]
    return Number(value=value, wrong=[*named, *(Wrong(x, MEND_FIRST) for x in carried)], atol=1e-9)


def _alphas(data: Data) -> np.ndarray:
    return 1 - np.array(data["beta"])


def abar(data: Data, t: int = 3) -> float:
    """Return the product of the first t alphas of a student's schedule."""
    return float(_alphas(data)[:t].prod())


# --- three steps in one jump ---------------------------------------------------------------------


def _draw_kernel(draw: Draw) -> dict[str, Any]:
    return {
        "beta": draw.choice(_BETAS),
        "x0": draw.choice((2.5, 3.5, 4.0, 4.5, 5.5)),
        "eps": draw.choice((-1.7, -1.3, -0.7, 0.6, 1.3, 1.7)),
    }


def _last(data: Data) -> float:
    return data["beta"][2]


_ABAR: Slips = [
    (lambda d: float(np.prod(d["beta"])), "You multiply the betas. The share of the signal's variance that a step "
     "keeps is 1 - beta."),
    (lambda d: 1 - sum(d["beta"]), "You take all betas off 1. Each step takes its share of what is left by then: the "
     "shares that are kept multiply."),
    (lambda d: 1 - float(np.prod(d["beta"])), "You take the product of the betas off 1. Multiply what each step "
     "keeps."),
    (lambda d: 1 - _last(d), "That is the share that the last step keeps. The two steps before it took their part, "
     "too."),
    (lambda d: abar(d, 2), "That is abar_2. The third step has its factor, too."),
    (lambda d: np.sqrt(abar(d)), "That is its root, the factor before x0."),
    (lambda d: 1 - abar(d), "That is what the signal has lost, the variance of the noise."),
]  # fmt: skip


def _mean(abar: float, data: Data) -> float:
    return float(np.sqrt(abar)) * data["x0"]


def _std(abar: float, data: Data) -> float:
    return float(np.sqrt(1 - abar))


def _point(abar: float, data: Data) -> float:
    return _mean(abar, data) + _std(abar, data) * data["eps"]


def _ratio(abar: float, data: Data) -> float:
    return abar / (1 - abar)


def _of_abar(formula: Callable[[float, Data], float], slips: Slips) -> Number:
    """Return the check of a step that starts from abar."""
    mistaken = [slip for k, (slip, _) in enumerate(_ABAR) if k != 1]  # 1 - sum may be below 0
    carried = [lambda data, slip=slip: formula(slip(data), data) for slip in mistaken]
    return by_hand(lambda data: formula(abar(data), data), slips, carried)


KERNEL = Derivation(
    draw=_draw_kernel,
    steps={
        "abar": by_hand(abar, _ABAR),
        "mean": _of_abar(_mean, [
            (lambda d: abar(d) * d["x0"], "You multiply x0 by abar itself. abar is a share of the variance; lengths "
             "shrink by its root."),
            (lambda d: np.sqrt(1 - _last(d)) * d["x0"], "That is the mean if only the last step were made."),
            (lambda d: np.sqrt(1 - abar(d)) * d["x0"], "That factor belongs before the noise."),
            (lambda d: d["x0"], "Every step shrinks what it is given; x0 does not come through as it is."),
            (lambda d: np.sqrt(abar(d, 2)) * d["x0"], "That is the mean after two steps."),
        ]),
        "std": _of_abar(_std, [
            (lambda d: 1 - abar(d), "That is the variance; the standard deviation is asked for."),
            (lambda d: np.sqrt(_last(d)), "That is the noise of the last step alone. What came in before is still "
             "there, only smaller."),
            (lambda d: _last(d), "That is the variance of the noise of the last step alone."),
            (lambda d: 1 - np.sqrt(abar(d)), "The two factors do not sum to 1; their squares do."),
            (lambda d: np.sqrt(sum(d["beta"])), "You add up the variances as they come in. Each later step shrinks the "
             "noise that is already there, too."),
            (lambda d: np.sqrt(d["beta"]).sum(), "Standard deviations of independent noises do not add up, and each "
             "later step shrinks the noise that is already there."),
            (lambda d: np.sqrt(abar(d)), "That factor belongs before x0."),
            (lambda d: np.sqrt(1 - abar(d, 2)), "That is the standard deviation after two steps."),
        ]),
        "x3": _of_abar(_point, [
            (lambda d: abar(d) * d["x0"] + (1 - abar(d)) * d["eps"], "The roots are missing: abar and 1 - abar are "
             "shares of the variance."),
            (lambda d: _mean(abar(d), d) + (1 - abar(d)) * d["eps"], "You multiply the noise by its variance. A root "
             "is missing."),
            (lambda d: abar(d) * d["x0"] + _std(abar(d), d) * d["eps"], "You multiply x0 by abar. A root is missing."),
            (lambda d: np.sqrt(1 - abar(d)) * d["x0"] + np.sqrt(abar(d)) * d["eps"], "You have exchanged the two "
             "factors."),
            (lambda d: np.sqrt(1 - _last(d)) * d["x0"] + np.sqrt(_last(d)) * d["eps"], "That is one step with the last "
             "beta: beta where abar belongs."),
            (lambda d: _mean(abar(d), d) - _std(abar(d), d) * d["eps"], "The noise is added, with the sign that it "
             "has."),
            (lambda d: d["x0"] + _std(abar(d), d) * d["eps"], "You add the noise and leave x0 as it was. The signal "
             "shrinks, too."),
            (lambda d: _mean(abar(d), d) + d["eps"], "The noise has a factor of its own."),
        ]),
        "snr": _of_abar(_ratio, [
            (lambda d: np.sqrt(_ratio(abar(d), d)), "That is the ratio of the two factors. The ratio of the variances "
             "is asked for."),
            (lambda d: 1 / _ratio(abar(d), d), "That is noise to signal, the other way up."),
            (lambda d: _ratio(abar(d), d) * d["x0"] ** 2, "Here x0 does not belong: the ratio is that of a signal with "
             "variance 1."),
            (lambda d: abar(d) / _last(d), "Below the line stands the noise of the last step alone."),
            (lambda d: abar(d), "That is the signal's part. By what is it divided?"),
            (lambda d: np.log(_ratio(abar(d), d)), "That is the logarithm of the ratio."),
        ]),
    },
)  # fmt: skip

# --- one step back when the start is known -------------------------------------------------------


def _draw_back(draw: Draw) -> dict[str, Any]:
    beta = draw.choice(_BETAS)
    return {
        "beta": beta,
        "x0": draw.choice((1.5, 2.0, 2.5, 3.0)),
        "x3": draw.choice((-1.4, -0.8, 0.7, 1.2, 1.9)),
    }


def _variance(data: Data) -> float:
    return _last(data) * (1 - abar(data, 2)) / (1 - abar(data))


def _weight_x0(data: Data) -> float:
    return np.sqrt(abar(data, 2)) * _last(data) / (1 - abar(data))


def _weight_x3(data: Data) -> float:
    return np.sqrt(1 - _last(data)) * (1 - abar(data, 2)) / (1 - abar(data))


_FIRST: Slips = [
    (lambda d: abar(d, 2) * _last(d) / (1 - abar(d)), "The root of abar_2 is missing."),
    (lambda d: np.sqrt(abar(d)) * _last(d) / (1 - abar(d)), "You take abar_3 where abar_2 belongs: what x2 keeps of x0 "
     "counts."),
    (lambda d: np.sqrt(abar(d, 2)) * _last(d) / (1 - abar(d, 2)), "Below the line t is off by one."),
    (lambda d: np.sqrt(abar(d, 2)) * _last(d), "The division is missing."),
    (lambda d: np.sqrt(abar(d, 2) * _last(d)) / (1 - abar(d)), "beta stands here without a root: it divides a "
     "variance."),
    (lambda d: np.sqrt(abar(d, 2)), "That would be the weight if x3 told nothing."),
    (lambda d: np.sqrt(1 - d["beta"][1]), "You take alphas where their products belong: the bars are missing."),
    (lambda d: np.sqrt(abar(d, 1)) * d["beta"][1] / (1 - abar(d, 2)), "That is the weight for x1 given x2 and x0: t is "
     "off by one everywhere."),
    (_weight_x3, "That is the weight of x3."),
]  # fmt: skip
_SECOND: Slips = [
    (lambda d: (1 - _last(d)) * (1 - abar(d, 2)) / (1 - abar(d)), "The root of alpha_3 is missing."),
    (lambda d: (1 - abar(d, 2)) / (1 - abar(d)), "The factor that the step shrinks by is missing."),
    (lambda d: np.sqrt(abar(d)) * (1 - abar(d, 2)) / (1 - abar(d)), "You take abar_3 where alpha_3 belongs: from x2 to "
     "x3 it is a single step."),
    (lambda d: np.sqrt(1 - _last(d)) * (1 - abar(d)) / (1 - abar(d, 2)), "The fraction is the other way up: check the "
     "limit of a small beta_3."),
    (lambda d: np.sqrt(1 - _last(d)) * (1 - abar(d, 2)), "The division is missing."),
    (lambda d: 1 / np.sqrt(1 - _last(d)), "That would be the weight if x0 told nothing."),
    (lambda d: np.sqrt(1 - _last(d)) * d["beta"][1] / _last(d), "You take alphas where their products belong: the bars "
     "are missing."),
    (lambda d: np.sqrt(1 - d["beta"][1]) * (1 - abar(d, 1)) / (1 - abar(d, 2)), "That is the weight of x2 for x1: t is "
     "off by one everywhere."),
    (_weight_x0, "That is the weight of x0."),
]  # fmt: skip


def _blend(first: Value, second: Value) -> Value:
    return lambda data: first(data) * data["x0"] + second(data) * data["x3"]


BACK = Derivation(
    draw=_draw_back,
    steps={
        "variance": by_hand(_variance, [
            (lambda d: np.sqrt(_variance(d)), "That is the standard deviation; the variance is asked for."),
            (_last, "That is the variance of the step forward. Whoever knows x0 as well knows x2 better than that."),
            (lambda d: _last(d) * (1 - abar(d)) / (1 - abar(d, 2)), "The fraction is the other way up: knowing x0 "
             "can't make the variance larger than beta_3."),
            (lambda d: d["beta"][1] * (1 - abar(d, 1)) / (1 - abar(d, 2)), "That is the variance of x1 given x2 and "
             "x0: t is off by one everywhere."),
            (lambda d: d["beta"][1], "That is beta_2, and what comes out if alphas stand where their products belong: "
             "the bars are missing."),
            (lambda d: d["beta"][1] * (1 - abar(d, 2)) / (1 - abar(d)), "You take beta_2. The step from x2 to x3 has "
             "the variance beta_3."),
            (lambda d: 1 - abar(d, 2), "That is the variance of x2 given x0 alone; x3 is not used."),
            (lambda d: _last(d) * abar(d, 2) / abar(d), "In the fraction stand the variances of the noise, not those "
             "of the signal."),
            (lambda d: _last(d) + 1 - abar(d, 2), "Variances add up when noises do. Two pieces of knowledge add up "
             "their precisions, 1/variance."),
        ]),
        "weight_x0": by_hand(_weight_x0, _FIRST),
        "weight_x3": by_hand(_weight_x3, _SECOND),
        "mean": by_hand(
            _blend(_weight_x0, _weight_x3),
            [
                (_blend(_weight_x3, _weight_x0), "You have exchanged the two weights."),
                (lambda d: np.sqrt(abar(d, 2)) * d["x0"], "That is the mean of x2 given x0 alone; x3 is not used."),
                (lambda d: d["x3"] / np.sqrt(1 - _last(d)), "That undoes the shrinking of x3 and takes none of its "
                 "noise out; x0 is not used."),
                (lambda d: _blend(_weight_x0, _weight_x3)(d) / (_weight_x0(d) + _weight_x3(d)), "You divide by the sum "
                 "of the weights. They need not sum to 1: x2 lies nearer to 0 than x0 does."),
                (lambda d: _blend(_weight_x0, _weight_x3)(d) * _variance(d), "You multiply by the variance once more. "
                 "It is in the weights."),
            ],
            [
                *(_blend(slip, _weight_x3) for slip, _ in _FIRST),
                *(_blend(_weight_x0, slip) for slip, _ in _SECOND),
                *(_blend(one, two) for (one, _), (two, _) in zip(_FIRST, _SECOND, strict=True)),
            ],
        ),
    },
)  # fmt: skip
