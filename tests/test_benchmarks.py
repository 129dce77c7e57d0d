import json
import subprocess
import sys
import time
import tracemalloc
from collections import deque
from dataclasses import replace
from operator import itemgetter

import numpy as np
import pytest
import torch

from benchmarks import coupling, diffusion, evaluation, training
from benchmarks import newton as bench
from benchmarks._flows import moved, normal_log_prob, seeded, zuko_vectors
from benchmarks._report import agree, rounds
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


def test_rounds_take_the_tasks_in_another_order_and_keep_their_times_apart():
    calls = []
    tasks = {name: lambda name=name: calls.append(name) for name in "abc"} | {"slow": lambda: time.sleep(0.01)}
    times = rounds(tasks, 6)
    assert set(times) == set(tasks)
    assert all(t.shape == (6,) for t in times.values())
    assert times["slow"].min() >= 0.01
    orders = {tuple(calls[i : i + 6]) for i in range(0, 36, 6)}
    assert all(sorted(order) == list("aabbcc") for order in orders)
    assert len(orders) > 1


def assert_of_two_rounds(ratio, above, below):
    """The ratio of two sums lies between the ratios of their terms."""
    assert ratio["n"] == above["n"] == below["n"] == 2
    apart = 2 * ratio["spread"] + 1e-9 * ratio["median"]
    assert above["median"] / below["median"] == pytest.approx(ratio["median"], abs=apart)


def test_ratios_are_those_of_the_times(metrics):
    for task, name in (("all", "speedup_over_torch_func"), ("hessian", "speedup_over_torch_hessian_alone")):
        ours, theirs = (
            min((metrics[f"ms_{peer}_{task}_threads_{threads}"] for threads in bench.THREADS), key=itemgetter("median"))
            for peer in ("teachkit", "torch")
        )
        assert_of_two_rounds(metrics[name], theirs, ours)
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
        assert_of_two_rounds(metrics[ratio], metrics[theirs], metrics[ours])
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
        times = (metrics[f"ms_{peer}_{name}"] for peer in ("engine", "bare"))
        assert_of_two_rounds(metrics[f"{name}_time_over_bare"], *times)


