"""Laws of the chapter diffusion_forward: the chain, its jumps, its posteriors, and what a normal step back costs."""

import numpy as np
import pytest

from teachkit.data import Gaussian, Mixture
from teachkit.diffusion_forward import (
    Schedule,
    cosine_schedule,
    linear_schedule,
    marginal,
    normal_step_cost,
    posterior,
    prior_kl,
    q_sample,
    q_step,
    reverse_conditional,
)
from teachkit.likelihood_density import density_kl

HAND = Schedule([0.36, 0.75])  # alpha 0.64, 0.25 and abar 0.64, 0.16: the chapter's two steps
ENDS = np.array([[-1.0], [1.0]])
LAWS = {
    "points": np.array([[0.3, -1.2], [2.0, 0.5], [-0.7, 0.1]]),
    "mixture": Mixture([0.2, 0.8], [[-1.0, 0.5], [1.0, 2.0]], [0.1, 0.7]),
    "normal": Gaussian([1.0, -2.0], [[1.5, 0.6], [0.6, 0.5]]),
}


def random_schedule(rng, T=7):
    return Schedule(rng.uniform(0.05, 0.6, T))


def moments(law):
    """Mean and variance of a law on the line."""
    if isinstance(law, Gaussian):
        return law.mean[0], law.cov[0, 0]
    mean = law.weights @ law.means[:, 0]
    return mean, law.weights @ (law.stds**2 + (law.means[:, 0] - mean) ** 2)


@pytest.mark.law("forward-chain")
def test_one_step_by_hand_and_its_moments(rng):
    assert q_step([[10.0]], 1, [[-1.0]], HAND)[0, 0] == pytest.approx(0.8 * 10 - 0.6, abs=1e-14)
    x = q_step(np.full((200_000, 1), 3.0), 2, rng.standard_normal((200_000, 1)), HAND)
    assert x.mean() == pytest.approx(1.5, abs=0.01)
    assert x.var() == pytest.approx(0.75, abs=0.01)


@pytest.mark.law("forward-kernel")
def test_the_jump_is_the_chain_with_its_noises_added_up(rng):
    """The chain is linear in x_0 and the noises: the coefficients' squares must sum to 1 - abar."""
    schedule, T = random_schedule(rng), 7
    coefficients = []
    for which in range(T + 1):  # 0 is x_0, t the noise of step t
        x = np.full((1, 1), float(which == 0))
        for t in range(1, T + 1):
            x = q_step(x, t, [[float(which == t)]], schedule)
        coefficients.append(x[0, 0])
    assert coefficients[0] == pytest.approx(np.sqrt(schedule.abar[T]), rel=1e-12)
    assert np.square(coefficients[1:]).sum() == pytest.approx(1 - schedule.abar[T], rel=1e-12)
    assert q_sample([[1.0]], T, [[0.0]], schedule)[0, 0] == pytest.approx(coefficients[0], rel=1e-12)
    assert q_sample([[0.0]], T, [[1.0]], schedule)[0, 0] ** 2 == pytest.approx(1 - schedule.abar[T], rel=1e-12)


@pytest.mark.law("forward-kernel")
def test_samples_of_the_chain_have_the_law_of_the_jump(rng):
    schedule = random_schedule(rng, T=4)
    x = np.full((100_000, 1), 2.0)
    for t in range(1, 5):
        x = q_step(x, t, rng.standard_normal(x.shape), schedule)
    jump = q_sample(np.full_like(x, 2.0), 4, rng.standard_normal(x.shape), schedule)
    levels = np.linspace(0.02, 0.98, 25)
    assert np.abs(np.quantile(x, levels) - np.quantile(jump, levels)).max() < 0.03


@pytest.mark.law("forward-kernel")
def test_rows_can_have_their_own_steps(rng):
    schedule, x0, eps = linear_schedule(20), rng.standard_normal((3, 2, 4)), rng.standard_normal((3, 2, 4))
    t = np.array([1, 20, 7])
    for i in range(3):
        one = slice(i, i + 1)
        for f in (q_sample, q_step):
            assert np.array_equal(f(x0, t, eps, schedule)[one], f(x0[one], int(t[i]), eps[one], schedule))
        mean, var = posterior(x0, eps, t, schedule)
        alone, its = posterior(x0[one], eps[one], int(t[i]), schedule)
        assert np.array_equal(mean[one], alone)
        assert var[i] == its


