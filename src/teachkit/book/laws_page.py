"""The words of the marks, and the table of the page that lists all statements with their tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from docutils import nodes
from sphinx.application import Sphinx

from teachkit.book.laws import OUTCOMES, Checked, Evidence, Law
from teachkit.book.statements import NEED_A_LAW, Statement
from teachkit.book.tables import entry, row, table

UNTESTABLE = "not checkable by a test"
_HEAD = ("Statement", "Tests", "Last run")
_GALLERY_HEAD = ("Sheet", "Wrong answers rejected", "Right answers accepted")
_EARLIER = ", on an earlier version of the code"


def sentence(law: Law | None, stale: bool) -> str:
    """Say what the last run of the tests said of one law.

    >>> sentence(None, stale=False)
    'Not checkable by a test'
    """
    if law is None:
        return UNTESTABLE.capitalize()
    verb = "Verified" if law.outcome == "passed" else "Checked"
    return f"{verb} by {_counted(len(law.tests), 'test')}{_cases(law)}, {_ending(law.outcome, stale)}"


def _ending(outcome: str, stale: bool) -> str:
    return "not run yet" if outcome == "not run" else f"last run {outcome}{_EARLIER if stale else ''}"


def _cases(law: Law) -> str:
    return f" ({_counted(law.cases, 'case')})" if law.cases > len(law.tests) else ""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


# --- the table --------------------------------------------------------------------------------


def build(app: Sphinx, docname: str, pages: dict[str, list[Statement]], evidence: Evidence) -> list[nodes.Node]:
    """Return the summary and the table for the page ``docname``, in the order of the book."""
    rows = [x for page in reading_order(app) for x in pages.get(page, []) if _listed(x, evidence)]
    if not rows:
        return [nodes.paragraph("", "No statement is numbered yet.")]
    lines = (_row(app, docname, statement, evidence) for statement in rows)
    return [nodes.paragraph("", _summary(rows, evidence)), table(_HEAD, (34, 46, 20), lines)]


def galleries(evidence: Evidence) -> list[nodes.Node]:
    """Return the summary and the table of the exercise sheets' galleries of answers."""
    from teachkit.grading.catalogue import catalogue

    counts = evidence.run.galleries
    sheets = sorted({sheet for sheet, _ in counts}, key=lambda sheet: catalogue(sheet).title)
    if not sheets:
        return [nodes.paragraph("", "The galleries have not been run yet.")]
    rows = (row(*_counts(catalogue(x).title, x, counts)) for x in sheets)
    total = {kind: tuple(map(sum, zip(*(counts[x, kind] for x in sheets), strict=True))) for kind in ("wrong", "right")}
    killed, alarms = total["wrong"], total["right"][1] - total["right"][0]
    words = (
        f"Kill rate: {killed[0] / killed[1]:.1%} of {killed[1]:,} wrong answers were rejected with the message that"
        f" belongs to them. False alarms: {alarms} of {total['right'][1]:,} right answers were rejected."
    )
    return [nodes.paragraph("", words), table(_GALLERY_HEAD, (50, 25, 25), rows)]


def _counts(title: str, sheet: str, counts: dict[tuple[str, str], tuple[int, int]]) -> Iterator[str]:
    yield title
    for kind in ("wrong", "right"):
        good, total = counts[sheet, kind]
        yield f"{good:,} of {total:,}"


def _listed(statement: Statement, evidence: Evidence) -> bool:
    return statement.kind in NEED_A_LAW or statement.label in evidence.laws


def reading_order(app: Sphinx, docname: str | None = None) -> Iterator[str]:
    """Yield the pages in the order of the book, each before those under it."""
    docname = docname or app.config.root_doc
    yield docname
    for child in app.env.toctree_includes.get(docname, []):
        yield from reading_order(app, child)


def _summary(rows: list[Statement], evidence: Evidence) -> str:
    outcomes = Counter(evidence.laws[x.label].outcome if x.label in evidence.laws else UNTESTABLE for x in rows)
    counts = ", ".join(f"{outcomes[x]} {x}" for x in (*reversed(OUTCOMES), UNTESTABLE) if outcomes[x])
    run = evidence.run.date.replace("T", " at ")
    when = f"The tests last ran on {run}" if run else "The tests have not run yet"
    return f"{_counted(len(rows), 'statement')}: {counts}. {when}{_EARLIER if evidence.stale else ''}."


def _row(app: Sphinx, docname: str, statement: Statement, evidence: Evidence) -> nodes.row:
    law = evidence.laws.get(statement.label)
    outcome = law.outcome if law else UNTESTABLE
    tests = _tests(app, law) if law else [nodes.paragraph()]
    cells = [entry(_link(app, docname, statement)), nodes.entry("", *tests), entry(outcome)]
    css = law.outcome if law else "untestable"
    return nodes.row("", *cells, ids=[f"law-{statement.label}"], classes=[f"tk-{css.replace(' ', '-')}"])


def _link(app: Sphinx, docname: str, statement: Statement) -> nodes.reference:
    """Return kind, number and title as the chapter shows them, formulas included."""
    number = _number(app, statement)
    uri = f"{app.builder.get_relative_uri(docname, statement.docname)}#{statement.label}"
    name = nodes.Text(" ".join(x for x in (statement.kind.capitalize(), number) if x))
    return nodes.reference("", "", name, *_title(app, statement), refuri=uri, internal=True)


def _number(app: Sphinx, statement: Statement) -> str:
    known = app.env.proof_list[statement.label]
    numbers = app.env.toc_fignumbers.get(statement.docname, {}).get(known["countertype"], {})
    return ".".join(map(str, numbers.get(statement.label, ())))


def _title(app: Sphinx, statement: Statement) -> Iterable[nodes.Node]:
    doctree = app.env.get_doctree(statement.docname)
    box = next(doctree.findall(lambda x: isinstance(x, nodes.Element) and x.get("label") == statement.label))
    return [child.deepcopy() for child in box[0].children]


def _tests(app: Sphinx, law: Law) -> Iterator[nodes.Node]:
    """Yield each test file with the list of its tests."""
    for file, tests in groupby(law.tests, key=lambda test: test.claim.file):
        yield nodes.paragraph("", "", nodes.literal("", file))
        yield nodes.bullet_list("", *(_test(app, test) for test in tests))


def _test(app: Sphinx, test: Checked) -> nodes.list_item:
    claim = test.claim
    name: nodes.Node = nodes.literal("", claim.test)
    if repository := getattr(app.config, "teachkit_repository", ""):
        name = nodes.reference("", "", name, refuri=f"{repository}/blob/main/{claim.file}#L{claim.line}")
    cases = f" ({_counted(test.cases, 'case')})" if test.cases > 1 else ""
    return nodes.list_item("", nodes.paragraph("", "", name, nodes.Text(cases)))
