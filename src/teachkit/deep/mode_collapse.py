"""Cures for mode collapse that train (chapter `mode_collapse`): their losses, and each as a recipe for the engine.

A recipe is the networks and the parts of one method, with all else equal: ``teachkit.deep.train.Training`` takes both.
The generator's first weights depend on the seed alone, not on the method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from teachkit import _check
from teachkit.deep import wgan
from teachkit.deep._cure_layers import MinibatchDiscrimination, Packed, Pairs, SpectralNorm, spectral_norm
from teachkit.deep._shared import linear
from teachkit.deep.adversarial import LEAST_SQUARES, MINIMAX, NON_SATURATING, Game, parts
from teachkit.deep.minimax import discriminator_loss, mlp
from teachkit.deep.source import Source
from teachkit.deep.train import Nets, Part

__all__ = [
    "METHODS",
    "MinibatchDiscrimination",
    "Options",
    "Packed",
    "Pairs",
    "Recipe",
    "SpectralNorm",
    "feature_matching_loss",
    "recipe",
    "reconstruction_loss",
    "spectral_norm",
    "unrolled",
    "unrolled_loss",
]

Scores = Callable[[Tensor], Tensor]
Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


def feature_matching_loss(features: Scores, real: Tensor, fake: Tensor) -> Tensor:
    """Return |mean features(real) - mean features(fake)|^2; no gradient goes through the real samples.

    Args:
        features: [n, ...] -> [n, k], such as a discriminator without its last layer.
        real: [n, ...].
        fake: [m, ...].

    >>> feature_matching_loss(nn.Identity(), torch.tensor([[3.0, 4.0]]), torch.zeros(5, 2)).item()
    25.0
    """
    with torch.no_grad():
        wanted = features(real).mean(0)
    return (features(fake).mean(0) - wanted).square().sum()


def reconstruction_loss(reconstructor: nn.Module, z: Tensor, fake: Tensor) -> Tensor:
    """Return mean |z - F(x)|^2 of noise z [n, k] and the samples x that a generator makes of it.

    >>> reconstruction_loss(nn.Identity(), torch.tensor([[3.0, 4.0], [0.0, 0.0]]), torch.zeros(2, 2)).item()
    12.5
    """
    return (z - reconstructor(fake)).square().sum(1).mean()


def unrolled(critic: nn.Module, loss: Callable[[Scores], Tensor], *, steps: int, step: float) -> Scores:
    """Return the critic after so many gradient steps on its own loss, as a function whose steps can be differentiated.

    The critic itself stays as it is, with its buffers. What the loss depends on, such as the generator through its
    samples, gets a gradient through every step, statement `unrolled-gradient`.

    Args:
        critic: [n, ...] -> [n, 1].
        loss: of a critic on one batch, one number, which the steps lower.
        steps: how many, at least 0.
        step: their size, above 0.

    Raises:
        ValueError: if a number is out of its range.

    >>> critic = nn.Linear(1, 1, bias=False); _ = nn.init.zeros_(critic.weight)
    >>> unrolled(critic, lambda f: f(torch.ones(1, 1)).sum(), steps=3, step=0.5)(torch.ones(1, 1)).item()
    -1.5
    """
    steps, step = _check.count("steps", steps, low=0), _check.positive("step", step)
    weights = {name: p.detach().clone().requires_grad_() for name, p in critic.named_parameters()}
    buffers = {name: b.clone() for name, b in critic.named_buffers()}  # a pass may move them

    def at(weights: dict[str, Tensor]) -> Scores:
        return lambda *inputs: functional_call(critic, weights | buffers, inputs)

    for _ in range(steps):
        slopes = torch.autograd.grad(loss(at(weights)), list(weights.values()), create_graph=True)
        weights = {name: p - step * g for (name, p), g in zip(weights.items(), slopes, strict=True)}
    return at(weights)


def unrolled_loss(critic: nn.Module, real: Tensor, fake: Tensor, *, steps: int, step: float) -> Tensor:
    """Return V(D_k) = mean log D_k(real) + mean log(1 - D_k(fake)), with the critic D_k of k steps ahead.

    Args:
        critic: gives logits.
        real: [n, ...].
        fake: [m, ...].
        steps: k, steps of gradient ascent of V on these samples; with 0 the gradient is that of the minimax loss.
        step: their size.

    >>> critic = nn.Linear(1, 1, bias=False); _ = nn.init.zeros_(critic.weight)
    >>> round(unrolled_loss(critic, torch.ones(1, 1), torch.zeros(1, 1), steps=0, step=1.0).item(), 4)
    -1.3863
    """

    def lower(f: Scores) -> Tensor:
        return discriminator_loss(f(real), f(fake))

    return -lower(unrolled(critic, lower, steps=steps, step=step))


@dataclass(frozen=True)
class Options:
    """What the recipes of all methods have in common, and the numbers of some of them.

    Attributes:
        dim: numbers of a sample.
        noise: numbers of the generator's noise.
        hidden: units of the hidden layers of the generator, and of a reconstructor.
        critic_hidden: of the critic.
        lr: learning rate of Adam, for every network.
        betas: of Adam.
        unroll: steps of the critic that an unrolled generator looks ahead.
        unroll_step: their size.
        pack: samples in a pack.
        kernels: numbers that minibatch discrimination appends.
        width: of its vectors.
        weight: of the gradient penalty.
        penalty_steps: the critic's turns in a step with gradient penalty.
        penalty_lr: learning rate with gradient penalty.
        penalty_betas: of Adam with gradient penalty.
    """

    dim: int = 2
    noise: int = 16
    hidden: tuple[int, ...] = (128, 128)
    critic_hidden: tuple[int, ...] = (32, 32)
    lr: float = 1e-3
    betas: tuple[float, float] = (0.5, 0.999)
    unroll: int = 5
    unroll_step: float = 0.02
    pack: int = 2
    kernels: int = 8
    width: int = 4
    weight: float = 0.1
    penalty_steps: int = 5
    penalty_lr: float = 1e-3
    penalty_betas: tuple[float, float] = (0.5, 0.9)


class Recipe(NamedTuple):
    """A method's networks, among them "generator" and "critic", and the parts of its training."""

    nets: dict[str, nn.Module]
    parts: list[Part]


