"""Checks of two items of sheet 6 that are written with torch: a masked layer undone, and the squeeze."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from teachkit.coupling import affine_inverse, channel, checkerboard, squeeze
from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.grading.tensors import through

# --- a masked layer, undone ----------------------------------------------------------------------

Pair = tuple[np.ndarray, np.ndarray]
Seen = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the images and the mask to what s or t is given."""
Back = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""From x, s and t to the moved entries of z."""
Count = Callable[[np.ndarray, np.ndarray], Any]
"""From s and 1 - mask to what is returned as the log-determinant."""


def _layer(n: int, c: int, h: int, w: int, mask: np.ndarray, kept: float = 0, moved: float = 0) -> Callable[..., Any]:
    """Return a case: images, the mask, the weights of s and t, and what s is larger by at kept and moved entries."""
    d = c * h * w

    def case(draw: Draw, _: Data) -> tuple[Any, ...]:
        weights = [0.5 * draw.normal((d, d)) for _ in range(2)]
        return (draw.normal((n, c, h, w)), mask, *weights, kept * mask + moved * (1 - mask))

    return case


def _networks(x: np.ndarray, mask: np.ndarray, A: np.ndarray, B: np.ndarray, extra: np.ndarray) -> tuple[Any, Any]:
    """Return s and t, both from [n, d] to [n, d]."""
    loud = np.broadcast_to(extra, x.shape[1:]).ravel()
    return lambda u: np.tanh(u @ A) + loud, lambda u: u @ B


def _undo(x: np.ndarray, mask: np.ndarray, *weights: Any) -> Pair:
    board = np.broadcast_to(mask, x.shape[1:]).ravel()
    z, log_det = affine_inverse(x.reshape(len(x), -1), *_networks(x, mask, *weights), board)
    return z.reshape(x.shape), log_det


def _kept(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return mask * x


def _whole(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return x


def _other(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return (1 - mask) * x


def _back(x: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    return (x - t) * np.exp(-s)


def _sum(s: np.ndarray, moved: np.ndarray) -> np.ndarray:
    return -(moved * s).sum(axis=(1, 2, 3))


def _all(s: np.ndarray, moved: np.ndarray) -> np.ndarray:
    return -s.sum(axis=(1, 2, 3))


def _typed(
    s_sees: Seen = _kept,
    t_sees: Seen = _kept,
    back: Back = _back,
    count: Count = _sum,
    early: bool = True,
    outer: bool = True,
    swap: bool = False,
) -> Callable[..., tuple[np.ndarray, Any]]:
    """Return the inverse as typed, with something changed.

    ``early`` says that s is masked before the exponential, ``outer`` that the kept entries are put back, ``swap`` that
    the mask is read the other way round.
    """

    def inverse(x: np.ndarray, mask: np.ndarray, *weights: Any) -> tuple[np.ndarray, Any]:
        nets = _networks(x, mask, *weights)
        mask, moved = (1 - mask, mask) if swap else (mask, 1 - mask)
        s, t = (
            f(sees(x, mask).reshape(len(x), -1)).reshape(x.shape)
            for f, sees in zip(nets, (s_sees, t_sees), strict=True)
        )
        with np.errstate(all="ignore"):
            z = back(x, moved * s if early else s, t)
            return (mask * x + moved * z if outer else z), count(s, moved)

    return inverse


def _mistaken(message: str, **how: Any) -> Iterator[Wrong]:
    """Yield a mistake in z: alone, with s masked late, and with each of the two likely log-determinants."""
    for early in (True, False):
        for count in (_sum, _all, lambda s, moved: -_sum(s, moved)):
            yield Wrong(_typed(**how, early=early, count=count), message if early else f"{message} {_LATE}")


def _counted(message: str, count: Count) -> Iterator[Wrong]:
    """Yield a mistake in the log-determinant, alone and with s masked late."""
    yield Wrong(_typed(count=count), f"z is right. {message}", 0.4)
    yield Wrong(_typed(count=count, early=False), f"{message} {_LATE}", 0.3)


_LATE = (
    "Where s is far below 0 at kept entries, exp(-s) overflows, and 0 times infinity is no number. When is it too late "
    "to mask?"
)
_LEAK = "may see the kept entries only: those of x, which the layer has left as they were."

MASKED = Function(
    adapt=through("masked_inverse", "_examine_flows"),
    cases={
        "a checkerboard": _layer(5, 1, 3, 3, checkerboard(3, 3)[None]),
        "two channels, one board for both": _layer(3, 2, 2, 3, checkerboard(2, 3)[None]),
        "a mask of channels": _layer(3, 2, 2, 2, channel(2)[:, None, None]),
        "one image": _layer(1, 1, 2, 4, checkerboard(2, 4)[None]),
        "s = -1000 at the kept entries": _layer(2, 1, 4, 2, checkerboard(4, 2)[None], kept=-1000),
        "s near -30 at the moved entries": _layer(2, 1, 2, 3, checkerboard(2, 3)[None], moved=-30),
    },
    reference=_undo,
    wrong=[
        Wrong(_typed(early=False), _LATE, 0.5),
        *_mistaken(f"You give s and t the whole x. They {_LEAK}", s_sees=_whole, t_sees=_whole),
        *_mistaken(f"You give s the whole x. It {_LEAK}", s_sees=_whole),
        *_mistaken(f"You give t the whole x. It {_LEAK}", t_sees=_whole),
        *_mistaken(f"You give s and t the moved entries. They {_LEAK}", s_sees=_other, t_sees=_other),
        *_mistaken("That is the layer itself. Undo its last step first: what was added at the end?",
                   back=lambda x, s, t: x * np.exp(s) + t),
        *_mistaken("The order is off: t was added after the scaling, so it goes before the scaling is undone.",
                   back=lambda x, s, t: x * np.exp(-s) - t),
        *_mistaken("The shift is undone; the scaling by exp(s) is applied a second time.",
                   back=lambda x, s, t: (x - t) * np.exp(s)),
        *_mistaken("The scaling is undone; the shift by t is applied a second time.",
                   back=lambda x, s, t: (x + t) * np.exp(-s)),
        *_mistaken("You divide by s. The layer multiplies by exp(s).", back=lambda x, s, t: (x - t) / s),
        *_mistaken("The kept entries are changed, too. The layer has left them as they were.", outer=False),
        *_mistaken("You keep where the mask is 0. In this book a 1 says keep.", swap=True),
        Wrong(lambda x, mask, *weights: ((1 - mask) * _undo(x, mask, *weights)[0], _undo(x, mask, *weights)[1]),
              "The kept entries have become 0: the term mask * x is missing.", 0.3),
        Wrong(lambda *arguments: _undo(*arguments)[::-1], "Both results are right, in the wrong order: z comes first.",
              0.6),
        *_counted("The log-determinant counts the moved entries only; a kept one has the factor 1.", _all),
        *_counted("The log-determinant counts the kept entries. It is the others that are scaled.",
                  lambda s, moved: -((1 - moved) * s).sum(axis=(1, 2, 3))),
        *_counted("The log-determinant has the sign of the layer; give that of the inverse.",
                  lambda s, moved: -_sum(s, moved)),
        *_counted("The logarithm of a product is a sum over the moved entries, not a mean.",
                  lambda s, moved: _sum(s, moved) / s[0].size),
        *_counted("The logarithm of a product is a sum over the moved entries, not a mean.",
                  lambda s, moved: _sum(s, moved) / np.broadcast_to(moved, s.shape[1:]).sum()),
        *_counted("An image has one log-determinant, the sum over its channels, too.",
                  lambda s, moved: -(moved * s).sum(axis=(2, 3))),
        *_counted("You add over the batch; each image has its own log-determinant.",
                  lambda s, moved: -(moved * s).sum()),
        *_counted("You return one number for each entry; an image has one, their sum.", lambda s, moved: -moved * s),
        *_counted("A log-determinant of 0 says that volumes are kept; exp(s) changes them.",
                  lambda s, moved: np.zeros(len(s))),
        *_counted("You return the determinant; its logarithm is asked for.",
                  lambda s, moved: np.exp(_sum(s, moved))),
        *_counted("You add the factors exp(-s). A determinant is their product, and its logarithm a sum of logarithms.",
                  lambda s, moved: (moved * np.exp(-moved * s)).sum(axis=(1, 2, 3))),
    ],
)  # fmt: skip

# --- the squeeze ---------------------------------------------------------------------------------


def _images(n: int, c: int, h: int, w: int) -> Callable[[Draw, Data], tuple[np.ndarray]]:
    return lambda draw, _: (draw.normal((n, c, h, w)),)


def _ordered(*axes: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a squeeze in which the axes (n, c, h/2, row, w/2, column) are put into this order before they are joined.

    The first is the batch, the last two are the height and the width.
    """

    def squeezed(x: np.ndarray) -> np.ndarray:
        n, c, h, w = x.shape
        y = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(axes)
        return y.reshape(n, 4 * c, *y.shape[4:])

    return squeezed


