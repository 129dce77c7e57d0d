"""A network's weights as float16 in NumPy's .npz format: small, and read without running anything."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from teachkit._files import write_whole

Net = TypeVar("Net", bound=nn.Module)
_COUNTER = "num_batches_tracked"  # of batch norm, which only a training without momentum reads


def save(path: Path | str, net: nn.Module, facts: Mapping[str, np.ndarray] | None = None) -> None:
    """Write weights and running means to a file, and facts as they are; it appears whole or not at all.

    Raises:
        ValueError: if a number is not finite as float16.
    """
    arrays = {k: x.detach().cpu().numpy() for k, x in net.state_dict().items() if not k.endswith(_COUNTER)}
    with np.errstate(over="ignore"):
        halves = {name: x.astype(np.float16) for name, x in arrays.items()}
    if large := [name for name, x in halves.items() if not np.isfinite(x).all()]:
        raise ValueError(f"net: expected numbers that float16 holds, not those in {', '.join(large)}")
    with write_whole(path) as file:
        np.savez_compressed(file, **halves, **(facts or {}))


def read(path: Path | str) -> dict[str, np.ndarray]:
    """Return the arrays of a file by name.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no .npz file or damaged.
    """
    content = Path(path).read_bytes()  # a file that NumPy opens stays open when it is damaged
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: expected weights in an .npz file: {error}") from error


def fill(net: Net, arrays: Mapping[str, np.ndarray], path: Path | str) -> Net:
    """Return the network with these weights, in evaluation mode.

    Raises:
        ValueError: if they are another network's; the message names the file ``path``.
    """
    state = {name: torch.from_numpy(np.asarray(x, np.float32)) for name, x in arrays.items()}
    counters = {k: x for k, x in net.state_dict().items() if k.endswith(_COUNTER)}
    try:
        net.load_state_dict({**counters, **state})
    except RuntimeError as error:
        raise ValueError(f"{path}: the weights of another network: {error}") from error
    return net.eval()
