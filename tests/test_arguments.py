"""The checks at the door: what they let through, as what, and what they say to the rest."""

import reprlib
from fractions import Fraction

import numpy as np
import pytest

from teachkit import _check

NO_NUMBERS = [
    np.nan,
    np.inf,
    -np.inf,
    np.float64("nan"),
    np.float32("inf"),
    "3",
    None,
    [3],
    (3,),
    np.array([3.0]),
    3 + 0j,
    np.complex128(3),
    True,
    False,
    np.True_,
    10**400,
    Fraction(3),
    {},
]
NO_ARRAYS = ["abc", "1", ["1", "2"], None, [None], [[1], [1, 2]], 1j, [1 + 0j], np.array([1j]), {}, [Fraction(1)]]
NUMBERS = [3, 3.0, np.int64(3), np.uint8(3), np.float32(3), np.float64(3), np.array(3), np.array(3.0)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", NO_NUMBERS, ids=reprlib.repr)
@pytest.mark.parametrize(
    ("check", "wanted"),
    [
        (_check.number, "a finite number"),
        (_check.positive, "a finite number above 0"),
        (_check.count, "a whole number of at least 1"),
    ],
)
def test_what_is_no_number_is_refused_by_name(check, wanted, value):
    with pytest.raises(ValueError, match=f"^size: expected {wanted}, got "):
        check("size", value)


@pytest.mark.parametrize("value", NUMBERS, ids=reprlib.repr)
def test_whole_numbers_come_back_as_int(value):
    out = _check.count("n", value)
    assert (type(out), out) == (int, 3)
    assert _check.positive("x", value) == 3.0
    assert type(_check.positive("x", value)) is float


@pytest.mark.parametrize("value", [0, -1, 2.5, 0.999, np.float64(-0.5)], ids=reprlib.repr)
def test_count_refuses_fractions_and_numbers_below_its_bound(value):
    with pytest.raises(ValueError, match="n: expected a whole number of at least 1, got"):
        _check.count("n", value)


def test_count_keeps_large_numbers_exact():
    assert _check.count("n", 2**70 + 1) == 2**70 + 1
    assert _check.count("n", 0, low=0) == 0


@pytest.mark.parametrize("value", [0, -1, -0.0, np.float64(-1e-300)], ids=reprlib.repr)
def test_positive_refuses_zero_and_below(value):
    with pytest.raises(ValueError, match="std: expected a finite number above 0, got"):
        _check.positive("std", value)


def test_a_long_argument_is_not_printed_whole():
    with pytest.raises(ValueError, match="n: expected") as caught:
        _check.count("n", list(range(10_000)))
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("x", NO_ARRAYS, ids=reprlib.repr)
@pytest.mark.parametrize("check", [_check.floats, _check.array, _check.points, _check.vector, _check.matrix])
def test_what_holds_no_numbers_is_no_array(check, x):
    with pytest.raises(ValueError, match="x: expected an array of numbers, got"):
        check("x", x)


def test_arrays_of_numbers_become_float64():
    for x in ([[True, False]], [[1, 0]], np.array([[1, 0]], dtype=np.float32)):
        out = _check.points("x", x)
        assert out.dtype == np.float64
        np.testing.assert_array_equal(out, [[1, 0]])


def test_symmetric_means_up_to_rounding_and_relative_to_the_size():
    for scale in (1e-12, 1.0, 1e12):
        H = scale * np.array([[1.0, 0.5], [0.5, 1.0]])
        np.testing.assert_array_equal(_check.matrix("H", H, symmetric=True), H)
        _check.matrix("H", H + scale * np.array([[0, 1e-15], [0, 0]]), symmetric=True)
        with pytest.raises(ValueError, match="H: expected a symmetric matrix"):
            _check.matrix("H", H + scale * np.array([[0, 1e-3], [0, 0]]), symmetric=True)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 4)), r"W: expected shape \[any, 3\], got \[2, 4\]"),
        (np.zeros(3), r"got \[3\]"),
        (np.zeros((0, 3)), r"got \[0, 3\]"),
        ([[1.0, np.nan, 2.0]], "W: expected finite numbers"),
    ],
)
def test_shaped_names_what_it_got(x, message):
    with pytest.raises(ValueError, match=message):
        _check.shaped("W", x, (None, 3))


@pytest.mark.parametrize(
    ("x", "message"), [(np.zeros((2, 0)), r"at least one number, got shape \(2, 0\)"), ([1, np.inf], "finite numbers")]
)
def test_array_takes_any_shape_but_the_empty_one(x, message):
    assert _check.array("y0", 3).shape == ()
    assert _check.array("y0", [[[1]]]).shape == (1, 1, 1)
    with pytest.raises(ValueError, match=f"y0: expected {message}"):
        _check.array("y0", x)


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ([0.5, 0.6], "p: expected non-negative numbers with sum 1, got sum 1.1"),
        ([1.5, -0.5], "p: expected non-negative numbers with sum 1, got -0.5"),
        ([1.0 + 1e-8], "got sum 1.00000001"),
        ([0.5, np.nan], "p: expected finite numbers"),
        ([], "p: expected a vector of at least 1 entries"),
        ([[0.5, 0.5]], r"got shape \(1, 2\)"),
    ],
)
def test_probabilities_says_what_is_wrong(p, message):
    with pytest.raises(ValueError, match=message):
        _check.probabilities("p", p)
    with pytest.raises(ValueError, match="p: expected a vector of 3 entries"):
        _check.probabilities("p", [0.5, 0.5], 3)
    assert _check.probabilities("p", [0.0, 1.0 - 1e-10])[1] == 1.0 - 1e-10


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "layers: expected at least one str, got none"),
        ("a", "layers: expected a list of str, got one str"),
        (3, "layers: expected a list of str, got one int"),
        (["a", 3], r"layers\[1\]: expected str, got int"),
    ],
)
def test_instances_names_the_position(items, message):
    with pytest.raises(ValueError, match=message):
        _check.instances("layers", items, str)
