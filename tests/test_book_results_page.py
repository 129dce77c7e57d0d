"""The page of all recorded runs: nothing is left out, and it follows the records."""

import json
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup
from docutils import nodes

from teachkit.book.manifest import NAME, describe, read_result, write_result
from teachkit.book.results import look_up
from teachkit.book.results_page import leaves, over, purpose, recorded, section, value

CONF = """
project = "small"
root_doc = "index"
extensions = ["myst_parser", "teachkit.book.results_page"]
html_theme = "basic"
"""
INDEX = "# First\n\n```{toctree}\npages/runs\npages/other\n```\n"
PAGE = "# Runs\n\n```{runs}\n```\n"
OTHER = "# Other page\n\n{result}`moons:fid`, {result}`moons:nll`\n"
METRICS = {
    "nll": {"mean": 1.5, "spread": 0.02, "n": 3},
    "test": {"bits": 2.25, "deep": {"ms": {"median": 8.0, "spread": 0.5, "n": 1}}},
    "fid": None,
    "curve": [0.5, 0.25],
}


@pytest.fixture
def root(tmp_path):
    """A repository with a run of one file and a benchmark without any, and a book with the page of the runs."""
    texts = {
        "conf.py": CONF,
        "index.md": INDEX,
        "pages/runs.md": PAGE,
        "pages/other.md": OTHER,
        "runs/moons.py": '"""Two moons, with ``fit``.\n\nMore.\n"""\nraise RuntimeError("it was run")\n',
        "benchmarks/a.py": '"""Times."""\n',
        "results/moons/curve.csv": "1,2\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    record(tmp_path, "moons", METRICS, device="NVIDIA X")
    record(tmp_path, "a_bench", {"s": 1.25})
    return tmp_path


def record(root, name, metrics, device="cpu"):
    manifest = describe(name, {}, [0, 1, 2], metrics, seconds=1234.5, device=device, peak_memory_mb=2048)
    versions = {"numpy": "2.0", "torch": "3.0"}
    write_result(root / "results" / name, manifest | {"commit": f"{'abc1234' * 4}+changes", "versions": versions})


def shown(root, name):
    return section(root, read_result(root / "results" / name), "pages/runs")


def rows(table):
    body = next(table.findall(nodes.tbody))
    return [[cell.astext() for cell in row] for row in body]


def test_runs_come_before_benchmarks(root):
    record(root, "zoo", {})
    assert recorded(root) == ["moons", "zoo", "a_bench"]


def test_a_run_that_has_not_come_to_its_end_is_left_out(root):
    (root / "results/moons" / NAME).unlink()
    assert recorded(root) == ["a_bench"]


def test_a_section_holds_the_whole_record(root):
    made = shown(root, "moons")
    facts, metrics = made.findall(nodes.table)
    sha256 = read_result(root / "results/moons")["files"]["curve.csv"]
    assert made["ids"] == ["run-moons"]
    assert [made[0].astext(), made[1].astext()] == ["moons", "Two moons, with fit."]
    assert dict(rows(facts)) == {
        "Command": "python -m runs.moons",
        "Device": "NVIDIA X",
        "Seeds": "0, 1, 2",
        "Time": "1,234.5 s",
        "Peak memory": "2,048.0 MB",
        "Commit": "abc1234, with changes",
        "Versions": "numpy 2.0, torch 3.0",
        "Files": f"curve.csv, 4 bytes, sha256 {sha256[:12]}",
        "Manifest": "results/moons.json",
        "Cited on": "",
    }
    assert rows(metrics) == [
        ["nll", "1.500 ± 0.020", "3 seeds"],
        ["test.bits", "2.25", ""],
        ["test.deep.ms", "8.00 ± 0.50", "1 round"],
        ["fid", "not run yet", ""],
        ["curve", "0.5, 0.25", ""],
    ]


def test_a_benchmark_on_a_cpu_says_so(root):
    facts = dict(rows(next(shown(root, "a_bench").findall(nodes.table))))
    assert facts["Command"] == "python -m benchmarks --only a"
    assert facts["Device"] == "a CPU"
    assert facts["Files"] == "none"


def test_a_run_that_no_machine_has_made_says_so(root):
    manifest = read_result(root / "results/a_bench") | {"seconds": None, "peak_memory_mb": None, "metrics": {}}
    made = section(root, manifest, "x")
    facts = dict(rows(next(made.findall(nodes.table))))
    assert facts["Time"] == facts["Peak memory"] == "not run yet"
    assert "It records no metric." in made.astext()


def test_every_metric_of_every_record_is_shown_under_a_name_that_finds_it(pytestconfig):
    here = pytestconfig.rootpath
    assert recorded(here)
    for name in recorded(here):
        manifest = read_result(here / "results" / name)
        *_, metrics = section(here, manifest, "chapters/results").findall(nodes.table)
        expected = [[path, value(x), over(x)] for path, x in leaves(manifest["metrics"])]
        assert rows(metrics) == expected
        for path, *rest in expected:
            x = look_up(manifest, path)
            assert [value(x), over(x)] == rest


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, r"runs/moons\.py does not exist"), ("x = 1\n", r"runs/moons\.py has no docstring")],
)
def test_a_program_that_does_not_say_what_it_is(root, text, message):
    program = root / "runs/moons.py"
    program.unlink()
    if text:
        program.write_text(text)
    with pytest.raises(ValueError, match=message):
        purpose(program)


