"""Checks of three items of sheet 6 on chains: a density, the zeros of a Jacobian, and what additive layers can do."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachkit.coupling import layer
from teachkit.data import standard_normal
from teachkit.flows import Flow
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Expression, Number, TrueFalse, Wrong

Data = dict[str, Any]


def _log_density(data: Data) -> float:
    a, b, c = data["a"], data["b"], data["c"]
    first = layer(lambda z: a * z[:, :1], lambda z: b * z[:, :1])
    second = layer(lambda u: c * u[:, 1:], lambda u: 0 * u, mask=(0, 1))
    return float(Flow(standard_normal(2), [first, second]).log_prob([[data["x1"], data["x2"]]])[0])


def _mistaken(data: Data) -> dict[str, float]:
    """Return what each mistake leads to, by its name."""
    a, b, c, x1, x2 = (data[name] for name in ("a", "b", "c", "x1", "x2"))
    z1 = x1 * math.exp(-c * x2)
    z2 = (x2 - b * z1) * math.exp(-a * z1)
    base = _log_normal(z1, z2)
    right = base - a * z1 - c * x2
    v2 = (x2 - b * x1) * math.exp(-a * x1)  # the layers undone in the order of sampling
    u2 = x2 * math.exp(a * x1) + b * x1  # x pushed forward
    late = _log_normal(z1, x2 * math.exp(-a * z1) - b * z1)  # the shift undone after the scaling
    return {
        "sign": base + a * z1 + c * x2,
        "base": base,
        "first": base - c * x2,
        "second": base - a * z1,
        "first sign": base + a * z1 - c * x2,
        "second sign": base - a * z1 + c * x2,
        "place": base - a * x1 - c * x2,
        "all at z": base - a * z1 - c * z2,
        "shift": late - a * z1 - c * x2,
        "constant": right + math.log(2 * math.pi),
        "line": right + 0.5 * math.log(2 * math.pi),
        "density": math.exp(right),
        "bits": right / math.log(2),
        "order": _log_normal(x1 * math.exp(-c * v2), v2) - a * x1 - c * v2,
        "forward": _log_normal(x1 * math.exp(c * u2), u2) - a * x1 - c * u2,
    }


def _log_normal(z1: float, z2: float) -> float:
    return -0.5 * (z1**2 + z2**2) - math.log(2 * math.pi)


def _draw_chain(draw: Draw) -> Data:
    """Draw until z is not far out, and the answer and all mistakes differ from each other."""
    while True:
        data = {"a": draw.decimal(0.3, 0.9), "b": draw.decimal(0.5, 1.5), "c": draw.decimal(0.3, 0.9)}
        data["x1"] = draw.decimal(0.6, 1.6)
        data["x2"] = draw.choice([-1, 1]) * draw.decimal(0.4, 1.2)
        mistaken = _mistaken(data)
        numbers = np.sort([_log_density(data), *mistaken.values()])
        if mistaken["base"] > -5 and (np.diff(numbers) > 0.008 * np.abs(numbers[1:])).all():
            return data


CHAINS = {
    "density-of-a-chain": Number(
        value=_log_density,
        unit="nats",
        units={"bits": math.log(2)},
        draw=_draw_chain,
        wrong=[
            Wrong(lambda data, name=name: _mistaken(data)[name], message)
            for name, message in {
                "sign": "Both log-determinants have the wrong sign: where the flow stretches, the density falls.",
                "base": "That is the base's log-density at z. The log-determinants are missing.",
                "first": "The log-determinant of the first layer is missing.",
                "second": "The log-determinant of the second layer is missing.",
                "first sign": "The log-determinant of the first layer has the wrong sign.",
                "second sign": "The log-determinant of the second layer has the wrong sign.",
                "place": "The place is wrong: the first layer's s must be taken at the point that this layer receives "
                "on the way forward; you take it at x1.",
                "all at z": "You take both log-determinants at z. The second layer does not receive z.",
                "shift": "You undo the scaling of the first layer before its shift. What was added last goes first.",
                "constant": "The constant of the normal density in the plane is missing.",
                "line": "The constant of the normal density is that of the line; here it is a law in the plane.",
                "density": "That is the density; its logarithm is asked for.",
                "bits": "That is the number in bits. Give it in nats, or write the unit behind it.",
                "order": "You undo the layers in the order in which sampling applies them. Undo the last first.",
                "forward": "You push x forward. The density of a given x needs the way back to z.",
            }.items()
        ],
    ),
    "zeros-of-the-jacobian": Expression(
        value="m*(m-1)",
        variables={"m": range(2, 21)},
        wrong=[
            Wrong(
                "0", "Two layers move every entry, but look at one that moved first: what does it see of its own half?"
            ),
            Wrong("m**2", "An entry that moved first does depend on itself: the factor exp(s) is never zero."),
            Wrong(
                "m*(3*m-2)", "That is the number after one layer. The second one fills the rows of the half it moves."
            ),
            Wrong("2*m*(m-1)", "You have counted both halves. The half that moves last sees everything."),
            Wrong(
                "m*(2*m-1)",
                "In each row of the half that moved first you count all entries but one. Such an entry also depends on "
                "all of the other half.",
            ),
            Wrong("m-1", "That is the number in one row of the half that moved first. How many such rows are there?"),
            Wrong("m", "Those on the diagonal of that block are never zero. Count the ones that always are."),
            Wrong("m*(3*m+1)", "That is the number of the other entries."),
            Wrong("2*m**2", "That would be half of the Jacobian. After the second layer no block is zero as a whole."),
            Wrong("m*(m-1)/2", "The pattern is symmetric, but zeros above and below the diagonal both count."),
        ],
    ),
    "keeping-volume": TrueFalse(
        truth=False,
        right="b",
        why={
            "a": "The function t may bend as it likes, so additive layers are not linear.",
            "c": "They don't keep it: with t(z1) = z1 the second coordinate has the variance 2.",
            "d": "Both laws have the whole plane as their support, so nothing has to be torn.",
            "e": "By the proposition on the entropy of a flow, a map with determinant one leaves the entropy as it is.",
            "f": "True of t and false of the map: no choice of t changes the area of a set.",
        },
        otherwise="Every layer has determinant one. What does that say about p_X, compared with p_Z?",
        because="With determinant one p_X is nowhere above 1/(2 pi), and the target is, around its centre.",
    ),
}
