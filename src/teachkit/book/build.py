"""Build the book: ``python -m teachkit.book.build``.

Jupyter Book decides what is stale by the text of the pages alone. This module adds what it misses:
a change of the library or of a result runs the chapters again, a change of the site's own code or
style writes all pages again, and a failure of any kind ends with a report and exit code 1.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from teachkit._files import write_whole
from teachkit.book.execute import execute
from teachkit.book.pages import html, page_names, source

SLOW = 60.0
"""Seconds of one chapter's code above which the build warns."""

JUPYTER_BOOK = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]

WRAPPER = "There was an error in building your book"

ENVIRONMENT = {
    "TEACHKIT_BOOK": "1",
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JUPYTER_PREFER_ENV_PATH": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "LC_ALL": "C.UTF-8",
}


class BuildError(Exception):
    """The book could not be built; the message says why."""


def build(root: Path, *, processes: int = 2) -> None:
    """Run what is stale, then write the HTML.

    Args:
        root: The folder of the repository.
        processes: How many chapters run at the same time.

    Raises:
        BuildError: When a tool is missing, a cell fails, Sphinx warns, or a page was not written.
    """
    require("jupyter_book")
    start = time.time()
    names = page_names(root)
    if absent := [name for name in names if not source(root, name).exists()]:
        raise BuildError("these pages of _toc.yml have no Markdown file: " + ", ".join(absent))
    os.environ.update(ENVIRONMENT, IPYTHONDIR=str(root / "_build/.ipython"))
    drop_stale(root)
    run_chapters(root, names, processes)
    write_html(root)
    missing = [name for name in names if not is_written(root, name, start)]
    if missing:
        raise BuildError("these pages of _toc.yml were not written: " + ", ".join(missing))


def require(module: str) -> None:
    """Raise a BuildError when a module can't be imported."""
    if importlib.util.find_spec(module) is None:
        raise BuildError(f"{module} is not installed for {sys.executable}; use `make book`, which sets up .venv")


def digest(root: Path, patterns: Iterable[str], skip: str = "") -> str:
    """Return the sha256 of the files that match, of their names and of the version of Python.

    Args:
        root: The folder that the patterns start from.
        patterns: Glob patterns.
        skip: Files below this folder don't count.

    Returns:
        The digest in hexadecimal.
    """
    total = hashlib.sha256(platform.python_version().encode())
    for path in sorted({path for pattern in patterns for path in root.glob(pattern) if path.is_file()}):
        name = path.relative_to(root).as_posix()
        if "__pycache__" in name or (skip and name.startswith(skip)):
            continue
        total.update(f"\0{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def drop_stale(root: Path) -> None:
    """Remove what was built from another state of the library, the results or the site's code."""
    book = "src/teachkit/book/"
    code = digest(
        root, ["src/teachkit/**/*.py", "src/teachkit/**/*.json", "results/**/*", "requirements.txt"], skip=book
    )
    site = digest(root, [f"{book}*.py", "_*.yml", "pyproject.toml", "assets/**/*", "extra/**/*"])
    if changed(root / "_build/.code-key", code):
        remove(root, [".jupyter_cache", "jupyter_execute", ".doctrees", "html"])
        record(root / "_build/.code-key", code)
    if changed(root / "_build/.site-key", site):
        remove(root, [".doctrees", "html"])
        record(root / "_build/.site-key", site)


def changed(stamp: Path, key: str) -> bool:
    """Return whether a stamp holds another key, or none."""
    return not stamp.exists() or stamp.read_text("utf-8") != key


def record(stamp: Path, key: str) -> None:
    """Write a key into its stamp, whole or not at all."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(stamp) as file:
        file.write(key.encode())


def remove(root: Path, folders: Iterable[str]) -> None:
    """Remove folders of ``_build``."""
    for folder in folders:
        shutil.rmtree(root / "_build" / folder, ignore_errors=True)


def run_chapters(root: Path, names: Iterable[str], processes: int) -> None:
    """Run the stale chapters and print how long each one took.

    Raises:
        BuildError: With one report per chapter that failed. The pages of these are removed.
    """
    failures = []
    chapters = [source(root, name) for name in names]
    for done in execute(chapters, root / "_build/.jupyter_cache", timeout=cell_timeout(root), processes=processes):
        note = "failed" if done.failure else "cached" if done.cached else "ran"
        slow = f"  warning: longer than {SLOW:.0f} s" if done.seconds > SLOW else ""
        name = done.path.relative_to(root).with_suffix("").as_posix()
        print(f"{name:<40}{done.seconds:6.1f} s  {note}{slow}", flush=True)
        if done.failure:
            failures.append(done.failure)
            html(root, name).unlink(missing_ok=True)
    if failures:
        raise BuildError("\n\n".join(failures))


def cell_timeout(root: Path) -> int:
    """Return the seconds that ``_config.yml`` grants one cell."""
    import yaml

    config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
    return int(config.get("execute", {}).get("timeout", 300))


def write_html(root: Path) -> None:
    """Let Jupyter Book write the pages; any warning is an error.

    Raises:
        BuildError: When Jupyter Book fails.
    """
    command = [*JUPYTER_BOOK, "build", str(root), "-W", "-n", "--keep-going", "-q"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    said = done.stderr
    if WRAPPER in said:
        # Sphinx has said what is wrong; the rest is where Jupyter Book noticed it.
        said = re.split(r"\n(?:The above exception was|Traceback \(most recent)", said)[0] + "\n"
    print(said, end="", file=sys.stderr, flush=True)
    if done.returncode:
        # Sphinx would not read these pages again, and so the next build would not warn.
        remove(root, [".doctrees"])
        raise BuildError("Sphinx or Jupyter Book failed; the reasons stand above")


def is_written(root: Path, name: str, start: float) -> bool:
    """Return whether a page is there and belongs to the present text of its source."""
    page = html(root, name)
    if not page.exists():
        return False
    written = page.stat().st_mtime
    return written >= start or written >= source(root, name).stat().st_mtime


def main() -> int:
    """Build the book of the present folder and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m teachkit.book.build", description="Build the book.")
    parser.add_argument("--processes", type=int, default=2, help="how many chapters run at the same time")
    options = parser.parse_args()
    start = time.time()
    try:
        build(Path.cwd(), processes=options.processes)
    except BuildError as error:
        print(f"\nThe book was not built.\n\n{error}", file=sys.stderr)
        return 1
    print(f"The book is in _build/html ({time.time() - start:.0f} s).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
