"""The data of a plot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from teachkit.grading.kinds.base import Data, Kind
from teachkit.grading.kinds.resemble import resemblance
from teachkit.grading.plain import is_missing, plain
from teachkit.grading.verdict import MissingError, UnusableError, Verdict

_TWO = "Expected the two arrays of a plot, x and y, or the line that plot returned."


@dataclass(frozen=True, kw_only=True)
class Curve(Kind):
    """The x and y of a plotted curve; the student chooses the points, the curve must be right at each.

    Wrong answers are functions of x too.

    Args:
        value: From x and the student's data to y.
        domain: The interval of x that the curve must cover.
        points: How many points it must have at least.
        rtol: The share of the curve's height by which y may differ.

    >>> kind = Curve(value=lambda x, data: x**2, domain=(0, 1), points=5)
    >>> kind.judge([[0, 0.25, 0.5, 0.75, 1], [0, 0.0625, 0.25, 0.5625, 1]], {}).right
    True
    """

    value: Callable[[np.ndarray, Data], np.ndarray]
    domain: tuple[float, float]
    points: int = 50
    rtol: float = 1e-3

    def record(self, answer: Any, data: Data) -> list[np.ndarray]:
        """Return x and y; Matplotlib's line, its list of lines and its axes are read too."""
        answer = _line(answer)
        if hasattr(answer, "get_xdata"):
            answer = (np.asarray(answer.get_xdata()), np.asarray(answer.get_ydata()))
        x_and_y = super().record(answer, data)
        if isinstance(x_and_y, list) and any(map(is_missing, x_and_y)):
            raise MissingError("One of x and y is still missing.")
        return x_and_y

    def judge(self, record: Any, data: Data) -> Verdict:
        """Check the points, then compare the heights with the right curve's and with the wrong ones'."""
        x, y = self._points(record)
        if not np.isfinite(y).all():
            bad = x[~np.isfinite(y)]
            return Verdict(
                0, f"y is NaN or infinite at {bad.size} points, from x = {bad.min():.3g} to {bad.max():.3g}."
            )
        wanted = self.value(x, data)
        if not np.isfinite(wanted).all():
            raise ValueError("value: expected a curve that is finite in its domain")
        if self._same(y, wanted):
            return Verdict(1, "Right.")
        for wrong in self.wrong:
            if self._same(y, wrong.answer(x, data)):
                return Verdict(wrong.credit, wrong.message)
        if likeness := resemblance(y, wanted, self._same):
            return Verdict(0, likeness)
        at = int(np.argmax(np.abs(y - wanted)))
        share = np.mean(np.abs(y - wanted) <= self.rtol * np.abs(wanted).max())
        return Verdict(
            0, f"{1 - share:.0%} of the points are off, most at x = {x[at]:.3g}, where yours is {y[at]:.3g}."
        )

    def _same(self, y: np.ndarray, wanted: np.ndarray) -> bool:
        where = np.isfinite(wanted)
        height = np.abs(wanted[where]).max(initial=0.0)
        return bool((np.abs(y - wanted)[where] <= self.rtol * height).all())

    def _points(self, record: Any) -> tuple[np.ndarray, np.ndarray]:
        if not isinstance(record, list | np.ndarray) or len(record) != 2:
            raise UnusableError(_TWO)
        x, y = (_numbers(name, values) for name, values in zip("xy", record, strict=True))
        if x.shape != y.shape:
            raise UnusableError(f"x has {x.size} points and y {y.size}.")
        low, high = self.domain
        inside = (x >= low - 1e-9) & (x <= high + 1e-9)
        gap = (high - low) / self.points
        if x.min() > low + gap or x.max() < high - gap:
            reach = f"from x = {x.min():.3g} to {x.max():.3g}"
            raise UnusableError(f"The curve must reach from x = {low:g} to {high:g}; yours reaches {reach}.")
        if inside.sum() < self.points:
            raise UnusableError(f"The curve needs at least {self.points} points; yours has {inside.sum()} there.")
        self._check_gaps(np.sort(x[inside]), 4 * gap)
        return x[inside], y[inside]

    def _check_gaps(self, x: np.ndarray, longest: float) -> None:
        at = int(np.argmax(np.diff(x)))
        if x[at + 1] - x[at] > longest:
            raise UnusableError(f"There are no points between x = {x[at]:.3g} and {x[at + 1]:.3g}; spread them evenly.")

    def secrets(self, data: Data) -> Iterator[str]:
        """Yield nothing: the curve is code."""
        yield from ()


def _line(answer: Any) -> Any:
    if hasattr(answer, "get_lines"):
        answer = list(answer.get_lines())
        if not answer:
            raise MissingError("There is no line in this plot yet.")
    if isinstance(answer, list) and len(answer) == 1 and hasattr(answer[0], "get_xdata"):
        return answer[0]
    if isinstance(answer, list) and answer and hasattr(answer[0], "get_xdata"):
        raise UnusableError(f"This plot has {len(answer)} lines; give the one that is asked for.")
    return answer


def _numbers(name: str, values: Any) -> np.ndarray:
    try:
        out = np.asarray(plain(values), float)
    except (TypeError, ValueError) as error:
        raise UnusableError(f"{name} must be an array of numbers.") from error
    if out.ndim != 1 or out.size == 0:
        raise UnusableError(f"{name} must be a one-dimensional array, got shape {list(out.shape)}.")
    if name == "x" and not np.isfinite(out).all():
        raise UnusableError("x holds NaN or infinity.")
    return out
