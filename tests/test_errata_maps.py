"""The claims of the page errata about determinants and the change of variables in the sources S0 and S1, checked."""

import numpy as np
import pytest

from teachkit.change_of_variables import affine, pushforward_log_prob
from teachkit.data import standard_normal
from teachkit.jacobian import jacobian, jvp, log_abs_det

A = np.array([[2.0, 1.0], [1.0, 3.0]])
SWAP = np.array([[1.0, 1.0], [2.0, 0.0]])


@pytest.mark.law("s0-fold")
def test_s0_nonlinear_example_is_not_injective(rng):
    f = lambda z: np.stack([2 * z[:, 0] + np.sin(z[:, 1]), z[:, 1] ** 2], 1)  # noqa: E731
    z = rng.standard_normal((20, 2))
    other = np.stack([z[:, 0] + np.sin(z[:, 1]), -z[:, 1]], 1)
    np.testing.assert_allclose(f(z), f(other), atol=1e-14)
    np.testing.assert_allclose(np.exp(log_abs_det(f, z)), np.abs(4 * z[:, 1]), rtol=1e-8)  # this part is right
    here, there = standard_normal(2).log_prob(z), standard_normal(2).log_prob(other)
    assert not np.allclose(here, there, atol=0.1)  # so the formula gives a point two densities


@pytest.mark.law("s1-not-a-rotation")
def test_s1_example_turns_nothing():
    values, vectors = np.linalg.eigh(A)
    np.testing.assert_allclose(values, [(5 - 5**0.5) / 2, (5 + 5**0.5) / 2])
    np.testing.assert_allclose(A @ vectors, values * vectors, atol=1e-14)  # two directions that keep their line
    left, stretch, right = np.linalg.svd(A)
    np.testing.assert_allclose(left @ right, np.eye(2), atol=1e-14)  # the rotation in its polar decomposition: none
    assert stretch[0] / stretch[1] > 2.6  # a rotation with scaling would stretch evenly
    assert stretch.prod() == pytest.approx(5)


@pytest.mark.law("s1-zero-determinant")
def test_a_map_with_a_zero_slope_can_be_inverted():
    x = np.linspace(-2, 2, 401)
    assert (np.diff(x**3) > 0).all()
    np.testing.assert_allclose(np.cbrt(x**3), x, atol=1e-15)
    assert jacobian(lambda z: z**3, [0.0])[0, 0] == pytest.approx(0, abs=1e-12)
    slopes = [np.cbrt(h) / h for h in (1e-3, 1e-6, 1e-9)]
    assert slopes[0] < slopes[1] < slopes[2]
    assert slopes[2] > 1e5  # what fails is the slope of the inverse


@pytest.mark.law("s1-board-log")
def test_s1_logarithm_of_a_product_is_a_sum_and_needs_absolute_values(rng):
    chain = [affine(A, [0, 0]), affine(SWAP, [0, 0])]
    x = rng.standard_normal((5, 2))
    once = lambda y: pushforward_log_prob(standard_normal(2).log_prob, chain[0].inverse, y)  # noqa: E731
    log_p = pushforward_log_prob(once, chain[1].inverse, x)
    z = x @ np.linalg.inv(SWAP).T @ np.linalg.inv(A).T
    dets = np.array([np.linalg.det(np.linalg.inv(M)) for M in (A, SWAP)])
    right = standard_normal(2).log_prob(z) + np.log(np.abs(dets)).sum()
    np.testing.assert_allclose(log_p, right, atol=1e-12)
    assert dets.prod() < 0  # its logarithm does not exist
    printed = np.log(np.abs(np.exp(standard_normal(2).log_prob(z)) * np.log(np.abs(dets.prod()))))
    assert (np.abs(printed - log_p) > 0.5).all()


@pytest.mark.law("s1-transposed")
def test_s1_transpose_has_the_same_determinant_and_other_products(rng):
    f = lambda z: np.stack([z[:, 0] ** 2 + z[:, 1], np.sin(z[:, 0] * z[:, 1])], 1)  # noqa: E731
    z, v = np.array([1.0, 1.0]), np.array([1.0, 2.0])
    J = jacobian(f, z)
    assert np.linalg.det(J.T) == pytest.approx(np.linalg.det(J), rel=1e-12)
    np.testing.assert_allclose(jvp(f, z, v), J @ v, atol=1e-9)
    assert np.abs(J.T @ v - jvp(f, z, v)).max() > 0.5
