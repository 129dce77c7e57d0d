"""What every test shares: the laws in the JUnit file, and randomness that is never global."""

# ruff: noqa: E402 - the environment is set before the imports that read it.

import os

# Before NumPy or torch starts its threads: the tests run in several processes.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["MPLBACKEND"] = "Agg"

import json
import locale
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from _pytest.junitxml import xml_key

from teachkit.book.laws import source_digest

ROOT = Path(__file__).parents[1]
SITE = ROOT / "tests" / "site"


def pytest_ignore_collect(collection_path, config):
    """Leave the browser tests out of a plain run: they need a built book."""
    named = any(SITE.name in Path(argument.split("::")[0]).parts for argument in config.args)
    return True if collection_path == SITE and not named else None


def pytest_collection_modifyitems(items):
    """Write the labels of the ``law`` marks into the JUnit file, one property per mark."""
    for item in items:
        labels = dict.fromkeys(mark.args[0] for mark in item.iter_markers("law"))
        item.user_properties.extend(("law", label) for label in labels)


def pytest_sessionstart(session):
    """Write into the JUnit file which state of the source the tests ran on."""
    # The public fixture for this does not work under xdist.
    if junit := session.config.stash.get(xml_key, None):
        junit.add_global_property("source_digest", source_digest(ROOT))


@pytest.fixture(scope="session")
def root():
    """The folder of the repository."""
    return ROOT


@pytest.fixture
def quick_run(root):
    """A smoke run of ``runs/<name>.py``, as a command: called with its folder, whose name is the run's."""

    def run(out):
        command = [sys.executable, "-m", f"runs.{out.name}", "--quick", "--out", out]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads((out / "result.json").read_text())

    return run


@pytest.fixture
def rng():
    """A generator that is the same in every test."""
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def no_figure_left_open():
    """Close what a test has drawn: Matplotlib warns, and keeps the memory, when many figures are open."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.fixture(autouse=True)
def no_global_randomness():
    """Fail a test that draws from NumPy's global generator or seeds it."""
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    yield
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    same = before["state"]["pos"] == after["state"]["pos"] and np.array_equal(
        before["state"]["key"], after["state"]["key"]
    )
    if not same:
        np.random.set_state(before)  # noqa: NPY002
        pytest.fail("the test used NumPy's global random state; pass the `rng` fixture instead")


@pytest.fixture(autouse=True)
def plain_numbers():
    """Print numbers in the same way whatever the locale and the options of other tests."""
    locale.setlocale(locale.LC_ALL, "C")
    with np.printoptions(precision=8, suppress=False, threshold=1000, linewidth=75, formatter=None):
        yield


@pytest.fixture
def small_sheet(monkeypatch, tmp_path):
    """A sheet "small" with three items, in an empty folder."""
    from teachkit.grading import check, sheet
    from teachkit.grading.catalogue import Catalogue, Hint, Item, Statement
    from teachkit.grading.kinds import Choice, Function, Number, Wrong

    about = Statement("change-of-variables", "theorem", "Change of <variables>", "Change of variables", "")
    doubled = Wrong(lambda d: 2 * d["a"], "You doubled.", credit=0.25)
    kinds = {
        "area": Number(value=lambda d: d["a"] ** 2, wrong=[doubled], draw=lambda draw: {"a": draw.integer(3, 9)}),
        "reason": Choice(right="b", why={"a": "Not this one."}),
        "square": Function(cases={"a number": lambda draw, data: (draw.decimal(1, 3),)}, reference=lambda x: x * x),
    }
    items = [
        Item("area", "An area", 4, (Hint("What is a square?"), Hint("Multiply.")), about),
        Item("reason", "A reason", 1, (Hint("Read it again."),), None),
        Item("square", "A square", 2, (Hint("x times x."),), None),
    ]
    known = Catalogue("small", "Sheet 9: Small", "v1", {item.name: item for item in items})
    monkeypatch.delenv("TEACHKIT_BOOK", raising=False)
    monkeypatch.chdir(tmp_path)
    for module in (sheet, check):
        monkeypatch.setattr(module, "catalogue", lambda name: {"small": known}[name])
        monkeypatch.setattr(module, "kinds", lambda name: {"small": kinds}[name])
    return known


@pytest.fixture
def problem():
    """Masses and costs of a transport problem in the plane, of several degenerate kinds."""

    def build(n, m, rng, kind="random"):
        x, y = rng.standard_normal((n, 2)), rng.standard_normal((m, 2)) + 1
        a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
        if kind == "even":
            a, b = np.full(n, 1 / n), np.full(m, 1 / m)
        elif kind == "duplicates":
            x, y = x.round(), y.round()
        elif kind == "zero weights":
            a[: n // 2], b[-1] = 0, 0
            a, b = a / a.sum(), b / b.sum()
        elif kind == "collinear":
            x, y = np.outer(x[:, 0], [1, 2]), np.outer(y[:, 0], [1, 2])
        return a, b, ((x[:, None] - y) ** 2).sum(2)

    return build
