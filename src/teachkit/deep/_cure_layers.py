"""Layers and wrappers of discriminators against mode collapse."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrize

from teachkit import _check


class SpectralNorm(nn.Module):
    """The parametrization W -> W / sigma, with sigma the largest singular value by power iteration.

    A pass in training mode makes one iteration, v = W^T u / |.| and u = W v / |.|, and keeps u. Gradients go through
    sigma = u^T W v with u and v held fixed, which is the exact gradient once they have converged.

    Args:
        W: the weight at the start, [out, ...]; all but its first axis are taken for one.
        generator: source of the first u.
        warmup: iterations before the first pass.

    Raises:
        ValueError: if W is zero, which no number makes a weight of norm 1.
    """

    def __init__(self, W: Tensor, *, generator: torch.Generator, warmup: int = 15) -> None:
        super().__init__()
        if not W.any():
            raise ValueError("W: expected a weight that is not zero")
        u = torch.randn(len(W), generator=generator, dtype=W.dtype, device=generator.device).to(W.device)
        self.register_buffer("u", normalize(u, dim=0))
        for _ in range(_check.count("warmup", warmup, low=0)):
            self._iterate(W.detach().flatten(1))

    def forward(self, W: Tensor) -> Tensor:
        """Return W / sigma."""
        flat = W.flatten(1)
        if self.training:
            self._iterate(flat.detach())
        u = self.u.clone()  # a second pass moves the buffer, which the gradient of the first one needs
        v = normalize(flat.detach().T @ u, dim=0)
        return W / (u @ flat @ v)

    @torch.no_grad()
    def _iterate(self, flat: Tensor) -> None:
        self.u.copy_(normalize(flat @ normalize(flat.T @ self.u, dim=0), dim=0))


def spectral_norm(net: nn.Module, *, generator: torch.Generator, warmup: int = 15) -> nn.Module:
    """Divide the weight of every Linear, Conv1d and Conv2d by its largest singular value, in place.

    Other layers stay as they are. A linear layer then stretches no vector, statement `spectral-norm`. A convolution's
    weight counts as the matrix [out, in * height * width]; with stride 1 the layer itself stretches at most
    sqrt(height * width) times.

    Args:
        net: a layer, or a network with layers in it; it is returned.
        generator: source of the first directions.
        warmup: iterations before the first pass.

    Raises:
        ValueError: if there is no such layer, or the weight of one is zero.

    >>> layer = spectral_norm(nn.Linear(3, 2, bias=False), generator=torch.Generator().manual_seed(0), warmup=99)
    >>> round(torch.linalg.matrix_norm(layer.weight.detach(), 2).item(), 4)
    1.0
    """
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d)
    layers = [layer for layer in net.modules() if isinstance(layer, kinds)]
    if not layers:
        raise ValueError(f"net: expected a linear or convolution layer in it, got {type(net).__name__} without one")
    for layer in layers:
        map_ = SpectralNorm(layer.weight, generator=generator, warmup=warmup)
        parametrize.register_parametrization(layer, "weight", map_)
    return net


class MinibatchDiscrimination(nn.Module):
    """Append to each row of features how close it is to the other rows of its batch, [n, a] -> [n, a + b].

    With M_i = x_i T, a matrix [b, c], the appended numbers are o_ib = sum over j of exp(-|M_ib - M_jb|_1). The row
    itself is among the j and adds 1.

    Args:
        features: a.
        kernels: b.
        width: c.
        generator: source of T, normal with variance 1 / a.
        dtype: of T.

    Raises:
        ValueError: if a size is below 1; in a pass, if x is not [n, a].
    """

    def __init__(
        self,
        features: int,
        kernels: int = 16,
        width: int = 4,
        *,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        shape = tuple(map(_check.count, ("features", "kernels", "width"), (features, kernels, width)))
        self.T = nn.Parameter(torch.randn(shape, generator=generator, dtype=dtype) * features**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Return x with the closeness of each row."""
        if x.ndim != 2 or x.shape[1] != len(self.T):
            raise ValueError(f"x: expected shape [n, {len(self.T)}], got {tuple(x.shape)}")
        M = torch.einsum("na,abc->bnc", x, self.T)
        return torch.cat([x, torch.exp(-torch.cdist(M, M, p=1)).sum(2).T], dim=1)


class Packed(nn.Module):
    """A discriminator of m samples at once: rows are put side by side, m at a time, as ``mode_collapse.packed`` does.

    Args:
        net: [k, m * d] -> [k, 1], for samples with d numbers.
        m: samples in a pack.

    Raises:
        ValueError: if m is below 1; in a pass, if the rows are no multiple of m.

    >>> Packed(nn.Linear(6, 1), 3)(torch.zeros(12, 2)).shape
    torch.Size([4, 1])
    """

    def __init__(self, net: nn.Module, m: int) -> None:
        super().__init__()
        self.net, self.m = net, _check.count("m", m)

    def forward(self, x: Tensor) -> Tensor:
        """Return one logit for each pack."""
        if len(x) == 0 or len(x) % self.m:
            raise ValueError(f"x: expected a multiple of {self.m} samples, got {len(x)}")
        return self.net(x.reshape(len(x) // self.m, -1))


class Pairs(nn.Module):
    """A discriminator of pairs (z, x), which are put side by side.

    Args:
        net: [n, k + d] -> [n, 1], for codes z with k numbers and samples x with d.

    >>> Pairs(nn.Linear(5, 1))(torch.zeros(4, 2), torch.zeros(4, 3)).shape
    torch.Size([4, 1])
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        """Return one logit for each pair."""
        return self.net(torch.cat([z.flatten(1), x.flatten(1)], dim=1))
