"""The items of sheet 5 on measuring samples: an unbiased kernel distance, and scores by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from teachkit.evaluation import bits_per_dim, precision_recall
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Choice, Derivation, Function, Number, Wrong
from teachkit.grading.kinds.base import Data

# --- a kernel distance without bias --------------------------------------------------------------


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

# --- scores by hand ------------------------------------------------------------------------------

D = 784
_PAIRS = [  # real and fake: no slip gives the share that another one gives, and no point lies on the rim of a ball
    ([1, 6, 18, 40, 42, 45], [3, 4, 17, 25, 33]),
    ([8, 14, 21, 22, 35, 44], [0, 5, 38, 40, 43]),
    ([5, 9, 25, 31, 39, 45], [17, 22, 40, 42, 43]),
    ([0, 11, 30, 32, 35, 38], [6, 10, 12, 21, 23]),
    ([2, 11, 24, 26, 39, 41], [6, 9, 14, 19, 21]),
    ([3, 6, 14, 15, 28, 35], [20, 22, 27, 29, 31]),
]


def _nearest(x: np.ndarray, itself: bool = False) -> np.ndarray:
    apart = np.abs(x[:, None] - x)
    return np.sort(apart, axis=1)[:, 0 if itself else 1]


def _share(centres: np.ndarray, radii: np.ndarray, points: np.ndarray) -> float:
    return float((np.abs(points[:, None] - centres) <= radii).any(axis=1).mean())


def _sets(data: Data) -> tuple[np.ndarray, np.ndarray]:
    return np.array(data["real"], float), np.array(data["fake"], float)


def _second(x: np.ndarray) -> np.ndarray:
    return np.sort(np.abs(x[:, None] - x), axis=1)[:, 2]


def _precision(data: Data) -> float:
    real, fake = _sets(data)
    return precision_recall(real[:, None], fake[:, None], k=1)[0]


def _recall(data: Data) -> float:
    real, fake = _sets(data)
    return precision_recall(real[:, None], fake[:, None], k=1)[1]


def _covered(data: Data) -> float:
    """Return the share of the balls around real points that hold a fake."""
    real, fake = _sets(data)
    return float((np.abs(fake[:, None] - real) <= _nearest(real)).any(axis=0).mean())


def _density(data: Data) -> float:
    real, fake = _sets(data)
    return float((np.abs(fake[:, None] - real) <= _nearest(real)).sum() / fake.size)


def _wide_precision(data: Data) -> float:
    real, fake = _sets(data)
    return _share(real, _second(real), fake)


def _own_precision(data: Data) -> float:
    real, fake = _sets(data)
    return float((np.abs(fake[:, None] - real) <= _nearest(fake)[:, None]).any(axis=1).mean())


def _wide_recall(data: Data) -> float:
    real, fake = _sets(data)
    return _share(fake, _second(fake), real)


def _draw_scores(draw: Draw) -> dict[str, Any]:
    """Return one of the pairs of sets, shifted and perhaps mirrored."""
    real, fake = draw.choice(_PAIRS)
    sign, start = draw.choice((-1, 1)), draw.integer(1, 9)
    start += 45 if sign < 0 else 0
    sets = {name: sorted(start + sign * x for x in xs) for name, xs in (("real", real), ("fake", fake))}
    return {**sets, "nll": -float(draw.integer(1900, 2700))}


def _bits(data: Data) -> float:
    return bits_per_dim(data["nll"], D)


def _bits_of(formula: Callable[[float], float]) -> Callable[[Data], float]:
    return lambda data: formula(data["nll"])


SCORES = Derivation(
    draw=_draw_scores,
    steps={
        "precision": Number(
            value=_precision,
            wrong=[
                Wrong(_recall, "The roles are exchanged: precision asks about the fakes."),
                Wrong(_covered, "You ask in how many balls around real points a fake lies. Precision asks how many "
                      "fakes lie in a ball."),
                Wrong(_wide_precision, "Your balls reach to the second neighbour. A point is no neighbour of itself, "
                      "and k = 1."),
                Wrong(_own_precision, "Your balls stand around the fakes, with radii of the fakes. For precision they "
                      "stand around the real points."),
                Wrong(_density, "A fake in several balls counts once."),
                Wrong(0.0, "Then every ball has the radius 0: a point does not count as its own neighbour."),
                Wrong(lambda d: round(_precision(d) * 5), "That is a number of fakes; divide by how many there are."),
                Wrong(lambda d: _precision(d) * 5 / 6, "You divide by the number of real points."),
                Wrong(lambda d: 1 - _precision(d), "That is the share of the fakes outside."),
            ],
        ),
        "recall": Number(
            value=_recall,
            wrong=[
                Wrong(_precision, "The roles are exchanged: recall asks about the real points."),
                Wrong(_covered, "You use balls around the real points. For recall they stand around the fakes, with "
                      "the radii of the fakes."),
                Wrong(_wide_recall, "Your balls reach to the second neighbour. A point is no neighbour of itself, and "
                      "k = 1."),
                Wrong(0.0, "Then every ball has the radius 0: a point does not count as its own neighbour."),
                Wrong(lambda d: round(_recall(d) * 6), "That is a number of real points; divide by how many there "
                      "are."),
                Wrong(lambda d: _recall(d) * 6 / 5, "You divide by the number of fakes."),
                Wrong(lambda d: 1 - _recall(d), "That is the share of the real points outside."),
            ],
        ),
        "verdict": Choice(
            right="b",
            because="What is made looks real, and a part of the real data is never made.",
            why={
                "a": "Which of the two numbers would be low then?",
                "c": "Copies of the data would put the fakes onto the real points. What would recall be?",
                "d": "Exchange the two numbers in your head: then it would be so.",
                "e": "Two numbers that differ are no contradiction. What does each of them ask?",
            },
        ),
        "bits": Number(
            value=_bits,
            unit="bits",
            units={"nats": 1 / np.log(2)},
            wrong=[
                Wrong(_bits_of(lambda x: x / D / np.log(2)), "That is for the density of numbers from 0 to 1. For the "
                      "256 values of a byte each number costs log2(256) more."),
                Wrong(_bits_of(lambda x: x / np.log(2) + 8), "The division by the number of pixels is missing."),
                Wrong(_bits_of(lambda x: x / np.log(2) + 8 * D), "That is for the whole image, not for a pixel."),
                Wrong(_bits_of(lambda x: x / D + 8), "You add nats to bits."),
                Wrong(_bits_of(lambda x: x / D + np.log(256)), "That is in nats."),
                Wrong(_bits_of(lambda x: x / D * np.log(2) + 8), "From nats to bits one divides by log 2."),
                Wrong(_bits_of(lambda x: x / D / np.log(2) - 8), "The sign of log2(256): a density on an interval of "
                      "length 1 is 256 times that on one of length 256."),
                Wrong(_bits_of(lambda x: 8 - x / D / np.log(2)), "The sign: the negative log-likelihood is given. A "
                      "larger density must cost fewer bits."),
                Wrong(_bits_of(lambda x: x / D / np.log(2) + np.log(256)), "You add nats to bits."),
                Wrong(_bits_of(lambda x: (x / np.log(2) + 8) / D), "Each pixel has its 256 values: 8 bits are added "
                      "for each of them, not for the image."),
                Wrong(_bits_of(lambda x: x / 28 / np.log(2) + 8), "The image has 28 times 28 pixels."),
                Wrong(_bits_of(lambda x: x / D / np.log(2) + np.log2(127.5)), "127.5 belongs to pixels from -1 to 1. "
                      "These lie between 0 and 1."),
                Wrong(_bits_of(lambda x: x / D / np.log(2) + 256), "log2 of 256 is added, not 256."),
            ],
        ),
    },
)  # fmt: skip
