"""Recorded iterates of three methods on one objective, from a start that the reader picks (chapter `newton`)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from teachkit import newton as nt
from teachkit import plots
from teachkit.data import banana
from teachkit.newton_compare import gradient_ascent
from teachkit.widgets._page import Choice, Plot, Slider, present

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import ContourSet
    from matplotlib.figure import Figure

MAX_ITER = 25
TOL = 1e-10
STARTS = {"b": np.arange(-3.0, 1.6, 0.5), "d": np.arange(-2.0, 2.1, 0.5)}
VIEW = {"b": (-3.6, 2.6), "d": (-2.6, 2.6)}
LEVELS = (-8, -4, -2, -1, -0.5, -0.2, -0.05)  # nats below the best value of the slice
METHODS = {
    "trust-region": ("trust region", nt.newton),
    "undamped": ("undamped Newton", partial(nt.newton, damped=False)),
    "gradient": ("gradient ascent, step 0.3", partial(gradient_ascent, step=0.3)),
}


class Run(NamedTuple):
    """What one method did from one start: its iterates, and how it ended."""

    iterates: list[nt.Iterate]
    end: str


def newton(method: str = "trust-region", b: float = -2.0, d: float = 1.5) -> Any:
    """Return the figure of Newton's iterates in the plane of b and d, with gradient ascent beside them.

    The objective is `newton-objective` for the banana on a batch of 2000; every start has a = c = 0.

    Args:
        method: the method to begin with: "trust-region", "undamped" or "gradient".
        b: start, a multiple of 1/2 from -3 to 1.5.
        d: start, a multiple of 1/2 from -2 to 2.

    Returns:
        The interactive figure, in the form that fits where it runs. In the book all iterates are computed
        when the page is built; in a notebook, when a control moves.

    Raises:
        ValueError: if the method is unknown or the start lies outside its range.

    >>> newton("simplex")
    Traceback (most recent call last):
    ...
    ValueError: method: expected one of trust-region, undamped, gradient, got 'simplex'
    """
    controls = (
        Choice("method", "Method", {name: label for name, (label, _) in METHODS.items()}, method),
        Slider("b", "Start b", -3.0, 1.5, 0.5, b),
        Slider("d", "Start d", -2.0, 2.0, 0.5, d),
        Slider("k", "Iterations shown", 0, MAX_ITER, 1, MAX_ITER),
    )
    return present(
        Plot(
            name="newton",
            label="Iterates of Newton's method and of gradient ascent",
            alt=f"Left: level lines of the objective over b and d, and the iterates of {METHODS[method][0]} from "
            f"b = {b}, d = {d} to the maximum. Right: their distance to the maximum on a logarithmic scale.",
            note="With JavaScript you can choose the start and the method, and read every iteration in a table.",
            controls=controls,
            draw=draw_newton,
            data=record,
        )
    )


def draw_newton(method: str, b: float, d: float, k: int) -> Figure:
    """Return the static picture: path over level lines (left), distance to the optimum (right).

    >>> draw_newton("trust-region", -1.0, 1.0, 3).axes[0].get_title()
    'trust region, iterations 0 to 3'
    """
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.6), layout="constrained")
    plt.close(figure)
    shown = follow(method, b, d).iterates[: k + 1]
    theta = np.array([it.theta for it in shown])
    _level_lines(left)
    left.plot(*_optimum()[[1, 3]], "+", color=plots.COLORS["ink"], markersize=12)
    plots.path(left, theta[:, [1, 3]], color=plots.COLORS["blue"])
    left.set(xlim=VIEW["b"], ylim=VIEW["d"], xlabel="b", ylabel="d")
    left.set_title(f"{METHODS[method][0]}, iterations 0 to {len(shown) - 1}")
    plots.convergence(right, np.linalg.norm(theta - _optimum(), axis=1))
    right.set_title("distance to the maximum")
    return figure


def follow(method: str, b: float, d: float) -> Run:
    """Run a method from (0, b, 0, d) for at most 25 iterations; keep what it reached if it breaks down.

    >>> follow("undamped", -3.0, 2.0).end
    'The numbers overflow here, and the method stops.'
    """
    iterates: list[nt.Iterate] = []
    try:
        for iterate in METHODS[method][1]([0.0, b, 0.0, d], _batch(), banana(), max_iter=MAX_ITER, tol=TOL):
            iterates.append(iterate)  # one by one: those before a breakdown are kept
    except np.linalg.LinAlgError:
        return Run(iterates, "The Hessian is singular here, so there is no next step.")
    norm = iterates[-1].gradient_norm
    if norm <= TOL:
        return Run(iterates, "Converged: the gradient norm is below 1e-10.")
    if np.isfinite(norm):
        return Run(iterates, f"Not converged after {MAX_ITER} iterations.")
    return Run(iterates, "The numbers overflow here, and the method stops.")


def record() -> dict[str, Any]:
    """Return what the page needs: level lines, and all runs from all starts, ordered by b, then by d."""
    runs = {name: [_recorded(follow(name, b, d)) for b in STARTS["b"] for d in STARTS["d"]] for name in METHODS}
    return {
        "view": VIEW,
        "starts": {key: values.tolist() for key, values in STARTS.items()},
        "optimum": [_round(value) for value in _optimum()[[1, 3]]],
        "contours": [np.round(line, 3).tolist() for line in _lines()],
        "runs": runs,
    }


def _recorded(run: Run) -> dict[str, Any]:
    best = _optimum()
    rows = [
        [it.step, *(_round(v) for v in (it.theta[1], it.theta[3], it.value, it.gradient_norm)), _digits(it.theta, best)]
        for it in run.iterates
    ]
    return {"iterates": rows, "end": run.end}


def _round(value: float) -> float | None:
    """Keep six digits; JSON has no infinity and no NaN."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _digits(theta: np.ndarray, best: np.ndarray) -> float:
    distance = max(float(np.linalg.norm(theta - best)), 1e-16)
    return round(max(0.0, -np.log10(distance)), 1)


def _batch() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2000, 2))


def _optimum() -> np.ndarray:
    *_, last = nt.newton(np.zeros(4), _batch(), banana(), tol=TOL)
    return last.theta


def _slice(points: np.ndarray) -> np.ndarray:
    z, target = _batch(), banana()
    return np.array([nt.objective([0.0, b, 0.0, d], z, target) for b, d in points])


def _level_lines(ax: Axes) -> ContourSet:
    return plots.contours(ax, _slice, (*VIEW["b"], *VIEW["d"]), LEVELS, color=plots.COLORS["pale"], n=40)


def _lines() -> list[np.ndarray]:
    from matplotlib.figure import Figure

    return [line for level in _level_lines(Figure().add_subplot()).allsegs for line in level]
