"""The items of sheet 3 on entropic transport: one iteration in logarithms, and the bias of two points."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Curve, Function, Wrong
from teachkit.grading.kinds.base import Data

Case = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]
Result = tuple[np.ndarray, np.ndarray]
Sum = Callable[[np.ndarray, int], np.ndarray]

# --- one iteration -------------------------------------------------------------------------------


def _log_sum_exp(z: np.ndarray, axis: int) -> np.ndarray:
    top = z.max(axis=axis, keepdims=True)
    return np.log(np.exp(z - top).sum(axis=axis)) + top.squeeze(axis)


def _plain_sum(z: np.ndarray, axis: int) -> np.ndarray:
    return np.log(np.exp(z).sum(axis=axis))


def _one_top(z: np.ndarray, axis: int) -> np.ndarray:
    return np.log(np.exp(z - z.max()).sum(axis=axis)) + z.max()


def _no_top(z: np.ndarray, axis: int) -> np.ndarray:
    return np.log(np.exp(z - z.max(axis=axis, keepdims=True)).sum(axis=axis))


def _step(
    g: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    C: np.ndarray,
    eps: float,
    *,
    sum_of: Sum = _log_sum_exp,
    slip: str = "",
) -> Result:
    """Return f and the next g, with one of some slips."""
    with np.errstate(all="ignore"):
        log_a, log_b = (x if slip == "no log" else np.log(x) for x in (a, b))
        if slip in ("no masses", "other form"):
            log_a, log_b = np.zeros(a.size), np.zeros(b.size)
        if slip == "no a":
            log_a = np.zeros(a.size)
        out = {"sign": eps, "no factor": -1.0}.get(slip, -eps)
        unit = 1.0 if slip == "bracket" else eps
        start = {"from zero": 0 * g, "minus g": -g}.get(slip, g)
        f = out * sum_of(start / unit - C / eps + log_b, 1)
        f = f + eps * np.log(a) if slip == "other form" else f
        second = 0 * f[:, None] if slip == "f ignored" else f if slip.startswith("row") else f[:, None]
        g_next = out * sum_of(second / unit - C / eps + (log_a if slip == "rows" else log_a[:, None]), 0)
        return f, g_next + eps * np.log(b) if slip == "other form" else g_next


def _averaged(g: np.ndarray, a: np.ndarray, b: np.ndarray, C: np.ndarray, eps: float) -> Result:
    return _step(g, np.full(a.size, 1 / a.size), np.full(b.size, 1 / b.size), C, eps)


def _loop(g: np.ndarray, a: np.ndarray, b: np.ndarray, C: np.ndarray, eps: float) -> Result:
    return _step(g, np.full(a.size, 1 / a.size), np.full(b.size, 1 / a.size), C, eps)


def _old(g: np.ndarray, a: np.ndarray, b: np.ndarray, C: np.ndarray, eps: float) -> Result:
    return _step(g, a, b, C, eps)[0], g


def _hard(g: np.ndarray, a: np.ndarray, b: np.ndarray, C: np.ndarray, eps: float) -> Result:
    f = (C - g).min(axis=1)
    return f, (C - f[:, None]).min(axis=0)


def _products(g: np.ndarray, a: np.ndarray, b: np.ndarray, C: np.ndarray, eps: float) -> Result:
    with np.errstate(all="ignore"):
        K, v = np.exp(-C / eps), np.exp(g / eps)
        u = 1 / (K @ (b * v))
        return eps * np.log(u), eps * np.log(1 / (K.T @ (a * u)))


def _problem(n: int, m: int, eps: float) -> Callable[[Draw, Data], Case]:
    def case(draw: Draw, data: Data) -> Case:
        a, b = draw.uniform(0.2, 1, (n,)), draw.uniform(0.2, 1, (m,))
        return draw.uniform(-0.5, 0.5, (m,)), a / a.sum(), b / b.sum(), draw.uniform(1, 4, (n, m)), eps

    return case


_UNDERFLOW = (
    "For the small eps your exponentials underflow to 0 or overflow. Take the largest term of each sum out, as the "
    "chapter's loop does."
)

_COLUMN = (
    "f is right. In the second sum f stands in a row: f_i goes with row i of C, so take f[:, None]. "
    "With square C nothing warns you."
)

SINKHORN_STEP = Function(
    cases={
        "eps = 0.5": _problem(4, 4, 0.5),
        "eps = 2, more rows": _problem(5, 3, 2.0),
        "eps = 0.3, one row": _problem(1, 4, 0.3),
        "eps = 0.001": _problem(5, 5, 1e-3),
        "eps = 0.001, more columns": _problem(3, 6, 1e-3),
    },
    reference=_step,
    wrong=[
        Wrong(partial(_step, sum_of=_plain_sum), _UNDERFLOW),
        Wrong(_products, _UNDERFLOW),
        Wrong(partial(_step, sum_of=_one_top), "You take one largest term out for the whole matrix. For the small eps "
              "the other rows still underflow: each sum needs its own."),
        Wrong(partial(_step, sum_of=_no_top), "You take the largest term out of each sum and do not put it back after "
              "the logarithm."),
        Wrong(partial(_step, slip="no masses"), "Your sums have no weights: b_j belongs in the first, a_i in the "
              "second."),
        Wrong(partial(_step, slip="no a"), "f is right. The second sum has no weights: a_i belongs in it."),
        Wrong(partial(_step, slip="no log"), "You add the masses to the exponents. A factor b_j before exp is log b_j "
              "in the exponent."),
        Wrong(partial(_step, slip="bracket"), "In your exponents only C is divided by eps; the potential is, too."),
        Wrong(_loop, "You weigh all points alike, as the chapter's loop does, which is for equal masses. Here b_j "
              "belongs in the first sum and a_i in the second."),
        Wrong(lambda g, a, b, C, eps: _step(g, b, a, C, eps), "You have exchanged a and b: the first sum runs over j "
              "and has the weights b_j."),
        Wrong(partial(_step, slip="row"), _COLUMN),
        Wrong(partial(_step, slip="rows"), _COLUMN),
        Wrong(_averaged, "You weigh all points alike; b_j belongs in the first sum and a_i in the second."),
        Wrong(partial(_step, slip="other form"), "These are potentials for a plan without the factor a_i b_j. In the "
              "chapter's form the masses stand in the sums."),
        Wrong(partial(_step, slip="sign"), "The sign in front of eps log is wrong in both."),
        Wrong(partial(_step, slip="no factor"), "The factor eps in front of the logarithms is missing: f and g have "
              "the unit of a cost."),
        Wrong(partial(_step, slip="from zero"), "You start from g = 0 and not from the g that is given."),
        Wrong(partial(_step, slip="minus g"), "In the first exponent g_j and C_ij have opposite signs."),
        Wrong(_old, "f is right, and you return the g that was given. The second half of the iteration is missing."),
        Wrong(partial(_step, slip="f ignored"), "f is right. In your second sum f does not occur."),
        Wrong(lambda *x: _step(*x)[::-1], "Both are right, in the wrong order: return f first, then the new g."),
        Wrong(_hard, "You take minima in place of the logarithms: that is the limit for eps to 0."),
    ],
)  # fmt: skip

# --- the bias of two points ----------------------------------------------------------------------


def _excess(data: Data) -> float:
    """Return what the dearer pairing costs more, summed over its two pairs, with the sign of the crossed one."""
    (p, q), (r, s) = data["C"]
    return q + r - p - s


def _best_cost(data: Data) -> float:
    (p, q), (r, s) = data["C"]
    return min(p + s, q + r) / 2


def _wrong_pairs(eps: np.ndarray, data: Data, factor: float = 2.0) -> np.ndarray:
    """Return the mass that the entropic plan sends along each of the two dearer pairs."""
    return 0.5 / (1 + np.exp(abs(_excess(data)) / (factor * eps)))


def _bias(eps: np.ndarray, data: Data, factor: float = 2.0) -> np.ndarray:
    return abs(_excess(data)) * _wrong_pairs(eps, data, factor)


def _divergence(eps: np.ndarray, data: Data) -> np.ndarray:
    t = 2 * _wrong_pairs(eps, data)
    return np.log(2) + t * np.log(t) + (1 - t) * np.log1p(-t)


def _one_matrix(eps: np.ndarray, data: Data) -> np.ndarray:
    C = np.ravel(data["C"])
    K = np.exp(-C / np.asarray(eps)[:, None])
    return K @ C / K.sum(axis=1) - _best_cost(data)


def _to_first(eps: np.ndarray, data: Data) -> np.ndarray:
    """Return the cost above that of the straight pairing, which is not always the better one."""
    (p, _), (_, s) = data["C"]
    return _bias(eps, data) + _best_cost(data) - (p + s) / 2


def _draw_costs(draw: Draw) -> dict[str, Any]:
    while True:
        data = {"C": [[draw.decimal(0.5, 4) for _ in range(2)] for _ in range(2)]}
        gap = abs(_excess(data))  # at 2 the mass on the dearer pairs would equal the bias
        if 1.4 <= gap <= 3.6 and abs(gap - 2) > 0.15 and _best_cost(data) > 0.8:
            return data


BIAS_OF_TWO_POINTS = Curve(
    value=_bias,
    domain=(0.2, 4),
    draw=_draw_costs,
    wrong=[
        Wrong(lambda x, data: _bias(x, data) + _best_cost(data), "That is the whole cost of the entropic plan. "
              "Subtract that of the best plan."),
        Wrong(lambda x, data: _bias(x, data, 1.0), "In your exponent a factor 1/2 is missing: P11 P22 / (P12 P21) is "
              "the square of P11 / P12."),
        Wrong(lambda x, data: 2 * _bias(x, data), "Twice too large: the four masses of the plan sum to 1, and each "
              "row to 1/2."),
        Wrong(lambda x, data: _bias(x, data) + x * _divergence(x, data), "You add eps times the divergence, which the "
              "entropic plan minimises too. The bias is about the cost alone."),
        Wrong(lambda x, data: np.full(x.shape, abs(_excess(data)) / 4), "That is the bias of the plan with all masses "
              "1/4. The entropic plan depends on eps."),
        Wrong(lambda x, data: x * np.log(2), "That is the upper bound for any costs. The bias itself is smaller."),
        Wrong(lambda x, data: abs(_excess(data)) / 2 - _bias(x, data), "That grows when eps falls: your plan puts the "
              "larger mass on the dearer pairs."),
        Wrong(lambda x, data: _wrong_pairs(x, data), "That is the mass on one of the dearer pairs, not yet a cost."),
        Wrong(lambda x, data: 2 * _wrong_pairs(x, data), "That is the mass on the two dearer pairs, not yet a cost."),
        Wrong(_one_matrix, "Your plan is exp(-C/eps), divided by its sum. Its rows and columns do not sum to 1/2, so "
              "it is no plan."),
        Wrong(lambda x, data: -_bias(x, data), "No plan costs less than the best one: subtract the other way round."),
        Wrong(lambda x, data: abs(_excess(data)) * 0.5 / (1 + np.exp(abs(_excess(data)) * x / 2)), "You multiply by "
              "eps in the exponent. For eps to 0 the bias must vanish."),
        Wrong(_to_first, "You compare with the pairing of x1 with y1. For your costs it is not the best one."),
    ],
)  # fmt: skip
