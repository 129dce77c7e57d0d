"""The figure of two normal laws in the game in the built book: its numbers, its sentence, its handle."""

import re

import numpy as np
import pytest

from teachkit.minimax_gaussian import gaussian_game

PAGE = "chapters/minimax.html"


@pytest.fixture
def host(visit):
    found = visit(PAGE).page.locator('.tk-interactive[data-figure="minimax"]')
    found.locator(".tk-stage").wait_for()
    return found


def readout(host):
    return host.locator(".tk-readout").inner_text().replace("\u2212", "-")


@pytest.mark.parametrize(("m", "s"), [(0.0, 1.0), (3.0, 1.0), (-6.0, 1.0), (6.0, 0.3), (0.0, 3.0), (1.5, 0.4)])
def test_numbers_are_those_of_python(host, m, s):
    script = "async ([m, s]) => (await import('../figures/minimax.mjs')).game(m, s)"
    got, expected = host.page.evaluate(script, [m, s]), gaussian_game(0.0, 1.0, m, s)
    assert got["value"] == pytest.approx(expected.value, abs=1e-9)
    assert got["jsd"] == pytest.approx(expected.jsd, abs=1e-9)
    np.testing.assert_allclose(got["minimax"], expected.minimax, atol=1e-8)
    np.testing.assert_allclose(got["nonSaturating"], expected.non_saturating, atol=1e-8)


def test_sentence_follows_the_presets(host):
    host.get_by_role("button", name="At the data").click()
    assert "V = -1.386, JSD = 0.000" in readout(host)
    host.get_by_role("button", name="Far away").click()
    small, large = re.findall(r"(-?[\d.e-]+) by m", readout(host))
    assert float(small) < 0.02
    assert float(large) > 5.9


def test_handle_moves_mean_and_width_by_keyboard(host):
    knob = host.get_by_role("slider", name="Top of the generator's density. Arrow keys")
    mean, width = (host.get_by_label(label, exact=True) for label in ("Mean m", "Deviation s"))
    knob.focus()
    before = float(mean.input_value())
    knob.press("ArrowRight")
    assert float(mean.input_value()) == pytest.approx(before + 0.1)
    before = float(width.input_value())
    knob.press("ArrowUp")
    assert float(width.input_value()) < before
