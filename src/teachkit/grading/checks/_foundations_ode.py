"""The items of sheet 1 on differential equations: three steps, a table of errors, a density that is carried along."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import numpy as np

from teachkit.grading.checks._foundations_line import apart
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Choice, Curve, Number, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.ode import Solver, euler, heun, rk4

# --- three steps of Euler's method -----------------------------------------------------------------

_START = 1.0


def _solve(solver: Solver, steps: int = 3, length: float = 1.0) -> Callable[[Data], float]:
    """Return where a solver is after so many steps; ``length`` is their length in units of h."""

    def end(data: Data) -> float:
        h = data["h"] * length
        path = solver(lambda t, y: data["a"] * t - y, data["y0"], _START, _START + steps * h, steps)
        return float(deque(path, maxlen=1).pop()[1])

    return end


def _walk(step: Callable[[float, float, Data], float], start: float = _START) -> Callable[[Data], float]:
    """Return where three steps of a rule (t, y, data) -> next y lead."""

    def end(data: Data) -> float:
        y = data["y0"]
        for k in range(3):
            y = step(start + k * data["h"], y, data)
        return y

    return end


def _plain(t: float, y: float, data: Data) -> float:
    return y + data["h"] * (data["a"] * t - y)


def _slope(data: Data) -> float:
    t, y = _START + 2 * data["h"], _solve(euler, 2)(data)
    return data["a"] * t - y


_TOO_GOOD = (
    "This is the solution or close to it, as Heun's method or a finer one gives. Euler's method has an error, and its "
    "value is asked for."
)


def _euler_data(draw: Draw) -> dict[str, float]:
    data = {"a": draw.choice([2, 3, 4]), "h": draw.choice([0.2, 0.25, 0.3]), "y0": draw.decimal(1.2, 2.8)}
    return data if apart(EULER, data) else _euler_data(draw)


EULER = Number(
    value=_solve(euler),
    draw=_euler_data,
    wrong=[
        Wrong(_solve(euler, 1, 3), "This is one long step, or three with the slope of the start. Take the slope anew "
              "after each step."),
        Wrong(_walk(lambda t, y, d: _plain(t + d["h"], y, d)), "You take the time at the end of each step. Euler's "
              "method takes time and place both at its beginning."),
        Wrong(_walk(_plain, start=0.0), "Your time starts at 0; the start is at t = 1."),
        Wrong(_walk(lambda t, y, d: _plain(_START, y, d)), "The t in your slope stays at 1, or is missing. It moves "
              "on by h in each step."),
        Wrong(_walk(lambda t, y, d: y + d["h"] * (d["a"] * t - d["y0"])), "The slopes use y0 throughout: take the y "
              "that you have reached."),
        Wrong(_walk(lambda t, y, d: d["y0"] + d["h"] * (d["a"] * t - y)), "Each of your steps sets out from y0 again. "
              "It sets out from where the last one ended."),
        Wrong(_solve(euler, 2), "These are two steps."),
        Wrong(_solve(euler, 4), "These are four steps."),
        Wrong(_solve(euler, 1), "This is one step."),
        Wrong(_walk(lambda t, y, d: y + d["a"] * t - y), "The slope is added whole. A step of length h moves by h "
              "times the slope."),
        Wrong(_walk(lambda t, y, d: y - d["h"] * (d["a"] * t - y)), "You walk against the slope: add h times it."),
        Wrong(_walk(lambda t, y, d: y + d["h"] * (d["a"] * t + y)), "The slope is a*t - y; you add y."),
        Wrong(_walk(lambda t, y, d: (y + d["h"] * d["a"] * (t + d["h"])) / (1 + d["h"])), "You solve for the new y, as "
              "the implicit method does. Euler's method takes the slope before the step."),
        Wrong(_slope, "This is the slope of the last step, and not where it leads."),
        Wrong(_solve(heun), _TOO_GOOD),
        Wrong(_solve(rk4), _TOO_GOOD),
    ],
)  # fmt: skip


# --- a table of errors -----------------------------------------------------------------------------

TABLE = Choice(
    right="c",
    why={
        "a": "Equal weights spoil the balance on every problem: the order is 2 then, on the first problem too. What is "
             "the order there by the table?",
        "b": "This slip shows on every problem, since the slope k3 matters everywhere: the order is 2 then. What is "
             "the order on the first problem by the table?",
        "d": "Rounding sets a floor at about 1e-16, and there errors stop falling. These are far above it, and halve "
             "from row to row.",
        "e": "The theorem holds for every smooth field that is Lipschitz in y, with a time in it or without.",
        "f": "Too long a step makes the numbers grow from step to step. These errors fall with h, and already h = "
             "0.2 is far below RK4's limit of about 2.8, since the slope never exceeds y in size.",
    },
    because="In the first problem the slope does not depend on t, so the mistake does not show. In the second all four "
            "slopes are for the beginning of the step, as Euler's is, and the order is Euler's.",
)  # fmt: skip


# --- a density that is carried along ---------------------------------------------------------------


def _carried_data(draw: Draw) -> dict[str, float]:
    return {"m": draw.choice([-1, 1]) * draw.decimal(0.4, 0.9), "T": draw.decimal(0.7, 1.1, 2)}


def _back(x: np.ndarray, time: float) -> tuple[np.ndarray, np.ndarray]:
    """Return where x was so long ago under x' = -sin x, and the slope of this map."""
    half, grow = x / 2, math.exp(time)
    return 2 * np.arctan(grow * np.tan(half)), grow / (np.cos(half) ** 2 + (grow * np.sin(half)) ** 2)


