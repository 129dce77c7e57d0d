"""DCGAN: its rules, seeded weights, samples, walks and arithmetic, its file, and the run that goes on."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from runs import _images
from runs import dcgan as run
from teachkit.deep import dcgan
from teachkit.deep.adversarial import HINGE, NON_SATURATING
from teachkit.deep.source import Source, scaled
from teachkit.deep.train import Training


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def kinds(net):
    return [type(layer) for layer in net]


@pytest.mark.law("dcgan-rules")
@pytest.mark.parametrize("size", [28, 32])
def test_networks_keep_the_rules(size):
    """No pooling, no dense layer; normalised everywhere but at the image; ReLU and tanh; leaky ReLU 0.2."""
    G, D = dcgan.generator(5, 3, size, rng=seeded()), dcgan.discriminator(3, size, rng=seeded())
    up, norm, down = nn.ConvTranspose2d, nn.BatchNorm2d, nn.Conv2d
    assert kinds(G) == [nn.Unflatten, up, norm, nn.ReLU, up, norm, nn.ReLU, up, nn.Tanh]
    assert kinds(D) == [down, nn.LeakyReLU, down, norm, nn.LeakyReLU, down, nn.Flatten]
    assert {layer.negative_slope for layer in D if isinstance(layer, nn.LeakyReLU)} == {0.2}
    assert [layer.stride for layer in D if isinstance(layer, down)][:2] == [(2, 2), (2, 2)]
    x = G(torch.randn(4, 5, generator=seeded()))
    assert x.shape == (4, 1, size, size)
    assert x.abs().max() <= 1
    assert D(x).shape == (4,)
    assert dcgan.sizes(G) == (5, 3, size)


def test_every_pixel_and_every_number_counts():
    """No layer drops a border: each pixel moves the logit, each number of the noise every pixel."""
    G, D = dcgan.generator(3, 16, rng=seeded()).eval(), dcgan.discriminator(2, norm="none", rng=seeded())
    x = torch.randn(1, 1, 28, 28, generator=seeded(), requires_grad=True)
    assert (torch.autograd.grad(D(x).sum(), x)[0] != 0).all()
    J = torch.func.jacrev(lambda z: G(z[None]).flatten())(torch.randn(3, generator=seeded(4)))
    assert (J.abs().sum(1) > 0).all()


@pytest.mark.law("dcgan-rules")
def test_weights_are_normal_and_come_from_the_generator_alone():
    before = torch.random.get_rng_state()
    first, again = (dcgan.generator(32, 16, rng=seeded(3)) for _ in range(2))
    critics = [dcgan.discriminator(16, norm=norm, rng=seeded(3)) for norm in ("batch", "none")]
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first[1].weight, dcgan.generator(32, 16, rng=seeded(4))[1].weight)
    for net in (first, *critics):
        w = torch.cat([m.weight.flatten() for m in net if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)])
        assert w.std().item() == pytest.approx(0.02, rel=4 / math.sqrt(2 * len(w)))
        assert abs(w.mean().item()) < 4 * 0.02 / math.sqrt(len(w))


def test_layer_norm_is_over_all_of_one_sample():
    D = dcgan.discriminator(3, norm="layer", rng=seeded())
    h = 5 + 2 * torch.randn(4, 6, 7, 7, generator=seeded(1))
    mean, var = h.mean((1, 2, 3), keepdim=True), h.var((1, 2, 3), correction=0, keepdim=True)
    torch.testing.assert_close(D[3](h), (h - mean) / torch.sqrt(var + D[3].eps))


@pytest.mark.law("dcgan-rules")
def test_recipe_has_the_papers_numbers():
    critic, generator = dcgan.parts(noise=4)
    for part in (critic, generator):
        defaults = part.optimizer([nn.Parameter(torch.zeros(1))]).defaults
        assert (defaults["lr"], defaults["betas"]) == (2e-4, (0.5, 0.999))
    other = dcgan.parts(HINGE, noise=4, lr=1e-3, beta1=0.0, critic_steps=3)[0]
    assert other.times == 3
    assert other.optimizer([nn.Parameter(torch.zeros(1))]).defaults["betas"] == (0.0, 0.999)


def test_losses_of_a_step_are_those_of_the_game():
    """The first step's losses, from the networks, the batch and the noise in the order in which they are drawn."""

    def nets():
        return {"critic": dcgan.discriminator(2, rng=seeded()), "generator": dcgan.generator(4, 2, rng=seeded(1))}

    data = torch.randint(256, (20, 1, 28, 28), generator=seeded(2), dtype=torch.uint8)
    (step,) = Training(nets(), dcgan.parts(noise=4), Source(data, 8, seed=0, prepare=scaled)).run(1)
    source, (D, G) = Source(data, 8, seed=0, prepare=scaled), nets().values()
    loss = NON_SATURATING.critic(D(source.batch()), D(G(source.normal(4)).detach()))
    assert step.losses["critic"].item() == pytest.approx(loss.item(), rel=1e-6)


