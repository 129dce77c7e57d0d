"""Sphinx extension: load the interactive figures' script and style on the pages that have such a figure.

The figures are written as modules in ``extra/figures``. A browser refuses modules on a page that is opened as
a file, so the book gets them as one classic script, each module a function that is called when it is first asked for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from teachkit._files import write_whole

MARK = 'class="tk-interactive"'
ENTRY = "figures.mjs"
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./([\w.]+)";$', re.M)
_LATER = re.compile(r'\bimport\("\./([\w.]+)"\)')
_EXPORT = re.compile(r"^export (default )?((?:async )?function|class|const) (\w+)", re.M)
_FRAME = """(() => {
"use strict";
const modules = {}, loaded = {};
const load = (name) => loaded[name] ??= (modules[name](loaded[name] = {}), loaded[name]);
%s
load("%s");
})();
"""


def bundle(folder: Path) -> str:
    """Return the modules of a folder as one classic script that runs ``figures.mjs``.

    It knows the forms that the figures use: ``import { a } from "./b.mjs";``, ``import("./b.mjs")``, and ``export``
    before a function, a class or a constant.

    Raises:
        ValueError: if a module imports or exports in another form.
    """
    return _FRAME % ("\n".join(_define(file) for file in sorted(folder.glob("*.mjs"))), ENTRY)


def _define(file: Path) -> str:
    code = file.read_text("utf-8")
    exports = [(name, "default" if default else name) for default, _, name in _EXPORT.findall(code)]
    code = _IMPORT.sub(r'const \1 = load("\2");', code)
    code = _LATER.sub(r'Promise.resolve(load("\1"))', code)
    code = _EXPORT.sub(r"\2 \3", code)
    if left := re.search(r"^(import|export)\b.*|\bimport\(.*", code, re.M):
        raise ValueError(f"{file.name}: expected an import or export of a known form, got {left[0]!r}")
    given = "\n".join(f"exports.{public} = {name};" for name, public in exports)
    return f'modules["{file.name}"] = (exports) => {{\n{code}\n{given}\n}};'


def load_figures(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Add the script and the stylesheet to the head of a page whose body holds an interactive figure."""
    if MARK not in context.get("body", ""):
        return
    style, script = (context["pathto"](f"figures/figures.{kind}", resource=True) for kind in ("css", "js"))
    context["metatags"] = context.get("metatags", "") + (
        f'\n<link rel="stylesheet" href="{style}">\n<script defer src="{script}"></script>'
    )


def write_bundle(app: Sphinx, exception: Exception | None) -> None:
    """Write the script beside the modules in the built book."""
    if exception or app.builder.format != "html":
        return
    target = Path(app.outdir) / "figures" / "figures.js"
    target.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(target) as file:
        file.write(bundle(Path(app.srcdir) / "extra" / "figures").encode())


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("html-page-context", load_figures)
    app.connect("build-finished", write_bundle)
    return {"version": "2", "parallel_read_safe": True, "parallel_write_safe": True}
