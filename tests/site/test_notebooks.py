"""The way from a page to its notebook, and from a notebook back into the book."""

import json
import re
from functools import cache

import pytest
from bs4 import BeautifulSoup

from teachkit.book.notebooks import notebook, pages
from teachkit.book.pages import HTML, page_names
from teachkit.book.references import References
from teachkit.book.site import Repository

PHONE, DESKTOP = 375, 1280


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_line_under_the_title_leads_to_the_notebook(visit, theme, width):
    page = visit("chapters/flows.html", theme=theme, width=width).page
    line = page.locator("h1 + p.tk-run")
    assert line.is_visible()
    box = line.bounding_box()
    assert box["width"] <= width
    with page.expect_download() as download:
        line.get_by_role("link", name="Download the notebook").click()
    assert download.value.suggested_filename == "flows.ipynb"
    content = json.loads(download.value.path().read_text("utf-8"))
    assert content["cells"][0]["source"][0].startswith("# Normalizing flows")


def test_every_page_with_a_notebook_offers_it(root):
    for name in pages(root):
        page = soup(root / HTML / f"{name}.html")
        [line] = page.select("p.tk-run")
        assert line.find_previous_sibling().name == "h1", name
        assert (root / HTML / "notebooks" / f"{name}.ipynb").exists()
        assert page.select(f'.article-header-buttons a[download][href$="notebooks/{name}.ipynb"]'), name


def test_every_link_of_a_notebook_has_its_target_in_the_built_book(root):
    repository, names = Repository("o", "n"), pages(root)
    references = References(root, dict.fromkeys([*page_names(root), *names]), repository.site)
    link = re.compile(rf"\]\({re.escape(repository.site)}([\w/.-]+)(?:#([\w-]+))?\)")
    made = [notebook(root, name, references, repository) for name in names]
    links = {found for content in made for cell in content.cells for found in link.findall(cell.source)}
    assert len(links) > 20
    missing = [(file, anchor) for file, anchor in sorted(links) if anchor not in anchors(root / HTML / file)]
    assert missing == []


@cache
def anchors(file):
    """Return the ids of a built file, and "" for the file itself; nothing if there is none."""
    if not file.exists():
        return set()
    return {"", *(element["id"] for element in soup(file).find_all(id=True))}


@cache
def soup(file):
    return BeautifulSoup(file.read_bytes(), "html.parser")
