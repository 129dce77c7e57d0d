"""The figure of the local parallelogram: its matrices, its areas and its presets."""

import numpy as np
import pytest

from teachkit import widgets
from teachkit.jacobian import jacobian
from teachkit.widgets._parallelogram import MAPS, PRESETS, signed_ratio


@pytest.mark.parametrize("name", MAPS)
def test_matrix_is_that_of_differences(name, rng):
    z = rng.uniform(-2, 2, (20, 2))
    np.testing.assert_allclose([MAPS[name].matrix(*point) for point in z], jacobian(MAPS[name].f, z), atol=1e-10)


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.law("local-volume-scale")
def test_signed_area_tends_to_the_determinant(name, rng):
    for corner in rng.uniform(-1.5, 1.5, (5, 2)):
        det = np.linalg.det(MAPS[name].matrix(*corner))
        gaps = [abs(signed_ratio(name, corner, side) - det) for side in (0.1, 0.001)]
        assert gaps[1] < 2e-2
        assert gaps[1] < gaps[0] / 20 or gaps[0] < 1e-9


@pytest.mark.parametrize("name", MAPS)
def test_both_pictures_have_one_scale_and_show_the_first_patch(name):
    before, after = widgets.draw_parallelogram(name, 0.75, -0.5, 0.5).axes
    assert np.ptp(before.get_xlim()) == np.ptp(before.get_ylim()) == pytest.approx(np.ptp(after.get_xlim()))
    assert np.ptp(after.get_xlim()) == pytest.approx(np.ptp(after.get_ylim()))
    x = MAPS[name].f(np.array([[0.75, -0.5], [1.25, -0.5], [0.75, 0.0], [1.25, 0.0]]))
    (left, right), (bottom, top) = after.get_xlim(), after.get_ylim()
    assert ((x > [left, bottom]) & (x < [right, top])).all()


def test_presets_show_what_they_say():
    det = {name: np.linalg.det(MAPS["wave"].matrix(v["z1"], v["z2"])) for name, v in PRESETS.items() if "z1" in v}
    assert det["Mirrored (det below 0)"] < -0.1
    assert det["Collapse (det 0)"] == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("values", [{"z1": 2.0}, {"z2": -1.8}, {"side": 0.0}, {"map": "fold"}])
def test_start_outside_the_controls_is_refused(values):
    with pytest.raises(ValueError, match=f"{next(iter(values))}: expected"):
        widgets.parallelogram(**values)
