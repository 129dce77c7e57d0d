"""Sphinx extension: under every numbered statement, a mark that says which tests verify it.

The page with the ``{laws}`` directive lists them all. A statement without a label or without a
law, and a law without a statement, stop the build.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

from teachkit._files import write_whole
from teachkit.book import laws_page
from teachkit.book.laws import Evidence, Law, collect
from teachkit.book.statements import NEED_A_LAW, Statement, find_problems

_FINGERPRINT = "marks.sha256"


class LawsPlace(nodes.General, nodes.Element):
    """Where the table of the laws goes."""


class LawsDirective(SphinxDirective):
    """``{laws}``: the table of all statements with their tests and outcomes."""

    def run(self) -> list[nodes.Node]:
        """Leave a mark in the page; the table needs the numbers of all chapters and is made last."""
        self.env.tk_laws_page = self.env.docname
        return [LawsPlace()]


class GalleriesPlace(nodes.General, nodes.Element):
    """Where the table of the exercise sheets' galleries goes."""


class GalleriesDirective(SphinxDirective):
    """``{galleries}``: what the checks of the exercise sheets made of wrong and right answers."""

    def run(self) -> list[nodes.Node]:
        """Leave a mark in the page."""
        return [GalleriesPlace()]


# --- reading ----------------------------------------------------------------------------------


def statements(env: BuildEnvironment) -> dict[str, list[Statement]]:
    """Return the statements of each page, as far as they have been read."""
    if not hasattr(env, "tk_statements"):
        env.tk_statements = {}
    return env.tk_statements


def proofs_in(doctree: nodes.Node) -> Iterator[nodes.Element]:
    """Yield the nodes that sphinx-proof made for numbered statements."""
    return doctree.findall(lambda node: isinstance(node, nodes.Element) and bool(node.get("realtype")))


def _read(app: Sphinx, doctree: nodes.document) -> None:
    docname = app.env.docname
    found = [_statement(app.env, docname, node) for node in proofs_in(doctree)]
    if found:
        statements(app.env)[docname] = found
    if any(doctree.findall(LawsPlace)):
        # The titles in the table hold formulas, which Sphinx can't see when it reads this page.
        app.env.get_domain("math").data["has_equations"][docname] = True
    _unique_ids(doctree)


def _statement(env: BuildEnvironment, docname: str, node: nodes.Element) -> Statement:
    line = next((child.line for child in node.findall() if child.line), 0)
    file = env.doc2path(docname, base=False)
    untestable = "untestable" in node["classes"]
    return Statement(docname, file, line, node["realtype"], node["label"], node[0].astext().strip(), untestable)


def _unique_ids(doctree: nodes.document) -> None:
    """Give every box its own ids: sphinx-proof uses the same ones for all boxes, and those of headings."""
    labels = {node["label"] for node in proofs_in(doctree)}
    for section in doctree.findall(nodes.section):
        section["ids"] = [f"{x}-section" if x in labels else x for x in section["ids"]]
    for node in proofs_in(doctree):
        for section in node.findall(nodes.section):
            section["ids"] = [f"{node['label']}-content"]
    boxes = (node for node in doctree.findall(nodes.admonition) if node["ids"] == ["proof"])
    for number, node in enumerate(boxes, start=1):
        node["ids"], node["classes"] = [f"tk-proof-{number}"], ["proof", "tk-proof"]
        _emphasise(node, "Proof.")


def _emphasise(box: nodes.Element, word: str) -> None:
    """Set off the word that sphinx-proof puts before a proof's first sentence."""
    first = next(box.findall(nodes.Text), None)
    if first is not None and first.startswith(word):
        rest = nodes.Text(first.removeprefix(word))
        first.parent.replace(first, [nodes.emphasis("", word), rest])


def _purge(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    statements(env).pop(docname, None)


# --- checking ---------------------------------------------------------------------------------


def _check(app: Sphinx, env: BuildEnvironment) -> None:
    app.tk_evidence = evidence = collect(Path(app.srcdir))
    everything = [statement for page in statements(env).values() for statement in page]
    problems = [*evidence.problems, *find_problems(everything, evidence.laws)]
    if problems:
        raise SphinxError("The statements and the tests do not fit:\n" + "\n".join(f"- {x}" for x in problems))


# --- writing ----------------------------------------------------------------------------------


def _rewrite(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """Have the pages written anew when the statements or the outcomes differ from the last build's."""
    app.tk_fingerprint = _fingerprint(env, app.tk_evidence)
    file = Path(app.doctreedir) / _FINGERPRINT
    if file.exists() and file.read_text() == app.tk_fingerprint:
        return []
    laws_page_name = getattr(env, "tk_laws_page", None)
    return [*statements(env), *([laws_page_name] if laws_page_name in env.found_docs else [])]


def _fingerprint(env: BuildEnvironment, evidence: Evidence) -> str:
    laws = sorted((label, repr(law)) for label, law in evidence.laws.items())
    told = (sorted(statements(env).items()), laws, evidence.run.date, evidence.stale)
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _remember(app: Sphinx, exception: Exception | None) -> None:
    """Only a build that came to its end has written its marks."""
    if exception is None:
        with write_whole(Path(app.doctreedir) / _FINGERPRINT) as file:
            file.write(app.tk_fingerprint.encode())


def _resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    evidence, known = app.tk_evidence, {x.label: x for x in statements(app.env).get(docname, [])}
    for node in proofs_in(doctree):
        statement, law = known[node["label"]], evidence.laws.get(node["label"])
        node["classes"].append("tk-statement")
        if law or statement.kind in NEED_A_LAW:
            node += _mark(app, docname, statement, law, evidence.stale)
    for place in list(doctree.findall(LawsPlace)):
        place.replace_self(laws_page.build(app, docname, statements(app.env), evidence))
    for place in list(doctree.findall(GalleriesPlace)):
        place.replace_self(laws_page.galleries(evidence))


def _mark(app: Sphinx, docname: str, statement: Statement, law: Law | None, stale: bool) -> nodes.paragraph:
    text, outcome = laws_page.sentence(law, stale), law.outcome if law else "untestable"
    classes = ["tk-mark", f"tk-{outcome.replace(' ', '-')}"]
    page = getattr(app.env, "tk_laws_page", None)
    if page is None:
        return nodes.paragraph("", text, classes=classes)
    uri = f"{app.builder.get_relative_uri(docname, page)}#law-{statement.label}"
    link = nodes.reference("", text, refuri=uri, internal=True)
    return nodes.paragraph("", "", link, classes=classes)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and the events."""
    app.setup_extension("sphinx_proof")
    app.add_node(LawsPlace)
    app.add_node(GalleriesPlace)
    app.add_directive("laws", LawsDirective)
    app.add_directive("galleries", GalleriesDirective)
    app.connect("env-purge-doc", _purge)
    # Before Sphinx collects the headings' ids for the tables of contents.
    app.connect("doctree-read", _read, priority=100)
    app.connect("env-updated", _check)
    # After Sphinx has numbered the figures and statements anew.
    app.connect("env-get-updated", _rewrite, priority=900)
    app.connect("doctree-resolved", _resolve)
    app.connect("build-finished", _remember)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
