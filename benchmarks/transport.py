"""Transport: W_1 on the line, Sinkhorn's iteration and the sliced distance, against SciPy and POT.

All peers run in this process, one after the other, round by round. A ratio is taken within each round; its median
over the rounds and its spread are recorded. Peers that disagree stop the benchmark.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.newton import _spread, table
from teachkit.book.manifest import describe, write_result
from teachkit.transport import cost_matrix, random_directions, sinkhorn_path, sliced, w1_sorted

POT_METHODS = ("sinkhorn", "sinkhorn_stabilized", "sinkhorn_log")
SMALL_EPS = 1e-3
_LONG = 1.0  # seconds
Task = Callable[[], Any]


@dataclass(frozen=True)
class Config:
    """What is measured.

    Attributes:
        line: points in each sample on the line.
        cloud: points in each cloud for Sinkhorn's iteration.
        iterations: of it.
        eps: its smoothing.
        sliced: points in each cloud for the sliced distance.
        d: their dimension.
        directions: lines.
        rounds: rounds of all peers.
    """

    line: int = 1_000_000
    cloud: int = 1000
    iterations: int = 100
    eps: float = 0.1
    sliced: int = 2000
    d: int = 16
    directions: int = 256
    rounds: int = 5


QUICK = Config(line=10_000, cloud=40, sliced=50, directions=20, rounds=2)


def line_metrics(config: Config, rng: np.random.Generator) -> dict[str, Any]:
    """Return the times of W_1 on the line, and ratios to SciPy and to sorting both samples."""
    from scipy.stats import wasserstein_distance

    x, y = rng.standard_normal((2, config.line))
    tasks = {
        "teachkit_w1": lambda: w1_sorted(x, y),
        "two_sorts": lambda: (np.sort(x), np.sort(y)),
        "scipy_w1": lambda: wasserstein_distance(x, y),
    }
    _agree([tasks["teachkit_w1"](), tasks["scipy_w1"]()])
    times = _rounds(tasks, config.rounds)
    return {
        "w1_time_over_two_sorts": _spread(times["teachkit_w1"] / times["two_sorts"]),
        "w1_speedup_over_scipy": _spread(times["scipy_w1"] / times["teachkit_w1"]),
        **_milliseconds(times),
    }


def sinkhorn_metrics(config: Config, rng: np.random.Generator) -> dict[str, Any]:
    """Return the times of Sinkhorn's iteration, which of POT's variants are stable, and the ratio to the fastest.

    Stable means that after as many iterations at eps = 1e-3 the plan still has all the mass, for two clouds apart.
    """
    x, y = rng.random((2, config.cloud, 2))
    cost, far = cost_matrix(x, y, 2), cost_matrix(x, y + 1, 2)
    even = np.full(config.cloud, 1 / config.cloud)
    tasks: dict[str, Task] = {"teachkit_sinkhorn": partial(_ours, even, cost, config.eps, config.iterations)}
    tasks |= {f"pot_{m}": partial(_pot, m, even, cost, config.eps, config.iterations) for m in POT_METHODS}
    _agree([task() for task in tasks.values()])
    small = {m: partial(_pot, m, even, far, SMALL_EPS, config.iterations) for m in POT_METHODS}
    stable = [m for m in POT_METHODS if _keeps_its_mass(small[m])]
    if not _keeps_its_mass(partial(_ours, even, far, SMALL_EPS, config.iterations)):
        raise RuntimeError("sinkhorn has lost mass")
    times = _rounds(tasks, config.rounds)
    fastest = {
        which: min((times[f"pot_{m}"] for m in names), key=np.median)
        for which, names in (("stable", stable), ("any", POT_METHODS))
    }
    return {
        **{f"sinkhorn_time_over_{which}_pot": _spread(times["teachkit_sinkhorn"] / t) for which, t in fastest.items()},
        **{f"stable_pot_{m}": int(m in stable) for m in POT_METHODS},
        **_milliseconds(times),
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
    _agree([task() for task in tasks.values()])
    times = _rounds(tasks, config.rounds)
    return {"sliced_speedup_over_pot": _spread(times["pot_sliced"] / times["teachkit_sliced"]), **_milliseconds(times)}


def main(config: Config, out: Path) -> None:
    """Measure, print a table, and write the record into ``out``."""
    os.environ["POT_BACKEND_DISABLE_PYTORCH"] = "1"  # or importing it imports torch
    start, rng = time.perf_counter(), np.random.default_rng(0)
    metrics = {"load_average_before": round(os.getloadavg()[0], 2)}
    for part in (line_metrics, sinkhorn_metrics, sliced_metrics):
        metrics |= part(config, rng)
    print(table(metrics))
    record = {**asdict(config), "pot": _pot_version()}
    write_result(out, describe(out.name, record, [0], metrics, round(time.perf_counter() - start, 1)))


def _ours(even: np.ndarray, cost: np.ndarray, eps: float, iterations: int) -> np.ndarray:
    return next(sinkhorn_path(even, even, cost, eps, every=iterations)).plan


def _pot(method: str, even: np.ndarray, cost: np.ndarray, eps: float, iterations: int) -> np.ndarray:
    import ot

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # it warns that so few iterations have not converged
        return ot.sinkhorn(even, even, cost, eps, method=method, numItermax=iterations, stopThr=0)


def _pot_version() -> str:
    from importlib.metadata import version

    return version("POT")


def _keeps_its_mass(task: Task) -> bool:
    return bool(abs(task().sum() - 1) < 1e-6)  # false for NaN


def _agree(values: list[Any]) -> None:
    for value in values[1:]:
        if not np.allclose(values[0], value, rtol=1e-6, atol=1e-9):
            raise RuntimeError(f"the peers disagree: {values[0]} and {value}")


def _rounds(tasks: Mapping[str, Task], rounds: int) -> dict[str, np.ndarray]:
    """Return seconds a call, [rounds], by task; a quick task runs first untimed, to find its memory as it left it."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            seconds = _seconds(task)
            times[name].append(seconds if seconds > _LONG else _seconds(task))
    return {name: np.array(values) for name, values in times.items()}


def _seconds(task: Task) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def _milliseconds(times: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {f"ms_{name}": _spread(1e3 * values) for name, values in times.items()}
