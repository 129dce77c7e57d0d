"""What every benchmark shares: peers that must agree, medians with their spread, rounds, the table and the record."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from teachkit.book.manifest import describe, write_result

Task = Callable[[], Any]
_LONG = 1.0  # seconds


def agree(answers: Sequence[Iterable[Any]], rtol: float = 1e-10, atol: float = 1e-12) -> None:
    """Raise unless every answer, a sequence of numbers or arrays, is the first one's."""
    for answer in answers[1:]:
        for ours, theirs in zip(answers[0], answer, strict=True):
            if not np.allclose(ours, theirs, rtol=rtol, atol=atol):
                raise RuntimeError(f"the peers disagree: {ours} and {theirs}")


def spread(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Return the median and half the distance between the quartiles, as a manifest holds them.

    >>> spread([1.0, 2.0, 3.0])
    {'median': 2.0, 'spread': 0.5, 'n': 3}
    """
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return {"median": float(middle), "spread": float(high - low) / 2, "n": len(values)}


def milliseconds(times: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the spread of each task's seconds, in milliseconds."""
    return {f"ms_{name}": spread(1e3 * values) for name, values in times.items()}


def rounds(tasks: Mapping[str, Task], count: int) -> dict[str, np.ndarray]:
    """Return seconds a call, [count], by task; a quick task runs first untimed, to find its memory as it left it.

    The tasks come in another order in each round, as what ran just before leaves its mark on the next.
    """
    times: dict[str, list[float]] = {name: [] for name in tasks}
    rng = random.Random(0)
    for _ in range(count):
        for name, task in rng.sample(list(tasks.items()), len(tasks)):
            taken = seconds(task)
            times[name].append(taken if taken > _LONG else seconds(task))
    return {name: np.array(values) for name, values in times.items()}


def seconds(task: Task) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def table(metrics: dict[str, Any]) -> str:
    """Return the metrics as lines of text.

    >>> print(table({"load": 0.5, "ratio": {"median": 30.0, "spread": 1.0, "n": 9}}))
    load   0.5
    ratio  30 +- 1
    """
    width = max(map(len, metrics))
    return "\n".join(f"{name:{width}}  {_shown(value)}" for name, value in metrics.items())


def report(config: Any, out: Path, parts: Iterable[Callable[[], dict[str, Any]]], **facts: Any) -> None:
    """Measure the parts, print a table, and write the record into ``out``, with ``facts`` beside the configuration."""
    start = time.perf_counter()
    metrics = {"load_average_before": round(os.getloadavg()[0], 2)}
    for part in parts:
        metrics |= part()
    print(table(metrics))
    record = {**asdict(config), **facts}
    write_result(out, describe(out.name, record, [0], metrics, round(time.perf_counter() - start, 1)))


def _shown(value: Any) -> str:
    return f"{value['median']:.4g} +- {value['spread']:.2g}" if isinstance(value, dict) else f"{value:.4g}"
