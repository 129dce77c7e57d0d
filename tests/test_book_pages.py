"""Small books, built for real: marks, recorded numbers, and what stops a build."""

import json
import shutil
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup

from teachkit.book.laws import source_digest
from teachkit.book.manifest import NAME, describe, write_result

CONF = """
project = "small"
root_doc = "intro"
extensions = ["myst_parser", "sphinx_proof", "sphinx.ext.mathjax", "teachkit.book.marks", "teachkit.book.results"]
myst_enable_extensions = ["dollarmath"]
html_theme = "basic"
"""

INTRO = """
# A fold

```{prf:theorem} Branches of $z^2$
:label: a-fold

Text.
```

```{prf:definition} No test can tell
:label: no-test
:class: untestable

Text.
```

```{prf:remark}
Text.
```

```{prf:proof}
First.
```

```{prf:proof}
Second.
```

```{toctree}
pages/laws
```
"""

LAWS = "# Laws\n\n```{laws}\n```\n\nIt took {result}`demo:seconds|.1f` s, and {result}`demo:fid`.\n"
TEST = 'import pytest\n@pytest.mark.law("a-fold")\ndef test_fold(): ...\n'


class Book:
    """A small book in a folder of its own."""

    def __init__(self, root):
        self.root = root
        self.write("conf.py", CONF)
        self.write("intro.md", INTRO)
        self.write("pages/laws.md", LAWS)
        self.write("tests/test_fold.py", TEST)
        metrics = {"fid": None}
        write_result(root / "results/demo", describe("demo", {}, [0], metrics, seconds=12.345))

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def replace(self, name, old, new):
        text = (self.root / name).read_text("utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def ran(self, outcome=""):
        """Write the JUnit file of a run of the one test, with two cases."""
        cases = "".join(
            f'<testcase classname="tests.test_fold" name="test_fold[{i}]"><properties><property name="law" '
            f'value="a-fold"/></properties>{outcome}</testcase>'
            for i in range(2)
        )
        digest = f'<properties><property name="source_digest" value="{source_digest(self.root)}"/></properties>'
        suite = f'<testsuite timestamp="2026-01-02T03:04:05">{digest}{cases}</testsuite>'
        self.write("_build/junit.xml", f"<testsuites>{suite}</testsuites>")

    def build(self):
        """Build the HTML and return the exit code and what was said on standard error."""
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", ".", "_build/html"]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    def page(self, name):
        return BeautifulSoup((self.root / "_build/html" / name).read_text("utf-8"), "html.parser")

    def marks(self):
        return [mark.get_text() for mark in self.page("intro.html").select("p.tk-mark")]


@pytest.fixture
def book(tmp_path):
    """A book that builds."""
    return Book(tmp_path)


def test_marks_and_table_follow_the_tests(book):
    assert book.build() == (0, "")
    assert book.marks() == ["Checked by 1 test, not run yet", "Not checkable by a test"]
    book.ran()
    assert book.build() == (0, "")
    assert book.marks() == ["Verified by 1 test (2 cases), last run passed", "Not checkable by a test"]
    book.ran("<failure/>")
    assert book.build() == (0, "")
    assert book.marks()[0] == "Checked by 1 test (2 cases), last run failed"
    rows = [[cell.get_text(" ", strip=True) for cell in row.select("th, td")] for row in laws_rows(book)]
    assert rows == [
        ["Theorem 1 (Branches of \\(z^2\\) )", "tests/test_fold.py test_fold (2 cases)", "failed"],
        ["Definition 1 (No test can tell)", "", "not checkable by a test"],
    ]
    summary = "2 statements: 1 failed, 1 not checkable by a test. The tests last ran on 2026-01-02 at 03:04."
    assert summary in book.page("pages/laws.html").get_text()


def laws_rows(book):
    return book.page("pages/laws.html").select("table.tk-laws tbody tr")


def test_marks_and_rows_link_to_each_other_and_ids_are_unique(book):
    assert book.build() == (0, "")
    intro, laws = book.page("intro.html"), book.page("pages/laws.html")
    for link in intro.select("p.tk-mark a"):
        page, _, anchor = link["href"].partition("#")
        assert page == "pages/laws.html"
        assert laws.find(id=anchor).name == "tr"
    for link in laws.select("table.tk-laws tbody th a"):
        page, _, anchor = link["href"].partition("#")
        assert page == "../intro.html"
        assert "proof" in intro.find(id=anchor)["class"]
    ids = [tag["id"] for tag in intro.select("[id]")]
    assert len(ids) == len(set(ids))
    assert [word.get_text() for word in intro.select("div.tk-proof em:first-child")] == ["Proof.", "Proof."]
    assert laws.select('script[src*="mathjax"]')


def test_recorded_numbers_link_to_their_manifest(book):
    assert book.build() == (0, "")
    links = book.page("pages/laws.html").select("a.tk-result")
    assert [link.get_text() for link in links] == ["12.3", "not run yet"]
    assert {link["href"] for link in links} == {"../results/demo.json"}
    assert "recorded on a CPU" in links[0]["title"]
    published = json.loads((book.root / "_build/html/results/demo.json").read_text("utf-8"))
    assert published["name"] == "demo"


def test_a_new_result_reaches_the_page(book):
    assert book.build() == (0, "")
    write_result(book.root / "results/demo", describe("demo", {}, [0], {"fid": 7.25}, seconds=99.0))
    assert book.build() == (0, "")
    assert [link.get_text() for link in book.page("pages/laws.html").select("a.tk-result")] == ["99.0", "7.25"]


def test_all_misfits_are_reported_at_once_and_again(book):
    book.replace("intro.md", ":label: a-fold\n", "")
    book.replace("intro.md", ":class: untestable\n", "")
    for _ in range(2):
        code, said = book.build()
        assert code != 0
        assert "intro.md:4: theorem (Branches of z^2) has no label" in said
        assert "intro.md:9: definition (No test can tell) (label 'no-test') has no law" in said
        assert "tests/test_fold.py:3: test_fold verifies 'a-fold', a label that no statement has" in said


def test_a_number_that_is_not_recorded_stops_the_build(book):
    book.replace("pages/laws.md", "demo:fid", "demo:fit")
    book.replace("pages/laws.md", "demo:seconds|.1f", "nowhere:seconds")
    code, said = book.build()
    assert code != 0
    assert "pages/laws.md:6: {result}`demo:fit`: demo has no metric 'fit'; it has: fid" in said
    assert f"pages/laws.md:6: {{result}}`nowhere:seconds`: results/nowhere/{NAME} does not exist" in said


# --- the site: the project's own configuration, with and without a repository ----------------


@pytest.fixture(scope="module", params=["", "https://github.com/owner/name"], ids=["private", "public"])
def site(request, root, tmp_path_factory):
    """The repository's address, and the folder of a small book built with the project's configuration."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("_config.yml", "pyproject.toml"):
        shutil.copy(root / name, folder)
    for name in ("assets", "extra"):
        (folder / name).symlink_to(root / name)
    settings = (folder / "pyproject.toml").read_text("utf-8")
    lines = [f'repository = "{request.param}"' if x.startswith("repository =") else x for x in settings.splitlines()]
    (folder / "pyproject.toml").write_text("\n".join(lines))
    (folder / "_toc.yml").write_text("{format: jb-book, root: chapters/intro, chapters: [{file: chapters/next}]}")
    (folder / "chapters").mkdir()
    (folder / "chapters/next.md").write_text("# Next\n\nMore.\n")
    (folder / "chapters/references.bib").write_text("")
    (folder / "chapters/intro.md").write_text("# First\n\nA page about $x$.\n")
    code = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", code, "build", ".", "-W", "-n", "--keep-going"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return request.param, folder / "_build/html"


def soup(path):
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def test_what_needs_an_address_is_there_only_with_one(site):
    address, html = site
    page = soup(html / "chapters/intro.html")
    links = [link["href"] for link in page.select("a[href^='https://github.com']")]
    assert (address in links) == bool(address)
    assert any("issues/new" in link for link in links) == bool(address)
    assert bool(links) == bool(address)
    public = "https://owner.github.io/name/"
    canonical = page.select_one('link[rel="canonical"]')
    assert (canonical and canonical["href"]) == (f"{public}chapters/intro.html" if address else None)
    url = page.select_one('meta[property="og:url"]')
    assert (url and url["content"]) == (f"{public}chapters/intro.html" if address else None)
    assert (html / "sitemap.xml").exists() == bool(address)
    if address:
        assert f"<loc>{public}chapters/intro.html</loc>" in (html / "sitemap.xml").read_text("utf-8")


def test_the_page_not_found_asks_for_files_where_they_are(site):
    address, html = site
    prefix = "/name/" if address else "/"
    page = soup(html / "404.html")
    hrefs = [tag.get("href") or tag.get("src") for tag in page.select("link[rel=stylesheet], script[src]")]
    assert hrefs
    assert all(href.startswith(f"{prefix}_static/") for href in hrefs if "searchindex" not in href)


def test_every_page_is_self_contained_and_has_one_search_field(site):
    _, html = site
    for path in (html / "chapters/intro.html", html / "404.html", html / "search.html"):
        page = soup(path)
        loaded = [tag.get("src") or tag.get("href") for tag in page.select("[src], link[href]:not([rel=canonical])")]
        assert not [address for address in loaded if "//" in address]
        assert "THEBE_JS_URL" not in str(page)
        assert not page.select('script[type="text/x-thebe-config"]')
        assert page.select_one("html")["lang"] == "en"
    assert len(soup(html / "chapters/intro.html").select("input[type=search]")) == 1


def test_the_bare_address_leads_to_the_first_page(site):
    _, html = site
    index = (html / "index.html").read_text("utf-8")
    assert index.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert soup(html / "index.html").select_one("main a")["href"] == "chapters/intro.html"
