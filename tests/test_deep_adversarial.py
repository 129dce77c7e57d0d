"""Losses of critic and generator as pairs: best critics, values and gradients in closed form, and the recipe."""

import numpy as np
import pytest
import torch
from scipy import stats

from teachkit.deep.adversarial import (
    HINGE,
    LEAST_SQUARES,
    MINIMAX,
    NON_SATURATING,
    WASSERSTEIN,
    Game,
    least_squares,
    parts,
)
from teachkit.deep.minimax import mlp
from teachkit.deep.source import Source
from teachkit.deep.train import Training

P, Q = np.array([1, 4, 9, 6]), np.array([5, 4, 2, 9])  # two laws on four points, in twentieths
COUNTS = [torch.from_numpy(law) for law in (P, Q)]
p, q = (torch.from_numpy(law / 20) for law in (P, Q))
BEST = {
    "minimax": (MINIMAX, torch.log(p / q)),
    "non-saturating": (NON_SATURATING, torch.log(p / q)),
    "least squares": (LEAST_SQUARES, p / (p + q)),
    "least squares, a=-1, b=1, c=0": (least_squares(-1, 1, 0), (p - q) / (p + q)),
    "least squares, a=2, b=-3": (least_squares(2.0, -3.0), (2 * q - 3 * p) / (p + q)),
}


def batches(table):
    """Return the numbers of real and fake samples, whose means are expectations under the two laws."""
    return [table.repeat_interleave(counts) for counts in COUNTS]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", BEST)
def test_best_critic_is_where_the_gradient_vanishes_and_the_loss_is_lowest(name):
    game, best = BEST[name]
    table = best.clone().requires_grad_()
    lowest = game.critic(*batches(table))
    (slope,) = torch.autograd.grad(lowest, table)
    torch.testing.assert_close(slope, torch.zeros(4, dtype=torch.double), atol=1e-12, rtol=0)
    for seed in range(20):
        other = best + torch.randn(4, generator=seeded(seed), dtype=torch.double)
        assert game.critic(*batches(other)) > lowest


def test_best_hinge_critic_is_the_sign_and_its_value_twice_the_overlap():
    best = torch.where(p == q, 0.3, torch.sign(p - q))  # anything from -1 to 1 where both are as likely
    lowest = HINGE.critic(*batches(best))
    assert lowest.item() == pytest.approx(2 * torch.minimum(p, q).sum().item(), rel=1e-12)
    assert lowest.item() == pytest.approx(2 - (p - q).abs().sum().item(), rel=1e-12)
    assert HINGE.generator(batches(best)[1]).item() == pytest.approx(-(q * best).sum().item(), rel=1e-12)
    for seed in range(50):
        other = best + torch.randn(4, generator=seeded(seed), dtype=torch.double)
        assert HINGE.critic(*batches(other)) > lowest


def test_values_at_the_best_critic():
    """2 JS - log 4 for the minimax game, the harmonic overlap for least squares."""
    value = -MINIMAX.critic(*batches(torch.log(p / q)))
    js = ((p * torch.log(2 * p / (p + q))).sum() + (q * torch.log(2 * q / (p + q))).sum()) / 2
    assert value.item() == pytest.approx(2 * js.item() - np.log(4), rel=1e-12)
    lowest = LEAST_SQUARES.critic(*batches(p / (p + q)))
    assert lowest.item() == pytest.approx((p * q / (p + q)).sum().item() / 2, rel=1e-12)


def test_wasserstein_critic_gains_along_the_difference_of_the_laws_everywhere():
    table = torch.zeros(4, dtype=torch.double, requires_grad=True)
    (slope,) = torch.autograd.grad(WASSERSTEIN.critic(*batches(table)), table)
    torch.testing.assert_close(slope, q - p)
    once, more = (WASSERSTEIN.critic(*batches(k * (p - q))).item() for k in (1, 5))
    assert more == pytest.approx(5 * once, rel=1e-12)  # no best critic: without a bound on its slope the gain has none
    assert once < 0


D = torch.linspace(-3, 3, 7, dtype=torch.double) + 0.25  # beside the hinge's corners at 1 and -1
SLOPES = {
    "minimax": (MINIMAX, -torch.sigmoid(D)),
    "non-saturating": (NON_SATURATING, torch.sigmoid(D) - 1),
    "least squares": (LEAST_SQUARES, D - 1),
    "least squares, c=0": (least_squares(-1, 1, 0), D),
    "hinge": (HINGE, -torch.ones(7).double()),
    "Wasserstein": (WASSERSTEIN, -torch.ones(7).double()),
}


@pytest.mark.parametrize("name", SLOPES)
def test_slope_of_the_generators_loss(name):
    game, expected = SLOPES[name]
    out = D.clone().requires_grad_()
    (slope,) = torch.autograd.grad(7 * game.generator(out), out)
    torch.testing.assert_close(slope, expected)


