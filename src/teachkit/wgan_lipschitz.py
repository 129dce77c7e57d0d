"""How steep a ReLU critic is at most: exactly on the line and in the plane, and bounds (chapter `wgan`).

Without the exact constant a critic's value says nothing about W_1; with it, it is a proven lower bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.transport import assignment, cost_matrix, plan, wp_sorted
from teachkit.wgan_critic import Critic, checked, critic_value

_SAME = 1e-12  # lines in the plane closer than this share of their distances are one line
_PAD = 1e-6  # a box is widened by this share, so that it is never flat


class Certificate(NamedTuple):
    """What a critic proves about W_1.

    Attributes:
        value: mean f(x) - mean f(y).
        lipschitz: the critic's Lipschitz constant around the samples, or an upper bound of it.
        bound: value / lipschitz, never above w1 but for the rounding of the three numbers.
        w1: the exact distance.
        gap: w1 - bound.
    """

    value: float
    lipschitz: float
    bound: float
    w1: float
    gap: float


def certify(critic: Critic, x: ArrayLike, y: ArrayLike) -> Certificate:
    """Return the lower bound of W_1 that a critic proves, next to W_1 itself; statement `wgan-certificate`.

    W_1 is found by sorting on the line, else by the assignment for samples of one size, else by the programme. The
    critic's constant is the exact one on the box around all samples, which is enough, because plans move mass along
    segments inside it. In the plane the narrowest cells count here, even those that may be rounding: a proof errs on
    the safe side. From three dimensions on the constant is the upper bound of ``lipschitz_bound``.

    Args:
        critic: a ReLU critic on R^d.
        x: samples of the data, [n, d].
        y: samples of the generator, [m, d].

    Raises:
        ValueError: if a shape does not fit or a number is not finite.

    >>> f = Critic(np.array([[1.0]]), np.array([0.0]), np.array([0.5]))
    >>> certify(f, [[3.0]], [[1.0]])
    Certificate(value=1.0, lipschitz=0.5, bound=2.0, w1=2.0, gap=0.0)
    """
    critic = checked(critic)
    x, y = (_check.points(name, z, critic.W.shape[1]) for name, z in zip("xy", (x, y), strict=True))
    value = critic_value(critic, x, y)
    box = np.minimum(x.min(axis=0), y.min(axis=0)), np.maximum(x.max(axis=0), y.max(axis=0))
    plane = x.shape[1] <= 2
    constant = max(_steepest(critic, box, same) for same in (_SAME, 0.0)) if plane else lipschitz_bound(critic)
    w1 = exact_w1(x, y)
    bound = value / constant if constant > 0 else 0.0
    return Certificate(value, constant, bound, w1, w1 - bound)


def exact_w1(x: ArrayLike, y: ArrayLike) -> float:
    """Return W_1 between two samples with equal weights in any dimension, by the fastest exact way.

    Raises:
        ValueError: if x or y is not a finite array of two axes, or their d differs.

    >>> exact_w1([[0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]])
    3.0
    """
    x = _check.points("x", x)
    y = _check.points("y", y, x.shape[1])
    if x.shape[1] == 1:
        return wp_sorted(x[:, 0], y[:, 0])
    cost = cost_matrix(x, y)
    if len(x) == len(y):
        return assignment(cost)[1]
    return plan(*(np.full(n, 1 / n) for n in cost.shape), cost)[1]


def lipschitz(critic: Critic, box: tuple[ArrayLike, ArrayLike] | None = None) -> float:
    """Return the exact Lipschitz constant of a critic on the line or in the plane, statement `critic-lipschitz`.

    It is the largest gradient over the cells in which no unit switches: at most h + 1 intervals on the line, and the
    cells between h lines in the plane. In the plane, cells narrower than 1e-12 of their distance are taken for
    rounding and left out; on the line every cell counts. ``certify`` leaves none out.

    Args:
        critic: a ReLU critic on R^d with d at most 2.
        box: lowest and highest corner, [d] each, of the box that counts, widened by a millionth; everywhere if left
            out.

    Raises:
        ValueError: if the critic has more than two inputs, a shape does not fit, a number is not finite, or the box
            is turned over, or the constant overflows.

    >>> f = Critic(np.array([[1.0], [-1.0]]), np.array([0.0, 1.0]), np.array([2.0, 3.0]))  # slopes -3, -1, 2
    >>> lipschitz(f), lipschitz(f, ([0.5], [2.0]))
    (3.0, 2.0)
    """
    return _steepest(checked(critic), box, _SAME)


def _steepest(critic: Critic, box: tuple[ArrayLike, ArrayLike] | None, same: float) -> float:
    """Return the largest gradient; lines in the plane within the share `same` of each other are one line."""
    d = critic.W.shape[1]
    if d > 2:
        raise ValueError(f"critic: expected at most 2 inputs, got {d}; lipschitz_bound takes any number")
    low, high = (np.full(d, -np.inf), np.full(d, np.inf)) if box is None else _corners(box, d)
    scale = _power(critic.v)
    critic = critic._replace(v=critic.v / scale)
    if d == 1:
        knots, slopes = pieces(critic)
        starts, ends = np.append(-np.inf, knots), np.append(knots, np.inf)
        return _product(scale, np.abs(slopes[(starts < high) & (ends > low)]).max(initial=0.0))
    gradients = np.concatenate(_cell_gradients(critic, low, high, same))
    return _product(scale, np.hypot(*gradients.T).max(initial=0.0))


def _power(v: np.ndarray) -> float:
    """Return a power of two of the size of v, by which one can divide without rounding."""
    return math.ldexp(1.0, math.frexp(float(np.abs(v).max()))[1] - 1)


def _product(scale: float, size: float) -> float:
    out = float(scale) * float(size)
    if not np.isfinite(out):
        raise ValueError("critic: steeper than the largest number")
    return out


def _corners(box: tuple[ArrayLike, ArrayLike], d: int) -> tuple[np.ndarray, np.ndarray]:
    low, high = (_check.vector("box", corner, (d,)) for corner in box)
    if (low > high).any():
        raise ValueError(f"box: expected the lowest corner first, got {low.tolist()} and {high.tolist()}")
    pad = _PAD * ((high - low).max() or np.abs(low).max() or 1.0)
    return low - pad, high + pad


def pieces(critic: Critic) -> tuple[np.ndarray, np.ndarray]:
    """Return the places where a critic on the line bends [k], in order, and its slopes between them [k + 1].

    From left to right the slope grows by v_k |W_k| at the place of unit k, whichever way the unit looks.

    Raises:
        ValueError: if the critic has more than one input, a shape does not fit, or a number is not finite.

    >>> knots, slopes = pieces(Critic(np.array([[1.0], [-1.0]]), np.array([-1.0, 2.0]), np.array([2.0, 3.0])))
    >>> knots.tolist(), slopes.tolist()
    ([1.0, 2.0], [-3.0, -1.0, 2.0])
    """
    W, b, v = checked(critic)
    if W.shape[1] != 1:
        raise ValueError(f"critic: expected 1 input, got {W.shape[1]}")
    w = W[:, 0]
    used = w != 0
    w, b, v = w[used], b[used], v[used]
    places, where = np.unique(-b / w, return_inverse=True)
    steps = np.bincount(where, v * np.abs(w), minlength=len(places))
    return places, float((v * w)[w < 0].sum()) + np.concatenate([[0.0], np.cumsum(steps)])


def _cell_gradients(critic: Critic, low: np.ndarray, high: np.ndarray, same: float) -> list[np.ndarray]:
    """Return gradients that cover every cell between the lines W_k.x + b_k = 0 in a box, a batch for each line.

    Every cell has an edge on some line in the box, unless no line meets the box. So walk along each line, stop
    halfway between two crossings, and take the gradient on both sides; lines that coincide switch together.
    """
    W, b, v = critic
    length = np.hypot(W[:, 0], W[:, 1])
    used = length > 0
    normal, offset = W[used] / length[used, None], b[used] / length[used]
    weighted = (v[:, None] * W)[used]
    found = [_along(k, normal, offset, weighted, low, high, same) for k in range(len(normal))]
    if any(map(len, found)):
        return found
    middle = low / 2 + high / 2 if np.isfinite(low).all() else np.zeros(2)
    return [((normal @ middle + offset > 0) @ weighted)[None]]


def _along(
    k: int, normal: np.ndarray, offset: np.ndarray, weighted: np.ndarray, low: np.ndarray, high: np.ndarray, same: float
) -> np.ndarray:
    """Return the gradients on both sides of each piece of line k in the box, [pieces * 2, 2]."""
    foot, way = -offset[k] * normal[k], np.array([-normal[k, 1], normal[k, 0]])
    speed, start = normal @ way, normal @ foot + offset
    lines = np.column_stack([normal, offset])
    equal = (lines == lines[k]).all(axis=1) | (lines == -lines[k]).all(axis=1)
    speed[equal] = start[equal] = 0.0  # whatever rounding made of them
    crossing = np.abs(speed) > same
    scale = np.abs(offset).max() or 1.0
    together = ~crossing & (np.abs(start) <= same * scale)
    with np.errstate(over="ignore"):
        t = np.sort(-start[crossing] / speed[crossing])
    first, last = _stretch(foot, way, low, high)
    if first >= last:
        return np.zeros((0, 2))
    if not np.isfinite(first):  # no box: end beyond all crossings
        last = np.abs(t).max(initial=scale) + scale
        first = -last
    t = np.concatenate([[first], t[(t > first) & (t < last)], [last]])
    wide = np.diff(t) > same * np.maximum(scale, np.abs(t[1:]))
    at = foot + (t[:-1] / 2 + t[1:] / 2)[wide, None] * way
    on = ((at @ normal.T + offset) > 0) & ~together
    same_way = normal[together] @ normal[k] > 0
    ahead, behind = weighted[together][same_way].sum(axis=0), weighted[together][~same_way].sum(axis=0)
    rest = on @ weighted
    return np.concatenate([rest + ahead, rest + behind])


def _stretch(foot: np.ndarray, way: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """Return the range of t for which foot + t way lies in the box; first > last if there is none."""
    moves = way != 0
    if ((foot < low) | (foot > high))[~moves].any():
        return np.inf, -np.inf
    ends = (np.stack([low, high])[:, moves] - foot[moves]) / way[moves]
    return float(ends.min(axis=0).max()), float(ends.max(axis=0).min())


def lipschitz_bound(critic: Critic) -> float:
    """Return |v| times the largest stretch of W, an upper bound of the Lipschitz constant in any dimension.

    Statement `lipschitz-product`.

    Raises:
        ValueError: if a shape does not fit or a number is not finite.

    >>> round(lipschitz_bound(Critic(np.array([[3.0, 4.0]]), np.array([0.0]), np.array([2.0]))), 12)
    10.0
    """
    critic = checked(critic)
    scale = _power(critic.v)
    return _product(scale, np.linalg.norm(critic.v / scale) * spectral_norm(critic.W))


def spectral_norm(W: ArrayLike, doublings: int = 50) -> float:
    """Return the largest singular value of W, by power iteration in which each round squares the power.

    With G = W^T W and k = 2^doublings it is (trace G^k)^(1 / 2k). The trace holds every eigenvalue's power, so the
    value is never below the norm but for rounding, from any number of rounds, and there is no start to choose badly.

    Args:
        W: [m, n].
        doublings: at least 1.

    Raises:
        ValueError: if W is not a finite matrix, or doublings is not as above.

    >>> round(spectral_norm([[3.0, 0.0], [4.0, 5.0]]) ** 2, 9)  # eigenvalues 45 and 5
    45.0
    """
    W, doublings = _check.shaped("W", W, (None, None)), _check.count("doublings", doublings)
    scale = float(np.abs(W).max())
    if scale == 0:
        return 0.0
    W = W / scale
    G, log = (W.T @ W if W.shape[0] >= W.shape[1] else W @ W.T), 0.0
    for k in range(doublings + 1):
        trace = np.trace(G)
        log += np.log(trace) / 2**k
        G = (G / trace) @ (G / trace)
    return scale * float(np.exp(log / 2))


def clipped_slope(clip: float, widths: Sequence[int], d: int) -> float:
    """Return the steepest gradient that weights in [-clip, clip] allow, statement `clipped-slope`.

    It is clip^N sqrt(d) times the product of the hidden widths, for N - 1 hidden layers of ReLU units, and it is
    attained when every weight is clip.

    Args:
        clip: largest size of a weight, above 0.
        widths: units of each hidden layer, at least one layer.
        d: inputs.

    Raises:
        ValueError: if an argument is not as above.

    >>> clipped_slope(0.01, [64], 1), round(clipped_slope(0.01, [512, 512, 512], 2), 4)
    (0.0064, 1.8981)
    """
    clip, d = _check.positive("clip", clip), _check.count("d", d)
    if not isinstance(widths, Sequence):
        raise ValueError(f"widths: expected a list of whole numbers, got {widths!r}")
    sizes = [_check.count("widths", width) for width in widths]
    if not sizes:
        raise ValueError("widths: expected at least one hidden layer, got none")
    return clip * math.prod(clip * size for size in sizes) * math.sqrt(d)
