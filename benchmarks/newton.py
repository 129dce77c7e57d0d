"""Newton's method: the derivatives against torch.func, memory, and the way to the optimum against other methods.

Each peer runs in a process of its own, and only one of them works at a time. Times are means over blocks of
calls; the peers take turns, block by block, for several rounds. A ratio is taken within each round; its
median over the rounds and its spread (half the distance between the quartiles) are recorded. Each peer gets
one thread and two, and is judged by its better time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._report import agree, report, spread

ROOT = Path(__file__).parents[1]
METHODS = ("newton", "gradient_ascent", "adam", "bfgs", "trust_exact")
THREADS = (1, 2)
_PAUSE = 0.05  # seconds; torch's threads spin for a while after their last work


@dataclass(frozen=True)
class Config:
    """What is measured.

    Attributes:
        n: samples in the batch.
        rounds: rounds of blocks.
        block: least seconds in a block.
        memory_n: batch sizes at which memory is measured.
    """

    n: int = 100_000
    rounds: int = 11
    block: float = 0.2
    memory_n: tuple[int, ...] = (250_000, 500_000, 1_000_000)


QUICK = Config(n=2000, rounds=2, block=0.01, memory_n=(1000, 10_000))


class Peer:
    """A process that times its tasks when asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, request: str) -> Any:
        """Return the answer to a request.

        Raises:
            RuntimeError: if the process has died; its error is on standard error.
        """
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the peer {self._process.args[3:]} has died")
        return json.loads(line)


@contextmanager
def started(name: str, config: Config, threads: int) -> Iterator[Peer]:
    """Start a peer with so many threads, and end it."""
    command, pipe = _command(name, config.n, config.block), subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=_environment(threads), stdin=pipe, stdout=pipe, text=True) as process:
        yield Peer(process)
        process.stdin.close()


def derivative_metrics(config: Config) -> dict[str, Any]:
    """Return the times of value, gradient and Hessian in milliseconds, and the ratios.

    Raises:
        RuntimeError: if the peers disagree on a number.
    """
    with ExitStack() as stack:
        peers = {
            (name, threads): stack.enter_context(started(name, config, threads))
            for name in ("teachkit", "torch")
            for threads in THREADS
        }
        agree([peer.ask("values all") for peer in peers.values()])
        tasks = [(*key, task) for key in peers for task in ("all", "hessian")]
        times = _take_turns({task: (peers[task[:2]], task[2]) for task in tasks}, config.rounds)
    return {
        "speedup_over_torch_func": _speedup(times, "all"),
        "speedup_over_torch_hessian_alone": _speedup(times, "hessian"),
        **{f"ms_{name}_{task}_threads_{threads}": spread(1e3 * t) for (name, threads, task), t in times.items()},
    }


def memory_metrics(config: Config) -> dict[str, float]:
    """Return the peak memory in MB of a run of Newton's method, each batch size in a fresh process.

    ``peak_memory_mb`` is the whole process, ``peak_arrays_mb`` the arrays alone, the batch among them.
    """
    out = {}
    for n in config.memory_n:
        done = subprocess.run(_command("memory", n, 0), cwd=ROOT, env=_environment(1), capture_output=True, check=True)
        peak = json.loads(done.stdout)
        out[f"peak_memory_mb_{_power(n)}"] = round(peak["resident"], 1)
        out[f"peak_arrays_mb_{_power(n)}"] = round(peak["arrays"], 1)
    return out


def method_metrics(config: Config) -> dict[str, Any]:
    """Return each method's iterations, time and last gradient norm, from theta = 0 on the banana.

    ``time_ratio`` is its time over that of Newton's method. Every method pays for the Hessian, wanted or not.
    """
    with started("methods", config, 1) as peer:
        ends = {name: peer.ask(f"values {name}") for name in METHODS}
        times = _take_turns({name: (peer, name) for name in METHODS}, config.rounds)
    out: dict[str, Any] = {}
    for name, (iterations, gradient_norm) in ends.items():
        out[f"iterations_{name}"] = iterations
        out[f"gradient_norm_{name}"] = gradient_norm
        out[f"ms_{name}"] = spread(1e3 * times[name])
        out[f"time_ratio_{name}"] = spread(times[name] / times["newton"])
    return out


def main(config: Config, out: Path) -> None:
    """Measure, print a table, and write the record into ``out``."""
    report(config, out, [partial(part, config) for part in (derivative_metrics, memory_metrics, method_metrics)])


def _command(name: str, n: int, block: float) -> list[str]:
    return [sys.executable, "-m", "benchmarks._worker", name, str(n), str(block)]


def _environment(threads: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads))}


def _take_turns(tasks: Mapping[Any, tuple[Peer, str]], rounds: int) -> dict[Any, np.ndarray]:
    """Return seconds a call, [rounds], by task; a pause lets the last one's threads fall asleep."""
    times: dict[Any, list[float]] = {key: [] for key in tasks}
    for _ in range(rounds):
        for key, (peer, task) in tasks.items():
            time.sleep(_PAUSE)
            times[key].append(peer.ask(task))
    return {key: np.array(values) for key, values in times.items()}


def _speedup(times: Mapping[tuple[str, int, str], np.ndarray], task: str) -> dict[str, float]:
    ours, theirs = (min((times[name, t, task] for t in THREADS), key=np.median) for name in ("teachkit", "torch"))
    return spread(theirs / ours)


def _power(n: int) -> str:
    """Return 1000000 as "1e6" and 250000 as "250e3".

    >>> _power(1_000_000), _power(250_000)
    ('1e6', '250e3')
    """
    return f"{n // 10**6}e6" if n % 10**6 == 0 else f"{n // 1000}e3"
