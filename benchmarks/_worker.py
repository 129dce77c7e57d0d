"""One peer in a process of its own, which waits in silence until it is asked: the other side of ``benchmarks.newton``.

Every line on standard input is a request, the name of a task; every line on standard output is its answer in JSON.
A request "values TASK" gives the task's result instead of its time. The environment sets the number of threads.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from teachkit.data import banana
from teachkit.newton import Iterate, derivatives, hessian, newton
from teachkit.newton_compare import adam, gradient_ascent, scipy_minimize

THETA = (0.1, 0.2, 0.1, -0.1)
START = (0.0, 0.0, 0.0, 0.0)
Task = Callable[[], Any]


def batch(n: int) -> np.ndarray:
    """Return the batch that every peer gets, [n, 2]."""
    return np.random.default_rng(0).standard_normal((n, 2))


def teachkit_tasks(n: int) -> dict[str, Task]:
    """Return value, gradient and Hessian, and the Hessian alone, from the library."""
    z, law = batch(n), banana()
    return {"all": lambda: derivatives(THETA, z, law), "hessian": lambda: hessian(THETA, z, law)}


def torch_tasks(n: int) -> dict[str, Task]:
    """Return the same from torch.func, of the objective as one would write it down."""
    import torch

    z = torch.from_numpy(batch(n))
    theta = torch.tensor(THETA, dtype=torch.float64)

    def log_prob(x: torch.Tensor) -> torch.Tensor:
        y2 = x[:, 1] + 0.1 * x[:, 0] ** 2
        return -0.5 * (x[:, 0] ** 2 + y2**2) - np.log(2 * np.pi)

    def objective(theta: torch.Tensor) -> torch.Tensor:
        a, b, c, d = theta
        s = a * z[:, 0] + b
        x = torch.stack([z[:, 0], z[:, 1] * torch.exp(s) + c * z[:, 0] + d], dim=1)
        return (log_prob(x) + s).mean()

    gradient, hessian = torch.func.grad(objective), torch.func.hessian(objective)
    return {
        "all": lambda: (objective(theta), gradient(theta), hessian(theta)),
        "hessian": lambda: hessian(theta),
    }


def method_tasks(n: int) -> dict[str, Task]:
    """Return Newton's method and its rivals, each run to its end and giving its last iterate and their number."""
    arguments = (START, batch(n), banana())
    methods = {
        "newton": partial(newton, *arguments),
        "gradient_ascent": partial(gradient_ascent, *arguments),
        "adam": partial(adam, *arguments),
        "bfgs": partial(scipy_minimize, *arguments, "bfgs"),
        "trust_exact": partial(scipy_minimize, *arguments, "trust-exact"),
    }
    return {name: partial(_last, method) for name, method in methods.items()}


def memory(n: int) -> dict[str, float]:
    """Return the peak memory of a whole run of Newton's method in MB: of this process, and of NumPy's arrays."""
    z = batch(n)
    deque(newton(START, z, banana()), maxlen=1)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tracemalloc.start()
    deque(newton(START, z, banana()), maxlen=1)
    traced = tracemalloc.get_traced_memory()[1]
    return {"resident": resident, "arrays": (z.nbytes + traced) / 2**20}


def seconds(task: Task, at_least: float) -> float:
    """Return the mean time of a call, over a block of calls that takes at least so long."""
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < at_least or not calls:
        task()
        calls += 1
    return elapsed / calls


def _last(method: Callable[[], Iterable[Iterate]]) -> tuple[int, float]:
    path = list(method())
    return len(path) - 1, path[-1].gradient_norm


def serve(tasks: dict[str, Task], block: float) -> None:
    """Answer requests until the input ends; each task runs once before the first, to be warm."""
    values = {name: _plain(task()) for name, task in tasks.items()}
    for line in sys.stdin:
        kind, _, name = line.strip().rpartition(" ")
        answer = values[name] if kind == "values" else seconds(tasks[name], block)
        print(json.dumps(answer), flush=True)


def _plain(result: Any) -> list[Any]:
    parts = result if isinstance(result, tuple) else (result,)
    return [np.asarray(part).tolist() for part in parts]


if __name__ == "__main__":
    peer, n, block = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    if peer == "memory":
        print(json.dumps(memory(n)))
    else:
        serve({"teachkit": teachkit_tasks, "torch": torch_tasks, "methods": method_tasks}[peer](n), block)
