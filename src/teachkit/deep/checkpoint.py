"""A training on disk: written whole or not at all, read without running anything that stands in the file."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from teachkit._files import write_whole
from teachkit.deep.train import Training

NAME = "checkpoint.pt"
_MAGIC = b"teachkit checkpoint 1\n"


class CheckpointError(ValueError):
    """A file is no checkpoint, is damaged, or belongs to another configuration."""


def save(path: Path | str, training: Training, config: Mapping[str, Any]) -> None:
    """Write a training with its configuration and the random states of Python, NumPy, torch and CUDA.

    The random states are this process's; with several processes all go on with them.

    Args:
        path: the file; what stood there is replaced at the end, in one move.
        training: between two steps, each of which had finite losses.
        config: what must be the same when the training goes on, as JSON can hold it.

    Raises:
        ValueError: if JSON can't hold the configuration.
        FloatingPointError: if a loss of the last steps is not finite; nothing is written.
        OSError: if the file can't be written, for instance on a full disk; the file that stood there stays.
    """
    path, held = Path(path), io.BytesIO()
    torch.save({"config": as_json(config), "training": training.state(), "random": _random_states()}, held)
    content = held.getbuffer()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(path) as file:
            file.write(_MAGIC + hashlib.sha256(content).digest())
            file.write(content)
    except OSError as error:
        kept = "the last checkpoint stays" if path.exists() else "there is no checkpoint"
        raise OSError(
            error.errno, f"step {training.step} was not saved, {kept}: {error.strerror}", str(path)
        ) from error


def load(path: Path | str, training: Training, config: Mapping[str, Any]) -> None:
    """Bring a training to the state that a file holds, and the random states too.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if it is damaged, no checkpoint, or of another configuration; the message says where.
    """
    state = _read(Path(path))
    _compare(Path(path), json.loads(state["config"]), json.loads(as_json(config)))
    try:
        training.load(state["training"])
    except (ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: does not fit the model: {error}") from error
    _set_random_states(state["random"])


def averages(path: Path | str) -> dict[str, dict[str, torch.Tensor]]:
    """Return the weights in a checkpoint by network: averaged ones where there are any, on the CPU.

    Raises:
        FileNotFoundError: if there is no such file.
        CheckpointError: if it is damaged or no checkpoint.
    """
    training = _read(Path(path))["training"]
    return {name: _averaged(training["averages"].get(name)) or weights for name, weights in training["nets"].items()}


def as_json(config: Mapping[str, Any]) -> str:
    """Return a configuration as a checkpoint holds it.

    >>> as_json({"lr": 0.1, "hidden": (8, 8)})
    '{"lr": 0.1, "hidden": [8, 8]}'
    """
    try:
        return json.dumps(dict(config))
    except TypeError as error:
        raise ValueError(f"config: expected what JSON can hold, got another thing: {error}") from error


def _averaged(state: dict[str, torch.Tensor] | None) -> dict[str, torch.Tensor]:
    prefix = "module."
    return {key.removeprefix(prefix): x for key, x in (state or {}).items() if key.startswith(prefix)}


def _read(path: Path) -> dict[str, Any]:
    """Return what a file holds, on the CPU: generators take their state from there alone, and so Adam counts there."""
    content = path.read_bytes()
    if not content.startswith(_MAGIC):
        raise CheckpointError(f"{path}: expected a checkpoint of teachkit, got another file")
    start = len(_MAGIC) + hashlib.sha256().digest_size
    if hashlib.sha256(memoryview(content)[start:]).digest() != content[len(_MAGIC) : start]:
        raise CheckpointError(f"{path}: damaged: its content differs from its sha256; delete it to begin anew")
    try:
        return torch.load(io.BytesIO(content[start:]), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{path}: holds more than tensors and numbers, so it was not read: {error}") from error


def _compare(path: Path, saved: dict[str, Any], wanted: dict[str, Any]) -> None:
    names = sorted(saved.keys() | wanted.keys())
    other = [n for n in names if saved.get(n, "nothing") != wanted.get(n, "nothing")]
    if other:
        listed = "; ".join(f"{n}: {saved.get(n, 'nothing')!r} there, {wanted.get(n, 'nothing')!r} here" for n in other)
        raise CheckpointError(f"{path}: of another configuration: {listed}")


def _random_states() -> dict[str, Any]:
    version, numbers, gauss = random.getstate()
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - other people's code may draw from it
    return {
        "python": [version, torch.tensor(numbers), gauss],
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _set_random_states(states: dict[str, Any]) -> None:
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers.tolist()), gauss))
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if len(states["cuda"]) == torch.cuda.device_count() > 0:
        torch.cuda.set_rng_state_all(states["cuda"])
