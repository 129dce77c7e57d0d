"""Plots of the book: each takes an axes and data, draws, and returns the artists.

Nothing here opens a window or reads a global. The colours are those of Okabe and Ito (Wong 2011), which
colour-blind readers can tell apart; figures on pages have no background, so that a page can invert them in the dark.
Axes and artists are Matplotlib's; the module imports without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.jacobian import Map

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
    from matplotlib.contour import ContourSet
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D

COLORS = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "purple": "#AA4499",
    "yellow": "#B8860B",
    "ink": "#333333",
    "pale": "#999999",
}
Extent = tuple[float, float, float, float]


def use_style() -> None:
    """Set Matplotlib's defaults to the book's look: SVG in notebooks, no top and right spine.

    In the book figures have no background, so that a page can turn them over in the dark. Anywhere else
    it is white, or a dark notebook would swallow the ink.

    >>> import pytest; _ = pytest.importorskip("matplotlib")
    >>> use_style()
    """
    import matplotlib as mpl

    from teachkit.widgets._page import in_book  # the widgets import this module

    mpl.rcParams.update(
        {
            "figure.figsize": (6.4, 3.4),
            "figure.constrained_layout.use": True,
            "figure.facecolor": "none" if in_book() else "white",
            "axes.facecolor": "none",
            "savefig.facecolor": "auto",
            "savefig.transparent": in_book(),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": COLORS["ink"],
            "axes.labelcolor": COLORS["ink"],
            "axes.titlesize": 11,
            "axes.prop_cycle": mpl.cycler(color=[COLORS[c] for c in ("blue", "orange", "green", "purple", "yellow")]),
            "legend.frameon": False,
            "font.size": 10,
            "lines.linewidth": 1.6,
            "svg.fonttype": "path",
            "svg.hashsalt": "teachkit",
        }
    )
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    set_matplotlib_formats("svg")


def density(
    ax: Axes, log_prob: Callable[[np.ndarray], np.ndarray], extent: Extent = (-4, 4, -4, 4), n: int = 160
) -> QuadMesh:
    """Shade exp(log_prob) over the rectangle extent = (left, right, bottom, top); white is 0, dark is high.

    >>> import matplotlib.figure
    >>> from teachkit.data import banana
    >>> type(density(matplotlib.figure.Figure().add_subplot(), banana().log_prob, n=8)).__name__
    'QuadMesh'
    """
    x, y, values = _on_grid(log_prob, extent, n)
    mesh = ax.pcolormesh(x, y, np.exp(values), cmap="Blues", vmin=0, shading="gouraud", rasterized=True)
    return _frame(ax, extent, mesh)


def contours(
    ax: Axes,
    log_prob: Callable[[np.ndarray], np.ndarray],
    extent: Extent = (-4, 4, -4, 4),
    levels: Sequence[float] = (-4.5, -2, -0.5),
    color: str = COLORS["orange"],
    n: int = 160,
) -> ContourSet:
    """Draw the level lines of log_prob at ``levels`` nats above its largest value on the grid (so, below 0).

    For a normal law the default levels are the 3, 2 and 1 sigma lines.

    >>> import matplotlib.figure
    >>> from teachkit.data import banana
    >>> len(contours(matplotlib.figure.Figure().add_subplot(), banana().log_prob, n=32).levels)
    3
    """
    x, y, values = _on_grid(log_prob, extent, n)
    drawn = ax.contour(x, y, values - np.nanmax(values), levels=sorted(levels), colors=[color], linewidths=1.2)
    drawn.set(linestyle="solid")
    return _frame(ax, extent, drawn)


def samples(ax: Axes, x: ArrayLike, color: str = COLORS["blue"], size: float = 4.0) -> PathCollection:
    """Scatter the rows of x [n, 2].

    >>> import matplotlib.figure
    >>> samples(matplotlib.figure.Figure().add_subplot(), [[0.0, 1.0]]).get_offsets().shape
    (1, 2)
    """
    x = _check.points("x", x, 2)
    ax.set_aspect("equal")
    return ax.scatter(x[:, 0], x[:, 1], s=size, color=color, alpha=0.5, linewidths=0, rasterized=len(x) > 500)


def images(ax: Axes, x: ArrayLike, columns: int = 8, high: float | None = None) -> AxesImage:
    """Draw the grey images x [n, h, w] in rows of ``columns``, from the upper left on, one pixel apart.

    White is 0 or less; black is ``high`` or more, which is the largest number in x if it is not given.

    Raises:
        ValueError: if x is not finite [n, h, w], columns below 1, or high not above 0.

    >>> import matplotlib.figure
    >>> images(matplotlib.figure.Figure().add_subplot(), [[[0, 1]], [[1, 0]], [[1, 1]]], columns=2).get_array().shape
    (3, 5)
    """
    x, columns = _check.shaped("x", x, (None, None, None)), _check.count("columns", columns)
    high = (x.max() if x.max() > 0 else 1.0) if high is None else _check.positive("high", high)
    (n, h, w), rows = x.shape, -(-len(x) // columns)
    sheet = np.full((rows * columns, h + 1, w + 1), np.nan)  # NaN is drawn as nothing
    sheet[:n, :h, :w] = x
    sheet = sheet.reshape(rows, columns, h + 1, w + 1).swapaxes(1, 2).reshape(rows * (h + 1), columns * (w + 1))
    ax.set_axis_off()
    return ax.imshow(sheet[:-1, :-1], cmap="gray_r", vmin=0, vmax=high, interpolation="nearest")


def warped_grid(
    ax: Axes, f: Map, extent: Extent = (-2, 2, -2, 2), lines: int = 17, color: str = COLORS["pale"]
) -> LineCollection:
    """Draw the image under f [n, 2] -> [n, 2] of a grid of lines over ``extent``.

    >>> import matplotlib.figure
    >>> len(warped_grid(matplotlib.figure.Figure().add_subplot(), lambda z: z, lines=5).get_segments())
    10
    """
    from matplotlib.collections import LineCollection

    left, right, bottom, top = extent
    u, v = np.linspace(left, right, lines), np.linspace(bottom, top, lines)
    fine = np.linspace(0, 1, 101)
    upright = [np.stack([np.full(101, a), bottom + (top - bottom) * fine], 1) for a in u]
    level = [np.stack([left + (right - left) * fine, np.full(101, b)], 1) for b in v]
    drawn = LineCollection([f(line) for line in upright + level], colors=color, linewidths=0.7)
    ax.add_collection(drawn)
    ax.set_aspect("equal")
    ax.autoscale_view()
    return drawn


def cell(ax: Axes, f: Map, corner: ArrayLike, size: float, color: str = COLORS["orange"]) -> PolyCollection:
    """Fill the image under f of the square with lower left ``corner`` [2] and side ``size``.

    >>> import matplotlib.figure
    >>> patch = cell(matplotlib.figure.Figure().add_subplot(), lambda z: z, [0, 0], 1.0)
    >>> len(patch.get_paths())
    1
    """
    from matplotlib.collections import PolyCollection

    drawn = PolyCollection([f(_boundary(corner, size))], facecolors=color, alpha=0.7, edgecolors=color)
    ax.add_collection(drawn)
    ax.autoscale_view()
    return drawn


def cell_area(f: Map, corner: ArrayLike, size: float) -> float:
    """Return the area of the image under f of a square: the shoelace formula on its finely sampled border.

    Exact for linear maps. Where f folds the square over itself, parts of opposite orientation cancel.

    Raises:
        ValueError: if corner is not a finite [2], or size not above 0.

    >>> round(cell_area(lambda z: 2 * z, [0, 0], 1.0), 9)
    4.0
    """
    border = f(_boundary(corner, size))
    x, y = (border - border[0]).T  # far from 0 the products would swallow a small area
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def path(ax: Axes, points: ArrayLike, label: str | None = None, color: str | None = None) -> list[Line2D]:
    """Draw the polygon through the rows of ``points`` [n, 2] with a dot on each.

    >>> import matplotlib.figure
    >>> len(path(matplotlib.figure.Figure().add_subplot(), [[0, 0], [1, 1]]))
    1
    """
    points = _check.points("points", points, 2)
    return ax.plot(points[:, 0], points[:, 1], "o-", markersize=4, label=label, color=color)


def convergence(ax: Axes, errors: ArrayLike, label: str | None = None) -> list[Line2D]:
    """Plot errors [k] against the iteration on a logarithmic scale; zeros, which it can't show, are left out.

    >>> import matplotlib.figure
    >>> len(convergence(matplotlib.figure.Figure().add_subplot(), [1.0, 0.1]))
    1
    """
    errors = _check.vector("errors", errors)
    k = np.flatnonzero(errors > 0)
    ax.set(xlabel="iteration", yscale="log")
    return ax.plot(k, errors[k], "o-", markersize=3, label=label)


def title_each(axes: Iterable[Axes], titles: Sequence[str]) -> None:
    """Set the titles of several axes.

    >>> import matplotlib.figure
    >>> ax = matplotlib.figure.Figure().add_subplot()
    >>> title_each([ax], ["base"]); ax.get_title()
    'base'
    """
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title)


def _on_grid(
    log_prob: Callable[[np.ndarray], np.ndarray], extent: Extent, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    left, right, bottom, top = extent
    x, y = np.linspace(left, right, n), np.linspace(bottom, top, n)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return x, y, np.asarray(log_prob(points)).reshape(n, n)


def _boundary(corner: ArrayLike, size: float) -> np.ndarray:
    corner, size = _check.vector("corner", corner, sizes=(2,)), _check.positive("size", size)
    side = np.linspace(0, 1, 64, endpoint=False)
    square = np.concatenate([np.stack(p, 1) for p in _sides(side)])
    return corner + size * square


def _sides(s: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    zero, one = np.zeros_like(s), np.ones_like(s)
    return [(s, zero), (one, s), (1 - s, one), (zero, 1 - s)]


def _frame(ax: Axes, extent: Extent, artist: Artist) -> Artist:
    ax.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
    return artist
