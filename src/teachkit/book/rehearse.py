"""Run notebooks in this Python, as a reader would: ``python -m teachkit.book.rehearse FOLDER``.

Needs nbclient and ipykernel, and nothing else of what builds the book, so that it also runs inside Colab's image.
Each notebook runs in a folder of its own, away from the repository.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teachkit._files import write_whole
from teachkit.book.execute import QUIET_KERNEL, tail

if TYPE_CHECKING:
    from nbclient import NotebookClient
    from nbformat import NotebookNode

FOLDER = "notebooks"
RECORD = f"{FOLDER}/colab.json"
"""Which notebook passed on Colab's image, and when."""

TIMEOUT = 300
"""Seconds that one cell may take."""

ENVIRONMENT = {
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Rehearsal:
    """What became of one notebook: its name, such as ``chapters/flows``, seconds, and the report of a failure."""

    name: str
    seconds: float
    failure: str = ""


def rehearse(folder: Path, processes: int = 2, timeout: int = TIMEOUT) -> Iterator[Rehearsal]:
    """Run every notebook below a folder.

    Args:
        folder: Where the notebooks lie.
        processes: How many run at the same time.
        timeout: Seconds that one cell may take.

    Yields:
        One result per notebook, as they end.
    """
    names = sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.ipynb"))
    with ProcessPoolExecutor(processes) as pool:
        running = [pool.submit(rehearse_one, folder, name, timeout) for name in names]
        for done in as_completed(running):
            yield done.result()


def rehearse_one(folder: Path, name: str, timeout: int = TIMEOUT) -> Rehearsal:
    """Read a notebook and run it in an empty folder."""
    import nbformat

    start = time.monotonic()
    failure = run(nbformat.read(folder / f"{name}.ipynb", as_version=4), name, timeout)
    return Rehearsal(name, time.monotonic() - start, failure)


def run(notebook: NotebookNode, name: str, timeout: int = TIMEOUT) -> str:
    """Run a notebook in an empty folder and return the report of its failure, empty if all cells passed.

    Args:
        notebook: It gets its outputs.
        name: What the report calls it.
        timeout: Seconds that one cell may take.
    """
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    started: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        # Nobody's profile takes part.
        env = {**os.environ, **ENVIRONMENT, "IPYTHONDIR": f"{folder}/.ipython"}
        try:
            client(notebook, timeout, folder, started).execute(env=env)
        except CellTimeoutError:
            return report(notebook, name, started, f"The cell ran for more than {timeout} s.")
        except CellExecutionError as error:
            return report(notebook, name, started, str(error))
        except DeadKernelError:
            return report(notebook, name, started, "The kernel died.")
    return hidden_failure(notebook, name)


def client(notebook: NotebookNode, timeout: int, folder: str, started: list[int]) -> NotebookClient:
    """Return what runs a notebook in a folder and notes the positions of the cells that it begins."""
    from nbclient import NotebookClient

    class Client(NotebookClient):
        def on_comm_open_jupyter_widget(self, msg: dict[str, Any]) -> None:
            """Let what a widget shows go to its cell.

            The client would keep it for itself, errors included. It would also send messages while it waits for one,
            and may then not wake up before the cell's time is over.
            """

    return Client(
        notebook,
        timeout=timeout,
        resources={"metadata": {"path": folder}},
        on_cell_execute=lambda cell, cell_index: started.append(cell_index),
        extra_arguments=QUIET_KERNEL,
    )


def hidden_failure(notebook: NotebookNode, name: str) -> str:
    """Return the report of an error that a cell showed without failing, as a widget's function does."""
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for number, i in enumerate(code, start=1):
        for output in notebook.cells[i].outputs:
            if output.output_type == "error":
                return report(notebook, name, code[:number], "\n".join(output.traceback))
    return ""


def fill(notebook: NotebookNode, answers: Mapping[str, str], then: str = "") -> NotebookNode:
    """Return a copy of a sheet in which items are answered.

    Args:
        notebook: An exercise sheet; it stays as it is.
        answers: Item name -> the source of the cell that replaces the item's own, with its call of ``sheet.check``.
        then: Code for a last cell, such as an assertion that every item passed.

    Raises:
        ValueError: The sheet has no cell that checks one of the items.
    """
    import nbformat.v4 as v4

    filled = copy.deepcopy(notebook)
    for name, answer in answers.items():
        call = re.compile(rf"""\bcheck\(\s*["']{re.escape(name)}["']""")
        cells = [cell for cell in filled.cells if cell.cell_type == "code" and call.search(cell.source)]
        if len(cells) != 1:
            raise ValueError(f"answers: expected one cell that checks {name!r}, found {len(cells)}")
        cells[0].source = answer
    if then:
        filled.cells.append(v4.new_code_cell(then))
    return filled


def report(notebook: NotebookNode, name: str, started: list[int], message: str) -> str:
    """Name the notebook, the cell that ran last and its first line, then the end of the message."""
    if not started:
        return "\n".join([f"{name}: no cell was run", *tail(message)])
    first = next((line for line in notebook.cells[started[-1]].source.splitlines() if line.strip()), "")
    return "\n".join([f"{name}: code cell {len(started)} failed", f"    {first}", *tail(message)])


# --- the record ---------------------------------------------------------------------------------


def code_digest(notebook: Mapping[str, Any]) -> str:
    """Return the sha256 of a notebook's code, which its text doesn't change.

    >>> cells = [{"cell_type": "code", "source": "x = 1"}, {"cell_type": "markdown", "source": "Text."}]
    >>> code_digest({"cells": cells}) == code_digest({"cells": cells[:1]})
    True
    """
    sources = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return hashlib.sha256("\0".join("".join(source) for source in sources).encode()).hexdigest()


def record(file: Path, done: Iterable[Rehearsal], folder: Path, image: str, day: date) -> None:
    """Write down which notebooks passed; those that failed keep what stands there, those that are gone go.

    Args:
        file: A JSON file, ``{"chapters/flows": {"date": "2026-11-22", "image": ..., "code": ...}}``.
        done: What was run.
        folder: Where the notebooks lie.
        image: The container image's digest or tag.
        day: Today.
    """
    known = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for result in done:
        if not result.failure:
            notebook = json.loads((folder / f"{result.name}.ipynb").read_text("utf-8"))
            known[result.name] = {"date": day.isoformat(), "image": image, "code": code_digest(notebook)}
    kept = {name: known[name] for name in sorted(known) if (folder / f"{name}.ipynb").exists()}
    with write_whole(file) as opened:
        opened.write(f"{json.dumps(kept, indent=1)}\n".encode())


def main() -> int:
    """Run the notebooks of a folder, print how long each took, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m teachkit.book.rehearse", description="Run notebooks.")
    parser.add_argument("folder", type=Path, help="the folder of the notebooks")
    parser.add_argument("--processes", type=int, default=2, help="how many notebooks run at the same time")
    parser.add_argument("--record", type=Path, help="a JSON file that gets the date of each notebook that passes")
    parser.add_argument("--image", default="", help="the container image that this is, for the record")
    options = parser.parse_args()
    done = []
    for result in rehearse(options.folder, options.processes):
        done.append(result)
        note = "failed" if result.failure else "passed"
        print(f"  {result.name:<46}{result.seconds:6.1f} s  {note}", flush=True)
    if options.record:
        record(options.record, done, options.folder, options.image, datetime.now(UTC).date())
    failures = [result.failure for result in done if result.failure]
    if not done:
        failures = [f"no notebook in {options.folder}"]
    print("".join(f"\n{failure}\n" for failure in failures), end="", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
