"""Transport: W_1 on the line, linear programme, Sinkhorn's iteration, sliced distance, against SciPy and POT.

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

from benchmarks._report import Task, agree, milliseconds, report, rounds, spread
from teachkit.transport import cost_matrix, dual, plan, random_directions, sinkhorn_path, sliced, w1_sorted

POT_METHODS = ("sinkhorn", "sinkhorn_stabilized", "sinkhorn_log")
SMALL_EPS = 1e-3
_CLOSE = {"rtol": 1e-6, "atol": 1e-9}


@dataclass(frozen=True)
class Config:
    """What is measured.

    Attributes:
        line: points in each sample on the line.
        cloud: points in each cloud for Sinkhorn's iteration.
        iterations: of it.
        eps: its smoothing.
        programme: points in each cloud for the linear programme.
        sliced: points in each cloud for the sliced distance.
        d: their dimension.
        directions: lines.
        rounds: rounds of all peers.
    """

    line: int = 1_000_000
    cloud: int = 1000
    iterations: int = 100
    eps: float = 0.1
    programme: int = 200
    sliced: int = 2000
    d: int = 16
    directions: int = 256
    rounds: int = 9


QUICK = Config(line=10_000, cloud=40, programme=20, sliced=50, directions=20, rounds=2)


def line_metrics(config: Config, rng: np.random.Generator) -> dict[str, Any]:
    """Return the times of W_1 on the line, and ratios to SciPy and to sorting both samples.

    Three cases: equal sizes, sizes that differ by one, and weights on both sides.
    """
    from scipy.stats import wasserstein_distance

    x, y = rng.standard_normal((2, config.line))
    a, b = rng.dirichlet(np.ones(config.line), 2)
    cases = {"w1": (x, y), "w1_sizes": (x, y[1:]), "w1_weights": (x, y, a, b)}
    tasks: dict[str, Task] = {"two_sorts": lambda: (np.sort(x), np.sort(y))}
    for name, arguments in cases.items():
        tasks[f"teachkit_{name}"] = partial(w1_sorted, *arguments)
        tasks[f"scipy_{name}"] = partial(wasserstein_distance, *arguments)
        agree([[tasks[f"{peer}_{name}"]()] for peer in ("teachkit", "scipy")], **_CLOSE)
    times = rounds(tasks, config.rounds)
    return {
        "w1_time_over_two_sorts": spread(times["teachkit_w1"] / times["two_sorts"]),
        **{f"{name}_speedup_over_scipy": spread(times[f"scipy_{name}"] / times[f"teachkit_{name}"]) for name in cases},
        **milliseconds(times),
    }


def programme_metrics(config: Config, rng: np.random.Generator) -> dict[str, Any]:
    """Return the largest duality gap of the linear programme, as a share of its value, and its times."""
    x, y = rng.random((2, config.programme, 2))
    cost, a, b = cost_matrix(x, y), *rng.dirichlet(np.ones(config.programme), 2)
    even = np.full(config.programme, 1 / config.programme)
    gaps = []
    for masses in ((even, even), (a, b)):
        (_, value), (*_, bound) = plan(*masses, cost), dual(*masses, cost)
        gaps.append(abs(value - bound) / value)
    times = rounds({"plan": lambda: plan(a, b, cost), "dual": lambda: dual(a, b, cost)}, config.rounds)
    return {"duality_gap": max(gaps), **milliseconds(times)}


def sinkhorn_metrics(config: Config, rng: np.random.Generator) -> dict[str, Any]:
    """Return the times of Sinkhorn's iteration, which of POT's variants are stable, and the ratio to the fastest.

    Stable means that after as many iterations at eps = 1e-3, for two clouds apart, the plan is that of the same
    iteration in logarithms. POT's greenkhorn and sinkhorn_epsilon_scaling do not run so many plain iterations, so they
    are not compared.
    """
    x, y = rng.random((2, config.cloud, 2))
    cost, far = cost_matrix(x, y, 2), cost_matrix(x, y + 1, 2)
    even = np.full(config.cloud, 1 / config.cloud)
    tasks: dict[str, Task] = {"teachkit_sinkhorn": partial(_ours, even, cost, config.eps, config.iterations)}
    tasks |= {f"pot_{m}": partial(_pot, m, even, cost, config.eps, config.iterations) for m in POT_METHODS}
    agree([[task()] for task in tasks.values()], **_CLOSE)
    small = {m: _pot(m, even, far, SMALL_EPS, config.iterations) for m in POT_METHODS}
    in_logs = small["sinkhorn_log"]
    stable = [m for m in POT_METHODS if np.allclose(small[m], in_logs, rtol=1e-6, atol=1e-12)]
    agree([[in_logs], [_ours(even, far.T, SMALL_EPS, config.iterations).T]], **_CLOSE)  # POT begins with the columns
    times = rounds(tasks, config.rounds)
    fastest = {
        which: min((times[f"pot_{m}"] for m in names), key=np.median)
        for which, names in (("stable", stable), ("any", POT_METHODS))
    }
    return {
        **{f"sinkhorn_time_over_{which}_pot": spread(times["teachkit_sinkhorn"] / t) for which, t in fastest.items()},
        **{f"stable_pot_{m}": int(m in stable) for m in POT_METHODS},
        **milliseconds(times),
    }


def sliced_metrics(config: Config, rng: np.random.Generator) -> dict[str, Any]:
    """Return the times of the sliced distance with p = 2, and the ratio to POT."""
    import ot

    x, y = rng.standard_normal((2, config.sliced, config.d))
    v = random_directions(config.directions, config.d, rng)
    tasks = {
        "teachkit_sliced": lambda: sliced(x, y, 2, v),
        "pot_sliced": lambda: ot.sliced_wasserstein_distance(x, y, projections=v.T, p=2),
    }
    agree([[task()] for task in tasks.values()], **_CLOSE)
    times = rounds(tasks, config.rounds)
    return {"sliced_speedup_over_pot": spread(times["pot_sliced"] / times["teachkit_sliced"]), **milliseconds(times)}


def main(config: Config, out: Path) -> None:
    """Measure, print a table, and write the record into ``out``."""
    os.environ["POT_BACKEND_DISABLE_PYTORCH"] = "1"  # or importing it imports torch
    rng, parts = np.random.default_rng(0), (line_metrics, programme_metrics, sinkhorn_metrics, sliced_metrics)
    threads = {name: os.environ.get(name, "not set") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    report(config, out, [partial(part, config, rng) for part in parts], pot=version("POT"), **threads)


def _ours(even: np.ndarray, cost: np.ndarray, eps: float, iterations: int) -> np.ndarray:
    return next(sinkhorn_path(even, even, cost, eps, every=iterations)).plan


def _pot(method: str, even: np.ndarray, cost: np.ndarray, eps: float, iterations: int) -> np.ndarray:
    import ot

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # it warns that so few iterations have not converged
        return ot.sinkhorn(even, even, cost, eps, method=method, numItermax=iterations, stopThr=0)
