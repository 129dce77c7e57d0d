"""Checks of three items of sheet 6: coupling layers as functions, and a chain of two."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from teachkit.coupling import affine_forward, affine_inverse, checkerboard, layer
from teachkit.data import standard_normal
from teachkit.flows import Flow
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Number, Wrong

Data = dict[str, Any]
Part = Callable[[np.ndarray], np.ndarray]


def _log_scale(u: np.ndarray) -> np.ndarray:
    return 0.5 * np.sin(u + 2 * u.mean(axis=-1, keepdims=True))


def _shift(u: np.ndarray) -> np.ndarray:
    return u**2 - u.mean(axis=-1, keepdims=True)


def _batch(n: int, d: int) -> Callable[[Draw, Data], tuple[np.ndarray, Part, Part]]:
    return lambda draw, _: (draw.normal((n, d)), _log_scale, _shift)


def _whole(draw: Draw, _: Data) -> tuple[np.ndarray, Part, Part]:
    return np.array([[draw.integer(-3, 3) for _ in range(4)] for _ in range(5)]), _log_scale, _shift


def _halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x[:, : x.shape[1] // 2], x[:, x.shape[1] // 2 :]


def _inverse(x: np.ndarray, s: Part, t: Part) -> tuple[np.ndarray, np.ndarray]:
    half = x.shape[1] // 2
    mask = np.arange(2 * half) < half
    wide = lambda f: lambda u: np.tile(f(u[:, :half]), 2)  # noqa: E731 - the library's conditioners are d wide
    return affine_inverse(x, wide(s), wide(t), mask)


def _undone(z2: Callable[..., np.ndarray]) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Return a wrong inverse: ``z2`` makes the moved half from the two halves of x, and from s and t."""

    def inverse(x: np.ndarray, s: Part, t: Part) -> tuple[np.ndarray, np.ndarray]:
        x1, x2 = _halves(x)
        return np.concatenate([x1, z2(x1, x2, s, t)], axis=1), -s(x1).sum(axis=1)

    return inverse


def _counted(log_det: Callable[[np.ndarray], Any]) -> Callable[..., tuple[np.ndarray, Any]]:
    """Return a wrong inverse: the point is right, and ``log_det`` makes the other result from s."""
    return lambda x, s, t: (_inverse(x, s, t)[0], log_det(s(_halves(x)[0])))


def _images(n: int, h: int, w: int, loud: float = 0) -> Callable[[Draw, Data], tuple[Any, ...]]:
    """Return a case: images, s and t, a checkerboard; at its kept pixels s is larger by ``loud``."""
    mask = checkerboard(h, w)
    return lambda draw, _: (draw.normal((n, h, w)), lambda u: _log_scale(u) + loud * mask, _shift, mask)


