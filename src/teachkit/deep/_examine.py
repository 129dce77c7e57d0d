"""How the checks of the exercise sheets call a student's function with tensors.

Each function gets the student's function and arrays. It returns the results, and raises ``UnusableError`` for a
fault that no number shows: a result that leads back to nothing can't be trained with.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from teachkit.grading.verdict import UnusableError

Answer = Callable[..., Any]
_STEP = 1e-5
_OFF = 1e-4  # rounding and the step of a difference stay far below, a part that is cut off far above


def plain(answer: Answer, *arrays: np.ndarray) -> Any:
    """Return what the function gives for tensors."""
    return answer(*map(torch.from_numpy, arrays))


def packing(answer: Answer, x: np.ndarray, m: int) -> Any:
    """Return the packs of m samples, which must lead back to the samples."""
    packs = answer(samples := torch.from_numpy(x).requires_grad_(), m)
    if packs is not None:
        _leads_back(packs, "the packs", "the samples", samples)
    return packs


def spectral_norm(answer: Answer, W: np.ndarray, u: np.ndarray, steps: int) -> Any:
    """Return sigma, the new u, and the gradient of sigma by W."""
    weight = torch.from_numpy(W).requires_grad_()
    try:
        out = answer(weight, torch.from_numpy(u), steps)
    except RuntimeError as error:
        raise UnusableError(_misfit(error, W.shape)) from error
    if out is None:
        return None
    if not isinstance(out, tuple | list) or len(out) != 2:
        raise UnusableError("it should return two results, sigma and the new u.")
    sigma, u_next = out
    _leads_back(sigma, "sigma", "W", weight)
    if sigma.ndim:
        raise UnusableError(f"sigma should be one number, of the shape [], and has the shape {list(sigma.shape)}.")
    (gradient,) = torch.autograd.grad(sigma, weight)
    return sigma, u_next, gradient


def _misfit(error: RuntimeError, shape: tuple[int, ...]) -> str:
    said = " ".join(str(error).split())[:200]
    if "size" not in said and "shape" not in said:
        return f"it raised RuntimeError: {said}."
    return (
        f"for W of the shape {list(shape)} it raised RuntimeError: {said}. u has {shape[0]} numbers, v has {shape[1]}: "
        "by which of W and its transpose can each be multiplied?"
    )


class Critic(nn.Module):
    """A critic with one hidden layer, [n, ...] -> [n, 1], that notes how gradients are taken of it."""

    def __init__(self, W: np.ndarray, b: np.ndarray, v: np.ndarray) -> None:
        super().__init__()
        self.W, self.b, self.v = (nn.Parameter(torch.tensor(x)) for x in (W, b, v))
        self.with_graph: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        """Return one number for each sample."""
        out = torch.tanh(x.flatten(1) @ self.W.T + self.b) @ self.v[:, None]
        with suppress(RuntimeError):  # there is nothing to note where no gradient is asked for
            out.register_hook(lambda gradient: self.with_graph.append(torch.is_grad_enabled()))
        return out


def gradient_penalty(answer: Answer, *arrays: np.ndarray) -> Any:
    """Return the penalty of a critic, whose gradient by the critic's weights must be the slope of its value.

    Args:
        answer: (critic, real, fake, u) -> penalty.
        arrays: W [h, d], b [h] and v [h] of the critic, real and fake, [n, ...], and u [n].
    """
    critic, batch = Critic(*arrays[:3]), [torch.from_numpy(x) for x in arrays[3:]]
    penalty = answer(critic, *batch)
    if penalty is None or (isinstance(penalty, Tensor) and penalty.numel() != 1):
        return penalty
    if isinstance(penalty, Tensor) and not penalty.requires_grad and critic.with_graph and not any(critic.with_graph):
        raise UnusableError(
            "the penalty doesn't lead back to the critic's weights: slopes are taken as plain numbers, "
            "unless create_graph=True asks for ones that can be differentiated again."
        )
    _leads_back(penalty, "the penalty", "the critic's weights", *critic.parameters())
    if any(w.grad is not None for w in critic.parameters()):
        raise UnusableError(
            "backward() leaves gradients in the .grad of the critic's weights, and an optimiser would take them for a "
            "part of the loss's. Ask for the slopes by z alone, with torch.autograd.grad."
        )
    if not torch.equal(penalty, again := answer(critic, *batch)) and not torch.allclose(penalty, again):
        raise UnusableError("it gives another number at each call: use the u that it gets, and draw none.")
    _whole_slope(penalty, critic, lambda: answer(critic, *batch))
    return penalty


def _whole_slope(penalty: Tensor, critic: Critic, again: Callable[[], Tensor]) -> None:
    """Raise unless the gradient by the weights is that of the value, measured along one direction."""
    weights = list(critic.parameters())
    way = [torch.cos(1 + torch.arange(w.numel(), dtype=w.dtype)).reshape(w.shape) for w in weights]
    slopes = torch.autograd.grad(penalty.sum(), weights, allow_unused=True)
    slope = sum(float((g * d).sum()) for g, d in zip(slopes, way, strict=True) if g is not None)
    ends = []
    for sign in (1, -2):  # to one side, then from there to the other
        with torch.no_grad():
            for w, d in zip(weights, way, strict=True):
                w += sign * _STEP * d
        ends.append(float(again()))
    measured = (ends[0] - ends[1]) / (2 * _STEP)
    if abs(measured - slope) > _OFF * (1 + abs(measured)):
        raise UnusableError(
            "the value of the penalty depends on the critic's weights in more ways than its gradient knows of: "
            "a part of it is cut off by detach(), item() or no_grad()."
        )


def _leads_back(result: Any, what: str, where: str, *sources: Tensor) -> None:
    """Raise unless the result is a tensor from which a gradient comes back to one of the sources."""
    if not isinstance(result, Tensor):
        raise UnusableError(
            f"{what} should be a tensor that leads back to {where}, and it returns {type(result).__name__}; no "
            "gradient passes through item(), float() or NumPy."
        )
    # A view that is made under no_grad() says that it requires gradients, and leads nowhere.
    slopes = (
        torch.autograd.grad(result.sum(), sources, retain_graph=True, allow_unused=True) if result.requires_grad else ()
    )
    if all(slope is None for slope in slopes):
        raise UnusableError(
            f"no gradient passes from {what} back to {where}: something on the way is cut off, by detach(), data, "
            "no_grad() or a new tensor made of numbers."
        )
