"""Pages as plain Markdown: every directive and role that a page with code may use, and what a reference reads."""

import json

import pytest

from teachkit.book.blocks import blocks
from teachkit.book.plain import Plain, quote
from teachkit.book.references import References

SITE = "https://o.github.io/n/"
FLOWS = """---
kernelspec: {name: python3}
---

# Normalizing flows

```{prf:theorem} Change of *variables*
:label: cov

Text.
```

$$
x = 1
$$ (first)

(limits)=
## What a flow can never do

```{code-cell} ipython3
---
mystnb:
  figure: {name: fig-chain, caption: "The chain step by step. Each map moves the samples."}
---
plot()
```

$$ y = 2 $$ (second)
"""
BIBLIOGRAPHY = """
@book{one, author = {van der Vaart, A. W.}, title = {A}, year = {1998}}
@book{two, author = {Schn{\\"o}rr, C. and Turner, V.}, title = {B}, year = {2013}}
@misc{three, author = {Dinh, L. and Krueger, D. and Bengio, Y.}, title = {C}, year = {2014}}
"""
RESULT = {
    "name": "run",
    "config": {},
    "commit": "0",
    "device": "cpu",
    "versions": {},
    "seeds": [],
    "metrics": {"nll": {"mean": 1.23456, "spread": 0.0321, "n": 5}},
    "seconds": 12.5,
    "peak_memory_mb": None,
    "files": {},
}


