"""Laws of short pieces of text, their divergence and its floor, and words (chapter wgan_images)."""

from collections import Counter
from math import comb

import numpy as np
import pytest

from teachkit.data.text import book_text, decode, lines
from teachkit.likelihood import js, kl
from teachkit.ngrams import Grams, count, divergence, divergences, valid_word_share, vocabulary, whole_words


def random_lines(rng, n=30, length=6, symbols=4, weights=None):
    return rng.choice(symbols, (n, length), p=weights).astype(np.uint8)


def pieces(x, n):
    """Count n-grams by hand."""
    return Counter(tuple(row[i : i + n].tolist()) for row in x for i in range(len(row) - n + 1))


def by_hand(x, y, n):
    """The divergence by its definition, over the pieces of either."""
    a, b = pieces(x, n), pieces(y, n)
    keys = sorted({*a, *b})
    p, q = (np.array([c[k] for k in keys]) / sum(c.values()) for c in (a, b))
    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
def test_counts_are_those_by_hand(rng, n):
    x = random_lines(rng)
    got = count(x, n)
    wanted = {sum(c * 256 ** (n - 1 - i) for i, c in enumerate(key)): k for key, k in pieces(x, n).items()}
    assert dict(zip(got.codes.tolist(), got.counts.tolist(), strict=True)) == wanted
    assert got.counts.sum() == len(x) * (x.shape[1] - n + 1)


def test_long_pieces_and_large_codes_stay_apart():
    x = np.array([[255] * 7, [0] * 7, [0] * 6 + [255]])
    assert count(x, 7).codes.tolist() == [0, 255, 256**7 - 1]


@pytest.mark.law("ngram-divergence")
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_divergence_is_its_definition(rng, n):
    x, y = random_lines(rng, 20), random_lines(rng, 35, weights=[0.7, 0.1, 0.1, 0.1])
    got = divergence(count(x, n), count(y, n))
    assert got == pytest.approx(by_hand(x, y, n), rel=1e-12)
    assert got == pytest.approx(divergence(count(y, n), count(x, n)), rel=1e-12)
    assert 0 < got < np.log(2)
    assert divergences(x, y, n)[-1] == got


def test_equal_laws_have_none_and_disjoint_ones_the_most(rng):
    x = random_lines(rng)
    assert divergences(x, np.concatenate([x, x[::-1]])) == [0, 0, 0, 0]  # frequencies count, not sizes
    assert divergences(x, x + 4) == pytest.approx([np.log(2)] * 4)


def test_longer_pieces_never_bring_laws_of_whole_lines_nearer(rng):
    """A law of pairs at one place has its first symbol's law as image, and images are nearer."""
    x, y = random_lines(rng, length=4), random_lines(rng, length=4, weights=[0.4, 0.3, 0.2, 0.1])
    values = [divergence(count(x[:, :n], n), count(y[:, :n], n)) for n in (1, 2, 3, 4)]
    assert values == sorted(values)


@pytest.mark.law("ngram-divergence")
def test_order_within_lines_is_seen_by_pairs_alone():
    x, y = [[0, 1, 0, 1]], [[0, 0, 1, 1]]
    single, double = divergences(x, y, 2)
    assert single == 0
    assert double == pytest.approx(4 / 3 * np.log(2) - np.log(3) / 2)


@pytest.mark.law("ngram-bounds")
@pytest.mark.parametrize("n", [1, 2, 3])
def test_laws_of_lines_are_no_nearer_than_their_pieces(rng, n):
    for symbols in (2, 5):
        x, y = random_lines(rng, 20, 3, symbols), random_lines(rng, 20, 3, symbols)
        assert divergence(count(x, n), count(y, n)) <= divergence(count(x, 3), count(y, 3)) + 1e-12


@pytest.mark.law("ngram-bounds")
def test_divergence_of_samples_is_too_large_on_average():
    """Exactly: over all samples of three draws from each of two laws on two symbols."""
    p, q, n = 0.3, 0.45, 3
    chance = lambda k, a: comb(n, k) * a**k * (1 - a) ** (n - k)  # noqa: E731
    share = lambda k: [k / n, 1 - k / n]  # noqa: E731
    mean = sum(chance(i, p) * chance(j, q) * js(share(i), share(j)) for i in range(n + 1) for j in range(n + 1))
    assert mean > js([p, 1 - p], [q, 1 - q])


