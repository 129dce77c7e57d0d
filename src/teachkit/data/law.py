"""What every law offers, what the smooth ones add, and a short cut that a law may offer to Newton's method."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike


class Law(Protocol):
    """A distribution on R^d that can be sampled and whose density is known."""

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n independent samples, [n, d]."""
        ...

    def log_prob(self, x: ArrayLike) -> np.ndarray:
        """Return log p at each row of x, [n], in nats."""
        ...


class SmoothLaw(Law, Protocol):
    """A law whose log-density has two derivatives everywhere; Newton's method asks for these."""

    def score(self, x: ArrayLike) -> np.ndarray:
        """Return the gradient of log p at each row of x, [n, d]."""
        ...

    def hessian(self, x: ArrayLike) -> np.ndarray:
        """Return the second derivatives of log p at each row of x, [n, d, d]."""
        ...


class FastLaw(SmoothLaw, Protocol):
    """A smooth law of the plane with a short cut: Newton's method needs derivatives along x2 alone, and sums.

    A law that has ``along_second`` is asked for nothing else; ``newton`` builds it for the others from their
    log-density, score and Hessian.
    """

    def along_second(
        self, x1: np.ndarray, x2: np.ndarray, out: np.ndarray | None = None
    ) -> tuple[float, np.ndarray, np.ndarray | float]:
        """Return the sum of log p, its first derivatives along x2, [n], and its second ones, [n] or one for all.

        Args:
            x1: first coordinates, [n]. Both hold only until the next call, and infinities where numbers overflowed.
            x2: second coordinates, [n].
            out: [n], where the first derivatives may be written to save memory. A law may ignore it.
        """
        ...
