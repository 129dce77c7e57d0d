"""A small square, its curved image and the parallelogram of the Jacobian, at a movable point (chapter `jacobian`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from teachkit import plots
from teachkit.jacobian import Map
from teachkit.widgets._page import Choice, Plot, Slider, present

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REACH = 1.75  # the corner stays in [-REACH, REACH]^2
VIEW = 2.3  # half the width of both pictures, so that areas can be compared by eye


class LocalMap(NamedTuple):
    """A map of the plane with its Jacobian.

    Attributes:
        label: its formula, for readers.
        f: z [n, 2] -> x [n, 2].
        matrix: (z1, z2) -> its Jacobian, [2, 2].
    """

    label: str
    f: Map
    matrix: Callable[[float, float], np.ndarray]


MAPS = {
    "wave": LocalMap(
        "the running example: (z₁² + z₂, sin z₁z₂)",
        lambda z: np.stack([z[:, 0] ** 2 + z[:, 1], np.sin(z[:, 0] * z[:, 1])], 1),
        lambda u, v: np.array([[2 * u, 1], [v * np.cos(u * v), u * np.cos(u * v)]]),
    ),
    "swap": LocalMap(
        "linear, mirrored: (z₁ + z₂, 2 z₁)",
        lambda z: np.stack([z[:, 0] + z[:, 1], 2 * z[:, 0]], 1),
        lambda u, v: np.array([[1.0, 1.0], [2.0, 0.0]]),
    ),
    "stretch": LocalMap(
        "linear, stretched: (2 z₁ + z₂, z₁ + 3 z₂)",
        lambda z: np.stack([2 * z[:, 0] + z[:, 1], z[:, 0] + 3 * z[:, 1]], 1),
        lambda u, v: np.array([[2.0, 1.0], [1.0, 3.0]]),
    ),
    "turn": LocalMap(
        "turned and scaled: (z₁² − z₂², 2 z₁z₂)",
        lambda z: np.stack([z[:, 0] ** 2 - z[:, 1] ** 2, 2 * z[:, 0] * z[:, 1]], 1),
        lambda u, v: np.array([[2 * u, -2 * v], [2 * v, 2 * u]]),
    ),
}
PRESETS = {
    "Mirrored (det below 0)": {"map": "wave", "z1": 0.5, "z2": 1.0, "side": 0.2},
    "Collapse (det 0)": {"map": "wave", "z1": 0.5, "z2": 0.5, "side": 0.5},
    "Small square": {"side": 0.05},
}


def parallelogram(map: str = "wave", z1: float = 0.75, z2: float = -0.5, side: float = 0.5) -> Any:
    """Return the figure of a square, its image and the parallelogram of J, statement `local-volume-scale`.

    The reader moves the square's corner; the figure compares the area of the image, with its sign, with det J there.
    Where the map folds the square, parts of opposite orientation cancel, and what is covered twice counts twice.

    Args:
        map: the map to begin with: "wave", "swap", "stretch" or "turn".
        z1: first coordinate of the lower left corner, between -1.75 and 1.75.
        z2: second coordinate; likewise.
        side: side of the square, between 0.01 and 0.5.

    Returns:
        The interactive figure, in the form that fits where it runs.

    Raises:
        ValueError: if the map is unknown or a number lies outside its range.

    >>> parallelogram(side=2.0)
    Traceback (most recent call last):
    ...
    ValueError: side: expected a number from 0.01 to 0.5, got 2.0
    """
    controls = (
        Choice("map", "Map", {name: chosen.label for name, chosen in MAPS.items()}, map),
        Slider("z1", "Corner z₁", -REACH, REACH, 0.05, z1),
        Slider("z2", "Corner z₂", -REACH, REACH, 0.05, z2),
        Slider("side", "Side of the square", 0.01, 0.5, 0.01, side),
    )
    return present(
        Plot(
            name="parallelogram",
            label="A square, its image, and the parallelogram of the Jacobian",
            alt="Left: a small grid with one marked square, its lower edge drawn solid, its left edge dashed. Right, "
            f"at the same scale: their image under the map, {MAPS[map].label}. The square has become a curved patch, "
            "and over it lies the parallelogram whose edges are the columns of the Jacobian times the side.",
            note="With JavaScript you can choose the map, move and shrink the square, and compare the area of its "
            "image with det J.",
            controls=controls,
            draw=draw_parallelogram,
            data=lambda: {"view": VIEW},
            presets=PRESETS,
        )
    )


def draw_parallelogram(map: str, z1: float, z2: float, side: float) -> Figure:
    """Return the static picture: the square (left), its image and the parallelogram of J (right).

    >>> draw_parallelogram("swap", 1.0, 1.0, 0.5).axes[1].get_xlabel()
    'signed area, image / square = -2.0000'
    """
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.8), layout="constrained")
    plt.close(figure)
    chosen, corner = MAPS[map], np.array([z1, z2])
    J = chosen.matrix(z1, z2)
    _draw(left, lambda z: z, corner, corner, np.eye(2) * side, side)
    _draw(right, chosen.f, corner, chosen.f(corner[None])[0], J * side, side)
    left.set(xlim=(-VIEW, VIEW), ylim=(-VIEW, VIEW))
    u, v = chosen.f(corner[None])[0]
    right.set(xlim=(u - VIEW, u + VIEW), ylim=(v - VIEW, v + VIEW))
    plots.title_each((left, right), ("before: z", "after: x = f(z)"))
    left.set_xlabel(f"det J at the corner = {np.linalg.det(J):.4f}")
    right.set_xlabel(f"signed area, image / square = {signed_ratio(map, (z1, z2), side):.4f}")
    return figure


def _draw(ax: Axes, f: Map, corner: np.ndarray, foot: np.ndarray, edges: np.ndarray, side: float) -> None:
    """Draw the grid and the square under f, and the parallelogram at ``foot`` with the columns of ``edges``."""
    u, v = corner
    plots.warped_grid(ax, f, (u - 1, u + 1, v - 1, v + 1), lines=9)
    plots.cell(ax, f, corner, side).set_alpha(0.4)
    first, second = edges.T
    far = np.stack([foot + first, foot + first + second, foot + second])
    ax.plot(*far.T, color=plots.COLORS["blue"], lw=0.9)
    ax.plot(*np.stack([foot, foot + first]).T, color=plots.COLORS["blue"], lw=2)
    ax.plot(*np.stack([foot, foot + second]).T, "--", color=plots.COLORS["blue"], lw=2)


def signed_ratio(map: str, corner: tuple[float, float], side: float) -> float:
    """Return the signed area of the image of a square over the square's own, the mean of det J over the square.

    >>> round(signed_ratio("stretch", (0.3, -1.0), 0.5), 9)
    5.0
    """
    s = np.linspace(0, 1, 256, endpoint=False)
    border = np.concatenate([np.c_[s, 0 * s], np.c_[0 * s + 1, s], np.c_[1 - s, 0 * s + 1], np.c_[0 * s, 1 - s]])
    x = MAPS[map].f(np.asarray(corner) + side * border)
    x, y = (x - x[0]).T  # far from 0 the products would swallow a small area
    return float((np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2 / side**2)
