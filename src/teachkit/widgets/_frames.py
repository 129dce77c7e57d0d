"""Figures with one parameter: pictures drawn beforehand, moved by a slider."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from teachkit.widgets._page import Page, Plot, Slider, image, in_book, page, picture_source, present

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def frames(
    draw: Callable[[Any], Figure],
    values: Sequence[Any],
    label: str,
    alt: Callable[[Any], str],
    start: int = 0,
) -> Any:
    """Return a figure with one parameter: a slider over pictures.

    Args:
        draw: value -> matplotlib figure; all figures must have one size.
        values: the parameter's values, in order, at least two.
        label: what the parameter is, such as "Layers applied".
        alt: value -> what its picture shows.
        start: index of the value to begin with.

    Returns:
        In the book, a ``Page`` with all pictures; in a notebook, a box with a slider that calls ``draw``; without
        ipywidgets, the figure of the first value.

    Raises:
        ValueError: if there are fewer than two values, start is no index of them, or the sizes differ.

    >>> frames(draw=None, values=[1], label="Step", alt=str)
    Traceback (most recent call last):
    ...
    ValueError: values: expected at least two, got 1
    """
    if len(values) < 2:
        raise ValueError(f"values: expected at least two, got {len(values)}")
    if not 0 <= start < len(values):
        raise ValueError(f"start: expected an index from 0 to {len(values) - 1}, got {start}")
    plot = Plot(
        name="frames",
        label=label,
        alt=alt(values[start]),
        note=f"With JavaScript a slider shows {len(values)} pictures: {label.lower()} {values[0]} to {values[-1]}.",
        controls=(Slider("frame", label, 0, len(values) - 1, 1, start, tuple(map(str, values))),),
        draw=lambda frame: draw(values[frame]),
    )
    return _film(plot, draw, values, alt) if in_book() else present(plot)


def _film(plot: Plot, draw: Callable[[Any], Figure], values: Sequence[Any], alt: Callable[[Any], str]) -> Page:
    pictures = [picture_source(draw(value)) for value in values]
    sizes = {size for _, size in pictures}
    if len(sizes) > 1:
        raise ValueError(f"draw: expected figures of one size, got {sorted(sizes)}")
    start = plot.start()["frame"]
    # The picture to begin with stands in the page already; the script takes it from there.
    films = [
        {"alt": alt(value), "src": None if i == start else source}
        for i, (value, (source, _)) in enumerate(zip(values, pictures, strict=True))
    ]
    size = sizes.pop()
    data = {"frames": films, "width": size[0], "height": size[1]}
    # The style sheet reserves the pictures' room from their size.
    style = f"--tk-width:{size[0]};--tk-height:{size[1]}"
    return page(plot, image(pictures[start][0], size, plot.alt), data, style)
