"""Laws of the small critic of the chapter wgan: gradients by hand, exact Lipschitz constants, certificates."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from teachkit import wgan
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


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.law("critic-lipschitz")
def test_input_gradient_is_that_of_differences(d, rng):
    f, z, h = wgan.random_critic(7, d, rng), rng.standard_normal((9, d)), 1e-6
    by_steps = np.stack([(f(z + h * e) - f(z - h * e)) / (2 * h) for e in np.eye(d)], 1)
    np.testing.assert_allclose(wgan.input_gradient(f, z), by_steps, atol=1e-7)


@pytest.mark.law("critic-lipschitz")
def test_slopes_between_the_bends(rng):
    f = wgan.random_critic(12, 1, rng)
    knots, slopes = wgan.pieces(f)
    inner = (knots[1:] + knots[:-1]) / 2
    at = np.concatenate([[knots[0] - 1], inner, [knots[-1] + 1]])[:, None]
    np.testing.assert_allclose(slopes, wgan.input_gradient(f, at)[:, 0], atol=1e-12)
    assert wgan.lipschitz(f) == np.abs(slopes).max()


@pytest.mark.law("critic-lipschitz")
@pytest.mark.parametrize("h", [1, 2, 3, 8, 20])
def test_constant_in_the_plane_is_the_largest_gradient_found(h, rng):
    """No sampled gradient is above it, and dense sampling comes to it when no cell is tiny."""
    for _ in range(5):
        f = wgan.random_critic(h, 2, rng)
        exact = wgan.lipschitz(f)
        z = np.concatenate([rng.uniform(-s, s, (40_000, 2)) for s in (2, 10, 100)])
        found = np.linalg.norm(wgan.input_gradient(f, z), axis=1).max()
        assert found <= exact * (1 + 1e-12)
        assert found >= 0.93 * exact


@pytest.mark.law("critic-lipschitz")
@pytest.mark.parametrize("d", [1, 2])
def test_constant_on_a_box_is_the_largest_gradient_found_there(d, rng):
    for h in (1, 3, 15):
        for _ in range(10):
            f = wgan.random_critic(h, d, rng)
            low = rng.uniform(-3, 1, d)
            high = low + rng.uniform(0.1, 2, d)
            exact = wgan.lipschitz(f, (low, high))
            z = rng.uniform(low, high, (20_000, d))
            found = np.linalg.norm(wgan.input_gradient(f, z), axis=1).max()
            assert 0.97 * exact <= found <= exact * (1 + 1e-12)
            assert exact <= wgan.lipschitz(f)
    flat = wgan.lipschitz(f, (np.zeros(d), np.eye(d)[0]))  # a segment
    on = wgan.input_gradient(f, rng.random((20_000, 1)) * np.eye(d)[0])
    assert flat >= np.linalg.norm(on, axis=1).max() * (1 - 1e-12)
    wide = np.full(d, 1e6)
    assert wgan.lipschitz(f, (-wide, wide)) == pytest.approx(wgan.lipschitz(f), rel=1e-12)


@pytest.mark.law("critic-lipschitz")
def test_cells_of_known_arrangements():
    """Lines through one point, equal lines, parallel lines, units that never switch."""
    eight = np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], 1)
    star = Critic(eight, np.zeros(8), np.ones(8))
    # On each of its cells four neighbouring normals are on; their sum has this length.
    assert wgan.lipschitz(star) == pytest.approx(np.linalg.norm(eight[:4].sum(0)), rel=1e-12)
    twins = Critic(np.array([[1.0, 0.0], [2.0, 0.0], [-3.0, 0.0]]), np.zeros(3), np.array([1.0, 1.0, 1.0]))
    assert wgan.lipschitz(twins) == 3.0
    stripes = Critic(np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([0.0, -5.0]), np.array([1.0, -1.0]))
    assert wgan.lipschitz(stripes) == 1.0
    assert wgan.lipschitz(Critic(np.zeros((2, 2)), np.ones(2), np.ones(2))) == 0.0
    assert wgan.lipschitz(Critic(np.zeros((2, 1)), np.ones(2), np.ones(2))) == 0.0
    opposite = Critic(np.array([[1.0], [-1.0]]), np.array([0.0, 0.0]), np.array([1.0, -1.0]))
    assert wgan.lipschitz(opposite) == 1.0  # relu(x) - relu(-x) = x
    assert wgan.lipschitz(stripes, ([0, 6], [1, 7])) == 0.0
    assert wgan.lipschitz(stripes, ([0, 1], [0, 1])) == 1.0


@pytest.mark.law("critic-lipschitz")
@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_constant_scales_with_the_weights(scale, rng):
    f = wgan.random_critic(9, 2, rng)
    assert wgan.lipschitz(f._replace(v=scale * f.v)) == pytest.approx(scale * wgan.lipschitz(f), rel=1e-12)
    assert wgan.lipschitz(f._replace(b=scale * f.b)) == pytest.approx(wgan.lipschitz(f), rel=1e-9)


@pytest.mark.law("lipschitz-product")
@pytest.mark.parametrize("d", [1, 2])
def test_product_of_norms_is_an_upper_bound_and_can_be_loose(d, rng):
    f = wgan.random_critic(64, d, rng)
    exact, bound = wgan.lipschitz(f), wgan.lipschitz_bound(f)
    assert exact <= bound
    assert bound > 1.5 * exact
    single = wgan.random_critic(1, d, rng)
    assert wgan.lipschitz_bound(single) == pytest.approx(wgan.lipschitz(single), rel=1e-12)


@pytest.mark.law("lipschitz-product")
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (40, 2), (20, 20)])
def test_power_iteration_finds_the_largest_singular_value(shape, rng):
    W = rng.standard_normal(shape)
    exact = np.linalg.norm(W, 2)
    assert wgan.spectral_norm(W) == pytest.approx(exact, rel=1e-12)
    for rounds in (1, 2, 3):
        assert wgan.spectral_norm(W, rounds) >= exact * (1 - 1e-12)
    for scale in (1e-300, 1e300):
        assert wgan.spectral_norm(scale * W) == pytest.approx(scale * exact, rel=1e-12)
    assert wgan.spectral_norm([[2.0, 0], [0, 1.9], [0, 1.9]]) == pytest.approx(1.9 * 2**0.5, rel=1e-12)


@pytest.mark.law("wgan-certificate")
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("m", [30, 20])
def test_value_over_constant_never_exceeds_w1(d, m, rng):
    x, y = rng.standard_normal((30, d)), rng.standard_normal((m, d)) + 0.5
    for h in (1, 4, 30):
        f = wgan.random_critic(h, d, rng)
        for sign in (1, -1):
            proof = wgan.certify(f._replace(v=sign * f.v), x, y)
            assert proof.bound <= proof.w1
            assert proof.gap == proof.w1 - proof.bound >= 0


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
    assert len([t for t in range(100) if 0 <= t <= wgan.PUBLISHED.critic_steps]) == wgan.PUBLISHED.critic_steps + 1


@pytest.mark.law("clipped-slope")
@pytest.mark.parametrize(("widths", "d"), [((8,), 1), ((8,), 2), ((5, 6), 3), ((4, 3, 5), 2)])
def test_no_clipped_network_is_steeper(widths, d, rng):
    """Random networks with weights at and inside the clip, by torch; equality when all weights are the clip."""
    clip, bound = 0.4, wgan.clipped_slope(0.4, widths, d)
    sizes = (d, *widths, 1)

    def steepest(draw, z):
        layers = [(draw((m, n)), draw((m,))) for n, m in pairwise(sizes)]
        z = torch.tensor(z, requires_grad=True)
        out = z
        for i, (W, b) in enumerate(layers):
            out = out @ torch.tensor(W).T + torch.tensor(b)
            out = torch.relu(out) if i < len(layers) - 1 else out
        return torch.autograd.grad(out.sum(), z)[0].norm(dim=1).max().item()

    z = rng.standard_normal((200, d))
    for draw in (lambda s: rng.uniform(-clip, clip, s), lambda s: rng.choice([-clip, clip], s)):
        assert max(steepest(draw, z) for _ in range(30)) <= bound * (1 + 1e-12)
    assert steepest(lambda s: np.full(s, clip), np.abs(z)) == pytest.approx(bound, rel=1e-12)


@pytest.mark.law("clipped-slope")
def test_slope_vanishes_or_explodes_with_depth():
    """With 100 units a layer multiplies by 100 c: down at c = 0.005, level at 0.01, up at 0.02."""
    ratio = lambda c: wgan.clipped_slope(c, [100] * 9, 2) / wgan.clipped_slope(c, [100] * 8, 2)  # noqa: E731
    assert [ratio(c) for c in (0.005, 0.01, 0.02)] == pytest.approx([0.5, 1, 2])


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
