"""What the models share: layers with seeded weights, batches from samples, checks of arguments of torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Data = Tensor | Callable[[int, torch.Generator], Tensor]


def linear(
    fan_in: int, fan_out: int, *, generator: torch.Generator, dtype: torch.dtype = torch.float32, gain: float = 1.0
) -> nn.Linear:
    """Return a linear layer with normal weights and biases of variance gain^2 / fan_in, from this generator alone.

    >>> linear(2, 3, generator=torch.Generator().manual_seed(0)).weight.shape
    torch.Size([3, 2])
    """
    layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=dtype)  # nn.Linear draws from the global state
    for parameter in (layer.weight, layer.bias):
        nn.init.normal_(parameter, std=gain * fan_in**-0.5, generator=generator)
    return layer


def draw_from(samples: Tensor) -> Callable[[int, torch.Generator], Tensor]:
    """Return a function (n, generator) -> [n, d] that draws rows of ``samples`` with replacement.

    >>> draw_from(torch.zeros(5, 2))(3, torch.Generator()).shape
    torch.Size([3, 2])
    """

    def draw(n: int, generator: torch.Generator) -> Tensor:
        return samples[torch.randint(len(samples), (n,), generator=generator, device=generator.device)]

    return draw


def generator(name: str, rng: torch.Generator, device: torch.device | None = None) -> torch.Generator:
    """Return ``rng`` if it is a generator of torch, and draws on this device if one is given.

    Without one torch would draw from its global state.

    >>> generator("rng", None)
    Traceback (most recent call last):
    ...
    ValueError: rng: expected a torch.Generator, such as torch.Generator().manual_seed(0), got NoneType
    """
    if not isinstance(rng, torch.Generator):
        wanted = "a torch.Generator, such as torch.Generator().manual_seed(0)"
        raise ValueError(f"{name}: expected {wanted}, got {type(rng).__name__}")
    # A generator made for "cuda" has no index, and draws where "cuda:0" draws.
    if device and (rng.device.type != device.type or rng.device.index not in (None, device.index)):
        raise ValueError(f"{name}: expected a generator on {device}, where the data lie, got one on {rng.device}")
    return rng


def returned(name: str, value: Tensor, shape: torch.Size) -> Tensor:
    """Return ``value``, which the function ``name`` gave, if it has this shape; another one might be broadcast.

    >>> returned("denoiser", torch.zeros(2, 1), torch.Size([2, 3]))
    Traceback (most recent call last):
    ...
    ValueError: denoiser: expected to return shape [2, 3], got [2, 1]
    """
    if value.shape != shape:
        raise ValueError(f"{name}: expected to return shape {list(shape)}, got {list(value.shape)}")
    return value
