"""One loop for every model of the book: networks, what each of them lowers, and a source of batches.

A step lets every part of the model have its turns: it takes a batch, computes its loss, and changes its own network.
A flow or a denoiser has one part, an adversarial model two:

>>> from teachkit.deep.minimax import discriminator_loss, mlp, non_saturating_loss
>>> seeded = torch.Generator().manual_seed(0)
>>> nets = {"generator": mlp((2, 8, 2), generator=seeded), "critic": mlp((2, 8, 1), generator=seeded)}
>>> def critic(nets, x, source):
...     with torch.no_grad():
...         fake = nets["generator"](source.normal(2))
...     return discriminator_loss(nets["critic"](x), nets["critic"](fake))
>>> def generator(nets, x, source):
...     return non_saturating_loss(nets["critic"](nets["generator"](source.normal(2))))
>>> parts = [Part("critic", critic, times=2), Part("generator", generator)]
>>> training = Training(nets, parts, Source(torch.zeros(9, 2), 4, seed=0))
>>> [step.step for step in training.run(2)]
[1, 2]
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from teachkit import _check
from teachkit.deep.source import Batch, Source

Nets = Mapping[str, nn.Module]
Loss = Callable[[Nets, Batch, Source], Tensor]
Factory = Callable[..., torch.optim.Optimizer]
ADAM: Factory = partial(torch.optim.Adam, lr=2e-4, betas=(0.5, 0.999))


@dataclass(frozen=True)
class Part:
    """One network's turn in a step.

    Attributes:
        net: the network that is changed, but for what is frozen in it; all others are held fixed.
        loss: (networks, batch, source) -> one number, which is lowered; a mean over the rows, if processes share them.
        optimizer: parameters -> optimizer.
        times: turns in a row, each with a new batch.
        after: called with the network after each turn, for instance to clip its weights.
        twice: the loss differentiates the networks itself, as a gradient penalty does; such a part isn't compiled.
    """

    net: str
    loss: Loss
    optimizer: Factory = ADAM
    times: int = 1
    after: Callable[[nn.Module], object] | None = None
    twice: bool = False


class Step(NamedTuple):
    """One step: its number from 1, and by network the loss of its last turn and the norm of that gradient."""

    step: int
    losses: dict[str, Tensor]
    norms: dict[str, Tensor]


class Training:
    """A model between two steps: networks, optimizers, averages, source and step; all of it can be saved.

    Args:
        nets: by name; they are moved to the source's device and changed in place.
        parts: in the order of their turns.
        source: of batches and noise.
        ema: decay of an exponential average of a network's weights, by name.
        clip: largest norm of a gradient; longer ones are shortened.
        precision: of the forward passes, float32, bfloat16 or float16; weights stay what they are. float16 comes with
            a scaler, which skips a turn whose gradient overflows.
        compiled: compile the networks; where the compiler can't, they run as they are.

    Raises:
        ValueError: if a part or an average names no network, two parts name one, or a number is out of range.
    """

    def __init__(
        self,
        nets: Nets,
        parts: Sequence[Part],
        source: Source,
        *,
        ema: Mapping[str, float] | None = None,
        clip: float | None = None,
        precision: torch.dtype = torch.float32,
        compiled: bool = False,
    ) -> None:
        _check_names(nets, parts, ema or {})
        if precision not in (torch.float32, torch.bfloat16, torch.float16):
            raise ValueError(f"precision: expected float32, bfloat16 or float16 of torch, got {precision}")
        self.nets = {name: net.to(source.device) for name, net in nets.items()}
        self.parts, self.source, self.step = tuple(parts), source, 0
        self.clip = float("inf") if clip is None else _check.positive("clip", clip)
        self.optimizers = {part.net: part.optimizer(self.nets[part.net].parameters()) for part in self.parts}
        self.averages = {
            name: AveragedModel(self.nets[name], multi_avg_fn=_averaging(decay), use_buffers=True)
            for name, decay in (ema or {}).items()
        }
        self.scaler = torch.amp.GradScaler(source.device.type, enabled=precision == torch.float16)
        self._precision, self._pending = precision, _Pending(1 if source.device.type == "cpu" else 50)
        fast = _compiled(self.nets) if compiled else self.nets
        self._losses = {part.net: _loss(part, self.nets if part.twice else fast, source) for part in self.parts}

    def run(self, steps: int) -> Iterator[Step]:
        """Yield the steps up to number ``steps``, from the one after the last.

        Raises:
            ValueError: if ``steps`` is not a whole number of at least 1, or a loss not one number.
            FloatingPointError: if a loss or a gradient is not finite, with a scaler also unscaled; the message has the
                step. Off the CPU it comes up to 50 turns later, but before ``state`` returns anything.
            MemoryError: if the device has no room for a batch.
        """
        steps = _check.count("steps", steps)
        while self.step < steps:
            self.step += 1
            turns = {part.net: self._turns(part) for part in self.parts}
            for name, average in self.averages.items():
                average.update_parameters(self.nets[name])
            losses, norms = ({name: turn[i] for name, turn in turns.items()} for i in (0, 1))
            yield Step(self.step, losses, norms)
        self._pending.look()

    def state(self) -> dict[str, Any]:
        """Return everything that the next steps depend on, but Python's, NumPy's and torch's global state."""
        self._pending.look()
        return {
            "step": self.step,
            "nets": {name: net.state_dict() for name, net in self.nets.items()},
            "optimizers": {name: x.state_dict() for name, x in self.optimizers.items()},
            "averages": {name: x.state_dict() for name, x in self.averages.items()},
            "scaler": self.scaler.state_dict(),
            "source": self.source.state(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same model.

        Raises:
            ValueError: if the state is that of another model.
        """
        self._pending.turns.clear()
        for kind in ("nets", "optimizers", "averages"):
            mine = getattr(self, kind)
            if mine.keys() != state[kind].keys():
                raise ValueError(f"{kind}: expected {', '.join(mine)}, got {', '.join(state[kind])}")
            for name, x in mine.items():
                try:
                    x.load_state_dict(state[kind][name])
                except (RuntimeError, KeyError, ValueError) as error:
                    raise ValueError(f"{kind}: the state of {name} is another model's: {error}") from error
        self.scaler.load_state_dict(state["scaler"])
        self.source.load(state["source"])
        self.step = state["step"]

    def _turns(self, part: Part) -> tuple[Tensor, Tensor]:
        with _fixed(self.nets, part.net):
            for _ in range(part.times):
                loss, norm = self._turn(part)
                if part.after is not None:
                    part.after(self.nets[part.net])
        return loss, norm

    def _turn(self, part: Part) -> tuple[Tensor, Tensor]:
        net, optimizer = self.nets[part.net], self.optimizers[part.net]
        optimizer.zero_grad()
        try:
            with torch.autocast(self.source.device.type, self._precision, enabled=self._precision != torch.float32):
                loss = self._losses[part.net](self.source.batch())
            if loss.ndim:
                raise ValueError(f"loss of {part.net}: expected one number, got shape {tuple(loss.shape)}")
            self.scaler.scale(loss).backward()
        except torch.OutOfMemoryError as error:
            raise MemoryError(
                f"{self.source.device} has no room for a batch of {self.source.size} at step {self.step} "
                f"({part.net}); take a smaller batch: {error}"
            ) from error
        self.scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(net.parameters(), self.clip)
        loss = _over_processes(loss.detach())
        skips = self.scaler.scale(torch.ones_like(norm)) > 1  # the scaler, if there is one, a gradient that overflows
        self._pending.add(self.step, part.net, loss, torch.where(skips, 0, norm))
        self.scaler.step(optimizer)
        self.scaler.update()
        return loss, norm


@dataclass
class _Pending:
    """Losses and norms that nobody has looked at: a look makes the host wait for the device."""

    most: int
    turns: list[tuple[int, str, Tensor, Tensor]] = field(default_factory=list)

    def add(self, step: int, name: str, loss: Tensor, norm: Tensor) -> None:
        """Keep one turn."""
        self.turns.append((step, name, loss, norm))
        if len(self.turns) >= self.most:
            self.look()

    def look(self) -> None:
        """Raise ``FloatingPointError`` if one of them is not finite, and again until they are cleared."""
        if not self.turns:
            return
        values = torch.stack([torch.stack([loss, norm.to(loss)]) for *_, loss, norm in self.turns]).tolist()
        for (step, name, *_), (loss, norm) in zip(self.turns, values, strict=True):
            if not (abs(loss) < float("inf") and abs(norm) < float("inf")):
                raise FloatingPointError(
                    f"step {step}: the loss of {name} is {loss}, its gradient's norm {norm}: lower the learning rate, "
                    "clip the gradient, or check the data"
                )
        self.turns.clear()


@contextmanager
def _fixed(nets: Nets, name: str) -> Iterator[None]:
    """Hold all networks but one fixed, then leave them as they were found."""
    mine = set(nets[name].parameters())
    others = [p for net in nets.values() for p in net.parameters() if p.requires_grad and p not in mine]
    try:
        for p in others:
            p.requires_grad_(False)
        yield
    finally:
        for p in others:
            p.requires_grad_(True)


def _averaging(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor], None]:
    """Return the step of an average; whole numbers, such as an order of channels, are copied: rounding breaks them."""
    floats = get_ema_multi_avg_fn(decay)

    def step(mine: list[Tensor], new: list[Tensor], n: Tensor) -> None:
        floats(mine, new, n) if mine[0].is_floating_point() else torch._foreach_copy_(mine, new)

    return step


class _Whole(nn.Module):
    """A part's loss as the forward pass of one module, which holds the part's network: what DDP can wrap."""

    def __init__(self, part: Part, nets: Nets, source: Source) -> None:
        super().__init__()
        self.net, self.others, self.part, self.source = nets[part.net], [nets], part, source

    def forward(self, batch: Batch) -> Tensor:
        return self.part.loss(self.others[0], batch, self.source)


def _compiled(nets: Nets) -> Nets:
    """Return the networks compiled; what the compiler can't do runs as it is, and nothing is raised."""
    try:
        torch._dynamo.config.suppress_errors = True
        return {name: torch.compile(net) for name, net in nets.items()}
    except Exception as error:  # it has many ways to be missing or broken on a machine
        warnings.warn(f"not compiled: {type(error).__name__}: {error}", stacklevel=3)
        return nets


def _loss(part: Part, nets: Nets, source: Source) -> Callable[[Batch], Tensor]:
    """Return batch -> loss; with several processes its gradient is the mean of theirs."""
    whole = _Whole(part, nets, source)
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return whole
    return DistributedDataParallel(whole, device_ids=None if source.device.type == "cpu" else [source.device])


def _over_processes(loss: Tensor) -> Tensor:
    if dist.is_initialized() and dist.get_world_size() > 1:
        dist.all_reduce(loss)
        loss /= dist.get_world_size()
    return loss


def _check_names(nets: Nets, parts: Sequence[Part], ema: Mapping[str, float]) -> None:
    names = [part.net for part in parts]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"parts: expected at least one, and one for each network, got {names}")
    for argument, wanted in (("parts", names), ("ema", ema)):
        if unknown := [name for name in wanted if name not in nets]:
            raise ValueError(f"{argument}: expected names of {', '.join(nets)}, got {', '.join(unknown)}")
    for part in parts:
        _check.count(f"parts: times of {part.net}", part.times)
    for name, decay in ema.items():
        if not 0 <= _check.number(f"ema of {name}", decay) < 1:
            raise ValueError(f"ema of {name}: expected a number from 0 to below 1, got {decay}")
