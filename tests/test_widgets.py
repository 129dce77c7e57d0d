"""The interactive figures: what the page gets, what a notebook gets, and the numbers that they show."""

import json
import re
import sys

import numpy as np
import pytest

from teachkit import widgets
from teachkit.data import banana, standard_normal
from teachkit.jacobian import log_abs_det
from teachkit.newton import gradient, push
from teachkit.newton_population import kl_to_banana
from teachkit.widgets import _newton, _pushforward

FIGURES = {
    "likelihood": widgets.likelihood,
    "pushforward": widgets.pushforward,
    "parallelogram": widgets.parallelogram,
    "coupling": widgets.coupling,
    "minimax": widgets.minimax,
    "newton": widgets.newton,
    "ode": widgets.ode,
    "transport": widgets.transport,
    "wgan": widgets.wgan,
    "evaluation": widgets.evaluation,
}
THETAS = [(0.5, 0, 0.2, 0, 0), (0, 0, 0, -0.1, 0), (0, 0, 0, 0, -0.1), (-0.7, 0.3, 1, -0.5, 0.3), (1, -1, -1, 1, -0.3)]


@pytest.fixture
def book(monkeypatch):
    monkeypatch.setenv("TEACHKIT_BOOK", "1")


@pytest.fixture
def notebook(monkeypatch):
    pytest.importorskip("ipywidgets")
    monkeypatch.delenv("TEACHKIT_BOOK", raising=False)


def line(value):
    """Draw a small figure for the tests of frames."""
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(2, 1))
    figure.add_subplot().plot([0, value])
    return figure


def films(values=(0, 1, 2), **kwargs):
    return widgets.frames(line, values, "Height", lambda v: f"A line up to {v}", **kwargs)


def payload(page):
    """Return the data as the page's script reads them."""
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', page.html(), re.DOTALL)[1])


@pytest.mark.parametrize("make", [*FIGURES.values(), films])
def test_page_has_a_picture_with_a_description_and_the_data_of_its_controls(book, make):
    page = make()
    html = page._repr_mimebundle_()["text/html"]
    assert f'<div class="tk-interactive" data-figure="{page.name}"' in html
    picture = re.search(r'<img src="data:image/[^"]+" width="(\d+)" height="(\d+)" alt="([^"]+)">', html)
    assert min(int(picture[1]), int(picture[2])) > 50
    assert len(picture[3]) > 10
    data = payload(page)
    assert data["label"]
    assert len({control["key"] for control in data["controls"]}) == len(data["controls"]) >= 1
    for control in data["controls"]:
        low, high = (control["low"], control["high"]) if control["kind"] == "range" else (None, None)
        assert control["value"] in control["options"] if low is None else low <= control["value"] <= high


@pytest.mark.parametrize("make", [*FIGURES.values(), films])
def test_page_is_the_same_when_built_twice(book, make):
    assert make().html() == make().html()


@pytest.mark.parametrize("make", FIGURES.values())
def test_data_are_small(book, make):
    assert len(json.dumps(make().data)) < 300_000


def test_text_in_the_data_does_not_end_the_script_element(book):
    page = widgets.frames(line, (1, 2), "Height", lambda v: "</script><b>")
    assert payload(page)["frames"][0]["alt"] == "</script><b>"
    assert "<b>" not in page.html().partition("<script")[0]


@pytest.mark.parametrize("make", [*FIGURES.values(), films])
def test_notebook_gets_sliders_that_draw_again(notebook, make):
    import ipywidgets

    box = films(start=1) if make is films else make()
    buttons, panel = box.children
    assert isinstance(panel, ipywidgets.interactive)
    *controls, _ = panel.children
    start = [control.value for control in controls]
    drawn = []
    panel.f = lambda **values: drawn.append(list(values.values()))
    last = controls[-1]
    last.value = last.options[0][1] if hasattr(last, "options") else last.min
    assert drawn == [[*start[:-1], last.value]]
    reset = buttons.children[-1]
    assert reset.description == "Reset"
    reset.click()
    assert [control.value for control in controls] == start
    assert drawn[-1] == start


