"""Scores of samples by features: FID, KID and the Inception score against torchmetrics, and FID the way of pytorch-fid.

All peers run in this process, one after the other, round by round. A ratio is taken within each round; its median
over the rounds and its spread are recorded. Peers that disagree stop the benchmark.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks._report import Task, agree, milliseconds, report, rounds, spread
from teachkit.evaluation import fid, inception_score, kid, kid_blocks

_CLOSE = {"rtol": 1e-6, "atol": 0.0}


@dataclass(frozen=True)
class Config:
    """What is measured.

    Attributes:
        n: images in each set.
        d: features of an image.
        size: images of each set in a block of KID.
        count: blocks.
        classes: of the classifier, for the Inception score.
        rounds: rounds of all peers.
    """

    n: int = 10_000
    d: int = 2048
    size: int = 1000
    count: int = 10
    classes: int = 1000
    rounds: int = 5


QUICK = Config(n=120, d=8, size=50, count=3, classes=5, rounds=2)


class Given(nn.Module):
    """What torchmetrics takes for a network where the features are there already."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.num_features = d

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the features."""
        return features


def features(config: Config, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return features of two sets, [n, d] each: correlated, of falling variances, the second shifted and wider."""
    scales = np.arange(1, config.d + 1) ** -0.5
    mix = rng.standard_normal((config.d, config.d)) / np.sqrt(config.d)
    z, w = rng.standard_normal((2, config.n, config.d))
    return z * scales @ mix, (0.1 + 1.2 * w) * scales @ mix


def fid_metrics(config: Config, rng: np.random.Generator) -> dict[str, Any]:
    """Return FID, how far the peers' values are from it, and the times over the library's."""
    a, b = features(config, rng)
    tasks: dict[str, Task] = {
        "teachkit_fid": lambda: fid(a, b),
        "torchmetrics_fid": partial(torchmetrics_fid, a, b),
        "scipy_fid": partial(scipy_fid, a, b),
    }
    ours, *theirs = (task() for task in tasks.values())
    agree([[ours], *([value] for value in theirs)], **_CLOSE)
    times = rounds(tasks, config.rounds)
    fastest = min((times["torchmetrics_fid"], times["scipy_fid"]), key=np.median)
    return {
        "fid": ours,
        "fid_error_torchmetrics": abs(theirs[0] / ours - 1),
        "fid_error_scipy": abs(theirs[1] / ours - 1),
        "fid_speedup_over_fastest": spread(fastest / times["teachkit_fid"]),
        "fid_speedup_over_torchmetrics": spread(times["torchmetrics_fid"] / times["teachkit_fid"]),
        "fid_speedup_over_scipy": spread(times["scipy_fid"] / times["teachkit_fid"]),
        **milliseconds(times),
    }


def kid_metrics(config: Config, rng: np.random.Generator) -> dict[str, Any]:
    """Return the times of KID's blocks; the peers draw each block by themselves, so one of all rows is compared."""
    a, b = features(config, rng)
    some = a[: config.size], b[: config.size]
    agree([[kid(*some)], [torchmetrics_kid(*some, config.size, 1)]], **_CLOSE)
    tasks: dict[str, Task] = {
        "teachkit_kid": lambda: kid_blocks(a, b, config.size, config.count, rng),
        "torchmetrics_kid": partial(torchmetrics_kid, a, b, config.size, config.count),
    }
    return _against_torchmetrics("kid", tasks, config)


def score_metrics(config: Config, rng: np.random.Generator) -> dict[str, Any]:
    """Return the times of the Inception score from a classifier's outputs before softmax."""
    from scipy.special import softmax

    logits = 2 * rng.standard_normal((config.n, config.classes))
    tasks: dict[str, Task] = {
        "teachkit_score": lambda: inception_score(softmax(logits, axis=1)),
        "torchmetrics_score": partial(torchmetrics_score, logits),
    }
    agree([[task()] for task in tasks.values()], **_CLOSE)
    return _against_torchmetrics("score", tasks, config)


def torchmetrics_fid(a: np.ndarray, b: np.ndarray) -> float:
    """Return FID by torchmetrics."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(Given(a.shape[1]))
    metric.update(torch.from_numpy(a), real=True)
    metric.update(torch.from_numpy(b), real=False)
    return float(metric.compute())


def scipy_fid(a: np.ndarray, b: np.ndarray) -> float:
    """Return FID as pytorch-fid computes it, by the square root of a product of covariances."""
    from scipy.linalg import sqrtm

    (m1, S1), (m2, S2) = ((x.mean(axis=0), np.cov(x, rowvar=False)) for x in (a, b))
    return float((m1 - m2) @ (m1 - m2) + np.trace(S1) + np.trace(S2) - 2 * np.trace(sqrtm(S1 @ S2).real))


def torchmetrics_kid(a: np.ndarray, b: np.ndarray, size: int, count: int) -> float:
    """Return the mean of KID's blocks by torchmetrics."""
    from torchmetrics.image.kid import KernelInceptionDistance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it keeps the features
        metric = KernelInceptionDistance(Given(a.shape[1]), subsets=count, subset_size=size)
    metric.update(torch.from_numpy(a), real=True)
    metric.update(torch.from_numpy(b), real=False)
    return float(metric.compute()[0])


def torchmetrics_score(logits: np.ndarray) -> float:
    """Return the Inception score by torchmetrics."""
    from torchmetrics.image.inception import InceptionScore

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it keeps the features, and that one part has no deviation
        metric = InceptionScore(Given(logits.shape[1]), splits=1)
        metric.update(torch.from_numpy(logits))
        return float(metric.compute()[0])


def main(config: Config, out: Path) -> None:
    """Measure, print a table, and write the record into ``out``."""
    rng = np.random.default_rng(0)
    threads = {name: os.environ.get(name, "not set") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    peers = {name: version(name) for name in ("scipy", "torch", "torchmetrics")}
    parts = [partial(part, config, rng) for part in (fid_metrics, kid_metrics, score_metrics)]
    report(config, out, parts, **peers, **threads)


def _against_torchmetrics(name: str, tasks: dict[str, Task], config: Config) -> dict[str, Any]:
    times = rounds(tasks, config.rounds)
    ratio = spread(times[f"torchmetrics_{name}"] / times[f"teachkit_{name}"])
    return {f"{name}_speedup_over_torchmetrics": ratio, **milliseconds(times)}
