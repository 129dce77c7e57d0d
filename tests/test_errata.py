"""Each claim of the page errata about the sources S3 and S4, checked."""

import numpy as np
import pytest
import sympy

from teachkit.change_of_variables import Bijection, numeric, pushforward_log_prob
from teachkit.data import Uniform, banana
from teachkit.jacobian import jacobian
from teachkit.newton import derivatives

X1, X2 = sympy.symbols("x1 x2", real=True)


def s3_step(theta, z1, z2):
    """Return S3's gradient and Hessian for one sample, with its outer products, as its program forms them."""
    a, b, c, d = theta
    exp_s = np.exp(a * z1 + b)
    g, h = -(z2 * exp_s + c * z1 + d + 0.1 * z1**2), -1.0
    dx2 = np.array([z2 * z1 * exp_s, z2 * exp_s, z1, 1.0])
    second = np.zeros((4, 4))
    second[:2, :2] = z2 * exp_s * np.array([[z1**2, z1], [z1, 1.0]])
    return g * dx2 + np.array([z1, 1.0, 0.0, 0.0]), g * second + h * np.outer(dx2, dx2)


@pytest.mark.law("s3-singular")
def test_s3_program_never_gets_past_a_singular_hessian():
    """Over 2000 starts: it always ends there, nearly always at its start, otherwise after one step."""
    ends = []
    for seed in range(2000):
        theta = 0.1 * np.random.default_rng(seed).standard_normal(4)
        for step in range(10):
            gradient, H = s3_step(theta, 0.5, -0.2)
            try:
                theta = theta - np.linalg.solve(H, gradient)
            except np.linalg.LinAlgError:
                ends.append(step)
                break
    assert len(ends) == 2000
    assert max(ends) <= 2  # rounding, and so this number, depends on the linear algebra library
    assert np.mean(np.array(ends) == 0) > 0.9


@pytest.mark.law("s3-singular")
def test_s3_formulas_are_those_of_the_library():
    theta = np.array([0.1, -0.2, 0.3, 0.4])
    gradient, H = s3_step(theta, 0.5, -0.2)
    model = derivatives(theta, [[0.5, -0.2]], banana())
    np.testing.assert_allclose(gradient, model.gradient, atol=1e-14)
    np.testing.assert_allclose(H, model.hessian, atol=1e-14)


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
@pytest.mark.parametrize("uniform", [True, False])
def test_s3_plotted_map_is_not_an_optimum(uniform):
    """a = 0.5, c = 0.2: the gradient is far from zero, on S3's uniform base and on the normal one."""
    rng = np.random.default_rng(0)
    z = rng.uniform(-2, 2, (10_000, 2)) if uniform else rng.standard_normal((10_000, 2))
    assert np.linalg.norm(derivatives([0.5, 0, 0.2, 0], z, banana()).gradient) > 1


@pytest.mark.law("s3-newton-not-ascent")
def test_s3_newton_step_overshoots_where_the_hessian_is_negative_definite():
    z, theta = np.random.default_rng(0).standard_normal((2000, 2)), np.array([0, -2, 0, -0.1])
    now = derivatives(theta, z, banana())
    assert np.linalg.eigvalsh(now.hessian)[-1] < 0
    step = np.linalg.solve(-now.hessian, now.gradient)
    assert now.gradient @ step > 0
    assert derivatives(theta + step, z, banana()).value < now.value - 1e6


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
def test_s4_inverse_is_smooth_where_the_map_is_not_differentiable():
    """On x3 = 0 the slopes of f grow without bound, while the Jacobian of f^-1 exists, with determinant 0."""
    x = np.array([[0.5, 1.0, 0.0]])
    z = S4_MAP.inverse(x)[0]
    J = jacobian(lambda y: S4_MAP.inverse(y)[0], x)[0]
    assert np.linalg.det(J) == pytest.approx(0, abs=1e-9)
    assert J[2, 0] == pytest.approx((0 - 0.5**2 - 2 * 0.5) * np.exp(0.5), rel=1e-9)
    slopes = [(S4_MAP.forward(z + np.array([0, 0, h]))[0][0, 2] - 0) / h for h in (1e-3, 1e-6, 1e-9)]
    assert slopes[0] < slopes[1] < slopes[2]
    assert slopes[2] > 1e5


@pytest.mark.law("s4-problem-5")
@pytest.mark.parametrize("K", [1, 2, 5])
def test_s4_problem_5(K):
    sigma = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    slope = sum(k * sigma(0) * (1 - sigma(0)) for k in range(1, K + 1))
    assert sum(sigma(k * 0) for k in range(1, K + 1)) == K / 2
    assert 1 / (np.sqrt(2 * np.pi) * slope) == pytest.approx(8 / (K * (K + 1)) / np.sqrt(2 * np.pi))
