"""Cures in torch: spectral norms, minibatch features, packing, looking ahead, reconstruction, and each as a recipe."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from teachkit import mode_collapse as mc
from teachkit.deep import mode_collapse as deep
from teachkit.deep.minimax import discriminator_loss, minimax_loss, mlp
from teachkit.deep.source import Source
from teachkit.deep.train import Training

TINY = deep.Options(noise=2, hidden=(8, 8), critic_hidden=(8, 8), unroll=2, kernels=3, width=2)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=1):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def layer(kind, seed=0):
    """A layer with seeded weights in double precision."""
    sizes = {nn.Linear: (3, 4), nn.Conv1d: (3, 4, 2), nn.Conv2d: (3, 4, 2)}
    out = nn.utils.skip_init(kind, *sizes[kind], dtype=torch.float64)
    for p in out.parameters():
        nn.init.normal_(p, generator=seeded(seed))
    return out


KINDS = pytest.mark.parametrize("kind", [nn.Linear, nn.Conv1d, nn.Conv2d])


@pytest.mark.law("spectral-norm")
@KINDS
def test_spectral_norm_is_one(kind):
    plain = layer(kind)
    W = plain.weight.detach().clone()
    got = deep.spectral_norm(plain, generator=seeded(), warmup=500).weight
    largest = torch.linalg.svdvals(W.flatten(1))[0]
    torch.testing.assert_close(got, W / largest, rtol=1e-10, atol=0)
    assert torch.linalg.matrix_norm(got.detach().flatten(1), 2).item() == pytest.approx(1, rel=1e-10)


@KINDS
def test_spectral_norm_and_its_gradient_are_those_of_torch(kind):
    ours = deep.spectral_norm(layer(kind), generator=seeded(), warmup=500)
    theirs = parametrizations.spectral_norm(layer(kind), n_power_iterations=500)
    x = normal(2, *[3, 5, 5][: {nn.Linear: 1, nn.Conv1d: 2, nn.Conv2d: 3}[kind]])
    for net in (ours, theirs):
        net(x).square().sum().backward()
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-9, atol=1e-12)
    a, b = (net.parametrizations.weight.original.grad for net in (ours, theirs))
    torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.law("power-iteration")
def test_one_pass_is_one_step_of_power_iteration():
    """The numbers are those of the NumPy twin; without training nothing moves."""
    plain = layer(nn.Linear)
    W, net = plain.weight.detach().numpy().copy(), deep.spectral_norm(plain, generator=seeded(), warmup=0)
    start = net.parametrizations.weight[0].u.numpy().copy()
    for k in (1, 2, 3):
        net.train()(normal(2, 3))
        got = net.parametrizations.weight[0].u
        np.testing.assert_allclose(got, mc.power_iteration(W, k, start).u, rtol=1e-12)
        net.eval()(normal(2, 3))
        np.testing.assert_allclose(got, mc.power_iteration(W, k, start).u, rtol=1e-12)


def test_two_passes_before_one_gradient():
    net = deep.spectral_norm(mlp((2, 5, 1), generator=seeded()), generator=seeded())
    discriminator_loss(net(torch.ones(3, 2)), net(torch.zeros(3, 2))).backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.law("spectral-norm")
def test_normalised_network_stretches_nothing():
    net = deep.spectral_norm(
        mlp((2, 16, 16, 1), generator=seeded(), dtype=torch.float64), generator=seeded(), warmup=300
    )
    x, y = 3 * normal(200, 2), 3 * normal(200, 2, seed=2)
    assert ((net(x) - net(y)).abs().squeeze(1) / (x - y).norm(dim=1)).max().item() <= 1 + 1e-9


def test_normalised_convolution_stretches_at_most_by_the_root_of_its_places():
    net = deep.spectral_norm(layer(nn.Conv2d), generator=seeded(), warmup=500)
    matrix = torch.stack(
        [(net(e.reshape(1, 3, 4, 4)) - net.bias[:, None, None]).flatten() for e in torch.eye(48).double()]
    )
    assert torch.linalg.matrix_norm(matrix.detach(), 2).item() <= 2 + 1e-9


@pytest.mark.law("minibatch-features")
def test_minibatch_features_are_the_double_sum():
    net, x = deep.MinibatchDiscrimination(3, 2, 4, generator=seeded(), dtype=torch.float64), normal(5, 3)
    M = torch.einsum("na,abc->nbc", x, net.T).detach().numpy()
    expected = [[sum(np.exp(-np.abs(M[i, b] - M[j, b]).sum()) for j in range(5)) for b in range(2)] for i in range(5)]
    out = net(x)
    torch.testing.assert_close(out[:, :3], x)
    np.testing.assert_allclose(out[:, 3:].detach(), expected, rtol=1e-12)


@pytest.mark.law("minibatch-features")
def test_minibatch_features_do_not_depend_on_the_order_of_the_others():
    net, x = deep.MinibatchDiscrimination(3, 2, 4, generator=seeded(), dtype=torch.float64), normal(6, 3)
    order = torch.randperm(6, generator=seeded())
    torch.testing.assert_close(net(x)[order], net(x[order]), rtol=1e-12, atol=0)
    alike = net(x[:1].repeat(6, 1))[:, 3:]
    torch.testing.assert_close(alike, torch.full((6, 2), 6.0, dtype=torch.float64))
    assert torch.autograd.gradcheck(net, (normal(3, 3).requires_grad_(),))


@pytest.mark.law("packing")
@pytest.mark.parametrize("m", [1, 2, 3])
def test_packed_discriminator_sees_what_the_numpy_twin_packs(m):
    x = normal(6, 2)
    net = deep.Packed(nn.Linear(2 * m, 1, bias=False, dtype=torch.float64), m)
    torch.testing.assert_close(net(x), net.net(torch.from_numpy(mc.packed(x.numpy(), m))))


def test_feature_matching_is_the_distance_of_means_and_teaches_the_fake_samples_alone():
    D = mlp((2, 8, 1), generator=seeded(), dtype=torch.float64)
    real, fake = normal(6, 2).requires_grad_(), normal(4, 2, seed=2).requires_grad_()
    loss = deep.feature_matching_loss(D[:-1], real, fake)
    gap = D[:-1](fake).mean(0) - D[:-1](real).mean(0)
    torch.testing.assert_close(loss, (gap**2).sum())
    loss.backward()
    assert real.grad is None
    assert fake.grad.abs().sum() > 0
    assert deep.feature_matching_loss(D[:-1], real, real.flip(0)).item() == pytest.approx(0, abs=1e-20)


class Quadratic(nn.Module):
    """The critic x -> A-weighted phi of the quadratic game, of one row theta."""

    def __init__(self, phi):
        super().__init__()
        self.phi = nn.Parameter(torch.tensor(phi))

    def forward(self, theta, A, C):
        return theta @ A @ self.phi - self.phi @ C @ self.phi / 2


@pytest.mark.law("unrolled-gradient")
@pytest.mark.parametrize("k", [0, 1, 4])
def test_gradient_through_the_steps_is_the_closed_form_of_the_quadratic_game(k, rng):
    A, C = rng.standard_normal((3, 2)), np.array([[2.0, 0.5], [0.5, 1.0]])
    theta, phi = rng.standard_normal(3), rng.standard_normal(2)
    x, critic = torch.tensor(theta, requires_grad=True), Quadratic(phi)
    inputs = (x, torch.tensor(A), torch.tensor(C))
    ahead = deep.unrolled(critic, lambda f: -f(*inputs), steps=k, step=0.1)
    ahead(*inputs).backward()
    np.testing.assert_allclose(x.grad, mc.unrolled_gradient(A, theta, phi, steps=k, step=0.1, C=C), rtol=1e-10)
    assert critic.phi.grad is None
    np.testing.assert_array_equal(critic.phi.detach(), phi)


def nets():
    G = mlp((2, 4, 2), generator=seeded(), dtype=torch.float64)
    D = mlp((2, 4, 1), generator=seeded(1), dtype=torch.float64).requires_grad_(False)
    return G, D, normal(5, 2), normal(5, 2, seed=3)


def test_no_steps_give_the_gradient_of_the_minimax_loss():
    G, D, real, z = nets()
    loss = deep.unrolled_loss(D, real, G(z), steps=0, step=0.1)
    assert loss.item() == pytest.approx(-discriminator_loss(D(real), D(G(z))).item(), rel=1e-12)
    wanted = torch.autograd.grad(minimax_loss(D(G(z))), list(G.parameters()))
    torch.testing.assert_close(torch.autograd.grad(loss, list(G.parameters())), wanted)


@pytest.mark.law("unrolled-gradient")
@pytest.mark.parametrize("k", [1, 3])
def test_gradient_of_the_unrolled_loss_is_its_slope(k):
    """Also with a critic that is held fixed, as the engine holds it in the generator's turn."""
    G, D, real, z = nets()
    before = [p.clone() for p in D.parameters()]

    def loss():
        return deep.unrolled_loss(D, real, G(z), steps=k, step=0.3)

    slopes = torch.autograd.grad(loss(), list(G.parameters()))
    h = 1e-6
    for p, slope in zip(G.parameters(), slopes, strict=True):
        flat = p.data.view(-1)
        for i in range(min(3, flat.numel())):
            flat[i] += h
            up = loss().item()
            flat[i] -= 2 * h
            down = loss().item()
            flat[i] += h
            assert slope.view(-1)[i].item() == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-8)
    plain = torch.autograd.grad(deep.unrolled_loss(D, real, G(z), steps=0, step=0.3), list(G.parameters()))
    assert any((a - b).abs().max() > 1e-3 for a, b in zip(slopes, plain, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before, D.parameters(), strict=True))


