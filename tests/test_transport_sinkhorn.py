"""Laws of the chapter transport: the entropic plan, Sinkhorn's iteration, its bias and its limit."""

import itertools

import numpy as np
import pytest

from teachkit.transport import NotConvergedError, plan, sinkhorn, sinkhorn_path


@pytest.mark.law("entropic-transport")
@pytest.mark.law("sinkhorn-iteration")
@pytest.mark.parametrize("kind", ["random", "even", "duplicates", "zero weights"])
@pytest.mark.parametrize("eps", [10.0, 0.5])
def test_sinkhorn_finds_the_minimum(kind, eps, rng, problem):
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
def test_iterates_are_those_of_the_formula(eps, rng, problem):
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
def test_error_contracts_at_the_stated_rate(eps, rng, problem):
    a, b, cost = problem(10, 10, rng)
    cost = (cost - cost.min()) / np.ptp(cost)  # so that R is 1
    *_, exact = itertools.islice(sinkhorn_path(a, b, cost, eps, every=500), 2)
    spread = lambda it: np.ptp(it.f - exact.f)  # noqa: E731
    errors = [spread(it) for it in itertools.islice(sinkhorn_path(a, b, cost, eps, every=1), 6)]
    for before, after in itertools.pairwise(errors):
        assert after <= np.tanh(1 / (2 * eps)) ** 2 * before + 1e-13


@pytest.mark.law("sinkhorn-convergence")
@pytest.mark.parametrize("eps", [2.0, 0.5, 0.2])
def test_no_smaller_rate_holds(eps):
    """Two points that swap: a small error shrinks by the stated factor, up to its square."""
    cost = 3 + np.array([[0.0, 1.0], [1.0, 0.0]])
    path = itertools.islice(sinkhorn_path([0.5, 0.5], [0.5, 0.5], cost, eps, every=1, start=[1e-3, 0.0]), 4)
    errors = [np.ptp(it.f) for it in path]  # the best potentials are constant
    for before, after in itertools.pairwise(errors):
        assert after / before == pytest.approx(np.tanh(1 / (2 * eps)) ** 2, rel=1e-4)


@pytest.mark.law("entropic-bias")
@pytest.mark.parametrize("kind", ["random", "even"])
def test_bias_is_bounded_and_vanishes(kind, rng, problem):
    a, b, cost = problem(8, 6, rng, kind)
    best = plan(a, b, cost)[1]
    entropy = min(-(w * np.log(w)).sum() for w in (a, b))
    assert entropy <= np.log(6) + 1e-12
    excess = [sinkhorn(a, b, cost, eps, tol=1e-9, max_iter=200_000)[1] - best for eps in (3.0, 1.0, 0.3, 0.1, 0.03)]
    for eps, more in zip((3.0, 1.0, 0.3, 0.1, 0.03), excess, strict=True):
        assert -1e-8 <= more <= eps * entropy + 1e-8
    assert excess == sorted(excess, reverse=True)
    assert excess[-1] < 1e-2 < excess[0]


@pytest.mark.law("entropic-form")
@pytest.mark.parametrize("eps", [3.0, 0.3])
def test_plans_of_the_form_are_the_minimiser(eps, rng):
    """Any potentials give such a plan for the sums that it has: no other plan with these sums is better."""
    f, g, cost = rng.standard_normal(5), rng.standard_normal(4), rng.random((5, 4))
    weights = np.outer(rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(4)))
    P = weights * np.exp((f[:, None] + g - cost) / eps)
    P /= P.sum()
    a, b = P.sum(1), P.sum(0)

    def objective(Q):
        return (Q * cost).sum() + eps * (Q * np.log(Q / np.outer(a, b))).sum()

    np.testing.assert_allclose(sinkhorn(a, b, cost, eps, tol=1e-13)[0], P, rtol=1e-9)
    for _ in range(100):
        Z = rng.standard_normal((5, 4))
        Z -= Z.mean(0) + Z.mean(1)[:, None] - Z.mean()  # all sums are 0
        step = 0.9 * (P / np.abs(Z)).min() * rng.random() * Z
        assert objective(P + step) >= objective(P) - 1e-14
        if np.abs(step).max() > 1e-4:
            assert objective(P + step) > objective(P)


