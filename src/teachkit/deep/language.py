"""A model that writes short lines, symbol by symbol at once (chapter `wgan_images`): networks, recipes, samples.

A generator can't pass a gradient through a choice of symbols. So it gives for each place a row of probabilities, and
the critic sees such rows: real lines have a one in each row, generated ones what the generator gives. A line of text
is read off where each row is largest.

>>> from teachkit.data import text
>>> from teachkit.deep.source import Source
>>> from teachkit.deep.train import Training
>>> rng = torch.Generator().manual_seed(0)
>>> sizes = {"length": 8, "channels": 6, "blocks": 1, "rng": rng}
>>> nets = {"generator": generator(4, **sizes), "critic": critic(**sizes)}
>>> codes = torch.from_numpy(text.encode(["a truth ", "a wife, "]))
>>> training = Training(nets, wgan_gp_parts(noise=4, critic_steps=1), Source(codes, 2, seed=0, prepare=one_hot))
>>> [step.step for step in training.run(2)]
[1, 2]
>>> len(sample(nets["generator"], 1, rng)[0])
8
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from teachkit import _check
from teachkit.data import text
from teachkit.deep import _weights
from teachkit.deep._shared import linear
from teachkit.deep.adversarial import NON_SATURATING
from teachkit.deep.adversarial import parts as adversarial_parts
from teachkit.deep.train import Part
from teachkit.deep.wgan import wgan_parts

SYMBOLS = len(text.alphabet)
BETAS = (0.5, 0.9)  # of Adam
_KERNEL = 5  # places that a convolution sees
_SHARE = 0.3  # of a block's change in its output
_ROWS = 256  # lines that are drawn at a time


class Residual(nn.Module):
    """Return x + 0.3 f(x), where f is twice a ReLU and a convolution along the line; [n, channels, length].

    Nothing is normalised, so a line's numbers are its own, statement `samplewise-critic`.
    """

    def __init__(self, channels: int, *, rng: torch.Generator) -> None:
        super().__init__()
        self.first, self.second = (_convolution(channels, channels, _KERNEL, rng=rng) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Return the lines after the block."""
        return x + _SHARE * self.second(relu(self.first(relu(x))))


class Turned(nn.Module):
    """Turn lines [n, length, channels] into what convolutions take, [n, channels, length], and back."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x with its last two axes exchanged."""
        return x.mT


def generator(noise: int, length: int, *, channels: int, blocks: int, rng: torch.Generator) -> nn.Sequential:
    """Return a generator: noise [n, noise] -> lines of probabilities [n, length, 34], whose rows sum to 1.

    Args:
        noise: numbers for each line.
        length: places in a line.
        channels: of the convolutions.
        blocks: residual ones.
        rng: source of the weights.

    Raises:
        ValueError: if a number is not a whole number of at least 1.

    >>> G = generator(4, 8, channels=6, blocks=1, rng=torch.Generator().manual_seed(0))
    >>> G(torch.zeros(2, 4)).shape
    torch.Size([2, 8, 34])
    """
    noise, length, channels, blocks = _sizes(noise=noise, length=length, channels=channels, blocks=blocks)
    return nn.Sequential(
        linear(noise, channels * length, generator=rng),
        nn.Unflatten(1, (channels, length)),
        *(Residual(channels, rng=rng) for _ in range(blocks)),
        _convolution(channels, SYMBOLS, 1, rng=rng),
        Turned(),
        nn.Softmax(-1),
    )


def critic(length: int, *, channels: int, blocks: int, rng: torch.Generator) -> nn.Sequential:
    """Return a critic: lines of probabilities [n, length, 34] -> one number each, [n]; for the standard loss a logit.

    Args:
        length: places in a line.
        channels: of the convolutions.
        blocks: residual ones.
        rng: source of the weights.

    Raises:
        ValueError: if a number is not a whole number of at least 1.

    >>> D = critic(8, channels=6, blocks=1, rng=torch.Generator().manual_seed(0))
    >>> D(torch.zeros(2, 8, 34)).shape
    torch.Size([2])
    """
    length, channels, blocks = _sizes(length=length, channels=channels, blocks=blocks)
    return nn.Sequential(
        Turned(),
        _convolution(SYMBOLS, channels, 1, rng=rng),
        *(Residual(channels, rng=rng) for _ in range(blocks)),
        nn.Flatten(),
        linear(channels * length, 1, generator=rng),
        nn.Flatten(0),
    )


