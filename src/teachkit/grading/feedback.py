"""What a student sees: text in a terminal, a small box in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from teachkit.grading.catalogue import Item
from teachkit.grading.verdict import Verdict

_WORDS = {
    "right": "right",
    "unfinished": "right so far, not finished",
    "partly": "partly right",
    "wrong": "not yet right",
    "unusable": "can't be checked",
    "missing": "no answer yet",
}
_COLOURS = {
    "right": "#1a7f4b",
    "unfinished": "#1a7f4b",
    "partly": "#b07400",
    "wrong": "#c2410c",
    "unusable": "#c2410c",
    "missing": "#777777",
}


@dataclass(frozen=True)
class Progress:
    """How far a student is: points and items.

    >>> Progress(6, 24, 2, 8)
    6 of 24 points, 2 of 8 items right  [#####---------------]
    """

    earned: float
    points: int
    right: int
    items: int

    def __str__(self) -> str:
        return f"{amount(self.earned)} of {self.points} points, {self.right} of {self.items} items right"

    def __repr__(self) -> str:
        full = int(20 * self.earned / self.points)
        return f"{self}  [{'#' * full}{'-' * (20 - full)}]"

    def _repr_html_(self) -> str:
        bar = f'<progress max="{self.points}" value="{self.earned:.4g}" aria-label="Progress of the sheet"></progress>'
        return f'<div style="margin-top:0.3em">{bar} {self}</div>'


@dataclass(frozen=True)
class Feedback:
    """The verdict on one answer, where to read more, and how far the sheet is.

    ``notes`` are further lines for the student.
    """

    item: Item
    verdict: Verdict
    progress: Progress
    notes: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether the answer earns all points."""
        return self.verdict.right

    @property
    def head(self) -> str:
        """The item, how it went and its points, in one line."""
        earned = amount(self.verdict.score * self.item.points)
        return f"{self.item.name}: {_WORDS[self.verdict.status]}. {earned} of {self.item.points} points."

    @property
    def lines(self) -> list[str]:
        """The message, then the statement to read, then the notes."""
        said = [] if self.verdict.message == "Right." else self.verdict.message.splitlines()
        if self.item.statement and self.verdict.status in ("partly", "wrong"):
            said.append(f"Read {self.item.statement}.")
        return [*said, *self.notes]

    def __repr__(self) -> str:
        return "\n".join([self.head, *(f"  {line}" for line in self.lines), f"  {self.progress!r}"])

    def _repr_html_(self) -> str:
        style = f"border-left:4px solid {_COLOURS[self.verdict.status]};padding:0.2em 0.8em;margin:0.4em 0"
        lines = "".join(f"<div>{self._linked(line)}</div>" for line in self.lines)
        return f'<div style="{style}"><strong>{escape(self.head)}</strong>{lines}{self.progress._repr_html_()}</div>'

    def _linked(self, line: str) -> str:
        statement = self.item.statement
        if statement and statement.address and line == f"Read {statement}.":
            return f'Read <a href="{escape(statement.address)}">{escape(str(statement))}</a>.'
        return escape(line)


@dataclass(frozen=True)
class Note:
    """Lines for the student that belong to no answer."""

    lines: tuple[str, ...]
    progress: Progress | None = None

    def __repr__(self) -> str:
        return "\n".join([*self.lines, *([repr(self.progress)] if self.progress else [])])

    def _repr_html_(self) -> str:
        lines = "".join(f"<div>{escape(line)}</div>" for line in self.lines)
        return lines + (self.progress._repr_html_() if self.progress else "")


def amount(points: float) -> str:
    """Write points with at most two digits after the point.

    >>> amount(2.0), amount(1 / 3)
    ('2', '0.33')
    """
    return f"{points:.2f}".rstrip("0").rstrip(".")
