"""Laws of the chapter transport: the linear programme, its dual, the assignment, the witness, Sinkhorn."""

import itertools

import numpy as np
import pytest

from teachkit.transport import (
    assignment,
    cost_matrix,
    dual,
    plan,
    slack,
    w1_sorted,
    witness,
    wp_sorted,
)

KINDS = ["random", "even", "duplicates", "zero weights", "collinear"]


@pytest.mark.law("transport-lp")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "m"), [(2, 2), (7, 12), (30, 30)])
def test_plan_is_a_feasible_vertex(n, m, kind, rng, problem):
    a, b, cost = problem(n, m, rng, kind)
    P, value = plan(a, b, cost)
    assert P.min() >= 0
    np.testing.assert_allclose(P.sum(1), a, atol=1e-13)
    np.testing.assert_allclose(P.sum(0), b, atol=1e-13)
    assert np.count_nonzero(P) <= n + m - 1
    assert value == pytest.approx((P * cost).sum(), rel=1e-13)


@pytest.mark.law("birkhoff")
@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_equal_weights_need_no_splitting(n, rng, problem):
    a, b, cost = problem(n, n, rng, "even")
    s, value = assignment(cost)
    P, least = plan(a, b, cost)
    assert value == pytest.approx(least, rel=1e-12)
    assert sorted(s) == list(range(n))
    np.testing.assert_allclose(n * P, (P > 1e-12).astype(float), atol=1e-12)  # a permutation matrix


@pytest.mark.law("birkhoff")
def test_assignment_is_the_best_of_all_permutations(rng):
    cost = rng.standard_normal((6, 6))  # costs may be negative
    every = [cost[range(6), list(s)].mean() for s in itertools.permutations(range(6))]
    assert assignment(cost)[1] == pytest.approx(min(every), rel=1e-14)


@pytest.mark.law("kantorovich-duality")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (7, 12), (40, 60)])
def test_dual_closes_the_gap(n, m, kind, rng, problem):
    a, b, cost = problem(n, m, rng, "even" if n == 1 else kind)
    f, g, lower = dual(a, b, cost)
    assert slack(f, g, cost).min() >= -1e-14 * cost.max()
    assert plan(a, b, cost)[1] == pytest.approx(lower, rel=1e-12)
    assert lower == pytest.approx(a @ f + b @ g, rel=1e-12, abs=1e-14)


@pytest.mark.law("kantorovich-duality")
def test_gap_is_closed_for_two_hundred_points(rng, problem):
    a, b, cost = problem(200, 200, rng)
    value, (f, g, lower) = plan(a, b, cost)[1], dual(a, b, cost)
    assert abs(value - lower) <= 1e-9 * value
    assert a @ f + b @ g == pytest.approx(value, rel=1e-12)


@pytest.mark.law("kantorovich-duality")
def test_every_feasible_pair_is_below_every_plan(rng, problem):
    a, b, cost = problem(8, 5, rng)
    best = plan(a, b, cost)[1]
    for _ in range(100):
        f = rng.standard_normal(8)
        g = (cost - f[:, None]).min(axis=0)
        assert a @ f + b @ g <= best + 1e-12


@pytest.mark.law("complementary-slackness")
@pytest.mark.parametrize("kind", KINDS)
def test_mass_moves_only_where_there_is_no_slack(kind, rng, problem):
    a, b, cost = problem(20, 25, rng, kind)
    P = plan(a, b, cost)[0]
    f, g, _ = dual(a, b, cost)
    assert slack(f, g, cost)[P > 1e-12].max() <= 1e-12 * cost.max()


@pytest.mark.law("complementary-slackness")
def test_a_worse_plan_moves_mass_where_there_is_slack(rng, problem):
    a, b, cost = problem(10, 10, rng)
    f, g, lower = dual(a, b, cost)
    P = np.outer(a, b)
    assert (P * slack(f, g, cost)).sum() == pytest.approx((P * cost).sum() - lower, rel=1e-12)
    assert (P * slack(f, g, cost)).sum() > 0.1


@pytest.mark.law("kantorovich-rubinstein")
@pytest.mark.parametrize("d", [1, 2, 6])
def test_witness_attains_the_distance_and_has_slope_one(d, rng):
    x, y = rng.standard_normal((12, d)), rng.standard_normal((9, d)) + 0.5
    a, b = rng.dirichlet(np.ones(12)), rng.dirichlet(np.ones(9))
    f, z = witness(x, y, a, b), 3 * rng.standard_normal((300, d))
    assert a @ f(x) - b @ f(y) == pytest.approx(plan(a, b, cost_matrix(x, y))[1], rel=1e-9)
    apart = cost_matrix(z, z)
    assert (np.abs(np.subtract.outer(f(z), f(z))) <= apart + 1e-12).all()


@pytest.mark.law("kantorovich-rubinstein")
def test_no_lipschitz_function_does_better(rng):
    x, y = rng.standard_normal((15, 2)), rng.standard_normal((15, 2))
    best = assignment(cost_matrix(x, y))[1]
    for _ in range(200):  # minima of cones are 1-Lipschitz
        tips, heights = rng.standard_normal((6, 2)), rng.standard_normal(6)
        f = lambda z, t=tips, h=heights: (cost_matrix(z, t) + h).min(axis=1)  # noqa: E731
        assert f(x).mean() - f(y).mean() <= best + 1e-12


@pytest.mark.law("kantorovich-rubinstein")
def test_witness_falls_at_slope_one_along_every_path_of_the_plan(rng):
    x, y = rng.standard_normal((10, 2)), rng.standard_normal((10, 2))
    s, f = assignment(cost_matrix(x, y))[0], witness(x, y)
    np.testing.assert_allclose(f(x) - f(y[s]), np.linalg.norm(x - y[s], axis=1), atol=1e-12)
    halfway = (x + y[s]) / 2
    np.testing.assert_allclose(f(halfway), (f(x) + f(y[s])) / 2, atol=1e-12)


@pytest.mark.law("sorting")
@pytest.mark.law("kantorovich-duality")
@pytest.mark.parametrize("n", [2, 20, 90])
@pytest.mark.parametrize("p", [1, 2])
def test_four_ways_to_one_number(n, p, rng):
    """Programme, dual, assignment and sorting on the same points of the line."""
    x, y, even = rng.standard_normal(n), rng.exponential(size=n), np.full(n, 1 / n)
    cost = cost_matrix(x[:, None], y[:, None], p)
    values = [plan(even, even, cost)[1], dual(even, even, cost)[2], assignment(cost)[1], wp_sorted(x, y, p) ** p]
    np.testing.assert_allclose(values, values[0], rtol=0, atol=1e-9)


def test_witness_on_the_line_agrees_with_sorting(rng):
    x, y = rng.standard_normal(20), rng.standard_normal(30)
    f = witness(x[:, None], y[:, None])
    assert f(x[:, None]).mean() - f(y[:, None]).mean() == pytest.approx(w1_sorted(x, y), rel=1e-9)