@pytest.fixture
def book(tmp_path):
    """A book of three pages, with a bibliography and a recorded run."""
    files = {
        "chapters/flows.md": FLOWS,
        "chapters/coupling.md": "# Coupling layers\n",
        "exercises/newton.md": "# Sheet 1\n",
        "chapters/references.bib": BIBLIOGRAPHY,
        "results/run/result.json": json.dumps(RESULT),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


@pytest.fixture
def plain(book):
    """A function that makes a text of a page plain: ``plain("text", site=SITE, page="chapters/flows")``."""

    def convert(text, site=None, page="chapters/flows"):
        names = ["chapters/flows", "chapters/coupling", "exercises/newton"]
        return Plain(page, References(book, names, site)).markdown(text)

    return convert


REFERENCES = [
    ("{prf:ref}`cov`", "Theorem (Change of *variables*)", "chapters/flows.html#cov"),
    ("{prf:ref}`the theorem <cov>`", "the theorem", "chapters/flows.html#cov"),
    ("{eq}`second`", "(2)", "chapters/flows.html#equation-second"),
    ("{numref}`fig-chain`", "the figure “The chain step by step”", "chapters/flows.html#fig-chain"),
    ("{ref}`the limits <limits>`", "the limits", "chapters/flows.html#limits"),
    ("[the limits](#limits)", "the limits", "chapters/flows.html#limits"),
    ("[its code](coupling.md)", "its code", "chapters/coupling.html"),
    ("[`code`](coupling.md)", "`code`", "chapters/coupling.html"),
    ("[the sheet](../exercises/newton.md)", "the sheet", "exercises/newton.html"),
    ("[there](flows.md#limits)", "there", "chapters/flows.html#limits"),
    ("{cite:t}`one`", "van der Vaart (1998)", "chapters/bibliography.html"),
    ("{cite:t}`two`", "Schnörr and Turner (2013)", "chapters/bibliography.html"),
    ("{cite:t}`three`", "Dinh et al. (2014)", "chapters/bibliography.html"),
    ("{result}`run:nll|.2f`", "1.23 ± 0.03", "results/run.json"),
    ("{result}`run:seconds`", "12.5", "results/run.json"),
]


@pytest.mark.parametrize(("text", "reads", "address"), REFERENCES, ids=[text for text, _, _ in REFERENCES])
def test_reference_reads_the_same_with_and_without_a_link(plain, text, reads, address):
    assert plain(f"So {text}, then.") == f"So {reads}, then."
    assert plain(f"So {text}, then.", site=SITE) == f"So [{reads}]({SITE}{address}), then."


@pytest.mark.parametrize(
    "text", ["{doc}`flows`", "[](flows.md)", "{ref}`limits`", "[](#limits)", "[](flows.md#limits)"]
)
def test_title_without_a_link_stands_in_quotation_marks(plain, text):
    title = "Normalizing flows" if "limits" not in text else "What a flow can never do"
    assert plain(text, page="chapters/coupling") == f"“{title}”"
    assert plain(text, site=SITE, page="chapters/coupling").startswith(f"[{title}](")


def test_citations_in_brackets(plain):
    assert plain("Four {cite:p}`three`.") == "Four (Dinh et al., 2014)."
    assert plain("Two {cite:p}`one,two`.") == "Two (van der Vaart, 1998; Schnörr and Turner, 2013)."
    assert plain("{cite:t}`one,two` say") == "van der Vaart (1998) and Schnörr and Turner (2013) say"


def test_equation_of_another_page_names_the_page(plain):
    assert plain("By {eq}`first`", page="chapters/coupling") == "By (1) in “Normalizing flows”"


def test_label_of_an_equation_becomes_a_tag(plain):
    assert plain("$$\nx = 1\n$$ (first)\n\nand") == "$$\nx = 1 \\tag{1}\n$$\n\nand"
    assert plain("$$ y = 2 $$ (second)") == "$$\ny = 2 \\tag{2}\n$$"
    assert plain("```{math}\n:label: first\nx = 1\n```") == "$$\nx = 1 \\tag{1}\n$$"


def test_statement_is_a_quotation_with_each_formula_in_one_line(plain):
    text = (
        "Before.\n\n````{prf:theorem} Title\n:label: cov\n\nLet $x\n= 1$:\n\n$$\nx =\n1\n$$\n\n1. One.\n````\n\nAfter."
    )
    assert plain(text) == (
        "Before.\n\n> **Theorem (Title).**\n>\n> Let $x = 1$:\n>\n> $$ x = 1 $$\n>\n> 1. One.\n\nAfter."
    )


def test_proof_is_set_off_and_ends_with_a_sign(plain):
    assert plain("```{prf:proof}\nBy {prf:ref}`cov`.\n```") == "*Proof.* By Theorem (Change of *variables*). ∎"
    assert plain("```{prf:proof}\nSo\n\n$$\nx\n$$\n```") == "*Proof.* So\n\n$$\nx\n$$\n\n∎"
    assert plain("```{prf:proof}\n$$\nx\n$$\n\nDone.\n```") == "*Proof.*\n\n$$\nx\n$$\n\nDone. ∎"


def test_admonitions(plain):
    folded = "<details>\n<summary>Answers</summary>\n\n1. One.\n\n</details>"
    assert plain("```{admonition} Answers\n:class: dropdown\n\n1. One.\n```") == folded
    assert plain(":::{note}\nA *word*.\n:::") == "> **Note**\n>\n> A *word*."
    assert plain("```{admonition} Here\nText.\n```") == "> **Here**\n>\n> Text."


def test_figure_and_image_leave_their_words(plain):
    figure = "```{figure} ../assets/map.svg\n:name: fig-chain\n:alt: A map.\n\nSee [](coupling.md).\n```"
    assert plain(figure) == "_Figure: See “Coupling layers”._"
    assert plain(figure, site=SITE).startswith(f"_[Figure]({SITE}chapters/flows.html#fig-chain): See [Coupling")
    assert plain("```{image} a.png\n:alt: A map.\n```") == "_A map._"
    assert plain("![A map.](a.png)") == "_A map._"


def test_item_says_points_statement_and_check(plain):
    item = "```{item} one-sample\npoints: 2\nstatement: cov\n```"
    assert plain(item) == (
        '_2 points, on Theorem (Change of *variables*). Check with_ `sheet.check("one-sample", ...)`.'
    )
    assert plain(item.replace("2", "1")).startswith("_1 point, on")


def test_comments_and_targets_vanish(plain):
    assert plain("% a note\n(limits)=\n## Title\n\nText.\n%\n") == "## Title\n\nText."


@pytest.mark.parametrize(
    "text",
    [
        "```python\n{prf:ref}`cov`\n% no comment\n```",
        "The role `` {prf:ref}`cov` `` and `$`{=x}",
        "$a_{prf}$ and $x_i[1](2)$ and \\$5",
        "| a | $\\|x\\|$ |\n| --- | --- |",
        "<https://example.org> and [out](https://example.org)",
        "![out](https://example.org/a.png)",
        "1. One\n\n   $$\n   x\n   $$\n2. Two",
        "\\begin{align}\nx &= 1\n\\end{align}",
    ],
)
def test_code_formulas_and_addresses_stay_as_they_are(plain, text):
    assert plain(text) == text


def test_directive_in_a_list_keeps_its_place(plain):
    assert plain("1. One\n\n   ```{note}\n   Text.\n   ```\n2. Two") == (
        "1. One\n\n   > **Note**\n   >\n   > Text.\n\n2. Two"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n\n{unknown}`x`", "chapters/flows.md:1: the role {unknown} has no plain form"),
        ("a\n\n```{unknown}\n```", "chapters/flows.md:3: the directive {unknown} has no plain form"),
        ("{prf:ref}`nowhere`", "no page has the label 'nowhere'"),
        ("[](nowhere.md)", "there is no page 'nowhere.md'"),
        ("[x](../assets/a.png)", r"there is no page '../assets/a.png'"),
        ("{cite:t}`nobody`", "chapters/references.bib has no entry 'nobody'"),
        ("{result}`no:nll`", "there is no run 'no'"),
        ("{result}`run:no`", "run has no metric 'no'"),
        ("```{note}\nText.", "line 1: ```{note} has no end"),
        ("a\n$$\nx", "line 2: a formula has no end"),
        ("```{note}\n{eq}`no`\n```", "^chapters/flows.md:2: no page has the label 'no'"),
    ],
)
def test_what_has_no_plain_form_is_named(plain, text, message):
    with pytest.raises(ValueError, match=message.replace("{", r"\{").replace("`", "`")):
        plain(text)


def test_every_label_of_a_page_is_known(book):
    places = References(book, ["chapters/flows"]).places
    assert {label: place.kind for label, place in places.items()} == {
        "cov": "statement",
        "first": "equation",
        "limits": "section",
        "fig-chain": "figure",
        "second": "equation",
    }


def test_blocks_know_their_line_and_options():
    text = "Text.\n\n```{prf:theorem} Title\n:label: cov\n\nBody.\n```\nMore."
    first, second, third = blocks(text, start=10)
    assert (first.line, first.body) == (10, "Text.\n")
    assert (second.line, second.name, second.argument, second.options, second.body) == (
        12,
        "prf:theorem",
        "Title",
        {"label": "cov"},
        "Body.",
    )
    assert (third.line, third.body) == (17, "More.")


def test_a_longer_fence_holds_shorter_ones():
    [block] = blocks("````{prf:proof}\n```{note}\nText.\n```\n````")
    assert block.body == "```{note}\nText.\n```"


def test_quotation_leaves_code_alone():
    assert quote("a\n\n```\nx\n```") == "> a\n>\n> ```\n> x\n> ```"
