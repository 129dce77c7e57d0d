"""The item of sheet 2 on the generator's losses and their gradients, written with torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from teachkit.grading.checks._games_judge import named
from teachkit.grading.kinds import Function
from teachkit.grading.tensors import through
from teachkit.minimax import sigmoid, softplus

Pair = tuple[np.ndarray, np.ndarray]
Rule = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From logits to a loss of each sample and its derivative."""


def _missed(a: np.ndarray) -> Pair:
    return -softplus(a), -sigmoid(a)


def _passed(a: np.ndarray) -> Pair:
    return softplus(-a), -sigmoid(-a)


def _squared(a: np.ndarray) -> Pair:
    return (a - 1) ** 2 / 2, a - 1


def _by_D(a: np.ndarray, small: float = 0.0, lowest: float = -np.inf) -> list[Pair]:
    """Return both logarithms with what autograd makes of them when they are computed from D."""
    with np.errstate(all="ignore"):
        D = 1 / (1 + np.exp(-a))
        logs = [(np.log(x + small), 1 / (x + small)) for x in (1 - D, D)]
        (missed, up), (passed, down) = logs
        slope = D * (1 - D)
        return [(np.maximum(missed, lowest), -up * slope), (-np.maximum(passed, lowest), -down * slope)]


def _entropy(a: np.ndarray) -> list[Pair]:
    """Return what binary_cross_entropy gives for D: it cuts logarithms at -100 and a denominator at 1e-12."""
    with np.errstate(all="ignore"):
        D = 1 / (1 + np.exp(-a))
        (missed, _), (passed, _) = _by_D(a, lowest=-100.0)
        slope = D * (1 - D) / np.maximum(D * (1 - D), 1e-12)
        return [(missed, -slope * D), (passed, slope * (D - 1))]


def _exponentials(a: np.ndarray) -> list[Pair]:
    with np.errstate(all="ignore"):
        up, down = np.exp(a), np.exp(-a)
        return [(-np.log(1 + up), -up * (1 / (1 + up))), (np.log(1 + down), -down * (1 / (1 + down)))]


def _losses(*rules: Rule | None, both: Callable[[np.ndarray], list[Pair]] | None = None) -> Callable[..., Pair]:
    """Return the answer with these rules for the first losses, and the right ones for the others."""

    def answer(a: np.ndarray) -> Pair:
        parts = both(a) if both else []
        parts = parts + [(rule or right)(a) for rule, right in zip(rules, (_missed, _passed, _squared), strict=False)]
        parts += [right(a) for right in (_missed, _passed, _squared)[len(parts) :]]
        return np.array([loss.mean() for loss, _ in parts]), np.array([slope for _, slope in parts]) / len(a)

    return answer


_right = _losses()


def _changed(change: Callable[[np.ndarray, np.ndarray, int], Sequence[np.ndarray]]) -> Callable[..., Any]:
    return lambda a: tuple(change(*_right(a), len(a)))


def _lowers_D(a: np.ndarray) -> Pair:
    """Return log D, which falls when the fake is found out."""
    return -softplus(-a), sigmoid(-a)


def _logistic(a: np.ndarray) -> Pair:
    return sigmoid(-a) ** 2 / 2, -sigmoid(a) * sigmoid(-a) ** 2


_GUARDED = "The small number keeps the result finite and makes it wrong: at a = -40, -log D is 40, and its slope is -1."
_SLOPES = "The losses are right. "
_SWAPPED = "You swapped D and 1 - D: a large logit means data."
_CAUGHT = "A generator that lowers it learns to be found out: which way should the loss move when D rises?"
LOSSES = Function(
    adapt=through("plain"),
    cases={
        "a batch": lambda draw, data: (2 * draw.normal((6,)),),
        "one fake": lambda draw, data: (draw.normal((1,)),),
        "found out": lambda draw, data: (np.array([-40.0, -45.0, -44.0, -30.0]),),
        "sure to pass": lambda draw, data: (np.array([38.0, 1.0, 40.0]),),
        "far out": lambda draw, data: (np.array([-900.0, 2.0, 900.0]),),
    },
    reference=_right,
    wrong=named(
        (_losses(both=_by_D), "Where D rounds to 0 or 1, its logarithm or the gradient is lost. Start from the logit."),
        (_losses(both=_exponentials), "exp overflows above 709, and the gradient with it. Torch has functions of the "
         "logit for this.", 0.4),
        (_losses(both=_entropy), "binary_cross_entropy sees D alone. It cuts the logarithm at -100, and its gradient "
         "is 0 for fakes that are surely found out. There is a form that takes logits.", 0.3),
        *((_losses(both=partial(_by_D, small=10.0**-k)), _GUARDED, 0.3) for k in (5, 6, 7, 8, 9, 10, 12, 15)),
        (_changed(lambda L, g, n: (n * L, n * g)), "You add up where the mean over the batch is asked for.", 0.4),
        (_changed(lambda L, g, n: (L, n * g)), _SLOPES + "Your gradients are those of the single terms: the loss is a "
         "mean, so each logit moves it n times less.", 0.5),
        (_changed(lambda L, g, n: (L, g.cumsum(axis=0))), _SLOPES + "But backward() adds to what is in a.grad "
         "already. Your second gradient holds the first one, and the third one both.", 0.5),
        (_changed(lambda L, g, n: (L, 0 * g + g.sum(axis=0))), _SLOPES + "Your three gradients are one and the same "
         "tensor, a.grad, to which each backward() adds.", 0.5),
        (_changed(lambda L, g, n: (L, -g)), _SLOPES + "Your gradients are turned round: gradients are asked for, not "
         "the directions in which one steps.", 0.5),
        (_changed(lambda L, g, n: (L[[1, 0, 2]], g[[1, 0, 2]])), "The first two losses are in each other's place.",
         0.3),
        (_changed(lambda L, g, n: (L * [-1, 1, 1], g * [[-1], [1], [1]])), "The minimax loss is log(1 - D) itself, "
         "without a minus: the generator lowers it.", 0.6),
        (lambda a: _right(-a), _SWAPPED),
        (_losses(_lowers_D, lambda a: (softplus(a), sigmoid(a))), _SWAPPED),
        (_losses(_lowers_D), "Your first loss is log D. " + _CAUGHT, 0.6),
        (_losses(None, _lowers_D), "Your second loss is log D. " + _CAUGHT, 0.6),
        (_changed(lambda L, g, n: (L, g * [[-1], [-1], [1]])), _SLOPES + "But both of the first two fall when a logit "
         "rises, and your gradients say that they rise.", 0.5),
        (_changed(lambda L, g, n: (L * [1, 1, 2], g * [[1], [1], [2]])), "The half of the least-squares loss is "
         "missing.", 0.6),
        (_losses(None, None, _logistic), "Your third loss sees D. The least-squares loss takes the number a as it is, "
         "without a logistic function.", 0.6),
        (_losses(None, None, lambda a: (a**2 / 2, a)), "Your third loss pulls the fakes to 0, the critic's goal for "
         "them. The generator wants them to be taken for data.", 0.6),
        (_losses(None, None, lambda a: (np.maximum(1 - a, 0), -1.0 * (a < 1))), "Your third loss is max(0, 1 - a), "
         "which belongs to another game; here the distance from 1 is squared.", 0.6),
        (_changed(lambda L, g, n: (g, L)), "The results are in each other's place: first the losses."),
    ),
)  # fmt: skip
