"""A grid, a density and one movable cell, before and after a map of the plane (chapter `change_of_variables`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.widgets._page import Choice, Plot, Slider, present

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HALF = 2.0  # the grid covers [-HALF, HALF]^2
SIDE_CELLS = 20


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
    f: Callable[[np.ndarray], np.ndarray]
    det: Callable[[np.ndarray], np.ndarray]
    x: tuple[float, float]
    y: tuple[float, float]
    peak: float


def _linear(z: np.ndarray) -> np.ndarray:
    return z @ np.array([[2.0, 1.0], [1.0, 3.0]]).T


def _shear(z: np.ndarray) -> np.ndarray:
    return np.stack([z[:, 0], z[:, 1] + 0.8 * z[:, 0]], 1)


def _bend(z: np.ndarray) -> np.ndarray:
    return np.stack([z[:, 0], z[:, 1] * np.exp(0.6 * z[:, 0]) + 0.4 * z[:, 0] ** 2], 1)


def _fold(z: np.ndarray) -> np.ndarray:
    return np.stack([2 * z[:, 0] + np.sin(z[:, 1]), z[:, 1] ** 2], 1)


MAPS = {
    "linear": PlaneMap(
        "linear: (2 z₁ + z₂, z₁ + 3 z₂)", _linear, lambda z: np.full(len(z), 5.0), (-8, 8), (-8, 8), 0.032
    ),
    "shear": PlaneMap("shear: (z₁, z₂ + 0.8 z₁)", _shear, lambda z: np.ones(len(z)), (-4, 4), (-4, 4), 0.16),
    "bend": PlaneMap(
        "bend: (z₁, z₂ exp(0.6 z₁) + 0.4 z₁²)", _bend, lambda z: np.exp(0.6 * z[:, 0]), (-5, 5), (-4, 6), 0.19
    ),
    "fold": PlaneMap("fold: (2 z₁ + sin z₂, z₂²)", _fold, lambda z: 4 * z[:, 1], (-5, 5), (-3, 7), 0.1),
}


def pushforward(map: str = "shear", z1: float = 1.0, z2: float = 0.5, side: float = 0.5) -> Any:  # noqa: A002
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
    if map not in MAPS:
        raise ValueError(f"map: expected one of {', '.join(MAPS)}, got {map!r}")
    controls = (
        Choice("map", "Map", {name: m.label for name, m in MAPS.items()}, map),
        Slider("z1", "Cell centre z₁", -1.75, 1.75, 0.05, z1),
        Slider("z2", "Cell centre z₂", -1.75, 1.75, 0.05, z2),
        Slider("side", "Side of the cell", 0.01, 0.5, 0.01, side),
    )
    return present(
        Plot(
            name="pushforward",
            label="A grid and a density pushed through a map",
            alt=f"Left: a square grid, darker where the standard normal is denser, with one marked cell. Right: its "
            f"image under the map {MAPS[map].label}; the cell has become a curved four-sided patch.",
            note="With JavaScript you can choose the map, move and shrink the cell, and compare the area of its image "
            "with |det J|.",
            controls=controls,
            draw=draw_pushforward,
            data=_views,
        )
    )


def _views() -> dict[str, Any]:
    return {"maps": {name: {"label": m.label, "x": m.x, "y": m.y, "peak": m.peak} for name, m in MAPS.items()}}


def draw_pushforward(map: str, z1: float, z2: float, side: float) -> Figure:  # noqa: A002
    """Return the static picture: grid, density and cell before (left) and after the map (right)."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6), layout="constrained")
    plt.close(figure)
    chosen = MAPS[map]
    cells, centres = grid_cells(HALF, SIDE_CELLS)
    density = normal_density(centres)
    cell = boundary((z1, z2), side)
    _panel(left, cells, density / density.max(), cell, "before: z", ((-2.3, 2.3), (-2.3, 2.3)))
    spread = density / np.abs(chosen.det(centres)) / chosen.peak
    _panel(right, apply(chosen.f, cells), spread, chosen.f(cell), "after: x = f(z)", (chosen.x, chosen.y))
    right.set_xlabel(f"area of the image / area of the cell = {area_ratio(map, (z1, z2), side):.4f}")
    left.set_xlabel(f"|det J| at the centre = {abs(float(chosen.det(np.array([[z1, z2]]))[0])):.4f}")
    return figure


