"""Step size against global error for three methods, and the path of one of them (chapter `ode`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from teachkit import plots
from teachkit.ode import Solver, euler, global_errors, heun, rk4
from teachkit.widgets._page import Choice, Plot, Slider, present

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATE, START, END = 2.0, 3.0, 2.0
COUNTS = tuple(2**k for k in range(11))
SHOWN = 64  # points of a path that is drawn; with more steps some are left out
VIEW = {"t": (0.0, END), "y": (-4.0, 4.0), "log_h": (-3.0, 0.5), "log_error": (-13.0, 2.0)}
METHODS: dict[str, tuple[str, Solver, int, str]] = {
    "euler": ("Euler", euler, 1, "orange"),
    "heun": ("Heun", heun, 2, "green"),
    "rk4": ("RK4", rk4, 4, "blue"),
}
# |h lambda| at which the numbers stop falling, to three digits; those of euler and heun are exact
LIMITS = {"euler": 2.0, "heun": 2.0, "rk4": 2.785}


def ode(method: str = "euler", k: int = 3) -> Any:
    """Return the figure of step size against global error on y' = -2 y, y(0) = 3, up to t = 2, `runge-kutta-orders`.

    Args:
        method: the method to begin with: "euler", "heun" or "rk4".
        k: logarithm to base 2 of the number of steps to begin with, from 0 to 10.

    Returns:
        The interactive figure, in the form that fits where it runs. In the book all numbers are computed when the
        page is built; in a notebook, when a control moves.

    Raises:
        ValueError: if the method is unknown or k lies outside its range.

    >>> ode("midpoint")
    Traceback (most recent call last):
    ...
    ValueError: method: expected one of euler, heun, rk4, got 'midpoint'
    """
    controls = (
        Choice("method", "Method", {name: f"{label}, order {p}" for name, (label, _, p, _) in METHODS.items()}, method),
        Slider("k", "Number of steps", 0, len(COUNTS) - 1, 1, k, tuple(map(str, COUNTS))),
    )
    return present(
        Plot(
            name="ode",
            label="Step size against error",
            alt=f"Left: the curve 3 exp(-2t) and the path of {METHODS[method][0]} with {COUNTS[k]} steps. Right: the "
            "largest errors of three methods against the step size, close to lines of slopes 1, 2 and 4 where steps "
            "are short.",
            note="With JavaScript you can choose the method and the number of steps.",
            controls=controls,
            draw=draw_ode,
            data=record,
        )
    )


def draw_ode(method: str, k: int) -> Figure:
    """Return the static picture: the path of a method (left), errors of all three against h (right).

    >>> draw_ode("rk4", 2).axes[0].get_title()
    'RK4, 4 steps, h = 0.5'
    """
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6), layout="constrained")
    plt.close(figure)
    t = np.linspace(0, END, 101)
    left.plot(t, exact(t), color=plots.COLORS["ink"])
    plots.path(left, path(method, COUNTS[k]), color=plots.COLORS[METHODS[method][3]])
    left.set(xlim=VIEW["t"], ylim=VIEW["y"], xlabel="t", ylabel="y")
    left.set_title(f"{METHODS[method][0]}, {COUNTS[k]} steps, h = {END / COUNTS[k]:.3g}")
    _draw_errors(right, method, k)
    return figure


def _draw_errors(ax: Axes, method: str, k: int) -> None:
    h = END / np.array(COUNTS)
    for name, (label, _, order, color) in METHODS.items():
        e = errors(name)
        ax.loglog(h, e, "o-", markersize=3, color=plots.COLORS[color], label=f"{label}, slope {order}")
        ax.loglog(h, e[-1] * (h / h[-1]) ** order, ":", color=plots.COLORS["pale"])
        if name == method:
            ax.loglog(h[k], e[k], "o", markersize=10, markerfacecolor="none", color=plots.COLORS["ink"])
    ax.set(xlabel="step size h", title="largest error", ylim=(1e-12, 1e2))
    ax.legend(loc="lower right")


def exact(t: np.ndarray | float) -> np.ndarray:
    """Return the solution 3 exp(-2 t).

    >>> round(float(exact(0.5)), 4)
    1.1036
    """
    return START * np.exp(-RATE * np.asarray(t))


def _decay(t: float, y: np.ndarray) -> np.ndarray:
    return -RATE * y


def path(method: str, steps: int) -> np.ndarray:
    """Return the points (t, y) of a method, at most 65 of them, [n, 2].

    >>> path("euler", 4)[:, 1].tolist()
    [3.0, 0.0, 0.0, 0.0, 0.0]
    """
    points = np.array([(t, float(y)) for t, y in METHODS[method][1](_decay, START, 0.0, END, steps)])
    return points[:: max(1, steps // SHOWN)]


def errors(method: str) -> np.ndarray:
    """Return the largest errors of a method for all numbers of steps, [11].

    >>> errors("euler")[:3].round(3)
    array([9.055, 3.406, 1.104])
    """
    return global_errors(METHODS[method][1], _decay, START, 0.0, END, COUNTS, exact)


def record() -> dict[str, Any]:
    """Return what the page needs: the solution, and of each method its paths and its errors."""
    t = np.linspace(0, END, 101)
    return {
        "view": VIEW,
        "end": END,
        "rate": RATE,
        "counts": COUNTS,
        "exact": np.column_stack([t, exact(t)]).round(4).tolist(),
        "methods": {
            name: {
                "label": label,
                "order": order,
                "limit": LIMITS[name],
                "paths": [path(name, steps).round(5).tolist() for steps in COUNTS],
                "errors": [float(f"{error:.4g}") for error in errors(name)],
            }
            for name, (label, _, order, _) in METHODS.items()
        },
    }