def one_hot(codes: Tensor) -> Tensor:
    """Return lines of codes [n, length] as rows with a one at the symbol, [n, length, 34].

    >>> one_hot(torch.tensor([[0, 33]]))[0].nonzero().tolist()
    [[0, 0], [1, 33]]
    """
    return nn.functional.one_hot(codes.long(), SYMBOLS).float()


def wgan_gp_parts(*, noise: int, weight: float = 10.0, critic_steps: int = 10, lr: float = 1e-4) -> tuple[Part, Part]:
    """Return the turns of "critic" and "generator" with gradient penalty and Adam, betas (0.5, 0.9).

    Args:
        noise: numbers in the generator's noise.
        weight: of the penalty.
        critic_steps: turns of the critic before each of the generator's.
        lr: learning rate of both networks.

    Raises:
        ValueError: if a number is out of range; at the first step if the critic mixes samples.

    >>> [part.times for part in wgan_gp_parts(noise=4)]
    [10, 1]
    """
    return wgan_parts(noise=noise, weight=weight, critic_steps=critic_steps, lr=lr, betas=BETAS)


def standard_parts(*, noise: int, critic_steps: int = 10, lr: float = 1e-4) -> tuple[Part, Part]:
    """Return the same turns with the non-saturating loss, and nothing else changed.

    >>> [part.times for part in standard_parts(noise=4, critic_steps=1)]
    [1, 1]
    """
    adam = partial(torch.optim.Adam, lr=_check.positive("lr", lr), betas=BETAS)
    return adversarial_parts(NON_SATURATING, noise=noise, optimizer=adam, critic_steps=critic_steps)


@torch.no_grad()
def probabilities(net: nn.Module, n: int, rng: torch.Generator) -> Tensor:
    """Return n lines of a generator as it gives them, [n, length, 34], on its device.

    Noise is drawn on the device of ``rng``, so that with one on the CPU every machine draws the same.

    >>> G = generator(4, 8, channels=6, blocks=1, rng=torch.Generator().manual_seed(0))
    >>> probabilities(G, 2, torch.Generator().manual_seed(1)).shape
    torch.Size([2, 8, 34])
    """
    like = next(net.parameters())  # of the first layer: [channels * length, noise]
    z = torch.randn(_check.count("n", n), like.shape[1], generator=rng, device=rng.device)
    return torch.cat([net(rows) for rows in z.to(like).split(_ROWS)])


def sample(net: nn.Module, n: int, rng: torch.Generator) -> list[str]:
    """Return n lines of text: at each place the symbol of the largest probability.

    >>> G = generator(4, 8, channels=6, blocks=1, rng=torch.Generator().manual_seed(0))
    >>> [len(line) for line in sample(G, 2, torch.Generator().manual_seed(1))]
    [8, 8]
    """
    return text.decode(probabilities(net, n, rng).argmax(-1).cpu().numpy())


def save(path: Path | str, net: nn.Module) -> None:
    """Write a generator's weights as float16 to an .npz file, which appears whole or not at all."""
    _weights.save(path, net)


def load(path: Path | str) -> nn.Sequential:
    """Return the generator whose weights stand in a file, in evaluation mode; its sizes are read from the weights.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no weights of a generator.
    """
    arrays = _weights.read(path)
    try:
        units, noise = arrays["0.weight"].shape
        blocks = sum(name.endswith("first.weight") for name in arrays)
        channels = arrays[f"{blocks + 2}.weight"].shape[1]
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"{path}: expected the weights of a generator, got {', '.join(arrays) or 'none'}") from error
    net = generator(noise, units // channels, channels=channels, blocks=blocks, rng=torch.Generator())
    return _weights.fill(net, arrays, path)


def _sizes(**sizes: int) -> list[int]:
    return [_check.count(name, size) for name, size in sizes.items()]


def _convolution(fan_in: int, fan_out: int, kernel: int, *, rng: torch.Generator) -> nn.Conv1d:
    """Return a convolution that keeps the length, with normal weights of variance 2 / inputs and biases of zero."""
    # Conv1d's own start draws from the global state.
    layer = nn.utils.skip_init(nn.Conv1d, fan_in, fan_out, kernel, padding=kernel // 2)
    nn.init.kaiming_normal_(layer.weight, generator=rng)
    nn.init.zeros_(layer.bias)
    return layer