@pytest.mark.law("forward-marginal")
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_marginal_has_the_moments_and_quantiles_of_samples(law, rng):
    schedule, n = random_schedule(rng), 100_000
    x0 = law[rng.integers(len(law), size=n)] if isinstance(law, np.ndarray) else law.sample(n, rng)
    x = q_sample(x0, 3, rng.standard_normal(x0.shape), schedule)
    same = marginal(law, 3, schedule).sample(n, rng)
    for direction in ([1.0, 0.0], [0.6, 0.8]):
        a, b = (np.quantile(z @ direction, np.linspace(0.02, 0.98, 25)) for z in (x, same))
        assert np.abs(a - b).max() < 0.04
    expected = schedule.abar[3] * np.cov(x0.T) + (1 - schedule.abar[3]) * np.eye(2)
    assert np.cov(x.T) == pytest.approx(expected, abs=0.03)


@pytest.mark.law("forward-marginal")
def test_marginals_by_hand():
    one, two = marginal(ENDS, 1, HAND), marginal(ENDS, 2, HAND)
    assert np.abs(one.means).ravel() == pytest.approx([0.8, 0.8], abs=1e-14)
    assert one.stds**2 == pytest.approx([0.36, 0.36], abs=1e-14)
    assert np.abs(two.means).ravel() == pytest.approx([0.4, 0.4], abs=1e-14)
    assert two.stds**2 == pytest.approx([0.84, 0.84], abs=1e-14)


@pytest.mark.law("forward-marginal")
def test_step_zero_is_the_law_itself(rng):
    x = rng.standard_normal((5, 2))
    for law in (LAWS["mixture"], LAWS["normal"]):
        assert marginal(law, 0, HAND).log_prob(x) == pytest.approx(law.log_prob(x), rel=1e-12)


@pytest.mark.law("signal-to-noise")
def test_signal_to_noise_is_the_ratio_of_variances(rng):
    schedule, x0, eps = random_schedule(rng), rng.standard_normal((50_000, 1)), rng.standard_normal((50_000, 1))
    signal, noise = q_sample(x0, 5, 0 * eps, schedule).var(), q_sample(0 * x0, 5, eps, schedule).var()
    assert schedule.snr[5] == pytest.approx(signal / noise, rel=0.05)
    assert schedule.snr[0] == np.inf
    assert (np.diff(schedule.snr) < 0).all()
    assert schedule.abar[1:] == pytest.approx(schedule.snr[1:] / (1 + schedule.snr[1:]), rel=1e-12)


@pytest.mark.law("prior-limit")
def test_distance_to_noise_is_below_both_bounds(rng):
    for _ in range(5):
        schedule = random_schedule(rng, T=4)
        law, points = marginal(ENDS, 4, schedule), prior_kl(ENDS, schedule)
        exact = density_kl(law.log_prob, Gaussian([0.0], [[1.0]]).log_prob, -9, 9).value
        a = schedule.abar[-1]
        assert 0 < exact <= points.mean() <= a / 2 * (1 + a / (2 * (1 - a))) + 1e-12
        assert a <= np.exp(-schedule.beta.sum())


@pytest.mark.law("prior-limit")
def test_distance_to_noise_of_one_point_by_quadrature(rng):
    schedule = random_schedule(rng, T=2)
    law = marginal([[1.7]], 2, schedule)
    exact = density_kl(law.log_prob, Gaussian([0.0], [[1.0]]).log_prob, -9, 9).value
    assert prior_kl([[1.7]], schedule)[0] == pytest.approx(exact, rel=1e-9)
    assert prior_kl([[[1.7, 0.0]]], schedule)[0] == pytest.approx(exact + prior_kl([[0.0]], schedule)[0], rel=1e-9)


@pytest.mark.law("forward-posterior")
def test_posterior_is_bayes_rule_on_a_grid(rng):
    """q(x_{t-1} | x_t, x_0) is q(x_t | x_{t-1}) q(x_{t-1} | x_0), normalised."""
    schedule, grid = random_schedule(rng), np.linspace(-12, 12, 4001)
    for t in (2, 4, 7):
        x0, xt = rng.standard_normal(2)
        log = -((xt - np.sqrt(schedule.alpha[t]) * grid) ** 2) / (2 * schedule.beta[t])
        log -= (grid - np.sqrt(schedule.abar[t - 1]) * x0) ** 2 / (2 * (1 - schedule.abar[t - 1]))
        mass = np.exp(log - log.max()) / np.exp(log - log.max()).sum()
        mean, var = posterior([[x0]], [[xt]], t, schedule)
        assert mean[0, 0] == pytest.approx(mass @ grid, rel=1e-10)
        assert var == pytest.approx(mass @ (grid - mass @ grid) ** 2, rel=1e-9)


