"""The values of a student are the same everywhere."""

import random

import numpy as np

from teachkit.grading.draw import Draw


def test_values_are_these_on_every_platform():
    """Drawn once and written down here; no version of Python or NumPy may change them."""
    draw = Draw("sheet", "item", "ada")
    assert [draw.integer(1, 100) for _ in range(5)] == GOLDEN["integers"]
    assert draw.decimal(-2, 2, 2) == GOLDEN["decimal"]
    assert draw.choice("abcdefgh") == GOLDEN["choice"]
    assert draw.uniform(-1, 1, (3,)).tolist() == GOLDEN["uniform"]
    assert draw.normal((2, 2)).tolist() == GOLDEN["normal"]


GOLDEN = {
    "integers": [34, 21, 59, 89, 89],
    "decimal": -1.64,
    "choice": "d",
    "uniform": [-0.590639, 0.765999, 0.274153],
    "normal": [[0.510148, 1.18112], [0.226729, 0.759962]],
}


def test_words_keep_students_items_and_sheets_apart():
    streams = [("a", "b", "c"), ("a", "b", "d"), ("a", "bc", ""), ("ab", "", "c"), ("a", "b"), ("c", "b", "a")]
    assert len({tuple(Draw(*words).integer(0, 10**6) for _ in range(3)) for words in streams}) == len(streams)


def test_draws_cover_their_range_evenly():
    draw = Draw("cover")
    counts = np.bincount([draw.integer(2, 5) for _ in range(4000)], minlength=6)
    assert counts[:2].sum() == 0
    assert (np.abs(counts[2:] - 1000) < 150).all()
    decimals = [draw.decimal(0.1, 0.3, 1) for _ in range(50)]
    assert set(decimals) == {0.1, 0.2, 0.3}


def test_normal_numbers_are_normal():
    x = np.sort(Draw("normal").normal((4000,)))
    from math import erf, sqrt

    cdf = np.array([0.5 * (1 + erf(v / sqrt(2))) for v in x])
    distance = np.abs(cdf - (np.arange(4000) + 0.5) / 4000).max()
    assert distance < 1.63 / sqrt(4000)  # Kolmogorov's bound at 1 %


def test_the_global_generator_is_not_touched():
    before = random.getstate()
    Draw("x").normal((10,))
    assert random.getstate() == before
