"""Coupling flows on images (chapter `coupling_images`): NICE, Real NVP and Glow, how they train, and their files."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from teachkit import _check
from teachkit.deep import _coupling_models, _weights
from teachkit.deep._image_flow import ImageFlow, Shape, checked
from teachkit.deep._shared import generator
from teachkit.deep.source import Batch, Source
from teachkit.deep.train import Nets, Part

__all__ = ["ImageFlow", "flow_parts", "glow", "inverse_error", "load", "nice", "realnvp", "save"]
Mixing = Literal["conv1x1", "reverse", "fixed"]
NET = "flow"
_RECIPE = "recipe"  # the array of a file that says how the flow was made


def nice(
    shape: Shape,
    *,
    depth: int = 4,
    hidden: int = 256,
    hidden_layers: int = 3,
    levels: int = 256,
    alpha: float = 0.05,
    rng: torch.Generator,
) -> ImageFlow:
    """Return NICE (Dinh, Krueger and Bengio 2015): additive couplings of the flat image, then a scaling.

    Args:
        shape: (c, h, w) of an image.
        depth: coupling layers; even and odd entries are kept in turn.
        hidden: units in a hidden layer of a network.
        hidden_layers: of a network.
        levels: see ``ImageFlow``.
        alpha: see ``ImageFlow``.
        rng: source of the weights.

    Raises:
        ValueError: if a number is out of range.

    >>> nice((1, 2, 2), hidden=4, rng=torch.Generator().manual_seed(0)).decode(torch.zeros(1, 4)).flatten()
    tensor([0.5000, 0.5000, 0.5000, 0.5000], grad_fn=<ViewBackward0>)
    """
    return _made("nice", shape, levels, alpha, rng, depth=depth, hidden=hidden, hidden_layers=hidden_layers)


def realnvp(
    shape: Shape,
    *,
    scales: int = 2,
    depth: int = 3,
    hidden: int = 32,
    blocks: int = 2,
    checkerboard: bool = True,
    additive: bool = False,
    levels: int = 256,
    alpha: float = 0.05,
    rng: torch.Generator,
) -> ImageFlow:
    """Return Real NVP (Dinh, Sohl-Dickstein and Bengio 2017): masked couplings at several scales, with batch norm.

    A scale has ``depth`` checkerboard couplings, a squeeze, ``depth`` channel couplings and a split; the last one has
    depth + 1 checkerboard couplings.

    Args:
        shape: (c, h, w) of an image, h and w divisible by 2^(scales - 1), and one of them larger.
        scales: number of grids.
        depth: couplings of each kind in a scale.
        hidden: channels in the networks.
        blocks: residual blocks in a network.
        checkerboard: False for 2 depth channel couplings, and no checkerboard ones, in all scales but the last.
        additive: additive couplings, not affine ones.
        levels: see ``ImageFlow``.
        alpha: see ``ImageFlow``.
        rng: source of the weights.

    Raises:
        ValueError: if a number is out of range or the shape does not divide.

    >>> flow = realnvp((1, 4, 4), depth=1, hidden=4, rng=torch.Generator().manual_seed(0)).eval()
    >>> flow.encode(torch.rand(2, 1, 4, 4)).shape
    torch.Size([2, 16])
    """
    sizes = {"scales": scales, "depth": depth, "hidden": hidden, "blocks": blocks}
    kinds = {"checkerboard": checkerboard, "additive": additive}
    return _made("realnvp", shape, levels, alpha, rng, **sizes, **kinds)


def glow(
    shape: Shape,
    *,
    scales: int = 2,
    depth: int = 4,
    hidden: int = 32,
    mixing: Mixing = "conv1x1",
    boards: int = 0,
    additive: bool = False,
    plu: bool = True,
    levels: int = 256,
    alpha: float = 0.05,
    rng: torch.Generator,
) -> ImageFlow:
    """Return Glow (Kingma and Dhariwal 2018): steps of act norm, mixing of channels and coupling at several scales.

    Args:
        shape: (c, h, w) of an image, h and w divisible by 2^scales.
        scales: number of grids, L of the paper.
        depth: steps on each, K of the paper.
        hidden: channels in the networks.
        mixing: "conv1x1", learned; "reverse", the channels in reverse order; "fixed", in an order drawn once.
        boards: checkerboard couplings on the whole picture before the first squeeze; the paper has none.
        additive: additive couplings, not affine ones.
        plu: whether a 1x1 convolution is kept as the factors of statement `plu-form`.
        levels: see ``ImageFlow``.
        alpha: see ``ImageFlow``.
        rng: source of the weights.

    Raises:
        ValueError: if a number is out of range, the shape does not divide, or the mixing is none of these.

    >>> glow((1, 6, 6), rng=torch.Generator().manual_seed(0))
    Traceback (most recent call last):
    ...
    ValueError: shape: expected a height and width divisible by 4 for these scales, got (1, 6, 6)
    """
    sizes = {"scales": scales, "depth": depth, "hidden": hidden, "boards": boards}
    kinds = {"mixing": mixing, "additive": additive, "plu": plu}
    return _made("glow", shape, levels, alpha, rng, **sizes, **kinds)


def flow_parts(lr: float = 1e-3, *, weight_decay: float = 0.0) -> tuple[Part]:
    """Return the turn of the network "flow" for the engine: lower the mean bits per dimension of a batch, with Adam.

    Each batch of whole numbers gets fresh noise from the source.

    Args:
        lr: learning rate.
        weight_decay: of AdamW.

    Raises:
        ValueError: if a number is out of range.

    >>> flow_parts()[0].net
    'flow'
    """
    lr = _check.positive("lr", lr)
    if _check.number("weight_decay", weight_decay) < 0:
        raise ValueError(f"weight_decay: expected a number of at least 0, got {weight_decay}")

    def loss(nets: Nets, batch: Batch, source: Source) -> Tensor:
        b = batch if isinstance(batch, Tensor) else batch[0]
        return nets[NET].bits_with(b, source.uniform(*b.shape[1:])).mean()

    return (Part(NET, loss, partial(torch.optim.AdamW, lr=lr, weight_decay=weight_decay, fused=True)),)


@torch.no_grad()
def inverse_error(flow: ImageFlow, x: Tensor) -> float:
    """Return the largest |decode(encode(x)) - x| over all pixels, as batch norm is used after training.

    In exact numbers it is 0; statement `inverse-error-growth` says what rounding makes of it.

    >>> flow = nice((1, 2, 2), hidden=4, rng=torch.Generator().manual_seed(0))
    >>> inverse_error(flow, torch.rand(3, 1, 2, 2)) < 1e-6
    True
    """
    training = flow.training
    flow.eval()
    try:
        return (flow.decode(flow.encode(x)) - x).abs().max().item()
    finally:
        flow.train(training)


def save(path: Path | str, flow: ImageFlow) -> None:
    """Write a flow's weights as float16, and how it was made, to an .npz file, which appears whole or not at all.

    Raises:
        ValueError: if a number is not finite as float16, or none of the functions here made the flow.
    """
    if flow.recipe is None:
        raise ValueError("flow: expected one that nice, realnvp or glow made")
    _weights.save(path, flow, {_RECIPE: np.array(json.dumps(flow.recipe))})


def load(path: Path | str) -> ImageFlow:
    """Return the flow that stands in a file, in evaluation mode.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no flow.
    """
    arrays = _weights.read(path)
    try:
        recipe = json.loads(str(arrays.pop(_RECIPE)))
        flow = _MODELS[recipe.pop("model")](tuple(recipe.pop("shape")), **recipe, rng=torch.Generator())
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: expected the weights of a flow, got {', '.join(arrays) or 'none'}") from error
    return _weights.fill(flow, arrays, path)


_MODELS: dict[str, Callable[..., ImageFlow]] = {"nice": nice, "realnvp": realnvp, "glow": glow}


def _made(name: str, shape: Shape, levels: int, alpha: float, rng: torch.Generator, **sizes: object) -> ImageFlow:
    shape, levels, alpha = checked(shape), _plain(levels), _plain(alpha)
    sizes = {key: _plain(size) for key, size in sizes.items()}
    layer = getattr(_coupling_models, name)(shape, **sizes, rng=generator("rng", rng))
    recipe = {"model": name, "shape": shape, "levels": levels, "alpha": alpha, **sizes}
    return ImageFlow(layer, shape, levels, alpha, recipe=recipe)


def _plain(x: object) -> object:
    """Return a number of NumPy as Python's, which JSON can hold."""
    return x.item() if isinstance(x, np.generic | np.ndarray) and np.ndim(x) == 0 else x
