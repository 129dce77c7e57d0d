"""Wrong input to the flows of images: each is named."""

import numpy as np
import pytest
import torch

from teachkit.deep import coupling_images as flows


def seeded():
    return torch.Generator().manual_seed(0)


def made(name="nice", shape=(1, 4, 4), **more):
    sizes = {"nice": {"hidden": 6}, "realnvp": {"depth": 1, "hidden": 4}, "glow": {"depth": 1, "hidden": 4}}[name]
    return getattr(flows, name)(shape, **{"levels": 17, **sizes, **more}, rng=seeded())


def pixels(n):
    return torch.zeros(n, 1, 4, 4, dtype=torch.uint8)


WRONG = {
    "other shape": (lambda f: f.log_prob(torch.zeros(2, 1, 4, 5)), r"x: expected shape \[n, 1, 4, 4\]"),
    "no row": (lambda f: f.encode(torch.zeros(0, 1, 4, 4)), r"x: expected shape \[n, 1, 4, 4\] with n at least 1"),
    "above 1": (lambda f: f.log_prob(torch.full((1, 1, 4, 4), 1.01)), r"x: expected .* in \[0, 1\]"),
    "below 0": (lambda f: f.encode(torch.full((1, 1, 4, 4), -0.01)), r"x: expected .* in \[0, 1\]"),
    "nan": (lambda f: f.log_prob(torch.full((1, 1, 4, 4), torch.nan)), r"x: expected .* in \[0, 1\]"),
    "bytes as x": (lambda f: f.log_prob(torch.zeros(1, 1, 4, 4, dtype=torch.uint8)), "x: expected floating-point"),
    "b too large": (lambda f: f.bits(torch.full((1, 1, 4, 4), 17), seeded()), "b: expected whole numbers from 0 to 16"),
    "b below 0": (lambda f: f.bits(torch.full((1, 1, 4, 4), -1), seeded()), "b: expected whole numbers from 0 to 16"),
    "b not whole": (lambda f: f.bits(torch.full((1, 1, 4, 4), 0.5), seeded()), "b: expected whole numbers"),
    "noise shape": (lambda f: f.bits_with(pixels(2), torch.zeros(1, 1, 4, 4)), "u: expected the shape"),
    "no generator": (lambda f: f.bits(pixels(2), None), "rng: expected a torch.Generator"),
    "flat z": (lambda f: f.decode(torch.zeros(1, 15)), r"z: expected shape \[n, 16\]"),
    "cold": (lambda f: f.sample(1, seeded(), 0.0), "temperature: expected a finite number above 0"),
    "n": (lambda f: f.sample(0, seeded()), "n: expected a whole number of at least 1"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_to_a_flow_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(made())


UNMADE = {
    "odd for glow": (lambda: made("glow", (1, 6, 6)), "shape: expected a height and width divisible by 4"),
    "odd for realnvp": (lambda: made("realnvp", (1, 5, 4)), "shape: expected a height and width divisible by 2"),
    "one point for realnvp": (lambda: made("realnvp", (3, 2, 2)), "shape: expected more than one point"),
    "one number for nice": (lambda: made("nice", (1, 1, 1)), "shape: expected at least 2 numbers"),
    "hidden layers": (lambda: made("nice", hidden_layers=0), "hidden_layers: expected a whole number of at least 1"),
    "two axes": (lambda: made("nice", (4, 4)), r"shape: expected \(c, h, w\)"),
    "size 0": (lambda: made("nice", (1, 0, 4)), "shape: expected a whole number of at least 1"),
    "mixing": (lambda: made("glow", mixing="conv3x3"), "mixing: expected one of conv1x1, reverse, fixed"),
    "depth": (lambda: made("glow", depth=0), "depth: expected a whole number of at least 1"),
    "boards": (lambda: made("glow", boards=-1), "boards: expected a whole number of at least 0"),
    "no boards": (
        lambda: made("realnvp", scales=1, checkerboard=False),
        "checkerboard: expected True for a single scale",
    ),
    "levels": (lambda: made("nice", levels=1), "levels: expected a whole number of at least 2"),
    "alpha": (lambda: made("nice", alpha=0.0), "alpha: expected a number above 0 and below 1"),
    "rng": (lambda: flows.nice((1, 2, 2), rng=0), "rng: expected a torch.Generator"),
    "lr": (lambda: flows.flow_parts(0.0), "lr: expected a finite number above 0"),
    "decay": (lambda: flows.flow_parts(weight_decay=-1.0), "weight_decay: expected a number of at least 0"),
}


@pytest.mark.parametrize(("call", "message"), UNMADE.values(), ids=UNMADE)
def test_flow_that_can_not_be_made_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_glow_is_not_sampled_before_it_has_seen_images():
    with pytest.raises(RuntimeError, match="ActNorm"):
        made("glow").sample(1, seeded())


def test_numbers_of_numpy_can_be_saved(tmp_path):
    flow = made("nice", depth=np.int64(2), levels=np.int64(17), alpha=np.float32(0.125))
    flows.save(tmp_path / "flow.npz", flow)
    assert flows.load(tmp_path / "flow.npz").recipe == {**flow.recipe, "levels": 17, "alpha": 0.125}
