"""The log of attempts beside a notebook: one line of JSON for each, so that a restart loses nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from teachkit.grading.verdict import Verdict


@dataclass(frozen=True)
class Attempt:
    """One answer to one item, as plain data, with its score from 0 to 1.

    ``hint`` is the number of the hint that it opened, if any.
    """

    time: str
    student: str
    item: str
    record: Any
    score: float
    status: str
    hint: int | None = None


class Log:
    """All attempts at a sheet; each is written to the file at once.

    Two sheets may be open on one file: it is read again when it has changed.

    Args:
        path: The file, or None to keep the attempts in memory alone.

    Attributes:
        trouble: Why the file could not be read or written the last time; empty if it could.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path.resolve() if path else None
        self.trouble = ""
        self._written: list[Attempt] = []
        self._unwritten: list[Attempt] = []
        self._state: tuple[int, int] | None = None

    def add(self, student: str, item: str, record: Any, verdict: Verdict, hint: int | None = None) -> None:
        """Append an attempt; one that can't be written is kept in memory."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        attempt = Attempt(now, student, item, record, verdict.score, verdict.status, hint)
        self.trouble = self._write(attempt)
        if self.path is None or self.trouble:
            self._unwritten.append(attempt)

    def of(self, students: Collection[str], item: str) -> list[Attempt]:
        """Return the attempts of some students at an item, in the order of time."""
        return [x for x in [*self._read(), *self._unwritten] if x.student in students and x.item == item]

    def _read(self) -> list[Attempt]:
        if self.path is None or not self.path.exists():
            return []
        try:
            found = self.path.stat()
            if (state := (found.st_size, found.st_mtime_ns)) != self._state:
                self._written, self._state = list(_attempts(self.path)), state
        except OSError as error:
            self.trouble = f"The attempts in {self.path.name} could not be read: {error.strerror}."
        return self._written

    def _write(self, attempt: Attempt) -> str:
        if self.path is None:
            return ""
        try:
            with self.path.open("a+b") as file:
                if file.tell() and _last(file) != b"\n":  # an earlier write was cut off
                    file.write(b"\n")
                file.write(json.dumps(asdict(attempt), allow_nan=False).encode() + b"\n")
        except OSError as error:
            return f"This attempt could not be written to {self.path.name}: {error.strerror}."
        return ""


def best(attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the attempt with the highest score; of equal ones a readable one, and then the latest."""
    found = [x for x in attempts if x.record is not None]
    return max(reversed(found), key=lambda x: (x.score, x.status != "unusable"), default=None)


def is_new(attempts: Sequence[Attempt], record: Any) -> bool:
    """Whether no attempt gave this answer; two functions with the same results are the same answer."""
    return all(_essence(x.record) != _essence(record) for x in attempts)


def _essence(record: Any) -> str:
    if isinstance(record, dict) and "results" in record:
        record = record["results"]
    return json.dumps(record, sort_keys=True)


def _last(file: Any) -> bytes:
    file.seek(-1, 2)
    return file.read(1)


def _attempts(path: Path) -> Iterator[Attempt]:
    """Yield the attempts of a file; a line that was cut off or changed is passed over, and stays in the file."""
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            attempt = Attempt(**json.loads(line))
        except (ValueError, TypeError, RecursionError):
            continue
        if _is_sound(attempt):
            yield attempt


def _is_sound(attempt: Attempt) -> bool:
    texts = (attempt.time, attempt.student, attempt.item, attempt.status)
    score = attempt.score
    return all(type(x) is str for x in texts) and type(score) in (int, float) and 0 <= score <= 1
