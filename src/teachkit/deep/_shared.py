"""What the models that train share: layers with seeded weights, and batches from samples."""

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
