"""What the runs share: trainings that are kept, summaries, and records without leftovers."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from runs import _shared
from runs._shared import Outcome


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


def test_ranks_go_together_whatever_their_scale():
    a = np.array([1.0, 5.0, 2.0, 9.0])
    assert _shared.rank_correlation(a, np.exp(a)) == pytest.approx(1)
    assert _shared.rank_correlation(a, -(a**3)) == pytest.approx(-1)
