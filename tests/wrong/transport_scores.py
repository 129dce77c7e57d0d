"""Answers to the item of sheet 3 on measuring samples."""

from math import sqrt

import numpy as np


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
