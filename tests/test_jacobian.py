"""Jacobians and their products against hand derivatives and autograd; the trace estimator against its law."""

import numpy as np
import pytest

from teachkit.jacobian import hutchinson, hutchinson_std, jacobian, jvp, log_abs_det, vjp

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
    "to one": (lambda z: z[:, :1] * z[:, 1:], lambda z: [[z[1], z[0]]]),
}
WAVE = MAPS["square and sine"][0]


@pytest.mark.law("jacobian-matrix")
@pytest.mark.parametrize("name", MAPS)
def test_equals_hand_derivative(name, rng):
    f, by_hand = MAPS[name]
    x = rng.standard_normal((30, 2))
    expected = np.array([by_hand(point) for point in x])
    np.testing.assert_allclose(jacobian(f, x), expected, atol=2e-11)
    np.testing.assert_allclose(jacobian(f, x[0]), expected[0], atol=2e-11)


@pytest.mark.law("jacobian-matrix")
@pytest.mark.parametrize("name", MAPS)
def test_error_of_the_linear_model_is_smaller_than_the_step(name, rng):
    f, by_hand = MAPS[name]
    z, h = rng.standard_normal(2), rng.standard_normal(2)
    J = np.array(by_hand(z))
    errors = [np.linalg.norm(f((z + e * h)[None])[0] - f(z[None])[0] - e * J @ h) / e for e in (1e-1, 1e-3)]
    assert errors[1] <= 0.02 * errors[0] + 1e-12
    wrong = J + 0.1
    assert np.linalg.norm(f((z + 1e-3 * h)[None])[0] - f(z[None])[0] - 1e-3 * wrong @ h) / 1e-3 > 1e-3


@pytest.mark.law("jacobian-matrix")
def test_partial_derivatives_alone_do_not_make_a_map_differentiable():
    """z1 z2 / |z|^2 has both partial derivatives 0 at the origin, and is 1/2 on the diagonal next to it."""
    f = lambda z: z[:, :1] * z[:, 1:] / np.maximum((z**2).sum(1, keepdims=True), 1e-300)  # noqa: E731
    np.testing.assert_array_equal(jacobian(f, [0.0, 0.0]), [[0.0, 0.0]])
    np.testing.assert_allclose(f(np.array([[1e-9, 1e-9]])), 0.5)


@pytest.mark.law("running-determinant")
def test_determinant_of_the_running_example(rng):
    z = rng.standard_normal((50, 2))
    by_hand = (2 * z[:, 0] ** 2 - z[:, 1]) * np.cos(z[:, 0] * z[:, 1])
    np.testing.assert_allclose(np.linalg.det(jacobian(WAVE, z)), by_hand, atol=1e-9)
    flat = np.array([[0.7, 2 * 0.7**2], [np.pi / 2, 1.0], [-1.0, 1.5 * np.pi]])
    np.testing.assert_allclose(np.linalg.det(jacobian(WAVE, flat)), 0, atol=1e-9)


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


@pytest.mark.law("jvp-vjp")
@pytest.mark.parametrize("name", MAPS)
def test_products_are_those_of_the_matrix(name, rng):
    f, by_hand = MAPS[name]
    x, v = rng.standard_normal((2, 30, 2))
    J = np.array([by_hand(point) for point in x])
    u = rng.standard_normal((30, J.shape[1]))
    np.testing.assert_allclose(jvp(f, x, v), np.einsum("nmd,nd->nm", J, v), atol=2e-11)
    np.testing.assert_allclose(vjp(f, x, u), np.einsum("nm,nmd->nd", u, J), atol=4e-11)
    np.testing.assert_allclose(jvp(f, x[0], v[0]), J[0] @ v[0], atol=2e-11)
    np.testing.assert_allclose(vjp(f, x[0], u[0]), u[0] @ J[0], atol=4e-11)


@pytest.mark.law("jvp-vjp")
def test_a_jvp_costs_four_evaluations_in_any_dimension(rng):
    for d in (2, 50):
        rows = []
        f = lambda z, rows=rows: (rows.append(len(z)), np.sin(z))[1]  # noqa: E731
        jvp(f, rng.standard_normal((3, d)), rng.standard_normal((3, d)))
        vjp(f, rng.standard_normal((3, d)), rng.standard_normal((3, d)))
        assert rows == [4 * 3, 4 * 3 * d]


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1.0, 1e12, 1e300])
def test_a_jvp_is_homogeneous_over_all_floats(scale, rng):
    x, v = rng.standard_normal((2, 5, 2))
    np.testing.assert_allclose(jvp(WAVE, x, scale * v) / scale, jvp(WAVE, x, v), rtol=1e-11)


def test_a_jvp_along_zero_is_zero():
    np.testing.assert_array_equal(jvp(WAVE, [[1.0, 1.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]])[0], [0.0, 0.0])