@pytest.mark.law("batch-norm-mixes")
def test_a_picture_depends_on_its_own_noise_alone():
    G = dcgan.generator(4, 2, rng=seeded())
    for _ in range(3):
        G(torch.randn(16, 4, generator=seeded(1)))  # moves the running means
    z = torch.randn(600, 4, generator=seeded(2))
    whole, buffers = dcgan.images(G, z), [b.clone() for b in G.buffers()]
    assert np.abs(whole[[3, 400]].astype(int) - dcgan.images(G, z[[3, 400]])).max() <= 1
    assert whole.shape == (600, 28, 28)
    assert G.training
    assert all(torch.equal(a, b) for a, b in zip(buffers, G.buffers(), strict=True))
    x = G.eval()(z[:2])[:, 0].detach().numpy()
    np.testing.assert_array_equal(whole[:2], np.rint((x + 1) * 127.5))


def test_samples_come_from_the_generator_of_noise():
    G = dcgan.generator(4, 2, rng=seeded())
    a, b = (dcgan.sample(G, 5, 4, seeded(7)) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(a, dcgan.images(G, torch.randn(5, 4, generator=seeded(7))))


def test_bytes_survive_the_way_to_numbers_and_back():
    x = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    np.testing.assert_array_equal(dcgan.pixels(scaled(x)), x[:, 0].numpy())


@pytest.mark.law("slerp")
def test_the_arc_keeps_length_and_speed():
    z0, z1 = torch.randn(2, 64, generator=seeded(), dtype=torch.double)
    z1 *= z0.norm() / z1.norm()
    z = dcgan.slerp(z0, z1, 9)
    torch.testing.assert_close(z.norm(dim=1), z0.norm().expand(9))
    torch.testing.assert_close(z[[0, -1]], torch.stack([z0, z1]))
    along = z[1:].mul(z[:-1]).sum(1) / z0.norm() ** 2
    torch.testing.assert_close(along, along[:1].expand(8))
    plane = torch.stack([z0, z1], 1)
    assert (z.T - plane @ torch.linalg.lstsq(plane, z.T).solution).abs().max() < 1e-9
    middle = (z0 + z1) / 2
    torch.testing.assert_close(z[4], middle * z0.norm() / middle.norm())


@pytest.mark.parametrize("close", [0.0, 1e-9, 1e-4])
def test_the_arc_between_almost_equal_points_is_the_line(close):
    z0 = torch.randn(8, generator=seeded(), dtype=torch.double)
    z1 = z0 + close * torch.randn(8, generator=seeded(1), dtype=torch.double)
    line = torch.stack([z0 + t * (z1 - z0) for t in (0, 0.25, 0.5, 0.75, 1)])
    torch.testing.assert_close(dcgan.slerp(z0, z1, 5), line, atol=1e-7, rtol=0)


def test_walk_shows_the_arc():
    G = dcgan.generator(4, 2, rng=seeded())
    z0, z1 = torch.randn(2, 4, generator=seeded(1))
    np.testing.assert_array_equal(dcgan.walk(G, z0, z1, 5), dcgan.images(G, dcgan.slerp(z0, z1, 5)))


@pytest.mark.law("class-mean")
def test_arithmetic_of_three_each_has_the_length_of_noise():
    z = torch.randn(3, 3, 40_000, generator=seeded(), dtype=torch.double)
    result = dcgan.arithmetic(*z)
    torch.testing.assert_close(result, (z[0] - z[1] + z[2]).sum(0) / 3)
    assert result.square().mean().item() == pytest.approx(1, rel=4 * math.sqrt(2 / 40_000))


def test_file_gives_the_generator_back(tmp_path):
    G = dcgan.generator(6, 3, 32, rng=seeded())
    for _ in range(3):
        G(torch.randn(16, 6, generator=seeded(1)))
    dcgan.save(tmp_path / "w.npz", G)
    again, z = dcgan.load(tmp_path / "w.npz"), torch.randn(4, 6, generator=seeded(2))
    assert dcgan.sizes(again) == (6, 3, 32)
    assert not again.training
    torch.testing.assert_close(again(z), G.eval()(z), atol=2e-3, rtol=0)
    assert {path.name for path in tmp_path.iterdir()} == {"w.npz"}
    with np.load(tmp_path / "w.npz") as arrays:
        assert {x.dtype for x in arrays.values()} == {np.dtype(np.float16)}


def test_foreign_and_damaged_files_are_named(tmp_path):
    path = tmp_path / "w.npz"
    with pytest.raises(FileNotFoundError):
        dcgan.load(path)
    dcgan.save(path, dcgan.generator(6, 3, rng=seeded()))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"w\.npz: expected weights in an .npz file"):
        dcgan.load(path)
    dcgan.save(path, dcgan.discriminator(3, rng=seeded()))
    with pytest.raises(ValueError, match=r"w\.npz: expected the weights of a generator"):
        dcgan.load(path)
    G = dcgan.generator(6, 3, rng=seeded())
    del G[-2].bias
    G[-2].bias = None
    dcgan.save(path, G)
    with pytest.raises(ValueError, match=r"w\.npz: the weights of another network"):
        dcgan.load(path)
    with torch.no_grad():
        G[1].weight[0, 0, 0, 0] = 1e6
    with pytest.raises(ValueError, match=r"net: expected numbers that float16 holds, not those in 1\.weight"):
        dcgan.save(path, G)


