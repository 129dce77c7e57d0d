"""The steps of the differences: maps that vary on other scales than their points, edges of domains, rounding."""

import numpy as np
import pytest

from teachkit.jacobian import jacobian, jvp, log_abs_det


def wave(s):
    return lambda z: s * np.sin(z / s)


@pytest.mark.law("jacobian-matrix")
@pytest.mark.parametrize("s", [1e-300, 1e-30, 1e-8, 1e-3, 1.0, 1e8, 1e300])
@pytest.mark.parametrize("place", [0.0, 0.1, 3.0, -2.0])
def test_scale_of_the_map_need_not_be_one(s, place):
    assert jacobian(wave(s), [place * s]).item() == pytest.approx(np.cos(place), abs=1e-11)
    assert jvp(wave(s), [place * s], [-2.0]).item() == pytest.approx(-2 * np.cos(place), abs=2e-11)
    assert log_abs_det(wave(s), [place * s, 0.0]) == pytest.approx(np.log(abs(np.cos(place))), abs=1e-10)


@pytest.mark.parametrize("x", [10.0, 1e2, 1e3, 1e4, 1e5])
def test_fast_oscillation_far_from_zero(x):
    """Rounding of x limits what can be known."""
    assert jacobian(np.sin, [x]).item() == pytest.approx(np.cos(x), abs=1e-13 * x + 2e-10)
    assert jacobian(lambda z: np.sin(1e6 * z), [0.0]).item() == pytest.approx(1e6, rel=1e-7)


def test_each_entry_finds_its_own_step():
    f = lambda z: np.stack([z[:, 0] + z[:, 1], np.sin(1e4 * z[:, 0]), np.exp(z[:, 1])], 1)  # noqa: E731
    expected = [[1, 1], [1e4 * np.cos(3e3), 0], [0, np.exp(0.2)]]
    np.testing.assert_allclose(jacobian(f, [0.3, 0.2]), expected, rtol=1e-7, atol=1e-11)


def test_steps_stay_inside_the_domain():
    assert jacobian(np.log, [1e-4]).item() == pytest.approx(1e4, rel=1e-8)
    assert jacobian(np.sqrt, [1e-3]).item() == pytest.approx(0.5 / np.sqrt(1e-3), rel=1e-8)
    on_half = lambda z: np.where(z[:, :1] > 0, np.stack([z[:, 1], z[:, 0] * 0], 1), np.nan)  # noqa: E731
    np.testing.assert_allclose(jacobian(on_half, [1e-6, 2.0]), [[0, 1], [0, 0]], atol=1e-9)


def test_a_kink_is_seen_unless_it_is_much_closer_than_the_step():
    assert jacobian(np.abs, [1e-4]).item() == pytest.approx(1, abs=1e-10)
    relu = lambda z: np.maximum(z, 0)  # noqa: E731
    assert jacobian(relu, [1e-3]).item() == pytest.approx(1, abs=1e-10)
    assert jacobian(relu, [1e-9]).item() == pytest.approx(0.5, abs=1e-5)  # the limit that the chapter shows


@pytest.mark.parametrize("power", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("shift", [0.0, 1.0, -1e6])
def test_slope_zero_stays_zero(power, shift):
    assert abs(jacobian(lambda z: shift + z**power, [0.0]).item()) < 1e-11 * max(1.0, abs(shift))


def test_rounding_in_f_is_not_taken_for_variation(rng):
    """Values that are known to few digits: shorter steps would make the slope worse, or zero."""
    x = rng.standard_normal((200, 1))
    low = lambda z: np.sin(z.astype(np.float32))  # noqa: E731
    np.testing.assert_allclose(jacobian(low, x)[:, 0], np.cos(x), atol=1e-3)
    Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    np.testing.assert_allclose(jacobian(lambda z: z @ Q @ Q.T, np.eye(3)), [np.eye(3)] * 3, atol=1e-11)


def test_only_points_in_doubt_are_looked_at_again():
    rows = []
    f = lambda z: (rows.append(len(z)), np.sin(1 / z))[1]  # noqa: E731
    jacobian(f, [[1.0], [2.0], [1e-2]])
    assert rows[0] == 12
    assert set(rows[1:]) == {4}


def test_the_longest_step_that_agrees_is_kept():
    """A shorter step would only add rounding: 1 + z^3 is exact for every step."""
    x = np.linspace(-1e-3, 1e-3, 41)[:, None]
    np.testing.assert_allclose(jacobian(lambda z: 1 + z**3, x)[:, 0], 3 * x**2, atol=1e-12)


def test_twelve_or_thirteen_digits_where_the_map_varies_slowly(rng):
    """The step balances rounding against truncation."""
    x = rng.standard_normal((500, 1))
    errors = np.abs(jacobian(np.exp, x)[:, 0] / np.exp(x) - 1)
    assert np.median(errors) < 3e-13
    assert errors.max() < 3e-12
    assert jacobian(np.square, [1e6]).item() == pytest.approx(2e6, rel=1e-12)
    assert jvp(np.exp, [1e-6], [1.0]).item() == pytest.approx(np.exp(1e-6), rel=3e-12)
