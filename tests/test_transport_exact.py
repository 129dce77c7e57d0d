"""Laws of the chapter transport where masses or costs are many powers of ten apart, and of the exact solver."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import linprog

from teachkit._transport_exact import whole
from teachkit.transport import assignment, cost_matrix, dual, plan, slack, witness, wp_sorted

CLUSTERS = [1e-3, 1e-6, 1e-10, 1e-100]


def wide_masses(n, rng):
    """Return masses down to about 1e-20."""
    z = 8 * rng.standard_normal(n)
    mass = np.exp(z - z.max())
    return mass / mass.sum()


def certified(a, b, cost):
    """Return the value, after checks of the plan's sums, of the gap, and of the slack where mass moves."""
    (P, value), (f, g, lower) = plan(a, b, cost), dual(a, b, cost)
    np.testing.assert_allclose(P.sum(1), a / a.sum(), rtol=1e-14)
    np.testing.assert_allclose(P.sum(0), b / b.sum(), rtol=1e-14)
    assert np.count_nonzero(P) <= len(a) + len(b) - 1
    assert abs(value - lower) <= 1e-9 * abs(value)
    size = np.abs(cost) + np.abs(f)[:, None] + np.abs(g)
    assert (slack(f, g, cost) >= -1e-15 * size).all()
    assert (slack(f, g, cost) <= 1e-15 * size)[P > 0].all()
    return value


