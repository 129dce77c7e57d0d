"""The figure of two clouds: what its picture shows, and its presets."""

import numpy as np
import pytest

from teachkit import widgets
from teachkit.transport import assignment, cost_matrix
from teachkit.widgets._transport import COSTS, PRESETS, VIEW, X, Y


@pytest.mark.parametrize("p", COSTS)
@pytest.mark.parametrize("shift", [*PRESETS.values(), {"u": 0.5, "v": 1.5}])
def test_picture_shows_the_plan_and_both_values(p, shift):
    left, right = widgets.draw_transport(p, **shift).axes
    y = np.clip(Y + np.array([shift["u"], shift["v"]]), -VIEW, VIEW)
    s, value = assignment(cost_matrix(X, y, float(p)))
    assert left.get_title() == f"mean cost {value:.4f}"
    assert right.get_title() == f"slack; potentials give {value:.4f}"
    drawn = np.array([line.get_xydata() for line in left.get_lines()])
    np.testing.assert_allclose(drawn, np.stack([X, y[s]], 1))
    gaps = [float(text.get_text()) for text in right.texts]
    bold = [text.get_weight() == "bold" for text in right.texts]
    assert np.flatnonzero(bold).tolist() == [5 * i + j for i, j in enumerate(s)]
    assert max(gap for gap, mark in zip(gaps, bold, strict=True) if mark) == 0


def test_points_stay_in_the_picture():
    corners = [PRESETS["Far apart"], {"u": -1.5, "v": -1.5}, {"u": 1.5, "v": 1.5}]
    assert all(np.abs(Y + np.array([c["u"], c["v"]])).max() <= VIEW for c in corners)


@pytest.mark.parametrize("values", [{"p": "3"}, {"u": 2.0}, {"v": -1.6}])
def test_start_outside_the_controls_is_refused(values):
    with pytest.raises(ValueError, match=f"{next(iter(values))}: expected"):
        widgets.transport(**values)
