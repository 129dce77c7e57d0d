"""The interactive figures in the built book: keyboard, text, fallback, room, and the same formulas as in Python."""

import re

import numpy as np
import pytest

from teachkit.newton import push
from teachkit.newton_population import kl_to_banana
from teachkit.widgets import _newton, _pushforward

PLACES = {
    "likelihood": "chapters/likelihood.html",
    "pushforward": "chapters/change_of_variables.html",
    "parallelogram": "chapters/jacobian.html",
    "coupling": "chapters/coupling.html",
    "minimax": "chapters/minimax.html",
    "newton": "chapters/newton.html",
    "ode": "chapters/ode.html",
    "transport": "chapters/transport.html",
    "evaluation": "chapters/evaluation.html",
    "frames": "chapters/flows.html",
}
RNG = np.random.default_rng(0)
POINTS = RNG.uniform(-2, 2, (40, 2))


@pytest.fixture
def figure(visit):
    """A function that opens a figure's page and returns its element, once it moves."""

    def find(name, **options):
        page = visit(PLACES[name], **options).page
        host = page.locator(f'.tk-interactive[data-figure="{name}"]')
        host.locator(".tk-stage").wait_for()
        return host

    return find


def readout(host):
    return host.locator(".tk-readout").inner_text()


def described(host):
    return host.locator('svg[role="img"]').first.get_attribute("aria-label")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (375, "dark")])
@pytest.mark.parametrize("name", PLACES)
def test_every_control_has_a_visible_label_and_changes_the_figure(figure, name, width, theme):
    host = figure(name, width=width, theme=theme)
    controls = host.locator(".tk-control :is(input, select)")
    assert controls.count() == {
        "likelihood": 7,
        "coupling": 5,
        "frames": 1,
        "minimax": 2,
        "ode": 2,
        "transport": 3,
    }.get(name, 4)
    for control in controls.all():
        assert host.locator(f"label[for={control.get_attribute('id')}]").is_visible()
        before = snapshot(host)
        control.focus()
        at_end = control.evaluate("c => c.tagName === 'SELECT' ? c.selectedIndex > 0 : +c.value > +c.min")
        control.press("ArrowUp" if at_end and is_select(control) else "ArrowLeft" if at_end else "ArrowDown")
        assert snapshot(host) != before


def is_select(control):
    return control.evaluate("c => c.tagName") == "SELECT"


def snapshot(host):
    """Return what the figure shows: its sentence, its paths and its picture."""
    return host.evaluate(
        """h => [h.querySelector('.tk-readout').textContent, h.querySelector('.tk-stage img')?.src,
        ...[...h.querySelectorAll('path')].map((p) => p.getAttribute('d'))].join()"""
    )


@pytest.mark.parametrize("name", PLACES)
def test_reset_restores_the_start(figure, name):
    host = figure(name)
    start = snapshot(host)
    slider = host.locator("input[type=range]").last
    slider.focus()
    slider.press("Home")
    assert snapshot(host) != start
    host.get_by_role("button", name="Reset").click()
    assert snapshot(host) == start


@pytest.mark.parametrize(
    ("name", "small", "big"), [("pushforward", 0.05, 0.25), ("parallelogram", 0.05, 0.25), ("newton", 0.5, 2.5)]
)
def test_point_moves_by_arrow_keys_and_further_with_shift(figure, name, small, big):
    host = figure(name)
    knob, slider = host.get_by_role("slider", name="Arrow keys"), host.locator("input[type=range]").first
    start, before = float(slider.input_value()), snapshot(host)
    knob.focus()
    knob.press("ArrowLeft")
    assert float(slider.input_value()) == pytest.approx(start - small)
    knob.press("ArrowRight")
    assert snapshot(host) == before
    knob.press("Shift+ArrowRight")
    assert float(slider.input_value()) == pytest.approx(start + big)
    assert knob.get_attribute("aria-valuetext").startswith(f"{start + big:.2f}".replace("-", "\u2212"))