@pytest.mark.law("forward-posterior")
def test_posterior_by_hand_and_at_the_first_step():
    mean, var = posterior([[1.0]], [[0.4]], 2, HAND)
    assert (mean[0, 0], var) == pytest.approx(((10 * 1 + 3 * 0.4) / 14, 9 / 28), rel=1e-14)
    mean, var = posterior([[1.0]], [[7.0]], 1, HAND)
    assert mean[0, 0] == pytest.approx(1.0, abs=1e-14)
    assert var == 0.0


@pytest.mark.law("reverse-conditional")
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_reverse_conditional_is_bayes_rule(law, rng):
    """log q(x_{t-1} | x_t) + log q(x_t) = log q(x_t | x_{t-1}) + log q(x_{t-1}) at every pair."""
    schedule, t = random_schedule(rng), 3
    x, xt = rng.standard_normal((6, 2)), rng.standard_normal(2)
    step = Gaussian(xt, schedule.beta[t] * np.eye(2)).log_prob(np.sqrt(schedule.alpha[t]) * x)
    left = reverse_conditional(law, xt, t, schedule).log_prob(x) + marginal(law, t, schedule).log_prob(xt[None])
    assert left == pytest.approx(step + marginal(law, t - 1, schedule).log_prob(x), rel=1e-10)


@pytest.mark.law("reverse-conditional")
def test_reverse_conditional_of_points_mixes_their_posteriors():
    law = reverse_conditional(ENDS, [0.4], 2, HAND)
    means, var = posterior(ENDS, [[0.4], [0.4]], 2, HAND)
    assert law.means == pytest.approx(means, rel=1e-12)
    assert law.stds**2 == pytest.approx([var, var], rel=1e-12)
    assert law.weights[1] == pytest.approx(1 / (1 + np.exp(-0.8 * 0.4 / 0.84)), rel=1e-12)


@pytest.mark.law("reverse-variance-range")
def test_variance_of_a_step_back_lies_between_the_two_choices(rng):
    schedule, t = random_schedule(rng), 4
    small, large = schedule.posterior_variance[t], schedule.beta[t]
    assert moments(reverse_conditional([[0.7]], [1.3], t, schedule))[1] == pytest.approx(small, rel=1e-12)
    unit = reverse_conditional(Gaussian([0.0], [[1.0]]), [1.3], t, schedule)
    assert moments(unit)[1] == pytest.approx(large, rel=1e-12)
    for law in (ENDS, Mixture([0.3, 0.7], [[-0.9], [0.8]], [0.3, 0.1])):
        grid = np.linspace(-8, 8, 801)
        mass = np.exp(marginal(law, t, schedule).log_prob(grid[:, None]))
        spread = [moments(reverse_conditional(law, [y], t, schedule))[1] for y in grid]
        assert small < mass / mass.sum() @ spread < large


@pytest.mark.law("reverse-variance-range")
def test_variance_at_one_point_can_exceed_both():
    """At x_2 = 0 of the chapter's example: 9/28 + (10/14)^2 > 0.75."""
    variance = moments(reverse_conditional(ENDS, [0.0], 2, HAND))[1]
    assert variance == pytest.approx(9 / 28 + (10 / 14) ** 2, rel=1e-12)
    assert variance > HAND.beta[2]


@pytest.mark.law("two-humps")
@pytest.mark.parametrize("beta", [0.01, 0.05, 0.1, 0.2, 0.4, 0.75, 0.95])
def test_two_humps_come_exactly_beyond_the_threshold(beta, rng):
    for a in rng.uniform(0.2, 0.95, 10):
        schedule = Schedule.from_abar([1.0, a, a * (1 - beta)])
        grid = np.linspace(-1.5, 1.5, 3001)[:, None]
        log = reverse_conditional(ENDS, [0.0], 2, schedule).log_prob(grid)
        humps = ((log[1:-1] > log[:-2]) & (log[1:-1] > log[2:])).sum()
        gap = schedule.snr[1] / (1 - a) - 1 / (1 - a) - (1 - beta) / beta
        assert abs(gap) < 0.01 or humps == (2 if gap > 0 else 1)


