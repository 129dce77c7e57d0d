"""Layers that scale each channel to size: what a batch says at the start, or what each batch says."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn

from teachkit import _check
from teachkit.deep._coupling_layer import Channelwise, Pushed

_LEAST = 1e-6  # smallest standard deviation that a channel is scaled from


class ActNorm(Channelwise):
    """x = z exp(log_scale) + shift, one of each for a channel, statement `actnorm`; log |det| = h w sum(log_scale).

    The first ``inverse`` sets the two by its batch, so that each channel of z has mean 0 and standard deviation 1
    there; from then on they are learned like other weights. The buffer ``ready`` tells whether that has been, and
    stands in the state, so that weights that are loaded stay what they are. With several processes all of them have to
    make that first call, and all take what the first one's rows say.

    Args:
        channels: of the images.

    Raises:
        ValueError: when called, if the channels are others, or the first batch has a single number in each, or NaN or
            infinity.
        RuntimeError: if ``forward`` is called before the start.

    >>> norm, x = ActNorm(1), torch.tensor([[1.0], [5.0]])
    >>> norm.inverse(x)[0].flatten().tolist(), norm.shift.tolist()
    ([-1.0, 1.0], [3.0])
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.shift = nn.Parameter(torch.zeros(self.channels))
        self.log_scale = nn.Parameter(torch.zeros(self.channels))
        self.register_buffer("ready", torch.tensor(False))
        self._seen_ready = False  # a look at the buffer would make the host wait for a device, at every call
        self.register_load_state_dict_post_hook(_look_again)

    def _forward(self, z: Tensor) -> Pushed:
        points = self.look("z", z)
        if not self._is_ready():
            raise RuntimeError("ActNorm: call inverse on a batch of data first, which sets its shift and scale")
        scale, shift = _along(self.log_scale.exp(), z), _along(self.shift, z)
        return z * scale + shift, (points * self.log_scale.sum()).expand(len(z))

    def _inverse(self, x: Tensor) -> Pushed:
        points = self.look("x", x)
        if not self._is_ready():
            self._start(x)
        scale = (-self.log_scale).exp()
        z = (x - _along(self.shift, x)) * _along(scale, x)
        return z, (-points * self.log_scale.sum()).expand(len(x))

    def _is_ready(self) -> bool:
        self._seen_ready = self._seen_ready or bool(self.ready)
        return self._seen_ready

    @torch.no_grad()
    def _start(self, x: Tensor) -> None:
        mean, var = _moments(_several(x, self.channels).double())
        if not var.isfinite().all():
            raise ValueError("x: expected finite numbers to start from, got NaN or infinity")
        self.shift.copy_(mean)
        self.log_scale.copy_(var.sqrt().clamp(min=_LEAST).log())
        if dist.is_initialized() and dist.get_world_size() > 1:
            dist.broadcast(self.shift, 0), dist.broadcast(self.log_scale, 0)  # one start for all processes
        self.ready.fill_(True)


class BatchNormFlow(Channelwise):
    """Real NVP's batch norm, statement `batch-norm-flow`: x = (z - beta) exp(-log_gamma) sqrt(var + eps) + mean.

    In training ``inverse`` takes mean and var of each channel from its batch, and moves the running ones towards
    these; the gradient goes through them. In evaluation, and in ``forward`` always, they are the running ones. So in
    training ``forward`` does not undo ``inverse``.

    log |det dz/dx| = h w sum(log_gamma - log(var + eps) / 2) takes mean and var for constants. With a batch's own
    values that gives no density of one sample, as it depends on the others; in evaluation it does.

    Args:
        channels: of the images.
        momentum: share of the running values that each batch replaces.
        eps: above 0, added to the variances.

    Raises:
        ValueError: if a number is out of range; when called, if the channels are others, or, in training, if a batch
            has a single number in each.

    >>> norm = BatchNormFlow(1, momentum=1.0)
    >>> norm.inverse(torch.tensor([[1.0], [5.0]]))[0].flatten().round(decimals=3).tolist()
    [-1.0, 1.0]
    >>> norm.eval().inverse(torch.tensor([[3.0]]))[0].round(decimals=3).tolist()
    [[0.0]]
    """

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__(channels)
        self.momentum, self.eps = _check.positive("momentum", momentum), _check.positive("eps", eps)
        if self.momentum > 1:
            raise ValueError(f"momentum: expected a number above 0 and at most 1, got {momentum}")
        self.beta, self.log_gamma = (nn.Parameter(torch.zeros(self.channels)) for _ in range(2))
        self.register_buffer("mean", torch.zeros(self.channels))
        self.register_buffer("var", torch.ones(self.channels))

    def _forward(self, z: Tensor) -> Pushed:
        points = self.look("z", z)
        log_scale = 0.5 * (self.var + self.eps).log() - self.log_gamma
        scale = log_scale.exp()
        x = (z - _along(self.beta, z)) * _along(scale, z) + _along(self.mean, z)
        return x, (points * log_scale.sum()).expand(len(z))

    def _inverse(self, x: Tensor) -> Pushed:
        points = self.look("x", x)
        mean, var = self._statistics(x) if self.training else (self.mean, self.var)
        log_scale = self.log_gamma - 0.5 * (var + self.eps).log()
        scale = log_scale.exp()
        z = (x - _along(mean, x)) * _along(scale, x) + _along(self.beta, x)
        return z, (points * log_scale.sum()).expand(len(x))

    def _statistics(self, x: Tensor) -> Pushed:
        mean, var = _moments(_several(x, self.channels))
        with torch.no_grad():
            self.mean.lerp_(mean, self.momentum)
            self.var.lerp_(var, self.momentum)
        return mean, var


def _along(v: Tensor, x: Tensor) -> Tensor:
    """Return v [c] so that it broadcasts along axis 1 of x."""
    return v.view(-1, *[1] * (x.ndim - 2))


def _moments(x: Tensor) -> Pushed:
    """Return mean and variance of each channel, [c], over all else."""
    var, mean = torch.var_mean(x, [axis for axis in range(x.ndim) if axis != 1], correction=0)
    return mean, var


def _several(x: Tensor, channels: int) -> Tensor:
    if x.numel() <= channels:
        raise ValueError(f"x: expected more than one number of each channel, got shape {list(x.shape)}")
    return x


def _look_again(norm: ActNorm, keys: object) -> None:
    norm._seen_ready = False
