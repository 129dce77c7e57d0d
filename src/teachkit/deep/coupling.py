"""Coupling flows that train (chapter `coupling`): the torch twin of ``teachkit.coupling``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from teachkit import _check, _flow_arrays
from teachkit._files import write_whole
from teachkit.change_of_variables import Bijection
from teachkit.coupling import flow_from_arrays
from teachkit.deep._shared import Data, draw_from, linear

BOUND = 2.0  # |s| stays below it, so that no layer scales by more than exp(2)
_DEPTH = 3  # linear layers of a network
_CLIP = 1.0  # largest norm of a training step's gradient


class CouplingFlow(nn.Module):
    """A flow of coupling layers over a standard normal base, affine (Real NVP) or additive (NICE).

    A layer has one network, with two hidden layers of tanh units, which sees the kept entries. It has weights for all
    entries, and those for the others are never used. Its last layer starts at zero, so the flow starts as the
    identity. Kept and moved entries change places from layer to layer. An additive flow ends with a scaling of each
    coordinate, statement `additive-coupling`.

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
        sizes = (d, hidden, hidden, d if additive else 2 * d)
        self.networks = nn.ModuleList(_network(sizes, generator, dtype) for _ in range(layers))
        self.log_scale = nn.Parameter(torch.zeros(d, dtype=dtype)) if additive else None
        places = torch.arange(layers)[:, None] + torch.arange(d) + 1
        self.register_buffer("mask", (places % 2).to(dtype), persistent=False)  # (1, 0, ...), (0, 1, ...), ...

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return x [n, d] and log |det dx/dz| [n] for z [n, d]; statements `affine-coupling`, `coupling-log-det`."""
        halves = self._halves("z", z)
        sums = [self._move(i, halves) for i in range(len(self.networks))]
        x = _whole(halves)
        if self.log_scale is not None:
            return x * torch.exp(self.log_scale), self.log_scale.sum().expand(len(z))
        return x, torch.cat(sums).sum(0)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z [n, d] and log |det dz/dx| [n] for x [n, d]."""
        halves, log_det = self._inverse_halves(x)
        return _whole(halves), log_det

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x) in nats, [n], for x [n, d]; statement `flow-log-density`."""
        (even, odd), log_det = self._inverse_halves(x)
        squares = even.square().sum(0) + odd.square().sum(0)
        return log_det - 0.5 * (squares + self.d * math.log(2 * math.pi))

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
            yield (x := _whole(halves))
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
        first, hidden, last = (self.networks[i][2 * j] for j in range(_DEPTH))
        a = i % 2
        h = _affine(first.weight[:, a::2], first.bias, kept).tanh_()
        h = _affine(hidden.weight, hidden.bias, h).tanh_()
        W, b = (p.unflatten(0, (-1, self.d))[:, 1 - a :: 2].flatten(0, 1) for p in (last.weight, last.bias))
        out = _affine(W, b, h)
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
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
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

    >>> sorted(to_arrays(CouplingFlow(generator=torch.Generator().manual_seed(0))))
    ['W0', 'W1', 'W2', 'b0', 'b1', 'b2', 'bound', 'mask']
    """
    stacked = {
        name: torch.stack([getattr(network[2 * j], kind) for network in flow.networks])
        for j in range(_DEPTH)
        for name, kind in ((f"W{j}", "weight"), (f"b{j}", "bias"))
    }
    last = {"bound": torch.tensor(BOUND)} if flow.log_scale is None else {"log_scale": flow.log_scale}
    return {name: x.detach().cpu().numpy().copy() for name, x in {"mask": flow.mask, **stacked, **last}.items()}


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
    if [W.shape[1] for W, _ in weights[:-1]] != [hidden] * (_DEPTH - 1):
        raise ValueError(f"arrays: expected W0 to W{_DEPTH - 1}, with hidden layers of one size")
    if not np.array_equal(mask, flow.mask) or bound not in (None, BOUND):
        raise ValueError(f"arrays: expected alternating masks and the bound {BOUND}")
    _fill(flow, weights, log_scale)
    return flow


@torch.no_grad()
def _fill(flow: CouplingFlow, weights: _flow_arrays.Weights, log_scale: np.ndarray | None) -> None:
    for j, pair in enumerate(weights):
        W, b = map(torch.from_numpy, pair)
        for i, network in enumerate(flow.networks):
            network[2 * j].weight.copy_(W[i])
            network[2 * j].bias.copy_(b[i])
    if log_scale is not None:
        flow.log_scale.copy_(torch.from_numpy(log_scale))


def save_npz(flow: CouplingFlow, path: Path | str) -> None:
    """Write ``to_arrays`` in NumPy's .npz format to a file of this name, which appears whole or not at all."""
    with write_whole(path) as file:
        np.savez_compressed(file, **to_arrays(flow))


def _affine(W: Tensor, b: Tensor, rows: Tensor) -> Tensor:
    """Return W rows + b, one column for each sample; ``addmm`` would first write the biases out, n times."""
    return torch.mm(W, rows).add_(b[:, None])


def _whole(halves: Sequence[Tensor]) -> Tensor:
    """Return the coordinates in their places, [n, d], from the even and the odd ones."""
    even, odd = halves
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


def _update(
    flow: CouplingFlow, x: Tensor, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LRScheduler
) -> float:
    loss = -flow.log_prob(x).mean()
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss.item()}: lower lr, or check the data")
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(flow.parameters(), _CLIP)
    optimizer.step()
    schedule.step()
    return loss.item()
