"""Laws of the chapter flows."""

import numpy as np
import pytest
from scipy import stats

from teachkit.change_of_variables import Bijection, affine
from teachkit.coupling import layer
from teachkit.data import Gaussian, Uniform, standard_normal, two_moons
from teachkit.flows import Flow, cross_entropy, kl
from teachkit.jacobian import log_abs_det

EXP = Bijection(lambda z: (np.exp(z), np.asarray(z)[:, 0]), lambda x: (np.log(x), -np.log(np.asarray(x)[:, 0])))
CHAIN = [affine([[0.5]], [0.0]), affine([[1.0]], [1.0]), EXP]  # the chapter's chain: z/2, + 1, exp
STACK = [
    layer(lambda z: np.sin(z[:, :1]), lambda z: np.cos(z[:, :1]), (1, 0)),
    layer(lambda z: 0.5 * np.tanh(z[:, 1:]), lambda z: z[:, 1:] ** 2 / 4, (0, 1)),
    affine([[2.0, 1.0], [1.0, 3.0]], [0.0, -1.0]),
]


@pytest.mark.law("normalizing-flow")
def test_path_sample_and_latent_are_one_map(rng):
    flow = Flow(standard_normal(2), STACK)
    z = flow.base.sample(100, np.random.default_rng(7))
    *_, x = flow.path(z)
    assert len(list(flow.path(z))) == len(STACK) + 1
    np.testing.assert_array_equal(x, flow.sample(100, np.random.default_rng(7)))
    np.testing.assert_allclose(flow.latent(x), z, atol=1e-12)


@pytest.mark.law("flow-log-density")
def test_chain_is_log_normal():
    flow, x = Flow(standard_normal(1), CHAIN), np.linspace(0.2, 12, 50)[:, None]
    np.testing.assert_allclose(np.exp(flow.log_prob(x)), stats.lognorm(0.5, scale=np.e).pdf(x[:, 0]), rtol=1e-12)


@pytest.mark.law("flow-log-density")
def test_minus_the_sum_of_forward_log_dets(rng):
    flow, z = Flow(standard_normal(2), STACK), rng.standard_normal((40, 2))
    x, total = z, 0.0
    for one in STACK:
        total = total + log_abs_det(lambda y, one=one: one.forward(y)[0], x)
        x, _ = one.forward(x)
    np.testing.assert_allclose(flow.log_prob(x), flow.base.log_prob(z) - total, atol=1e-8)


@pytest.mark.law("flow-log-density")
def test_density_of_a_stack_integrates_to_one():
    flow = Flow(standard_normal(2), STACK)
    side = np.linspace(-60, 60, 1201)
    total = sum(np.exp(flow.log_prob(np.stack([np.full(1201, x), side], 1))).sum() for x in side)
    assert total * 0.1**2 == pytest.approx(1, abs=1e-3)


@pytest.mark.law("mle-is-kl")
def test_cross_entropy_is_entropy_plus_kl(rng):
    p, q = Gaussian([0.0, 0.0], [[1.0, 0.3], [0.3, 0.5]]), Gaussian([0.5, -0.2], np.eye(2))
    inside = np.linalg.inv(q.cov) @ p.cov
    gap = q.mean - p.mean
    exact = 0.5 * (np.trace(inside) + gap @ gap - 2 - np.log(np.linalg.det(inside)))
    entropy = 0.5 * np.log(np.linalg.det(2 * np.pi * np.e * p.cov))
    estimate = cross_entropy(q, p.sample(200_000, rng))
    assert estimate.value == pytest.approx(entropy + exact, abs=5 * estimate.error)
    by_sample = kl(p, q, 200_000, rng)
    assert by_sample.value == pytest.approx(exact, abs=5 * by_sample.error)
    assert by_sample.error < 5e-3


@pytest.mark.law("flow-training")
def test_best_scale_of_a_flow_is_the_sample_deviation(rng):
    x = 3 * rng.standard_normal((500, 1))
    scales = np.linspace(2, 4, 401)
    losses = [cross_entropy(Flow(standard_normal(1), [affine([[s]], [0.0])]), x).value for s in scales]
    assert scales[np.argmin(losses)] == pytest.approx(np.sqrt((x**2).mean()), abs=0.005)


