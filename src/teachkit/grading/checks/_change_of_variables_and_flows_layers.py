"""Checks of two items of sheet 6: coupling layers as functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from teachkit.coupling import affine_forward, affine_inverse, checkerboard
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Wrong

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


Moved = Callable[[np.ndarray, np.ndarray, Part, Part], np.ndarray]


def _undone(z2: Moved, sign: int, half: int = 0) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Return a wrong inverse: ``z2`` makes the moved half from the two halves of x, and from s and t.

    The log-determinant is the sum of s, taken at the half of this number, with this sign.
    """

    def inverse(x: np.ndarray, s: Part, t: Part) -> tuple[np.ndarray, np.ndarray]:
        halves = _halves(x)
        return np.concatenate([halves[0], z2(*halves, s, t)], axis=1), sign * s(halves[half]).sum(axis=1)

    return inverse


def _moved(message: str, z2: Moved, *also: Moved) -> list[Wrong]:
    """Name wrong inverses, each with the log-determinant of the inverse and of the layer, at either half."""
    return [Wrong(_undone(x, sign, half), message) for x in (z2, *also) for sign in (-1, 1) for half in (0, 1)]


def _exchanged(x: np.ndarray, s: Part, t: Part) -> tuple[np.ndarray, np.ndarray]:
    x1, x2 = _halves(x)
    return np.concatenate([(x1 - t(x2)) * np.exp(-s(x2)), x2], axis=1), -s(x2).sum(axis=1)


def _counted(message: str, log_det: Callable[[np.ndarray], Any]) -> Wrong:
    """Name a wrong inverse: the points are right, and ``log_det`` makes the other result from s."""
    return Wrong(lambda x, s, t: (_inverse(x, s, t)[0], log_det(s(_halves(x)[0]))), f"The points are right. {message}")


# --- a masked layer on images --------------------------------------------------------------------


def _images(n: int, h: int, w: int, loud: float = 0) -> Callable[[Draw, Data], tuple[Any, ...]]:
    """Return a case: images, s and t, a checkerboard; at its kept pixels s is larger by ``loud``."""
    mask = checkerboard(h, w)
    return lambda draw, _: (draw.normal((n, h, w)), lambda u: _log_scale(u) + loud * mask, _shift, mask)


