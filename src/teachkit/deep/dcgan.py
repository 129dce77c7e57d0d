"""DCGAN for grey images of 28 or 32 pixels a side (chapter `dcgan`): networks, recipe, samples, walks.

Two stridings lead from the image to a quarter of its side and back. Pixels are numbers from -1 to 1 in the networks
(``source.scaled``) and bytes outside.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from teachkit import _check
from teachkit.deep import _weights, adversarial
from teachkit.deep.adversarial import NON_SATURATING, Game
from teachkit.deep.train import Part

Norm = Literal["batch", "layer", "none"]
STD = 0.02  # of the weights
SLOPE = 0.2  # of the leaky ReLU left of 0
_ROWS = 250  # images that go through a network at a time
_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "layer": partial(nn.GroupNorm, 1),  # one group: over all channels and pixels of a sample
    "none": nn.Identity,
}


def generator(noise: int, channels: int, size: int = 28, *, rng: torch.Generator) -> nn.Sequential:
    """Return a generator: noise [n, noise] -> images [n, 1, size, size] with pixels from -1 to 1.

    Transposed convolutions alone, batch norm and ReLU after each but the last, tanh at the end; weights N(0, 0.02^2).

    Args:
        noise: numbers for each image.
        channels: of the layer before the image; the one before has twice as many.
        size: pixels a side, a multiple of 4.
        rng: source of the weights.

    Raises:
        ValueError: if a number is not a whole number of at least 1, or the size no multiple of 4.

    >>> G = generator(8, 4, rng=torch.Generator().manual_seed(0))
    >>> G(torch.zeros(2, 8)).shape
    torch.Size([2, 1, 28, 28])
    """
    noise, c, side = _check.count("noise", noise), _check.count("channels", channels), _quarter(size)
    net = nn.Sequential(
        nn.Unflatten(1, (noise, 1, 1)),
        _layer(nn.ConvTranspose2d, noise, 2 * c, side, bias=False),
        nn.BatchNorm2d(2 * c),
        nn.ReLU(),
        _layer(nn.ConvTranspose2d, 2 * c, c, 4, 2, 1, bias=False),
        nn.BatchNorm2d(c),
        nn.ReLU(),
        _layer(nn.ConvTranspose2d, c, 1, 4, 2, 1),
        nn.Tanh(),
    )
    return _drawn(net, rng)


def discriminator(channels: int, size: int = 28, *, norm: Norm = "batch", rng: torch.Generator) -> nn.Sequential:
    """Return a discriminator or critic: images [n, 1, size, size] -> logits [n].

    Convolutions with stride instead of pooling, leaky ReLU 0.2, no normalisation of the first layer; weights
    N(0, 0.02^2). A critic with a gradient penalty needs the norm "layer" or "none", statement `samplewise-critic`.

    Args:
        channels: of the first layer; the second has twice as many.
        size: pixels a side, a multiple of 4.
        norm: after the second layer: "batch", "layer" (over all of one sample) or "none".
        rng: source of the weights.

    Raises:
        ValueError: if a number is not a whole number of at least 1, the size no multiple of 4, or the norm unknown.

    >>> D = discriminator(4, norm="layer", rng=torch.Generator().manual_seed(0))
    >>> D(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2])
    """
    c, side = _check.count("channels", channels), _quarter(size)
    if norm not in _NORMS:
        raise ValueError(f"norm: expected one of {', '.join(_NORMS)}, got {norm!r}")
    net = nn.Sequential(
        _layer(nn.Conv2d, 1, c, 4, 2, 1),
        nn.LeakyReLU(SLOPE),
        _layer(nn.Conv2d, c, 2 * c, 4, 2, 1, bias=norm == "none"),
        _NORMS[norm](2 * c),
        nn.LeakyReLU(SLOPE),
        _layer(nn.Conv2d, 2 * c, 1, side),
        nn.Flatten(0),
    )
    return _drawn(net, rng)


def parts(
    game: Game = NON_SATURATING, *, noise: int, lr: float = 2e-4, beta1: float = 0.5, critic_steps: int = 1
) -> tuple[Part, Part]:
    """Return the turns of the networks "critic" and "generator" with DCGAN's Adam, for the engine.

    Args:
        game: the two losses.
        noise: numbers in the generator's noise.
        lr: learning rate of both networks.
        beta1: decay of Adam's mean of gradients.
        critic_steps: turns of the critic before each of the generator's.

    Raises:
        ValueError: if a number is out of range.

    >>> [part.times for part in parts(noise=8)]
    [1, 1]
    """
    if not 0 <= _check.number("beta1", beta1) < 1:
        raise ValueError(f"beta1: expected a number from 0 to below 1, got {beta1}")
    adam = partial(torch.optim.Adam, lr=_check.positive("lr", lr), betas=(beta1, 0.999))
    return adversarial.parts(game, noise=noise, optimizer=adam, critic_steps=critic_steps)


@torch.no_grad()
def images(net: nn.Module, z: Tensor) -> np.ndarray:
    """Return a generator's images of noise z [n, noise] as bytes, uint8 [n, size, size].

    Batch norm uses its running means here, so that an image depends on its own noise alone.

    Raises:
        ValueError: if z is not a matrix with at least one row, or its columns don't fit the generator.

    >>> G = generator(8, 4, rng=torch.Generator().manual_seed(0))
    >>> images(G, torch.zeros(2, 8)).shape
    (2, 28, 28)
    """
    if z.ndim != 2 or len(z) == 0:
        raise ValueError(f"z: expected shape [n, noise] with n at least 1, got {tuple(z.shape)}")
    if (wanted := sizes(net)[0]) != z.shape[1]:
        raise ValueError(f"z: expected shape [n, {wanted}], got {tuple(z.shape)}")
    like, training = next(net.parameters()), net.training
    net.eval()
    try:
        return np.concatenate([pixels(net(rows.to(like))) for rows in z.split(_ROWS)])
    finally:
        net.train(training)


def sample(net: nn.Module, n: int, noise: int, rng: torch.Generator) -> np.ndarray:
    """Return n images of a generator from standard normal noise, uint8 [n, size, size].

    Raises:
        ValueError: if a number is not a whole number of at least 1, or ``noise`` doesn't fit the generator.

    >>> G = generator(8, 4, rng=torch.Generator().manual_seed(0))
    >>> sample(G, 3, 8, torch.Generator().manual_seed(1)).dtype
    dtype('uint8')
    """
    z = torch.randn(_check.count("n", n), _check.count("noise", noise), generator=rng, device=rng.device)
    return images(net, z)


def slerp(z0: Tensor, z1: Tensor, steps: int) -> Tensor:
    """Return points on the arc from z0 to z1, [steps, noise]: sin((1 - t) w) / sin w z0 + sin(t w) / sin w z1.

    w is the angle between the two. Normal noise of d coordinates has a length near sqrt(d). The middle of the straight
    line between two of them is shorter by sqrt(2), where a generator has hardly ever been; the arc keeps the length.

    Raises:
        ValueError: if z0 and z1 are not two vectors of floats of one length, one is zero or not finite, they are
            opposite, or steps is below 2.

    >>> slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3)[1]
    tensor([0.7071, 0.7071])
    """
    if z0.ndim != 1 or z0.shape != z1.shape or len(z0) == 0:
        raise ValueError(f"z1: expected the shape [noise] of z0, got {tuple(z0.shape)} and {tuple(z1.shape)}")
    if not (z0.is_floating_point() and z1.is_floating_point()):
        raise ValueError(f"z0, z1: expected floats, got {z0.dtype} and {z1.dtype}")
    a, b = z0.double(), z1.double()
    if not all(0 < x.norm() < torch.inf for x in (a, b)):
        raise ValueError("z0, z1: expected finite vectors that are not zero")
    a, b = a / a.norm(), b / b.norm()
    angle = 2 * torch.atan2((a - b).norm(), (a + b).norm())
    if angle > torch.pi - 1e-6:
        raise ValueError("z1: expected a vector that is not opposite to z0: no arc between them is the shortest")
    t = torch.linspace(0, 1, _check.count("steps", steps, low=2), dtype=torch.double, device=z0.device)[:, None]
    # sin(t w) / sin w by sinc, which is t where the angle is 0.
    left, right = ((s * torch.sinc(s * angle / torch.pi) / torch.sinc(angle / torch.pi)) for s in (1 - t, t))
    return (left * z0 + right * z1).to(z0)


def walk(net: nn.Module, z0: Tensor, z1: Tensor, steps: int) -> np.ndarray:
    """Return the images along the arc from z0 to z1, uint8 [steps, size, size]; see ``slerp``.

    >>> G = generator(8, 4, rng=torch.Generator().manual_seed(0))
    >>> walk(G, torch.ones(8), torch.arange(8.0), 5).shape
    (5, 28, 28)
    """
    return images(net, slerp(z0, z1, steps))


def arithmetic(plus: Tensor, minus: Tensor, also: Tensor) -> Tensor:
    """Return mean(plus) - mean(minus) + mean(also), [noise], of noise [k, noise] each.

    With k independent normal vectors in each, the mean square length is 3 d / k. So three in each give the length of
    one noise vector, for which the generator was trained.

    Raises:
        ValueError: if they are not matrices with as many columns and at least one row.

    >>> arithmetic(torch.tensor([[1.0], [3.0]]), torch.tensor([[1.0]]), torch.tensor([[0.5]]))
    tensor([1.5000])
    """
    for name, z in (("plus", plus), ("minus", minus), ("also", also)):
        if z.ndim != 2 or len(z) == 0 or z.shape[1] != plus.shape[-1]:
            raise ValueError(f"{name}: expected shape [k, {plus.shape[-1]}] with k at least 1, got {tuple(z.shape)}")
    return plus.mean(0) - minus.mean(0) + also.mean(0)


def pixels(x: Tensor) -> np.ndarray:
    """Undo ``source.scaled``: return images [n, 1, h, w] of numbers from -1 to 1 as bytes, uint8 [n, h, w].

    >>> pixels(torch.tensor([[[[-1.0, 0.999, 2.0]]]])).tolist()
    [[[0, 255, 255]]]
    """
    return ((x[:, 0].float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def save(path: Path | str, net: nn.Module) -> None:
    """Write a generator's weights as float16 to an .npz file, which appears whole or not at all.

    Raises:
        ValueError: if a number is not finite as float16.
    """
    _weights.save(path, net)


def load(path: Path | str) -> nn.Sequential:
    """Return the generator whose weights stand in a file, in evaluation mode; its sizes are read from the weights.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no weights of a generator.
    """
    arrays = _weights.read(path)
    try:
        noise, _, side, _ = arrays["1.weight"].shape
        channels = arrays["4.weight"].shape[1]
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: expected the weights of a generator, got {', '.join(arrays) or 'none'}") from error
    net = generator(noise, channels, 4 * side, rng=torch.Generator())
    return _weights.fill(net, arrays, path)


def sizes(net: nn.Module) -> tuple[int, int, int]:
    """Return a generator's numbers of noise, channels and pixels a side.

    >>> sizes(generator(8, 4, 32, rng=torch.Generator().manual_seed(0)))
    (8, 4, 32)
    """
    first, last = net[1], net[-2]
    return first.in_channels, last.in_channels, 4 * first.kernel_size[0]


def _layer(kind: type[nn.Module], *sizes: int, bias: bool = True) -> nn.Module:
    return nn.utils.skip_init(kind, *sizes, bias=bias)  # the layers' own start draws from the global state


def _drawn(net: nn.Sequential, rng: torch.Generator) -> nn.Sequential:
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=STD, generator=rng)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return net


def _quarter(size: int) -> int:
    if (size := _check.count("size", size)) % 4:
        raise ValueError(f"size: expected a multiple of 4, got {size}")
    return size // 4
