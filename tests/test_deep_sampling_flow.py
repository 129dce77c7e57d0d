"""Flow matching: the loss of a step, the flow against its NumPy twin, and a training that moves noise to two points."""

import numpy as np
import pytest
import torch
from torch import nn

from teachkit import sampling_flow as twin
from teachkit.data import Gaussian
from teachkit.deep import sampling_flow as deep
from teachkit.deep.source import Source, scaled
from teachkit.deep.train import Training
from teachkit.deep.unet import unet


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.law("flow-matching")
def test_the_loss_of_a_step_is_the_mean_square_to_the_velocity():
    """An untrained network says 0, so the loss is the mean square of x - z; the network is told 1000 t."""
    told = []

    class Spy(nn.Module):
        classes = 3

        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.zeros(()))

        def forward(self, x, t, y=None):
            told.append((x.detach(), t, y))
            return self.w * x

    x, y = torch.randint(256, (40, 1, 4, 4), generator=seeded(2), dtype=torch.uint8), torch.arange(40) % 3
    (step,) = Training(
        {"velocity": Spy()}, [deep.flow_matching_part()], Source((x, y), 16, seed=0, prepare=scaled)
    ).run(1)
    source = Source((x, y), 16, seed=0, prepare=scaled)
    (x, y), hidden, t = source.batch(), source.uniform() < 0.1, source.uniform()
    z = source.normal(1, 4, 4)
    goal = twin.velocity_target(z.numpy(), x.numpy())
    assert step.losses["velocity"].item() == pytest.approx(np.square(goal).mean(), rel=1e-5)
    ((xt, said, classes),) = told
    np.testing.assert_allclose(xt, twin.flow_path(z.numpy(), x.numpy(), t.numpy()), atol=1e-6)
    torch.testing.assert_close(said, 1000 * t)
    assert torch.equal(classes, torch.where(hidden, 3, y))


@pytest.mark.parametrize("method", ["euler", "heun"])
def test_flow_is_the_twins(method):
    law = Gaussian([3.0, -1.0], [[4.0, 0.5], [0.5, 0.2]])
    velocity = twin.ideal_velocity(law)

    def net(x, t):
        assert t.shape == (4,)
        return torch.from_numpy(velocity(x.numpy(), float(t[0]) / 1000))

    z = torch.randn(4, 2, generator=seeded(), dtype=torch.double)
    mine, theirs = list(deep.flow(net, z, 8, method)), list(twin.flow(velocity, z.numpy(), 8, method))
    for (t, x), (u, w) in zip(mine, theirs, strict=True):
        assert t == pytest.approx(u)
        np.testing.assert_allclose(x, w, rtol=1e-10, atol=1e-10)


@pytest.mark.law("flow-matching")
def test_a_trained_flow_leads_to_the_class_that_is_asked_for():
    levels = torch.tensor([0, 255], dtype=torch.uint8)
    x, y = levels.repeat(32).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4), torch.tensor([0, 1]).repeat(32)
    training = Training(
        {"velocity": unet(1, 8, (1,), classes=2, rng=seeded())}, [deep.flow_matching_part(lr=5e-3)],
        Source((x, y), 64, seed=0, prepare=scaled), ema={"velocity": 0.95},
    )  # fmt: skip
    for _ in training.run(200):
        pass
    asked = torch.arange(20) % 2
    *_, (t, made) = deep.flow(
        training.averages["velocity"].module, torch.randn(20, 1, 4, 4, generator=seeded(1)), 20, y=asked
    )
    assert t == 1.0
    assert (made.mean((1, 2, 3)) - (2.0 * asked - 1)).abs().max() < 0.3


def test_times_have_the_digits_of_the_data():
    told = []
    for _ in deep.flow(lambda x, t: told.append(t) or x, torch.ones(2, 1, dtype=torch.double), 10):
        pass
    torch.testing.assert_close(torch.stack(told)[:, 0], 100 * torch.arange(10).double(), rtol=1e-14, atol=0)


BAD = {
    "net": (
        lambda: list(deep.flow(lambda x, t: x[:, :1], torch.ones(2, 3), 3)),
        r"net: expected to return shape \[2, 3\], got \[2, 1\]",
    ),
    "method": (lambda: deep.flow(lambda x, t: x, torch.ones(1, 1), 3, "rk4"), "method: expected 'euler' or 'heun'"),
    "steps": (lambda: deep.flow(lambda x, t: x, torch.ones(1, 1), 0), "steps: expected a whole number of at least 1"),
    "z": (lambda: deep.flow(lambda x, t: x, torch.ones(0, 1), 3), r"z: expected shape \[n, ...\]"),
    "lr": (lambda: deep.flow_matching_part(lr=-1), "lr: expected a finite number above 0"),
    "dropped": (lambda: deep.flow_matching_part(classes_dropped=2), "classes_dropped: expected a number from 0 to 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_argument_is_named(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()
