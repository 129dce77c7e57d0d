"""Where a training runs, and what is put back after it."""

import pytest
import torch
import torch.distributed as dist

from teachkit.deep.device import describe, deterministic, pick, place, precision


def test_determinism_is_switched_back():
    with deterministic(False):
        assert not torch.are_deterministic_algorithms_enabled()
    with deterministic():
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with deterministic():
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_place_within_a_place_is_the_same(monkeypatch):
    given = {"LOCAL_RANK": 0, "RANK": 0, "WORLD_SIZE": 1, "MASTER_ADDR": "localhost", "MASTER_PORT": 0}
    for name, value in given.items():
        monkeypatch.setenv(name, str(value))
    with place("cpu") as outer:
        with place("cpu") as inner:
            assert inner == outer
        assert dist.is_initialized()
    assert not dist.is_initialized()


def test_without_others_a_process_is_alone():
    with place("cpu") as here:
        assert (here.device.type, here.rank, here.world) == ("cpu", 0, 1)


def test_the_cpu_keeps_its_precision_and_its_name():
    assert precision(torch.device("cpu")) == torch.float32
    assert describe(torch.device("cpu")) == "cpu"
    assert pick() in (torch.device("cpu"), torch.device("cuda"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pick("cuda:99"), "device: expected one that this machine has, got 'cuda:99'"),
        (lambda: pick("abacus"), "device: expected one that this machine has, got 'abacus'"),
    ],
)
def test_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