def test_point_is_dragged(figure):
    host = figure("pushforward")
    knob = host.locator(".tk-handle")
    knob.scroll_into_view_if_needed()
    box, mouse, before = knob.bounding_box(), host.page.mouse, described(host)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x - 60, y + 40, steps=4)
    mouse.up()
    moved = knob.bounding_box()
    assert moved["x"] == pytest.approx(box["x"] - 60, abs=4)
    assert moved["y"] == pytest.approx(box["y"] + 40, abs=4)
    assert described(host) != before


def test_ratio_tends_to_the_determinant_as_the_cell_shrinks(figure):
    host = figure("pushforward")
    gaps = []
    for key in ("End", "Home"):
        slider = host.get_by_label("Side of the cell")
        slider.focus()
        slider.press(key)
        ratio, det = map(float, re.search(r"ratio ([\d.]+), .* centre ([\d.]+)\.", readout(host)).groups())
        gaps.append(abs(ratio - det))
    assert gaps[1] <= 1e-4 < gaps[0]


def test_fold_tells_of_the_rival_and_of_the_fold(figure):
    host = figure("pushforward")
    host.get_by_label("Map", exact=True).select_option("fold")
    assert "the other one is at" in readout(host)
    assert host.locator(".tk-rival").count() == 1
    height = host.get_by_label("Cell centre z₂")
    height.evaluate("c => { c.value = 0; c.dispatchEvent(new Event('input')) }")
    assert "across the fold" in readout(host)
    assert "unbounded" in readout(host)


def test_presets_reach_the_divergences_that_they_name(figure):
    host = figure("coupling")
    for label, kl in (("Best affine", "0.0100"), ("Exact", "0.0000")):
        host.get_by_role("button", name=label).click()
        assert f"= {kl} nats" in readout(host)


def test_newton_tells_when_the_path_leaves_the_picture_and_overflows(figure):
    host = figure("newton")
    host.get_by_label("Method", exact=True).select_option("undamped")
    for label, key in (("Start b", "Home"), ("Start d", "End")):
        host.get_by_label(label).press(key)
    assert "is outside the picture: b =" in readout(host)
    assert "overflow" in readout(host)
    assert "not finite" in host.locator("tbody").inner_text()


def test_newton_shows_one_row_for_each_iteration(figure):
    host = figure("newton")
    slider = host.get_by_label("Iterations shown")
    slider.focus()
    slider.press("Home")
    assert host.locator("tbody tr").count() == 1
    slider.press("ArrowRight")
    steps = _newton.follow("trust-region", -2.0, 1.5).iterates
    cells = host.locator("tbody tr").nth(1).locator("td").all_inner_texts()
    assert cells[0] == steps[1].step
    assert float(cells[1].replace("\u2212", "-")) == pytest.approx(steps[1].value, abs=1e-4)


def test_frames_play_unless_less_motion_is_asked_for(figure, browser, site):
    assert figure("frames").get_by_role("button", name="Play").count() == 0
    context = browser.new_context(reduced_motion="no-preference")
    page = context.new_page()
    page.goto(site + PLACES["frames"])
    slider, button = page.locator(".tk-interactive input"), page.get_by_role("button", name="Play")
    slider.focus()
    slider.press("Home")
    button.click()
    page.wait_for_function("document.querySelector('.tk-interactive input').value === '2'")
    page.get_by_role("button", name="Pause").click()
    held = slider.input_value()
    page.wait_for_timeout(1200)
    assert slider.input_value() == held
    context.close()


@pytest.mark.parametrize("name", PLACES)
def test_without_scripts_the_picture_and_a_line_stand(visit, name):
    page = visit(PLACES[name], scripts=False).page
    host = page.locator(f'[data-figure="{name}"]')
    assert host.locator("img").is_visible()
    assert host.locator("img").evaluate("i => i.naturalWidth") > 50
    assert "With JavaScript" in host.locator(".tk-note").inner_text()
    assert page.locator(".tk-stage").count() == 0


