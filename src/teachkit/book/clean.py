"""Run every notebook as Colab would, in clean environments: ``python -m teachkit.book.clean``.

An environment holds the library's wheel, what it needs, and what runs a notebook; nothing of the repository. One
has the current versions, one the oldest that pyproject.toml allows.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from teachkit._files import write_whole
from teachkit.book.rehearse import FOLDER, fill
from teachkit.grading.source import read_source

ENVIRONMENTS = ("current", "lowest")
RUNNER = ("nbclient", "ipykernel")
_BOUND = re.compile(r"([\w.-]+)>=([\w.]+)")
ALL_RIGHT = "assert [name for name in sheet.items if sheet.best(name) < 1] == []"
_PRIVATE = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "TEACHKIT_BOOK", "MPLBACKEND")


class CleanError(Exception):
    """An environment could not be made; the message says why."""


def packages(root: Path, name: str) -> list[str]:
    """Return what goes into an environment besides the wheel and torch, as pip takes it.

    Args:
        root: The folder of the repository.
        name: "current" or "lowest".

    Raises:
        ValueError: A requirement of the core or of the extras ``plot`` and ``deep`` is not one lower bound.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    needs = [*project["dependencies"], *extras["plot"], *(x for x in extras.get("deep", ()) if "torch" not in x)]
    bounds = {need: _BOUND.fullmatch(need) for need in needs}
    if wrong := [need for need, bound in bounds.items() if bound is None]:
        raise ValueError(f"pyproject.toml: expected one lower bound, got {', '.join(wrong)}")
    exact = [f"{bound[1]}=={bound[2]}" for bound in bounds.values()]
    return [*(exact if name == "lowest" else needs), *RUNNER]


def torch(root: Path) -> str:
    """Return the request for torch, the same in both environments.

    A plain request for this version gets the small CPU build where an index offers it; any other, such as the lower
    bound, would pull gigabytes of CUDA packages.
    """
    lines = (root / "requirements.txt").read_text("utf-8").splitlines()
    return next(line for line in lines if line.startswith("torch=="))


def build_wheel(root: Path, target: Path) -> Path:
    """Build the library's wheel from a copy of what it is made of, and return its file."""
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(root / "src", Path(folder) / "src", ignore=ignore)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(root / name, folder)
        call([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), folder])
    return next(target.glob("*.whl"))


def prepare(root: Path, name: str, wheel: Path) -> Path:
    """Bring an environment up to date with the wheel and return its Python.

    Args:
        root: The folder of the repository.
        name: "current" or "lowest".
        wheel: The library's wheel.
    """
    folder = root / "_build/clean" / name
    python, stamp = folder / "bin/python", folder / ".teachkit-key"
    wanted = packages(root, name)
    key = hashlib.sha256("\0".join([*wanted, torch(root), platform.python_version(), str(folder)]).encode()).hexdigest()
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if not stamp.exists() or stamp.read_text("utf-8") != key:
        call([sys.executable, "-m", "venv", "--clear", str(folder)])
        call([*pip, torch(root)])
        call([*pip, *wanted])
        with write_whole(stamp) as file:
            file.write(key.encode())
    call([*pip, "--no-deps", "--force-reinstall", str(wheel)])
    call([str(python), "-m", "pip", "--disable-pip-version-check", "check"])
    return python


def call(command: list[str]) -> None:
    """Run a command away from the repository.

    Raises:
        CleanError: It failed; with the end of what it said.
    """
    done = subprocess.run(command, cwd=tempfile.gettempdir(), env=environment(), capture_output=True, text=True)
    if done.returncode:
        said = "\n".join([*done.stdout.splitlines(), *done.stderr.splitlines()][-15:])
        raise CleanError(f"{' '.join(command)} failed:\n{said}")


def environment() -> dict[str, str]:
    """Return this process's environment variables without those that would let the repository or the user in."""
    kept = {name: value for name, value in os.environ.items() if name not in _PRIVATE}
    return {**kept, "PYTHONNOUSERSITE": "1", "JUPYTER_PREFER_ENV_PATH": "1"}


def write_solved(root: Path, folder: Path) -> None:
    """Write each exercise sheet's notebook with its solutions pasted in; it fails unless every item is right."""
    import nbformat

    folder.mkdir()
    for path in sorted(root.glob("solutions/*.md")):
        items = read_source(path).items
        sheet = nbformat.read(root / FOLDER / f"exercises/{path.stem}.ipynb", as_version=4)
        answers = {name: "\n\n".join(item.solution) for name, item in items.items()}
        nbformat.write(fill(sheet, answers, then=ALL_RIGHT), folder / f"{path.stem}.ipynb")


def run_all(root: Path, names: Iterable[str], processes: int) -> bool:
    """Run the notebooks in each environment, from a copy elsewhere, and return whether all passed."""
    start = time.monotonic()
    wheel = build_wheel(root, root / "_build/clean/wheel")
    with ThreadPoolExecutor(processes) as pool:
        pythons = dict(zip(names, pool.map(lambda name: prepare(root, name, wheel), names), strict=True))
    print(f"{wheel.name} in {len(pythons)} environments ({time.monotonic() - start:.0f} s)", flush=True)
    passed = True
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(root / FOLDER, Path(folder) / FOLDER, ignore=shutil.ignore_patterns("*.json"))
        write_solved(root, Path(folder) / FOLDER / "solved")
        for name, python in pythons.items():
            start = time.monotonic()
            print(f"{name} versions: {', '.join(packages(root, name))}, {torch(root)}", flush=True)
            command = [str(python), "-P", "-m", "teachkit.book.rehearse", FOLDER, "--processes", str(processes)]
            passed &= subprocess.run(command, cwd=folder, env=environment()).returncode == 0
            print(f"  {'all of them':<46}{time.monotonic() - start:6.1f} s", flush=True)
    return passed


def main() -> int:
    """Run the notebooks of the present folder in the environments and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m teachkit.book.clean", description="Run every notebook as Colab.")
    parser.add_argument("--only", choices=ENVIRONMENTS, help="the one environment to run in")
    parser.add_argument("--processes", type=int, default=2, help="how many notebooks run at the same time")
    options = parser.parse_args()
    try:
        passed = run_all(Path.cwd(), [options.only] if options.only else ENVIRONMENTS, options.processes)
    except CleanError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
