"""A derivation with gaps to fill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from teachkit.grading.kinds.base import Data, Kind, refusal
from teachkit.grading.plain import is_missing
from teachkit.grading.verdict import UnusableError, Verdict


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
        answers = super().record(answer, data)
        if isinstance(answers, list) and len(answers) == len(self.steps):
            answers = dict(zip(self.steps, answers, strict=True))
        if not isinstance(answers, dict):
            raise UnusableError(f"Expected a dict with the steps {', '.join(self.steps)}.")
        if unknown := sorted(answers.keys() - self.steps.keys()):
            raise UnusableError(f"There is no step {unknown[0][:40]!r}. The steps are {', '.join(self.steps)}.")
        return {name: None if is_missing(answers.get(name)) else answers[name] for name in self.steps}

    def judge(self, record: Any, data: Data) -> Verdict:
        """Judge each step and report on all of them."""
        if not isinstance(record, dict):
            raise UnusableError("Expected the steps by name.")
        verdicts = {name: self._step(name, record.get(name), data) for name in self.steps}
        score = sum(x.score for x in verdicts.values()) / len(verdicts)
        if all(x.right for x in verdicts.values()):
            return Verdict(1, "Right.")
        report = [f"{name}: {'right.' if x.right else x.message}" for name, x in verdicts.items()]
        unfinished = all(x.right or x.missing for x in verdicts.values())
        return Verdict(min(score, 0.99), "\n".join(report), unfinished=unfinished)

    def _step(self, name: str, answer: Any, data: Data) -> Verdict:
        if answer is None:
            return Verdict(0, "not filled in yet.", usable=False, missing=True)
        kind = self.steps[name]
        try:
            return kind.judge(kind.record(answer, data), data)
        except Exception as error:
            return refusal(error)

    def secrets(self, data: Data) -> Iterator[str]:
        """Yield the secrets of all steps."""
        for kind in self.steps.values():
            yield from kind.secrets(data)
