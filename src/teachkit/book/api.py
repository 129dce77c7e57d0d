"""Sphinx extension: show the docstrings as they are meant.

They write |det J| as mathematics does, where Sphinx takes bars for a substitution; they name a
statement by its label in backticks, which becomes a link; and they use names for long types.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

_LITERAL = re.compile(r"(``.*?``)")
_LABEL = re.compile(r"(?<![`:\w])`([a-z][a-z0-9]*(?:-[a-z0-9]+)+)`(?!`)")


def to_rst(line: str) -> str:
    r"""Escape the bars of a docstring's line and link its labels, but in a literal or a doctest.

    >>> print(to_rst("log |det J|, as ``|J|``; statement `sum-over-branches`"))
    log \|det J\|, as ``|J|``; statement :prf:ref:`sum-over-branches`
    """
    if line.lstrip().startswith((">>>", "...")):
        return line
    parts = (x if x.startswith("``") else _LABEL.sub(r":prf:ref:`\1`", x) for x in _LITERAL.split(line))
    return "".join(x if x.startswith("``") else x.replace("|", r"\|") for x in parts)


def type_names(source: str) -> set[str]:
    r"""Return the names that a module gives to types.

    >>> type_names("Map = Callable[[int], int]\nEXTENT = tuple\nx = 1")
    {'Map'}
    """
    assigned = (node for node in ast.parse(source).body if isinstance(node, ast.Assign))
    aliases = (node.targets[0] for node in assigned if isinstance(node.value, ast.Subscript))
    return {x.id for x in aliases if isinstance(x, ast.Name) and x.id[0].isupper() and not x.id.isupper()}


def _configure(app: Sphinx, config: Config) -> None:
    """Show a named type by its name; autodoc would write out what it stands for."""
    modules = Path(__file__).parents[1].rglob("*.py")
    names = {name for module in modules for name in type_names(module.read_text("utf-8"))}
    config.autodoc_type_aliases |= {name: name for name in sorted(names | {"ArrayLike"})}


def _process(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = [to_rst(line) for line in lines]


def _skip(app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object) -> bool | None:
    """Leave out the fields of named tuples: the class's own text describes them."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the events, ahead of napoleon's."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("config-inited", _configure)
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-skip-member", _skip)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
