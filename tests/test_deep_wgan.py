"""Wasserstein GANs in torch: losses, penalty per sample, clipping, and the probe that finds layers that mix samples."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from teachkit import wgan
from teachkit.deep import wgan as deep
from teachkit.deep.minimax import mlp, play, sample


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


class Twin(nn.Module):
    """The NumPy critic with torch's weights."""

    def __init__(self, f):
        super().__init__()
        self.W, self.b, self.v = (nn.Parameter(torch.tensor(part)) for part in f)

    def forward(self, x):
        return torch.relu(x @ self.W.T + self.b) @ self.v


def linear(w):
    layer = nn.Linear(len(w), 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([w]))
    return layer


@pytest.mark.law("wgan-objective")
@pytest.mark.parametrize("d", [1, 3])
def test_losses_are_those_of_the_numpy_twin(d, rng):
    f, x, y = wgan.random_critic(6, d, rng), rng.standard_normal((8, d)), rng.standard_normal((5, d))
    critic = Twin(f)
    loss = deep.critic_loss(critic, torch.tensor(x), torch.tensor(y))
    assert loss.item() == pytest.approx(-wgan.critic_value(f, x, y), rel=1e-12)
    loss.backward()
    for p, q in zip(wgan.value_gradient(f, x, y), critic.parameters(), strict=True):
        np.testing.assert_allclose(p, -q.grad, atol=1e-14)
    assert deep.generator_loss(critic, torch.tensor(y)).item() == pytest.approx(-f(y).mean(), rel=1e-12)


@pytest.mark.law("gradient-penalty")
@pytest.mark.parametrize("n", [1, 7, 64])
@pytest.mark.parametrize("shape", [(2,), (3, 4, 4)])
def test_norm_is_taken_for_each_sample(n, shape):
    """A linear critic has one slope everywhere, so the penalty knows nothing of n; a norm over the batch would."""
    size = int(np.prod(shape))
    w = [3.0, 4.0, *[0.0] * (size - 2)]
    critic = nn.Sequential(nn.Flatten(), linear(w))
    real, fake = normal(n, *shape), normal(n, *shape, seed=2)
    got = deep.gradient_penalty(critic, real, fake, weight=10, generator=seeded())
    assert got.item() == pytest.approx(10 * (5 - 1) ** 2, rel=1e-12)
    assert deep.gradient_penalty(critic, real, fake, target=5, generator=seeded()).item() == pytest.approx(0, abs=1e-20)
    low = deep.gradient_penalty(critic, real, fake, target=6, weight=2, generator=seeded())
    assert low.item() == pytest.approx(2, rel=1e-12)
    assert deep.gradient_penalty(critic, real, fake, target=6, one_sided=True, generator=seeded()).item() == 0


@pytest.mark.law("gradient-penalty")
@pytest.mark.parametrize("one_sided", [False, True])
def test_penalty_and_its_gradient_are_those_of_the_numpy_twin(one_sided, rng):
    f, x, y = wgan.random_critic(9, 2, rng), rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    critic = Twin(f)
    loss = deep.gradient_penalty(
        critic, torch.tensor(x), torch.tensor(y), weight=10, one_sided=one_sided, generator=seeded()
    )
    u = torch.rand((6, 1), generator=seeded(), dtype=torch.float64).numpy()
    value, gradient = wgan.penalty(f, u * x + (1 - u) * y, one_sided=one_sided)
    assert loss.item() == pytest.approx(10 * value, rel=1e-12)
    loss.backward()
    for p, q in zip(gradient, critic.parameters(), strict=True):
        np.testing.assert_allclose(10 * p, 0 if q.grad is None else q.grad, atol=1e-12)


@pytest.mark.law("gradient-penalty")
def test_points_lie_between_the_pairs():
    seen = []

    def spy(z):
        seen.append(z.detach())
        return z.sum(1)

    deep.gradient_penalty(spy, torch.zeros(500, 2), torch.tensor([[1.0, 2.0]]).expand(500, 2), generator=seeded())
    u = seen[0][:, 0]
    assert torch.equal(seen[0][:, 1], 2 * u)
    assert 0 <= u.min() < 0.02
    assert 0.98 < u.max() <= 1


@pytest.mark.law("wgan-clipping")
def test_clipping_cuts_every_weight():
    critic = mlp((2, 16, 1), generator=seeded())
    kept = [p.detach().clone() for p in critic.parameters()]
    deep.clip_weights(critic, 0.3)
    for p, q in zip(critic.parameters(), kept, strict=True):
        assert torch.equal(p, q.clamp(-0.3, 0.3))
    assert any((q.abs() > 0.3).any() for q in kept)


