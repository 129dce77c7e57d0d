"""Images for flows, and what is measured in a trained flow: bits, rounding errors, samples, ways between codes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from teachkit.data import digits, fashion_mnist
from teachkit.deep.coupling_images import ImageFlow, inverse_error
from teachkit.deep.coupling_nets import ZeroConv
from teachkit.deep.dcgan import arithmetic, slerp

LEVELS = {"digits": 17, "fashion_mnist": 256, "file": 256}
ROWS = 250  # images that go through a flow at a time
SHOWN = 36  # samples at each temperature
PAIRS, STEPS = 6, 9  # ways between two test images, and images of each
MOVED = 12  # images of one class that are moved to another


class Data(NamedTuple):
    """Images as whole numbers [n, c, h, w], and their classes [n]."""

    train: Tensor
    test: Tensor
    train_classes: np.ndarray
    test_classes: np.ndarray


def images(name: str, train: int, test: int, seed: int = 0, file: Path | None = None) -> Data:
    """Return so many training and test images of "digits", "fashion_mnist" or a "file".

    The digits come as one set, and the seed draws which are which.

    Raises:
        ValueError: if the images are to come from a file, and none is named or it lacks an array.
    """
    if name == "fashion_mnist":
        splits = fashion_mnist("train", train), fashion_mnist("test", test)
        return Data(*(torch.from_numpy(split.x)[:, None] for split in splits), *(split.y for split in splits))
    if name == "digits":
        x, y, _ = digits()
        rows = np.random.default_rng(seed).permutation(len(x))
        parts = rows[:train], rows[train : train + test]
        return Data(*(torch.from_numpy(x[part])[:, None] for part in parts), *(y[part] for part in parts))
    if file is None:
        raise ValueError("data: expected a file, as --data FILE")
    with np.load(file) as arrays:
        if missing := [each for each in Data._fields if each not in arrays]:
            raise ValueError(f"data: expected the arrays {', '.join(Data._fields)}, got none called {missing[0]}")
        x, y = [(arrays[each], arrays[f"{each}_classes"]) for each in ("train", "test")]
    return Data(torch.from_numpy(x[0][:train]), torch.from_numpy(y[0][:test]), x[1][:train], y[1][:test])


@torch.no_grad()
def bits(flow: ImageFlow, b: Tensor, draws: int) -> float:
    """Return mean bits per dimension of images [n, c, h, w], with so many draws of the noise, always the same ones."""
    rng = torch.Generator(b.device).manual_seed(0)
    coded = [flow.bits(rows, rng).double().sum().item() for _ in range(draws) for rows in b.split(ROWS)]
    return sum(coded) / (draws * len(b))


@torch.no_grad()
def codes(flow: ImageFlow, b: Tensor) -> Tensor:
    """Return the codes [n, d] of images of whole numbers, taken in the middle of their cubes."""
    return torch.cat([flow.encode((rows + 0.5) / flow.levels) for rows in b.split(ROWS)])


def rounding(flow: ImageFlow, b: Tensor) -> dict[str, float]:
    """Return the inverse error on images of whole numbers in both precisions."""
    x = (b.double() + 0.5) / flow.levels
    return {
        "inverse_error_float32": inverse_error(flow, x.float()),
        "inverse_error_float64": inverse_error(deepcopy(flow).double(), x),
    }


@torch.no_grad()
def stirred(flow: ImageFlow, std: float, rng: torch.Generator) -> ImageFlow:
    """Return the flow, far from the identity, with normal weights in the last layer of each network.

    A weight of k inputs gets std / sqrt(k) times a normal number.
    """
    for net in (layer.net for layer in flow.modules() if hasattr(layer, "net")):
        last = [x for x in net.modules() if isinstance(x, nn.Linear | ZeroConv)][-1]
        nn.init.normal_(last.weight, std=std * last.weight[0].numel() ** -0.5, generator=rng)
    return flow


def pictures(
    flow: ImageFlow, data: Data, temperatures: Sequence[float], classes: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Return samples, ways between test images, and test images that are moved to another class."""
    device = next(flow.parameters()).device
    test, known = data.test.to(device), data.train[:10_000].to(device)
    start = test[torch.from_numpy(data.test_classes == classes[0]).to(device)]
    return {
        **samples(flow, SHOWN, temperatures, torch.Generator(device).manual_seed(0)),
        **ways(flow, test, PAIRS, STEPS),
        **moved(flow, start, known, data.train_classes[:10_000], classes, MOVED),
    }


@torch.no_grad()
def samples(flow: ImageFlow, n: int, temperatures: Sequence[float], rng: torch.Generator) -> dict[str, np.ndarray]:
    """Return n samples at each temperature, [temperatures, n, c, h, w], and the temperatures."""
    made = np.stack([flow.quantised(flow.sample(n, rng, temperature)) for temperature in temperatures])
    return {"samples": made, "temperatures": np.array(temperatures)}


@torch.no_grad()
def ways(flow: ImageFlow, b: Tensor, pairs: int, steps: int) -> dict[str, np.ndarray]:
    """Return the images between pairs of images, [pairs, steps, c, h, w], along the line and the arc of their codes.

    The ends are the images themselves; ``mixed`` are the means of the pixels in between.
    """
    z, t = codes(flow, b[: 2 * pairs]), torch.linspace(0, 1, steps, device=b.device)[:, None]
    ends = list(zip(z[::2], z[1::2], strict=True))
    between = {
        "line": [(1 - t) * z0 + t * z1 for z0, z1 in ends],
        "arc": [slerp(z0, z1, steps) for z0, z1 in ends],
    }
    decoded = {key: np.stack([flow.quantised(flow.decode(each)) for each in way]) for key, way in between.items()}
    x, share = b[: 2 * pairs].float(), t[:, :, None, None]
    mixed = np.stack([((1 - share) * x0 + share * x1).cpu().numpy() for x0, x1 in zip(x[::2], x[1::2], strict=True)])
    return {**decoded, "mixed": mixed.round().astype(np.uint8)}


@torch.no_grad()
def moved(
    flow: ImageFlow, b: Tensor, known: Tensor, y: np.ndarray, classes: tuple[int, int], n: int
) -> dict[str, np.ndarray]:
    """Return n images of the first class, and the same ones with z - mean(first) + mean(second), [n, c, h, w] each.

    Args:
        flow: gives the codes.
        b: images of the first class.
        known: images from which the means come.
        y: their classes.
        classes: the first and the second.
        n: images.
    """
    first, second = (codes(flow, known[torch.from_numpy(y == each)]) for each in classes)
    z = torch.cat([arithmetic(row[None], first, second)[None] for row in codes(flow, b[:n])])
    return {"from": flow.quantised((b[:n] + 0.5) / flow.levels), "to": flow.quantised(flow.decode(z))}
