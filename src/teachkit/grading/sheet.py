"""The student's side of a sheet: check an answer, open a hint, hand in."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from teachkit.grading.attempts import Log
from teachkit.grading.catalogue import Item, catalogue, kinds
from teachkit.grading.feedback import Feedback, Note, Progress
from teachkit.grading.handin import hand_in
from teachkit.grading.kinds import look

GUEST = "guest"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class Sheet:
    """An exercise sheet. Every attempt is kept in ``<name>.attempts.jsonl`` in the present folder.

    Args:
        name: The sheet's name, such as "newton".
        folder: Where the attempts are kept; None keeps them in memory alone.

    Raises:
        ValueError: There is no such sheet.

    >>> sheet = Sheet("newton", folder=None)
    >>> sheet.progress().earned
    0
    """

    def __init__(self, name: str, folder: Path | str | None = ".") -> None:
        self._catalogue = catalogue(name)
        self._kinds = kinds(name)
        # The pages of the book run sheets too, and leave nothing behind.
        quiet = folder is None or "TEACHKIT_BOOK" in os.environ
        self._log = Log(None if quiet else Path(folder) / f"{name}.attempts.jsonl")
        self._folder = Path(folder or ".")
        self._student = GUEST

    def __repr__(self) -> str:
        return f"{self._catalogue.title}, student {self._student}: {self.progress()!r}"

    @property
    def items(self) -> tuple[str, ...]:
        """The names of the items, in order."""
        return tuple(self._catalogue.items)

    def student(self, id: str) -> Note:
        """Say who you are: some items have other values for each student, and the file to hand in bears your id.

        Raises:
            ValueError: The id is not made of up to 64 letters, digits and the signs . _ @ -
        """
        if not (isinstance(id, str) and _ID.fullmatch(id)):
            raise ValueError(f"id: expected up to 64 letters, digits and . _ @ -, got {id!r:.80}")
        self._student = id
        return Note((f"{self._catalogue.title}. Student {id}.",), self.progress())

    def data(self, item: str) -> dict[str, Any]:
        """Return your values of an item; empty for an item that is the same for everybody."""
        name = self._catalogue.item(item).name
        return self._kinds[name].data(self._catalogue.stem, name, self._student)

    def check(self, item: str, answer: Any) -> Feedback:
        """Say at once whether an answer is right, and if not, what is wrong with it.

        Args:
            item: The item's name.
            answer: Whatever the item asks for: a number, a text, a dict, a function, ...

        Returns:
            What a notebook shows as a box and a terminal as text.
        """
        entry = self._catalogue.item(item)
        record, verdict = look(self._kinds[item], answer, self.data(item))
        if not verdict.missing:
            self._log.add(self._student, item, record, verdict)
        return Feedback(entry, verdict, self.progress(), tuple(self._notes(entry, verdict.right)))

    def _notes(self, item: Item, right: bool) -> list[str]:
        notes = [self._log.trouble] if self._log.trouble else []
        opened = self._opened(item)
        if opened and not right:
            notes.append(f'Hint {opened} of {len(item.hints)} is open: sheet.hint("{item.name}")')
        return notes

    def _opened(self, item: Item) -> int:
        return min(self._log.wrong(self._student, item.name), len(item.hints))

    def hint(self, item: str) -> Note:
        """Show the hints of an item that are open; each different wrong answer opens one more."""
        entry = self._catalogue.item(item)
        opened, total = self._opened(entry), len(entry.hints)
        if not opened:
            return Note((f"Try first: each wrong answer opens one of the {total} hints of {item}.",))
        shown = [f"Hint {i} of {total}: {text}" for i, text in enumerate(entry.hints[:opened], 1)]
        more = () if opened == total else ("Another wrong answer opens the next one.",)
        return Note((*shown, *more))

    def best(self, item: str) -> float:
        """Return the score of your best attempt at an item, from 0 to 1."""
        attempt = self._log.best(self._student, self._catalogue.item(item).name)
        return attempt.score if attempt else 0

    def progress(self) -> Progress:
        """Return how many points and items you have; of each item the best attempt counts."""
        score = {name: self.best(name) for name in self.items}
        earned = sum(score[name] * item.points for name, item in self._catalogue.items.items())
        return Progress(earned, self._catalogue.points, sum(x == 1 for x in score.values()), len(score))

    def submit(self, path: Path | str | None = None) -> Note:
        """Write the one file to hand in, from the best attempt at each item.

        Args:
            path: Where to; ``<name>_<id>.json`` in the sheet's folder if not given.

        Raises:
            ValueError: You have not said who you are.
        """
        if self._student == GUEST:
            raise ValueError('id: say who you are before handing in: sheet.student("your id")')
        target = Path(path) if path else self._folder / f"{self._catalogue.stem}_{self._student}.json"
        missing = hand_in(target, self._catalogue, self._student, self._log)
        _download(target)
        lines = [f"Written to {target.name}. Hand in this file."]
        if missing:
            lines.append(f"Without an answer: {', '.join(missing)}.")
        return Note(tuple(lines), self.progress())


def _download(path: Path) -> None:
    """Let the browser fetch the file where the notebook's folder can't be seen."""
    try:
        from google.colab import files
    except ImportError:
        return
    files.download(str(path))
