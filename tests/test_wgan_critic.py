"""Laws of the small critic of the chapter wgan: gradients by hand, exact Lipschitz constants, certificates."""

import numpy as np
import pytest
import torch

from teachkit import wgan
from teachkit.deep import wgan as deep
from teachkit.deep.minimax import play
from teachkit.wgan import Critic


def flat(f):
    return np.concatenate([part.ravel() for part in f])


def unflat(theta, like):
    parts, at = [], 0
    for part in like:
        parts.append(theta[at : at + part.size].reshape(part.shape))
        at += part.size
    return Critic(*parts)


def differences(loss, f, h=1e-6):
    theta = flat(f)
    return np.array(
        [(loss(unflat(theta + s, f)) - loss(unflat(theta - s, f))) / (2 * h) for s in h * np.eye(theta.size)]
    )


def torch_critic(f):
    W, b, v = (torch.tensor(part, requires_grad=True) for part in f)
    return lambda z: torch.relu(z @ W.T + b) @ v, (W, b, v)


@pytest.mark.law("wgan-clipping")
@pytest.mark.parametrize("d", [1, 2, 5])
def test_value_gradient_is_that_of_torch_and_of_differences(d, rng):
    f, x, y = wgan.random_critic(7, d, rng), rng.standard_normal((9, d)), rng.standard_normal((6, d))
    ours = flat(wgan.value_gradient(f, x, y))
    np.testing.assert_allclose(ours, differences(lambda g: wgan.critic_value(g, x, y), f), atol=1e-8)
    theirs, weights = torch_critic(f)
    (theirs(torch.tensor(x)).mean() - theirs(torch.tensor(y)).mean()).backward()
    np.testing.assert_allclose(ours, np.concatenate([w.grad.numpy().ravel() for w in weights]), atol=1e-14)


@pytest.mark.law("gradient-penalty")
@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_penalty_gradient_is_that_of_torch_and_of_differences(d, one_sided, rng):
    f, z = wgan.random_critic(7, d, rng), rng.standard_normal((9, d))
    value, gradient = wgan.penalty(f, z, one_sided=one_sided)
    by_steps = differences(lambda g: wgan.penalty(g, z, one_sided=one_sided)[0], f)
    np.testing.assert_allclose(flat(gradient), by_steps, atol=1e-7)
    theirs, weights = torch_critic(f)
    at = torch.tensor(z, requires_grad=True)
    (g,) = torch.autograd.grad(theirs(at).sum(), at, create_graph=True)
    excess = g.norm(dim=1) - 1
    loss = ((excess.clamp(min=0) if one_sided else excess) ** 2).mean()
    grads = torch.autograd.grad(loss, weights, allow_unused=True)
    assert value == pytest.approx(loss.item(), rel=1e-12)
    expected = [np.zeros(w.shape) if u is None else u.numpy() for u, w in zip(grads, weights, strict=True)]
    np.testing.assert_allclose(flat(gradient), np.concatenate([u.ravel() for u in expected]), atol=1e-12)


@pytest.mark.law("wgan-clipping")
@pytest.mark.parametrize("clip", [None, 0.05])
def test_step_is_that_of_torch_rmsprop(clip, rng):
    f, x, y = wgan.random_critic(6, 2, rng), rng.standard_normal((8, 2)), rng.standard_normal((8, 2))
    size = 1e9 if clip is None else clip
    *_, last = wgan.fit_clipped(f, x, y, clip=size, lr=1e-3, steps=20, batch=None, rng=rng)
    theirs, weights = torch_critic(f)
    optimizer = torch.optim.RMSprop(weights, 1e-3)
    for _ in range(20):
        optimizer.zero_grad()
        (theirs(torch.tensor(y)).mean() - theirs(torch.tensor(x)).mean()).backward()
        optimizer.step()
        with torch.no_grad():
            for w in weights:
                w.clamp_(-size, size)
    np.testing.assert_allclose(flat(last.critic), torch.cat([w.flatten() for w in weights]).detach(), atol=1e-10)


@pytest.mark.law("wgan-clipping")
def test_constants_are_those_of_the_listing():
    import inspect

    assert wgan.PUBLISHED == (0.00005, 0.01, 64, 5)
    given = inspect.signature(wgan.fit_clipped).parameters
    assert [given[name].default for name in ("lr", "clip", "batch")] == [*wgan.PUBLISHED[:3]]
    assert inspect.signature(wgan.fit_penalised).parameters["weight"].default == 10


@pytest.mark.law("s0-listing-loop")
def test_loop_from_zero_to_five_runs_six_times():
    """The listing's loop, read literally, makes one step of the critic more than a round of ours."""
    n, t, literal, steps = wgan.PUBLISHED.critic_steps, 0, 0, []
    while t <= n:
        literal, t = literal + 1, t + 1

    def counted(critic, real, fake):
        steps.append(real)
        return deep.critic_loss(critic, real, fake)

    G, f, seeded = torch.nn.Linear(2, 1), torch.nn.Linear(1, 1), torch.Generator().manual_seed(0)
    game = play(
        G, f, torch.zeros(9, 1), critic_loss=counted, generator_loss=deep.generator_loss, steps=1, batch=4, noise=2,
        critic_steps=n, lr=1e-3, rng=seeded, optimizer=torch.optim.SGD,
    )  # fmt: skip
    assert len(list(game)) == 1
    assert literal == len(steps) + 1 == 6


def test_training_is_repeatable_and_leaves_its_arguments(rng):
    f, x, y = wgan.random_critic(6, 2, rng), rng.standard_normal((8, 2)), rng.standard_normal((8, 2))
    kept = [part.copy() for part in (*f, x, y)]
    for fit in (wgan.fit_clipped, wgan.fit_penalised):
        runs = [list(fit(f, x, y, steps=5, rng=np.random.default_rng(1))) for _ in range(2)]
        assert [a.value for a in runs[0]] == [a.value for a in runs[1]]
        assert [a.step for a in runs[0]] == [1, 2, 3, 4, 5]
        assert runs[0][-1].value == wgan.critic_value(runs[0][-1].critic, x, y)
    for part, before in zip((*f, x, y), kept, strict=True):
        np.testing.assert_array_equal(part, before)
