"""Where noise lies, what classes do to its mean, and what FID sees: the statements that need no network."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from teachkit.deep import dcgan
from teachkit.metrics import fid


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.law("normal-length")
@pytest.mark.parametrize("d", [4, 64])
def test_lengths_of_noise_and_of_points_between(d, rng):
    z0, z1 = rng.standard_normal((2, 40_000, d))
    squared = (z0**2).sum(1) / d
    assert squared.mean() == pytest.approx(1, abs=4 * math.sqrt(2 / d / 40_000))
    assert squared.var() == pytest.approx(2 / d, rel=0.08)
    for t in (0.0, 0.25, 0.5):
        share = (1 - t) ** 2 + t**2
        between = (((1 - t) * z0 + t * z1) ** 2).sum(1) / d
        assert between.mean() == pytest.approx(share, rel=4 * math.sqrt(2 / d / 40_000))
    middle = ((z0 + z1) / 2).T
    np.testing.assert_allclose(np.cov(middle[:3]), np.eye(3) / 2, atol=0.02)


@pytest.mark.law("normal-length")
@pytest.mark.parametrize("d", [1, 2, 10, 64, 500])
def test_noise_as_short_as_a_middle_is_rare(d):
    bound = (math.sqrt(math.e) / 2) ** (d / 2)
    assert stats.chi2(d).cdf(d / 2) <= bound
    s = np.linspace(0.01, 5, 500)
    assert math.log(bound) == pytest.approx((s - np.log1p(2 * s)).min() * d / 2, rel=1e-3)


@pytest.mark.law("slerp")
def test_the_arc_is_its_formula():
    z0, z1 = torch.randn(2, 16, generator=seeded(), dtype=torch.double)
    w = torch.arccos(z0 @ z1 / z0.norm() / z1.norm())
    for t, point in zip((0, 0.25, 0.5, 0.75, 1), dcgan.slerp(z0, z1, 5), strict=True):
        torch.testing.assert_close(point, (((1 - t) * w).sin() * z0 + (t * w).sin() * z1) / w.sin())


@pytest.mark.law("class-mean")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_no_event_moves_the_mean_further_than_a_half_space(share, rng):
    bound = stats.norm.pdf(stats.norm.isf(share)) / share
    z = rng.standard_normal((200_000, 3))
    direction = np.array([2.0, -1.0, 2.0]) / 3
    half = z @ direction > stats.norm.isf(share)
    assert np.linalg.norm(z[half].mean(0)) == pytest.approx(bound, abs=0.02)
    others = {
        "ball": (z**2).sum(1) <= stats.chi2(3).ppf(share),
        "slab": abs(z[:, 0]) <= stats.norm.ppf(0.5 + share / 2),
        "corner": (z > stats.norm.isf(share ** (1 / 3))).all(1),
    }
    for event in others.values():
        assert event.mean() == pytest.approx(share, abs=0.01)
        assert np.linalg.norm(z[event].mean(0)) < bound - 0.02 * (1 - share)
    assert stats.norm.pdf(stats.norm.isf(0.1)) / 0.1 == pytest.approx(1.755, abs=5e-4)


@pytest.mark.law("class-mean")
def test_means_of_independent_noise_are_short():
    z = torch.randn(3, 5, 40_000, generator=seeded(), dtype=torch.double)
    assert z[0].mean(0).square().mean().item() == pytest.approx(1 / 5, rel=4 * math.sqrt(2 / 40_000))
    assert dcgan.arithmetic(*z).square().mean().item() == pytest.approx(3 / 5, rel=4 * math.sqrt(2 / 40_000))


@pytest.mark.law("fid-blind")
def test_laws_with_equal_moments_look_the_same_to_fid(rng):
    root = math.sqrt(2)
    assert fid([[-1.0], [1.0]], [[-root], [0.0], [root]]) == pytest.approx(0, abs=1e-12)
    assert fid([[-1.0], [1.0]], [[-root], [0.1], [root]]) > 1e-4
    a = rng.standard_normal((50, 3))
    assert fid(a, 1.01 * (a - a.mean(0)) + a.mean(0)) > 1e-5  # another covariance


@pytest.mark.law("fid-floor")
def test_fid_of_one_law_is_at_least_the_error_of_the_means(rng):
    scale, sizes = np.array([1.0, 3.0, 0.5]), (30, 50)
    values = [fid(*(scale * rng.exponential(size=(n, 3)) for n in sizes)) for _ in range(400)]
    bound = (1 / 30 + 1 / 50) * (scale**2).sum()
    assert np.mean(values) > bound + 4 * np.std(values) / 20
    means = [((scale * rng.exponential(size=(30, 3))).mean(0) - scale) for _ in range(4000)]
    assert np.square(means).sum(1).mean() == pytest.approx((scale**2).sum() / 30, rel=0.1)


@pytest.mark.law("fid-floor")
@pytest.mark.parametrize("k", [1, 2, 5])
def test_limit_of_n_times_fid_of_normal_features(k, rng):
    n, rounds = 800, 500
    values = n * np.array([fid(*rng.standard_normal((2, n, k))) for _ in range(rounds)])
    assert values.mean() == pytest.approx(2 * k + k * (k + 1) / 2, abs=4 * values.std() / math.sqrt(rounds))
