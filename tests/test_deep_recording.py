"""A training that is killed at any moment goes on as if nothing had been; its numbers on disk; its bar."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch

from teachkit.deep.checkpoint import CheckpointError
from teachkit.deep.device import Place
from teachkit.deep.minimax import mlp
from teachkit.deep.recording import progress, read_rows, train
from teachkit.deep.source import Source
from teachkit.deep.train import Part, Training

CONFIG = {"batch": 6}


def noisy(nets, x, source):
    return (nets["net"](x + source.normal(2)) - torch.rand(())).square().mean()


def model(loss=noisy):
    net = mlp((2, 64, 64, 1), generator=torch.Generator().manual_seed(0))
    torch.manual_seed(3)
    source = Source(torch.arange(40.0).reshape(20, 2) / 40, 6, seed=0)
    return Training({"net": net}, [Part("net", loss)], source, ema={"net": 0.9})


def losses(steps):
    return {step.step: step.losses["net"].item() for step in steps}


KILLED = """
import json, sys
sys.path.insert(0, "tests")
from test_deep_recording import CONFIG, model, train
folder, log = sys.argv[1:]
for step in train(model(), 400, folder=folder, config=CONFIG, every=7, log_every=5):
    with open(log, "a") as file:
        file.write(json.dumps([step.step, step.losses["net"].item()]) + "\\n")
"""


@pytest.mark.law("training-resume")
def test_killed_at_any_moment_it_goes_on_bit_by_bit(root, tmp_path):
    script, log, folder = tmp_path / "killed.py", tmp_path / "log", tmp_path / "run"
    script.write_text(KILLED)
    moments, killed = random.Random(0), 0
    for _ in range(6):
        process = subprocess.Popen([sys.executable, script, folder, log], cwd=root, start_new_session=True)
        begun = log.stat().st_size if log.exists() else 0
        while process.poll() is None and (not log.exists() or log.stat().st_size == begun):
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.15))
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed >= 2
    assert subprocess.run([sys.executable, script, folder, log], cwd=root).returncode == 0
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("]")]
    whole = losses(train(model(), 400, folder=tmp_path / "whole", config=CONFIG, every=7, log_every=5))
    unseen = set(range(1, 401)) - {step for step, _ in lines}  # killed between a checkpoint and the line of its step
    assert len(unseen) <= killed
    assert all(step % 7 == 0 for step in unseen)
    assert all(loss == whole[step] for step, loss in lines)
    assert (folder / "metrics.csv").read_bytes() == (tmp_path / "whole/metrics.csv").read_bytes()
    assert {path.name for path in (tmp_path / "whole").iterdir()} == {"checkpoint.pt", "metrics.csv"}


def test_numbers_are_written_down_and_no_step_twice(tmp_path):
    first = losses(train(model(), 12, folder=tmp_path, config=CONFIG, every=5, log_every=4))
    assert sorted(first) == list(range(1, 13))
    second = losses(train(model(), 20, folder=tmp_path, config=CONFIG, every=5, log_every=4))
    assert sorted(second) == list(range(13, 21))
    rows = read_rows(tmp_path / "metrics.csv")
    assert [row["step"] for row in rows] == [4, 8, 12, 16, 20]
    assert rows[1]["loss_net"] == first[8]
    assert list(rows[0]) == ["step", "loss_net", "norm_net"]
    assert losses(train(model(), 20, folder=tmp_path, config=CONFIG)) == {}


@pytest.mark.parametrize("tail", ["18,0.1", "18,0.1,", "8,0.1,0.2"])
def test_rows_after_the_checkpoint_are_dropped(tail, tmp_path):
    steps = train(model(), 50, folder=tmp_path, config=CONFIG, every=10, log_every=2)
    for step in steps:
        if step.step == 17:
            steps.close()
            break
    assert [row["step"] for row in read_rows(tmp_path / "metrics.csv")] == [2, 4, 6, 8, 10, 12, 14, 16]
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write(tail)  # cut off in the middle of a row
    list(train(model(), 12, folder=tmp_path, config=CONFIG, every=10, log_every=2))
    assert [row["step"] for row in read_rows(tmp_path / "metrics.csv")] == [2, 4, 6, 8, 10, 12]


def test_rows_keep_their_columns_when_the_parts_change_places(tmp_path):
    list(train(model(), 4, folder=tmp_path, config=CONFIG, log_every=2))
    before, path = read_rows(tmp_path / "metrics.csv"), tmp_path / "metrics.csv"
    rows = [",".join(reversed(line.split(","))) for line in path.read_text().split()]
    path.write_text("\n".join(rows) + "\n")
    list(train(model(), 4, folder=tmp_path, config=CONFIG))
    assert read_rows(path) == before  # rows are written when the steps are asked for


def test_steps_that_nobody_asks_for_open_nothing(tmp_path):
    train(model(), 4, folder=tmp_path, config=CONFIG)
    assert list(tmp_path.iterdir()) == []


def test_a_configuration_that_no_file_can_hold_is_refused_at_once(tmp_path):
    with pytest.raises(ValueError, match="config: expected what JSON can hold"):
        train(model(), 4, folder=tmp_path, config={"folder": tmp_path})


def test_a_loss_that_is_not_finite_keeps_the_last_checkpoint(tmp_path):
    def breaks(nets, x, source):
        return noisy(nets, x, source) * (float("nan") if training.step == 13 else 1)

    training = model(breaks)
    with pytest.raises(FloatingPointError, match="step 13"):
        list(train(training, 30, folder=tmp_path, config=CONFIG, every=5))
    again = train(model(), 11, folder=tmp_path, config=CONFIG)
    assert [step.step for step in again] == [11]


@pytest.mark.law("training-resume")
def test_another_configuration_touches_nothing(tmp_path):
    list(train(model(), 10, folder=tmp_path, config=CONFIG, log_every=5))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(CheckpointError, match="batch: 6 there, 7 here"):
        train(model(), 20, folder=tmp_path, config={"batch": 7})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_first_process_alone_writes(tmp_path):
    list(train(model(), 3, folder=tmp_path / "run", config=CONFIG, here=Place(torch.device("cpu"), 0, 1)))
    source = Source(torch.zeros(20, 2), 6, seed=0)
    second = Training({"net": mlp((2, 1), generator=torch.Generator())}, [Part("net", noisy)], source)
    list(train(second, 3, folder=tmp_path / "none", config=CONFIG, here=Place(torch.device("cpu"), 1, 2)))
    assert (tmp_path / "run").exists()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["every", "log_every"])
def test_bad_number_is_named(name, tmp_path):
    with pytest.raises(ValueError, match=f"{name}: expected"):
        train(model(), 3, folder=tmp_path, config=CONFIG, **{name: 0})


def test_the_bar_counts_samples_and_goes_on(capsys):
    training = model()
    list(training.run(10))
    steps = list(progress(training.run(60), 60, 6, start=10))
    assert [step.step for step in steps] == list(range(11, 61))
    shown = capsys.readouterr().err
    assert "360/360" in shown
    assert "net=" in shown
