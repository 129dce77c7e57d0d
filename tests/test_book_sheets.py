"""Sheets as pages: points, the cell to fill in, solutions behind a fold."""

import subprocess
import sys

import pytest
from bs4 import BeautifulSoup

CONF = """
project = "small"
root_doc = "sheet"
extensions = ["myst_nb", "sphinx_proof", "sphinx.ext.mathjax", "teachkit.book.sheets"]
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "off"
html_theme = "basic"
"""

SHEET = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# Solutions

```{prf:theorem} The fold
:label: a-fold

Text.
```

## Item

```{item} area
points: 1
statement: a-fold
hints: [One, Two]
```

A question.

```{stub}
area = ...
```

```{solution-start}
```

Because $x = 1$.

```{code-cell} ipython3
area = 1
```

- a list

```{solution-end}
```

## Another

```{item} other
points: 3
statement: a-fold
```

```{solution-start}
:title: Another solution
```
Short.
```{solution-end}
```
"""


def build(folder, text):
    """Build one page; return what Sphinx said and the page."""
    (folder / "conf.py").write_text(CONF)
    (folder / "sheet.md").write_text(text)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", ".", "out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    page = folder / "out/sheet.html"
    return done.stderr, BeautifulSoup(page.read_text("utf-8") if page.exists() else "", "html.parser")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    said, page = build(tmp_path_factory.mktemp("sheet"), SHEET)
    assert said == ""
    return page


def test_an_item_shows_its_points_and_links_to_its_statement(page):
    one, three = page.select("p.tk-item")
    assert one.get_text().startswith("1 point, on Theorem 1")
    assert three.get_text().startswith("3 points, on Theorem 1")
    assert one.a["href"].endswith("#a-fold")
    assert "One" not in page.get_text()


def test_the_cell_to_fill_in_is_shown_as_code(page):
    assert page.select_one(".tk-stub pre").get_text().strip() == "area = ..."


def test_a_solution_is_behind_a_fold_with_its_code(page):
    first, second = page.select("details.tk-fold")
    assert first.summary.get_text() == "Solution"
    assert "Because" in first.get_text()
    assert "area = 1" in first.select_one(".cell pre").get_text()
    assert first.find("li").get_text() == "a list"
    assert "A question" not in first.get_text()
    assert second.summary.get_text() == "Another solution"
    assert not first.has_attr("open")


@pytest.mark.parametrize("mark", ["```{solution-start}\n```\n", "```{solution-end}\n```\n"])
def test_a_mark_without_its_partner_stops_the_build(tmp_path, mark):
    said, _ = build(tmp_path, SHEET.replace(mark, "", 1))
    assert "without its partner" in said
