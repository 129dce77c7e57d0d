"""Layers between couplings (chapter `coupling_images`): they scale each channel to size, and mix the channels.

A coupling keeps half of the entries. What stands here decides which half the next one keeps: a fixed order of the
channels, or a learned matrix. As in ``coupling_layers``, ``forward`` maps noise to data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.linalg import solve_triangular

from teachkit.deep._coupling_layer import Channelwise, Pushed
from teachkit.deep._coupling_norms import ActNorm, BatchNormFlow
from teachkit.deep._shared import generator

__all__ = ["ActNorm", "BatchNormFlow", "Conv1x1", "Permutation"]


class Conv1x1(Channelwise):
    """x = W z at each point of the image, an invertible c x c matrix, statement `conv1x1-log-det`.

    log |det| = h w log|det W|. With ``plu``, W = P L (U + diag(d)), statement `plu-form`: P stays, L is triangular
    with ones, U strictly triangular, and d keeps its signs; log|det W| is the sum of log|d|, c terms instead of c^3.
    The inverse solves with the c x c matrices, and multiplies the image once.

    Args:
        channels: c.
        plu: learn L, U and log|d|; without it learn W itself, which may become singular.
        rng: source of the random rotation at the start.
        weight: W at the start, in its place.

    Raises:
        ValueError: if the given W is not [c, c], finite and invertible, or neither it nor rng is given; when called,
            if the channels are others, or W has become singular.

    >>> flip = Conv1x1(2, weight=torch.tensor([[0.0, 1.0], [2.0, 0.0]]))
    >>> x, log_det = flip(torch.tensor([[3.0, 4.0]]))
    >>> x.tolist(), log_det.exp().tolist()
    ([[4.0, 6.0]], [2.0])
    """

    def __init__(
        self,
        channels: int,
        plu: bool = True,
        *,
        rng: torch.Generator | None = None,
        weight: Tensor | None = None,
    ) -> None:
        super().__init__(channels)
        self.plu = plu
        W = _rotation(self.channels, generator("rng", rng)) if weight is None else _invertible(weight, self.channels)
        if not plu:
            self.weight = nn.Parameter(W.to(torch.get_default_dtype()))
            return
        P, L, U = torch.linalg.lu(W)
        d, kind = U.diagonal(), torch.get_default_dtype()
        self.register_buffer("P", P.to(kind))
        self.register_buffer("sign", d.sign().to(kind))
        self.L, self.U = nn.Parameter(L.tril(-1).to(kind)), nn.Parameter(U.triu(1).to(kind))
        self.log_d = nn.Parameter(d.abs().log().to(kind))

    def matrix(self) -> Tensor:
        """Return W, [c, c]."""
        if not self.plu:
            return self.weight
        L = self.L.tril(-1) + torch.eye(self.channels, dtype=self.L.dtype, device=self.L.device)
        return self.P @ L @ self._upper()

    def log_det(self) -> Tensor:
        """Return log|det W|, one number.

        Raises:
            ValueError: if W is singular.
        """
        if self.plu:
            return self.log_d.sum()
        value = torch.linalg.slogdet(self.weight).logabsdet
        if not torch.isfinite(value):
            raise ValueError(f"weight: expected an invertible matrix, got one with log|det| = {value.item()}")
        return value

    def _forward(self, z: Tensor) -> Pushed:
        points = self.look("z", z)
        with _all_digits(z):
            return _at_each_point(self.matrix(), z), (points * self.log_det()).expand(len(z))

    def _inverse(self, x: Tensor) -> Pushed:
        points = self.look("x", x)
        with _all_digits(x):
            log_det = self.log_det()
            return _at_each_point(self._inverse_matrix(), x), (-points * log_det).expand(len(x))

    def _inverse_matrix(self) -> Tensor:
        if not self.plu:
            return _inverted(self.weight)
        inner = solve_triangular(self.L, self.P.mT, upper=False, unitriangular=True)  # which reads L below its diagonal
        return solve_triangular(self._upper(), inner, upper=True)

    def _upper(self) -> Tensor:
        return self.U.triu(1) + torch.diag(self.sign * self.log_d.exp())


class Permutation(Channelwise):
    """The channels in another order: channel i of x is channel order[i] of z; log |det| = 0.

    Args:
        channels: of the images.
        order: each of 0 to channels - 1 once; "reverse"; or "random", drawn once.
        rng: source of the random order.

    Raises:
        ValueError: if the order is not that, or it is random and rng no generator; when called, if the channels are
            others.

    >>> Permutation(3)(torch.tensor([[1.0, 2.0, 3.0]]))[0].tolist()
    [[3.0, 2.0, 1.0]]
    """

    def __init__(
        self,
        channels: int,
        order: Sequence[int] | Literal["reverse", "random"] = "reverse",
        *,
        rng: torch.Generator | None = None,
    ) -> None:
        super().__init__(channels)
        order = _order(order, self.channels, rng)
        self.register_buffer("order", order)  # a random one stands in the state
        self.register_buffer("back", order.argsort())

    def _forward(self, z: Tensor) -> Pushed:
        self.look("z", z)
        return z[:, self.order], z.new_zeros(len(z))

    def _inverse(self, x: Tensor) -> Pushed:
        self.look("x", x)
        return x[:, self.back], x.new_zeros(len(x))


def _all_digits(x: Tensor) -> torch.autocast:
    return torch.autocast(x.device.type, enabled=False)  # with fewer digits, W and its inverse would not cancel


def _at_each_point(W: Tensor, x: Tensor) -> Tensor:
    """Return W times the channels, [n, c, ...].

    On few points the gradient of ``bmm`` would be slow, as it holds a matrix for each image. Of convolutions, CUDA
    keeps 10 bits (TF32) unless told otherwise.
    """
    if x.ndim == 2 or 4 * x[0, 0].numel() < len(W):
        return torch.einsum("ij,nj...->ni...", W, x)
    return torch.bmm(W.expand(len(x), -1, -1), x.flatten(2)).view_as(x)


def _rotation(c: int, rng: torch.Generator) -> Tensor:
    """Return a random rotation [c, c], uniform among the orthogonal matrices of determinant 1."""
    Q, R = torch.linalg.qr(torch.randn(c, c, generator=rng, dtype=torch.double, device=rng.device))
    Q = Q * R.diagonal().sign()
    Q[0] *= torch.linalg.det(Q).sign()
    return Q.cpu()


def _invertible(weight: Tensor, c: int) -> Tensor:
    W = torch.as_tensor(weight, dtype=torch.double)
    if W.shape != (c, c):
        raise ValueError(f"weight: expected shape [{c}, {c}], got {list(W.shape)}")
    _inverted(W)
    return W.detach().clone()


def _inverted(W: Tensor) -> Tensor:
    inverse, _ = torch.linalg.inv_ex(W)
    condition = W.norm() * inverse.norm()
    if not condition < 1 / torch.finfo(W.dtype).eps:
        raise ValueError(f"weight: expected an invertible matrix, got one with condition number {condition.item():.3g}")
    return inverse


def _order(order: Sequence[int] | str, channels: int, rng: torch.Generator | None) -> Tensor:
    if isinstance(order, str) and order == "reverse":
        return torch.arange(channels).flip(0)
    if isinstance(order, str) and order == "random":
        rng = generator("rng", rng)
        return torch.randperm(channels, generator=rng, device=rng.device).cpu()
    numbers = np.asarray(order.tolist() if isinstance(order, Tensor) else order)
    whole = numbers.dtype.kind in "iu" and numbers.shape == (channels,)
    if not whole or (np.sort(numbers) != np.arange(channels)).any():
        wanted = f"each of 0 to {channels - 1} once, 'reverse' or 'random'"
        raise ValueError(f"order: expected {wanted}, got {order!r}")
    return torch.from_numpy(numbers.astype(np.int64))
