"""The figure of the local parallelogram in the built book: its presets, and the same formulas as in Python."""

import re

import numpy as np
import pytest

from teachkit.widgets._parallelogram import MAPS, signed_ratio

PAGE = "chapters/jacobian.html"
POINTS = np.random.default_rng(0).uniform(-1.75, 1.75, (20, 2))


@pytest.fixture
def host(visit):
    found = visit(PAGE).page.locator('.tk-interactive[data-figure="parallelogram"]')
    found.locator(".tk-stage").wait_for()
    return found


def numbers(host):
    """Return the determinant and the ratio of the areas that the figure says."""
    text = host.locator(".tk-readout").inner_text().replace("\u2212", "-")
    return [float(x) for x in re.search(r"at the corner (-?[\d.]+);.* square (-?[\d.]+)\.", text).groups()]


def test_presets_mirror_and_flatten(host):
    host.get_by_role("button", name="Mirrored").click()
    assert numbers(host)[0] == pytest.approx(-0.4388, abs=1e-4)
    assert "mirrored" in host.locator(".tk-readout").inner_text()
    host.get_by_role("button", name="Collapse").click()
    assert numbers(host)[0] == 0
    assert "all area is lost" in host.locator(".tk-readout").inner_text()


def test_ratio_tends_to_the_determinant_as_the_square_shrinks(host):
    gaps = []
    for key in ("End", "Home"):
        slider = host.get_by_label("Side of the square")
        slider.focus()
        slider.press(key)
        det, ratio = numbers(host)
        gaps.append(abs(det - ratio))
    assert gaps[1] < 0.02 < gaps[0]


@pytest.mark.parametrize("name", MAPS)
def test_formulas_are_those_of_python(visit, name):
    got = visit(PAGE).page.evaluate(
        f"""async (a) => {{
            const {{ LOCAL_MAPS: {{ {name}: m }}, signedRatio }} = await import('../figures/maths.mjs');
            return a.map((z) => [...m.f(z), ...m.matrix(z).flat(), signedRatio('{name}', z, 0.5)]);
        }}""",
        POINTS.tolist(),
    )
    chosen = MAPS[name]
    want = [[*chosen.f(z[None])[0], *chosen.matrix(*z).ravel(), signed_ratio(name, z, 0.5)] for z in POINTS]
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
