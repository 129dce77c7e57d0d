"""Every sheet: its source, what is derived from it, and the galleries of wrong and right answers."""

import json
import re
from pathlib import Path

import pytest

from teachkit.grading import Sheet
from teachkit.grading.catalogue import catalogue, kinds, stems
from teachkit.grading.derive import drift
from teachkit.grading.gallery import gallery
from teachkit.grading.kinds import Choice, Curve, Derivation, Expression, Function, Number, TrueFalse, look
from teachkit.grading.source import code, read_source, split

ROOT = Path(__file__).parents[1]
STEMS = sorted(path.stem for path in ROOT.glob("solutions/*.md"))
STUDENTS = ["guest", "ada", "sofia-17"]
ITEMS = [(stem, name) for stem in STEMS for name in catalogue(stem).items]
GENERAL = ["is not the number that is asked for", "numbers are wrong", "of the points are off", "Not equal. At",
           "up to a constant", "Close, but"]  # fmt: skip


def test_sheets_are_what_their_sources_say():
    assert drift(ROOT) == [], "run `make notebooks`"
    assert stems() == STEMS


def test_drift_is_noticed(tmp_path):
    for folder in ("solutions", "exercises", "chapters", "src/teachkit/grading/sheets", "src/teachkit/grading/checks"):
        (tmp_path / folder).mkdir(parents=True)
        for path in (ROOT / folder).glob("*.*"):
            (tmp_path / folder / path.name).write_bytes(path.read_bytes())
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    assert drift(tmp_path) == []
    sheet, source = tmp_path / f"exercises/{STEMS[0]}.md", tmp_path / f"solutions/{STEMS[1]}.md"
    sheet.write_text(sheet.read_text("utf-8") + "Edited by hand.\n")
    source.write_text(re.sub(r"points: \d+", "points: 9", source.read_text("utf-8"), count=1))
    (tmp_path / "exercises/stray.md").write_bytes((ROOT / f"exercises/{STEMS[0]}.md").read_bytes())
    (tmp_path / "exercises/README.md").write_text("Written by hand, and not to be deleted.\n")
    names = {path.name for path in drift(tmp_path)}
    assert names == {sheet.name, source.name, f"{STEMS[1]}.json", "stray.md"}


@pytest.mark.parametrize("stem", STEMS)
def test_sheet_has_the_size_and_the_variety_of_a_sheet(stem):
    found = kinds(stem)
    assert list(found) == list(catalogue(stem).items)
    assert 8 <= len(found) <= 12
    used = {type(kind) for kind in found.values()}
    used |= {type(step) for kind in found.values() if isinstance(kind, Derivation) for step in kind.steps.values()}
    assert used == {Choice, Curve, Derivation, Expression, Function, Number, TrueFalse}
    assert sum(kind.draw is not None for kind in found.values()) >= 3
    assert all(len(item.hints) >= 2 for item in catalogue(stem).items.values())


# --- the source and the sheet --------------------------------------------------------------------


def run(path, folder, monkeypatch):
    """Run the code cells of a page and return the sheet that they opened."""
    monkeypatch.setenv("TEACHKIT_BOOK", "1")
    monkeypatch.chdir(folder)
    names = {}
    for block in split(path.read_text("utf-8")):
        if block.directive == "code-cell":
            exec(compile(code(block), f"{path.name}:{block.line}", "exec"), names)
    return names["sheet"]


@pytest.mark.parametrize("stem", STEMS)
def test_solutions_earn_all_points(stem, tmp_path, monkeypatch):
    sheet = run(ROOT / f"solutions/{stem}.md", tmp_path, monkeypatch)
    scores = {name: sheet.best(name) for name in sheet.items}
    assert scores == dict.fromkeys(sheet.items, 1)


@pytest.mark.parametrize("stem", STEMS)
def test_solutions_earn_all_points_of_another_student(stem, tmp_path, monkeypatch):
    monkeypatch.setattr(Sheet, "student", lambda self, id, of=Sheet.student: of(self, "another-1"))
    sheet = run(ROOT / f"solutions/{stem}.md", tmp_path, monkeypatch)
    assert sheet.progress().earned == catalogue(stem).points


@pytest.mark.parametrize("stem", STEMS)
def test_unsolved_sheet_earns_nothing(stem, tmp_path, monkeypatch):
    sheet = run(ROOT / f"exercises/{stem}.md", tmp_path, monkeypatch)
    assert {sheet.best(name) for name in sheet.items} == {0}