@pytest.mark.law("hutchinson-variance")
@pytest.mark.parametrize("law", ["rademacher", "gaussian"])
def test_hutchinson_is_unbiased_with_the_stated_error(law, rng):
    A = rng.standard_normal((6, 6))
    estimates = [hutchinson(lambda v: v @ A.T, 6, rng, probes=16, law=law) for _ in range(2000)]
    values, errors = np.array(estimates).T
    S = (A + A.T) / 2
    frobenius, diagonal = (S**2).sum(), (np.diag(S) ** 2).sum()
    variance = 2 * (frobenius - diagonal) if law == "rademacher" else 2 * frobenius
    sigma = np.sqrt(variance / 16)
    assert hutchinson_std(A, law) == pytest.approx(4 * sigma, rel=1e-12)
    assert values.mean() == pytest.approx(np.trace(A), abs=5 * sigma / np.sqrt(2000))
    assert values.std() == pytest.approx(sigma, rel=0.08)
    assert np.sqrt((errors**2).mean()) == pytest.approx(sigma, rel=0.05)


@pytest.mark.law("hutchinson-variance")
def test_variance_of_signs_is_that_of_all_sign_vectors(rng):
    """Every one of the 2^d probes once: no sampling error."""
    A = rng.standard_normal((5, 5))
    v = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 5), -1).reshape(-1, 5)
    values = np.einsum("ni,ij,nj->n", v, A, v)
    assert values.mean() == pytest.approx(np.trace(A), abs=1e-12)
    assert values.std() == pytest.approx(hutchinson_std(A), rel=1e-12)


@pytest.mark.law("hutchinson-variance")
def test_variance_of_normal_probes_is_that_of_quadrature(rng):
    A = rng.standard_normal((2, 2))
    node, weight = np.polynomial.hermite_e.hermegauss(8)  # exact for the fourth powers
    v = np.stack(np.meshgrid(node, node), -1).reshape(-1, 2)
    w = np.outer(weight, weight).ravel() / weight.sum() ** 2
    values = np.einsum("ni,ij,nj->n", v, A, v)
    assert w @ values == pytest.approx(np.trace(A), abs=1e-12)
    assert w @ (values - np.trace(A)) ** 2 == pytest.approx(hutchinson_std(A, "gaussian") ** 2, rel=1e-12)


@pytest.mark.law("hutchinson-variance")
@pytest.mark.parametrize("kappa", [1.0, 1.3, 1.8, 3.0, 6.0])
def test_variance_grows_in_proportion_to_the_fourth_moment_less_one(kappa, rng):
    """Entries are 0 or +-sqrt(kappa), the latter with probability 1/kappa: all 3^4 probes with their weights."""
    A, root = rng.standard_normal((4, 4)), np.sqrt(kappa)
    v = np.stack(np.meshgrid(*[[-root, 0.0, root]] * 4), -1).reshape(-1, 4)
    weight = np.where(v == 0, 1 - 1 / kappa, 0.5 / kappa).prod(axis=1)
    values = np.einsum("ni,ij,nj->n", v, A, v)
    mean = weight @ values
    assert mean == pytest.approx(np.trace(A), abs=1e-12)
    variance, diagonal = weight @ (values - mean) ** 2, (np.diag(A) ** 2).sum()
    signs = hutchinson_std(A) ** 2
    assert variance == pytest.approx(signs + (kappa - 1) * diagonal, rel=1e-12)
    assert variance == pytest.approx(signs + (kappa - 1) / 2 * (hutchinson_std(A, "gaussian") ** 2 - signs), rel=1e-12)
    assert variance >= signs * (1 - 1e-12)


def test_dependent_entries_can_do_better_than_signs(rng):
    """Uniform on the sphere of radius sqrt(d): variance 2 d / (d + 2) (|S|^2 - (tr S)^2 / d)."""
    ones, v = np.ones((5, 5)), rng.standard_normal((200_000, 5))
    v *= np.sqrt(5) / np.linalg.norm(v, axis=1, keepdims=True)
    values = np.einsum("ni,ij,nj->n", v, ones, v)
    assert values.mean() == pytest.approx(5, abs=0.06)
    assert values.std() == pytest.approx(np.sqrt(10 / 7 * 20), rel=0.01)
    assert np.sqrt(10 / 7 * 20) == pytest.approx(5.35, abs=5e-3)
    assert hutchinson_std(ones) == pytest.approx(6.32, abs=5e-3)


