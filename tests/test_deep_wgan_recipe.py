"""Both Wasserstein GANs as recipes for the engine, and their run on images."""

import numpy as np
import pytest
import torch
from torch import nn

from teachkit.deep import dcgan
from teachkit.deep import wgan as deep
from teachkit.deep.minimax import mlp
from teachkit.deep.source import Source, scaled
from teachkit.deep.train import Training


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def nets():
    return {"critic": mlp((2, 8, 1), generator=seeded()), "generator": mlp((3, 8, 2), generator=seeded(1))}


def data():
    return torch.randn(30, 2, generator=seeded(2))


def images(norm, parts):
    """Return the training of two small networks on images of noise."""
    pixels = torch.randint(256, (12, 1, 28, 28), generator=seeded(2), dtype=torch.uint8)
    both = {
        "critic": dcgan.discriminator(2, norm=norm, rng=seeded()),
        "generator": dcgan.generator(4, 2, rng=seeded(1)),
    }
    return Training(both, parts, Source(pixels, 6, seed=0, prepare=scaled))


@pytest.mark.law("wgan-gp-training")
def test_penalty_recipe_is_the_loop_by_hand():
    """Adam(1e-4, (0, 0.9)); the points between the samples come from the source, so that a training can go on."""
    parts = deep.wgan_parts(noise=3, weight=7.0, critic_steps=2)
    ours = [list(step.losses.values()) for step in Training(nets(), parts, Source(data(), 8, seed=0)).run(4)]
    source, (critic, generator) = Source(data(), 8, seed=0), nets().values()
    theirs, optimizers = [], [torch.optim.Adam(net.parameters(), 1e-4, (0.0, 0.9)) for net in (critic, generator)]
    for _ in range(4):
        for _ in range(2):
            real, fake, u = source.batch(), generator(source.normal(3)).detach(), source.uniform(1)
            z = (u * real + (1 - u) * fake).requires_grad_()
            W, v = critic[0].weight, critic[2].weight[0]  # grad f = W^T diag(slope) v, by hand
            slope = torch.where(critic[0](z) > 0, 1.0, 0.2)
            norms = ((slope * v) @ W).norm(dim=1)
            loss = critic(fake).mean() - critic(real).mean() + 7 * ((norms - 1) ** 2).mean()
            critic.zero_grad(), loss.backward(), optimizers[0].step()
        source.batch()
        mine = -critic(generator(source.normal(3))).mean()
        generator.zero_grad(), mine.backward(), optimizers[1].step()
        theirs.append([loss.item(), mine.item()])
    np.testing.assert_allclose(np.array(ours, float), theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.law("wgan-gp-training")
def test_recipes_have_the_published_numbers():
    penalty, clipping = deep.wgan_parts(noise=3)[0], deep.clipping_parts(noise=3)[0]
    adam, rmsprop = (part.optimizer([nn.Parameter(torch.zeros(1))]) for part in (penalty, clipping))
    assert (penalty.times, penalty.twice, type(adam)) == (5, True, torch.optim.Adam)
    assert (adam.defaults["lr"], adam.defaults["betas"]) == (1e-4, (0.0, 0.9))
    assert (clipping.times, clipping.twice, type(rmsprop)) == (5, False, torch.optim.RMSprop)
    assert rmsprop.defaults["lr"] == 5e-5
    critic = mlp((2, 8, 1), generator=seeded())
    clipping.after(critic)
    assert max(p.abs().max().item() for p in critic.parameters()) == pytest.approx(0.01, rel=1e-6)


def test_clipping_keeps_every_weight_in_its_box_and_the_generator_free():
    parts = deep.clipping_parts(noise=3, clip=0.05, critic_steps=2)
    training = Training(nets(), parts, Source(data(), 8, seed=0))
    for _ in training.run(3):
        assert max(p.abs().max().item() for p in training.nets["critic"].parameters()) <= 0.05 * (1 + 1e-6)
    assert max(p.abs().max().item() for p in training.nets["generator"].parameters()) > 0.05


@pytest.mark.parametrize("norm", ["layer", "none"])
def test_critics_that_keep_images_apart_train(norm):
    steps = list(images(norm, deep.wgan_parts(noise=4, critic_steps=2)).run(2))
    assert all(torch.isfinite(x) for step in steps for x in step.losses.values())


@pytest.mark.law("samplewise-critic")
def test_a_critic_with_batch_norm_is_refused():
    with pytest.raises(ValueError, match=r"critic: expected f of one sample at a time, .* \(BatchNorm2d\)"):
        list(images("batch", deep.wgan_parts(noise=4)).run(1))
    list(images("batch", deep.clipping_parts(noise=4, critic_steps=1)).run(1))  # clipping does not ask for it


def test_half_precision_is_not_taken_for_mixing():
    critic = dcgan.discriminator(8, norm="layer", rng=seeded())
    with torch.autocast("cpu", torch.bfloat16):
        deep.check_samplewise(critic, torch.randn(6, 1, 28, 28, generator=seeded()))


def test_a_training_with_penalty_goes_on_from_its_state():
    def fresh():
        return Training(nets(), deep.wgan_parts(noise=3, critic_steps=2), Source(data(), 8, seed=0))

    whole = [step.losses["critic"].item() for step in fresh().run(6)]
    first, second = fresh(), fresh()
    list(first.run(3))
    second.load(first.state())
    assert [step.losses["critic"].item() for step in second.run(6)] == whole[3:]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: deep.wgan_parts(noise=3, weight=-1), "weight: expected a number of at least 0"),
        (lambda: deep.wgan_parts(noise=3, lr=0), "lr: expected a finite number above 0"),
        (lambda: deep.clipping_parts(noise=3, clip=0), "clip: expected a finite number above 0"),
        (lambda: deep.clipping_parts(noise=0), "noise: expected a whole number of at least 1"),
    ],
)
def test_bad_number_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_quick_run_writes_what_the_book_reads(quick_run, tmp_path):
    out = tmp_path / "wgan_images"
    manifest = quick_run(out)
    assert set(manifest["files"]) == {"curves.npz", "samples.npz", "weights.npz"}
    assert {path.name for path in out.iterdir()} == {*manifest["files"], "result.json"}
    assert set(manifest["metrics"]) == {"penalty", "clipping", "floor"}
    starts = [manifest["metrics"][game]["fid_start"] for game in ("penalty", "clipping")]
    assert starts[0] == starts[1]  # the same generators before training
    with np.load(out / "samples.npz") as samples:
        assert samples["penalty_steps"].tolist() == [0, 2, 4, 6]
        assert samples["penalty_images"].shape == samples["clipping_images"].shape == (4, 25, 28, 28)
    assert dcgan.sizes(dcgan.load(out / "weights.npz")) == (8, 2, 28)
