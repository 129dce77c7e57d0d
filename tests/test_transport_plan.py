"""Laws of the chapter transport: the linear programme, its dual, the assignment, the witness, Sinkhorn."""

import itertools

import numpy as np
import pytest

from teachkit.transport import (
    NotConvergedError,
    assignment,
    cost_matrix,
    dual,
    plan,
    sinkhorn,
    sinkhorn_path,
    slack,
    w1_sorted,
    witness,
    wp_sorted,
)


def problem(n, m, rng, kind="random"):
    """Return masses and costs of a transport problem in the plane, of several degenerate kinds."""
    x, y = rng.standard_normal((n, 2)), rng.standard_normal((m, 2)) + 1
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    if kind == "even":
        a, b = np.full(n, 1 / n), np.full(m, 1 / m)
    elif kind == "duplicates":
        x, y = x.round(), y.round()
    elif kind == "zero weights":
        a[: n // 2], b[-1] = 0, 0
        a, b = a / a.sum(), b / b.sum()
    elif kind == "collinear":
        x, y = np.outer(x[:, 0], [1, 2]), np.outer(y[:, 0], [1, 2])
    return a, b, cost_matrix(x, y, 2)


KINDS = ["random", "even", "duplicates", "zero weights", "collinear"]


@pytest.mark.law("transport-lp")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "m"), [(2, 2), (7, 12), (30, 30)])
def test_plan_is_a_feasible_vertex(n, m, kind, rng):
    a, b, cost = problem(n, m, rng, kind)
    P, value = plan(a, b, cost)
    assert P.min() >= 0
    np.testing.assert_allclose(P.sum(1), a, atol=1e-13)
    np.testing.assert_allclose(P.sum(0), b, atol=1e-13)
    assert np.count_nonzero(P) <= n + m - 1
    assert value == pytest.approx((P * cost).sum(), rel=1e-13)


@pytest.mark.law("birkhoff")
@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_equal_weights_need_no_splitting(n, rng):
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
def test_dual_closes_the_gap(n, m, kind, rng):
    a, b, cost = problem(n, m, rng, "even" if n == 1 else kind)
    f, g, lower = dual(a, b, cost)
    assert slack(f, g, cost).min() >= -1e-14 * cost.max()
    assert abs(plan(a, b, cost)[1] - lower) <= 1e-9 * cost.max()
    assert lower == pytest.approx(a @ f + b @ g, rel=1e-12, abs=1e-14)


@pytest.mark.law("kantorovich-duality")
def test_gap_is_closed_for_two_hundred_points(rng):
    a, b, cost = problem(200, 200, rng)
    assert abs(plan(a, b, cost)[1] - dual(a, b, cost)[2]) <= 1e-9


@pytest.mark.law("kantorovich-duality")
def test_every_feasible_pair_is_below_every_plan(rng):
    a, b, cost = problem(8, 5, rng)
    best = plan(a, b, cost)[1]
    for _ in range(100):
        f = rng.standard_normal(8)
        g = (cost - f[:, None]).min(axis=0)
        assert a @ f + b @ g <= best + 1e-12


@pytest.mark.law("complementary-slackness")
@pytest.mark.parametrize("kind", KINDS)
def test_mass_moves_only_where_there_is_no_slack(kind, rng):
    a, b, cost = problem(20, 25, rng, kind)
    P = plan(a, b, cost)[0]
    f, g, _ = dual(a, b, cost)
    assert slack(f, g, cost)[P > 1e-12].max() <= 1e-12 * cost.max()


@pytest.mark.law("complementary-slackness")
def test_a_worse_plan_moves_mass_where_there_is_slack(rng):
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


@pytest.mark.law("entropic-transport")
@pytest.mark.law("sinkhorn-iteration")
@pytest.mark.parametrize("kind", ["random", "even", "duplicates", "zero weights"])
@pytest.mark.parametrize("eps", [10.0, 0.5])
def test_sinkhorn_finds_the_minimum(kind, eps, rng):
    """Against SciPy's minimiser of the smooth dual."""
    from scipy.optimize import minimize

    a, b, cost = problem(6, 5, rng, kind)
    P, value = sinkhorn(a, b, cost, eps, tol=1e-12)
    np.testing.assert_allclose([*P.sum(1), *P.sum(0)], [*a, *b], atol=1e-11)

    def negative_dual(h):
        f, g = h[:6], h[6:]
        mass = a[:, None] * b * np.exp((f[:, None] + g - cost) / eps)
        return eps * (mass.sum() - 1) - a @ f - b @ g, np.concatenate([mass.sum(1) - a, mass.sum(0) - b])

    found = minimize(negative_dual, np.zeros(11), jac=True, method="BFGS", options={"gtol": 1e-10})
    divergence = (P * np.log(np.where(P > 0, P, 1) / np.where(P > 0, np.outer(a, b), 1))).sum()
    assert value + eps * divergence == pytest.approx(-found.fun, rel=1e-8)


