"""Flows of images: the density against autograd, exact inverses, bits, codes, files, and a training that goes on."""

import math
from copy import deepcopy
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.special import ndtr, ndtri
from torch.autograd.functional import jacobian

from runs._coupling_images import stirred
from teachkit import coupling_images as twin
from teachkit.deep import coupling_images as flows
from teachkit.deep._coupling_layer import Layer
from teachkit.deep.checkpoint import load as resume
from teachkit.deep.checkpoint import save as keep
from teachkit.deep.coupling_layers import Coupling
from teachkit.deep.coupling_mixing import BatchNormFlow
from teachkit.deep.source import Source
from teachkit.deep.train import Training
from teachkit.metrics import bits_per_dim

SMALL = {
    "nice": (flows.nice, {"depth": 3, "hidden": 6, "hidden_layers": 2}),
    "realnvp": (flows.realnvp, {"depth": 2, "hidden": 4, "blocks": 1}),
    "realnvp_additive": (flows.realnvp, {"depth": 1, "hidden": 4, "blocks": 1, "additive": True}),
    "realnvp_channels": (flows.realnvp, {"depth": 2, "hidden": 4, "blocks": 1, "checkerboard": False}),
    "glow": (flows.glow, {"depth": 2, "hidden": 4}),
    "glow_boards": (flows.glow, {"depth": 2, "hidden": 4, "boards": 2}),
    "glow_plain": (flows.glow, {"depth": 2, "hidden": 4, "plu": False}),
    "glow_reverse": (flows.glow, {"depth": 2, "hidden": 4, "mixing": "reverse"}),
    "glow_fixed_additive": (flows.glow, {"depth": 2, "hidden": 4, "mixing": "fixed", "additive": True}),
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def made(name, shape=(1, 4, 4), **more):
    make, sizes = SMALL[name]
    return make(shape, **{"levels": 17, **sizes, **more}, rng=seeded())


def started(flow, b):
    """Return the flow in evaluation mode, far from the identity, with norms that have seen images."""
    stirred(flow, 1.0, seeded(1))
    with torch.no_grad():
        for _ in range(3):
            flow.bits(b, seeded(2))
        for parameter in flow.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=seeded(3), dtype=parameter.dtype)
    return flow.eval()


@torch.no_grad()
def seen(flow, b):
    """Let the norms see images; one batch says all, as many would."""
    for layer in flow.modules():
        if isinstance(layer, BatchNormFlow):
            layer.momentum = 1.0
    flow.bits(b, seeded(2))


def pixels(n, shape=(1, 4, 4), levels=17, seed=4):
    return torch.randint(levels, (n, *shape), generator=seeded(seed))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 4, 4)], ids=str)
def test_log_density_is_that_of_the_jacobian(name, shape):
    flow = started(made(name, shape), pixels(20, shape)).double()
    x = (pixels(2, shape) + torch.rand(2, *shape, generator=seeded(5), dtype=torch.double)) / 17
    z = flow.encode(x)
    for i in range(2):
        J = jacobian(lambda one: flow.encode(one[None])[0], x[i]).reshape(flow.d, flow.d)
        base = -0.5 * (z[i].square().sum() + flow.d * math.log(2 * math.pi))
        assert flow.log_prob(x)[i].item() == pytest.approx((base + torch.linalg.slogdet(J)[1]).item(), abs=1e-8)


@pytest.mark.parametrize(
    ("name", "fine", "coarse"),
    [("realnvp", 2, 3), ("realnvp_channels", 0, 3), ("glow", 0, 0), ("glow_boards", 2, 0)],
)
def test_checkerboards_stand_on_the_grids_that_were_asked_for(name, fine, coarse):
    masks = [layer.mask for layer in made(name).modules() if isinstance(layer, Coupling) and layer.mask is not None]
    assert [tuple(mask.shape) for mask in masks] == [(4, 4)] * fine + [(2, 2)] * coarse
    for one, other in pairwise(m for m in masks if m.shape == (4, 4)):
        assert torch.equal(one, 1 - other)


@pytest.mark.parametrize("name", ["nice", "realnvp"])
def test_density_of_two_pixels_integrates_to_one(name):
    shape, n = (1, 1, 2), 250
    more = {"alpha": 1e-6} | ({"scales": 1} if name == "realnvp" else {})
    flow = started(made(name, shape, **more), pixels(50, shape)).double()
    grid = (torch.arange(n, dtype=torch.double) + 0.5) / n
    x = torch.cartesian_prod(grid, grid).reshape(-1, *shape)
    with torch.no_grad():
        assert flow.log_prob(x).exp().mean().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", SMALL)
