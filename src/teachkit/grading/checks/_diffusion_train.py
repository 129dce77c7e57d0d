"""The item of sheet 5 that is written with torch: the loss of one training step, which draws its own steps and noise.

What is drawn differs from answer to answer, so means over many calls are compared, see ``deep._examine.training_loss``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.grading.tensors import through

Results = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Factor = Callable[[np.ndarray], np.ndarray]
"""From abar, [T + 1], to a factor of the picture or of the noise for each t that may be drawn, [T + 1]."""
Target = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From picture factor and noise factor to what the target holds of the picture and of the noise, each [T + 1]."""


def _signal(abar: np.ndarray) -> np.ndarray:
    return np.sqrt(abar)


def _noise(abar: np.ndarray) -> np.ndarray:
    return np.sqrt(1 - abar)


def _all(T: int) -> np.ndarray:
    return np.concatenate([[0.0], np.full(T, 1 / T), [0.0]])


def _from_zero(T: int) -> np.ndarray:
    return np.concatenate([np.full(T, 1 / T), [0.0, 0.0]])


def _too_many(T: int) -> np.ndarray:
    return np.concatenate([np.full(T + 1, 1 / (T + 1)), [0.0]])


def _too_few(T: int) -> np.ndarray:
    return np.concatenate([[0.0], np.full(T - 1, 1 / (T - 1)), [0.0, 0.0]])


def _before(factor: Factor) -> Factor:
    return lambda abar: np.concatenate([factor(abar)[:1], factor(abar)[:-1]])


def _after(factor: Factor) -> Factor:
    return lambda abar: np.concatenate([factor(abar)[1:], factor(abar)[-1:]])


def _loss(
    signal: Factor = _signal,
    noise: Factor = _noise,
    steps: Callable[[int], np.ndarray] = _all,
    target: str = "noise",
    scale: Callable[[np.ndarray], float] = lambda x0: 1.0,
    rule: Callable[[np.ndarray], np.ndarray] = lambda losses: losses,
) -> Callable[[np.ndarray, np.ndarray], Results]:
    """Return the means that a loss of this form would give."""

    def answer(x0: np.ndarray, abar: np.ndarray) -> Results:
        T, power = len(abar) - 1, float((x0**2).mean())
        share, f, g = steps(T), signal(abar), noise(abar)
        known = np.clip(np.arange(T + 1), 1, T)
        a, s = np.sqrt(abar[known]), np.sqrt(1 - abar[known])
        of_x0, of_eps = {
            "noise": (0 * f, 1 + 0 * g),
            "x0": (1 + 0 * f, 0 * g),
            "xt": (f, g),
            "scaled": (0 * f, g),
        }.get(target, (0 * f, 1 + 0 * g))
        fresh = 2.0 if target == "fresh" else 0.0
        seen_x0, seen_eps = (f - a) / s, g / s  # what the network that knows the kernel takes for the noise
        zero = of_x0**2 * power + of_eps**2
        exact = (seen_x0 - of_x0) ** 2 * power + (fresh or (seen_eps - of_eps) ** 2)
        losses = np.array([share[:-1] @ zero, share[:-1] @ (zero + 9), share[:-1] @ exact])
        drawn = share[1:-1] > 0
        return share, np.where(drawn, f[1:], 0), np.where(drawn, np.abs(g[1:]), 0), scale(x0) * rule(losses)

    return answer


def _pictures(n: int, c: int, h: int, w: int, *abar: float) -> Callable[[Draw, Data], tuple[np.ndarray, np.ndarray]]:
    """Return pictures so bright that the factor before them can be read off, and abar."""
    return lambda draw, data: (1e4 * draw.normal((n, c, h, w)), np.array([1.0, *abar]))


_LATE = (
    "abar[0] is 1 and belongs to the clean picture: step t has abar[t], and you look one place {}. The network is told "
    "another level of noise than the one that it sees."
)
_ROOT = 0.7978845608  # mean of |eps|

TRAINING = Function(
    adapt=through("training_loss"),
    cases={
        "grey pictures": _pictures(48, 1, 9, 7, 0.7, 0.4, 0.1),
        "in colour": _pictures(48, 3, 4, 5, 0.75, 0.45, 0.2),
        "as many pictures as columns": _pictures(48, 1, 3, 48, 0.8, 0.5, 0.15),
    },
    reference=_loss(),
    rtol=0.12,
    seconds=8.0,  # a loop over the pictures is slow, and right
    wrong=[
        Wrong(_loss(lambda a: a, lambda a: 1 - a), "Both roots are missing: abar and 1 - abar are shares of the "
              "variance."),
        Wrong(_loss(noise=lambda a: 1 - a), "The root before the noise is missing."),
        Wrong(_loss(signal=lambda a: a), "The root before the picture is missing."),
        Wrong(_loss(_noise, _signal), "You have exchanged the two factors."),
        Wrong(_loss(_before(_signal), _before(_noise)), _LATE.format("too early")),
        Wrong(_loss(_after(_signal), _after(_noise)), _LATE.format("too late")),
        Wrong(_loss(steps=_from_zero), "You draw t from 0 to T - 1. At t = 0 there is no noise to be found, and T is "
              "never trained."),
        Wrong(_loss(_after(_signal), _after(_noise), _from_zero), "You tell the network t - 1. Steps count from 1 "
              "here, for the network as well.", 0.5),
        Wrong(_loss(steps=_too_many), "You draw t = 0, too. There is no noise to be found there."),
        Wrong(_loss(steps=_too_few), "T is never drawn: the upper end of torch.randint is not included. Sampling "
              "starts at T.", 0.4),
        Wrong(_loss(target="x0"), "Your target is the picture. The network is to predict the noise."),
        Wrong(_loss(target="xt"), "Your target is the noisy picture, which the network is given."),
        Wrong(_loss(target="scaled"), "Your target is the noise times its factor. The noise itself is asked for."),
        Wrong(_loss(target="fresh"), "The noise in the loss is not the noise in the picture: you draw twice. Nothing "
              "can be learned from that."),
        Wrong(_loss(noise=lambda a: np.sqrt((1 - a) / 3), rule=lambda x: np.array([1, 19, 0]) / 3), "Your noise is "
              "uniform (torch.rand). It should be normal (torch.randn)."),
        Wrong(_loss(lambda a: 0 * a + 1, lambda a: 0 * a), "The network is given the clean picture. It is to find the "
              "noise in x_t."),
        Wrong(_loss(signal=lambda a: 0 * a + 1), "The picture is not made smaller: its factor is missing."),
        Wrong(_loss(noise=lambda a: 0 * a), "There is no noise in the picture that the network is given."),
        Wrong(_loss(noise=lambda a: 0 * a + 1), "The factor before the noise is missing."),
        Wrong(_loss(scale=lambda x0: x0.size), "You add up where the mean is asked for.", 0.5),
        Wrong(_loss(scale=lambda x0: x0[0].size), "You add up over the entries of a picture. The mean over all entries "
              "is asked for.", 0.6),
        Wrong(_loss(scale=lambda x0: 0.5), "A half is too much: the mean of the squares is asked for.", 0.6),
        Wrong(_loss(rule=np.sqrt), "You take a root. The mean of the squares is asked for.", 0.4),
        Wrong(_loss(rule=lambda x: np.array([_ROOT, 3.0008, 0.0])), "You take the mean of the absolute differences. "
              "Its minimum is at a median, not at the mean.", 0.3),
    ],
)  # fmt: skip
