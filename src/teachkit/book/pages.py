"""The pages of the book, in the order of ``_toc.yml``."""

from pathlib import Path

HTML = Path("_build/html")
"""Where the built book lies, relative to the repository."""


def page_names(root: Path) -> list[str]:
    """Return the names of the pages, such as ``chapters/flows``, in reading order.

    Args:
        root: The folder of the repository.

    Returns:
        Names without a suffix, each once.
    """
    from sphinx_external_toc.parsing import parse_toc_yaml

    toc = parse_toc_yaml(root / "_toc.yml")
    names, waiting = [], [toc.root.docname]
    while waiting:
        name = waiting.pop(0)
        names.append(name)
        waiting = [str(child) for child in toc[name].child_files()] + waiting
    return names


def source(root: Path, name: str) -> Path:
    """Return the Markdown file of a page."""
    return root / f"{name}.md"


def html(root: Path, name: str) -> Path:
    """Return the HTML file that a page is written to."""
    return root / HTML / f"{name}.html"