@pytest.mark.law("entropic-form")
def test_the_minimiser_has_the_form(rng, problem):
    """eps log(P / ab) + cost is a sum f_i + g_j: what remains after removing row and column means is zero."""
    a, b, cost = problem(6, 5, rng)
    P = sinkhorn(a, b, cost, 0.7, tol=1e-13)[0]
    assert P.min() > 0
    h = 0.7 * np.log(P / np.outer(a, b)) + cost
    np.testing.assert_allclose(h - h.mean(0) - h.mean(1)[:, None] + h.mean(), 0, atol=1e-9)


@pytest.mark.law("entropic-limit")
def test_small_eps_gives_the_most_even_of_the_best_plans():
    """Sources 1 and 2 may go to targets 1 and 2 in any way at no cost; the limit spreads them evenly."""
    a, b = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.1, 0.5])
    cost = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    limit = np.zeros((3, 3))
    limit[:2, :2] = np.outer(a[:2], b[:2]) / 0.5
    limit[2, 2] = 0.5
    P, value = sinkhorn(a, b, cost, 0.02, tol=1e-13)
    np.testing.assert_allclose(P, limit, atol=1e-10)
    assert value == pytest.approx(plan(a, b, cost)[1], abs=1e-10)
    assert np.abs(plan(a, b, cost)[0] - limit).max() > 0.03  # a vertex is another best plan


@pytest.mark.law("entropic-limit")
@pytest.mark.parametrize("kind", ["random", "duplicates", "zero weights"])
def test_potentials_bound_the_least_cost_at_every_step(kind, rng, problem):
    a, b, cost = problem(12, 9, rng, kind)
    best = plan(a, b, cost)[1]
    for eps in (1.0, 0.1, 0.01):
        for it in itertools.islice(sinkhorn_path(a, b, cost, eps, every=3), 20):
            assert it.lower <= best + 1e-12
    *_, last = itertools.islice(sinkhorn_path(a, b, cost, 0.01, every=1000), 10)
    assert best - 0.05 < last.lower


@pytest.mark.law("entropic-limit")
def test_small_eps_approaches_the_best_plan(rng, problem):
    a, b, cost = problem(6, 5, rng)
    best = plan(a, b, cost)[0]
    apart = [np.abs(sinkhorn(a, b, cost, eps, tol=1e-9, max_iter=100_000)[0] - best).max() for eps in (0.3, 0.1, 0.02)]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 1e-3 < apart[0]


@pytest.mark.law("entropic-bias")
def test_large_eps_gives_the_product(rng, problem):
    a, b, cost = problem(8, 6, rng)
    np.testing.assert_allclose(sinkhorn(a, b, cost, 1e8)[0], np.outer(a, b), atol=1e-8)


def test_stable_where_the_plain_kernel_is_zero(rng, problem):
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


def test_sinkhorn_says_when_it_has_not_converged(rng, problem):
    a, b, cost = problem(20, 20, rng, "even")
    said = r"not converged: residual \d\.\d+e[+-]\d\d after 100 iterations, above tol 1e-09"
    with pytest.raises(NotConvergedError, match=said) as caught:
        sinkhorn(a, b, cost, 0.01, tol=1e-9, max_iter=100)
    assert caught.value.last.residual > 1e-9
    assert caught.value.last.plan.shape == (20, 20)
    with pytest.raises(NotConvergedError, match="after 1 iterations"):
        sinkhorn(a, b, cost, 0.01, tol=1e-9, max_iter=1)
    with pytest.raises(NotConvergedError, match="after 60 iterations"):
        sinkhorn(a, b, cost, 0.01, tol=1e-9, max_iter=60)


def test_masses_are_divided_by_their_sum(rng):
    """A sum that is off by 5e-10 passes; the iteration could not make both kinds of sums right otherwise."""
    a, b = np.array([0.5, 0.5 + 5e-10]), np.array([0.25, 0.75])
    P, _ = sinkhorn(a, b, rng.random((2, 2)), 0.5, tol=1e-14)
    np.testing.assert_allclose(P.sum(1), a / a.sum(), rtol=1e-13)
