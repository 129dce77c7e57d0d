"""How the checks of the exercise sheets call a student's function with tensors.

Each function gets the student's function and arrays. It returns the results, and raises ``UnusableError`` for a
fault that no number shows: a result that leads back to nothing can't be trained with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from teachkit.grading.verdict import UnusableError

Answer = Callable[..., Any]
_STEP = 1e-5
_ROUNDS = 24  # calls with each network; with 48 pictures a share of 1/3 then errs by a fortieth of itself
_MUCH = 50.0  # noise has the size 1 at most; a factor that changes within a bright picture leaves far more
_OFF = 1e-4  # rounding and the step of a difference stay far below, a part that is cut off far above


def plain(answer: Answer, *arrays: np.ndarray) -> Any:
    """Return what the function gives for tensors."""
    return answer(*map(torch.from_numpy, arrays))


def rearranging(answer: Answer, x: np.ndarray, *rest: Any) -> Any:
    """Return what the function makes of x, which must lead back to x."""
    out = answer(samples := torch.from_numpy(x).requires_grad_(), *rest)
    if out is not None:
        leads_back(out, "the result", "the argument", samples)
    return out


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
    leads_back(sigma, "sigma", "W", weight)
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
    leads_back(penalty, "the penalty", "the critic's weights", *critic.parameters())
    if any(w.grad is not None for w in critic.parameters()):
        raise UnusableError(
            "backward() leaves gradients in the .grad of the critic's weights, and an optimiser would take them for a "
            "part of the loss's. Ask for the slopes by z alone, with torch.autograd.grad."
        )
    if not torch.equal(penalty, again := answer(critic, *batch)) and not torch.allclose(penalty, again):
        raise UnusableError("it gives another number at each call: use the u that it gets, and draw none.")
    weights = list(critic.parameters())
    whole_slope(penalty, weights, lambda: answer(critic, *batch), "the penalty", "the critic's weights")
    return penalty


def whole_slope(value: Tensor, weights: list[Tensor], again: Callable[[], Tensor], what: str, where: str) -> None:
    """Raise unless the gradient by the weights is that of the value, measured along one direction."""
    # A result in single precision, from torch.ones(n) say, has too few digits for a short step.
    step, off = (_STEP, _OFF) if value.dtype == torch.float64 else (100 * _STEP, 200 * _OFF)
    way = [torch.cos(1 + torch.arange(w.numel(), dtype=w.dtype)).reshape(w.shape) * w.detach().abs() for w in weights]
    slopes = torch.autograd.grad(value.sum(), weights, allow_unused=True)
    slope = sum(float((g * d).sum()) for g, d in zip(slopes, way, strict=True) if g is not None)
    ends = []
    for move in (step, -2 * step, step):  # to one side, from there to the other, and back
        with torch.no_grad():
            for w, d in zip(weights, way, strict=True):
                w += move * d
        ends.append(float(again()))
    measured = (ends[0] - ends[1]) / (2 * step)
    if math.isnan(slope):
        raise UnusableError(
            f"the value of {what} is a number, but its gradient by {where} is NaN: on the way back a slope of 0 meets "
            "an infinity, in a part that the value does not show."
        )
    if abs(measured - slope) > off * (1 + abs(measured) + abs(ends[2])):
        raise UnusableError(
            f"the value of {what} depends on {where} in more ways than its gradient knows of: "
            "a part of it is cut off by detach(), item() or no_grad()."
        )


class Watched(nn.Module):
    """A network (x_t [n, ...], t [n]) -> noise, [n, ...], that notes what it is given.

    Args:
        answer: From x_t and t to what the network says, but for a weight that is added to it.
    """

    def __init__(self, answer: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.answer, self.seen = answer, []

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the noise that the network finds."""
        self.seen.append((x, t))
        whole = isinstance(t, Tensor) and t.shape == x.shape[:1] and not t.is_floating_point()
        if not whole:
            got = f"{t.dtype} of the shape {list(t.shape)}" if isinstance(t, Tensor) else type(t).__name__
            raise UnusableError(f"the network should get one whole t for each picture, [n], and gets {got}.")
        return self.answer(x.detach(), t) + self.shift


