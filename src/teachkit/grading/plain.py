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
"""The most numbers that one answer may hold."""
LONGEST = 20_000
"""The most characters that one text may hold."""
_MISSING = "There is no answer yet: put yours in place of the dots."


def plain(answer: Any, depth: int = 4) -> Any:
    """Return an answer as numbers, texts, None, lists, dicts and float, integer or bool arrays.

    Raises:
        UnusableError: It is, or holds, something else, or is too large.

    >>> plain((np.float64(2), Fraction(1, 4)))
    [2.0, 0.25]
    """
    kind = type(answer)
    if answer is None or answer is Ellipsis:
        return None
    if kind in (bool, np.bool_):
        return bool(answer)
    for base in (int, float, str):
        if issubclass(kind, base):
            return _text(base.__str__(answer)) if base is str else _number(base.__pos__(answer))
    if kind is Fraction:
        return float(answer)
    if issubclass(kind, np.ndarray | np.generic):
        return _array(answer)
    if _is_tensor(answer):
        return _array(answer.detach().cpu().numpy())
    if depth and kind in (list, tuple):
        return [plain(x, depth - 1) for x in _short(answer)]
    if depth and kind is dict:
        return {_key(key): plain(value, depth - 1) for key, value in _short(answer).items()}
    raise UnusableError(f"This is no number, text, list or array, but an object of type {kind.__name__}.")


def _number(value: float) -> float:
    if type(value) is int and abs(value) >= 2**1023:
        raise UnusableError("This whole number has more than 300 digits.")
    return value


def _text(value: str) -> str:
    if len(value) > LONGEST:
        raise UnusableError(f"This text has {len(value):,} characters; at most {LONGEST:,} are read.")
    return value


def _key(key: Any) -> str:
    if type(key) is not str:
        raise UnusableError(f"The names of the parts must be texts, not objects of type {type(key).__name__}.")
    return _text(key)


def _short(answer: Any) -> Any:
    if len(answer) > LARGEST:
        raise UnusableError(f"This holds {len(answer):,} entries; at most {LARGEST:,} are read.")
    return answer


def _array(answer: Any) -> Any:
    out = np.array(answer, subok=False)
    if out.dtype.kind not in "biuf":
        raise UnusableError(f"Expected real numbers, got an array of dtype {out.dtype}.")
    if out.size > LARGEST:
        raise UnusableError(f"This array holds {out.size:,} numbers; at most {LARGEST:,} are read.")
    out = out.astype(float) if out.dtype.itemsize > 8 else out  # longdouble differs between platforms
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
        raise MissingError(_MISSING)
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


def decode(value: Any, depth: int = 12) -> Any:
    """Return the plain data behind :func:`encode`'s output.

    Raises:
        ValueError: It is not such an output.

    >>> decode(encode([np.array([1.0, np.inf]), np.nan]))
    [array([ 1., inf]), nan]
    """
    if depth == 0:
        raise ValueError("value: nested too deeply")
    if isinstance(value, dict) and value.keys() == {"array", "dtype", "shape"}:
        return _decode_array(value)
    if isinstance(value, dict) and value.keys() == {"float"}:
        return float(value["float"])
    if isinstance(value, dict):
        return {key: decode(x, depth - 1) for key, x in value.items()}
    if isinstance(value, list):
        return [decode(x, depth - 1) for x in value]
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError(f"value: did not expect {type(value).__name__}")
    return value


def _decode_array(value: dict[str, Any]) -> np.ndarray:
    shape = value["shape"]
    if not (isinstance(shape, list) and all(type(n) is int and 0 <= n <= LARGEST for n in shape) and len(shape) <= 8):
        raise ValueError("array: the shape is not a list of a few sizes")
    dtype = np.dtype(str(value["dtype"]))
    if dtype.kind not in "biuf" or not isinstance(value["array"], list) or len(value["array"]) > LARGEST:
        raise ValueError("array: expected a list of numbers with their dtype")
    return np.array([float(x) if isinstance(x, str) else x for x in value["array"]], dtype).reshape(shape)
