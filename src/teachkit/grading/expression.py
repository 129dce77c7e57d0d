"""Formulas typed by students: read by a list of what is allowed, and evaluated with NumPy.

Nothing is ever handed to Python's own ``eval``. All numbers are floats, so no power can take long.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from teachkit.grading.verdict import UnusableError

LONGEST = 500
"""The most characters of a formula."""
DEEPEST = 60
"""The most operations that may stand inside each other."""
CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exp": np.exp,
    "log": np.log,
    "ln": np.log,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "abs": np.abs,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
    "atan": np.arctan,
    "log2": np.log2,
    "log10": np.log10,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(x / 2)),
    "softplus": lambda x: np.logaddexp(0, x),
}
_OPERATIONS: dict[type[ast.AST], Callable[..., np.ndarray]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.UAdd: np.positive,
    ast.USub: np.negative,
}


class Formula:
    """A formula that has been read.

    >>> Formula("exp(-x)*y", ["x", "y"])({"x": np.array([0.0, 0.0]), "y": np.array([2.0, 3.0])})
    array([2., 3.])

    Raises:
        UnusableError: It is no formula in these variables; the message says why.
    """

    def __init__(self, text: str, variables: Iterable[str] = ()) -> None:
        self.text = text
        self._names = tuple(variables)
        self._tree = _read(text)
        _check(self._tree, self._names)
        self.used = {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)} & {*self._names}

    def __call__(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the formula's values; NaN or infinity where it is not defined."""
        known = {**CONSTANTS, **{name: np.asarray(values[name], float) for name in self._names}}
        with np.errstate(all="ignore"):
            return np.asarray(_evaluate(self._tree, known), float)


def _read(text: str) -> ast.expr:
    text = text.strip().replace("−", "-").replace("·", "*").replace("π", "pi")
    if len(text) > LONGEST:
        raise UnusableError(f"This formula has {len(text):,} characters; at most {LONGEST} are read.")
    if "^" in text:
        raise UnusableError("Write a power with two stars: x**2, not x^2.")
    if "=" in text:
        raise UnusableError("Write the formula alone, without an equals sign.")
    if re.fullmatch(r"[-+]?\d+,\d+", text):
        raise UnusableError("Write a decimal point, not a comma.")
    if "|" in text or "√" in text:
        raise UnusableError("Write abs(x) for the absolute value and sqrt(x) for the root.")
    if product := re.search(r"(?<![\w.])\d+\.?\d*(?=[A-Za-z(])(?![eE][+-]?\d)", text):
        raise UnusableError(f"Write each product with a star: {product[0]}*... instead of {product[0]}...")
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnusableError(f"{text[:60]!r} can't be read as a formula. {_advice(text)}") from error


def _advice(text: str) -> str:
    opened, closed = text.count("("), text.count(")")
    if opened != closed:
        return f"It opens {opened} and closes {closed} brackets."
    return "Write products with a star, powers with two, as in 2*x**3."


def _check(tree: ast.expr, variables: tuple[str, ...], depth: int = 0) -> None:
    """Raise unless every part of the tree is on the list."""
    if depth > DEEPEST:
        raise UnusableError(f"More than {DEEPEST} operations stand inside each other; write the formula more simply.")
    if isinstance(tree, ast.Constant):
        _check_number(tree.value)
    elif isinstance(tree, ast.Name):
        _check_name(tree.id, variables)
    elif isinstance(tree, ast.UnaryOp) and type(tree.op) in _OPERATIONS:
        _check(tree.operand, variables, depth + 1)
    elif isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATIONS:
        _check(tree.left, variables, depth + 1)
        _check(tree.right, variables, depth + 1)
    elif isinstance(tree, ast.Call):
        _check_call(tree, variables)
        _check(tree.args[0], variables, depth + 1)
    else:
        raise UnusableError(
            f"{_shown(tree)} is not allowed here: use numbers, {_listed(variables)}+ - * / ** and brackets."
        )


def _check_number(value: object) -> None:
    if type(value) not in (int, float):
        raise UnusableError(f"{str(value)[:40]!r} is not allowed in a formula: it is no real number.")
    if type(value) is int and value >= 2**1023:
        raise UnusableError("A number in this formula has more than 300 digits.")


def _check_name(name: str, variables: tuple[str, ...]) -> None:
    if name in variables or name in CONSTANTS:
        return
    if name in FUNCTIONS:
        raise UnusableError(f"The function {name} needs brackets: {name}(...).")
    guess = _guess(name, [*variables, *FUNCTIONS, *CONSTANTS])
    are = "variable here is" if len(variables) == 1 else "variables here are"
    known = f"The {are} {', '.join(variables)}." if variables else "There are no variables here."
    raise UnusableError(f"The name {name[:40]!r} is not known. {known}{guess}")


def _check_call(tree: ast.Call, variables: tuple[str, ...]) -> None:
    if not isinstance(tree.func, ast.Name):
        if not isinstance(tree.func, ast.Attribute):
            raise UnusableError("Write each product with a star, also between brackets: (x + 1)*(x - 1).")
        name = tree.func.attr
        known = (
            f"write {name}(...) with nothing before it." if name in FUNCTIONS else f"known are {', '.join(FUNCTIONS)}."
        )
        raise UnusableError(f"{_shown(tree.func)} is not allowed; {known}")
    name = tree.func.id
    if name in variables or name in CONSTANTS:
        raise UnusableError(f"{name}(...) reads as a call of {name}: write the product with a star.")
    if name not in FUNCTIONS:
        guess = _guess(name, list(FUNCTIONS)) or f" Known are {', '.join(FUNCTIONS)}."
        raise UnusableError(f"The function {name[:40]!r} is not known.{guess}")
    if len(tree.args) != 1 or tree.keywords or isinstance(tree.args[0], ast.Starred):
        raise UnusableError(f"{name} takes one argument in brackets.")


def _guess(name: str, known: list[str]) -> str:
    same = [x for x in known if x.lower() == name.lower()]
    near = same or difflib.get_close_matches(name, known, 1, cutoff=0.75)
    return f" Do you mean {near[0]}?" if near else ""


def _shown(tree: ast.expr) -> str:
    if isinstance(tree, ast.Attribute):
        return f"The dot before {tree.attr[:40]!r}"
    if isinstance(tree, ast.Tuple | ast.List):
        return "A list or a comma"
    return {ast.Compare: "A comparison", ast.Lambda: "A function", ast.Subscript: "A square bracket"}.get(
        type(tree), f"This part ({type(tree).__name__})"
    )


def _listed(variables: tuple[str, ...]) -> str:
    return "".join(f"{name}, " for name in variables)


def _evaluate(tree: ast.expr, known: Mapping[str, float | np.ndarray]) -> np.ndarray | float:
    if isinstance(tree, ast.Constant):
        return np.float64(tree.value)
    if isinstance(tree, ast.Name):
        return known[tree.id]
    if isinstance(tree, ast.UnaryOp):
        return _OPERATIONS[type(tree.op)](_evaluate(tree.operand, known))
    if isinstance(tree, ast.BinOp):
        return _OPERATIONS[type(tree.op)](_evaluate(tree.left, known), _evaluate(tree.right, known))
    assert isinstance(tree, ast.Call)
    assert isinstance(tree.func, ast.Name)
    return FUNCTIONS[tree.func.id](_evaluate(tree.args[0], known))
