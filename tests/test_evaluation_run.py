"""The run that scores all models, small, and its refusal to leave one out."""

from dataclasses import replace

import numpy as np
import pytest

from runs import evaluation as run


def test_quick_run_writes_what_the_chapter_reads(quick_run, tmp_path):
    manifest = quick_run(tmp_path / "evaluation")
    assert set(manifest["files"]) == {"curves.npz", "samples.npz"}
    assert {path.name for path in (tmp_path / "evaluation").iterdir()} == {*manifest["files"], "result.json"}
    scores, fooled = manifest["metrics"]["real"], manifest["metrics"]["fooled"]
    mean = {name: value["mean"] for name, value in fooled.items()}
    assert set(manifest["metrics"]) >= {"real", "dcgan", "wgan_gp", "fooled"}
    assert scores["fid"]["mean"] < manifest["metrics"]["dcgan"]["fid"]["mean"]
    assert mean["is_ten"] > mean["is_real"]
    assert mean["normal_precision"] < scores["precision"]["mean"]
    assert (mean["noise_precision"], mean["noise_precision_outlier"]) == (0, 1)
    assert mean["noise_density_outlier"] <= 0.2
    assert mean["kid_block_biased"] > mean["kid_block_mean"]
    with np.load(tmp_path / "evaluation/samples.npz") as samples:
        assert samples["real"].shape == (25, 28, 28)


def test_nothing_is_recorded_without_the_weights_of_a_model(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    with pytest.raises(FileNotFoundError, match="no weights of dcgan, wgan_images, diffusion_reverse"):
        run.main(replace(run.QUICK, needed=run.Config().needed), tmp_path / "evaluation")
    assert list(tmp_path.iterdir()) == []
