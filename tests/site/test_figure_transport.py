"""The figure of two clouds in the built book: the same values as in Python, and points that move one by one."""

import numpy as np
import pytest

from teachkit.transport import assignment, cost_matrix

PLACE = "chapters/transport.html"


@pytest.mark.parametrize("p", [1, 2])
def test_plan_and_potentials_are_those_of_python(visit, p, rng):
    page = visit(PLACE).page
    for x, y in rng.uniform(-3, 3, (5, 2, 5, 2)):
        script = "async ([x, y, p]) => (await import('../figures/transport.mjs')).solve(x, y, p)"
        got = page.evaluate(script, [x.tolist(), y.tolist(), p])
        cost = cost_matrix(x, y, p)
        s, value = assignment(cost)
        assert got["plan"] == s.tolist()
        assert got["value"] == pytest.approx(value, rel=1e-12)
        assert got["lower"] == pytest.approx(value, rel=1e-12)
        slack = cost - np.array(got["f"])[:, None] - got["g"]
        assert slack.min() > -1e-12
        np.testing.assert_allclose(slack, got["slack"], atol=1e-12)


def test_a_point_is_dragged(visit):
    page = visit(PLACE).page
    host = page.locator('.tk-interactive.tk-ready[data-figure="transport"]')
    knob = host.get_by_role("slider", name="Target 3")
    knob.scroll_into_view_if_needed()
    box, mouse = knob.bounding_box(), page.mouse
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 50, y - 30, steps=3)
    mouse.up()
    moved = knob.bounding_box()
    assert moved["x"] == pytest.approx(box["x"] + 50, abs=4)
    assert moved["y"] == pytest.approx(box["y"] - 30, abs=4)
