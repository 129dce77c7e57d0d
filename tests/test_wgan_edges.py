"""Edges of the modules on Wasserstein GANs: bad input, degenerate samples, extreme scales."""

import re

import numpy as np
import pytest

from teachkit import wgan
from teachkit.wgan import Critic

ONE = Critic(np.ones((1, 1)), np.zeros(1), np.ones(1))
THREE = Critic(np.ones((1, 3)), np.zeros(1), np.ones(1))
X, NAN = [[0.0], [1.0]], [[np.nan]]


def rng():
    return np.random.default_rng(0)


BAD = {
    "x: expected a vector of at least 1 entries, got shape (1, 1)": lambda: wgan.witness_line([[1.0]], [1.0]),
    "y: expected finite numbers": lambda: wgan.witness_line([1.0], [np.inf]),
    "a: expected non-negative numbers with sum 1, got sum 0.5": lambda: wgan.witness_line([1.0], [2.0], a=[0.5]),
    "b: expected a vector of 1 entries": lambda: wgan.witness_line([1.0], [2.0], b=[0.5, 0.5]),
    "z: expected finite numbers": lambda: wgan.witness_line([1.0], [2.0])(np.nan),
    "weight: expected a finite number above 0, got 0": lambda: wgan.best_penalised([1.0], [2.0], 0),
    "weight: expected a finite number above 0, got -1": lambda: wgan.best_penalised([1.0], [2.0], -1),
    "x: expected a vector of at least 1 entries, got shape (0,)": lambda: wgan.best_penalised([], [2.0]),
    "hidden: expected a whole number of at least 1": lambda: wgan.best_clipped([1.0], [2.0], 0),
    "clip: expected a finite number above 0, got 0": lambda: wgan.best_clipped([1.0], [2.0], 4, clip=0),
    "theta: expected a finite number above 0, got -2": lambda: wgan.two_points(-2),
    "weight: expected a finite number above 0, got nan": lambda: wgan.two_points(2, float("nan")),
    "y: expected shape [2, 1], got [1, 1]": lambda: wgan.w1_gradient(X, [[1.0]]),
    "x: expected shape [n, d], got (2,)": lambda: wgan.w1_gradient([1.0, 2.0], X),
    "y: expected shape [n, 1], got (1, 2)": lambda: wgan.exact_w1(X, [[1.0, 2.0]]),
    "x: expected shape [n, 3], got (2, 1)": lambda: THREE(X),
    "x: expected finite numbers": lambda: wgan.critic_value(ONE, NAN, X),
    "critic: expected to return shape (2,), got (2, 1)": lambda: wgan.critic_value(lambda x: x, X, X),
    "x: expected shape [n, 1], got (1, 2)": lambda: wgan.input_gradient(ONE, [[1.0, 2.0]]),
    "y: expected shape [n, 1], got (3,)": lambda: wgan.value_gradient(ONE, X, [1.0, 2.0, 3.0]),
    "z: expected shape [n, 1], got (1, 3)": lambda: wgan.penalty(ONE, [[1.0, 2.0, 3.0]]),
    "hidden: expected a whole number": lambda: wgan.random_critic(2.5, 1, rng()),
    "d: expected a whole number": lambda: wgan.random_critic(2, 0, rng()),
    "clip: expected a finite number above 0, got -0.1": lambda: wgan.fit_clipped(ONE, X, X, clip=-0.1, rng=rng()),
    "clip: expected a finite number above 0, got inf": lambda: wgan.fit_clipped(ONE, X, X, clip=np.inf, rng=rng()),
    "lr: expected a finite number above 0": lambda: wgan.fit_clipped(ONE, X, X, lr=0, rng=rng()),
    "steps: expected a whole number of at least 1, got 0": lambda: wgan.fit_clipped(ONE, X, X, steps=0, rng=rng()),
    "batch: expected a whole number of at least 1": lambda: wgan.fit_clipped(ONE, X, X, batch=0.5, rng=rng()),
    "y: expected shape [n, 1], got (1, 3)": lambda: wgan.fit_penalised(ONE, X, [[1.0, 2.0, 3.0]], rng=rng()),
    "weight: expected a number of at least 0, got -1": lambda: wgan.fit_penalised(ONE, X, X, weight=-1, rng=rng()),
    "weight: expected a finite number, got nan": lambda: wgan.fit_penalised(ONE, X, X, weight=np.nan, rng=rng()),
    "critic.b: expected a vector of 1 entries": lambda: wgan.lipschitz(Critic(np.ones((1, 1)), [0.0, 1.0], [1.0])),
    "critic.W: expected finite": lambda: wgan.lipschitz_bound(Critic([[np.nan]], [0.0], [1.0])),
    "critic: expected at most 2 inputs, got 3": lambda: wgan.lipschitz(THREE),
    "box: expected a vector of 1 entries": lambda: wgan.lipschitz(ONE, ([0, 0], [1, 1])),
    "box: expected the lowest corner first, got [1.0] and [0.0]": lambda: wgan.lipschitz(ONE, ([1], [0])),
    "critic: expected 1 input, got 3": lambda: wgan.pieces(THREE),
    "x: expected shape [n, 3], got (2, 1) ": lambda: wgan.certify(THREE, X, X),
    "W: expected shape [any, any], got [2]": lambda: wgan.spectral_norm([1.0, 2.0]),
    "doublings: expected a whole number": lambda: wgan.spectral_norm([[1.0]], 0),
    "widths: expected at least one hidden layer": lambda: wgan.clipped_slope(0.1, [], 1),
    "widths: expected a list of whole numbers, got 64": lambda: wgan.clipped_slope(0.01, 64, 1),
    "rng: expected a generator": lambda: wgan.random_critic(2, 2, 0),
    "rng: expected a generator, such": lambda: wgan.fit_clipped(ONE, X, X, rng=0),
    "rng: expected a generator, such as": lambda: wgan.fit_penalised(ONE, X, X, rng=None),
    "critic.b: expected a vector of 1": lambda: wgan.value_gradient(Critic([[1.0]], [0.0, 1.0], [1.0]), X, X),
    "critic.v: expected a vector of 1": lambda: wgan.penalty(Critic([[1.0]], [0.0], [1.0, 2.0]), X),
    "critic.W: expected finite numbers": lambda: Critic(NAN, [0.0], [1.0])(X),
    "critic: steeper than the largest number": lambda: wgan.lipschitz(Critic([[1e200]], [0.0], [1e200])),
    "theta: too far apart": lambda: wgan.two_points(1e300),
    "x, y: too far apart": lambda: wgan.best_penalised([1e300], [0.0]),
    "x, y: too far apart, the critic's value": lambda: wgan.witness_line([-1e308], [1e308]),
    "widths: expected a whole number": lambda: wgan.clipped_slope(0.1, [4, 0], 1),
    "clip: expected a finite number above 0, got 0 ": lambda: wgan.clipped_slope(0, [4], 1),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused_by_name(message):
    with pytest.raises(ValueError, match="^" + re.escape(message.rstrip())):
        BAD[message]()


@pytest.mark.law("witness-line")
@pytest.mark.parametrize("make", [wgan.witness_line, wgan.best_penalised])
def test_equal_samples_have_the_value_zero(make):
    for x in ([2.0], [1.0, 1.0, 3.0]):
        f = make(x, x)
        assert f.value == 0
        assert np.isfinite(f(np.linspace(-5, 5, 7))).all()


@pytest.mark.law("witness-line")
@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1e300])
def test_witness_at_extreme_scales(scale):
    f = wgan.witness_line(np.array([1.0, 4.0, 6.0]) * scale, np.array([2.0, 3.0, 9.0]) * scale)
    assert f.value == pytest.approx(5 / 3 * scale, rel=1e-12)
    assert f.slopes.tolist() == [-1, 0, 1, 0, -1]