@pytest.mark.law("kl-invariance")
def test_kl_is_the_same_on_both_sides(rng):
    """By sample on the data's side, in closed form for normal laws on the side of the codes."""
    A, b = np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0.0, -1.0])
    data, flow = Gaussian([1.0, 0.5], [[2.0, 0.3], [0.3, 1.0]]), Flow(standard_normal(2), [affine(A, b)])
    mean, cov = np.linalg.solve(A, data.mean - b), np.linalg.inv(A) @ data.cov @ np.linalg.inv(A).T
    exact = 0.5 * (np.trace(cov) + mean @ mean - 2 - np.log(np.linalg.det(cov)))
    by_sample = kl(data, flow, 200_000, rng)
    assert by_sample.value == pytest.approx(exact, abs=5 * by_sample.error)
    assert by_sample.error < 5e-3


@pytest.mark.law("entropy-identity")
def test_entropy_grows_by_the_mean_log_det(rng):
    flow, z = Flow(standard_normal(1), CHAIN), rng.standard_normal((400_000, 1))
    _, log_det = flow.bijection.forward(z)
    entropy_z, error = 0.5 * np.log(2 * np.pi * np.e), log_det.std() / np.sqrt(len(z))
    assert entropy_z + log_det.mean() == pytest.approx(stats.lognorm(0.5, scale=np.e).entropy(), abs=5 * error)


@pytest.mark.law("flow-sampling")
def test_samples_follow_the_flow_density(rng):
    flow, n = Flow(standard_normal(1), CHAIN), 100_000
    assert stats.kstest(flow.sample(n, rng)[:, 0], stats.lognorm(0.5, scale=np.e).cdf).pvalue > 1e-3


@pytest.mark.law("flow-training")
def test_gradient_ascent_on_the_likelihood_recovers_the_law(rng):
    x, theta = 3 + 2 * rng.standard_normal((4000, 1)), np.zeros(2)

    def loss(log_s, b):
        return cross_entropy(Flow(standard_normal(1), [affine([[np.exp(log_s)]], [b])]), x).value

    for _ in range(200):
        z = (x[:, 0] - theta[1]) * np.exp(-theta[0])
        gradient = np.array([(z**2 - 1).mean(), z.mean() * np.exp(-theta[0])])
        numeric = [(loss(theta[0] - h, theta[1]) - loss(theta[0] + h, theta[1])) / (2 * h) for h in [1e-5]]
        assert gradient[0] == pytest.approx(numeric[0], abs=1e-6)
        theta = theta + 0.5 * gradient
    assert np.exp(theta[0]) == pytest.approx(x.std(), rel=1e-4)
    assert theta[1] == pytest.approx(x.mean(), rel=1e-4)


def test_a_sample_of_density_zero_makes_the_divergence_infinite(rng):
    narrow, wide = Uniform([0.0], [1.0]), Uniform([0.0], [2.0])
    value, error = kl(wide, narrow, 100, rng)
    assert value == np.inf
    assert np.isnan(error)
    assert cross_entropy(narrow, [[0.5], [1.5]]).value == np.inf
    assert kl(narrow, wide, 100, rng) == (pytest.approx(np.log(2)), pytest.approx(0, abs=1e-15))


def test_kl_of_a_law_with_itself_is_zero(rng):
    assert kl(two_moons(), two_moons(), 1000, rng).value == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Flow(standard_normal(1), []), "layers: expected at least one"),
        (lambda: Flow(standard_normal(1), EXP), "layers: expected a list of Bijection, got one Bijection"),
        (lambda: Flow(standard_normal(1), [EXP, np.exp]), r"layers\[1\]: expected Bijection, got ufunc"),
        (lambda: cross_entropy(standard_normal(1), [[1.0]]), "x: expected at least two"),
        (lambda: kl(standard_normal(1), standard_normal(1), 1, np.random.default_rng(0)), "n: expected a whole number"),
        (lambda: Flow(standard_normal(1), CHAIN).log_prob([[np.inf]]), "x: expected finite"),
    ],
)
def test_bad_input_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()
