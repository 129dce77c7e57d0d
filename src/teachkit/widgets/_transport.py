"""Two small clouds, the plan between them, and the potentials that prove it best (chapter `transport`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from teachkit import plots
from teachkit.transport import assignment, cost_matrix, dual, slack
from teachkit.widgets._page import Choice, Plot, Slider, present

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VIEW = 3.0  # half the width of the picture
X = np.array([[-2.0, 1.0], [-1.5, -0.5], [-0.5, 1.5], [-0.5, 0.0], [0.0, -1.5]])
Y = np.array([[-0.5, 1.0], [0.0, 0.0], [0.5, -1.0], [1.0, 1.0], [1.5, -0.5]])
COSTS = {"1": "distance", "2": "squared distance"}
PRESETS = {"Far apart": {"u": 1.5, "v": 0.0}, "Mixed": {"u": -0.5, "v": 0.0}}


def transport(p: str = "1", u: float = 1.0, v: float = 0.0) -> Any:
    """Return the figure of two clouds of five points, their best plan and its potentials, `kantorovich-duality`.

    The reader moves the points; the figure shows the plan, and the slack of every pair.

    Args:
        p: cost to begin with: "1", the distance, or "2", its square.
        u: shift of the targets to the right, between -1.5 and 1.5.
        v: shift upwards; likewise.

    Returns:
        The interactive figure, in the form that fits where it runs. Single points can be moved in the book alone.

    Raises:
        ValueError: if the cost is unknown or a number lies outside its range.

    >>> transport(p="3")
    Traceback (most recent call last):
    ...
    ValueError: p: expected one of 1, 2, got '3'
    """
    controls = (
        Choice("p", "Cost of a pair", COSTS, p),
        Slider("u", "Targets right", -1.5, 1.5, 0.05, u),
        Slider("v", "Targets up", -1.5, 1.5, 0.05, v),
    )
    return present(
        Plot(
            name="transport",
            label="Two clouds of points, their best plan and its potentials",
            alt="Left: five source points and five target points in the plane, joined in pairs by lines. Right: a "
            "table of five by five cells with the slack of every pair; in the five cells of the plan it is zero.",
            note="With JavaScript you can drag every point, change the cost, and watch plan, potentials and slack.",
            controls=controls,
            draw=draw_transport,
            data=lambda: {"view": VIEW, "x": X.tolist(), "y": Y.tolist()},
            presets=PRESETS,
        )
    )


def draw_transport(p: str, u: float, v: float) -> Figure:
    """Return the static picture: clouds and plan (left), slack of every pair (right).

    >>> draw_transport("1", 0.0, 0.0).axes[0].get_title()
    'mean cost 1.4576'
    """
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.8), layout="constrained")
    plt.close(figure)
    y = np.clip(Y + np.array([u, v]), -VIEW, VIEW)
    cost, even = cost_matrix(X, y, float(p)), np.full(len(X), 1 / len(X))
    s, value = assignment(cost)
    for i, j in enumerate(s):
        left.plot(*np.stack([X[i], y[j]], 1), color=plots.COLORS["pale"])
    for points, color, inside in ((X, "blue", plots.COLORS["blue"]), (y, "orange", "white")):
        left.scatter(*points.T, facecolor=inside, edgecolor=plots.COLORS[color], linewidth=2, zorder=2)
        for k, point in enumerate(points):
            left.annotate(str(k + 1), point, (4, 4), textcoords="offset points")
    left.set(xlim=(-VIEW, VIEW), ylim=(-VIEW, VIEW), aspect="equal", title=f"mean cost {value:.4f}")
    f, g, lower = dual(even, even, cost)
    _draw_slack(right, slack(f, g, cost).round(12) + 0.0, s)  # + 0.0: no minus sign before a zero
    right.set_title(f"slack; potentials give {lower:.4f}")
    return figure


def _draw_slack(ax: Axes, gaps: np.ndarray, s: np.ndarray) -> None:
    n = len(s)
    ax.imshow(gaps, cmap="Blues", origin="lower", extent=(0.5, n + 0.5, 0.5, n + 0.5), alpha=0.6)
    for (i, j), gap in np.ndenumerate(gaps):
        bold = "bold" if s[i] == j else "normal"
        ax.text(j + 1, i + 1, f"{gap:.2f}", ha="center", va="center", fontsize=8, weight=bold)
    ax.set(xlabel="target", ylabel="source", xticks=range(1, n + 1), yticks=range(1, n + 1))
