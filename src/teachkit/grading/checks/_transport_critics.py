"""The items of sheet 3 on critics: what a penalty does to a slope, the penalty in code, a clipped critic's value."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Derivation, Expression, Function, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.wgan import Critic, input_gradient

# --- two points and a penalty --------------------------------------------------------------------

_THETA, _WEIGHT, _AIM, _SHARE = (0.5, 6.0), (0.5, 20.0), (0.5, 2.0), (0.05, 0.5)
_HALF = "Differentiate the square again: (s - k)^2 has the derivative 2 (s - k)."

TWO_POINTS = Derivation(
    steps={
        "slope": Expression(
            value="k + theta/(2*w)",
            variables={"theta": _THETA, "w": _WEIGHT, "k": _AIM},
            wrong=[
                Wrong("k", "That is the slope at which the penalty vanishes. The first term still pulls there."),
                Wrong("k + theta/w", _HALF),
                Wrong("k - theta/(2*w)", "The sign: the first term grows with s, so the best s lies above k."),
                Wrong("theta/(2*w)", "That is how far the best slope lies above k."),
                Wrong("1 + theta/(2*w)", "That is the slope for the penalty with k = 1."),
                Wrong("k + w/(2*theta)", "Upside down: a heavier penalty must hold the slope closer to k."),
                Wrong("k + theta*w/2", "A heavier penalty must hold the slope closer to k. Or is it only that in "
                      "Python theta/2*w is (theta/2)*w?"),
                Wrong("k + theta/2", "The weight of the penalty is missing."),
                Wrong("k + 1/(2*w)", "The first term is s theta: its derivative with respect to s is not 1."),
                Wrong("k + 2*theta/w", "Solve theta - 2 w (s - k) = 0 again: the 2 stands with w."),
            ],
        ),
        "value": Expression(
            value="k*theta + theta**2/(2*w)",
            variables={"theta": _THETA, "w": _WEIGHT, "k": _AIM},
            wrong=[
                Wrong("theta", "That is W1. The best critic's slope is in general not 1, so its value is another."),
                Wrong("k*theta", "That is the value at the slope k. The best slope is another one."),
                Wrong("k + theta/(2*w)", "That is the slope. The value is f at theta minus f at 0."),
                Wrong(
                    "k*theta + theta**2/(4*w)",
                    "That is the largest J, with the penalty taken off. The value is without it.",
                ),
                Wrong("theta + theta**2/(2*w)", "That is the value for the penalty with k = 1."),
                Wrong("k*theta + theta**2/w", f"The slope is not right. {_HALF}"),
                Wrong("k*theta + theta**2*w/2", "A heavier penalty must hold the value closer to k theta. Or is it "
                      "only that in Python theta**2/2*w is (theta**2/2)*w?"),
                Wrong("k*theta + theta/(2*w)", "Multiply the whole slope by theta."),
            ],
        ),
        "proven": Expression(
            value="1*theta",
            variables={"theta": _THETA, "w": _WEIGHT, "k": _AIM},
            wrong=[
                Wrong("k*theta + theta**2/(2*w)", "That is the value itself. It bounds W1 only for slopes up to one."),
                Wrong("k*theta", "For k > 1 that is more than W1, so nothing can prove it. By what do you divide?"),
                Wrong(
                    "(k + theta/(2*w))**2*theta",
                    "You multiply by the Lipschitz constant. A steep critic proves less by the same value.",
                ),
                Wrong("1", "A bound on a distance has the unit of theta. Divide the value, not the slope."),
                Wrong("k + theta/(2*w)", "That is the slope, which the value is to be divided by."),
                Wrong("theta + theta**2/(2*w*k)", "You divide by k. The critic is steeper than that."),
            ],
        ),
        "weight": Expression(
            value="theta/(2*q)",
            variables={"theta": _THETA, "q": _SHARE},
            wrong=[
                Wrong("theta/q", _HALF),
                Wrong("q*theta/2", "A smaller share q needs a larger weight. Or is it only that in Python theta/2*q is "
                      "(theta/2)*q?"),
                Wrong("2*q/theta", "That is 1 divided by the weight."),
                Wrong("q/(2*theta)", "That runs the wrong way: a smaller share q needs a larger weight."),
                Wrong("1/(2*q)", "That is right for theta = 1 only. The weight has the unit of theta."),
                Wrong(
                    "theta**2/(2*q)",
                    "Here q is the difference of value and W1. It is asked for as a share of W1, so divide by theta.",
                ),
                Wrong("theta/(4*q)", "You use the largest J in place of the value."),
                Wrong("theta/(2*(q - 1))", "q is the share above W1: the value is (1 + q) W1, not q W1."),
            ],
        ),
        "rescaled": Expression(
            value="255*w",
            variables={"w": _WEIGHT},
            wrong=[
                Wrong("w", "Then the slope changes: put 255 theta for theta into your formula for it."),
                Wrong("w/255", "The wrong way: with larger distances the first term pulls harder, and the penalty must "
                      "keep pace."),
                Wrong("255**2*w", "One factor too many: the slope holds theta/w, so how must w grow with theta?"),
                Wrong("255", "Which weight was used before? The new one depends on it."),
                Wrong("sqrt(255)*w", "The slope holds theta/w, without a root or a square."),
            ],
        ),
    }
)  # fmt: skip

# --- the penalty in code -------------------------------------------------------------------------

Case = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]
Result = tuple[np.ndarray, float]
_SO_FAR = "The gradients are right. "


def _critic(n: int, h: int, d: int, shift: float = 0.0) -> Callable[[Draw, Data], Case]:
    """Return a case; with a large shift all units are on everywhere, and the critic is linear."""

    def case(draw: Draw, data: Data) -> Case:
        W, b, v = draw.uniform(-1, 1, (h, d)), draw.uniform(-0.5, 0.5, (h,)) + shift, draw.uniform(-1, 1, (h,))
        return W, b, v, draw.uniform(-1.5, 1.5, (n, d)), draw.choice([2.0, 5.0, 10.0])

    return case


def _gradients(W: np.ndarray, b: np.ndarray, v: np.ndarray, z: np.ndarray) -> np.ndarray:
    return input_gradient(Critic(W, b, v), z)


def _penalty(rule: Callable[[np.ndarray], float]) -> Callable[..., Result]:
    """Return a function that has the gradients right and takes the penalty by a rule."""

    def answer(W: np.ndarray, b: np.ndarray, v: np.ndarray, z: np.ndarray, weight: float) -> Result:
        g = _gradients(W, b, v, z)
        return g, weight * float(rule(g))

    return answer


def _slopes(rule: Callable[..., np.ndarray]) -> Callable[..., Result]:
    """Return a function that takes the gradients by a rule and the penalty of these as it should be."""

    def answer(W: np.ndarray, b: np.ndarray, v: np.ndarray, z: np.ndarray, weight: float) -> Result:
        g = rule(W, b, v, z)
        return g, weight * float(np.mean((np.linalg.norm(g, axis=1) - 1) ** 2))

    return answer


def _free(W: np.ndarray, b: np.ndarray, v: np.ndarray, z: np.ndarray, weight: float) -> Result:
    g, penalty = _slopes(_gradients)(W, b, v, z, weight)
    return g, penalty / weight


def _length(g: np.ndarray) -> np.ndarray:
    return np.linalg.norm(g, axis=1)


PENALTY_IN_CODE = Function(
    cases={
        "a batch": _critic(6, 5, 2),
        "one sample": _critic(1, 4, 3),
        "on the line": _critic(8, 5, 1),
        "a linear critic": _critic(7, 3, 3, shift=6.0),
        "a larger batch": _critic(40, 6, 3),
    },
    reference=_slopes(_gradients),
    wrong=[
        Wrong(_penalty(lambda g: (np.linalg.norm(g) - 1) ** 2), _SO_FAR + "You take one norm for the whole batch. It "
              "grows with the batch, like the root of n. Each sample has a norm of its own."),
        Wrong(_penalty(lambda g: (np.linalg.norm(g) / np.sqrt(len(g)) - 1) ** 2), _SO_FAR + "You take one norm for "
              "the whole batch. Each sample has a norm of its own, and 1 is subtracted from each."),
        Wrong(_penalty(lambda g: (_length(g).mean() - 1) ** 2), _SO_FAR + "You average the norms before you subtract "
              "1. Slopes 0 and 2 would then cost nothing."),
        Wrong(_penalty(lambda g: (_length(g.mean(axis=0)[None])[0] - 1) ** 2), _SO_FAR + "You average the gradients "
              "of the batch before you take the norm. Opposite slopes cancel that way."),
        Wrong(_penalty(lambda g: ((_length(g) - 1) ** 2).sum()), _SO_FAR + "The penalty is a mean over the samples; "
              "you take the sum, which grows with the batch."),
        Wrong(_penalty(lambda g: np.mean((_length(g) ** 2 - 1) ** 2)), _SO_FAR + "You forget the root: 1 is "
              "subtracted from the square of each norm."),
        Wrong(_penalty(lambda g: np.mean(_length(g) ** 2)), _SO_FAR + "You forget to subtract 1: that would pull "
              "every slope to 0."),
        Wrong(_penalty(lambda g: np.mean(_length(g) - 1)), _SO_FAR + "The square is missing: a slope that is too "
              "small would be rewarded."),
        Wrong(_penalty(lambda g: np.mean(np.abs(_length(g) - 1))), _SO_FAR + "You take the absolute value where the "
              "square is asked for."),
        Wrong(_penalty(lambda g: np.mean(np.maximum(_length(g) - 1, 0) ** 2)), _SO_FAR + "That is the one-sided "
              "penalty; here slopes below one cost something too."),
        Wrong(_penalty(lambda g: np.mean((np.abs(g) - 1) ** 2)), _SO_FAR + "You treat each coordinate for itself. "
              "The slope of f at a sample is the norm of the whole vector."),
        Wrong(_penalty(lambda g: np.mean((np.abs(g).sum(axis=1) - 1) ** 2)), _SO_FAR + "You add up absolute values; "
              "the norm is Euclidean."),
        Wrong(_penalty(lambda g: -np.mean((_length(g) - 1) ** 2)), _SO_FAR + "The penalty itself is asked for, and "
              "that is not negative. J subtracts it."),
        Wrong(_penalty(lambda g: np.mean((g - 1) ** 2)), _SO_FAR + "You subtract 1 from each coordinate. The slope of "
              "f at a sample is the norm of the whole vector."),
        Wrong(_penalty(lambda g: np.mean((np.linalg.norm(g, axis=0) - 1) ** 2)), _SO_FAR + "You take the norm down "
              "each column. A sample is a row, so its norm runs along axis 1."),
        Wrong(lambda *x: _slopes(_gradients)(*x)[::-1], "Both are right, in the wrong order: first the gradients, then "
              "the penalty."),
        Wrong(_free, _SO_FAR + "The weight of the penalty is missing."),
        Wrong(_slopes(lambda W, b, v, z: np.ones((len(z), 1)) * (v @ W)), "Your gradient is the same at every sample: "
              "you count all units as on."),
        Wrong(_slopes(lambda W, b, v, z: (z @ W.T > 0) @ (v[:, None] * W)), "You forget b when you ask whether a unit "
              "is on."),
        Wrong(_slopes(lambda W, b, v, z: (z @ W.T + b > 0) @ W), "The weights v are missing in the gradients."),
        Wrong(_slopes(lambda W, b, v, z: (z @ W.T + b <= 0) @ (v[:, None] * W)), "You add up the units that are off."),
        Wrong(_slopes(lambda W, b, v, z: np.maximum(z @ W.T + b, 0) @ (v[:, None] * W)), "You multiply by the output "
              "of each unit. Its slope is 1 where it is on, whatever its output."),
    ],
)  # fmt: skip
