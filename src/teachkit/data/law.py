"""What every law offers."""

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
