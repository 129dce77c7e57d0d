"""The book's feature network: a small classifier of grey images, 28 x 28, whose last hidden layer is compared.

Distances between images' features are the book's FID; they don't compare with those by other networks.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from teachkit import _check
from teachkit.deep import _weights
from teachkit.deep.source import Source, scaled
from teachkit.deep.train import Nets, Part

SIZE = 28
FEATURES = 64
WEIGHTS = Path(__file__).parents[3] / "results" / "features" / "weights.npz"  # in a checkout
_ROWS = 500  # images that go through the network at a time


def network(classes: int = 10, *, rng: torch.Generator) -> nn.Sequential:
    """Return a classifier: images [n, 1, 28, 28] -> logits [n, classes]; before its last layer are the 64 features.

    Three convolutions with batch norm and ReLU, halved twice by pooling, then the mean over the image.

    Args:
        classes: how many.
        rng: source of the weights.

    Raises:
        ValueError: if the number of classes is not a whole number of at least 1.

    >>> net = network(rng=torch.Generator().manual_seed(0))
    >>> net(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    classes = _check.count("classes", classes)
    return nn.Sequential(
        *_block(1, 16, rng), nn.MaxPool2d(2),
        *_block(16, 32, rng), nn.MaxPool2d(2),
        *_block(32, FEATURES, rng), nn.AvgPool2d(SIZE // 4), nn.Flatten(),
        _drawn(nn.utils.skip_init(nn.Linear, FEATURES, classes), FEATURES, rng),
    )  # fmt: skip


def loss(nets: Nets, batch: tuple[Tensor, Tensor], source: Source) -> Tensor:
    """Return the cross-entropy in nats of the network "features" on a batch of images and classes."""
    x, y = batch
    return cross_entropy(nets["features"](x), y.long())


def part(lr: float = 2e-3) -> Part:
    """Return the turn of the network "features", for ``teachkit.deep.train.Training``.

    Raises:
        ValueError: if the learning rate is not a finite number above 0.

    >>> part().net
    'features'
    """
    return Part("features", loss, partial(torch.optim.Adam, lr=_check.positive("lr", lr)))


def features(net: nn.Sequential, images: np.ndarray) -> np.ndarray:
    """Return the last hidden layer, float64 [n, 64], of images as bytes, uint8 [n, 28, 28].

    Raises:
        ValueError: if the images are not bytes of this shape, or there are none.

    >>> net = network(rng=torch.Generator().manual_seed(0))
    >>> features(net, np.zeros((3, 28, 28), np.uint8)).shape
    (3, 64)
    """
    return _passed(net, net[:-1], images)


def probabilities(net: nn.Sequential, images: np.ndarray) -> np.ndarray:
    """Return the probabilities of the classes, float64 [n, classes], of images as bytes, uint8 [n, 28, 28].

    Raises:
        ValueError: if the images are not bytes of this shape, or there are none.

    >>> net = network(rng=torch.Generator().manual_seed(0))
    >>> probabilities(net, np.zeros((3, 28, 28), np.uint8)).sum(axis=1).round(12).tolist()
    [1.0, 1.0, 1.0]
    """
    logits = _passed(net, net, images)
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    return likely / likely.sum(axis=1, keepdims=True)


def save(path: Path | str, net: nn.Module) -> None:
    """Write the network's weights as float16 to an .npz file, which appears whole or not at all.

    Raises:
        ValueError: if a number is not finite as float16.
    """
    _weights.save(path, net)


def load(path: Path | str | None = None) -> nn.Sequential:
    """Return the trained network, in evaluation mode.

    Args:
        path: of its weights; without it those that the run ``features`` recorded, which a clone of the book has.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no weights of this network.
    """
    path = WEIGHTS if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no weights of the feature network; `python -m runs.features` writes them")
    arrays = _weights.read(path)
    classes = next((len(x) for name, x in reversed(arrays.items()) if x.ndim == 2), 1)
    return _weights.fill(network(classes, rng=torch.Generator()), arrays, path)


@torch.no_grad()
def _passed(net: nn.Module, layers: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return what layers of the network, in evaluation mode, make of images, as float64."""
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.shape[1:] != (SIZE, SIZE) or len(images) == 0:
        raise ValueError(
            f"images: expected uint8 [n, {SIZE}, {SIZE}] with n at least 1, got {images.dtype} {list(images.shape)}"
        )
    device, training = next(net.parameters()).device, net.training
    net.eval()
    try:
        rows = torch.from_numpy(np.ascontiguousarray(images))[:, None].split(_ROWS)
        return torch.cat([layers(scaled(x.to(device))) for x in rows]).double().cpu().numpy()
    finally:
        net.train(training)


def _block(fan_in: int, fan_out: int, rng: torch.Generator) -> tuple[nn.Module, ...]:
    layer = nn.utils.skip_init(nn.Conv2d, fan_in, fan_out, 3, padding=1, bias=False)
    return _drawn(layer, 9 * fan_in, rng), nn.BatchNorm2d(fan_out), nn.ReLU()


def _drawn(layer: nn.Module, fan_in: int, rng: torch.Generator) -> nn.Module:
    nn.init.normal_(layer.weight, std=(2 / fan_in) ** 0.5, generator=rng)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