def recipe(method: str, options: Options, *, generator: torch.Generator) -> Recipe:
    """Return networks and parts of one of ``METHODS``.

    Args:
        method: its name.
        options: sizes and rates.
        generator: source of the weights.

    Raises:
        ValueError: if there is no such method.

    >>> nets, parts = recipe("veegan", Options(), generator=torch.Generator().manual_seed(0))
    >>> [part.net for part in parts]
    ['critic', 'reconstructor', 'generator']
    """
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    G = mlp((options.noise, *options.hidden, options.dim), generator=generator)
    return METHODS[method](options, G, generator)


def _game(options: Options, G: nn.Module, D: nn.Module, game: Game = NON_SATURATING) -> Recipe:
    adam = partial(torch.optim.Adam, lr=options.lr, betas=options.betas)
    return Recipe({"generator": G, "critic": D}, list(parts(game, noise=options.noise, optimizer=adam)))


def _fooling(options: Options, plain: Recipe, fool: Loss, *, twice: bool = False) -> Recipe:
    """Return the recipe with another loss of the generator, fool(critic, real, fake)."""

    def make(nets: Nets, real: Tensor, source: Source) -> Tensor:
        return fool(nets["critic"], real, nets["generator"](source.normal(options.noise)))

    critic, generator = plain.parts
    return Recipe(plain.nets, [critic, replace(generator, loss=make, twice=twice)])


def _critic(options: Options, generator: torch.Generator, inputs: int | None = None) -> nn.Sequential:
    return mlp((inputs or options.dim, *options.critic_hidden, 1), generator=generator)


