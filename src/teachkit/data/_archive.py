"""Data files in the form of MNIST: found on this machine or downloaded, and never read unless their sum is known."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

PACKAGE = Path(__file__).parent / "files"
VARIABLE = "TEACHKIT_DATA"


class Archive(NamedTuple):
    """A published data set.

    ``sums`` has the SHA-256 sums that a file of a name may have, that of the published file first. ``urls`` are the
    folders that it is published in, and ``system`` is the folder that a package of the operating system puts it in.
    """

    title: str
    folder: str
    urls: tuple[str, ...]
    sums: dict[str, tuple[str, ...]]
    system: Path | None = None


def read(path: Path, sums: tuple[str, ...]) -> np.ndarray:
    """Return the bytes that a compressed idx file holds, as a writable array of the shape in its header.

    The header is two zero bytes, the type (8 is uint8), the number of axes, and each axis's length in 4 bytes.

    Raises:
        ValueError: The file's SHA-256 sum is not one of these. The file stays as it is.
    """
    packed = path.read_bytes()
    found = hashlib.sha256(packed).hexdigest()
    if found not in sums:
        raise ValueError(
            f"{path}: damaged, or another file: expected the SHA-256 sum {' or '.join(sums)}, found {found}. "
            f"It was left as it is; move it away, or name another folder in {VARIABLE}, which is searched first"
        )
    plain = gzip.decompress(packed)
    start = 4 + 4 * plain[3]
    return np.frombuffer(plain, np.uint8, offset=start).reshape(np.frombuffer(plain[4:start], ">u4")).copy()


def present(archive: Archive, name: str) -> Path | None:
    """Return the file of this name in the cache or in the system's folder, or None where it is in neither."""
    return next((path for path in _places(archive, name).values() if path and path.is_file()), None)


def find(archive: Archive, name: str, tried: tuple[str, ...] = ()) -> Path:
    """Return the file of this name, downloaded into the cache if it is nowhere on this machine.

    Args:
        archive: The data set that it belongs to.
        name: The file's name.
        tried: Why other ways have failed, for the message.

    Raises:
        FileNotFoundError: It is nowhere and can't be downloaded; the message says why each way failed.
    """
    if path := present(archive, name):
        return path
    places = _places(archive, name)
    reasons = [
        *tried,
        *(f"{way}: {path}: not there" if path else f"{way}: no folder is known" for way, path in places.items()),
    ]
    if importlib.util.find_spec("pooch") is None:
        reasons.append("download: needs the package pooch: pip install pooch tqdm")
    else:
        for url in archive.urls:
            try:
                return _download(f"{url}{name}", archive.sums[name][0], places["cache"])
            except (OSError, ValueError) as error:  # no network or no room; a wrong sum
                reasons.append(f"download from {url}: {error}")
    raise FileNotFoundError("\n  ".join([f"{archive.title}: no way led to {name}:", *reasons]))


def _places(archive: Archive, name: str) -> dict[str, Path | None]:
    cache = _cache()
    return {
        "cache": cache and cache / archive.folder / name,
        "system": archive.system and archive.system / name,
    }


def _cache() -> Path | None:
    """Return the folder that downloads go to; without the variable, pooch knows where a system keeps such files."""
    if folder := os.environ.get(VARIABLE):
        return Path(folder)
    if importlib.util.find_spec("pooch") is None:
        return None
    import pooch

    return Path(pooch.os_cache("teachkit"))


def _download(url: str, known: str, path: Path) -> Path:
    """Download into a file of another name, which takes this one if the sum is right."""
    import pooch

    bar = importlib.util.find_spec("tqdm") is not None
    return Path(pooch.retrieve(url, f"sha256:{known}", path.name, path.parent, progressbar=bar))
