"""The exercise sheets: how long the checker takes to import with NumPy alone, and to check an answer.

Imports run in fresh processes that can't see any other package. An answer of a gallery is checked
several times, and its fastest time counts; over all answers the median and the slowest are recorded.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._report import report, seconds, spread
from teachkit.grading.catalogue import kinds, stems
from teachkit.grading.gallery import gallery
from teachkit.grading.kinds import Function, Kind, look

ROOT = Path(__file__).parents[1]
_IMPORT = """
import importlib.abc, sys, time

class NumpyAlone(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ("numpy", "teachkit"):
            raise ImportError(f"{name} is not to be imported")

sys.meta_path.insert(0, NumpyAlone())
start = time.perf_counter()
from teachkit.grading import Sheet
print(time.perf_counter() - start)
"""


@dataclass(frozen=True)
class Config:
    """What is measured.

    Attributes:
        imports: fresh processes.
        repeats: times that each answer is checked.
        student: whose values.
    """

    imports: int = 15
    repeats: int = 3
    student: str = "guest"


QUICK = Config(imports=2, repeats=1)


def measure(config: Config) -> dict[str, Any]:
    """Return the metrics."""
    imports = [_import_seconds() for _ in range(config.imports)]
    checks = {kind: [] for kind in ("function", "other")}
    for kind, answer, data in _answers(config.student):
        checks["function" if isinstance(kind, Function) else "other"].append(_seconds(kind, answer, data, config))
    names = {"function": "ms_check_of_a_function", "other": "ms_check"}
    return {
        "s_import": spread(imports),
        **{name: spread(1e3 * np.array(checks[kind])) for kind, name in names.items()},
        **{f"{name}_slowest": 1e3 * max(checks[kind]) for kind, name in names.items()},
        "answers": sum(map(len, checks.values())),
    }


def _import_seconds() -> float:
    done = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _answers(student: str) -> Iterator[tuple[Kind, Any, dict[str, Any]]]:
    for stem in stems():
        for item, kind in kinds(stem).items():
            wrong, right = gallery(ROOT, stem, item, student)
            data = kind.data(stem, item, student)
            yield from ((kind, answer, data) for answer in [*(x for x, _ in wrong), *right])


def _seconds(kind: Kind, answer: Any, data: dict[str, Any], config: Config) -> float:
    return min(seconds(partial(look, kind, answer, data)) for _ in range(config.repeats))


def main(config: Config, out: Path) -> None:
    """Measure, print a table, and write the record into ``out``."""
    report(config, out, [partial(measure, config)])
