"""Handing in a sheet, and judging what was handed in."""

import json
import math
import time

import pytest

from teachkit.grading import Sheet, check, handin

pytestmark = pytest.mark.usefixtures("small_sheet")
ITEMS = ("area", "reason", "square")


def opened(id="ada"):
    s = Sheet("small")
    s.student(id)
    return s


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
    with pytest.raises(ValueError, match="the guest can not hand in"):
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
@pytest.mark.parametrize("item", ITEMS)
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


@pytest.mark.parametrize("record", ["1" + " " * 40_000 + "!", ["x" * 30_000] + ["a"] * 20_000, [[0.0] * 9_000] * 20])
def test_a_record_made_to_take_long_is_refused_at_once(tmp_path, record):
    path = rewritten(tmp_path, lambda c: c["answers"].update(area={"record": record, "score": 1, "time": ""}))
    start = time.monotonic()
    assert check.check_file(path).verdicts["area"].score == 0
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("id", ["ada: 7 of 7 points\n", "\x1b[2J", "\ud800", ""])
def test_an_id_that_would_spoil_the_teachers_view_is_refused(tmp_path, id):
    with pytest.raises(ValueError, match="student: expected"):
        check.check_file(rewritten(tmp_path, lambda c: c.update(student=id)))


def test_nothing_unprintable_reaches_the_teachers_terminal(tmp_path):
    path = rewritten(tmp_path, lambda c: c.update(sheet_version="\x1b[2J\ud800"))
    assert "version ?[2J?" in str(check.check_file(path))


def test_a_missing_file_and_another_format_are_told(tmp_path, capsys):
    assert check.main([str(tmp_path / "none.json")]) == 1
    assert "none.json" in capsys.readouterr().err
    path = rewritten(tmp_path, lambda c: c.update(format=99))
    with pytest.raises(ValueError, match="format 99 is not known"):
        check.check_file(path)
