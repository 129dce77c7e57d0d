"""The item of sheet 5 on measuring samples: precision, recall and bits by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from teachkit.evaluation import bits_per_dim, precision_recall
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Choice, Derivation, Number, Wrong
from teachkit.grading.kinds.base import Data

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
