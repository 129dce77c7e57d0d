"""How a page becomes a notebook, on a small book: cells, ids, the set-up, recorded files, what is written."""

import base64
import importlib.util
import json
import re
import subprocess
import sys

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from IPython.utils.text import DollarFormatter

from teachkit.book.notebooks import FOLDER, LIMIT, notebook, notebooks, recorded, serialise, setup, write
from teachkit.book.references import References
from teachkit.book.site import Repository

REPOSITORY = Repository("o", "n")
HEAD = "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n"
PAGE = f"""{HEAD}
# Page

Text.

```{{code-cell}} ipython3
import numpy as np
```

## First

Some text.

```{{code-cell}} ipython3
x = np.ones(3)
```

## Second

More text.

```{{code-cell}} ipython3
x = np.ones(3)
```
"""
FIGURE = """
```{code-cell} ipython3
---
mystnb:
  figure: {name: fig-a, caption: "The *curve* of $x^2$."}
  image: {alt: "A curve."}
tags: [hide-input]
---
weights = np.load("../results/run/a.npz")
```
"""


@pytest.fixture
def book(tmp_path):
    """A book of one chapter, one sheet and the sheet's solutions."""
    files = {
        "pyproject.toml": "",
        "_toc.yml": "format: jb-book\nroot: chapters/a\nchapters: [{file: solutions/s}, {file: chapters/text}]\n",
        "chapters/a.md": PAGE,
        "chapters/text.md": "# No code\n",
        "solutions/s.md": PAGE.replace("Page", "Solutions"),
        "exercises/s.md": PAGE.replace("Page", "Sheet").replace(
            "kernelspec", 'mystnb: {execution_mode: "off"}\nkernelspec'
        ),
    }
    for name, text in files.items():
        put(tmp_path / name, text.encode())
    return tmp_path


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def made(book, page="chapters/a", repository=None):
    site = repository and repository.site
    return notebook(book, page, References(book, [page], site), repository)


def test_same_page_gives_the_same_bytes_and_an_edit_changes_one_id(book):
    first = made(book)
    assert serialise(first) == serialise(made(book))
    put(book / "chapters/a.md", PAGE.replace("Some text.", "Other text.").encode())
    before, after = ([cell.id for cell in content.cells] for content in (first, made(book)))
    assert len(before) == len(after) == 7
    assert [i for i in range(7) if before[i] != after[i]] == [3]


def test_bytes_end_in_one_line_feed(book):
    content = serialise(made(book))
    assert content.endswith(b"}\n")
    assert b"\r" not in content
    assert json.loads(content)["nbformat"] == 4


def test_figure_keeps_its_caption_and_hides_its_code(book):
    put(book / "chapters/a.md", (PAGE + FIGURE).encode())
    put(book / "results/run/a.npz", b"PK")
    *_, code, caption = made(book).cells
    assert caption.source == "_The *curve* of $x^2$._"
    assert code.source == 'weights = np.load(RESULTS / "run/a.npz")'
    assert code.metadata == {"tags": ["hide-input"], "cellView": "form", "jupyter": {"source_hidden": True}}


def test_recorded_files_travel_in_the_notebook(book, tmp_path):
    content = bytes(range(256))
    put(book / "results/run/a.npz", content)
    scope = {}
    exec(recorded(book, ["run/a.npz"]), scope)
    assert (scope["RESULTS"] / "run/a.npz").read_bytes() == content
    with pytest.raises(ValueError, match=r"results/run/b\.npz does not exist"):
        recorded(book, ["run/b.npz"])
    put(book / "results/run/b.npz", bytes(LIMIT))
    with pytest.raises(ValueError, match=rf"expected at most {LIMIT} bytes in one notebook, got {LIMIT + 256}"):
        recorded(book, ["run/a.npz", "run/b.npz"])


def test_a_mistake_in_a_page_is_named_with_its_line(book):
    put(book / "chapters/a.md", PAGE.replace("Some text.", "{nothing}`x`").encode())
    with pytest.raises(ValueError, match=r"chapters/a.md:14: the role \{nothing\}"):
        notebooks(book)


def test_writing_touches_what_changed_and_removes_what_is_gone(book):
    put(book / f"{FOLDER}/chapters/gone.ipynb", b"{}")
    put(book / f"{FOLDER}/colab.json", b"{}")
    names = [f"{FOLDER}/chapters/a.ipynb", f"{FOLDER}/chapters/gone.ipynb", f"{FOLDER}/exercises/s.ipynb"]
    assert write(book) == names
    assert write(book) == []
    assert sorted(f.name for f in (book / FOLDER).rglob("*.*")) == ["a.ipynb", "colab.json", "s.ipynb"]


# --- the set-up ---------------------------------------------------------------------------------


def run_setup(code, present, monkeypatch):
    """Run a set-up cell where only some packages are present, and return what it asks pip for."""
    asked, scope = [], {"get_ipython": lambda: Shell()}

    class Shell:
        def run_line_magic(self, name, line):
            asked.append((name, DollarFormatter().vformat(line, [], scope)))

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in present or None)
    exec(TransformerManager().transform_cell(code), scope)
    return asked


@pytest.mark.parametrize(
    ("deep", "present", "extras"),
    [
        (False, ["teachkit"], None),
        (False, [], "plot"),
        (False, ["torch"], "plot"),
        (True, ["teachkit", "torch"], None),
        (True, ["torch"], "plot"),
        (True, [], "plot,deep"),
    ],
)
def test_set_up_installs_what_is_missing_and_never_another_torch(monkeypatch, deep, present, extras):
    asked = run_setup(setup(REPOSITORY, deep=deep), present, monkeypatch)
    small = " pooch tqdm" if deep else ""
    wanted = [("pip", f'install -q "teachkit[{extras}] @ git+https://github.com/o/n"{small}')] if extras else []
    assert asked == wanted


@pytest.mark.parametrize(("deep", "extras"), [(False, "plot"), (True, "plot,deep")])
def test_set_up_without_an_address_says_what_to_do(deep, extras):
    command = [sys.executable, "-I", "-S", "-c", setup(None, deep=deep)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"run:  pip install '.[{extras}]'" in done.stderr
    assert "==" not in setup(None, deep=deep) + setup(REPOSITORY, deep=deep)


@pytest.mark.parametrize(
    ("line", "deep"),
    [
        ("import torch", True),
        ("from torch import nn", True),
        ("from teachkit.deep import coupling", True),
        ("from teachkit import deep, plots", True),
        ("from teachkit.deep.coupling import fit as f", True),
        ("x = 'import torch'", False),
        ("from teachkit import plots  # no depth", False),
    ],
)
def test_a_page_that_imports_torch_asks_for_it(book, line, deep):
    put(book / "chapters/a.md", PAGE.replace("import numpy as np", line).encode())
    assert ("deep" in made(book, repository=REPOSITORY).cells[1].source) == deep


def test_notebook_leads_to_its_page_in_the_published_book(book):
    assert made(book).cells[0].source == "# Page\n\nText."
    page = "[This page in the book](https://o.github.io/n/chapters/a.html)"
    assert made(book, repository=REPOSITORY).cells[0].source == f"# Page\n\nText.\n\n{page}"


def test_recorded_content_is_text(root):
    code = recorded(root, ["coupling/curves.npz"])
    [encoded] = re.findall(r'"coupling/curves.npz": "([^"]+)"', code)
    assert base64.b64decode(encoded) == (root / "results/coupling/curves.npz").read_bytes()
