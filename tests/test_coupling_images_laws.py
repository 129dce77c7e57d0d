"""Laws of the chapter `coupling_images` that belong to no single module."""

import math

import numpy as np
import pytest
import torch

from teachkit import coupling
from teachkit import coupling_images as twin
from teachkit.deep import coupling_images as deep
from teachkit.deep.coupling_layers import Chain, Coupling, Flatten, MultiScale, Scaling, Squeeze
from teachkit.deep.coupling_mixing import ActNorm, BatchNormFlow, Conv1x1
from teachkit.deep.coupling_nets import mlp
from teachkit.jacobian import jacobian

L2PI = math.log(2 * math.pi)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def stirred(module, seed=0, std=0.3):
    """Give every parameter random values, since the networks start at zero."""
    with torch.no_grad():
        for p in module.parameters():
            p.add_(std * torch.randn(p.shape, generator=seeded(seed), dtype=p.dtype))
    return module


def tiny(additive=True, scaling=False, levels=3, shape=(1, 1, 2)):
    layers = [
        Coupling(kept, mlp(1, 1 if additive else 2, 4, 1, rng=seeded(k)), additive=additive)
        for k, kept in enumerate(("even", "odd"))
    ]
    layers += [Flatten(shape)]
    if scaling:
        layers.insert(0, Scaling((2,)))
    return stirred(deep.ImageFlow(Chain(layers), shape, levels)).double()


@pytest.mark.law("logit-log-det")
def test_slope_of_the_logit_and_its_cube(rng):
    x = rng.random((4, 3))
    y, log_det = twin.logit(x, alpha=0.05)
    J = jacobian(lambda x: twin.logit(x, alpha=0.05)[0], x)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(J)[1], atol=1e-6)
    ends = twin.logit(np.array([[0.0, 1.0]]), alpha=0.05)[0]
    np.testing.assert_allclose(ends, [[-math.log(39), math.log(39)]], atol=1e-12)
    assert (np.abs(y) < math.log(39)).all()


@pytest.mark.law("dequantisation-bits")
def test_bits_are_the_four_terms():
    flow, b, u = tiny(additive=False), torch.tensor([[[[0, 2]]], [[[1, 1]]]]), torch.full((2, 1, 1, 2), 0.25)
    y, slope = twin.logit(((b + u) / 3).double().flatten(1).numpy(), alpha=0.05)
    z, log_det = flow.layer.inverse(torch.from_numpy(y).reshape(2, 1, 1, 2))
    log_q = (-0.5 * (z.square().sum(1) + 2 * L2PI) + log_det).detach().numpy() + slope
    bits = flow.bits_with(b, u).detach().numpy()
    np.testing.assert_allclose(bits, -log_q / (2 * math.log(2)) + math.log2(3), atol=1e-7)


@pytest.mark.law("dequantisation-bits")
def test_mean_over_the_noise_bounds_a_probability_that_sums_to_at_most_one():
    flow, total = tiny(additive=False), 0.0
    u = (torch.arange(60) + 0.5) / 60
    u = torch.cartesian_prod(u, u).reshape(-1, 1, 1, 2).double()
    for b in torch.cartesian_prod(torch.arange(3), torch.arange(3)):
        b = b.reshape(1, 1, 1, 2).expand(len(u), -1, -1, -1)
        bits = flow.bits_with(b, u)
        P = (2 ** (-2 * bits)).mean().item()  # q over the cube is 9 times a density whose mean is 2^(-d bits)
        assert bits.mean().item() >= -math.log2(P) / 2 - 1e-9
        total += P
    assert 0.5 < total <= 1


@pytest.mark.law("volume-preserving-bits")
def test_no_volume_preserving_flow_goes_below_its_floor(rng):
    flow = tiny()
    b, u = torch.from_numpy(rng.integers(0, 3, (500, 1, 1, 2))), torch.from_numpy(rng.random((500, 1, 1, 2)))
    slope = twin.logit(((b + u) / 3).flatten(1).numpy(), alpha=0.05)[1]
    floor = math.log2(3) + 0.5 * math.log2(2 * math.pi) - slope / (2 * math.log(2))
    assert (flow.bits_with(b, u).detach().numpy() >= floor - 1e-9).all()
    free = tiny(scaling=True)
    with torch.no_grad():
        free.layer.layers[0].log_scale.fill_(-3.0)
        free.layer.layers[1].net[-1].weight.zero_(), free.layer.layers[2].net[-1].weight.zero_()
    centre = free.decode(torch.zeros(1, 2, dtype=torch.float64)).detach()
    b, u = (3 * centre).floor().clamp(0, 2).long(), (3 * centre) % 1
    slope = twin.logit(centre.flatten(1).numpy(), alpha=0.05)[1]
    floor = math.log2(3) + 0.5 * math.log2(2 * math.pi) - slope / (2 * math.log(2))
    assert free.bits_with(b, u).item() < floor - 1  # with a scaling the bound can be broken