def _masked(z: np.ndarray, s: Part, t: Part, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shape = z.shape
    flat = lambda f: lambda u: f(u.reshape(shape)).reshape(len(u), -1)  # noqa: E731
    x, log_det = affine_forward(z.reshape(len(z), -1), flat(s), flat(t), mask.ravel())
    return x.reshape(shape), log_det


def _leaky(z: np.ndarray, s: Part, t: Part, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    moved = (1 - mask) * s(z)
    return mask * z + (1 - mask) * (z * np.exp(moved) + t(z)), moved.sum(axis=(1, 2))


def _overflowing(z: np.ndarray, s: Part, t: Part, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = mask * z + (1 - mask) * (z * np.exp(s(mask * z)) + t(mask * z))
    return x, ((1 - mask) * s(mask * z)).sum(axis=(1, 2))


def _seen(log_det: Callable[[np.ndarray, np.ndarray], Any]) -> Callable[..., tuple[np.ndarray, Any]]:
    """Return a wrong layer: the image is right, and ``log_det`` makes the other result from s and the mask."""
    return lambda z, s, t, mask: (_masked(z, s, t, mask)[0], log_det(s(mask * z), mask))


# --- a chain of two layers in the plane ---------------------------------------------------------


def _log_density(data: Data) -> float:
    a, b, c = data["a"], data["b"], data["c"]
    first = layer(lambda z: a * z[:, :1], lambda z: b * z[:, :1])
    second = layer(lambda u: c * u[:, 1:], lambda u: 0 * u, mask=(0, 1))
    return float(Flow(standard_normal(2), [first, second]).log_prob([[data["x1"], data["x2"]]])[0])


def _mistaken(data: Data) -> dict[str, float]:
    """Return what each mistake leads to, by its name."""
    a, b, c, x1, x2 = (data[name] for name in ("a", "b", "c", "x1", "x2"))
    z1 = x1 * math.exp(-c * x2)
    base = _log_normal(z1, (x2 - b * z1) * math.exp(-a * z1))
    right = base - a * z1 - c * x2
    v2 = (x2 - b * x1) * math.exp(-a * x1)  # the layers undone in the order of sampling
    u2 = x2 * math.exp(a * x1) + b * x1  # x pushed forward
    return {
        "sign": base + a * z1 + c * x2,
        "base": base,
        "first": base - c * x2,
        "second": base - a * z1,
        "place": base - a * x1 - c * x2,
        "constant": right + math.log(2 * math.pi),
        "line": right + 0.5 * math.log(2 * math.pi),
        "density": math.exp(right),
        "bits": right / math.log(2),
        "order": _log_normal(x1 * math.exp(-c * v2), v2) - a * x1 - c * v2,
        "forward": _log_normal(x1 * math.exp(c * u2), u2) - a * x1 - c * u2,
    }


def _log_normal(z1: float, z2: float) -> float:
    return -0.5 * (z1**2 + z2**2) - math.log(2 * math.pi)


def _draw_chain(draw: Draw) -> Data:
    """Draw until z is not far out, and the answer and all mistakes differ from each other."""
    while True:
        data = {name: draw.decimal(0.3, 0.9) for name in ("a", "c")}
        data |= {"b": draw.decimal(0.5, 1.5), "x1": draw.decimal(0.6, 1.6)}
        data["x2"] = draw.choice([-1, 1]) * draw.decimal(0.4, 1.2)
        mistaken = _mistaken(data)
        numbers = np.sort([_log_density(data), *mistaken.values()])
        if mistaken["base"] > -5 and (np.diff(numbers) > 0.02 * np.abs(numbers[1:])).all():
            return data


LAYERS = {
    "invert-a-layer": Function(
        cases={
            "a batch": _batch(5, 4),
            "one row": _batch(1, 4),
            "as many rows as moved entries": _batch(3, 6),
            "whole numbers": _whole,
        },
        reference=_inverse,
        wrong=[
            Wrong(
                _undone(lambda x1, x2, s, t: x2 * np.exp(s(x1)) + t(x1)),
                "That is the layer itself. Undo its last step first: what was added at the end?",
            ),
            Wrong(
                _undone(lambda x1, x2, s, t: x2 * np.exp(-s(x1)) - t(x1)),
                "The order is off: t was added after the scaling, so it goes before the scaling is undone.",
            ),
            Wrong(
                _undone(lambda x1, x2, s, t: (x2 - t(x2)) * np.exp(-s(x2))),
                "You give s and t the moved half. They were computed from the kept one, which is still there.",
            ),
            Wrong(
                _undone(lambda x1, x2, s, t: (x2 - t(x1)) * np.exp(s(x1))),
                "The shift is undone; the scaling by exp(s) is applied a second time.",
            ),
            Wrong(
                lambda x, s, t: ((x - t(x)) * np.exp(-s(x)), -s(x).sum(axis=1)),
                "You move the whole of x. The first half is kept, and s and t take halves.",
            ),
            Wrong(
                _undone(lambda x1, x2, s, t: (x2 - t(x1)) / s(x1)),
                "You divide by s. The layer multiplies by exp(s).",
            ),
            Wrong(
                _counted(lambda s: s.sum(axis=1)),
                "The points are right. The log-determinant has the sign of the forward map; give that of the inverse.",
                credit=0.5,
            ),
            Wrong(
                _counted(lambda s: -s.mean(axis=1)),
                "The points are right. The logarithm of a product is a sum over the moved entries, not their mean.",
                credit=0.5,
            ),
            Wrong(
                _counted(lambda s: -s.sum(axis=0)),
                "The points are right. You add over the batch; each row has its own log-determinant.",
                credit=0.5,
            ),
            Wrong(
                _counted(lambda s: -s.sum()),
                "The points are right. You add over the whole batch; each row has its own log-determinant.",
                credit=0.5,
            ),
            Wrong(
                _counted(lambda s: np.exp(-s.sum(axis=1))),
                "The points are right. You return the determinant; its logarithm is asked for.",
                credit=0.5,
            ),
        ],
    ),
    "masked-layer": Function(
        cases={
            "a batch of images": _images(5, 4, 4),
            "one image": _images(1, 4, 4),
            "as many images as rows of pixels": _images(4, 4, 2),
            "a wide image": _images(3, 2, 6),
            "a large s at the kept pixels": _images(2, 4, 4, loud=1000),
        },
        reference=_masked,
        wrong=[
            Wrong(
                _overflowing,
                "Where s is large at kept pixels, exp(s) overflows, and 0 times infinity is no number. Multiply s by "
                "1 - mask before you take the exponential.",
                credit=0.5,
            ),
            Wrong(
                _leaky,
                "You give s and t the whole z. They may see the kept pixels only, or the inverse would need what it is "
                "looking for, and the log-determinant would be another one.",
            ),
            Wrong(
                lambda z, s, t, mask: _masked(z, s, t, 1 - mask),
                "You keep the pixels where the mask is 0. In this book a 1 says keep.",
            ),
            Wrong(
                lambda z, s, t, mask: ((1 - mask) * _masked(z, s, t, mask)[0], _masked(z, s, t, mask)[1]),
                "The kept pixels have become 0: the term mask * z is missing.",
            ),
            Wrong(
                _seen(lambda s, mask: s.sum(axis=(1, 2))),
                "The images are right. The log-determinant counts the moved pixels only; a kept one has the factor 1.",
                credit=0.5,
            ),
            Wrong(
                _seen(lambda s, mask: -((1 - mask) * s).sum(axis=(1, 2))),
                "The images are right. The log-determinant has the sign of the inverse; this is the forward map.",
                credit=0.5,
            ),
            Wrong(
                _seen(lambda s, mask: ((1 - mask) * s).mean(axis=(1, 2))),
                "The images are right. The logarithm of a product is a sum over the moved pixels, not a mean.",
                credit=0.5,
            ),
            Wrong(
                _seen(lambda s, mask: ((1 - mask) * s).sum()),
                "The images are right. Add over the pixels of an image, and not over the images.",
                credit=0.5,
            ),
            Wrong(
                _seen(lambda s, mask: ((1 - mask) * s).sum(axis=1)),
                "The images are right. You add over one axis of the pixels; there are two.",
                credit=0.5,
            ),
        ],
    ),
    "density-of-a-chain": Number(
        value=_log_density,
        unit="nats",
        units={"bits": math.log(2)},
        draw=_draw_chain,
        wrong=[
            Wrong(lambda data, name=name: _mistaken(data)[name], message)
            for name, message in {
                "sign": "Both log-determinants have the wrong sign: where the flow stretches, the density falls.",
                "base": "That is the base's log-density at z. The log-determinants are missing.",
                "first": "The log-determinant of the first layer is missing.",
                "second": "The log-determinant of the second layer is missing.",
                "place": "The place is wrong: the first layer's s is taken at the point that this layer receives.",
                "constant": "The constant of the normal density in the plane is missing.",
                "line": "The constant of the normal density is that of the line; here it is a law in the plane.",
                "density": "That is the density; its logarithm is asked for.",
                "bits": "That is the number in bits. Give it in nats, or write the unit behind it.",
                "order": "You undo the layers in the order in which sampling applies them. Undo the last first.",
                "forward": "You push x forward. The density of a given x needs the way back to z.",
            }.items()
        ],
    ),
}
