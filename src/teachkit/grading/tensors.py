"""Functions of students that work on torch's tensors. Only the call needs torch; the results are judged without."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from teachkit.grading.verdict import UnusableError

_MISSING = (
    "This item needs torch, which is not installed here. Install it, with `pip install torch` or as teachkit[deep], "
    "restart the kernel and check again; on Colab it is there. All other items work without it."
)


def through(name: str, module: str = "_examine") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what makes a function of arrays from a student's function of tensors, for ``Function(adapt=...)``.

    Args:
        name: A function of the module, which calls the student's function. It is looked for when an answer is checked,
            and not before.
        module: ``_examine`` of ``teachkit.deep``, or one beside it.

    Returns:
        An adapter; it raises ``UnusableError`` where torch is missing.
    """

    def adapt(answer: Callable[..., Any]) -> Callable[..., Any]:
        try:
            examine = getattr(importlib.import_module(f"teachkit.deep.{module}"), name)
            torch = importlib.import_module("torch")
        except ImportError:
            raise UnusableError(_MISSING) from None

        @wraps(answer, updated=())
        def on_arrays(*arguments: Any) -> Any:
            threads = torch.get_num_threads()
            torch.set_num_threads(1)  # on arrays this small, several mostly wait for each other
            try:
                return examine(answer, *arguments)
            finally:
                torch.set_num_threads(threads)

        return on_arrays

    return adapt
