"""Each claim of the page errata about the sources S3 and S4, checked."""

import numpy as np
import pytest
import sympy

from teachkit.change_of_variables import Bijection, numeric, pushforward_log_prob
from teachkit.data import Uniform, banana
from teachkit.newton import derivatives, hessian

X1, X2 = sympy.symbols("x1 x2", real=True)


def s3_step(theta, z1, z2):
    """S3's gradient and Hessian for one sample, with its outer product, as its program forms them."""
    z = np.array([[z1, z2]])
    model = derivatives(theta, z, banana())
    return model.gradient, model.hessian


@pytest.mark.law("s3-singular")
def test_s3_program_never_gets_past_a_singular_hessian():
    """Over 1000 starts: it always ends there, nearly always without having moved."""
    moved = 0
    for seed in range(1000):
        theta = 0.1 * np.random.default_rng(seed).standard_normal(4)
        for step in range(10):
            gradient, H = s3_step(theta, 0.5, -0.2)
            try:
                theta = theta - np.linalg.solve(H, gradient)
            except np.linalg.LinAlgError:
                moved += step > 0
                break
        else:
            pytest.fail("S3's iteration was expected to meet a singular Hessian")
    assert moved < 40


@pytest.mark.law("s3-singular")
def test_s3_hessian_has_determinant_zero_in_exact_arithmetic():
    a, b, c, d, z1, z2 = sympy.symbols("a b c d z1 z2", real=True)
    x2 = z2 * sympy.exp(a * z1 + b) + c * z1 + d
    objective = -(z1**2 + (x2 + z1**2 / 10) ** 2) / 2 + a * z1 + b
    H = sympy.hessian(objective, (a, b, c, d))
    at = {a: 0, b: 0, c: sympy.Rational(1, 3), d: 1, z1: sympy.Rational(1, 2), z2: -sympy.Rational(1, 5)}
    assert H.subs(at).rank() == 2
    assert sympy.simplify(H.det()) == 0


@pytest.mark.law("s3-log-density-hessian")
def test_s3_entries_11_and_12():
    log_p = -(X1**2 + (X2 + X1**2 / 10) ** 2) / 2
    H = sympy.hessian(log_p, (X1, X2))
    y2 = X2 + X1**2 / 10
    assert sympy.simplify(H[0, 0] - (-1 - y2 / 5 - (X1 / 5) ** 2)) == 0
    assert sympy.simplify(H[0, 1] + X1 / 5) == 0
    printed_11 = -1 - sympy.Rational(1, 5) - y2 / 5
    assert sympy.simplify(H[0, 0] - printed_11) != 0
    assert H[0, 1] != 0  # S3 prints 0
    assert H[1, 1] == -1  # the only entry that its Newton step uses is right


@pytest.mark.law("s3-two-bananas")
def test_s3_cells_use_different_targets():
    first = lambda x, y: -0.5 * (x**2 + (y - 0.1 * x**2 + 1) ** 2)  # noqa: E731 - the plotted target
    second = lambda x, y: -0.5 * (x**2 + (y + 0.1 * x**2) ** 2)  # noqa: E731 - the fitted target
    assert first(0, -1) == 0
    assert second(0, 0) == 0  # ridge through (0, 0)
    assert first(2.0, -0.6) > first(2.0, -1.0)  # bends up
    assert second(2.0, -0.4) > second(2.0, 0.0)  # bends down
    side = np.linspace(-9, 9, 721)
    x, y = np.meshgrid(side, side)
    for log_p in (first, second):  # neither is normalised: both integrate to 2 pi
        assert np.exp(log_p(x, y)).sum() * 0.025**2 == pytest.approx(2 * np.pi, rel=1e-3)


@pytest.mark.law("s3-not-fitted")
def test_s3_plotted_map_is_not_an_optimum():
    """a = 0.5, c = 0.2: the gradient of either objective is far from zero, on S3's own uniform base."""
    z = np.random.default_rng(0).uniform(-2, 2, (10_000, 2))
    assert np.linalg.norm(derivatives([0.5, 0, 0.2, 0], z, banana()).gradient) > 0.5


