"""The same coupling flow from five libraries: Real NVP on vectors, Glow on images.

Each library's own classes are composed as it would have them for speed: a coupling layer computes s and t in one
network, which sees the kept half alone, and no layer is there that the others do without.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise

import torch
from torch import Tensor, nn

Direction = Callable[[Tensor], tuple[Tensor, Tensor]]  # the image of a batch, and log |det| [n]
_MOVED = 0.01  # standard deviation of what is added to the weights, some of which start at zero


@dataclass(frozen=True)
class Peer:
    """One library's flow.

    Attributes:
        net: holds the weights.
        log_prob: of x, [n].
        sample: gives this many samples.
        forward: from z to x and log |det dx/dz|.
        inverse: from x to z and log |det dz/dx|.
    """

    net: nn.Module
    log_prob: Callable[[Tensor], Tensor]
    sample: Callable[[int], Tensor]
    forward: Direction
    inverse: Direction

    @property
    def weights(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.net.parameters() if p.requires_grad)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from this seed where a library draws from the global state, and leave that as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@torch.no_grad()
def moved(peer: Peer) -> Peer:
    """Return the flow with a little noise on its weights, as those that start at zero would hide mistakes."""
    with seeded(1):
        for p in peer.net.parameters():
            if p.requires_grad:
                p.add_(_MOVED * torch.randn_like(p))
    return peer


def normal_log_prob(z: Tensor) -> Tensor:
    """Return log N(z; 0, I), [n]."""
    z = z.flatten(1)
    return -0.5 * (z.square().sum(1) + z.shape[1] * math.log(2 * math.pi))


def teachkit_vectors(layers: int, hidden: int) -> Peer:
    """Return the library's own, with tanh; its networks see 2 numbers, of which one is the kept one, and give 4."""
    from teachkit.deep.coupling import CouplingFlow

    rng = torch.Generator().manual_seed(0)
    flow = CouplingFlow(2, layers, hidden, generator=rng)
    return Peer(flow, flow.log_prob, lambda n: flow.sample(n, rng), flow, flow.inverse)


def zuko_vectors(layers: int, hidden: int, activation: type[nn.Module] = nn.Tanh) -> Peer:
    """Return zuko's."""
    from zuko.flows import RealNVP

    flow = RealNVP(2, transforms=layers, hidden_features=(hidden, hidden), activation=activation)
    return Peer(
        flow,
        lambda x: flow().log_prob(x),
        lambda n: flow().sample((n,)),
        lambda z: flow().transform.inv.call_and_ladj(z),
        lambda x: flow().transform.call_and_ladj(x),
    )


def nflows_vectors(layers: int, hidden: int, activation: type[nn.Module] = nn.Tanh) -> Peer:
    """Return nflows', with a plain network in place of its residual one, which has more weights."""
    from nflows.distributions.normal import StandardNormal
    from nflows.flows.base import Flow
    from nflows.transforms.base import CompositeTransform
    from nflows.transforms.coupling import AffineCouplingTransform

    def network(d_in: int, d_out: int) -> nn.Module:
        return _WithContext(_mlp(d_in, d_out, hidden, activation))

    masks = [[1, -1] if i % 2 else [-1, 1] for i in range(layers)]
    transform = CompositeTransform([AffineCouplingTransform(mask, network) for mask in masks])
    flow = Flow(transform, StandardNormal([2]))
    return Peer(flow, flow.log_prob, flow.sample, transform.inverse, transform)


def normflows_vectors(layers: int, hidden: int, activation: type[nn.Module] = nn.Tanh) -> Peer:
    """Return that of normflows, whose halves change places by how they are split."""
    from normflows import NormalizingFlow
    from normflows.distributions import DiagGaussian
    from normflows.flows import AffineCouplingBlock

    modes = ["channel_inv" if i % 2 else "channel" for i in range(layers)]
    steps = [AffineCouplingBlock(_mlp(1, 2, hidden, activation), split_mode=mode) for mode in modes]
    flow = NormalizingFlow(DiagGaussian(2, trainable=False), steps)
    return Peer(flow, flow.log_prob, lambda n: flow.sample(n)[0], flow.forward_and_log_det, flow.inverse_and_log_det)


def freia_vectors(layers: int, hidden: int, activation: type[nn.Module] = nn.Tanh) -> Peer:
    """Return FrEIA's, two coupling layers to a block."""
    from FrEIA.framework import SequenceINN
    from FrEIA.modules import GLOWCouplingBlock

    flow = SequenceINN(2)
    for _ in range(layers // 2):
        flow.append(
            GLOWCouplingBlock,
            clamp_activation="TANH",
            subnet_constructor=partial(_mlp, hidden=hidden, activation=activation),
        )
    return over_normal(flow, partial(flow, rev=True), flow, lambda n: flow(torch.randn(n, 2), rev=True, jac=False)[0])


def over_normal(net: nn.Module, forward: Direction, inverse: Direction, sample: Callable[[int], Tensor]) -> Peer:
    """Return the peer of a library that leaves the density to its user."""

    def log_prob(x: Tensor) -> Tensor:
        z, log_det = inverse(x)
        return normal_log_prob(z) + log_det

    return Peer(net, log_prob, sample, forward, inverse)


class _WithContext(nn.Module):
    """A network as nflows calls it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, context: None = None) -> Tensor:
        return self.net(x)


def _mlp(d_in: int, d_out: int, hidden: int, activation: type[nn.Module]) -> nn.Sequential:
    sizes = d_in, hidden, hidden, d_out
    layers = [(nn.Linear(a, b), activation()) for a, b in pairwise(sizes)]
    return nn.Sequential(*list(chain.from_iterable(layers))[:-1])


VECTORS = {
    "zuko": zuko_vectors,
    "nflows": nflows_vectors,
    "normflows": normflows_vectors,
    "freia": freia_vectors,
}
