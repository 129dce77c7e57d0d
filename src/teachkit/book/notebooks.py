"""Write the pages with code as notebooks for Jupyter and Colab: ``python -m teachkit.book.notebooks``.

``chapters/flows.md`` becomes ``notebooks/chapters/flows.ipynb``: plain Markdown, the page's code without outputs, and
one cell that installs the library where it is missing. The same page always gives the same bytes, and an edit of one
cell leaves the ids of the others alone.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teachkit._files import write_whole
from teachkit.book.execute import is_notebook, read
from teachkit.book.pages import page_names, source
from teachkit.book.plain import Plain
from teachkit.book.references import References
from teachkit.book.rehearse import FOLDER
from teachkit.book.site import Repository, read_repository

if TYPE_CHECKING:
    from nbformat import NotebookNode

LIMIT = 1_000_000
"""Bytes of recorded files that one notebook may carry."""

SETUP = """\
# Set-up: installs teachkit if it is missing. What this machine has already is kept.
import importlib.util

if importlib.util.find_spec("teachkit") is None:
    {action}"""

INSTALL = '%pip install -q "teachkit[plot] @ git+{url}"'
# A torch that is there stays, whatever its version: Colab's fits its GPU.
INSTALL_DEEP = """\
extras = "plot" if importlib.util.find_spec("torch") else "plot,deep"
    %pip install -q "teachkit[{{extras}}] @ git+{url}" pooch tqdm"""
EXPLAIN = """\
raise ModuleNotFoundError(
        "teachkit is not installed. In a clone of the book's repository run:  "
        "pip install '.[{extras}]'  Then restart this notebook's kernel."
    )"""

RECORDED = """\
# Recorded files that this page reads. They are in this cell so that the notebook needs nothing beside it.
import base64
import tempfile
from pathlib import Path