def _quarters(x: np.ndarray) -> np.ndarray:
    n, c, h, w = x.shape
    y = x.reshape(n, c, 2, h // 2, 2, w // 2).transpose(0, 1, 2, 4, 3, 5)
    return y.reshape(n, 4 * c, h // 2, w // 2)


def _quarters_apart(x: np.ndarray) -> np.ndarray:
    n, c, h, w = x.shape
    y = x.reshape(n, c, 2, h // 2, 2, w // 2).transpose(0, 2, 4, 1, 3, 5)
    return y.reshape(n, 4 * c, h // 2, w // 2)


def _read_on(x: np.ndarray) -> np.ndarray:
    n, c, h, w = x.shape
    return x.reshape(n, 4 * c, h // 2, w // 2)


def _into_the_batch(x: np.ndarray) -> np.ndarray:
    n, c, h, w = x.shape
    return _ordered(0, 3, 5, 1, 2, 4)(x).reshape(4 * n, c, h // 2, w // 2)


def _batch_after_batch(x: np.ndarray) -> np.ndarray:
    n, c, h, w = x.shape
    y = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(3, 5, 0, 1, 2, 4)
    return y.reshape(4 * n, c, h // 2, w // 2)


def _means(x: np.ndarray) -> np.ndarray:
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).mean(axis=(3, 5))


_FOUR = (
    "You have made four times as many images. The four pixels of a square belong to one image, on its axis of channels."
)
_QUARTERS = "You cut the image into four quarters. A channel of the result should be the whole image, seen coarsely."

SQUEEZE = Function(
    adapt=through("rearranging"),
    cases={
        "grey images": _images(3, 1, 4, 6),
        "three channels": _images(2, 3, 4, 4),
        "one square": _images(1, 2, 2, 2),
        "a wide image": _images(2, 2, 2, 8),
    },
    reference=squeeze,
    wrong=[
        Wrong(_read_on, "A reshape alone reads on along the rows, and puts pixels into one place that are no "
              "neighbours. Look where the four pixels of a 2 x 2 square go.", 0.2),
        Wrong(_ordered(0, 1, 5, 3, 2, 4), "The squares are right, but you read them column by column. The upper right "
              "pixel should come before the lower left one.", 0.6),
        Wrong(_ordered(0, 3, 5, 1, 2, 4), "The squares are right, and with one channel so is the order. With more, the "
              "four pixels of the first channel should come first, then those of the second.", 0.6),
        Wrong(_ordered(0, 5, 3, 1, 2, 4), "Two things about the order: squares are read row by row, and the four "
              "pixels of the first channel come before those of the second.", 0.4),
        Wrong(_quarters, _QUARTERS, 0.2),
        Wrong(_quarters_apart, _QUARTERS, 0.2),
        *(Wrong(_ordered(0, 1, *square, 4, 2), "Height and width have changed places.", 0.3)
          for square in ((3, 5), (5, 3))),
        Wrong(_ordered(0, 1, 2, 4, 3, 5), "You keep the squares whole and take the places for channels: the two axes "
              "of a square and those of the image are exchanged.", 0.2),
        Wrong(_into_the_batch, _FOUR, 0.2),
        Wrong(_batch_after_batch, _FOUR, 0.2),
        Wrong(lambda x: x[:, :, ::2, ::2], "You keep one pixel of four. Then nothing can be undone: all four are "
              "needed, as channels.", 0.1),
        Wrong(_means, "You average each square, and so lose three numbers of four. A flow may lose nothing.", 0.1),
    ],
)  # fmt: skip

LAYERS = {"masked-layer": MASKED, "squeeze": SQUEEZE}