def _panel(ax: Axes, cells: np.ndarray, strength: np.ndarray, cell: np.ndarray, title: str, view: tuple) -> None:
    fill_cells(ax, cells, strength)
    ax.fill(*cell.T, facecolor=("C1", 0.35), edgecolor="C1", linewidth=1.8)
    ax.set(title=title, xlim=view[0], ylim=view[1], aspect="equal")


def fill_cells(ax: Axes, cells: np.ndarray, strength: ArrayLike) -> Any:
    """Fill polygons [n, k, 2] with opacity proportional to ``strength`` [n], cut at 1; return the collection."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgba

    faces = np.tile(to_rgba("C0"), (len(cells), 1))
    faces[:, 3] = 0.8 * np.clip(strength, 0, 1)
    return ax.add_collection(PolyCollection(list(cells), facecolors=faces, edgecolors=("C0", 0.5), linewidths=0.4))


def boundary(centre: tuple[float, float], side: float, n: int = 64) -> np.ndarray:
    """Return the boundary of a square cell, n points on each side, anticlockwise, [4n, 2].

    >>> boundary((0.0, 0.0), 2.0, n=1)
    array([[-1., -1.],
           [ 1., -1.],
           [ 1.,  1.],
           [-1.,  1.]])
    """
    side = _check.positive("side", side)
    corners = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * side / 2 + np.asarray(centre)
    steps = (np.arange(n) / n)[None, :, None]
    return (corners[:, None] + (np.roll(corners, -1, axis=0) - corners)[:, None] * steps).reshape(-1, 2)


def grid_cells(half: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the n^2 cells of a grid on [-half, half]^2 as polygons [n^2, 16, 2], and their centres [n^2, 2]."""
    side = 2 * half / n
    middle = -half + side * (np.arange(n) + 0.5)
    centres = np.stack(np.meshgrid(middle, middle), -1).reshape(-1, 2)
    return boundary((0.0, 0.0), side, 4)[None] + centres[:, None], centres


def apply(f: Callable[[np.ndarray], np.ndarray], cells: np.ndarray) -> np.ndarray:
    """Return polygons [n, k, 2] mapped by f: [m, 2] -> [m, 2]."""
    return f(cells.reshape(-1, 2)).reshape(cells.shape)


def normal_density(z: np.ndarray) -> np.ndarray:
    """Return the standard normal density at each row of z [n, 2], [n]."""
    return np.exp(-0.5 * (z**2).sum(1)) / (2 * np.pi)


def polygon_area(points: np.ndarray) -> float:
    """Return the signed area of a polygon [n, 2], positive when it runs anticlockwise.

    >>> polygon_area(boundary((3.0, 1.0), 0.5))
    0.25
    """
    x, y = (points - points[0]).T
    return float(0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def area_ratio(map: str, centre: tuple[float, float], side: float) -> float:  # noqa: A002
    """Return the area of the image of a cell over its own; where it is folded on itself, both layers count.

    >>> round(area_ratio("linear", (0.3, -1.0), 0.5), 9)
    5.0
    """
    cell = boundary(centre, side, 256)
    # Clipping at the fold cuts the cell in two; elsewhere one of the two parts is empty or absent.
    parts = [np.c_[cell[:, 0], clip(cell[:, 1])] for clip in (_above, _below)] if map == "fold" else [cell]
    return sum(abs(polygon_area(MAPS[map].f(part))) for part in parts) / side**2


def _above(v: np.ndarray) -> np.ndarray:
    return np.maximum(v, 0.0)


def _below(v: np.ndarray) -> np.ndarray:
    return np.minimum(v, 0.0)
