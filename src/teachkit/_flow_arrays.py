"""The arrays in which a trained coupling flow is written down: their names, shapes and kinds, checked once for all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from teachkit import _check

Weights = list[tuple[np.ndarray, np.ndarray]]


class FlowArrays(NamedTuple):
    """A coupling flow's arrays, in float64.

    Attributes:
        mask: [layers, d].
        weights: (W [layers, m_j, m_j-1], b [layers, m_j]) of each linear layer j of the networks, with m_-1 = d.
        bound: of s, if the flow is affine; then a network has 2d outputs.
        log_scale: [d], if it is additive; then a network has d outputs, and a scaling ends the flow.
    """

    mask: np.ndarray
    weights: Weights
    bound: float | None
    log_scale: np.ndarray | None


def read(arrays: Mapping[str, ArrayLike]) -> FlowArrays:
    """Return the arrays "mask", "W0", "b0", "W1", ... and either "bound" or "log_scale", checked.

    Raises:
        ValueError: if one is missing, has another shape than the others ask for, or holds no finite numbers.

    >>> read({"mask": [[1, 0]], "W0": [[[0, 0], [1, 0]]], "b0": [[0, 0]]})
    Traceback (most recent call last):
    ...
    ValueError: arrays: expected either bound (affine layers) or log_scale (additive ones), got neither
    """
    depth = 1 + max((int(name[1:]) for name in arrays if re.fullmatch(r"[Wb]\d+", name)), default=0)
    needed = ["mask", *(f"{kind}{j}" for j in range(depth) for kind in "Wb")]
    if missing := [name for name in needed if name not in arrays]:
        raise ValueError(f"arrays: missing {', '.join(missing)}")
    mask = _check.shaped("mask", arrays["mask"], (None, None))
    layers, d = mask.shape
    bound, log_scale = _kind(arrays, d)
    pairs = [(arrays[f"W{j}"], arrays[f"b{j}"]) for j in range(depth)]
    return FlowArrays(mask, chain(pairs, (layers,), d, d if bound is None else 2 * d), bound, log_scale)


def chain(
    pairs: Iterable[tuple[ArrayLike, ArrayLike]],
    stack: tuple[int, ...] = (),
    inputs: int | None = None,
    outputs: int | None = None,
) -> Weights:
    """Return the pairs (W_j, b_j) as arrays if each layer takes what the one before it gives.

    Args:
        pairs: W_j [*stack, m_j, m_j-1] and b_j [*stack, m_j].
        stack: leading axes, the same for all.
        inputs: m_-1, if it is given.
        outputs: m of the last pair, if it is given.
    """
    pairs, checked = list(pairs), []
    for j, (W, b) in enumerate(pairs):
        rows = outputs if j == len(pairs) - 1 else None
        W = _check.shaped(f"W{j}", W, (*stack, rows, inputs))
        checked.append((W, _check.shaped(f"b{j}", b, W.shape[:-1])))
        inputs = W.shape[-2]
    return checked


def zeros(layers: int, sizes: Sequence[int], dtype: DTypeLike) -> dict[str, np.ndarray]:
    """Return "W0", "b0", "W1", ... of zeros for networks with these numbers of inputs, hidden units and outputs.

    >>> {name: x.shape for name, x in zeros(3, (2, 8, 4), float).items()}
    {'W0': (3, 8, 2), 'b0': (3, 8), 'W1': (3, 4, 8), 'b1': (3, 4)}
    """
    shapes = {}
    for j, (inputs, outputs) in enumerate(pairwise(sizes)):
        shapes |= {f"W{j}": (layers, outputs, inputs), f"b{j}": (layers, outputs)}
    return {name: np.zeros(shape, dtype) for name, shape in shapes.items()}


def used(arrays: Mapping[str, np.ndarray], i: int) -> list[np.ndarray]:
    """Return views of W0, b0, W1, ... of layer i without what an alternating mask takes away.

    Layer i keeps the entries i % 2, i % 2 + 2, ..., and its network's outputs for them do not count.

    >>> [x.shape for x in used(zeros(3, (5, 8, 10), float), 1)]
    [(8, 2), (8,), (2, 3, 8), (2, 3)]
    """
    depth = sum(name[0] == "W" for name in arrays)
    W, b = ([arrays[f"{kind}{j}"][i] for j in range(depth)] for kind in "Wb")
    d, kept = W[0].shape[1], i % 2
    W[0] = W[0][:, kept::2]
    W[-1], b[-1] = (x.reshape(-1, d, *x.shape[1:])[:, 1 - kept :: 2] for x in (W[-1], b[-1]))
    return [x for pair in zip(W, b, strict=True) for x in pair]


def _kind(arrays: Mapping[str, ArrayLike], d: int) -> tuple[float | None, np.ndarray | None]:
    """Return bound and log_scale, exactly one of which is there and decides the kind of the flow."""
    affine, additive = "bound" in arrays, "log_scale" in arrays
    if affine == additive:
        got = "both" if affine else "neither"
        raise ValueError(f"arrays: expected either bound (affine layers) or log_scale (additive ones), got {got}")
    if affine:
        return _check.positive("bound", arrays["bound"]), None
    return None, _check.shaped("log_scale", arrays["log_scale"], (d,))
