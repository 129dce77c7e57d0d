"""The student's side of a sheet: check an answer, open a hint, hand in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from teachkit.grading.attempts import Attempt, Log, best, is_new
from teachkit.grading.catalogue import Item, catalogue, kinds
from teachkit.grading.feedback import Feedback, Note, Progress, amount
from teachkit.grading.handin import ID, hand_in
from teachkit.grading.kinds import look
from teachkit.grading.verdict import Verdict

GUEST = "guest"


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
        self._folder = Path(folder or ".").resolve()
        self._student = GUEST

    def __repr__(self) -> str:
        return f"{self._catalogue.title}, student {self._student}: {self.progress()!r}"

    @property
    def items(self) -> tuple[str, ...]:
        """The names of the items, in order."""
        return tuple(self._catalogue.items)

    def student(self, id: str) -> Note:
        """Say who you are: some items have other values for each student, and the file to hand in bears your id.

        Answers that were given as "guest" count for you as well, if the item is the same for everybody.

        Raises:
            ValueError: The id is not made of up to 64 letters, digits and the signs . _ @ -
        """
        id = str(id) if type(id) is int else id
        if not (isinstance(id, str) and ID.fullmatch(id)):
            raise ValueError(f"id: expected up to 64 letters, digits and . _ @ - in quotes, got {id!r:.80}")
        self._student = id
        return Note((f"{self._catalogue.title}. Student {id}.", *self._left_behind()), self.progress())

    def _left_behind(self) -> list[str]:
        """Say which answers of the guest don't count for this student."""
        own = [name for name in self.items if self._kinds[name].draw and self._student != GUEST]
        lost = [name for name in own if best(self._log.of([GUEST], name))]
        return [f"Check again, since your values differ from the guest's: {', '.join(lost)}."] if lost else []

    def _attempts(self, item: str) -> list[Attempt]:
        """Return the attempts that count for this student."""
        shared = [] if self._kinds[item].draw else [GUEST]
        return self._log.of([self._student, *shared], item)

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
            self._log.add(self._student, item, record, verdict, self._next_hint(entry, record, verdict))
        return Feedback(entry, verdict, self.progress(), tuple(self._notes(entry, verdict)))

    def _next_hint(self, item: Item, record: Any, verdict: Verdict) -> int | None:
        """Return the number of the hint that a new wrong answer opens: one for a wrong step, or the next."""
        before = self._attempts(item.name)
        if verdict.status not in ("wrong", "partly") or not is_new(before, record):
            return None
        closed = [i for i in range(len(item.hints)) if i not in self._opened(item)]
        wanted = [*verdict.wrong_steps, ""]
        fitting = [i for step in wanted for i in closed if item.hints[i].step == step]
        return next(iter([*fitting, *closed]), None)

    def _opened(self, item: Item) -> list[int]:
        """Return the numbers of the open hints, in the order in which they were opened."""
        numbers = dict.fromkeys(x.hint for x in self._attempts(item.name))
        return [i for i in numbers if type(i) is int and 0 <= i < len(item.hints)]

    def _notes(self, item: Item, verdict: Verdict) -> list[str]:
        notes = [self._log.trouble] if self._log.trouble else []
        score, opened = self.best(item.name), len(self._opened(item))
        if score > verdict.score:
            notes.append(f"Your best attempt, {amount(score * item.points)} of {item.points} points, still counts.")
        if opened and score < 1:
            notes.append(f'{opened} of {len(item.hints)} hints open: sheet.hint("{item.name}")')
        if verdict.right and self.progress().right == len(self.items):
            notes.append("All items are right. Hand in with sheet.submit()")
        return notes

    def hint(self, item: str) -> Note:
        """Show the hints of an item that are open; each different wrong answer opens one more."""
        entry = self._catalogue.item(item)
        opened, total = self._opened(entry), len(entry.hints)
        if not opened:
            return Note((f"Try first: each wrong answer opens one of the {total} hints of {item}.",))
        steps = [f" ({entry.hints[i].step})" if entry.hints[i].step else "" for i in opened]
        shown = [f"Hint{step}: {entry.hints[i].text}" for i, step in zip(opened, steps, strict=True)]
        more = total - len(opened)
        return Note((*shown, f"{more} more of {total}: the next wrong answer opens one.") if more else tuple(shown))

    def best(self, item: str) -> float:
        """Return the score of your best attempt at an item, from 0 to 1."""
        attempt = best(self._attempts(self._catalogue.item(item).name))
        return attempt.score if attempt else 0

    def progress(self) -> Progress:
        """Return how many points and items you have; of each item the best attempt counts."""
        score = {name: self.best(name) for name in self.items}
        earned = sum(score[name] * item.points for name, item in self._catalogue.items.items())
        return Progress(earned, self._catalogue.points, sum(x == 1 for x in score.values()), len(score))

    def overview(self) -> Note:
        """List all items with your points."""
        rows = [(name, self.best(name), item.points) for name, item in self._catalogue.items.items()]
        lines = [f"{name}: {amount(score * points)} of {points} points" for name, score, points in rows]
        return Note(tuple(lines), self.progress())

    def submit(self, path: Path | str | None = None) -> Note:
        """Write the one file to hand in, from the best attempt at each item.

        Args:
            path: Where to; ``<name>_<id>.json`` in the sheet's folder if not given.

        Raises:
            ValueError: You have not said who you are.
        """
        if self._student == GUEST:
            raise ValueError('id: the guest can not hand in; say who you are: sheet.student("your id")')
        target = Path(path) if path else self._folder / f"{self._catalogue.stem}_{self._student}.json"
        attempts = {name: self._attempts(name) for name in self.items}
        try:
            missing = hand_in(target, self._catalogue, self._student, attempts)
        except OSError as error:
            return Note((f"{target} could not be written: {error.strerror}.",))
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
