"""What the runs share: trainings that are kept, summaries, and records without leftovers."""

import json
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from runs import _shared
from runs._shared import Outcome
from teachkit.book.manifest import read_result


@dataclass(frozen=True)
class Config:
    """Of the smallest run there is."""

    n: int = 3


class Counted:
    """A training that counts how often it was run."""

    def __init__(self):
        self.calls = 0

    def __call__(self, config, seed):
        self.calls += 1
        return Outcome("net", seed, {"loss": seed + 0.1}, {"curve": np.arange(config.n) * 0.1, "x": np.ones(2)}, 5.0)


def test_a_training_that_is_kept_is_not_run_again(tmp_path):
    train, file = Counted(), tmp_path / "kept" / "a.npz"
    first = _shared._trained(train, (Config(), 4), file)
    again = _shared._trained(train, (Config(), 4), file)
    assert train.calls == 1
    assert again[:3] == first[:3] == ("net", 4, {"loss": 4.1})
    assert again.peak_memory_mb == 5.0
    assert {key: x.tolist() for key, x in again.arrays.items()} == {key: x.tolist() for key, x in first.arrays.items()}
    _shared._trained(train, (Config(), 4), None)
    assert train.calls == 2
    assert [path.name for path in file.parent.iterdir()] == ["a.npz"]


def test_other_jobs_are_kept_apart(tmp_path, monkeypatch):
    class Pool:
        """The pool of processes, without processes."""

        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, call, *arguments):
            outcome = call(*arguments)
            return type("Future", (), {"result": lambda self: outcome})()

    monkeypatch.setattr(_shared, "ProcessPoolExecutor", Pool)
    train = Counted()
    jobs = [(Config(), 0), (Config(), 1), (Config(n=4), 0)]
    for _ in range(2):
        outcomes = list(_shared.side_by_side(train, jobs, 1, tmp_path))
        assert [(o.seed, len(o.arrays["curve"])) for o in outcomes] == [(0, 3), (1, 3), (0, 4)]
    assert train.calls == 3


def test_a_record_sums_up_and_leaves_nothing_over(tmp_path):
    out = tmp_path / "tiny"
    (out / _shared.SCRATCH).mkdir(parents=True)
    (out / _shared.SCRATCH / "checkpoint.pt").write_text("x")
    outcomes = [Counted()(Config(), seed) for seed in (0, 1, 2)]
    _shared.save_arrays(out / "curves.npz", _shared.stacked(outcomes, "curve"))
    _shared.write_record(out, Config(), [0, 1, 2], _shared.summary(outcomes), outcomes, 0.0)
    manifest = json.loads((out / "result.json").read_text())
    assert manifest["name"] == "tiny"
    assert set(manifest["files"]) == {"curves.npz"}
    assert manifest["metrics"]["net"]["loss"] == {"mean": pytest.approx(1.1), "spread": pytest.approx(1.0), "n": 3}
    assert not (out / _shared.SCRATCH).exists()


def test_a_record_that_is_refused_takes_no_training_along(tmp_path):
    kept = tmp_path / "tiny" / _shared.SCRATCH / "checkpoint.pt"
    kept.parent.mkdir(parents=True)
    kept.write_text("x")
    with pytest.raises(ValueError, match="expected a finite number"):
        _shared.write_record(tmp_path / "tiny", Config(), [0], {"loss": float("nan")}, [Counted()(Config(), 0)], 0.0)
    assert kept.exists()


@pytest.mark.parametrize(("words", "folder"), [([], "results"), (["--quick"], "_build/quick")])
def test_a_smoke_run_does_not_take_the_place_of_a_record(root, monkeypatch, words, folder):
    places = []
    monkeypatch.setattr(sys, "argv", ["runs.smallest", *words])
    _shared.command("smallest", lambda config, out, workers: places.append(out), Config(), Config(n=1))
    assert places == [root / folder / "smallest"]


def test_two_processes_share_a_run_and_the_first_one_writes(root, tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
    command += ["--rdzv-endpoint=localhost:0", "-m", "runs.dcgan", "--quick", "--out", str(tmp_path / "dcgan")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    manifest = read_result(tmp_path / "dcgan")
    assert manifest["device"] == "2 x cpu"
    assert {path.name for path in (tmp_path / "dcgan").iterdir()} == {*manifest["files"], "result.json"}
    with np.load(tmp_path / "dcgan" / "curves.npz") as curves:
        assert all(curves[f"dcgan_{seed}_loss_step"].tolist() == [1, 2, 3, 4, 5, 6] for seed in (0, 1))


def test_ranks_go_together_whatever_their_scale():
    a = np.array([1.0, 5.0, 2.0, 9.0])
    assert _shared.rank_correlation(a, np.exp(a)) == pytest.approx(1)
    assert _shared.rank_correlation(a, -(a**3)) == pytest.approx(-1)
