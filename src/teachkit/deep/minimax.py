"""Adversarial networks that train (chapter `minimax`): the torch twin of ``teachkit.minimax``.

The loop that plays the game takes its losses as arguments, so that Wasserstein GANs use it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from teachkit import _check
from teachkit.deep._shared import Data, draw_from, linear

CriticLoss = Callable[[nn.Module, Tensor, Tensor], Tensor]
GeneratorLoss = Callable[[nn.Module, Tensor], Tensor]
Factory = Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]
ADAM: Factory = partial(torch.optim.Adam, betas=(0.5, 0.999))


class Round(NamedTuple):
    """One round of the game.

    Attributes:
        step: its number, from 1.
        critic_loss: the critic's loss on the last batch that it saw in this round, before its last update.
        generator_loss: the generator's loss after the critic's updates, before its own.
        gradient_norm: Euclidean norm of that loss's gradient in all weights of the generator.
    """

    step: int
    critic_loss: float
    generator_loss: float
    gradient_norm: float


def mlp(
    sizes: Iterable[int],
    *,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
    slope: float = 0.2,
) -> nn.Sequential:
    """Return linear layers with leaky ReLU in between, and none after the last.

    Weights and biases are normal with variance 2 / ((1 + slope^2) inputs), which keeps the size of the numbers
    from layer to layer.

    Args:
        sizes: numbers of inputs, of units of each hidden layer, of outputs.
        generator: source of the weights.
        dtype: of the weights.
        slope: of the leaky ReLU left of 0.

    Raises:
        ValueError: if there are fewer than two sizes, one is below 1, or the slope is not a number.

    >>> len(mlp((2, 16, 16, 1), generator=torch.Generator().manual_seed(0)))
    5
    """
    sizes = [_check.count(f"sizes[{i}]", size) for i, size in enumerate(sizes)]
    if len(sizes) < 2:
        raise ValueError(f"sizes: expected at least two, got {len(sizes)}")
    slope = float(_check.number("slope", slope))
    gain = nn.init.calculate_gain("leaky_relu", slope)
    modules: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        modules += [linear(fan_in, fan_out, generator=generator, dtype=dtype, gain=gain), nn.LeakyReLU(slope)]
    return nn.Sequential(*modules[:-1])


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return -mean log D(real) - mean log(1 - D(fake)) from logits of any shape, with D = sigmoid(logit).

    >>> round(discriminator_loss(torch.zeros(3), torch.zeros(5)).item(), 4)  # log 4
    1.3863
    """
    return softplus(-real).mean() + softplus(fake).mean()


def minimax_loss(fake: Tensor) -> Tensor:
    """Return mean log(1 - D(fake)) from logits: what the generator lowers in the minimax game.

    >>> round(minimax_loss(torch.zeros(5)).item(), 4)
    -0.6931
    """
    return -softplus(fake).mean()


def non_saturating_loss(fake: Tensor) -> Tensor:
    """Return -mean log D(fake) from logits: what the generator lowers in practice.

    >>> round(non_saturating_loss(torch.zeros(5)).item(), 4)
    0.6931
    """
    return softplus(-fake).mean()


@torch.no_grad()
def sample(generator_net: nn.Module, n: int, *, noise: int, rng: torch.Generator) -> Tensor:
    """Return n samples of a generator, [n, d], from standard normal noise with ``noise`` coordinates.

    >>> sample(torch.nn.Identity(), 3, noise=2, rng=torch.Generator().manual_seed(0)).shape
    torch.Size([3, 2])
    """
    return generator_net(_noise(generator_net, _check.count("n", n), _check.count("noise", noise), rng))


