"""The item of sheet 3 that is written with torch: the gradient penalty of a critic, to be differentiated again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.grading.tensors import through

Points = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""From real, fake and u, the last with an axis for each of a sample, to where the slopes are taken."""


def _case(n: int, *rest: int, steep: float = 1.0) -> Callable[[Draw, Data], tuple[np.ndarray, ...]]:
    """Return W, b and v of a critic with one hidden layer of tanh, real and fake samples, and u."""
    d = int(np.prod(rest))

    def case(draw: Draw, data: Data) -> tuple[np.ndarray, ...]:
        W, b, v = draw.uniform(-1, 1, (5, d)), draw.uniform(-0.5, 0.5, (5,)), steep * draw.uniform(-1, 1, (5,))
        real, fake = draw.normal((n, *rest)), 2 + draw.normal((n, *rest))
        return W, b, v, real, fake, draw.uniform(0.05, 0.95, (n,))

    return case


def _between(real: np.ndarray, fake: np.ndarray, u: np.ndarray) -> np.ndarray:
    return u * real + (1 - u) * fake


def _penalty(rule: Callable[[np.ndarray], Any], points: Points = _between) -> Callable[..., Any]:
    """Return a function that makes a number of the slopes, [n, ...], at these points."""

    def answer(W: np.ndarray, b: np.ndarray, v: np.ndarray, real: np.ndarray, fake: np.ndarray, u: np.ndarray) -> Any:
        z = points(real, fake, u.reshape(-1, *[1] * (real.ndim - 1)))
        bent = 1 - np.tanh(z.reshape(len(z), -1) @ W.T + b) ** 2
        return rule((bent * v @ W).reshape(z.shape))

    return answer


def _length(g: np.ndarray) -> np.ndarray:
    return np.linalg.norm(g.reshape(len(g), -1), axis=1)


def _two_sided(g: np.ndarray) -> float:
    return float(np.mean((_length(g) - 1) ** 2))


