"""How good samples are: by the law's modes where these are known (chapter `minimax`), else as `evaluation` has it.

Everything of ``teachkit.evaluation`` is here too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.evaluation import (
    Extrapolation,
    Spread,
    bits_per_dim,
    density_coverage,
    fid,
    fid_extrapolated,
    frechet_distance,
    inception_score,
    kid,
    kid_blocks,
    median_bandwidth,
    mmd,
    neighbour_radii,
    polynomial,
    precision_recall,
    rbf,
)
from teachkit.likelihood import js

__all__ = [
    "Extrapolation",
    "Spread",
    "bits_per_dim",
    "density_coverage",
    "fid",
    "fid_extrapolated",
    "frechet_distance",
    "high_quality_share",
    "inception_score",
    "kid",
    "kid_blocks",
    "median_bandwidth",
    "mmd",
    "mode_js",
    "mode_shares",
    "modes_covered",
    "neighbour_radii",
    "polynomial",
    "precision_recall",
    "rbf",
]


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


def mode_shares(samples: ArrayLike, centres: ArrayLike, radius: float) -> np.ndarray:
    """Return the share of the samples at each of the k centres and, last, that of the samples at none, [k + 1].

    A sample is at its nearest centre if that is within ``radius``; arguments as ``modes_covered``.

    >>> mode_shares([[0.0], [0.1], [4.5], [7.0]], [[0.0], [4.0]], radius=1.0)
    array([0.5 , 0.25, 0.25])
    """
    mode, close = _nearest(samples, centres, radius)
    k = len(np.asarray(centres))
    return np.bincount(np.where(close, mode, k), minlength=k + 1) / len(mode)


def mode_js(samples: ArrayLike, centres: ArrayLike, radius: float, truth: ArrayLike) -> float:
    """Return the Jensen-Shannon divergence of ``mode_shares`` to the law's, in nats: between 0 and log 2.

    It sees modes that are missing, modes with too few samples, and samples between the modes; not the form of a mode.

    Args:
        samples: [n, d].
        centres: [k, d].
        radius: above 0.
        truth: the law's probability of being at each centre and, last, at none, [k + 1].

    Raises:
        ValueError: as ``modes_covered``, or if ``truth`` is not a probability vector of this length.

    >>> round(mode_js([[0.0], [0.1]], [[0.0], [4.0]], 1.0, [0.5, 0.5, 0.0]), 4)  # one of two modes
    0.2158
    """
    shares = mode_shares(samples, centres, radius)
    return js(shares, _check.probabilities("truth", truth, len(shares)))


def _nearest(samples: ArrayLike, centres: ArrayLike, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest centre of each sample, and whether it is within the radius."""
    x, radius = _check.points("samples", samples), _check.positive("radius", radius)
    centres = _check.points("centres", centres, x.shape[1])
    distances = np.stack([np.linalg.norm(x - c, axis=1) for c in centres], axis=1)
    return distances.argmin(axis=1), distances.min(axis=1) <= radius
