"""The run of flows on images: what it writes, and that a training which is cut off goes on to the same numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from runs import _coupling_images as measures
from runs import coupling_images as run
from teachkit.book.manifest import read_result
from teachkit.data import digits
from teachkit.deep import coupling_images as flows
from teachkit.deep.coupling_layers import Coupling


def test_run_writes_what_the_book_reads(quick_run, tmp_path):
    out = tmp_path / "coupling_images"
    manifest = quick_run(out)
    assert set(manifest["files"]) == {"curves.npz", "samples.npz", "weights.npz"}
    assert {path.name for path in out.iterdir()} == {*manifest["files"], "result.json"}
    names = {job.name for job in run.jobs(run.QUICK)}
    assert set(manifest["metrics"]) == names
    for made in manifest["metrics"].values():
        assert made["inverse_error_float32"]["mean"] < 1e-4
        assert made["inverse_error_float64"]["mean"] < 1e-10
        assert made["bits"]["n"] == 2
    with np.load(out / "samples.npz") as samples, np.load(out / "curves.npz") as curves:
        assert samples["glow_samples"].shape == (3, 36, 1, 8, 8)
        assert samples["glow_samples"].max() <= 16
        assert samples["nice_line"].shape == samples["nice_arc"].shape == samples["nice_mixed"].shape == (6, 9, 1, 8, 8)
        assert samples["glow_from"].shape == samples["glow_to"].shape
        assert all(curves[f"{name}_1_bits"].shape == (3,) for name in names)
        assert curves["growth_depth"].tolist() == [1, 2]
        assert curves["growth_free_float64"].max() < 1e-12
    flow = flows.load(out / "weights.npz")
    test = run.images(*data_of(run.QUICK)).test
    with np.load(out / "curves.npz") as curves:  # the last look of the training, with one draw of the noise
        assert measures.bits(flow, test, 1) == pytest.approx(curves["glow_0_bits"][-1], abs=0.01)


def data_of(config):
    return config.data, config.train, config.test, config.data_seed


def test_recorded_glow_is_the_one_that_was_measured(root):
    folder = root / "results" / "coupling_images"
    made, flow = read_result(folder)["metrics"]["glow"], flows.load(folder / "weights.npz")
    test = measures.images(*data_of(run.Config())).test
    assert flow.shape == (1, 8, 8)
    assert measures.bits(flow, test, 4) == pytest.approx(made["bits"]["mean"], abs=0.02)
    errors = measures.rounding(flow, test)
    assert errors["inverse_error_float32"] < 1e-4
    assert errors["inverse_error_float64"] < 1e-10


def test_record_says_why_glow_is_not_ahead(root):
    made, config = read_result(root / "results" / "coupling_images")["metrics"], run.Config()
    bits, spread = ({name: m["bits"][kind] for name, m in made.items()} for kind in ("mean", "spread"))
    assert bits["realnvp"] + 0.05 < bits["glow"] < bits["nice"]
    assert abs(bits["realnvp_channels"] - bits["glow"]) < spread["realnvp_channels"] + spread["glow"]
    assert 0 < bits["glow_boards_2"] - bits["realnvp"] < spread["glow_boards_2"]
    assert bits["glow_boards_4"] + spread["glow_boards_4"] < bits["realnvp"] - spread["realnvp"]
    assert bits["glow_boards_2"] + spread["glow_boards_2"] < bits["glow_depth_8"] - spread["glow_depth_8"]
    layers = {
        job.name: sum(isinstance(layer, Coupling) for layer in run.network(config, job, (1, 8, 8), rng).modules())
        for job, rng in ((job, torch.Generator()) for job in run.jobs(config)[: len(made)])
    }
    assert layers["realnvp"] == layers["realnvp_channels"] == 7
    assert (layers["glow_boards_2"], layers["glow_boards_4"], layers["glow_depth_8"]) == (10, 12, 16)


def test_record_says_what_the_chapter_says_of_the_learned_matrix(root):
    made = read_result(root / "results" / "coupling_images")["metrics"]
    bits, train, spread = (
        {name: m[quantity][kind] for name, m in made.items()}
        for quantity, kind in (("bits", "mean"), ("bits_train", "mean"), ("bits", "spread"))
    )
    rows = {name: (f"glow_{name}_affine", f"glow_{name}_additive") for name in ("reverse", "fixed")}
    rows["conv1x1"] = "glow", "glow_conv1x1_additive"
    kinds = list(zip(*rows.values(), strict=True))
    leads = [bits[name] - bits[learned] for *others, learned in kinds for name in others]
    assert min(leads) > 0
    assert max(leads) < min(bits[additive] - bits[affine] for affine, additive in rows.values())
    assert min(leads[:2]) < 2 * spread["glow_fixed_affine"]
    assert bits["glow_conv1x1_additive"] + spread["glow_conv1x1_additive"] < bits["nice"] - spread["nice"]
    assert train["realnvp_channels"] < train["glow"]
    assert max(made, key=lambda name: bits[name] - train[name]) == "nice"


def test_every_part_of_glow_varies_alone():
    jobs = run.jobs(run.Config())
    assert len({(job.name, job.seed) for job in jobs}) == len(jobs) == 3 * 13
    base = run.Config().sizes["glow"]
    varied = {job.name: dict(job.differs) for job in jobs if job.model == "glow"}
    assert varied.pop("glow") == {}
    assert {name: d["depth"] for name, d in varied.items() if "depth" in d} == {"glow_depth_2": 2, "glow_depth_8": 8}
    pairs = {(d["mixing"], d["additive"]) for d in varied.values() if "mixing" in d} | {("conv1x1", False)}
    assert pairs == {(mixing, additive) for mixing in ("reverse", "fixed", "conv1x1") for additive in (False, True)}
    assert base["depth"] == 4
    assert {name: d["boards"] for name, d in varied.items() if "boards" in d} == {
        "glow_boards_2": 2,
        "glow_boards_4": 4,
    }
    assert {job.differs for job in jobs if job.model == "realnvp"} == {(), (("checkerboard", False),)}


@pytest.mark.parametrize("model", ["realnvp", "glow"])
def test_a_training_that_is_cut_off_goes_on_to_the_same_numbers(model, tmp_path, monkeypatch):
    config, job, measured = run.QUICK, run.Job(model, model, (), 0), run.bits
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = run.follow(config, job, tmp_path / "whole")

    def breaks(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "bits", breaks)
    with pytest.raises(KeyboardInterrupt):
        run.follow(config, job, tmp_path / "cut")
    monkeypatch.setattr(run, "bits", measured)
    again = run.follow(config, job, tmp_path / "cut")
    timed = {"seconds", "images_per_second"}
    assert {k: x for k, x in again.numbers.items() if k not in timed} == {
        k: x for k, x in whole.numbers.items() if k not in timed
    }
    assert all(np.array_equal(again.arrays[k], whole.arrays[k]) for k in whole.arrays)


def test_digits_are_split_without_overlap():
    data = measures.images("digits", 1_500, 297)
    x, y, _ = digits()
    rows = np.concatenate([data.train, data.test])[:, 0].reshape(1797, -1)
    assert sorted(map(bytes, rows)) == sorted(map(bytes, x.reshape(1797, -1)))
    assert np.array_equal(np.bincount(np.concatenate(data[2:])), np.bincount(y))


def test_images_of_a_file_are_read(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "images.npz"
    parts = {split: rng.integers(0, 256, (n, 3, 4, 4), dtype=np.uint8) for split, n in (("train", 6), ("test", 4))}
    np.savez(path, **parts, train_classes=np.arange(6), test_classes=np.arange(4))
    data = measures.images("file", 5, 3, file=path)
    assert torch.equal(data.train, torch.from_numpy(parts["train"][:5]))
    assert torch.equal(data.test, torch.from_numpy(parts["test"][:3]))
    assert (data.train_classes.tolist(), data.test_classes.tolist()) == ([0, 1, 2, 3, 4], [0, 1, 2])
    np.savez(path, **parts)
    with pytest.raises(ValueError, match="got none called train_classes"):
        measures.images("file", 5, 3, file=path)
    with pytest.raises(ValueError, match="data: expected a file"):
        measures.images("file", 5, 3)


def test_moved_codes_differ_by_the_means_of_two_classes():
    flow = flows.nice((1, 8, 8), depth=2, hidden=4, levels=17, rng=torch.Generator().manual_seed(0)).double()
    data = measures.images("digits", 200, 50)
    y = data.train_classes
    same = measures.moved(flow, data.test, data.train, y, (3, 3), 5)
    assert np.array_equal(same["from"], data.test[:5])
    assert np.array_equal(same["to"], data.test[:5])
    moved = measures.moved(flow, data.test, data.train, y, (1, 7), 5)
    z, codes = measures.codes(flow, data.test[:5]), measures.codes(flow, data.train)
    shifted = z - codes[torch.from_numpy(y == 1)].mean(0) + codes[torch.from_numpy(y == 7)].mean(0)
    assert np.array_equal(moved["to"], flow.quantised(flow.decode(shifted)))


def test_ways_begin_and_end_at_the_images():
    flow = flows.nice((1, 8, 8), depth=2, hidden=4, levels=17, rng=torch.Generator().manual_seed(0)).double()
    b = measures.images("digits", 10, 20).test
    for way in measures.ways(flow, b, 3, 5).values():
        assert np.array_equal(way[:, 0], b[0:6:2])
        assert np.array_equal(way[:, -1], b[1:6:2])


def test_settings_are_looked_at():
    with pytest.raises(ValueError, match="steps: expected a multiple of 10 times 10, got 50"):
        run.Config(steps=50)
    with pytest.raises(ValueError, match="data: expected one of digits, fashion_mnist, file, got 'mnist'"):
        replace(run.QUICK, data="mnist")
    assert (run.CIFAR.device, run.CIFAR.data) == ("cuda", "file")
