"""Answers to the items of sheet 5 on measuring samples."""

from math import log, log2, sqrt

import numpy as np


def changed(right, **wrong):
    """Yield the right answers with one step replaced, by step: pairs of a wrong answer and a piece of its message."""
    for step, pairs in wrong.items():
        yield from (({**right, step: answer}, piece) for answer, piece in pairs)


def cubed(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def by_means(inner=None, kernel=cubed, cross=lambda K: K.mean(), twice=2.0, end=lambda x: x):
    inner = inner or (lambda K: (K.sum() - np.trace(K)) / (len(K) * (len(K) - 1)))
    return lambda a, b: end(inner(kernel(a, a)) + inner(kernel(b, b)) - twice * cross(kernel(a, b)))


def by_loops(a, b):
    def k(p, q):
        return (float(p @ q) / len(p) + 1.0) ** 3

    aa = [k(p, q) for i, p in enumerate(a) for j, q in enumerate(a) if i != j]
    bb = [k(b[i], b[j]) for i in range(len(b)) for j in range(i)]
    return sum(aa) / len(aa) + sum(bb) / len(bb) - 2 * np.mean([[k(p, q) for q in b] for p in a])


def masked_mean(a, b):
    def inside(x):
        return cubed(x, x)[~np.eye(len(x), dtype=bool)].mean()

    return inside(a) + inside(b) - 2 * cubed(b, a).mean()


def triangle(K):
    return np.triu(K, 1).sum() * 2 / len(K) / (len(K) - 1)


def kernel_distance(data):
    wrong = [
        (by_means(lambda K: K.mean()), "the biased form"),
        (by_means(lambda K: K.sum() / len(K) / (len(K) - 1)), "are still in the sum"),
        (by_means(lambda K: (K.sum() - np.trace(K)) / len(K) ** 2), "Only n(n - 1) pairs"),
        (by_means(lambda K: triangle(K) / 2), "You count each pair of two samples once"),
        (by_means(kernel=lambda x, y: (x @ y.T + 1) ** 3), "is not divided by d"),
        (by_means(kernel=lambda x, y: (x @ y.T / sqrt(x.shape[1]) + 1) ** 3), "by the root of d"),
        (by_means(kernel=lambda x, y: (x @ y.T / x.shape[1]) ** 3), "The 1 in the kernel"),
        (by_means(kernel=lambda x, y: (x @ y.T / x.shape[1] + 1) ** 2), "the kernel has the power 3"),
        (by_means(kernel=lambda x, y: x @ y.T / x.shape[1] + 1), "only the means are compared"),
        (by_means(twice=1), "The mixed term counts twice"),
        (by_means(twice=-2), "The mixed term has a minus"),
        (by_means(end=lambda x: -x), "All signs are the wrong way"),
        (by_means(end=lambda x: max(x, 0.0)), "You cut off what is below 0"),
        (by_means(end=lambda x: np.sqrt(abs(x))), "You take a root"),
        (by_means(lambda K: K.sum(), cross=lambda K: K.sum()), "You add up kernels"),
        (lambda a, b: cubed(a, a) - cubed(a, b), "it raised ValueError"),
        (lambda a, b: by_means()(a, b[: len(a)]), "which is not right"),
    ]
    return wrong, [by_means(), by_loops, masked_mean, by_means(triangle)]


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
