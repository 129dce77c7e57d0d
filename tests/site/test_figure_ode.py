"""The figure of step size against error in the built book: its sentence, its labels, its warnings."""

import re

import pytest

from teachkit.widgets._ode import COUNTS, METHODS, errors

PAGE = "chapters/ode.html"


@pytest.fixture
def host(visit):
    found = visit(PAGE).page.locator('.tk-interactive[data-figure="ode"]')
    found.locator(".tk-stage").wait_for()
    return found


def readout(host):
    return host.locator(".tk-readout").inner_text().replace("\u2212", "-")


@pytest.mark.parametrize("name", METHODS)
def test_error_and_factor_are_those_of_the_library(host, name):
    host.get_by_label("Method", exact=True).select_option(name)
    slider, wanted = host.get_by_label("Number of steps"), errors(name)
    slider.focus()
    slider.press("Home")
    for k in range(len(COUNTS) - 1):
        error, factor = re.search(
            r"largest error ([\d.e-]+\d)\. With half the step it is ([\d.]+) ", readout(host)
        ).groups()
        assert float(error) == pytest.approx(wanted[k], rel=0.05)
        assert float(factor) == pytest.approx(wanted[k] / wanted[k + 1], abs=0.06)
        slider.press("ArrowRight")
    assert "half the step" not in readout(host)


def test_numbers_are_said_to_grow_and_to_stay(host):
    slider = host.get_by_label("Number of steps")
    slider.focus()
    slider.press("Home")
    assert "The numbers grow" in readout(host)
    slider.press("ArrowRight")
    assert "The numbers do not fall" in readout(host)
    slider.press("ArrowRight")
    assert "The numbers" not in readout(host)


def test_every_method_is_named_beside_its_line(host):
    assert host.locator(".tk-labels text").all_text_contents() == [label for label, *_ in METHODS.values()]
    assert host.locator(".tk-ring").count() == 1
