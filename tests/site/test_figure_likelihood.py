"""The figure of the log-likelihood in the built book: its formulas, its sentence, its handles."""

import re

import numpy as np
import pytest

from teachkit.likelihood import gaussian_log_likelihood, gaussian_mle

PAGE = "chapters/likelihood.html"
X = [1.0, 3.0, 4.0, 5.0, 7.0]
RNG = np.random.default_rng(0)


@pytest.fixture
def host(visit):
    found = visit(PAGE).page.locator('.tk-interactive[data-figure="likelihood"]')
    found.locator(".tk-stage").wait_for()
    return found


def readout(host):
    return host.locator(".tk-readout").inner_text().replace("\u2212", "-")


def evaluate(host, expression, argument):
    return host.page.evaluate(
        f"async (a) => {{ const m = await import('../figures/maths.mjs'); return {expression}; }}", argument
    )


def test_log_likelihood_is_that_of_python(host):
    models = np.c_[RNG.uniform(0, 10, 20), RNG.uniform(0.2, 6, 20)]
    laws = [{"mu": mu, "sigma": sigma} for mu, sigma in models.tolist()]
    got = evaluate(host, "a[1].map((law) => m.logLikelihood(a[0], law))", [X, laws])
    np.testing.assert_allclose(got, gaussian_log_likelihood(X, *models.T), rtol=1e-12)
    best = evaluate(host, "m.bestNormal(a, 0.2)", X)
    assert (best["mu"], best["sigma"]) == pytest.approx(gaussian_mle(X))


@pytest.mark.parametrize("x", [X, [0, 0, 0, 10, 10], [5.0] * 5])
@pytest.mark.parametrize("gap", [0.5, 4.0, 16.0])
def test_level_lines_are_level(host, x, gap):
    top = gaussian_log_likelihood(x, np.mean(x), max(np.std(x), 0.2))
    curve = np.array(evaluate(host, "m.likelihoodLevel(a[0], a[1], [0.2, 6])", [x, gap]))
    values = gaussian_log_likelihood(x, *curve.T)
    inside = (curve[:, 1] > 0.2 + 1e-9) & (curve[:, 1] < 6 - 1e-9)
    assert inside.sum() > 100
    np.testing.assert_allclose(values[inside], top - gap, atol=1e-6)


def test_button_goes_to_the_maximum_and_the_sentence_says_so(host):
    host.get_by_role("button", name="Go to the maximum").click()
    here, best = map(float, re.findall(r"(-[\d.]+) nats", readout(host)))
    assert here == best == pytest.approx(gaussian_log_likelihood(X, 4, 2), abs=6e-4)
    host.get_by_role("button", name="All equal").click()
    assert "no largest value" in readout(host)
    assert host.get_by_role("button", name="Go to the maximum").is_disabled()
    assert host.locator(".tk-optimum path").count() == 0
    host.get_by_role("button", name="One outlier").click()
    assert "The largest is" in readout(host)
    assert host.locator(".tk-optimum path").count() == 1


def test_a_narrow_bell_stays_in_the_picture(host):
    host.get_by_role("button", name="All equal").click()
    host.get_by_label("Mean μ", exact=True).fill("5")
    host.get_by_label("Deviation σ", exact=True).fill("0.2")
    knob = host.get_by_role("slider", name="Observation 1. Arrow keys")
    assert knob.get_attribute("aria-valuetext") == "5.00, 1.99"
    inside, picture = knob.bounding_box(), host.locator(".tk-plane-frame").nth(1).bounding_box()
    assert picture["y"] < inside["y"] + inside["height"] / 2 < picture["y"] + picture["height"]


def test_all_six_handles_move_by_keyboard(host):
    for name, label in [
        ("Model", "Mean μ"),
        *((f"Observation {i}", f"Observation x{'₁₂₃₄₅'[i - 1]}") for i in range(1, 6)),
    ]:
        slider = host.get_by_label(label, exact=True)
        before = float(slider.input_value())
        knob = host.get_by_role("slider", name=f"{name}. Arrow keys")
        knob.focus()
        knob.press("ArrowRight")
        assert float(slider.input_value()) == pytest.approx(before + 0.1)
