"""Jacobians by differences against hand derivatives and autograd; the trace estimator against its law."""

import numpy as np
import pytest

from teachkit.jacobian import hutchinson, jacobian, log_abs_det

MAPS = {
    "sum and double": (
        lambda z: np.stack([z[:, 0] + z[:, 1], 2 * z[:, 0]], 1),
        lambda z: [[1, 1], [2, 0]],
    ),
    "square and sine": (
        lambda z: np.stack([z[:, 0] ** 2 + z[:, 1], np.sin(z[:, 0] * z[:, 1])], 1),
        lambda z: [[2 * z[0], 1], [z[1] * np.cos(z[0] * z[1]), z[0] * np.cos(z[0] * z[1])]],
    ),
    "stretch": (lambda z: z @ np.array([[2.0, 1.0], [1.0, 3.0]]), lambda z: [[2, 1], [1, 3]]),
    "to three": (
        lambda z: np.stack([z[:, 0], np.exp(z[:, 1]), z[:, 0] * z[:, 1]], 1),
        lambda z: [[1, 0], [0, np.exp(z[1])], [z[1], z[0]]],
    ),
}


@pytest.mark.parametrize("name", MAPS)
def test_equals_hand_derivative(name, rng):
    f, by_hand = MAPS[name]
    x = rng.standard_normal((30, 2))
    expected = np.array([by_hand(point) for point in x])
    np.testing.assert_allclose(jacobian(f, x), expected, atol=2e-11)
    np.testing.assert_allclose(jacobian(f, x[0]), expected[0], atol=2e-11)


def test_log_abs_det_equals_autograd(rng):
    import torch

    f = lambda z, m: m.stack([z[..., 0] * m.exp(0.3 * z[..., 1]), z[..., 1] + m.sin(z[..., 0])], -1)  # noqa: E731
    x = rng.standard_normal((20, 2))
    J = torch.func.vmap(torch.func.jacrev(lambda z: f(z, torch)))(torch.from_numpy(x))
    np.testing.assert_allclose(
        log_abs_det(lambda z: np.stack([z[:, 0] * np.exp(0.3 * z[:, 1]), z[:, 1] + np.sin(z[:, 0])], 1), x),
        torch.linalg.slogdet(J)[1],
        atol=1e-10,
    )


def test_singular_jacobian_gives_minus_infinity():
    assert log_abs_det(lambda z: z @ np.zeros((2, 2)), [1.0, 1.0]) == -np.inf


def test_hutchinson_is_unbiased_with_the_stated_error(rng):
    A = rng.standard_normal((6, 6))
    estimates = [hutchinson(lambda v: v @ A.T, 6, rng, probes=16) for _ in range(2000)]
    values, errors = np.array(estimates).T
    # variance of one probe: 2 sum over i < j of (sym part)^2 * 2
    S = (A + A.T) / 2
    sigma = np.sqrt(2 * ((S**2).sum() - (np.diag(S) ** 2).sum()) / 16)
    assert values.mean() == pytest.approx(np.trace(A), abs=5 * sigma / np.sqrt(2000))
    assert values.std() == pytest.approx(sigma, rel=0.08)
    assert np.sqrt((errors**2).mean()) == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jacobian(lambda z: z, [[1.0, np.inf]]), "x: expected finite"),
        (lambda: jacobian(lambda z: z, "abc"), "x: expected an array of numbers, got str"),
        (lambda: jacobian(lambda z: z, [[1.0], [1.0, 2.0]]), "x: expected an array of numbers, got list"),
        (lambda: jacobian(lambda z: z, 0.5), r"x: expected one point \[d\] or a batch \[n, d\], got shape \(\)"),
        (lambda: jacobian(lambda z: z, np.zeros((2, 2, 2))), "x: expected one point"),
        (lambda: jacobian(lambda z: z * 1j, [1.0, 2.0]), "f: expected an array of numbers"),
        (lambda: jacobian(lambda z: z[:1], [1.0, 2.0]), "f: expected to map"),
        (lambda: log_abs_det(lambda z: z[:, :1], [1.0, 2.0]), "f: expected a map from R"),
        (lambda: hutchinson(lambda v: v[:, :1], 3, np.random.default_rng(0)), "matvec: expected to map"),
        (lambda: hutchinson(lambda v: v, 3, np.random.default_rng(0), probes=0), "probes: expected a whole number"),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
