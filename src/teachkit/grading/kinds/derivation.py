"""A derivation with gaps to fill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from teachkit.grading.kinds.base import Data, Kind, refusal
from teachkit.grading.plain import given, is_missing, plain
from teachkit.grading.verdict import UnusableError, Verdict

_UNUSABLE = "unusable"


@dataclass(frozen=True, kw_only=True)
class Derivation(Kind):
    """Several steps, each with a kind of its own; every right step earns its share of the points.

    The answer is a dict from the steps' names to their answers, or a list in their order.

    Args:
        steps: The kind of each step, in order. They share the data of the whole.

    >>> from teachkit.grading.kinds import Number
    >>> kind = Derivation(steps={"det": Number(value=5), "density": Number(value=0.2)})
    >>> kind.judge({"det": 5, "density": 5}, {}).score
    0.5
    """

    steps: Mapping[str, Kind]

    def record(self, answer: Any, data: Data) -> dict[str, Any]:
        """Return the plain answers by step; None where there is none."""
        if answer is None or answer is Ellipsis:
            return given(answer)
        if type(answer) in (list, tuple) and len(answer) == len(self.steps):
            answer = dict(zip(self.steps, answer, strict=True))
        if type(answer) is not dict:
            raise UnusableError(f"Expected a dict with the steps {', '.join(self.steps)}.")
        names = [name if type(name) is str else type(name).__name__ for name in answer]
        if unknown := [name for name in names if name not in self.steps]:
            raise UnusableError(f"There is no step {unknown[0][:40]!r}. The steps are {', '.join(self.steps)}.")
        record = {name: _plain_step(answer.get(name)) for name in self.steps}
        return record if any(x is not None for x in record.values()) else given(None)

    def judge(self, record: Any, data: Data) -> Verdict:
        """Judge each step and report on all of them."""
        if not isinstance(record, dict):
            raise UnusableError("Expected the steps by name.")
        verdicts = {name: self._step(name, record.get(name), data) for name in self.steps}
        if not any(x.usable for x in verdicts.values()):
            said = [f"{name}: {x.message}" for name, x in verdicts.items() if not x.missing]
            raise UnusableError("\n".join(said) or "There is no answer to any step.")
        score = sum(x.score for x in verdicts.values()) / len(verdicts)
        if all(x.right for x in verdicts.values()):
            because = [f"{name}: {x.message}" for name, x in verdicts.items() if x.message != "Right."]
            return Verdict(1, "\n".join(because) or "Right.")
        report = [f"{name}: {'right.' if x.right else x.message}" for name, x in verdicts.items()]
        unfinished = all(x.right or x.missing for x in verdicts.values())
        wrong = tuple(name for name, x in verdicts.items() if not (x.right or x.missing))
        return Verdict(min(score, 0.99), "\n".join(report), unfinished=unfinished, wrong_steps=wrong)

    def _step(self, name: str, answer: Any, data: Data) -> Verdict:
        if answer is None:
            return Verdict(0, "not filled in yet.", usable=False, missing=True)
        if isinstance(answer, dict):
            return Verdict(0, str(answer.get(_UNUSABLE, "this can't be read.")), usable=False)
        kind = self.steps[name]
        try:
            return kind.judge(kind.record(answer, data), data)
        except Exception as error:
            return refusal(error)

    def secrets(self, data: Data) -> Iterator[str]:
        """Yield the secrets of all steps."""
        for kind in self.steps.values():
            yield from kind.secrets(data)


def _plain_step(answer: Any) -> Any:
    """Return one step's plain answer, None if it is missing, or why it can't be read: the others still count."""
    try:
        out = plain(answer)
    except UnusableError as error:
        return {_UNUSABLE: str(error)}
    return None if is_missing(out) or isinstance(out, dict) else out