@pytest.mark.law("transport-lp")
@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 3), (9, 9), (20, 13)])
def test_no_plan_is_cheaper_says_another_solver(n, m, rng):
    for cost in (rng.random((n, m)), rng.integers(-2, 3, (n, m)).astype(float)):
        a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
        sums = np.vstack([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
        found = linprog(cost.ravel(), A_eq=sums, b_eq=[*a, *b])
        assert certified(a, b, cost) == pytest.approx(found.fun, rel=1e-9, abs=1e-12)


@pytest.mark.law("transport-lp")
def test_no_other_plan_of_small_whole_numbers_is_cheaper(rng):
    """Every plan of masses (1, 2, 1)/4 and (2, 1, 1)/4 with whole quarters; the vertices are among them."""
    import itertools

    cost = rng.standard_normal((3, 3))
    quarters = np.array(list(itertools.product(range(3), repeat=9))).reshape(-1, 3, 3)
    right = (quarters.sum(2) == [1, 2, 1]).all(1) & (quarters.sum(1) == [2, 1, 1]).all(1)
    best = (quarters[right] * cost).sum((1, 2)).min() / 4
    assert plan([0.25, 0.5, 0.25], [0.5, 0.25, 0.25], cost)[1] == pytest.approx(best, rel=1e-14)


@pytest.mark.law("kantorovich-duality")
@pytest.mark.law("complementary-slackness")
@pytest.mark.parametrize("spread", CLUSTERS)
@pytest.mark.parametrize("p", [1, 2])
def test_a_far_pair_does_not_drown_a_cluster(spread, p, rng):
    """On the line sorting gives the value, which lies far below the largest cost."""
    x, y = (np.append(spread * rng.standard_normal(10), 1.0) for _ in "xy")
    even, cost = np.full(11, 1 / 11), np.abs(np.subtract.outer(x, y)) ** p
    value = certified(even, even, cost)
    assert value == pytest.approx(wp_sorted(x, y, p) ** p, rel=1e-12)
    assert value == pytest.approx(assignment(cost)[1], rel=1e-12)


@pytest.mark.law("kantorovich-rubinstein")
@pytest.mark.parametrize("spread", CLUSTERS[:3])
def test_witness_of_a_cluster_with_a_far_pair(spread, rng):
    x, y = (np.append(spread * rng.standard_normal(10), 1.0)[:, None] for _ in "xy")
    f = witness(x, y)
    assert (f(x) - f(y)).mean() == pytest.approx(assignment(cost_matrix(x, y))[1], rel=1e-9)


@pytest.mark.law("kantorovich-duality")
def test_masses_of_twenty_powers_of_ten(rng):
    """Certified as the best, the same with both sides exchanged, and below the plan of independent pairs."""
    near, small = np.array([0.5, 0.5 - 1e-10, 1e-10]), np.arange(9.0).reshape(3, 3) % 4
    cases = [(near, near[[1, 0, 2]], small)]
    for _ in range(40):
        cases.append((wide_masses(10, rng), wide_masses(10, rng), rng.random((10, 10))))
        far = np.exp(30 * rng.standard_normal((8, 7)))
        cases.append((rng.dirichlet(np.full(8, 0.1)), wide_masses(7, rng), far))
    for a, b, cost in cases:
        value = certified(a, b, cost)
        assert value == pytest.approx(certified(b, a, cost.T), rel=1e-12)
        assert 0 <= value <= a @ cost @ b * (1 + 1e-12)


@pytest.mark.law("kantorovich-duality")
def test_normal_laws_on_a_grid():
    """Masses down to 1e-18 of N(0, 1) and N(1, 1) on [-8, 8]: W_1 is 1 but for the tails that are cut off."""
    grid = np.linspace(-8, 8, 161)
    a, b = (mass / mass.sum() for mass in (np.exp(-((grid - m) ** 2) / 2) for m in (0, 1)))
    value = certified(a, b, np.abs(np.subtract.outer(grid, grid)))
    assert value == pytest.approx(wp_sorted(grid, grid, 1, a, b), rel=1e-14)
    assert 1e-13 < 1 - value < 1e-10


@pytest.mark.law("transport-lp")
def test_small_masses_with_large_costs_are_neither_dropped_nor_doubled():
    """Only the diagonal is cheap, and 2e-11 of the mass must pay 5e11."""
    a, cost = np.array([1 - 2e-11, 1e-11, 1e-11]), np.full((3, 3), 1e12)
    np.fill_diagonal(cost, [0, 5e11, 5e11])
    assert certified(a, a, cost) == pytest.approx(10, rel=1e-9)
    assert plan([1e-11, 1 - 1e-11], [1.0], [[1e12], [0.0]])[1] == pytest.approx(10, rel=1e-12)
    slightly_more = np.array([0.5, 0.5 + 5e-10])  # passes as a sum of 1, and is divided by it
    certified(slightly_more, a[[0, 1]] / a[:2].sum(), cost[:2, :2])


@pytest.mark.law("complementary-slackness")
def test_mass_on_pairs_without_slack_is_optimal(rng):
    """The other direction: any masses on the tight pairs of any feasible pair of potentials make an optimal plan."""
    for _ in range(20):
        cost, f = rng.integers(0, 4, (6, 5)).astype(float), rng.integers(-1, 2, 6).astype(float)
        g = (cost - f[:, None]).min(axis=0)
        P = (slack(f, g, cost) == 0) * rng.random((6, 5))
        P /= P.sum()
        a, b = P.sum(1), P.sum(0)
        assert (P * cost).sum() == pytest.approx(a @ f + b @ g, rel=1e-12, abs=1e-14)
        assert certified(a, b, cost) == pytest.approx((P * cost).sum(), rel=1e-12, abs=1e-14)


def test_points_without_mass_get_potentials_too(rng):
    a, b = np.array([0.0, 0.5, 0.5, 0.0]), np.array([0.25, 0.75, 0.0])
    cost = rng.random((4, 3))
    f, g, value = dual(a, b, cost)
    assert sorted(f[1:3])[0] == 0  # the median over the masses
    assert slack(f, g, cost).min() >= -1e-15
    assert value == pytest.approx(plan([0.5, 0.5], [0.25, 0.75], cost[1:3, :2])[1], rel=1e-15)


def test_equal_laws_in_another_order_cost_nothing(rng):
    x, a, s = rng.standard_normal((30, 2)), wide_masses(30, rng), rng.permutation(30)
    assert plan(a, a[s], cost_matrix(x, x[s]))[1] == dual(a, a[s], cost_matrix(x, x[s]))[2] == 0


def test_whole_numbers_are_exact(rng):
    x = np.array([0.0, 5e-324, -0.1, 1e300, 3.0])
    k, exponent = whole(x)
    assert [Fraction(n) * Fraction(2) ** exponent for n in k] == [Fraction(v) for v in x]
    assert whole(np.zeros(2))[0].tolist() == [0, 0]
