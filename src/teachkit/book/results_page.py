"""Sphinx extension: the directive ``{runs}`` lists every manifest in ``results/`` with its metrics.

A manifest that is broken, or without the program that wrote it, stops the build. A folder without a manifest
belongs to a run that has not come to its end, and is left out.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from teachkit._files import write_whole
from teachkit.book.laws_page import reading_order
from teachkit.book.manifest import NAME, measured, read_result
from teachkit.book.results import cited, commit, leaves, machine, manifest_uri, problems, show
from teachkit.book.sheets import Fold
from teachkit.book.tables import entry, row, table

_BENCH = "_bench"
_REMEMBERED = "cited.json"
_SHA256 = 12  # hexadecimal digits that are shown
_UNITS = {"mean": "seed", "median": "round"}


class CitedPlace(nodes.General, nodes.Element):
    """Where the links to the pages that cite the run ``run`` go."""


class RunsDirective(SphinxDirective):
    """``{runs}``: a section for each recorded run, then for each benchmark."""

    def run(self) -> list[nodes.Node]:
        """Return the sections; which pages cite a run is only known when all pages are read."""
        root = Path(self.env.srcdir)
        names = _shown(self.env)[self.env.docname] = recorded(root)
        return [made for name in names for made in self._section(root, name)]

    def _section(self, root: Path, name: str) -> Iterator[nodes.section]:
        program, _ = origin(root, name)
        for path in (root / "results" / name / NAME, program):
            self.env.note_dependency(str(path))
        try:
            manifest = read_result(root / "results" / name)
            for file in manifest["files"]:
                self.env.note_dependency(str(root / "results" / name / file))
            yield section(root, manifest, self.env.docname)
        except (ValueError, SyntaxError) as error:
            source, line = self.get_source_info()
            problems(self.env).append(f"{Path(source).relative_to(root)}:{line}: {{runs}}: {error}")


def recorded(root: Path) -> list[str]:
    """Return the names of the folders of ``results/`` with a manifest: the runs, then the benchmarks.

    Args:
        root: The repository's root.
    """
    names = (path.parent.name for path in root.glob(f"results/*/{NAME}"))
    return sorted(names, key=lambda name: (name.endswith(_BENCH), name))


def origin(root: Path, name: str) -> tuple[Path, str]:
    """Return the file that wrote ``results/<name>``, and the command that runs it.

    >>> origin(Path(), "newton_bench")[1], origin(Path(), "wgan")[1]
    ('python -m benchmarks --only newton', 'python -m runs.wgan')
    """
    if stem := name.removesuffix(_BENCH) if name.endswith(_BENCH) else "":
        return root / "benchmarks" / f"{stem}.py", f"python -m benchmarks --only {stem}"
    return root / "runs" / f"{name}.py", f"python -m runs.{name}"


def purpose(program: Path) -> str:
    """Return the first line of a program's docstring; the program is read and not run.

    Raises:
        ValueError: There is no such file, or it has no docstring.
    """
    where = f"{program.parent.name}/{program.name}"
    if not program.is_file():
        raise ValueError(f"{where} does not exist")
    text = ast.get_docstring(ast.parse(program.read_bytes(), where))
    if not text:
        raise ValueError(f"{where} has no docstring")
    return text.splitlines()[0]


# --- one section ------------------------------------------------------------------------------


def section(root: Path, manifest: dict[str, Any], docname: str) -> nodes.section:
    """Return heading, purpose, record and metrics of one run.

    Args:
        root: The repository's root.
        manifest: As from :func:`teachkit.book.manifest.read_result`.
        docname: The page that it is for.

    Raises:
        ValueError: The program that wrote the record is missing or has no docstring.
    """
    name = manifest["name"]
    program, command = origin(root, name)
    sentence = nodes.paragraph("", "", *_inline(purpose(program)))
    facts = table(("Entry", "Value"), (26, 74), _facts(root, manifest, command, docname), "tk-record")
    title = nodes.title("", name)
    return nodes.section("", title, sentence, facts, _metrics(manifest), ids=[nodes.make_id(f"run-{name}")])


def _inline(text: str) -> Iterator[nodes.Node]:
    """Yield a docstring's line with its code as code."""
    for i, part in enumerate(re.split(r"``(.+?)``", text)):
        if part:
            yield nodes.literal("", part) if i % 2 else nodes.Text(part)


def _facts(root: Path, manifest: dict[str, Any], command: str, docname: str) -> Iterator[nodes.row]:
    name, folder = manifest["name"], root / "results" / manifest["name"]
    versions = ", ".join(f"{package} {version}" for package, version in manifest["versions"].items())
    uri = manifest_uri(docname, name)
    yield row("Command", nodes.literal("", command))
    yield row("Device", machine(manifest))
    yield row("Seeds", ", ".join(map(str, manifest["seeds"])) or "none")
    yield row("Time", _with_unit(manifest["seconds"], "s"))
    yield row("Peak memory", _with_unit(manifest["peak_memory_mb"], "MB"))
    yield row("Commit", commit(manifest).replace("+", ", with "))
    yield row("Versions", versions or "none")
    yield nodes.row("", entry("Files"), nodes.entry("", *_files(folder, manifest["files"])))
    yield row("Manifest", nodes.reference("", f"results/{name}.json", refuri=uri))
    yield row("Cited on", CitedPlace(run=name))


