"""Checks of sheet 6, change of variables and flows, in the order of the sheet."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from teachkit.grading.checks._change_of_variables_and_flows_images import BITS, MIXING
from teachkit.grading.checks._change_of_variables_and_flows_layers import LAYERS
from teachkit.grading.checks._change_of_variables_and_flows_maps import MAPS
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Choice, Curve, Derivation, Number, TrueFalse, Wrong

Data = dict[str, Any]

# --- the logs of four trainings -----------------------------------------------------------------


def _training(draw: Draw) -> Data:
    """Draw the spread of the data and a lack of fit, and make four logs.

    A, B and C are gradient flow of one scale, in closed form, with the log-determinant counted once, minus once and
    not at all. D follows A, and its two losses part.
    """
    std, gap, luck = draw.decimal(1.5, 3), draw.decimal(0.05, 0.25, 3), draw.decimal(0.01, 0.03, 3)
    steps = [0, 200, 1000, 4000, 20000]
    best = 1 + math.log(2 * math.pi * std**2)
    right = [std**2 + (1 - std**2) * math.exp(-0.01 * step) for step in steps]  # the squared scale
    sign = [(1 + std**2) * math.exp(0.01 * step) - std**2 for step in steps]
    without = [1 + 0.01 * std**2 * step for step in steps]
    logs = {run: _log(std, scale, p, luck) for run, scale, p in (("A", right, 1), ("B", sign, -1), ("C", without, 0))}
    rising, falling = [0, 0.1, 0.3, 0.9, 2.6], [0, 0.1, 0.4, 1.2, 3.1]
    logs["D"] = {
        "train": [round(x - y, 3) for x, y in zip(logs["A"]["train"], falling, strict=True)],
        "fresh": [round(x + y, 3) for x, y in zip(logs["A"]["fresh"], rising, strict=True)],
        "spread": [round(x + 0.3 * y, 3) for x, y in zip(logs["A"]["spread"], rising, strict=True)],
    }
    return {"entropy": round(best - gap, 3), "steps": steps, **logs}


def _log(std: float, squared: list[float], sign: int, luck: float) -> dict[str, list[float]]:
    """Return the losses and the spread of the codes for these squared scales and this factor of the log-determinant.

    The training data lie closer together than fresh ones by ``luck``, a share of their mean square.
    """
    squares = [std**2 / scale for scale in squared]
    rest = [math.log(2 * math.pi) + sign * math.log(scale) for scale in squared]
    return {
        "train": [round((1 - luck) * x + y, 3) for x, y in zip(squares, rest, strict=True)],
        "fresh": [round(x + y, 3) for x, y in zip(squares, rest, strict=True)],
        "spread": [round(math.sqrt(x), 3) for x in squares],
    }


_FLOOR = "On fresh data no model has an expected loss below the entropy of the data. Compare the last row with it."
_STEP = "Too large a step makes a loss jump up and down or grow. These losses change smoothly."
_MASK = "A part that is never moved leaves the loss too high, and its codes keep the spread of the data."

# --- the density of a flow on the line ----------------------------------------------------------


def _line(density: Callable[..., np.ndarray]) -> Callable[[np.ndarray, Data], np.ndarray]:
    """Return a curve that is 0 up to x = 0 and made of z, x1, x and the student's data beyond."""

    def curve(x: np.ndarray, data: Data) -> np.ndarray:
        y, beyond = np.zeros(x.shape), x[x > 0]
        x1 = np.log(np.expm1(beyond))
        y[x > 0] = density((data["c"] - x1) / data["a"], x1, beyond, data)
        return y

    return curve


def _normal(z: np.ndarray) -> np.ndarray:
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))


def _slope(x: np.ndarray) -> np.ndarray:
    """Return the sigmoid of x1, without a loss of digits near x = 0."""
    return -np.expm1(-x)


def _density(z: np.ndarray, x1: np.ndarray, x: np.ndarray, data: Data) -> np.ndarray:
    return _normal(z) / (data["a"] * _slope(x))


def _log_density(z: np.ndarray, x1: np.ndarray, x: np.ndarray, data: Data) -> np.ndarray:
    return -0.5 * (z**2 + np.log(2 * np.pi)) - np.log(data["a"] * _slope(x))


def _without_softplus(x: np.ndarray, data: Data) -> np.ndarray:
    return _normal((data["c"] - x) / data["a"]) / data["a"]


def _swapped(x: np.ndarray, data: Data) -> np.ndarray:
    x1 = data["c"] - data["a"] * x
    return _normal(np.logaddexp(0, x1)) * data["a"] * _sigmoid(x1)


