"""The ways from a page to its notebook: buttons, the line under the title, what it says about Colab, the copies."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

from teachkit.book.launch import last_run, launch, publish, rewrite
from teachkit.book.rehearse import RECORD, code_digest
from teachkit.book.site import Repository

COLAB = "https://colab.research.google.com/github/o/n/blob/main/notebooks/chapters/flows.ipynb"
NOTEBOOK = {"cells": [{"cell_type": "code", "source": "x = 1"}, {"cell_type": "markdown", "source": "Text."}]}


@pytest.fixture
def app(tmp_path):
    """What the functions need of Sphinx, for a book with one notebook."""
    for folder in ("notebooks/chapters", "html", "doctrees"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "notebooks/chapters/flows.ipynb").write_text(json.dumps(NOTEBOOK))
    places = {"srcdir": tmp_path, "outdir": tmp_path / "html", "doctreedir": tmp_path / "doctrees"}
    return SimpleNamespace(**places, tk_repository=Repository("o", "n"), builder=SimpleNamespace(format="html"))


def shown(app, page="chapters/flows"):
    """Return the buttons by group and the body of a page."""
    launchers = [{"text": "Colab", "url": "https://wrong"}, {"text": "Binder", "url": "https://binder"}]
    downloads = [
        {"text": ".ipynb", "url": "_sources/wrong.ipynb", "label": "download-notebook-button"},
        {"text": ".md", "url": "a.md"},
    ]
    groups = [{"label": "download-buttons", "buttons": downloads}]
    if app.tk_repository:
        groups.append({"label": "launch-buttons", "buttons": launchers})
    context = {"header_buttons": groups, "body": "<h1>Title</h1><p>Text.</p>", "pathto": lambda x, resource: f"../{x}"}
    launch(app, page, context)
    buttons = {group["label"]: [(x["text"], x["url"]) for x in group["buttons"]] for group in context["header_buttons"]}
    return buttons, BeautifulSoup(context["body"], "html.parser")


def test_buttons_open_and_download_the_notebook(app):
    buttons, _ = shown(app)
    assert buttons["launch-buttons"] == [("Colab", COLAB), ("Binder", "https://binder")]
    assert buttons["download-buttons"] == [(".ipynb", "../notebooks/chapters/flows.ipynb"), (".md", "a.md")]


def test_without_an_address_the_download_is_left(app):
    app.tk_repository = None
    buttons, body = shown(app)
    assert list(buttons) == ["download-buttons"]
    assert [(link.text, link["href"]) for link in body.select("a")] == [
        ("Download the notebook", "../notebooks/chapters/flows.ipynb")
    ]


def test_page_without_a_notebook_has_neither(app):
    buttons, body = shown(app, "chapters/notation")
    assert list(buttons) == ["download-buttons"]
    assert body.select(".tk-run") == []


def test_line_stands_under_the_title(app):
    _, body = shown(app)
    line = body.select_one("h1").find_next_sibling()
    assert line["class"] == ["tk-run"]
    assert [link["href"] for link in line.select("a")] == [COLAB, "../notebooks/chapters/flows.ipynb"]
    assert line.select("a")[1].has_attr("download")
    assert " ".join(line.text.split()) == (
        "Run this page: Open in Colab · Download the notebook · not yet run on Colab’s image"
    )


def write_record(app, **changes):
    entry = {"date": "2026-11-02", "image": "sha256:0", "code": code_digest(NOTEBOOK)} | changes
    (app.srcdir / RECORD).write_text(json.dumps({"chapters/flows": entry}))


def test_line_dates_the_last_run(app):
    write_record(app)
    day = '<time datetime="2026-11-02">2 November 2026</time>'
    assert last_run(app.srcdir, "chapters/flows") == f"ran on Colab’s image on {day}"
    write_record(app, code="of another notebook")
    assert last_run(app.srcdir, "chapters/flows") == f"an earlier version ran on Colab’s image on {day}"


def rewritten(app):
    """Return the pages that a build would write again, and let the build end."""
    pages = rewrite(app, SimpleNamespace(found_docs={"chapters/flows", "chapters/notation"}))
    publish(app, None)
    return pages


def test_page_is_written_again_when_its_line_changes(app):
    assert rewritten(app) == ["chapters/flows"]
    assert rewritten(app) == []
    write_record(app)
    assert rewritten(app) == ["chapters/flows"]
    assert rewritten(app) == []
    Path(app.srcdir / "notebooks/chapters/flows.ipynb").unlink()
    assert rewritten(app) == ["chapters/flows"]


def test_notebooks_are_copied_into_the_book_and_old_copies_go(app):
    write_record(app)
    rewritten(app)
    site = app.outdir / "notebooks"
    assert [file.relative_to(site).as_posix() for file in site.rglob("*.*")] == ["chapters/flows.ipynb"]
    (app.srcdir / "notebooks/chapters/flows.ipynb").rename(app.srcdir / "notebooks/chapters/coupling.ipynb")
    rewritten(app)
    assert [file.name for file in site.rglob("*.*")] == ["coupling.ipynb"]


def test_failed_build_copies_nothing(app):
    publish(app, RuntimeError())
    assert not (app.outdir / "notebooks").exists()
