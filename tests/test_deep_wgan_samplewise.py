"""The probe that finds layers that mix samples, and what such layers do to the penalty (chapter wgan)."""

import numpy as np
import pytest
import torch
from torch import nn

from teachkit.deep import wgan as deep
from teachkit.deep.minimax import mlp


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


class Custom(nn.Module):
    """A layer that applies a function."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


def minibatch_std(x):
    return torch.cat([x, x.std(0).mean().expand(len(x), 1)], 1)


MIXING = {
    "batch norm": lambda: nn.BatchNorm1d(8),
    "batch norm in evaluation mode": lambda: nn.BatchNorm1d(8).eval(),
    "batch norm without statistics": lambda: nn.BatchNorm1d(8, track_running_stats=False, affine=False),
    "minibatch standard deviation": lambda: nn.Sequential(Custom(minibatch_std), nn.Linear(9, 8)),
    "centring by a detached mean": lambda: Custom(lambda x: x - x.mean(0).detach()),
    "the neighbour": lambda: Custom(lambda x: x + 0.1 * x.roll(1, 0)),
    "softmax over the batch": lambda: Custom(lambda x: x * torch.softmax(x, 0)),
    "attention over the batch": lambda: Custom(lambda x: torch.softmax(x @ x.T, 1) @ x),
    "the first sample": lambda: Custom(lambda x: x - x[:1]),
    "one norm over the batch": lambda: Custom(lambda x: x / x.norm()),
}
SEPARATE = {
    "nothing": nn.Identity,
    "layer norm": lambda: nn.LayerNorm(8),
    "group norm": lambda: nn.GroupNorm(2, 8),
    "dropout": lambda: nn.Dropout(0.5),
    "spectral norm": lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(8, 8)),
    "norm of the sample": lambda: Custom(lambda x: x / x.norm(dim=1, keepdim=True)),
}


def critic_with(layer):
    first, last = mlp((2, 8), generator=seeded()), mlp((8, 1), generator=seeded(1))
    return nn.Sequential(first, nn.LeakyReLU(), layer, last)


@pytest.mark.law("samplewise-critic")
@pytest.mark.parametrize("name", MIXING)
def test_layers_that_mix_samples_are_refused(name):
    critic, x = critic_with(MIXING[name]()), normal(6, 2).float()
    with pytest.raises(ValueError, match="critic: expected f of one sample at a time"):
        deep.check_samplewise(critic, x)
    with pytest.raises(ValueError, match="critic: expected f of one sample at a time"):
        deep.penalised(generator=seeded())(critic, x, x + 1)


@pytest.mark.law("samplewise-critic")
def test_neither_a_last_layer_of_zeros_nor_a_large_level_hides_mixing():
    for weight, bias in ((0.0, 0.0), (1.0, 1e5)):
        critic = critic_with(nn.BatchNorm1d(8))
        with torch.no_grad():
            for p in critic[-1].parameters():
                p.mul_(weight) if p.ndim > 1 else p.fill_(bias)
        with pytest.raises(ValueError, match="critic: expected f of one sample at a time"):
            deep.check_samplewise(critic, normal(6, 2).float())


@pytest.mark.law("samplewise-critic")
@pytest.mark.parametrize("one_sided", [False, True])
def test_with_batch_norm_at_the_end_the_penalty_is_a_constant(one_sided):
    """Weight, or zero one-sided, for every function before it; before a layer that is not linear it is not."""
    for seed in range(3):
        q = [mlp((2, 8), generator=seeded(seed)), nn.Tanh(), mlp((8, 1), generator=seeded(seed + 9))]
        norm = nn.BatchNorm1d(1, affine=False, eps=1e-30)
        critic = nn.Sequential(*q, norm).double()
        got = deep.gradient_penalty(critic, normal(6, 2), normal(6, 2, seed=2), generator=seeded(), one_sided=one_sided)
        assert got.item() == pytest.approx(0 if one_sided else 10, abs=1e-9)
    inside = critic_with(nn.Sequential(nn.BatchNorm1d(8), nn.ReLU())).double()
    assert abs(deep.gradient_penalty(inside, normal(6, 2), normal(6, 2, seed=2), generator=seeded()).item() - 10) > 0.1


@pytest.mark.law("samplewise-critic")
@pytest.mark.parametrize("name", SEPARATE)
def test_layers_that_keep_samples_apart_pass(name):
    deep.check_samplewise(critic_with(SEPARATE[name]()), normal(6, 2).float())


@pytest.mark.law("samplewise-critic")
def test_message_names_the_layer_and_images_work():
    def images(norm):
        return nn.Sequential(nn.Conv2d(1, 4, 3), norm, nn.Flatten(), nn.Linear(4 * 36, 1))

    x = normal(4, 1, 8, 8).float()
    deep.check_samplewise(images(nn.InstanceNorm2d(4)), x)
    with pytest.raises(ValueError, match=r"\(BatchNorm2d\)"):
        deep.check_samplewise(images(nn.BatchNorm2d(4)), x)


@pytest.mark.law("samplewise-critic")
def test_probe_changes_neither_critic_nor_random_state():
    critic = nn.Sequential(mlp((2, 8), generator=seeded()), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 1)).eval()
    before, state = {k: v.clone() for k, v in critic.state_dict().items()}, torch.random.get_rng_state()
    with pytest.raises(ValueError, match="critic"):
        deep.check_samplewise(critic, normal(6, 2).float())
    assert all(torch.equal(v, before[k]) for k, v in critic.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not critic.training


@pytest.mark.law("samplewise-critic")
def test_with_batch_norm_the_slope_of_a_sample_is_not_its_own():
    """The gradient of the summed outputs then has parts from other samples: it is not the slope of any f."""
    critic, x = nn.BatchNorm1d(1, affine=False).double(), normal(5, 1)
    jacobian = torch.autograd.functional.jacobian(lambda z: critic(z)[:, 0], x)[:, :, 0]
    assert (jacobian - torch.diag(jacobian.diag())).abs().max() > 0.1
    np.testing.assert_allclose(jacobian.sum(0), 0, atol=1e-12)  # the penalty would see slope zero everywhere