Rule = Callable[[np.ndarray, np.ndarray, np.ndarray, Data], np.ndarray]


def _carried(factor: Rule, place: Rule = lambda x, start, slope, data: start) -> Callable[..., np.ndarray]:
    """Return a curve: the normal density at a place, times a factor, both from x, the start and the slope back."""

    def heights(x: np.ndarray, data: Data) -> np.ndarray:
        start, slope = _back(x, data["T"])
        z = place(x, start, slope, data) - data["m"]
        return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * factor(x, start, slope, data)

    return heights


def _here(x: np.ndarray, start: np.ndarray, slope: np.ndarray, data: Data) -> np.ndarray:
    return x


def _forward(x: np.ndarray, data: Data) -> np.ndarray:
    start, slope = _back(x, -data["T"])
    return np.exp(-((start - data["m"]) ** 2) / 2) / math.sqrt(2 * math.pi) * slope


def _by_euler(steps: int) -> Callable[..., np.ndarray]:
    """Return the curve that Euler's method gives for path and log-density together."""

    def heights(x: np.ndarray, data: Data) -> np.ndarray:
        h, log_slope = data["T"] / steps, np.zeros_like(x)
        for _ in range(steps):
            x, log_slope = x + h * np.sin(x), log_slope + h * np.cos(x)
        return np.exp(log_slope - (x - data["m"]) ** 2 / 2) / math.sqrt(2 * math.pi)

    return heights


_TOO_ROUGH = "The way is right, the solver is too rough: this is Euler's method. Take RK4, or many more steps."
_density = _carried(lambda x, start, slope, data: slope)
_FROZEN = "The trace changes along the way; you take it at one place for the whole time."

CARRIED = Curve(
    value=_density,
    domain=(-3.0, 3.0),
    points=100,
    draw=_carried_data,
    wrong=[
        Wrong(_carried(lambda x, start, slope, data: 1 + 0 * x), "This is the density at the start of each path, "
              "carried along unchanged. The paths come closer or part on the way, so the heights change."),
        Wrong(_carried(lambda x, start, slope, data: 1 / slope), "The sign of the trace is turned: where paths come "
              "closer, near 0, the density must grow."),
        Wrong(_carried(lambda x, start, slope, data: 1 + 0 * x, _here), "This is the density at time 0."),
        Wrong(_carried(lambda x, start, slope, data: slope, _here), "The factor is right. But the density at time 0 is "
              "taken at x; it belongs at the place from which the path to x has come."),
        Wrong(_forward, "You found the starts by running forward in time from x. The path that ends at x is found by "
              "running backward."),
        Wrong(_carried(lambda x, start, slope, data: np.exp(data["T"] * np.cos(x))), f"{_FROZEN} That is its end."),
        Wrong(_carried(lambda x, start, slope, data: np.exp(data["T"] * np.cos(start))), f"{_FROZEN} That is its "
              "start."),
        Wrong(_carried(lambda x, start, slope, data: np.exp(data["T"] * np.cos(x)), _here), "You stay at x the whole "
              "time. The formula with the trace holds along a path."),
        Wrong(_carried(lambda x, start, slope, data: np.exp(start - x)), "You integrate the field itself. The trace is "
              "made of its derivatives with respect to x."),
        Wrong(_carried(lambda x, start, slope, data: math.exp(data["T"]) + 0 * x, lambda x, start, slope, data:
                       x * math.exp(data["T"])), "You take x for sin x. That is close near 0 only."),
        Wrong(_carried(lambda x, start, slope, data: math.sqrt(2 * math.pi) * slope), "The constant of the normal "
              "density is missing."),
        Wrong(_carried(lambda x, start, slope, data: slope, lambda x, start, slope, data: start + data["m"]), "Your "
              "density at time 0 has the mean 0; the mean is m."),
        Wrong(_carried(lambda x, start, slope, data: 1 / slope, _here), "The sign of the trace is turned. And the "
              "density at time 0 is taken at x; it belongs at the place from which the path to x has come."),
        Wrong(_carried(lambda x, start, slope, data: 1 + 0 * x, lambda x, start, slope, data: _back(x, -data["T"])[0]),
              "You ran forward in time from x. The path that ends at x is found by running backward. And the heights "
              "change along the way."),
        *(Wrong(_by_euler(steps), _TOO_ROUGH) for steps in (10, 20, 40, 50, 80, 100, 200, 400, 500)),
        Wrong(lambda x, data: np.log(_density(x, data)), "This is the log-density; plot the density itself."),
    ],
)  # fmt: skip
