"""Run the chapters' code in several processes, into the cache that Jupyter Book reads.

Jupyter Book runs one chapter after the other. It finds everything done when this module went first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_cache.cache.main import JupyterCacheBase
    from nbformat import NotebookNode

QUIET_KERNEL = ["--log-level=CRITICAL"]
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Execution:
    """What became of one chapter: seconds of its code, and the report of a failure."""

    path: Path
    seconds: float
    cached: bool = False
    failure: str = ""


def execute(paths: Sequence[Path], cache_folder: Path, *, timeout: int, processes: int = 2) -> Iterator[Execution]:
    """Run every chapter whose code is not in the cache, and store what it put out.

    Args:
        paths: Chapters in MyST Markdown. Those without code cells are left out.
        cache_folder: The folder of jupyter-cache.
        timeout: The longest that one cell may take, in seconds.
        processes: How many chapters run at the same time.

    Yields:
        One result per chapter with code: the cached ones first, then the others as they end.
    """
    from jupyter_cache import get_cache

    cache = get_cache(cache_folder)
    stale = []
    for path in paths:
        if not is_notebook(path):
            continue
        seconds = cached_seconds(path, cache)
        if seconds is None:
            stale.append(path)
        else:
            yield Execution(path, seconds, cached=True)
    with ProcessPoolExecutor(processes) as pool:
        running = [pool.submit(execute_one, path, cache_folder, timeout) for path in stale]
        for done in as_completed(running):
            yield done.result()


def is_notebook(path: Path) -> bool:
    """Return whether Jupyter Book would run this file."""
    from myst_nb.core.read import is_myst_markdown_notebook

    if not is_myst_markdown_notebook(path.read_text("utf-8")):
        return False
    return read(path).metadata.get("mystnb", {}).get("execution_mode") != "off"


def cached_seconds(path: Path, cache: JupyterCacheBase) -> float | None:
    """Return how long the cached run of a chapter took, or None when there is none."""
    try:
        record = cache.match_cache_notebook(read(path))
    except KeyError:
        return None
    return float(record.data.get("execution_seconds", 0.0))


def read(path: Path) -> NotebookNode:
    """Return a chapter as the notebook that Jupyter Book sees."""
    from myst_nb.core.read import myst_nb_reader_plugin

    return myst_nb_reader_plugin(str(path))


def execute_one(path: Path, cache_folder: Path, timeout: int) -> Execution:
    """Run one chapter and put it into the cache when all of its cells passed."""
    from jupyter_cache import get_cache
    from jupyter_cache.base import CacheBundleIn
    from jupyter_cache.executors.utils import single_nb_execution
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    notebook = read(path)
    started: list[int] = []
    options = {"extra_arguments": QUIET_KERNEL, "on_cell_execute": lambda cell, cell_index: started.append(cell_index)}
    try:
        run = single_nb_execution(notebook, str(path.parent), timeout, allow_errors=False, **options)
    except DeadKernelError:
        return Execution(path, 0.0, failure=report(path, notebook, started, "The kernel died."))
    if run.err is not None:
        late = isinstance(run.err, CellTimeoutError)
        message = f"The cell ran for more than {timeout} s." if late else str(run.err)
        return Execution(path, run.time, failure=report(path, notebook, started, message))
    bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": run.time})
    get_cache(cache_folder).cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return Execution(path, run.time)


def report(path: Path, notebook: NotebookNode, started: Sequence[int], message: str) -> str:
    """Say which cell of a chapter failed, and with what.

    Args:
        path: The chapter.
        notebook: The chapter as a notebook.
        started: Positions in the notebook of the code cells that began to run.
        message: What went wrong.

    Returns:
        Two lines that name the cell, then the last lines of the message.
    """
    line = notebook.metadata.source_map[started[-1]] + 1
    source = notebook.cells[started[-1]].source
    first = next((text for text in source.splitlines() if text.strip()), "")
    place = f"{path.parent.name}/{path.name}, line {line}: code cell {len(started)} failed"
    return "\n".join([place, f"    {first}", *tail(message)])


def tail(message: str, lines: int = 6) -> list[str]:
    """Return the last lines of a message that say something, without colours, indented."""
    said = [text.rstrip() for text in ESCAPES.sub("", message).splitlines() if text.strip()]
    return [f"    {text}" for text in said[-lines:]]