G = dcgan.generator(4, 2, rng=seeded())
BAD = {
    "noise": (lambda: dcgan.generator(0, 2, rng=seeded()), "noise: expected a whole number of at least 1"),
    "channels": (lambda: dcgan.discriminator(2.5, rng=seeded()), "channels: expected a whole number of at least 1"),
    "size": (lambda: dcgan.generator(4, 2, 30, rng=seeded()), "size: expected a multiple of 4, got 30"),
    "norm": (lambda: dcgan.discriminator(2, norm="group", rng=seeded()), "norm: expected one of batch, layer, none"),
    "lr": (lambda: dcgan.parts(noise=4, lr=0), "lr: expected a finite number above 0"),
    "beta1": (lambda: dcgan.parts(noise=4, beta1=1.0), "beta1: expected a number from 0 to below 1"),
    "z": (lambda: dcgan.images(G, torch.zeros(4)), r"z: expected shape \[n, noise\]"),
    "columns": (lambda: dcgan.images(G, torch.zeros(2, 5)), r"z: expected shape \[n, 4\]"),
    "n": (lambda: dcgan.sample(G, 0, 4, seeded()), "n: expected a whole number of at least 1"),
    "steps": (lambda: dcgan.slerp(torch.ones(4), torch.arange(4.0), 1), "steps: expected a whole number of at least 2"),
    "z1": (lambda: dcgan.walk(G, torch.ones(4), torch.ones(3), 3), r"z1: expected the shape \[noise\] of z0"),
    "zero": (lambda: dcgan.slerp(torch.zeros(4), torch.ones(4), 3), "z0, z1: expected finite vectors"),
    "infinite": (lambda: dcgan.slerp(torch.ones(4), torch.tensor([0, 0, 0, torch.inf]), 3), "z0, z1: expected finite"),
    "whole": (lambda: dcgan.slerp(torch.eye(2).long()[0], torch.eye(2)[1], 3), "z0, z1: expected floats, got "),
    "opposite": (lambda: dcgan.slerp(-torch.ones(4), torch.ones(4), 3), "z1: expected a vector that is not opposite"),
    "minus": (lambda: dcgan.arithmetic(torch.ones(2, 4), torch.ones(4), torch.ones(2, 4)), "minus: expected shape"),
    "also": (lambda: dcgan.arithmetic(torch.ones(2, 4), torch.ones(1, 4), torch.ones(2, 3)), r"also: expected .*k, 4"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_argument_is_named(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


SETTING = dataclasses.replace(run.QUICK.setting, train=90, test=80, steps=8, measured=4)


def outcome(out, setting=SETTING):
    nets = _images.networks(setting, 1, "batch")
    return _images.follow(setting, "dcgan", 1, nets, dcgan.parts(noise=8), {"lr": 1.0}, out)


def same(a, b):
    timed = {"seconds"}
    return all(np.array_equal(a.arrays[k], b.arrays[k]) for k in {*a.arrays, *b.arrays} - timed)


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 8])
def test_a_run_that_is_cut_off_goes_on_to_the_same_record(tmp_path, monkeypatch, cut):
    whole, compare, calls = outcome(tmp_path / "whole"), _images.fid, []
    assert whole.arrays["step"].tolist() == [0, 2, 4, 6, 8]

    def breaks(*features):
        calls.append(0)
        if len(calls) == (cut + 1) // 2 + 1:  # while the images are compared, after the checkpoint of this step
            raise KeyboardInterrupt
        return compare(*features)

    monkeypatch.setattr(_images, "fid", breaks)
    with pytest.raises(KeyboardInterrupt):
        outcome(tmp_path / "cut")
    monkeypatch.setattr(_images, "fid", compare)
    again = outcome(tmp_path / "cut")
    assert same(again, whole)
    assert same(outcome(tmp_path / "cut"), whole)  # at its end nothing is left to do
    assert np.isnan(again.arrays["seconds"]).sum() <= 2
    assert again.numbers["images_per_second"] > 0


def test_quick_run_writes_what_the_book_reads(quick_run, tmp_path):
    manifest = quick_run(tmp_path / "dcgan")
    assert set(manifest["files"]) == {"curves.npz", "samples.npz", "weights.npz"}
    assert {path.name for path in (tmp_path / "dcgan").iterdir()} == {*manifest["files"], "result.json"}
    assert set(manifest["metrics"]) == {"dcgan", "floor"}
    assert manifest["metrics"]["dcgan"]["fid_end"]["n"] == 2
    with np.load(tmp_path / "dcgan/samples.npz") as samples:
        assert (samples["images"].shape, samples["images"].dtype) == ((4, 36, 28, 28), np.uint8)
        assert samples["steps"].tolist() == [0, 2, 4, 6]
        last = samples["images"][-1]
    G = dcgan.load(tmp_path / "dcgan/weights.npz")
    again = dcgan.sample(G, 36, 8, seeded())
    assert np.abs(again.astype(int) - last).mean() < 1  # the weights are rounded to float16


def test_the_settings_fit_their_steps():
    with pytest.raises(ValueError, match="steps: expected a multiple of 16 times 10, got 100"):
        _images.Setting(steps=100)
    assert run.GPU.setting.device == "cuda"
    assert run.GPU.setting.every % run.GPU.setting.thin == 0