@pytest.mark.parametrize("penalty", [False, True])
@pytest.mark.law("wgan-clipping")
@pytest.mark.law("gradient-penalty")
def test_both_train_a_generator_across_a_gap(penalty):
    """The laws do not overlap: from 4 away the generator reaches the data."""
    G, f = mlp((2, 16, 2), generator=seeded()), mlp((2, 32, 1), generator=seeded(1))
    data = lambda n, rng: torch.randn(n, 2, generator=rng) * 0.1 + torch.tensor([6.0, 0.0])  # noqa: E731
    by = deep.penalised(generator=seeded(2)) if penalty else deep.critic_loss
    rounds = list(
        play(
            G, f, data, critic_loss=by, generator_loss=deep.generator_loss, steps=300, batch=32, noise=2,
            critic_steps=5, lr=5e-3, rng=seeded(3), optimizer=torch.optim.RMSprop,
            after_critic=None if penalty else partial(deep.clip_weights, clip=0.2),
        )
    )  # fmt: skip
    start = sample(mlp((2, 16, 2), generator=seeded()), 500, noise=2, rng=seeded(4)).mean(0)
    end = sample(G, 500, noise=2, rng=seeded(4)).mean(0)
    goal = torch.tensor([6.0, 0.0])
    assert (end - goal).norm() < 0.2 * (start - goal).norm()
    assert min(r.gradient_norm for r in rounds[:50]) > 1e-3
    if not penalty:
        assert max(p.abs().max() for p in f.parameters()) <= np.float32(0.2)


X, Y = torch.zeros(3, 2), torch.ones(3, 2)
F = nn.Linear(2, 1)
BAD = {
    "real: expected samples": lambda: deep.critic_loss(F, torch.zeros(3), Y),
    "real: expected samples [n, ...], n at least 1": lambda: deep.critic_loss(F, X[:0], Y),
    "fake: expected samples [m, 2], got (3, 3)": lambda: deep.critic_loss(F, X, torch.zeros(3, 3)),
    "fake: expected shape (3, 2), got (2, 2)": lambda: deep.gradient_penalty(F, X, Y[:2], generator=seeded()),
    "weight: expected a number of at least 0, got -1": lambda: deep.penalised(weight=-1, generator=seeded()),
    "weight: expected a finite number, got nan": lambda: deep.gradient_penalty(
        F, X, Y, weight=float("nan"), generator=seeded()
    ),
    "target: expected a number of at least 0, got -0.5": lambda: deep.penalised(target=-0.5, generator=seeded()),
    "critic: expected one number for each of 3 samples, got shape (3, 2)": lambda: deep.gradient_penalty(
        nn.Identity(), X, Y, generator=seeded()
    ),
    "critic: expected one number for each of 1 samples, got shape ()": lambda: deep.gradient_penalty(
        lambda z: F(z).sum(), X[:1], Y[:1], generator=seeded()
    ),
    "critic: expected one number for each of 3 samples, got shape (1,)": lambda: deep.check_samplewise(
        nn.Sequential(nn.Flatten(0), nn.Linear(6, 1)), X
    ),
    "clip: expected a finite number above 0, got 0": lambda: deep.clip_weights(F, 0),
    "clip: expected a finite number above 0, got -0.01": lambda: deep.clip_weights(F, -0.01),
    "x: expected at least two samples [n, ...], got shape (1, 2)": lambda: deep.check_samplewise(F, X[:1]),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input_is_refused_by_name(message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        BAD[message]()
    assert str(caught.value).startswith(message)


def test_quick_run_writes_what_the_book_reads(quick_run, tmp_path):
    out = tmp_path / "wgan"
    manifest = quick_run(out)
    assert set(manifest["files"]) == {"curves.npz", "samples.npz"}
    assert set(manifest["metrics"]) == {"penalty", "clipping", "minimax"}
    for numbers in manifest["metrics"].values():
        assert numbers["w1_start"] == manifest["metrics"]["minimax"]["w1_start"]  # one start, the same samples
    with np.load(out / "curves.npz") as curves:
        assert curves["penalty_w1"].shape == curves["penalty_critic_loss"].shape == (2, 3)


def test_recorded_run_is_the_setting_of_the_failing_gan(root):
    """What the chapter says of the record: same networks, data, seeds and start, and half the rounds."""
    ours, theirs = (json.loads((root / f"results/{name}/result.json").read_text()) for name in ("wgan", "minimax"))
    base = ours["config"]["base"]
    same = ("std", "noise", "hidden", "train", "critic_steps", "batch", "shown", "offsets", "head_starts", "seeds")
    assert {key: base[key] for key in same} == {key: theirs["config"][key] for key in same}
    assert base["steps"] <= theirs["config"]["steps"]
    assert dict(ours["config"]["rates"])["minimax"] == dict(theirs["config"]["rates"])["sgd"]
    with np.load(root / "results/wgan/curves.npz") as curves:
        stuck = curves["minimax_w1"][:, -1] > 0.95 * curves["minimax_w1"][:, 0]
        assert stuck.sum() == 4
        for name in ("penalty", "one_sided", "clipping"):
            assert (curves[f"{name}_w1"][:, -1] < 0.2 * curves[f"{name}_w1"][:, 0]).all()
            ratio = curves[f"{name}_gradient_norm"][:, 1].mean() / curves["minimax_gradient_norm"][:, 1].mean()
            assert ratio > (100 if name == "clipping" else 1000)
