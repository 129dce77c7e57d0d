"""How the checks of the sheet on flows call a student's function of images with tensors, see ``_examine``."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from teachkit.deep._examine import Answer, check_axes, leads_back, whole_slope
from teachkit.grading.verdict import UnusableError

_ROUNDS = 4
_ROUNDING = 2e-3  # of levels * x - b in single precision, for values up to 256


def masked_inverse(
    answer: Answer, x: np.ndarray, mask: np.ndarray, A: np.ndarray, B: np.ndarray, extra: np.ndarray
) -> Any:
    """Return z and the log-determinants, both of which must lead back to the weights of s and t.

    Args:
        answer: (x, s, t, mask) -> z, log_det.
        x: [n, c, h, w].
        mask: What broadcasts to [c, h, w].
        A: [d, d], the weights of s = tanh(u A) + extra, d = c h w.
        B: [d, d], the weights of t = u B.
        extra: What s is larger by at each entry; broadcasts to [c, h, w].
    """
    images, board, more = (torch.from_numpy(array) for array in (x, mask, extra))
    weights = [torch.tensor(w).requires_grad_() for w in (A, B)]

    def s(u: Tensor) -> Tensor:
        return torch.tanh(u.flatten(1) @ weights[0]).reshape(u.shape) + more

    def t(u: Tensor) -> Tensor:
        return (u.flatten(1) @ weights[1]).reshape(u.shape)

    return _pair(lambda: answer(images, s, t, board), "z", [weights, weights[:1]], "the weights of s and t")


def channel_mixing(answer: Answer, z: np.ndarray, *arrays: np.ndarray) -> Any:
    """Return x and the log-determinants, which must lead back to L, U and r.

    Args:
        answer: (z, P, L, U, r) -> x, log_det.
        z: [n, c, h, w].
        arrays: P, L and U, [c, c], and r [c].
    """
    images, P = torch.from_numpy(z), torch.from_numpy(arrays[0])
    weights = [torch.tensor(w).requires_grad_() for w in arrays[1:]]
    return _pair(lambda: answer(images, P, *weights), "x", [weights, weights[2:]], "L, U and r")


def _pair(call: Any, name: str, weights: list[list[Tensor]], where: str) -> Any:
    """Return the two results of a call; raise unless each leads back to its weights, as far as it is a number."""
    out = call()
    if not isinstance(out, tuple | list) or len(out) != 2:
        return out
    for i, what in enumerate((name, "the log-determinant")):
        value = call()[i]  # a graph of its own: the weights are moved below
        if isinstance(value, Tensor) and (not value.isfinite().all() or not value.any()):
            continue  # the values say what is wrong
        leads_back(value, what, where, *weights[i])
        whole_slope(_weighted(value), weights[i], lambda i=i: _weighted(call()[i]), what, where)
    return out


def _weighted(value: Tensor) -> Tensor:
    """Return a sum in which no two entries have the same weight, so that their slopes can't cancel."""
    return value.flatten() @ torch.cos(torch.arange(value.numel(), dtype=value.dtype))


class Density(nn.Module):
    """A log-density of images, [n, ...] -> [n], that does not depend on the image, and notes what it is given.

    Args:
        values: The log-density of each image, but for a weight that is added to it.
    """

    def __init__(self, values: np.ndarray) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.values, self.seen = torch.from_numpy(values), []

    def forward(self, x: Tensor) -> Tensor:
        """Return one number for each image."""
        self.seen.append(x.detach())
        return self.values + self.shift


def bits(answer: Answer, b: np.ndarray, levels: int, *values: np.ndarray) -> Any:
    """Return the student's bits, (log_prob, b, levels) -> [n], for each of several log-densities.

    Raises:
        UnusableError: if the noise that the densities see is not uniform and fresh.
    """
    images, out, seen = torch.from_numpy(b), [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for each in values:
            density = Density(each)
            found = [answer(density, images, levels) for _ in range(_ROUNDS)]
            if found[0] is None:
                return None
            leads_back(found[0], "the number of bits", "the weights of log_prob", density.shift)
            out.append(found[0])
            seen += density.seen
    if len(seen) != _ROUNDS * len(values):
        raise UnusableError("log_prob should be asked once in each call, with the whole batch.")
    _check_noise(seen, images, levels)
    return tuple(out)


def _check_noise(seen: list[Tensor], b: Tensor, levels: int) -> None:
    """Raise unless what log_prob saw is (b + u)/levels with fresh u, uniform on [0, 1)."""
    if seen[0].shape != b.shape:
        raise UnusableError(
            f"for images of the shape {list(b.shape)} log_prob gets the shape {list(seen[0].shape)}; leave it as it is."
        )
    y = torch.stack(seen).double()
    u = levels * y - b
    if not _in_cell(u):
        raise UnusableError(_place(y, b, levels))
    if u.amax() - u.amin() < 1e-2:
        raise UnusableError("there is no noise, or the same everywhere. Then a density may be as high as it likes.")
    if torch.equal(u[0], u[1]):
        raise UnusableError(
            "every call gives log_prob the same images: there is no noise that is drawn anew, or the function sets a "
            "seed."
        )
    spread = u - u.mean()
    if b.shape[0] > 1 and (spread - spread.mean(1, keepdim=True)).square().sum() < 0.25 * spread.square().sum():
        raise UnusableError(
            "the noise is drawn once per batch: all images get the same. Draw it anew for every image, of the shape "
            "of b."
        )
    if (spread - spread.mean((2, 3, 4), keepdim=True)).square().sum() < 0.25 * spread.square().sum():
        raise UnusableError("all entries of an image get the same noise: draw noise of the shape of b.")
    check_axes(spread, "b")
    error = 12**-0.5 / u.numel() ** 0.5
    if abs(u.mean() - 0.5) > 6 * error or abs(u.std() - 12**-0.5) > 6 * error:
        raise UnusableError("the noise lies in [0, 1), but it is not uniform there: use torch.rand.")


def _in_cell(u: Tensor) -> bool:
    return bool(u.amin() > -_ROUNDING and u.amax() < 1 + _ROUNDING)


def _place(y: Tensor, b: Tensor, levels: int) -> str:
    """Say what is wrong with images that are not in their cells of [0, 1)."""
    if _in_cell(y - b):
        return "log_prob gets values above 1. It is a density on [0, 1): divide by the number of levels."
    if _in_cell((levels - 1) * y - b):
        return (
            "you divide by levels - 1. With noise the values fill [0, levels), and divided by levels - 1 the last of "
            "them lie above 1."
        )
    for fixed in (255, 256):
        if _in_cell(fixed * y - b):
            return f"you divide by {fixed}, whatever levels is."
    if _in_cell(u := levels * y - b + 0.5) and u.amax() > 0.9:
        return "the noise lies between -1/2 and 1/2; take it from [0, 1), as the formula says."
    if _in_cell(y - b / levels):
        return (
            "you divide the levels and add noise on [0, 1) afterwards. So the noise is as wide as the whole range of "
            "greys; it should fill the gap to the next level."
        )
    return "what log_prob gets is not (b + u)/levels with u in [0, 1): has your noise another range, or another law?"
