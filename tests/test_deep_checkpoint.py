"""Checkpoints: what they hold, what they refuse, and that a write that fails loses nothing."""

import os
import random
import resource
import signal

import numpy as np
import pytest
import torch

from teachkit.deep import checkpoint
from teachkit.deep.checkpoint import CheckpointError
from teachkit.deep.minimax import mlp
from teachkit.deep.source import Source
from teachkit.deep.train import Part, Training

CONFIG = {"lr": 0.1, "hidden": [8, 8]}


@pytest.fixture(autouse=True)
def global_state_put_back():
    """These tests draw from NumPy's global state on purpose: other people's code may."""
    before = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(before)  # noqa: NPY002


def noisy(nets, x, source):
    """Return a loss that draws from every source of randomness there is."""
    elsewhere = random.random() + np.random.rand() + torch.rand(()).item()  # noqa: NPY002
    return (nets["net"](x + source.normal(2)) - elsewhere).square().mean()


def training(hidden=8, **keywords):
    net = mlp((2, hidden, 1), generator=torch.Generator().manual_seed(0))
    source = Source(torch.arange(40.0).reshape(20, 2) / 40, 6, seed=0)
    return Training({"net": net}, [Part("net", noisy)], source, ema={"net": 0.9}, **keywords)


def losses(model, steps):
    return [step.losses["net"].item() for step in model.run(steps)]


@pytest.mark.law("training-resume")
def test_a_training_goes_on_as_if_nothing_had_been(tmp_path):
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    path, whole = tmp_path / "a" / "checkpoint.pt", training()
    losses(whole, 7)
    checkpoint.save(path, whole, CONFIG)
    rest = losses(whole, 20)
    random.seed(2), np.random.seed(2), torch.manual_seed(2)  # noqa: NPY002
    second = training()
    checkpoint.load(path, second, CONFIG)
    assert second.step == 7
    assert losses(second, 20) == rest
    for a, b in zip(whole.averages["net"].parameters(), second.averages["net"].parameters(), strict=True):
        assert torch.equal(a, b)
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.pt"]


def test_a_file_is_read_on_the_cpu_whatever_the_device(tmp_path):
    """Generators take their state from there alone."""
    model = training()
    losses(model, 2)
    checkpoint.save(tmp_path / "c.pt", model, CONFIG)
    model.source.device = torch.device("meta")
    checkpoint.load(tmp_path / "c.pt", model, CONFIG)
    assert model.step == 2


def test_averaged_weights_fit_a_network(tmp_path):
    model = training()
    losses(model, 5)
    checkpoint.save(tmp_path / "c.pt", model, CONFIG)
    net = mlp((2, 8, 1), generator=torch.Generator().manual_seed(9))
    net.load_state_dict(checkpoint.averages(tmp_path / "c.pt")["net"])
    x = torch.randn(3, 2)
    assert torch.equal(net(x), model.averages["net"](x))


def test_another_configuration_is_named(tmp_path):
    checkpoint.save(tmp_path / "c.pt", training(), CONFIG)
    with pytest.raises(
        CheckpointError, match=r"of another configuration: batch: 'nothing' there, 6 here; lr: 0\.1 there"
    ):
        checkpoint.load(tmp_path / "c.pt", training(), {**CONFIG, "lr": 0.2, "batch": 6})


def test_another_model_is_refused(tmp_path):
    checkpoint.save(tmp_path / "c.pt", training(), CONFIG)
    with pytest.raises(CheckpointError, match="does not fit the model: nets: the state of net is another model's"):
        checkpoint.load(tmp_path / "c.pt", training(hidden=9), CONFIG)


@pytest.mark.law("training-resume")
@pytest.mark.parametrize("place", [0.02, 0.5, 0.999])
def test_one_flipped_bit_is_noticed(place, tmp_path):
    path = tmp_path / "c.pt"
    checkpoint.save(path, training(), CONFIG)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"c\.pt: damaged"):
        checkpoint.load(path, training(), CONFIG)


def test_half_a_file_and_a_foreign_one_are_refused(tmp_path):
    path = tmp_path / "c.pt"
    checkpoint.save(path, training(), CONFIG)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(path, training(), CONFIG)
    torch.save(training().nets["net"].state_dict(), path)
    with pytest.raises(CheckpointError, match="expected a checkpoint of teachkit, got another file"):
        checkpoint.load(path, training(), CONFIG)
    with pytest.raises(FileNotFoundError):
        checkpoint.load(tmp_path / "nowhere.pt", training(), CONFIG)


def test_nothing_in_a_file_is_run(tmp_path):
    """A pickle that would make a folder, in a file with the right head and the right sum."""
    import hashlib
    import io

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "boom"),)

    held = io.BytesIO()
    torch.save({"config": Bomb()}, held)
    path, content = tmp_path / "c.pt", held.getvalue()
    path.write_bytes(checkpoint._MAGIC + hashlib.sha256(content).digest() + content)
    with pytest.raises(CheckpointError, match="holds more than tensors"):
        checkpoint.load(path, training(), CONFIG)
    assert not (tmp_path / "boom").exists()


@pytest.mark.law("training-resume")
def test_a_full_disk_leaves_the_last_checkpoint(tmp_path):
    """A limit on the size of files fails in the middle of the write, as a full disk does."""
    path, model = tmp_path / "c.pt", training()
    losses(model, 2)
    checkpoint.save(path, model, CONFIG)
    before = path.read_bytes()
    losses(model, 4)
    limits, old = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match="step 4 was not saved, the last checkpoint stays"):
            checkpoint.save(path, model, CONFIG)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]
