"""The figure of a critic and the witness: its pictures, its records, and what they say."""

import numpy as np
import pytest

from teachkit import widgets
from teachkit.transport import w1_sorted
from teachkit.wgan import lipschitz
from teachkit.widgets import _wgan


@pytest.fixture(scope="module")
def data():
    return _wgan.figure_data()


def test_records_hold_what_the_critic_proves(data):
    assert data["w1"] == pytest.approx(w1_sorted(_wgan.X, _wgan.Y))
    assert {m: len(list_) for m, list_ in data["critics"].items()} == {"clip": 5, "one": 5, "two": 5}
    for method, records in data["critics"].items():
        for i, record in enumerate(records):
            critic, _ = _wgan.trained(method, i)
            assert record["lipschitz"] == lipschitz(critic, ([-3.2], [3.1]))
            assert record["bound"] == record["value"] / record["lipschitz"] <= data["w1"] + 1e-12
            assert record["value"] <= record["best"] * 1.001


def test_heights_and_slopes_of_a_record_agree(data):
    for record in [data["witness"], *data["critics"]["one"], *data["critics"]["clip"]]:
        rise = np.diff(record["heights"]) * record.get("lipschitz", 1.0)
        np.testing.assert_allclose(rise, np.array(record["slopes"]) * np.diff(record["at"]), atol=0.005)


def test_what_the_chapter_says_of_the_figure(data):
    """Clipping: a value that means nothing by itself. One-sided: just above W_1. Two-sided: can be trapped."""
    clip, one, two = (data["critics"][m] for m in ("clip", "one", "two"))
    assert clip[0]["value"] < 0.01 * data["w1"] < 10 * data["w1"] < clip[-1]["value"]
    assert all(record["value"] > data["w1"] for record in one)
    assert all(np.diff([record["value"] for record in one]) < 0)
    assert one[3]["bound"] > 0.98 * data["w1"]
    assert two[3]["value"] < 0.5 * one[3]["value"]


@pytest.mark.parametrize(("method", "clip", "weight"), [("clip", 0, 3), ("one", 0, 3), ("two", 4, 0)])
def test_picture_shows_the_numbers(method, clip, weight):
    left, right = widgets.draw_wgan(method, clip, weight).axes
    _, seen = _wgan.trained(method, clip if method == "clip" else weight)
    assert left.get_title() == f"value {seen.value:.3g}; proves W₁ ≥ {seen.bound:.3f}"
    assert right.get_title() == f"slopes; exact Lipschitz constant {seen.lipschitz:.3f}"
    assert len(left.get_lines()) == 4


@pytest.mark.parametrize("values", [{"method": "gp"}, {"clip": 5}, {"weight": -1}])
def test_start_outside_the_controls_is_refused(values):
    with pytest.raises(ValueError, match=f"{next(iter(values))}: expected"):
        widgets.wgan(**values)
