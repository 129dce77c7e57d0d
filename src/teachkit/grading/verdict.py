"""What a check says of an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass


class UnusableError(Exception):
    """An answer that can't be compared with anything; the message tells the student why."""


class MissingError(UnusableError):
    """There is no answer yet."""


@dataclass(frozen=True)
class Verdict:
    """The share of the points that an answer earns, from 0 to 1, and what to tell the student.

    ``usable`` is False for an answer that is missing or has the wrong form. ``unfinished`` is True for one
    whose parts are right as far as they go. ``wrong_steps`` names the parts that are wrong.
    """

    score: float
    message: str
    usable: bool = True
    missing: bool = False
    unfinished: bool = False
    wrong_steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.score) and 0 <= self.score <= 1):
            raise ValueError(f"score: expected a number from 0 to 1, got {self.score}")

    @property
    def right(self) -> bool:
        """Whether the answer earns all points."""
        return self.score == 1

    @property
    def status(self) -> str:
        """One of right, unfinished, partly, wrong, unusable, missing.

        >>> Verdict(0.5, "The inverse is right, its determinant is not.").status
        'partly'
        """
        if not self.usable:
            return "missing" if self.missing else "unusable"
        if self.unfinished:
            return "unfinished"
        return "right" if self.right else "partly" if self.score else "wrong"
