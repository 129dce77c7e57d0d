"""Kernel distances between samples, held against torchmetrics, closed forms and sums over all pairs."""

import numpy as np
import pytest
import torch
from torchmetrics.image.kid import poly_mmd

from teachkit import _distances
from teachkit.evaluation import kid, kid_blocks, median_bandwidth, mmd, polynomial, rbf


def blocks(size, count, rng=np.random.default_rng(0)):  # noqa: B008
    return kid_blocks(np.eye(3), np.eye(4, 3), size, count, rng)


def linear(x, y):
    return x @ y.T


@pytest.mark.law("kid")
@pytest.mark.parametrize("degree", [1, 3])
def test_kid_is_that_of_the_peer(degree, rng):
    a, b = rng.standard_normal((40, 7)), rng.standard_normal((40, 7)) + 0.3
    expected = float(poly_mmd(torch.from_numpy(a), torch.from_numpy(b), degree=degree))
    assert kid(a, b, degree) == pytest.approx(expected, rel=1e-10)


@pytest.mark.law("mmd")
@pytest.mark.parametrize("unbiased", [True, False])
def test_mmd_is_the_mean_over_pairs(unbiased, rng):
    x, y, kernel = rng.standard_normal((5, 2)), rng.standard_normal((7, 2)), rbf(0.8)
    inner = [
        np.mean([kernel(u[[i]], u[[j]])[0, 0] for i in range(len(u)) for j in range(len(u)) if i != j or not unbiased])
        for u in (x, y)
    ]
    assert mmd(x, y, kernel, unbiased) == pytest.approx(sum(inner) - 2 * kernel(x, y).mean(), rel=1e-12)


@pytest.mark.law("mmd")
def test_of_a_linear_kernel_it_is_the_distance_of_the_means(rng):
    x, y = rng.standard_normal((6, 3)), rng.standard_normal((9, 3)) + 1
    assert mmd(x, y, linear, unbiased=False) == pytest.approx(((x.mean(0) - y.mean(0)) ** 2).sum())


@pytest.mark.law("mmd")
def test_degree_two_sees_variances_and_degree_three_sees_skewness():
    even, three = np.array([[-1.0], [1.0]] * 3), np.array([[-(1.5**0.5)], [0.0], [1.5**0.5]] * 2)
    skew = np.array([[-(0.5**0.5)], [-(0.5**0.5)], [2**0.5]] * 2)  # mean 0, variance 1 as the others
    assert mmd(even, three, polynomial(2), unbiased=False) == pytest.approx(0, abs=1e-12)
    assert mmd(even, three, polynomial(3), unbiased=False) == pytest.approx(0, abs=1e-12)
    assert mmd(even, three, polynomial(4), unbiased=False) > 0.1  # fourth moments
    assert mmd(even, skew, polynomial(2), unbiased=False) == pytest.approx(0, abs=1e-12)
    assert mmd(even, skew, polynomial(3), unbiased=False) > 0.1
    assert mmd(even, three, rbf(1.0), unbiased=False) > 0.01


@pytest.mark.law("mmd")
def test_of_normal_laws_in_closed_form(rng):
    """E exp(-(X - Y)^2 / 2h^2) for X - Y of N(m, v) is h / sqrt(h^2 + v) exp(-m^2 / 2(h^2 + v))."""
    h, shift = 0.7, 1.0
    mean = lambda m, v: h / np.sqrt(h**2 + v) * np.exp(-(m**2) / 2 / (h**2 + v))  # noqa: E731
    expected = 2 * mean(0, 2) - 2 * mean(shift, 2)
    x, y = rng.standard_normal((3000, 1)), rng.standard_normal((3000, 1)) + shift
    assert mmd(x, y, rbf(h)) == pytest.approx(expected, abs=0.02)


@pytest.mark.law("mmd-unbiased")
def test_the_mean_over_all_small_samples_is_the_value_of_the_laws():
    """A law on three points: all 9 * 9 pairs of samples of two, with their probabilities."""
    points, p, q = np.array([[0.0], [1.0], [3.0]]), np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.2, 0.6])
    K = rbf(1.0)(points, points)
    expected = (p - q) @ K @ (p - q)
    means = {True: 0.0, False: 0.0}
    for i, j, k, m in np.ndindex(3, 3, 3, 3):
        for unbiased in means:
            weight = p[i] * p[j] * q[k] * q[m]
            means[unbiased] += weight * mmd(points[[i, j]], points[[k, m]], rbf(1.0), unbiased)
    assert means[True] == pytest.approx(expected, rel=1e-12)
    excess = (1 - p @ K @ p + 1 - q @ K @ q) / 2
    assert means[False] == pytest.approx(expected + excess, rel=1e-12)


