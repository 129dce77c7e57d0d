"""What the page on full models claims: the cost of the penalty, ranks, samples, letters and corners."""

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.stats import chi2, spearmanr
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from runs._shared import rank_correlation
from teachkit.deep import dcgan, language, wgan
from teachkit.deep.minimax import discriminator_loss, minimax_loss, mlp, non_saturating_loss
from teachkit.likelihood import js, total_variation
from teachkit.minimax import optimal_discriminator
from teachkit.transport import plan, w1_sorted
from teachkit.wgan import exact_w1


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


class Multiplications(TorchDispatchMode):
    """Count the multiplications in products and convolutions."""

    total = 0

    def __torch_dispatch__(self, f, types, args=(), kwargs=None):
        out = f(*args, **(kwargs or {}))
        if flops := flop_registry.get(f._overloadpacket):
            self.total += flops(*args, **(kwargs or {}), out_val=out) // 2  # the other half are additions
        return out


def multiplications(f):
    with Multiplications() as counted:
        f()
    return counted.total


CRITICS = {
    "dense": (lambda: mlp((40, 30, 20, 1), generator=seeded()), (40,), 40 * 30 + 30 * 20 + 20),
    "convolutions": (
        lambda: dcgan.discriminator(16, norm="none", rng=seeded()),
        (1, 28, 28),
        14 * 14 * 16 * 16 + 7 * 7 * 32 * 256 + 7 * 7 * 32,
    ),
}


@pytest.mark.law("penalty-cost")
@pytest.mark.parametrize("name", CRITICS)
def test_penalty_takes_at_most_as_many_multiplications_as_the_rest(name):
    make, shape, S = CRITICS[name]
    m, critic = 4, make()
    x, y = (torch.randn(m, *shape, generator=seeded(i)) for i in (1, 2))
    plain = lambda: wgan.critic_loss(critic, x, y).backward()  # noqa: E731
    penalty = lambda: wgan.gradient_penalty(critic, x, y, generator=seeded()).backward()  # noqa: E731
    assert multiplications(lambda: critic(x)) == m * S
    assert 4.5 * m * S < multiplications(plain) <= 6 * m * S
    assert 4.5 * m * S < multiplications(penalty) <= 6 * m * S


@pytest.mark.law("rank-correlation")
def test_rank_correlation_by_all_orders(rng):
    a = rng.standard_normal(6)
    every = np.array([rank_correlation(a, np.array(b)) for b in permutations(range(6))])
    assert every.mean() == pytest.approx(0, abs=1e-12)
    assert every.var() == pytest.approx(1 / 5, rel=1e-12)
    assert every.max() == pytest.approx(1)
    assert every.min() == pytest.approx(-1)
    assert (every > 1 - 1e-9).sum() == 1  # one order alone agrees
    b = rng.standard_normal(6)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert rank_correlation(a, np.exp(a)) == pytest.approx(1)


@pytest.mark.law("sample-w1-mean")
def test_samples_of_the_law_itself_are_farther_than_its_mean(rng):
    n, d = 30, 784
    x, others = rng.standard_normal((2, n, d))
    mean = np.linalg.norm(x, axis=1).mean()
    assert mean == pytest.approx(exact_w1(x, np.zeros((n, d))))
    assert mean < np.sqrt(1.5 * d) < exact_w1(x, others)
    low = rng.standard_normal((2, 30, 1))  # on the line the perfect model wins
    assert exact_w1(*low) < exact_w1(low[0], np.zeros((30, 1)))


@pytest.mark.law("sample-w1-mean")
@pytest.mark.parametrize("d", [1, 8, 64, 784, 4000])
def test_bounds_of_both_tails(d):
    """Against the exact laws of the two sums of squares."""
    assert chi2.cdf(0.75 * d, d) <= np.exp(-d / 64)
    for n in (1, 10, 300):
        assert chi2.sf(1.5 * n * d, n * d) <= np.exp(-n * d / 24)


def letters(t, u):
    """The first letter whose partial sum of softmax(t) exceeds u."""
    p = np.exp(t) / np.exp(t).sum()
    return np.searchsorted(np.cumsum(p)[:-1], u, side="right")


@pytest.mark.law("letter-gradient")
def test_a_drawn_letter_does_not_move_and_its_mean_does(rng):
    t, h, u = rng.standard_normal(4), rng.standard_normal(4), rng.random(20_000)
    p = np.exp(t) / np.exp(t).sum()
    exact = p * (h - p @ h)  # the gradient of sum_j h_j p_j by t
    near = np.abs(np.cumsum(p)[:-1, None] - u).min(axis=0) < 1e-6
    assert near.mean() < 1e-3
    for i, e in enumerate(np.eye(4)):
        moved = letters(t + 1e-7 * e, u) != letters(t, u)
        assert not moved[~near].any()
        mean = lambda t: h @ np.exp(t) / np.exp(t).sum()  # noqa: E731
        assert (mean(t + 1e-5 * e) - mean(t - 1e-5 * e)) / 2e-5 == pytest.approx(exact[i], abs=1e-8)
    drawn = letters(t, u)
    scores = h[drawn, None] * (np.eye(4)[drawn] - p)  # h(L) times the gradient of log p(L)
    np.testing.assert_allclose((p * h) @ (np.eye(4) - p), exact, atol=1e-12)  # its mean, exactly
    assert (np.abs(scores.mean(0) - exact) < 5 * scores.std(0) / np.sqrt(len(u))).all()


