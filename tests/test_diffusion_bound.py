"""The variational bound: its split, its terms for normal laws, its weights, the best variance, exact chains."""

import numpy as np
import pytest

from teachkit import diffusion_bound as bounds
from teachkit.data import Mixture
from teachkit.diffusion_forward import posterior, q_sample, q_step, reverse_conditional
from teachkit.diffusion_reverse import ideal_denoiser
from teachkit.diffusion_schedule import Schedule, cosine_schedule, linear_schedule
from teachkit.likelihood import gaussian_kl
from teachkit.transport import gaussian_w2

TWO = Schedule([0.36, 0.75])
LONG = linear_schedule(40, 1e-3, 0.3)
NODES, SHARES = np.polynomial.hermite_e.hermegauss(60)
SHARES = SHARES / SHARES.sum()


def curved(x, t):
    return np.sin(x) / (1 + t) + 0.3 * x


def log_normal(x, mean, var):
    return -0.5 * ((x - mean) ** 2 / var + np.log(2 * np.pi * var))


def sigma2(schedule, variance):
    out = bounds.reverse_variance(schedule, variance).copy()
    out[1] = out[1] or schedule.beta[1]
    return out


def expected(x0, schedule, variance, denoiser=curved):
    """The terms at one number x0, with the mean over the noise by quadrature in place of draws."""
    weights, var = bounds.bound_weights(schedule, variance), sigma2(schedule, variance)
    eps = NODES[:, None]
    steps = np.zeros(schedule.T + 1)
    for t in range(1, schedule.T + 1):
        seen = denoiser(q_sample(np.full_like(eps, x0), t, eps, schedule), t)
        steps[t] = weights[t] * SHARES @ ((eps - seen) ** 2)[:, 0]
        if t > 1:
            steps[t] += gaussian_kl(0.0, schedule.posterior_variance[t] ** 0.5, 0.0, var[t] ** 0.5)
    steps[1] += 0.5 * np.log(2 * np.pi * var[1])
    last = gaussian_kl(schedule.abar[-1] ** 0.5 * x0, (1 - schedule.abar[-1]) ** 0.5, 0.0, 1.0)
    return bounds.Bound(float(last), steps)


@pytest.mark.law("bound-split")
@pytest.mark.parametrize("variance", ["posterior", "beta", [0, 0.5, 0.2]], ids=str)
def test_terms_sum_to_the_mean_log_ratio_of_the_two_chains(variance):
    """E log q(x_1, x_2 | x_0) / p(x_0, x_1, x_2), by quadrature over both steps of the chain, knows no terms."""
    x0, var = 0.7, sigma2(TWO, variance)
    e1, e2 = (e.reshape(-1, 1) for e in np.meshgrid(NODES, NODES, indexing="ij"))
    x1 = q_step(np.full_like(e1, x0), 1, e1, TWO)
    x2 = q_step(x1, 2, e2, TWO)
    log_q = log_normal(x1, TWO.alpha[1] ** 0.5 * x0, TWO.beta[1])
    log_q += log_normal(x2, TWO.alpha[2] ** 0.5 * x1, TWO.beta[2])
    log_p = log_normal(x2, 0.0, 1.0)
    for t, (after, before) in {2: (x1, x2), 1: (np.full_like(x1, x0), x1)}.items():
        log_p = log_p + log_normal(after, bounds.reverse_mean(curved(before, t), before, t, TWO), var[t])
    ratio = np.outer(SHARES, SHARES).ravel() @ (log_q - log_p)[:, 0]
    assert expected(x0, TWO, variance).total == pytest.approx(ratio, rel=1e-10)


@pytest.mark.law("bound-split")
@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_drawn_terms_agree_with_their_means(variance, rng):
    drawn = bounds.bound(curved, np.full((100_000, 1), 0.7), TWO, rng, variance)
    exact = expected(0.7, TWO, variance)
    assert drawn.prior == pytest.approx(exact.prior, rel=1e-12)
    np.testing.assert_allclose(drawn.steps, exact.steps, rtol=0.02)
    assert drawn.steps[0] == 0


@pytest.mark.law("bound-split")
@pytest.mark.law("reverse-model")
@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_the_bound_lies_above_the_negative_log_likelihood(variance):
    var, grid = sigma2(TWO, variance), np.linspace(-12, 12, 3001)
    h = grid[1] - grid[0]
    back = bounds.reverse_mean(curved(grid[:, None], 2), grid[:, None], 2, TWO)[:, 0]
    p1 = h * np.exp(log_normal(grid[:, None], back, var[2])) @ np.exp(log_normal(grid, 0, 1))
    back = bounds.reverse_mean(curved(grid[:, None], 1), grid[:, None], 1, TWO)[:, 0]
    for x0 in (-1.0, 0.2, 2.0):
        log_p0 = np.log(h * np.exp(log_normal(x0, back, var[1])) @ p1)
        assert -log_p0 < expected(x0, TWO, variance).total < -log_p0 + 3