ITEMS = {
    **MAPS,
    "density-of-a-line-flow": Curve(
        value=_line(_density),
        domain=(-1, 4),
        draw=lambda draw: {"a": draw.choice([0.6, 0.7, 0.8, 1.3, 1.4, 1.5]), "c": draw.decimal(0.5, 1.5)},
        wrong=[
            Wrong(
                _line(lambda z, x1, x, data: _normal(z)), "That is the base's density at z, without any determinant."
            ),
            Wrong(
                _line(lambda z, x1, x, data: _normal(z) / data["a"]),
                "Only the slope of the first map is in it; each map changes lengths.",
            ),
            Wrong(
                _line(lambda z, x1, x, data: _normal(z) / _slope(x)),
                "Only the slope of the second map is in it; each map changes lengths.",
            ),
            Wrong(
                _line(lambda z, x1, x, data: _normal(z) * data["a"] * _slope(x)),
                "You multiply by the slope of f. Where f stretches, the density falls.",
            ),
            Wrong(
                _line(lambda z, x1, x, data: _normal(z) * data["a"] / _slope(x)),
                "You divide by the slope of the second map and multiply by that of the first. Divide by both.",
            ),
            Wrong(
                _line(lambda z, x1, x, data: _normal(z) / data["a"] * _slope(x)),
                "You divide by the slope of the first map and multiply by that of the second. Divide by both.",
            ),
            Wrong(
                _line(lambda z, x1, x, data: _density((data["c"] + x1) / data["a"], x1, x, data)),
                "Solve x1 = c - a z for z again: put your z into it. A sign is off.",
            ),
            Wrong(
                _without_softplus,
                "You have left the second map out: that is the density of x1.",
            ),
            Wrong(
                _line(lambda *args: -_density(*args)),
                "A density is never negative. f falls, so its slope needs the bars of an absolute value.",
            ),
            Wrong(
                _line(lambda z, x1, x, data: _normal(z) / (data["a"] * _sigmoid(x))),
                "The slope of the second map is taken at x. It belongs at x1, the point that this map receives.",
            ),
            Wrong(
                _line(lambda z, x1, x, data: _normal(z) / (data["a"] * _sigmoid(z))),
                "The slope of the second map is taken at z. It belongs at x1, the point that this map receives.",
            ),
            Wrong(
                _line(lambda *args: np.sqrt(2 * np.pi) * _density(*args)),
                "Your curve is too high by a constant factor, 2.5: the constant of the normal density is missing.",
            ),
            Wrong(_line(_log_density), "On the right of 0 that is the logarithm of the density."),
            Wrong(_swapped, "You have pushed x forward. The density of a given x needs the way back to z."),
        ],
    ),
    **LAYERS,
    "mix-the-channels": MIXING,
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
    "reading-the-loss": Derivation(
        draw=_training,
        steps={
            "divergence": Number(
                value=lambda data: data["A"]["fresh"][-1] - data["entropy"],
                unit="nats",
                units={"bits": math.log(2)},
                rtol=2e-3,
                atol=6e-4,
                wrong=[
                    Wrong(
                        lambda data: data["A"]["fresh"][-1], "That is the whole loss. Which part of it can't go away?"
                    ),
                    Wrong(
                        lambda data: data["entropy"], "That is the part that no model can reduce; what is left above?"
                    ),
                    Wrong(
                        lambda data: data["entropy"] - data["A"]["fresh"][-1],
                        "A divergence is never negative: subtract the other way round.",
                    ),
                    Wrong(
                        lambda data: data["A"]["train"][-1] - data["entropy"],
                        "You have used the loss on the training data, which the model has seen.",
                    ),
                    Wrong(
                        lambda data: data["A"]["fresh"][0] - data["A"]["fresh"][-1],
                        "That is how far the loss has fallen. Its distance to the lowest possible value is asked for.",
                    ),
                    Wrong(
                        lambda data: (data["A"]["fresh"][-1] - data["entropy"]) / math.log(2),
                        "That is the number in bits. Give it in nats, or write the unit behind it.",
                    ),
                ],
            ),
            "run_b": Choice(
                because="With the wrong sign both terms of the loss fall for ever, and the codes shrink to 0.",
                right="c",
                why={
                    "a": _FLOOR,
                    "b": "Then the loss could not fall below -log p(0) of the base, which is log(2 pi). Where is it?",
                    "d": "An overfitted model gets worse on fresh data. Here both losses fall together.",
                    "e": _STEP,
                    "f": _MASK,
                },
            ),
            "run_c": Choice(
                because="The loss comes to rest at log(2 pi), the least that -log p_Z alone can be in the plane.",
                right="b",
                why={
                    "a": _FLOOR,
                    "c": "Then nothing would stop the loss. This one comes to rest: compare it with log(2 pi).",
                    "d": "An overfitted model gets worse on fresh data. Here both losses fall together.",
                    "e": _STEP,
                    "f": _MASK,
                },
            ),
            "run_d": Choice(
                because="The loss falls on the training data alone; on fresh data it grows.",
                right="d",
                why={
                    "a": "Look at the two losses side by side: they part.",
                    "b": "Then the codes would shrink towards 0. Look at their spread.",
                    "c": "Then the codes would shrink towards 0. Look at their spread.",
                    "e": "Too large a step makes the training loss jump or grow. This one falls smoothly.",
                    "f": "A part that is never moved leaves both losses too high, and alike.",
                },
            ),
        },
    ),
    "bits-per-dimension": BITS,
}
