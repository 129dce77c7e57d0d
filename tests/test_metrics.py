import numpy as np
import pytest
from scipy import stats

from teachkit.data import ring
from teachkit.metrics import high_quality_share, mode_js, mode_shares, modes_covered


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
