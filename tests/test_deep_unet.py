"""The U-Net: shapes, its start, what reaches what, its embedding of time, attention by another way, bad input."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from teachkit import diffusion_reverse
from teachkit.deep import unet as module
from teachkit.deep.unet import unet


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.double)


def woken(**sizes):
    """Return a U-Net in float64 in which no layer is left at 0."""
    net = unet(**{"channels": 1, "width": 4, "multipliers": (1, 2), "rng": seeded(), **sizes}).double()
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            p += 0.1 * normal(*p.shape, seed=i + 1)
    return net


@pytest.mark.parametrize("blocks", [1, 2])
@pytest.mark.parametrize(("multipliers", "attention"), [((1,), 0), ((1, 2), 1), ((1, 2, 3), 2)])
def test_output_has_the_shape_of_the_image_and_every_weight_counts(multipliers, attention, blocks):
    net = woken(channels=3, multipliers=multipliers, attention=attention, classes=5, blocks=blocks)
    x, y = normal(6, 3, 8, 12), torch.arange(6)
    out = net(x, torch.arange(6), y)
    assert out.shape == x.shape
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())


def test_it_starts_at_zero_with_weights_from_the_generator_alone():
    before = torch.random.get_rng_state()
    first, again, other = (unet(1, 8, classes=3, rng=seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.first.weight, other.first.weight)
    assert not torch.equal(first.label.weight, other.label.weight)
    x = torch.randn(2, 1, 28, 28, generator=seeded())
    assert first(x, torch.tensor([1, 500]), torch.tensor([0, 2])).abs().max() == 0


def test_signals_keep_their_size_through_an_untrained_net():
    """What enters the last convolution has the order of 1, whatever the depth."""
    net = unet(1, 16, (1, 2, 4), rng=seeded())
    seen = []
    net.last[1].register_forward_hook(lambda layer, given, out: seen.append(given[0]))
    net(torch.randn(8, 1, 16, 16, generator=seeded()), torch.full((8,), 100))
    assert 0.5 < seen[0].std() < 2


def test_rows_do_not_mix_and_every_pixel_sees_every_pixel():
    net = woken()
    x, t = normal(3, 1, 8, 8), torch.tensor([1, 5, 900])
    torch.testing.assert_close(net(x, t)[1:2], net(x[1:2], t[1:2]))
    J = torch.autograd.functional.jacobian(lambda x: net(x, t[:1]), x[:1])
    assert (J.reshape(64, 64) != 0).all()  # through the attention on the coarse grid


def test_time_and_class_reach_every_block():
    net, x = woken(classes=3), normal(1, 1, 8, 8)
    blocks = [m for m in net.modules() if isinstance(m, module.Block)]
    outs = {}
    for key, (t, y) in {"a": (3, 0), "b": (4, 0), "c": (3, 1), "none": (3, 3)}.items():
        seen = []
        hooks = [b.told.register_forward_hook(lambda *a, seen=seen: seen.append(a[2])) for b in blocks]
        outs[key] = net(x, torch.tensor([t]), torch.tensor([y])), seen
        for hook in hooks:
            hook.remove()
    for other in "b", "c", "none":
        assert all((p != q).all() for p, q in zip(outs["a"][1], outs[other][1], strict=True))
        assert not torch.allclose(outs["a"][0], outs[other][0])
    torch.testing.assert_close(net(x, torch.tensor([3])), outs["none"][0])  # without classes: the class "none"


def test_times_need_not_be_whole():
    net, x = woken(), normal(1, 1, 8, 8)
    low, middle, high = (net(x, torch.tensor([t])) for t in (2, 2.5, 3))
    assert torch.equal(low, net(x, torch.tensor([2.0])))
    assert not torch.allclose(low, middle)
    assert not torch.allclose(middle, high)


def test_embedding_is_the_twins():
    t = np.array([0, 1, 17, 1000])
    for d, longest in ((4, 10_000), (16, 10_000), (6, 50)):
        mine = module.time_embedding(torch.from_numpy(t).double(), d, longest)
        np.testing.assert_allclose(mine, diffusion_reverse.time_embedding(t, d, longest), atol=1e-10)


def test_attention_is_a_weighted_mean_of_the_points():
    """Against torch's own module for many heads, with the same weights."""
    layer = module.Attention(64, seeded()).double()
    with torch.no_grad():
        layer.out.weight += 0.1 * normal(64, 64, 1, 1)
    other, x = nn.MultiheadAttention(64, layer.heads, batch_first=True).double(), normal(2, 64, 3, 5)
    assert layer.heads == 2
    with torch.no_grad():
        other.in_proj_weight.copy_(layer.qkv.weight[:, :, 0, 0])
        other.in_proj_bias.zero_()
        other.out_proj.weight.copy_(layer.out.weight[:, :, 0, 0])
        other.out_proj.bias.zero_()
    h = layer.norm(x).flatten(2).transpose(1, 2)
    expected = x + other(h, h, h)[0].transpose(1, 2).reshape(x.shape)
    torch.testing.assert_close(layer(x), expected)


