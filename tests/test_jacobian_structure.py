"""Determinants by elimination, of triangular matrices and of low rank, against NumPy, SymPy and exact counts."""

import numpy as np
import pytest
import sympy

from teachkit.jacobian_structure import Elimination, eliminate, low_rank_log_det, triangular_log_det

SIZES = [1, 2, 3, 8, 30]


@pytest.mark.law("determinant-by-elimination")
@pytest.mark.parametrize("d", SIZES)
def test_elimination_agrees_with_numpy_and_takes_the_stated_number_of_operations(d, rng):
    A = rng.standard_normal((d, d))
    sign, log_abs = np.linalg.slogdet(A)
    got = eliminate(A)
    assert got.sign == sign
    assert got.log_abs_det == pytest.approx(log_abs, abs=1e-10)
    assert got.multiplications == (d**3 - d) // 3


@pytest.mark.law("determinant-by-elimination")
@pytest.mark.parametrize("A", [[[0.0]], np.zeros((3, 3)), np.ones((3, 3)), [[0, 1], [0, 1]]], ids=str)
def test_singular_matrices_have_sign_zero(A):
    assert eliminate(A)[:2] == (0, -np.inf)


@pytest.mark.law("determinant-by-elimination")
def test_a_zero_on_the_diagonal_is_no_hindrance():
    assert eliminate([[0.0, 1.0], [1.0, 0.0]]) == Elimination(-1, 0.0, 2)
    assert eliminate([[0, 0, 1], [1, 0, 0], [0, 1, 0]])[:2] == (1, 0.0)


@pytest.mark.law("determinant-by-elimination")
def test_the_largest_pivot_is_taken():
    """With the first row as pivot, rounding would make the other two equal."""
    got = eliminate([[1e-20, 1, 1], [1, 1, 2], [1, 3, 1]])
    assert (got.sign, got.log_abs_det) == (1, pytest.approx(np.log(3)))


