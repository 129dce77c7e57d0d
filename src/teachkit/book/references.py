"""What a reference in a page reads and leads to, for text that is not built by Sphinx.

The same references in the built pages are Sphinx's work. Here a statement, a section or a page is called by its
title, as numbers are given by the build alone.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from teachkit.book import blocks
from teachkit.book.manifest import read_result
from teachkit.book.results import find, split

BIBLIOGRAPHY = "chapters/references.bib"


@dataclass(frozen=True)
class Place:
    """Something with a label: "statement", "equation", "figure" or "section", its name, its page, its id there."""

    kind: str
    name: str
    page: str
    anchor: str


class References:
    """The pages of a book, by name and label, and its bibliography.

    Args:
        root: The folder of the repository.
        pages: Names such as ``chapters/flows``.
        site: Where the book is published, with a slash at the end; None while that is nowhere.
    """

    def __init__(self, root: Path, pages: Iterable[str], site: str | None = None) -> None:
        self.root, self.site = root, site
        self.titles: dict[str, str] = {}
        self.places: dict[str, Place] = {}
        for page in pages:
            text = (root / f"{page}.md").read_text("utf-8")
            self.titles[page] = title(text)
            self.places.update(labelled(page, text))

    def link(self, text: str, address: str) -> str:
        """Return a text with a link to an address in the book, such as ``chapters/flows.html``."""
        return f"[{text}]({self.site}{address})" if self.site else text

    def to_label(self, label: str, text: str = "", page: str = "") -> str:
        """Return a reference to a label from a page, with a text of its own if one is given.

        Raises:
            ValueError: No page has the label.
        """
        if label not in self.places:
            raise ValueError(f"no page has the label {label!r}")
        place = self.places[label]
        name = self._title(place.name) if place.kind == "section" else place.name
        if place.kind == "equation" and place.page != page:
            name = f"{name} in {self._title(self.titles[place.page])}"
        return self.link(text or name, f"{place.page}.html#{place.anchor}")

    def to_page(self, target: str, text: str = "", page: str = "") -> str:
        """Return a reference to another page, given as a path relative to the page that refers to it.

        Raises:
            ValueError: There is no such page.
        """
        path, _, anchor = target.partition("#")
        name = posixpath.normpath(posixpath.join(posixpath.dirname(page), path.removesuffix(".md")))
        if name not in self.titles:
            raise ValueError(f"there is no page {target!r}")
        if anchor:
            return self.to_label(anchor, text, page)
        return self.link(text or self._title(self.titles[name]), f"{name}.html")

    def _title(self, text: str) -> str:
        """Return a title, in quotation marks where no link sets it off from the text around it."""
        return text if self.site else f"“{text}”"

    def to_number(self, target: str) -> str:
        """Return a recorded number, such as ``coupling:seconds|.0f``, with a link to its record.

        Raises:
            ValueError: It was not recorded.
        """
        run = split(target)[0]
        try:
            return self.link(find(read_result(self.root / "results" / run), target), f"results/{run}.json")
        except FileNotFoundError as error:
            raise ValueError(f"there is no run {run!r}") from error

    def to_work(self, key: str, *, bracketed: bool = False) -> str:
        """Return author and year of a work, such as ``Dinh et al. (2014)``, or without brackets round the year.

        Raises:
            ValueError: The bibliography has no such entry.
        """
        if key not in self._works:
            raise ValueError(f"{BIBLIOGRAPHY} has no entry {key!r}")
        entry = self._works[key]
        names = [_family_name(person) for person in entry.persons["author"]]
        who = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
        year = entry.fields["year"]
        return self.link(f"{who}, {year}" if bracketed else f"{who} ({year})", "chapters/bibliography.html")

    @cached_property
    def _works(self) -> dict:
        from pybtex.database import parse_file

        return parse_file(str(self.root / BIBLIOGRAPHY), bib_format="bibtex").entries


def _family_name(person: object) -> str:
    return " ".join(str(part) for part in [*person.rich_prelast_names, *person.rich_last_names])


def title(text: str) -> str:
    r"""Return the title of a page.

    >>> title("---\na: 1\n---\n# Normalizing flows\n\nText.")
    'Normalizing flows'
    """
    return next((heading(line) for line in blocks.body(text)[0].split("\n") if line.startswith("# ")), "")


def heading(line: str) -> str:
    """Return the text of a heading."""
    return line.lstrip("#").strip()


def labelled(page: str, text: str) -> Iterator[tuple[str, Place]]:
    """Yield every label of a page with its place."""
    equations, target = 0, ""
    for block in blocks.blocks(*blocks.body(text)):
        if target:
            yield target, Place("section", heading(block.body.lstrip("\n").split("\n")[0]), page, target)
        target = block.name if block.kind == "target" else ""
        if block.kind == "math" and block.name:
            equations += 1
            yield block.name, Place("equation", f"({equations})", page, f"equation-{block.name}")
        if block.kind == "directive":
            yield from _labelled_directive(page, block)


def _labelled_directive(page: str, block: blocks.Block) -> Iterator[tuple[str, Place]]:
    if label := block.options.get("label"):
        yield label, Place("statement", statement_name(block), page, label)
    figure = block.options.get("mystnb", {}).get("figure", {})
    name, caption = figure.get("name"), figure.get("caption", "")
    if block.name == "figure":
        name, caption = block.options.get("name"), block.body
    if name:
        first = caption.replace("\n", " ").partition(". ")[0].rstrip(".")
        yield name, Place("figure", f"the figure “{first}”", page, name)


def statement_name(block: blocks.Block) -> str:
    r"""Return the kind of a statement and its title.

    >>> [block] = blocks.blocks("```{prf:theorem} Change of variables\n```")
    >>> statement_name(block)
    'Theorem (Change of variables)'
    """
    kind = block.name.removeprefix("prf:").capitalize()
    return f"{kind} ({block.argument})" if block.argument else kind
