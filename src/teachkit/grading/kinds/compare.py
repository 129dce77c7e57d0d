"""How the results of a student's function differ from the reference's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def differences(value: Any, wanted: Any, rtol: float) -> list[str]:
    """Say for each result how it differs from the wanted one; an empty text where it does not.

    A function that returns a tuple has several results; numbers may also come as one array.

    >>> differences([1.0, 2.0], [1.0, 3.0], 1e-6)
    ['', 'it is 2, which is not right.']
    """
    if not isinstance(wanted, list):
        return [_difference(value, wanted, rtol)]
    if isinstance(value, np.ndarray) and value.shape == (len(wanted),) and all(np.ndim(x) == 0 for x in wanted):
        value = value.tolist()  # several numbers may come as one array
    if not isinstance(value, list) or len(value) != len(wanted):
        got = f"{len(value)}" if isinstance(value, list) else "one"
        return [f"it should return {len(wanted)} results, and returns {got}."] * len(wanted)
    return [_difference(a, b, rtol) for a, b in zip(value, wanted, strict=True)]


def _difference(value: Any, wanted: Any, rtol: float) -> str:
    if value is None:
        return "it returns None; is the return missing?"
    if isinstance(value, dict | str) or isinstance(wanted, dict | str):
        same = type(value) is type(wanted) and value == wanted
        return "" if same else f"it returns a {type(value).__name__} that is not what is asked for."
    try:
        array = np.asarray(float(value) if type(value) is int else value)
    except ValueError:
        return "it returns a list whose parts have different lengths."
    if array.dtype.kind not in "biuf":
        return "it returns a list that holds more than numbers."
    wanted = np.asarray(wanted)
    return _form(array, wanted) or _values(array.astype(float), wanted.astype(float), rtol)


def _form(value: np.ndarray, wanted: np.ndarray) -> str:
    if value.shape != wanted.shape:
        return f"it returns the shape {list(value.shape)}, expected {list(wanted.shape)}."
    if (value.dtype.kind == "b") != (wanted.dtype.kind == "b"):
        return f"it returns dtype {value.dtype}, expected {wanted.dtype}."
    if wanted.dtype.kind == "f" and value.ndim and value.dtype.kind != "f":
        return f"it returns dtype {value.dtype}, expected {wanted.dtype}; whole numbers drop fractions."
    return ""


def _values(value: np.ndarray, wanted: np.ndarray, rtol: float) -> str:
    if np.isnan(value).any() and not np.isnan(wanted).any():
        return "it returns NaN: some step has computed 0/0, inf - inf, or the log of a negative number."
    scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=1e-12)
    right = np.isclose(value, wanted, rtol=rtol, atol=1e-3 * rtol * scale, equal_nan=True)
    if right.all():
        return ""
    if not value.ndim:
        return f"it is {value:.4g}, which is not right."
    first = tuple(map(int, np.argwhere(~right)[0]))
    place = ", ".join(map(str, first))
    wrong = f"{right.size - right.sum()} of {right.size} numbers are wrong"
    return f"{wrong}, the first at [{place}], where it is {value[first]:.4g}."


def report(said: Mapping[str, list[str]]) -> Iterator[str]:
    """Yield the differences of all cases, by result, each text once with the cases that have it.

    Args:
        said: For each case the texts of its results, empty where a result is right, or one text for the whole call.

    >>> list(report({"one": ["", "wrong."], "two": ["", "wrong."]}))
    ['Result 1 is right.', 'Result 2, in every case: wrong.']
    >>> list(report({"one": ["", ""], "two": ["it stopped."]}))
    ["Case 'two': it stopped."]
    """
    results = max(map(len, said.values()))
    short = {name: parts[0] if len(parts) < results else "" for name, parts in said.items()}
    yield from _lines("", short)  # what is wrong with a whole call
    for i in range(results):
        texts = {name: "" if short[name] else parts[i] for name, parts in said.items()}
        result = f"Result {i + 1}" if results > 1 else ""
        if not any(texts.values()) and not any(short.values()):
            yield f"{result} is right."
        yield from _lines(result, texts)


def _lines(result: str, texts: Mapping[str, str]) -> Iterator[str]:
    for text in dict.fromkeys(filter(None, texts.values())):
        cases = [name for name, x in texts.items() if x == text]
        where = "in every case" if len(cases) == len(texts) else f"case {' and case '.join(map(repr, cases))}"
        line = f"{result}, {where}: {text}" if result else f"{where}: {text}"
        yield line[0].upper() + line[1:]
