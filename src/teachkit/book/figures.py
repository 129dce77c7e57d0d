"""Sphinx extension: load the interactive figures' script and style on the pages that have such a figure.

The files lie in ``extra/figures`` and are copied by ``html_extra_path``; never in a static folder, whose
scripts Jupyter Book puts on every page.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

MARK = 'class="tk-interactive"'


def load_figures(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Add the script and the stylesheet to the head of a page whose body holds an interactive figure."""
    if MARK not in context.get("body", ""):
        return
    style, script = (context["pathto"](f"figures/figures.{kind}", resource=True) for kind in ("css", "mjs"))
    context["metatags"] = context.get("metatags", "") + (
        f'\n<link rel="stylesheet" href="{style}">\n<script type="module" src="{script}"></script>'
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("html-page-context", load_figures)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
