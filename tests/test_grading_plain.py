"""Answers as plain data, and back from JSON."""

import json
import math

import numpy as np
import pytest

from teachkit.grading.kinds import Derivation, Expression, Number, look
from teachkit.grading.plain import LARGEST, decode, encode, plain
from teachkit.grading.verdict import UnusableError


class Liar:
    """Equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = None


@pytest.mark.parametrize(
    "value",
    [1, 1.5, "a", True, None, [1, [2.5, "b"]], {"a": [None]}, math.inf, -math.inf, np.arange(3), np.eye(2) > 0,
     np.array([[1.5, np.inf], [-np.inf, 0]]), np.zeros((0, 2)), np.float32([1.5])],
    ids=repr,
)  # fmt: skip
def test_plain_data_survives_json(value):
    again = decode(json.loads(json.dumps(encode(value), allow_nan=False)))
    assert type(again) is type(value)
    assert np.array_equal(again, value) if isinstance(value, np.ndarray) else again == value
    assert getattr(again, "dtype", None) == getattr(value, "dtype", None)


def test_nan_survives_json():
    assert math.isnan(decode(encode(math.nan)))
    assert np.isnan(decode(encode(np.array([np.nan, 1])))).tolist() == [True, False]


@pytest.mark.parametrize(
    "answer",
    [np.zeros(LARGEST + 1), list(range(LARGEST + 1)), "x" * 100_000, [[[[[[1]]]]]], {1: 2}, {"a": Liar()}],
    ids=["array", "list", "text", "depth", "key", "liar"],
)
def test_what_is_too_large_or_strange_is_refused(answer):
    with pytest.raises(UnusableError, match=r"too large|too long|too deeply|object of type|texts"):
        plain(answer)


def test_a_masked_array_is_refused():
    with pytest.raises(UnusableError, match="masked"):
        plain(np.ma.masked_array([1.0], mask=[True]))


def test_the_limit_counts_all_parts_together():
    with pytest.raises(UnusableError, match="too large"):
        plain([[0.0] * (LARGEST // 2)] * 3)
    with pytest.raises(UnusableError, match="too large"):
        plain(np.broadcast_to(1.0, (10**9,)))


def test_a_derivation_without_a_readable_step_is_unusable():
    kind = Derivation(steps={"a": Expression(value="x", variables={"x": (0, 1)}), "b": Number(value=1)})
    assert look(kind, {"a": "2x"}, {})[1].status == "unusable"