@pytest.mark.law("letter-gradient")
def test_the_largest_probability_has_no_gradient(rng):
    p, step = rng.dirichlet(np.ones(4), 1000), 1e-9 * rng.standard_normal((1000, 4))
    assert (p.argmax(1) == (p + step).argmax(1)).all()
    t = torch.tensor([0.3, 1.0, -0.2], requires_grad=True)
    hard = torch.nn.functional.one_hot(t.softmax(0).argmax(), 3).float()
    assert not hard.requires_grad


def lines(n, seed=0, places=3):
    """Lines of a generator, and one-hot lines."""
    G = language.generator(2, places, channels=4, blocks=1, rng=seeded(seed))
    real = torch.randint(language.SYMBOLS, (n, places), generator=seeded(seed + 1))
    return language.one_hot(real).double(), language.probabilities(G.double(), n, seeded(seed + 2)).double()


@pytest.mark.law("letters-disjoint")
def test_one_number_tells_corners_from_the_inside():
    real, fake = lines(50)
    assert torch.equal(real.square().sum((1, 2)), torch.full((50,), 3.0).double())
    assert (fake.square().sum((1, 2)) < 3).all()
    both = np.concatenate([real.flatten(1), fake.flatten(1)])
    place = np.unique(both, axis=0, return_inverse=True)[1].ravel()
    p, q = (np.bincount(rows, minlength=place.max() + 1) / 50 for rows in np.split(place, 2))
    assert js(p, q) == pytest.approx(np.log(2))
    assert total_variation(p, q) == pytest.approx(1)
    D = optimal_discriminator(p, q)
    corners = np.zeros(len(D))
    corners[place[:50]] = 1
    np.testing.assert_array_equal(D, corners)


@pytest.mark.law("letters-disjoint")
def test_the_best_discriminator_teaches_nothing():
    """A nearly perfect one looks at |y|^2 alone; its value is near 0, and its losses do not see the letters."""
    real, fake = lines(50)
    logit = lambda x: 2000 * (x.square().sum((1, 2)) - 2.99)  # noqa: E731
    assert discriminator_loss(logit(real), logit(fake)) < 1e-6
    assert minimax_loss(logit(fake)) > -1e-6
    assert non_saturating_loss(logit(fake)) > 100
    shuffled = fake[:, :, torch.randperm(language.SYMBOLS, generator=seeded(9))]  # other letters, as sure
    torch.testing.assert_close(logit(shuffled), logit(fake))


@pytest.mark.law("letters-w1")
@pytest.mark.parametrize("seed", range(4))
def test_distance_is_between_indecision_and_indecision_plus_wrong_text(seed):
    real, fake = (x.numpy() for x in lines(40, seed))
    fake = fake ** (1 + 20 * seed)  # more and more certain
    fake /= fake.sum(-1, keepdims=True)
    read = np.eye(language.SYMBOLS)[fake.argmax(-1)]
    undecided = np.linalg.norm((fake - read).reshape(40, -1), axis=1).mean()
    distance, text = (
        exact_w1(real.reshape(40, -1), fake.reshape(40, -1)),
        exact_w1(real.reshape(40, -1), read.reshape(40, -1)),
    )
    assert undecided - 1e-9 <= distance <= text + undecided + 1e-9
    assert text <= 2 * distance + 1e-9


@pytest.mark.law("letters-w1")
def test_text_is_bounded_by_total_variation(rng):
    """For laws on all lines of three places and two symbols."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    rows = np.eye(2)[corners].reshape(8, 6)
    apart = np.linalg.norm(rows[:, None] - rows, axis=2)
    for concentration in (0.2, 1, 20):
        p, q = rng.dirichlet(np.full(8, concentration), 2)
        w1, tv = plan(p, q, apart)[1], total_variation(p, q)
        assert np.sqrt(2) * tv <= w1 + 1e-9
        assert w1 <= np.sqrt(6) * tv + 1e-9
    p, q = np.eye(8)[[0, 1]]  # lines that differ at one place
    assert plan(p, q, apart)[1] == pytest.approx(np.sqrt(2))
    assert plan(p, np.eye(8)[7], apart)[1] == pytest.approx(np.sqrt(6))


@pytest.mark.law("letters-w1")
def test_one_letter_by_hand():
    for p in (0.2, 0.8):
        assert exact_w1([[1.0, 0.0]], [[p, 1 - p]]) == pytest.approx(np.sqrt(2) * (1 - p))
        assert w1_sorted([1.0], [p]) == pytest.approx(1 - p)
