"""The items of sheet 5 on the way back: an ancestral step, and a step of DDIM."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from teachkit.grading.checks._diffusion_forward import Value, by_hand
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Derivation, Function, Wrong
from teachkit.grading.kinds.base import Data

Case = tuple[np.ndarray, np.ndarray, np.ndarray, int, np.ndarray, str]

# --- one ancestral step --------------------------------------------------------------------------


def _back(
    xt: np.ndarray, eps: np.ndarray, z: np.ndarray, t: int, beta: np.ndarray, variance: str, *, slip: str = ""
) -> np.ndarray:
    """Return x_{t-1}, with one of some slips."""
    b = np.concatenate([[0.0], beta, [0.5]])
    at = t + {"one on": 1, "one back": -1}.get(slip, 0)
    abar = np.cumprod(1 - b)
    alpha, noise, before = 1 - b[at], 1 - abar[at], 1 - abar[at - 1]
    sigma2 = {"beta": b[at], "posterior": b[at] * before / noise if noise else 0.0}[
        {"always beta": "beta", "always posterior": "posterior"}.get(slip, variance)
    ]
    if slip == "exchanged":
        sigma2 = b[at] * before / noise if variance == "beta" else b[at]
    sigma = sigma2 if slip == "variance" else np.sqrt(sigma2)
    found = {
        "no root": b[at] / noise,
        "all noise": np.sqrt(noise),
        "root of beta": np.sqrt(b[at]),
        "plain beta": b[at],
        "beta below": b[at] / np.sqrt(b[at]),
        "signal below": b[at] / np.sqrt(abar[at]),
    }.get(slip, b[at] / np.sqrt(noise) if noise else 0.0)
    if slip == "added":
        found = -found
    keep = {"no growth": 1.0, "alpha": alpha, "abar": np.sqrt(abar[at]), "shrinks": 1 / np.sqrt(alpha)}.get(
        slip, np.sqrt(alpha)
    )
    mean = xt / keep - found * eps if slip == "brackets" else (xt - found * eps) / keep
    quiet = slip == "no noise" or (t == 1 and slip not in ("noise at one", "one on", "one back"))
    quiet = quiet or (slip == "late" and t == 2)
    return mean if quiet else mean + sigma * z


def _clean(xt: np.ndarray, eps: np.ndarray, z: np.ndarray, t: int, beta: np.ndarray, variance: str) -> np.ndarray:
    abar = np.prod(1 - beta[:t])
    return (xt - np.sqrt(1 - abar) * eps) / np.sqrt(abar)


def _from_zero(
    xt: np.ndarray, eps: np.ndarray, z: np.ndarray, t: int, beta: np.ndarray, variance: str, *, quiet: bool
) -> np.ndarray:
    """Return what comes out of beta[t] and of products up to there, which fails at t = T."""
    abar = np.cumprod(1 - beta)
    sigma2 = beta[t] * (1.0 if variance == "beta" else (1 - abar[t - 1]) / (1 - abar[t]))
    mean = (xt - beta[t] / np.sqrt(1 - abar[t]) * eps) / np.sqrt(1 - beta[t])
    return mean if quiet and t == 1 else mean + np.sqrt(sigma2) * z


def _step(t: int, T: int, variance: str, *shape: int) -> Callable[[Draw, Data], Case]:
    def case(draw: Draw, data: Data) -> Case:
        beta = np.sort(draw.uniform(0.05, 0.6, (T,)))
        return draw.normal(shape), draw.normal(shape), draw.normal(shape), t, beta, variance

    return case


def _named(slip: str, message: str, credit: float = 0.0) -> Wrong:
    return Wrong(partial(_back, slip=slip), message, credit)


_NEXT = "You take the numbers of step t+1: beta[t] is the beta of step t+1, since the array begins with that of step 1."

WALK = Function(
    cases={
        'a step with "beta"': _step(4, 6, "beta", 5, 2),
        'a step with "posterior"': _step(3, 6, "posterior", 5, 2),
        "the first step, t = T": _step(5, 5, "posterior", 2, 1, 3, 3),
        't = 2 with "beta"': _step(2, 4, "beta", 4, 3),
        'the last step, t = 1, with "beta"': _step(1, 4, "beta", 4, 3),
        'the last step, t = 1, with "posterior"': _step(1, 4, "posterior", 4, 3),
    },
    reference=_back,
    wrong=[
        _named("noise at one", "Right, but for the last step: there you add noise as well. Nothing takes it out again, "
               "so every sample keeps it.", 0.6),
        _named("late", "You leave the noise out at t = 2 as well. Steps count from 1 here.", 0.6),
        _named("no noise", "You never add z. That is the mean of each step, and samples that walk along means lose "
               "their variety."),
        _named("variance", "You multiply z by the variance; the factor is its root."),
        _named("always beta", "You use beta_t whatever the last argument says.", 0.4),
        _named("always posterior", "You use the variance given x0 whatever the last argument says.", 0.4),
        _named("exchanged", "You have exchanged the two variances.", 0.3),
        _named("no root", "The noise is divided by sqrt(1 - abar_t), and you leave the root out."),
        _named("all noise", "You take all the noise out at once. One step takes out beta_t / sqrt(1 - abar_t) of it."),
        _named("root of beta", "You take out sqrt(beta_t) times the noise, as if eps were the noise of the last step. "
               "It is that of all steps together."),
        _named("plain beta", "You take out beta_t times the noise; the division by sqrt(1 - abar_t) is missing."),
        _named("beta below", "Under the root stands beta_t: beta where abar belongs."),
        _named("signal below", "You divide beta_t by sqrt(abar_t). The noise in x_t has the factor sqrt(1 - abar_t)."),
        _named("added", "You add the noise that was found. It is to be taken out."),
        _named("no growth", "The division by sqrt(alpha_t) is missing. The step forward made x smaller."),
        _named("alpha", "You divide by alpha_t; the step forward multiplied by its root."),
        _named("abar", "You divide by sqrt(abar_t), which undoes all steps at once. Undo the one from t-1 to t."),
        _named("shrinks", "You multiply by sqrt(alpha_t). The step forward did that; the step back divides."),
        _named("brackets", "The whole difference is divided by sqrt(alpha_t), the noise as well. Look at your "
               "brackets."),
        _named("one on", _NEXT),
        Wrong(partial(_from_zero, quiet=True), _NEXT),
        Wrong(partial(_from_zero, quiet=False), _NEXT),
        _named("one back", "You take the numbers of step t-1."),
        Wrong(_clean, "That is the x0 that the noise points to, and not yet x_{t-1}."),
    ],
)  # fmt: skip

# --- one step of DDIM ----------------------------------------------------------------------------


def _numbers(data: Data) -> tuple[float, float, float, float, float]:
    return data["abar_t"], data["abar_s"], data["x"], data["eps"], data["z"]


def _x0(data: Data) -> float:
    here, _, x, eps, _ = _numbers(data)
    return (x - np.sqrt(1 - here) * eps) / np.sqrt(here)


def _fresh(data: Data, eta: float | None = None) -> float:
    here, there, *_ = _numbers(data)
    eta = data["eta"] if eta is None else eta
    return eta * np.sqrt((1 - there) / (1 - here) * (1 - here / there))


def _kept(data: Data) -> float:
    return np.sqrt(1 - data["abar_s"] - _fresh(data) ** 2)


_X0 = [
    (lambda d: (d["x"] + np.sqrt(1 - d["abar_t"]) * d["eps"]) / np.sqrt(d["abar_t"]), "The noise has the wrong sign."),
    (lambda d: (d["x"] - (1 - d["abar_t"]) * d["eps"]) / d["abar_t"], "Both roots are missing."),
    (lambda d: (d["x"] - np.sqrt(1 - d["abar_t"]) * d["eps"]) / d["abar_t"], "You divide by abar_t; its root is the "
     "factor of x0."),
    (lambda d: (d["x"] - (1 - d["abar_t"]) * d["eps"]) / np.sqrt(d["abar_t"]), "The root before the noise is missing."),
    (lambda d: d["x"] - np.sqrt(1 - d["abar_t"]) * d["eps"], "The division by the factor of x0 is missing."),
    (lambda d: (d["x"] - np.sqrt(1 - d["abar_s"]) * d["eps"]) / np.sqrt(d["abar_s"]), "You take abar_s. The point x "
     "stands at step t."),
]  # fmt: skip
_C = [
    (lambda d: _fresh(d, 1.0), "That is c for eta = 1; eta is missing."),
    (lambda d: _fresh(d) ** 2, "That is the variance; c is multiplied by z, so it is a standard deviation."),
    (lambda d: np.sqrt(d["eta"]) * _fresh(d, 1.0), "You take the root of eta, too. It stands before the root."),
    (lambda d: d["eta"] * np.sqrt((1 - d["abar_t"]) / (1 - d["abar_s"]) * (1 - d["abar_t"] / d["abar_s"])), "The first "
     "fraction is the other way up."),
    (lambda d: d["eta"] * np.sqrt(1 - d["abar_t"] / d["abar_s"]), "That is eta times the root of the variance from s "
     "to t. What is known of x0 makes it smaller."),
    (lambda d: d["eta"] * _fresh(d), "You have eta twice: its square stands in c^2, not in c."),
    (lambda d: d["eta"] * np.sqrt(1 - d["abar_s"]), "That would make eta = 1 a point drawn anew around x0."),
]  # fmt: skip
_B = [
    (lambda d: np.sqrt(1 - d["abar_s"]), "That is b for eta = 0. What z brings in has to be taken off."),
    (lambda d: np.sqrt(1 - d["abar_s"]) - _fresh(d), "You subtract standard deviations. Variances add up to "
     "1 - abar_s."),
    (lambda d: 1 - d["abar_s"] - _fresh(d) ** 2, "That is the square; a root is missing."),
    (lambda d: np.sqrt(1 - d["abar_t"] - _fresh(d) ** 2), "You take abar_t. The new point stands at step s."),
    (lambda d: np.sqrt(1 - _fresh(d) ** 2), "z brings in c^2 of the variance 1 - abar_s, not of 1."),
    (lambda d: np.sqrt(1 - d["abar_s"] + _fresh(d) ** 2), "With more of z there must be less of eps, so that the "
     "variances add up to 1 - abar_s."),
    (lambda d: np.sqrt(1 - d["abar_s"] - _fresh(d)), "You take off c; its square is the variance that z brings in."),
]  # fmt: skip


def _landing(x0: Value = _x0, kept: Value = _kept, fresh: Value = _fresh) -> Value:
    return lambda d: np.sqrt(d["abar_s"]) * x0(d) + kept(d) * d["eps"] + fresh(d) * d["z"]


def _level(data: Data) -> float:
    return np.sqrt(1 - data["abar_s"])


def _nothing(data: Data) -> float:
    return 0.0


_straight = _landing(kept=_level, fresh=_nothing)
_late_b = [(lambda d, c=c: np.sqrt(max(1 - d["abar_s"] - c(d) ** 2, 0))) for c, _ in _C]

_STRAIGHT = [
    (_landing(kept=lambda d: 1 - d["abar_s"], fresh=_nothing), "You multiply the noise by its variance; a root is "
     "missing."),
    (lambda d: d["abar_s"] * _x0(d) + _level(d) * d["eps"], "You multiply x0 by abar_s; a root is missing."),
    (lambda d: d["abar_s"] * _x0(d) + (1 - d["abar_s"]) * d["eps"], "Both roots are missing."),
    (lambda d: d["x"], "That is x itself: taken apart and put together with the same factors. Those of step t take it "
     "apart, those of step s put the new point together."),
    (lambda d: np.sqrt(d["abar_s"]) * _x0(d), "You put no noise back. At step s there is still some."),
    (lambda d: np.sqrt(d["abar_s"]) * _x0(d) + _level(d) * d["z"], "You put fresh noise in. For eta = 0 the noise that "
     "was found goes back."),
    (lambda d: np.sqrt(d["abar_s"]) * _x0(d) + np.sqrt(1 - d["abar_t"]) * d["eps"], "You put back all the noise of "
     "step t."),
    (lambda d: np.sqrt(d["abar_s"]) * d["x"] + _level(d) * d["eps"], "You add noise to x itself; x has to be cleaned "
     "first."),
    (lambda d: np.sqrt(d["abar_s"]) * _x0(d) - _level(d) * d["eps"], "The noise goes back with its own sign."),
]  # fmt: skip
_NOISY = [
    (_straight, "That is the point for eta = 0."),
    (_landing(kept=_level), "You add z on top and do not take any of eps away: the variances no longer add up to "
     "1 - abar_s."),
    (_landing(fresh=_nothing), "z is missing."),
    (_landing(kept=_fresh, fresh=_kept), "You have exchanged b and c."),
    (lambda d: _landing()(d) - 2 * _fresh(d) * d["z"], "z enters with its own sign."),
    (lambda d: _landing()(d) + (_fresh(d) ** 2 - _fresh(d)) * d["z"], "You multiply z by the square of c."),
]  # fmt: skip


def _apart(values: list[float]) -> bool:
    """Whether no two of the numbers would be taken for each other."""
    gaps = np.abs(np.subtract.outer(values, values)) + np.eye(len(values)) * 1e9
    return bool(gaps.min() > 0.005 * np.abs(values).max())


def _draw_jump(draw: Draw) -> dict[str, Any]:
    """Return the numbers of a step for which the slips lead to different points."""
    while True:
        data = {
            "abar_t": draw.choice((0.0784, 0.1296, 0.36)),
            "abar_s": draw.choice((0.64, 0.7056, 0.9216)),
            "eta": draw.choice((0.4, 0.5, 0.6)),
            "x": draw.choice((-1.9, -1.3, 1.4, 2.2)),
            "eps": draw.choice((-1.23, -0.87, 0.79, 1.34)),
            "z": draw.choice((-1.61, -0.72, 0.97, 1.76)),
        }
        values = [[value(data) for value, _ in slips] for slips in (_STRAIGHT, _NOISY)]
        if _apart([_straight(data), *values[0]]) and _apart([_landing()(data), *values[1]]):
            return data


DDIM = Derivation(
    draw=_draw_jump,
    steps={
        "x0": by_hand(_x0, _X0),
        "straight": by_hand(_straight, _STRAIGHT, [_landing(x0, _level, _nothing) for x0, _ in _X0]),
        "c": by_hand(_fresh, _C),
        "b": by_hand(_kept, _B, _late_b),
        "noisy": by_hand(_landing(), _NOISY, [
            *(_landing(x0=x0) for x0, _ in _X0),
            *(_landing(kept=b) for b, _ in _B),
            *(_landing(kept=b, fresh=c) for b, (c, _) in zip(_late_b, _C, strict=True)),
            *(_landing(fresh=c) for c, _ in _C),
        ]),
    },
)  # fmt: skip
