"""The figure of critic and witness in the built book: its readout, its controls, its paths."""

import numpy as np
import pytest

from teachkit.widgets import _wgan

PLACE = "chapters/wgan.html"


def figure(page):
    host = page.locator('.tk-interactive.tk-ready[data-figure="wgan"]')
    host.wait_for()
    return host


@pytest.mark.parametrize("width", [1280, 375])
def test_readout_has_the_numbers_of_python(visit, width):
    host = figure(visit(PLACE, width=width).page)
    say = host.locator(".tk-readout")
    for button, method, place in (
        ("Published penalty", "two", 3),
        ("One-sided", "one", 3),
        ("Published clipping", "clip", 0),
    ):
        host.get_by_role("button", name=button).click()
        _, seen = _wgan.trained(method, place)
        assert f"In truth W₁ = {_wgan.witness_line(_wgan.X, _wgan.Y).value:.3f}" in say.inner_text()
        shown = f"{seen.value:.3f}" if seen.value > 0.01 else f"{seen.value:.1e}".replace("e-0", "e−")
        assert f"value {shown}" in say.inner_text()
        assert f"W₁ ≥ {seen.bound:.3f}" in say.inner_text()


def test_only_the_slider_of_the_method_is_live(visit):
    host = figure(visit(PLACE).page)
    clip, weight = host.get_by_label("Clip value c"), host.get_by_label("Penalty weight λ")
    assert clip.is_enabled()
    assert weight.is_disabled()
    host.get_by_label("Held back by").select_option("one")
    assert clip.is_disabled()
    before = host.locator(".tk-readout").inner_text()
    weight.focus()
    weight.press("ArrowRight")
    assert host.locator(".tk-readout").inner_text() != before
    host.get_by_role("button", name="Reset").click()
    assert clip.is_enabled()


def test_steps_have_the_slopes_between_the_places(visit):
    page = visit(PLACE).page
    script = "async (data) => (await import('../figures/wgan.mjs')).steps(data)"
    got = page.evaluate(script, {"at": [0, 1, 3], "slopes": [2, -1]})
    np.testing.assert_array_equal(got, [[0, 2], [1, 2], [1, -1], [3, -1]])
