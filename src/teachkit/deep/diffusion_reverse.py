"""Training a denoiser, and its worth in bits (chapter `diffusion_reverse`): the torch twin of that module.

A network takes noisy data [n, ...], their steps [n] and, if it was made for them, classes [n]. A denoiser takes data
and steps and returns the noise: ``denoiser`` makes one of a network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from teachkit import _check
from teachkit.deep import _weights
from teachkit.deep._shared import generator, returned
from teachkit.deep.source import Batch, Source
from teachkit.deep.train import Nets, Part
from teachkit.deep.unet import UNet, unet
from teachkit.diffusion_forward import Schedule, prior_kl
from teachkit.diffusion_reverse import KINDS, Bound, bound_weights, reverse_variance

Denoiser = Callable[[Tensor, Tensor], Tensor]
NET = "denoiser"


def target(x0: Tensor, eps: Tensor, t: Tensor, schedule: Schedule, kind: str = "noise") -> tuple[Tensor, Tensor]:
    """Return x_t = a x0 + s eps and what a network of this kind is to say there, definition `four-targets`.

    Args:
        x0: data [n, ...].
        eps: noise, likewise.
        t: steps [n], 1 to T.
        schedule: of the levels of noise.
        kind: "noise", "x0", "v" or "score".

    Raises:
        ValueError: if a shape or type does not fit, the kind is none of these, or, on the CPU, t is out of range.

    >>> target(torch.ones(1, 1), 2 * torch.ones(1, 1), torch.tensor([1]), Schedule([0.36]), "v")  # a = 0.8, s = 0.6
    (tensor([[2.]]), tensor([[1.]]))
    """
    if not x0.is_floating_point() or eps.shape != x0.shape:
        got = " and ".join(f"{list(x.shape)} of {x.dtype}" for x in (x0, eps))
        raise ValueError(f"x0 and eps: expected one shape and a floating-point type, got {got}")
    a, s = shares(schedule, t, x0)
    said = {"noise": lambda: eps, "x0": lambda: x0, "v": lambda: a * eps - s * x0, "score": lambda: -eps / s}
    return a * x0 + s * eps, said[_kind(kind)]()


def ddpm_parts(
    schedule: Schedule, kind: str = "noise", *, classes_dropped: float = 0.1, lr: float = 2e-4
) -> tuple[Part]:
    """Return the turn of the network "denoiser" for the engine, algorithm `ddpm-training`.

    A step takes a batch, draws a step t of the schedule and noise for each row, and lowers the mean square between
    what the network says at x_t and its target. The optimizer is Adam.

    Args:
        schedule: of the levels of noise.
        kind: what the network says: "noise", "x0", "v" or "score".
        classes_dropped: share of the rows whose class is hidden, if the data come with classes.
        lr: learning rate.

    Raises:
        ValueError: if the kind is none of these or a number out of range.

    >>> from teachkit.diffusion_forward import linear_schedule
    >>> ddpm_parts(linear_schedule())[0].net
    'denoiser'
    """
    kind, dropped, T = _kind(kind), share("classes_dropped", classes_dropped), schedule.T

    def loss(nets: Nets, batch: Batch, source: Source) -> Tensor:
        x0, y = with_classes(nets[NET], batch, source, dropped)
        t = (source.uniform() * T).long().clamp(max=T - 1) + 1
        xt, wanted = target(x0, source.normal(*x0.shape[1:]), t, schedule, kind)
        return mse_loss(nets[NET](xt, t) if y is None else nets[NET](xt, t, y), wanted)

    return (Part(NET, loss, partial(torch.optim.Adam, lr=_check.positive("lr", lr))),)


def with_classes(net: nn.Module, batch: Batch, source: Source, dropped: float) -> tuple[Tensor, Tensor | None]:
    """Return the data of a batch and their classes, or None; a share of the classes is hidden from the network."""
    if isinstance(batch, Tensor):
        return batch, None
    if len(batch) != 2 or batch[1].is_floating_point():
        raise ValueError(f"batch: expected data and whole numbers as classes, got {[x.dtype for x in batch]}")
    x0, y = batch
    if net.classes is None:
        raise ValueError("net: expected one that takes classes, as the data come with them")
    return x0, torch.where(source.uniform() < dropped, net.classes, y.long())


def denoiser(net: nn.Module, schedule: Schedule, kind: str = "noise", y: Tensor | None = None) -> Denoiser:
    """Return (x_t, t) -> noise of a network of any kind, proposition `same-prediction`.

    Args:
        net: takes x_t and t, and y if that is given.
        schedule: with which it was trained.
        kind: what it says.
        y: classes of the rows, [n].

    Raises:
        ValueError: if the kind is unknown.

    >>> says_x0 = denoiser(lambda x, t: torch.ones_like(x), Schedule([0.36]), "x0")
    >>> says_x0(torch.tensor([[2.0]]), torch.tensor([1]))  # (2 - 0.8) / 0.6
    tensor([[2.]])
    """
    kind = _kind(kind)

    def noise(xt: Tensor, t: Tensor) -> Tensor:
        said = net(xt, t) if y is None else net(xt, t, y)
        if kind == "noise":
            return said
        a, s = shares(schedule, t, xt)
        return {"x0": lambda: (xt - a * said) / s, "v": lambda: s * xt + a * said, "score": lambda: -s * said}[kind]()

    return noise


@torch.no_grad()
def bound_bits(
    denoiser: Denoiser,
    x0: Tensor,
    schedule: Schedule,
    rng: torch.Generator,
    variance: str | np.ndarray = "posterior",
    *,
    levels: int | None = 256,
    rows: int | None = None,
) -> Bound:
    """Return the terms of the variational bound in bits for each number of the data, theorem `bound-split`.

    ``steps[1]`` is L_0. With ``levels`` the data are whole numbers 0 to levels - 1, brought to -1 to 1, and the
    decoder gives each the mass of N(mu_1, sigma_1^2) around it, the two ends the tails as well (Ho, Jain and Abbeel
    2020, equation 13): then the total bounds the length of a lossless code. Without, it is the NumPy twin's density.

    Args:
        denoiser: (x_t, t [n]) -> noise.
        x0: data [n, ...], from -1 to 1.
        schedule: of the levels of noise.
        rng: of the noise, one ``randn`` a step from t = 1 to T.
        variance: sigma_t^2, as for the NumPy twin: "posterior", "beta" or numbers; beta_1 at t = 1 where it is 0 there.
        levels: how many values a number can have.
        rows: of the data in each step's mean. Each step goes on where the one before stopped, but L_0, as a rule the
            largest term, sees no more than these either. All rows in each step without it.

    Raises:
        ValueError: if the data are empty or not such levels, rows are more than there are, rng is no generator of
            torch, or the denoiser changes the shape.

    >>> from teachkit.diffusion_forward import linear_schedule
    >>> x0, rng = torch.ones(2, 1, 4, 4), torch.Generator().manual_seed(0)
    >>> round(bound_bits(lambda x, t: 0 * x, x0, linear_schedule(), rng).prior, 6)  # nearly nothing is left at T
    2.9e-05
    """
    n, rows, rng = len(x0), _rows(x0, rows, levels), generator("rng", rng, x0.device)
    sigma2, weights = np.array(reverse_variance(schedule, variance)), bound_weights(schedule, variance)
    sigma2[1] = sigma2[1] or schedule.beta[1]
    d, steps = x0[0].numel(), np.zeros(schedule.T + 1)
    for t in range(1, schedule.T + 1):
        x = x0[(torch.arange(rows) + (t - 1) * rows) % n]
        eps, times = torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype), torch.full((rows,), t)
        a, s = math.sqrt(schedule.abar[t]), math.sqrt(1 - schedule.abar[t])
        seen = returned("denoiser", denoiser(a * x + s * eps, times.to(x.device)), x.shape)
        if t == 1 and levels is not None:
            steps[1] = _coded(x.double(), (x + s / a * (eps - seen)).double(), math.sqrt(sigma2[1]), levels) / rows
        else:
            steps[t] = weights[t] * (eps - seen).double().square().sum().item() / rows
    ratio = schedule.posterior_variance[2:] / sigma2[2:]
    steps[2:] += d / 2 * (ratio - 1 - np.log(ratio))
    steps[1] += d / 2 * np.log(2 * np.pi * sigma2[1]) if levels is None else 0.0
    prior = prior_kl(x0.double().cpu().numpy(), schedule).mean()
    return Bound(float(prior) / d / math.log(2), steps / d / math.log(2))


def level_log_mass(x: Tensor, mean: Tensor, std: float, levels: int) -> Tensor:
    """Return the log of the mass that N(mean, std^2) gives to the level of x, of the shape of x.

    The levels lie evenly from -1 to 1; the border between two is half way, and the outer ones have the tails.

    Raises:
        ValueError: if std is not above 0, or levels below 2.

    >>> x = torch.linspace(-1, 1, 5, dtype=torch.double)
    >>> round(level_log_mass(x, torch.tensor(0.3), 0.4, 5).exp().sum().item(), 12)
    1.0
    """
    half, std = 1 / (_check.count("levels", levels, low=2) - 1), _check.positive("std", std)
    low, high = (x - half - mean) / std, (x + half - mean) / std
    low = torch.where(x < -1 + half, -torch.inf, low)
    high = torch.where(x > 1 - half, torch.inf, high)
    right = low + high > 0  # taken to the left tail, where the masses keep their digits
    low, high = torch.where(right, -high, low), torch.where(right, -low, high)
    below, above = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
    return above + torch.log(-torch.expm1(below - above))


def save(path: Path | str, net: UNet) -> None:
    """Write a U-Net's weights as float16 to an .npz file, which appears whole or not at all."""
    _weights.save(path, net)


