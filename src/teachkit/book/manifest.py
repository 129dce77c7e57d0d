"""The record of a training run: ``results/<run>/result.json``, written by a run and read by the book."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from teachkit._files import write_whole

NAME = "result.json"
FIELDS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "config": dict,
    "commit": str,
    "device": str,
    "versions": dict,
    "seeds": list,
    "metrics": dict,
    "seconds": (int, float, type(None)),
    "peak_memory_mb": (int, float, type(None)),
    "files": dict,
}


def describe(
    name: str,
    config: Mapping[str, Any],
    seeds: list[int],
    metrics: Mapping[str, Any],
    seconds: float,
    device: str = "cpu",
    peak_memory_mb: float | None = None,
) -> dict[str, Any]:
    """Return a manifest for this machine; the commit, the versions and the peak memory are looked up.

    Args:
        name: The run's name, which is also its folder's.
        config: The run's configuration, as JSON can hold it.
        seeds: The seeds that were used.
        metrics: Numbers, or ``{"mean": m, "spread": s, "n": k}`` over k seeds (timings: "median", over
            rounds), or None for "not run yet"; may nest.
        seconds: How long it took.
        device: "cpu", or the accelerator's name.
        peak_memory_mb: The peak memory in MB; this process's own, if not given.
    """
    return {
        "name": name,
        "config": dict(config),
        "commit": _commit(),
        "device": device,
        "versions": {x: metadata.version(x) for x in ("numpy", "torch", "teachkit") if _installed(x)},
        "seeds": list(seeds),
        "metrics": dict(metrics),
        "seconds": seconds,
        "peak_memory_mb": _peak_memory_mb() if peak_memory_mb is None else peak_memory_mb,
    }


def write_result(folder: Path | str, manifest: Mapping[str, Any]) -> Path:
    """Write the manifest into the run's folder, with the sha256 of every other file there.

    Args:
        folder: ``results/<run>``; its name must be the manifest's.
        manifest: All of ``FIELDS`` but ``files``, as from :func:`describe`.

    Returns:
        The path of the file written.

    Raises:
        ValueError: A field is missing or wrong, or a number is not finite.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    complete = {**manifest, "files": {path: _sha256(folder / path) for path in _others(folder)}}
    _validate(complete, folder)
    text = json.dumps(complete, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with write_whole(folder / NAME) as file:
        file.write(text.encode())
    return folder / NAME


def read_result(folder: Path | str) -> dict[str, Any]:
    """Read and check the manifest of a run's folder.

    Raises:
        FileNotFoundError: The folder has no manifest.
        ValueError: A field is missing or wrong, or a file is missing or differs from its sha256.
    """
    folder = Path(folder)
    try:
        manifest = json.loads((folder / NAME).read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{folder.name}/{NAME}: not JSON: {error}") from error
    _validate(manifest, folder)
    for path, sha256 in manifest["files"].items():
        if not (folder / path).is_file():
            raise ValueError(f"{folder.name}/{NAME}: files: {path} is missing")
        if _sha256(folder / path) != sha256:
            raise ValueError(f"{folder.name}/{NAME}: files: {path} differs from its sha256")
    return manifest


def _validate(manifest: Any, folder: Path) -> None:
    where = f"{folder.name}/{NAME}"
    if not isinstance(manifest, dict):
        raise ValueError(f"{where}: expected an object, got {type(manifest).__name__}")
    if missing := FIELDS.keys() - manifest.keys():
        raise ValueError(f"{where}: missing: {', '.join(sorted(missing))}")
    if unknown := manifest.keys() - FIELDS.keys():
        raise ValueError(f"{where}: not known: {', '.join(sorted(unknown))}")
    for field, kind in FIELDS.items():
        if not isinstance(manifest[field], kind):
            raise ValueError(f"{where}: {field}: did not expect {type(manifest[field]).__name__}")
    if manifest["name"] != folder.resolve().name:
        raise ValueError(f"{where}: name: expected {folder.resolve().name!r}, got {manifest['name']!r}")
    _check_metrics(manifest["metrics"], f"{where}: metrics")


def measured(value: dict[str, Any]) -> str | None:
    """Return "mean" (over seeds) or "median" (over rounds) if ``value`` is one measured number, None for a group.

    >>> measured({"median": 2.0, "spread": 0.1, "n": 9}), measured({"nll": 1.5})
    ('median', None)
    """
    return next((kind for kind in ("mean", "median") if kind in value), None)


def _check_metrics(value: Any, where: str) -> None:
    """Raise unless ``value`` is a tree of finite numbers, strings and None."""
    if isinstance(value, dict):
        if (kind := measured(value)) and value.keys() != {kind, "spread", "n"}:
            raise ValueError(f"{where}: expected {kind}, spread and n, got {', '.join(sorted(value))}")
        for key, child in value.items():
            _check_metrics(child, f"{where}.{key}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: expected a finite number or None, got {value}")
    elif not isinstance(value, int | float | str | list | None):
        raise ValueError(f"{where}: did not expect {type(value).__name__}")


def _others(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path.relative_to(folder).as_posix() for path in files if path != folder / NAME)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def _commit() -> str:
    """Return the commit of the code, with "+changes" if it was not clean, or "unknown" without git."""
    here = Path(__file__).resolve().parent
    try:
        commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=here, text=True, stderr=subprocess.DEVNULL)
        changes = subprocess.check_output(["git", "status", "--porcelain", "--", ".."], cwd=here, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit.strip() + ("+changes" if changes.strip() else "")


def _peak_memory_mb() -> float | None:
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    units_per_mb = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / units_per_mb, 1)
