"""Functions that students write: what is checked, what goes wrong, and that nothing gets out."""

import sys
import threading
import time

import numpy as np
import pytest

from teachkit.grading.kinds import Function, Holds, Wrong, look
from teachkit.grading.kinds.base import judge
from teachkit.grading.safely import call


def row_sums(x):
    return x.sum(axis=-1)


def column_sums(x):
    return x.sum(axis=0)


KIND = Function(
    cases={
        "one point": lambda draw, data: (draw.normal((4,)),),
        "a batch": lambda draw, data: (draw.normal((4, 4)),),
        "whole numbers": lambda draw, data: (np.arange(4.0),),
    },
    reference=row_sums,
    wrong=[Wrong(column_sums, "You add over the samples.")],
    seconds=0.8,
)


def right_by_loop(x):
    total = np.zeros(x.shape[:-1])
    for i in range(x.shape[-1]):
        total += x[..., i]
    return total


def in_place(x):
    x[0] = 0
    return x.sum(axis=-1)


def endless(x):
    while True:
        x = x + 1


RELEASE = threading.Event()


def endless_that_catches_all(x):
    while not RELEASE.is_set():
        try:
            while not RELEASE.is_set():
                time.sleep(0.001)
        except BaseException:
            pass


@pytest.fixture(autouse=True)
def _release():
    """End what no check could end when a test is over."""
    RELEASE.clear()
    yield
    RELEASE.set()


def loud(x):
    for _ in range(2000):
        print("z" * 1000)
    print("also here", file=sys.stderr)
    return x.sum(axis=-1)


def leaves(x):
    sys.exit("bye")