def _with_unit(value: float | None, unit: str) -> str:
    return show(value) if value is None else f"{value:,.1f} {unit}"


def _files(folder: Path, files: dict[str, str]) -> list[nodes.Node]:
    if not files:
        return [nodes.paragraph("", "none")]
    items = (nodes.list_item("", _file(folder / path, path, sha256)) for path, sha256 in files.items())
    return [nodes.bullet_list("", *items)]


def _file(file: Path, path: str, sha256: str) -> nodes.paragraph:
    told = nodes.Text(f", {size(file.stat().st_size)}, sha256 ")
    return nodes.paragraph("", "", nodes.literal("", path), told, nodes.literal("", sha256[:_SHA256]))


def size(count: int) -> str:
    """Return a number of bytes with a unit.

    >>> size(865), size(66937), size(1234567)
    ('865 bytes', '66.9 kB', '1.2 MB')
    """
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def _metrics(manifest: dict[str, Any]) -> nodes.Node:
    rows = [row(nodes.literal("", path), value(x), over(x)) for path, x in leaves(manifest["metrics"])]
    if not rows:
        return nodes.paragraph("", "It records no metric.")
    count = f"{len(rows)} metric{'' if len(rows) == 1 else 's'} of {manifest['name']}"
    return Fold("", table(("Metric", "Value", "Over"), (48, 32, 20), rows, "tk-metrics"), title=count)


def value(metric: Any) -> str:
    """Return a metric as the page shows it.

    >>> value({"mean": 1.23456, "spread": 0.0321, "n": 5}), value([0.5, None])
    ('1.235 ± 0.032', '0.5, not run yet')
    """
    return ", ".join(map(value, metric)) if isinstance(metric, list) else show(metric)


def over(metric: Any) -> str:
    """Return what a metric's mean or median was taken over; nothing for a single number.

    >>> over({"median": 2.0, "spread": 0.1, "n": 9}), over(1.5)
    ('9 rounds', '')
    """
    if not isinstance(metric, dict) or metric[kind := measured(metric)] is None:
        return ""
    return f"{metric['n']} {_UNITS[kind]}{'' if metric['n'] == 1 else 's'}"


# --- the build --------------------------------------------------------------------------------


def _shown(env: BuildEnvironment) -> dict[str, list[str]]:
    """Return by page the runs that its directive listed."""
    if not hasattr(env, "tk_runs_shown"):
        env.tk_runs_shown = {}
    return env.tk_runs_shown


def _purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _shown(env).pop(docname, None)


def _outdated(app: Sphinx, env: BuildEnvironment, *changes: set[str]) -> list[str]:
    """Have the page read again when a folder has come or gone; Sphinx sees changes of known files alone."""
    now = recorded(Path(app.srcdir))
    return [page for page, names in _shown(env).items() if names != now and page in env.found_docs]


def _rewrite(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Have the page written anew when other pages cite a run than in the last build, or under other titles."""
    app.tk_cited = {}
    for page in dict.fromkeys(reading_order(app)):
        for run in sorted(cited(env).get(page, ())):
            app.tk_cited.setdefault(run, []).append([page, env.titles[page].astext()])
    before = Path(app.doctreedir) / _REMEMBERED
    known = json.loads(before.read_text("utf-8")) if before.exists() else None
    return [] if known == app.tk_cited else list(_shown(env))


def _resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for place in list(doctree.findall(CitedPlace)):
        place.replace_self(list(_links(app, docname, place["run"])) or [nodes.Text("no page yet")])


def _links(app: Sphinx, docname: str, run: str) -> Iterator[nodes.Node]:
    for i, (page, title) in enumerate(app.tk_cited.get(run, [])):
        if i:
            yield nodes.Text(", ")
        yield nodes.reference("", title, refuri=app.builder.get_relative_uri(docname, page), internal=True)


def _remember(app: Sphinx, exception: Exception | None) -> None:
    """Only a build that came to its end has written its links."""
    if exception is None:
        with write_whole(Path(app.doctreedir) / _REMEMBERED) as file:
            file.write(json.dumps(app.tk_cited).encode())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and the events."""
    app.setup_extension("teachkit.book.results")
    app.setup_extension("teachkit.book.sheets")
    app.add_node(CitedPlace)
    app.add_directive("runs", RunsDirective)
    app.connect("env-purge-doc", _purge)
    app.connect("env-get-outdated", _outdated)
    app.connect("env-get-updated", _rewrite, priority=900)
    app.connect("doctree-resolved", _resolve)
    app.connect("build-finished", _remember)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
