"""The figure of real points and fakes in the built book: the same scores as in Python, and points that move."""

import pytest

from teachkit.evaluation import density_coverage, fid, mmd, neighbour_radii, precision_recall, rbf

PLACE = "chapters/evaluation.html"


@pytest.mark.parametrize("k", [1, 3])
def test_scores_are_those_of_python(visit, k, rng):
    page = visit(PLACE).page
    for x, y in rng.uniform(-3, 3, (5, 2, 8, 2)):
        script = "async ([x, y, k, h]) => (await import('../figures/evaluation.mjs')).scores(x, y, k, h)"
        got = page.evaluate(script, [x.tolist(), y.tolist(), k, 0.8])
        assert got["radii"] == pytest.approx(neighbour_radii(x, k), rel=1e-12)
        assert (got["precision"], got["recall"]) == pytest.approx(precision_recall(x, y, k), rel=1e-12)
        assert (got["density"], got["coverage"]) == pytest.approx(density_coverage(x, y, k), rel=1e-12)
        assert got["frechet"] == pytest.approx(fid(x, y), rel=1e-9)
        assert got["unbiased"] == pytest.approx(mmd(x, y, rbf(0.8)), abs=1e-12)
        assert got["biased"] == pytest.approx(mmd(x, y, rbf(0.8), unbiased=False), abs=1e-12)