@pytest.mark.parametrize("make", [*FIGURES.values(), films])
def test_without_ipywidgets_there_is_the_static_figure(monkeypatch, make):
    from matplotlib.figure import Figure

    monkeypatch.delenv("TEACHKIT_BOOK", raising=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert isinstance(make(), Figure)


@pytest.mark.parametrize("values", [{"z1": 2.0}, {"side": 0.0}, {"map": "twist"}])
def test_start_outside_the_controls_is_refused(values):
    with pytest.raises(ValueError, match=f"{next(iter(values))}: expected"):
        widgets.pushforward(**values)


@pytest.mark.parametrize("name", _pushforward.MAPS)
def test_determinant_of_a_map_is_that_of_its_differences(name, rng):
    chosen, z = _pushforward.MAPS[name], rng.uniform(-2, 2, (50, 2))
    np.testing.assert_allclose(np.log(np.abs(chosen.det(z))), log_abs_det(chosen.f, z), rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", _pushforward.MAPS)
def test_ratio_of_areas_tends_to_the_determinant(name):
    det = abs(_pushforward.MAPS[name].det(np.array([[0.7, -0.9]]))[0])
    gaps = [abs(_pushforward.area_ratio(name, (0.7, -0.9), side) - det) for side in (0.5, 0.05)]
    assert gaps[1] < 1e-3
    assert gaps[1] <= gaps[0] / 50 or gaps[0] < 1e-9


def test_folded_cell_counts_both_layers():
    # The integral of |4 z2| over |z2| < 1/4 and |z1| < 1/4.
    assert _pushforward.area_ratio("fold", (0.0, 0.0), 0.5) == pytest.approx(0.5 * 4 * 0.25**2 / 0.25, abs=1e-4)


def test_rival_under_the_fold_has_the_same_image(rng):
    z = rng.uniform(-2, 2, (50, 2))
    rival = np.stack([z[:, 0] + np.sin(z[:, 1]), -z[:, 1]], 1)
    np.testing.assert_allclose(_pushforward.MAPS["fold"].f(rival), _pushforward.MAPS["fold"].f(z), atol=1e-14)


@pytest.mark.parametrize("theta", THETAS)
def test_divergence_in_closed_form_is_that_of_quadrature(theta):
    # Gauss-Hermite quadrature: exact for the polynomial part, and the exponential converges fast.
    node, weight = np.polynomial.hermite_e.hermegauss(60)
    z = np.stack(np.meshgrid(node, node), -1).reshape(-1, 2)
    w = np.outer(weight, weight).ravel() / weight.sum() ** 2
    log_det = theta[0] * z[:, 0] + theta[1]
    gap = standard_normal(2).log_prob(z) - log_det - banana().log_prob(push(theta, z))
    assert kl_to_banana(theta) == pytest.approx(w @ gap, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("values", widgets._coupling.PRESETS.values())
def test_presets_are_the_optima_that_their_names_say(values):
    here = kl_to_banana([*values.values()])
    assert here == pytest.approx(0.01 if values["e"] == 0 else 0.0, abs=1e-12)
    free = [key for key in values if key != "e" or values["e"]]
    for key in free:
        for by in (-0.05, 0.05):
            assert kl_to_banana([*{**values, key: values[key] + by}.values()]) > here


def test_recorded_runs_are_those_of_the_library(book):
    data = payload(widgets.newton())
    assert set(data["runs"]) == set(data["controls"][0]["options"])
    index = data["starts"]["b"].index(-1.0) * len(data["starts"]["d"]) + data["starts"]["d"].index(1.5)
    rows = data["runs"]["trust-region"][index]["iterates"]
    steps = _newton.follow("trust-region", -1.0, 1.5).iterates
    assert [row[0] for row in rows] == [step.step for step in steps]
    np.testing.assert_allclose([row[1:3] for row in rows], [step.theta[[1, 3]] for step in steps], rtol=1e-5)
    np.testing.assert_allclose([row[3] for row in rows], [step.value for step in steps], rtol=1e-5)
    assert rows[0][1:3] == [-1.0, 1.5]
    assert rows[-1][5] > 8


def test_optimum_of_the_figure_has_no_gradient(book):
    z = np.random.default_rng(0).standard_normal((2000, 2))
    assert np.linalg.norm(gradient(_newton._optimum(), z, banana())) < 1e-10


@pytest.mark.parametrize(
    ("method", "b", "d", "end"),
    [
        ("trust-region", -3.0, -2.0, "Converged"),
        ("undamped", -3.0, 2.0, "overflow"),
        ("gradient", -1.0, 0.0, "Not converged"),
    ],
)
def test_figure_says_how_a_run_ended(method, b, d, end):
    run = _newton.follow(method, b, d)
    assert end in run.end
    assert 1 <= len(run.iterates) <= _newton.MAX_ITER + 1


def test_figure_says_that_a_hessian_is_singular(monkeypatch):
    # With one sample it has rank 2 of 4.
    monkeypatch.setattr(_newton, "_batch", lambda: np.array([[0.5, -0.2]]))
    run = _newton.follow("undamped", -1.0, 1.0)
    assert "singular" in run.end
    assert [step.step for step in run.iterates] == ["start"]


def test_frames_carry_each_picture_once(book):
    data = payload(films(start=1))
    assert [frame["alt"] for frame in data["frames"]] == ["A line up to 0", "A line up to 1", "A line up to 2"]
    sources = [frame["src"] for frame in data["frames"]]
    assert sources[1] is None  # it is the static picture
    assert sources[0].startswith("data:image/")
    assert sources[0] != sources[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"values": [1]}, "values: expected at least two"), ({"start": 3}, "start: expected an index from 0 to 2")],
)
def test_frames_refuse_what_they_cannot_show(arguments, message):
    with pytest.raises(ValueError, match=message):
        films(**arguments)


def test_frames_refuse_figures_of_different_sizes(book):
    import matplotlib.figure

    def grow(value):
        return matplotlib.figure.Figure(figsize=(value, 1))

    with pytest.raises(ValueError, match="draw: expected figures of one size"):
        widgets.frames(grow, (1, 2), "Width", str)


def test_frames_refuse_an_empty_description(book):
    with pytest.raises(ValueError, match="alt: expected a description"):
        widgets.frames(line, (1, 2), "Height", lambda _: " ")