def training_loss(answer: Answer, x0: np.ndarray, abar: np.ndarray) -> Any:
    """Return means over many calls of the student's loss, (net, x0, abar) -> loss.

    The networks find no noise, noise 3 everywhere, and the noise that the right kernel has put in.

    Returns:
        The share of each t, from 0 to T, and that of all others; by t from 1 to T the factor of the picture and the
        size of the noise, 0 where t is never drawn; the mean loss of each network.
    """
    batch, products = torch.from_numpy(x0), torch.from_numpy(abar)

    def exact(x: Tensor, t: Tensor) -> Tensor:
        a = products[t.clamp(1, len(abar) - 1)].reshape(-1, 1, 1, 1)
        return (x - a.sqrt() * batch) / (1 - a).sqrt()

    seen, losses = [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for says in (lambda x, t: torch.zeros_like(x), lambda x, t: torch.full_like(x, 3.0), exact):
            net = Watched(says)
            values = [_one_loss(answer, net, batch, products) for _ in range(_ROUNDS)]
            if values[0] is None:
                return None
            seen, losses = seen + net.seen, [*losses, float(np.mean(values))]
    return *_kernel_seen(seen, batch, len(abar) - 1), np.array(losses)


def _one_loss(answer: Answer, net: Watched, x0: Tensor, abar: Tensor) -> float | None:
    calls = len(net.seen)
    loss = answer(net, x0, abar)
    if loss is None:
        return None
    if not calls:
        leads_back(loss, "the loss", "the network's weights", net.shift)
    if loss.ndim:
        raise UnusableError(f"the loss should be one number, of the shape [], and has the shape {list(loss.shape)}.")
    if len(net.seen) != calls + 1:
        raise UnusableError(f"the network is asked {len(net.seen) - calls} times. Once for the whole batch is enough.")
    if net.seen[-1][0].shape != x0.shape:
        raise UnusableError(f"for x0 of the shape {list(x0.shape)} x_t has the shape {list(net.seen[-1][0].shape)}.")
    return float(loss)


def _kernel_seen(seen: list[tuple[Tensor, Tensor]], x0: Tensor, T: int) -> tuple[np.ndarray, ...]:
    """Return shares, factors of the picture and sizes of the noise; raise if a batch shares what it should not."""
    x, t = torch.stack([x.detach() for x, _ in seen]).flatten(2), torch.stack([t for _, t in seen])
    known = x0.flatten(1)
    factor = (x * known).sum(2) / (known**2).sum(1)
    noise = x - factor[:, :, None] * known
    size = noise.square().mean(2).sqrt()
    _check_draws(x, t, noise, known, T)
    check_axes(noise.reshape(*noise.shape[:2], *x0.shape[1:]))
    counts = [(t == k).double().mean().item() for k in range(T + 1)]
    at = [t == k for k in range(1, T + 1)]
    signal = [factor[here].mean().item() if here.any() else 0.0 for here in at]
    spread = [size[here].square().mean().sqrt().item() if here.any() else 0.0 for here in at]
    return tuple(np.array(found).round(9) for found in ([*counts, 1 - sum(counts)], signal, spread))


def _check_draws(x: Tensor, t: Tensor, noise: Tensor, known: Tensor, T: int) -> None:
    if torch.equal(x[0], x[1]) and torch.equal(t[0], t[1]):
        raise UnusableError("every call draws the same t and the same noise: set no seed inside of the function.")
    if noise.square().mean(2).sqrt().max() > _MUCH:
        raise UnusableError(
            "within one picture, x_t is not one number times x0 plus one number times noise. What has the shape [n] "
            "goes along the last axis of a picture, its columns; give it the shape [n, 1, 1, 1]."
        )
    if T > 1 and (t == t[:, :1]).all():
        raise UnusableError("all pictures of a batch get the same t: draw one t for each of them.")
    if noise.abs().max() < 1e-6:
        return
    x, known = x - x.mean(2, keepdim=True), known - known.mean(1, keepdim=True)
    alike = x - (x * known).sum(2, keepdim=True) / (known**2).sum(1)[:, None] * known
    if alike.abs().max() < 1e-6:
        raise UnusableError("all pixels of a picture get the same noise: draw one number for each of them.")
    one, other = alike[:, 1:].flatten(1), alike[:, :-1].flatten(1)
    if torch.cosine_similarity(one, other).mean() > 0.5:
        raise UnusableError("all pictures of a batch get the same noise: draw noise of the shape of x0.")


def check_axes(noise: Tensor, like: str = "x0") -> None:
    """Raise if the noise, [calls, n, c, h, w], is the same along one axis of a picture."""
    noise = noise - noise.mean((-3, -2, -1), keepdim=True)
    for axis, what in (-3, "colours"), (-2, "rows"), (-1, "columns"):
        # Independent numbers keep (k - 1)/k of their square, at least a half.
        within = (noise - noise.mean(axis, keepdim=True)).square().sum()
        if noise.shape[axis] > 1 and within < 0.25 * noise.square().sum():
            raise UnusableError(f"all {what} of a picture get the same noise: draw noise of the shape of {like}.")


def leads_back(result: Any, what: str, where: str, *sources: Tensor) -> None:
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
