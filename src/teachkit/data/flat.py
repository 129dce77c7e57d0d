"""Laws that are constant on their support: no score, since log p jumps to -inf at the border."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check


class Uniform:
    """The uniform law on the box with corners low and high, [d] each; the border belongs to it.

    Raises:
        ValueError: if the corners differ in length or low is not below high.

    >>> Uniform([0.0, 0.0], [2.0, 2.0]).log_prob([[1.0, 1.0], [3.0, 1.0]]).round(4)
    array([-1.3863,    -inf])
    """

    def __init__(self, low: ArrayLike, high: ArrayLike) -> None:
        self.low = _check.vector("low", low)
        self.d = self.low.size
        self.high = _check.vector("high", high, sizes=(self.d,))
        if not (self.low < self.high).all():
            raise ValueError("high: expected every entry above that of low")

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n independent samples, [n, d]."""
        return rng.uniform(self.low, self.high, (_check.count("n", n), self.d))

    def log_prob(self, x: ArrayLike) -> np.ndarray:
        """Return -log(volume) inside the box and -inf outside, [n], in nats."""
        x = _check.points("x", x, self.d)
        inside = ((self.low <= x) & (x <= self.high)).all(axis=1)
        return np.where(inside, -np.log(self.high - self.low).sum(), -np.inf)


class Checkerboard:
    """The uniform law on the eight dark unit squares of the 4 x 4 board over [-2, 2]^2.

    A square is dark when the sum of the whole numbers below its coordinates is even.

    >>> checkerboard().log_prob([[0.5, 0.5], [0.5, 1.5]]).round(4)
    array([-2.0794,    -inf])
    """

    d = 2

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n independent samples, [n, 2]."""
        n = _check.count("n", n)
        column = rng.integers(-2, 2, n)
        row = 2 * rng.integers(-1, 1, n) + column % 2
        return np.stack([column, row], 1) + rng.random((n, 2))

    def log_prob(self, x: ArrayLike) -> np.ndarray:
        """Return log 1/8 on dark squares and -inf elsewhere, [n], in nats."""
        x = _check.points("x", x, 2)
        dark = (np.floor(x).sum(axis=1) % 2 == 0) & (np.abs(x) <= 2).all(axis=1)
        return np.where(dark, -np.log(8.0), -np.inf)


def checkerboard() -> Checkerboard:
    """Return the checkerboard.

    >>> checkerboard().sample(2, np.random.default_rng(0)).shape
    (2, 2)
    """
    return Checkerboard()
