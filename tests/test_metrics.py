import numpy as np
import pytest
from scipy import stats

from teachkit.data import ring
from teachkit.metrics import high_quality_share, modes_covered


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


@pytest.mark.parametrize("of", [modes_covered, high_quality_share])
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