@pytest.mark.law("squeeze-layer")
def test_squeeze_moves_entries_as_stated_and_turns_the_checkerboard_into_channels(rng):
    x = rng.standard_normal((2, 3, 4, 6))
    y = coupling.squeeze(x)
    for k, i, j, a, e in np.ndindex(3, 2, 3, 2, 2):
        assert (y[:, 4 * k + 2 * a + e, i, j] == x[:, k, 2 * i + a, 2 * j + e]).all()
    J = jacobian(lambda z: coupling.squeeze(z.reshape(-1, 1, 4, 4)).reshape(-1, 16), rng.standard_normal((1, 16)))[0]
    assert abs(np.linalg.slogdet(J)[1]) < 1e-8
    mask = coupling.squeeze(coupling.checkerboard(4, 6)[None, None])[0]
    np.testing.assert_array_equal(mask, np.broadcast_to(np.array([0, 1, 1, 0])[:, None, None], (4, 2, 3)))
    z, log_det = Squeeze().inverse(torch.from_numpy(x))
    np.testing.assert_array_equal(z.numpy(), y)
    assert not log_det.any()


@pytest.mark.law("conv1x1-log-det")
def test_log_det_of_the_convolution_is_that_of_the_whole_matrix(rng):
    W, h, w = rng.standard_normal((3, 3)), 2, 4

    def mix(z):
        return np.einsum("kc,ncij->nkij", W, z.reshape(-1, 3, h, w)).reshape(-1, 3 * h * w)

    J = jacobian(mix, rng.standard_normal((1, 24)))[0]
    assert twin.conv1x1_log_det(W, h, w) == pytest.approx(np.linalg.slogdet(J)[1], abs=1e-6)
    layer = stirred(Conv1x1(3, rng=seeded(0))).double()
    z = torch.from_numpy(rng.standard_normal((1, 3, h, w)))
    J = torch.autograd.functional.jacobian(lambda z: layer(z.reshape(1, 3, h, w))[0].flatten(), z.flatten())
    assert layer(z)[1].item() == pytest.approx(torch.linalg.slogdet(J)[1].item(), abs=1e-9)


@pytest.mark.law("plu-form")
@pytest.mark.parametrize("c", [1, 2, 5])
def test_plu_gives_the_matrix_back_and_its_determinant(rng, c):
    W = rng.standard_normal((c, c))
    P, L, U, log_r, sign = twin.plu(W)
    np.testing.assert_allclose(P @ L @ (U + np.diag(sign * np.exp(log_r))), W, atol=1e-12)
    np.testing.assert_array_equal(np.triu(L), np.eye(c))
    assert not np.tril(U).any()
    np.testing.assert_array_equal(np.sort(P), np.eye(c)[np.zeros(c, int)][:, ::-1])
    np.testing.assert_array_equal(P.sum(0), 1)
    assert log_r.sum() == pytest.approx(np.linalg.slogdet(W)[1], abs=1e-10)


@pytest.mark.law("plu-form")
def test_fixed_signs_and_order_fix_the_signs_of_the_leading_minors(rng):
    P, *_, sign = twin.plu(rng.standard_normal((4, 4)))
    for _ in range(20):
        lower, upper = np.tril(rng.standard_normal((4, 4)), -1) + np.eye(4), np.triu(rng.standard_normal((4, 4)), 1)
        W = P @ lower @ (upper + np.diag(sign * np.exp(rng.standard_normal(4))))
        minors = [np.linalg.slogdet((P.T @ W)[:k, :k])[0] for k in range(1, 5)]
        np.testing.assert_array_equal(minors, np.cumprod(sign))
    W, inside = P @ np.diag([-1, -1, 1, 1] * sign), P @ np.diag(sign)  # W: the same sign of det, another minor
    assert np.linalg.slogdet(W)[0] == np.linalg.slogdet(inside)[0]
    assert (P.T @ W)[0, 0] == -sign[0]
    P, _, _, _, sign = twin.plu(-np.eye(2))
    np.testing.assert_array_equal(P, np.eye(2))
    np.testing.assert_array_equal(sign, [-1, -1])  # of determinant 1, and not of the form with signs 1, 1


@pytest.mark.law("actnorm")
def test_actnorm_starts_with_normed_codes_whatever_the_units(rng):
    x = torch.from_numpy(rng.standard_normal((6, 3, 4, 5)) * [[[2.0]], [[0.1]], [[30.0]]] + 4)
    first, second = ActNorm(3).double(), ActNorm(3).double()
    z, log_det = first.inverse(x)
    np.testing.assert_allclose(z.detach().mean((0, 2, 3)), 0, atol=1e-8)
    np.testing.assert_allclose(z.detach().std((0, 2, 3), correction=0), 1, atol=1e-4)
    np.testing.assert_allclose(second.inverse(10 * x + 3)[0].detach(), z.detach(), atol=1e-4)
    shift, log_scale = twin.actnorm(x.numpy())
    np.testing.assert_allclose(log_det.detach(), -4 * 5 * log_scale.sum(), rtol=1e-4)
    np.testing.assert_allclose((x.numpy()[:, 1] - shift[1]) * np.exp(-log_scale[1]), z.detach()[:, 1], atol=1e-4)


