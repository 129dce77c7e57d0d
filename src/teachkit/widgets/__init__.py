"""Interactive figures: one function each, for the book's pages and for notebooks.

In the book (environment variable ``TEACHKIT_BOOK=1``) a function returns HTML that moves without a server; in
a notebook, ipywidgets that redraw the same plot; without ipywidgets, the static picture.
"""

from teachkit.widgets._coupling import coupling, draw_coupling
from teachkit.widgets._evaluation import draw_evaluation, evaluation
from teachkit.widgets._frames import frames
from teachkit.widgets._likelihood import draw_likelihood, likelihood
from teachkit.widgets._minimax import draw_minimax, minimax
from teachkit.widgets._newton import draw_newton, newton
from teachkit.widgets._ode import draw_ode, ode
from teachkit.widgets._parallelogram import draw_parallelogram, parallelogram
from teachkit.widgets._pushforward import draw_pushforward, pushforward
from teachkit.widgets._transport import draw_transport, transport
from teachkit.widgets._wgan import draw_wgan, wgan

__all__ = [
    "coupling",
    "draw_coupling",
    "draw_evaluation",
    "draw_likelihood",
    "draw_minimax",
    "draw_newton",
    "draw_ode",
    "draw_parallelogram",
    "draw_pushforward",
    "draw_transport",
    "draw_wgan",
    "evaluation",
    "frames",
    "likelihood",
    "minimax",
    "newton",
    "ode",
    "parallelogram",
    "pushforward",
    "transport",
    "wgan",
]
