"""The model that writes lines: its networks, both recipes, what it draws, and its run (chapter wgan_images)."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from runs import language as language_run
from teachkit.data import text
from teachkit.deep import language as deep
from teachkit.deep.checkpoint import load, save
from teachkit.deep.source import Source
from teachkit.deep.train import Training
from teachkit.deep.wgan import check_samplewise, gradient_penalty

LENGTH, NOISE = 6, 3
RECIPES = {"wgan_gp": deep.wgan_gp_parts, "standard": deep.standard_parts}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def networks(seed=0, blocks=2):
    sizes = {"channels": 5, "blocks": blocks, "rng": seeded(seed)}
    return {"generator": deep.generator(NOISE, LENGTH, **sizes), "critic": deep.critic(LENGTH, **sizes)}


def codes(n=40, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, deep.SYMBOLS, (n, LENGTH)).astype(np.uint8))


def training(recipe, seed=0, **options):
    source = Source(codes(), 8, seed=seed, prepare=deep.one_hot)
    return Training(networks(), RECIPES[recipe](noise=NOISE, critic_steps=2, **options), source)


def test_rows_of_the_generator_are_probabilities():
    y = networks()["generator"](torch.randn(7, NOISE, generator=seeded(1)))
    assert y.shape == (7, LENGTH, len(text.alphabet))
    assert (y > 0).all()
    torch.testing.assert_close(y.sum(-1), torch.ones(7, LENGTH))
    assert (y[0] - y[1]).abs().max() > 1e-3  # noise matters


def test_real_lines_are_rows_with_a_single_one():
    x = deep.one_hot(codes())
    assert x.shape == (40, LENGTH, deep.SYMBOLS)
    assert torch.equal(x.sum(-1), torch.ones(40, LENGTH))
    assert torch.equal(x.square().sum(-1), torch.ones(40, LENGTH))
    assert torch.equal(x.argmax(-1), codes().long())


def test_weights_come_from_the_generator_given_alone():
    before = torch.random.get_rng_state()
    a, b, c = (networks(seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, net in a.items():
        assert all(torch.equal(x, y) for x, y in zip(net.parameters(), b[name].parameters(), strict=True))
        assert not any(
            torch.equal(x, y) for x, y in zip(net.parameters(), c[name].parameters(), strict=True) if x.any()
        )


@pytest.mark.parametrize("blocks", [1, 3])
def test_a_block_is_its_formula(blocks):
    net = networks(blocks=blocks)["critic"].double()
    x = deep.one_hot(codes(4)).double()
    conv = lambda layer, x: nn.functional.conv1d(x, layer.weight, layer.bias, padding=layer.kernel_size[0] // 2)  # noqa: E731
    h = conv(net[1], x.transpose(1, 2))
    for block in net[2 : 2 + blocks]:
        h = h + 0.3 * conv(block.second, conv(block.first, h.clamp(min=0)).clamp(min=0))
    last = net[-2]
    torch.testing.assert_close(net(x), h.flatten(1) @ last.weight[0] + last.bias)


def test_the_critic_keeps_samples_apart_and_one_that_mixes_is_refused():
    nets = networks()
    check_samplewise(nets["critic"], deep.one_hot(codes(6)))
    mixing = nn.Sequential(*nets["critic"][:2], nn.BatchNorm1d(5), *nets["critic"][2:])
    source = Source(codes(), 8, seed=0, prepare=deep.one_hot)
    run = Training({**nets, "critic": mixing}, deep.wgan_gp_parts(noise=NOISE), source).run(1)
    with pytest.raises(ValueError, match=r"critic: expected f of one sample at a time.*BatchNorm1d"):
        next(run)


def test_the_penalty_takes_one_norm_over_all_places_of_each_line():
    critic = networks()["critic"].double()
    real, fake = (deep.one_hot(codes(5, seed)).double() for seed in (0, 1))
    u = torch.rand((5, 1, 1), generator=seeded(3), dtype=torch.float64)
    slopes = []
    for z in u * real + (1 - u) * fake:
        slope = torch.autograd.functional.jacobian(lambda z: critic(z[None])[0], z)
        slopes.append(slope.norm())
    wanted = 10 * (torch.stack(slopes) - 1).square().mean()
    torch.testing.assert_close(gradient_penalty(critic, real, fake, generator=seeded(3)), wanted)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_gradient_reaches_every_weight(recipe):
    """But the biases that shift all of the critic's numbers alike, which a difference of two means doesn't see."""
    run = training(recipe)
    for part in run.parts:
        net = run.nets[part.net].requires_grad_(True)
        part.loss(run.nets, run.source.batch(), run.source).backward()
        sizes = {name: p.grad.abs().max().item() for name, p in net.named_parameters()}
        blind = [name for name, size in sizes.items() if size < 1e-7]
        assert blind == (["3.second.bias", "5.bias"] if (recipe, part.net) == ("wgan_gp", "critic") else [])
        assert len(sizes) == 12
        net.zero_grad()


def test_the_recipes_differ_in_the_loss_alone():
    for name, make in RECIPES.items():
        critic, generator = make(noise=NOISE, critic_steps=7, lr=0.01)
        assert (critic.net, critic.times, generator.net, generator.times) == ("critic", 7, "generator", 1)
        assert critic.twice == (name == "wgan_gp")
        for part in (critic, generator):
            optimizer = part.optimizer(nn.Linear(1, 1).parameters())
            assert isinstance(optimizer, torch.optim.Adam)
            assert (optimizer.defaults["lr"], optimizer.defaults["betas"]) == (0.01, (0.5, 0.9))
    assert [make(noise=1)[0].times for make in RECIPES.values()] == [10, 10]


def test_losses_are_those_of_the_formulas():
    nets, x = networks(), deep.one_hot(codes(8))
    source = lambda: Source(codes(8), 8, seed=5, prepare=deep.one_hot)  # noqa: E731
    D, fake = nets["critic"], nets["generator"](source().normal(NOISE))
    wgan, standard = ([part.loss(nets, x, source()) for part in make(noise=NOISE)] for make in RECIPES.values())
    torch.testing.assert_close(wgan[1], -D(fake).mean())
    torch.testing.assert_close(standard[1], -torch.log(torch.sigmoid(D(fake))).mean())
    logs = torch.log(torch.sigmoid(D(x))).mean() + torch.log(1 - torch.sigmoid(D(fake))).mean()
    torch.testing.assert_close(standard[0], -logs)
    without = deep.wgan_gp_parts(noise=NOISE, weight=0)[0].loss(nets, x, source())
    torch.testing.assert_close(without, D(fake).mean() - D(x).mean())
    assert wgan[0] > without


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_training_that_was_cut_off_goes_on_bit_by_bit(recipe, tmp_path):
    whole = [step.losses["critic"].item() for step in training(recipe).run(6)]
    first = training(recipe)
    list(first.run(3))
    save(tmp_path / "c", first, {})
    second = training(recipe)
    load(tmp_path / "c", second, {})
    assert [step.losses["critic"].item() for step in second.run(6)] == whole[3:]


def test_the_penalty_teaches_which_symbols_occur():
    """Lines of two symbols alone: after a few steps the generator writes these."""
    x = torch.from_numpy(np.random.default_rng(0).choice([8, 12], (200, LENGTH)).astype(np.uint8))
    nets = {
        "generator": deep.generator(NOISE, LENGTH, channels=8, blocks=1, rng=seeded()),
        "critic": deep.critic(LENGTH, channels=8, blocks=1, rng=seeded(1)),
    }
    source = Source(x, 16, seed=0, prepare=deep.one_hot)
    before = "".join(deep.sample(nets["generator"], 50, seeded(2)))
    list(Training(nets, deep.wgan_gp_parts(noise=NOISE, critic_steps=5, lr=5e-3), source).run(50))
    after = "".join(deep.sample(nets["generator"], 50, seeded(2)))
    share = [sum(line.count(text.alphabet[k]) for k in (8, 12)) / len(line) for line in (before, after)]
    assert share[0] < 0.4
    assert share[1] > 0.9


def test_samples_are_the_largest_probabilities():
    net = networks()["generator"]
    lines, y = deep.sample(net, 300, seeded(4)), deep.probabilities(net, 300, seeded(4))
    assert torch.equal(torch.from_numpy(text.encode(lines)).long(), y.argmax(-1))
    torch.testing.assert_close(y, net(torch.randn(300, NOISE, generator=seeded(4))))
    assert not y.requires_grad
    assert lines != deep.sample(net, 300, seeded(5))


def test_weights_on_disk_give_the_same_lines(tmp_path):
    net = networks(blocks=3)["generator"]
    deep.save(tmp_path / "w.npz", net)
    again = deep.load(tmp_path / "w.npz")
    for p, q in zip(net.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(p.half().float(), q)
    assert deep.sample(again, 5, seeded(4)) == deep.sample(net.half().float(), 5, seeded(4))
    np.savez(tmp_path / "other.npz", **{"0.weight": np.zeros((3, 4))})
    with pytest.raises(ValueError, match=r"other.npz: expected the weights of a generator, got 0.weight"):
        deep.load(tmp_path / "other.npz")


def test_bad_input_is_named():
    for name, bad in (("noise", 0), ("length", 0), ("channels", 1.5), ("blocks", 0)):
        sizes = {"noise": 2, "length": 4, "channels": 3, "blocks": 1, name: bad}
        with pytest.raises(ValueError, match=f"{name}: expected a whole number"):
            deep.generator(**sizes, rng=seeded())
        if name != "noise":
            del sizes["noise"]
            with pytest.raises(ValueError, match=f"{name}: expected a whole number"):
                deep.critic(**sizes, rng=seeded())
    with pytest.raises(ValueError, match="n: expected"):
        deep.sample(networks()["generator"], 0, seeded())
    for make in RECIPES.values():
        with pytest.raises(ValueError, match="lr: expected"):
            make(noise=2, lr=0)
        with pytest.raises(ValueError, match="critic_steps: expected"):
            make(noise=2, critic_steps=0)


def test_run_that_was_cut_off_while_it_measured_goes_on(tmp_path, monkeypatch):
    config = replace(language_run.QUICK, drawn=20)
    job = (config, config.games[0], 0)
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = language_run.train_one(*job, tmp_path / "whole")
    calls, compare = [], language_run.compare

    def cut_off(*arguments):
        calls.append(arguments)
        if len(calls) == 2:  # at step 2, after its checkpoint
            raise KeyboardInterrupt
        return compare(*arguments)

    monkeypatch.setattr(language_run, "compare", cut_off)
    with pytest.raises(KeyboardInterrupt):
        language_run.train_one(*job, tmp_path / "cut")
    again = language_run.train_one(*job, tmp_path / "cut")
    assert len(calls) == 4
    assert again.arrays["step"].tolist() == [0, 2, 4]
    for key, wanted in whole.arrays.items():
        if key != "seconds":
            np.testing.assert_array_equal(again.arrays[key], wanted)
    third = language_run.train_one(*job, tmp_path / "cut")  # nothing is left to do
    np.testing.assert_array_equal(third.arrays["lines"], again.arrays["lines"])
    assert np.isfinite(third.numbers["seconds"])


def test_run_writes_a_record(quick_run, tmp_path):
    out = tmp_path / "language"
    record = quick_run(out)
    metrics, lines = record["metrics"], json.loads((out / "samples.json").read_text())
    assert sorted(record["files"]) == ["curves.npz", "samples.json", "weights.npz"]
    assert set(metrics) == {"wgan_gp", "standard", "standard_one", "floor"}
    assert metrics["wgan_gp"]["js_4_at_0"] == metrics["standard"]["js_4_at_0"]  # the same start
    assert metrics["wgan_gp"]["js_2_end"] != metrics["standard"]["js_2_end"]
    for row in (*metrics["floor"].values(), metrics["wgan_gp"]):
        name = "js_2" if "js_2" in row else "js_2_end"
        assert 0 < row[name]["mean"] < np.log(2)
    assert metrics["floor"]["seen"]["words"]["mean"] == 1
    assert metrics["floor"]["seen"]["js_2"]["mean"] < metrics["wgan_gp"]["js_2_end"]["mean"]
    assert {step: len(drawn) for step, drawn in lines["standard"].items()} == {"0": 3, "2": 3, "4": 3}
    net = deep.load(out / "weights.npz")
    assert deep.sample(net.float(), 50, seeded())[:3] == lines["wgan_gp"]["4"]
