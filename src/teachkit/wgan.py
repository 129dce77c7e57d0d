"""Wasserstein GANs on the line, exactly: the witness, the best clipped critic, the best penalised one (chapter `wgan`).

The critics that train are in ``wgan_critic``, their Lipschitz constants in ``wgan_lipschitz``; their names are here
too. On the line every one of the three optima has a closed form, which a trained critic can be held against.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.wgan_critic import (
    Critic,
    Fit,
    critic_value,
    fit_clipped,
    fit_penalised,
    input_gradient,
    penalty,
    random_critic,
    value_gradient,
)
from teachkit.wgan_lipschitz import (
    Certificate,
    certify,
    clipped_slope,
    exact_w1,
    lipschitz,
    lipschitz_bound,
    pieces,
    spectral_norm,
)

__all__ = [
    "PUBLISHED",
    "Certificate",
    "Critic",
    "Fit",
    "Line",
    "Published",
    "best_clipped",
    "best_penalised",
    "certify",
    "clipped_slope",
    "critic_value",
    "exact_w1",
    "fit_clipped",
    "fit_penalised",
    "input_gradient",
    "lipschitz",
    "lipschitz_bound",
    "penalty",
    "pieces",
    "random_critic",
    "spectral_norm",
    "two_points",
    "value_gradient",
    "w1_gradient",
    "witness_line",
]


class Published(NamedTuple):
    """The constants of the published listing, statement `wgan-clipping`."""

    alpha: float = 5e-5
    clip: float = 0.01
    batch: int = 64
    critic_steps: int = 5


PUBLISHED = Published()


class Line(NamedTuple):
    """A function on the line that is straight between knots and level outside them.

    Attributes:
        knots: [k], in rising order.
        slopes: between neighbouring knots, [k - 1].
        value: mean f(x) - mean f(y) for the samples that it was made from.
    """

    knots: np.ndarray
    slopes: np.ndarray
    value: float

    def __call__(self, z: ArrayLike) -> np.ndarray:
        """Return f, with f = 0 at the first knot, in the shape of z.

        >>> Line(np.array([0.0, 2.0]), np.array([0.5]), 1.0)([-1.0, 1.0, 5.0])
        array([0. , 0.5, 1. ])
        """
        heights = np.concatenate([[0.0], np.cumsum(self.slopes * np.diff(self.knots))])
        return np.interp(_check.array("z", z), self.knots, heights)


def witness_line(x: ArrayLike, y: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None) -> Line:
    """Return the witness of two samples on the line: its slope is the sign of G - F, statement `witness-line`.

    F and G are the distribution functions of x and y. Where they agree, the slope may be anything from -1 to 1. It is
    0 here without weights; with weights rounding may choose it.

    Args:
        x: samples of the data, [n].
        y: samples of the generator, [m].
        a: weights of x, [n], with sum 1; equal if left out.
        b: weights of y, [m]; likewise.

    Raises:
        ValueError: if x or y is not a finite vector, the weights are not probabilities, or the value overflows.

    >>> f = witness_line([1.0, 4.0, 6.0], [2.0, 3.0, 9.0])
    >>> f.slopes.tolist(), round(f.value, 12)
    ([-1.0, 0.0, 1.0, 0.0, -1.0], 1.666666666667)
    """
    knots, lead = _lead(x, y, a, b)
    return _line(knots, np.sign(lead), lead)


def best_penalised(x: ArrayLike, y: ArrayLike, weight: float = 10.0) -> Line:
    """Return the function on the line with the largest value minus weight times the penalty; `penalty-bias`.

    Its slope is sign(G - F) (1 + |G - F| / (2 weight r)), where r is the density of the points between random pairs.
    Its value exceeds W_1 by the integral of (G - F)^2 / (2 weight r). Where F = G the penalty asks for a slope of
    size one and the value for nothing; the slope is 1 there.

    Args:
        x: samples of the data, [n].
        y: samples of the generator, [m].
        weight: of the penalty, above 0.

    Raises:
        ValueError: if x or y is not a finite vector, the weight is not above 0, or the value overflows.

    >>> f = best_penalised([2.0], [0.0], weight=10)  # by hand: slope 1 + 2 / 20
    >>> f.slopes.tolist(), f.value
    ([1.1], 2.2)
    """
    weight = _check.positive("weight", weight)
    knots, lead = _lead(x, y, None, None)
    r = _between(knots, _check.vector("x", x), _check.vector("y", y))
    overshoot = np.divide(np.abs(lead), 2 * weight * r, out=np.zeros_like(lead), where=lead != 0)
    return _line(knots, np.where(lead < 0, -1.0, 1.0) * (1 + overshoot), lead)


def best_clipped(x: ArrayLike, y: ArrayLike, hidden: int, clip: float = 0.01) -> tuple[Critic, float]:
    """Return the critic on the line of largest value with all weights in [-clip, clip], and that value.

    Statement `clipped-optimum`: one unit, repeated; others may be as good. The value is hidden clip^2 times the
    largest |phi(w, b)| over |w|, |b| <= 1, with phi(w, b) = mean max(0, w x + b) - mean max(0, w y + b). The
    maximum lies on the edge of the square, at a corner or where the unit switches at a sample.

    Args:
        x: samples of the data, [n].
        y: samples of the generator, [m].
        hidden: units.
        clip: largest size of a weight, above 0.

    Raises:
        ValueError: if x or y is not a finite vector, or an argument is not as above.

    >>> f, value = best_clipped([3.0], [1.0], hidden=64)  # slope 64 * 0.01^2
    >>> round(value, 12), f.v[0].item()
    (0.0128, 0.01)
    """
    x, y = _check.vector("x", x), _check.vector("y", y)
    h, clip = _check.count("hidden", hidden), _check.positive("clip", clip)
    w, b = _switches(np.concatenate([x, y]))
    phi = _unit(x, w, b) - _unit(y, w, b)
    k = int(np.argmax(np.abs(phi)))
    sign = 1.0 if phi[k] >= 0 else -1.0
    critic = Critic(np.full((h, 1), clip * w[k]), np.full(h, clip * b[k]), np.full(h, sign * clip))
    return critic, float(h * clip * clip * abs(phi[k]))


def two_points(theta: float, weight: float = 10.0) -> tuple[float, float]:
    """Return slope and value of the best penalised function for all data at theta > 0, the generator at 0.

    Statement `penalty-bias`: the slope maximises s theta - weight (s - 1)^2, so s = 1 + theta / (2 weight), and the
    value is s theta, above W_1 = theta.

    Raises:
        ValueError: if theta or the weight is not a finite number above 0, or the value overflows.

    >>> two_points(2.0, 10.0)
    (1.1, 2.2)
    """
    theta, weight = _check.positive("theta", theta), _check.positive("weight", weight)
    slope = 1 + theta / (2 * weight)
    return slope, _within("theta", slope * theta)


def w1_gradient(x: ArrayLike, y: ArrayLike) -> np.ndarray:
    """Return the gradient of W_1 in the generator's points y, [n, d], statement `wgan-gradient`.

    With the best assignment s, point y_j is pushed away from its partner: (y_j - x_s(j)) / (n |y_j - x_s(j)|). Where
    a point lies on its partner the distance has no gradient; 0 stands there. Where several assignments are best it has
    none either, and the answer is that of one of them.

    Args:
        x: samples of the data, [n, d].
        y: samples of the generator, [n, d].

    Raises:
        ValueError: if x and y are not finite arrays of one shape [n, d].

    >>> w1_gradient([[0.0, 0.0]], [[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    from teachkit.transport import assignment, cost_matrix

    x = _check.points("x", x)
    y = _check.shaped("y", y, x.shape)
    partner, _ = assignment(cost_matrix(y, x))
    away = y - x[partner]
    length = np.hypot.reduce(away, axis=1, keepdims=True)  # squares could underflow
    return away / np.where(length > 0, length, np.inf) / len(y)


def _lead(x: ArrayLike, y: ArrayLike, a: ArrayLike | None, b: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the knots [k], at least two, and G - F between them [k - 1]."""
    x, y = _check.vector("x", x), _check.vector("y", y)
    n, m = x.size, y.size
    if a is None and b is None:  # whole numbers, so that equal masses cancel
        a, b, unit = np.full(n, float(m)), np.full(m, float(n)), n * m
    else:
        a = np.full(n, 1 / n) if a is None else _check.probabilities("a", a, n)
        b, unit = np.full(m, 1 / m) if b is None else _check.probabilities("b", b, m), 1
    knots, where = np.unique(np.concatenate([x, y]), return_inverse=True)
    lead = np.cumsum(np.bincount(where, np.concatenate([-a, b]), minlength=len(knots)))[:-1] / unit
    if len(knots) == 1:  # all in one place: any second knot will do
        return np.array([knots[0], knots[0] + 1]), np.zeros(1)
    return knots, lead


def _line(knots: np.ndarray, slopes: np.ndarray, lead: np.ndarray) -> Line:
    with np.errstate(over="ignore", invalid="ignore"):
        return Line(knots, slopes, _within("x, y", float((slopes * lead) @ np.diff(knots))))


def _within(name: str, value: float) -> float:
    if not np.isfinite(value):
        raise ValueError(f"{name}: too far apart, the critic's value is beyond the largest number")
    return value


def _between(knots: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the density of u x_i + (1 - u) y_j over random pairs and u, between the knots, [k - 1]."""
    share = np.bincount(np.searchsorted(knots, y), minlength=len(knots)) / (x.size * y.size)
    density = np.zeros(len(knots) - 1)
    with np.errstate(over="ignore"):  # between neighbours closer than 1e-308 it is infinite
        for u in x:  # add up positive terms alone, from the far end of each side
            rates = np.divide(share, np.abs(knots - u), out=np.zeros_like(share), where=(knots != u) & (share > 0))
            left, right = np.where(knots < u, rates, 0.0), np.where(knots > u, rates, 0.0)
            density += np.cumsum(left)[:-1] * (knots[1:] <= u) + np.cumsum(right[::-1])[::-1][1:] * (knots[:-1] >= u)
    return density


def _switches(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of the square |w|, |b| <= 1 and the points of its edge where w z_i + b = 0 for some i."""
    w, b = [np.array([1.0, 1.0, -1.0, -1.0])], [np.array([1.0, -1.0, 1.0, -1.0])]
    near, far = z[np.abs(z) <= 1], z[np.abs(z) > 1]
    for sign in (1.0, -1.0):
        w += [np.full(near.size, sign), -sign / far]
        b += [-sign * near, np.full(far.size, sign)]
    return np.concatenate(w), np.concatenate(b)


def _unit(z: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the mean of max(0, w z + b) over z for each pair, [pairs]."""
    return np.maximum(z[:, None] * w + b, 0.0).mean(axis=0)
