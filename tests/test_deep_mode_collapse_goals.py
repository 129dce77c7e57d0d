"""What the generator asks for in some cures: matched means, noise read off, squares for logarithms; slopes; buffers."""

import numpy as np
import pytest
import torch
from torch import nn

from teachkit.deep import mode_collapse as deep
from teachkit.deep.adversarial import LEAST_SQUARES
from teachkit.deep.minimax import mlp


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


class Linear(nn.Module):
    def __init__(self, W):
        super().__init__()
        self.W = W

    def forward(self, x):
        return x @ self.W.T


@pytest.mark.law("spectral-norm")
def test_product_of_the_norms_bounds_the_slope_and_is_attained_where_layers_are_aligned():
    """Random layers stay below it; layers s_i a_i a_{i-1}^T with positive unit vectors reach it for positive x."""
    x, units = normal(200, 4), [nn.functional.normalize(normal(4, seed=i).abs(), dim=0) for i in range(4)]
    aligned = [(2.0 + i) * torch.outer(units[i + 1], units[i]) for i in range(3)]
    for Ws in ([normal(4, 4, seed=i) for i in range(3)], aligned):
        net = nn.Sequential(*[m for W in Ws for m in (Linear(W), nn.ReLU())][:-1])
        product = np.prod([np.linalg.norm(W, 2) for W in Ws])
        stretch = (net(x) - net(x.flip(0))).norm(dim=1) / (x - x.flip(0)).norm(dim=1)
        assert stretch.max().item() <= product * (1 + 1e-12)
    assert (net(3 * units[0]) - net(units[0])).norm().item() == pytest.approx(2 * product) == 2 * 2 * 3 * 4


@pytest.mark.law("spectral-norm")
def test_log_odds_of_slope_one_give_losses_of_slope_one():
    v = normal(200, 1).mul(20).requires_grad_()
    for loss in (nn.functional.logsigmoid(v), nn.functional.logsigmoid(-v)):
        assert torch.autograd.grad(loss.sum(), v)[0].abs().max().item() <= 1


def test_looking_ahead_moves_no_buffer_of_the_critic():
    """Neither the vectors of spectral norms nor the means of batch normalisation, which a pass moves."""
    x, seeded = normal(6, 2).float(), torch.Generator().manual_seed(0)
    first, *rest = mlp((2, 5, 1), generator=seeded)
    critic = deep.spectral_norm(nn.Sequential(first, nn.BatchNorm1d(5), *rest), generator=seeded, warmup=0)
    before = {name: b.clone() for name, b in critic.named_buffers()}
    deep.unrolled(critic, lambda f: f(x).square().mean(), steps=2, step=0.1)(x)
    assert all(torch.equal(b, before[name]) for name, b in critic.named_buffers())
    critic(x)
    moved = {name for name, b in critic.named_buffers() if not torch.equal(b, before[name])}
    assert {"0.parametrizations.weight.0.u", "1.running_mean"} <= moved