@pytest.mark.parametrize("peer", ["bare_dcgan", "bare_critic"])
def test_an_engine_that_does_something_else_is_found(peer, monkeypatch):
    """Here the bare loop sees other images."""
    bare = getattr(training, peer)
    monkeypatch.setattr(training, peer, lambda config, nets, data: bare(config, nets, data // 2))
    measure = training.dcgan_metrics if peer == "bare_dcgan" else training.critic_metrics
    with pytest.raises(RuntimeError, match="the peers disagree"):
        measure(training.QUICK, 2)


def test_samplers_and_unets_are_measured_against_their_peers(root, tmp_path):
    """The quick run stops where samples differ, or the numbers of weights."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "diffusion", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "diffusion_bench/result.json").read_text())["metrics"]
    for ratio, ours, theirs in (
        ("ancestral_time_over_bare", "us_step_teachkit_ancestral", "us_step_bare_ancestral"),
        ("ddim_time_over_diffusers", "us_step_teachkit_ddim", "us_step_diffusers_ddim"),
        ("unet_alike_time_over_diffusers", "ms_teachkit_alike", "ms_diffusers_alike"),
    ):
        assert_of_two_rounds(metrics[ratio], metrics[ours], metrics[theirs])
    assert metrics["weights_teachkit_alike"] == pytest.approx(metrics["weights_diffusers_alike"], rel=0.1)


@pytest.mark.parametrize("peer", ["bare_ancestral", "bare_ddim", "diffusers_ancestral", "diffusers_ddim"])
def test_a_sampler_that_does_something_else_is_found(peer, monkeypatch):
    """Here the peer starts elsewhere."""
    sampler = getattr(diffusion, peer)
    monkeypatch.setattr(diffusion, peer, lambda x, *rest: sampler(1.1 * x, *rest))
    measure = diffusion.ancestral_metrics if "ancestral" in peer else diffusion.ddim_metrics
    with pytest.raises(RuntimeError, match="the peers disagree"):
        measure(diffusion.QUICK)


def test_unets_of_other_sizes_are_not_compared():
    with pytest.raises(RuntimeError, match=r"other: expected numbers of weights within 10%, got \[\d+, \d+\]"):
        diffusion.unet_metrics(diffusion.QUICK, diffusion.Pair("other", 8, (1, 2), 1, (8, 16)))


def test_scores_are_measured_against_their_peers(root, tmp_path):
    """The quick run stops where values differ."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "evaluation", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "evaluation_bench/result.json").read_text())["metrics"]
    for name in ("fid", "kid", "score"):
        times = (metrics[f"ms_{peer}_{name}"] for peer in ("torchmetrics", "teachkit"))
        assert_of_two_rounds(metrics[f"{name}_speedup_over_torchmetrics"], *times)
    assert metrics["fid_speedup_over_fastest"]["median"] <= metrics["fid_speedup_over_scipy"]["median"]
    assert max(metrics["fid_error_torchmetrics"], metrics["fid_error_scipy"]) < 1e-6


@pytest.mark.parametrize("peer", ["torchmetrics_fid", "scipy_fid", "torchmetrics_kid", "torchmetrics_score"])
def test_a_score_of_something_else_is_found(peer, monkeypatch, rng):
    """Here the peer sees features that are larger by a part in a hundred thousand."""
    score = getattr(evaluation, peer)
    monkeypatch.setattr(evaluation, peer, lambda x, *rest: score(x * (1 + 1e-5), *rest))
    measure = getattr(evaluation, f"{peer.rpartition('_')[2]}_metrics")
    with pytest.raises(RuntimeError, match="the peers disagree"):
        measure(evaluation.QUICK, rng)


def test_coupling_flows_are_measured_against_their_peers(root, tmp_path):
    """The quick run stops where a peer does not fit itself, or has other numbers of weights."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "coupling", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "coupling_bench/result.json").read_text())["metrics"]
    vectors = [f"{name}{suffix}" for name in coupling.VECTORS for suffix in ("", "_relu")]
    images = [f"{name}{suffix}" for name in coupling.IMAGES for suffix in ("", "_last")]
    for task, peers in (("log_prob", vectors), ("backward", vectors), ("sample", vectors), ("glow", images)):
        for peer in peers:
            times = (metrics[f"ms_{name}_{task}"] for name in (peer, "teachkit"))
            assert_of_two_rounds(metrics[f"{task}_speedup_over_{peer}"], *times)
    for task, peers in (("vectors", coupling.VECTORS), ("glow", coupling.IMAGES)):
        for peer in peers:
            assert metrics[f"weights_{peer}_{task}"] == pytest.approx(metrics[f"weights_teachkit_{task}"], rel=0.1)


def halved(log_det_of):
    """Return the direction of a flow with half of its log-determinant."""

    def wrong(y):
        out, log_det = log_det_of(y)
        return out, log_det / 2

    return wrong


@pytest.mark.parametrize("name", coupling.VECTORS)
def test_a_flow_that_does_not_fit_itself_is_found(name):
    """Both directions and the density have the same wrong log-determinant in the last case."""
    with seeded(0):
        peer = moved(coupling.VECTORS[name](2, 8))
    x = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    coupling.fits_itself(peer, x)
    forward, inverse = halved(peer.forward), halved(peer.inverse)

    def log_prob(y):
        z, log_det = inverse(y)
        return normal_log_prob(z) + log_det

    for wrong in (
        {"inverse": inverse},
        {"forward": lambda z: peer.forward(1.01 * z)},
        {"log_prob": log_prob},
        {"forward": forward, "inverse": inverse, "log_prob": log_prob},
    ):
        with pytest.raises(RuntimeError, match="the peers disagree"):
            coupling.fits_itself(replace(peer, **wrong), x)


def test_flows_of_other_sizes_are_not_compared(monkeypatch):
    monkeypatch.setitem(coupling.VECTORS, "zuko", lambda layers, hidden, *rest: zuko_vectors(layers, 2 * hidden, *rest))
    with pytest.raises(RuntimeError, match="vectors: expected numbers of weights within 10%"):
        coupling.vector_metrics(coupling.QUICK)


def test_one_thread_is_for_the_benchmark_alone():
    before = torch.get_num_threads()
    with coupling.one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
