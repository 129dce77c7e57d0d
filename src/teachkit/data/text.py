"""A novel as plain text: what the character models of the book read.

It is "Pride and Prejudice" by Jane Austen (1775 to 1817), printed in 1813 and in the public domain. The file beside
this module is the text of Project Gutenberg's ebook 1342, without that project's header and footer, as the R package
janeaustenr 1.0.0 carries it.

>>> book_text()[:41]
'it is a truth universally acknowledged, t'
"""

from __future__ import annotations

import bz2
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from teachkit import _check

alphabet = " !',-.;?abcdefghijklmnopqrstuvwxyz"
_FILE = Path(__file__).with_name("pride_and_prejudice.txt.bz2")
_CODES = np.zeros(128, dtype=np.uint8)
_CODES[[ord(symbol) for symbol in alphabet]] = np.arange(len(alphabet))
_SYMBOLS = np.frombuffer(alphabet.encode(), dtype=np.uint8)


@cache
def book_text() -> str:
    """Return the novel without title and headings of chapters, in the symbols of ``alphabet``; see ``clean``.

    >>> len(book_text()), book_text().count("darcy")
    (677511, 418)
    """
    text = bz2.decompress(_FILE.read_bytes()).decode("ascii")
    _, *chapters = re.split(r"\n+Chapter \d+\n+", text)
    return clean("\n".join(chapters))


def clean(text: str) -> str:
    r"""Return a text in the symbols of ``alphabet``: for a text of your own.

    Letters become small, a colon a semicolon, a double hyphen a dash between spaces. What has no symbol becomes a
    space, but quotation marks and underscores go. One space stands for many.

    >>> clean('"_You_ want to tell me,\nand--I: no." (1813)')
    'you want to tell me, and - i; no.'
    """
    text = re.sub(r'["_]', "", text.lower()).replace(":", ";").replace("--", " - ")
    return re.sub(r" +", " ", re.sub(f"[^{re.escape(alphabet)}]", " ", text)).strip()


def lines(text: str, length: int) -> np.ndarray:
    """Return every window of the text that begins where a word begins, as codes, uint8 [n, length].

    Code k stands for ``alphabet[k]``. Windows overlap. The last word of a window may be cut; the first is whole.

    Args:
        text: in the symbols of ``alphabet``.
        length: symbols in a window.

    Raises:
        ValueError: if the text has another symbol, or fewer than ``length``.

    >>> decode(lines("it is a truth", 6))
    ['it is ', 'is a t', 'a trut']
    """
    length = _check.count("length", length)
    if length > len(text):
        raise ValueError(f"length: expected at most the text's {len(text)} symbols, got {length}")
    codes = encode([text])[0]
    windows = np.lib.stride_tricks.sliding_window_view(codes, length)
    blank = codes == alphabet.index(" ")
    begins = np.concatenate([[True], blank[:-1]]) & ~blank
    return windows[begins[: len(windows)]]


def encode(texts: Sequence[str]) -> np.ndarray:
    """Return texts of one length as codes, uint8 [n, length].

    Raises:
        ValueError: if there is no text, they differ in length, or one has a symbol outside ``alphabet``.

    >>> encode([" ab", "a!z"])
    array([[ 0,  8,  9],
           [ 8,  1, 33]], dtype=uint8)
    """
    if isinstance(texts, str) or not texts or len({len(text) for text in texts}) != 1:
        raise ValueError("texts: expected a list of at least one text, all of one length")
    joined = "".join(texts)
    if unknown := sorted(set(joined) - set(alphabet)):
        raise ValueError(f"texts: expected the symbols {alphabet!r}, got {unknown[0]!r} too; see clean")
    return _CODES[np.frombuffer(joined.encode("ascii"), dtype=np.uint8)].reshape(len(texts), -1)


def decode(codes: ArrayLike) -> list[str]:
    """Return the texts of codes [n, length].

    Raises:
        ValueError: if a code is no whole number from 0 to 33, or the codes are not [n, length].

    >>> decode([[8, 9], [10, 0]])
    ['ab', 'c ']
    """
    codes = _check.floats("codes", codes)
    if codes.ndim != 2 or not ((codes >= 0) & (codes < len(alphabet)) & (codes % 1 == 0)).all():
        raise ValueError(f"codes: expected whole numbers from 0 to {len(alphabet) - 1}, [n, length]")
    return [row.tobytes().decode("ascii") for row in _SYMBOLS[codes.astype(np.intp)]]
