"""A number."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from teachkit.grading.expression import LONGEST, Formula
from teachkit.grading.kinds.base import Data, Kind, close, expected
from teachkit.grading.kinds.resemble import resemblance
from teachkit.grading.verdict import UnusableError, Verdict

_UNIT = re.compile(r"(?P<number>.*?[\d.)\s])\s*(?P<unit>(?![eE][+-]?\d|e\b|pi\b)[A-Za-z%°][\w/%°]*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Number(Kind):
    """A number, given as such or as a text with a formula without variables, such as "log(5)/2".

    Args:
        value: The expected number, or a function of the student's data.
        rtol: The share of the number by which an answer may differ.
        atol: The absolute difference that is allowed.
        unit: The unit of ``value``. A plain number is taken to be in it.
        units: Other units that an answer may have, with what one of them is worth in ``unit``.

    >>> Number(value=math.log(5), unit="nats", units={"bits": math.log(2)}).judge("2.3219 bits", {}).right
    True
    """

    value: float | Callable[[Data], float]
    rtol: float = 1e-3
    atol: float = 1e-12
    unit: str = ""
    units: Mapping[str, float] = field(default_factory=dict)

    def record(self, answer: Any, data: Data) -> Any:
        """Return the number, or its text if that has a unit."""
        out = super().record(answer, data)
        has_unit = isinstance(out, str) and len(out) <= LONGEST and _UNIT.fullmatch(out.strip())
        return out if has_unit else self._number(out)

    def judge(self, record: Any, data: Data) -> Verdict:
        """Compare with the expected number, then with the wrong ones."""
        number = self._number(record)
        value = float(expected(self.value, data))
        if self._same(number, value):
            return Verdict(1, "Right.")
        for wrong in self.wrong:
            if close(number, self._number(expected(wrong.answer, data)), self.rtol, 0):
                return Verdict(wrong.credit, wrong.message)
        return Verdict(0, self._general(record, number, value))

    def _same(self, a: float, b: float) -> bool:
        return close(a, b, self.rtol, self.atol)

    def _general(self, record: Any, number: float, value: float) -> str:
        match = _UNIT.fullmatch(record.strip()) if self.unit and isinstance(record, str) else None
        if match and self._same(float(Formula(match["number"])({})), value):
            return f"This is the number in {self.unit}, and not in {match['unit']}."

        def same(a: np.ndarray, b: np.ndarray) -> bool:
            return self._same(float(a[0]), float(b[0]))

        likeness = resemblance(np.array([number]), np.array([value]), same)
        return likeness or f"{number:.6g} is not the number that is asked for."

    def _number(self, record: Any) -> float:
        out = self._read(record) if isinstance(record, str) else record
        if isinstance(out, np.ndarray):
            out = out.ravel().tolist()
        if isinstance(out, list):
            if len(out) != 1:
                raise UnusableError(f"Expected one number, got {len(out)} entries.")
            return self._number(out[0])
        if isinstance(out, bool) or not isinstance(out, int | float):
            raise UnusableError(f"Expected a number, got {type(out).__name__}.")
        if math.isnan(out):
            raise UnusableError(
                "Expected a number, got NaN: some step has computed 0/0, or the log of a negative number."
            )
        if math.isinf(out):
            raise UnusableError("Expected a finite number, got infinity.")
        return float(out)

    def _read(self, text: str) -> float:
        if len(text) > LONGEST:
            raise UnusableError(f"This formula has {len(text):,} characters; at most {LONGEST} are read.")
        match = _UNIT.fullmatch(text.strip())
        known = {self.unit: 1.0, **self.units}
        if match is None:
            return float(Formula(text)({}))
        unit = match["unit"] if match["unit"] in known else f"{match['unit']}s"
        if unit not in known:
            raise UnusableError(f"The unit {match['unit'][:20]!r} is not known here. {self._wanted()}")
        return float(Formula(match["number"])({})) * known[unit]

    def _wanted(self) -> str:
        names = [name for name in (self.unit, *self.units) if name]
        return f"Use {' or '.join(names)}." if names else "Give the number alone."

    def secrets(self, data: Data) -> Iterator[str]:
        """Yield the number with four and with six digits."""
        value = float(expected(self.value, data))
        yield from {f"{value:.4g}", f"{value:.6g}"}
