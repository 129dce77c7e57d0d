"""How good a text is whose symbols a model has drawn: short pieces, and words (chapter `wgan_images`).

An n-gram is a piece of n symbols. The law of the n-grams of a text says which symbols follow one another. A sample of
it differs from it by chance, and the more so the longer the pieces; a model can't be better than real text of the same
size is against the same law. So each divergence is read against that floor, which is the same function on real text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check
from teachkit.likelihood import js

_LONGEST = 7  # symbols, of a byte each, that a positive int64 holds
_WORD = re.compile(r"[a-z']+(?=[^a-z'])")


class Grams(NamedTuple):
    """The n-grams that occur, as numbers in rising order, and how often each does; both [m]."""

    codes: np.ndarray
    counts: np.ndarray


def count(lines: ArrayLike, n: int) -> Grams:
    """Return how often each n-gram occurs in lines; none reaches from one line to the next.

    The n-gram (c_1, ..., c_n) has the number c_1 256^(n-1) + ... + c_n.

    Args:
        lines: codes, whole numbers from 0 to 255, [lines, length].
        n: from 1 to 7, and at most the length.

    Raises:
        ValueError: if the lines are no such codes, or n is out of range.

    >>> count([[1, 2, 1, 2]], 2)
    Grams(codes=array([258, 513]), counts=array([2, 1]))
    """
    x, n = _codes("lines", lines), _check.count("n", n)
    if n > min(_LONGEST, x.shape[1]):
        raise ValueError(f"n: expected at most {min(_LONGEST, x.shape[1])} for lines of {x.shape[1]}, got {n}")
    numbers = np.zeros((len(x), x.shape[1] - n + 1), dtype=np.int64)
    for i in range(n):
        numbers = 256 * numbers + x[:, i : i + numbers.shape[1]]
    return Grams(*np.unique(numbers, return_counts=True))


def divergence(first: Grams, second: Grams) -> float:
    """Return the Jensen-Shannon divergence of the frequencies of two counts, in nats; from 0 to log 2.

    Nothing is added to a count: an n-gram that does not occur has frequency 0, for which this divergence is made.

    Raises:
        ValueError: if a count is not positive, or they do not fit the codes.

    >>> divergence(count([[1, 2]], 1), count([[2, 1, 2, 1]], 1)), round(divergence(count([[1]], 1), count([[2]], 1)), 6)
    (0.0, 0.693147)
    """
    first, second = _counts("first", first), _counts("second", second)
    codes = np.union1d(first.codes, second.codes)
    p, q = (_frequencies(codes, grams) for grams in (first, second))
    return js(p, q)


def divergences(lines: ArrayLike, others: ArrayLike, longest: int = 4) -> list[float]:
    """Return ``divergence`` of the n-grams of lines and others, [lines, length] each, for n = 1 to ``longest``.

    Raises:
        ValueError: as ``count``.

    >>> [round(x, 4) for x in divergences([[1, 2, 1]], [[2, 1, 2]], 2)]
    [0.0566, 0.0]
    """
    sizes = range(1, _check.count("longest", longest) + 1)
    return [divergence(count(lines, n), count(others, n)) for n in sizes]


def whole_words(line: str) -> list[str]:
    """Return the words of a line: runs of small letters and apostrophes, without one that the line's end may cut.

    >>> whole_words("mr. bennet's eldest, i belie")
    ['mr', "bennet's", 'eldest', 'i']
    """
    return _WORD.findall(line)


def vocabulary(text: str) -> frozenset[str]:
    """Return the words that occur in a text, which is whole: its last word is not cut.

    >>> sorted(vocabulary("a truth, a wife"))
    ['a', 'truth', 'wife']
    """
    return frozenset(whole_words(text + " "))


def valid_word_share(lines: Sequence[str], known: Collection[str]) -> float:
    """Return the share of the words of lines that are known, each as often as it occurs; 0 where there is no word.

    It says nothing about variety: one known word, written again and again, has share 1.

    Args:
        lines: at least one; a word that reaches a line's end is not counted, since it may be cut there.
        known: such as a ``vocabulary``.

    Raises:
        ValueError: if there is no line.

    >>> valid_word_share(["a truth universely a", "in want off a"], vocabulary("a truth in want of a wife"))
    0.6666666666666666
    """
    if isinstance(lines, str) or not lines:
        raise ValueError("lines: expected a list of at least one line")
    known = frozenset(known)
    words = [word for line in lines for word in whole_words(line)]
    return sum(word in known for word in words) / len(words) if words else 0.0


def _codes(name: str, lines: ArrayLike) -> np.ndarray:
    x = np.asarray(lines)
    if x.dtype != np.uint8:  # these are right as they are, and may be many
        x = _check.points(name, lines)
        if not ((x >= 0) & (x <= 255) & (x % 1 == 0)).all():
            raise ValueError(f"{name}: expected whole numbers from 0 to 255")
        x = x.astype(np.uint8)
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"{name}: expected codes [lines, length], at least one, got shape {x.shape}")
    return x


def _counts(name: str, grams: Grams) -> Grams:
    codes, counts = np.asarray(grams[0]), _check.vector(name, grams[1])
    if codes.shape != counts.shape or (np.diff(codes) <= 0).any() or (counts <= 0).any():
        raise ValueError(f"{name}: expected rising codes, each with a count above 0")
    return Grams(codes, counts)


def _frequencies(codes: np.ndarray, grams: Grams) -> np.ndarray:
    p = np.zeros(len(codes))
    p[np.searchsorted(codes, grams.codes)] = grams.counts / grams.counts.sum()
    return p / p.sum()
