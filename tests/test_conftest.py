"""What the tests share does what it says, with one process and with two."""

import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from teachkit.book.laws import source_digest

CASES = """
import numpy as np
import pytest

@pytest.mark.law("first")
@pytest.mark.law("second")
@pytest.mark.parametrize("x", [1, 2])
def test_two_laws(x, rng):
    assert rng.random() == np.random.default_rng(0).random()

@pytest.mark.law("first")
class TestGroup:
    def test_one_law(self): ...

def test_draws(): np.random.rand()
def test_seeds(): np.random.seed(0)
def test_prints(): assert str(np.array([1 / 3])) == "[0.33333333]"
"""


@pytest.fixture(scope="module", params=["-n0", "-n2"])
def run(request, tmp_path_factory):
    """The folder of a small project, its finished tests, and what they wrote into the JUnit file."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "tests/site").mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("conftest.py"), folder / "tests")
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\nmarkers = ["law(label): x"]\n')
    (folder / "tests/test_cases.py").write_text(CASES)
    (folder / "tests/site/test_browser.py").write_text("def test_in_a_browser(): ...\n")
    command = [sys.executable, "-m", "pytest", request.param, "--import-mode=importlib", "--junit-xml=out.xml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return folder, done, ElementTree.parse(folder / "out.xml").getroot().find("testsuite")


def laws(case):
    return sorted(entry.get("value") for entry in case.iterfind("properties/property[@name='law']"))


def test_laws_and_digest_are_in_the_junit_file(run):
    folder, _, suite = run
    assert {case.get("name"): laws(case) for case in suite.iter("testcase")} == {
        "test_two_laws[1]": ["first", "second"],
        "test_two_laws[2]": ["first", "second"],
        "test_one_law": ["first"],
        "test_draws": [],
        "test_seeds": [],
        "test_prints": [],
    }
    digest = suite.find("properties/property[@name='source_digest']").get("value")
    assert digest == source_digest(folder)


def test_global_randomness_fails_a_test(run):
    _, done, suite = run
    guilty = {case.get("name") for case in suite.iter("testcase") if case.find("error") is not None}
    assert guilty == {"test_draws", "test_seeds"}, done.stdout
    assert "the test used NumPy's global random state" in done.stdout


def test_browser_tests_run_when_they_are_named(run):
    folder, _, suite = run
    assert "test_in_a_browser" not in {case.get("name") for case in suite.iter("testcase")}
    command = [sys.executable, "-m", "pytest", "-v", "--import-mode=importlib", "tests/site"]
    named = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert "test_in_a_browser PASSED" in named.stdout, named.stdout
