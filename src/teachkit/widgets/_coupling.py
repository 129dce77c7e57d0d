"""One affine coupling layer with s and t set by hand, over the banana target (chapter `coupling`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from teachkit import plots
from teachkit.data import banana
from teachkit.newton import push
from teachkit.newton_population import kl_to_banana
from teachkit.widgets._page import Plot, Slider, present
from teachkit.widgets._pushforward import shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# label, low, high of a, b, c, d, e
_RANGES = {
    "a": ("a, slope of s", -1.0, 1.0),
    "b": ("b, height of s", -1.0, 1.0),
    "c": ("c, slope of t", -1.0, 1.0),
    "d": ("d, height of t", -1.0, 1.0),
    "e": ("e, bend of t", -0.3, 0.3),
}
PRESETS = {
    "Best affine (KL 0.01)": {"a": 0.0, "b": 0.0, "c": 0.0, "d": -0.1, "e": 0.0},
    "Exact (KL 0)": {"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.0, "e": -0.1},
}


def coupling(a: float = 0.5, b: float = 0.0, c: float = 0.2, d: float = 0.0, e: float = 0.0) -> Any:
    """Return the figure of one coupling layer x = (z1, z2 exp(s) + t), s = a z1 + b, t = c z1 + d + e z1^2.

    It shows the layer's image of a grid over the banana target, the curves s and t, log |det J|, and the
    closed-form ``kl_to_banana``, statement `affine-coupling`.

    Args:
        a: slope of s to begin with.
        b: height of s.
        c: slope of t.
        d: height of t.
        e: bend of t.

    Returns:
        The interactive figure, in the form that fits where it runs.
    """
    start = {"a": a, "b": b, "c": c, "d": d, "e": e}
    return present(
        Plot(
            name="coupling",
            label="A coupling layer by hand",
            alt=f"Left: the image of a square grid under the coupling layer, darker where the flow is denser, over the "
            f"level lines of the banana; they do not agree. Right: s as a line of slope {a}, t as a line of slope {c}.",
            note="With JavaScript you can set a, b, c, d and e and watch log |det J| and the distance to the target.",
            controls=tuple(Slider(key, *_RANGES[key], 0.05, value) for key, value in start.items()),
            draw=draw_coupling,
            presets=PRESETS,
        )
    )


def draw_coupling(a: float, b: float, c: float, d: float, e: float) -> Figure:
    """Return the static picture: the flow over its target (left), s and t (right).

    >>> draw_coupling(0, 0, 0, -0.1, 0).axes[0].get_title()
    'flow and target, KL 0.0100 nats'
    """
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6), layout="constrained")
    plt.close(figure)
    _draw_flow(left, np.array([a, b, c, d, e]))
    z1 = np.linspace(-2, 2, 81)
    right.plot(z1, a * z1 + b, color=plots.COLORS["blue"], label="s")
    right.plot(z1, c * z1 + d + e * z1**2, "--", color=plots.COLORS["orange"], label="t")
    right.set(xlabel="z₁", ylim=(-3, 3), title="s and t")
    right.legend()
    return figure


def _draw_flow(ax: Axes, theta: np.ndarray) -> None:
    def layer(z: np.ndarray) -> np.ndarray:
        return push(theta, z)

    shade(ax, layer, lambda z: np.exp(theta[0] * z[:, 0] + theta[1]), half=3.0, peak=0.16)
    plots.warped_grid(ax, layer, (-3, 3, -3, 3), lines=13)
    # log p is -r^2 / 2 below its top: the lines at 0.5, 1, ..., 3 standard deviations.
    plots.contours(ax, banana().log_prob, levels=-0.5 * np.arange(0.5, 3.1, 0.5) ** 2, color=plots.COLORS["ink"], n=81)
    ax.set(title=f"flow and target, KL {kl_to_banana(theta):.4f} nats", xlabel="x₁", ylabel="x₂")
    ax.set(xlim=(-4, 4), ylim=(-4, 4))