@pytest.mark.parametrize("method", deep.METHODS)
def test_each_recipe_trains_all_its_networks_and_gives_the_same_numbers_again(method):
    runs = []
    for _ in range(2):
        nets, parts = deep.recipe(method, TINY, generator=seeded())
        before = {name: [p.clone() for p in net.parameters()] for name, net in nets.items()}
        training = Training(nets, parts, Source(torch.randn(64, 2, generator=seeded(5)), 8, seed=0))
        *_, last = training.run(3)
        for name, net in nets.items():
            moved = [not torch.equal(p, q) for p, q in zip(net.parameters(), before[name], strict=True)]
            # A constant added to the features' last layer or to a Wasserstein critic changes no loss.
            assert all(moved[:-1]), name
        runs.append({name: loss.item() for name, loss in last.losses.items()})
    assert runs[0] == runs[1]


class Same:
    """A source that gives the same noise each time."""

    def __init__(self, z):
        self.normal = lambda noise: z[:, :noise]


def test_veegan_tells_pairs_with_codes_of_data_from_pairs_with_noise():
    """The critic sees (F(x), x) as real and (z, G(z)) as fake; the generator also wants z back from G(z)."""
    (nets, parts), x = deep.recipe("veegan", replace(TINY, noise=3), generator=seeded()), normal(5, 2).float()
    G, D, F = nets["generator"], nets["critic"], nets["reconstructor"]
    z = normal(5, 3, seed=4).float()
    fake, back = D.net(torch.cat([z, G(z)], dim=1)), (z - F(G(z))).square().sum(1).mean()
    real = D.net(torch.cat([F(x), x], dim=1))
    expected = {"critic": discriminator_loss(real, fake), "reconstructor": back, "generator": back - fake.mean()}
    for part in parts:
        torch.testing.assert_close(part.loss(nets, x, Same(z)), expected[part.net])


