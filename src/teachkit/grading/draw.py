"""Values drawn for one student, the same on every platform and with every version of NumPy.

NumPy promises no stream of numbers across its versions. Python does for one method,
``random.Random.random``, and everything here is made of it, of integers and of rounded decimals.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np


class Draw:
    """A stream of values that the words given to it decide.

    >>> Draw("newton", "step", "ada").integer(1, 6) == Draw("newton", "step", "ada").integer(1, 6)
    True
    """

    def __init__(self, *words: str) -> None:
        seed = hashlib.sha256("\0".join(words).encode()).digest()
        self._random = random.Random(int.from_bytes(seed, "big")).random

    def integer(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``, both included."""
        return low + int(self._random() * (high - low + 1))

    def choice(self, options: Sequence[Any]) -> Any:
        """Return one of the options."""
        return options[self.integer(0, len(options) - 1)]

    def decimal(self, low: float, high: float, digits: int = 1) -> float:
        """Return a number from ``low`` to ``high`` with so many digits after the point."""
        scale = 10**digits
        return self.integer(round(low * scale), round(high * scale)) / scale

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> np.ndarray:
        """Return an array of numbers between ``low`` and ``high``, rounded to 6 digits after the point."""
        size = int(np.prod(shape))
        return np.array([round(low + (high - low) * self._random(), 6) for _ in range(size)]).reshape(shape)

    def normal(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return standard normal numbers, rounded to 6 digits after the point.

        >>> Draw("a").normal((2, 3)).shape
        (2, 3)
        """
        # random() may return 0, where the quantile is -infinity.
        quantile = NormalDist().inv_cdf
        size = int(np.prod(shape))
        return np.array([round(quantile(max(self._random(), 2.0**-53)), 6) for _ in range(size)]).reshape(shape)