def _masked(z: np.ndarray, s: Part, t: Part, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shape = z.shape
    flat = lambda f: lambda u: f(u.reshape(shape)).reshape(len(u), -1)  # noqa: E731
    x, log_det = affine_forward(z.reshape(len(z), -1), flat(s), flat(t), mask.ravel())
    return x.reshape(shape), log_det


Seen = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _kept(z: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return mask * z


def _whole_image(z: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return z


def _other(z: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return (1 - mask) * z


def _typed(
    s_sees: Seen = _kept, t_sees: Seen = _kept, moves: Seen = _whole_image, early: bool = True, all_s: bool = False
) -> Callable[..., Any]:
    """Return the formula as typed with what s and t see and what is moved.

    ``early`` says that s is masked before the exponential, ``all_s`` that the log-determinant adds s over all pixels.
    """

    def forward(z: np.ndarray, s: Part, t: Part, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_scale, moved = s(s_sees(z, mask)), 1 - mask
        factor = np.exp(moved * log_scale if early else log_scale)
        x = mask * z + moved * (moves(z, mask) * factor + t(t_sees(z, mask)))
        return x, (log_scale if all_s else moved * log_scale).sum(axis=(1, 2))

    return forward


def _mistyped(message: str, **how: Seen) -> list[Wrong]:
    """Name a mistake in the formula, with s masked early or late, and in the log-determinant or not."""
    return [
        Wrong(_typed(**how, early=early, all_s=all_s), message if early else f"{message} {_LATE}")
        for early in (True, False)
        for all_s in (False, True)
    ]


def _summed(message: str, log_det: Callable[[np.ndarray, np.ndarray], Any]) -> list[Wrong]:
    """Name a mistake in the log-determinant, which is made of s and the mask, alone and with a late mask on s."""

    def layer(early: bool) -> Callable[..., tuple[np.ndarray, Any]]:
        return lambda z, s, t, mask: (_typed(early=early)(z, s, t, mask)[0], log_det(s(mask * z), mask))

    return [Wrong(layer(True), f"The images are right. {message}"), Wrong(layer(False), f"{message} {_LATE}")]


def _unmasked(all_s: bool, masked_s: bool) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Return a layer that shifts the kept pixels, too; s is masked in the image or not, and in its sum or not."""

    def forward(z: np.ndarray, s: Part, t: Part, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_scale = s(mask * z)
        moved = (1 - mask) * log_scale
        x = z * np.exp(moved if masked_s else log_scale) + t(mask * z)
        return x, (log_scale if all_s else moved).sum(axis=(1, 2))

    return forward


def _back(sign: int) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Return the inverse in the place of the layer, with its log-determinant or the layer's."""

    def inverse(z: np.ndarray, s: Part, t: Part, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_scale = (1 - mask) * s(mask * z)
        return mask * z + (1 - mask) * (z - t(mask * z)) * np.exp(-log_scale), sign * log_scale.sum(axis=(1, 2))

    return inverse


_LATE = (
    "Where s is large at kept pixels, exp(s) overflows, and 0 times infinity is no number. When is it too late to mask?"
)
_LEAK = "may see the kept pixels only, or the inverse would need what it is looking for, and the log-det would differ."


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
            *_moved(
                "That is the layer itself. Undo its last step first: what was added at the end?",
                lambda x1, x2, s, t: x2 * np.exp(s(x1)) + t(x1),
            ),
            *_moved(
                "The order is off: t was added after the scaling, so it goes before the scaling is undone.",
                lambda x1, x2, s, t: x2 * np.exp(-s(x1)) - t(x1),
            ),
            *_moved(
                "You give s or t the moved half. They were computed from the kept one, which is still there.",
                lambda x1, x2, s, t: (x2 - t(x2)) * np.exp(-s(x2)),
                lambda x1, x2, s, t: (x2 - t(x1)) * np.exp(-s(x2)),
                lambda x1, x2, s, t: (x2 - t(x2)) * np.exp(-s(x1)),
            ),
            *_moved(
                "The shift is undone; the scaling by exp(s) is applied a second time.",
                lambda x1, x2, s, t: (x2 - t(x1)) * np.exp(s(x1)),
            ),
            *_moved(
                "The scaling is undone; the shift by t is applied a second time.",
                lambda x1, x2, s, t: (x2 + t(x1)) * np.exp(-s(x1)),
            ),
            *_moved(
                "You divide by s. The layer multiplies by exp(s).",
                lambda x1, x2, s, t: (x2 - t(x1)) / s(x1),
            ),
            Wrong(
                lambda x, s, t: ((x - t(x)) * np.exp(-s(x)), -s(x).sum(axis=1)),
                "You move the whole of x. The first half is kept, and s and t take halves.",
            ),
            Wrong(_exchanged, "You keep the second half and move the first. The layer keeps the first one."),
            Wrong(
                lambda x, s, t: _inverse(x, s, t)[::-1], "Both results are right, in the wrong order: z comes first."
            ),
            _counted(
                "The log-determinant has the sign of the forward map; give that of the inverse.",
                lambda s: s.sum(axis=1),
            ),
            _counted(
                "The logarithm of a product is a sum over the moved entries, not their mean.",
                lambda s: -s.mean(axis=1),
            ),
            _counted("You add over the batch; each row has its own log-determinant.", lambda s: -s.sum(axis=0)),
            _counted("You add over the whole batch; each row has its own log-determinant.", lambda s: -s.sum()),
            _counted("You return one number for each entry; a row has one, their sum.", lambda s: -s),
            _counted(
                "A log-determinant of 0 says that volumes are kept; exp(s) changes them.", lambda s: np.zeros(len(s))
            ),
            _counted("You return the determinant; its logarithm is asked for.", lambda s: np.exp(-s.sum(axis=1))),
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
            Wrong(_typed(early=False), _LATE),
            *_mistyped(f"You give s and t the whole z. They {_LEAK}", s_sees=_whole_image, t_sees=_whole_image),
            *_mistyped(f"You give s the whole z. It {_LEAK}", s_sees=_whole_image),
            *_mistyped(f"You give t the whole z. It {_LEAK}", t_sees=_whole_image),
            *_mistyped(f"You give s and t the pixels that are moved. They {_LEAK}", s_sees=_other, t_sees=_other),
            *_mistyped("The moved pixels have lost their z: s and t see mask * z, exp(s) multiplies z.", moves=_kept),
            Wrong(
                lambda z, s, t, mask: _masked(z, s, t, 1 - mask),
                "You keep the pixels where the mask is 0. In this book a 1 says keep.",
            ),
            Wrong(
                lambda z, s, t, mask: ((1 - mask) * _masked(z, s, t, mask)[0], _masked(z, s, t, mask)[1]),
                "The kept pixels have become 0: the term mask * z is missing.",
            ),
            *(
                Wrong(
                    _unmasked(all_s, masked_s),
                    "The kept pixels are changed, too: what moves has the factor 1 - mask, the shift as well.",
                )
                for all_s in (False, True)
                for masked_s in (False, True)
            ),
            *(Wrong(_back(sign), "That is the inverse; the layer itself is asked for.") for sign in (-1, 1)),
            *_summed(
                "The log-determinant counts the moved pixels only; a kept one has the factor 1.",
                lambda s, mask: s.sum(axis=(1, 2)),
            ),
            *_summed(
                "The log-determinant has the sign of the inverse; this is the forward map.",
                lambda s, mask: -((1 - mask) * s).sum(axis=(1, 2)),
            ),
            *_summed(
                "The logarithm of a product is a sum over the moved pixels, not a mean.",
                lambda s, mask: ((1 - mask) * s).mean(axis=(1, 2)),
            ),
            *_summed(
                "Add over the pixels of an image, and not over the images.",
                lambda s, mask: ((1 - mask) * s).sum(),
            ),
            *_summed(
                "You add over one axis of the pixels; there are two.",
                lambda s, mask: ((1 - mask) * s).sum(axis=1),
            ),
            *_summed(
                "You return the determinant; its logarithm is asked for.",
                lambda s, mask: np.exp(((1 - mask) * s).sum(axis=(1, 2))),
            ),
            *_summed(
                "You add the factors exp(s); a determinant is their product, and its logarithm a sum of logarithms.",
                lambda s, mask: ((1 - mask) * np.exp((1 - mask) * s)).sum(axis=(1, 2)),
            ),
        ],
    ),
}