def test_every_method_starts_from_the_same_generator():
    first = [deep.recipe(m, TINY, generator=seeded())[0]["generator"][0].weight for m in deep.METHODS]
    assert all(torch.equal(first[0], other) for other in first)


def test_each_cure_teaches_the_generator_something_else():
    """Two methods that gave the same gradient at the start would be one method under two names."""
    slopes = []
    for method in deep.METHODS:
        nets, parts = deep.recipe(method, replace(TINY, unroll_step=1.0), generator=seeded())
        source = Source(torch.randn(64, 2, generator=seeded(5)), 8, seed=0)
        parts[-1].loss(nets, source.batch(), source).backward()
        slopes.append(nets["generator"][0].weight.grad.flatten())
    cosine = torch.nn.functional.cosine_similarity(torch.stack(slopes)[:, None], torch.stack(slopes)[None], dim=2)
    assert (cosine - 2 * torch.eye(len(slopes))).max() < 0.99999


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: deep.recipe("prayer", TINY, generator=seeded()), "method: expected one of gan, minimax"),
        (lambda: deep.Packed(nn.Identity(), 2)(torch.zeros(3, 2)), "x: expected a multiple of 2 samples, got 3"),
        (lambda: deep.spectral_norm(nn.ReLU(), generator=seeded()), "net: expected a linear or convolution layer"),
        (lambda: deep.SpectralNorm(torch.zeros(2, 2), generator=seeded()), "W: expected a weight that is not zero"),
        (
            lambda: deep.MinibatchDiscrimination(3, generator=seeded())(torch.zeros(2, 4)),
            r"x: expected shape \[n, 3\], got \(2, 4\)",
        ),
        (lambda: deep.MinibatchDiscrimination(3, 0, generator=seeded()), "kernels: expected a whole number"),
        (lambda: deep.unrolled(nn.Identity(), lambda f: f, steps=-1, step=0.1), "steps: expected a whole number"),
        (
            lambda: deep.unrolled(nn.Identity(), lambda f: f, steps=1, step=0.0),
            "step: expected a finite number above 0",
        ),
    ],
)
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_quick_run_writes_what_the_chapter_reads(quick_run, tmp_path):
    out = tmp_path / "mode_collapse"
    manifest = quick_run(out)
    assert manifest["device"] == "cpu"
    assert set(manifest["files"]) == {"curves.npz", "samples.npz"}
    pace, methods = manifest["metrics"]["pace"], {"gan", "unrolled", "pacgan", "wgan_gp", "gan_wide"}
    assert pace["gan"] == {"median": 1.0, "spread": 0.0, "n": 2}
    assert pace["unrolled"]["median"] > 1
    for law, modes in (("ring", 8), ("grid", 25)):
        tables = manifest["metrics"][law]
        assert set(tables["at_steps"]) == set(tables["at_time"]) == set(pace) == methods
        assert tables["floor"]["modes"]["mean"] == modes
        for method, row in tables["at_time"].items():
            assert row["steps"] * pace[method]["median"] <= 1.02 * 4
            if row["steps"] == 4:
                assert tables["at_steps"][method]["js"] == row["js"]
    with np.load(out / "samples.npz") as samples:
        assert samples["ring_wgan_gp"].shape == (len(samples["steps"]), 20, 2)
    with np.load(out / "curves.npz") as curves:
        assert curves["grid_pacgan_js"].shape == (2, len(curves["steps"]))
