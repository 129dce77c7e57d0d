"""Wasserstein GANs that train (chapter `wgan`): losses, clipping, the penalty, and a guard for it.

For a short game the loop is ``teachkit.deep.minimax.play``: it takes ``critic_loss`` or ``penalised(...)``,
``generator_loss``, and for clipping ``after_critic``. For the engine the recipes are ``wgan_parts``, with penalty, and
``clipping_parts``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from teachkit import _check
from teachkit.deep import adversarial
from teachkit.deep.adversarial import WASSERSTEIN
from teachkit.deep.source import Source
from teachkit.deep.train import Part

_BLUR = 0.1  # share by which the probe's weights are moved, so that a last layer of zeros hides nothing


def critic_loss(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Return mean f(fake) - mean f(real), minus the critic's value: what a critic lowers, `wgan-objective`.

    Raises:
        ValueError: if the samples are not [n, ...] and [m, ...] with the same rest, or are empty.

    >>> critic_loss(torch.nn.Identity(), torch.tensor([[3.0]]), torch.tensor([[1.0]])).item()
    -2.0
    """
    _both(real, fake)
    return critic(fake).mean() - critic(real).mean()


def generator_loss(critic: nn.Module, fake: Tensor) -> Tensor:
    """Return -mean f(fake): what a generator lowers, statement `wgan-gradient`.

    >>> generator_loss(torch.nn.Identity(), torch.tensor([[1.0], [2.0]])).item()
    -1.5
    """
    return -critic(fake).mean()


def gradient_penalty(
    critic: nn.Module,
    real: Tensor,
    fake: Tensor,
    *,
    weight: float = 10.0,
    generator: torch.Generator,
    target: float = 1.0,
    one_sided: bool = False,
) -> Tensor:
    """Return weight times mean (|grad f(z_i)| - target)^2 at points z_i between the samples, `gradient-penalty`.

    z_i = u_i real_i + (1 - u_i) fake_i with u_i uniform on [0, 1], one number for each pair. The norm is taken over
    all entries of one sample. The result can be differentiated in the critic's weights.

    Args:
        critic: [n, ...] -> one number for each sample. It must not mix samples; see ``check_samplewise``.
        real: [n, ...].
        fake: [n, ...], of the same shape.
        weight: at least 0.
        generator: source of u.
        target: wanted norm, at least 0.
        one_sided: punish norms above the target alone.

    Raises:
        ValueError: if the shapes differ, the samples are empty, weight or target is negative or not a number, or the
            critic does not give one number for each sample.

    >>> twice = torch.nn.Linear(2, 1, bias=False); _ = torch.nn.init.constant_(twice.weight, 3.0)
    >>> x, seeded = torch.zeros(5, 2), torch.Generator().manual_seed(0)
    >>> round(gradient_penalty(twice, x, x + 1, weight=1, generator=seeded).item(), 4)  # (sqrt(18) - 1)^2
    10.5147
    """
    weight, target = _not_negative("weight", weight), _not_negative("target", target)
    _both(real, fake)
    if real.shape != fake.shape:
        raise ValueError(f"fake: expected shape {tuple(real.shape)}, got {tuple(fake.shape)}")
    shape = (len(real), *[1] * (real.ndim - 1))
    u = torch.rand(shape, generator=generator, dtype=real.dtype, device=real.device)
    excess = _slopes(critic, u * real + (1 - u) * fake) - target
    return weight * (excess.clamp(min=0) if one_sided else excess).square().mean()


def _slopes(critic: nn.Module, z: Tensor) -> Tensor:
    """Return |grad f(z_i)|, [n], which can be differentiated in the critic's weights."""
    z = z.detach().requires_grad_()
    out = _one_each(critic(z), len(z))
    (slope,) = torch.autograd.grad(out.sum(), z, create_graph=True)
    return slope.flatten(1).norm(dim=1)


