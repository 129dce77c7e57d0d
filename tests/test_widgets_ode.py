"""The figure of step size against error: what it records is what the solvers do."""

import json

import numpy as np
import pytest

from teachkit import widgets
from teachkit.ode import growth_factor, observed_order
from teachkit.widgets._ode import COUNTS, LIMITS, METHODS, VIEW, draw_ode, errors, exact, path, record


@pytest.mark.parametrize("name", METHODS)
def test_recorded_errors_have_the_slope_that_the_figure_names(name):
    order = METHODS[name][2]
    assert observed_order(COUNTS[-4:], errors(name)[-4:]) == pytest.approx(order, abs=0.1)
    assert record()["methods"][name]["order"] == order


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("k", [0, 3, 6, 10])
def test_path_runs_from_start_to_end_and_is_as_wrong_as_the_figure_says(name, k):
    points = path(name, COUNTS[k])
    assert len(points) == min(COUNTS[k], 64) + 1
    np.testing.assert_allclose(points[[0, -1], 0], [0, 2])
    largest = np.abs(points[:, 1] - exact(points[:, 0])).max()
    assert largest == pytest.approx(errors(name)[k], rel=1e-2 if COUNTS[k] > 64 else 1e-12)


def test_euler_with_two_steps_jumps_and_with_one_leaves_the_picture():
    np.testing.assert_array_equal(path("euler", 2)[:, 1], [3, -3, 3])
    assert path("euler", 1)[1, 1] == -9 < VIEW["y"][0]


@pytest.mark.parametrize("name", METHODS)
def test_numbers_grow_beyond_the_limit_and_leave_the_picture(name):
    assert abs(growth_factor(METHODS[name][1], -LIMITS[name])) == pytest.approx(1, abs=1e-3)
    sizes = [np.abs(path(name, n)[:, 1]).max() for n in COUNTS]
    assert [size > VIEW["y"][1] for size in sizes] == [2 * 2 / n > LIMITS[name] for n in COUNTS]


def test_all_errors_lie_in_the_picture():
    logs = np.log10([errors(name) for name in METHODS])
    assert (logs > VIEW["log_error"][0]).all()
    assert (logs < VIEW["log_error"][1]).all()


def test_record_is_short_and_finite():
    assert len(json.dumps(record(), allow_nan=False)) < 60_000


def test_static_picture_marks_the_chosen_step():
    left, right = draw_ode("heun", 4).axes
    assert left.get_title() == "Heun, 16 steps, h = 0.125"
    ring = next(line for line in right.lines if line.get_markersize() == 10)
    np.testing.assert_allclose(ring.get_xydata(), [[0.125, errors("heun")[4]]])


@pytest.mark.parametrize("values", [{"method": "midpoint"}, {"k": 11}, {"k": -1}])
def test_start_outside_the_controls_is_refused(values):
    with pytest.raises(ValueError, match=f"{next(iter(values))}: expected"):
        widgets.ode(**values)
