"""Sphinx extension: docstrings write |det J| as mathematics does; for Sphinx, bars enclose a substitution."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

_LITERAL = re.compile(r"(``.*?``)")


def escape_bars(line: str) -> str:
    r"""Escape the bars of a docstring's line that are neither in a literal nor in a doctest.

    >>> print(escape_bars("log |det J|, as ``|J|``"))
    log \|det J\|, as ``|J|``
    """
    if line.lstrip().startswith((">>>", "...")):
        return line
    parts = _LITERAL.split(line)
    return "".join(x if x.startswith("``") else x.replace("|", r"\|") for x in parts)


def _process(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = [escape_bars(line) for line in lines]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the event, ahead of napoleon's."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
