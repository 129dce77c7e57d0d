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
    mirrored, collapse = PRESETS["Mirrored (det below 0)"], PRESETS["Collapse (det 0)"]
    assert (determinants(**mirrored) < 0).all()  # nothing cancels: its readout is the area
    assert np.linalg.det(MAPS["wave"].matrix(collapse["z1"], collapse["z2"])) == pytest.approx(0, abs=1e-15)


def determinants(map, z1, z2, side):
    """Return det J at the middles of 100 x 100 parts of a square."""
    s = (np.arange(100) + 0.5) / 100 * side
    return np.array([[np.linalg.det(MAPS[map].matrix(z1 + a, z2 + b)) for a in s] for b in s])


@pytest.mark.parametrize("name", MAPS)
def test_signed_area_is_the_mean_of_the_determinant_folded_or_not(name):
    for corner in ((0.5, 1.0), (0.5, 0.5), (-0.25, -0.25)):
        mean = determinants(name, *corner, 0.5).mean()
        assert signed_ratio(name, corner, 0.5) == pytest.approx(mean, abs=1e-4)


@pytest.mark.parametrize("values", [{"z1": 2.0}, {"z2": -1.8}, {"side": 0.0}, {"map": "fold"}])
def test_start_outside_the_controls_is_refused(values):
    with pytest.raises(ValueError, match=f"{next(iter(values))}: expected"):
        widgets.parallelogram(**values)
