"""A student's way through a sheet: attempts, hints, progress, a restart, handing in, and being judged."""

import json
import math

import pytest

from teachkit.grading import Sheet, check, handin, sheet
from teachkit.grading.catalogue import Catalogue, Item, Statement, catalogue
from teachkit.grading.kinds import Choice, Function, Number, Wrong

ABOUT = Statement("change-of-variables", "theorem", "Change of <variables>", "Change of variables", "")
KINDS = {
    "area": Number(value=lambda d: d["a"] ** 2, wrong=[Wrong(lambda d: 2 * d["a"], "You doubled.", credit=0.25)],
                   draw=lambda draw: {"a": draw.integer(3, 9)}),
    "reason": Choice(right="b", why={"a": "Not this one."}),
    "square": Function(cases={"a number": lambda draw, data: (draw.decimal(1, 3),)}, reference=lambda x: x * x),
}  # fmt: skip
PLAIN = Catalogue(
    "small",
    "Sheet 9: Small",
    "v1",
    {
        "area": Item("area", "An area", 4, ("What is a square?", "Multiply."), ABOUT),
        "reason": Item("reason", "A reason", 1, ("Read it again.",), None),
        "square": Item("square", "A square", 2, ("x times x.",), None),
    },
)


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """One small sheet in an empty folder."""
    monkeypatch.delenv("TEACHKIT_BOOK", raising=False)
    monkeypatch.chdir(tmp_path)
    for module in (sheet, check):
        monkeypatch.setattr(module, "catalogue", lambda name: {"small": PLAIN}[name])
        monkeypatch.setattr(module, "kinds", lambda name: {"small": KINDS}[name])


def opened(id="ada"):
    s = Sheet("small")
    s.student(id)
    return s


def test_right_wrong_and_missing_answers():
    s = opened()
    a = s.data("area")["a"]
    missing, wrong, right = s.check("area", ...), s.check("area", 2 * a), s.check("area", a * a)
    assert repr(missing).splitlines()[0] == "area: no answer yet. 0 of 4 points."
    assert repr(wrong).splitlines() == [
        "area: partly right. 1 of 4 points.",
        "  You doubled.",
        '  Read the theorem "Change of <variables>" in the chapter "Change of variables".',
        '  Hint 1 of 2 is open: sheet.hint("area")',
        "  1 of 7 points, 0 of 3 items right  [##------------------]",
    ]
    assert repr(right).splitlines() == [
        "area: right. 4 of 4 points.",
        "  4 of 7 points, 1 of 3 items right  [###########---------]",
    ]


def test_feedback_in_a_notebook_is_escaped():
    s = opened()
    html = s.check("area", 1)._repr_html_()
    assert "Change of &lt;variables&gt;" in html
    assert '<progress max="7" value="0" aria-label="Progress of the sheet">' in html
    assert "<script" not in s.check("reason", "<script>")._repr_html_()


def test_the_statement_is_a_link_where_the_book_has_an_address(monkeypatch):
    item = Item("area", "", 4, ("h",), Statement("x", "theorem", "T", "C", "https://example.org/chapters/c.html#x"))
    monkeypatch.setattr(sheet, "catalogue", lambda name: Catalogue("small", "t", "v", {**PLAIN.items, "area": item}))
    html = opened().check("area", 1)._repr_html_()
    assert 'Read <a href="https://example.org/chapters/c.html#x">the theorem &quot;T&quot;' in html


def test_each_different_wrong_answer_opens_one_hint():
    s = opened()
    assert "Try first" in repr(s.hint("area"))
    s.check("area", "what?")  # can't be read: opens nothing
    s.check("area", ...)
    assert "Try first" in repr(s.hint("area"))
    s.check("area", 1)
    s.check("area", 1)
    assert repr(s.hint("area")) == "Hint 1 of 2: What is a square?\nAnother wrong answer opens the next one."
    s.check("area", 2)
    s.check("area", 3)
    assert repr(s.hint("area")) == "Hint 1 of 2: What is a square?\nHint 2 of 2: Multiply."


def test_a_restart_loses_nothing():
    s = opened()
    s.check("area", 1)
    s.check("reason", "b")
    again = opened()
    assert again.progress() == s.progress()
    assert again.best("reason") == 1
    assert repr(again.hint("area")).startswith("Hint 1")
    assert opened("bob").progress().earned == 0


def test_a_better_answer_counts_and_a_worse_one_takes_nothing_away():
    s = opened()
    s.check("reason", "b")
    s.check("reason", "a")
    assert s.best("reason") == 1


def test_a_line_that_was_cut_off_costs_only_itself(tmp_path):
    s = opened()
    s.check("reason", "b")
    log = tmp_path / "small.attempts.jsonl"
    log.write_bytes(log.read_bytes() + b'{"time": "2026-01-01", "stud')
    again = opened()
    again.check("area", again.data("area")["a"] ** 2)
    third = opened()
    assert third.progress().right == 2
    assert len(log.read_text().splitlines()) == 3


def test_strange_lines_in_the_log_are_passed_over(tmp_path):
    lines = [
        "[]",
        "3",
        '{"time": 1}',
        '{"time":"t","student":5,"item":"area","record":1,"score":1,"status":"right"}',
        "\x00",
    ]
    (tmp_path / "small.attempts.jsonl").write_text("\n".join(lines))
    assert opened().progress().earned == 0


def test_a_log_that_cannot_be_written_is_said_and_kept_in_memory(tmp_path):
    (tmp_path / "blocked").mkdir()
    s = Sheet("small", folder=tmp_path / "absent")
    assert "could not be written" in repr(s.check("reason", "b"))
    assert s.best("reason") == 1


