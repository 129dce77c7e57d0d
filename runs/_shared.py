"""What every run shares: trainings side by side, their numbers over seeds, their files, the command line."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from teachkit._files import write_whole
from teachkit.book.manifest import describe, write_result

ROOT = Path(__file__).parents[1]
SCRATCH = "training"  # the folder in a run's own of what it needs to go on
_FACTS = "all but the arrays"


class Outcome(NamedTuple):
    """What one training gave: its numbers, its arrays by name, and the peak memory of its process in MB."""

    name: str
    seed: int
    numbers: dict[str, float]
    arrays: dict[str, np.ndarray]
    peak_memory_mb: float


def side_by_side(
    train: Callable[..., Outcome], jobs: Iterable[tuple], workers: int, kept: Path | None = None
) -> Iterator[Outcome]:
    """Yield ``train(*job)`` of each job in its order; each is printed when it is there.

    With a folder ``kept`` every outcome is written there, and read in the next call instead of trained again: a run
    that was cut off goes on with the training that it was at. A job is known by what ``repr`` says of it. Under
    ``torchrun`` the processes go through the jobs together, one job at a time.
    """
    if "LOCAL_RANK" in os.environ:
        yield from (train(*job) for job in jobs)
        return
    files = [(job, kept and kept / f"{hashlib.sha256(repr(job).encode()).hexdigest()[:20]}.npz") for job in jobs]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for future in [pool.submit(_trained, train, job, file) for job, file in files]:
            outcome = future.result()
            shown = {key: round(value, 4) for key, value in outcome.numbers.items()}
            print(outcome.name, outcome.seed, shown, flush=True)
            yield outcome


def _trained(train: Callable[..., Outcome], job: tuple, file: Path | None) -> Outcome:
    """Return the outcome in ``file``, or that of the training, which is then written there."""
    if file is not None and file.exists():
        with np.load(file) as arrays:
            facts = json.loads(str(arrays[_FACTS]))
            return Outcome(**facts, arrays={key: arrays[key] for key in arrays.files if key != _FACTS})
    outcome = train(*job)
    if file is not None:
        facts = {key: value for key, value in outcome._asdict().items() if key != "arrays"}
        file.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(file) as out:
            np.savez(out, **{_FACTS: np.array(json.dumps(facts))}, **outcome.arrays)
    return outcome


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return mean, standard deviation and count of numbers over seeds, as a manifest holds them."""
    return {"mean": float(np.mean(values)), "spread": float(np.std(values, ddof=1)), "n": len(values)}


def summary(outcomes: Iterable[Outcome]) -> dict[str, dict[str, dict[str, float]]]:
    """Return mean and spread over the seeds, by name and quantity."""
    rows: dict[str, list[dict[str, float]]] = {}
    for outcome in outcomes:
        rows.setdefault(outcome.name, []).append(outcome.numbers)
    return {name: {key: spread([row[key] for row in each]) for key in each[0]} for name, each in rows.items()}


def stacked(outcomes: Sequence[Outcome], key: str) -> dict[str, np.ndarray]:
    """Return the arrays called ``key`` by name, [seeds, ...]."""
    names = dict.fromkeys(outcome.name for outcome in outcomes)
    return {name: np.stack([o.arrays[key] for o in outcomes if o.name == name]) for name in names}


def write_record(
    out: Path,
    config: Any,
    seeds: Sequence[int],
    metrics: Mapping[str, Any],
    outcomes: Sequence[Outcome],
    started: float,
    device: str = "cpu",
) -> Path:
    """Write the manifest of a run that started at ``time.perf_counter() == started``; its name is the folder's.

    Its seconds are those of all trainings together, whether side by side or cut off in between; where the trainings
    have none, those since the start. What the run needed to go on is removed.
    """
    seconds = round(sum(o.numbers.get("seconds", 0) for o in outcomes) or time.perf_counter() - started, 1)
    memory = max(o.peak_memory_mb for o in outcomes)
    name = out.resolve().name
    manifest = describe(name, asdict(config), list(seeds), metrics, seconds, device, peak_memory_mb=memory)
    write_result(out, manifest)  # a record that is refused takes no training along
    shutil.rmtree(out / SCRATCH, ignore_errors=True)
    return write_result(out, manifest)


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray], dtype: type | None = np.float32) -> None:
    """Write arrays as float32 or another type into one compressed file; with None each keeps its own."""
    with write_whole(path) as file:
        np.savez_compressed(file, **{name: x.astype(dtype or x.dtype) for name, x in arrays.items()})


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of the ranks; 0 where there is nothing to rank."""
    ranks = [np.argsort(np.argsort(x)) for x in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1]) if len(a) > 2 else 0.0


def clock_of(device: str) -> Callable[[], float]:
    """Return the process's own clock on the CPU, else the one on the wall: a device's work is no process's time."""
    return time.process_time if device == "cpu" else time.perf_counter


def peak_memory_mb() -> float:
    """Return the largest memory that this process has held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def command(
    name: str,
    main: Callable[[Any, Path, int], Path],
    config: Any,
    quick: Any,
    profiles: Mapping[str, Any] | None = None,
    data: str | None = None,
) -> None:
    """Run ``main`` as the command line asks; ``config`` is the profile "cpu", beside others for other machines.

    Where ``data`` says what a file of data is, ``--data FILE`` names one, and ``main`` gets it as ``file``.
    """
    known = {"cpu": config, **(profiles or {})}
    parser = argparse.ArgumentParser(prog=f"python -m runs.{name}", description=f"Record the run {name}.")
    parser.add_argument("--quick", action="store_true", help="a smoke run of a few seconds")
    parser.add_argument("--profile", choices=known, default="cpu", help="the machine that it is made for")
    parser.add_argument("--out", type=Path, help=f"where the record goes; else results/{name}, or _build/quick/{name}")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time")
    if data:
        parser.add_argument("--data", type=Path, metavar="FILE", help=data)
    options = parser.parse_args()
    more = {"file": options.data} if data else {}
    out = options.out or record_root(options.quick) / name
    main(quick if options.quick else known[options.profile], out, options.workers, **more)


def record_root(quick: bool) -> Path:
    """Return the folder of the records; that of smoke runs is apart, so that none takes the place of a record."""
    return ROOT / "_build" / "quick" if quick else ROOT / "results"
