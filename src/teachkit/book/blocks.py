"""The blocks of a page in MyST Markdown: directives, display formulas, code, targets and text.

Only what an author writes at the start of a line is looked at. What stands inside a line is left to
:mod:`teachkit.book.plain`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

_FENCE = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,}|:{3,})(?:\{(?P<name>[^}]+)\})? *(?P<argument>[^`]*)")
_MATH_END = re.compile(r"\$\$\s*(?:\((?P<label>[\w:-]+)\))?\s*$")
_TARGET = re.compile(r"\((?P<label>[^()\s]+)\)=\s*")
_COMMENT = re.compile(r"%(\s|$)")
_OPTION = re.compile(r":(?P<key>[\w-]+):\s*(?P<value>.*)")


@dataclass(frozen=True)
class Block:
    """A piece of a page.

    Attributes:
        kind: "directive", "math", "code", "target", "comment" or "text".
        line: Its first line in the page, counted from 1.
        body: The text inside, without indent; of a code block, with its fences.
        indent: The spaces before each line.
        name: What a directive is called, or a label of a formula or target.
        argument: What stands behind a directive's name.
        options: A directive's options.
    """

    kind: str
    line: int
    body: str
    indent: str = ""
    name: str = ""
    argument: str = ""
    options: dict[str, Any] = field(default_factory=dict)


def blocks(text: str, start: int = 1) -> Iterator[Block]:
    r"""Yield the blocks of a text, in order; empty lines belong to the text around them.

    Args:
        text: MyST Markdown, without front matter.
        start: The number of the text's first line.

    >>> [(block.kind, block.name, block.body) for block in blocks("(here)=\n# Title")]
    [('target', 'here', ''), ('text', '', '# Title')]
    """
    lines, at, plain = text.split("\n"), 0, 0
    while at < len(lines):
        found = _block(lines, at, start)
        if found is None:
            at += 1
            continue
        if at > plain:
            yield Block("text", start + plain, "\n".join(lines[plain:at]))
        block, at = found
        plain = at
        yield block
    if at > plain:
        yield Block("text", start + plain, "\n".join(lines[plain:]))


def _block(lines: list[str], at: int, start: int) -> tuple[Block, int] | None:
    """Return the block that begins at a line, and the line after it; None where text is."""
    line, number = lines[at], start + at
    if match := _TARGET.fullmatch(line):
        return Block("target", number, "", name=match["label"]), at + 1
    if _COMMENT.match(line):
        return Block("comment", number, line), at + 1
    if line.lstrip(" ").startswith("$$"):
        return _formula(lines, at, number)
    if match := _FENCE.fullmatch(line):
        return _fenced(lines, at, number, match)
    return None


def _formula(lines: list[str], at: int, number: int) -> tuple[Block, int]:
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip(" "))]
    head, end = lines[at].strip()[2:], at
    text = head
    while not (match := _MATH_END.search(text)):
        end += 1
        if end == len(lines):
            raise ValueError(f"line {number}: a formula has no end")
        text += "\n" + lines[end].removeprefix(indent)
    return Block("math", number, text[: match.start()].strip(), indent, match["label"] or ""), end + 1


def _fenced(lines: list[str], at: int, number: int, match: re.Match[str]) -> tuple[Block, int]:
    fence, indent = match["fence"], match["indent"]
    close = re.compile(rf" *{re.escape(fence[0])}{{{len(fence)},}}\s*")
    end = next((i for i in range(at + 1, len(lines)) if close.fullmatch(lines[i])), None)
    if end is None:
        raise ValueError(f"line {number}: {lines[at].strip()} has no end")
    inside = "\n".join(line.removeprefix(indent) for line in lines[at + 1 : end])
    if match["name"] is None:
        code = "\n".join(line.removeprefix(indent) for line in lines[at : end + 1])
        return Block("code", number, code, indent), end + 1
    options, body = split_options(inside)
    return Block("directive", number, body, indent, match["name"], match["argument"].strip(), options), end + 1


def split_options(text: str) -> tuple[dict[str, Any], str]:
    r"""Return a directive's options and the rest; they stand in lines ``:key: value`` or between two ``---``.

    >>> split_options(":label: cov\n\nLet $Z$ be normal.")
    ({'label': 'cov'}, 'Let $Z$ be normal.')
    """
    lines = text.split("\n")
    if lines[0].strip() == "---" and "---" in lines[1:]:
        end = lines.index("---", 1)
        return yaml.safe_load("\n".join(lines[1:end])) or {}, "\n".join(lines[end + 1 :])
    options = {}
    while lines and (match := _OPTION.fullmatch(lines[0])):
        options[match["key"]] = match["value"].strip()
        lines.pop(0)
    return options, "\n".join(lines).strip("\n")


def body(text: str) -> tuple[str, int]:
    r"""Return a page without its front matter, and the number of the line that it then begins with.

    >>> body("---\na: 1\n---\n# Title")
    ('# Title', 4)
    """
    lines = text.split("\n")
    if lines[0] != "---":
        return text, 1
    end = lines.index("---", 1)
    return "\n".join(lines[end + 1 :]), end + 2
