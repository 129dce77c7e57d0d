"""Laws of the training and of the network's pieces (chapter `diffusion_reverse`), on the modules of `deep`."""

import numpy as np
import pytest
import torch
from torch import nn

from teachkit.deep import diffusion_reverse as deep
from teachkit.deep import unet
from teachkit.deep.source import Source
from teachkit.deep.train import Training
from teachkit.diffusion import Schedule, ideal_denoiser

TWO = Schedule([0.36, 0.75])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.double)


class Steep(nn.Module):
    """A denoiser that holds the best one of the points 1 and -1: x / s - tanh(gain x) share, by step."""

    def __init__(self):
        super().__init__()
        self.gain, self.share, self.slope = (nn.Parameter(torch.ones(3, 1)) for _ in range(3))

    def forward(self, x, t):
        return self.slope[t] * x - self.share[t] * torch.tanh(self.gain[t] * x)


@pytest.mark.law("ddpm-training")
@pytest.mark.law("posterior-mean")
def test_training_finds_the_posterior_mean():
    net, points = Steep(), torch.tensor([[-1.0], [1.0]]).repeat(1024, 1)
    training = Training({"denoiser": net}, deep.ddpm_parts(TWO, lr=0.02), Source(points, 2048, seed=0))
    for _ in training.run(600):
        pass
    ideal, x = ideal_denoiser([[-1.0], [1.0]], TWO), np.linspace(-2, 2, 21)[:, None]
    for t in (1, 2):
        with torch.no_grad():
            seen = net(torch.from_numpy(x).float(), torch.full((21,), t)).numpy()
        np.testing.assert_allclose(seen, ideal(x, t), atol=0.12)


@pytest.mark.law("residual-block")
def test_block_is_its_formula_and_starts_as_its_short_way():
    block = unet.Block(8, 12, 5, attend=False, rng=seeded()).double()
    x, told = normal(2, 8, 6, 6), normal(2, 5, seed=1)
    torch.testing.assert_close(block(x, told), block.short(x))
    with torch.no_grad():
        block.after[2].weight += 0.1 * normal(12, 12, 3, 3, seed=2)

    def normed(h, groups):  # batch norm over some channels of one image
        h = h.unflatten(1, (groups, -1))
        m, v = h.mean((2, 3, 4), keepdim=True), h.var((2, 3, 4), correction=0, keepdim=True)
        return ((h - m) / (v + 1e-5).sqrt()).flatten(1, 2)

    def silu(u):
        return u / (1 + (-u).exp())

    first, second = (block.before[0].num_groups, block.after[0].num_groups)
    h = block.before[2](silu(normed(x, first))) + block.told[1](silu(told))[:, :, None, None]
    torch.testing.assert_close(block(x, told), block.short(x) + block.after[2](silu(normed(h, second))))


@pytest.mark.law("self-attention")
@pytest.mark.parametrize("channels", [8, 64])
def test_attention_is_its_formula(channels):
    layer, x = _woken(channels), normal(1, channels, 3, 4)
    u = layer.norm(x)[0].flatten(1).T
    q, k, v = layer.qkv.weight[:, :, 0, 0].chunk(3)
    mixed = []
    for rows in torch.arange(channels).chunk(layer.heads):
        scores = (u @ q[rows].T) @ (u @ k[rows].T).T / len(rows) ** 0.5
        p = scores.exp() / scores.exp().sum(1, keepdim=True)
        mixed.append(p @ (u @ v[rows].T))
    expected = x[0].flatten(1).T + torch.cat(mixed, 1) @ layer.out.weight[:, :, 0, 0].T
    torch.testing.assert_close(layer(x)[0].flatten(1).T, expected)


@pytest.mark.law("attention-shuffles")
def test_shuffled_points_come_out_shuffled_and_each_sees_all():
    layer, x = _woken(8), normal(1, 8, 3, 4)
    order = torch.randperm(12, generator=seeded(3))
    shuffled = x.flatten(2)[:, :, order].reshape(x.shape)
    torch.testing.assert_close(layer(shuffled).flatten(2), layer(x).flatten(2)[:, :, order])
    J = torch.autograd.functional.jacobian(lambda x: layer(x).sum(1).flatten(), x)
    assert (J.reshape(12, 8, 12).abs().sum(1) > 0).all()


def _woken(channels):
    layer = unet.Attention(channels, seeded()).double()
    with torch.no_grad():
        layer.out.weight += 0.1 * normal(channels, channels, 1, 1, seed=4)
    return layer


@pytest.mark.law("discretised-decoder")
@pytest.mark.parametrize("std", [0.001, 0.1, 2.0])
def test_masses_of_the_levels_are_differences_of_the_distribution_function(std):
    levels = torch.linspace(-1, 1, 17, dtype=torch.double)
    for mean in (-1.2, 0.03, 0.9):
        masses = deep.level_log_mass(levels, torch.tensor(mean, dtype=torch.double), std, 17).exp()
        assert masses.sum().item() == pytest.approx(1, abs=1e-12)
        borders = torch.special.ndtr(((levels[1:] + levels[:-1]) / 2 - mean) / std)
        below = torch.cat([torch.zeros(1), borders, torch.ones(1)])
        torch.testing.assert_close(masses, below.diff(), rtol=1e-6, atol=1e-12)
