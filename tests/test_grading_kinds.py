"""The kinds of answers on good, bad and hostile input. Formulas and functions have files of their own."""

import math
from fractions import Fraction

import numpy as np
import pytest

from teachkit.grading.kinds import Choice, Curve, Derivation, Expression, Number, TrueFalse, Wrong, look
from teachkit.grading.kinds.base import judge

LOG5 = Number(
    value=math.log(5),
    unit="nats",
    units={"bits": math.log(2)},
    wrong=[Wrong(5, "You left out the logarithm."), Wrong(1.5, "Nearly a half too little.", credit=0.5)],
)


class Liar:
    """Equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = None


class LyingFloat(float):
    """A float that is equal to everything, and close to it."""

    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__
    __hash__ = None


class LyingText(str):
    """A text that is equal to everything."""

    __slots__ = ()

    def __eq__(self, other):
        return True

    def strip(self, *_):
        return "b"

    lower = strip
    __hash__ = None


class LyingArray(np.ndarray):
    """An array that says it holds log 5."""

    def item(self, *_):
        return math.log(5)

    def __eq__(self, other):
        return np.True_


def test_number_in_every_form():
    forms = [1.6094, "1.6094 nat", "log(5)", "ln(5)", "2.3219 bits", "1.6094 nats", np.float32(1.6094379),
             np.array([1.6094379]), Fraction(16094379, 10**7), " 1.6094", "log(10) - log(2)"]  # fmt: skip
    assert [form for form in forms if not look(LOG5, form, {})[1].right] == []


def test_torch_number_is_read():
    torch = pytest.importorskip("torch")
    assert look(LOG5, torch.log(torch.tensor(5.0, requires_grad=True)), {})[1].right


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (None, "missing", "no answer yet"),
        (..., "missing", "no answer yet"),
        ("...", "missing", "no answer yet"),
        ("", "missing", "no answer yet"),
        (math.nan, "unusable", "NaN"),
        (math.inf, "unusable", "infinity"),
        ("9**9**9**9", "unusable", "infinity"),
        ("1.6 metres", "unusable", "The unit 'metres' is not known here. Use nats or bits."),
        ([1.6, 2], "unusable", "got 2 entries"),
        (np.eye(2), "unusable", "got 4 entries"),
        (True, "unusable", "got bool"),
        (1 + 2j, "unusable", "type complex"),
        (np.array(["1.6"]), "unusable", "dtype"),
        (np.array([None]), "unusable", "dtype object"),
        (Liar(), "unusable", "type Liar"),
        (10**400, "unusable", "300 digits"),
        (object, "unusable", "type type"),
        (print, "unusable", "type builtin"),
        ({"a": 1}, "unusable", "got dict"),
        (LyingFloat(3), "wrong", "3 is not"),
        (np.array(3.0).view(LyingArray), "wrong", "3 is not"),
        (5, "wrong", "left out the logarithm"),
        (1.5, "partly", "half too little"),
        (-math.log(5), "wrong", "sign"),
        (1.62, "wrong", "Close"),
        (7, "wrong", "7 is not the number"),
    ],
)
def test_number_is_told_what_is_wrong(answer, status, message):
    _, verdict = look(LOG5, answer, {})
    assert (verdict.status, message in verdict.message) == (status, True), verdict


def test_expected_value_may_depend_on_the_student():
    kind = Number(value=lambda d: d["a"] ** 2, draw=lambda draw: {"a": draw.integer(2, 9)})
    data = kind.data("sheet", "item", "ada")
    assert look(kind, data["a"] ** 2, data)[1].right


def test_zero_is_a_number():
    assert look(Number(value=0), 0.0, {})[1].right
    assert not look(Number(value=0), 1e-6, {})[1].right


CHOICE = Choice(right="b", why={"a": "That is the inverse.", "c": "That is the square."}, because="Since it halves.")


@pytest.mark.parametrize("answer", ["b", "B", " (b) ", "b)", "b."])
def test_choice_in_every_form(answer):
    assert look(CHOICE, answer, {})[1].right


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("a", "inverse"),
        ("C", "square"),
        ("d", "one of the letters a, b, c"),
        (2, "got int"),
        ("a or b", "letters"),
        (LyingText("a"), "inverse"),
        (["b"], "got list"),
        (Liar(), "type Liar"),
    ],
)
def test_choice_is_told_what_is_wrong(answer, message):
    verdict = look(CHOICE, answer, {})[1]
    assert not verdict.right
    assert message in verdict.message


CLAIM = TrueFalse(truth=False, right="c", why={"a": "A is no reason."}, otherwise="Try z = 0.")


@pytest.mark.parametrize("answer", [(False, "c"), [False, "C"], ("false", "(c)"), (np.False_, "c"), ("no", "c")])
def test_true_false_in_every_form(answer):
    assert look(CLAIM, answer, {})[1].right


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((True, "c"), "Try z = 0."),
        ((True, "a"), "Try z = 0."),
        ((False, "a"), "The truth value is right, but this is not the reason. A is no reason."),
        (False, "a truth value and the letter"),
        ((0, "c"), "must be True or False"),
        ((False, "x"), "one of the letters a, c"),
        ((False, "c", "c"), "a truth value and the letter"),
        ((None, None), "no answer yet"),
        ("false, c", "a truth value and the letter"),
    ],
)
def test_true_false_is_told_what_is_wrong(answer, message):
    verdict = look(CLAIM, answer, {})[1]
    assert verdict.score == 0
    assert message in verdict.message


STEPS = Derivation(
    steps={
        "inverse": Expression(value="x/2", variables={"x": (-1, 1)}, wrong=[Wrong("2*x", "That is the map itself.")]),
        "factor": Number(value=0.5, wrong=[Wrong(2, "That is the map's derivative.")]),
        "why": CHOICE,
    }
)


def test_derivation_earns_by_step():
    _, verdict = look(STEPS, {"inverse": "0.5*x", "factor": 2}, {})
    assert verdict.score == pytest.approx(1 / 3)
    assert verdict.message == "inverse: right.\nfactor: That is the map's derivative.\nwhy: not filled in yet."
    assert verdict.status == "partly"
    assert look(STEPS, ["x/2", 0.5, "b"], {})[1].message == "why: Since it halves."


def test_a_step_that_cannot_be_read_costs_only_itself():
    verdict = look(STEPS, {"inverse": "x/2", "factor": Liar(), "why": "a"}, {})[1]
    assert verdict.score == pytest.approx(1 / 3)
    assert verdict.wrong_steps == ("factor", "why")


def test_a_derivation_that_is_right_so_far_is_unfinished_and_not_wrong():
    verdict = look(STEPS, {"inverse": "x/2", "factor": 0.5}, {})[1]
    assert (verdict.status, verdict.score) == ("unfinished", pytest.approx(2 / 3))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"invers": "x/2"}, "no step 'invers'"),
        (["x/2", 0.5], "Expected a dict with the steps inverse, factor, why."),
        ({1: "x/2"}, "no step 'int'"),
        ({"inverse": "y/2", "factor": math.nan, "why": Liar()}, "of type Liar"),
        ({"inverse": "y/2", "factor": math.nan, "why": "b"}, "'y' is not known"),
        ("x/2", "Expected a dict"),
        ({"inverse": ..., "factor": "...", "why": None}, "no answer yet"),
    ],
)
def test_derivation_is_told_what_is_wrong(answer, message):
    verdict = look(STEPS, answer, {})[1]
    assert not verdict.right
    assert message in verdict.message


CURVE = Curve(
    value=lambda x, data: np.exp(-x),
    domain=(0, 3),
    wrong=[Wrong(lambda x, data: np.exp(x), "You plotted the inverse.")],
)
T = np.linspace(0, 3, 80)


def test_curve_in_every_form():
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots()
    lines = ax.plot(T, np.exp(-T))
    forms = [(T, np.exp(-T)), [T.tolist(), np.exp(-T).tolist()], lines, lines[0], ax, (T[::-1], np.exp(-T[::-1])),
             np.stack([T, np.exp(-T)]), (np.append(T, 5.0), np.append(np.exp(-T), 99.0))]  # fmt: skip
    assert [form for form in forms if not look(CURVE, form, {})[1].right] == []
    ax.plot(T, T)
    assert "2 lines" in look(CURVE, ax, {})[1].message
    plt.close(fig)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((T, np.exp(T)), "You plotted the inverse."),
        ((T, np.exp(-T) + 0.1), "up to a constant that is added"),
        ((T, 3 * np.exp(-T)), "up to a constant factor"),
        ((T, -np.exp(-T)), "the sign is not"),
        ((T, np.exp(-T) + 0.3 * np.sin(9 * T)), "of the points are off, most at x = "),
        ((T, np.where(T < 1, np.exp(-T), 0)), "of the points are off, most at x = 1.0"),
        ((T[:30], np.exp(-T[:30])), "must reach from x = 0 to 3"),
        ((T[[0, 30, 60, 79]], np.exp(-T[[0, 30, 60, 79]])), "at least 50 points; yours has 4 there"),
        ((T, np.exp(-T)[:5]), "x has 80 points and y 5"),
        ((T, T * np.nan), "y is NaN or infinite at 80 points, from x = 0 to 3."),
        (T, "the two arrays"),
        (("x", "y"), "x must be an array of numbers"),
        ((T[:, None], T[:, None]), "one-dimensional"),
        ((T, ...), "One of x and y is still missing."),
        (7, "the two arrays"),
        (None, "no answer yet"),
    ],
)
def test_curve_is_told_what_is_wrong(answer, message):
    verdict = look(CURVE, answer, {})[1]
    assert not verdict.right
    assert message in verdict.message


# --- records from a file that was handed in -----------------------------------------------------

HOSTILE = [
    {"array": [1], "dtype": "object", "shape": [1]},
    {"array": [1], "dtype": "float64", "shape": [10**9]},
    {"array": "x", "dtype": "float64", "shape": [1]},
    {"array": [1, 2], "dtype": "float64", "shape": [3]},
    {"array": [{}], "dtype": "float64", "shape": [1]},
    {"array": [1], "dtype": "V8", "shape": [1]},
    {"float": "x"},
    {"float": []},
    {"inverse": {"a": {"b": 1}}},
    [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]],
    {"results": 3},
    {"inverse": "9**9**9", "factor": {"float": "nan"}, "why": []},
    "x" * 20_000,
    [],
    None,
]


@pytest.mark.parametrize("record", HOSTILE, ids=lambda x: repr(x)[:24])
@pytest.mark.parametrize("kind", [LOG5, CHOICE, CLAIM, STEPS, CURVE], ids=lambda kind: type(kind).__name__)
def test_a_hostile_record_earns_nothing_and_raises_nothing(kind, record):
    verdict = judge(kind, record, {})
    assert verdict.score == 0
    assert verdict.message
