"""Sphinx extension: the role ``{result}`` puts a recorded number into the text.

`` {result}`run:metric` `` or `` {result}`run:group.metric|.3f` `` shows a metric of
``results/<run>/result.json`` and links to the manifest. A number that is not there stops the build.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxRole

from teachkit.book.manifest import NAME, measured, read_result

_OF_THE_RUN = ("seconds", "peak_memory_mb", "device")
"""Fields of the manifest that can be shown like a metric."""


class ResultRole(SphinxRole):
    """One recorded number, with its run in the tooltip."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link, or the bare text and a note of the problem that stops the build."""
        run, path, _ = split(self.text)
        cited(self.env).setdefault(self.env.docname, set()).add(run)
        folder = Path(self.env.srcdir) / "results" / run
        self.env.note_dependency(str(folder / NAME))
        try:
            manifest = read_result(folder)
            text = find(manifest, self.text)
        except (FileNotFoundError, ValueError) as error:
            return self._problem(run, error), []
        uri, title = manifest_uri(self.env.docname, run), origin(manifest, path)
        link = nodes.reference("", text, refuri=uri, classes=["tk-result"], reftitle=title)
        return [link], []

    def _problem(self, run: str, error: Exception) -> list[nodes.Node]:
        reason = f"results/{run}/{NAME} does not exist" if isinstance(error, FileNotFoundError) else str(error)
        source, line = self.get_source_info()
        file = Path(source).relative_to(self.env.srcdir)
        problems(self.env).append(f"{file}:{line}: {{result}}`{self.text}`: {reason}")
        return [nodes.Text(self.text)]


def split(target: str) -> tuple[str, str, str]:
    r"""Return the run, the metric's path and the format that the role's text names.

    >>> split("coupling:affine_2.nll|.3f")
    ('coupling', 'affine_2.nll', '.3f')
    >>> split(r"coupling:affine_2.nll\|.3f")[1:]  # as it must be written in a table
    ('affine_2.nll', '.3f')
    """
    target, _, spec = target.replace(r"\|", "|").partition("|")
    run, _, path = target.partition(":")
    return run, path, spec


def find(manifest: dict[str, Any], target: str) -> str:
    """Return the number that the role's text names, formatted.

    >>> find({"metrics": {"nll": 1.23456}}, "run:nll|.2f")
    '1.23'
    """
    _, path, spec = split(target)
    return show(look_up(manifest, path), spec)


def look_up(manifest: dict[str, Any], path: str) -> Any:
    """Return the metric at a dotted path, or one of the run's own fields.

    >>> look_up({"metrics": {"nll": {"test": 1.5}}}, "nll.test")
    1.5
    """
    if path in _OF_THE_RUN and path not in manifest["metrics"]:
        return manifest[path]
    value = manifest["metrics"]
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            known = ", ".join(x for x, _ in leaves(manifest["metrics"]))
            raise ValueError(f"{manifest['name']} has no metric {path!r}; it has: {known}")
        value = value[key]
    return value


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and the value of each metric.

    >>> list(leaves({"nll": {"test": 1.5}, "fid": None}))
    [('nll.test', 1.5), ('fid', None)]
    """
    if isinstance(value, dict) and not measured(value):
        for key, child in value.items():
            yield from leaves(child, f"{path}.{key}" if path else key)
    else:
        yield path, value


def show(value: Any, spec: str = "") -> str:
    """Format a metric; ``spec`` is a format specification such as ".3f".

    >>> show(1.23456), show(1.23456, ".1f"), show(None), show(12000)
    ('1.235', '1.2', 'not run yet', '12000')
    >>> show({"mean": 1.23456, "spread": 0.0321, "n": 5})
    '1.235 ± 0.032'
    """
    if value is None:
        return "not run yet"
    if isinstance(value, dict):
        if not (kind := measured(value)):
            raise ValueError(f"is a group of metrics: {', '.join(value)}")
        if value[kind] is None:
            return "not run yet"
        spec = spec or _digits(value["spread"])
        return f"{value[kind]:{spec}} ± {value['spread']:{spec}}"
    return f"{value:{spec}}" if spec else _plain(value)


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


_SPREAD = {
    "mean": "mean ± standard deviation over {n} seeds",
    "median": "median ± half the distance of the quartiles over {n} rounds",
}


def _digits(spread: float) -> str:
    """Show two digits of the spread, and the mean to the same place."""
    if not spread:
        return ".4g"
    return f".{max(0, 1 - math.floor(math.log10(abs(spread))))}f"


def origin(manifest: dict[str, Any], path: str) -> str:
    """Say in one line where a number comes from."""
    value = look_up(manifest, path)
    if value is None:
        return f"Run {manifest['name']}: no machine has run this yet"
    parts = [_SPREAD[measured(value)].format(n=value["n"])] if isinstance(value, dict) else []
    parts += [f"recorded on {machine(manifest)}", f"commit {commit(manifest)}"]
    return f"Run {manifest['name']}: {', '.join(parts)}"


def machine(manifest: dict[str, Any]) -> str:
    """Return what a run was recorded on.

    >>> machine({"device": "cpu"})
    'a CPU'
    """
    return "a CPU" if manifest["device"].lower() == "cpu" else manifest["device"]


def commit(manifest: dict[str, Any]) -> str:
    """Return the short name of the commit that a run was recorded at.

    >>> commit({"commit": "654434acc75df6f6988867244b78aa244f00f94b+changes"})
    '654434a+changes'
    """
    sha, *changes = manifest["commit"].split("+")
    return "+".join([sha[:7], *changes])


def manifest_uri(docname: str, run: str) -> str:
    """Return the address of a run's manifest in the site, as a page links to it.

    >>> manifest_uri("chapters/flows", "coupling")
    '../results/coupling.json'
    """
    return "../" * docname.count("/") + f"results/{run}.json"


# --- the build --------------------------------------------------------------------------------


def cited(env: BuildEnvironment) -> dict[str, set[str]]:
    """Return by page the runs whose numbers it shows, as far as the pages have been read."""
    if not hasattr(env, "tk_cited"):
        env.tk_cited = {}
    return env.tk_cited


def problems(env: BuildEnvironment) -> list[str]:
    """Return the list of what is wrong with the records on the page that is read; any line stops the build."""
    if not hasattr(env, "tk_result_problems"):
        env.tk_result_problems = {}
    return env.tk_result_problems.setdefault(env.docname, [])


def _purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    for known in (cited(env), getattr(env, "tk_result_problems", {})):
        known.pop(docname, None)


def _check(app: Sphinx, env: BuildEnvironment) -> None:
    lines = [line for page in getattr(env, "tk_result_problems", {}).values() for line in page]
    if lines:
        raise SphinxError("Records that are missing or broken:\n" + "\n".join(f"- {x}" for x in lines))


def _publish(app: Sphinx, exception: Exception | None) -> None:
    """Copy the manifests into the site, where the numbers link to."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir) / "results"
    site.mkdir(parents=True, exist_ok=True)
    for manifest in Path(app.srcdir).glob(f"results/*/{NAME}"):
        shutil.copyfile(manifest, site / f"{manifest.parent.name}.json")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the role and the events."""
    app.add_role("result", ResultRole())
    app.connect("env-purge-doc", _purge)
    app.connect("env-updated", _check)
    app.connect("build-finished", _publish)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
