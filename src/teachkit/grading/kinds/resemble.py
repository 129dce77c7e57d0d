"""General remarks on a wrong result: what it resembles. Named wrong answers come first; these come last."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_FACTOR = "It is right up to a constant factor."
_OFFSET = "It is right up to a constant that is added."


def resemblance(values: np.ndarray, wanted: np.ndarray, same: Callable[[np.ndarray, np.ndarray], bool]) -> str:
    """Say in which way wrong values resemble the right ones; an empty text if in none.

    Args:
        values: The student's, [n].
        wanted: The right ones, [n].
        same: Whether two such arrays agree.

    >>> resemblance(np.array([2.0, 4.0]), np.array([1.0, 2.0]), np.allclose)
    'It is right up to a constant factor.'
    """
    where = np.isfinite(values) & np.isfinite(wanted)
    if not where.any() or not np.isfinite(values[np.isfinite(wanted)]).all():
        return ""
    values, wanted = values[where], wanted[where]
    with np.errstate(all="ignore"):
        if same(values, -wanted):
            return "The size is right, the sign is not."
        if (wanted > 0).all() and same(values, np.log(wanted)):
            return "This is the logarithm of what is asked for."
        if same(values, np.exp(wanted)):
            return "This is the exponential of what is asked for."
        if same(values * wanted, np.ones_like(wanted)):
            return "This is 1 divided by what is asked for."
        if (np.abs(values - wanted) <= 0.02 * np.abs(wanted)).all() and wanted.any():
            return "Close, but not within the tolerance: give more digits, or look for a small term that is missing."
        return _of_several(values, wanted, same) if np.ptp(wanted) > 0 else ""


def _of_several(values: np.ndarray, wanted: np.ndarray, same: Callable[[np.ndarray, np.ndarray], bool]) -> str:
    best = np.argmax(np.abs(wanted))
    if values.any() and same(values, wanted * (values[best] / wanted[best])):
        return _FACTOR
    return _OFFSET if same(values, wanted + (values[best] - wanted[best])) else ""