@pytest.mark.law("normal-step-cost")
@pytest.mark.parametrize("variance", [None, 0.75, 9 / 28])
def test_cost_of_a_normal_step_is_the_mean_divergence(variance):
    """Against KL by quadrature at each x_2, averaged over a grid of x_2."""
    grid = np.linspace(-6, 6, 121)
    mass = np.exp(marginal(ENDS, 2, HAND).log_prob(grid[:, None]))
    total = 0.0
    for y, share in zip(grid, mass / mass.sum(), strict=True):
        law = reverse_conditional(ENDS, [y], 2, HAND)
        mean, var = moments(law)
        factor = 1 + 0.75 * marginal(ENDS, 2, HAND).hessian(np.array([[y]])).item()
        assert var == pytest.approx(0.75 / 0.25 * factor, rel=1e-9)
        normal = Gaussian([mean], [[var if variance is None else variance]])
        total += share * density_kl(law.log_prob, normal.log_prob, -7, 7).value
    assert normal_step_cost(ENDS, 2, HAND, variance) == pytest.approx(total, rel=1e-6)


@pytest.mark.law("normal-step-cost")
def test_normal_data_cost_nothing_and_small_steps_little(rng):
    law = Mixture([0.5, 0.5], ENDS, 0.1)
    assert normal_step_cost(Gaussian([0.3], [[0.5]]), 3, random_schedule(rng)) == pytest.approx(0, abs=1e-12)
    costs = [sum(normal_step_cost(law, t, cosine_schedule(T)) for t in range(1, T + 1)) for T in (8, 32, 128)]
    assert costs[0] > 5 * costs[1] > 25 * costs[2] > 0
    wide = Mixture([0.5, 0.5], ENDS, 0.6)
    one = [normal_step_cost(wide, 1, Schedule([b])) for b in (0.004, 0.002)]
    assert one[0] / one[1] == pytest.approx(8, rel=0.05)  # the cube of beta
    x = np.linspace(-6, 6, 4001)
    third, mass = np.gradient(wide.hessian(x[:, None]).ravel(), x), np.exp(wide.log_prob(x[:, None]))
    assert one[1] / 0.002**3 == pytest.approx(mass / mass.sum() @ third**2 / 12, rel=0.03)


LINE = Gaussian([0.0], [[1.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: q_sample([[1.0]], 3, [[0.0]], HAND), "t: expected a step from 1 to 2, got 3"),
        (lambda: q_sample([[1.0]], 0, [[0.0]], HAND), "t: expected a whole number of at least 1, got 0"),
        (lambda: q_sample([[1.0]], np.array([0]), [[0.0]], HAND), "t: expected steps from 1 to 2, got 0 to 0"),
        (lambda: q_sample([[1.0]], np.array([1, 2]), [[0.0]], HAND), "t: expected one whole number or 1 of them"),
        (lambda: q_sample([[1.0]], np.array([1.0]), [[0.0]], HAND), "t: expected one whole number or 1 of them"),
        (lambda: q_sample([[1.0]], 1, [0.0], HAND), "eps: expected the shape of x0"),
        (lambda: q_step([1.0], 1, [0.0], HAND), r"x: expected shape \[n, ...\], got"),
        (lambda: q_step([[np.nan]], 1, [[0.0]], HAND), "x: expected finite numbers"),
        (lambda: posterior([[1.0]], [[1.0, 2.0]], 1, HAND), "xt: expected the shape of x0"),
        (lambda: posterior([[1.0]], [[1.0]], 0, HAND), "t: expected"),
        (lambda: marginal(ENDS, 0, HAND), "t: expected a whole number of at least 1"),
        (lambda: marginal(LINE, -1, HAND), "t: expected a whole number of at least 0"),
        (lambda: marginal(LINE, np.array([1]), HAND), "t: expected one step, got shape"),
        (lambda: marginal([1.0], 1, HAND), "law: expected shape"),
        (lambda: reverse_conditional(ENDS, [0.0], 1, HAND), "t: expected a whole number of at least 2"),
        (lambda: reverse_conditional(ENDS, [0.0, 0.0], 2, HAND), "xt: expected a vector of 1 entries"),
        (lambda: normal_step_cost(LAWS["points"], 2, HAND), "law: expected a law on the line, got d = 2"),
        (lambda: normal_step_cost(LINE, 2, HAND, 0.0), "variance: expected a finite number above 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_inputs_are_left_alone_and_come_back_as_floats():
    x0, eps = np.array([[1], [2]], np.float32), np.array([[0.5], [0.5]], np.float32)
    out = q_sample(x0, np.uint8(2), eps, HAND)
    assert out.dtype == np.float64
    assert (x0.tolist(), eps.tolist()) == ([[1], [2]], [[0.5], [0.5]])
