"""The claims of the page errata about what S0 says on likelihood and divergences, checked."""

import numpy as np
import pytest
import sympy

from teachkit.data import Gaussian, Uniform
from teachkit.likelihood import gaussian_gradient, gaussian_log_likelihood
from teachkit.likelihood_density import density_js, density_kl

MU, SIGMA = sympy.symbols("mu sigma", positive=True)


def s0_log_likelihood(x):
    """Return S0's formula without its constant."""
    return -len(x) * sympy.log(SIGMA) - sum((v - MU) ** 2 for v in x) / (2 * SIGMA**2)


@pytest.mark.law("s0-mle-degenerate")
def test_s0_equations_have_one_solution_or_none():
    def solve(x):
        f = s0_log_likelihood(x)
        return sympy.solve([sympy.diff(f, MU), sympy.diff(f, SIGMA)], [MU, SIGMA], dict=True)

    assert solve([1, 3, 4, 5, 7]) == [{MU: 4, SIGMA: 2}]
    assert solve([3, 3, 3]) == []
    for sigma in (1.0, 1e-3, 1e-9):
        assert gaussian_gradient([3, 3, 3], 3.0, sigma)[1] == pytest.approx(-3)  # it always pays to make sigma smaller
    assert gaussian_log_likelihood([3, 3, 3], 3.0, 1e-9) > 59


@pytest.mark.law("s0-mle-degenerate")
def test_s0_log_likelihood_is_not_concave():
    """So that a zero derivative proves nothing by itself."""
    H = sympy.hessian(s0_log_likelihood([1, 3, 4, 5, 7]), (MU, SIGMA)).subs({MU: 4, SIGMA: 8})
    assert max(H.eigenvals()) > 0


@pytest.mark.law("s0-far-and-disjoint")
def test_s0_close_laws_can_be_disjoint_and_far_ones_can_overlap():
    unit = Uniform([0.0], [1.0]).log_prob
    close, shifted = Uniform([1.001], [2.001]).log_prob, Uniform([0.001], [1.001]).log_prob
    assert density_js(unit, close, -1, 3).value == pytest.approx(np.log(2), abs=1e-9)
    assert density_kl(unit, shifted, -1, 3).value == np.inf  # although 99.9 % of the mass is common
    near, far = Gaussian([0.0], [[1.0]]).log_prob, Gaussian([8.0], [[1.0]]).log_prob
    assert np.log(2) - density_js(near, far, -20, 30).value > 1e-5
    assert density_kl(near, far, -20, 30).value == pytest.approx(32)
