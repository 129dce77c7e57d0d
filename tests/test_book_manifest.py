"""The records of runs: written whole, checked when read, shown in the text."""

import json

import pytest

from teachkit.book.manifest import NAME, describe, read_result, write_result
from teachkit.book.results import look_up, origin, show


@pytest.fixture
def run(tmp_path):
    """A folder with a recorded run and one file beside the record."""
    folder = tmp_path / "moons"
    folder.mkdir()
    (folder / "curve.csv").write_text("1,2\n")
    metrics = {"nll": {"mean": 1.5, "spread": 0.02, "n": 3}, "test": {"bits": 2.25}, "fid": None}
    write_result(folder, describe("moons", {"lr": 0.1}, [0, 1, 2], metrics, seconds=12.5))
    return folder


def test_what_was_written_is_read(run):
    manifest = read_result(run)
    assert manifest["seeds"] == [0, 1, 2]
    assert manifest["seconds"] == 12.5
    assert manifest["peak_memory_mb"] > 1
    assert manifest["versions"]["numpy"]
    assert list(manifest["files"]) == ["curve.csv"]
    assert sorted(path.name for path in run.iterdir()) == ["curve.csv", NAME]


def test_a_changed_or_missing_file_is_found(run):
    (run / "curve.csv").write_text("1,3\n")
    with pytest.raises(ValueError, match=r"curve\.csv differs"):
        read_result(run)
    (run / "curve.csv").unlink()
    with pytest.raises(ValueError, match=r"curve\.csv is missing"):
        read_result(run)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "other"}, "name: expected 'moons', got 'other'"),
        ({"seeds": 3}, "seeds: did not expect int"),
        ({"extra": 1}, "not known: extra"),
        ({"metrics": {"a": float("nan")}}, "metrics.a: expected a finite number or None, got nan"),
        ({"metrics": {"a": {"mean": 1.0}}}, "metrics.a: expected mean, spread and n"),
    ],
)
def test_a_wrong_manifest_is_not_written(run, change, message):
    before = (run / NAME).read_text("utf-8")
    wrong = {key: value for key, value in read_result(run).items() if key != "files"} | change
    with pytest.raises(ValueError, match=message):
        write_result(run, wrong)
    assert (run / NAME).read_text("utf-8") == before


def test_a_missing_field_is_named(run):
    manifest = json.loads((run / NAME).read_text("utf-8"))
    del manifest["device"], manifest["config"]
    (run / NAME).write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="missing: config, device"):
        read_result(run)


def test_a_cut_off_file_is_no_manifest(run):
    (run / NAME).write_text('{"name": ')
    with pytest.raises(ValueError, match="not JSON"):
        read_result(run)


@pytest.mark.parametrize(
    ("path", "spec", "shown"),
    [
        ("nll", "", "1.500 ± 0.020"),
        ("nll", ".1f", "1.5 ± 0.0"),
        ("test.bits", "", "2.25"),
        ("fid", ".2f", "not run yet"),
        ("seconds", ".0f", "12"),
        ("device", "", "cpu"),
    ],
)
def test_metrics_by_path_and_format(run, path, spec, shown):
    assert show(look_up(read_result(run), path), spec) == shown


@pytest.mark.parametrize("path", ["nil", "test.nats", "nll.mean.x", ""])
def test_an_unknown_metric_is_named_with_the_known_ones(run, path):
    with pytest.raises(ValueError, match=r"moons has no metric .* it has: nll, test.bits, fid"):
        look_up(read_result(run), path)


def test_a_group_cannot_be_shown(run):
    with pytest.raises(ValueError, match="group of metrics: bits"):
        show(look_up(read_result(run), "test"))


def test_the_tooltip_names_seeds_and_device(run):
    manifest = read_result(run)
    expected = "Run moons: mean ± standard deviation over 3 seeds, recorded on a CPU, commit "
    assert origin(manifest, "nll").startswith(expected)
    assert origin(manifest | {"device": "NVIDIA X"}, "test.bits").startswith("Run moons: recorded on NVIDIA X, commit ")
    assert origin(manifest, "fid") == "Run moons: no machine has run this yet"
