"""A table of the book whose first column names its rows, as docutils nodes."""

from __future__ import annotations

from collections.abc import Iterable

from docutils import nodes


def table(head: Iterable[str], widths: Iterable[int], rows: Iterable[nodes.row], *classes: str) -> nodes.table:
    """Return a table; on a narrow page it scrolls in its box.

    Args:
        head: The names of the columns.
        widths: Their widths in percent.
        rows: As from :func:`row`.
        classes: CSS classes beside those of all such tables.

    >>> table(["Name", "Value"], [40, 60], [row("a", "1")]).astext().split()
    ['Name', 'Value', 'a', '1']
    """
    columns = [nodes.colspec(colwidth=width, stub=int(not i)) for i, width in enumerate(widths)]
    group = nodes.tgroup("", *columns, nodes.thead("", row(*head)), nodes.tbody("", *rows), cols=len(columns))
    return nodes.table("", group, classes=["tk-laws", *classes, "colwidths-given"])


def row(*cells: str | nodes.Node) -> nodes.row:
    """Return a row of one paragraph a cell."""
    return nodes.row("", *map(entry, cells))


def entry(*children: str | nodes.Node) -> nodes.entry:
    """Return a cell with one paragraph."""
    return nodes.entry("", nodes.paragraph("", "", *(nodes.Text(x) if isinstance(x, str) else x for x in children)))