def test_the_book_leaves_no_log_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TEACHKIT_BOOK", "1")
    opened().check("reason", "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("id", ["", "a b", "../x", "x" * 65, None, 7, "-x", "a/b", "é"])
def test_an_id_that_is_none_is_refused(id):
    with pytest.raises(ValueError, match="id: expected up to 64 letters"):
        Sheet("small").student(id)


def test_unknown_names_are_told():
    with pytest.raises(ValueError, match="item: there is none called 'are'; do you mean 'area'"):
        opened().check("are", 1)
    with pytest.raises(ValueError, match="sheet: there is none called 'newtn'; do you mean 'newton'"):
        catalogue("newtn")
    with pytest.raises(ValueError, match="sheet: there is none"):
        catalogue("../newton")


# --- handing in ----------------------------------------------------------------------------------


def solved(tmp_path, id="ada"):
    s = opened(id)
    s.check("area", 1)
    s.check("area", s.data("area")["a"] ** 2)
    s.check("square", lambda x: x + x)
    s.check("square", lambda x: x * x)
    s.submit()
    return tmp_path / f"small_{id}.json"


def test_the_file_is_readable_and_judged_alike(tmp_path, capsys):
    path = solved(tmp_path)
    content = json.loads(path.read_text())
    assert content["student"] == "ada"
    assert content["sheet_version"] == "v1"
    assert content["answers"]["area"]["record"] == opened().data("area")["a"] ** 2
    assert "lambda x: x * x" in content["answers"]["square"]["record"]["source"]
    assert [x["score"] for x in content["attempts"]] == [0, 1, 0, 1]
    assert {"python", "numpy", "teachkit", "system"} == content["versions"].keys()
    result = check.check_file(path)
    assert (result.earned, result.remarks) == (6, ())
    assert check.main([str(path)]) == 0
    out = capsys.readouterr().out
    assert "Student ada: 6 of 7 points" in out
    assert "reason" in out
    assert "No answer was handed in." in out


def test_submit_says_what_is_missing_and_asks_for_an_id(tmp_path):
    s = opened()
    s.check("reason", "b")
    assert "Without an answer: area, square." in repr(s.submit())
    assert repr(s.submit(tmp_path / "mine.json")).startswith("Written to mine.json")
    with pytest.raises(ValueError, match="say who you are"):
        Sheet("small").submit()


def test_another_students_values_are_not_ones_own(tmp_path):
    ids = ["ada", *(f"s{i}" for i in range(9))]
    values = {id: opened(id).data("area")["a"] for id in ids}
    other = next(id for id in ids if values[id] != values["ada"])
    content = json.loads(solved(tmp_path).read_text())
    forged = {**content, "student": other}
    path = tmp_path / "forged.json"
    path.write_text(json.dumps({**forged, "digest": handin.digest(forged)}))
    result = check.check_file(path)
    assert result.verdicts["area"].score == 0
    assert "the score in the file differs" in result.remarks[0]


def rewritten(tmp_path, change, sign=True):
    content = json.loads(solved(tmp_path).read_text())
    change(content)
    if sign:
        content["digest"] = handin.digest(content)
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(content))
    return path


def test_a_changed_file_is_noticed(tmp_path):
    path = rewritten(tmp_path, lambda c: c["answers"]["area"].update(record=1), sign=False)
    with pytest.raises(ValueError, match="the digest does not fit"):
        check.check_file(path)


def test_a_claimed_score_is_worth_nothing(tmp_path):
    path = rewritten(tmp_path, lambda c: c["answers"].update(reason={"record": "a", "score": 1, "time": ""}))
    assert check.check_file(path).verdicts["reason"].score == 0


def test_another_version_of_the_sheet_is_said(tmp_path):
    path = rewritten(tmp_path, lambda c: c.update(sheet_version="v0"))
    assert "version v0 of the sheet; judged by version v1" in check.check_file(path).remarks[0]


HOSTILE = [
    {"array": [1], "dtype": "object", "shape": [1]},
    "9**9**9**9",
    {"float": "nan"},
    [[[[[[]]]]]],
    {"results": {"a number": {"value": "x" * 9999}}},
    {"results": {"a number": {"problem": 7}}},
    {"results": {"a number": 7}},
    {"results": {}},
    {"results": {"a number": {"value": 1e308}}, "printed": "x"},
    True,
    math.pi,
]


@pytest.mark.parametrize("record", HOSTILE, ids=lambda x: repr(x)[:20])
@pytest.mark.parametrize("item", list(KINDS))
def test_a_hostile_answer_costs_only_its_item(tmp_path, item, record):
    path = rewritten(tmp_path, lambda c: c["answers"].update({item: {"record": record, "score": 1, "time": ""}}))
    result = check.check_file(path)
    assert result.verdicts[item].score == 0
    earned = {"area": 4, "reason": 0, "square": 2}
    assert result.earned == sum(earned.values()) - earned[item]
    assert str(result)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "expected an object"),
        (b"{}", "format: expected int"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b" " * (handin.LARGEST + 1), "larger than 5 MB"),
    ],
    ids=["empty", "list", "object", "bytes", "deep", "large"],
)
def test_a_file_that_is_none_is_told(tmp_path, text, message, capsys):
    path = tmp_path / "x.json"
    path.write_bytes(text)
    assert check.main([str(path), str(solved(tmp_path))]) == 1
    said = capsys.readouterr()
    assert message in said.err
    assert "6 of 7 points" in said.out  # the next file still counts


def test_a_missing_file_and_another_format_are_told(tmp_path, capsys):
    assert check.main([str(tmp_path / "none.json")]) == 1
    assert "none.json" in capsys.readouterr().err
    path = rewritten(tmp_path, lambda c: c.update(format=99))
    with pytest.raises(ValueError, match="format 99 is not known"):
        check.check_file(path)
