"""Inception score, the Frechet distance for few and many samples, bits for each number."""

import warnings

import numpy as np
import pytest
import torch
from scipy import linalg, special, stats
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore

from teachkit import evaluation, metrics
from teachkit.evaluation import bits_per_dim, fid, fid_extrapolated, inception_score


def extrapolated(sizes, rng=np.random.default_rng(0)):  # noqa: B008
    return fid_extrapolated(np.eye(4), np.eye(4), sizes, rng)


RIGHT = [[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]]


class Flat(nn.Module):
    """Features of an image are its numbers: torchmetrics then sees the same features as ours."""

    num_features = 4

    def forward(self, x):
        return x.flatten(1).double()


def peer_fid(a, b):
    peer = FrechetInceptionDistance(feature=Flat(), input_img_size=(1, 2, 2)).set_dtype(torch.float64)
    for x, real in ((a, True), (b, False)):
        peer.update(torch.from_numpy(x).reshape(-1, 1, 2, 2), real=real)
    return float(peer.compute())


def test_metrics_has_all_names():
    assert set(evaluation.__all__) < set(metrics.__all__)
    assert all(getattr(metrics, name) is getattr(evaluation, name) for name in evaluation.__all__)


# The Inception score.


@pytest.mark.law("inception-score")
def test_inception_score_is_that_of_the_peer(rng):
    logits = 3 * rng.standard_normal((200, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it keeps the features, and the deviation of one part is not defined
        peer = InceptionScore(feature=Flat(), splits=1)
        peer.update(torch.from_numpy(logits).reshape(-1, 1, 2, 2))
        theirs = float(peer.compute()[0])
    assert inception_score(special.softmax(logits, axis=1)) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.law("inception-score")
def test_inception_score_by_hand():
    """Rows (1, 0) and (1/2, 1/2): the mean is (3/4, 1/4), the divergences log 4/3 and log(2/3)/2 + log(2)/2."""
    expected = np.exp((np.log(4 / 3) + (np.log(2 / 3) + np.log(2)) / 2) / 2)
    assert inception_score([[1.0, 0.0], [0.5, 0.5]]) == pytest.approx(expected, rel=1e-14)
    assert expected == pytest.approx(2 * 3**-0.75 * 2**0.5)


@pytest.mark.law("is-bounds")
@pytest.mark.parametrize("k", [1, 2, 10])
def test_inception_score_is_between_one_and_the_number_of_classes(k, rng):
    for alpha in (0.01, 1.0, 100.0):
        p = rng.dirichlet(np.full(k, alpha), 50)
        entropy = stats.entropy(p.mean(axis=0)) - stats.entropy(p, axis=1).mean()
        assert np.log(inception_score(p)) == pytest.approx(entropy, abs=1e-12)
        assert 1 - 1e-12 <= inception_score(p) <= k + 1e-12
    assert inception_score(np.eye(k)) == pytest.approx(k)
    assert inception_score(np.repeat(rng.dirichlet(np.ones(k), 1), 9, axis=0)) == pytest.approx(1)
    uneven = inception_score(np.concatenate([np.eye(k), np.eye(k)[:1]]))
    assert uneven < k or k == 1


@pytest.mark.law("is-fooled")
def test_one_picture_of_each_class_has_the_best_score(rng):
    assert inception_score(np.tile(np.eye(10), (100, 1))) == pytest.approx(10)
    assert inception_score(rng.permutation(np.tile(np.eye(10), (100, 1)))) == pytest.approx(10)


def test_splits_score_less_on_the_mean(rng):
    p = rng.dirichlet(np.full(5, 0.2), 60)
    parts = [inception_score(part) for part in np.split(p, 6)]
    assert inception_score(p, splits=6) == pytest.approx(np.mean(parts))
    assert inception_score(p, splits=6) < inception_score(p)
    assert inception_score(p, splits=60) == pytest.approx(1)


def test_sums_of_float32_are_close_enough():
    p = special.softmax(np.random.default_rng(0).standard_normal((50, 1000)).astype(np.float32), axis=1)
    assert 1 < inception_score(p) < 1000


# The Frechet distance.


@pytest.mark.law("fid")
def test_fid_is_that_of_the_peer(rng):
    a, b = rng.standard_normal((300, 4)) @ rng.standard_normal((4, 4)), rng.standard_normal((250, 4)) + 1
    assert fid(a, b) == pytest.approx(peer_fid(a, b), rel=1e-10)


def wide(n, k, rng):
    return rng.standard_normal((n, k)) * np.geomspace(1, 1e-3, k)


@pytest.mark.law("fid")
def test_the_fast_form_agrees_with_the_careful_one(rng):
    """The reference is SciPy's root of the product; equal sets, and sets that are nearly so, take the careful form."""
    a, b = wide(500, 60, rng), wide(400, 60, rng) + 0.01
    S1, S2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(S1 @ S2)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(S1 + S2) - 2 * np.trace(root).real
    assert fid(a, b) == pytest.approx(expected, rel=1e-6)
    assert fid(a, b) == pytest.approx(evaluation.frechet_distance(a.mean(0), S1, b.mean(0), S2), rel=1e-9)
    assert fid(a, a * (1 + 1e-9)) == pytest.approx(1e-18 * (np.trace(S1) + (a.mean(0) ** 2).sum()), rel=1e-3)


@pytest.mark.law("fid")
def test_correlated_features_of_falling_variances_take_the_fast_form(rng, monkeypatch):
    mix = rng.standard_normal((100, 100)) / np.arange(1, 101)[:, None]
    a, b = rng.standard_normal((400, 100)) @ mix, 1.2 * rng.standard_normal((400, 100)) @ mix
    careful = evaluation.frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    monkeypatch.delattr("teachkit.evaluation_frechet.frechet_distance")
    assert fid(a, b) == pytest.approx(careful, rel=1e-10)


@pytest.mark.parametrize("rows", [(3, 9), (9, 3), (4, 9), (5, 9)])
def test_few_rows_are_warned_of(rows, rng):
    """Of 4 features, 5 rows are enough for a covariance that has an inverse."""
    a, b = (rng.standard_normal((n, 4)) for n in rows)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fid(a, b)
    assert len(caught) == sum(n <= 4 for n in rows)


def c4(n):
    """The mean of the standard deviation of n standard normal numbers, with the divisor n - 1."""
    return np.sqrt(2 / (n - 1)) * np.exp(special.gammaln(n / 2) - special.gammaln((n - 1) / 2))


def exact_mean_fid(n, shift, s, t):
    """The mean of FID from n numbers each of N(0, s^2) and N(shift, t^2)."""
    return shift**2 + (s**2 + t**2) / n + s**2 + t**2 - 2 * c4(n) ** 2 * s * t


@pytest.mark.law("fid-bias-line")
@pytest.mark.parametrize(("shift", "s", "t"), [(0.0, 1.0, 1.0), (1.0, 1.0, 2.0), (0.0, 0.5, 3.0)])
def test_the_mean_of_fid_on_the_line(shift, s, t, rng):
    values = [fid(s * rng.standard_normal((6, 1)), shift + t * rng.standard_normal((6, 1))) for _ in range(3000)]
    error = np.std(values) / np.sqrt(len(values))
    assert np.mean(values) == pytest.approx(exact_mean_fid(6, shift, s, t), abs=4 * error)
    for n in (100, 10_000):
        excess = exact_mean_fid(n, shift, s, t) - shift**2 - (s - t) ** 2
        assert n * excess == pytest.approx(s**2 + t**2 + s * t, rel=2 / n)


@pytest.mark.law("fid-small-n")
@pytest.mark.parametrize("t", [0.5, 0.8, 0.9])
def test_few_samples_prefer_a_law_that_is_too_narrow(t):
    """Below n = (2 + t) / (1 - t) or so, N(0, t^2) beats the law itself."""
    turn = (2 + t) / (1 - t)
    assert exact_mean_fid(int(0.9 * turn), 0, 1, t) < exact_mean_fid(int(0.9 * turn), 0, 1, 1)
    assert exact_mean_fid(int(1.2 * turn) + 1, 0, 1, t) > exact_mean_fid(int(1.2 * turn) + 1, 0, 1, 1)


@pytest.mark.law("fid-small-n")
@pytest.mark.parametrize("n", [2, 5, 30, 400])
def test_when_exactly_and_how_narrow_is_best(n):
    t = np.linspace(0.01, 0.999, 500)
    narrow_wins = exact_mean_fid(n, 0, 1, t) < exact_mean_fid(n, 0, 1, 1)
    np.testing.assert_array_equal(narrow_wins, (1 + t) * (n + 1) / n > 2 * c4(n) ** 2)
    best = c4(n) ** 2 * n / (n + 1)
    assert best < 1
    assert (exact_mean_fid(n, 0, 1, best) <= exact_mean_fid(n, 0, 1, t)).all()


@pytest.mark.law("fid-small-n")
def test_in_many_dimensions_it_takes_many_samples_to_prefer_the_law_itself(rng):
    def means(n):
        draws = [rng.standard_normal((3, n, 20)) for _ in range(8)]
        return np.mean([(fid(a, b), fid(a, 0.9 * c)) for a, b, c in draws], axis=0)

    true, narrow = means(60)
    assert narrow < true
    true, narrow = means(2000)
    assert true < narrow


@pytest.mark.law("fid-extrapolation")
def test_extrapolation_finds_the_limit(rng):
    a, b = rng.standard_normal((4000, 6)), 1.5 * rng.standard_normal((4000, 6))
    line = fid_extrapolated(a, b, (100, 200, 400, 1000), rng, repeats=20)
    assert line.limit == pytest.approx(6 * 0.25, abs=0.15)
    assert line.slope > 0
    np.testing.assert_array_equal(line.sizes, [100, 200, 400, 1000])
    assert abs(line.limit - 1.5) < line.values[0] - 1.5


@pytest.mark.law("fid-extrapolation")
def test_extrapolation_is_the_line_of_least_squares(rng):
    a, b = rng.standard_normal((2, 60, 2))
    line = fid_extrapolated(a, b, (10, 20, 60), rng)
    assert line.values[2] == pytest.approx(fid(a, b))  # all rows, in another order
    fit = stats.linregress(1 / line.sizes, line.values)
    assert (line.limit, line.slope) == pytest.approx((fit.intercept, fit.slope))


# Bits for each number.


@pytest.mark.law("bits-per-dim")
@pytest.mark.parametrize("levels", [2, 256])
def test_uniform_noise_costs_all_bits(levels):
    assert bits_per_dim(784 * np.log(levels), 784, levels=1) == pytest.approx(np.log2(levels))
    assert bits_per_dim(0.0, 784, levels) == pytest.approx(np.log2(levels))


@pytest.mark.law("bits-per-dim")
def test_a_change_of_scale_leaves_the_bits(rng):
    """x from bytes 0 .. 256, x / 256, and x / 127.5 - 1."""
    x = 256 * rng.random((50, 3))
    law = stats.norm(100, 40)
    bits = [
        bits_per_dim(-law.logpdf(x).sum(axis=1).mean(), 3, levels=1),
        bits_per_dim(-stats.norm(100 / 256, 40 / 256).logpdf(x / 256).sum(axis=1).mean(), 3),
        bits_per_dim(-stats.norm(100 / 127.5 - 1, 40 / 127.5).logpdf(x / 127.5 - 1).sum(axis=1).mean(), 3, 127.5),
    ]
    np.testing.assert_allclose(bits, bits[0], rtol=1e-12)


@pytest.mark.law("dequantisation")
def test_noise_on_bytes_gives_a_bound(rng):
    """The density is normal, P(b) its integral over [b, b + 1), a uniform number is added to the byte."""
    for width in (0.3, 2.0, 40.0):
        law, b = stats.norm(128, width), np.clip(np.floor(rng.normal(128, width, 200)), 0, 255)
        u = rng.random((2000, 1))
        bound = -law.logpdf(b + u).mean()
        discrete = -np.log(law.cdf(b + 1) - law.cdf(b)).mean()
        assert bound > discrete - 0.02
    assert bound == pytest.approx(discrete, abs=1e-3)  # the density is nearly constant over a wide law's steps


@pytest.mark.law("bits-mixture")
@pytest.mark.parametrize(("share", "d"), [(0.01, 784), (0.5, 3)])
def test_noise_costs_few_bits(share, d, rng):
    """q = share p + (1 - share) r, for normal p and much wider r, point by point."""
    x = rng.standard_normal((100, d))
    p, r = (stats.norm(0, s).logpdf(x).sum(axis=1) for s in (1, 5))
    q = np.logaddexp(np.log(share) + p, np.log(1 - share) + r)
    extra = np.array([bits_per_dim(-b, d) - bits_per_dim(-a, d) for a, b in zip(p, q, strict=True)])
    assert extra.max() <= -np.log2(share) / d + 1e-12
    assert extra.min() >= -np.log2(share) / d - 1e-9 or d < 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: inception_score([[0.5, 0.6]]), "probs: expected rows of .* 1.1 in row 0"),
        (lambda: inception_score([[0.5, 0.5], [1.5, -0.5]]), "probs: expected rows .* least -0.5"),
        (lambda: inception_score([0.5, 0.5]), r"probs: expected shape \[n, d\]"),
        (lambda: inception_score([[np.nan, 1.0]]), "probs: expected finite numbers"),
        (lambda: inception_score(RIGHT, splits=4), "splits: expected at most the number of rows, 3, got 4"),
        (lambda: inception_score(RIGHT, splits=0), "splits: expected a whole number"),
        (lambda: bits_per_dim(np.nan, 3), "nll_nats: expected a finite number"),
        (lambda: bits_per_dim(1.0, 0), "d: expected a whole number of at least 1"),
        (lambda: bits_per_dim(1.0, 3, 0), "levels: expected a finite number above 0"),
        (lambda: extrapolated((2, 5)), "sizes: expected .* up to 4"),
        (lambda: extrapolated((3, 3)), "sizes: expected at least two"),
        (lambda: extrapolated((2, 3), 0), "rng: expected a generator"),
    ],
)  # fmt: skip
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
