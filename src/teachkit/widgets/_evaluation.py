"""Two small clouds, and six scores of the one against the other (chapter `evaluation`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from teachkit import plots
from teachkit.evaluation import density_coverage, fid, mmd, neighbour_radii, precision_recall, rbf
from teachkit.widgets._page import Choice, Plot, Slider, present

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VIEW = 3.0  # half the width of the picture
BANDWIDTH = 1.0
REAL = np.array([[-1.9, 0.3], [-1.5, -0.4], [-1.4, 0.5], [-1.1, 0.0], [1.0, -0.2], [1.4, 0.4], [1.5, -0.5], [1.9, 0.1]])
NAMES = {
    "second": "from the same law",
    "moments": "elsewhere, with mean and covariance of the real ones",
    "one": "one real point again and again",
    "outlier": "far off, and one outlier",
}


def _same_moments(x: np.ndarray) -> np.ndarray:
    """Return two far points and six in the middle that have exactly the mean and the covariance of x [8, 2]."""
    shape = np.array([[-5, 0], [5, 0], [-1.2, 1], [-1, -1], [-0.3, 0.5], [0.3, -0.6], [1, 1.1], [1.2, -1]])
    shape = shape - shape.mean(axis=0)
    L, M = (np.linalg.cholesky(np.cov(points, rowvar=False)) for points in (x, shape))
    return np.round(shape @ np.linalg.inv(M).T @ L.T + x.mean(axis=0), 6)


SETS = {
    "second": np.array(
        [[0.95, -0.9], [0.8, 0.4], [-2.3, -0.4], [1.8, 0.8], [2.2, -0.55], [-0.75, -0.45], [-0.85, 0.5], [-1.65, 1.0]]
    ),
    "moments": _same_moments(REAL),
    "one": REAL[1] + 0.08 * np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1], [1, 1], [-1, 1], [1, -1]]),
    "outlier": np.array(
        [[2.2, -2.4], [2.5, -2.0], [2.7, -2.6], [2.0, -2.8], [2.8, -1.7], [2.3, -2.9], [2.9, -2.2], [-2.8, 2.8]]
    ),
}
PRESETS = {
    "Equal moments": {"fakes": "moments", "u": 0.0, "v": 0.0},
    "One point": {"fakes": "one", "u": 0.0, "v": 0.0},
    "An outlier": {"fakes": "outlier", "k": 1, "u": 0.0, "v": 0.0},
}


def evaluation(fakes: str = "second", k: int = 2, u: float = 0.0, v: float = 0.0) -> Any:
    """Return the figure of eight real points and eight fakes, and their scores, `precision-recall` and others.

    The reader moves the points; the figure shows the balls of the real ones and all scores.

    Args:
        fakes: set of fakes to begin with: "second", "moments", "one" or "outlier".
        k: to which nearest other point a ball reaches, 1 to 4.
        u: shift of the fakes to the right, between -1.5 and 1.5.
        v: shift upwards; likewise.

    Returns:
        The interactive figure, in the form that fits where it runs. Single points can be moved in the book alone.

    Raises:
        ValueError: if the set is unknown or a number lies outside its range.

    >>> evaluation(k=5)
    Traceback (most recent call last):
    ...
    ValueError: k: expected a number from 1 to 4, got 5
    """
    controls = (
        Choice("fakes", "Fakes", NAMES, fakes),
        Slider("k", "Nearest k", 1, 4, 1, k),
        Slider("u", "Fakes right", -1.5, 1.5, 0.05, u),
        Slider("v", "Fakes up", -1.5, 1.5, 0.05, v),
    )
    return present(
        Plot(
            name="evaluation",
            label="Two clouds of points, and six scores of the one against the other",
            alt="Left: eight real points as discs in two groups, each in the middle of a pale ball, and eight fakes as "
            "rings, all of them inside balls. Right: four bars; precision, recall and coverage are one, density is "
            "about one and a third.",
            note="With JavaScript you can drag every point, choose other fakes, and watch the scores.",
            controls=controls,
            draw=draw_evaluation,
            data=lambda: {
                "view": VIEW,
                "bandwidth": BANDWIDTH,
                "real": REAL.tolist(),
                "sets": {name: points.tolist() for name, points in SETS.items()},
            },
            presets=PRESETS,
        )
    )


def draw_evaluation(fakes: str, k: int, u: float, v: float) -> Figure:
    """Return the static picture: both clouds with the balls of the real points (left), four scores as bars (right).

    >>> draw_evaluation("moments", 2, 0.0, 0.0).axes[0].get_title()
    'Fréchet 0.000, squared MMD 0.072'
    """
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.8), layout="constrained")
    plt.close(figure)
    fake = np.clip(SETS[fakes] + np.array([u, v]), -VIEW, VIEW)
    _draw_clouds(left, fake, k)
    left.set_title(f"Fréchet {fid(REAL, fake):.3f}, squared MMD {mmd(REAL, fake, rbf(BANDWIDTH)):.3f}")
    heights = [*precision_recall(REAL, fake, k), *density_coverage(REAL, fake, k)]
    bars = right.bar(["precision", "recall", "density", "coverage"], heights, color=plots.COLORS["blue"], width=0.6)
    right.bar_label(bars, [f"{height:.2f}" for height in heights])
    right.set(ylim=(0, max(2.0, 1.1 * max(heights))))
    return figure


def _draw_clouds(ax: Axes, fake: np.ndarray, k: int) -> None:
    for centre, radius in zip(REAL, neighbour_radii(REAL, k), strict=True):
        ax.add_patch(_disc(centre, radius))
    for points, color, inside in ((REAL, "blue", plots.COLORS["blue"]), (fake, "orange", "white")):
        ax.scatter(*points.T, facecolor=inside, edgecolor=plots.COLORS[color], linewidth=2, zorder=2)
    ax.set(xlim=(-VIEW, VIEW), ylim=(-VIEW, VIEW), aspect="equal")


def _disc(centre: np.ndarray, radius: float) -> Any:
    """Return a pale disc."""
    from matplotlib.patches import Circle

    return Circle(centre, radius, facecolor=plots.COLORS["blue"], alpha=0.1)
