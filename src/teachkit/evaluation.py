"""How good samples are (chapter `evaluation`): Inception score, FID, kernel distances, precision and recall, bits.

The Frechet distance is in ``evaluation_frechet``, kernels in ``evaluation_kernel``, nearest neighbours in
``evaluation_neighbours``; their names are here too, and all of them in ``metrics``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.evaluation_frechet import Extrapolation, fid, fid_extrapolated, frechet_distance
from teachkit.evaluation_kernel import Spread, kid, kid_blocks, median_bandwidth, mmd, polynomial, rbf
from teachkit.evaluation_neighbours import density_coverage, neighbour_radii, precision_recall

__all__ = [
    "Extrapolation",
    "Spread",
    "bits_per_dim",
    "density_coverage",
    "fid",
    "fid_extrapolated",
    "frechet_distance",
    "inception_score",
    "kid",
    "kid_blocks",
    "median_bandwidth",
    "mmd",
    "neighbour_radii",
    "polynomial",
    "precision_recall",
    "rbf",
]
_SUM = 1e-6  # how far a row's sum may be from 1: classifiers compute in float32


def inception_score(probs: ArrayLike, splits: int = 1) -> float:
    """Return exp(mean over the images of KL(p(y | x) || p(y))), statement `inception-score`: from 1 to k.

    p(y) is the mean of the rows. With several splits, the mean of the scores of equal consecutive parts; each part
    scores its images against its own p(y), and fewer images score lower on the mean.

    Args:
        probs: the classifier's probabilities [n, k], a row for each image, with sum 1 up to 1e-6.
        splits: how many parts, from 1 to n.

    Raises:
        ValueError: if the rows are not probability vectors, or there are more splits than rows.

    >>> inception_score([[1.0, 0.0], [0.0, 1.0]])  # sure of every image, and every class there
    2.0
    >>> inception_score([[0.5, 0.5], [0.5, 0.5]])
    1.0
    """
    p = _check.points("probs", probs)
    if p.min() < 0 or (np.abs(p.sum(axis=1) - 1) > _SUM).any():
        worst = np.abs(p.sum(axis=1) - 1).argmax()
        raise ValueError(
            f"probs: expected rows of non-negative numbers with sum 1, got least {p.min():.3g}, "
            f"and sum {p[worst].sum():.6g} in row {worst}"
        )
    if _check.count("splits", splits) > len(p):
        raise ValueError(f"splits: expected at most the number of rows, {len(p)}, got {splits}")
    return float(np.mean([_score(part) for part in np.array_split(p, int(splits))]))


def bits_per_dim(nll_nats: float, d: int, levels: float = 256) -> float:
    """Return a negative log-likelihood of one image in bits for each of its d numbers, statement `bits-per-dim`.

    nll / (d log 2) + log2(levels), where the density is that of values whose neighbours are 1/levels apart: 256 for
    bytes that were divided by 256 (after noise from [0, 1) was added to them), 127.5 for b / 127.5 - 1, and 1 for
    the bytes themselves, by their density or their probability.

    Args:
        nll_nats: -log p(x), of one image or the mean of many; may be negative for a density.
        d: numbers in an image, such as 28 * 28.
        levels: steps of the data in a unit, above 0.

    Raises:
        ValueError: if a number is not finite, or d or levels is not above 0.

    >>> bits_per_dim(0.0, d=784)  # the uniform density on [0, 1]^784 spends all 8 bits
    8.0
    """
    nats = _check.number("nll_nats", nll_nats)
    return float(nats / (_check.count("d", d) * np.log(2)) + np.log2(_check.positive("levels", levels)))


def _score(p: np.ndarray) -> float:
    """Return the Inception score of probabilities."""
    ratio = np.divide(p, p.mean(axis=0), out=np.ones_like(p), where=p > 0)
    gain = np.log(ratio, out=ratio)  # in its place: fresh memory costs a quarter of the time
    return float(np.exp(np.einsum("ij,ij->i", p, gain).mean()))
