"""The rules of the layout: sizes of files, names that belong together, what may import what."""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/teachkit"
PYTHON_FILES = sorted(
    path for folder in ("src", "tests", "runs", "benchmarks") for path in ROOT.glob(f"{folder}/**/*.py")
)
ROOT_MODULES = sorted(
    path.stem if path.suffix else path.name
    for path in PACKAGE.iterdir()
    if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.name not in ("deep", "book", "__init__.py")
)
CHAPTERS = sorted(path.stem for path in ROOT.glob("chapters/*.md"))
SHEETS = sorted(path.stem for path in ROOT.glob("solutions/*.md"))


def relative(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_file_has_at_most_300_lines(path):
    assert len(path.read_text("utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_function_body_has_at_most_40_lines(path):
    functions = [n for n in ast.walk(ast.parse(path.read_bytes())) if isinstance(n, ast.FunctionDef)]
    assert {f.name: length for f in functions if (length := body_length(f)) > 40} == {}


def body_length(function):
    """Count the lines of a function after its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


FORBID = """
import importlib, importlib.abc, sys
class Forbid(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "scipy", "matplotlib", "ipywidgets", "IPython", "pooch", "tqdm"}:
            raise ImportError(f"{name} is forbidden here")
sys.meta_path.insert(0, Forbid())
importlib.import_module(sys.argv[1])
"""


@pytest.mark.parametrize("module", ROOT_MODULES)
def test_root_module_needs_numpy_alone(module):
    done = subprocess.run([sys.executable, "-c", FORBID, f"teachkit.{module}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_forbidding_an_import_works():
    done = subprocess.run([sys.executable, "-c", FORBID, "torch"], capture_output=True, text=True)
    assert "torch is forbidden here" in done.stderr


@pytest.mark.parametrize("stem", sorted({*CHAPTERS} & {*ROOT_MODULES}))
def test_chapter_with_a_module_has_tests_of_its_name(stem):
    assert (ROOT / f"tests/test_{stem}.py").exists()


SHARED_BY_MODELS = {"adversarial", "checkpoint", "device", "recording", "source", "train", "unet"}
SHARED_BY_MODELS |= {"coupling_layers", "coupling_mixing", "coupling_nets"}


@pytest.mark.parametrize("path", [p for p in PACKAGE.glob("deep/*.py") if p.stem[0] != "_"], ids=relative)
def test_torch_module_has_tests_and_a_twin_chapter_or_run_of_its_name(path):
    others = PACKAGE / path.name, ROOT / f"chapters/{path.stem}.md", ROOT / f"runs/{path.stem}.py"
    assert path.stem in SHARED_BY_MODELS or any(other.exists() for other in others)
    assert (ROOT / f"tests/test_deep_{path.stem}.py").exists()


@pytest.mark.parametrize("stem", SHEETS)
def test_sheet_has_checks_and_galleries_of_its_name(stem):
    assert (PACKAGE / f"grading/checks/{stem}.py").exists()
    assert (ROOT / f"tests/wrong/{stem}.py").exists()
    assert (ROOT / f"exercises/{stem}.md").exists()


@pytest.mark.parametrize("path", [p for p in ROOT.glob("runs/*.py") if not p.stem.startswith("_")], ids=relative)
def test_run_has_results_of_its_name(path):
    manifest = ROOT / "results" / path.stem / "result.json"
    assert json.loads(manifest.read_text("utf-8"))["name"] == path.stem


def code_names():
    """Yield the names in the `code` column of the tables of the notation chapter."""
    column = None
    for line in (ROOT / "chapters/notation.md").read_text("utf-8").splitlines():
        # A bar inside code or behind a backslash does not end a cell.
        cells = (
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))] if line.startswith("|") else []
        )
        if not cells:
            column = None
        elif column is None:
            column = next((i for i, cell in enumerate(cells) if cell.lower() == "code"), -1)
        elif column >= 0:
            yield from re.findall(r"`([^`]+)`", cells[column])


@pytest.mark.parametrize("name", sorted(set(code_names())))
def test_name_in_the_notation_table_exists(name):
    path, _, arguments = name.removeprefix("teachkit.").partition("(")
    assert "." in path, f"write {name} as module.name"
    parent, _, attribute = path.rpartition(".")
    found = resolve(parent, attribute)
    for argument in re.findall(r"[A-Za-z_]\w*", arguments):
        assert argument in inspect.signature(found).parameters, f"{path} has no argument {argument}"


def resolve(parent, attribute):
    """Return an attribute of a module or of a class in a module of the library."""
    try:
        owner = importlib.import_module(f"teachkit.{parent}")
    except ModuleNotFoundError:
        module, _, name = parent.rpartition(".")
        owner = getattr(importlib.import_module(f"teachkit.{module}"), name)
    fields = {*getattr(owner, "_fields", ()), *getattr(owner, "__dataclass_fields__", ())}
    return owner if attribute in fields else getattr(owner, attribute)


def test_there_is_a_notation_table():
    assert len(set(code_names())) >= 5


def pins():
    """Return the pinned versions by name."""
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    entries = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(str(entry.specifier).startswith("==") for entry in entries)
    return {canonical(entry.name): Version(str(entry.specifier)[2:]) for entry in entries}


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def lower_bounds():
    metadata = project()
    extras = metadata["project"]["optional-dependencies"].values()
    needs = metadata["build-system"]["requires"] + metadata["project"]["dependencies"]
    return [*needs, *(need for extra in extras for need in extra)]


@pytest.mark.parametrize("need", lower_bounds())
def test_pin_satisfies_the_bound_of_the_project(need):
    requirement = Requirement(need)
    assert requirement.specifier.contains(pins()[canonical(requirement.name)])


def test_installed_versions_are_the_pinned_ones():
    from importlib.metadata import version

    # A local label such as +cpu names a build of the same version.
    installed = {name: Version(version(name)).public for name in pins()}
    assert installed == {name: str(pin) for name, pin in pins().items()}


def test_pins_install_on_the_oldest_python():
    """Debian 12 ships 3.11.2, which some releases leave out."""
    from importlib.metadata import metadata

    oldest = SpecifierSet(project()["project"]["requires-python"])
    needs = {name: SpecifierSet(metadata(name).get("Requires-Python") or "") for name in pins()}
    assert oldest == SpecifierSet(">=3.11")
    assert {name: str(need) for name, need in needs.items() if "3.11.0" not in need} == {}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The library's wheel, built from a copy of what it is made of."""
    import shutil

    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


DATA_FILES = {
    "teachkit/data/pride_and_prejudice.txt.bz2": 200_000,
    "teachkit/data/files/digits/images-idx3-ubyte.gz": 45_000,
    "teachkit/data/files/fashion-mnist/train-images-idx3-ubyte.gz": 3_500_000,
    "teachkit/data/files/fashion-mnist/t10k-images-idx3-ubyte.gz": 900_000,
}


@pytest.mark.parametrize("name", DATA_FILES)
def test_wheel_carries_its_data(wheel, name):
    with zipfile.ZipFile(wheel) as archive:
        assert archive.getinfo(name).compress_size < DATA_FILES[name]


def test_wheel_is_small_and_holds_the_library_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert sum(x.compress_size for x in archive.infolist() if x.filename not in DATA_FILES) < 500_000
        folders = {name.split("/")[0] for name in names}
        assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"teachkit"}
        data = [name for name in names if name.endswith((".npz", ".npy", ".json", ".png"))]
        assert sorted(data) == [f"teachkit/grading/sheets/{stem}.json" for stem in SHEETS]
        contents = b"\n".join(archive.read(name) for name in names)
    assert str(ROOT).encode() not in contents


def tracked_texts():
    """Return the text files that git would commit, without vendored ones."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.split("\n")
    if not any(names):
        pytest.skip("the list of files needs a clone made by git")
    suffixes = (".md", ".py", ".yml", ".toml", ".json", ".mjs", ".css", ".txt", ".cff", "Makefile", "run", "venv")
    return [
        ROOT / name for name in names if name.endswith(suffixes) and "mathjax3" not in name and (ROOT / name).exists()
    ]


def test_no_file_names_a_folder_of_one_machine():
    # Split, so that this file does not name them either.
    private = re.compile(
        r"(?<![\w.:/])/(?:" + "|".join(["wor" + "k", "roo" + "t", "hom" + "e", "User" + "s"]) + r")/\w"
    )
    guilty = [relative(path) for path in tracked_texts() if private.search(path.read_text("utf-8"))]
    assert guilty == []


def files_of(toc):
    """Yield every file that a table of contents names."""
    if isinstance(toc, dict):
        yield from (toc[key] for key in ("root", "file") if key in toc)
        toc = list(toc.values())
    if isinstance(toc, list):
        for entry in toc:
            yield from files_of(entry)


def test_book_is_not_made_of_the_environment():
    """What is not in the table of contents is left out by itself, but not below hidden folders."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    assert any(fnmatch(".venv", pattern) for pattern in config.get("exclude_patterns", []))


def test_table_of_contents_lists_every_chapter_once():
    listed = list(files_of(yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))))
    sheets = [f"{folder}/{stem}" for folder in ("exercises", "solutions") for stem in SHEETS]
    assert sorted(listed) == [*(f"chapters/{stem}" for stem in CHAPTERS), *sheets]


def mapped():
    """Return the paths in the file map of the README."""
    table = (ROOT / "README.md").read_text("utf-8").partition("## File map")[2]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def test_file_map_names_what_is_there():
    assert [path for path in mapped() if not (ROOT / path).exists()] == []


def test_file_map_names_every_module():
    modules = [path for path in PACKAGE.iterdir() if path.name not in ("__init__.py", "__pycache__")]
    named = {path.rstrip("/") for path in mapped()}
    assert [relative(path) for path in modules if relative(path) not in named] == []
