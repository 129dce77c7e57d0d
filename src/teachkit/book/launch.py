"""The ways from a page to its notebook: a button for Colab, a download, and a line under the title."""

from __future__ import annotations

import json
import shutil
from collections.abc import MutableMapping
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from teachkit._files import write_whole
from teachkit.book.rehearse import FOLDER, RECORD, code_digest

_COLAB = "https://colab.research.google.com/github"
_DOT = ' <span aria-hidden="true">·</span> '


def launch(app: Sphinx, pagename: str, context: MutableMapping[str, Any]) -> None:
    """Lead from a page to its notebook, if it has one, and take away what leads nowhere."""
    root, repository = Path(app.srcdir), app.tk_repository
    notebook = f"{FOLDER}/{pagename}.ipynb"
    if not (root / notebook).exists():
        groups = context.get("header_buttons") or []
        context["header_buttons"] = [group for group in groups if group.get("label") != "launch-buttons"]
        return
    colab = f"{_COLAB}/{repository.owner}/{repository.name}/blob/main/{notebook}" if repository else ""
    download = context["pathto"](notebook, resource=True)
    mend_buttons(context, colab, download)
    line = run_line(colab, download, last_run(root, pagename))
    context["body"] = context.get("body", "").replace("</h1>", f"</h1>\n{line}", 1)


def mend_buttons(context: MutableMapping[str, Any], colab: str, download: str) -> None:
    """Point the theme's button for Colab, and its download, at the notebook.

    The theme's own links lead to the page's Markdown, which Colab can't open, and to a notebook with
    directives in its text.

    Args:
        context: What the page is rendered from.
        colab: The notebook's address on Colab, if it has one.
        download: The notebook's address in the book.
    """
    for group in context.get("header_buttons") or []:
        if group.get("label") == "launch-buttons":
            for button in group["buttons"]:
                button["url"] = colab if button["text"] == "Colab" else button["url"]
        if group.get("label") == "download-buttons":
            others = [x for x in group["buttons"] if x.get("label") != "download-notebook-button"]
            group["buttons"] = [_download_button(download), *others]


def _download_button(address: str) -> dict[str, str]:
    return {
        "type": "link",
        "url": address,
        "text": ".ipynb",
        "icon": "fas fa-code",
        "tooltip": "Download the notebook",
        "label": "download-notebook-button",
    }


def run_line(colab: str, download: str, last: str) -> str:
    """Return the line under a page's title.

    >>> print(run_line("", "../flows.ipynb", "not yet run"))
    <p class="tk-run">Run this page: <a href="../flows.ipynb" download>Download the notebook</a> \
<span aria-hidden="true">·</span> not yet run</p>
    """
    links = [f'<a href="{escape(colab)}">Open in Colab</a>'] if colab else []
    links.append(f'<a href="{escape(download)}" download>Download the notebook</a>')
    return f'<p class="tk-run">Run this page: {_DOT.join([*links, last])}</p>'


def last_run(root: Path, pagename: str) -> str:
    """Say when a page's notebook last passed on Colab's image, and whether its code is still the same."""
    record = root / RECORD
    entry = json.loads(record.read_text("utf-8")).get(pagename) if record.exists() else None
    if entry is None:
        return "not yet run on Colab’s image"
    now = code_digest(json.loads((root / FOLDER / f"{pagename}.ipynb").read_text("utf-8")))
    day = date.fromisoformat(entry["date"])
    when = f'<time datetime="{day}">{day.day} {day:%B %Y}</time>'
    return f"{'ran' if entry['code'] == now else 'an earlier version ran'} on Colab’s image on {when}"


def rewrite(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Return the pages whose line differs from the last build's; Sphinx sees a change of the page's text alone."""
    root = Path(app.srcdir)
    app.tk_runs = {x: last_run(root, x) for x in sorted(env.found_docs) if (root / FOLDER / f"{x}.ipynb").exists()}
    before = _remembered(app)
    known = json.loads(before.read_text("utf-8")) if before.exists() else {}
    return [page for page in env.found_docs if known.get(page) != app.tk_runs.get(page)]


def _remembered(app: Sphinx) -> Path:
    return Path(app.doctreedir) / "runs.json"


def publish(app: Sphinx, exception: Exception | None) -> None:
    """Copy the notebooks into the built book, where the downloads lead, and note what its lines say."""
    if exception or app.builder.format != "html":
        return
    with write_whole(_remembered(app)) as file:
        file.write(json.dumps(app.tk_runs).encode())
    site, root = Path(app.outdir) / FOLDER, Path(app.srcdir)
    shutil.rmtree(site, ignore_errors=True)
    for notebook in (root / FOLDER).rglob("*.ipynb"):
        copy = site / notebook.relative_to(root / FOLDER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(notebook, copy)
