"""Flow matching in torch (chapter `sampling`): its loss for the engine, and the way from noise to data.

Time runs as in the NumPy twin: t = 0 is the noise z, t = 1 the data x.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from teachkit import _check
from teachkit.deep._shared import returned
from teachkit.deep.diffusion_reverse import share, with_classes
from teachkit.deep.source import Batch, Source
from teachkit.deep.train import Nets, Part

FLOW = "velocity"
_SPAN = 1000  # the times 0 to 1 of a flow, for a network that is told times as numbers of steps


def flow_matching_part(*, classes_dropped: float = 0.1, lr: float = 2e-4) -> Part:
    """Return the turn of the network "velocity" for the engine, statement `flow-matching`.

    A step takes a batch x, draws noise z and a time t from 0 to 1 for each row, and lowers the mean square between
    x - z and what the network says at (1 - t) z + t x. The network is told 1000 t, so a U-Net serves as it is.

    Args:
        classes_dropped: share of the rows whose class is hidden, if the data come with classes.
        lr: learning rate of Adam.

    Raises:
        ValueError: if a number is out of range.

    >>> flow_matching_part().net
    'velocity'
    """
    dropped = share("classes_dropped", classes_dropped)

    def loss(nets: Nets, batch: Batch, source: Source) -> Tensor:
        x, y = with_classes(nets[FLOW], batch, source, dropped)
        t, z = source.uniform(), source.normal(*x.shape[1:])
        xt = torch.lerp(z, x, t.reshape(-1, *(1,) * (x.ndim - 1)))
        said = nets[FLOW](xt, _SPAN * t) if y is None else nets[FLOW](xt, _SPAN * t, y)
        return mse_loss(said, x - z)

    return Part(FLOW, loss, partial(torch.optim.Adam, lr=_check.positive("lr", lr)))


def flow(
    net: nn.Module, z: Tensor, steps: int, method: str = "euler", y: Tensor | None = None
) -> Iterator[tuple[float, Tensor]]:
    """Yield (t, x) of dx/dt = net(x, 1000 t) from the noise (0, z) to the data (1, x), in equal steps.

    Args:
        net: of ``flow_matching_part``; takes x, the times [n], and y if that is given.
        z: noise [n, ...].
        steps: how many.
        method: "euler", one call of the network a step, or "heun", two.
        y: classes [n].

    Raises:
        ValueError: if the method is another word, steps are below 1 or z has no rows; on the way, if net returns
            another shape.

    >>> [round(x.item(), 3) for t, x in flow(lambda x, t: t[:, None] / 1000, torch.zeros(1, 1), 2, "heun")]
    [0.0, 0.125, 0.5]
    """
    if method not in ("euler", "heun"):
        raise ValueError(f"method: expected 'euler' or 'heun', got {method!r}")
    if z.ndim < 2 or z.numel() == 0:
        raise ValueError(f"z: expected shape [n, ...] with n at least 1, got {list(z.shape)}")
    return _flow(net, z.detach().clone(), _check.count("steps", steps), method == "heun", y)


@torch.no_grad()
def _flow(net: nn.Module, x: Tensor, steps: int, heun: bool, y: Tensor | None) -> Iterator[tuple[float, Tensor]]:
    exact = torch.promote_types(x.dtype, torch.float32)  # times of half the digits would be off
    times = _SPAN * torch.linspace(0, 1, steps + 1, device=x.device, dtype=exact)[:, None].expand(-1, len(x))

    def said(x: Tensor, t: Tensor) -> Tensor:
        return returned("net", net(x, t) if y is None else net(x, t, y), x.shape)

    yield 0.0, x
    for k in range(steps):
        slope = said(x, times[k])
        if heun:
            slope = (slope + said(x + slope / steps, times[k + 1])) / 2
        x = x + slope / steps
        yield (k + 1) / steps, x
