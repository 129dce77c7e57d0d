"""Sphinx extension: the exercise sheets and their solutions as pages of the book.

``{item}`` shows an item's points and the statement it is about, ``{stub}`` the cell that a student fills
in. What stands between ``{solution-start}`` and ``{solution-end}``, code cells included, goes behind a fold.
"""

from __future__ import annotations

from typing import Any

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


class Fold(nodes.General, nodes.Element):
    """A part of a page that a reader opens; ``title`` is what is seen of it."""


class FoldMark(nodes.Invisible, nodes.Element):
    """Where a solution begins, or ends."""


class ItemDirective(SphinxDirective):
    """``{item} name``: points and statement of an item, in YAML."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return one line: the points, and a link to the statement."""
        known = yaml.safe_load("\n".join(self.content))
        points = f"{known['points']} point{'' if known['points'] == 1 else 's'}"
        line = self.parse_text_to_nodes(f"{points}, on {{prf:ref}}`{known['statement']}`")
        line[0]["classes"].append("tk-item")
        self.set_source_info(line[0])
        return line


class StubDirective(SphinxDirective):
    """``{stub}``: the cell as the sheet has it, shown and not run."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the cell as code."""
        text = "\n".join(self.content)
        return [nodes.literal_block(text, text, language="ipython3", classes=["tk-stub"])]


class SolutionDirective(SphinxDirective):
    """``{solution-start}`` and ``{solution-end}``: they leave marks, which become a fold when the page is read."""

    option_spec = {"title": directives.unchanged}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Leave a mark."""
        mark = FoldMark("", start=self.name == "solution-start", title=self.options.get("title", "Solution"))
        self.set_source_info(mark)
        return [mark]


class FoldSolutions(SphinxTransform):
    """Put what stands between two marks into a fold."""

    default_priority = 20

    def apply(self, **_: Any) -> None:
        """Fold each solution; a mark without its partner is an error."""
        for mark in list(self.document.findall(FoldMark)):
            if mark["start"]:
                _fold(mark)
        for mark in list(self.document.findall(FoldMark)):
            logger.warning("a solution is opened or closed without its partner", location=mark)
            mark.parent.remove(mark)


def _fold(mark: FoldMark) -> None:
    parent = mark.parent
    first = parent.index(mark)
    last = next((i for i in range(first + 1, len(parent)) if isinstance(parent[i], FoldMark)), None)
    if last is None or parent[last]["start"]:
        return
    fold = Fold("", *parent[first + 1 : last], title=mark["title"])
    parent[first : last + 1] = [fold]


def _open(self: HTML5Translator, node: Fold) -> None:
    self.body.append(f'<details class="tk-fold"><summary>{self.encode(node["title"])}</summary>\n')


def _close(self: HTML5Translator, node: Fold) -> None:
    self.body.append("</details>\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_node(Fold, html=(_open, _close))
    app.add_directive("item", ItemDirective)
    app.add_directive("stub", StubDirective)
    app.add_directive("solution-start", SolutionDirective)
    app.add_directive("solution-end", SolutionDirective)
    app.add_transform(FoldSolutions)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
