"""The notebooks: what they hold, that they follow from the pages, and that the committed ones are current."""

import re

import nbformat
import pytest

from teachkit.book.blocks import blocks, body
from teachkit.book.execute import read
from teachkit.book.notebooks import FOLDER, notebook, notebooks, pages
from teachkit.book.pages import page_names
from teachkit.book.references import References
from teachkit.book.site import Repository

REPOSITORY = Repository("o", "n")


@pytest.fixture(scope="module")
def real(root):
    """The notebooks of the book, by the names of their pages, made for a published book."""
    names = pages(root)
    references = References(root, dict.fromkeys([*page_names(root), *names]), REPOSITORY.site)
    return {name: notebook(root, name, references, REPOSITORY) for name in names}


def test_committed_notebooks_are_current(root):
    wanted = {f"{FOLDER}/{name}.ipynb": content for name, content in notebooks(root).items()}
    found = {file.relative_to(root).as_posix(): file.read_bytes() for file in (root / FOLDER).rglob("*.ipynb")}
    differing = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    assert differing == [], "run `make notebooks`"


def test_every_chapter_with_code_has_a_notebook(real, root):
    texts = {f"chapters/{file.stem}": file.read_text("utf-8") for file in root.glob("chapters/*.md")}
    with_code = {name for name, text in texts.items() if "```{code-cell}" in text}
    assert {name for name in real if name.startswith("chapters/")} == with_code
    assert len(with_code) >= 4


def test_notebooks_are_valid_and_hold_no_outputs(real):
    for name, content in real.items():
        nbformat.validate(content)
        assert (content.nbformat, content.nbformat_minor) == (4, 5)
        assert content.metadata.kernelspec.name == "python3"
        code = [cell for cell in content.cells if cell.cell_type == "code"]
        assert all(cell.execution_count is None and cell.outputs == [] for cell in code), name
        assert len({cell.id for cell in content.cells}) == len(content.cells), name


def test_the_set_up_follows_the_title_and_is_the_only_one(real):
    for name, content in real.items():
        assert content.cells[0].source.startswith("# "), name
        found = [i for i, cell in enumerate(content.cells) if "find_spec" in cell.source]
        assert found == [1], name
    deep = {name for name, content in real.items() if "deep" in content.cells[1].source}
    games = {"dcgan", "minimax", "mode_collapse", "wgan", "wgan_images"}
    chapters = {*games, "coupling", "coupling_images", "diffusion_reverse", "evaluation", "sampling"}
    sheets = {"change_of_variables_and_flows", "diffusion", "games", "transport"}
    assert deep == {f"chapters/{name}" for name in chapters} | {f"exercises/{name}" for name in sheets}


CODE = re.compile(r"^ *```.*?^ *```|(`+)(?!`).+?(?<!`)\1(?!`)|\$\$.+?\$\$|\$[^$]+\$", re.MULTILINE | re.DOTALL)
SYNTAX = re.compile(
    r"\{[a-z][\w:-]*\}|^ *(:{3,}|`{3,}\{)|^\([\w-]+\)=|^%|^\+\+\+|^:\w+:|\]\((?!https://)", re.MULTILINE
)


def test_no_directive_role_or_relative_link_is_left(real):
    for name, content in real.items():
        for cell in content.cells:
            if cell.cell_type == "markdown":
                assert SYNTAX.search(CODE.sub("", cell.source)) is None, f"{name}: {cell.source[:300]}"


@pytest.mark.parametrize(
    "text", ["{eq}`a`", "```{note}", ":::{note}", "(a)=", "% a", ":label: a", "[](a.md)", "[a](#b)"]
)
def test_the_search_for_syntax_finds_it(text):
    assert SYNTAX.search(CODE.sub("", f"Text.\n{text}\nText.")), text


LINK = re.compile(rf"\]\({re.escape(REPOSITORY.site)}([\w/.-]+)(?:#([\w-]+))?\)")


def test_every_link_into_the_book_has_a_target(real, root):
    links = {link for content in real.values() for cell in content.cells for link in LINK.findall(cell.source)}
    assert len(links) > 20
    written = {f"{name}.html" for name in page_names(root)}
    written |= {f"results/{file.parent.name}.json" for file in root.glob("results/*/result.json")}
    assert {page for page, _ in links} - written == set()
    for page, anchor in links:
        if anchor:
            source = (root / page).with_suffix(".md").read_text("utf-8")
            label = anchor.removeprefix("equation-")
            assert re.search(rf":label: {label}$|\({label}\)|name: {label}$", source, re.MULTILINE), (page, anchor)


def test_code_is_that_of_the_page(real, root):
    for name, content in real.items():
        original = [cell.source for cell in read((root / f"{name}.md").resolve()).cells if cell.cell_type == "code"]
        code = [cell for cell in content.cells if cell.cell_type == "code" and not own(cell)]
        kept = [re.sub(r'RESULTS / "', '"../results/', cell.source) for cell in code]
        assert kept == original, name


def own(cell):
    return {"setup", "recorded"} & set(cell.metadata.get("tags", []))


def test_text_survives(real, root):
    """Each paragraph without a role or a directive stands in the notebook, word by word and formula by formula."""
    for name, content in real.items():
        text = squeeze("\n".join(cell.source for cell in content.cells if cell.cell_type == "markdown"))
        lines, first = body((root / f"{name}.md").read_text("utf-8"))
        plain = [b.body for b in blocks(lines, first) if b.kind == "text" or b.name.startswith("prf:")]
        parts = [part for piece in plain for part in re.split(r"\n\s*\n", piece) if re.search(r"\w", part)]
        parts = [part for part in parts if not re.search(r"\{[\w:]+\}`|\]\(|^\(|\$\$", part)]
        assert len(parts) > 15
        assert [part for part in parts if squeeze(part) not in text] == [], name


def squeeze(text):
    return re.sub(r"[\s>]+", "", text)


SPOTS = {
    "chapters/flows": [
        "> **Definition (Normalizing flow).**",
        "*Proof.* With $z = f^{-1}(x)$",
        "_Layers of a trained flow, applied one by one.",
        "<summary>Answers</summary>",
        "Four families make different bargains ([Papamakarios et al., 2021](",
    ],
    "chapters/newton": [
        "\\end{aligned} \\tag{1}\n$$",
        "For the layer [(1)](https://o.github.io/n/chapters/newton.html#equation-newton-layer) with any",
        "[Theorem (The best step within the radius)](https://o.github.io/n/chapters/newton.html#trust-region-step)",
    ],
    "chapters/coupling": [
        "| affine, 8 layers | [0.0",
        "[Normalizing flows](https://o.github.io/n/chapters/flows.html)",
    ],
}


@pytest.mark.parametrize("name", SPOTS)
def test_spots_of_real_chapters(real, name):
    text = "\n\n".join(cell.source for cell in real[name].cells)
    assert [spot for spot in SPOTS[name] if spot not in text] == []