@pytest.mark.law("bound-kl")
@pytest.mark.parametrize("schedule", [TWO, LONG, cosine_schedule(30)], ids=repr)
def test_step_back_with_the_true_noise_is_the_posterior_mean(schedule, rng):
    x0, eps = rng.standard_normal((2, schedule.T, 3, 2))
    t = np.arange(1, schedule.T + 1)
    xt = q_sample(x0, t, eps, schedule)
    mean, _ = posterior(x0, xt, t, schedule)
    np.testing.assert_allclose(bounds.reverse_mean(eps, xt, t, schedule), mean, rtol=1e-9, atol=1e-10)


@pytest.mark.law("bound-kl")
@pytest.mark.law("loss-reweights")
@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_kl_of_a_step_is_its_weight_times_the_squared_error_of_the_noise(variance, rng):
    x0, eps, seen = rng.standard_normal((3, 5, 4))
    weights, var = bounds.bound_weights(LONG, variance), bounds.reverse_variance(LONG, variance)
    for t in (2, 7, 40):
        xt = q_sample(x0, t, eps, LONG)
        mean, spread = posterior(x0, xt, t, LONG)
        back = bounds.reverse_mean(seen, xt, t, LONG)
        kl = gaussian_kl(mean, spread**0.5, back, var[t] ** 0.5).sum(1)
        free = 4 * gaussian_kl(0.0, spread**0.5, 0.0, var[t] ** 0.5)
        np.testing.assert_allclose(kl, weights[t] * ((eps - seen) ** 2).sum(1) + free, rtol=1e-9)


@pytest.mark.law("loss-reweights")
@pytest.mark.parametrize("schedule", [TWO, linear_schedule(), cosine_schedule()], ids=repr)
def test_weights_are_half_the_relative_loss_of_signal_to_noise(schedule):
    snr = schedule.snr
    weights = bounds.bound_weights(schedule)
    np.testing.assert_allclose(weights[2:], (snr[1:-1] / snr[2:] - 1) / 2, rtol=1e-6)
    assert weights[1] == pytest.approx(1 / (2 * schedule.alpha[1]))


@pytest.mark.law("simple-loss")
def test_simple_loss_is_the_squared_length_over_the_dimension(rng):
    eps, seen = rng.standard_normal((2, 7, 3, 2))
    lengths = np.linalg.norm((eps - seen).reshape(7, -1), axis=1) ** 2
    assert bounds.simple_loss(seen, eps) == pytest.approx(lengths.mean() / 6, rel=1e-14)
    assert bounds.simple_loss(eps, eps) == 0


@pytest.mark.law("best-variance")
def test_no_variance_has_a_smaller_term_than_the_best_one():
    law = Mixture([0.3, 0.7], [[-0.8], [0.5]], [0.1, 0.2])
    denoiser, t, d = ideal_denoiser(law, LONG), 9, 1
    error = _noise_error(law, denoiser, t, LONG)
    scale = LONG.beta[t] ** 2 / (LONG.alpha[t] * (1 - LONG.abar[t]))
    best = LONG.posterior_variance[t] + scale * error / d

    def term(var):
        ratio = LONG.posterior_variance[t] / var
        return scale * error / (2 * var) + d / 2 * (ratio - 1 - np.log(ratio))

    assert term(best) < min(term(best * 0.99), term(best * 1.01))
    # The mean variance of x_{t-1} given x_t, from the exact reverse law.
    x = np.linspace(-5, 5, 2001)
    laws = [reverse_conditional(law, [value], t, LONG) for value in x]
    variances = [m.weights @ (m.stds**2 + (m.means[:, 0] - m.weights @ m.means[:, 0]) ** 2) for m in laws]
    a2 = LONG.abar[t]
    density = Mixture(law.weights, a2**0.5 * law.means, np.sqrt(a2 * law.stds**2 + 1 - a2)).log_prob(x[:, None])
    assert best == pytest.approx((x[1] - x[0]) * np.exp(density) @ variances, rel=1e-8)


def _noise_error(law, denoiser, t, schedule):
    """E (eps - eps*)^2 by quadrature over the component, its spread and the noise."""
    a, s = schedule.abar[t] ** 0.5, (1 - schedule.abar[t]) ** 0.5
    total = 0.0
    u, e = (v.ravel() for v in np.meshgrid(NODES, NODES, indexing="ij"))
    for w, m, std in zip(law.weights, law.means[:, 0], law.stds, strict=True):
        seen = denoiser((a * (m + std * u) + s * e)[:, None], t)[:, 0]
        total += w * np.outer(SHARES, SHARES).ravel() @ (e - seen) ** 2
    return total


