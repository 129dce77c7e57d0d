"""One of several options, and a truth value with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from teachkit.grading.kinds.base import Data, Kind
from teachkit.grading.plain import is_missing
from teachkit.grading.verdict import UnusableError, Verdict


def letter(record: Any, options: list[str]) -> str:
    """Return the letter of an option, written "b", "B", "(b)" or "b)".

    Raises:
        UnusableError: It is no letter of an option.

    >>> letter(" B) ", ["a", "b"])
    'b'
    """
    out = record.strip().strip("().").strip().lower() if isinstance(record, str) else None
    if out not in options:
        shown = repr(record)[:40] if isinstance(record, str) else type(record).__name__
        raise UnusableError(f"Expected one of the letters {', '.join(options)}, got {shown}.")
    return out


@dataclass(frozen=True, kw_only=True)
class Choice(Kind):
    """One option, named by its letter.

    Args:
        right: The letter of the right option.
        why: For each other letter, why somebody would choose it, and what is wrong with it.
        because: What to say when the answer is right.

    >>> Choice(right="b", why={"a": "That is the inverse."}).judge("a", {}).message
    'That is the inverse.'
    """

    right: str
    why: Mapping[str, str]
    because: str = "Right."

    def __post_init__(self) -> None:
        if self.right in self.why or not self.why:
            raise ValueError("why: expected a message for every letter but the right one")

    @property
    def options(self) -> list[str]:
        """All letters."""
        return sorted([self.right, *self.why])

    def record(self, answer: Any, data: Data) -> str:
        """Return the letter."""
        return letter(super().record(answer, data), self.options)

    def judge(self, record: Any, data: Data) -> Verdict:
        """Look the letter up."""
        chosen = letter(record, self.options)
        return Verdict(1, self.because) if chosen == self.right else Verdict(0, self.why[chosen])

    def secrets(self, data: Data) -> Iterator[str]:
        """Yield nothing: a letter is too short to be found."""
        yield from ()


_TRUE = {"true": True, "t": True, "yes": True, "false": False, "f": False, "no": False}


@dataclass(frozen=True, kw_only=True)
class TrueFalse(Kind):
    """Whether a claim is true, and the letter of the reason: ``(False, "c")``.

    The truth value alone earns nothing: a coin gets it every other time.

    Args:
        truth: Whether the claim is true.
        right: The letter of the reason.
        why: For each other letter, what is wrong with it as a reason.
        otherwise: What to say when the truth value is wrong: a case that decides.
        because: What to say when the answer is right.

    >>> kind = TrueFalse(truth=False, right="a", why={"b": "It is true of b, but no reason."}, otherwise="Try z = 0.")
    >>> kind.judge([False, "a"], {}).right, kind.judge([True, "a"], {}).message
    (True, 'Try z = 0.')
    """

    truth: bool
    right: str
    why: Mapping[str, str]
    otherwise: str
    because: str = "Right."

    def __post_init__(self) -> None:
        if self.right in self.why or not self.why:
            raise ValueError("why: expected a message for every letter but the right one")

    def record(self, answer: Any, data: Data) -> list[Any]:
        """Return the truth value and the letter."""
        return list(self._read(super().record(answer, data)))

    def _read(self, record: Any) -> tuple[bool, str]:
        if not isinstance(record, list) or len(record) != 2:
            raise UnusableError('Expected a truth value and the letter of a reason, such as (True, "a").')
        truth = _TRUE.get(record[0].strip().lower()) if isinstance(record[0], str) else record[0]
        if not isinstance(truth, bool):
            raise UnusableError("The first part must be True or False.")
        if is_missing(record[1]):
            raise UnusableError("The letter of the reason is missing.")
        return truth, letter(record[1], sorted([self.right, *self.why]))

    def judge(self, record: Any, data: Data) -> Verdict:
        """Look both up; the message on a wrong truth value goes first."""
        truth, reason = self._read(record)
        if truth is not self.truth:
            return Verdict(0, self.otherwise)
        if reason != self.right:
            return Verdict(0, f"The truth value is right, but this is not the reason. {self.why[reason]}")
        return Verdict(1, self.because)

    def secrets(self, data: Data) -> Iterator[str]:
        """Yield nothing: both parts are too short to be found."""
        yield from ()