# --- built for real ---------------------------------------------------------------------------


def build(root):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", ".", "_build/html"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def cells(root):
    """Return the first column and the second of all tables of the page, in order."""
    page = BeautifulSoup((root / "_build/html/pages/runs.html").read_text("utf-8"), "html.parser")
    return page, [[x.get_text(" ", strip=True) for x in row.select("th, td")[:2]] for row in page.select("tbody tr")]


def test_the_page_follows_records_and_citations(root):
    assert build(root) == (0, "")
    page, before = cells(root)
    assert [x.get_text() for x in page.select("details > summary")] == ["5 metrics of moons", "1 metric of a_bench"]
    assert not page.select("details[open]")
    assert all(head.get_text(strip=True) for head in page.select("th"))
    cited = [x for x in page.select("tbody tr") if x.th.get_text(strip=True) == "Cited on"]
    assert [x.td.get_text(strip=True) for x in cited] == ["Other page", "no page yet"]
    assert [x["href"] for x in cited[0].select("a")] == ["other.html"]
    assert {x["href"] for x in page.select("a[href$=json]")} == {"../results/moons.json", "../results/a_bench.json"}

    (root / "pages/other.md").write_text("# Renamed\n\n{result}`a_bench:s`\n")
    assert build(root) == (0, "")
    cited = [y for x, y in cells(root)[1] if x == "Cited on"]
    assert cited == ["no page yet", "Renamed"]

    (root / "runs/new.py").write_text('"""A new one."""\n')
    record(root, "new", {"late": 7.5})
    assert build(root) == (0, "")
    assert ["late", "7.5"] in cells(root)[1]

    record(root, "a_bench", {"s": 2.5})
    assert build(root) == (0, "")
    assert ["s", "2.5"] in cells(root)[1]
    assert ["s", "1.25"] in before


def test_all_broken_records_stop_the_build_by_name(root):
    (root / "results/moons/curve.csv").write_text("1,3\n")
    manifest = json.loads((root / "results/a_bench" / NAME).read_text("utf-8"))
    del manifest["device"]
    (root / "results/a_bench" / NAME).write_text(json.dumps(manifest))
    record(root, "orphan", {})
    code, said = build(root)
    assert code != 0
    for reason in (
        f"moons/{NAME}: files: curve.csv differs from its sha256",
        f"a_bench/{NAME}: missing: device",
        "runs/orphan.py does not exist",
    ):
        assert f"pages/runs.md:3: {{runs}}: {reason}" in said