@pytest.mark.law("best-variance")
@pytest.mark.parametrize("t", [2, 9, 25, 40])
def test_best_variance_lies_between_the_two_choices(t):
    """For data of second moment at most 1: at one end for a point, at the other for N(0, 1)."""
    scale = LONG.beta[t] ** 2 / (LONG.alpha[t] * (1 - LONG.abar[t]))
    low, high = LONG.posterior_variance[t], LONG.beta[t]
    law = Mixture([0.5, 0.5], [[-0.6], [0.6]], 0.3)
    best = low + scale * _noise_error(law, ideal_denoiser(law, LONG), t, LONG)
    assert low < best < high
    normal = Mixture([1.0], [[0.0]], 1.0)
    assert low + scale * _noise_error(normal, ideal_denoiser(normal, LONG), t, LONG) == pytest.approx(high, rel=1e-12)
    point = Mixture([1.0], [[0.5]], 1e-9)
    assert low + scale * _noise_error(point, ideal_denoiser(point, LONG), t, LONG) == pytest.approx(low, rel=1e-9)


@pytest.mark.law("best-variance")
def test_bound_is_sharp_for_a_standard_normal_and_beta():
    exact = ideal_denoiser(Mixture([1.0], [[0.0]], 1.0), LONG)
    for x0 in (-1.3, 0.0, 2.0):
        assert expected(x0, LONG, "beta", exact).total == pytest.approx(-log_normal(x0, 0.0, 1.0), rel=1e-12)


@pytest.mark.law("noise-at-one")
@pytest.mark.parametrize(("mean", "var"), [(0.0, 1.0), (0.7, 0.2), (-2.0, 0.0)])
def test_noise_in_the_last_step_adds_its_variance(mean, var):
    m, v = bounds.normal_chain(mean, var, LONG, "beta")
    m_left, v_left = bounds.normal_chain(mean, var, LONG, "beta", noise_at_one=True)
    assert v_left[0] - v[0] == pytest.approx(LONG.beta[1], rel=1e-12)
    np.testing.assert_array_equal(m, m_left)
    np.testing.assert_array_equal(v[1:], v_left[1:])
    np.testing.assert_array_equal(
        bounds.normal_chain(mean, var, LONG), bounds.normal_chain(mean, var, LONG, noise_at_one=True)
    )


@pytest.mark.law("noise-at-one")
def test_w2_of_a_normal_law_grows_by_the_difference_of_the_deviations():
    _, v = bounds.normal_chain(0.7, 0.2, LONG, "beta")
    _, left = bounds.normal_chain(0.7, 0.2, LONG, "beta", noise_at_one=True)
    distance = gaussian_w2([0.7], [[v[0]]], [0.7], [[left[0]]])
    assert distance == pytest.approx((v[0] + LONG.beta[1]) ** 0.5 - v[0] ** 0.5, rel=1e-6)
    assert distance < LONG.beta[1] ** 0.5 / 10


def test_normal_chain_ends_at_the_data_when_steps_are_small():
    for T, most in ((50, 0.05), (2000, 0.002)):
        schedule = linear_schedule(T, 0.1 / T, 20 / T)
        m, v = bounds.normal_chain(0.7, 0.2, schedule)
        assert abs(m[0] - 0.7) < most
        assert abs(v[0] - 0.2) < most


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bounds.reverse_variance(TWO, "both"), "variance: expected"),
        (lambda: bounds.reverse_variance(TWO, [0, 1]), r"variance: expected shape \[3\]"),
        (lambda: bounds.reverse_variance(TWO, [0, 1, -1]), "variance: expected numbers of at least 0"),
        (lambda: bounds.bound_weights(TWO, [0, 1, 0]), "variance: expected numbers above 0"),
        (lambda: bounds.simple_loss([[1.0]], [[1.0, 2.0]]), "predicted: expected shape"),
        (lambda: bounds.reverse_mean([[1.0]], [[1.0]], 3, TWO), "t: expected"),
        (lambda: bounds.reverse_mean([[1.0]], [[1.0]], 0, TWO), "t: expected"),
        (lambda: bounds.bound(curved, [[np.nan]], TWO, np.random.default_rng(0)), "x0: expected finite"),
        (lambda: bounds.bound(curved, [[1.0]], TWO, 0), "rng: expected"),
        (lambda: bounds.bound(curved, 1.0, TWO, np.random.default_rng(0)), "x0: expected shape"),
        (lambda: bounds.reverse_mean(1.0, 1.0, 1, TWO), "xt: expected shape"),
        (lambda: bounds.bound(lambda x, t: x[0], [[1.0]], TWO, np.random.default_rng(0)), "denoiser: expected"),
        (lambda: bounds.normal_chain(0.0, -1.0, TWO), "var: expected"),
    ],
)
def test_wrong_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
