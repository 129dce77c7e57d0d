"""Which test verifies which numbered statement, and how the last run of the tests ended.

The claims are the marks ``@pytest.mark.law("label")`` in the test files; they are read from the
source, so nothing is imported. The outcomes come from the JUnit file that the tests wrote.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

JUNIT = Path("_build/junit.xml")
OUTCOMES = ("failed", "not run", "skipped", "passed")
"""From worst to best."""


def source_digest(root: Path) -> str:
    """Return the sha256 of the library and its tests: names and contents of all their Python files.

    Args:
        root: The repository's root.
    """
    digest = hashlib.sha256()
    for path in sorted([*root.glob("src/teachkit/**/*.py"), *root.glob("tests/**/*.py")]):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


@dataclass(frozen=True)
class Claim:
    """One test that says it verifies one statement."""

    label: str
    file: str
    line: int
    test: str

    @property
    def key(self) -> tuple[str, str]:
        """The test's class name and name as JUnit writes them."""
        *classes, name = self.test.split("::")
        return ".".join([self.file.removesuffix(".py").replace("/", "."), *classes]), name


@dataclass
class Checked:
    """A claim with what the last run said of it: its number of cases and their worst outcome."""

    claim: Claim
    cases: int = 0
    outcome: str = "not run"


@dataclass
class Law:
    """A statement's label with all the tests that verify it."""

    tests: list[Checked] = field(default_factory=list)

    @property
    def cases(self) -> int:
        """The number of cases that the last run counted."""
        return sum(test.cases for test in self.tests)

    @property
    def outcome(self) -> str:
        """The worst outcome among the tests, but a skipped test beside a passed one does not count."""
        return _combine(test.outcome for test in self.tests)


@dataclass(frozen=True)
class Run:
    """The last run of the tests: when, on which source, and the outcomes of each test's cases by label.

    ``galleries`` counts the answers of the exercise sheets' galleries: by sheet and "wrong" or "right",
    those that were rejected or accepted as they should be, and all.
    """

    date: str = ""
    digest: str = ""
    cases: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    galleries: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)


@dataclass
class Evidence:
    """All laws by label, the run they were checked in, and whether the source changed since."""

    laws: dict[str, Law]
    run: Run
    stale: bool
    problems: list[str]


def collect(root: Path, junit: Path = JUNIT) -> Evidence:
    """Read the claims and the outcomes of the repository at ``root``."""
    claims, problems = read_claims(root)
    run = read_run(root / junit)
    laws: dict[str, Law] = {}
    for claim in claims:
        outcomes = run.cases.get((*claim.key, claim.label), [])
        laws.setdefault(claim.label, Law()).tests.append(Checked(claim, len(outcomes), _combine(outcomes)))
    return Evidence(laws, run, bool(run.cases) and run.digest != source_digest(root), problems)


def _combine(outcomes: Iterable[str]) -> str:
    found = set(outcomes) or {"not run"}
    if "passed" in found:
        found.discard("skipped")
    return min(found, key=OUTCOMES.index)


# --- the claims: marks in the test files ------------------------------------------------------


def read_claims(root: Path) -> tuple[list[Claim], list[str]]:
    """Return every claim in ``tests/**/*.py`` in order, and what is wrong with the marks."""
    claims: list[Claim] = []
    problems: list[str] = []
    for path in sorted(root.glob("tests/**/*.py")):
        file = path.relative_to(root).as_posix()
        try:
            tree = ast.parse(path.read_bytes(), file)
        except SyntaxError as error:
            problems.append(f"{file}:{error.lineno}: cannot be read: {error.msg}")
            continue
        marked = list(_marks(tree))
        problems += [f"{file}:{line}: the law's label must be written as a string" for _, line, x in marked if not x]
        claims += _unique(Claim(label, file, line, test) for test, line, label in marked if label)
    return claims, problems


def _unique(claims: Iterable[Claim]) -> list[Claim]:
    """Drop a label that one test carries twice, as when its class has it too."""
    return list({(claim.test, claim.label): claim for claim in claims}.values())


def _marks(tree: ast.Module) -> Iterator[tuple[str, int, str]]:
    """Yield (test, line, label) for each mark on each test; the label is empty if it is not a literal."""
    yield from _walk(tree.body, "", _pytestmark(tree.body))


def _walk(body: list[ast.stmt], prefix: str, inherited: list[ast.expr]) -> Iterator[tuple[str, int, str]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            marks = [*inherited, *node.decorator_list, *_pytestmark(node.body)]
            yield from _walk(node.body, f"{prefix}{node.name}::", marks)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            for mark in [*inherited, *node.decorator_list]:
                for label in _labels(mark):
                    yield f"{prefix}{node.name}", node.lineno, label


def _pytestmark(body: list[ast.stmt]) -> list[ast.expr]:
    """Return the values assigned to ``pytestmark`` in a module or a class."""
    found: list[ast.expr] = []
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(x, ast.Name) and x.id == "pytestmark" for x in targets) and getattr(node, "value", None):
            found.append(node.value)
    return found


def _labels(mark: ast.expr) -> Iterator[str]:
    """Yield the labels of every ``pytest.mark.law(...)`` inside an expression."""
    for node in ast.walk(mark):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pytest.mark.law", "mark.law"):
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)] or [None]
            for x in arguments:
                yield x.value if isinstance(x, ast.Constant) and isinstance(x.value, str) else ""


# --- the outcomes: the JUnit file -------------------------------------------------------------


def read_run(path: Path) -> Run:
    """Read a JUnit file; a file that does not exist, or is cut off, is a run of no test."""
    try:
        suites = list(ElementTree.parse(path).getroot().iter("testsuite"))
    except (FileNotFoundError, ElementTree.ParseError):
        return Run()
    cases: dict[tuple[str, str, str], list[str]] = {}
    for case in (case for suite in suites for case in suite.iter("testcase")):
        test = (case.get("classname", ""), case.get("name", "").split("[")[0])
        for label in _properties(case, "law"):
            cases.setdefault((*test, label), []).append(_outcome(case))
    galleries = _count_galleries(case for suite in suites for case in suite.iter("testcase"))
    digests = [value for suite in suites for value in _properties(suite, "source_digest")]
    return Run(max((x.get("timestamp", "") for x in suites), default="")[:16], "".join(digests[:1]), cases, galleries)


def _count_galleries(cases: Iterable[ElementTree.Element]) -> dict[tuple[str, str], tuple[int, int]]:
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for case in cases:
        for kind in ("wrong", "right"):
            for value in _properties(case, f"gallery-{kind}"):
                sheet, good, total = value.split()
                before = counts.get((sheet, kind), (0, 0))
                counts[sheet, kind] = (before[0] + int(good), before[1] + int(total))
    return counts


def _properties(element: ElementTree.Element, name: str) -> list[str]:
    return [x.get("value", "") for x in element.findall(f"properties/property[@name='{name}']")]


def _outcome(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"
