"""A student's way through a sheet: attempts, hints, progress, a restart, handing in, and being judged."""

import json

import pytest

from teachkit.grading import Sheet, sheet
from teachkit.grading.catalogue import Catalogue, Hint, Item, Statement, catalogue
from teachkit.grading.kinds import Derivation, Number

pytestmark = pytest.mark.usefixtures("small_sheet")


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
        '  1 of 2 hints open: sheet.hint("area")',
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


def test_the_statement_is_a_link_where_the_book_has_an_address(monkeypatch, small_sheet):
    item = Item(
        "area", "", 4, (Hint("h"),), Statement("x", "theorem", "T", "C", "https://example.org/chapters/c.html#x")
    )
    monkeypatch.setattr(
        sheet, "catalogue", lambda name: Catalogue("small", "t", "v", {**small_sheet.items, "area": item})
    )
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
    assert repr(s.hint("area")) == "Hint: What is a square?\n1 more of 2: the next wrong answer opens one."
    s.check("area", 2)
    s.check("area", 3)
    assert repr(s.hint("area")) == "Hint: What is a square?\nHint: Multiply."


def test_a_hint_of_the_wrong_step_opens_first(monkeypatch):
    steps = Derivation(steps={"side": Number(value=2), "area": Number(value=4)})
    item = Item("area", "", 2, (Hint("Begin."), Hint("The side.", "side"), Hint("The area.", "area")), None)
    monkeypatch.setattr(sheet, "catalogue", lambda name: Catalogue("small", "t", "v", {"area": item}))
    monkeypatch.setattr(sheet, "kinds", lambda name: {"area": steps})
    s = opened()
    s.check("area", {"side": 2})
    assert "Try first" in repr(s.hint("area"))
    s.check("area", {"side": 2, "area": 5})
    assert repr(s.hint("area")).startswith("Hint (area): The area.\n2 more of 3")
    s.check("area", {"side": 2, "area": 6})
    assert "Hint: Begin." in repr(s.hint("area"))


def test_a_restart_loses_nothing():
    s = opened()
    s.check("area", 1)
    s.check("reason", "b")
    again = opened()
    assert again.progress() == s.progress()
    assert again.best("reason") == 1
    assert repr(again.hint("area")).startswith("Hint: What is")
    assert opened("bob").progress().earned == 0


def test_a_better_answer_counts_and_a_worse_one_takes_nothing_away():
    s = opened()
    s.check("reason", "b")
    assert "Your best attempt, 1 of 1 points, still counts." in repr(s.check("reason", "a"))
    assert s.best("reason") == 1


def test_what_a_guest_solved_counts_where_the_values_are_the_same_for_everybody():
    s = Sheet("small")
    s.check("reason", "b")
    s.check("area", s.data("area")["a"] ** 2)
    said = repr(s.student("ada"))
    assert "Check again, since your values differ from the guest's: area." in said
    assert (s.best("reason"), s.best("area")) == (1, 0)
    assert Sheet("small").best("area") == 1
    assert opened("bob").best("reason") == 1


def test_the_overview_lists_every_item():
    s = opened()
    s.check("reason", "b")
    assert repr(s.overview()).splitlines()[:3] == [
        "area: 0 of 4 points", "reason: 1 of 1 points", "square: 0 of 2 points",
    ]  # fmt: skip


def test_the_last_right_item_leads_to_handing_in():
    s = opened()
    s.check("reason", "b")
    s.check("square", lambda x: x * x)
    assert "sheet.submit()" in repr(s.check("area", s.data("area")["a"] ** 2))


def test_an_answer_too_large_to_keep_is_refused():
    verdict = opened().check("square", lambda x: "x" * 19_000).verdict
    assert verdict.status == "wrong"
    verdict = opened().check("square", lambda x: ["x" * 19_000] * 2).verdict
    assert "too long" in verdict.message


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
        "[" * 100_000,
        _line(score="NaN"),
        _line(score=5),
        _line(time=1),
        '{"time":"t","student":5,"item":"area","record":1,"score":1,"status":"right"}',
        "\x00",
    ]
    (tmp_path / "small.attempts.jsonl").write_text("\n".join(lines))
    assert opened().progress().earned == 0


def _line(**changes):
    sound = {"time": '"t"', "student": '"ada"', "item": '"reason"', "record": '"b"', "score": 1, "status": '"right"'}
    fields = {**sound, **changes}
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"


def test_a_sound_line_counts(tmp_path):
    (tmp_path / "small.attempts.jsonl").write_text(_line())
    assert opened().progress().earned == 1


def test_two_sheets_on_one_log_see_each_others_work(tmp_path):
    first, second = opened(), opened()
    second.check("reason", "b")
    assert first.best("reason") == 1
    first.submit()
    assert "reason" in json.loads((tmp_path / "small_ada.json").read_text())["answers"]


def test_another_working_folder_does_not_move_the_log(tmp_path, monkeypatch):
    s = opened()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    s.check("reason", "b")
    assert (tmp_path / "small.attempts.jsonl").exists()


def test_handing_in_to_a_folder_that_is_not_there_is_told(tmp_path):
    assert "could not be written" in repr(opened().submit(tmp_path / "no/such/folder.json"))


def test_the_same_answer_in_another_form_opens_no_second_hint():
    s = opened()
    for answer in (1, 1.0, "1", "2/2"):
        s.check("area", answer)
    assert "1 more of 2" in repr(s.hint("area"))
    s.check("square", lambda x: x)
    s.check("square", lambda x: x * 1)  # another source, the same results
    assert repr(s.hint("square")) == "Hint: x times x."


def test_a_log_that_cannot_be_written_is_said_and_kept_in_memory(tmp_path):
    (tmp_path / "blocked").mkdir()
    s = Sheet("small", folder=tmp_path / "absent")
    assert "could not be written" in repr(s.check("reason", "b"))
    assert s.best("reason") == 1


def test_the_book_leaves_no_log_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TEACHKIT_BOOK", "1")
    opened().check("reason", "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("id", ["", "a b", "../x", "x" * 65, None, 7.5, -7, "-x", "a/b", "é"])
def test_an_id_that_is_none_is_refused(id):
    with pytest.raises(ValueError, match="id: expected up to 64 letters"):
        Sheet("small").student(id)


def test_an_id_may_be_a_number():
    s = Sheet("small")
    assert "Student 12345." in repr(s.student(12345))


def test_unknown_names_are_told():
    with pytest.raises(ValueError, match="item: there is none called 'are'; do you mean 'area'"):
        opened().check("are", 1)
    with pytest.raises(ValueError, match="sheet: there is none called 'newtn'; do you mean 'newton'"):
        catalogue("newtn")
    with pytest.raises(ValueError, match="sheet: there is none"):
        catalogue("../newton")
