"""A formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.expression import Formula
from teachkit.grading.kinds.base import Data, Kind, expected
from teachkit.grading.kinds.resemble import resemblance
from teachkit.grading.verdict import UnusableError, Verdict

PROBES = 48


@dataclass(frozen=True, kw_only=True)
class Expression(Kind):
    """A formula as a text; right if its values are right at many points of the variables' domain.

    Args:
        value: The expected formula, or a function of the student's data that returns it.
        variables: Each variable with its domain: an interval ``(low, high)``, or a range or list of values.
        rtol: The share by which each value may differ.

    >>> kind = Expression(value="exp(-x)", variables={"x": (-2, 2)})
    >>> kind.judge("1/exp(x)", {}).right
    True
    """

    value: str | Callable[[Data], str]
    variables: Mapping[str, tuple[float, float] | Sequence[float]]
    rtol: float = 1e-7

    def record(self, answer: Any, data: Data) -> str:
        """Return the text; a number counts as one."""
        out = super().record(answer, data)
        out = repr(out) if type(out) in (int, float) else out
        if not isinstance(out, str):
            raise UnusableError(f'Expected a formula in quotes, such as "2*x", got {type(out).__name__}.')
        self._values(out)
        return out

    def judge(self, record: Any, data: Data) -> Verdict:
        """Compare values with the expected formula's, then with those of the wrong ones."""
        values = self._values(record)
        value = expected(self.value, data)
        wanted = self._values(value)
        if self._same(values, wanted):
            return Verdict(1, "Right.")
        for wrong in self.wrong:
            if self._same(values, self._values(expected(wrong.answer, data))):
                return Verdict(wrong.credit, wrong.message)
        return Verdict(0, self._difference(record, value, values, wanted))

    def _points(self) -> dict[str, np.ndarray]:
        stream = Draw("probes", *self.variables)
        return {name: _spread(domain, stream) for name, domain in self.variables.items()}

    def _values(self, text: Any) -> np.ndarray:
        if not isinstance(text, str):
            raise UnusableError(f"Expected a formula as a text, got {type(text).__name__}.")
        values = Formula(text, self.variables)(self._points())
        if not np.isfinite(values).any():
            raise UnusableError("This formula is nowhere a finite number: it overflows, or divides by zero.")
        return np.broadcast_to(values, PROBES)

    def _same(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Whether ``a`` is finite and agrees wherever ``b`` is finite."""
        return bool(self._close(a, b)[np.isfinite(b)].all())

    def _close(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        largest = np.abs(b[np.isfinite(b)]).max(initial=0.0)
        with np.errstate(invalid="ignore"):
            return np.abs(a - b) <= self.rtol * np.maximum(np.abs(b), 1e-9 * largest) + 1e-13

    def _difference(self, text: str, value: str, values: np.ndarray, wanted: np.ndarray) -> str:
        if likeness := resemblance(values, wanted, self._same):
            return likeness
        missing = sorted(Formula(value, self.variables).used - Formula(text, self.variables).used)
        if missing:
            return f"This can't be it: {' and '.join(missing)} must occur in the formula."
        undefined = np.isfinite(wanted) & ~np.isfinite(values)
        at = int(np.argmax(undefined if undefined.any() else ~self._close(values, wanted)))
        if undefined.any():
            return f"This formula is not defined everywhere in the domain, for example not at {self._at(at)}."
        return f"Not equal. At {self._at(at)} yours is {values[at]:.4g}. Work it out by hand at this point."

    def _at(self, index: int) -> str:
        return ", ".join(f"{name} = {points[index]:.3g}" for name, points in self._points().items())

    def secrets(self, data: Data) -> Iterator[str]:
        """Yield the formula without spaces."""
        yield expected(self.value, data).replace(" ", "")


def _spread(domain: tuple[float, float] | Sequence[float], stream: Draw) -> np.ndarray:
    if isinstance(domain, tuple):
        low, high = domain
        return stream.uniform(low, high, (PROBES,))
    return np.array([float(stream.choice(domain)) for _ in range(PROBES)])