@pytest.mark.law("batch-norm-flow")
def test_batch_norm_is_affine_for_fixed_statistics_and_singular_for_those_of_the_batch(rng):
    layer = BatchNormFlow(2).double()
    x = torch.from_numpy(rng.standard_normal((3, 2, 1, 2)) * 2 + 1)

    def whole(flat):
        return layer.inverse(flat.reshape(3, 2, 1, 2))[0].flatten()

    layer.train()
    J = torch.autograd.functional.jacobian(whole, x.flatten())
    singular = torch.linalg.svdvals(J)
    assert singular[-2:].max() < 1e-9 * singular[0]  # one shift for each channel is lost
    layer.eval()
    J = torch.autograd.functional.jacobian(whole, x.flatten())
    assert layer.inverse(x)[1].sum().item() == pytest.approx(torch.linalg.slogdet(J)[1].item(), abs=1e-9)
    assert (J - J.diag().diag()).abs().max() < 1e-12


@pytest.mark.law("multi-scale")
def test_scales_add_their_log_determinants_and_work_on_less_and_less(rng):
    sizes = []

    class Counting(Scaling):
        def _inverse(self, x):
            sizes.append(x[0].numel())
            return super()._inverse(x)

    shapes = [(4, 4, 4), (8, 2, 2), (16, 1, 1)]
    levels = [Chain([Counting(shape), Squeeze()]) for shape in shapes]
    flow = stirred(MultiScale(levels, (1, 8, 8))).double()
    x = torch.from_numpy(rng.standard_normal((2, 1, 8, 8)))
    z, log_det = flow.inverse(x)
    assert z.shape == (2, 64)
    assert sizes == [64, 32, 16]  # less than 2 * 64
    parts = sum(level.layers[0].log_scale.sum() for level in levels)
    np.testing.assert_allclose(log_det.detach(), -parts.item(), atol=1e-12)
    J = torch.autograd.functional.jacobian(lambda x: flow.inverse(x.reshape(1, 1, 8, 8))[0][0], x[0].flatten())
    assert torch.linalg.slogdet(J)[1].item() == pytest.approx(log_det[0].item(), abs=1e-9)
    np.testing.assert_allclose(flow(z)[0].detach(), x, atol=1e-12)


@pytest.mark.law("temperature")
def test_density_of_colder_samples(rng):
    T, layer = 0.6, coupling.layer(lambda z: np.sin(z[:, :1]), lambda z: np.cos(z[:, :1]))
    y = rng.standard_normal((200, 2))
    z, log_det = layer.inverse(y)

    def log_z(z):
        return -0.5 * (z**2).sum(1) - L2PI

    cold = log_z(z / T) - 2 * math.log(T) + log_det  # the change of variables for y = f(T z)
    constant = cold - (log_z(z) + log_det) / T**2 - (1 - 1 / T**2) * log_det
    np.testing.assert_allclose(constant, constant[0], atol=1e-10)
    assert np.ptp(cold - (log_z(z) + log_det) / T**2) > 0.1  # not a power of the density itself
    z, log_det = coupling.additive(lambda z: np.cos(z[:, :1])).inverse(y)
    cold = log_z(z / T) - 2 * math.log(T) + log_det
    assert np.ptp(cold - (log_z(z) + log_det) / T**2) < 1e-10  # it is one where the determinant is constant


@pytest.mark.law("inverse-error-growth")
@pytest.mark.parametrize("M", [0.5, 1.0, 3.0])
def test_rounding_errors_stay_below_their_bound_and_can_reach_it(rng, M):
    K, delta = 6, 1e-3
    bound = delta * sum((1 + M) * M ** (K - k) for k in range(1, K + 1))
    rotations = [np.linalg.qr(rng.standard_normal((3, 3)))[0] for _ in range(K)]

    def error(maps, noise):
        x = hat = rng.standard_normal(len(maps[0]))
        for A in reversed(maps):
            hat = np.linalg.solve(A, hat) - noise()
        for A in maps:
            hat = A @ hat - noise()
        return np.linalg.norm(hat - x)

    def ball():
        e = rng.standard_normal(3)
        return delta * e / np.linalg.norm(e)

    assert all(error([M * Q for Q in rotations], ball) <= bound + 1e-12 for _ in range(50))
    assert error([np.array([[M]])] * K, lambda: delta) == pytest.approx(bound, rel=1e-6)
