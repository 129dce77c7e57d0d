"""How good samples are, where the law's modes are known (chapters `minimax` and `wgan`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check


def modes_covered(samples: ArrayLike, centres: ArrayLike, radius: float, least: int = 1) -> int:
    """Return how many centres have at least ``least`` samples within ``radius`` for which they are the nearest centre.

    Args:
        samples: [n, d].
        centres: of the modes, [k, d].
        radius: above 0; for a normal mode, often 3 standard deviations.
        least: number of samples that makes a mode count.

    Raises:
        ValueError: if the shapes do not fit, or a number is not positive.

    >>> modes_covered([[0.0], [0.1], [5.0]], [[0.0], [4.0], [9.0]], radius=1.0)
    2
    """
    mode, close = _nearest(samples, centres, radius)
    counts = np.bincount(mode[close], minlength=1)
    return int((counts >= _check.count("least", least)).sum())


def high_quality_share(samples: ArrayLike, centres: ArrayLike, radius: float) -> float:
    """Return the share of the samples [n, d] within ``radius`` of a centre [k, d]; arguments as ``modes_covered``.

    >>> high_quality_share([[0.0], [0.1], [5.0], [7.0]], [[0.0], [4.0]], radius=1.0)
    0.75
    """
    return float(_nearest(samples, centres, radius)[1].mean())


def _nearest(samples: ArrayLike, centres: ArrayLike, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest centre of each sample, and whether it is within the radius."""
    x, radius = _check.points("samples", samples), _check.positive("radius", radius)
    centres = _check.points("centres", centres, x.shape[1])
    distances = np.stack([np.linalg.norm(x - c, axis=1) for c in centres], axis=1)
    return distances.argmin(axis=1), distances.min(axis=1) <= radius
