"""Where a training runs: the device, its precision, several processes, and determinism."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.distributed as dist


class Place(NamedTuple):
    """One process of a training: its device, its number, and how many there are."""

    device: torch.device
    rank: int = 0
    world: int = 1


def pick(name: str | None = None) -> torch.device:
    """Return the device of this name; without a name the accelerator if there is one, else the CPU.

    Raises:
        ValueError: if there is no such device.

    >>> pick("cpu")
    device(type='cpu')
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        raise ValueError(f"device: expected one that this machine has, got {name!r}: {error}") from error
    return device


def describe(device: torch.device) -> str:
    """Return "cpu", or the accelerator's name: what a manifest says.

    >>> describe(torch.device("cpu"))
    'cpu'
    """
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def precision(device: torch.device) -> torch.dtype:
    """Return the type in which a forward pass is fastest there: bfloat16, float16 on older cards, float32 on the CPU.

    >>> precision(torch.device("cpu"))
    torch.float32
    """
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


@contextmanager
def place(name: str | None = None) -> Iterator[Place]:
    """Give this process its place, and take it back.

    Under ``torchrun`` it joins the others, with one device each (NCCL on CUDA, gloo on the CPU). Alone it is rank 0
    of 1. Within another place it is that one again, which stays.

    Raises:
        ValueError: if there is no such device.

    >>> with place("cpu") as here:
    ...     here.rank, here.world
    (0, 1)
    """
    if "LOCAL_RANK" not in os.environ:
        yield Place(pick(name))
        return
    cuda = torch.cuda.is_available() if name is None else name.startswith("cuda")
    device = pick(f"cuda:{os.environ['LOCAL_RANK']}" if cuda else name)
    if joins := not dist.is_initialized():
        if cuda:
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Place(device, dist.get_rank(), dist.get_world_size())
    finally:
        if joins:
            dist.destroy_process_group()


@contextmanager
def deterministic(on: bool = True) -> Iterator[None]:
    """Use algorithms that give the same bits on each run, where ``on``; then restore what was set before.

    On CUDA some are slower, and the variable CUBLAS_WORKSPACE_CONFIG must be set before the first product; it is set
    here if it is missing.

    >>> with deterministic():
    ...     torch.are_deterministic_algorithms_enabled()
    True
    """
    if not on:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=warns)
        torch.backends.cudnn.benchmark = before[1]