@pytest.mark.parametrize(
    ("game", "real", "fake"),
    [
        (MINIMAX, torch.sigmoid(D) - 1, torch.sigmoid(D)),
        (LEAST_SQUARES, D - 1, D),
        (HINGE, -(D < 1).double(), (D > -1).double()),
        (WASSERSTEIN, -torch.ones(7).double(), torch.ones(7).double()),
    ],
)
def test_slopes_of_the_critics_loss(game, real, fake):
    leaves = [D.clone().requires_grad_() for _ in range(2)]
    for slope, expected in zip(torch.autograd.grad(7 * game.critic(*leaves), leaves), (real, fake), strict=True):
        torch.testing.assert_close(slope, expected)


@pytest.mark.parametrize(("a", "b", "c"), [(-1.0, 1.0, 0.0), (0.5, 2.5, 1.5)])
def test_least_squares_generator_lowers_a_chi_square_distance(a, b, c):
    """With b - c = 1 and b - a = 2: 2 C(G) is the integral of (2 q - (p + q))^2 / (p + q).

    C(G) has the generator's loss on real samples too, where the generator has no say. The batches are the quantiles
    at the middles of equal shares of each law, so means are integrals by the midpoint rule.
    """
    laws = stats.norm(0, 1), stats.norm(1.5, 0.7)
    shares = (np.arange(20_000) + 0.5) / 20_000

    def best(x):
        real, fake = (law.pdf(x) for law in laws)
        return torch.from_numpy((b * real + a * fake) / (real + fake))

    game = least_squares(a, b, c)
    doubled = 2 * sum(game.generator(best(law.ppf(shares))).item() for law in laws)
    x = np.linspace(-9, 9, 200_001)
    real, fake = (law.pdf(x) for law in laws)
    assert doubled == pytest.approx(np.trapezoid((2 * fake - (real + fake)) ** 2 / (real + fake), x), rel=1e-3)
    same = best(laws[0].ppf(shares)) * 0 + (a + b) / 2
    assert game.generator(same).item() == 0  # with q = p the best critic is (a + b) / 2 = c


def test_recipe_is_the_loop_by_hand():
    """Two turns of the critic, one of the generator, each on a batch and noise in the order of the source."""
    data = torch.randn(40, 2, generator=seeded(1))

    def nets():
        return {"critic": mlp((2, 8, 1), generator=seeded(2)), "generator": mlp((3, 8, 2), generator=seeded(3))}

    def sgd(parameters):
        return torch.optim.SGD(parameters, lr=0.05)

    game = parts(LEAST_SQUARES, noise=3, optimizer=sgd, critic_steps=2)
    ours = [list(step.losses.values()) for step in Training(nets(), game, Source(data, 8, seed=0)).run(5)]
    source, (critic, generator) = Source(data, 8, seed=0), nets().values()
    theirs = []
    for _ in range(5):
        for _ in range(2):
            real, fake = source.batch(), generator(source.normal(3)).detach()
            loss = ((critic(real) - 1) ** 2).mean() / 2 + (critic(fake) ** 2).mean() / 2
            slopes = torch.autograd.grad(loss, list(critic.parameters()))
            with torch.no_grad():
                for weight, slope in zip(critic.parameters(), slopes, strict=True):
                    weight -= 0.05 * slope
        source.batch()
        mine = ((critic(generator(source.normal(3))) - 1) ** 2).mean() / 2
        slopes = torch.autograd.grad(mine, list(generator.parameters()))
        with torch.no_grad():
            for weight, slope in zip(generator.parameters(), slopes, strict=True):
                weight -= 0.05 * slope
        theirs.append([loss.item(), mine.item()])
    np.testing.assert_allclose(np.array(ours, float), theirs, rtol=1e-5)


def test_penalty_and_what_comes_after_a_turn_are_the_critics():
    seen = []

    def penalty(critic, real, fake, source):
        seen.append((real.shape, fake.shape, fake.requires_grad))
        return critic(real).square().mean()

    critic, generator = parts(
        Game(lambda r, f: 0 * r.mean(), torch.mean),
        noise=3,
        penalty=penalty,
        after=lambda net: net[0].bias.data.zero_(),
    )
    assert (critic.twice, generator.twice, generator.after) == (True, False, None)
    nets = {"critic": mlp((2, 1), generator=seeded(2)), "generator": mlp((3, 2), generator=seeded(3))}
    (step,) = Training(nets, (critic, generator), Source(torch.ones(8, 2), 8, seed=0)).run(1)
    assert seen == [((8, 2), (8, 2), False)]
    assert nets["critic"][0].bias.item() == 0
    assert step.losses["critic"] > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: least_squares(a=float("nan")), "a: expected a finite number"),
        (lambda: least_squares(b="1"), "b: expected a finite number"),
        (lambda: parts(HINGE, noise=0), "noise: expected a whole number of at least 1"),
        (lambda: parts(HINGE, noise=2, critic_steps=0), "critic_steps: expected a whole number of at least 1"),
    ],
)
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
