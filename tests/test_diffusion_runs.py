"""The runs of diffusion models: what they write, and that a training which is cut off goes on to the same numbers."""

import dataclasses

import numpy as np
import pytest
import torch

from runs import diffusion_reverse as run


def test_training_writes_what_the_book_reads(quick_run, tmp_path):
    out = tmp_path / "diffusion_reverse"
    manifest = quick_run(out)
    assert set(manifest["files"]) == {"curves.npz", "samples.npz", "weights.npz"}
    assert {path.name for path in out.iterdir()} == {*manifest["files"], "result.json"}
    made = manifest["metrics"]["ddpm"]
    parts = [made[name]["mean"] for name in ("bits_first", "bits_steps", "bits_prior")]
    assert made["bits"]["mean"] == pytest.approx(sum(parts))
    with np.load(out / "samples.npz") as samples, np.load(out / "curves.npz") as curves:
        assert samples["images"].shape == (100, 28, 28)
        assert samples["shots"].shape == (3, 30, 28, 28)
        assert samples["times"][[0, -1]].tolist() == [6, 0]
        assert samples["way"].shape == samples["guess"].shape == (len(samples["times"]), 10, 28, 28)
        assert curves["bits"].shape == (2, 7)
        shown = samples["images"]
    config, again = run.recorded(out)
    assert config == run.QUICK
    assert np.abs(run.some(config, again, torch.device("cpu"), 100).astype(int) - shown).max() <= 1


def test_a_run_that_is_cut_off_goes_on_to_the_same_numbers(tmp_path, monkeypatch):
    config, sampled = dataclasses.replace(run.QUICK, test=70, steps=9), run.some
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = run.follow(config, 0, tmp_path / "whole")

    def breaks(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "some", breaks)
    with pytest.raises(KeyboardInterrupt):
        run.follow(config, 0, tmp_path / "cut")
    monkeypatch.setattr(run, "some", sampled)
    again = run.follow(config, 0, tmp_path / "cut")
    timed = {"seconds", "images_per_second", "samples_per_second"}
    assert {k: x for k, x in again.numbers.items() if k not in timed} == {
        k: x for k, x in whole.numbers.items() if k not in timed
    }
    assert all(np.array_equal(again.arrays[k], whole.arrays[k]) for k in whole.arrays)


def test_settings_fit_their_steps():
    with pytest.raises(ValueError, match="steps: expected a multiple of 6 times 10, got 100"):
        run.Config(steps=100)
    assert run.GPU.device == "cuda"


def test_sampling_writes_what_the_book_reads(quick_run, tmp_path):
    out = tmp_path / "sampling"
    manifest = quick_run(out)
    assert {path.name for path in out.iterdir()} == {"curves.npz", "samples.npz", "result.json"}
    metrics = manifest["metrics"]
    assert set(metrics) == {"ancestral", "ddim", "heun", "scale_1", "scale_2", "floor"}
    assert metrics["scale_1"]["fid"] == metrics["ddim"]["fid_2"]  # the same noise, the same way
    assert set(metrics["floor"]) == {"fid", "precision", "recall", "agreement"}
    with np.load(out / "curves.npz") as curves, np.load(out / "samples.npz") as samples:
        assert curves["heun_calls"].tolist() == [3]
        assert curves["ddim_1"].shape == (1,)
        assert samples["ancestral"].shape == (1, 20, 28, 28)