@pytest.mark.law("s3-newton-not-ascent")
def test_s3_newton_step_can_go_downhill():
    """Where the Hessian is indefinite the raw step solves the equations of a saddle, and can lower the value."""
    z = np.random.default_rng(0).standard_normal((20, 2))
    found = 0
    for seed in range(200):
        theta = np.random.default_rng(seed).standard_normal(4) * 1.5
        now = derivatives(theta, z, banana())
        if np.linalg.eigvalsh(now.hessian)[-1] > 0:
            step = np.linalg.solve(-now.hessian, now.gradient)
            found += now.gradient @ step < 0
    assert found > 0


@pytest.mark.law("s3-rank-two-not-one")
def test_s3_hessian_has_rank_two_not_one(rng):
    ranks = {
        np.linalg.matrix_rank(hessian(rng.standard_normal(4), rng.standard_normal((1, 2)), banana())) for _ in range(50)
    }
    assert ranks == {2}


S4_MAP = numeric(
    lambda z: np.stack([z[:, 0], np.exp(z[:, 0]) * z[:, 1], np.cbrt(np.exp(-z[:, 0]) * z[:, 2] + z[:, 0] ** 2)], 1),
    lambda x: np.stack([x[:, 0], x[:, 1] * np.exp(-x[:, 0]), (x[:, 2] ** 3 - x[:, 0] ** 2) * np.exp(x[:, 0])], 1),
)
S4_INVERSE = Bijection(S4_MAP.forward, lambda x: (S4_MAP.inverse(x)[0], np.log(3 * x[:, 2] ** 2))).inverse


@pytest.mark.law("s4-problem-4-point")
def test_s4_problem_4_both_points():
    base = Uniform([0, 0, 0], [2, 2, 2])
    density = lambda x: np.exp(pushforward_log_prob(base.log_prob, S4_INVERSE, [x]))[0]  # noqa: E731
    assert density([0, 1, 1 / 2]) == pytest.approx(3 / 32)  # the point that the problem states
    assert density([0, 1, 1 / 3]) == pytest.approx(1 / 24)  # the point that the published solution uses
    assert density([-1, 2, 1]) == 0.0
    np.testing.assert_allclose(S4_INVERSE(np.array([[-1.0, 2.0, 1.0]]))[0], [[-1, 2 * np.e, 0]], atol=1e-14)


@pytest.mark.law("s4-jacobian-entry")
def test_s4_last_diagonal_entry_holds_x3(rng):
    x = rng.uniform(0.5, 2, (20, 3))
    np.testing.assert_allclose(S4_MAP.inverse(x)[1], np.log(3 * x[:, 2] ** 2), atol=1e-8)
    assert not np.allclose(S4_MAP.inverse(x)[1], np.log(3 * x[:, 1] ** 2), atol=0.1)


@pytest.mark.law("s4-cube-root")
def test_s4_map_is_not_differentiable_everywhere():
    """At z = 0 the cube root has a vertical tangent, so f is invertible but no diffeomorphism."""
    h = np.array([1e-3, 1e-6, 1e-9])
    slopes = np.cbrt(h) / h
    assert (np.diff(slopes) > 0).all()
    assert slopes[-1] > 1e5
    assert S4_INVERSE(np.array([[1.0, 1.0, 1e-150]]))[1][0] < -600


@pytest.mark.law("s4-absolute-value")
def test_s4_recap_needs_the_absolute_value():
    """For f(z) = -z the printed formula, without the bars, gives a negative density."""
    flip = sympy.Matrix([-X1]).jacobian([X1]).det()
    assert flip == -1
    assert abs(flip) == 1


@pytest.mark.law("s4-problem-5")
@pytest.mark.parametrize("K", [1, 2, 5])
def test_s4_problem_5(K):
    sigma = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    slope = sum(k * sigma(0) * (1 - sigma(0)) for k in range(1, K + 1))
    assert sum(sigma(k * 0) for k in range(1, K + 1)) == K / 2
    assert 1 / (np.sqrt(2 * np.pi) * slope) == pytest.approx(8 / (K * (K + 1)) / np.sqrt(2 * np.pi))
