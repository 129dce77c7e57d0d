"""How good samples are: by the law's modes where these are known (chapter `minimax`), else by features (`dcgan`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.likelihood import js
from teachkit.transport import gaussian_w2


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


def frechet_distance(m1: ArrayLike, S1: ArrayLike, m2: ArrayLike, S2: ArrayLike) -> float:
    """Return |m1 - m2|^2 + tr(S1 + S2 - 2 (S1^1/2 S2 S1^1/2)^1/2), the square of W_2 between two normal laws.

    Statement `gaussian-w2`. Means [k] and covariances [k, k], which may be singular.

    Raises:
        ValueError: as ``transport.gaussian_w2``, or if the square overflows.

    >>> frechet_distance([0.0], [[1.0]], [3.0], [[25.0]])  # 3^2 + (5 - 1)^2
    25.0
    """
    distance = gaussian_w2(m1, S1, m2, S2)
    if distance > np.sqrt(np.finfo(float).max):
        raise ValueError(f"m1, m2: expected laws whose squared distance does not overflow, got {distance:.3g}")
    return distance**2


def fid(a: ArrayLike, b: ArrayLike) -> float:
    """Return the Frechet distance between normal laws with the means and covariances of features [n, k] and [m, k].

    It is the squared distance. Means and covariances of finitely many samples err, and this adds about a constant
    over n to it, so values compare only at equal n and m.

    Args:
        a: features of one set of samples, one row for each, at least 2.
        b: of the other.

    Raises:
        ValueError: if the shapes do not fit, a set has fewer than 2 rows, or a number is not finite.

    >>> fid([[0.0], [2.0]], [[3.0], [5.0]])  # equal covariances, means 3 apart
    9.0
    """
    a = _check.points("a", a)
    return frechet_distance(*_moments("a", a), *_moments("b", _check.points("b", b, a.shape[1])))


def _moments(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the unbiased covariance of the rows."""
    if len(x) < 2:
        raise ValueError(f"{name}: expected at least 2 rows, got {len(x)}")
    with np.errstate(over="ignore", invalid="ignore"):
        mean = x.mean(axis=0)
        S = (x - mean).T @ (x - mean) / (len(x) - 1)
    if not np.isfinite(S).all():
        raise ValueError(f"{name}: expected features whose covariance does not overflow")
    return mean, (S + S.T) / 2


def _nearest(samples: ArrayLike, centres: ArrayLike, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest centre of each sample, and whether it is within the radius."""
    x, radius = _check.points("samples", samples), _check.positive("radius", radius)
    centres = _check.points("centres", centres, x.shape[1])
    distances = np.stack([np.linalg.norm(x - c, axis=1) for c in centres], axis=1)
    return distances.argmin(axis=1), distances.min(axis=1) <= radius