@pytest.mark.law("ngram-bounds")
def test_floor_is_that_of_first_order(rng):
    p, N, M = rng.dirichlet(np.full(12, 5)), 2000, 500
    draws = [[rng.multinomial(size, p) / size for size in (N, M)] for _ in range(400)]
    values = np.array([js(a, b) for a, b in draws])
    assert values.mean() == pytest.approx(11 / 8 * (1 / N + 1 / M), rel=5 * values.std() / values.mean() / 20 + 0.02)


def test_real_text_has_a_floor_that_falls_with_its_size_and_rises_with_the_pieces(rng):
    x = lines(book_text(), 32)
    order = rng.permutation(len(x))
    floors = np.array([divergences(x[order[:n]], x[order[n : 2 * n]]) for n in (100, 400, 1600)])
    assert (np.diff(floors, axis=0) < 0).all()
    assert (np.diff(floors, axis=1) > 0).all()
    # Of first order, the expected divergence of two samples of one law is (pieces that occur - 1) / (4 size).
    occurring, size = len(count(x, 1).codes), 1600 * 32
    assert floors[-1, 0] == pytest.approx((occurring - 1) / (4 * size), rel=0.6)


def test_text_that_is_not_english_is_far_above_the_floor(rng):
    x = lines(book_text(), 32)[::50]
    half, shuffled = x[::2], rng.permuted(x[1::2].ravel()).reshape(-1, 32)
    floor, got = divergences(half, x[1::2]), divergences(half, shuffled)
    assert got[0] == pytest.approx(floor[0])
    assert got[1] > 10 * floor[1]
    assert got[3] > 0.5 > floor[3] + 0.1


def test_words_at_the_end_of_a_line_are_not_counted():
    assert whole_words("it is a truth") == ["it", "is", "a"]
    assert whole_words("it is a truth.") == ["it", "is", "a", "truth"]
    assert whole_words("drawing-room o'er") == ["drawing", "room"]
    assert whole_words("abcdef") == whole_words(" ,;") == []


def test_share_of_words():
    known = vocabulary("it is a truth")
    assert known == {"it", "is", "a", "truth"}
    assert valid_word_share(["it is it xx "], known) == 3 / 4
    assert valid_word_share(["it ", "xx ", "yy zz ", "trut"], known) == 1 / 4
    assert valid_word_share(["abc", "   "], known) == 0


def test_every_whole_word_of_the_text_is_valid_and_most_of_an_other_part():
    text = book_text()
    cut = text.index(" ", 540_000) + 1
    share = valid_word_share(decode(lines(text[cut:], 32)[::20]), vocabulary(text[:cut]))
    assert valid_word_share(decode(lines(text, 32)[::50]), vocabulary(text)) == 1
    assert 0.95 < share < 1


def test_bad_input_is_named():
    for bad in ([1, 2], [[]], [[256]], [[-1]], [[0.5]], [[np.nan]], [["a"]], np.zeros((2, 2, 2), np.uint8)):
        with pytest.raises(ValueError, match="lines"):
            count(bad, 1)
    for n in (0, 3, 1.5):
        with pytest.raises(ValueError, match="n: expected"):
            count([[1, 2]], n)
    with pytest.raises(ValueError, match="n: expected at most 7"):
        count(np.zeros((1, 9)), 8)
    good = count([[1, 2]], 1)
    for bad in (Grams([1], [0]), Grams([2, 1], [1, 1]), Grams([1, 2], [1]), Grams([], [])):
        with pytest.raises(ValueError, match="second"):
            divergence(good, bad)
    with pytest.raises(ValueError, match="longest"):
        divergences([[1]], [[1]], 0)
    for bad in ([], "a line"):
        with pytest.raises(ValueError, match="lines: expected a list"):
            valid_word_share(bad, {"a"})
