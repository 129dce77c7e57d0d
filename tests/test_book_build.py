"""The build of the book: what is run again, and what stops it."""

import os
import re
import subprocess
import sys

import pytest

from teachkit.book import build as builder
from teachkit.book.execute import execute, is_notebook, tail
from teachkit.book.pages import page_names

CONFIG = """
title: Small book
author: Nobody
only_build_toc_files: true
execute: {execute_notebooks: cache, timeout: 3}
sphinx: {config: {nb_execution_raise_on_error: true, html_static_path: []}}
"""
TOC = """
format: jb-book
root: chapters/intro
parts:
  - caption: One
    chapters:
      - file: chapters/first
        sections: [{file: chapters/second}]
"""
HEAD = """---
file_format: mystnb
kernelspec: {name: python3}
---
"""


def chapter(*cells, title="Page"):
    """Return a chapter with these code cells."""
    return "\n".join([f"{HEAD}# {title}", *(f"\n```{{code-cell}} python3\n{cell}\n```" for cell in cells)])


@pytest.fixture
def book(tmp_path):
    """A book of three pages, of which one has code."""
    files = {
        "_config.yml": CONFIG,
        "_toc.yml": TOC,
        "chapters/intro.md": "# Intro\n\nHello.\n",
        "chapters/first.md": chapter("import os\nprint('book', os.environ['TEACHKIT_BOOK'] * 3)"),
        "chapters/second.md": "# Second\n",
        "src/teachkit/code.py": "x = 1\n",
        "results/a/result.json": "{}",
    }
    for name, text in files.items():
        write(tmp_path / name, text)
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def build(book):
    """Build as `make book` does and return the finished process."""
    command = [sys.executable, "-m", "teachkit.book.build"]
    return subprocess.run(command, cwd=book, capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"})


def test_pages_come_in_the_order_of_the_table_of_contents(book):
    assert page_names(book) == ["chapters/intro", "chapters/first", "chapters/second"]


def test_build_runs_the_chapters_and_then_finds_them_done(book):
    page = book / "_build/html/chapters/first.html"
    for note in ("ran", "cached"):
        done = build(book)
        assert done.returncode == 0, done.stderr
        assert re.search(rf"^chapters/first +\d+\.\d s +{note}$", done.stdout, re.MULTILINE)
        assert "book 111" in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("changed", "runs_again"),
    [
        ("src/teachkit/code.py", True),
        ("src/teachkit/deep/new.py", True),
        ("results/a/result.json", True),
        ("requirements.txt", True),
        ("src/teachkit/book/tool.py", False),
        ("assets/book.css", False),
        ("chapters/second.md", False),
    ],
)
def test_change_of_library_or_result_runs_the_chapters_again(book, changed, runs_again):
    cache, page = book / "_build/.jupyter_cache/global.db", book / "_build/html/chapters/first.html"
    builder.drop_stale(book)
    write(cache, "")
    write(page, "")
    builder.drop_stale(book)
    assert cache.exists()
    assert page.exists()
    write(book / changed, "another text")
    builder.drop_stale(book)
    assert cache.exists() is not runs_again
    # A new page is Sphinx's own business; everything else writes all pages again.
    assert page.exists() is changed.startswith("chapters")


def test_failing_cell_stops_the_build_with_a_report_and_removes_the_page(book):
    page, old = book / "chapters/first.md", book / "_build/html/chapters/first.html"
    write(old, "an old page")
    write(page, chapter("x = 1", "\ny = x\nraise ValueError('first line\\nsecond line')", "z = 1"))
    for _ in range(2):
        done = build(book)
        assert done.returncode == 1
        assert "chapters/first.md, line 12: code cell 2 failed\n    y = x\n" in done.stderr
        assert "ValueError: first line\n    second line" in done.stderr
        assert not old.exists()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("import os\nos._exit(1)", "The kernel died."),
        ("import time\ntime.sleep(60)", "The cell ran for more than 3 s."),
    ],
    ids=["dead", "slow"],
)
def test_cell_that_ends_without_an_exception_is_reported(book, cell, message):
    write(book / "chapters/first.md", chapter("x = 1", cell))
    (done,) = execute([book / "chapters/first.md"], book / "_build/.jupyter_cache", timeout=3)
    first = cell.splitlines()[0]
    assert f"code cell 2 failed\n    {first}\n" in done.failure
    assert message in done.failure


def test_warning_fails_the_build_each_time(book):
    write(book / "chapters/second.md", "# Second\n\n{ref}`nowhere`\n")
    for _ in range(2):
        done = build(book)
        assert done.returncode == 1
        assert "undefined label: 'nowhere'" in done.stderr
        assert "Traceback" not in done.stderr


def test_missing_tool_is_named(book, monkeypatch):
    monkeypatch.setattr(builder.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(builder.BuildError, match="jupyter_book is not installed"):
        builder.build(book)


def test_page_without_a_file_is_named(book):
    (book / "chapters/second.md").unlink()
    with pytest.raises(builder.BuildError, match=r"no Markdown file: chapters/second$"):
        builder.build(book)


def test_page_counts_as_written_when_it_is_new_or_younger_than_its_source(book):
    name, page = "chapters/intro", book / "_build/html/chapters/intro.html"
    assert not builder.is_written(book, name, start=0.0)
    write(page, "")
    os.utime(book / f"{name}.md", (100, 100))
    for written, expected in [(50, False), (150, True), (250, True)]:
        os.utime(page, (written, written))
        assert builder.is_written(book, name, start=200.0) is expected


def test_digest_changes_with_names_and_contents_but_not_with_skipped_folders(book):
    def digest():
        return builder.digest(book, ["src/**/*.py"], skip="src/teachkit/book/")

    first = digest()
    write(book / "src/teachkit/book/tool.py", "")
    assert digest() == first
    (book / "src/teachkit/code.py").rename(book / "src/teachkit/other.py")
    assert digest() != first


def test_page_without_the_header_of_a_notebook_is_not_run(book):
    assert [is_notebook(book / f"chapters/{name}.md") for name in ("intro", "first")] == [False, True]


def test_tail_drops_colours_and_empty_lines():
    assert tail("a\n\n\x1b[31mb\x1b[0m\n", lines=1) == ["    b"]
