import numpy as np
import pytest
from scipy import linalg, stats

from teachkit.data import ring
from teachkit.metrics import fid, frechet_distance, high_quality_share, mode_js, mode_shares, modes_covered
from teachkit.transport import gaussian_w2


def test_the_laws_own_samples(rng):
    """In the plane a normal sample is within 3 standard deviations with probability 1 - exp(-9/2)."""
    law = ring(8)
    x = law.sample(20_000, rng)
    assert modes_covered(x, law.means, 0.3, least=2000) == 8
    expected = stats.chi2(2).cdf(9)
    assert high_quality_share(x, law.means, 0.3) == pytest.approx(expected, abs=4 * np.sqrt(expected * 0.012 / 20_000))


def test_a_sample_counts_for_its_nearest_mode_alone():
    centres = [[0.0], [1.0], [2.0]]
    assert modes_covered([[0.6]], centres, radius=5.0) == 1
    assert modes_covered([[0.1], [0.2], [1.9]], centres, radius=0.5) == 2
    assert modes_covered([[0.1], [0.2], [1.9]], centres, radius=0.5, least=2) == 1
    assert modes_covered([[9.0]], centres, radius=0.5) == 0
    assert high_quality_share([[9.0], [2.5]], centres, radius=0.5) == 0.5  # the border counts


@pytest.mark.parametrize("of", [modes_covered, high_quality_share, mode_shares])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": []}, r"samples: expected shape \[n, d\]"),
        ({"samples": [[np.nan, 0.0]]}, "samples: expected finite numbers"),
        ({"centres": [[0.0]]}, r"centres: expected shape \[n, 2\]"),
        ({"radius": 0.0}, "radius: expected a finite number above 0"),
    ],
)
def test_bad_argument_is_named(of, change, message):
    with pytest.raises(ValueError, match=message):
        of(**{"samples": [[0.0, 0.0]], "centres": [[0.0, 1.0]], "radius": 1.0, **change})


def test_least_is_a_count():
    with pytest.raises(ValueError, match="least: expected a whole number of at least 1"):
        modes_covered([[0.0]], [[0.0]], 1.0, least=0)


def test_mode_shares_of_the_laws_own_samples_and_their_divergence(rng):
    law = ring(8)
    inside = stats.chi2(2).cdf(9) / 8
    truth = np.array([inside] * 8 + [1 - 8 * inside])
    x = law.sample(20_000, rng)
    shares = mode_shares(x, law.means, 0.3)
    np.testing.assert_allclose(shares, truth, atol=4 * np.sqrt(0.125 * 0.875 / 20_000))
    # By Pearson's statistic 8 n JS is about chi-squared with 8 degrees of freedom.
    assert 0 < mode_js(x, law.means, 0.3, truth) < stats.chi2(8).isf(1e-6) / (8 * len(x))
    assert mode_js(law.means, law.means, 0.3, [1 / 8] * 8 + [0.0]) == 0


@pytest.mark.parametrize("kept", [1, 2, 4])
def test_divergence_of_lost_modes_in_closed_form(kept):
    """Of p, even on 4, and q, even on the first k: JS = H((p + q) / 2) - (H(p) + H(q)) / 2."""
    p, q = np.full(4, 1 / 4), np.array([1 / kept] * kept + [0] * (4 - kept))
    expected = stats.entropy((p + q) / 2) - (np.log(4) + np.log(kept)) / 2
    centres = np.arange(4.0)[:, None]
    assert mode_js(centres[:kept], centres, 0.1, [*p, 0.0]) == pytest.approx(expected, abs=1e-12)
    assert mode_js(centres + 0.5, centres, 0.1, [*p, 0.0]) == pytest.approx(np.log(2))


def test_truth_has_one_more_entry_than_there_are_centres():
    with pytest.raises(ValueError, match="truth: expected a vector of 2 entries"):
        mode_js([[0.0]], [[0.0]], 1.0, [1.0])


