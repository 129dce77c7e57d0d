"""A function that the student writes."""

from __future__ import annotations

import copy
import inspect
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds.base import Data, Kind, Wrong
from teachkit.grading.kinds.compare import differences, report
from teachkit.grading.plain import encode, plain
from teachkit.grading.safely import KEEP, Outcome, call
from teachkit.grading.verdict import MissingError, UnusableError, Verdict

_NOT_RUN = "it was not run, since the time was over."

Arguments = tuple[Any, ...]
Case = Callable[[Draw, Data], Arguments]


@dataclass(frozen=True)
class Holds:
    """A property of a function's results, for a function without a reference, or beside it.

    ``test`` gets the list of arguments and the list of results, case by case, and says whether it holds.
    """

    test: Callable[[list[Arguments], list[Any]], bool]
    message: str


@dataclass(frozen=True, kw_only=True)
class Function(Kind):
    """A function, judged by its results on inputs that differ from student to student.

    Checked in this order: it ends in time, raises nothing, leaves its arguments alone, returns the
    right shapes and kinds of numbers, the right values, and has the properties. Each case earns its
    share of the points. Wrong answers are functions too; their results on the same inputs are compared.

    Args:
        cases: Named inputs, such as "a batch": from a stream and the student's data to arguments.
        reference: What computes the right results; it may be left out where properties say it all.
        holds: Properties of all results together. The points are lost where one fails.
        rtol: The share of the largest result by which results may differ.
        seconds: How long all cases together may take.
        adapt: From the student's function to one of the arguments above, where it works on other objects, such as
            tensors. The reference and the wrong functions are not adapted.

    >>> kind = Function(cases={"one number": lambda draw, data: (draw.decimal(1, 2),)}, reference=lambda x: x**2)
    >>> kind.judge(kind.record(lambda x: x * x, {}), {}).right
    True
    """

    cases: Mapping[str, Case]
    reference: Callable[..., Any] | None = None
    holds: Sequence[Holds] = ()
    rtol: float = 1e-6
    seconds: float = 4.0
    adapt: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None

    def arguments(self, data: Data) -> dict[str, Arguments]:
        """Return the arguments of every case; the same words of the student give the same arguments."""
        known = json.dumps(encode(data), sort_keys=True)
        return {name: case(Draw("cases", name, known), data) for name, case in self.cases.items()}

    def record(self, answer: Any, data: Data) -> dict[str, Any]:
        """Run the function on every case; return its results and its source."""
        if answer is None or answer is Ellipsis:
            raise MissingError("There is no function yet.")
        if not callable(answer):
            raise UnusableError(f"Expected a function, got {type(answer).__name__}. Give its name, without brackets.")
        if inspect.iscoroutinefunction(answer):
            raise UnusableError("This is an async function: leave out the word async.")
        function = self.adapt(answer) if self.adapt else answer
        until = time.monotonic() + self.seconds
        results: dict[str, Any] = {}
        for name, arguments in self.arguments(data).items():
            left = until - time.monotonic()
            results[name] = _result(self._run(function, arguments, left) if left > 0 else Outcome(problem=_NOT_RUN))
        if all(x.get("value", 0) is None and not x.get("problem") for x in results.values()):
            raise MissingError("The function returns None: it is not written yet, or the return is missing.")
        printed = "".join(x.pop("printed") for x in results.values())[:KEEP]
        characters = sum(x.pop("characters") for x in results.values())
        return {"source": _source(answer), "results": results, "printed": printed, "characters": characters}

    def _run(self, answer: Callable[..., Any], arguments: Arguments, seconds: float | None) -> Outcome:
        """Call a function on copies, since cases may share their arguments with the library."""
        copies = copy.deepcopy(arguments)
        outcome = call(answer, copies, seconds)
        changed = [i for i, (a, b) in enumerate(zip(arguments, copies, strict=True), 1) if not _equal(a, b)]
        if changed:
            outcome.problem = f"it changes its argument number {changed[0]} in place; work on a copy."
        return outcome

    def judge(self, record: Any, data: Data) -> Verdict:
        """Compare the results with the reference's, then with those of the wrong functions."""
        results = record.get("results") if isinstance(record, dict) else None
        if not isinstance(results, dict) or results.keys() != self.cases.keys():
            raise UnusableError("Expected the results of every case.")
        verdict = self._judge(self.arguments(data), results)
        told = _printing(record, verdict.right)
        return replace(verdict, message=f"{verdict.message}\n{told}") if told else verdict

    def _judge(self, arguments: dict[str, Arguments], results: dict[str, Any]) -> Verdict:
        said = {name: self._differences(results[name], arguments[name]) for name in self.cases}
        if not any(text for parts in said.values() for text in parts):
            return self._properties(arguments, results)
        right = [np.mean([not text for text in parts]) for parts in said.values()]
        values = [results[name].get("value") for name in self.cases]
        broken = not all(_true(x.test, list(arguments.values()), values) for x in self.holds)
        share = 0.0 if broken or not self.reference else min(float(np.mean(right)), 0.99)
        named = self._named(arguments, results)
        if named:
            return Verdict(max(named.credit, share), named.message)
        return Verdict(share, "\n".join(report(said)))

    def _differences(self, result: dict[str, Any], arguments: Arguments) -> list[str]:
        if result.get("problem"):
            return [str(result["problem"])]
        if self.reference is None:
            return [""]
        wanted = plain(self.reference(*copy.deepcopy(arguments)))
        return differences(result.get("value"), wanted, self.rtol)

    def _properties(self, arguments: dict[str, Arguments], results: dict[str, Any]) -> Verdict:
        values = [results[name].get("value") for name in self.cases]
        for property_ in self.holds:
            if not _true(property_.test, list(arguments.values()), values):
                named = self._named(arguments, results)
                return Verdict(named.credit, named.message) if named else Verdict(0, property_.message)
        return Verdict(1, "Right.")

    def _named(self, arguments: dict[str, Arguments], results: dict[str, Any]) -> Wrong | None:
        return next((x for x in self.wrong if self._is(x.answer, arguments, results)), None)

    def _is(self, wrong: Callable[..., Any], arguments: dict[str, Arguments], results: dict[str, Any]) -> bool:
        """Whether the results are those of a wrong function: its values, or its problem."""
        for name in self.cases:
            theirs = _result(self._run(wrong, arguments[name], None))
            problem = _problem(theirs)
            if problem != _problem(results[name]):
                return False
            if not problem and any(differences(results[name].get("value"), theirs["value"], self.rtol)):
                return False
        return True

    def secrets(self, data: Data) -> Iterator[str]:
        """Yield nothing: a reference is code, and the texts of the solutions are compared as such."""
        yield from ()


