"""Checks of two items of sheet 6 that are written with torch: channels mixed by PLU, and bits per dimension."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from teachkit.grading.draw import Draw
from teachkit.grading.kinds import Function, Wrong
from teachkit.grading.kinds.base import Data
from teachkit.grading.tensors import through

# --- channels mixed by one matrix ----------------------------------------------------------------

Factors = tuple[np.ndarray, np.ndarray, np.ndarray]
Split = Callable[[np.ndarray, np.ndarray, np.ndarray], Factors]
"""From L, U and r as given to the three matrices that are used: lower, upper, diagonal."""
Mixed = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""From P and the three matrices to W."""
Count = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]
"""From z, r and U as given to what is returned as the log-determinant."""


def _mixing(n: int, c: int, h: int, w: int, signs: str = "both", size: float = 1.0) -> Callable[..., tuple[Any, ...]]:
    """Return a case: images, a permutation that is not its own inverse (from c = 3), L, U and r."""

    def case(draw: Draw, _: Data) -> tuple[Any, ...]:
        r = size * draw.uniform(0.5, 1.8, (c,))
        r[0] *= -1 if signs == "both" else 1
        P = np.roll(np.eye(c), 1, axis=0)
        return draw.normal((n, c, h, w)), P, draw.normal((c, c)), size * draw.normal((c, c)), r

    return case


def _triangles(L: np.ndarray, U: np.ndarray, r: np.ndarray) -> Factors:
    return np.tril(L, -1) + np.eye(len(r)), np.triu(U, 1), np.diag(r)


def _matrix(P: np.ndarray, L: np.ndarray, U: np.ndarray, D: np.ndarray) -> np.ndarray:
    return P @ L @ (U + D)


def _pixels(z: np.ndarray) -> int:
    return z.shape[2] * z.shape[3]


def _log_det(z: np.ndarray, r: np.ndarray, U: np.ndarray) -> np.ndarray:
    return np.full(len(z), _pixels(z) * np.log(np.abs(r)).sum())


def _mix(
    triangles: Split = _triangles, matrix: Mixed = _matrix, count: Count = _log_det
) -> Callable[..., tuple[np.ndarray, Any]]:
    """Return the layer with something changed."""

    def layer(z: np.ndarray, P: np.ndarray, L: np.ndarray, U: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, Any]:
        W = matrix(P, *triangles(L, U, r))
        with np.errstate(all="ignore"):
            return np.einsum("ij,njhw->nihw", W, z), count(z, r, U)

    return layer


def _once(z: np.ndarray, r: np.ndarray, U: np.ndarray) -> np.ndarray:
    return _log_det(z, r, U) / _pixels(z)


def _unsigned(z: np.ndarray, r: np.ndarray, U: np.ndarray) -> np.ndarray:
    return np.full(len(z), _pixels(z) * np.log(r).sum())


def _single(count: Count) -> Count:
    return lambda z, r, U: count(z, r, U)[0]


def _mismade(message: str, **how: Any) -> Iterator[Wrong]:
    """Yield a mistake in W, with each of the likely log-determinants beside it."""
    for count, more in _counts():
        yield Wrong(_mix(**how, count=count), f"{message} {more}".strip(), 0.3 if not more else 0.2)


def _counts() -> Iterator[tuple[Count, str]]:
    """Yield log-determinants, the right one first, with what is to be said of each."""
    both = lambda z, r, U: _unsigned(z, r, U) / _pixels(z)  # noqa: E731
    for count, said in (_log_det, ""), (_once, _PIXELS), (_unsigned, _SIGNS), (both, f"{_PIXELS} {_SIGNS}"):
        yield count, said
        yield _single(count), f"{said} {_EACH}".strip()


def _counted(message: str, count: Count) -> Wrong:
    return Wrong(_mix(count=count), f"x is right. {message}", 0.4)


def _filled(make: Callable[[np.ndarray, np.ndarray, np.ndarray], Any]) -> Count:
    """Return a log-determinant that is the same number for every image."""
    return lambda z, r, U: np.full(len(z), make(z, r, U))


_PIXELS = (
    "W acts at every pixel, so the Jacobian of the whole image has the block W once for each of them. Your "
    "log-determinant counts one pixel."
)
_EACH = "The log-determinant is the same number for every image, and yet one for each is asked for, [n]."
_SIGNS = "Entries of r may be negative, and their logarithm is no number. What of a determinant does a density need?"
_JUNK = "counts above or below its diagonal alone, and you use all of it. Then W is no longer a product of triangles."

