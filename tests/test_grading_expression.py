"""Formulas: what is read, what is refused, and that refusing is quick and says why."""

import math

import numpy as np
import pytest

from teachkit.grading.expression import DEEPEST, FUNCTIONS, LONGEST, Formula
from teachkit.grading.kinds import Expression, look
from teachkit.grading.verdict import UnusableError

X = np.linspace(0.1, 2, 7)


@pytest.mark.parametrize(
    "text", ["2*x**2 + 1", "1+2*x*x", " 2 * x**2 - -1 ", "2·x**2 + 1", "(x+x)*x+1", "2.0*x**2+1E0"]
)
def test_formulas_are_read(text):
    assert np.allclose(Formula(text, ["x"])({"x": X}), 2 * X**2 + 1, rtol=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_numpys_or_its_definition(name):
    wanted = {"ln": np.log, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "softplus": lambda x: np.log(1 + np.exp(x))}
    function = wanted.get(name) or getattr(np, name)
    with np.errstate(invalid="ignore"):
        expected = function(X)
    assert np.allclose(Formula(f"{name}(x)", ["x"])({"x": X}), expected, rtol=1e-13, equal_nan=True)


def test_constants_and_order_of_operations():
    assert Formula("-2**2 + pi/e", [])({}) == -4 + math.pi / math.e
    assert Formula("2**3**2", [])({}) == 512
    assert Formula("π − 1", [])({}) == math.pi - 1


REFUSED = {
    "x" * 2000: "2,000 characters",
    "x + y": "The name 'y' is not known. The variable here is x.",
    "alpha": "not known",
    "ex": "Do you mean",
    "x.real": "The dot before 'real' is not allowed",
    "np.exp(x)": "write exp(...) with nothing before it",
    "().__class__.__bases__": "is not allowed",
    "__import__('os').system('true')": "is not allowed; known are exp",
    "eval(x)": "'eval' is not known",
    "x^2": "two stars",
    "0,149": "a decimal point, not a comma",
    "|x|": "abs(x)",
    "√x": "sqrt(x)",
    "X": "Do you mean x?",
    "nan": "not known. The variable here is x.",
    "2x": "product with a star: 2*...",
    "2(x + 1)": "product with a star",
    "x(x + 1)": "write the product with a star",
    "y = 2*x": "without an equals sign",
    "(x + 1": "opens 1 and closes 0 brackets",
    "(x + 1)(x - 1)": "also between brackets",
    "pi(x)": "write the product with a star",
    "exp": "needs brackets",
    "exp(x, x)": "takes one argument",
    "exp(*x)": "takes one argument",
    "[x, 1]": "A list or a comma",
    "x, 1": "A list or a comma",
    "lambda: x": "A function is not allowed",
    "x < 1": "A comparison",
    "x if x else 1": "is not allowed",
    "'a'*9": "no real number",
    "True": "no real number",
    "1" * 400: "300 digits",
    "-" * (DEEPEST + 2) + "x": "stand inside each other",
    "(" * 240 + "x" + ")" * 240: "can't be read",
    "": "can't be read",
    "\x00": "can't be read",
    "x // 2": "is not allowed",
    "[a for a in x]": "is not allowed",
    "x[0]": "A square bracket",
    "(a := x)": "equals sign",
    'f"{x}"': "is not allowed",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:12])
def test_everything_else_is_refused_with_a_reason(text):
    with pytest.raises(UnusableError) as raised:
        Formula(text, ["x"])
    assert REFUSED[text] in str(raised.value)
    assert len(str(raised.value)) < 300


def test_the_longest_formula_is_read():
    text = "x" + "+1" * ((LONGEST - 1) // 2)
    with pytest.raises(UnusableError, match="inside each other"):
        Formula(text, ["x"])
    assert Formula("x" + " " * (LONGEST - 1), ["x"])({"x": 1.0}) == 1


# --- as an answer --------------------------------------------------------------------------------

KIND = Expression(value="exp(-x)*y", variables={"x": (-2, 2), "y": (1, 3)})


@pytest.mark.parametrize(
    "text", ["y/exp(x)", "y*e**(-x)", "exp(log(y) - x)", "y*(cosh(x) - sinh(x))", "2*y/(2*exp(x))"]
)
def test_equal_formulas_are_equal(text):
    assert look(KIND, text, {})[1].right


def test_a_true_identity_that_algebra_programs_miss():
    kind = Expression(value="log(cosh(x))", variables={"x": (-3, 3)})
    assert look(kind, "x - log(2) + log(1 + exp(-2*x))", {})[1].right
    assert not look(kind, "x - log(2) + log(1 + exp(-2*x)) + 1e-5", {})[1].right


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9**9**9**9", "nowhere a finite number"),
        ("x/0", "nowhere a finite number"),
        ("log(-y)", "nowhere a finite number"),
        ("-exp(-x)*y", "the sign is not"),
        ("exp(-x)", "y must occur"),
        ("exp(-x)*y + log(x)*0", "not defined everywhere"),
        ("exp(x)*y", "Not equal. At x = "),
        (["y/exp(x)"], "Expected a formula in quotes"),
        (np.exp, "object of type ufunc"),
        (3 + 1j, "object of type complex"),
    ],
)
def test_an_unequal_formula_is_told_what_is_wrong(text, message):
    verdict = look(KIND, text, {})[1]
    assert message in verdict.message
    assert verdict.score == 0


def test_the_point_of_a_difference_is_one():
    verdict = look(Expression(value="abs(q)", variables={"q": (-2, 2)}), "q/3*3", {})[1]
    assert "At q = -" in verdict.message


def test_a_formula_that_is_zero_may_be_computed():
    assert look(Expression(value="0", variables={"x": (0, 1)}), "sin(x)**2 + cos(x)**2 - 1", {})[1].right


def test_a_number_is_a_formula():
    assert look(Expression(value="1", variables={"x": (0, 1)}), 1, {})[1].right


def test_variables_that_are_whole_numbers():
    kind = Expression(value="K*(K+1)/2", variables={"K": range(1, 9)})
    assert look(kind, "K**2/2 + K/2", {})[1].right
    assert not look(kind, "K**2/2", {})[1].right


def test_small_values_are_compared_too():
    """A formula that differs only where it is small must not pass for the large values elsewhere."""
    kind = Expression(value="exp(-5*x)", variables={"x": (0, 3)})
    assert not look(kind, "exp(-5*x) + 1e-6", {})[1].right