def raises_strangely(x):
    class StrangeError(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    raise StrangeError


def warns(x):
    return row_sums(np.sqrt(-1 - x**2))


class AlwaysRight:
    def __eq__(self, other):
        return True

    __hash__ = None


WRONG = [
    (column_sums, "You add over the samples."),
    (endless, "had not ended after 0.8 s"),
    (endless_that_catches_all, "could not be stopped either; restart the kernel"),
    (in_place, "changes its argument number 1 in place"),
    (leaves, "raised SystemExit: bye"),
    (raises_strangely, "a message that can't be shown"),
    (lambda x: x[0, 0], "raised IndexError"),
    (lambda: 0, "takes 0 positional arguments"),
    (lambda x: AlwaysRight(), "object of type AlwaysRight"),
    (lambda x: np.full(x.shape[:-1], np.nan), "returns NaN"),
    (lambda x: x.sum(axis=-1, keepdims=True), "returns the shape [1], expected []"),
    (lambda x: x.sum(axis=-1).astype(int), "returns dtype int64, expected float64"),
    (lambda x: row_sums(x).astype(np.float16), "numbers are wrong"),
    (lambda x: x.sum(axis=-1) > 0, "returns dtype bool"),
    (lambda x: (row_sums(x), 0), "different lengths"),
    (lambda x: None if x.ndim > 1 else row_sums(x), "returns None"),
    (lambda x: "12", "a str that is not"),
    (lambda x: row_sums(x) + 1j, "dtype complex128"),
    (lambda x: np.zeros(10**6), "at most 10,000"),
    (warns, "returns NaN"),
    (3, "Expected a function, got int"),
    ("row_sums", "Expected a function, got str"),
    (None, "no function yet"),
    (lambda x: ..., "returns None"),
]


@pytest.mark.parametrize(("answer", "message"), WRONG, ids=lambda x: getattr(x, "__name__", repr(x))[:24])
def test_a_wrong_function_is_told_what_is_wrong(answer, message, capsys):
    record, verdict = look(KIND, answer, {})
    assert not verdict.right
    assert message in verdict.message
    assert capsys.readouterr() == ("", "")
    if record is not None:
        assert judge(KIND, record, {}) == verdict


@pytest.mark.parametrize(
    "answer", [row_sums, right_by_loop, lambda x: np.einsum("...i->...", x), lambda x: x @ np.ones(4)]
)
def test_right_functions_pass(answer):
    assert look(KIND, answer, {})[1].right


def test_a_function_that_prints_a_lot_is_told_so(capsys):
    verdict = look(KIND, loud, {})[1]
    assert verdict.right
    assert "It prints 6,006,030 characters, which are not all shown here" in verdict.message
    assert capsys.readouterr() == ("", "")


def test_each_case_earns_its_share():
    verdict = look(KIND, lambda x: x.sum(), {})[1]
    assert verdict.score == pytest.approx(2 / 3)
    assert verdict.message == "Case 'a batch': it returns the shape [], expected [4]."


def test_what_a_wrong_function_prints_is_shown(capsys):
    def searching(x):
        print("x is", x.ndim)
        return x.sum()

    assert look(KIND, searching, {})[1].message.endswith("It prints: x is 1\nx is 2\nx is 1")
    assert capsys.readouterr() == ("", "")


def test_several_results_and_lists_are_compared():
    kind = Function(cases={"a pair": lambda draw, data: (2.0,)}, reference=lambda x: (x, np.array([x, x**2])))
    assert look(kind, lambda x: [x, [x, x * x]], {})[1].right
    half = look(kind, lambda x: (x, np.array([x, x])), {})[1]
    assert half.score == 0.5
    first, second = half.message.splitlines()
    assert first == "Result 1 is right."
    assert second == "Result 2, in every case: 1 of 2 numbers are wrong, the first at [1], where it is 2."
    assert "should return 2 results, and returns 3" in look(kind, lambda x: (x, x, x), {})[1].message
    assert "should return 2 results, and returns one" in look(kind, lambda x: x, {})[1].message


def test_properties_without_a_reference():
    kind = Function(
        cases={"two points": lambda draw, data: ()},
        holds=[
            Holds(lambda arguments, values: not np.array_equal(*values[0]), "The points are the same."),
            Holds(lambda arguments, values: np.prod([z[0] ** 2 - 1 for z in values[0]]) == 0, "They don't collide."),
        ],
        wrong=[Wrong(lambda: (np.array([2.0]), np.array([-2.0])), "That is a collision of another map.")],
    )
    assert look(kind, lambda: (np.array([1.0]), np.array([-1.0])), {})[1].right
    assert look(kind, lambda: (np.array([1.0]), np.array([1.0])), {})[1].message == "The points are the same."
    assert look(kind, lambda: (np.array([2.0]), np.array([-2.0])), {})[1].message.startswith("That is a collision")
    assert look(kind, lambda: 3, {})[1].message == "The points are the same."


def test_inputs_differ_between_students_and_stay():
    kind = Function(
        cases={"x": lambda draw, data: (draw.normal((3,)) + data["a"],)},
        reference=row_sums,
        draw=lambda draw: {"a": draw.integer(1, 100), "m": draw.normal((2, 2))},
    )
    first, again, other = (kind.data("s", "i", name) for name in ("ada", "ada", "bob"))
    inputs = [kind.arguments(data)["x"][0] for data in (first, again, other)]
    assert np.array_equal(inputs[0], inputs[1])
    assert not np.isclose(inputs[0] - first["a"], inputs[2] - other["a"]).any()


# --- running safely ------------------------------------------------------------------------------


def test_an_endless_loop_ends_soon_and_leaves_no_thread():
    before, start = threading.active_count(), time.monotonic()
    outcome = call(endless, (0,), 0.2)
    assert "had not ended after 0.2 s" in outcome.problem
    assert time.monotonic() - start < 2
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() == before


def test_what_a_stubborn_loop_prints_never_shows(capsys):
    def stubborn():
        while not RELEASE.is_set():
            try:
                while not RELEASE.is_set():
                    print("noise")
                    time.sleep(0.001)
            except BaseException:
                pass

    call(stubborn, (), 0.1)
    print("mine")
    time.sleep(0.05)
    assert capsys.readouterr().out == "mine\n"
    RELEASE.set()
    time.sleep(0.05)


def test_a_stream_that_stands_in_can_do_what_the_other_can(monkeypatch):
    class Notebook:
        parent = None

        def write(self, text):
            return len(text)

        def flush(self):
            pass

        def set_parent(self, parent):
            self.parent = parent

    stream = Notebook()
    monkeypatch.setattr(sys, "stdout", stream)
    call(lambda: sys.stdout.set_parent(7), (), 1)
    assert stream.parent == 7


def test_time_is_for_all_cases_together():
    def slow(x):
        time.sleep(0.5)
        return x.sum(axis=-1)

    start = time.monotonic()
    assert "it was not run, since the time was over" in look(KIND, slow, {})[1].message
    assert time.monotonic() - start < 2


def test_without_threads_the_function_still_runs(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert call(lambda x: x + 1, (1,), 0.1).value == 2
    assert "ValueError" in call(int, ("x",), 0.1).problem


def test_the_line_of_an_error_is_counted_in_the_function():
    def third(x):
        y = x
        return y[0]

    assert "(line 3 of your function)" in call(third, (1,), 1).problem


def test_a_wrong_function_that_raises_is_known_by_its_error_in_whatever_line():
    def not_a_batch(x):
        return x.sum(axis=1)

    def the_same_later(x):
        x = x + 0.0
        return x.sum(axis=1)

    kind = Function(cases=KIND.cases, reference=row_sums, wrong=[Wrong(not_a_batch, "One point has no axis 1.")])
    assert look(kind, the_same_later, {})[1].message == "One point has no axis 1."
    assert "IndexError" in look(kind, lambda x: [][0], {})[1].message
