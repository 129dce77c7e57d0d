"""The check of the built book finds each kind of fault, and nothing in a sound page."""

import pytest

from teachkit.book.check import check, sizes

TOC = "format: jb-book\nroot: intro\nchapters:\n  - file: other\n"
PAGE = """<!doctype html><html lang="en"><head><title>x</title>{head}</head><body><main><article>
<h1 id="top">x</h1><p>Fine.</p>{body}</article></main></body></html>"""
SOUND = """<a href="other.html#top">x</a><a href="https://example.org/paper">x</a>
<figure><img src="a.png" alt="Two bent grids"><figcaption>Grids</figcaption></figure>
<code>{ref}`x` ??? [?]</code><span class="math">[?]</span>"""


@pytest.fixture
def site(tmp_path):
    """A function that builds a site of two pages, with this text in the first, and returns what is wrong."""

    def problems(body="", head="", repository="", files=()):
        texts = {
            "pyproject.toml": f'[tool.teachkit]\nrepository = "{repository}"\n',
            "_toc.yml": TOC,
            "_build/html/intro.html": PAGE.format(head=head, body=body),
            "_build/html/other.html": PAGE.format(head="", body=""),
            "_build/html/a.png": "",
            **dict(files),
        }
        for name, text in texts.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, "utf-8")
        return [str(problem) for problem in check(tmp_path)]

    return problems


def test_sound_site_has_no_problem(site):
    assert site(SOUND) == []


def test_picture_that_is_too_large_is_named(site):
    files = {"_build/html/_images/b.svg": "x" * 600_000, "_build/html/_images/c.svg": "x" * 600_001}
    assert site(files=files) == ["_images/c.svg: is 0.6 MB; the limit is 0.6 MB"]


BODIES = {
    '<a href="none.html">x</a>': "link to none.html: File not found",
    '<a href="/none.html">x</a>': "link to none.html: File not found",
    '<a href="other.html#none">x</a>': "link to other.html#none: Cannot find fragment",
    '<a href="#none">x</a>': "link to intro.html#none: Cannot find fragment",
    '<p id="top">x</p>': "id 'top' occurs 2 times",
    '<img src="a.png">': "image a.png has no alt text",
    '<img src="a.png" alt="">': "image a.png has no alt text",
    '<img src="a.png" alt="../_images/0f3a.png">': "image a.png has no alt text",
    '<img src="a.png" alt="Figure">': "image a.png has no alt text",
    '<figure id="f"><p>x</p></figure>': "figure 'f' has no caption",
    '<figure id="f"><figcaption> </figcaption></figure>': "figure 'f' has no caption",
    '<div class="cell_output"><img src="a.png" alt="A curve"></div>': "picture a.png of a cell is in no figure",
    '<script src="https://example.org/x.js"></script>': "loads https://example.org/x.js from another host",
    '<img src="//example.org/x.png" alt="A curve">': "loads //example.org/x.png from another host",
    '<img src="a.png" srcset="https://example.org/b.png 2x" alt="A curve">': "loads https://example.org/b.png",
    '<iframe src="https://example.org/" title="x"></iframe>': "loads https://example.org/ from another host",
    '<p style="background: url(https://example.org/x.png)">x</p>': "loads https://example.org/x.png",
    "<style>@import 'https://example.org/x.css';</style>": "loads https://example.org/x.css from another host",
    "<p>See ???.</p>": "unresolved text: See ???.",
    "<p>As shown in [?].</p>": "unresolved text: As shown in [?].",
    "<p>{eq}`x`</p>": "unresolved text: {eq}`x`",
    "<p>:::{note}</p>": "unresolved text: :::{note}",
    '<p><span class="problematic">|x|</span></p>': "message of the parser: |x|",
    f"<p>{'x' * 1_500_000}</p>": "is 1.5 MB; the limit is 1.5 MB",
}


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_fault_in_a_page_is_found_once(site, body):
    (problem,) = site(body)
    assert problem.startswith(f"intro.html: {BODIES[body]}")


HEADS = {
    '<link rel="stylesheet" href="https://example.org/x.css">': 1,
    '<link rel="preload" as="font" href="https://example.org/x.woff2">': 1,
    '<link rel="canonical" href="https://example.org/">': 0,
}


@pytest.mark.parametrize("head", HEADS)
def test_only_links_that_load_something_count(site, head):
    assert len(site(head=head)) == HEADS[head]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("_static/x.css", "p { background: url('https://example.org/x') }"),
        ("_static/y.css", "@import url(https://example.org/x);"),
        ("figures/x.mjs", 'import { a } from "https://example.org/x";'),
        ("figures/y.mjs", 'const x = await import("https://example.org/x");'),
    ],
)
def test_reference_of_a_style_or_module_to_another_host_is_found(site, name, text):
    assert site(files={f"_build/html/{name}": text}) == [f"{name}: loads https://example.org/x from another host"]


def test_page_of_the_table_of_contents_that_was_not_built_is_found(site):
    toc = TOC + "  - file: third\n"
    assert site(files={"_toc.yml": toc}) == ["third.html: is in _toc.yml but was not built"]


def test_links_below_the_published_folder_are_followed(site):
    links = {"_build/html/404.html": PAGE.format(head="", body='<a href="/name/other.html">x</a>')}
    assert len(site(files=links)) == 1
    assert site(files=links, repository="https://example.org/owner/name") == []


def test_sizes_name_every_page(site, tmp_path):
    site()
    assert [line.split()[0] for line in sizes(tmp_path)] == ["intro", "other"]
