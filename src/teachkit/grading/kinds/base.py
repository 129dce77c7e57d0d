"""What all kinds of answers share.

A check has two halves. ``record`` runs where the student works: it may meet any object, and run the
student's code; only plain data comes out. ``judge`` compares such data and runs nothing of the student's.
A file that was handed in holds the records, so it is judged without running code.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from teachkit.grading.draw import Draw
from teachkit.grading.plain import decode, encode, given
from teachkit.grading.verdict import MissingError, UnusableError, Verdict

LARGEST = 400_000
"""The most characters of a record, written as JSON."""

Data = Mapping[str, Any]
"""What was drawn for one student."""


@dataclass(frozen=True)
class Wrong:
    """A wrong answer with a name: what gives it away, the message, and the share of the points it still earns.

    ``answer`` may be a function of the student's data.
    """

    answer: Any
    message: str
    credit: float = 0.0

    def __post_init__(self) -> None:
        if not self.message.strip():
            raise ValueError("message: expected a text, got none")
        if not 0 <= self.credit < 1:
            raise ValueError(f"credit: expected a share from 0 to below 1, got {self.credit}")


@dataclass(frozen=True, kw_only=True)
class Kind(ABC):
    """One kind of answer, with what is expected.

    Args:
        wrong: Known wrong answers. The first that an answer equals gives the message.
        draw: What differs from student to student, drawn from their stream; it may be left out.
    """

    wrong: Sequence[Wrong] = ()
    draw: Callable[[Draw], dict[str, Any]] | None = field(default=None, repr=False)

    def data(self, *words: str) -> dict[str, Any]:
        """Return the student's data; the words name sheet, item and student."""
        return self.draw(Draw(*words)) if self.draw else {}

    def record(self, answer: Any, data: Data) -> Any:
        """Return the answer as plain data.

        Raises:
            MissingError: There is none.
            UnusableError: It is of the wrong form.
        """
        return given(answer)

    @abstractmethod
    def judge(self, record: Any, data: Data) -> Verdict:
        """Say what a record is worth, and why.

        Raises:
            UnusableError: It is of the wrong form.
        """

    @abstractmethod
    def secrets(self, data: Data) -> Iterator[str]:
        """Yield the texts that would give the answer away; none of them may stand in a sheet."""


def expected(value: Any, data: Data) -> Any:
    """Return an expected value, computed from the student's data if it depends on them."""
    return value(data) if callable(value) else value


def look(kind: Kind, answer: Any, data: Data) -> tuple[Any, Verdict]:
    """Check an answer; nothing that it is or does gets in the way.

    Returns:
        The record as JSON can hold it, and the verdict.
    """
    try:
        record = encode(kind.record(answer, data))
        if len(json.dumps(record, allow_nan=False)) > LARGEST:
            raise UnusableError("This answer is too large to be kept; give fewer numbers.")
    except (Exception, SystemExit, GeneratorExit) as error:
        return None, refusal(error)
    return record, judge(kind, record, data)


def judge(kind: Kind, record: Any, data: Data) -> Verdict:
    """Judge a record as it stands in a log or in a file that was handed in."""
    try:
        return kind.judge(decode(record), data)
    except Exception as error:
        return refusal(error)


def refusal(error: BaseException) -> Verdict:
    """Return the verdict on an answer that could not be compared."""
    if isinstance(error, UnusableError):
        return Verdict(0, str(error), usable=False, missing=isinstance(error, MissingError))
    said = "no message"
    with suppress(Exception):
        said = str(error)[:200]
    return Verdict(0, f"This answer could not be read ({type(error).__name__}: {said}).", usable=False)


def close(a: float, b: float, rtol: float, atol: float) -> bool:
    """Whether two numbers agree, up to a share of the larger one or an absolute difference."""
    return math.isclose(a, b, rel_tol=rtol, abs_tol=atol)
