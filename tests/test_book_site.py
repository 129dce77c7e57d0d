"""The repository's address, the repairs of the theme's pages, the docstrings, the API page."""

import re

import pytest
from bs4 import BeautifulSoup
from sphinx.errors import ConfigError

from teachkit.book.site import Repository, read_repository
from teachkit.book.tidy import tidy


def settings(tmp_path, address):
    (tmp_path / "pyproject.toml").write_text(f'[tool.teachkit]\nrepository = "{address}"\n')
    return tmp_path


@pytest.mark.parametrize("ending", ["", "/", ".git"])
def test_an_address_gives_owner_and_name(tmp_path, ending):
    repository = read_repository(settings(tmp_path, f"https://github.com/Some-One/a.book{ending}"))
    assert repository == Repository("Some-One", "a.book")
    assert repository.site == "https://some-one.github.io/a.book/"
    assert Repository("one", "one.github.io").site == "https://one.github.io/"


def test_no_address_is_no_repository(tmp_path):
    assert read_repository(settings(tmp_path, "")) is None
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    assert read_repository(tmp_path) is None


@pytest.mark.parametrize("address", ["github.com/a/b", "https://github.com/a", "https://example.org/a/b", "a b"])
def test_a_wrong_address_is_named(tmp_path, address):
    with pytest.raises(ConfigError, match=f"expected https://github.com/OWNER/NAME, got {address!r}"):
        read_repository(settings(tmp_path, address))


PAGE = """<!DOCTYPE html>
<html lang="en"><body>
<div id="pst-primary-sidebar"><a href="x">Title</a></div>
<button aria-label="Color mode"><i class="theme-switch" title="Light"></i></button>
<button aria-label="Search"><span>Search</span></button>
<button aria-label="Open it"><span>More</span></button>
<details><summary aria-label="Toggle hidden content"><p>Show code</p></summary></details>
<div class="citation-list" role="list"><div role="doc-biblioentry">A book.</div></div>
<a target="_blank" href="https://example.org">out</a>
<a target="_blank" href="../a.ipynb">.ipynb</a>
<pre>a  &lt; b
  c</pre>
<script type="text/x-thebe-config">{}</script><script>kernelName = 'python3'</script>
<script>if (1 < 2) x = "a&b"</script>
</body></html>"""


def test_the_repairs_of_a_page():
    page = BeautifulSoup(tidy(PAGE), "html.parser")
    assert page.select_one("#pst-primary-sidebar")["role"] == "navigation"
    assert not page.select_one("i.theme-switch").has_attr("title")
    assert [x["aria-label"] for x in page.select("button")] == ["Color mode", "Search", "More: Open it"]
    assert not page.select_one("summary").has_attr("aria-label")
    assert page.select_one(".citation-list > div")["role"] == "listitem"
    [new_window] = page.select("a[target]")
    assert new_window["rel"] == ["noopener"]
    assert page.select_one('a[href="../a.ipynb"]').has_attr("download")


def test_the_repairs_keep_text_and_scripts():
    html = tidy(PAGE)
    assert html.startswith("<!DOCTYPE html>")
    assert "<pre>a  &lt; b\n  c</pre>" in html
    assert '<script>if (1 < 2) x = "a&b"</script>' in html
    assert "kernelName" not in html
    assert "thebe" not in html


def test_the_api_page_lists_every_public_module(root):
    pages = "".join(path.read_text("utf-8") for path in sorted(root.glob("chapters/api_*.md")))
    documented = set(re.findall(r"automodule:: teachkit\.([\w.]+)", pages))
    package = root / "src/teachkit"
    modules = {path.stem for path in package.glob("[!_]*.py")}
    packages = {path.parent.name for path in package.glob("*/__init__.py")} - {"book", "deep", "grading"}
    deep = {f"deep.{path.stem}" for path in package.glob("deep/[!_]*.py")}
    grading = {f"grading.{name}" for name in ("sheet", "kinds", "check", "verdict", "draw", "feedback", "catalogue")}
    assert documented == modules | packages | deep | grading | {"book.manifest", "data.text"}
