import math

import numpy as np
import pytest
import torch
from torch import nn

from teachkit import coupling
from teachkit.deep.coupling_layers import BOUND, Chain, Coupling, Flatten, Layer, MultiScale, Scaling, Squeeze
from teachkit.deep.coupling_mixing import ActNorm, BatchNormFlow, Conv1x1, Permutation
from teachkit.deep.coupling_nets import conv_net, mlp, residual_net


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n, *shape, seed=1):
    return torch.randn(n, *shape, generator=seeded(seed), dtype=torch.float64)


def shaken(layer, scale=0.2, seed=2):
    """Return the layer in float64 with weights, those that start at 0 too, far from their start."""
    layer, rng = layer.double(), seeded(seed)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=rng, dtype=torch.float64)
    return layer


def checkerboard(h, w):
    return torch.from_numpy(coupling.checkerboard(h, w))


def step(c, additive=False, kept="first", hidden=4):
    """Return one step of Glow over images of c channels, with an activation norm that has started."""
    conditioner = conv_net(c // 2, c // 2 * (2 - additive), hidden, rng=seeded(3))
    norm = ActNorm(c)
    norm.ready.fill_(True)
    return [Coupling(kept, conditioner, additive=additive), Conv1x1(c, rng=seeded(4)), norm]


def glow_like(shape=(1, 4, 4)):
    c = 4 * shape[0]
    levels = [Chain([*step(c), *step(c, additive=True), Squeeze()]), Chain([*step(2 * c), Squeeze()])]
    return MultiScale(levels, shape)


LAYERS = {  # a layer and the shape of one x
    "additive": (lambda: Coupling("first", conv_net(2, 2, 4, rng=seeded()), additive=True), (4, 2, 2)),
    "affine": (lambda: Coupling("second", conv_net(2, 4, 4, rng=seeded())), (4, 2, 2)),
    "uneven": (lambda: Coupling("first", conv_net(2, 2, 4, rng=seeded())), (3, 2, 2)),
    "even": (lambda: Coupling("even", mlp(4, 6, 4, rng=seeded())), (7,)),
    "odd": (lambda: Coupling("odd", mlp(2, 4, 4, 1, rng=seeded()), bound=None), (4,)),
    "checkerboard": (lambda: Coupling(checkerboard(3, 3), residual_net(1, 2, 4, 1, rng=seeded())), (1, 3, 3)),
    "masked": (lambda: Coupling([1.0, 0, 0], mlp(3, 3, 4, rng=seeded()), additive=True), (3,)),
    "squeeze": (Squeeze, (2, 2, 4)),
    "scaling": (lambda: Scaling((2, 2, 2)), (2, 2, 2)),
    "flatten": (lambda: Flatten((2, 2, 2)), (2, 2, 2)),
    "actnorm": (lambda: step(2)[2], (2, 2, 3)),
    "batch norm": (lambda: BatchNormFlow(2).eval(), (2, 2, 3)),
    "conv1x1": (lambda: Conv1x1(3, plu=False, rng=seeded()), (3, 2, 2)),
    "plu": (lambda: Conv1x1(3, rng=seeded()), (3, 2, 2)),
    "plu of vectors": (lambda: Conv1x1(3, rng=seeded()), (3,)),
    "permutation": (lambda: Permutation(3, "random", rng=seeded()), (3, 2, 2)),
    "chain": (lambda: Chain([*step(4), Squeeze(), Scaling((1, 4, 4))]), (1, 4, 4)),
    "multi-scale": (glow_like, (1, 4, 4)),
}
every = pytest.mark.parametrize("name", LAYERS)


def built(name):
    make, shape = LAYERS[name]
    return shaken(make()), shape


@every
@torch.no_grad()
def test_inverse_undoes_forward(name):
    layer, shape = built(name)
    x = images(5, *shape)
    z, log_det = layer.inverse(x)
    assert tuple(z.shape[1:]) == layer.noise_shape(shape)
    assert log_det.shape == (5,)
    back, log_det_back = layer(z)
    torch.testing.assert_close(back, x, atol=1e-12, rtol=0)
    torch.testing.assert_close(log_det_back, -log_det, atol=1e-12, rtol=0)


VOLUME = {"additive", "masked", "squeeze", "flatten", "permutation"}


@every
def test_log_det_against_autograd(name):
    layer, shape = built(name)
    for x in images(2, *shape):
        J = torch.autograd.functional.jacobian(lambda y: layer.inverse(y[None])[0][0], x)
        claimed = layer.inverse(x[None])[1][0]
        d = math.prod(shape)
        torch.testing.assert_close(claimed, torch.linalg.slogdet(J.reshape(d, d)).logabsdet, atol=1e-10, rtol=0)
        assert (claimed.abs() < 1e-9) == (name in VOLUME)


@every
def test_gradients_reach_every_weight(name):
    layer, shape = built(name)
    for direction in (layer.inverse, layer.forward):
        layer.zero_grad()
        y = images(3, *(shape if direction == layer.inverse else layer.noise_shape(shape)))
        out, log_det = direction(y)
        if any(True for _ in layer.parameters()):
            ((out**3).sum() + log_det.sum()).backward()
            assert all(p.grad.abs().sum() > 0 for p in layer.parameters() if p.numel() and p.ndim < 3)


@every
@torch.no_grad()
def test_float32_in_float32_out(name):
    layer, shape = built(name)
    x = images(4, *shape).float()
    z, log_det = layer.float().inverse(x)
    assert z.dtype == log_det.dtype == torch.float32
    assert (layer(z)[0] - x).abs().max() < 1e-5


def test_a_coupling_keeps_its_half():
    x = images(4, 5)
    for half, kept in (("first", [0, 1, 2]), ("second", [3, 4]), ("even", [0, 2, 4]), ("odd", [1, 3])):
        layer = shaken(Coupling(half, mlp(len(kept), 2 * (5 - len(kept)), 4, rng=seeded())))
        same = (layer.inverse(x)[0] == x).all(0)
        assert same.nonzero().flatten().tolist() == kept


def test_the_twins_in_numpy_are_equal():
    net, z = shaken(mlp(2, 4, 3, rng=seeded())), images(6, 2)
    layer, b = Coupling([1, 0], net).double(), (1, 0)

    def values(y):
        with torch.no_grad():
            return net(torch.from_numpy(y)).numpy()

    twin = coupling.network_layer(values, b, BOUND)
    with torch.no_grad():
        for ours, theirs in ((layer.forward, twin.forward), (layer.inverse, twin.inverse)):
            for a, e in zip(ours(z), theirs(z.numpy()), strict=True):
                np.testing.assert_allclose(a.numpy(), e, rtol=1e-12, atol=1e-12)
    x = images(2, 3, 4, 6)
    np.testing.assert_array_equal(Squeeze().inverse(x)[0].numpy(), coupling.squeeze(x.numpy()))
    np.testing.assert_array_equal(Squeeze()(images(2, 8, 2, 3))[0], coupling.unsqueeze(images(2, 8, 2, 3).numpy()))


def test_a_half_agrees_with_its_mask():
    """The half computes with half of the entries what a mask computes with all of them."""
    net = shaken(mlp(2, 4, 3, rng=seeded()))

    class Whole(nn.Module):
        def forward(self, x):
            s, t = net(x[:, :2]).chunk(2, 1)
            return torch.cat([torch.ones_like(s), s, torch.ones_like(t), t], 1)

    x = images(5, 4)
    half, whole = Coupling("first", net), Coupling(torch.from_numpy(coupling.channel(4)), Whole()).double()
    for a, b in zip(half.inverse(x), whole.inverse(x), strict=True):
        torch.testing.assert_close(a, b, atol=1e-14, rtol=0)


@torch.no_grad()
def test_a_mask_is_copied():
    given = torch.tensor([1.0, 0.0])
    layer = Coupling(given, Nothing())
    given.zero_()
    assert layer.mask.tolist() == [1.0, 0.0]


def test_scale_stays_below_the_bound():
    layer = shaken(Coupling("first", mlp(1, 2, 4, rng=seeded()), bound=0.5), scale=20.0)
    log_det = layer(images(300, 2))[1].abs()
    assert 0.45 < log_det.max() <= 0.5


def two_dimensional(shape):
    """Return a flow on images of two numbers: side by side as a vector, or as two channels of one point."""
    if shape == (1, 1, 2):
        nets = [mlp(1, 2, 4, rng=seeded(i)) for i in (0, 1)]
        last = [Flatten(shape)]
    else:
        nets, last = [conv_net(1, 2, 4, rng=seeded(i)) for i in (0, 1)], []
    steps = [Coupling(kept, net) for kept, net in zip(("first", "second"), nets, strict=True)]
    return shaken(Chain([*steps, Conv1x1(2, rng=seeded()), *last], shape), 0.15)


@pytest.mark.parametrize("shape", [(1, 1, 2), (2, 1, 1)])
@torch.no_grad()
def test_density_integrates_to_one(shape):
    line = torch.linspace(-14, 14, 301, dtype=torch.float64)
    x = torch.cartesian_prod(line, line)
    z, log_det = two_dimensional(shape).inverse(x.reshape(-1, *shape))
    log_p = -0.5 * z.flatten(1).square().sum(1) - math.log(2 * math.pi) + log_det
    assert log_p.exp().sum().item() * (line[1] - line[0]).item() ** 2 == pytest.approx(1, abs=1e-3)
    assert log_det.std() > 0.05


def test_multi_scale_sends_half_of_the_channels_out():
    """Without layers but squeezes, z holds the entries of x in a known order."""
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    flow = MultiScale([Squeeze(), Squeeze()], (1, 4, 4))
    z = flow.inverse(x)[0]
    first = coupling.squeeze(x.numpy())
    np.testing.assert_array_equal(z[0, :8].numpy(), first[0, 2:].ravel())
    np.testing.assert_array_equal(z[0, 8:].numpy(), coupling.squeeze(first[:, :2]).ravel())
    assert flow.z_shapes == [(2, 2, 2), (8, 1, 1)]
    three = MultiScale([Squeeze(), Squeeze(), Scaling((4, 1, 1))], (1, 4, 4))
    assert three.z_shapes == [(2, 2, 2), (4, 1, 1), (4, 1, 1)]


def test_what_leaves_early_is_not_touched_later():
    flow = shaken(glow_like())
    z = flow.inverse(images(1, 1, 4, 4))[0]
    finest = flow.levels[0].inverse(images(1, 1, 4, 4))[0][:, 2:]
    assert torch.equal(z[:, :8], finest.flatten(1))


def test_chain_adds_log_determinants():
    a, b = shaken(Scaling((2,)), seed=3), shaken(Scaling((2,)), seed=4)
    z = images(3, 2)
    torch.testing.assert_close(Chain([a, b])(z)[1], a(z)[1] + b(z)[1])
    torch.testing.assert_close(Chain([a, b])(z)[0], b(a(z)[0])[0])


class Nothing(nn.Module):
    def forward(self, x):
        return x[:, :1]


BAD = {
    "no layer": (lambda: Chain([]), "layers: expected at least one Layer"),
    "no Layer": (lambda: Chain([nn.ReLU()]), r"layers\[0\]: expected Layer, got ReLU"),
    "no levels": (lambda: MultiScale([], (1, 4, 4)), "levels: expected at least one"),
    "odd sizes": (lambda: MultiScale([Squeeze()], (1, 5, 4)), "x: expected shape .* with even h and w, got .*5, 4"),
    "odd at a level": (lambda: MultiScale([Squeeze(), Squeeze()], (1, 6, 6)), "even h and w, got .n, 2, 3, 3"),
    "odd channels": (lambda: MultiScale([Scaling((3, 2, 2)), Squeeze()], (3, 2, 2)), "levels.0.: expected an even"),
    "no sizes": (lambda: Scaling(()), "shape: expected sizes such as"),
    "a zero size": (lambda: Flatten((1, 0)), "shape: expected a whole number of at least 1"),
    "a half's name": (lambda: Coupling("left", Nothing()), "kept: expected a mask or one of first, second"),
    "a mask of ones": (lambda: Coupling([1.0, 1.0], Nothing()), "kept: expected a mask of zeros and ones"),
    "no mask": (lambda: Coupling(None, Nothing()), "kept: expected a mask of zeros and ones .* got NoneType"),
    "an empty mask": (lambda: Coupling([], Nothing()), "kept: expected a mask of zeros and ones"),
    "a mask of halves": (lambda: Coupling([0.5, 1.0], Nothing()), "kept: expected a mask of zeros and ones"),
    "a bound": (lambda: Coupling("first", Nothing(), bound=0), "bound: expected a finite number above 0"),
    "a mask's shape": (lambda: Coupling(checkerboard(3, 3), Nothing())(images(1, 1, 2, 2)), "z: the mask has shape"),
    "a mask of more": (lambda: Coupling(checkerboard(2, 2), Nothing())(images(1, 2)), "z: the mask has shape"),
    "a mask in a chain": (lambda: Chain([Coupling([1, 0], Nothing())], (3,)), "x: the mask has shape"),
    "the network": (lambda: Coupling("first", Nothing())(images(3, 4)), r"net: expected to return shape \[3, 4\]"),
    "one channel": (lambda: Coupling("first", Nothing())(images(3, 1)), "z: expected at least 2 channels"),
    "one in a chain": (lambda: Chain([Coupling("odd", Nothing())], (1, 4, 4)), "x: expected at least 2 channels"),
    "squeeze": (lambda: Squeeze().inverse(images(1, 1, 2, 3)), "x: expected shape .* with even h and w"),
    "unsqueeze": (lambda: Squeeze()(images(1, 2, 2, 2)), r"z: expected shape \[n, 4c, h, w\]"),
    "another z": (lambda: glow_like()(images(2, 15)), r"z: expected shape \[n, 16\] with n at least 1, got \[2, 15"),
    "another x": (lambda: glow_like().inverse(images(2, 1, 4, 6)), r"x: expected shape \[n, 1, 4, 4\]"),
    "no rows": (lambda: Scaling((2,))(torch.zeros(0, 2)), "z: expected shape .* with n at least 1"),
    "no batch": (lambda: Squeeze()(torch.zeros(4)), "z: expected shape"),
    "no tensor": (lambda: Squeeze()([[1.0]]), "z: expected shape .* got list"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    call, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        call()


def test_a_layer_of_ones_own_says_both_directions():
    class Half(Layer):
        def _forward(self, z):
            return z / 2, torch.full((len(z),), -z[0].numel() * math.log(2))

    with pytest.raises(NotImplementedError):
        Half().inverse(images(1, 2))
    assert Chain([Half(), Half()])(torch.ones(1, 2))[0].tolist() == [[0.25, 0.25]]
