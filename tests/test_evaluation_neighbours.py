"""Precision, recall, density and coverage, held against a brute-force form and what is known exactly."""

from math import prod

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from teachkit import _distances
from teachkit.evaluation import density_coverage, neighbour_radii, precision_recall


def brute(real, fake, k):
    """All four by full matrices of distances."""
    near = lambda x: np.sort(cdist(x, x), axis=1)[:, k]  # noqa: E731 - column 0 is the row itself
    D = cdist(real, fake)
    inside = near(real)[:, None] >= D
    return inside.any(0).mean(), (near(fake) >= D).any(1).mean(), inside.sum() / len(fake) / k, inside.any(1).mean()


@pytest.mark.law("precision-recall")
@pytest.mark.law("density-coverage")
@pytest.mark.parametrize("d", [1, 2, 8, 9, 30])
@pytest.mark.parametrize("k", [1, 5])
def test_all_four_are_those_of_brute_force(d, k, rng, monkeypatch):
    monkeypatch.setattr(_distances, "_BLOCK", 200)
    real, fake = rng.standard_normal((40, d)), 1.3 * rng.standard_normal((30, d)) + 100
    real += 100
    got = (*precision_recall(real, fake, k), *density_coverage(real, fake, k))
    assert got == pytest.approx(brute(real, fake, k), abs=1e-12)


@pytest.mark.law("precision-recall")
def test_by_hand():
    """Real 0, 1, 2, 3 with radii 1; fakes 0.5, 1.5, 8 with radii 1, 1, 6.5."""
    real, fake = np.arange(4.0)[:, None], [[0.5], [1.5], [8.0]]
    np.testing.assert_allclose(neighbour_radii(real, 1), 1)
    np.testing.assert_allclose(neighbour_radii(fake, 1), [1, 1, 6.5])
    assert precision_recall(real, fake, 1) == pytest.approx((2 / 3, 1))
    assert density_coverage(real, fake, 1) == pytest.approx((4 / 3, 3 / 4))
    assert precision_recall(real, [[4.0], [-1.0]], 1)[0] == 1  # the border counts


@pytest.mark.law("precision-recall")
def test_roles_change_places(rng):
    real, fake = rng.standard_normal((30, 3)), rng.standard_normal((20, 3)) + 1
    assert precision_recall(real, fake) == precision_recall(fake, real)[::-1]
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(real, real + 100) == (0, 0)
    assert precision_recall(real, np.repeat(real[:1], 20, axis=0))[0] == 1  # one picture again and again
    assert precision_recall(real, np.repeat(real[:1], 20, axis=0))[1] == 1 / 30


@pytest.mark.law("coverage-mean")
@pytest.mark.parametrize(("n", "m", "k"), [(10, 10, 3), (20, 6, 5), (6, 20, 1)])
def test_means_for_equal_laws(n, m, k, rng):
    """Whatever the law, if it has a density."""
    draws = [(rng.standard_normal((n, 2)), rng.standard_normal((m, 2))) for _ in range(1500)]
    density, coverage = np.transpose([density_coverage(x, y, k) for x, y in draws])
    expected = 1 - prod((n - 1 - j) / (n + m - 1 - j) for j in range(k))
    error = 4 / np.sqrt(len(draws))
    assert coverage.mean() == pytest.approx(expected, abs=error * coverage.std())
    assert density.mean() == pytest.approx(1, abs=error * density.std())


@pytest.mark.law("outliers")
@pytest.mark.parametrize("outliers", [1, 3])
def test_outliers_deceive_precision_and_recall_but_hardly_density_and_coverage(outliers, rng):
    k = 5
    real, noise = rng.standard_normal((60, 2)), rng.uniform(20, 30, (60, 2))
    assert precision_recall(real, noise, k) == (0, 0)
    far = rng.uniform(300, 301, (outliers, 2))
    assert precision_recall(np.concatenate([real, far]), noise, k)[0] == 1
    assert precision_recall(real, np.concatenate([noise, -far]), k)[1] == 1
    density, coverage = density_coverage(np.concatenate([real, far]), noise, k)
    assert density <= outliers / k
    assert coverage <= outliers / (60 + outliers)
    assert density_coverage(real, np.concatenate([noise, -far]), k) == (0, 0)


def test_equal_rows_have_radius_zero():
    same = np.zeros((4, 2))
    assert neighbour_radii(same).tolist() == [0] * 4
    assert precision_recall(same, same) == (1, 1)
    assert density_coverage(same, same, 2) == (2, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: precision_recall(np.eye(3), np.eye(4, 3)), "k: expected less .* of real, 3, got 3"),
        (lambda: precision_recall(np.eye(4), np.eye(2, 4)), "k: expected less .* of fake, 2, got 3"),
        (lambda: density_coverage(np.eye(5), np.eye(2, 5)), "k: expected less .* of real, 5, got 5"),
        (lambda: density_coverage(np.eye(5), np.eye(5), 0), "k: expected a whole number of at least 1"),
        (lambda: neighbour_radii(np.eye(3), 3), "k: expected less .* of x, 3, got 3"),
        (lambda: precision_recall([[1.0]], np.eye(3)), r"fake: expected shape \[n, 1\]"),
        (lambda: precision_recall([[1.0]], [[1.0], [2.0]]), "real: expected at least 2 rows, got 1"),
        (lambda: precision_recall(np.eye(9), np.full((9, 9), np.inf)), "fake: expected finite numbers"),
        (lambda: precision_recall(1e200 * np.eye(9), np.eye(9)), "real: expected numbers of size up to"),
    ],
)  # fmt: skip
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