@pytest.mark.law("sinkhorn-iteration")
@pytest.mark.parametrize("eps", [1.0, 0.05, 1e-3])
def test_iterates_are_those_of_the_formula(eps, rng):
    """Also where the fast products run, the potentials are those of the plain logarithmic loop."""
    from scipy.special import logsumexp

    a, b, cost = problem(12, 9, rng)
    path, f, g = sinkhorn_path(a, b, cost, eps, every=7), np.zeros(12), np.zeros(9)
    for _ in range(3):
        for _ in range(7):
            f = -eps * logsumexp((g - cost) / eps, axis=1, b=b)
            g = -eps * logsumexp((f[:, None] - cost) / eps, axis=0, b=a[:, None])
        it = next(path)
        np.testing.assert_allclose(it.f, f, atol=1e-10)
        np.testing.assert_allclose(it.g, g, atol=1e-10)
        np.testing.assert_allclose(it.plan.sum(0), b, atol=1e-12)
        assert it.residual == pytest.approx(np.abs(it.plan.sum(1) - a).sum())
    assert it.iterations == 21


@pytest.mark.law("sinkhorn-convergence")
@pytest.mark.parametrize("eps", [2.0, 0.5])
def test_error_contracts_at_the_stated_rate(eps, rng):
    a, b, cost = problem(10, 10, rng)
    cost = cost / cost.max()
    *_, exact = itertools.islice(sinkhorn_path(a, b, cost, eps, every=500), 2)
    spread = lambda it: np.ptp(it.f - exact.f)  # noqa: E731
    rate = np.tanh(1 / (2 * eps)) ** 2  # the costs lie in [0, 1]
    errors = [spread(it) for it in itertools.islice(sinkhorn_path(a, b, cost, eps, every=1), 6)]
    for before, after in itertools.pairwise(errors):
        assert after <= rate * before + 1e-13


@pytest.mark.law("entropic-bias")
@pytest.mark.parametrize("kind", ["random", "even"])
def test_bias_is_bounded_and_vanishes(kind, rng):
    a, b, cost = problem(8, 6, rng, kind)
    best = plan(a, b, cost)[1]
    entropy = min(-(w * np.log(w)).sum() for w in (a, b))
    assert entropy <= np.log(6) + 1e-12
    excess = [sinkhorn(a, b, cost, eps, tol=1e-9, max_iter=200_000)[1] - best for eps in (3.0, 1.0, 0.3, 0.1, 0.03)]
    for eps, more in zip((3.0, 1.0, 0.3, 0.1, 0.03), excess, strict=True):
        assert -1e-8 <= more <= eps * entropy + 1e-8
    assert excess == sorted(excess, reverse=True)
    assert excess[-1] < 1e-2 < excess[0]


@pytest.mark.law("entropic-bias")
def test_large_eps_gives_the_product(rng):
    a, b, cost = problem(8, 6, rng)
    np.testing.assert_allclose(sinkhorn(a, b, cost, 1e8)[0], np.outer(a, b), atol=1e-8)


def test_stable_where_the_plain_kernel_is_zero(rng):
    """eps = 1e-3 with costs up to 20: exp(-cost / eps) has rows of zeros, and no mass is lost here."""
    a, b, cost = problem(50, 50, rng, "even")
    cost = cost + 1
    assert np.exp(-cost / 1e-3).sum(axis=1).max() == 0
    best = plan(a, b, cost)[1]
    P, value = sinkhorn(a, b, cost, 1e-3)
    assert P.sum() == pytest.approx(1, abs=1e-12)
    assert best <= value + 1e-4 <= best + 1e-3 * np.log(50)
    for it in itertools.islice(sinkhorn_path(a, b, cost, 1e-5, every=7), 3):  # far from convergence, but finite
        assert it.plan.sum() == pytest.approx(1, abs=1e-12)
        assert np.isfinite([*it.f, *it.g]).all()


def test_sinkhorn_says_when_it_has_not_converged(rng):
    a, b, cost = problem(20, 20, rng, "even")
    said = r"not converged: residual \d\.\d+e[+-]\d\d after 100 iterations, above tol 1e-09"
    with pytest.raises(NotConvergedError, match=said) as caught:
        sinkhorn(a, b, cost, 0.01, tol=1e-9, max_iter=100)
    assert caught.value.last.residual > 1e-9
    assert caught.value.last.plan.shape == (20, 20)


def test_witness_on_the_line_agrees_with_sorting(rng):
    x, y = rng.standard_normal(20), rng.standard_normal(30)
    f = witness(x[:, None], y[:, None])
    assert f(x[:, None]).mean() - f(y[:, None]).mean() == pytest.approx(w1_sorted(x, y), rel=1e-9)