def words(text):
    """Return a text without spaces, to be found whatever its lines are."""
    return re.sub(r"\s+", "", text)


def solution_texts(stem):
    """Yield every sentence and every line of code that stands in a solution."""
    inside = False
    for block in read_source(ROOT / f"solutions/{stem}.md").blocks:
        if block.directive.startswith("solution-"):
            inside = block.directive == "solution-start"
        elif inside:
            text = code(block) if block.directive == "code-cell" else "\n".join(block.lines)
            yield from (line for part in text.splitlines() for line in re.split(r"(?<=[.?!]) ", part))


def leaks(stem, sheet):
    """Yield what of the solutions and checks stands in the text of a sheet."""
    stubs = [words(line) for item in read_source(ROOT / f"solutions/{stem}.md").items.values()
             for line in item.stub.splitlines()]  # fmt: skip
    texts = {words(text) for text in solution_texts(stem)}
    yield from (text for text in texts if len(text) > 24 and text in words(sheet) and text not in stubs)
    for name, kind in kinds(stem).items():
        for student in STUDENTS:
            secrets = kind.secrets(kind.data(stem, name, student))
            yield from (f"{name}: {x}" for x in secrets if len(x) > 4 and re.search(rf"(?<!\w){re.escape(x)}", sheet))
    checks = (ROOT / f"src/teachkit/grading/checks/{stem}.py").read_text("utf-8")
    yield from (x for x in set(re.findall(r"^_?([A-Z][A-Z_]{3,})\b", checks, re.MULTILINE)) if x in sheet)


@pytest.mark.parametrize("stem", STEMS)
def test_sheet_gives_nothing_away(stem):
    assert list(leaks(stem, (ROOT / f"exercises/{stem}.md").read_text("utf-8"))) == []
    notebook = json.loads((ROOT / f"notebooks/exercises/{stem}.ipynb").read_text("utf-8"))
    assert list(leaks(stem, "\n".join("".join(cell["source"]) for cell in notebook["cells"]))) == []


@pytest.mark.parametrize("stem", STEMS)
def test_a_leak_is_found(stem):
    source = (ROOT / f"solutions/{stem}.md").read_text("utf-8")
    assert len(list(leaks(stem, source))) > 50


# --- the galleries -------------------------------------------------------------------------------


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize(("stem", "item"), ITEMS)
def test_wrong_answers_get_their_message(stem, item, student, record_property):
    kind = kinds(stem)[item]
    data = kind.data(stem, item, student)
    wrong, _ = gallery(ROOT, stem, item, student)
    verdicts = [look(kind, answer, data)[1] for answer, _ in wrong]
    killed = [not x.right and not x.missing for x in verdicts]
    record_property("gallery-wrong", f"{stem} {sum(killed)} {len(killed)}")
    assert all(killed), [answer for (answer, _), dead in zip(wrong, killed, strict=True) if not dead]
    assert len(wrong) >= 4
    for (answer, piece), verdict in zip(wrong, verdicts, strict=True):
        assert len(piece) >= 8
        assert piece in verdict.message, f"{answer!r} gets: {verdict.message}"
        assert not any(general in piece for general in GENERAL)


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize(("stem", "item"), ITEMS)
def test_right_answers_are_accepted(stem, item, student, record_property):
    kind = kinds(stem)[item]
    data = kind.data(stem, item, student)
    _, right = gallery(ROOT, stem, item, student)
    verdicts = [look(kind, answer, data)[1] for answer in right]
    record_property("gallery-right", f"{stem} {sum(x.right for x in verdicts)} {len(verdicts)}")
    assert [(answer, x.message) for answer, x in zip(right, verdicts, strict=True) if not x.right] == []
    assert len(right) >= 3


@pytest.mark.parametrize(("stem", "item"), ITEMS)
def test_values_of_every_student_are_fit(stem, item):
    """The named wrong answers stay wrong, and differ, for whatever is drawn."""
    kind = kinds(stem)[item]
    if kind.draw is None:
        return
    for number in range(60):
        student = f"s{number}"
        data = kind.data(stem, item, student)
        wrong, right = gallery(ROOT, stem, item, student)
        assert not any(look(kind, answer, data)[1].right for answer, _ in wrong[:12]), data
        assert look(kind, right[0], data)[1].right, data