MIXING = Function(
    adapt=through("channel_mixing", "_examine_flows"),
    cases={
        "three channels": _mixing(4, 3, 2, 3),
        "as many images as channels": _mixing(3, 3, 2, 2),
        "all of r above 0": _mixing(2, 4, 1, 3, signs="plus"),
        "one pixel": _mixing(2, 3, 1, 1, signs="plus"),
        "U and r near 1e-120": _mixing(2, 4, 2, 2, size=1e-120),
    },
    reference=_mix(),
    wrong=[
        *(_counted(said, count) for count, said in _counts() if said),
        _counted("You multiply all of r before you take the logarithm. With many channels, or small entries, the "
                 "product is 0 in the computer long before it is 0.",
                 _filled(lambda z, r, U: _pixels(z) * np.log(np.abs(np.prod(r))))),
        _counted("You add the entries of r. A determinant is their product, and its logarithm a sum of logarithms.",
                 _filled(lambda z, r, U: _pixels(z) * np.abs(r).sum())),
        _counted("You add the entries of r. A determinant is their product, and its logarithm a sum of logarithms.",
                 _filled(lambda z, r, U: _pixels(z) * r.sum())),
        _counted("You return the determinant; its logarithm is asked for.",
                 _filled(lambda z, r, U: np.prod(np.abs(r)) ** _pixels(z))),
        _counted("The log-determinant has the sign of the inverse; this layer goes from z to x.",
                 lambda z, r, U: -_log_det(z, r, U)),
        _counted("You take the mean over the channels. The logarithm of a product is a sum.",
                 lambda z, r, U: _log_det(z, r, U) / len(r)),
        _counted("The channels are counted twice: the sum over r has one term for each of them already.",
                 lambda z, r, U: _log_det(z, r, U) * len(r)),
        _counted("The images of the batch are counted, too. Each has its own log-determinant.",
                 lambda z, r, U: _log_det(z, r, U) * len(z)),
        _counted("You read the diagonal of U. That one does not count; r stands in its place.",
                 _filled(lambda z, r, U: _pixels(z) * np.log(np.abs(np.diag(U))).sum())),
        _counted("A log-determinant of 0 would do for P and L alone. What is the determinant of the third factor?",
                 lambda z, r, U: np.zeros(len(z))),
        *_mismade("You multiply with the transpose of W: rows and columns of it are exchanged. x[i] is a row of W "
                  "times z.", matrix=lambda *factors: _matrix(*factors).T),
        *_mismade("P stands on the wrong side of L.", matrix=lambda P, L, U, D: L @ P @ (U + D)),
        *_mismade("P is missing.", matrix=lambda P, L, U, D: L @ (U + D)),
        *_mismade("You use the transpose of P, which puts the channels back instead of on.",
                  matrix=lambda P, L, U, D: _matrix(P.T, L, U, D)),
        *_mismade("The two triangles stand in the wrong order.", matrix=lambda P, L, U, D: P @ (U + D) @ L),
        *_mismade("The ones on the diagonal of L are missing. Without them W can't be inverted, whatever r is.",
                  triangles=lambda L, U, r: (np.tril(L, -1), np.triu(U, 1), np.diag(r))),
        *_mismade("The diagonal of L is used as it is given. It should be ones: only r may change a volume.",
                  triangles=lambda L, U, r: (np.tril(L), np.triu(U, 1), np.diag(r))),
        *_mismade("The diagonal of L is used, and ones are added to it. It should be ones alone.",
                  triangles=lambda L, U, r: (np.tril(L) + np.eye(len(r)), np.triu(U, 1), np.diag(r))),
        *_mismade("The diagonal of U is used, and r is added to it. r should stand in its place.",
                  triangles=lambda L, U, r: (*_triangles(L, U, r)[:1], np.triu(U), np.diag(r))),
        *_mismade("The diagonals of L and U are used as they are given. On that of L there should be ones, on that of "
                  "the other factor r alone.",
                  triangles=lambda L, U, r: (np.tril(L), np.triu(U), np.diag(r))),
        *_mismade(f"L {_JUNK}", triangles=lambda L, U, r: (L, *_triangles(L, U, r)[1:])),
        *_mismade(f"U {_JUNK}", triangles=lambda L, U, r: (*_triangles(L, U, r)[:1], U, np.diag(r))),
        *_mismade(f"Each of L and U {_JUNK}", triangles=lambda L, U, r: (L, U, np.diag(r))),
        *_mismade("The entries of r are made positive in W itself. Their sign belongs to W; only the log-determinant "
                  "takes the absolute value.", triangles=lambda L, U, r: _triangles(L, U, np.abs(r))),
    ],
)  # fmt: skip

# --- bits per dimension --------------------------------------------------------------------------

Densities = tuple[np.ndarray, ...]


def _draw_images(draw: Draw) -> Data:
    return {"levels": draw.choice([5, 9, 17, 32, 33, 64]), "shape": [draw.choice([2, 3]), 2 * draw.integer(1, 2), 5]}


