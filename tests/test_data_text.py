"""The novel that the character models read, its symbols and its windows."""

import re

import numpy as np
import pytest

from teachkit.data.text import alphabet, book_text, clean, decode, encode, lines


def test_the_novel_is_whole():
    text = book_text()
    assert text.startswith("it is a truth universally acknowledged, that a single man in possession of a good fortune")
    assert text.endswith("had been the means of uniting them.")
    assert 300_000 < len(text) < 1_000_000
    assert not re.search(r"\bchapter \d|by jane austen|gutenberg|ebook|  ", text)
    for sentence in ("you must allow me to tell you how ardently i admire and love you.", "netherfield park is let"):
        assert sentence in text


def test_its_symbols_are_the_alphabet_and_no_others():
    assert set(book_text()) == set(alphabet)
    assert len(set(alphabet)) == len(alphabet) == 34
    assert alphabet == "".join(sorted(alphabet))


def test_what_is_clean_stays_as_it_is():
    assert clean(book_text()) == book_text()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A--b:\tC", "a - b; c"),
        ('"_Oh_!" she said', "oh! she said"),
        ("1813 Straße & Café", "stra e caf"),
        ("drawing-room, Mr. O'Brien?", "drawing-room, mr. o'brien?"),
        ("\n \n", ""),
    ],
)
def test_clean_maps_to_the_alphabet(text, wanted):
    assert clean(text) == wanted


def test_codes_and_texts_are_inverse(rng):
    codes = rng.integers(0, len(alphabet), (50, 9)).astype(np.uint8)
    np.testing.assert_array_equal(encode(decode(codes)), codes)
    assert decode(np.arange(len(alphabet))[None]) == [alphabet]


@pytest.mark.parametrize("length", [1, 5, 12])
def test_windows_are_those_that_begin_with_a_word(length):
    text = "it is a truth - universally acknowledged"
    starts = [m.start() for m in re.finditer(r"(?<![^ ])[^ ]", text) if m.start() + length <= len(text)]
    assert decode(lines(text, length)) == [text[i : i + length] for i in starts]


def test_windows_of_the_novel():
    got = lines(book_text(), 32)
    assert got.dtype == np.uint8
    assert got.shape[1] == 32
    assert got.shape[0] == sum(len(word) > 0 for word in book_text()[: -32 + 1].split(" "))
    assert decode(got[:2]) == ["it is a truth universally acknow", "is a truth universally acknowled"]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"texts: expected the symbols .* got 'É' too; see clean"):
        encode(["É"])
    with pytest.raises(ValueError, match=r"texts: expected the symbols .* got 'A'"):
        lines("A wife", 3)
    for texts in ([], ["a", "bc"], "ab"):
        with pytest.raises(ValueError, match="texts: expected a list"):
            encode(texts)
    with pytest.raises(ValueError, match="length: expected at most the text's 6 symbols, got 7"):
        lines("a wife", 7)
    with pytest.raises(ValueError, match="length"):
        lines("a wife", 0)
    for codes in ([[34]], [[-1]], [[0.5]], [1, 2], [[np.nan]]):
        with pytest.raises(ValueError, match="codes: expected whole numbers from 0 to 33"):
            decode(codes)
