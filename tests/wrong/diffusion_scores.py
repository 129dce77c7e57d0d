"""Answers to the item of sheet 5 on measuring samples."""

from math import log, log2

import numpy as np


def changed(right, **wrong):
    """Yield the right answers with one step replaced, by step: pairs of a wrong answer and a piece of its message."""
    for step, pairs in wrong.items():
        yield from (({**right, step: answer}, piece) for answer, piece in pairs)


def further_slips(nll):
    return {
        "verdict": [
            ("a", "Which of the two numbers"),
            ("c", "Copies of the data"),
            ("(d)", "Exchange the two numbers"),
            ("E", "no contradiction"),
        ],
        "bits": [
            (nll / 784 / log(2), "each number costs log2(256) more"),
            (nll / log(2) + 8, "The division by the number of pixels"),
            (nll / log(2) + 8 * 784, "not for a pixel"),
            (nll / 784 + 8, "You add nats to bits"),
            (nll / 784 + log(256), "That is in nats"),
            (nll / 784 / log(2) - log2(256), "The sign of log2(256)"),
            (8 - nll / 784 / log(2), "The sign: the negative"),
            ((nll / log(2) + 8) / 784, "8 bits are added for each"),
            (nll / 784 / log(2) + log2(127.5), "127.5 belongs to pixels"),
            (nll / 784 / log(2) + 256, "log2 of 256 is added"),
        ],
    }


def scores_by_hand(data):
    real, fake, nll = np.array(data["real"]), np.array(data["fake"]), data["nll"]

    def reach(x, k=1):
        return np.array([sorted(abs(x - p))[k] for p in x])

    def inside(points, centres, radii):
        return sum(any(abs(p - c) <= r for c, r in zip(centres, radii, strict=True)) for p in points) / len(points)

    def used(centres, radii, points):
        return np.mean([min(abs(points - c)) <= r for c, r in zip(centres, radii, strict=True)])

    precision, recall = inside(fake, real, reach(real)), inside(real, fake, reach(fake))
    bits = nll / 784 / log(2) + 8
    right = {"precision": precision, "recall": recall, "verdict": "b", "bits": bits}
    wrong = changed(
        right,
        precision=[
            (recall, "The roles are exchanged"),
            (used(real, reach(real), fake), "in how many balls"),
            (inside(fake, real, reach(real, 2)), "to the second neighbour"),
            (0, "every ball has the radius 0"),
            (4, "That is a number of fakes"),
            (1 - precision, "the fakes outside"),
        ],
        recall=[
            (precision, "The roles are exchanged"),
            (used(real, reach(real), fake), "You use balls around the real"),
            (inside(real, fake, reach(fake, 2)), "to the second neighbour"),
            (0.0, "every ball has the radius 0"),
            (round(6 * recall), "That is a number of real points"),
        ],
        **further_slips(nll),
    )
    parts = {"precision": "4/5", "recall": f"{round(6 * recall)}/6", "verdict": "B", "bits": f"{bits:.6f} bits"}
    nats = {**right, "bits": f"{bits * log(2):.7f} nats"}
    return list(wrong), [right, parts, nats, list(right.values())]