def test_codes_and_images_are_each_others_inverse(name):
    flow = started(made(name), pixels(20)).double()
    x = torch.rand(5, 1, 4, 4, generator=seeded(6), dtype=torch.double)
    assert flows.inverse_error(flow, x) < 1e-12
    z = flow.encode(x)
    torch.testing.assert_close(flow.encode(flow.decode(z)), z, atol=1e-10, rtol=0)


def test_logit_is_that_of_the_twin():
    flow, x = made("nice").double(), torch.rand(3, 1, 4, 4, generator=seeded(), dtype=torch.double)
    for one, other in zip(flow._logit(x), twin.logit(x.numpy(), 0.05), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


class Quantile(Layer):
    """Takes N(0, 1) to the logit of a number that is uniform, so that the flow's images are uniform."""

    def __init__(self, shape, alpha):
        super().__init__()
        self.shape, self.alpha, self.kind = shape, alpha, torch.nn.Parameter(torch.zeros(1, dtype=torch.double))

    def _inverse(self, y):
        u = (torch.sigmoid(y) - self.alpha / 2) / (1 - self.alpha)
        z = torch.from_numpy(ndtri(u.numpy())).flatten(1)
        p = torch.sigmoid(y).flatten(1)
        log_slope = torch.log(p * (1 - p) / (1 - self.alpha)) + 0.5 * (z.square() + math.log(2 * math.pi))
        return z, log_slope.sum(1)

    def _forward(self, z):
        p = self.alpha / 2 + (1 - self.alpha) * torch.from_numpy(ndtr(z.numpy()))
        return torch.logit(p).unflatten(1, self.shape), z.new_zeros(len(z))


@pytest.mark.parametrize("levels", [17, 256])
def test_uniform_law_spends_the_bits_of_its_levels(levels):
    shape = (2, 3, 5)
    flow = flows.ImageFlow(Quantile(shape, 0.05), shape, levels, 0.05)
    bits = flow.bits(pixels(4, shape, levels), seeded(1))
    torch.testing.assert_close(bits, torch.full((4,), math.log2(levels), dtype=torch.double), atol=1e-10, rtol=0)
    assert 0.45 < flow.sample(200, seeded(2)).mean() < 0.55


def test_bits_are_the_density_in_the_unit_of_the_book():
    flow, b = started(made("glow"), pixels(20)).double(), pixels(6)
    u = torch.rand(b.shape, generator=seeded(1), dtype=torch.double)
    nats = -flow.log_prob((b + u) / 17).detach()
    expected = [bits_per_dim(float(each), 16, levels=17) for each in nats]
    np.testing.assert_allclose(flow.bits_with(b, u).detach(), expected, atol=1e-12)
    np.testing.assert_allclose(flow.bits(b, seeded(1)).detach(), expected, atol=1e-12)


def test_noise_bounds_the_bits_of_the_discrete_model_from_above():
    flow, shape, levels, n = (
        started(made("nice", (1, 1, 2), levels=4), pixels(50, (1, 1, 2), 4)).double(),
        (1, 1, 2),
        4,
        60,
    )
    inner = (torch.arange(n, dtype=torch.double) + 0.5) / n
    u = torch.cartesian_prod(inner, inner).reshape(-1, *shape)
    for b in ([0.0, 3.0], [1.0, 2.0]):
        b = torch.tensor(b, dtype=torch.double).reshape(1, *shape).expand(len(u), -1, -1, -1)
        with torch.no_grad():
            exact = -flow.log_prob((b + u) / levels).exp().mean().div(levels**2).log2() / 2
            assert flow.bits_with(b, u).mean() > exact + 1e-6


def test_numbers_come_back_from_their_cubes():
    flow, b = made("nice"), pixels(9)
    assert np.array_equal(flow.quantised((b + torch.rand(b.shape, generator=seeded(1))) / 17), b)
    assert flow.quantised(torch.ones(1, 1, 4, 4)).max() == 16


@pytest.mark.parametrize("temperature", [0.5, 0.7, 1.0])
def test_temperature_scales_the_codes(temperature):
    flow = started(made("glow"), pixels(20)).double()
    x = flow.sample(3, seeded(8), temperature)
    z = torch.randn(3, 16, generator=seeded(8), dtype=torch.double)
    torch.testing.assert_close(x, flow.decode(temperature * z).clamp(0, 1), atol=1e-12, rtol=0)
    plain = made("nice").double()  # starts as the identity, whose samples are cut off nowhere
    assert plain.encode(plain.sample(2000, seeded(9), temperature)).std().item() == pytest.approx(temperature, rel=0.02)


def training(name, ema=0.9, batch=8, classes=False):
    flow, b = made(name), pixels(40).to(torch.uint8)
    with torch.no_grad():
        flow.bits(b, seeded(2))
    data = (b, torch.arange(40)) if classes else b
    return Training({"flow": flow}, flows.flow_parts(1e-2), Source(data, batch, seed=0), ema={"flow": ema}, clip=10.0)


@pytest.mark.parametrize("name", ["nice", "realnvp", "glow", "glow_fixed_additive"])
def test_training_that_is_cut_off_goes_on_to_the_same_weights(name, tmp_path):
    whole, cut, again = training(name), training(name), training(name)
    losses = [step.losses["flow"].item() for step in whole.run(6)]
    list(cut.run(3))
    keep(tmp_path / "checkpoint.pt", cut, {})
    resume(tmp_path / "checkpoint.pt", again, {})
    assert [step.losses["flow"].item() for step in again.run(6)] == losses[3:]
    pairs = [(whole.nets["flow"], again.nets["flow"]), (whole.averages["flow"], again.averages["flow"])]
    for one, other in pairs:
        states = one.state_dict(), other.state_dict()
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_an_average_of_weights_keeps_the_order_of_channels():
    trained = training("glow_fixed_additive", ema=0.9995)
    orders = {k: x.clone() for k, x in trained.nets["flow"].state_dict().items() if not x.is_floating_point()}
    assert len(orders) >= 4
    list(trained.run(30))
    state = trained.averages["flow"].module.state_dict()
    assert all(torch.equal(state[key], order) for key, order in orders.items())
    assert flows.inverse_error(trained.averages["flow"].module, torch.rand(2, 1, 4, 4, generator=seeded())) < 1e-5


def test_training_lowers_the_bits_and_takes_images_with_classes():
    trained = training("glow", batch=40, classes=True)
    losses = [step.losses["flow"].item() for step in trained.run(40)]
    assert losses[-1] < losses[0] - 0.1
    flow = trained.averages["flow"].module
    assert flows.inverse_error(flow, pixels(5) / 17) < 1e-4


@pytest.mark.parametrize("name", SMALL)
def test_file_gives_the_flow_back(name, tmp_path):
    flow, path = started(made(name), pixels(20)), tmp_path / "flow.npz"
    seen(flow.train(), pixels(20))  # norms that have seen too little would not tame these weights
    flows.save(path, flow.eval())
    again = flows.load(path)
    assert not again.training
    assert (again.shape, again.levels, again.alpha) == (flow.shape, flow.levels, flow.alpha)
    for key, value in flow.state_dict().items():
        torch.testing.assert_close(again.state_dict()[key], value, atol=1e-3, rtol=1e-3)
    flows.save(tmp_path / "twice.npz", again)
    twice = flows.load(tmp_path / "twice.npz")
    assert torch.equal(twice.bits(pixels(3), seeded(1)), again.bits(pixels(3), seeded(1)))
    assert flows.inverse_error(again, pixels(3) / 17) < 1e-4


def test_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, weight=np.ones(3))
    with pytest.raises(ValueError, match="expected the weights of a flow, got weight"):
        flows.load(path)
    np.savez(path, recipe=np.array('{"model": "pixelcnn", "shape": [1, 4, 4]}'))
    with pytest.raises(ValueError, match="expected the weights of a flow"):
        flows.load(path)
    recipe = '{"model": "nice", "shape": [1, 4, 4], "hidden": 4}'
    np.savez(path, recipe=np.array(recipe), weight=np.ones(3))
    with pytest.raises(ValueError, match="the weights of another network"):
        flows.load(path)
    with pytest.raises(ValueError, match="flow: expected one that nice, realnvp or glow made"):
        flows.save(path, flows.ImageFlow(Quantile((1, 2, 2), 0.05), (1, 2, 2)))
    path.write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"expected weights in an \.npz file"):
        flows.load(path)


def test_weights_depend_on_the_generator_alone():
    torch.manual_seed(1)
    first = deepcopy(made("glow").state_dict())
    torch.manual_seed(2)
    assert all(torch.equal(x, first[key]) for key, x in made("glow").state_dict().items())