def _gan(options: Options, G: nn.Module, generator: torch.Generator) -> Recipe:
    return _game(options, G, _critic(options, generator))


def _minimax(options: Options, G: nn.Module, generator: torch.Generator) -> Recipe:
    return _game(options, G, _critic(options, generator), MINIMAX)


def _lsgan(options: Options, G: nn.Module, generator: torch.Generator) -> Recipe:
    return _game(options, G, _critic(options, generator), LEAST_SQUARES)


def _unrolled(options: Options, G: nn.Module, generator: torch.Generator) -> Recipe:
    ahead = partial(unrolled_loss, steps=options.unroll, step=options.unroll_step)
    return _fooling(options, _gan(options, G, generator), ahead, twice=True)


def _minibatch(options: Options, G: nn.Module, generator: torch.Generator) -> Recipe:
    *layers, last = _critic(options, generator)
    close = MinibatchDiscrimination(last.in_features, options.kernels, options.width, generator=generator)
    last = linear(last.in_features + options.kernels, 1, generator=generator)
    return _game(options, G, nn.Sequential(*layers, close, last))


def _pacgan(options: Options, G: nn.Module, generator: torch.Generator) -> Recipe:
    return _game(options, G, Packed(_critic(options, generator, options.dim * options.pack), options.pack))


def _feature_matching(options: Options, G: nn.Module, generator: torch.Generator) -> Recipe:
    def match(D: nn.Sequential, real: Tensor, fake: Tensor) -> Tensor:
        return feature_matching_loss(D[:-1], real, fake)

    return _fooling(options, _gan(options, G, generator), match)


def _spectral_norm(options: Options, G: nn.Module, generator: torch.Generator) -> Recipe:
    return _game(options, G, spectral_norm(_critic(options, generator), generator=generator))


def _wgan_gp(options: Options, G: nn.Module, generator: torch.Generator) -> Recipe:
    turns = wgan.wgan_parts(
        noise=options.noise,
        weight=options.weight,
        critic_steps=options.penalty_steps,
        lr=options.penalty_lr,
        betas=options.penalty_betas,
    )
    return Recipe({"generator": G, "critic": _critic(options, generator)}, list(turns))


def _veegan(options: Options, G: nn.Module, generator: torch.Generator) -> Recipe:
    D = Pairs(_critic(options, generator, options.noise + options.dim))
    F = mlp((options.dim, *options.hidden, options.noise), generator=generator)
    adam = partial(torch.optim.Adam, lr=options.lr, betas=options.betas)

    def watch(nets: Nets, real: Tensor, source: Source) -> Tensor:
        z = source.normal(options.noise)
        with torch.no_grad():
            fake, code = nets["generator"](z), nets["reconstructor"](real)
        return discriminator_loss(nets["critic"](code, real), nets["critic"](z, fake))

    def reconstruct(nets: Nets, real: Tensor, source: Source) -> Tensor:
        z = source.normal(options.noise)
        with torch.no_grad():
            fake = nets["generator"](z)
        return reconstruction_loss(nets["reconstructor"], z, fake)

    def make(nets: Nets, real: Tensor, source: Source) -> Tensor:
        z = source.normal(options.noise)
        fake = nets["generator"](z)
        return reconstruction_loss(nets["reconstructor"], z, fake) - nets["critic"](z, fake).mean()

    turns = {"critic": watch, "reconstructor": reconstruct, "generator": make}
    nets = {"generator": G, "critic": D, "reconstructor": F}
    return Recipe(nets, [Part(name, loss, adam) for name, loss in turns.items()])


METHODS: dict[str, Callable[[Options, nn.Module, torch.Generator], Recipe]] = {
    "gan": _gan,
    "minimax": _minimax,
    "unrolled": _unrolled,
    "veegan": _veegan,
    "minibatch": _minibatch,
    "pacgan": _pacgan,
    "feature_matching": _feature_matching,
    "spectral_norm": _spectral_norm,
    "lsgan": _lsgan,
    "wgan_gp": _wgan_gp,
}
