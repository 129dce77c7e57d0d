"""The numbered statements of the chapters, and whether each has a label and a law."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from teachkit.book.laws import Law

NEED_A_LAW = frozenset({"definition", "theorem", "proposition", "lemma", "corollary", "algorithm", "observation"})
_LABEL = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Statement:
    """A numbered statement as a chapter has it."""

    docname: str
    file: str
    line: int
    kind: str
    label: str
    title: str
    untestable: bool

    @property
    def labelled(self) -> bool:
        """Whether the chapter gives the label; sphinx-proof makes up "kind-serial number" otherwise."""
        return re.fullmatch(rf"{self.kind}-\d+", self.label) is None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.kind}{self.title and f' {self.title}'}"


def find_problems(everything: list[Statement], laws: dict[str, Law]) -> list[str]:
    """Return one line for each statement without a label or a law, and each law without a statement."""
    problems = [line for statement in everything for line in _statement_problems(statement, laws)]
    known = {statement.label for statement in everything}
    for label, count in Counter(x.label for x in everything if x.labelled).items():
        if count > 1:
            where = ", ".join(f"{x.file}:{x.line}" for x in everything if x.label == label)
            problems.append(f"the label {label!r} is given {count} times: {where}")
    for test in (test.claim for label, law in laws.items() if label not in known for test in law.tests):
        problems.append(f"{test.file}:{test.line}: {test.test} verifies {test.label!r}, a label that no statement has")
    return problems


def _statement_problems(statement: Statement, laws: dict[str, Law]) -> Iterator[str]:
    needed = statement.kind in NEED_A_LAW
    if not statement.labelled:
        if needed:
            yield f"{statement} has no label"
        return
    name = f"{statement} (label {statement.label!r})"
    if not _LABEL.fullmatch(statement.label):
        yield f"{name}: a label is made of lower-case letters, digits and hyphens, and begins with a letter"
    if statement.untestable and statement.label in laws:
        yield f"{name} is marked untestable, but a test verifies it"
    if needed and not statement.untestable and statement.label not in laws:
        yield f"{name} has no law: mark a test with law({statement.label!r}), or give it the class untestable"