def _bytes(n: int, *shape: int, levels: int = 0) -> Callable[[Draw, Data], tuple[Any, ...]]:
    """Return a case: images of whole numbers, their number of levels, and two log-densities for each image.

    Where no shape or no number of levels is given, it is the student's.
    """

    def case(draw: Draw, data: Data) -> tuple[Any, ...]:
        size, top = shape or tuple(data["shape"]), levels or data["levels"]
        b = np.floor(draw.uniform(0, top, (n, *size))).astype(np.int64)
        return b, top, np.zeros(n), math.prod(size) * draw.uniform(-3, 3, (n,))

    return case


def _spent(rule: Callable[[np.ndarray, tuple[int, ...], int], Any]) -> Callable[..., tuple[Any, ...]]:
    """Return what a rule (log-densities, shape of an image, levels) gives for each of the log-densities."""
    return lambda b, levels, *values: tuple(rule(value, b.shape[1:], levels) for value in values)


def _per_dim(q: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    return -q / (math.prod(size) * math.log(2))


def _bits(q: np.ndarray, size: tuple[int, ...], levels: int) -> np.ndarray:
    return _per_dim(q, size) + math.log2(levels)


def _misspent(*entries: tuple[Callable[..., Any], str, float]) -> list[Wrong]:
    return [Wrong(_spent(rule), message, credit) for rule, message, credit in entries]


_UNIFORM = "The uniform density on [0, 1)^d, with the logarithm 0, should spend log2(levels) bits."

BITS = Function(
    adapt=through("bits", "_examine_flows"),
    draw=_draw_images,
    cases={
        "your images": _bytes(6),
        "bytes in colour": _bytes(4, 3, 4, 6, levels=256),
        "one grey digit": _bytes(1, 1, 8, 8, levels=17),
    },
    reference=_spent(_bits),
    rtol=1e-5,
    wrong=_misspent(
        (lambda q, size, levels: _per_dim(q, size), "The density on [0, 1) is not that of whole numbers: the change "
         f"of variables by 1/levels is missing, log2(levels) for each entry. {_UNIFORM}", 0.3),
        (lambda q, size, levels: _per_dim(q, size) - math.log2(levels), "The change of variables has the wrong sign: "
         f"it should make the bits more. {_UNIFORM}", 0.3),
        (lambda q, size, levels: _per_dim(q, size) + math.log2(levels) / math.prod(size), "The change of variables by "
         "1/levels acts on each of the d entries, so its logarithm counts d times. You count it once for an image. "
         f"{_UNIFORM}", 0.4),
        (lambda q, size, levels: _per_dim(q, size) + math.log2(levels - 1), "You use levels - 1. A cell of the grid "
         f"has the side 1/levels. {_UNIFORM}", 0.4),
        (lambda q, size, levels: _per_dim(q, size) + 8, "You add 8 bits, which belong to 256 levels, whatever levels "
         "is.", 0.5),
        (lambda q, size, levels: _bits(q, size, levels) * math.log(2), "Those are nats per dimension; a bit has log 2 "
         "of them.", 0.5),
        (lambda q, size, levels: _per_dim(q, size) * math.log(2) + math.log2(levels), "Your first term is in nats, "
         "the second one in bits.", 0.4),
        (lambda q, size, levels: _per_dim(q, size) + math.log(levels), "Your first term is in bits, the second one in "
         "nats.", 0.4),
        (lambda q, size, levels: _bits(q, size, levels) * math.log(2) ** 2, "You multiply by log 2 where you should "
         "divide: nats have the larger unit.", 0.4),
        (lambda q, size, levels: _bits(q, size, levels) * math.prod(size), "Those are the bits of a whole image. They "
         "are to be shared among its entries.", 0.5),
        (lambda q, size, levels: _bits(q, size, levels) * math.prod(size) * math.log(2), "Those are the nats of a "
         "whole image. Bits per entry are asked for.", 0.4),
        (lambda q, size, levels: -q / math.log(2) + math.log2(levels), "Only the second term is per dimension: the "
         "log-density is that of a whole image. Divide it by d.", 0.4),
        (lambda q, size, levels: _per_dim(q, size[1:]) + math.log2(levels), "You divide by the number of pixels, h w. "
         "An image has c h w entries.", 0.5),
        (lambda q, size, levels: _bits(q, size, levels) * size[0], "You divide by the number of pixels, h w. An image "
         "has c h w entries.", 0.5),
        (lambda q, size, levels: -_per_dim(q, size) + math.log2(levels), "The log-density has the wrong sign: what is "
         "likely costs few bits.", 0.3),
        (lambda q, size, levels: -_bits(q, size, levels), "The sign is wrong: bits are what an image costs.", 0.4),
        (lambda q, size, levels: _bits(q, size, levels).mean(), "You take the mean over the batch. One number for each "
         "image is asked for.", 0.6),
        (lambda q, size, levels: _per_dim(q, (len(q), *size)) + math.log2(levels), "You divide by the number of images "
         "as well. d is the number of entries of one image.", 0.4),
    ),
)  # fmt: skip
