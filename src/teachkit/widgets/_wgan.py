"""Learned critics on the line against the exact witness (chapter `wgan`)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from teachkit import plots
from teachkit.wgan import (
    Certificate,
    Critic,
    best_clipped,
    best_penalised,
    certify,
    fit_clipped,
    fit_penalised,
    pieces,
    random_critic,
    witness_line,
)
from teachkit.widgets._page import Choice, Plot, Slider, present

if TYPE_CHECKING:
    from matplotlib.figure import Figure

X = np.array([-3.2, -2.9, -2.7, -2.6, -2.4, -2.1, 1.9, 2.2, 2.4, 2.5, 2.7, 3.1])
Y = np.array([-1.1, -0.8, -0.5, -0.4, -0.2, 0.0, 0.1, 0.3, 0.5, 0.6, 0.9, 1.2])
VIEW = (-4.0, 4.0)
HIDDEN = 64
STEPS = 600
HEIGHTS, SLOPES = (-1.0, 3.2), (-2.6, 2.6)  # of the two pictures
METHODS = {"clip": "weight clipping", "one": "one-sided penalty", "two": "two-sided penalty"}
CLIPS = (0.01, 0.05, 0.14, 0.3, 1.0)
WEIGHTS = (0.3, 1.0, 3.0, 10.0, 100.0)
PRESETS = {
    "Published clipping": {"method": "clip", "clip": 0},
    "Published penalty": {"method": "two", "weight": 3},
    "One-sided": {"method": "one", "weight": 3},
}


def wgan(method: str = "clip", clip: int = 2, weight: int = 3) -> Any:
    """Return the figure of a trained critic on the line, next to the exact witness, statement `witness-line`.

    The reader chooses how the critic is held back, and how strongly; the figure shows its value, its exact Lipschitz
    constant, the bound that both prove, and W_1.

    Args:
        method: "clip", "one" or "two": clipping, or a penalty on slopes above one, or on all slopes but one.
        clip: place of the clip value in the list 0.01, 0.05, 0.14, 0.3, 1.
        weight: place of the penalty's weight in the list 0.3, 1, 3, 10, 100.

    Returns:
        The interactive figure, in the form that fits where it runs.

    Raises:
        ValueError: if the method is unknown, or a place lies outside its list.

    >>> wgan(method="none")
    Traceback (most recent call last):
    ...
    ValueError: method: expected one of clip, one, two, got 'none'
    """
    controls = (
        Choice("method", "Held back by", METHODS, method),
        Slider("clip", "Clip value c", 0, len(CLIPS) - 1, 1, clip, tuple(f"{c:g}" for c in CLIPS)),
        Slider("weight", "Penalty weight λ", 0, len(WEIGHTS) - 1, 1, weight, tuple(f"{w:g}" for w in WEIGHTS)),
    )
    return present(
        Plot(
            name="wgan",
            label="A trained critic on the line and the exact witness",
            alt="Left: the exact witness, a valley with sides of slope one, and the trained critic divided by its "
            "Lipschitz constant. The data lie in two outer groups, the generator's samples in the middle. Right: the "
            "slopes of both.",
            note="With JavaScript you can change how the critic is held back and how strongly, and read what its "
            "value proves.",
            controls=controls,
            draw=draw_wgan,
            data=figure_data,
            presets=PRESETS,
        )
    )


def draw_wgan(method: str, clip: int, weight: int) -> Figure:
    """Return the static picture: critic and witness (left), their slopes (right).

    >>> draw_wgan("clip", 0, 3).axes[1].get_title()[:32]
    'slopes; exact Lipschitz constant'
    """
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6), layout="constrained")
    plt.close(figure)
    critic, seen = trained(method, clip if method == "clip" else weight)
    exact, at = witness_line(X, Y), np.linspace(*VIEW, 801)
    level = np.concatenate([[0], exact.slopes, [0]])
    left.plot(at, exact(at) - exact(Y).mean(), color=plots.COLORS["blue"], label="witness")
    left.plot(at, _centred(critic, at) / seen.lipschitz, "--", color=plots.COLORS["orange"], label="critic / constant")
    right.step(at, level[np.searchsorted(exact.knots, at, side="right")], color=plots.COLORS["blue"])
    knots, slopes = pieces(critic)
    right.step(at, slopes[np.searchsorted(knots, at, side="right")], "--", color=plots.COLORS["orange"])
    for z, color, marker in ((X, "green", "|"), (Y, "purple", "x")):
        left.plot(z, np.full(z.size, HEIGHTS[0] + 0.15), marker, color=plots.COLORS[color])
    left.set(xlim=VIEW, ylim=HEIGHTS, xlabel="x", title=f"value {seen.value:.3g}; proves W₁ ≥ {seen.bound:.3f}")
    right.set(xlim=VIEW, ylim=SLOPES, xlabel="x", title=f"slopes; exact Lipschitz constant {seen.lipschitz:.3f}")
    left.legend()
    return figure


@cache
def trained(method: str, place: int) -> tuple[Critic, Certificate]:
    """Return the critic trained with this clip value or penalty weight, and what it proves.

    >>> trained("clip", 0)[1].value < 0.01
    True
    """
    x, y, rng = X[:, None], Y[:, None], np.random.default_rng(1)
    start = random_critic(HIDDEN, 1, rng)
    if method == "clip":
        c = CLIPS[place]
        *_, last = fit_clipped(start, x, y, clip=c, lr=0.02 * c, steps=STEPS, batch=None, rng=rng)
    else:
        options = {"weight": WEIGHTS[place], "one_sided": method == "one"}
        *_, last = fit_penalised(start, x, y, **options, lr=0.05, steps=STEPS, batch=None, rng=rng)
    return last.critic, certify(last.critic, x, y)


def figure_data() -> dict[str, Any]:
    """Return what the page shows: data, witness, and each critic by its bends, its numbers and the best value."""
    exact = witness_line(X, Y)
    at = np.array([VIEW[0], *exact.knots, VIEW[1]])
    line = {"at": _short(at), "heights": _short(exact(at) - exact(Y).mean()), "slopes": [0, *_short(exact.slopes), 0]}
    places = {"clip": CLIPS, "one": WEIGHTS, "two": WEIGHTS}
    critics = {m: [_record(m, i, strength) for i, strength in enumerate(list_)] for m, list_ in places.items()}
    ranges = {"view": VIEW, "heights": HEIGHTS, "slopes": SLOPES}
    return {**ranges, "x": X.tolist(), "y": Y.tolist(), "w1": exact.value, "witness": line, "critics": critics}


def _record(method: str, place: int, strength: float) -> dict[str, Any]:
    critic, seen = trained(method, place)
    knots, slopes = pieces(critic)
    shown = (knots > VIEW[0]) & (knots < VIEW[1])
    at = np.array([VIEW[0], *knots[shown], VIEW[1]])
    first = int((knots <= VIEW[0]).sum())
    best = best_clipped(X, Y, HIDDEN, strength)[1] if method == "clip" else best_penalised(X, Y, strength).value
    return {
        "at": _short(at),
        "heights": _short(_centred(critic, at) / seen.lipschitz),
        "slopes": _short(slopes[first : first + len(at) - 1]),
        "best": best,
        "value": seen.value,
        "lipschitz": seen.lipschitz,
        "bound": seen.bound,
    }


def _centred(critic: Critic, at: np.ndarray) -> np.ndarray:
    """Return the heights above the mean over the generator's samples; a constant does not matter."""
    return critic(at[:, None]) - critic(Y[:, None]).mean()


def _short(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]
