"""The log-likelihood of a normal law over its parameters, with movable data (chapter `likelihood`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from teachkit import _check, plots
from teachkit.likelihood import gaussian_log_likelihood
from teachkit.widgets._page import Plot, Slider, present

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VIEW = {"mu": (0.0, 10.0), "sigma": (0.2, 6.0)}  # the sliders' ranges; observations have that of mu
BELOW = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # nats
HEIGHTS = (0.6, 1.0, 2.0)  # of the right picture: the lowest that holds the bell curve
PRESETS = {
    "One outlier": {"x1": 1.0, "x2": 1.5, "x3": 2.0, "x4": 2.5, "x5": 10.0},
    "All equal": {f"x{i}": 5.0 for i in range(1, 6)},
}


def likelihood(x: tuple[float, ...] = (1.0, 3.0, 4.0, 5.0, 7.0), mu: float = 2.5, sigma: float = 1.5) -> Any:
    """Return the figure of the log-likelihood over (mu, sigma), and of the data under the model, `gaussian-likelihood`.

    The reader moves the model and the observations; the figure compares the log-likelihood with its maximum.

    Args:
        x: five observations from 0 to 10.
        mu: mean of the model to begin with, from 0 to 10.
        sigma: standard deviation, from 0.2 to 6.

    Returns:
        The interactive figure, in the form that fits where it runs.

    Raises:
        ValueError: if there are not five observations, or a number lies outside its range.

    >>> likelihood(mu=12)
    Traceback (most recent call last):
    ...
    ValueError: mu: expected a number from 0.0 to 10.0, got 12
    """
    data = _check.vector("x", x, sizes=(5,))
    controls = (
        Slider("mu", "Mean μ", *VIEW["mu"], 0.1, mu),
        Slider("sigma", "Deviation σ", *VIEW["sigma"], 0.05, sigma),
        *(Slider(f"x{i}", f"Observation x{'₁₂₃₄₅'[i - 1]}", *VIEW["mu"], 0.1, float(v)) for i, v in enumerate(data, 1)),
    )
    return present(
        Plot(
            name="likelihood",
            label="The log-likelihood of a normal law, and its data",
            alt=f"Left: egg-shaped level lines of the log-likelihood over μ and σ around their top, and the model at "
            f"({mu}, {sigma}). Right: the bell curve of the model, with a stem from each of the five observations.",
            note="With JavaScript you can move the model and each observation, and compare the log-likelihood with its "
            "largest value.",
            controls=controls,
            draw=draw_likelihood,
            data=lambda: {"view": VIEW, "below": BELOW, "heights": HEIGHTS},
            presets=PRESETS,
        )
    )


def draw_likelihood(mu: float, sigma: float, x1: float, x2: float, x3: float, x4: float, x5: float) -> Figure:
    """Return the static picture: level lines (left), data under the model (right).

    >>> draw_likelihood(4, 2, 1, 3, 4, 5, 7).axes[1].get_title()
    'log-likelihood -10.560 nats'
    """
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6), layout="constrained")
    plt.close(figure)
    x = np.array([x1, x2, x3, x4, x5])
    _draw_surface(left, x)
    left.plot(mu, sigma, "o", color=plots.COLORS["orange"])
    line = np.linspace(*VIEW["mu"], 201)
    height = np.exp([gaussian_log_likelihood([at], mu, sigma) for at in x])
    right.vlines(x, 0, height, color=plots.COLORS["orange"])
    right.plot(x, height, "o", color=plots.COLORS["orange"])
    right.plot(line, np.exp([gaussian_log_likelihood([at], mu, sigma) for at in line]), color=plots.COLORS["blue"])
    value = float(gaussian_log_likelihood(x, mu, sigma))
    peak = 1 / (sigma * np.sqrt(2 * np.pi))
    tallest = next(height for height in HEIGHTS if height >= peak)
    right.set(xlim=VIEW["mu"], ylim=(0, tallest), xlabel="x", title=f"log-likelihood {value:.3f} nats")
    return figure


def top(x: np.ndarray) -> tuple[float, float]:
    """Return the place in view where the log-likelihood of x is largest.

    >>> top(np.array([1.0, 3.0, 4.0, 5.0, 7.0])), top(np.full(5, 3.0))
    ((4.0, 2.0), (3.0, 0.2))
    """
    return float(x.mean()), max(float(x.std()), VIEW["sigma"][0])


def _draw_surface(ax: Axes, x: np.ndarray) -> None:
    mu, sigma = np.linspace(*VIEW["mu"], 201), np.linspace(*VIEW["sigma"], 201)
    best = top(x)
    gap = gaussian_log_likelihood(x, mu, sigma[:, None]) - gaussian_log_likelihood(x, *best)
    levels = -np.array(BELOW[::-1])
    ax.contourf(mu, sigma, gap, levels=[*levels, 1e-9], cmap="Blues", alpha=0.6)
    drawn = ax.contour(mu, sigma, gap, levels=levels, colors=[plots.COLORS["pale"]], linewidths=1)
    drawn.set(linestyle="solid")
    if np.ptp(x) > 0:  # equal observations have no likeliest law
        ax.plot(*best, "+", color=plots.COLORS["ink"], markersize=12)
    ax.set(xlabel="μ", ylabel="σ", xlim=VIEW["mu"], ylim=(0, VIEW["sigma"][1]), title="log-likelihood over μ and σ")