def test_rounding_hides_a_singular_matrix_from_elimination():
    """The size of the determinant is no sign of it: det 2^-3072 is harmless, and det 1 can come with condition 1e18."""
    got = eliminate([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert got.sign != 0
    assert -40 < got.log_abs_det < -30
    assert triangular_log_det(np.full(3072, 0.5)) == pytest.approx(-3072 * np.log(2))
    T = np.eye(60) - np.triu(np.ones((60, 60)), 1)
    assert triangular_log_det(np.diag(T)) == 0
    assert np.linalg.cond(T) > 1e16


def test_elimination_leaves_its_argument_alone():
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    eliminate(A)
    np.testing.assert_array_equal(A, [[1, 2], [3, 4]])


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_elimination_at_the_edges_of_floats(scale, rng):
    A = rng.standard_normal((6, 6))
    sign, log_abs = np.linalg.slogdet(A)
    got = eliminate(scale * A)
    assert got.sign == sign
    assert got.log_abs_det == pytest.approx(log_abs + 6 * np.log(scale), rel=1e-12)


@pytest.mark.law("triangular-determinant")
@pytest.mark.parametrize("d", SIZES)
@pytest.mark.parametrize("half", [np.tril, np.triu])
def test_off_diagonal_entries_of_a_triangle_do_not_matter(d, half, rng):
    # Off-diagonal entries of size 1 would make a triangle of this size so ill-conditioned that NumPy loses digits.
    T = half(rng.standard_normal((d, d))) / d + np.eye(d)
    got = triangular_log_det(np.diag(T))
    assert got == pytest.approx(np.linalg.slogdet(T).logabsdet, abs=1e-10)
    T += half(rng.standard_normal((d, d))) / d * (1 - np.eye(d))
    assert got == pytest.approx(np.linalg.slogdet(T).logabsdet, abs=1e-10)


@pytest.mark.law("triangular-determinant")
def test_symbolic_triangle_of_size_four():
    T = sympy.Matrix(4, 4, lambda i, j: sympy.Symbol(f"t{i}{j}") if i >= j else 0)
    assert sympy.expand(T.det(method="berkowitz") - sympy.prod(T[i, i] for i in range(4))) == 0


def test_triangles_come_in_batches_and_logarithms_do_not_overflow():
    diagonals = np.array([[1e300] * 40, [1e-300] * 40, [-1.0] * 40, [0.0] * 40])
    size = 40 * np.log(1e300)
    np.testing.assert_allclose(triangular_log_det(diagonals), [size, -size, 0, -np.inf])
    with np.errstate(over="ignore"):
        assert np.isinf(np.prod(diagonals[0]))  # what the product would give


@pytest.mark.law("volume-of-a-parallelepiped")
def test_area_of_a_parallelogram_is_the_determinant(rng):
    """Shoelace formula on the four corners."""
    for a, b in rng.standard_normal((50, 2, 2)):
        x, y = np.stack([0 * a, a, a + b, b]).T
        area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        assert area == pytest.approx(abs(np.linalg.det(np.stack([a, b], 1))), abs=1e-12)


@pytest.mark.law("volume-of-a-parallelepiped")
def test_share_of_a_box_that_a_parallelepiped_fills(rng):
    A = np.array([[1.0, 0.3, 0.2], [0.1, 0.8, 0.4], [0.3, 0.2, 1.1]])
    box = A.sum(1)  # its corners are sums of columns, so it lies in [0, box]
    x = rng.uniform(0, box, (400_000, 3))
    inside = ((z := np.linalg.solve(A, x.T)) >= 0).all(0) & (z <= 1).all(0)
    share = abs(np.linalg.det(A)) / box.prod()
    assert inside.mean() == pytest.approx(share, abs=5 * np.sqrt(share / len(x)))


@pytest.mark.law("volume-of-a-parallelepiped")
@pytest.mark.parametrize("d", SIZES)
def test_volume_is_the_product_of_heights(d, rng):
    A = rng.standard_normal((d, d))
    heights = []
    for k in range(d):
        base = A[:, :k]
        foot = base @ np.linalg.lstsq(base, A[:, k], rcond=None)[0] if k else 0
        heights.append(np.linalg.norm(A[:, k] - foot))
    assert np.log(heights).sum() == pytest.approx(np.linalg.slogdet(A).logabsdet, abs=1e-8)


@pytest.mark.law("sylvester-identity")
@pytest.mark.parametrize(("d", "r"), [(1, 1), (5, 1), (5, 2), (3, 3), (2, 5), (40, 3)])
def test_both_sizes_give_the_same_determinant(d, r, rng):
    U, W = rng.standard_normal((2, d, r))
    large, small = np.linalg.det(np.eye(d) + U @ W.T), np.linalg.det(np.eye(r) + W.T @ U)
    assert large == pytest.approx(small, rel=1e-9)
    assert low_rank_log_det(U, W) == pytest.approx(np.linalg.slogdet(np.eye(d) + U @ W.T).logabsdet, abs=1e-9)


@pytest.mark.law("sylvester-identity")
def test_symbolic_sylvester_identity():
    A = sympy.Matrix(3, 2, sympy.symbols("a0:6"))
    B = sympy.Matrix(2, 3, sympy.symbols("b0:6"))
    difference = (sympy.eye(3) + A * B).det() - (sympy.eye(2) + B * A).det()
    assert sympy.expand(difference) == 0


@pytest.mark.law("determinant-lemma")
@pytest.mark.parametrize("d", SIZES)
def test_a_change_of_rank_one_multiplies_the_determinant(d, rng):
    A, (u, w) = rng.standard_normal((d, d)) + 3 * np.eye(d), rng.standard_normal((2, d))
    changed = np.linalg.slogdet(A + np.outer(u, w))
    factor = 1 + w @ np.linalg.solve(A, u)
    assert changed.sign == np.linalg.slogdet(A).sign * np.sign(factor)
    assert changed.logabsdet == pytest.approx(np.linalg.slogdet(A).logabsdet + np.log(abs(factor)), abs=1e-9)
    assert low_rank_log_det(u, w) == pytest.approx(np.log(abs(1 + w @ u)), abs=1e-12)


@pytest.mark.law("determinant-lemma")
def test_a_change_of_rank_one_can_make_the_identity_singular():
    assert low_rank_log_det([1.0, 0.0], [-1.0, 5.0]) == -np.inf
    assert low_rank_log_det(np.zeros(3), np.ones(3)) == 0


@pytest.mark.parametrize("scale", [1e-300, 1e150])
def test_low_rank_at_the_edges_of_floats(scale):
    u, w = scale * np.array([1.0, 2.0]), np.array([3.0, -1.0])
    assert low_rank_log_det(u, w) == pytest.approx(np.log1p(scale), rel=1e-12, abs=1e-299)
    assert low_rank_log_det(u, scale * w) == pytest.approx(2 * np.log(scale) if scale > 1 else 0, rel=1e-12)


@pytest.mark.parametrize("product", [1e-300, -1e-20, 1e-9, -0.4, -0.6, -3.0])
def test_rank_one_near_the_identity_keeps_its_digits(product):
    expected = np.log1p(product) if product > -1 else np.log(-1 - product)
    assert low_rank_log_det([product], [1.0]) == pytest.approx(expected, rel=1e-14)


@pytest.mark.law("determinant-lemma")
def test_a_new_first_row_of_a_triangle_that_was_singular_there(rng):
    T, row = np.tril(rng.standard_normal((5, 5))) + 3 * np.eye(5), rng.standard_normal(5)
    T[0, 0] = 0.0
    new = T.copy()
    new[0] = row
    T[0, 0] = 1.0  # the row is replaced anyway
    factor = 1 + (row - T[0]) @ np.linalg.solve(T, np.eye(5)[0])
    expected = triangular_log_det(np.diag(T)) + np.log(abs(factor))
    assert np.linalg.slogdet(new).logabsdet == pytest.approx(expected, abs=1e-10)


@pytest.mark.law("trace-is-a-slope")
@pytest.mark.parametrize("d", SIZES)
def test_trace_is_the_slope_of_the_log_determinant_at_the_identity(d, rng):
    A = rng.standard_normal((d, d))
    for e in (1e-2, 1e-3):
        got = np.linalg.slogdet(np.eye(d) + e / d * A).logabsdet
        assert got == pytest.approx(e / d * np.trace(A), abs=2 * e**2)
    got = (np.linalg.slogdet(np.eye(d) + 1e-6 * A)[1] - np.linalg.slogdet(np.eye(d) - 1e-6 * A)[1]) / 2e-6
    assert got == pytest.approx(np.trace(A), abs=1e-6)


@pytest.mark.law("det-of-inverse")
@pytest.mark.parametrize("A", [[[1.0, 1.0], [2.0, 0.0]], [[2.0, 1.0], [1.0, 3.0]], [[0.0, 1.0], [1.0, 0.0]]], ids=str)
def test_inverse_has_the_inverse_determinant(A):
    assert np.linalg.det(np.linalg.inv(A)) == pytest.approx(1 / np.linalg.det(A), rel=1e-14)


@pytest.mark.law("det-of-inverse")
def test_the_inverse_worked_by_hand():
    J, inverse = np.array([[1.0, 1.0], [2.0, 0.0]]), np.array([[0.0, 0.5], [1.0, -0.5]])
    np.testing.assert_array_equal(J @ inverse, np.eye(2))
    assert eliminate(J)[:2] == (-1, np.log(2))
    assert eliminate(inverse)[:2] == (-1, np.log(0.5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: eliminate([[1.0, 2.0]]), "A: expected a square matrix"),
        (lambda: eliminate([[np.nan]]), "A: expected finite"),
        (lambda: eliminate([[1.7e308, 1.7e308], [-1.7e308, 1.7e308]]), "A: expected a matrix whose elimination"),
        (lambda: triangular_log_det(3.0), r"diagonal: expected one diagonal \[d\] or a batch \[n, d\]"),
        (lambda: triangular_log_det([]), "diagonal: expected shape"),
        (lambda: triangular_log_det([np.inf, 1.0]), "diagonal: expected finite"),
        (lambda: low_rank_log_det(1.0, 1.0), r"U: expected shape \[d, r\] or \[d\]"),
        (lambda: low_rank_log_det([[1.0, 2.0]], [1.0, 2.0]), r"W: expected shape \[1, 2\], got \[2\]"),
        (lambda: low_rank_log_det(np.ones((3, 2)), np.ones((2, 3))), r"W: expected shape \[3, 2\]"),
        (lambda: low_rank_log_det([1.0], [np.nan]), "W: expected finite"),
        (lambda: low_rank_log_det([1e200], [1e200]), "U: expected a product W"),
        (lambda: low_rank_log_det(np.zeros((2, 0)), np.zeros((2, 0))), "U: expected shape"),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
