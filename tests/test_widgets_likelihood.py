"""The figure of the log-likelihood: its static picture, its presets, its top."""

import numpy as np
import pytest

from teachkit import widgets
from teachkit.likelihood import gaussian_log_likelihood, gaussian_mle
from teachkit.widgets._likelihood import BELOW, PRESETS, VIEW, draw_likelihood, top

X = (1.0, 3.0, 4.0, 5.0, 7.0)


@pytest.mark.law("gaussian-mle")
@pytest.mark.parametrize("x", [X, (0, 0, 0, 10, 10), tuple(PRESETS["One outlier"].values())])
def test_top_is_the_likeliest_law_when_that_is_in_view(x):
    assert top(np.array(x)) == pytest.approx(gaussian_mle(x))
    for key, value in zip(("mu", "sigma"), top(np.array(x)), strict=True):
        assert VIEW[key][0] < value < VIEW[key][1]


def test_top_of_equal_observations_is_at_the_lower_edge():
    x = np.array(list(PRESETS["All equal"].values()))
    assert top(x) == (5.0, VIEW["sigma"][0])


def test_static_picture_shows_level_lines_and_stems():
    left, right = draw_likelihood(2.5, 1.5, *X).axes
    level = left.collections[-1]  # the contour lines lie over the shading
    np.testing.assert_allclose(level.levels, -np.array(BELOW[::-1]))
    best = gaussian_log_likelihood(X, 4, 2)
    for gap, lines in zip(level.levels, level.allsegs, strict=True):
        points = np.concatenate(lines)
        values = [gaussian_log_likelihood(X, mu, sigma) - best for mu, sigma in points]
        np.testing.assert_allclose(values, gap, atol=0.15 * abs(gap))  # linear between the points of a grid
    stems = right.collections[0].get_segments()
    heights = np.array([segment[1, 1] for segment in stems])
    assert np.log(heights).sum() == pytest.approx(gaussian_log_likelihood(X, 2.5, 1.5))


@pytest.mark.law("gaussian-mle")
def test_no_top_is_marked_for_equal_observations():
    marks = [[line.get_marker() for line in draw_likelihood(2.5, 1.5, *x).axes[0].lines] for x in (X, [5.0] * 5)]
    assert marks == [["+", "o"], ["o"]]


@pytest.mark.parametrize("sigma", [0.2, 0.3, 0.5, 1.0, 6.0])
def test_stems_stay_in_the_picture(sigma):
    right = draw_likelihood(5.0, sigma, *[5.0] * 5).axes[1]
    assert max(segment[1, 1] for segment in right.collections[0].get_segments()) <= right.get_ylim()[1] <= 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mu": 12}, "mu: expected a number from 0"),
        ({"sigma": 0.1}, "sigma: expected a number from 0.2"),
        ({"x": (1, 2, 3, 4)}, "x: expected a vector of 5 entries"),
        ({"x": (1, 2, 3, 4, 11)}, "x5: expected a number from 0"),
    ],
)
def test_start_outside_the_controls_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        widgets.likelihood(**values)
