"""Games of a critic and a generator as pairs of losses, and the recipe that hands a game to the engine.

A critic gives one number for each sample: for the minimax game a logit, for the others the number itself.

>>> from teachkit.deep.minimax import mlp
>>> from teachkit.deep.train import Training
>>> seeded = torch.Generator().manual_seed(0)
>>> nets = {"critic": mlp((2, 1), generator=seeded), "generator": mlp((3, 2), generator=seeded)}
>>> training = Training(nets, parts(HINGE, noise=3), Source(torch.zeros(9, 2), 4, seed=0))
>>> [step.step for step in training.run(2)]
[1, 2]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from teachkit import _check
from teachkit.deep.minimax import discriminator_loss, minimax_loss, non_saturating_loss
from teachkit.deep.source import Source
from teachkit.deep.train import ADAM, Factory, Nets, Part

Penalty = Callable[[nn.Module, Tensor, Tensor, Source], Tensor]


class Game(NamedTuple):
    """What a critic and a generator lower, as functions of the critic's numbers.

    Attributes:
        critic: (numbers of real samples, numbers of fake ones) -> one number.
        generator: numbers of fake samples -> one number.
    """

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def least_squares(a: float = 0.0, b: float = 1.0, c: float = 1.0) -> Game:
    """Return the least-squares game.

    The critic lowers 1/2 mean (D(real) - b)^2 + 1/2 mean (D(fake) - a)^2, the generator 1/2 mean (D(fake) - c)^2.
    The best critic is (b p + a q) / (p + q), with p the density of the real samples and q that of the fake ones.

    Args:
        a: what the critic wants for fake samples.
        b: what the critic wants for real samples.
        c: what the generator wants for fake samples.

    Raises:
        ValueError: if one of them is not a finite number.

    >>> round(least_squares().critic(torch.tensor([0.5]), torch.tensor([0.5])).item(), 4)
    0.25
    """
    a, b, c = _check.number("a", a), _check.number("b", b), _check.number("c", c)
    return Game(
        lambda real, fake: ((real - b).square().mean() + (fake - a).square().mean()) / 2,
        lambda fake: (fake - c).square().mean() / 2,
    )


def _hinge(real: Tensor, fake: Tensor) -> Tensor:
    return relu(1 - real).mean() + relu(1 + fake).mean()


def _difference(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


def _minus_mean(fake: Tensor) -> Tensor:
    return -fake.mean()


MINIMAX = Game(discriminator_loss, minimax_loss)
NON_SATURATING = Game(discriminator_loss, non_saturating_loss)
LEAST_SQUARES = least_squares()
HINGE = Game(_hinge, _minus_mean)
WASSERSTEIN = Game(_difference, _minus_mean)


def parts(
    game: Game,
    *,
    noise: int,
    optimizer: Factory = ADAM,
    critic_steps: int = 1,
    after: Callable[[nn.Module], object] | None = None,
    penalty: Penalty | None = None,
) -> tuple[Part, Part]:
    """Return the turns of the networks "critic" and "generator" in a step, for ``teachkit.deep.train.Training``.

    Args:
        game: the two losses.
        noise: numbers in the generator's noise, standard normal.
        optimizer: of both networks, parameters -> optimizer.
        critic_steps: turns of the critic before each of the generator's, each with new samples.
        after: called with the critic after each of its turns.
        penalty: (critic, real, fake, source) -> one number, added to the critic's loss; it may differentiate it.

    Raises:
        ValueError: if a number of noise or steps is not a whole number of at least 1.

    >>> [part.net for part in parts(LEAST_SQUARES, noise=8)]
    ['critic', 'generator']
    """
    noise = _check.count("noise", noise)

    def critic(nets: Nets, real: Tensor, source: Source) -> Tensor:
        with torch.no_grad():
            fake = nets["generator"](source.normal(noise))
        loss = game.critic(nets["critic"](real), nets["critic"](fake))
        return loss if penalty is None else loss + penalty(nets["critic"], real, fake, source)

    def generator(nets: Nets, real: Tensor, source: Source) -> Tensor:
        return game.generator(nets["critic"](nets["generator"](source.normal(noise))))

    steps = _check.count("critic_steps", critic_steps)
    return (
        Part("critic", critic, optimizer, steps, after, twice=penalty is not None),
        Part("generator", generator, optimizer),
    )
