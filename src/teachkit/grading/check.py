"""Judge a sheet that was handed in, without running any of its code: ``python -m teachkit.grading.check FILE``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teachkit.grading.catalogue import Catalogue, Item, catalogue, kinds
from teachkit.grading.feedback import amount
from teachkit.grading.handin import read
from teachkit.grading.kinds.base import judge
from teachkit.grading.verdict import Verdict


@dataclass(frozen=True)
class Result:
    """What a handed-in sheet is worth: the verdict on each item, judged anew.

    ``remarks`` say what a teacher should know, such as another version of the sheet.
    """

    student: str
    sheet: Catalogue
    verdicts: dict[str, Verdict]
    remarks: tuple[str, ...]

    @property
    def earned(self) -> float:
        """The points of all items."""
        return sum(self.verdicts[name].score * item.points for name, item in self.sheet.items.items())

    def __str__(self) -> str:
        rows = [_row(item, self.verdicts[name]) for name, item in self.sheet.items.items()]
        head = f"{self.sheet.title}\nStudent {self.student}: {amount(self.earned)} of {self.sheet.points} points\n"
        lines = "\n".join([head, *rows, *(f"\nRemark: {text}" for text in self.remarks)]).split("\n")
        return "\n".join("".join(x if x.isprintable() else "?" for x in line) for line in lines)


def check_file(path: Path | str) -> Result:
    """Judge a handed-in sheet with this library's checks and the student's own values.

    Raises:
        ValueError: The file is none, was changed, or belongs to a sheet that this library does not have.
        OSError: It can't be opened.
    """
    content = read(path)
    sheet = catalogue(content["sheet"])
    verdicts = {name: _verdict(sheet, name, content) for name in sheet.items}
    return Result(content["student"], sheet, verdicts, tuple(_remarks(sheet, content, verdicts)))


def _verdict(sheet: Catalogue, name: str, content: dict[str, Any]) -> Verdict:
    answer = content["answers"].get(name)
    if not isinstance(answer, dict) or answer.get("record") is None:
        return Verdict(0, "No answer was handed in.", usable=False, missing=True)
    kind = kinds(sheet.stem)[name]
    return judge(kind, answer["record"], kind.data(sheet.stem, name, content["student"]))


def _remarks(sheet: Catalogue, content: dict[str, Any], verdicts: dict[str, Verdict]) -> list[str]:
    remarks = []
    if content["sheet_version"] != sheet.version:
        theirs = content["sheet_version"][:12]
        remarks.append(f"it was written for version {theirs} of the sheet; judged by version {sheet.version}")
    claimed = {name: x.get("score") for name, x in content["answers"].items() if isinstance(x, dict)}
    if other := [name for name, x in verdicts.items() if name in claimed and claimed[name] != x.score]:
        remarks.append(f"the score in the file differs from the one found here: {', '.join(other)}")
    return remarks


def _row(item: Item, verdict: Verdict) -> str:
    points = f"{amount(verdict.score * item.points)} of {item.points}"
    message = "" if verdict.right else verdict.message.splitlines()[0]
    return f"{item.name:<28}{points:>12}  {verdict.status:<10} {message}".rstrip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the result of each file; return 1 if one could not be judged."""
    parser = argparse.ArgumentParser(prog="python -m teachkit.grading.check", description="Judge handed-in sheets.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    failed = 0
    for path in parser.parse_args(arguments).files:
        try:
            print(check_file(path), end="\n\n")
        except (ValueError, OSError) as error:
            failed = 1
            print(f"error: {error}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