def load(path: Path | str) -> UNet:
    """Return the U-Net whose weights stand in a file, in evaluation mode; its sizes are read from the weights.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no weights of a U-Net.
    """
    arrays = _weights.read(path)
    try:
        net = unet(**_sizes(arrays), rng=torch.Generator())
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected the weights of a U-Net, got {', '.join(arrays) or 'none'}") from error
    return _weights.fill(net, arrays, path)


def share(name: str, value: float) -> float:
    """Return ``value`` if it is a number from 0 to 1, else raise ``ValueError``.

    >>> share("classes_dropped", 0.1)
    0.1
    """
    if not 0 <= _check.number(name, value) <= 1:
        raise ValueError(f"{name}: expected a number from 0 to 1, got {value}")
    return value


def _sizes(arrays: Mapping[str, np.ndarray]) -> dict[str, object]:
    """Return the arguments of ``unet``, from the layers of the way down: blocks, and a ``Down`` between two grids."""
    channels = arrays["first.weight"].shape[1]
    indices = sorted({int(name.split(".")[1]) for name in arrays if name.startswith("down.")})
    grids: list[list[int]] = [[]]
    for i in indices:
        if f"down.{i}.conv.weight" in arrays:
            grids.append([])
        else:
            grids[-1].append(i)
    if not all(grids):
        raise ValueError("a grid without blocks")
    outs = [len(arrays[f"down.{grid[-1]}.after.0.weight"]) for grid in grids]
    width = math.gcd(*outs)  # the first grid may have several times the width that the network was made with
    return {
        "channels": channels,
        "width": width,
        "multipliers": [out // width for out in outs],
        "attention": sum(f"down.{grid[-1]}.attention.qkv.weight" in arrays for grid in grids),
        "classes": len(arrays["label.weight"]) - 1 if "label.weight" in arrays else None,
        "blocks": len(grids[0]),
    }


def shares(schedule: Schedule, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return a = sqrt(abar_t) and s = sqrt(1 - abar_t), shaped to multiply the rows of x."""
    if t.shape != x.shape[:1] or t.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"t: expected {len(x)} whole numbers of type int64, got {list(t.shape)} of {t.dtype}")
    if t.device.type == "cpu" and ((t < 1) | (t > schedule.T)).any():  # elsewhere a look would wait for the device
        raise ValueError(f"t: expected steps from 1 to {schedule.T}, got {t.min()} to {t.max()}")
    shares = _table(schedule, x.dtype, x.device)[:, t]
    return shares.reshape(2, -1, *(1,) * (x.ndim - 1)).unbind()


@lru_cache(16)
def _table(schedule: Schedule, dtype: torch.dtype, device: torch.device) -> Tensor:
    abar = torch.tensor(schedule.abar)  # a copy: the schedule's own array can't be written to
    return torch.stack([abar.sqrt(), (1 - abar).sqrt()]).to(device, dtype)


def _coded(x: Tensor, mean: Tensor, std: float, levels: int) -> float:
    return -level_log_mass(x, mean, std, levels).sum().item()


def _rows(x0: Tensor, rows: int | None, levels: int | None) -> int:
    if x0.ndim < 2 or x0.numel() == 0:
        raise ValueError(f"x0: expected shape [n, ...] with n at least 1, got {list(x0.shape)}")
    if not x0.is_floating_point():
        raise ValueError(f"x0: expected floating-point numbers, as `scaled` makes of bytes, got {x0.dtype}")
    if levels is not None:
        number = (x0.double() + 1) / 2 * (_check.count("levels", levels, low=2) - 1)
        if not (x0.abs().max() <= 1 and (number - number.round()).abs().max() < 1e-3):
            raise ValueError(f"x0: expected {levels} even levels from -1 to 1, as `scaled` makes of bytes")
    if (rows := len(x0) if rows is None else _check.count("rows", rows)) > len(x0):
        raise ValueError(f"rows: expected at most the {len(x0)} rows of x0, got {rows}")
    return rows


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    return kind
