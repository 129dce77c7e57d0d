"""Running notebooks as a reader would: what counts as a failure, what is reported, what is recorded."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import nbformat.v4 as v4
import pytest

from teachkit.book import clean
from teachkit.book.rehearse import Rehearsal, code_digest, fill, record, rehearse, rehearse_one, run

WIDGET = """
import ipywidgets
from IPython.display import display

def draw(x):
    display("drawn %d" % x)
    {line}

ipywidgets.interactive(draw, x=(0, 3))
"""


def made(*sources):
    """Return a notebook with a text and these code cells."""
    return v4.new_notebook(cells=[v4.new_markdown_cell("# Title"), *(v4.new_code_cell(source) for source in sources)])


def write(folder, **notebooks):
    folder.mkdir(parents=True, exist_ok=True)
    for name, sources in notebooks.items():
        (folder / f"{name}.ipynb").write_text(json.dumps(made(*sources)), "utf-8")


def outputs(notebook):
    return "".join(output.get("text", "") for cell in notebook.cells[1:] for output in cell.outputs)


def test_notebook_runs_in_this_python_away_from_the_repository(root):
    notebook = made(
        "import os, sys\nprint(sys.executable, os.getcwd(), os.environ['IPYTHONDIR'], os.listdir(), sep='\\n')"
    )
    assert run(notebook, "a") == ""
    python, folder, profile, files = outputs(notebook).splitlines()
    assert python == sys.executable
    assert profile == f"{folder}/.ipython"
    assert root not in [Path(folder), *Path(folder).parents]
    assert "chapters" not in files


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import time\ntime.sleep(60)", "The cell ran for more than 2 s."),
        ("import os\nos._exit(1)", "The kernel died."),
        (WIDGET.format(line="1 / 0"), "ZeroDivisionError: division by zero"),
    ],
)
def test_failure_names_notebook_cell_and_reason(source, reason):
    first = source.strip().splitlines()[0]
    report = run(made("x = 1", source, "x = 2"), "chapters/a", timeout=2).splitlines()
    assert report[:2] == ["chapters/a: code cell 2 failed", f"    {first}"]
    assert report[-1] == f"    {reason}"


def test_widget_shows_what_it_draws_and_does_not_hold_up_the_next_cell():
    notebook = made(*[WIDGET.format(line="")] * 8)
    assert run(notebook, "a", timeout=20) == ""
    shown = [output.data["text/plain"] for cell in notebook.cells[1:] for output in cell.outputs]
    assert shown.count("'drawn 1'") == 8


def test_every_notebook_of_a_folder_is_run(tmp_path):
    write(tmp_path / "chapters", good=["x = 1"], bad=["x"])
    write(tmp_path / "exercises", good=["x = 1"])
    done = {result.name: bool(result.failure) for result in rehearse(tmp_path)}
    assert done == {"chapters/good": False, "chapters/bad": True, "exercises/good": False}
    assert rehearse_one(tmp_path, "chapters/good").seconds > 0


# --- the record ---------------------------------------------------------------------------------


def test_record_keeps_the_older_date_of_what_failed(tmp_path):
    write(tmp_path / "chapters", a=["x = 1"], b=["x = 2"], c=["x = 3"])
    file, digest = tmp_path / "colab.json", code_digest(made("x = 2"))
    old = {name: {"date": "2026-01-01", "image": "old", "code": digest} for name in ("chapters/b", "chapters/gone")}
    file.write_text(json.dumps(old))
    done = [Rehearsal("chapters/c", 1.0), Rehearsal("chapters/a", 1.0), Rehearsal("chapters/b", 1.0, "failed")]
    record(file, done, tmp_path, "new", date(2026, 11, 22))
    assert json.loads(file.read_text()) == {
        "chapters/a": {"date": "2026-11-22", "image": "new", "code": code_digest(made("x = 1"))},
        "chapters/b": old["chapters/b"],
        "chapters/c": {"date": "2026-11-22", "image": "new", "code": code_digest(made("x = 3"))},
    }


def test_digest_is_of_the_code_alone():
    other = made("x = 1", "y = 2")
    other.cells[0].source = "Another text."
    assert code_digest(other) == code_digest(made("x = 1", "y = 2"))
    assert (
        len({code_digest(made(*x)) for x in (["x = 1"], ["x = 1", "y = 2"], ["x = 1y = 2"], ["y = 2", "x = 1"])}) == 4
    )


def test_command_runs_records_and_fails_when_one_failed(tmp_path):
    write(tmp_path / "notebooks/chapters", good=["x = 1"], bad=["raise ValueError('no')"])
    command = [sys.executable, "-m", "teachkit.book.rehearse", "notebooks", "--record", "notebooks/colab.json"]
    done = subprocess.run([*command, "--image", "sha256:0"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "chapters/bad: code cell 1 failed\n    raise ValueError('no')\n" in done.stderr
    assert sorted(line.split()[0::3] for line in done.stdout.splitlines()) == [
        ["chapters/bad", "failed"],
        ["chapters/good", "passed"],
    ]
    [(name, entry)] = json.loads((tmp_path / "notebooks/colab.json").read_text()).items()
    assert (name, entry["image"], entry["code"]) == ("chapters/good", "sha256:0", code_digest(made("x = 1")))


def test_no_notebook_is_a_failure(tmp_path):
    command = [sys.executable, "-m", "teachkit.book.rehearse", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (1, f"no notebook in {tmp_path}")


# --- a sheet with its items answered --------------------------------------------------------------

SHEET = [
    "passed = {}\ndef check(name, x): passed[name] = x == 2",
    'answer = ...\ncheck("one", answer)',
    "check('two', 0)",
]
ALL = "assert all(passed.values()), passed"


def test_filled_sheet_runs_with_the_answers():
    sheet = made(*SHEET)
    assert run(fill(sheet, {"one": 'check("one", 2)', "two": 'check("two", 1 + 1)'}, ALL), "solved") == ""
    assert [cell.source for cell in sheet.cells[1:]] == SHEET
    assert "{'one': True, 'two': False}" in run(fill(sheet, {"one": 'check("one", 2)'}, ALL), "solved")


def test_an_item_that_the_sheet_does_not_have_is_named():
    with pytest.raises(ValueError, match="answers: expected one cell that checks 'on', found 0"):
        fill(made(*SHEET), {"on": ""})


# --- the clean environments -----------------------------------------------------------------------


def test_lowest_versions_are_the_bounds_of_the_project(root):
    lowest, current = (clean.packages(root, name) for name in ("lowest", "current"))
    assert {"numpy==2.0", "matplotlib==3.9", "ipywidgets==7.7", "scipy==1.13"} <= set(lowest)
    assert [need.replace("==", ">=") for need in lowest] == current


def test_torch_is_asked_for_by_its_pinned_version_alone(root):
    assert clean.torch(root) in (root / "requirements.txt").read_text().splitlines()
    assert not any("torch" in need for name in clean.ENVIRONMENTS for need in clean.packages(root, name))


def test_a_requirement_of_another_form_is_named(tmp_path):
    text = '[project]\ndependencies = ["numpy"]\noptional-dependencies = {plot = ["scipy>=1,<2"]}\n'
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ValueError, match="expected one lower bound, got numpy, scipy>=1,<2"):
        clean.packages(tmp_path, "lowest")


def test_nothing_of_the_repository_gets_into_an_environment(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "src")
    monkeypatch.setenv("TEACHKIT_BOOK", "1")
    assert not {"PYTHONPATH", "TEACHKIT_BOOK"} & clean.environment().keys()
    assert clean.environment()["PYTHONNOUSERSITE"] == "1"


def test_a_failing_command_says_why():
    with pytest.raises(clean.CleanError, match="failed:\nno such thing"):
        clean.call([sys.executable, "-c", "import sys; sys.exit('no such thing')"])