def test_up_repeats_each_point_and_down_halves():
    x = normal(2, 4, 6, 6)
    up, down = module.Up(4, 3, seeded()).double(), module.Down(4, seeded()).double()
    assert down(x, None).shape == (2, 4, 3, 3)
    torch.testing.assert_close(up(x, None), up.conv(x.repeat_interleave(2, 2).repeat_interleave(2, 3)))


def test_the_number_of_weights_is_that_of_the_recipe():
    """A block: two norms, two convolutions 3 x 3, the time's layer, a 1 x 1 convolution where channels change."""

    def block(a, b, told):
        convs = 9 * a * b + b + 9 * b * b + b
        return 2 * a + 2 * b + convs + told * b + b + (a * b + b if a != b else 0)

    net = unet(1, 8, (1, 2), attention=0, rng=seeded())
    told = 32
    blocks = block(8, 8, told) + block(8, 16, told) + block(16, 16, told) + block(32, 16, told) + block(16, 8, told)
    moves = (9 * 8 * 8 + 8) + (9 * 16 * 8 + 8)
    ends = (9 * 8 + 8) + (2 * 8 + 9 * 8 + 1) + (8 * told + told + told * told + told)
    assert sum(p.numel() for p in net.parameters()) == blocks + moves + ends
    assert math.prod(net.first.weight.shape) == 72


BAD = {
    "channels": (lambda: unet(0, 4, rng=seeded()), "channels: expected a whole number of at least 1"),
    "width": (lambda: unet(1, 7, rng=seeded()), "width: expected an even number, got 7"),
    "narrow": (lambda: unet(1, 2, rng=seeded()), "width: expected a whole number of at least 4"),
    "multipliers": (lambda: unet(1, 4, (), rng=seeded()), "multipliers: expected at least one"),
    "attention": (lambda: unet(1, 4, attention=-1, rng=seeded()), "attention: expected a whole number of at least 0"),
    "grids": (lambda: unet(1, 4, (1, 2), attention=3, rng=seeded()), "attention: expected at most the 2 grids, got 3"),
    "rng": (lambda: unet(1, 4, rng=None), "rng: expected a torch.Generator, .* got NoneType"),
    "classes": (lambda: unet(1, 4, classes=0, rng=seeded()), "classes: expected a whole number of at least 1"),
    "blocks": (lambda: unet(1, 4, blocks=0, rng=seeded()), "blocks: expected a whole number of at least 1"),
    "x": (lambda: woken()(normal(2, 1, 8, 7), torch.ones(2)), r"x: expected shape \[n, 1, h, w\] .* multiples of 2"),
    "type": (
        lambda: woken()(torch.zeros(2, 1, 8, 8), torch.ones(2)),
        "x: expected .* type torch.float64, got torch.float32",
    ),
    "t": (lambda: woken()(normal(2, 1, 8, 8), torch.ones(1)), r"t: expected shape \[2\], got \[1\]"),
    "y": (lambda: woken(classes=2)(normal(2, 1, 8, 8), torch.ones(2), torch.ones(1)), r"y: expected shape \[2\]"),
    "class": (
        lambda: woken(classes=2)(normal(2, 1, 8, 8), torch.ones(2), torch.tensor([0, 3])),
        "y: expected whole numbers from 0 to 2, got 0 to 3",
    ),
    "float y": (
        lambda: woken(classes=2)(normal(2, 1, 8, 8), torch.ones(2), torch.ones(2)),
        "y: expected a tensor of whole numbers, torch.int64, got torch.float32",
    ),
    "d": (lambda: module.time_embedding(torch.ones(2), 5), "d: expected an even number of at least 4, got 5"),
    "no y": (lambda: woken()(normal(2, 1, 8, 8), torch.ones(2), torch.ones(2)), "y: expected none, as the network"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_argument_is_named(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()