def covariance(k, rank, rng):
    A = rng.standard_normal((k, rank))
    return A @ A.T


@pytest.mark.law("fid")
@pytest.mark.parametrize("ranks", [(4, 4), (4, 2), (1, 3), (2, 0), (0, 0)])
def test_frechet_distance_is_the_square_of_the_transport_distance(ranks, rng):
    """The independent form takes the root of the product of the covariances."""
    (m1, m2), (S1, S2) = rng.standard_normal((2, 4)), (covariance(4, rank, rng) for rank in ranks)
    got = frechet_distance(m1, S1, m2, S2)
    assert got == gaussian_w2(m1, S1, m2, S2) ** 2
    root = linalg.sqrtm(S1 + 0j) if ranks[0] else np.zeros((4, 4))
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh((root @ S2 @ root).real), 0)).sum()
    assert got == pytest.approx(((m1 - m2) ** 2).sum() + np.trace(S1 + S2) - 2 * cross, rel=1e-6)
    assert frechet_distance(m2, S2, m1, S1) == pytest.approx(got, rel=1e-9)


@pytest.mark.parametrize("rank", [5, 2, 0])
def test_fid_of_shifted_features_is_the_shift_squared(rank, rng):
    a, shift = rng.standard_normal((200, rank)) @ rng.standard_normal((rank, 5)), rng.standard_normal(5)
    assert fid(a, a) == pytest.approx(0, abs=1e-12)
    assert fid(a, a[rng.permutation(200)]) == pytest.approx(0, abs=1e-12)
    assert fid(a, a + shift) == pytest.approx((shift**2).sum(), rel=1e-9)


def test_fid_of_fewer_rows_than_features(rng):
    """Two points and two others: covariances of rank 1 on the line through each pair."""
    a, b = np.eye(6)[:2], 2 * np.eye(6)[2:4]
    S1, S2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    with pytest.warns(UserWarning, match="2 rows of 6 features have a singular covariance") as caught:
        got = fid(a, b)
    assert [str(w.message)[0] for w in caught] == ["a", "b"]
    assert got == pytest.approx(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(S1 + S2), rel=1e-9)


@pytest.mark.law("fid")
def test_fid_is_the_frechet_distance_of_the_moments(rng):
    a, b = rng.standard_normal((50, 3)) @ covariance(3, 3, rng), rng.standard_normal((70, 3)) + 1
    moments = [f(x) for x in (a, b) for f in (lambda x: x.mean(0), lambda x: np.cov(x, rowvar=False))]
    assert fid(a, b) == pytest.approx(frechet_distance(*moments), rel=1e-9)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    assert fid(a @ turn + 3, b @ turn + 3) == pytest.approx(fid(a, b), rel=1e-9)


@pytest.mark.law("fid-floor")
def test_fid_of_one_law_falls_as_one_over_the_number_of_samples(rng):
    def mean_fid(n):
        return np.mean([fid(*rng.standard_normal((2, n, 4))) for _ in range(60)])

    assert mean_fid(100) / mean_fid(400) == pytest.approx(4, rel=0.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fid([[1.0, 2.0]], np.zeros((3, 2))), "a: expected at least 2 rows, got 1"),
        (lambda: fid(np.zeros((3, 2)), [[1.0, 2.0]]), "b: expected at least 2 rows, got 1"),
        (lambda: fid(np.zeros((3, 2)), np.zeros((3, 3))), r"b: expected shape \[n, 2\]"),
        (lambda: fid(np.full((3, 2), np.nan), np.zeros((3, 2))), "a: expected finite numbers"),
        (lambda: fid([[1e200], [-1e200]], [[0.0], [1.0]]), "a: expected features whose covariance does not overflow"),
        (lambda: frechet_distance([1e200], [[1.0]], [0.0], [[1.0]]), "m1, m2: expected laws whose squared distance"),
        (lambda: frechet_distance([0.0], [[-1.0]], [0.0], [[1.0]]), "S1: expected no eigenvalue below 0"),
    ],
)
def test_bad_features_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
