"""The run that says where flows stand: the same seconds for every model, and numbers that can be had another way."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from runs import flows as run
from teachkit.book.manifest import read_result
from teachkit.data import fashion_mnist
from teachkit.deep import features
from teachkit.metrics import fid

SETTINGS = {"flow": run.QUICK.flow, "gan": run.QUICK.gan, "diffusion": run.QUICK.diffusion}
MAKERS = {"flow": run.flow_model, "gan": run.gan_model, "diffusion": run.diffusion_model}


class Clock:
    """A clock on which every look takes a second."""

    def __init__(self):
        self.time = -1.0

    def __call__(self):
        self.time += 1
        return self.time


def test_quick_run_writes_what_the_chapter_reads(quick_run, tmp_path):
    out = tmp_path / "flows"
    manifest = quick_run(out)
    assert {path.name for path in out.iterdir()} == {"samples.npz", "result.json"}
    metrics, same = manifest["metrics"], {"fid", "seconds", "seconds_per_1000", "steps", "epochs", "parameters"}
    assert set(metrics) == {"flow", "gan", "diffusion", "floor"}
    assert set(metrics["gan"]) == same  # no likelihood
    assert set(metrics["diffusion"]) == same | {"bits"}
    assert set(metrics["flow"]) == same | {"bits", "inverse_error", "probe_codes", "probe_pixels"}
    assert all(metrics[name]["seconds"]["mean"] >= run.QUICK.terms.seconds for name in SETTINGS)
    assert metrics["flow"]["epochs"]["mean"] == pytest.approx(metrics["flow"]["steps"]["mean"] * 8 / 200)
    with np.load(out / "samples.npz") as samples:
        assert {name: x.shape for name, x in samples.items()} == dict.fromkeys(SETTINGS, (24, 28, 28))


def test_record_says_what_the_chapter_says_of_it(root):
    made, own = (read_result(root / "results" / name) for name in ("flows", "diffusion_reverse"))
    mean = {name: {key: row["mean"] for key, row in rows.items()} for name, rows in made["metrics"].items()}
    assert mean["flow"]["bits"] < mean["diffusion"]["bits"]
    assert mean["gan"]["fid"] < mean["diffusion"]["fid"] < mean["flow"]["fid"]
    assert mean["gan"]["seconds_per_1000"] < mean["flow"]["seconds_per_1000"]
    assert 10 * mean["flow"]["seconds_per_1000"] < mean["diffusion"]["seconds_per_1000"]
    assert min(mean, key=lambda name: mean[name].get("epochs", np.inf)) == "diffusion"
    share = {name: made["metrics"][name]["fid"]["spread"] / mean[name]["fid"] for name in SETTINGS}
    assert max(share, key=share.get) == "diffusion"
    assert mean["gan"]["steps"] > run.dcgan.Config().setting.steps == 4000
    assert 1.6 < own["config"]["steps"] / mean["diffusion"]["steps"] < 2
    assert mean["flow"]["probe_codes"] < mean["flow"]["probe_pixels"]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_training_ends_with_the_first_step_that_spends_the_budget(name):
    model = MAKERS[name](run.QUICK.terms, SETTINGS[name], 0)
    assert run.spend(model.training, 3, Clock()) == 4  # the last look is after the training
    assert model.training.step == 3


@pytest.mark.parametrize("name", SETTINGS)
def test_no_model_is_told_the_classes(name):
    batch = MAKERS[name](run.QUICK.terms, SETTINGS[name], 0).training.source.batch()
    assert isinstance(batch, torch.Tensor)
    assert batch.shape[1:] == (1, 28, 28)


def test_numbers_are_those_of_the_averaged_model(monkeypatch):
    """After one step the average is the network itself, so that all can be had again without the run."""
    made = []

    def kept(*arguments):
        made.append(run_flow_model(*arguments))
        return made[0]

    run_flow_model = run.flow_model
    monkeypatch.setattr(run, "flow_model", kept)
    terms = replace(run.QUICK.terms, seconds=1e-9)
    outcome = run.train(terms, "flow", run.QUICK.flow, 3)
    assert outcome.numbers["steps"] == 1
    net = made[0].training.nets["flow"].eval()
    images = net.quantised(net.sample(terms.test, torch.Generator().manual_seed(3)))[:, 0]
    test = fashion_mnist("test", terms.test).x
    judge = features.network(rng=torch.Generator().manual_seed(0))
    far = fid(features.features(judge, test), features.features(judge, images))
    assert outcome.numbers["fid"] == pytest.approx(far, rel=1e-6)
    bits = net.bits(torch.from_numpy(test)[:, None], torch.Generator().manual_seed(0)).mean().item()
    assert outcome.numbers["bits"] == pytest.approx(bits, abs=0.01)  # other noise
    assert 0 <= outcome.numbers["inverse_error"] < 1e-3


def test_ridge_regression_solves_the_system_with_a_column_for_each_penalty(rng):
    """The penalty is the same as d further rows, sqrt(penalty) times the unit vectors, whose wanted value is 0."""
    x, y, new = (
        rng.standard_normal((60, 4)) * [1, 2, 3, 4] + 5,
        rng.integers(0, 3, 60),
        rng.standard_normal((20, 4)) + 5,
    )
    a, wanted = (x - x.mean(0)) / (x.std(0) + 1e-6), np.eye(3)[y]
    rows = np.concatenate([a, np.sqrt(7.0) * np.eye(4)])
    w = np.linalg.lstsq(rows, np.concatenate([wanted - wanted.mean(0), np.zeros((4, 3))]), rcond=None)[0]
    expected = ((new - x.mean(0)) / (x.std(0) + 1e-6) @ w + wanted.mean(0)).argmax(1)
    assert np.array_equal(run.ridge(x, y, new, 7.0), expected)


def test_probe_finds_classes_that_lie_apart_and_no_others(rng):
    y = {"train": np.arange(400) % 4, "test": np.arange(200) % 4}
    x = {split: torch.from_numpy(rng.standard_normal((len(each), 6))) for split, each in y.items()}
    apart = {split: x[split] + 10 * torch.eye(6, dtype=torch.double)[y[split]] for split in x}
    assert run.probe(apart, y, (1e-3, 1.0)) == 1
    assert run.probe(x, y, (1e-3, 1.0)) < 0.45


def test_gpu_profile_trains_every_model_on_the_same_images():
    setting = run.GPU.gan.setting
    assert {run.GPU.terms.device, setting.device, run.GPU.diffusion.device} == {"cuda"}
    assert run.GPU.terms.train == setting.train == run.GPU.diffusion.train == 60_000