@pytest.mark.law("witness-line")
def test_masses_that_cancel_leave_no_slope():
    """Ten tenths do not add up to one exactly; the slope between equal masses is zero all the same."""
    x, y = np.arange(10.0), np.append(np.arange(10.0)[:9], 10.0)
    assert wgan.witness_line(x, y).slopes.tolist() == [0.0] * 9 + [-1.0]


@pytest.mark.law("witness-line")
def test_a_tiny_mass_far_away_counts():
    assert wgan.witness_line([0.0, 1e15], [0.0], a=[1 - 1e-14, 1e-14]).value == pytest.approx(10, rel=1e-2)


@pytest.mark.law("penalty-bias")
@pytest.mark.parametrize("e", [1e-8, 1e-14, 1e-16, 1e-200, 1e-310])
def test_close_neighbours_do_not_disturb_the_density(e):
    """By hand for data 0, 5 and samples 0, 7: W_1 = 1, and r between 5 and 7 is (1/2 + 1/7) / 4."""
    assert wgan.best_penalised([0.0, 5.0], [e, 7.0]).value == pytest.approx(1 + 0.25 / (20 * 9 / 56) * 2, rel=1e-7)


@pytest.mark.law("wgan-gradient")
@pytest.mark.parametrize("scale", [1e-200, 1e300])
def test_pull_at_extreme_scales(scale):
    np.testing.assert_allclose(wgan.w1_gradient([[0.0, 0.0]], [[3 * scale, 4 * scale]]), [[0.6, 0.8]])


@pytest.mark.law("critic-lipschitz")
def test_lists_are_critics_too():
    f = Critic([[2.0]], [-1.0], [3.0])
    assert f([[1.0]]).tolist() == [3.0]
    assert wgan.input_gradient(f, [[1.0]]).tolist() == [[6.0]]


@pytest.mark.law("critic-lipschitz")
def test_a_constant_critic_proves_nothing(rng):
    proof = wgan.certify(Critic(np.zeros((3, 2)), np.ones(3), np.ones(3)), [[0.0, 0.0]], [[3.0, 4.0]])
    assert proof == (0.0, 0.0, 0.0, 5.0, 5.0)


@pytest.mark.law("gradient-penalty")
def test_penalty_where_the_slope_is_zero():
    value, gradient = wgan.penalty(Critic(np.ones((1, 1)), np.zeros(1), np.ones(1)), [[-1.0]])
    assert value == 1
    assert [part.tolist() for part in gradient] == [[[0.0]], [0.0], [0.0]]
