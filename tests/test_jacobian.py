"""Jacobians and their products against hand derivatives and autograd; the trace estimator against its law."""

import numpy as np
import pytest

from teachkit.jacobian import hutchinson, hutchinson_std, jacobian, jvp, log_abs_det, vjp
from teachkit.plots import cell_area

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


@pytest.mark.law("local-volume-scale")
@pytest.mark.parametrize("z", [(1.0, 1.0), (0.3, -1.2), (-0.8, 0.4)])
def test_area_of_a_small_image_tends_to_the_determinant(z):
    det = abs(np.linalg.det(MAPS["square and sine"][1](z)))
    gaps = [abs(cell_area(WAVE, np.array(z) - e / 2, e) / e**2 - det) for e in (0.1, 0.01)]
    assert gaps[1] < 2e-4
    assert gaps[1] < gaps[0] / 50


@pytest.mark.law("local-volume-scale")
def test_image_is_flat_where_the_determinant_is_zero():
    """At (1/2, 1/2) the image of a cell lies in a strip that gets thin faster than the cell gets small."""
    z = np.array([0.5, 0.5])
    J = jacobian(WAVE, z)
    assert np.linalg.det(J) == pytest.approx(0, abs=1e-11)
    along, _, _ = np.linalg.svd(J)  # columns: the direction of the image, and the one across
    grid = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 41)] * 2), -1).reshape(-1, 2)
    boxes = []
    for e in (0.1, 0.01, 0.001):
        length, width = np.ptp(WAVE(z + e * grid) @ along, axis=0) / e
        boxes.append(length * width)
    assert boxes[0] > 8 * boxes[1] > 64 * boxes[2]
    assert boxes[2] < 0.01


@pytest.mark.law("running-determinant")
def test_determinant_of_the_running_example(rng):
    z = rng.standard_normal((50, 2))
    by_hand = (2 * z[:, 0] ** 2 - z[:, 1]) * np.cos(z[:, 0] * z[:, 1])
    np.testing.assert_allclose(np.linalg.det(jacobian(WAVE, z)), by_hand, atol=1e-9)
    flat = np.array([[0.7, 2 * 0.7**2], [np.pi / 2, 1.0], [-1.0, 1.5 * np.pi]])
    np.testing.assert_allclose(np.linalg.det(jacobian(WAVE, flat)), 0, atol=1e-9)


@pytest.mark.law("inverse-function")
def test_local_inverse_has_the_inverse_jacobian(rng):
    """Solve f(z) = x near (1, 1) by Newton's method, and differentiate the solution map by differences."""
    z0 = np.array([1.0, 1.0])

    def solve(x):
        z = np.tile(z0, (len(x), 1))
        for _ in range(50):
            z = z - np.linalg.solve(jacobian(WAVE, z), (WAVE(z) - x)[..., None])[..., 0]
        return z

    image = WAVE(z0[None])
    np.testing.assert_allclose(solve(image), z0[None], atol=1e-12)
    inverse = jacobian(lambda x: solve(image + 1e-2 * x), [0.0, 0.0]) / 1e-2
    np.testing.assert_allclose(inverse, np.linalg.inv(jacobian(WAVE, z0)), rtol=1e-6)


@pytest.mark.law("inverse-function")
def test_a_nonzero_determinant_is_local_news_only():
    double = lambda z: np.stack([z[:, 0] ** 2 - z[:, 1] ** 2, 2 * z[:, 0] * z[:, 1]], 1)  # noqa: E731
    z = np.array([[1.0, 0.5], [-1.0, -0.5]])
    assert (np.abs(np.linalg.det(jacobian(double, z))) > 1).all()
    np.testing.assert_array_equal(*double(z))


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
        (lambda: hutchinson(lambda v: v[:, :1], 3, RNG(0)), "matvec: expected to map"),
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
