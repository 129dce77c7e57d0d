"""A grid, a density and one movable cell, before and after a map of the plane (chapter `change_of_variables`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from teachkit import plots
from teachkit.data import standard_normal
from teachkit.jacobian import Map
from teachkit.widgets._page import Choice, Plot, Slider, present

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

HALF = 2.0  # the grid covers [-HALF, HALF]^2
_MATRIX = np.array([[2.0, 1.0], [1.0, 3.0]])


class PlaneMap(NamedTuple):
    """A map of the plane with what a picture of it needs.

    Attributes:
        label: its formula, for readers.
        f: z [n, 2] -> x [n, 2].
        det: z [n, 2] -> the determinant of its Jacobian matrix, [n].
        x: horizontal range of the picture.
        y: vertical range of the picture.
        peak: density that is drawn at full strength.
    """

    label: str
    f: Map
    det: Map
    x: tuple[float, float]
    y: tuple[float, float]
    peak: float


def _bend(z: np.ndarray) -> np.ndarray:
    return np.stack([z[:, 0], z[:, 1] * np.exp(0.6 * z[:, 0]) + 0.4 * z[:, 0] ** 2], 1)


def _fold(z: np.ndarray) -> np.ndarray:
    return np.stack([2 * z[:, 0] + np.sin(z[:, 1]), z[:, 1] ** 2], 1)


MAPS = {
    "linear": PlaneMap(
        "linear: (2 z₁ + z₂, z₁ + 3 z₂)",
        lambda z: z @ _MATRIX.T,
        lambda z: np.full(len(z), 5.0),
        x=(-8, 8),
        y=(-8, 8),
        peak=0.032,
    ),
    "shear": PlaneMap(
        "shear: (z₁, z₂ + 0.8 z₁)",
        lambda z: np.stack([z[:, 0], z[:, 1] + 0.8 * z[:, 0]], 1),
        lambda z: np.ones(len(z)),
        x=(-4, 4),
        y=(-4, 4),
        peak=0.16,
    ),
    "bend": PlaneMap(
        "bend: (z₁, z₂ exp(0.6 z₁) + 0.4 z₁²)",
        _bend,
        lambda z: np.exp(0.6 * z[:, 0]),
        x=(-5, 5),
        y=(-4, 6),
        peak=0.19,
    ),
    "fold": PlaneMap("fold: (2 z₁ + sin z₂, z₂²)", _fold, lambda z: 4 * z[:, 1], x=(-5, 5), y=(-3, 7), peak=0.1),
}


def pushforward(map: str = "shear", z1: float = 1.0, z2: float = 0.5, side: float = 0.5) -> Any:
    """Return the figure of a grid and a density pushed through a chosen map, statement `change-of-variables`.

    The reader moves a small cell; the figure compares the area of its image with |det J| at its centre.

    Args:
        map: the map to begin with: "linear", "shear", "bend" or "fold".
        z1: first coordinate of the cell's centre, between -1.75 and 1.75.
        z2: second coordinate; likewise.
        side: side of the cell, between 0.01 and 0.5.

    Returns:
        The interactive figure, in the form that fits where it runs.

    Raises:
        ValueError: if the map is unknown or a number lies outside its range.

    >>> pushforward(map="twist")
    Traceback (most recent call last):
    ...
    ValueError: map: expected one of linear, shear, bend, fold, got 'twist'
    """
    controls = (
        Choice("map", "Map", {name: chosen.label for name, chosen in MAPS.items()}, map),
        Slider("z1", "Cell centre z₁", -1.75, 1.75, 0.05, z1),
        Slider("z2", "Cell centre z₂", -1.75, 1.75, 0.05, z2),
        Slider("side", "Side of the cell", 0.01, 0.5, 0.01, side),
    )
    return present(
        Plot(
            name="pushforward",
            label="A grid and a density pushed through a map",
            alt=f"Left: a square grid, darker where the standard normal is denser, with one marked cell. Right: its "
            f"image under the map {MAPS[map].label}; the marked cell has become a patch of another shape.",
            note="With JavaScript you can choose the map, move and shrink the cell, and compare the area of its image "
            "with |det J|.",
            controls=controls,
            draw=draw_pushforward,
            data=lambda: {"maps": {k: {"label": m.label, "x": m.x, "y": m.y, "peak": m.peak} for k, m in MAPS.items()}},
        )
    )


def draw_pushforward(map: str, z1: float, z2: float, side: float) -> Figure:
    """Return the static picture: grid, density and cell before (left) and after the map (right).

    >>> draw_pushforward("linear", 1.0, 0.5, 0.5).axes[1].get_xlabel()
    'area of the image / area of the cell = 5.0000'
    """
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.8), layout="constrained")
    plt.close(figure)
    chosen, corner = MAPS[map], [z1 - side / 2, z2 - side / 2]
    unmoved = PlaneMap("", lambda z: z, lambda z: np.ones(len(z)), (-2.3, 2.3), (-2.3, 2.3), 0.16)
    for ax, which in ((left, unmoved), (right, chosen)):
        shade(ax, which.f, which.det, HALF, which.peak)
        plots.warped_grid(ax, which.f, lines=21)
        plots.cell(ax, which.f, corner, side)
        ax.set(xlim=which.x, ylim=which.y)
    plots.title_each((left, right), ("before: z", "after: x = f(z)"))
    left.set_xlabel(f"|det J| at the centre = {abs(float(chosen.det(np.array([[z1, z2]]))[0])):.4f}")
    right.set_xlabel(f"area of the image / area of the cell = {area_ratio(map, (z1, z2), side):.4f}")
    return figure


def shade(ax: Axes, f: Map, det: Map, half: float, peak: float) -> QuadMesh:
    """Shade the image under f of [-half, half]^2 by the pushed-forward standard normal density."""
    edge = np.linspace(-half, half, 81)
    middle = (edge[1:] + edge[:-1]) / 2
    x = f(_product(edge)).reshape(81, 81, 2)
    z = _product(middle)
    with np.errstate(divide="ignore"):
        density = np.exp(standard_normal(2).log_prob(z)) / np.abs(det(z))
    strength = density.reshape(80, 80)
    return ax.pcolormesh(x[..., 0], x[..., 1], strength, cmap="Blues", vmin=0, vmax=peak, alpha=0.8, rasterized=True)


def _product(values: np.ndarray) -> np.ndarray:
    return np.stack(np.meshgrid(values, values), -1).reshape(-1, 2)


def area_ratio(map: str, centre: tuple[float, float], side: float) -> float:
    """Return the area of the image of a cell over its own; where it is folded on itself, both layers count.

    >>> round(area_ratio("linear", (0.3, -1.0), 0.5), 9)
    5.0
    """
    corner = np.asarray(centre) - side / 2
    # Clipping at the fold cuts the cell in two; elsewhere one of the two parts is flat.
    clips = (np.maximum, np.minimum) if map == "fold" else (lambda v, _: v,)
    areas = [plots.cell_area(lambda z, c=c: MAPS[map].f(np.c_[z[:, 0], c(z[:, 1], 0)]), corner, side) for c in clips]
    return sum(areas) / side**2
