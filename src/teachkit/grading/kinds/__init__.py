"""The kinds of answers: each turns a student's answer into plain data, and judges such data."""

from teachkit.grading.kinds.base import Kind, Wrong, look
from teachkit.grading.kinds.choice import Choice, TrueFalse
from teachkit.grading.kinds.curve import Curve
from teachkit.grading.kinds.derivation import Derivation
from teachkit.grading.kinds.formula import Expression
from teachkit.grading.kinds.function import Function, Holds
from teachkit.grading.kinds.number import Number

__all__ = [
    "Choice", "Curve", "Derivation", "Expression", "Function", "Holds", "Kind", "Number", "TrueFalse", "Wrong", "look",
]  # fmt: skip
