"""Answers as plain data.

A student's object may be anything, also one that lies when it is compared. So an answer becomes
numbers, words and arrays before anything looks at it, and from then on only these are compared,
logged, handed in and graded. Types are asked for by ``type``, never by what an object says of itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from teachkit.grading.verdict import MissingError, UnusableError

LARGEST = 10_000
"""The most numbers, texts and other entries that one answer may hold, all its parts together."""
LONGEST = 20_000
"""The most characters of all its texts together."""
DEEPEST = 12
_NONE = "There is no answer yet: put yours in place of the dots."


class _Budget:
    """How much of an answer may still be read."""

    def __init__(self) -> None:
        self.entries, self.characters = LARGEST, LONGEST

    def take(self, entries: int, characters: int = 0) -> None:
        """Take away what is read next, before it is copied."""
        self.entries -= entries
        self.characters -= characters
        if self.entries < 0:
            raise UnusableError(f"This answer is too large: at most {LARGEST:,} numbers are read.")
        if self.characters < 0:
            raise UnusableError(f"This answer is too long: at most {LONGEST:,} characters are read.")


def plain(answer: Any) -> Any:
    """Return an answer as numbers, texts, None, lists, dicts and float, integer or bool arrays.

    Raises:
        UnusableError: It is, or holds, something else, or is too large.

    >>> plain((np.float64(2), Fraction(1, 4)))
    [2.0, 0.25]
    """
    return _plain(answer, _Budget(), 5)


def _plain(answer: Any, budget: _Budget, depth: int) -> Any:
    kind = type(answer)
    budget.take(1)
    if answer is None or answer is Ellipsis:
        return None
    if kind in (bool, np.bool_):
        return bool(answer)
    for base in (int, float, str):
        if issubclass(kind, base):
            return _text(base.__str__(answer), budget) if base is str else _number(base.__pos__(answer))
    if kind is Fraction:
        return float(answer)
    if issubclass(kind, np.ndarray | np.generic):
        return _array(answer, budget)
    if _is_tensor(answer):
        return _array(answer.detach().cpu().numpy(), budget)
    if kind in (list, tuple, dict):
        return _collection(answer, budget, depth)
    raise UnusableError(f"This is no number, text, list or array, but an object of type {kind.__name__}.")


def _collection(answer: Any, budget: _Budget, depth: int) -> Any:
    if not depth:
        raise UnusableError("This answer is nested too deeply.")
    if type(answer) is dict:
        return {_key(key, budget): _plain(value, budget, depth - 1) for key, value in answer.items()}
    return [_plain(x, budget, depth - 1) for x in answer]


def _number(value: float) -> float:
    if type(value) is int and abs(value) >= 2**1023:
        raise UnusableError("This whole number has more than 300 digits.")
    return value


def _text(value: str, budget: _Budget) -> str:
    budget.take(0, len(value))
    return value


def _key(key: Any, budget: _Budget) -> str:
    if type(key) is not str:
        raise UnusableError(f"The names of the parts must be texts, not objects of type {type(key).__name__}.")
    return _text(key, budget)


def _array(answer: Any, budget: _Budget) -> Any:
    if isinstance(answer, np.ma.MaskedArray):
        raise UnusableError("This array is masked: some of its numbers are missing.")
    out = np.asarray(answer)
    if out.dtype.kind not in "biuf":
        raise UnusableError(f"Expected real numbers, got an array of dtype {out.dtype}.")
    budget.take(out.size)
    out = np.array(out, dtype=float if out.dtype.itemsize > 8 else out.dtype, subok=False)
    return out if out.ndim else out.item()


def _is_tensor(answer: Any) -> bool:
    return type(answer).__module__.partition(".")[0] == "torch" and type(answer).__name__ in ("Tensor", "Parameter")


def is_missing(answer: Any) -> bool:
    """Whether a plain answer says nothing: None, an empty text, dots, or a list or dict of such.

    >>> is_missing(["...", None]), is_missing({}), is_missing(0)
    (True, True, False)
    """
    if isinstance(answer, str):
        return not answer.strip(" .…")
    if isinstance(answer, list | dict):
        return all(map(is_missing, answer.values() if isinstance(answer, dict) else answer))
    return answer is None


def given(answer: Any) -> Any:
    """Return the plain answer, if there is one.

    Raises:
        MissingError: There is none.
        UnusableError: It can't be read.
    """
    out = plain(answer)
    if is_missing(out):
        raise MissingError(_NONE)
    return out


# --- as JSON: what the log and the handed-in file hold -----------------------------------------


def encode(value: Any) -> Any:
    """Return plain data as JSON can hold it; NaN and infinities become words.

    >>> encode([np.array([1.0, np.inf]), np.nan])
    [{'array': [1.0, 'inf'], 'dtype': 'float64', 'shape': [2]}, {'float': 'nan'}]
    """
    if isinstance(value, np.ndarray):
        entries = [_word(x) for x in value.ravel().tolist()]
        return {"array": entries, "dtype": str(value.dtype), "shape": list(value.shape)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": _word(value)}
    if isinstance(value, list):
        return [encode(x) for x in value]
    if isinstance(value, Mapping):
        return {key: encode(x) for key, x in value.items()}
    return value


def _word(x: float) -> float | str:
    return x if math.isfinite(x) else str(x)


def decode(value: Any) -> Any:
    """Return the plain data behind :func:`encode`'s output.

    Raises:
        ValueError: It is not such an output.
        UnusableError: It is larger than any answer.

    >>> decode(encode([np.array([1.0, np.inf]), np.nan]))
    [array([ 1., inf]), nan]
    """
    return _decode(value, _Budget(), DEEPEST)


def _decode(value: Any, budget: _Budget, depth: int) -> Any:
    budget.take(1, len(value) if isinstance(value, str) else 0)
    if depth == 0:
        raise ValueError("value: nested too deeply")
    if isinstance(value, dict) and value.keys() == {"array", "dtype", "shape"}:
        return _decode_array(value, budget)
    if isinstance(value, dict) and value.keys() == {"float"}:
        return float(value["float"])
    if isinstance(value, dict):
        return {key: _decode(x, budget, depth - 1) for key, x in value.items()}
    if isinstance(value, list):
        return [_decode(x, budget, depth - 1) for x in value]
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError(f"value: did not expect {type(value).__name__}")
    return value


def _decode_array(value: dict[str, Any], budget: _Budget) -> np.ndarray:
    shape = value["shape"]
    if not (isinstance(shape, list) and all(type(n) is int and 0 <= n <= LARGEST for n in shape) and len(shape) <= 8):
        raise ValueError("array: the shape is not a list of a few sizes")
    dtype = np.dtype(str(value["dtype"]))
    if dtype.kind not in "biuf" or not isinstance(value["array"], list):
        raise ValueError("array: expected a list of numbers with their dtype")
    budget.take(len(value["array"]))
    if not all(type(x) in (bool, int, float) or x in ("nan", "inf", "-inf") for x in value["array"]):
        raise ValueError("array: expected numbers")
    return np.array([float(x) if isinstance(x, str) else x for x in value["array"]], dtype).reshape(shape)
