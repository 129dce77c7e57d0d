"""What the library knows of each sheet: its items with points, hints and the statements they are about.

``teachkit.grading.derive`` writes these files from the sheets' sources. They travel with the library,
since a notebook on another machine can't see the book.
"""

from __future__ import annotations

import difflib
import importlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from teachkit.grading.kinds import Kind

FOLDER = "sheets"


@dataclass(frozen=True)
class Statement:
    """A statement of the book that an item is about; ``address`` is empty while the book has none."""

    label: str
    kind: str
    title: str
    chapter: str
    address: str

    def __str__(self) -> str:
        return f'the {self.kind} "{self.title}" in the chapter "{self.chapter}"'


@dataclass(frozen=True)
class Hint:
    """A hint, and the step of a derivation that it belongs to; empty if to the whole."""

    text: str
    step: str = ""


@dataclass(frozen=True)
class Item:
    """One exercise of a sheet."""

    name: str
    title: str
    points: int
    hints: tuple[Hint, ...]
    statement: Statement | None


@dataclass(frozen=True)
class Catalogue:
    """One sheet: its title, the version of its text and checks, and its items by name, in order."""

    stem: str
    title: str
    version: str
    items: Mapping[str, Item]

    @property
    def points(self) -> int:
        """The points of all items."""
        return sum(item.points for item in self.items.values())

    def item(self, name: str) -> Item:
        """Return an item.

        Raises:
            ValueError: There is none of this name.
        """
        if not isinstance(name, str) or name not in self.items:
            raise ValueError(_unknown("item", str(name), list(self.items)))
        return self.items[name]


def stems() -> list[str]:
    """Return the names of all sheets.

    >>> "newton" in stems()
    True
    """
    folder = resources.files("teachkit.grading") / FOLDER
    return sorted(file.name.removesuffix(".json") for file in folder.iterdir() if file.name.endswith(".json"))


def catalogue(stem: str) -> Catalogue:
    """Return what is known of a sheet.

    Raises:
        ValueError: There is no sheet of this name.
    """
    if not (isinstance(stem, str) and re.fullmatch(r"\w+", stem) and stem in stems()):
        raise ValueError(_unknown("sheet", str(stem), stems()))
    file = resources.files("teachkit.grading") / FOLDER / f"{stem}.json"
    known = json.loads(file.read_text("utf-8"))
    return Catalogue(stem, known["title"], known["version"], {x["name"]: _item(x) for x in known["items"]})


def kinds(stem: str) -> Mapping[str, Kind]:
    """Return the checks of a sheet, by the items' names."""
    return importlib.import_module(f"teachkit.grading.checks.{catalogue(stem).stem}").ITEMS


def _item(known: dict) -> Item:
    statement = Statement(**known["statement"]) if known["statement"] else None
    hints = tuple(Hint(x["text"], x["step"]) for x in known["hints"])
    return Item(known["name"], known["title"], known["points"], hints, statement)


def _unknown(what: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    guess = f"; do you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
    return f"{what}: there is none called {name[:40]!r}{guess}"
