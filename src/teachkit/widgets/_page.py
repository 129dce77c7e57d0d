"""The two forms of an interactive figure: HTML that moves without a server, and widgets in a notebook."""

from __future__ import annotations

import base64
import html
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BOOK = "TEACHKIT_BOOK"
_STYLE = {"description_width": "initial"}  # labels are not cut


@dataclass(frozen=True)
class Slider:
    """A number between ``low`` and ``high`` that the reader sets; ``names`` stand for 0, 1, ... if given."""

    key: str
    label: str
    low: float
    high: float
    step: float
    value: float
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.key}: expected a number from {self.low} to {self.high}, got {self.value}")

    def spec(self) -> dict[str, Any]:
        """Return what the page's JavaScript needs to build it."""
        return {"kind": "range", **asdict(self)}

    def widget(self) -> Any:
        """Return the ipywidgets slider."""
        import ipywidgets

        common = {"description": self.label, "value": self.value, "style": _STYLE, "continuous_update": False}
        if self.names:
            return ipywidgets.SelectionSlider(options=[(name, i) for i, name in enumerate(self.names)], **common)
        kind = ipywidgets.IntSlider if isinstance(self.step, int) else ipywidgets.FloatSlider
        return kind(min=self.low, max=self.high, step=self.step, **common)


@dataclass(frozen=True)
class Choice:
    """One of several named options, ``{value: what the reader sees}``."""

    key: str
    label: str
    options: Mapping[str, str]
    value: str

    def __post_init__(self) -> None:
        if self.value not in self.options:
            raise ValueError(f"{self.key}: expected one of {', '.join(self.options)}, got {self.value!r}")

    def spec(self) -> dict[str, Any]:
        """Return what the page's JavaScript needs to build it."""
        return {"kind": "choice", "key": self.key, "label": self.label, "options": self.options, "value": self.value}

    def widget(self) -> Any:
        """Return the ipywidgets menu."""
        import ipywidgets

        options = [(text, value) for value, text in self.options.items()]
        return ipywidgets.Dropdown(description=self.label, options=options, value=self.value, style=_STYLE)


@dataclass(frozen=True)
class Plot:
    """One interactive figure, told once for both forms.

    Attributes:
        name: the JavaScript module that moves it.
        label: its name for assistive technology.
        alt: what the static picture shows.
        note: what the moving version adds, for readers who have the static one.
        controls: what the reader sets.
        draw: the controls' values, by key, -> a matplotlib figure.
        data: makes what the JavaScript needs beyond the controls; called for the book alone.
        presets: button label -> values of some controls.
    """

    name: str
    label: str
    alt: str
    note: str
    controls: tuple[Slider | Choice, ...]
    draw: Callable[..., Figure]
    data: Callable[[], dict[str, Any]] = dict
    presets: Mapping[str, Mapping[str, float | str]] = field(default_factory=dict)

    def start(self) -> dict[str, float | str]:
        """Return the values that the controls begin with."""
        return {control.key: control.value for control in self.controls}


class Page:
    """The HTML form: a static picture, and the data with which the page's script makes it move."""

    def __init__(self, name: str, picture: str, note: str, data: Mapping[str, Any], style: str = "") -> None:
        self.name, self.picture, self.note, self.data, self.style = name, picture, note, data, style

    def html(self) -> str:
        """Return the element that the figures' script looks for."""
        # "</" would end the script element early, wherever it stands in the data.
        payload = json.dumps(self.data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace(
            "</", "<\\/"
        )
        return (
            f'<div class="tk-interactive" data-figure="{html.escape(self.name)}" style="{html.escape(self.style)}">'
            f'<div class="tk-static">{self.picture}<p class="tk-note">{html.escape(self.note)}</p></div>'
            f'<script type="application/json">{payload}</script></div>'
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": f"interactive figure {self.name!r}: {self.note}"}


def present(plot: Plot) -> Any:
    """Return the figure in the form that fits where it runs.

    Returns:
        A ``Page`` when the book is built (environment variable ``TEACHKIT_BOOK=1``), else an ipywidgets
        box, or the static matplotlib figure where ipywidgets is not installed.
    """
    if in_book():
        return page(plot, image(*picture_source(plot.draw(**plot.start())), plot.alt), plot.data())
    try:
        import ipywidgets
    except ImportError:
        return plot.draw(**plot.start())
    return _widget(plot, ipywidgets)


def in_book() -> bool:
    """Return whether the book is being built."""
    return os.environ.get(BOOK) == "1"


def page(plot: Plot, picture: str, data: Mapping[str, Any], style: str = "") -> Page:
    """Return the HTML form of a figure with this static picture, these data and this style."""
    controls = [control.spec() for control in plot.controls]
    common = {"label": plot.label, "controls": controls, "presets": plot.presets}
    return Page(plot.name, picture, plot.note, {**common, **data}, style)


def _widget(plot: Plot, ipywidgets: Any) -> Any:
    from IPython.display import display

    def redraw(**values: Any) -> None:
        display(plot.draw(**values))

    sliders = {control.key: control.widget() for control in plot.controls}
    panel = ipywidgets.interactive(redraw, **sliders)
    buttons = [
        _button(ipywidgets, sliders, label, values) for label, values in {**plot.presets, "Reset": plot.start()}.items()
    ]
    return ipywidgets.VBox([ipywidgets.HBox(buttons), panel])


def _button(ipywidgets: Any, sliders: Mapping[str, Any], label: str, values: Mapping[str, Any]) -> Any:
    button = ipywidgets.Button(description=label, layout={"width": "auto"})

    def press(_: Any) -> None:
        for key, value in values.items():
            sliders[key].value = value

    button.on_click(press)
    return button


def image(source: str, size: tuple[int, int], alt: str) -> str:
    """Return an ``img`` element whose width and height reserve its place on the page."""
    if not alt.strip():
        raise ValueError("alt: expected a description of the picture, got an empty text")
    width, height = size
    return f'<img src="{source}" width="{width}" height="{height}" alt="{html.escape(alt)}">'


def picture_source(figure: Figure) -> tuple[str, tuple[int, int]]:
    """Return the figure as a data address, SVG or PNG, whichever is shorter, and its size in CSS pixels."""
    # SVG as text, not in base 64: servers compress text well.
    svg = "data:image/svg+xml," + quote(_encode(figure, "svg"), safe=" !$'()*+,-./:;=@_{}")
    png = "data:image/png;base64," + base64.b64encode(_encode(figure, "png")).decode()
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return min(svg, png, key=len), (width, height)


def _encode(figure: Figure, kind: str) -> bytes:
    import matplotlib as mpl

    out = io.BytesIO()
    # A fixed salt and no date: the same figure gives the same bytes, so a rebuilt page does not change.
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with mpl.rc_context({"svg.hashsalt": "teachkit", "svg.fonttype": "path"}):
        figure.savefig(out, format=kind, dpi=144, transparent=True, metadata=metadata)
    return out.getvalue()
