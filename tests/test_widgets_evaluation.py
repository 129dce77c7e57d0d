"""The figure of real points and fakes: what its picture shows, and that each set deceives the score that it is for."""

import numpy as np
import pytest

from teachkit import widgets
from teachkit.evaluation import density_coverage, fid, precision_recall
from teachkit.widgets._evaluation import PRESETS, REAL, SETS, VIEW


@pytest.mark.parametrize("fakes", SETS)
@pytest.mark.parametrize("k", [1, 4])
def test_picture_shows_the_scores(fakes, k):
    left, right = widgets.draw_evaluation(fakes, k, 0.5, -0.25).axes
    fake = np.clip(SETS[fakes] + [0.5, -0.25], -VIEW, VIEW)
    assert left.get_title().startswith(f"Fréchet {fid(REAL, fake):.3f}")
    heights = [bar.get_height() for bar in right.patches]
    assert heights == pytest.approx([*precision_recall(REAL, fake, k), *density_coverage(REAL, fake, k)])
    discs = {tuple(patch.center) for patch in left.patches}
    assert discs == {tuple(point) for point in REAL}


def test_equal_moments_elsewhere():
    assert fid(REAL, SETS["moments"]) < 1e-9
    assert max(density_coverage(REAL, SETS["moments"], 2)) < 0.2
    assert min(density_coverage(REAL, SETS["second"], 2)) == 1
    assert fid(REAL, SETS["second"]) > 1e-3


def test_one_point_is_precise_and_covers_little():
    precision, recall = precision_recall(REAL, SETS["one"], 2)
    density, coverage = density_coverage(REAL, SETS["one"], 2)
    assert (precision, recall) == (1, 1 / 8)
    assert density > 1
    assert coverage < 1


def test_an_outlier_gives_recall_and_no_coverage():
    k = PRESETS["An outlier"]["k"]
    assert precision_recall(REAL, SETS["outlier"], k) == (0, 1)
    assert density_coverage(REAL, SETS["outlier"], k) == (0, 0)


def test_points_are_in_the_picture():
    assert max(np.abs(points).max() for points in (REAL, *SETS.values())) <= VIEW


@pytest.mark.parametrize("values", [{"fakes": "none"}, {"k": 0}, {"u": 2.0}, {"v": -1.6}])
def test_start_outside_the_controls_is_refused(values):
    with pytest.raises(ValueError, match=f"{next(iter(values))}: expected"):
        widgets.evaluation(**values)