@pytest.mark.parametrize("name", PLACES)
def test_print_shows_the_picture(figure, name):
    host = figure(name)
    assert not host.locator(".tk-static img").is_visible()
    host.page.emulate_media(media="print")
    assert host.locator(".tk-static img").is_visible()
    assert not host.locator(".tk-stage").is_visible()


def test_an_error_brings_the_picture_back(figure):
    host = figure("coupling")
    host.evaluate("h => { h.querySelector('.tk-cells').append = null; SVGElement.prototype.append = null }")
    host.get_by_role("button", name="Reset").click()
    assert host.locator(".tk-static img").is_visible()
    assert host.locator(".tk-stage").count() == 0


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("name", PLACES)
def test_room_is_reserved_before_the_script_runs(browser, site, name, width):
    heights = []
    for blocked in (True, False):
        context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
        page = context.new_page()
        if blocked:
            page.route("**/figures.js", lambda route: route.abort())
        page.goto(site + PLACES[name])
        host = page.locator(".tk-interactive")
        host.locator(".tk-static" if blocked else ".tk-stage").wait_for()
        heights.append(host.bounding_box()["height"])
        context.close()
    assert heights[0] == pytest.approx(heights[1], abs=1)


@pytest.mark.parametrize("path", ["chapters/intro.html", "search.html"])
def test_other_pages_load_no_figure_code(visit, path):
    assert "figures.js" not in visit(path).page.content()


def evaluate(visit, expression, argument):
    """Evaluate an expression over the module ``m`` of the figures' formulas, in the browser."""
    page = visit(PLACES["pushforward"]).page
    return page.evaluate(
        f"async (a) => {{ const m = await import('../figures/maths.mjs'); return {expression}; }}", argument
    )


@pytest.mark.parametrize("name", _pushforward.MAPS)
def test_maps_and_determinants_are_those_of_python(visit, name):
    got = evaluate(visit, f"a.map((z) => [...m.MAPS.{name}.f(z), m.MAPS.{name}.det(z)])", POINTS.tolist())
    chosen = _pushforward.MAPS[name]
    np.testing.assert_allclose(got, np.c_[chosen.f(POINTS), chosen.det(POINTS)], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", _pushforward.MAPS)
def test_areas_are_those_of_python(visit, name):
    got = evaluate(visit, f"a.map((z) => m.imageArea('{name}', z, 0.5) / 0.25)", POINTS.tolist())
    want = [_pushforward.area_ratio(name, tuple(z), 0.5) for z in POINTS]
    np.testing.assert_allclose(got, want, rtol=2e-4)  # the borders are sampled at 256 and at 64 points a side


def test_divergence_and_coupling_map_are_those_of_python(visit):
    keys = ("a", "b", "c", "d", "e")
    thetas = [dict(zip(keys, row, strict=True)) for row in RNG.uniform(-1, 1, (20, 5)).tolist()]
    got = evaluate(visit, "a.map(m.couplingKl)", thetas)
    np.testing.assert_allclose(got, [kl_to_banana([*theta.values()]) for theta in thetas], rtol=1e-12)

    image = evaluate(visit, "a[1].map(m.couplingMap(a[0]).f)", [thetas[0], POINTS.tolist()])
    np.testing.assert_allclose(image, push([*thetas[0].values()], POINTS), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", PLACES)
def test_figure_moves_on_a_page_that_is_opened_as_a_file(browser, root, name):
    page = browser.new_page()
    page.goto((root / "_build/html" / PLACES[name]).as_uri(), wait_until="load")
    figure = page.locator(f'.tk-interactive.tk-ready[data-figure="{name}"]')
    figure.wait_for()
    assert figure.locator(".tk-readout").inner_text()
    page.close()
