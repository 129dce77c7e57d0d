import json
import subprocess
import sys
import tracemalloc
from collections import deque

import numpy as np
import pytest

from benchmarks import newton as bench
from benchmarks import training
from benchmarks._report import agree
from teachkit.data import banana
from teachkit.newton import newton


@pytest.fixture(scope="module")
def metrics(root, tmp_path_factory):
    """What a quick benchmark wrote."""
    out = tmp_path_factory.mktemp("quick")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "newton", "--out", str(out)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((out / "newton_bench/result.json").read_text())
    assert all(name in done.stdout for name in manifest["metrics"])
    return manifest["metrics"]


def test_ratios_are_those_of_the_times(metrics):
    for task, name in (("all", "speedup_over_torch_func"), ("hessian", "speedup_over_torch_hessian_alone")):
        ours, theirs = (
            min(metrics[f"ms_{peer}_{task}_threads_{threads}"]["median"] for threads in bench.THREADS)
            for peer in ("teachkit", "torch")
        )
        # Of two rounds, the median of ratios and the ratio of medians may differ.
        assert metrics[name]["median"] == pytest.approx(theirs / ours, rel=0.5)
        assert metrics[name]["n"] == bench.QUICK.rounds
        assert metrics[name]["median"] > 3


def test_every_method_is_measured(metrics):
    assert metrics["time_ratio_newton"] == {"median": 1.0, "spread": 0.0, "n": bench.QUICK.rounds}
    for name in bench.METHODS:
        assert metrics[f"iterations_{name}"] >= metrics["iterations_newton"]
        assert metrics[f"gradient_norm_{name}"] < 1e-8


def test_memory_of_a_run_does_not_depend_on_the_batch():
    def beside_the_batch(n):
        z = np.random.default_rng(0).standard_normal((n, 2))
        tracemalloc.start()
        deque(newton(np.zeros(4), z, banana()), maxlen=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    small, large = beside_the_batch(20_000), beside_the_batch(200_000)
    assert large < 1.1 * small < 2e6


@pytest.mark.parametrize("off", [1e-6, np.nan])
def test_peers_must_agree(off):
    answer = [-2.8, [0.1, 0.2], [[1.0, 2.0], [2.0, 3.0]]]
    agree([answer, answer])
    with pytest.raises(RuntimeError, match="the peers disagree"):
        agree([answer, [-2.8, [0.1, 0.2], [[1.0, 2.0], [2.0, 3.0 + off]]]])
    agree([[1.0], [1.0 + 1e-9]], rtol=1e-6)
    with pytest.raises(RuntimeError, match="the peers disagree"):
        agree([[1.0], [1.0 + off]], rtol=1e-7)


def test_ratio_takes_the_better_thread_count_of_each_peer():
    times = {
        ("teachkit", 1, "all"): np.array([1.0, 1.0, 1.0]),
        ("teachkit", 2, "all"): np.array([4.0, 4.0, 4.0]),
        ("torch", 1, "all"): np.array([50.0, 50.0, 50.0]),
        ("torch", 2, "all"): np.array([30.0, 20.0, 40.0]),
    }
    assert bench._speedup(times, "all") == {"median": 30.0, "spread": 5.0, "n": 3}


def test_a_peer_that_dies_is_reported(root):
    with (
        pytest.raises(RuntimeError, match="has died"),
        bench.started("teachkit", bench.QUICK, 1) as peer,
    ):
        peer.ask("no such task")


def test_the_checker_is_measured(root, tmp_path):
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "grading", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "grading_bench/result.json").read_text())["metrics"]
    assert metrics["s_import"]["n"] == 2
    assert metrics["answers"] > 100
    assert 0 < metrics["ms_check"]["median"] < metrics["ms_check_slowest"]


def test_transport_is_measured_against_its_peers(root, tmp_path):
    pytest.importorskip("ot")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "transport", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "transport_bench/result.json").read_text())["metrics"]
    for ratio, ours, theirs in (
        ("w1_speedup_over_scipy", "ms_teachkit_w1", "ms_scipy_w1"),
        ("sliced_speedup_over_pot", "ms_teachkit_sliced", "ms_pot_sliced"),
    ):
        assert metrics[ratio]["median"] == pytest.approx(metrics[theirs]["median"] / metrics[ours]["median"], rel=0.5)
    assert metrics["stable_pot_sinkhorn_log"] == 1
    assert metrics["sinkhorn_time_over_stable_pot"]["n"] == 2
    assert metrics["duality_gap"] < 1e-9


def test_the_engine_is_measured_against_a_bare_loop(root, tmp_path):
    """The quick run stops where the losses of both differ."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "training", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "training_bench/result.json").read_text())["metrics"]
    for name in ("dcgan_2", "wgan_gp_critic_2"):
        medians = [metrics[f"ms_{peer}_{name}"]["median"] for peer in ("engine", "bare")]
        assert metrics[f"{name}_time_over_bare"]["median"] == pytest.approx(medians[0] / medians[1], rel=0.5)
        assert metrics[f"{name}_time_over_bare"]["n"] == 2


@pytest.mark.parametrize("peer", ["bare_dcgan", "bare_critic"])
def test_an_engine_that_does_something_else_is_found(peer, monkeypatch):
    """Here the bare loop sees other images."""
    bare = getattr(training, peer)
    monkeypatch.setattr(training, peer, lambda config, nets, data: bare(config, nets, data // 2))
    measure = training.dcgan_metrics if peer == "bare_dcgan" else training.critic_metrics
    with pytest.raises(RuntimeError, match="the peers disagree"):
        measure(training.QUICK, 2)
