"""Laws of the exact Lipschitz constants of the chapter wgan: cells, the product of norms, certificates."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from teachkit import wgan
from teachkit.wgan import Critic


def in_every_cell(f, rng):
    """Return points in every cell: around all crossings of two lines, or beside all bends on the line."""
    if f.W.shape[1] == 1:
        return (-f.b / f.W[:, 0])[:, None, None].repeat(2, 1).reshape(-1, 1) + np.tile([[-1e-7], [1e-7]], (len(f.b), 1))
    i, j = np.triu_indices(len(f.b), 1)
    pairs = np.stack([f.W[i], f.W[j]], 1)
    sides = 1e-9 * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])[:, None]  # of the two lines
    corners = np.linalg.solve(pairs, (sides - np.stack([f.b[i], f.b[j]], 1))[..., None])[..., 0]
    return np.concatenate([corners.reshape(-1, 2), rng.uniform(-100, 100, (1000, 2))])


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
    """Every cell has a point near a crossing of two lines, if there are two lines."""
    for _ in range(5):
        f = wgan.random_critic(h, 2, rng)
        found = np.linalg.norm(wgan.input_gradient(f, in_every_cell(f, rng)), axis=1).max()
        assert wgan.lipschitz(f) == pytest.approx(found, rel=1e-12)


@pytest.mark.law("critic-lipschitz")
@pytest.mark.parametrize("h", [1, 2, 4, 6])
def test_cells_are_as_many_as_said(h, rng):
    """Patterns of units that are on: h + 1 on the line, 1 + h + h (h - 1) / 2 in the plane in general position."""
    for d, cells in ((1, h + 1), (2, 1 + h + h * (h - 1) // 2)):
        f = wgan.random_critic(h, d, rng)
        z = in_every_cell(f, rng)
        assert len(np.unique((z @ f.W.T + f.b > 0) @ 2 ** np.arange(h))) == cells
        if d == 1:
            assert [len(part) for part in wgan.pieces(f)] == [h, cells]


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
@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1e100, 1e300])
def test_constant_scales_with_the_weights(scale, rng):
    f = wgan.random_critic(9, 2, rng)
    assert wgan.lipschitz(f._replace(v=scale * f.v)) == pytest.approx(scale * wgan.lipschitz(f), rel=1e-12)
    assert wgan.lipschitz_bound(f._replace(v=scale * f.v)) == pytest.approx(scale * wgan.lipschitz_bound(f), rel=1e-12)
    if 1e-200 < scale < 1e200:
        assert wgan.lipschitz(f._replace(b=scale * f.b)) == pytest.approx(wgan.lipschitz(f), rel=1e-9)
    moved = f._replace(W=scale**0.6 * f.W, b=scale**0.6 * f.b)
    assert wgan.lipschitz(moved) == pytest.approx(scale**0.6 * wgan.lipschitz(f), rel=1e-12)


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
        loose = min(shape) ** (0.5 / 2**rounds)
        assert exact * (1 - 1e-12) <= wgan.spectral_norm(W, rounds) <= loose * exact * (1 + 1e-12)
    assert wgan.spectral_norm(np.eye(4), 1) == pytest.approx(4**0.25, rel=1e-12)  # both bounds are attained
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


@pytest.mark.law("wgan-certificate")
def test_hostile_critics_prove_no_more():
    """A strip of width 1e-13 with a slope of 1e15, and two bends that rounding parts or not."""
    strip = Critic(
        np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([0, -1e-13, 1.0]), np.array([1e15, -1e15, 1e-3])
    )
    proof = wgan.certify(strip, [[1.0, 0.0]], [[-1.0, 0.0]])
    assert proof.lipschitz == 1e15
    assert proof.bound <= proof.w1 == 2.0
    step = Critic(np.ones((2, 1)), np.array([0, -1e-13]), np.array([1e15, -1e15]))
    assert wgan.certify(step, [[1.0]], [[-1.0]]).bound <= 2.0
    twice = Critic(np.array([[3.0, 0.0], [-0.3, 0.0]]), np.array([-1, 0.1]), np.array([1.0, -10.0]))
    assert wgan.certify(twice, [[1.0, 0.0]], [[0.0, 0.0]]).lipschitz >= 3.0


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
