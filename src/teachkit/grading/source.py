"""The source of a sheet, ``solutions/<stem>.md``: a page of the book, read into its blocks and items.

Its items look like this::

    ## A title

    ```{item} name-of-the-item
    points: 3
    statement: label-in-the-book
    hints:
      - The first hint.
      - step_name: A hint for one step of a derivation.
    ```

    The question.

    ```{stub}
    answer = ...
    sheet.check("name-of-the-item", answer)
    ```

    ```{solution-start}
    ```
    Text and code cells with the solution; one of them makes the same call of ``sheet.check``.
    ```{solution-end}
    ```

The item's body is YAML; all three entries must be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TITLE = re.compile(r"# Solutions to sheet (\d+): (.+)")
_FENCE = re.compile(r"(`{3,}|~{3,})[ ]*(?:\{([\w:-]+)\}[ ]*(.*)|([\w+-]*))$")
_LABEL = re.compile(r"^\([\w-]+\)=\s*$|^:(label|name):|^\s+name:", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class SourceError(ValueError):
    """A sheet's source breaks a rule; the message names file and line."""


@dataclass
class Block:
    """A piece of a page: prose (no directive), or one fenced directive with its argument and body."""

    line: int
    lines: list[str]
    directive: str = ""
    argument: str = ""

    @property
    def body(self) -> str:
        """What stands between the fences."""
        return "\n".join(self.lines[1:-1])


@dataclass
class SourceItem:
    """An item as its source has it."""

    name: str
    title: str
    points: int
    statement: str
    hints: list[dict[str, str]]
    stub: str = ""
    solution: list[str] = field(default_factory=list)


@dataclass
class Source:
    """A sheet's source, read: front matter, title, blocks, items."""

    path: Path
    front: str
    title: str
    blocks: list[Block]
    items: dict[str, SourceItem]

    def error(self, line: int, message: str) -> SourceError:
        """Return an error that names the place."""
        return SourceError(f"{self.path.parent.name}/{self.path.name}, line {line}: {message}")


def read_source(path: Path) -> Source:
    """Read a sheet's source and check its rules.

    Raises:
        SourceError: A rule is broken.
    """
    text = path.read_text("utf-8")
    match = re.match(r"---\n.*?\n---\n", text, re.DOTALL)
    front = match[0] if match else ""
    source = Source(path, front, "", [], {})
    if "mystnb:" in front:
        raise source.error(1, "mystnb: is written into the sheet's front matter and can't stand in the source's")
    try:
        source.blocks += split(text[len(front) :], front.count("\n") + 1)
    except SourceError as error:
        raise source.error(1, str(error)) from None
    source.title = _title(source)
    _read_items(source)
    return source


def split(text: str, line: int = 1) -> Iterator[Block]:
    """Yield the pieces of a page in order; joined, their lines are the page.

    Raises:
        SourceError: A fence is never closed.
    """
    prose, fenced, closing = Block(line, []), None, ""
    for number, row in enumerate(text.split("\n"), line):
        fence = _FENCE.match(row)
        if fenced is not None:
            fenced.lines.append(row)
            if fence and row.strip() == fence[1] and fence[1].startswith(closing):
                yield fenced
                fenced, prose = None, Block(number + 1, [])
        elif fence:
            yield prose
            fenced, closing = Block(number, [row], fence[2] or "code", fence[3] or ""), fence[1]
        else:
            prose.lines.append(row)
    if fenced is not None:
        raise SourceError(f"line {fenced.line}: the fence is never closed")
    yield prose


def _title(source: Source) -> str:
    for block in source.blocks:
        for row in block.lines:
            if not block.directive and row.startswith("# "):
                match = TITLE.fullmatch(row)
                if match is None:
                    raise source.error(block.line, f'the title must read "# Solutions to sheet N: ...", got {row!r}')
                return f"Sheet {match[1]}: {match[2]}"
    raise source.error(1, "there is no title")


def _read_items(source: Source) -> None:
    item, title, inside = None, "", False
    for block in source.blocks:
        if not block.directive:
            headings = [row for row in block.lines if re.match("#+ ", row)]
            if headings and inside:
                raise source.error(block.line, f"a heading inside a solution: {headings[0]!r}")
            title = next((row[3:] for row in reversed(headings) if row.startswith("## ")), title)
        elif block.directive == "item":
            item = _item(source, block, title)
            source.items[item.name] = item
        elif block.directive == "stub":
            _add_stub(source, block, item)
        elif block.directive in ("solution-start", "solution-end"):
            if inside is (block.directive == "solution-start"):
                raise source.error(block.line, f"{block.directive} does not fit here")
            inside = not inside
        elif block.directive == "code-cell" and inside and item:
            item.solution.append(code(block))
        if not inside and block.directive != "solution-end" and _LABEL.search("\n".join(block.lines)):
            raise source.error(block.line, "a label outside of a solution would be given twice, here and in the sheet")
    if inside:
        raise source.error(source.blocks[-1].line, "the last solution is not closed")
    for item in source.items.values():
        _check_item(source, item)


def _item(source: Source, block: Block, title: str) -> SourceItem:
    import yaml

    try:
        known = yaml.safe_load(block.body)
    except yaml.YAMLError as error:
        raise source.error(block.line, f"this is no YAML: {error}") from None
    known = known if isinstance(known, dict) else {}
    name = block.argument.strip()
    if not _NAME.fullmatch(name) or name in source.items:
        raise source.error(block.line, f"{name!r} is no name of an item, or is given twice")
    if set(known) != {"points", "statement", "hints"} or not known["hints"]:
        raise source.error(block.line, "an item has points, a statement and hints")
    if type(known["points"]) is not int or not 1 <= known["points"] <= 10:
        raise source.error(block.line, f"points: expected a whole number from 1 to 10, got {known['points']!r}")
    hints = [_hint(source, block, x) for x in known["hints"]]
    return SourceItem(name, title, known["points"], known["statement"], hints)


def _hint(source: Source, block: Block, entry: Any) -> dict[str, str]:
    step, text = next(iter(entry.items())) if isinstance(entry, dict) and len(entry) == 1 else ("", entry)
    if not isinstance(text, str) or not re.fullmatch(r"\w*", str(step)):
        raise source.error(block.line, f"a hint is a text or a step with a text; quote one with a colon: {entry!r}")
    return {"text": " ".join(text.split()), "step": str(step)}


def _add_stub(source: Source, block: Block, item: SourceItem | None) -> None:
    if item is None or item.stub:
        raise source.error(block.line, "a stub belongs to an item, and each item has one")
    item.stub = block.body


def _check_item(source: Source, item: SourceItem) -> None:
    call = f'sheet.check("{item.name}"'
    if call not in item.stub:
        raise source.error(1, f"the stub of {item.name} does not call {call}, ...)")
    if sum(call in cell for cell in item.solution) != 1:
        raise source.error(1, f"the solution of {item.name} must call {call}, ...) in one of its code cells")


def code(block: Block) -> str:
    """Return the code of a code cell, without its options.

    >>> code(Block(1, ["```{code-cell} ipython3", ":tags: [hide-input]", "", "x = 1", "```"], "code-cell"))
    'x = 1'
    """
    body = re.sub(r"\A---\n.*?\n---\n", "", block.body, flags=re.DOTALL)
    return re.sub(r"\A(:[\w-]+:.*\n)+", "", body).strip("\n")
