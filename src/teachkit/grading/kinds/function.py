"""A function that the student writes."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds.base import Data, Kind
from teachkit.grading.plain import encode, plain
from teachkit.grading.safely import Outcome, call
from teachkit.grading.verdict import MissingError, UnusableError, Verdict

LOUD = 1000
"""The most characters that a function may print in all cases together without being told so."""

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
        seconds: How long one case may take; after one that takes longer no other is run.

    >>> kind = Function(cases={"one number": lambda draw, data: (draw.decimal(1, 2),)}, reference=lambda x: x**2)
    >>> kind.judge(kind.record(lambda x: x * x, {}), {}).right
    True
    """

    cases: Mapping[str, Case]
    reference: Callable[..., Any] | None = None
    holds: Sequence[Holds] = ()
    rtol: float = 1e-6
    seconds: float = 0.8

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
        results: dict[str, Any] = {}
        endless = False
        for name, arguments in self.arguments(data).items():
            results[name] = {"problem": "Not run."} if endless else self._run(answer, arguments, self.seconds)
            endless = endless or "had not ended" in results[name].get("problem", "")
        if all(x.get("value", 0) is None and not x.get("problem") for x in results.values()):
            raise MissingError("The function returns None: it is not written yet, or the return is missing.")
        printed = sum(x.pop("printed", 0) for x in results.values())
        return {"source": _source(answer), "results": results, "printed": printed}

    def _run(self, answer: Callable[..., Any], arguments: Arguments, seconds: float) -> dict[str, Any]:
        kept = copy.deepcopy(arguments)
        outcome = call(answer, arguments, seconds)
        changed = [i for i, (a, b) in enumerate(zip(arguments, kept, strict=True), 1) if not _equal(a, b)]
        if changed:
            outcome.problem = f"It changes its argument number {changed[0]} in place; work on a copy."
        return _result(outcome)

    def judge(self, record: Any, data: Data) -> Verdict:
        """Compare the results with the reference's, then with those of the wrong functions."""
        verdict = self._judge(record, data)
        printed = record.get("printed", 0)
        if type(printed) is int and printed > LOUD:
            told = f"It prints {printed:,} characters, which are not shown here; take the print out."
            return replace(verdict, message=f"{verdict.message}\n{told}")
        return verdict

    def _judge(self, record: Any, data: Data) -> Verdict:
        results = record.get("results") if isinstance(record, dict) else None
        if not isinstance(results, dict) or results.keys() != self.cases.keys():
            raise UnusableError("Expected the results of every case.")
        arguments = self.arguments(data)
        problems = {name: self._problem(results[name], arguments[name]) for name in self.cases}
        problems = {name: text for name, text in problems.items() if text}
        if not problems:
            return self._properties(arguments, results)
        share = 1 - len(problems) / len(self.cases)
        named = next((x for x in self.wrong if self._is(x.answer, arguments, results)), None)
        if named:
            return Verdict(named.credit, named.message)
        return Verdict(share if self.reference else 0.0, "\n".join(_grouped(problems)))

    def _problem(self, result: dict[str, Any], arguments: Arguments) -> str:
        if result.get("problem"):
            return str(result["problem"])
        if self.reference is None:
            return ""
        wanted = plain(self.reference(*copy.deepcopy(arguments)))
        return _differ(result.get("value"), wanted, self.rtol)

    def _properties(self, arguments: dict[str, Arguments], results: dict[str, Any]) -> Verdict:
        values = [results[name].get("value") for name in self.cases]
        for property_ in self.holds:
            if not _true(property_.test, list(arguments.values()), values):
                named = next((x for x in self.wrong if self._is(x.answer, arguments, results)), None)
                return Verdict(named.credit, named.message) if named else Verdict(0, property_.message)
        return Verdict(1, "Right.")

    def _is(self, wrong: Callable[..., Any], arguments: dict[str, Arguments], results: dict[str, Any]) -> bool:
        """Whether the results are those of a wrong function: its values, or its problem."""
        for name in self.cases:
            theirs = self._run(wrong, copy.deepcopy(arguments[name]), self.seconds)
            same_problem = theirs.get("problem", "") == results[name].get("problem", "")
            if not same_problem or (not theirs.get("problem") and _differ(results[name].get("value"), theirs["value"])):
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
    if outcome.problem:
        return {"problem": outcome.problem, "printed": outcome.printed}
    try:
        return {"value": plain(outcome.value), "printed": outcome.printed}
    except UnusableError as error:
        return {"problem": f"What it returns can't be read. {error}", "printed": outcome.printed}


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b) if isinstance(a, int | float | str) else True


def _true(test: Callable[..., bool], arguments: list[Arguments], values: list[Any]) -> bool:
    """Whether a property holds; one that can't be computed on these results does not."""
    try:
        return bool(test(arguments, values))
    except Exception:
        return False


def _differ(value: Any, wanted: Any, rtol: float = 1e-6) -> str:
    """Say how a result differs from the wanted one; an empty text if it does not."""
    if isinstance(wanted, list):
        if not isinstance(value, list) or len(value) != len(wanted):
            got = f"{len(value)}" if isinstance(value, list) else "one"
            return f"It should return {len(wanted)} things, and returns {got}."
        said = [_differ(a, b, rtol) for a, b in zip(value, wanted, strict=True)]
        return next((f"Number {i} of what it returns: {text}" for i, text in enumerate(said, 1) if text), "")
    if value is None:
        return "It returns None; is the return missing?"
    if isinstance(value, dict | str) or isinstance(wanted, dict | str):
        same = type(value) is type(wanted) and value == wanted
        return "" if same else f"It returns a {type(value).__name__} that is not what is asked for."
    try:
        value = np.asarray(value)
    except ValueError:
        return "It returns a list whose parts have different lengths."
    return _differ_array(value, np.asarray(wanted), rtol)


def _differ_array(value: np.ndarray, wanted: np.ndarray, rtol: float) -> str:
    if value.shape != wanted.shape:
        return f"It returns the shape {list(value.shape)}, expected {list(wanted.shape)}."
    if value.dtype.kind not in "biuf":
        return "It returns a list that holds more than numbers."
    if (value.dtype.kind == "b") != (wanted.dtype.kind == "b"):
        return f"It returns dtype {value.dtype}, expected {wanted.dtype}."
    if wanted.dtype.kind == "f" and value.ndim and value.dtype.kind != "f":
        return f"It returns dtype {value.dtype}, expected {wanted.dtype}; whole numbers drop fractions."
    if np.isnan(value.astype(float)).any() and not np.isnan(wanted.astype(float)).any():
        return "It returns NaN: some step has computed 0/0, inf - inf, or the log of a negative number."
    scale = np.abs(wanted[np.isfinite(wanted)], dtype=float).max(initial=1e-12)
    same = np.isclose(value.astype(float), wanted.astype(float), rtol=rtol, atol=rtol * scale, equal_nan=True)
    return "" if same.all() else f"{same.size - same.sum()} of {same.size} numbers are wrong."


def _grouped(problems: dict[str, str]) -> Iterator[str]:
    """Yield each problem once, with the cases that have it."""
    for text in dict.fromkeys(problems.values()):
        yield f"On {', '.join(name for name, x in problems.items() if x == text)}: {text}"
