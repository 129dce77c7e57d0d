"""Laws of the chapter newton: derivatives, the single sample, the batch, convergence."""

from itertools import pairwise

import numpy as np
import pytest

from teachkit import newton as nt
from teachkit.coupling import affine_forward
from teachkit.data import Gaussian, Mixture, banana, two_moons

BANANA = banana()
TARGETS = {
    "banana": BANANA,
    "gaussian": Gaussian([0.3, -0.5], [[1.0, 0.6], [0.6, 0.8]]),
    "two modes": Mixture([0.5, 0.5], [[0.0, -2.0], [0.0, 2.0]], 0.7),
    "two moons": two_moons(0.3),
}
THETAS = [(0, 0, 0, 0), (0.5, -0.3, 0.2, 0.4), (-0.4, 0.6, -1.0, 0.1, 0.3)]


def batch(n=2000, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 2))


def last(iterates):
    *_, end = iterates
    return end


def torch_objective(target, z):
    """The same mean, written in torch from the formulas of the target."""
    import torch

    z1, z2 = torch.from_numpy(z).T

    def log_p(x1, x2):
        if target is BANANA:
            return -0.5 * (x1**2 + (x2 + 0.1 * x1**2) ** 2) - np.log(2 * np.pi)
        if isinstance(target, Gaussian):
            law = torch.distributions.MultivariateNormal(torch.tensor(target.mean), torch.tensor(target.cov))
            return law.log_prob(torch.stack([x1, x2], -1))
        law = target if isinstance(target, Mixture) else target._arc
        joint = [
            np.log(w) - ((x1 - m[0]) ** 2 + (x2 - m[1]) ** 2) / (2 * s * s) - 2 * np.log(s) - np.log(2 * np.pi)
            for w, m, s in zip(law.weights, law.means, law.stds, strict=True)
        ]
        return torch.logsumexp(torch.stack(joint), 0)

    def objective(theta):
        s = theta[0] * z1 + theta[1]
        t = theta[2] * z1 + theta[3] + (theta[4] * z1**2 if len(theta) == 5 else 0)
        return (log_p(z1, z2 * torch.exp(s) + t) + s).mean()

    return objective


@pytest.mark.parametrize("theta", THETAS, ids=str)
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.law("newton-objective")
@pytest.mark.law("newton-gradient")
@pytest.mark.law("newton-hessian")
def test_derivatives_against_autograd(name, theta):
    import torch

    z, theta = batch(60), np.array(theta, dtype=float)
    f, at = torch_objective(TARGETS[name], z), torch.tensor(theta)
    assert nt.objective(theta, z, TARGETS[name]) == pytest.approx(float(f(at)), abs=1e-10)
    np.testing.assert_allclose(nt.gradient(theta, z, TARGETS[name]), torch.func.grad(f)(at), atol=1e-9)
    np.testing.assert_allclose(nt.hessian(theta, z, TARGETS[name]), torch.func.hessian(f)(at), atol=1e-9)


@pytest.mark.law("newton-gradient")
@pytest.mark.law("newton-hessian")
@pytest.mark.parametrize("theta", THETAS, ids=str)
def test_derivatives_are_the_formulas_of_the_chapter(theta):
    """g grad x2 + (z1, 1, 0, 0), and g hess x2 + h (grad x2)(grad x2)^T, sample by sample."""
    z, theta = batch(50), np.array(theta, dtype=float)
    total_gradient, total_hessian, m = 0.0, 0.0, len(theta)
    for point in z:
        u = point[1] * np.exp(theta[0] * point[0] + theta[1])
        x = nt.push(theta, point[None])
        g, h = BANANA.score(x)[0, 1], BANANA.hessian(x)[0, 1, 1]
        dx2 = np.array([u * point[0], u, point[0], 1.0, point[0] ** 2])[:m]
        v = np.array([point[0], 1.0, 0.0, 0.0, 0.0])[:m]
        total_gradient = total_gradient + g * dx2 + v
        total_hessian = total_hessian + g * u * np.outer(v, v) + h * np.outer(dx2, dx2)
    np.testing.assert_allclose(nt.gradient(theta, z, BANANA), total_gradient / 50, atol=1e-12)
    np.testing.assert_allclose(nt.hessian(theta, z, BANANA), total_hessian / 50, atol=1e-12)


def test_push_is_the_coupling_layer():
    z, theta = batch(30), (0.5, -0.3, 0.2, 0.4)
    x, _ = affine_forward(z, lambda v: 0.5 * v[:, :1] - 0.3, lambda v: 0.2 * v[:, :1] + 0.4)
    np.testing.assert_allclose(nt.push(theta, z), x, atol=1e-14)


