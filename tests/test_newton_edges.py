"""Newton's method at the edge of the numbers, and with laws that have half a short cut or none."""

import numpy as np
import pytest

from teachkit import newton as nt
from teachkit.data import banana

BANANA = banana()
THETAS = [(0, 0, 0, 0), (0.5, -0.3, 0.2, 0.4), (-0.4, 0.6, -1.0, 0.1, 0.3)]


def batch(n=2000):
    return np.random.default_rng(0).standard_normal((n, 2))


@pytest.mark.parametrize("theta", [(800, 0, 0, 0), (0, 800, 0, 0, 1e300), (1e308, 0, 1e308, 0)], ids=str)
def test_push_overflows_in_silence(theta):
    x = nt.push(theta, [[1.0, 1.0], [2.0, -1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(x[:, 0], [1, 2, 1])
    assert not np.isfinite(x[:, 1]).any()


class Careless:
    """The banana, with a short cut that ignores where the derivatives should go."""

    def along_second(self, x1, x2, out=None):
        total, first, _ = BANANA.along_second(x1, x2)
        return total, first, np.full(len(x1), -1.0)


class Plain:
    """The banana without its short cut."""

    log_prob, score, hessian = BANANA.log_prob, BANANA.score, BANANA.hessian


@pytest.mark.parametrize("theta", THETAS, ids=str)
@pytest.mark.parametrize("law", [Careless(), Plain()], ids=["careless", "plain"])
def test_short_cut_may_ignore_where_to_write_or_be_missing(law, theta):
    z = batch(25_001)  # three blocks
    for one, other in zip(nt.derivatives(theta, z, law), nt.derivatives(theta, z, BANANA), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


class Cliff(Plain):
    """The banana with an infinite number from x2 = -0.05 upwards, reached from theta = 0 by the first step."""

    def __init__(self, part):
        self.part = part

    def along_second(self, x1, x2, out=None):
        parts = list(BANANA.along_second(x1, x2))
        if x2.mean() < -0.05:
            parts[self.part] = parts[self.part] + np.inf
        return tuple(parts)


@pytest.mark.parametrize("damped", [True, False])
@pytest.mark.parametrize("part", [1, 2], ids=["gradient", "Hessian"])
def test_stops_where_a_derivative_is_not_finite(part, damped):
    steps = list(nt.newton([0, 0, 0, 0], batch(), Cliff(part), damped=damped))
    assert len(steps) == 2


@pytest.mark.parametrize("damped", [True, False])
def test_start_whose_numbers_overflow_is_the_only_iterate(damped):
    [only] = nt.newton([0, 800, 0, 0], batch(), BANANA, damped=damped)
    assert only.value == -np.inf


def test_first_iterate_is_a_copy_of_the_start():
    theta0 = np.zeros(4)
    start = next(nt.newton(theta0, batch(5), BANANA))
    theta0 += 1
    np.testing.assert_array_equal(start.theta, 0)
