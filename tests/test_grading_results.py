"""How the results of students' functions are compared: shared arguments, scales, properties."""

import numpy as np

from teachkit.grading.kinds import Function, Holds, look


def test_arguments_that_cases_share_survive_a_function_that_spoils_them():
    shared = np.arange(3.0)
    kind = Function(cases={"shared": lambda draw, data: (shared, {"a": [1.0]})}, reference=lambda x, d: x + d["a"][0])

    def spoils(x, d):
        x[:] = 0
        return x + 1

    assert "changes its argument number 1" in look(kind, spoils, {})[1].message
    assert look(kind, lambda x, d: x + 1, {})[1].right

    def spoils_dict(x, d):
        d["a"][0] = None
        return x + 1

    assert "changes its argument number 2" in look(kind, spoils_dict, {})[1].message


def test_async_functions_are_told_so():
    async def later(x):
        return x

    kind = Function(cases={"x": lambda draw, data: (1.0,)}, reference=lambda x: x)
    assert "leave out the word async" in look(kind, later, {})[1].message


def test_small_results_are_compared_beside_large_ones():
    kind = Function(cases={"x": lambda draw, data: (0.25,)}, reference=lambda x: np.array([1e6 * x, x]))
    assert not look(kind, lambda x: np.array([1e6 * x, x + 0.1]), {})[1].right


def test_a_broken_property_costs_everything_also_beside_a_wrong_case():
    kind = Function(
        cases={"one": lambda draw, data: (1.0,), "two": lambda draw, data: (2.0,)},
        reference=lambda x: x,
        holds=[Holds(lambda arguments, values: min(values) > 0, "A length is positive.")],
    )
    assert look(kind, lambda x: x if x == 1 else -x, {})[1].score == 0
