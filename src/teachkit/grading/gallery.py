"""The galleries of wrong and right answers, ``tests/wrong/<stem>.py``: what the checks are tested on."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from teachkit.grading.catalogue import kinds

Answers = tuple[list[tuple[Any, str]], list[Any]]


def gallery(root: Path, stem: str, item: str, student: str) -> Answers:
    """Return an item's wrong answers, each with a piece of its message, and right ones.

    Args:
        root: The folder of the repository.
        stem: The sheet.
        item: The item's name.
        student: Whose values the answers are for.
    """
    answers = _functions(root, stem)[item.replace("-", "_")]
    return answers(kinds(stem)[item].data(stem, item, student))


@cache
def _functions(root: Path, stem: str) -> dict[str, Callable[[dict[str, Any]], Answers]]:
    """Return what a sheet's gallery defines; it may go on in further files."""
    functions: dict[str, Any] = {}
    for path in [root / f"tests/wrong/{stem}.py", *sorted(root.glob(f"tests/wrong/{stem}_*.py"))]:
        spec = importlib.util.spec_from_file_location(f"wrong_{path.stem}", path)
        if path.exists() and spec and spec.loader:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            functions |= vars(module)
    return functions
