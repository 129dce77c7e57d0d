"""The item of sheet 7 that asks for the best step of a ball."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Holds, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.trust_region import Model, step_within

Case = tuple[np.ndarray, np.ndarray, float]


def _model(draw: Draw, h: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return g, H with the eigenvalues h, and the length of the full step; g has a part along every eigenvector."""
    v, g = draw.uniform(0.5, 1.0, h.shape), draw.uniform(0.5, 1.5, h.shape)
    Q = np.eye(h.size) - 2 * np.outer(v, v) / (v @ v)
    H = Q * h @ Q
    return Q @ g, (H + H.T) / 2, math.hypot(*(g / h))


def _with_spectrum(*curvatures: float, reach: float) -> Callable[[Draw, Data], Case]:
    """Return a case: H has these eigenvalues, the radius is ``reach`` times the full step's length."""

    def case(draw: Draw, data: Data) -> Case:
        g, H, length = _model(draw, np.array(curvatures))
        return g, H, reach * length

    return case


def _at_random(size: int, radius: float) -> Callable[[Draw, Data], Case]:
    """Return a case with eigenvalues of any signs."""
    return lambda draw, data: (*_model(draw, draw.uniform(-3, 2, (size,)))[:2], radius)


def _best(g: np.ndarray, H: np.ndarray, radius: float) -> np.ndarray:
    return step_within(Model(0.0, g, H), radius)[0]


def _full(g: np.ndarray, H: np.ndarray, radius: float) -> np.ndarray:
    return np.linalg.solve(-H, g)


def _cut(g: np.ndarray, p: np.ndarray, radius: float) -> np.ndarray:
    return p * min(1, radius / math.hypot(*p))


def _unchecked(g: np.ndarray, H: np.ndarray, radius: float) -> np.ndarray:
    p = _full(g, H, radius)
    return p if math.hypot(*p) <= radius else _best(g, H, radius)


def _not_back(g: np.ndarray, H: np.ndarray, radius: float) -> np.ndarray:
    return np.linalg.eigh(H)[1].T @ _best(g, H, radius)


def _mixed_up(g: np.ndarray, H: np.ndarray, radius: float) -> np.ndarray:
    """Return the step that comes from G = Q g."""
    Q = np.linalg.eigh(H)[1]
    return _best(Q @ Q @ g, H, radius)


def _is_down(H: np.ndarray) -> bool:
    return bool(np.linalg.eigvalsh(H)[-1] < 0)


def _fits(g: np.ndarray, H: np.ndarray, radius: float) -> bool:
    return _is_down(H) and math.hypot(*_full(g, H, radius)) <= radius


def _falls_short(g: np.ndarray, H: np.ndarray, radius: float, p: Any) -> bool:
    """Whether a step gains less in the model than the best one."""
    gains = [g @ q + q @ H @ q / 2 for q in (np.asarray(p, float), _best(g, H, radius))]
    return gains[0] < gains[1] - 1e-6 * abs(gains[1])


def _none_short(where: Callable[..., bool]) -> Callable[[Sequence[Case], list[Any]], bool]:
    return lambda cases, steps: not any(where(*x) and _falls_short(*x, p) for x, p in zip(cases, steps, strict=True))


def _not_just_short(cases: Sequence[Case], steps: list[Any]) -> bool:
    """Whether some step is good, or far from the best one: else they were only found too roughly."""
    short = [(p, _best(*x)) for x, p in zip(cases, steps, strict=True) if _falls_short(*x, p)]
    return not short or any(math.hypot(*(np.asarray(p) - q)) > 0.02 * math.hypot(*q) for p, q in short)


BEST_STEP = Function(
    cases={
        "the full step fits": _with_spectrum(-1, -2, -3, reach=1.5),
        "the full step is too long": _with_spectrum(-0.3, -2, -4, reach=0.4),
        "H is nearly singular": _with_spectrum(-1e-4, -1, -2, reach=1e-3),
        "one eigenvalue is positive": _with_spectrum(1, -1, -2, reach=1.5),
        "both eigenvalues are positive": _with_spectrum(0.5, 2, reach=1.5),
        "a tiny ball": _with_spectrum(-0.5, -1, -2, reach=1e-4),
        "a tiny ball, a positive eigenvalue": _with_spectrum(0.5, -1, -2, reach=1e-4),
        "a large ball, a positive eigenvalue": _with_spectrum(0.5, -1, -2, reach=300.0),
        **{
            f"m = {size}, radius {radius:g}": _at_random(size, radius)
            for size in (2, 3, 4, 5, 6)
            for radius in (0.1, 1.0, 10.0)
        },
    },
    holds=[
        Holds(
            lambda cases, steps: all(
                np.shape(p) == x[0].shape and np.isfinite(p).all() for x, p in zip(cases, steps, strict=True)
            ),
            "Each step must be a vector like g, of finite numbers.",
        ),
        Holds(
            lambda cases, steps: all(math.hypot(*p) <= x[2] * (1 + 1e-6) for x, p in zip(cases, steps, strict=True)),
            "A step is longer than the radius. If you search for mu: is your upper end large enough for a tiny ball?",
        ),
        Holds(
            _not_just_short,
            "Your steps point the right way, but some gain a little less than they could. If you halve an interval "
            "for mu, halve it more often.",
        ),
        Holds(_none_short(_fits), "Where H is negative definite and the full step fits, the full step is best."),
        Holds(
            _none_short(lambda g, H, radius: _is_down(H)),
            "Where H is negative definite and the full step too long, the ball holds a "
            "better step than yours. Is its length the radius, to six digits?",
        ),
        Holds(
            _none_short(lambda g, H, radius: True),
            "Where H has a positive eigenvalue, the ball holds a better step than yours. "
            "Is mu I - H positive semidefinite for your mu?",
        ),
    ],
    rtol=1e-4,
    wrong=[
        Wrong(_full, "That is the full step, whatever the radius and the signs of the eigenvalues."),
        Wrong(
            lambda g, H, radius: -_full(g, H, radius),
            "That is the full step, backwards: the slope of the model is g + H p, so H p is -g where it vanishes.",
        ),
        Wrong(
            lambda g, H, radius: _cut(g, _full(g, H, radius), radius),
            "You shorten the full step. The best step of a smaller ball also turns towards the gradient.",
        ),
        Wrong(
            lambda g, H, radius: g * radius / math.hypot(*g),
            "You go along the gradient to the boundary. That is best only for a ball so small that H does not matter.",
        ),
        Wrong(
            _unchecked,
            "You take the full step whenever it fits. Where does it lead if an eigenvalue is positive?",
            credit=0.5,
        ),
        Wrong(
            lambda g, H, radius: _best(g, H + 100 * np.eye(len(g)), radius),
            "You always go to the boundary, also where the top of the model lies inside the ball.",
            credit=0.5,
        ),
        Wrong(
            lambda g, H, radius: -_best(g, H, radius), "Your step points downhill: with your sign (mu I - H) p is -g."
        ),
        Wrong(lambda g, H, radius: -_best(g, -H, radius), "Your step is the best one for minimising."),
        Wrong(_not_back, "Your step is still written in the eigenbasis; take it back with Q.", credit=0.5),
        Wrong(_mixed_up, "You go into the eigenbasis with Q; that takes Q^T, and Q leads back."),
    ],
)
