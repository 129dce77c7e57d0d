"""The figure of two normal laws in the game: its static picture."""

import numpy as np
import pytest

from teachkit import widgets
from teachkit.likelihood import gaussian_kl
from teachkit.minimax import optimal_discriminator
from teachkit.widgets._minimax import PRESETS, draw_minimax, gradients


def test_static_picture_shows_both_laws_and_the_best_discriminator():
    left, right = draw_minimax(2.0, 0.5).axes
    data, generator, best = left.lines
    x = data.get_xdata()
    np.testing.assert_allclose(
        best.get_ydata(), optimal_discriminator(data.get_ydata(), generator.get_ydata()), atol=1e-9
    )
    assert generator.get_ydata().sum() * (x[1] - x[0]) == pytest.approx(1, abs=1e-6)
    assert x[generator.get_ydata().argmax()] == pytest.approx(2.0)
    assert len(right.lines) == 4


@pytest.mark.law("generator-gradients")
@pytest.mark.parametrize("s", [0.4, 1.0, 2.5])
def test_gradients_sum_to_that_of_kl(s):
    at, (small, large) = gradients(s, 7)
    h = 1e-6
    slope = [float(gaussian_kl(m + h, s, 0, 1) - gaussian_kl(m - h, s, 0, 1)) / (2 * h) for m in at]
    np.testing.assert_allclose(small + large, slope, atol=1e-6)


@pytest.mark.parametrize("values", PRESETS.values())
def test_presets_are_in_range(values):
    assert draw_minimax(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"m": 7}, r"m: expected a number from -6\.0"), ({"s": 0.2}, r"s: expected a number from 0\.3")],
)
def test_start_outside_the_controls_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        widgets.minimax(**values)
