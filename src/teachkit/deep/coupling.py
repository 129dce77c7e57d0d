"""Coupling flows that train (chapter `coupling`): the torch twin of ``teachkit.coupling``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from teachkit import _check, _flow_arrays
from teachkit._files import write_whole
from teachkit.change_of_variables import Bijection
from teachkit.coupling import flow_from_arrays
from teachkit.deep._shared import Data, draw_from, linear

BOUND = 2.0  # |s| stays below it, so that no layer scales by more than exp(2)
_CLIP = 1.0  # largest norm of a training step's gradient


class CouplingFlow(nn.Module):
    """A flow of coupling layers over a standard normal base, affine (Real NVP) or additive (NICE).

    A layer has one network, with two hidden layers of tanh units, from the kept entries to s and t of the moved ones.
    Its last layer starts at zero, so the flow starts as the identity. Kept and moved entries change places from layer
    to layer. An additive flow ends with a scaling of each coordinate, statement `additive-coupling`.

    Args:
        d: number of coordinates, at least 2.
        layers: number of coupling layers.
        hidden: units in each hidden layer.
        additive: t alone, without s.
        generator: source of the initial weights.
        dtype: of the weights.

    Raises:
        ValueError: if a count is too small.

    >>> flow = CouplingFlow(generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> flow(torch.tensor([[1.0, 2.0]], dtype=torch.float64))[0].tolist()
    [[1.0, 2.0]]
    """

    def __init__(
        self,
        d: int = 2,
        layers: int = 8,
        hidden: int = 64,
        *,
        additive: bool = False,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.d = d = _check.count("d", d, low=2)
        layers, hidden = _check.count("layers", layers), _check.count("hidden", hidden)
        outputs, halves = 1 if additive else 2, ((d + 1) // 2, d // 2)  # of the coordinates 0, 2, ... and 1, 3, ...
        sizes = [(halves[i % 2], hidden, hidden, outputs * halves[1 - i % 2]) for i in range(layers)]
        self.networks = nn.ModuleList(_network(size, generator, dtype) for size in sizes)
        self.log_scale = nn.Parameter(torch.zeros(d, dtype=dtype)) if additive else None
        places = torch.arange(layers)[:, None] + torch.arange(d) + 1
        self.register_buffer("mask", (places % 2).to(dtype), persistent=False)  # (1, 0, ...), (0, 1, ...), ...

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x [n, d] and log |det dx/dz| [n] for z [n, d]; statements `affine-coupling`, `coupling-log-det`."""
        halves = self._halves("z", z)
        sums = [self._move(i, halves) for i in range(len(self.networks))]
        x = _whole(*halves)
        if self.log_scale is not None:
            return x * torch.exp(self.log_scale), self.log_scale.sum().expand(len(z))
        return x, torch.cat(sums).sum(0)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z [n, d] and log |det dz/dx| [n] for x [n, d]."""
        halves, log_det = self._inverse_halves(x)
        return _whole(*halves), log_det

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, [n], for x [n, d]; statement `flow-log-density`."""
        x = self._points("x", x)
        (even, odd), log_det = self._inverse_halves(_padded(x))
        squares = even.square().sum(0) + odd.square().sum(0)
        return (log_det - 0.5 * (squares + self.d * math.log(2 * math.pi)))[: len(x)]

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Return n independent samples, [n, d]."""
        n, like = _check.count("n", n), self.mask
        return self(torch.randn(n, self.d, generator=generator, dtype=like.dtype, device=like.device))[0]

    def path(self, z: Tensor) -> Iterator[Tensor]:
        """Yield z and its image after each layer, [n, d] each; a scaling layer counts."""
        halves = self._halves("z", z)
        yield z
        for i in range(len(self.networks)):
            self._move(i, halves)
            yield (x := _whole(*halves))
        if self.log_scale is not None:
            yield x * torch.exp(self.log_scale)

    def _inverse_halves(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        if self.log_scale is not None:
            x = self._points("x", x) * torch.exp(-self.log_scale)
        halves = self._halves("x", x)
        sums = [self._move(i, halves, back=True) for i in reversed(range(len(self.networks)))]
        if self.log_scale is not None:
            return halves, -self.log_scale.sum().expand(len(x))
        return halves, -torch.cat(sums).sum(0)

    def _halves(self, name: str, x: Tensor) -> list[Tensor]:
        """Return the coordinates 0, 2, ... and 1, 3, ... as rows [m, n]: layer i keeps the half i % 2."""
        x = self._points(name, x).t()
        return [x[0::2], x[1::2]]

    def _move(self, i: int, halves: list[Tensor], *, back: bool = False) -> Tensor | None:
        """Let layer i, or its inverse, replace one half; return the terms of log |det|, [m, n], of an affine layer."""
        moved = 1 - i % 2
        s, t = self._condition(i, halves[i % 2])
        y = halves[moved] - t if back else halves[moved]
        y = y if s is None else y * torch.exp(-s if back else s)
        halves[moved] = y if back else y + t
        return s

    def _condition(self, i: int, kept: Tensor) -> tuple[Tensor | None, Tensor]:
        """Return s, None in an additive layer, and t of the moved coordinates, from those kept: rows [m, n] all."""
        first, _, hidden, _, last = self.networks[i]
        out = _affine(last, _affine(hidden, _affine(first, kept).tanh_()).tanh_())
        out = out.to(kept.dtype)  # autocast may have computed it in fewer digits
        if self.log_scale is not None:
            return None, out
        raw_s, t = out.chunk(2)
        return BOUND * torch.tanh(raw_s / BOUND), t

    def _points(self, name: str, x: Tensor) -> Tensor:
        if x.ndim != 2 or x.shape[1] != self.d or len(x) == 0:
            raise ValueError(f"{name}: expected shape [n, {self.d}] with n at least 1, got {tuple(x.shape)}")
        return x


class Step(NamedTuple):
    """One training step: its number, from 1, and the loss in nats on its batch, before the weights changed."""

    step: int
    loss: float


def fit(
    flow: CouplingFlow,
    data: Data,
    *,
    steps: int = 3000,
    batch: int = 512,
    lr: float = 3e-3,
    generator: torch.Generator,
) -> Iterator[Step]:
    """Train the flow in place by maximum likelihood, statement `mle-is-kl`, and yield after each step.

    Adam with a cosine decay of the learning rate to 0; gradients longer than 1 are cut to that length. The loss
    is -mean log p over the batch, and its lowest possible expectation is the entropy of the data's law.

    Args:
        flow: what to train.
        data: samples [n, d], from which batches are drawn with replacement, or a callable
            (n, generator) -> [n, d] that gives fresh samples.
        steps: number of steps.
        batch: samples in each.
        lr: learning rate at the start.
        generator: source of the batches.

    Raises:
        ValueError: if a number is not positive or the data do not fit the flow.
        FloatingPointError: if the loss is not finite.

    >>> flow = CouplingFlow(layers=2, hidden=8, generator=torch.Generator().manual_seed(0))
    >>> normal = lambda n, generator: torch.randn(n, 2, generator=generator)
    >>> [step.step for step in fit(flow, normal, steps=2, generator=torch.Generator().manual_seed(1))]
    [1, 2]
    """
    steps, batch, lr = _check.count("steps", steps), _check.count("batch", batch), _check.positive("lr", lr)
    draw = data if callable(data) else draw_from(flow._points("data", data))
    optimizer = torch.optim.Adam(flow.parameters(), lr, fused=True)
    schedule = CosineAnnealingLR(optimizer, steps)
    return (Step(i, _update(flow, draw(batch, generator), optimizer, schedule)) for i in range(1, steps + 1))


def bijections(flow: CouplingFlow) -> list[Bijection]:
    """Return the NumPy twin, layer by layer, in float64.

    >>> flow = CouplingFlow(layers=3, generator=torch.Generator().manual_seed(0))
    >>> len(bijections(flow))
    3
    """
    return flow_from_arrays(to_arrays(flow))


def to_arrays(flow: CouplingFlow) -> dict[str, np.ndarray]:
    """Return the weights as plain arrays, as ``teachkit.coupling.flow_from_arrays`` reads them.

    There a network has weights for all entries, and a mask; those that the mask takes away are 0 here.

    >>> sorted(to_arrays(CouplingFlow(generator=torch.Generator().manual_seed(0))))
    ['W0', 'W1', 'W2', 'b0', 'b1', 'b2', 'bound', 'mask']
    """
    (layers, d), mask, hidden = flow.mask.shape, flow.mask.cpu().numpy().copy(), flow.networks[0][0].out_features
    sizes = (d, hidden, hidden, 2 * d if flow.log_scale is None else d)
    arrays = {"mask": mask, **_flow_arrays.zeros(layers, sizes, mask.dtype)}
    if flow.log_scale is None:
        arrays["bound"] = np.array(BOUND, mask.dtype)
    else:
        arrays["log_scale"] = flow.log_scale.detach().cpu().numpy().copy()
    for i, network in enumerate(flow.networks):
        for part, p in zip(_flow_arrays.used(arrays, i), network.parameters(), strict=True):
            part[...] = p.detach().cpu().numpy().reshape(part.shape)
    return arrays


def from_arrays(arrays: Mapping[str, ArrayLike]) -> CouplingFlow:
    """Undo ``to_arrays``: return the flow with these weights, in their precision.

    Raises:
        ValueError: as ``flow_from_arrays``, or if the depth, the sizes, the masks or the bound are not those of a
            ``CouplingFlow``.

    >>> flow = CouplingFlow(layers=3, generator=torch.Generator().manual_seed(0))
    >>> np.array_equal(to_arrays(from_arrays(to_arrays(flow)))["W1"], to_arrays(flow)["W1"])
    True
    """
    mask, weights, bound, log_scale = _flow_arrays.read(arrays)
    (layers, d), hidden, additive = mask.shape, weights[0][1].shape[1], bound is None
    dtype = torch.float32 if np.asarray(arrays["W0"]).dtype == np.float32 else torch.float64
    flow = CouplingFlow(d, layers, hidden, additive=additive, generator=torch.Generator(), dtype=dtype)
    if [W.shape[1] for W, _ in weights[:-1]] != [hidden, hidden]:
        raise ValueError("arrays: expected W0 to W2, with hidden layers of one size")
    if not np.array_equal(mask, flow.mask) or bound not in (None, BOUND):
        raise ValueError(f"arrays: expected alternating masks and the bound {BOUND}")
    named = {f"{kind}{j}": x for j, pair in enumerate(weights) for kind, x in zip("Wb", pair, strict=True)}
    with torch.no_grad():
        for i, network in enumerate(flow.networks):
            for part, p in zip(_flow_arrays.used(named, i), network.parameters(), strict=True):
                p.copy_(torch.from_numpy(part.reshape(p.shape)))
        if log_scale is not None:
            flow.log_scale.copy_(torch.from_numpy(log_scale))
    return flow


def save_npz(flow: CouplingFlow, path: Path | str) -> None:
    """Write ``to_arrays`` in NumPy's .npz format to a file of this name, which appears whole or not at all."""
    with write_whole(path) as file:
        np.savez_compressed(file, **to_arrays(flow))


def _affine(layer: nn.Linear, rows: Tensor) -> Tensor:
    """Return W rows + b, one column for each sample; ``addmm`` would first write the biases out, n times."""
    return torch.mm(layer.weight, rows).add_(layer.bias[:, None])


def _padded(x: Tensor) -> Tensor:
    """Return x, with a few rows more if n is a multiple of 1024.

    The numbers of one sample then stand n apart, compete for the same places of a cache, and slow products down.
    """
    return x if len(x) % 1024 else torch.cat([x, x[:16]])


def _whole(even: Tensor, odd: Tensor) -> Tensor:
    """Return the coordinates in their places, [n, d], from the even and the odd ones."""
    x = even.new_empty(even.shape[1], len(even) + len(odd))
    x[:, 0::2], x[:, 1::2] = even.t(), odd.t()
    return x


def _network(sizes: tuple[int, ...], generator: torch.Generator, dtype: torch.dtype) -> nn.Sequential:
    """Return tanh layers with weights of variance 1 / (inputs) and a last layer of zeros."""
    modules: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        modules += [linear(fan_in, fan_out, generator=generator, dtype=dtype), nn.Tanh()]
    nn.init.zeros_(modules[-2].weight), nn.init.zeros_(modules[-2].bias)
    return nn.Sequential(*modules[:-1])


def _update(flow: CouplingFlow, x: Tensor, optimizer: torch.optim.Optimizer, schedule: LRScheduler) -> float:
    loss = -flow.log_prob(x).mean()
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss.item()}: lower lr, or check the data")
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(flow.parameters(), _CLIP)
    optimizer.step()
    schedule.step()
    return loss.item()
