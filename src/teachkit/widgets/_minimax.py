"""Two normal laws in the game: densities, best discriminator, both gradients of the generator (chapter `minimax`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from teachkit import plots
from teachkit.minimax import sigmoid
from teachkit.minimax_gaussian import gaussian_game, gaussian_logit
from teachkit.widgets._page import Plot, Slider, present

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RANGES = {"m": (-6.0, 6.0), "s": (0.3, 3.0)}
VIEW = {"x": (-8.0, 8.0), "y": (-0.06, 1.4), "slope": (-6.5, 6.5)}
PRESETS = {
    "At the data": {"m": 0.0, "s": 1.0},
    "Far away": {"m": 6.0, "s": 1.0},
    "Too narrow": {"m": 0.0, "s": 0.4},
}


def minimax(m: float = 3.0, s: float = 1.0) -> Any:
    """Return the figure of data N(0, 1) against a generator N(m, s^2), statements `gaussian-discriminator` and others.

    The reader moves the generator; the figure shows the best discriminator against it, the value of the game, and
    what gradient each loss would give.

    Args:
        m: mean of the generator to begin with, from -6 to 6.
        s: its standard deviation, from 0.3 to 3.

    Returns:
        The interactive figure, in the form that fits where it runs.

    Raises:
        ValueError: if a number lies outside its range.

    >>> minimax(m=7)
    Traceback (most recent call last):
    ...
    ValueError: m: expected a number from -6.0 to 6.0, got 7
    """
    controls = (
        Slider("m", "Mean m", *RANGES["m"], 0.1, m),
        Slider("s", "Deviation s", *RANGES["s"], 0.05, s),
    )
    return present(
        Plot(
            name="minimax",
            label="A normal generator, its best discriminator, and two gradients",
            alt=f"Left: the bell curves of the data N(0, 1) and of the generator N({m:g}, {s:g}²), and the best "
            "discriminator, near 1 where the data are denser and near 0 where the generator is. Right: the gradients "
            "of both losses by the generator's mean. That of the minimax loss falls back to 0 far from the data, that "
            "of the non-saturating loss grows.",
            note="With JavaScript you can move the generator and read the value of the game and both gradients.",
            controls=controls,
            draw=draw_minimax,
            data=lambda: {"view": VIEW, "ranges": RANGES},
            presets=PRESETS,
        )
    )


def draw_minimax(m: float, s: float) -> Figure:
    """Return the static picture: densities and best discriminator (left), both gradients over the mean (right).

    >>> draw_minimax(0.0, 1.0).axes[0].get_title()
    'V = −1.386, JSD = 0.000'
    """
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.4), layout="constrained")
    plt.close(figure)
    game = gaussian_game(0.0, 1.0, m, s)
    _draw_laws(left, m, s)
    left.set_title(f"V = {game.value:.3f}, JSD = {game.jsd:.3f}".replace("-", "−"))
    at, slopes = gradients(s)
    for name, values, here, color in zip(
        ("minimax", "non-saturating"), slopes, (game.minimax, game.non_saturating), ("orange", "blue"), strict=True
    ):
        right.plot(at, values, color=plots.COLORS[color], label=name)
        right.plot(m, here[0], "o", color=plots.COLORS[color])
    right.set(xlim=RANGES["m"], ylim=VIEW["slope"], xlabel="m", title="gradient by m")
    right.legend(loc="upper left")
    return figure


def gradients(s: float, count: int = 49) -> tuple[np.ndarray, np.ndarray]:
    """Return means, [count], and at each the gradients of both losses by the mean, [2, count].

    >>> gradients(1.0, 3)[1].round(3) + 0
    array([[-0.012,  0.   ,  0.012],
           [-5.988,  0.   ,  5.988]])
    """
    at = np.linspace(*RANGES["m"], count)
    games = [gaussian_game(0.0, 1.0, float(m), s) for m in at]
    return at, np.array([[game.minimax[0] for game in games], [game.non_saturating[0] for game in games]])


def _draw_laws(ax: Axes, m: float, s: float) -> None:
    x = np.linspace(*VIEW["x"], 401)
    for mean, std, color, label in ((0.0, 1.0, "green", "data"), (m, s, "purple", "generator")):
        density = np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))
        ax.plot(x, density, color=plots.COLORS[color], label=label)
        ax.fill_between(x, density, color=plots.COLORS[color], alpha=0.2)
    ax.plot(x, sigmoid(gaussian_logit(0.0, 1.0, m, s)(x)), color=plots.COLORS["ink"], label="$D^*$")
    ax.set(xlim=VIEW["x"], ylim=VIEW["y"], xlabel="x")
    ax.legend(loc="upper left", ncols=3, fontsize=8)
