"""Samplers in torch (chapter `sampling`), twins of that module: ancestral, DDIM, Heun, guidance.

A sampler is a generator of (t, x), from (T, x_T) down to (0, x_0). Each step is x_s = p x + q eps + c z, and the
numbers p, q, c of all steps are computed once. What was yielded is not changed later. Flow matching is in
``sampling_flow``; its names are here too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from tqdm.auto import tqdm

from teachkit import _check
from teachkit.deep._shared import generator, returned
from teachkit.deep.diffusion_reverse import Denoiser, denoiser, shares
from teachkit.deep.sampling_flow import flow, flow_matching_part
from teachkit.deep.unet import check_classes
from teachkit.diffusion_forward import Schedule
from teachkit.diffusion_reverse import reverse_variance
from teachkit.sampling import ddim_coefficients, grid_down

__all__ = ["ancestral", "calls", "clipped", "ddim", "flow", "flow_matching_part", "guided", "heun", "sample"]

Trajectory = Iterator[tuple[int, Tensor]]
Times = int | ArrayLike | None
Method = Literal["ancestral", "ddim", "heun"]


class _Move(NamedTuple):
    t: int
    s: int
    p: float
    q: float
    c: float


def ancestral(
    denoiser: Denoiser,
    xT: Tensor,
    schedule: Schedule,
    rng: torch.Generator,
    variance: str | ArrayLike = "posterior",
    noise_at_one: bool = False,
) -> Trajectory:
    """Yield (t, x_t) from (T, xT) to (0, x_0), algorithm `ancestral-sampling`; the arguments are the twin's.

    Args:
        denoiser: (x_t, t [n]) -> noise; it leaves its arguments as they are.
        xT: where to start, [n, ...].
        schedule: of T steps.
        rng: of the z, one ``randn`` of the shape of xT for each step in which sigma_t is not 0.
        variance: sigma_t^2: "posterior", "beta", or numbers.
        noise_at_one: add noise in the last step too.

    Raises:
        ValueError: at the call, if xT has no rows, rng is no generator on its device, or the variance is none of
            these; on the way, if the denoiser returns another shape.

    >>> from teachkit.diffusion_forward import linear_schedule
    >>> rng = torch.Generator().manual_seed(0)
    >>> *_, (t, x) = ancestral(lambda x, t: 0 * x, torch.zeros(2, 3), linear_schedule(), rng)
    >>> t, x.shape
    (0, torch.Size([2, 3]))
    """
    sigma = np.sqrt(reverse_variance(schedule, variance))
    moves = []
    for t in range(schedule.T, 0, -1):
        root, s = math.sqrt(schedule.alpha[t]), math.sqrt(1 - schedule.abar[t])
        noise = float(sigma[t]) if t > 1 or noise_at_one else 0.0
        moves.append(_Move(t, t - 1, 1 / root, -float(schedule.beta[t]) / s / root, noise))
    return _walk(denoiser, _start(xT), schedule.T, moves, generator("rng", rng, xT.device))


def ddim(
    denoiser: Denoiser,
    xT: Tensor,
    schedule: Schedule,
    times: Times = None,
    eta: float = 0.0,
    rng: torch.Generator | None = None,
) -> Trajectory:
    """Yield (t, x) of DDIM, statement `ddim-sampling`; the arguments are the twin's.

    With eta = 1 it is ancestral sampling over the steps that it visits, with the posterior's variance.

    Args:
        denoiser: as for ``ancestral``.
        xT: likewise.
        schedule: likewise.
        times: the steps to visit: their number, or themselves; None for all.
        eta: share of the noise that is drawn anew, 0 to 1.
        rng: of the noise; it may be left out if eta = 0.

    Raises:
        ValueError: as ``ancestral``; at the call also if a number is out of range, or rng is missing.

    >>> from teachkit.diffusion_forward import linear_schedule
    >>> path = ddim(lambda x, t: 0 * x, torch.ones(1, 1), linear_schedule(), times=2)
    >>> [(t, round(x.item(), 2)) for t, x in path]
    [(1000, 1.0), (500, 44.13), (0, 157.41)]
    """
    moves, x = _ddim_moves(schedule, times, eta), _start(xT)
    return _walk(denoiser, x, schedule.T, moves, generator("rng", rng, x.device) if eta > 0 else None)


def heun(denoiser: Denoiser, xT: Tensor, schedule: Schedule, times: Times = None) -> Trajectory:
    """Yield (t, x) of Heun's method on the ODE with the same marginals, statement `heun-sampling`.

    Two calls of the denoiser a step, one in the last. The arguments are those of ``ddim``.

    Raises:
        ValueError: as ``ddim``.

    >>> from teachkit.diffusion_forward import linear_schedule
    >>> [t for t, x in heun(lambda x, t: 0 * x, torch.ones(1, 1), linear_schedule(), times=2)]
    [1000, 500, 0]
    """
    return _heun(denoiser, _start(xT), schedule.T, _ddim_moves(schedule, times, 0.0))


def calls(method: Method, steps: int) -> int:
    """Return how often a sampler asks the network, without guidance.

    >>> calls("ddim", 10), calls("heun", 10)
    (10, 19)
    """
    return 2 * _check.count("steps", steps) - 1 if _method(method) == "heun" else _check.count("steps", steps)


def guided(conditional: Denoiser, unconditional: Denoiser, scale: float) -> Denoiser:
    """Return the denoiser eps_u + scale (eps_c - eps_u), statement `classifier-free-guidance`.

    >>> guided(lambda x, t: 2 * x, lambda x, t: x, 3.0)(torch.ones(1), torch.ones(1))
    tensor([4.])
    """
    scale = _check.number("scale", scale)
    return lambda x, t: torch.lerp(unconditional(x, t), conditional(x, t), scale)


def clipped(denoiser: Denoiser, schedule: Schedule, low: float = -1.0, high: float = 1.0) -> Denoiser:
    """Return the denoiser whose guess of x0 is brought to the range of the data before it is taken as noise.

    The data have numbers from ``low`` to ``high``. Where little of the signal is left, a small error in the noise is
    a large one in x0.

    Raises:
        ValueError: if ``low`` is not below ``high``.

    >>> from teachkit.diffusion_forward import Schedule
    >>> clipped(lambda x, t: 0 * x, Schedule([0.36]))(torch.tensor([[4.0]]), torch.tensor([1]))  # (4 - 0.8) / 0.6
    tensor([[5.3333]])
    """
    if not _check.number("low", low) < _check.number("high", high):
        raise ValueError(f"low: expected a number below {high}, got {low}")

    def noise(x: Tensor, t: Tensor) -> Tensor:
        a, s = shares(schedule, t, x)
        eps = returned("denoiser", denoiser(x, t), x.shape)
        x0 = (x - s * eps) / a
        return torch.where((x0 >= low) & (x0 <= high), eps, (x - a * x0.clamp(low, high)) / s)

    return noise


def sample(
    net: nn.Module,
    n: int,
    shape: Iterable[int],
    schedule: Schedule,
    method: Method = "ddim",
    steps: int | None = None,
    *,
    rng: torch.Generator,
    batch: int = 250,
    y: Tensor | None = None,
    scale: float = 1.0,
    kind: str = "noise",
    clip: bool = True,
    quiet: bool = False,
) -> Tensor:
    """Return n samples [n, ...] of a network, in batches under a progress bar.

    Args:
        net: takes x, t, and y if that is given; it lies where rng does.
        n: how many.
        shape: of one sample, such as (1, 28, 28).
        schedule: with which the network was trained.
        method: "ancestral" (with the posterior's variance), "ddim" (eta = 0) or "heun".
        steps: evenly spaced ones; all without it.
        rng: of all noise.
        batch: samples at a time.
        y: classes [n].
        scale: of guidance: 1 asks for the class alone, 0 for none, more overshoots; one call of the network at 1 or
            0, else two.
        kind: what the network says, see ``teachkit.deep.diffusion_reverse``.
        clip: bring the guess of x0 to -1 to 1 in each step.
        quiet: no bar.

    Raises:
        ValueError: if a number or class is out of range, the method unknown, rng no generator of torch, y no tensor of
            whole numbers or of another length, or there is a scale but no y.

    >>> from teachkit.diffusion_forward import linear_schedule
    >>> rng = torch.Generator().manual_seed(0)
    >>> sample(lambda x, t: 0 * x, 3, (1, 2, 2), linear_schedule(), "heun", 5, rng=rng, quiet=True).shape
    torch.Size([3, 1, 2, 2])
    """
    n, batch, shape = _check.count("n", n), _check.count("batch", batch), tuple(shape)
    rng = generator("rng", rng)
    if (_check.number("scale", scale) != 1 and y is None) or not (y is None or np.shape(y) == (n,)):
        raise ValueError(f"y: expected classes [{n}], got {None if y is None else list(np.shape(y))}")
    if y is not None:
        check_classes(y, getattr(net, "classes", None))
    walk = _walker(_method(method), schedule, steps, rng)
    parts, rounds = [], 1 + (schedule.T if steps is None else _check.count("steps", steps))
    with tqdm(total=rounds * math.ceil(n / batch), unit=" steps", disable=quiet) as bar:
        for start in range(0, n, batch):
            rows = slice(start, min(start + batch, n))
            eps = _towards(net, schedule, kind, None if y is None else y[rows].to(rng.device), scale)
            xT = torch.randn(rows.stop - start, *shape, generator=rng, device=rng.device)
            for t, x in walk(clipped(eps, schedule) if clip else eps, xT):
                bar.update()
                if t == 0:
                    parts.append(x)
    return torch.cat(parts)


@torch.no_grad()
def _walk(denoiser: Denoiser, x: Tensor, T: int, moves: list[_Move], rng: torch.Generator | None) -> Trajectory:
    times = _times(x, T)
    yield moves[0].t, x
    for t, s, p, q, c in moves:
        x = torch.add(x * p, returned("denoiser", denoiser(x, times[t]), x.shape), alpha=q)
        if c:
            x.add_(torch.randn(x.shape, generator=rng, dtype=x.dtype, device=x.device), alpha=c)
        yield s, x


@torch.no_grad()
def _heun(denoiser: Denoiser, x: Tensor, T: int, moves: list[_Move]) -> Trajectory:
    times = _times(x, T)
    yield moves[0].t, x
    for t, s, p, q, _ in moves:
        slope = returned("denoiser", denoiser(x, times[t]), x.shape)
        there = torch.add(x * p, slope, alpha=q)
        if s:
            slope = (slope + denoiser(there, times[s])) / 2
            there = torch.add(x * p, slope, alpha=q)
        yield s, (x := there)


def _ddim_moves(schedule: Schedule, times: Times, eta: float) -> list[_Move]:
    grid, moves = grid_down(times, schedule.T), []
    for t, s in pairwise(grid):
        a, b, c = ddim_coefficients(t, s, schedule, eta)
        root = math.sqrt(schedule.abar[t])
        moves.append(_Move(t, s, a / root, b - a * math.sqrt(1 - schedule.abar[t]) / root, c))
    return moves


def _times(x: Tensor, T: int) -> Tensor:
    """Return the steps 0 to T as a table whose row t is what a denoiser is told at step t: t for each row of x."""
    return torch.arange(T + 1, device=x.device)[:, None].expand(-1, len(x))


def _start(x: Tensor) -> Tensor:
    if x.ndim < 2 or x.numel() == 0:
        raise ValueError(f"xT: expected shape [n, ...] with n at least 1, got {list(x.shape)}")
    return x.detach().clone()


def _walker(method: Method, schedule: Schedule, steps: int | None, rng: torch.Generator) -> Callable[..., Trajectory]:
    if method == "heun":
        return lambda eps, xT: heun(eps, xT, schedule, steps)
    return lambda eps, xT: ddim(eps, xT, schedule, steps, float(method == "ancestral"), rng)


def _towards(net: nn.Module, schedule: Schedule, kind: str, y: Tensor | None, scale: float) -> Denoiser:
    """Return the denoiser that is guided to the classes y, with no more calls of the network than it needs."""
    plain = denoiser(net, schedule, kind)
    if y is None or scale == 0:
        return plain
    given = denoiser(net, schedule, kind, y)
    return given if scale == 1 else guided(given, plain, scale)


def _method(method: str) -> Method:
    if method not in get_args(Method):
        raise ValueError(f"method: expected one of {', '.join(get_args(Method))}, got {method!r}")
    return method