def _source(answer: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(answer)[:10_000]
    except (OSError, TypeError):
        return ""


def _result(outcome: Outcome) -> dict[str, Any]:
    """Return what a call gave as plain data."""
    printed = {"printed": outcome.printed, "characters": outcome.characters}
    if outcome.problem:
        return {"problem": outcome.problem, **printed}
    try:
        return {"value": plain(outcome.value), **printed}
    except UnusableError as error:
        return {"problem": f"what it returns can't be read. {error}", **printed}


def _problem(result: dict[str, Any]) -> str:
    """Return what went wrong, without the line: no two functions raise the same error in the same line."""
    return re.sub(r" \(line \d+ of your function\)", "", str(result.get("problem") or ""))


def _printing(record: dict[str, Any], right: bool) -> str:
    """Say what the function prints: a lot in any case, a little where it may help to find a mistake."""
    printed, characters = record.get("printed"), record.get("characters")
    if type(characters) is int and characters > KEEP:
        return f"It prints {characters:,} characters, which are not all shown here; take the print out."
    return f"It prints: {printed.strip()}" if isinstance(printed, str) and printed.strip() and not right else ""


def _equal(a: Any, b: Any) -> bool:
    """Whether an argument is as it was; what is no data, such as a function, can't be compared and counts as such."""
    if isinstance(a, np.ndarray):
        same = isinstance(b, np.ndarray) and a.shape == b.shape and a.dtype == b.dtype
        return same and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, dict):
        return type(b) is dict and a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b if isinstance(a, int | float | str) else True


def _true(test: Callable[..., bool], arguments: list[Arguments], values: list[Any]) -> bool:
    """Whether a property holds; one that can't be computed on these results does not."""
    try:
        return bool(test(arguments, values))
    except Exception:
        return False