RESULTS = Path(tempfile.mkdtemp())
FILES = {{
{files}
}}
for name, content in FILES.items():
    (RESULTS / name).parent.mkdir(parents=True, exist_ok=True)
    (RESULTS / name).write_bytes(base64.b64decode(content))"""

_TORCH = re.compile(r"^\s*(?:import|from)\s+(?:torch|teachkit\.deep)\b|^\s*from\s+teachkit\s+import\s.*\bdeep\b", re.M)
_RECORDED = re.compile(r"""(["'])\.\./results/([\w./-]+)\1""")
_READ = re.compile(r'RESULTS / "([\w./-]+)"')
_HEADING = re.compile(r"#{2,6} ")
_HIDDEN = {"hide-input", "remove-input", "hide-cell", "remove-cell"}


def pages(root: Path) -> list[str]:
    """Return the names of the pages that have a notebook: the chapters with code, and every exercise sheet."""
    chapters = [name for name in page_names(root) if name.startswith("chapters/")]
    sheets = [f"exercises/{file.stem}" for file in sorted(root.glob("exercises/*.md"))]
    return [name for name in chapters if is_notebook(source(root, name))] + sheets


def path(root: Path, page: str) -> Path:
    """Return the file of a page's notebook."""
    return root / FOLDER / f"{page}.ipynb"


def notebooks(root: Path) -> dict[str, bytes]:
    """Return the content of the notebook of every page that has one.

    Args:
        root: The folder of the repository.

    Raises:
        ValueError: Something in a page has no plain form, or a reference leads nowhere.
    """
    repository, names = read_repository(root), pages(root)
    references = References(root, dict.fromkeys([*page_names(root), *names]), repository and repository.site)
    return {name: serialise(notebook(root, name, references, repository)) for name in names}


def notebook(root: Path, page: str, references: References, repository: Repository | None) -> NotebookNode:
    """Return the notebook of a page."""
    import nbformat.v4 as v4

    original = read(source(root, page).resolve())
    plain, cells = Plain(page, references), []
    for cell, line in zip(original.cells, original.metadata.source_map, strict=True):
        if cell.cell_type == "code":
            cells += code_cells(cell, plain)
        else:  # the map names the empty line before the text, counted from 0
            cells += [v4.new_markdown_cell(text) for text in sections(plain.markdown(cell.source, line + 2))]
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    if references.site:
        cells[0].source += "\n\n" + references.link("This page in the book", f"{page}.html")
    cells[1:1] = added_cells(root, code, repository)
    made = v4.new_notebook(cells=cells)
    made.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return with_ids(made)


def sections(markdown: str) -> list[str]:
    r"""Return a text in pieces, of which each begins with a heading; so an edit touches one section's cell.

    >>> sections("Text.\n\n## One\n\nMore.")
    ['Text.', '## One\n\nMore.']
    """
    pieces, fenced = [[]], False
    for line in markdown.split("\n"):
        fenced ^= line.lstrip().startswith("```")
        if _HEADING.match(line) and not fenced:
            pieces.append([])
        pieces[-1].append(line)
    return [text for piece in pieces if (text := "\n".join(piece).strip("\n"))]


def code_cells(cell: NotebookNode, plain: Plain) -> list[NotebookNode]:
    """Return a code cell as Jupyter and Colab know it, and its figure's caption as a cell of its own."""
    import nbformat.v4 as v4

    metadata: dict[str, Any] = {}
    if tags := list(cell.metadata.get("tags", [])):
        metadata["tags"] = tags
    if _HIDDEN & set(tags):
        metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
    code = _RECORDED.sub(r'RESULTS / "\2"', cell.source)
    made = [v4.new_code_cell(code, metadata=metadata)]
    if caption := cell.metadata.get("mystnb", {}).get("figure", {}).get("caption"):
        made.append(v4.new_markdown_cell(f"_{plain.inline(caption.strip())}_"))
    return made


# --- the cells that a page does not have --------------------------------------------------------


def added_cells(root: Path, code: str, repository: Repository | None) -> list[NotebookNode]:
    """Return the cells that go before the first one with code: the set-up, and the recorded files if any are read."""
    import nbformat.v4 as v4

    made = [v4.new_code_cell(setup(repository, deep=bool(_TORCH.search(code))), metadata={"tags": ["setup"]})]
    if names := sorted(set(_READ.findall(code))):
        hidden = {"tags": ["recorded"], "cellView": "form", "jupyter": {"source_hidden": True}}
        made.append(v4.new_code_cell(recorded(root, names), metadata=hidden))
    return made


def setup(repository: Repository | None, *, deep: bool) -> str:
    """Return the code of the set-up cell.

    Args:
        repository: Where to install from; without one the cell says what to do.
        deep: Whether the page needs torch.
    """
    if repository is None:
        action = EXPLAIN.format(extras="plot,deep" if deep else "plot")
    else:
        action = (INSTALL_DEEP if deep else INSTALL).format(url=repository.url)
    return SETUP.format(action=action)


def recorded(root: Path, names: Iterable[str]) -> str:
    """Return the code of a cell that holds files of ``results/`` and writes them where the kernel can read them.

    Raises:
        ValueError: A file is missing, or they are too large together.
    """
    lines, total = [], 0
    for name in names:
        file = root / "results" / name
        if not file.is_file():
            raise ValueError(f"results/{name} does not exist")
        content = file.read_bytes()
        total += len(content)
        lines.append(f'    "{name}": "{base64.b64encode(content).decode()}",')
    if total > LIMIT:
        raise ValueError(f"{', '.join(names)}: expected at most {LIMIT} bytes in one notebook, got {total}")
    return RECORDED.format(files="\n".join(lines))


# --- writing ------------------------------------------------------------------------------------


def with_ids(made: NotebookNode) -> NotebookNode:
    """Return a notebook whose cells' ids follow from their content, and from nothing else but equal cells before."""
    seen: Counter[str] = Counter()
    for cell in made.cells:
        content = f"{cell.cell_type}\0{cell.source}"
        cell.id = hashlib.sha256(f"{content}\0{seen[content]}".encode()).hexdigest()[:12]
        seen[content] += 1
    return made


def serialise(made: NotebookNode) -> bytes:
    """Return the bytes of a notebook's file."""
    import nbformat

    nbformat.validate(made)
    return (nbformat.writes(made).rstrip("\n") + "\n").encode()


def write(root: Path) -> list[str]:
    """Write the notebooks that changed, remove those of pages that are gone, and return the names of all of these."""
    wanted = {path(root, page): content for page, content in notebooks(root).items()}
    stale = [file for file in (root / FOLDER).rglob("*.ipynb") if file not in wanted]
    for file in stale:
        file.unlink()
    changed = [file for file, content in wanted.items() if not file.exists() or file.read_bytes() != content]
    for file in changed:
        file.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(file) as opened:
            opened.write(wanted[file])
    return sorted(file.relative_to(root).as_posix() for file in [*stale, *changed])


def main() -> int:
    """Write the notebooks of the present folder and return the exit code."""
    root = Path.cwd()
    try:
        touched = write(root)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(*touched, f"{len(pages(root))} notebooks in {FOLDER}/, {len(touched)} of them changed or removed", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