def _by_pixel_rows(real: np.ndarray, fake: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return the points of u[:, None], which for images goes along the rows of pixels."""
    flat = u.reshape(-1, 1)
    return flat * real + (1 - flat) * fake


def _by_data(W: np.ndarray, b: np.ndarray, v: np.ndarray, real: np.ndarray, fake: np.ndarray, u: np.ndarray) -> float:
    """Return the penalty of slopes by the data, which are u times those by the points."""
    scale = u.reshape(-1, *[1] * (real.ndim - 1))
    return _penalty(lambda g: _two_sided(scale * g))(W, b, v, real, fake, u)


_BATCH = "You take one norm for the whole batch"
PENALTY_TO_TRAIN_WITH = Function(
    adapt=through("gradient_penalty"),
    cases={
        "a batch": _case(6, 2),
        "one sample": _case(1, 3),
        "a steep critic": _case(4, 3, steep=4.0),
        "images": _case(2, 2, 2, 3),
    },
    reference=_penalty(_two_sided),
    seconds=20.0,  # torch.func takes seconds when it is first used
    wrong=[
        Wrong(_penalty(lambda g: (np.linalg.norm(g) - 1) ** 2), f"{_BATCH}. It grows with the batch, like the root of "
              "n, so each slope would be held near 1/sqrt(n). Each sample has a norm of its own."),
        Wrong(_penalty(lambda g: (np.linalg.norm(g) / np.sqrt(len(g)) - 1) ** 2), f"{_BATCH}. Dividing by sqrt(n) "
              "does not mend it: slopes of 0 and of 1.4 would cost nothing together."),
        Wrong(_penalty(lambda g: (_length(g).mean() - 1) ** 2), "You average the norms before you subtract 1. Slopes "
              "0 and 2 would then cost nothing."),
        Wrong(_penalty(_two_sided, lambda x, y, u: x), "You take the slopes at the data. The penalty looks between "
              "the data and the fakes."),
        Wrong(_penalty(_two_sided, lambda x, y, u: y), "You take the slopes at the fakes. The penalty looks between "
              "the data and the fakes."),
        Wrong(_penalty(_two_sided, lambda x, y, u: np.concatenate([x, y])), "You take the slopes at both ends. The "
              "penalty looks at the points between, which u picks."),
        Wrong(_penalty(_two_sided, lambda x, y, u: (x + y) / 2), "You take the slopes half-way. Where between data "
              "and fakes is for u to say."),
        Wrong(_penalty(_two_sided, lambda x, y, u: (1 - u) * x + u * y), "In your points u belongs to the fakes. In "
              "training that has the same law, but here u is given: at u = 1 the point is a sample of the data.", 0.5),
        Wrong(_penalty(_two_sided, lambda x, y, u: x + u * (x - y)), "Your points lie beyond the data. At u = 0 the "
              "point should be the fake."),
        Wrong(_penalty(_two_sided, _by_pixel_rows), "For points that is right. But for images your u goes along the "
              "rows of pixels: it needs one axis for each axis of a sample.", 0.6),
        Wrong(_penalty(lambda g: np.mean((np.linalg.norm(g, axis=1) - 1) ** 2)), "For points that is right. But for "
              "images you take a norm at each pixel. It runs over all entries of a sample.", 0.6),
        Wrong(_penalty(lambda g: np.mean((np.linalg.norm(g, axis=-1) - 1) ** 2)), "For points that is right. But for "
              "images you take a norm along each row of pixels. It runs over all entries of a sample.", 0.6),
        Wrong(_penalty(lambda g: (np.linalg.norm(g.mean(axis=0)) - 1) ** 2), "You average the gradients of the batch "
              "before you take the norm. Opposite slopes cancel that way."),
        Wrong(_by_data, "You differentiate by the data. A datum moves z only u times as far as itself, so each slope "
              "comes out too small. Asked for is the slope by z."),
        Wrong(_penalty(lambda g: np.mean((np.abs(g.reshape(len(g), -1)).sum(axis=1) - 1) ** 2)), "You add up absolute "
              "values; the norm is Euclidean."),
        Wrong(_penalty(lambda g: np.mean(_length(g) - 1)), "The square is missing: a slope below 1 would be rewarded, "
              "and the critic would be made flat."),
        Wrong(_penalty(lambda g: np.mean(np.abs(_length(g) - 1))), "You take the absolute value where the square is "
              "asked for."),
        Wrong(_penalty(lambda g: np.mean((_length(g) ** 2 - 1) ** 2)), "You forget the root: 1 is subtracted from the "
              "square of each norm."),
        Wrong(_penalty(lambda g: np.mean(_length(g) ** 2)), "You forget to subtract 1: that would pull every slope to "
              "0."),
        Wrong(_penalty(lambda g: np.sum((_length(g) - 1) ** 2)), "The penalty is a mean over the samples; you take "
              "the sum.", 0.4),
        Wrong(_penalty(lambda g: (_length(g) - 1) ** 2), "You return one number for each sample; their mean is asked "
              "for.", 0.4),
        Wrong(_penalty(lambda g: np.mean(np.maximum(_length(g) - 1, 0) ** 2)), "That is the one-sided penalty; here "
              "slopes below 1 cost something, too.", 0.4),
        Wrong(_penalty(lambda g: _two_sided(g / len(g))), "You differentiate the mean of the outputs, so each slope "
              "comes out n times too small. Their sum gives the slopes themselves.", 0.3),
        Wrong(_penalty(lambda g: np.mean((np.abs(g) - 1) ** 2)), "You treat each coordinate for itself. The slope at "
              "a sample is the norm of its whole gradient."),
        Wrong(_penalty(lambda g: np.mean((g - 1) ** 2)), "You subtract 1 from each coordinate. The slope at a sample "
              "is the norm of its whole gradient."),
        Wrong(_penalty(lambda g: 10 * _two_sided(g)), "Leave out the weight 10: the mean alone is asked for.", 0.6),
        Wrong(_penalty(lambda g: -_two_sided(g)), "The penalty itself is asked for, and that is not negative. A "
              "critic's loss adds it.", 0.4),
    ],
)  # fmt: skip