def test_blocks_do_not_change_the_sums(monkeypatch):
    z = batch(1001)
    whole = nt.derivatives((0.1, 0.2, 0.3, 0.4, 0.5), z, BANANA)
    monkeypatch.setattr(nt, "_BLOCK", 97)
    for one, other in zip(whole, nt.derivatives((0.1, 0.2, 0.3, 0.4, 0.5), z, BANANA), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.law("single-sample-rank")
@pytest.mark.parametrize("name", TARGETS)
def test_one_sample_has_rank_at_most_two(name, rng):
    for _ in range(50):
        H = nt.hessian(rng.standard_normal(4), rng.standard_normal((1, 2)), TARGETS[name])
        size = np.linalg.svd(H, compute_uv=False)
        assert size[2] <= 1e-12 * size[0]


@pytest.mark.law("single-sample-rank")
def test_batch_of_one_stops_at_its_start():
    """S3's sample, where the rows are exact multiples of each other: LAPACK meets a zero pivot."""
    with pytest.raises(np.linalg.LinAlgError, match="Hessian is singular"):
        list(nt.newton([0, 0, 0, 0], [[0.5, -0.2]], BANANA, damped=False))


@pytest.mark.law("single-sample-unbounded")
def test_one_sample_has_no_maximum():
    z = np.array([[0.5, -0.2]])
    for b in (0, 10, 20):  # s = b, and t puts x2 on the ridge of the banana
        d = -0.1 * 0.25 + 0.2 * np.exp(b)
        assert nt.objective([0, b, 0, d], z, BANANA) == pytest.approx(b - 0.125 - np.log(2 * np.pi), abs=1e-6)


@pytest.mark.law("single-sample-unbounded")
def test_three_samples_in_a_special_position_have_no_maximum():
    """With this a the three points (z1, z2 exp(a z1)) lie on one line, so a line t can cancel them for every b."""
    z = np.array([[-1.0, 1.0], [0.0, 0.5], [1.0, 0.2]])
    a = np.log((1 - np.sqrt(0.2)) / 0.4)
    for b in (5, 10, 20):
        wanted = -z[:, 1] * np.exp(a * z[:, 0] + b)
        c, d = np.polyfit(z[:, 0], wanted, 1)
        assert nt.objective([a, b, c, d], z, BANANA) > b - 3


@pytest.mark.law("single-sample-unbounded")
@pytest.mark.parametrize("name", TARGETS)
def test_one_or_two_samples_have_no_stationary_point(name, rng):
    """Where the derivatives in c and d vanish, that in b is 1: found by solving for g = 0, for every target."""
    from scipy.optimize import brentq

    for z in rng.standard_normal((10, 2, 2)):
        b = float(rng.normal())
        slope = lambda x2, x1: TARGETS[name].score([[x1, x2]])[0, 1]  # noqa: E731
        top = [brentq(slope, -50, 50, args=(x1,)) for x1 in z[:, 0]]
        c, d = np.linalg.solve(np.stack([z[:, 0], np.ones(2)], 1), top - z[:, 1] * np.exp(b))
        np.testing.assert_allclose(nt.gradient([0, b, c, d], z, TARGETS[name])[1:], [1, 0, 0], atol=1e-6)
        alone = nt.gradient([0, b, 0, top[0] - z[0, 1] * np.exp(b)], z[:1], TARGETS[name])
        np.testing.assert_allclose(alone[1:], [1, 0, 0], atol=1e-6)


@pytest.mark.law("single-sample-unbounded")
def test_two_samples_have_no_maximum_either():
    z = np.array([[0.5, -0.2], [-1.0, 0.7]])
    for b in (0, 10):
        wanted = -0.1 * z[:, 0] ** 2 - z[:, 1] * np.exp(b)
        c, d = np.linalg.solve(np.stack([z[:, 0], np.ones(2)], 1), wanted)
        expected = b - (z[:, 0] ** 2).mean() / 2 - np.log(2 * np.pi)
        assert nt.objective([0, b, c, d], z, BANANA) == pytest.approx(expected, abs=1e-6)


@pytest.mark.law("newton-method")
def test_undamped_step_solves_the_linear_system():
    z = batch(500)
    start, first, *_ = nt.newton([0.1, 0.2, 0.3, 0.4], z, BANANA, damped=False)
    model = nt.derivatives(start.theta, z, BANANA)
    np.testing.assert_allclose(model.hessian @ (first.theta - start.theta), -model.gradient, atol=1e-12)


@pytest.mark.law("quadratic-convergence")
def test_error_is_at_most_the_constant_times_the_square():
    """C = M |H^-1|, with M, the Lipschitz constant of the Hessian, estimated near the optimum."""
    z, rng = batch(5000), np.random.default_rng(1)
    best = last(nt.newton([0, 0, 0, 0], z, BANANA, tol=1e-14)).theta
    near = best + rng.uniform(-0.1, 0.1, (200, 4))
    H = [nt.hessian(theta, z, BANANA) for theta in near]
    M = max(np.linalg.norm(H[i] - H[i + 1], 2) / np.linalg.norm(near[i] - near[i + 1]) for i in range(199))
    C = M * np.linalg.norm(np.linalg.inv(nt.hessian(best, z, BANANA)), 2)
    start = best + np.array([0.05, 0.05, -0.05, 0.05])
    errors = [np.linalg.norm(s.theta - best) for s in nt.newton(start, z, BANANA, damped=False)]
    steps = [(old, new) for old, new in pairwise(errors) if old > 1e-6]
    assert len(steps) >= 2
    assert all(new <= C * old**2 for old, new in steps)
    assert errors[-1] < 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_at_most_twelve_iterations_from_zero(seed):
    steps = list(nt.newton([0, 0, 0, 0], batch(10_000, seed), BANANA))
    assert len(steps) - 1 <= 12
    assert steps[-1].gradient_norm <= 1e-10


@pytest.mark.law("undamped-overshoot")
@pytest.mark.parametrize("b", [-4.0, -2.0, -1.0, 1.0, 3.0])
def test_step_along_b_is_the_formula(b):
    """On the population objective with a = c = 0 and d = -0.1: b moves by (e^{-2b} - 1) / 2."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    w = np.outer(weights, weights).ravel() / (2 * np.pi)
    z = np.stack(np.meshgrid(nodes, nodes), -1).reshape(-1, 2)
    each = [nt.derivatives([0, b, 0, -0.1], point[None], BANANA) for point in z]
    g = w @ [one.gradient for one in each]  # exact: the integrands are polynomials
    H = np.einsum("n,nij->ij", w, [one.hessian for one in each])
    np.testing.assert_allclose(np.linalg.solve(-H, g), [0, (np.exp(-2 * b) - 1) / 2, 0, 0], rtol=1e-8, atol=1e-8)


@pytest.mark.law("undamped-overshoot")
def test_undamped_crawls_back_overflows_or_finds_a_saddle():
    z = batch()
    back = list(nt.newton([0, -2, 0, 0], z, BANANA, damped=False, max_iter=200))
    assert back[1].theta[1] > 20
    assert len(back) > 40
    assert back[-1].gradient_norm < 1e-10
    lost = list(nt.newton([0, -4, 0, 0], z, BANANA, damped=False))
    assert not np.isfinite(lost[-1].gradient_norm)
    saddle = last(nt.newton([0, 0, 0, 1.0], z, TARGETS["two modes"], damped=False))
    assert saddle.gradient_norm < 1e-10
    assert np.linalg.eigvalsh(nt.hessian(saddle.theta, z, TARGETS["two modes"]))[-1] > 0.5


@pytest.mark.law("trust-region")
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("start", [(0, 0, 0, 1.0), (0, -4, 0, 0), (1, 2, -3, 4), (0, 0, 0, 0, 2)], ids=str)
def test_damped_never_descends_and_ends_at_a_maximum(name, start):
    z, target = batch(), TARGETS[name]
    steps = list(nt.newton(start, z, target, max_iter=200))
    values = np.array([s.value for s in steps])
    assert (np.diff(values) >= -1e-13 * np.abs(values[1:])).all()
    assert steps[-1].gradient_norm <= 1e-10
    assert np.linalg.eigvalsh(nt.hessian(steps[-1].theta, z, target))[-1] <= 1e-9
    for before, after in pairwise(steps):
        moved = np.linalg.norm(after.theta - before.theta)
        assert moved <= before.radius * (1 + 1e-9)
        assert (moved == 0) == (after.step == "rejected")


@pytest.mark.law("trust-region")
def test_damped_climbs_a_single_sample_without_end():
    steps = list(nt.newton([0, 0, 0, 0], [[0.5, -0.2]], BANANA, max_iter=60))
    assert len(steps) == 61
    assert steps[-1].value > steps[0].value + 5
    assert steps[-1].theta[1] > 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nt.objective([0, 0, 0], batch(5), BANANA), "theta: expected a vector of 4 or 5"),
        (lambda: nt.objective([0, 0, 0, np.nan], batch(5), BANANA), "theta: expected finite"),
        (lambda: nt.gradient([0, 0, 0, 0], np.zeros((5, 3)), BANANA), "z: expected shape"),
        (lambda: nt.hessian([0, 0, 0, 0], np.zeros((0, 2)), BANANA), "z: expected at least one"),
        (lambda: nt.newton([0, 0, 0, 0], batch(5), BANANA, radius=0), "radius: expected a finite number above 0"),
        (lambda: nt.newton([0, 0, 0, 0], batch(5), BANANA, tol=-1), "tol: expected a finite number above 0"),
        (lambda: nt.newton([0, 0, 0, 0], batch(5), BANANA, max_iter=0), "max_iter: expected a whole number"),
        (lambda: nt.newton([0] * 3, batch(5), BANANA), "theta0: expected a vector of 4 or 5"),
        (lambda: nt.push([0] * 6, batch(5)), "theta: expected a vector of 4 or 5"),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
