"""What the generator asks for in some cures: matched means, noise that can be read off, squares for logarithms."""

import numpy as np
import pytest
import torch
from torch import nn

from teachkit.deep import mode_collapse as deep
from teachkit.deep.adversarial import LEAST_SQUARES


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_reconstruction_loss_is_zero_for_an_inverse():
    z = normal(5, 2)
    assert deep.reconstruction_loss(lambda x: x / 3, z, 3 * z).item() == pytest.approx(0, abs=1e-25)
    torch.testing.assert_close(deep.reconstruction_loss(lambda x: x, z, 3 * z), (4 * z**2).sum(1).mean())


@pytest.mark.law("reconstruction")
def test_noise_that_a_sample_does_not_show_is_lost():
    """The best reconstructor gives the mean of the noise that made a sample; it pays the variance around it."""
    z = normal(4000, 3)
    at_once = deep.reconstruction_loss(lambda x: z.mean(0), z, torch.zeros(4000, 1)).item()
    assert at_once == pytest.approx(3, abs=0.2)  # all samples equal: the variance of the noise, one a dimension
    side = (z[:, :1] > 0).double()
    mean = torch.stack([z[side[:, 0] == i].mean(0) for i in (0, 1)])
    best = deep.reconstruction_loss(lambda x: mean[x[:, 0].long()], z, side).item()
    assert best == pytest.approx(3 - 2 / np.pi, abs=0.2)  # two samples: the sign of one number is known
    for shift in normal(5, 2, 3, seed=2):
        assert deep.reconstruction_loss(lambda x, s=shift: (mean + s)[x[:, 0].long()], z, side).item() > best


@pytest.mark.law("feature-matching")
def test_one_point_at_the_mean_matches_linear_features():
    x, f = normal(30, 2), nn.Linear(2, 5, dtype=torch.float64)
    one = x.mean(0, keepdim=True).repeat(7, 1)
    assert deep.feature_matching_loss(f, x, one).item() == pytest.approx(0, abs=1e-25)
    assert deep.feature_matching_loss(f, x, one + 1).item() > 1e-3


@pytest.mark.law("lsgan-critic")
def test_best_critic_of_least_squares_is_that_of_the_game():
    """Counts of real and fake samples at five points stand for the densities."""
    real, fake = torch.tensor([3, 0, 1, 4, 2]), torch.tensor([1, 5, 1, 0, 3])
    n = torch.arange(5)
    D = (real / 10 / (real / 10 + fake / 10)).double().requires_grad_()
    loss = LEAST_SQUARES.critic(D[n.repeat_interleave(real)], D[n.repeat_interleave(fake)])
    np.testing.assert_allclose(torch.autograd.grad(loss, D)[0], 0, atol=1e-7)


@pytest.mark.law("spectral-norm")
def test_log_odds_of_slope_one_give_losses_of_slope_one():
    v = normal(200, 1).mul(20).requires_grad_()
    for loss in (nn.functional.logsigmoid(v), nn.functional.logsigmoid(-v)):
        assert torch.autograd.grad(loss.sum(), v)[0].abs().max().item() <= 1
