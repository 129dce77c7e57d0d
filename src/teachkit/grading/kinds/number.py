"""A number."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from teachkit.grading.expression import Formula
from teachkit.grading.kinds.base import Data, Kind, close, expected
from teachkit.grading.verdict import UnusableError, Verdict

_UNIT = re.compile(r"(?P<number>.*?[\d.)\s])\s*(?P<unit>(?!e[+-]?\d|e\b|pi\b)[A-Za-z%°][\w/%°]*)", re.DOTALL)


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

    def judge(self, record: Any, data: Data) -> Verdict:
        """Compare with the expected number, then with the wrong ones."""
        number = self._number(record)
        value = float(expected(self.value, data))
        if self._same(number, value):
            return Verdict(1, "Right.")
        for wrong in self.wrong:
            if self._same(number, self._number(expected(wrong.answer, data))):
                return Verdict(wrong.credit, wrong.message)
        return Verdict(0, self._difference(number, value))

    def _same(self, a: float, b: float) -> bool:
        return close(a, b, self.rtol, self.atol)

    def _difference(self, number: float, value: float) -> str:
        if value and self._same(number, -value):
            return "The size is right, the sign is not."
        if value and close(number, value, 20 * self.rtol, 20 * self.atol):
            return "Close, but not within the tolerance: give more digits, or look for a small term that is missing."
        return f"{number:.6g} is not the number that is asked for."

    def _number(self, record: Any) -> float:
        out = self._read(record) if isinstance(record, str) else record
        if isinstance(out, list | np.ndarray):
            if np.size(out) != 1:
                raise UnusableError("Expected one number, got several.")
            return self._number(np.asarray(out).item())
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
