"""The log of attempts beside a notebook: one line of JSON for each, so that a restart loses nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
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


@dataclass
class Log:
    """All attempts at a sheet; each is written to the file at once.

    Args:
        path: The file, or None to keep the attempts in memory alone.

    Attributes:
        attempts: In the order of time.
        trouble: Why the last attempt could not be written; empty if it was.
    """

    path: Path | None = None
    attempts: list[Attempt] = field(default_factory=list)
    trouble: str = ""

    def __post_init__(self) -> None:
        if self.path is not None and self.path.exists():
            self.attempts += _read(self.path)

    def add(self, student: str, item: str, record: Any, verdict: Verdict, hint: int | None = None) -> Attempt:
        """Append an attempt; one that can't be written is kept in memory."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        attempt = Attempt(now, student, item, record, verdict.score, verdict.status, hint)
        self.attempts.append(attempt)
        self.trouble = self._write(attempt)
        return attempt

    def of(self, students: Collection[str], item: str) -> list[Attempt]:
        """Return the attempts of some students at an item."""
        return [x for x in self.attempts if x.student in students and x.item == item]

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
    """Whether no attempt gave this answer."""
    written = json.dumps(record, sort_keys=True)
    return all(json.dumps(x.record, sort_keys=True) != written for x in attempts)


def _last(file: Any) -> bytes:
    file.seek(-1, 2)
    return file.read(1)


def _read(path: Path) -> Iterator[Attempt]:
    """Yield the attempts of a file; a line that was cut off is passed over, and stays in the file."""
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            attempt = Attempt(**json.loads(line))
        except (ValueError, TypeError):
            continue
        if isinstance(attempt.score, int | float) and isinstance(attempt.student, str):
            yield attempt
