"""The file that a student hands in: JSON, readable without running code."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from teachkit import __version__
from teachkit._files import write_whole
from teachkit.grading.attempts import Attempt, best
from teachkit.grading.catalogue import Catalogue

FORMAT = 1
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
"""What a student's id looks like."""
LARGEST = 5_000_000
"""The most bytes of a file that is read."""
_FIELDS = {"format": int, "sheet": str, "sheet_version": str, "student": str, "written": str, "versions": dict,
           "answers": dict, "attempts": list, "digest": str}  # fmt: skip


def hand_in(path: Path, sheet: Catalogue, student: str, attempts: Mapping[str, Sequence[Attempt]]) -> list[str]:
    """Write the best attempt at each item, and when each attempt was made; return the items without one.

    Args:
        path: The file.
        sheet: What is known of the sheet.
        student: Their id.
        attempts: Those that count for the student, by item.
    """
    chosen = {name: best(attempts[name]) for name in sheet.items}
    made = sorted((x for item in attempts.values() for x in item), key=lambda x: x.time)
    content = {
        "format": FORMAT,
        "sheet": sheet.stem,
        "sheet_version": sheet.version,
        "student": student,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "teachkit": __version__,
                     "system": platform.system()},
        "answers": {name: {"record": x.record, "score": x.score, "time": x.time} for name, x in chosen.items() if x},
        "attempts": [{"item": x.item, "time": x.time, "score": x.score, "status": x.status} for x in made],
    }  # fmt: skip
    with write_whole(path) as file:
        file.write(json.dumps({**content, "digest": digest(content)}, indent=1, allow_nan=False).encode() + b"\n")
    return [name for name, attempt in chosen.items() if attempt is None]


def digest(content: Mapping[str, Any]) -> str:
    """Return the sha256 of the content without its digest; it tells a damaged file, not a dishonest one."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read(path: Path | str) -> dict[str, Any]:
    """Read a file that was handed in.

    Raises:
        ValueError: It is too large, is no such file, or was damaged or changed after it was written.
        OSError: It can't be opened.
    """
    path = Path(path)
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path.name}: larger than {LARGEST / 1e6:.0f} MB; that is no handed-in sheet")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name}: not JSON") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path.name}: expected an object")
    for name, kind in _FIELDS.items():
        if type(content.get(name)) is not kind:
            raise ValueError(f"{path.name}: {name}: expected {kind.__name__}, got {type(content.get(name)).__name__}")
    if content["format"] != FORMAT:
        raise ValueError(f"{path.name}: format {content['format']} is not known; teachkit {__version__} reads {FORMAT}")
    if not ID.fullmatch(content["student"]):
        raise ValueError(f"{path.name}: student: expected up to 64 letters, digits and . _ @ -")
    if digest(content) != content["digest"]:
        raise ValueError(f"{path.name}: the digest does not fit; the file was damaged or changed after it was written")
    return content