@pytest.mark.law("hutchinson-variance")
def test_special_matrices():
    diagonal, turn, ones = np.diag([1.0, -2.0, 3.0]), np.array([[0.0, -1.0], [1.0, 0.0]]), np.ones((50, 50))
    assert hutchinson_std(diagonal) == 0
    assert hutchinson_std(diagonal, "gaussian") == pytest.approx(np.sqrt(2 * 14))
    assert hutchinson_std(turn) == hutchinson_std(turn, "gaussian") == 0
    assert hutchinson_std(ones) / np.trace(ones) == pytest.approx(np.sqrt(2 * 49 / 50))  # no better in high dimension


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_standard_deviation_at_the_edges_of_floats(scale):
    A = np.array([[1.0, 0.5], [0.25, -1.0]])
    for law in ("rademacher", "gaussian"):
        assert hutchinson_std(scale * A, law) == pytest.approx(scale * hutchinson_std(A, law), rel=1e-12)
    assert hutchinson_std(np.zeros((2, 2))) == 0


@pytest.mark.law("hutchinson-estimator")
@pytest.mark.law("hutchinson-variance")
def test_trace_of_a_jacobian_from_its_products_alone(rng):
    z, M = rng.standard_normal(30), rng.standard_normal((30, 30)) / 30
    f = lambda y: np.sin(y) + y @ M.T  # noqa: E731
    product = lambda v: jvp(f, np.tile(z, (len(v), 1)), v)  # noqa: E731
    value, error = hutchinson(product, 30, rng, probes=400)
    exact = np.trace(jacobian(f, z))
    assert value == pytest.approx(exact, abs=5 * error)
    assert error == pytest.approx(hutchinson_std(jacobian(f, z)) / 20, rel=0.2)


def test_standard_error_is_that_of_the_probes_used(rng):
    A, kept = rng.standard_normal((3, 3)), []
    value, error = hutchinson(lambda v: (kept.append(v), v @ A.T)[1], 3, rng, 2, "gaussian")
    a, b = np.einsum("ni,ij,nj->n", kept[0], A, kept[0])
    assert (value, error) == (pytest.approx((a + b) / 2), pytest.approx(abs(a - b) / 2))
    assert np.isnan(hutchinson(lambda v: v @ A.T, 3, rng, probes=1)[1])


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_estimate_at_the_edges_of_floats_and_in_place(scale, rng):
    A = np.array([[1.0, 2.0, 0.5], [1.0, -1.0, 3.0], [0.0, 1.0, 4.0]])
    plain = hutchinson(lambda v: v @ A.T, 3, RNG(0), probes=50)
    np.testing.assert_allclose(hutchinson(lambda v: scale * v @ A.T, 3, RNG(0), probes=50), scale * np.array(plain))
    assert hutchinson(lambda v: np.multiply(v, 2, out=v), 3, rng) == (6.0, 0.0)
    assert hutchinson(lambda v: 0 * v, 3, rng) == (0.0, 0.0)


RNG = np.random.default_rng


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
        (lambda: jvp(WAVE, [1.0, 2.0], [1.0]), r"v: expected shape \[2\], got \[1\]"),
        (lambda: jvp(WAVE, [[1.0, 2.0]], [1.0, 2.0]), r"v: expected shape \[1, 2\], got \[2\]"),
        (lambda: jvp(WAVE, [1.0, 2.0], [1.0, np.nan]), "v: expected finite"),
        (lambda: jvp(WAVE, [1.0, np.nan], [1.0, 0.0]), "x: expected finite"),
        (lambda: jvp(lambda z: z[:1], [1.0, 2.0], [1.0, 0.0]), "f: expected to map"),
        (lambda: vjp(WAVE, [1.0, 2.0], [1.0, 2.0, 3.0]), r"u: expected shape \[2\], got \[3\]"),
        (lambda: vjp(WAVE, [1.0, 2.0], "ab"), "u: expected an array of numbers"),
        (lambda: jvp(lambda z: z * np.nan, [1.0], [1.0]), "f: expected finite values around x"),
        (lambda: log_abs_det(np.log, [-1.0]), "f: expected finite values around x"),
        (lambda: hutchinson(lambda v: v[:, :1], 3, RNG(0)), "matvec: expected to map"),
        (lambda: hutchinson(lambda v: v * np.nan, 3, RNG(0)), "matvec: expected finite"),
        (lambda: hutchinson(lambda v: v, 3, 0), "rng: expected a generator"),
        (lambda: hutchinson_std(np.zeros((0, 0))), "A: expected at least one number"),
        (lambda: hutchinson(lambda v: v, 3, RNG(0), probes=0), "probes: expected a whole number"),
        (lambda: hutchinson(lambda v: v, 0, RNG(0)), "d: expected a whole number"),
        (lambda: hutchinson(lambda v: v, 3, RNG(0), law="uniform"), "law: expected one of rademacher, gaussian"),
        (lambda: hutchinson_std(np.eye(2), law=3), "law: expected one of rademacher, gaussian, got 3"),
        (lambda: hutchinson_std([[1.0, 2.0]]), "A: expected a square matrix"),
        (lambda: hutchinson_std([[np.inf]]), "A: expected finite"),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