@pytest.mark.law("mmd-variance")
@pytest.mark.parametrize("n", [4, 12])
def test_variance_for_equal_laws(n, rng):
    """With k = x y and numbers of N(2, 1) the centred kernel is (x - 2)(y - 2): v = 1, while E k^2 = 25."""
    values = [mmd(*(2 + rng.standard_normal((2, n, 1))), linear) for _ in range(4000)]
    expected = 4 / n / (n - 1) + 4 / n**2
    assert np.mean(values) == pytest.approx(0, abs=4 * np.sqrt(expected / len(values)))
    assert np.var(values) == pytest.approx(expected, rel=0.2)
    assert np.mean(np.array(values) < 0) > 0.4


def test_blocks_of_all_rows_are_the_value_itself(rng):
    a, b = rng.standard_normal((20, 3)), rng.standard_normal((20, 3))
    mean, std = kid_blocks(a, b, 20, 3, rng)
    assert (mean, std) == pytest.approx((kid(a, b), 0), abs=1e-12)
    small = kid_blocks(a, b, 5, 40, rng)
    assert small.std > 0
    assert small.mean == pytest.approx(mean, abs=4 * small.std / np.sqrt(10))


@pytest.mark.parametrize("width", [1, 7, 64])
def test_blocks_of_rows_change_nothing(width, rng, monkeypatch):
    x, y = rng.standard_normal((13, 9)), rng.standard_normal((8, 9))
    whole = mmd(x, y, rbf(2.0)), kid(x, y, unbiased=False)
    monkeypatch.setattr(_distances, "_BLOCK", width)
    assert (mmd(x, y, rbf(2.0)), kid(x, y, unbiased=False)) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("d", [3, 20])
def test_a_common_shift_changes_nothing(d, rng):
    x, y = (rng.integers(0, 8, (n, d)) / 4 for n in (12, 9))  # numbers that stay exact when shifted
    for shift in (1e6, 1e9):
        assert mmd(x + shift, y + shift, rbf(2.0)) == pytest.approx(mmd(x, y, rbf(2.0)), rel=1e-6)
        assert median_bandwidth(x + shift, y + shift) == pytest.approx(median_bandwidth(x, y), rel=1e-6)


def test_bandwidth_is_the_median_of_the_distances():
    x, y = [[0.0], [1.0]], [[3.0], [7.0], [100.0]]
    assert median_bandwidth(x, y, most=2) == pytest.approx(np.median([1, 2, 3, 4, 6, 7]))
    assert median_bandwidth(x, y) == pytest.approx(np.median([1, 2, 3, 4, 6, 7, 93, 97, 99, 100]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kid([[1.0]], [[1.0], [2.0]]), "a: expected at least 2 rows, got 1"),
        (lambda: kid([[1.0], [2.0]], [[1.0]]), "b: expected at least 2 rows, got 1"),
        (lambda: kid(np.eye(2), np.eye(3)), r"b: expected shape \[n, 2\]"),
        (lambda: mmd(np.eye(2), np.full((2, 2), np.nan), linear), "y: expected finite numbers"),
        (lambda: mmd(np.eye(2), np.eye(2), lambda x, y: np.zeros(3)), r"kernel: expected to return shape \(2, 2\)"),
        (lambda: mmd(np.eye(2), np.eye(2), lambda x, y: x @ y.T * np.nan), "kernel: expected finite values"),
        (lambda: mmd(1e200 * np.eye(2), np.eye(2), linear), "x: expected numbers of size up to 1e"),
        (lambda: blocks(4, 1), "size: expected at most .* 3, got 4"),
        (lambda: blocks(1, 1), "size: expected a whole number"),
        (lambda: blocks(2, 0), "count: expected a whole number"),
        (lambda: blocks(2, 1, None), "rng: expected a generator"),
        (lambda: median_bandwidth(np.ones((3, 2)), np.ones((3, 2))), "x, y: expected points that differ"),
        (lambda: rbf(0.0), "bandwidth: expected a finite number above 0"),
        (lambda: polynomial(1.5), "degree: expected a whole number"),
        (lambda: polynomial(scale=-1.0), "scale: expected a finite number above 0"),
    ],
)  # fmt: skip
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
