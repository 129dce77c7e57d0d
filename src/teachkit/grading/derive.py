"""Make the students' sheets from their sources: ``python -m teachkit.grading.derive``.

The sheet ``exercises/<stem>.md`` has the stubs of ``solutions/<stem>.md`` as its code cells and no
solution. The hints and points go into the library, since a notebook elsewhere can't see the book.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path

from teachkit._files import write_whole
from teachkit.grading.source import TITLE, Block, Source, SourceError, read_source

NOTE = "% Written by `make notebooks` from {source}; change that file, not this one."
_OFF = 'mystnb:\n  execution_mode: "off"\n'


def student_page(source: Source) -> str:
    """Return the text of ``exercises/<stem>.md``: no solution, the stubs as code cells."""
    out: list[str] = []
    inside = False
    for block in source.blocks:
        if block.directive in ("solution-start", "solution-end"):
            inside = block.directive == "solution-start"
        elif not inside:
            out += _for_students(source, block)
    front = source.front.removesuffix("---\n") + _OFF + "---\n"
    out.append(f"\nWhen you have tried every item, read [the solutions](../solutions/{source.path.name}).")
    text = front + "\n" + NOTE.format(source=f"solutions/{source.path.name}") + "\n" + "\n".join(out)
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"


def _for_students(source: Source, block: Block) -> list[str]:
    if block.directive == "item":
        item = source.items[block.argument.strip()]
        return [block.lines[0], f"points: {item.points}", f"statement: {item.statement}", block.lines[-1]]
    if block.directive == "stub":
        return ["```{code-cell} ipython3", *block.lines[1:-1], "```"]
    if not block.directive:
        rows = [row for row in block.lines if not row.startswith("%")]
        return [f"# {source.title}" if TITLE.fullmatch(row) else row for row in rows]
    return block.lines


def library_file(source: Source, statements: dict[str, dict[str, str]], version: str) -> str:
    """Return the text of ``grading/sheets/<stem>.json``.

    Args:
        source: The sheet.
        statements: What is known of each statement of the book, by label.
        version: The version of the sheet.
    """
    items = []
    for item in source.items.values():
        if item.statement not in statements:
            raise source.error(1, f"{item.name}: no statement of the book has the label {item.statement!r}")
        known = {"name": item.name, "title": item.title, "points": item.points, "hints": item.hints}
        items.append({**known, "statement": statements[item.statement]})
    sheet = {"title": source.title, "version": version, "items": items}
    return json.dumps(sheet, indent=1, ensure_ascii=False) + "\n"


def book_statements(root: Path) -> dict[str, dict[str, str]]:
    """Return kind, title, chapter and address of every labelled statement of the chapters, by label."""
    from teachkit.book.site import read_repository

    repository = read_repository(root)
    known = {}
    for path in sorted(root.glob("chapters/*.md")):
        text = path.read_text("utf-8")
        chapter = next((row[2:] for row in text.splitlines() if row.startswith("# ")), path.stem)
        for kind, title, label in re.findall(r"^`{3,}\{prf:(\w+)\}[ ]*(.*)\n:label: ([\w-]+)", text, re.MULTILINE):
            address = f"{repository.site}chapters/{path.stem}.html#{label}" if repository else ""
            plain = re.sub(r"[$\\`]", "", title)
            known[label] = {"label": label, "kind": kind, "title": plain, "chapter": chapter, "address": address}
    return known


def version_of(root: Path, stem: str) -> str:
    """Return the version of a sheet: 12 digits of the sha256 of its source and its checks."""
    checks = root / "src/teachkit/grading/checks"
    files = [root / f"solutions/{stem}.md", checks / f"{stem}.py", *sorted(checks.glob(f"_{stem}*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:12]


def derived(root: Path, stem: str = "*") -> dict[Path, str]:
    """Return every file that is made from the sources, or from one of them, with its text."""
    statements = book_statements(root)
    files = {}
    for path in sorted(root.glob(f"solutions/{stem}.md")):
        source = read_source(path)
        files[root / "exercises" / path.name] = student_page(source)
        library = root / f"src/teachkit/grading/sheets/{path.stem}.json"
        files[library] = library_file(source, statements, version_of(root, path.stem))
    return files


def drift(root: Path, stem: str = "*") -> list[Path]:
    """Return the derived files that are missing, differ from their source, or have none."""
    wanted = derived(root, stem)
    written = (x for x in root.glob(f"exercises/{stem}.md") if NOTE.split("{")[0] in x.read_text("utf-8"))
    present = {*written, *root.glob(f"src/teachkit/grading/sheets/{stem}.json")}
    differs = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    return sorted({*differs, *(present - wanted.keys())})


def main() -> int:
    """Write what has changed; with ``--check`` only say what has, and return 1."""
    parser = argparse.ArgumentParser(
        prog="python -m teachkit.grading.derive", description="Write the students' sheets."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something would be written")
    parser.add_argument("stem", nargs="?", default="*", help="the one sheet to write; all of them if not given")
    options = parser.parse_args()
    only_check, root = options.check, Path.cwd()
    if not list(root.glob(f"solutions/{options.stem}.md")):
        print(f"error: there is no solutions/{options.stem}.md here", file=sys.stderr)
        return 1
    try:
        wanted, changed = derived(root, options.stem), drift(root, options.stem)
    except SourceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in changed:
        print(f"{'differs: ' if only_check else ''}{path.relative_to(root)}")
        if not only_check:
            _write(path, wanted.get(path))
    return int(only_check and bool(changed))


def _write(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as file:
        file.write(text.encode())


if __name__ == "__main__":
    sys.exit(main())
