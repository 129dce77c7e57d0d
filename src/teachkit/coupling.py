"""Coupling layers: additive (NICE) and affine (Real NVP), their masks and small networks.

With a binary mask b, the layer keeps the entries where b is 1 and moves the others:
x = b z + (1 - b) (z exp(s(b z)) + t(b z)), an equation of Dinh et al. (2017). The functions s and t see the kept
entries only, so they can be anything, and log |det dx/dz| is the sum of s over the moved entries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check, _flow_arrays
from teachkit.change_of_variables import Bijection

Conditioner = Callable[[np.ndarray], ArrayLike]


def affine_forward(
    z: ArrayLike, s: Conditioner, t: Conditioner, mask: ArrayLike = (1, 0)
) -> tuple[np.ndarray, np.ndarray]:
    """Push z through an affine coupling layer, statement `affine-coupling`.

    Args:
        z: [n, d].
        s: log-scale; takes b z [n, d], returns a number or an array of two axes that broadcasts to [n, d].
        t: translation; likewise.
        mask: b, [d], of zeros and ones with at least one of each; 1 keeps the entry.

    Returns:
        x [n, d] and log |det dx/dz| [n], the sum of s over the moved entries.

    Raises:
        ValueError: if z or mask has the wrong shape or values, or s or t return what does not broadcast.

    A conditioner gets b z, so it reads the kept entry from its column; the moved one is 0 there.

    >>> x, log_det = affine_forward([[1.0, 2.0]], lambda z: np.sin(z[:, :1]), lambda z: np.cos(z[:, :1]))
    >>> x.round(6), log_det.round(6)
    (array([[1.      , 5.179856]]), array([0.841471]))
    """
    z, b = _masked("z", z, mask)
    s_moved, t_moved = _condition("s", s, z, b), _condition("t", t, z, b)
    return z * np.exp(s_moved) + t_moved, s_moved.sum(axis=1)


def affine_inverse(
    x: ArrayLike, s: Conditioner, t: Conditioner, mask: ArrayLike = (1, 0)
) -> tuple[np.ndarray, np.ndarray]:
    """Invert an affine coupling layer; s and t are evaluated forward, never inverted.

    Args and errors: as in ``affine_forward``, with x in the place of z.

    Returns:
        z [n, d] and log |det dz/dx| [n], minus the sum of s over the moved entries.

    >>> x, _ = affine_forward([[1.0, 2.0]], lambda z: np.sin(z[:, :1]), lambda z: np.cos(z[:, :1]))
    >>> affine_inverse(x, lambda x: np.sin(x[:, :1]), lambda x: np.cos(x[:, :1]))[0].round(12)
    array([[1., 2.]])
    """
    x, b = _masked("x", x, mask)
    s_moved, t_moved = _condition("s", s, x, b), _condition("t", t, x, b)
    return (x - t_moved) * np.exp(-s_moved), -s_moved.sum(axis=1)


def log_det(s_values: ArrayLike, mask: ArrayLike = (1, 0)) -> np.ndarray:
    """Return the sum of s over the moved entries, [n]: the log-determinant of an affine coupling layer.

    >>> log_det([[9.0, 0.5]])
    array([0.5])
    """
    s_values = _check.points("s_values", s_values)
    return s_values @ (1 - _mask(mask, s_values.shape[1]))


def layer(s: Conditioner, t: Conditioner, mask: ArrayLike = (1, 0)) -> Bijection:
    """Return the affine coupling layer as a bijection, ready to compose.

    Raises:
        ValueError: if mask is not of zeros and ones with at least one of each; when called, as ``affine_forward``.

    >>> layer(lambda z: 0 * z, lambda z: z[:, :1]).forward([[1.0, 2.0]])[0]
    array([[1., 3.]])
    """
    b = _mask(mask)
    return Bijection(lambda z: affine_forward(z, s, t, b), lambda x: affine_inverse(x, s, t, b))


def additive(t: Conditioner, mask: ArrayLike = (1, 0)) -> Bijection:
    """Return the additive coupling layer of NICE, log-determinant 0, statement `additive-coupling`.

    >>> additive(lambda z: z[:, :1]).forward([[1.0, 2.0]])
    (array([[1., 3.]]), array([0.]))
    """
    return layer(np.zeros_like, t, mask)


def scaling(log_scale: ArrayLike) -> Bijection:
    """Return x = z exp(log_scale), entry by entry: the last layer of NICE, which lets it change volume.

    >>> scaling([0.0, np.log(2)]).forward([[1.0, 1.0]])[0].round(12)
    array([[1., 2.]])
    """
    log_scale = _check.vector("log_scale", log_scale)

    def scale(name: str, y: ArrayLike, sign: int) -> tuple[np.ndarray, np.ndarray]:
        y = _check.points(name, y, log_scale.size)
        return y * np.exp(sign * log_scale), np.full(len(y), sign * log_scale.sum())

    return Bijection(lambda z: scale("z", z, 1), lambda x: scale("x", x, -1))


def mlp(weights: Sequence[tuple[ArrayLike, ArrayLike]]) -> Conditioner:
    """Return the network x -> tanh(x W_1^T + b_1) ... W_L^T + b_L with the given (W, b), tanh between layers.

    It is the NumPy twin of the networks that ``teachkit.deep.coupling`` trains.

    Raises:
        ValueError: if there is no layer, a W and b do not fit, or a W does not take what the layer before it gives.

    >>> mlp([(np.eye(2), np.zeros(2))])(np.array([[1.0, 2.0]]))
    array([[1., 2.]])
    """
    pairs = _flow_arrays.chain(weights)
    if not pairs:
        raise ValueError("weights: expected at least one pair W [m, d], b [m]")

    def network(x: np.ndarray) -> np.ndarray:
        for W, b in pairs[:-1]:
            x = np.tanh(x @ W.T + b)
        W, b = pairs[-1]
        return x @ W.T + b

    return network


def network_layer(network: Conditioner, mask: ArrayLike, bound: float | None) -> Bijection:
    """Return the coupling layer whose s and t come from one network of b z, evaluated once.

    Args:
        network: [n, d] -> [n, 2d], the columns of raw s, then those of t; [n, d], t alone, without a bound.
        mask: b, [d].
        bound: the layer is affine with s = bound tanh(raw s / bound); None makes it additive.

    Raises:
        ValueError: if mask is not of zeros and ones with at least one of each, or bound not above 0; when called, if
            the network's output has another width.

    >>> affine = network_layer(mlp([([[0, 0], [0.5, 0], [0, 0], [1, 0]], np.zeros(4))]), (1, 0), bound=2)
    >>> affine.forward([[2.0, 3.0]])[1].round(6)  # 2 tanh(1 / 2)
    array([0.924234])
    """
    mask = _mask(mask)
    bound = None if bound is None else _check.positive("bound", bound)

    def values(y: np.ndarray) -> tuple[Conditioner, Conditioner]:
        out = _check.floats("network", network(y))
        wanted = (len(y), mask.size if bound is None else 2 * mask.size)
        if out.shape != wanted:
            raise ValueError(f"network: expected an output of shape {wanted}, got {out.shape}")
        if bound is None:
            return np.zeros_like, lambda _: out
        raw_s, t = np.split(out, 2, axis=1)
        return lambda _: bound * np.tanh(raw_s / bound), lambda _: t

    def forward(z: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        z, b = _masked("z", z, mask)
        return affine_forward(z, *values(b * z), mask)

    def inverse(x: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        x, b = _masked("x", x, mask)
        return affine_inverse(x, *values(b * x), mask)

    return Bijection(forward, inverse)


def flow_from_arrays(arrays: Mapping[str, ArrayLike]) -> list[Bijection]:
    """Return the layers of a flow that ``teachkit.deep.coupling`` trained and wrote down as arrays; needs no torch.

    Args:
        arrays: "mask" [layers, d]; "W0", "b0", "W1", "b1", ... with the weights of all layers' networks stacked along
            the first axis; and either "bound", a number, for affine layers, or "log_scale" [d], for additive ones,
            which a scaling follows.

    Raises:
        ValueError: if an array is missing or has the wrong shape, or there are both bound and log_scale or neither.

    >>> arrays = {"mask": [[1, 0]], "W0": [[[0, 0], [1, 0]]], "b0": [[0, 0]], "log_scale": [0, 0]}
    >>> shift, scale = flow_from_arrays(arrays)
    >>> shift.forward([[2.0, 3.0]])[0]
    array([[2., 5.]])
    """
    mask, weights, bound, log_scale = _flow_arrays.read(arrays)
    networks = [mlp([(W[i], b[i]) for W, b in weights]) for i in range(len(mask))]
    layers = [network_layer(network, b, bound) for network, b in zip(networks, mask, strict=True)]
    return layers if log_scale is None else [*layers, scaling(log_scale)]


def checkerboard(h: int, w: int) -> np.ndarray:
    """Return the mask of Real NVP on an h x w image: 1 where row + column is odd, [h, w].

    >>> checkerboard(2, 3)
    array([[0., 1., 0.],
           [1., 0., 1.]])
    """
    return np.indices((_check.count("h", h), _check.count("w", w))).sum(axis=0) % 2 * 1.0


def channel(c: int) -> np.ndarray:
    """Return the mask over c channels, an even number: 1 on the first half, [c].

    >>> channel(4)
    array([1., 1., 0., 0.])
    """
    c = _check.count("c", c)
    if c % 2:
        raise ValueError(f"c: expected an even number of channels, got {c}")
    return np.repeat([1.0, 0.0], c // 2)


def squeeze(x: ArrayLike) -> np.ndarray:
    """Trade space for channels: [n, c, h, w] -> [n, 4c, h/2, w/2], each 2 x 2 square becomes 4 channels.

    Raises:
        ValueError: if x does not have four axes with even height and width.

    >>> squeeze(np.arange(4.0).reshape(1, 1, 2, 2)).ravel()
    array([0., 1., 2., 3.])
    """
    x = np.asarray(x)
    if x.ndim != 4 or x.shape[2] % 2 or x.shape[3] % 2:
        raise ValueError(f"x: expected shape [n, c, h, w] with even h and w, got {x.shape}")
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 3, 5, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def unsqueeze(y: ArrayLike) -> np.ndarray:
    """Undo ``squeeze``: [n, 4c, h, w] -> [n, c, 2h, 2w].

    Raises:
        ValueError: if y does not have four axes with a channel count divisible by 4.

    >>> unsqueeze(squeeze(np.arange(16.0).reshape(1, 1, 4, 4))).ravel()[:4]
    array([0., 1., 2., 3.])
    """
    y = np.asarray(y)
    if y.ndim != 4 or y.shape[1] % 4:
        raise ValueError(f"y: expected shape [n, 4c, h, w], got {y.shape}")
    n, c, h, w = y.shape
    return y.reshape(n, c // 4, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)


def _mask(mask: ArrayLike, d: int | None = None) -> np.ndarray:
    b = _check.vector("mask", mask, sizes=None if d is None else (d,))
    if not np.isin(b, (0.0, 1.0)).all() or b.min() == b.max():
        raise ValueError(f"mask: expected zeros and ones with at least one of each, got {b}")
    return b


def _masked(name: str, z: ArrayLike, mask: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    z = _check.points(name, z)
    return z, _mask(mask, z.shape[1])


def _condition(name: str, f: Conditioner, z: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return f(b z), [n, d], with 0 at the kept entries: exp(0) = 1 and + 0 then leave them exactly as they are."""
    values = _check.floats(name, f(b * z))
    if values.ndim == 1:  # [n] would be taken for [d], and n may equal d
        raise ValueError(f"{name}: expected a number or an array of two axes, got shape {values.shape}")
    try:
        return np.where(b == 1, 0.0, np.broadcast_to(values, z.shape))
    except ValueError as error:
        raise ValueError(f"{name}: expected values that broadcast to {z.shape}, got {values.shape}") from error
