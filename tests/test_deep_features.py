"""The feature network: what its features are, how it learns, its file, and its run."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import softmax

from teachkit.data import fashion_mnist
from teachkit.deep import features as feature
from teachkit.deep.source import Source, scaled
from teachkit.deep.train import Training


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n, seed=0):
    return np.random.default_rng(seed).integers(256, size=(n, 28, 28), dtype=np.uint8)


@pytest.fixture
def net():
    """A network whose running means have moved."""
    net = feature.network(rng=seeded())
    net(scaled(torch.from_numpy(images(50))[:, None]))
    return net


def test_the_last_layer_makes_the_probabilities_of_the_features(net):
    x = images(5)
    got = feature.features(net, x)
    assert (got.shape, got.dtype) == ((5, 64), np.float64)
    weight, bias = (p.detach().double() for p in net[-1].parameters())
    expected = softmax(torch.from_numpy(got) @ weight.T + bias, dim=1).numpy()
    np.testing.assert_allclose(feature.probabilities(net, x), expected, atol=1e-6)
    assert feature.probabilities(net, x).sum(axis=1) == pytest.approx(np.ones(5), abs=1e-12)


def test_features_of_an_image_depend_on_it_alone_and_leave_the_network_as_it_was(net):
    x, buffers = images(1100), [b.clone() for b in net.buffers()]
    whole = feature.features(net, x)
    np.testing.assert_allclose(feature.features(net, x[[7, 1050]]), whole[[7, 1050]], atol=1e-6)
    assert net.training
    assert all(torch.equal(a, b) for a, b in zip(buffers, net.buffers(), strict=True))


def test_features_forget_where_the_last_layer_sees_something(net):
    """They are means over the image: of seven by seven places."""
    x = scaled(torch.from_numpy(images(2))[:, None])
    deep = net.eval()[:-3](x)
    assert deep.shape == (2, 64, 7, 7)
    np.testing.assert_allclose(feature.features(net, images(2)), deep.mean((2, 3)).detach().numpy(), atol=1e-6)


def test_large_logits_have_finite_probabilities(net):
    with torch.no_grad():
        net[-1].weight.mul_(1e6)
    with np.errstate(over="raise"):
        assert np.isfinite(feature.probabilities(net, images(3))).all()


def test_weights_come_from_the_generator_alone():
    before = torch.random.get_rng_state()
    first, again = (feature.network(rng=seeded(3)) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first[0].weight, feature.network(rng=seeded(4))[0].weight)


def test_it_learns_to_tell_clothes_apart():
    x, y, _ = fashion_mnist("train", 120)
    source = Source((torch.from_numpy(x)[:, None], torch.from_numpy(y)), 40, seed=0, prepare=scaled)
    net = feature.network(rng=seeded())
    steps = Training({"features": net}, [feature.part(lr=0.01)], source).run(24)
    losses = [step.losses["features"].item() for step in steps]
    assert losses[0] == pytest.approx(np.log(10), abs=1)
    assert np.mean(losses[-3:]) < 0.5 * losses[0]
    assert (feature.probabilities(net, x).argmax(1) == y).mean() > 0.5


def test_file_gives_the_network_back(net, tmp_path):
    feature.save(tmp_path / "w.npz", net)
    again = feature.load(tmp_path / "w.npz")
    assert not again.training
    np.testing.assert_allclose(feature.features(again, images(5)), feature.features(net, images(5)), atol=1e-2)
    assert (tmp_path / "w.npz").stat().st_size < 500_000
    five = feature.network(5, rng=seeded())
    feature.save(tmp_path / "five.npz", five)
    assert feature.probabilities(feature.load(tmp_path / "five.npz"), images(2)).shape == (2, 5)


def test_missing_foreign_and_damaged_files_are_named(net, tmp_path):
    path = tmp_path / "w.npz"
    with pytest.raises(
        FileNotFoundError, match=r"w\.npz: no weights of the feature network; `python -m runs.features`"
    ):
        feature.load(path)
    feature.save(path, nn.Sequential(nn.Linear(3, 10)))
    with pytest.raises(ValueError, match=r"w\.npz: the weights of another network"):
        feature.load(path)
    np.savez(path, nothing=np.zeros(3))
    with pytest.raises(ValueError, match=r"w\.npz: the weights of another network"):
        feature.load(path)
    path.write_bytes(b"PK not a zip")
    with pytest.raises(ValueError, match=r"w\.npz: expected weights in an .npz file"):
        feature.load(path)


@pytest.mark.parametrize("of", [feature.features, feature.probabilities])
@pytest.mark.parametrize(
    "x", [np.zeros((2, 28, 28)), np.zeros((2, 8, 8), np.uint8), np.zeros((28, 28), np.uint8), images(0)]
)
def test_other_images_are_refused(of, x, net):
    with pytest.raises(ValueError, match=r"images: expected uint8 \[n, 28, 28\] with n at least 1, got "):
        of(net, x)


@pytest.mark.parametrize("call", [lambda: feature.network(0, rng=seeded()), lambda: feature.part(lr=-1)])
def test_bad_number_is_named(call):
    with pytest.raises(ValueError, match=r"classes: expected|lr: expected"):
        call()


def test_quick_run_writes_what_is_read(quick_run, tmp_path):
    manifest = quick_run(tmp_path / "features")
    assert set(manifest["files"]) == {"curves.npz", "weights.npz"}
    assert {path.name for path in (tmp_path / "features").iterdir()} == {*manifest["files"], "result.json"}
    net, (x, y, _) = feature.load(tmp_path / "features/weights.npz"), fashion_mnist("test", 80)
    assert (feature.probabilities(net, x).argmax(1) == y).mean() == manifest["metrics"]["accuracy_test"]
    with np.load(tmp_path / "features/curves.npz") as curves:
        assert curves["loss"].shape == (5,)


@pytest.mark.skipif(not feature.WEIGHTS.exists(), reason="the run has not been recorded")
def test_recorded_network_does_what_its_record_says():
    recorded = json.loads(feature.WEIGHTS.with_name("result.json").read_text())["metrics"]
    net, (x, y, _) = feature.load(), fashion_mnist("test", 500)
    assert recorded["accuracy_test"] > 0.88
    assert (feature.probabilities(net, x).argmax(1) == y).mean() == pytest.approx(recorded["accuracy_test"], abs=0.05)
    assert feature.WEIGHTS.stat().st_size < 500_000
