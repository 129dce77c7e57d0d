"""Figures whose points the reader moves one by one, with the keys."""

import pytest

POINTS = {"transport": ("Source 3", "Target 5"), "evaluation": ("Real point 3", "Fake point 5")}


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("figure", POINTS)
def test_each_point_moves_by_itself_and_reset_brings_it_back(visit, figure, width):
    page = visit(f"chapters/{figure}.html", width=width).page
    host = page.locator(f'.tk-interactive.tk-ready[data-figure="{figure}"]')
    host.wait_for()
    say = host.locator(".tk-readout")
    start = say.inner_text()
    for name in POINTS[figure]:
        knob = host.get_by_role("slider", name=name)
        before = knob.get_attribute("aria-valuetext")
        knob.focus()
        knob.press("Shift+ArrowUp")
        assert knob.get_attribute("aria-valuetext") != before
        assert say.inner_text() != start
        host.get_by_role("button", name="Reset").click()
        assert knob.get_attribute("aria-valuetext") == before
        assert say.inner_text() == start
