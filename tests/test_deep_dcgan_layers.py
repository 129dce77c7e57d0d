"""What DCGAN's layers do: sizes, transposes, shifts, overlap, batch norm, the first outputs, Adam, memory."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import batch_norm, conv1d, conv2d, conv_transpose1d, conv_transpose2d

from teachkit.deep import dcgan

SHAPES = [(k, s, p) for k in (1, 2, 3, 4, 7) for s in (1, 2, 3) for p in (0, 1, 2) if p < k]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def kernel(k, seed=0):
    return torch.randn(1, 1, k, generator=seeded(seed), dtype=torch.double)


def matrix(w, n, s, p):
    """The convolution by its formula."""
    k = w.numel()
    m = (n + 2 * p - k) // s + 1
    C = torch.zeros(m, n, dtype=torch.double)
    for i in range(m):
        for a in range(k):
            if 0 <= (j := s * i + a - p) < n:
                C[i, j] = w[0, 0, a]
    return C


@pytest.mark.law("convolution")
@pytest.mark.law("conv-size")
@pytest.mark.parametrize(("k", "s", "p"), SHAPES)
def test_convolution_is_its_formula_and_has_its_size(k, s, p):
    w = kernel(k)
    for n in range(max(1, k - 2 * p), 12):
        x = torch.randn(1, 1, n, generator=seeded(1), dtype=torch.double)
        y = conv1d(x, w, stride=s, padding=p)[0, 0]
        assert len(y) == (n + 2 * p - k) // s + 1
        torch.testing.assert_close(y, matrix(w, n, s, p) @ x[0, 0])
        smallest = (len(y) - 1) * s + k - 2 * p
        assert n - s < smallest <= n


@pytest.mark.law("convolution")
def test_convolution_of_images_sums_over_both_axes_and_the_input_channels():
    x, w = (torch.randn(shape, generator=seeded(), dtype=torch.double) for shape in ((3, 9, 8), (2, 3, 4, 4)))
    y, framed = conv2d(x[None], w, stride=2, padding=1)[0], torch.zeros(3, 11, 10, dtype=torch.double)
    framed[:, 1:-1, 1:-1] = x
    assert y.shape == (2, 4, 4)
    for i in range(4):
        for j in range(4):
            seen = framed[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4]
            torch.testing.assert_close(y[:, i, j], (w * seen).sum((1, 2, 3)))


@pytest.mark.law("conv-size")
def test_sizes_of_the_running_example():
    D, G = dcgan.discriminator(2, rng=seeded()), dcgan.generator(3, 2, rng=seeded())
    sides = {}
    for name, net, x in (("D", D, torch.zeros(2, 1, 28, 28)), ("G", G, torch.zeros(2, 3))):
        sides[name] = []
        for layer in net:
            x = layer(x)
            sides[name] += [x.shape[-1]] if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) else []
    assert sides == {"D": [14, 7, 1], "G": [7, 14, 28]}


@pytest.mark.law("transposed-convolution")
@pytest.mark.law("transposed-adjoint")
@pytest.mark.parametrize(("k", "s", "p"), SHAPES)
def test_transposed_convolution_is_the_transpose_and_the_way_of_the_gradient(k, s, p):
    w, m = kernel(k), 4
    n = (m - 1) * s + k - 2 * p
    C = matrix(w, n, s, p)
    assert len(C) == m
    x, y = (torch.randn(size, generator=seeded(1), dtype=torch.double) for size in (n, m))
    back = conv_transpose1d(y[None, None], w, stride=s, padding=p)[0, 0]
    torch.testing.assert_close(back, C.T @ y)
    torch.testing.assert_close((C @ x) @ y, x @ back)
    _, gradient = torch.autograd.functional.vjp(lambda x: conv1d(x[None, None], w, stride=s, padding=p)[0, 0], x, y)
    torch.testing.assert_close(gradient, back)
    _, gradient = torch.autograd.functional.vjp(
        lambda y: conv_transpose1d(y[None, None], w, stride=s, padding=p)[0, 0], y, x
    )
    torch.testing.assert_close(gradient, C @ x)


@pytest.mark.law("conv-shift")
@pytest.mark.parametrize(("k", "s", "p"), SHAPES)
def test_what_is_shifted_by_a_stride_comes_out_shifted_by_one(k, s, p):
    x = torch.zeros(1, 1, 20, dtype=torch.double)
    x[..., 6:12] = kernel(6, 1)
    shifted = torch.zeros_like(x)
    shifted[..., s:] = x[..., :-s]
    y, moved = (conv1d(z, kernel(k), stride=s, padding=p)[0, 0] for z in (x, shifted))
    torch.testing.assert_close(moved[1:], y[:-1])


@pytest.mark.law("kernel-overlap")
@pytest.mark.parametrize(("k", "s"), [(k, s) for k in range(1, 8) for s in (1, 2, 3, 4)])
def test_overlap_counts_the_weights_of_a_residue(k, s):
    w, inner = kernel(k).abs() + 0.1, slice(2 * k, -2 * k)
    y, p = torch.ones(1, 1, 30, dtype=torch.double), k // 2
    counts = conv_transpose1d(y, torch.ones_like(w), stride=s, padding=p)[0, 0][inner].round().long()
    values = conv_transpose1d(y, w, stride=s, padding=p)[0, 0][inner]
    places = (torch.arange(2 * k, 2 * k + len(counts)) + p) % s
    for residue in range(s):
        some = torch.arange(k) % s == residue
        assert (counts[places == residue] == int(some.sum())).all()
        torch.testing.assert_close(values[places == residue], w[0, 0][some].sum().expand((places == residue).sum()))
    assert (len(counts.unique()) == 1) == (k % s == 0)
    assert sorted(counts[:s].tolist()) == [k // s] * (s - k % s) + [-(-k // s)] * (k % s)


@pytest.mark.law("kernel-overlap")
def test_deviations_of_a_fresh_kernel_follow_the_overlap():
    w = torch.randn(4000, 1, 3, 3, generator=seeded())
    x = conv_transpose2d(torch.ones(1, 1, 6, 6), w.transpose(0, 1), stride=2, padding=1)[0, :, 4:6, 4:6]
    np.testing.assert_allclose(sorted(x.var(0).flatten().tolist()), [1, 2, 2, 4], rtol=4 * math.sqrt(2 / 4000))


@pytest.mark.law("batch-norm")
def test_batch_norm_is_its_formula_in_training_and_in_sampling():
    layer = nn.BatchNorm2d(3).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2.0, 0.5]))
        layer.bias.copy_(torch.tensor([0.0, -1.0, 3.0]))
    gain, shift = (p.detach()[:, None, None] for p in (layer.weight, layer.bias))
    running_mean, running_var = torch.zeros(3).double(), torch.ones(3).double()
    for seed in range(3):
        h = 2 + 3 * torch.randn(4, 3, 5, 5, generator=seeded(seed), dtype=torch.double)
        mean, var = h.mean((0, 2, 3)), h.var((0, 2, 3), correction=0)
        hat = (h - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
        torch.testing.assert_close(layer.train()(h), gain * hat + shift)
        running_mean = 0.9 * running_mean + 0.1 * mean
        running_var = 0.9 * running_var + 0.1 * var * 100 / 99
    hat = (h - running_mean[:, None, None]) / (running_var[:, None, None] + 1e-5).sqrt()
    torch.testing.assert_close(layer.eval()(h), gain * hat + shift)


def normalised(h):
    return batch_norm(h, None, None, training=True, eps=1e-300)


def loss_after_norm(w):
    """A loss that sees linear functions of the weights through batch norm alone."""
    x = torch.randn(9, len(w), generator=seeded(1), dtype=torch.double)
    h = (x @ w)[:, None]
    hat = (h - h.mean()) / h.var(correction=0).sqrt()
    return (hat.flatten() * torch.arange(9.0, dtype=torch.double)).sin().sum()


@pytest.mark.law("batch-norm-scale")
@pytest.mark.parametrize("a", [0.1, 1.0, 7.0])
def test_only_the_direction_of_the_weights_counts(a):
    w = torch.randn(5, generator=seeded(), dtype=torch.double)
    gradient = torch.func.grad(loss_after_norm)
    assert loss_after_norm(a * w).item() == pytest.approx(loss_after_norm(w).item(), rel=1e-10)
    assert (w @ gradient(w)).item() == pytest.approx(0, abs=1e-10)
    torch.testing.assert_close(gradient(a * w), gradient(w) / a)
    assert gradient(w).norm() > 0.1
    h = torch.randn(9, 1, generator=seeded(2), dtype=torch.double)
    torch.testing.assert_close(normalised(a * h + 5), normalised(h))


@pytest.mark.law("batch-norm-mixes")
@pytest.mark.parametrize("n", [2, 3, 10])
def test_normalised_numbers_of_a_batch_are_correlated(n):
    h = torch.randn(500, n, generator=seeded(), dtype=torch.double).exp()
    hat = normalised(h.T).T  # a batch in each row
    pairs = (hat.sum(1) ** 2 - hat.square().sum(1)) / (n * (n - 1))
    torch.testing.assert_close(pairs, torch.full((500,), -1 / (n - 1), dtype=torch.double))
    torch.testing.assert_close(hat.square().mean(1), torch.ones(500, dtype=torch.double))


@pytest.mark.law("batch-norm-mixes")
def test_the_company_moves_an_image_in_training_and_not_in_sampling():
    G = dcgan.generator(4, 2, rng=seeded())
    z = torch.randn(6, 4, generator=seeded(1))
    other = torch.cat([z[:1], torch.randn(5, 4, generator=seeded(2))])
    with torch.no_grad():
        assert (G.train()(z)[0] - G(other)[0]).abs().max() > 0.01
        torch.testing.assert_close(G.eval()(z)[0], G(other)[0], atol=1e-6, rtol=0)


@pytest.mark.law("init-scale")
def test_scale_of_a_sum_with_fresh_weights():
    u = torch.tensor([1.0, -2.0, 0.5])
    a = 0.3 * torch.randn(200_000, 3, generator=seeded()) @ u
    wanted = 0.09 * u.square().sum().item()
    assert a.mean().item() == pytest.approx(0, abs=4 * math.sqrt(wanted / 200_000))
    assert a.var().item() == pytest.approx(wanted, rel=4 * math.sqrt(2 / 200_000))
    assert a.relu().square().mean().item() == pytest.approx(wanted / 2, rel=0.02)


@pytest.mark.law("init-scale")
@pytest.mark.parametrize(("normed", "wanted"), [(True, math.sqrt(0.0128)), (False, 0.0029)])
def test_first_images_have_the_deviation_of_the_hand_computation(normed, wanted):
    squares, z = [], torch.randn(64, 64, generator=seeded(100))
    for seed in range(20):
        G = dcgan.generator(64, 16, rng=seeded(seed))
        if not normed:
            G[2] = G[5] = nn.Identity()
        with torch.no_grad():
            squares.append(G(z)[:, 0, 1:-1, 1:-1].square().mean().item())
    assert math.sqrt(np.mean(squares)) == pytest.approx(wanted, rel=0.1)


@pytest.mark.law("adam")
def test_adam_is_the_algorithm():
    eta, b1, b2, eps = 2e-4, 0.5, 0.999, 1e-8
    theta = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.double))
    optimizer, (u, q, mine) = torch.optim.Adam([theta], eta, (b1, b2), eps), (0.0, 0.0, theta.detach().clone())
    for t in range(1, 8):
        g = torch.randn(2, generator=seeded(t), dtype=torch.double)
        theta.grad = g.clone()
        optimizer.step()
        u, q = b1 * u + (1 - b1) * g, b2 * q + (1 - b2) * g**2
        mine = mine - eta * (u / (1 - b1**t)) / ((q / (1 - b2**t)).sqrt() + eps)
        torch.testing.assert_close(theta.detach(), mine, rtol=1e-12, atol=1e-14)
        if t == 1:  # the first step has the size of the rate, whatever the gradient
            torch.testing.assert_close((mine - torch.tensor([1.0, -2.0])).abs(), torch.full((2,), eta).double())


def memory_step(h, beta):
    """The matrix of an alternating step with memory, column by column."""

    def step(x, y, u, v):
        u = beta * u + (1 - beta) * y
        x = x - h * u
        v = beta * v + (1 - beta) * x
        return x, y + h * v, u, v

    return np.array([step(*unit) for unit in np.eye(4)]).T


@pytest.mark.law("momentum-spiral")
@pytest.mark.parametrize("beta", [0.0, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("h", [0.5, 0.1])
def test_eigenvalues_of_a_step_with_memory(h, beta):
    for value in np.linalg.eigvals(memory_step(h, beta)):
        left = (value - 1) ** 2 * (value - beta) ** 2
        assert left == pytest.approx(-(h**2) * (1 - beta) ** 2 * value**3, abs=1e-12)


@pytest.mark.law("momentum-spiral")
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_memory_of_mean_age_a_grows_by_a_times_the_squared_step(beta):
    age = sum(j * (1 - beta) * beta**j for j in range(1000))
    assert age == pytest.approx(beta / (1 - beta))
    errors = [abs(np.linalg.eigvals(memory_step(h, beta))).max() - 1 - age * h**2 for h in (0.02, 0.01)]
    assert abs(errors[1]) <= max(abs(errors[0]) / 7.9, 1e-12)


@pytest.mark.law("weight-average")
def test_mean_age_of_an_average_of_weights():
    average, rho = 0.0, 0.9
    for t in range(1, 400):
        average = rho * average + (1 - rho) * t
    assert 399 - average == pytest.approx(rho / (1 - rho))


@pytest.mark.law("s2-no-dense-layers")
def test_both_ends_join_everything_with_everything():
    G, D = dcgan.generator(5, 3, rng=seeded()), dcgan.discriminator(3, rng=seeded())
    z, h = torch.randn(4, 5, generator=seeded(1)), torch.randn(4, 6, 7, 7, generator=seeded(2))
    torch.testing.assert_close(G[:2](z).flatten(1), z @ G[1].weight.flatten(1))
    torch.testing.assert_close(D[5:](h), h.flatten(1) @ D[5].weight.flatten() + D[5].bias)
    assert (G[1].weight != 0).all()
