"""The tools of sheet 2, written with torch: packs and spectral norms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from teachkit.grading.checks._games_judge import named
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function
from teachkit.grading.kinds.base import Data
from teachkit.grading.tensors import through
from teachkit.mode_collapse import power_iteration

# --- packs ---------------------------------------------------------------------------------------


def _packs(x: np.ndarray, m: int) -> np.ndarray:
    return x.reshape(len(x) // m, -1, *x.shape[2:])


def _samples(n: int, *rest: int, m: int) -> Callable[[Draw, Data], tuple[np.ndarray, int]]:
    return lambda draw, data: (draw.normal((n, *rest)), m)


def _woven(x: np.ndarray, m: int) -> np.ndarray:
    """Return packs with the coordinates of the samples in turn."""
    packs = np.moveaxis(x.reshape(-1, m, *x.shape[1:]), 1, 2)
    return packs.reshape(len(packs), -1, *x.shape[2:])


def _spread(x: np.ndarray, m: int) -> np.ndarray:
    """Return packs of samples that are n/m apart."""
    return np.concatenate(np.split(x, m), axis=1)


def _turned(x: np.ndarray, m: int) -> np.ndarray:
    """Return what a reshape of the transposed samples gives: packs of one coordinate."""
    return np.swapaxes(x, 0, 1).reshape(_packs(x, m).shape)


def _columns(x: np.ndarray, m: int) -> np.ndarray:
    rows = x.reshape(m * x.shape[1], -1, *x.shape[2:])
    return np.swapaxes(rows, 0, 1)


PACKS = Function(
    adapt=through("rearranging"),
    cases={
        "points": _samples(6, 3, m=2),
        "three in a pack": _samples(9, 2, m=3),
        "one pack": _samples(3, 4, m=3),
        "packs of one": _samples(4, 2, m=1),
        "images": _samples(4, 2, 3, 3, m=2),
        "grey images": _samples(6, 1, 2, 3, m=3),
    },
    reference=_packs,
    wrong=named(
        (_woven, "Within your packs the coordinates are mixed: the first of every sample, then the second ones. A "
         "pack is one whole sample after the other."),
        (_spread, "Your packs hold samples that stand n/m apart. Samples that follow each other are asked for.", 0.3),
        (_turned, "You transpose before you reshape. So a pack holds numbers of samples that are not its own; look "
         "at two packs of two points by hand."),
        (_columns, "Your first pack holds every n/m-th number of all samples. Reshape reads row by row: the packs must "
         "be its first axis."),
        (lambda x, m: x.reshape(len(x) // m, -1), "For points that is right. But images must stay images: channels "
         "side by side, and height and width as they are.", 0.5),
        (lambda x, m: x.reshape(len(x) // m, m, *x.shape[1:]), "The samples of a pack still stand on an axis of their "
         "own. Join it with the axis of coordinates or channels.", 0.3),
        (lambda x, m: x.reshape(m, -1, *x.shape[2:]), "You make m packs. It should be packs of m samples."),
        (lambda x, m: x.reshape(len(x) // m, m, *x.shape[1:]).mean(axis=1), "You average the samples of a pack. It "
         "is just their differences that the discriminator should see."),
        (lambda x, m: np.concatenate([x] * m, axis=1), "You put each sample beside itself. Then a pack shows nothing "
         "that one sample does not."),
        (lambda x, m: np.flip(x.reshape(-1, m, *x.shape[1:]), 1).reshape(_packs(x, m).shape), "The samples of your "
         "packs stand in the opposite order.", 0.5),
    ),
)  # fmt: skip

# --- spectral norms ------------------------------------------------------------------------------

Result = tuple[float, np.ndarray, np.ndarray]
Estimate = Callable[[np.ndarray, np.ndarray, np.ndarray], float]


def _slope(f: Callable[[np.ndarray], float], W: np.ndarray) -> np.ndarray:
    """Return the derivatives of f by the entries of W, by central differences."""
    out, step = np.zeros_like(W), 1e-6 * np.abs(W).max()
    for place in np.ndindex(W.shape):
        shift = np.zeros_like(W)
        shift[place] = step
        out[place] = (f(W + shift) - f(W - shift)) / (2 * step)
    return out


def _iterated(W: np.ndarray, u: np.ndarray, steps: int) -> Result:
    sigma, u, v = power_iteration(W, steps, u)
    return sigma, u, np.outer(u, v)


def _through_all(W: np.ndarray, u: np.ndarray, steps: int) -> Result:
    """Return the right numbers with the gradient of the whole iteration."""
    sigma, last, _ = power_iteration(W, steps, u)
    return sigma, last, _slope(lambda W: power_iteration(W, steps, u).sigma, W)


def _estimated(estimate: Estimate, more: int = 0) -> Callable[..., Result]:
    """Return the right iteration with another number made of W, u and v; the last two count as fixed."""

    def answer(W: np.ndarray, u: np.ndarray, steps: int) -> Result:
        _, u, v = power_iteration(W, steps + more, u) if steps + more else (0, u, W.T @ u)
        return estimate(W, u, v), u, _slope(lambda W: estimate(W, u, v), W)

    return answer


def _growing(W: np.ndarray, u: np.ndarray, steps: int, quotient: bool, v_alone: bool = False) -> Result:
    """Return what becomes of an iteration without norms, or with that of u alone."""
    with np.errstate(all="ignore"):
        for _ in range(steps):
            v = W.T @ u
            u = W @ v
            u = u / np.linalg.norm(u) if v_alone else u
        size = np.linalg.norm(u) * np.linalg.norm(v) if quotient else 1.0
        return float(u @ W @ v / size), u, np.outer(u, v) / size


def _v_divided(W: np.ndarray, u: np.ndarray, steps: int) -> Result:
    """Return what becomes of an iteration in which v alone is divided by its length."""
    sigma, u, v = power_iteration(W, steps, u)
    return sigma**2, sigma * u, sigma * np.outer(u, v)


def _exact(W: np.ndarray, u: np.ndarray, steps: int) -> Result:
    U, s, V = np.linalg.svd(W)
    return float(s[0]), power_iteration(W, steps, u).u, np.outer(U[:, 0], V[0])


def _start(m: int, n: int, steps: int, size: float = 1.0) -> Callable[[Draw, Data], tuple[Any, ...]]:
    return lambda draw, data: (size * draw.normal((m, n)), draw.normal((m,)), steps)


_norm = np.linalg.norm
_KEPT = "sigma and its gradient are right. "
SPECTRAL = Function(
    adapt=through("spectral_norm"),
    cases={
        "one step": _start(3, 3, 1),
        "a wide matrix": _start(2, 4, 2),
        "a tall matrix": _start(4, 2, 2),
        "many steps": _start(3, 2, 150, size=50.0),
    },
    reference=_iterated,
    rtol=1e-5,
    wrong=named(
        (_estimated(lambda W, u, v: float(u @ W @ W.T @ u)), "That is near sigma^2: the matrix W W^T has the squares "
         "of the singular values. Test with W = (3): sigma is 3.", 0.3),
        (_estimated(lambda W, u, v: float(_norm(W @ v) ** 2)), "That is the square of |W v|; the root is missing. "
         "Test with W = (3): sigma is 3.", 0.3),
        (_estimated(lambda W, u, v: float(_norm(W.T @ u))), "That is |W^T u| with the new u, half a step further than "
         "asked for.", 0.6),
        (_estimated(lambda W, u, v: float(np.sqrt(_norm(W @ v)))), "You take a root too many: |W v| is sigma itself, "
         "not its square.", 0.3),
        (partial(_growing, quotient=False), "Your u and v are never divided by their lengths, so they grow, or "
         "vanish, with every step.", 0.2),
        (partial(_growing, quotient=True), "Dividing at the end alone does not help: by then the numbers have "
         "overflowed. Divide in every step.", 0.3),
        (partial(_growing, quotient=False, v_alone=True), "You divide u by its length, but not v.", 0.3),
        (_v_divided, "You divide v by its length, but not u.", 0.3),
        (_through_all, "The numbers are right. But your gradient runs through the whole iteration: u and v are to be "
         "held fixed when sigma is differentiated.", 0.6),
        (_exact, "That is the exact norm, by a decomposition. Asked for is the estimate after so many steps.", 0.3),
        (_estimated(lambda W, u, v: float(u @ W @ v), -1), "You make one step less than asked for.", 0.4),
        (_estimated(lambda W, u, v: float(u @ W @ v), 1), "You make one step more than asked for.", 0.4),
        (lambda W, u, steps: _iterated(W, u, 1), "You make one step, however many are asked for.", 0.4),
        (_estimated(lambda W, u, v: float(_norm(W))), "That is the root of the sum of all squares, the Frobenius "
         "norm. It is never below the spectral norm, and mostly above.", 0.2),
        (lambda W, u, steps: (_iterated(W, u, steps)[0], u, _iterated(W, u, steps)[2]), _KEPT + "But you return the u "
         "of the start. The next pass would begin from there again.", 0.6),
        (lambda W, u, steps: (_iterated(W, u, steps)[0], power_iteration(W, steps, u).v, _iterated(W, u, steps)[2]),
         _KEPT + "But you return v. The next pass needs u.", 0.6),
    ),
)  # fmt: skip