def penalised(
    *, weight: float = 10.0, generator: torch.Generator, target: float = 1.0, one_sided: bool = False
) -> Callable[[nn.Module, Tensor, Tensor], Tensor]:
    """Return a critic's loss with gradient penalty, which refuses critics that mix samples when it first sees them.

    Args:
        weight: as in ``gradient_penalty``, like the other arguments.
        generator: source of the points between the samples.
        target: wanted norm.
        one_sided: punish norms above the target alone.

    Raises:
        ValueError: as ``gradient_penalty`` and ``check_samplewise``.

    >>> loss = penalised(generator=torch.Generator().manual_seed(0))
    >>> loss(torch.nn.Linear(2, 1), torch.zeros(4, 2), torch.ones(4, 2)).shape
    torch.Size([])
    """
    weight, target = _not_negative("weight", weight), _not_negative("target", target)
    options = {"weight": weight, "generator": generator, "target": target, "one_sided": one_sided}
    seen: list[nn.Module] = []

    def loss(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        if not any(critic is one for one in seen):
            check_samplewise(critic, torch.cat([real[:4], fake[:4]]))
            seen.append(critic)
        return critic_loss(critic, real, fake) + gradient_penalty(critic, real, fake, **options)

    return loss


def wgan_parts(
    *,
    noise: int,
    weight: float = 10.0,
    critic_steps: int = 5,
    lr: float = 1e-4,
    betas: tuple[float, float] = (0.0, 0.9),
) -> tuple[Part, Part]:
    """Return the turns of "critic" and "generator" with gradient penalty, for ``teachkit.deep.train.Training``.

    Args:
        noise: numbers in the generator's noise.
        weight: of the penalty.
        critic_steps: turns of the critic before each of the generator's.
        lr: learning rate of Adam, for both networks.
        betas: of Adam.

    Raises:
        ValueError: if a number is out of range; at the first step if the critic mixes samples, statement
            `samplewise-critic`.

    >>> [(part.net, part.times) for part in wgan_parts(noise=8)]
    [('critic', 5), ('generator', 1)]
    """
    weight, seen = _not_negative("weight", weight), []

    def penalty(critic: nn.Module, real: Tensor, fake: Tensor, source: Source) -> Tensor:
        if not any(critic is one for one in seen):
            check_samplewise(critic, torch.cat([real[:4], fake[:4]]))
            seen.append(critic)
        u = source.uniform(*[1] * (real.ndim - 1))
        return weight * (_slopes(critic, u * real + (1 - u) * fake) - 1).square().mean()

    adam = partial(torch.optim.Adam, lr=_check.positive("lr", lr), betas=betas)
    return adversarial.parts(WASSERSTEIN, noise=noise, optimizer=adam, critic_steps=critic_steps, penalty=penalty)


def clipping_parts(*, noise: int, clip: float = 0.01, critic_steps: int = 5, lr: float = 5e-5) -> tuple[Part, Part]:
    """Return the turns of "critic" and "generator" with weights clipped, as in the published listing, with RMSProp.

    Args:
        noise: numbers in the generator's noise.
        clip: largest size of a weight of the critic.
        critic_steps: turns of the critic before each of the generator's.
        lr: learning rate of both networks.

    Raises:
        ValueError: if a number is out of range.

    >>> [(part.net, part.times) for part in clipping_parts(noise=8)]
    [('critic', 5), ('generator', 1)]
    """
    rmsprop = partial(torch.optim.RMSprop, lr=_check.positive("lr", lr))
    cut = partial(clip_weights, clip=_check.positive("clip", clip))
    return adversarial.parts(WASSERSTEIN, noise=noise, optimizer=rmsprop, critic_steps=critic_steps, after=cut)


@torch.no_grad()
def clip_weights(critic: nn.Module, clip: float) -> None:
    """Cut every weight of the critic to [-clip, clip], in place; statement `wgan-clipping`.

    Raises:
        ValueError: if clip is not a finite number above 0.

    >>> critic = torch.nn.Linear(2, 1)
    >>> clip_weights(critic, 0.01)
    >>> critic.weight.abs().max().item() <= 0.01
    True
    """
    clip = _check.positive("clip", clip)
    for parameter in critic.parameters():
        parameter.clamp_(-clip, clip)


@torch.no_grad()
def check_samplewise(critic: nn.Module, x: Tensor) -> None:
    """Raise unless the critic's output for a sample depends on that sample alone, statement `samplewise-critic`.

    A copy of the critic, in training mode and with weights moved a little, sees the batch as it is, and for each row
    with every other row changed. The output of the row that stayed must stay. So it finds layers by what they do to
    this batch, whatever their name; what begins with larger batches only stays hidden. Random layers get the same
    seed each time.

    Args:
        critic: [n, ...] -> one number for each sample; it is not changed.
        x: a batch of at least two samples such as it will see, [n, ...].

    Raises:
        ValueError: if x has fewer than two rows, an output is not one number for each row, or samples are mixed.

    >>> check_samplewise(torch.nn.Linear(2, 1), torch.zeros(3, 2))
    >>> check_samplewise(torch.nn.BatchNorm1d(1), torch.zeros(3, 1))
    Traceback (most recent call last):
    ...
    ValueError: critic: expected f of one sample at a time, but the output for a sample changes with the others in...
    """
    if x.ndim < 2 or len(x) < 2:
        raise ValueError(f"x: expected at least two samples [n, ...], got shape {tuple(x.shape)}")
    probe, seeded = copy.deepcopy(critic).train(), torch.Generator().manual_seed(0)
    noise = torch.randn(x.shape, generator=seeded).to(x)
    for weights in probe.parameters() if isinstance(probe, nn.Module) else ():
        shift = torch.randn(weights.shape, generator=seeded).to(weights)
        weights.add_(_BLUR * (weights.abs().mean().clamp(max=1.0) + _BLUR) * shift)
    x = x + 0.1 * noise.flip(0)  # no two rows alike
    others = x + (1 + x.abs().amax()) * noise
    before, apart = _seeded(probe, x), _seeded(probe, others)
    rounding = torch.finfo(x.dtype).eps * before.abs()
    allowed = 1e-4 * (apart - before).abs().max() + 16 * rounding  # the outputs' own changes, not their level
    for row in range(len(x)):
        changed = others.clone()
        changed[row] = x[row]
        if not (_seeded(probe, changed)[row] - before[row]).abs() <= allowed[row]:
            raise ValueError(_mixing(critic))


def _mixing(critic: nn.Module) -> str:
    named = sorted({type(m).__name__ for m in critic.modules() if "batchnorm" in type(m).__name__.lower()})
    hint = f" ({', '.join(named)})" if named else ""
    return (
        "critic: expected f of one sample at a time, but the output for a sample changes with the others in its "
        f"batch{hint}; use layer or instance normalisation, or none"
    )


def _seeded(critic: nn.Module, x: Tensor) -> Tensor:
    half = torch.autocast(x.device.type, enabled=False)  # its rounding would look like mixing
    with half, torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
        torch.manual_seed(0)
        return _one_each(copy.deepcopy(critic)(x), len(x)).double()  # buffers that a pass moves stay as they are


def _one_each(out: Tensor, n: int) -> Tensor:
    if out.ndim == 0 or out.numel() != n or len(out) != n:
        raise ValueError(f"critic: expected one number for each of {n} samples, got shape {tuple(out.shape)}")
    return out.flatten()


def _both(real: Tensor, fake: Tensor) -> None:
    if real.ndim < 2 or len(real) == 0:
        raise ValueError(f"real: expected samples [n, ...], n at least 1, got shape {tuple(real.shape)}")
    if fake.ndim != real.ndim or fake.shape[1:] != real.shape[1:] or len(fake) == 0:
        raise ValueError(f"fake: expected samples [m, {str(list(real.shape[1:]))[1:-1]}], got {tuple(fake.shape)}")


def _not_negative(name: str, value: float) -> float:
    if _check.number(name, value) < 0:
        raise ValueError(f"{name}: expected a number of at least 0, got {value}")
    return float(value)
