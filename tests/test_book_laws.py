"""The claims in the tests, the outcomes in the JUnit file, and how they fit the statements."""

import textwrap

import pytest

from teachkit.book.laws import Checked, Claim, Evidence, Law, Run, collect, read_claims, read_run, source_digest
from teachkit.book.laws_page import galleries, sentence
from teachkit.book.statements import Statement, find_problems

MARKED = """
import pytest

pytestmark = [pytest.mark.law("module")]

@pytest.mark.law("one")
@pytest.mark.law("two")
@pytest.mark.parametrize("x", [1, pytest.param(2, marks=pytest.mark.law("some"))])
def test_many(x): ...

@pytest.mark.law("class")
class TestGroup:
    pytestmark = pytest.mark.law("inner")

    def test_method(self): ...

@pytest.mark.law("helper")
def helper(): ...
"""

CASE = '<testcase classname="{classname}" name="{name}"><properties>{laws}</properties>{outcome}</testcase>'


def repository(tmp_path, source=MARKED):
    """A repository with one test file."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_x.py").write_text(textwrap.dedent(source))
    return tmp_path


def junit(root, *cases, digest=None):
    """Write a JUnit file; a case is (class name, name, labels, outcome)."""
    xml = "".join(
        CASE.format(
            classname=classname,
            name=name,
            laws="".join(f'<property name="law" value="{label}"/>' for label in labels),
            outcome="" if outcome == "passed" else f"<{outcome}/>",
        )
        for classname, name, labels, outcome in cases
    )
    (root / "_build").mkdir(exist_ok=True)
    (root / "_build/junit.xml").write_text(
        f'<testsuites><testsuite timestamp="2026-01-02T03:04:05"><properties><property name="source_digest" '
        f'value="{digest or source_digest(root)}"/></properties>{xml}</testsuite></testsuites>'
    )


def test_marks_on_functions_classes_modules_and_cases(tmp_path):
    claims, problems = read_claims(repository(tmp_path))
    assert problems == []
    assert {(claim.test, claim.label) for claim in claims} == {
        ("test_many", "module"),
        ("test_many", "one"),
        ("test_many", "two"),
        ("test_many", "some"),
        ("TestGroup::test_method", "module"),
        ("TestGroup::test_method", "class"),
        ("TestGroup::test_method", "inner"),
    }
    assert {claim.key for claim in claims} == {
        ("tests.test_x", "test_many"),
        ("tests.test_x.TestGroup", "test_method"),
    }


@pytest.mark.parametrize("mark", ["law(LABEL)", "law(3)", "law()"])
def test_a_label_that_is_no_string_is_a_problem(tmp_path, mark):
    root = repository(tmp_path, f"@pytest.mark.{mark}\ndef test_a(): ...")
    assert read_claims(root) == ([], ["tests/test_x.py:2: the law's label must be written as a string"])


def test_a_file_that_cannot_be_parsed_is_a_problem(tmp_path):
    _, problems = read_claims(repository(tmp_path, "def test_a(:"))
    assert len(problems) == 1
    assert problems[0].startswith("tests/test_x.py:1: cannot be read")


def test_cases_are_counted_for_the_law_they_carry(tmp_path):
    root = repository(tmp_path)
    junit(
        root,
        ("tests.test_x", "test_many[1]", ["one", "two"], "passed"),
        ("tests.test_x", "test_many[2]", ["one", "two", "some"], "passed"),
    )
    laws = collect(root).laws
    assert [laws[label].cases for label in ("one", "two", "some", "class")] == [2, 2, 1, 0]
    assert [laws[label].outcome for label in ("one", "some", "class")] == ["passed", "passed", "not run"]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["passed", "passed"], "passed"),
        (["passed", "skipped"], "passed"),
        (["skipped", "skipped"], "skipped"),
        (["passed", "failure"], "failed"),
        (["passed", "error"], "failed"),
        (["skipped", "failure"], "failed"),
        ([], "not run"),
    ],
)
def test_the_outcome_of_a_law_is_its_worst_case(tmp_path, outcomes, expected):
    root = repository(tmp_path, '@pytest.mark.law("one")\ndef test_a(): ...')
    junit(root, *(("tests.test_x", f"test_a[{i}]", ["one"], outcome) for i, outcome in enumerate(outcomes)))
    assert collect(root).laws["one"].outcome == expected


def test_a_test_that_did_not_run_outweighs_one_that_passed():
    tests = [Checked(Claim("a", "f", 1, "test_a"), 3, "passed"), Checked(Claim("a", "f", 2, "test_b"))]
    assert Law(tests).outcome == "not run"


def test_a_change_of_the_source_makes_the_outcomes_stale(tmp_path):
    root = repository(tmp_path)
    junit(root, ("tests.test_x", "test_many[1]", ["one"], "passed"))
    assert not collect(root).stale
    (root / "src/teachkit").mkdir(parents=True)
    (root / "src/teachkit/new.py").write_text("x = 1\n")
    evidence = collect(root)
    assert evidence.stale
    assert sentence(evidence.laws["one"], evidence.stale).endswith("last run passed, on an earlier version of the code")


def test_the_digest_sees_names_and_contents(tmp_path):
    root = repository(tmp_path, "a")
    before = source_digest(root)
    (root / "tests/test_x.py").rename(root / "tests/test_y.py")
    renamed = source_digest(root)
    (root / "tests/test_y.py").write_text("b")
    assert len({before, renamed, source_digest(root)}) == 3


@pytest.mark.parametrize("content", [None, "", "<testsuites><testsuite>"])
def test_a_missing_or_broken_junit_file_is_a_run_of_nothing(tmp_path, content):
    if content is not None:
        (tmp_path / "junit.xml").write_text(content)
    assert read_run(tmp_path / "junit.xml").cases == {}


@pytest.mark.parametrize(
    ("cases", "outcome", "expected"),
    [
        ([1], "passed", "Verified by 1 test, last run passed"),
        ([12, 2], "passed", "Verified by 2 tests (14 cases), last run passed"),
        ([2], "failed", "Checked by 1 test (2 cases), last run failed"),
        ([1], "skipped", "Checked by 1 test, last run skipped"),
        ([0, 0], "not run", "Checked by 2 tests, not run yet"),
    ],
)
def test_the_words_of_a_mark(cases, outcome, expected):
    law = Law([Checked(Claim("a", "f", 1, "test_a"), n, outcome) for n in cases])
    assert sentence(law, stale=False) == expected


# --- statements against laws ---------------------------------------------------------------


def statement(label="a-b", kind="theorem", untestable=False, line=3):
    return Statement("chapters/x", "chapters/x.md", line, kind, label, "(A title)", untestable)


def law(label):
    return {label: Law([Checked(Claim(label, "tests/test_x.py", 7, "test_a"))])}


def test_statements_that_fit_are_no_problem():
    fitting = [statement(), statement("c", untestable=True), statement("d", kind="remark")]
    assert find_problems(fitting, law("a-b")) == []


@pytest.mark.parametrize(
    ("statements", "laws", "expected"),
    [
        ([statement("theorem-0")], {}, "chapters/x.md:3: theorem (A title) has no label"),
        ([statement()], {}, "(label 'a-b') has no law"),
        ([statement("A_b")], law("A_b"), "a label is made of lower-case letters"),
        ([statement(untestable=True)], law("a-b"), "is marked untestable, but a test verifies it"),
        ([], law("a-b"), "tests/test_x.py:7: test_a verifies 'a-b', a label that no statement has"),
        ([statement(), statement(line=9)], law("a-b"), "given 2 times: chapters/x.md:3, chapters/x.md:9"),
    ],
)
def test_each_misfit_is_named(statements, laws, expected):
    problems = find_problems(statements, laws)
    assert len(problems) == 1
    assert expected in problems[0]


def test_galleries_are_counted_by_sheet(tmp_path):
    values = [("wrong", "newton 4 5"), ("wrong", "newton 6 6"), ("right", "newton 3 3"), ("wrong", "other 1 2")]
    cases = "".join(
        f'<testcase classname="c" name="t[{i}]"><properties>'
        f'<property name="gallery-{kind}" value="{value}"/></properties>'
        "</testcase>"
        for i, (kind, value) in enumerate(values)
    )
    path = tmp_path / "junit.xml"
    path.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    counts = {("newton", "wrong"): (10, 11), ("newton", "right"): (3, 3), ("other", "wrong"): (1, 2)}
    assert read_run(path).galleries == counts


def test_the_table_of_galleries_shows_misses_and_false_alarms():
    counts = {("newton", "wrong"): (10, 11), ("newton", "right"): (2, 3)}
    text = " ".join(x.astext() for x in galleries(Evidence({}, Run(galleries=counts), False, [])))
    assert "Kill rate: 90.9% of 11 wrong answers" in text
    assert "False alarms: 1 of 3 right answers" in text
    assert "10 of 11" in text
    assert "not been run yet" in galleries(Evidence({}, Run(), False, []))[0].astext()