def play(
    generator_net: nn.Module,
    critic_net: nn.Module,
    data: Data,
    *,
    critic_loss: CriticLoss,
    generator_loss: GeneratorLoss,
    steps: int,
    batch: int,
    noise: int,
    critic_steps: int = 1,
    head_start: int = 0,
    lr: float = 1e-3,
    critic_lr: float | None = None,
    optimizer: Factory = ADAM,
    after_critic: Callable[[nn.Module], object] | None = None,
    rng: torch.Generator,
) -> Iterator[Round]:
    """Train both networks in place, algorithm `gan-training`, and yield after each step of the generator.

    A round has ``critic_steps`` updates of the critic, each on a new batch of data and of fake samples, and then
    one update of the generator on new fake samples. The critic's loss sends no gradient to the generator.

    Args:
        generator_net: maps noise [n, noise] to samples [n, d].
        critic_net: maps samples [n, d] to one number each; for a discriminator, its logit.
        data: samples [m, d], from which batches are drawn with replacement, or a callable (n, rng) -> [n, d].
        critic_loss: (critic, real, fake) -> what the critic lowers, one number.
        generator_loss: (critic, fake) -> what the generator lowers, one number.
        steps: rounds.
        batch: samples of each kind in a batch.
        noise: number of coordinates of the standard normal noise.
        critic_steps: updates of the critic in each round.
        head_start: further updates of the critic in the first round, before the others.
        lr: learning rate.
        critic_lr: of the critic, if it is another one.
        optimizer: (parameters, lr) -> optimizer, such as ``torch.optim.RMSprop``; Adam with betas (0.5, 0.999).
        after_critic: called with the critic after each of its updates, for instance to clip weights.
        rng: source of batches and noise.

    Raises:
        ValueError: if a number is not positive or the data are not a matrix with at least one row.
        FloatingPointError: if a loss or the generator's gradient is not finite; the message has the step.

    >>> seeded = torch.Generator().manual_seed(0)
    >>> G, D = mlp((2, 8, 2), generator=seeded), mlp((2, 8, 1), generator=seeded)
    >>> rounds = play(G, D, torch.zeros(9, 2), steps=2, batch=4, noise=2, rng=seeded,
    ...     critic_loss=lambda critic, real, fake: discriminator_loss(critic(real), critic(fake)),
    ...     generator_loss=lambda critic, fake: non_saturating_loss(critic(fake)))
    >>> [round.step for round in rounds]
    [1, 2]
    """
    steps, batch, noise = _check.count("steps", steps), _check.count("batch", batch), _check.count("noise", noise)
    critic_steps, lr = _check.count("critic_steps", critic_steps), _check.positive("lr", lr)
    head_start = _check.count("head_start", head_start, low=0)
    critic_lr = lr if critic_lr is None else _check.positive("critic_lr", critic_lr)
    draw = data if callable(data) else draw_from(_samples(data))
    fake = partial(_noise, generator_net, batch, noise, rng)
    mine, theirs = optimizer(generator_net.parameters(), lr), optimizer(critic_net.parameters(), critic_lr)

    def train_critic(step: int) -> float:
        for _ in range(critic_steps + (head_start if step == 1 else 0)):
            with torch.no_grad():
                made = generator_net(fake())
            loss = critic_loss(critic_net, draw(batch, rng), made)
            _descend(loss, critic_net, theirs, f"the critic's loss at step {step}")
            if after_critic is not None:
                after_critic(critic_net)
        return loss.item()

    def train_generator(step: int) -> tuple[float, float]:
        loss = generator_loss(critic_net, generator_net(fake()))
        norm = _descend(loss, generator_net, mine, f"the generator's loss at step {step}")
        return loss.item(), norm

    return (Round(i, train_critic(i), *train_generator(i)) for i in range(1, steps + 1))


def _descend(loss: Tensor, net: nn.Module, optimizer: torch.optim.Optimizer, what: str) -> float:
    """Make one step for this network alone, and return the norm of its gradient before the step."""
    if loss.ndim != 0:
        raise ValueError(f"{what}: expected one number, got shape {tuple(loss.shape)}")
    parameters = list(net.parameters())
    optimizer.zero_grad()
    loss.backward(inputs=parameters)
    norm = torch.linalg.vector_norm(torch.stack([p.grad.norm() for p in parameters if p.grad is not None]))
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        raise FloatingPointError(
            f"{what} is {loss.item()}, its gradient's norm {norm.item()}: lower lr, check the data"
        )
    optimizer.step()
    return norm.item()


def _noise(net: nn.Module, n: int, noise: int, rng: torch.Generator) -> Tensor:
    """Return standard normal noise [n, noise] of the precision of the network's weights, where they are."""
    like = next(net.parameters(), torch.empty(0))
    return torch.randn(n, noise, generator=rng, dtype=like.dtype, device=like.device)


def _samples(data: Tensor) -> Tensor:
    if data.ndim != 2 or len(data) == 0:
        raise ValueError(f"data: expected shape [m, d] with m at least 1, got {tuple(data.shape)}")
    return data
