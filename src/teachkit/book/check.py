"""Check the built book without a browser: ``python -m teachkit.book.check``.

Links and anchors, ids, alt texts, captions, references to other hosts, syntax that was left
unresolved, missing pages and the size of every page.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from teachkit.book.pages import HTML, html, page_names

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

PAGE_LIMIT = 1_500_000
"""Bytes of one HTML file above which the check fails."""

IMAGE_LIMIT = 600_000
"""Bytes of one picture above which the check fails: a page must be readable in seconds."""

LOADING_LINKS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect", "dns-prefetch", "manifest"}
FILE_NAME = re.compile(r"\.(png|svg|jpe?g|gif|webp)$|^\S*/|^(figure|image|plot|picture)?$", re.IGNORECASE)
CSS_REFERENCE = re.compile(r"""(?:url\(|@import(?!\s+url\())\s*["']?([^"')\s;]+)""")
MODULE_REFERENCE = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']""")
UNRESOLVED = re.compile(r"\?\?\?|\[\?\]|\{[a-zA-Z][\w:-]*\}`|^\s*:{3,}|`{3,}", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong in one file of the built book."""

    file: str
    what: str

    def __str__(self) -> str:
        """Return one line of the report."""
        return f"{self.file}: {self.what}"


def check(root: Path) -> list[Problem]:
    """Return everything that is wrong in the built book, sorted by file.

    Args:
        root: The folder of the repository.
    """
    folder = root / HTML
    problems = [*missing_pages(root), *broken_links(root)]
    for path in site_files(folder, "html"):
        name = path.relative_to(folder).as_posix()
        problems += [Problem(name, what) for what in page_problems(path)]
    for path in sorted((folder / "_images").glob("*")):
        if path.stat().st_size > IMAGE_LIMIT:
            problems.append(Problem(path.relative_to(folder).as_posix(), too_large(path, IMAGE_LIMIT)))
    for suffix, pattern in (("css", CSS_REFERENCE), ("mjs", MODULE_REFERENCE)):
        for path in site_files(folder, suffix, static=True):
            found = foreign(pattern.findall(path.read_text("utf-8")))
            problems += [Problem(path.relative_to(folder).as_posix(), what) for what in found]
    return sorted(set(problems))


def site_files(folder: Path, suffix: str, *, static: bool = False) -> list[Path]:
    """Return the files of one kind; those of ``_static`` belong to the theme and count only when asked for."""
    return [
        path for path in sorted(folder.rglob(f"*.{suffix}")) if static or path.parts[len(folder.parts)] != "_static"
    ]


def missing_pages(root: Path) -> Iterator[Problem]:
    """Yield the pages of ``_toc.yml`` that were not built."""
    for name in page_names(root):
        if not html(root, name).exists():
            yield Problem(f"{name}.html", "is in _toc.yml but was not built")


def broken_links(root: Path) -> Iterator[Problem]:
    """Yield links inside the book whose file or anchor does not exist.

    Raises:
        RuntimeError: When lychee gives no report.
    """
    folder = (root / HTML).resolve()
    command = [str(Path(sys.executable).with_name("lychee")), "--offline", "--include-fragments", "--no-progress"]
    command += ["--no-ignore", "--format", "json", "--root-dir", str(folder), *remap(root, folder)]
    files = [str(path) for path in site_files(folder, "html")]
    done = subprocess.run([*command, "--", *files], capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise RuntimeError(f"lychee gave no report: {done.stderr.strip()}") from error
    for file, failures in report["error_map"].items():
        for failure in failures:
            target = failure["url"].removeprefix(f"file://{folder}/")
            yield Problem(Path(file).relative_to(folder).as_posix(), f"link to {target}: {failure['status']['text']}")


def remap(root: Path, folder: Path) -> list[str]:
    """Return lychee's options for the 404 page, whose links start at the published site's folder."""
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["teachkit"]
    name = settings["repository"].rstrip("/").rpartition("/")[2]
    return ["--remap", f"^file://{folder}/{name}/ file://{folder}/"] if name else []


def page_problems(path: Path) -> Iterator[str]:
    """Yield what is wrong in one page, apart from its links."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(path.read_bytes(), "html.parser")
    yield from duplicate_ids(soup)
    yield from images_without_text(soup)
    yield from figures_without_caption(soup)
    yield from foreign(loaded(soup))
    yield from unresolved(soup)
    if path.stat().st_size > PAGE_LIMIT:
        yield too_large(path, PAGE_LIMIT)


def too_large(path: Path, limit: int) -> str:
    """Return what to say of a file over its limit."""
    return f"is {path.stat().st_size / 1e6:.1f} MB; the limit is {limit / 1e6:.1f} MB"


def duplicate_ids(soup: BeautifulSoup) -> Iterator[str]:
    """Yield ids that stand on more than one element."""
    counts = Counter(tag["id"] for tag in soup.find_all(id=True))
    yield from (f"id '{name}' occurs {count} times" for name, count in counts.items() if count > 1)


def images_without_text(soup: BeautifulSoup) -> Iterator[str]:
    """Yield images whose alt text is missing, or is a file name or an empty word."""
    for image in soup.find_all("img"):
        text = image.get("alt", "").strip()
        if FILE_NAME.search(text) and not image.find_parent(attrs={"aria-hidden": "true"}):
            yield f"image {image.get('src', '')[:60]} has no alt text (alt is '{text[:60]}')"


def figures_without_caption(soup: BeautifulSoup) -> Iterator[str]:
    """Yield figures without a caption, and pictures that a cell put out and no figure holds."""
    for figure in soup.find_all("figure"):
        caption = figure.find("figcaption")
        if caption is None or not caption.get_text(strip=True):
            yield f"figure '{figure.get('id', 'without id')}' has no caption"
    for image in soup.select(".cell_output img"):
        if not image.find_parent("figure") and not image.find_parent(class_="tk-interactive"):
            yield f"picture {image.get('src', '')[:60]} of a cell is in no figure; give it a caption"


def loaded(soup: BeautifulSoup) -> Iterator[str]:
    """Yield the addresses that a browser fetches by itself when it shows a page."""
    for tag in soup.find_all(
        ["script", "img", "iframe", "source", "video", "audio", "embed", "track", "input"], src=True
    ):
        yield tag["src"]
    for tag in soup.find_all(srcset=True):
        yield from (entry.split()[0] for entry in tag["srcset"].split(",") if entry.strip())
    for tag in soup.find_all("object", data=True):
        yield tag["data"]
    for tag in soup.find_all(["image", "use"]):
        yield tag.get("href") or tag.get("xlink:href") or ""
    for tag in soup.find_all("link", href=True):
        if LOADING_LINKS & set(tag.get("rel", [])):
            yield tag["href"]
    for text in [*(tag.get_text() for tag in soup.find_all("style")), *(t["style"] for t in soup.find_all(style=True))]:
        yield from CSS_REFERENCE.findall(text)


def foreign(addresses: Iterator[str] | list[str]) -> Iterator[str]:
    """Yield a problem for every address that lies on another host."""
    for address in addresses:
        if urlsplit(address).netloc:
            yield f"loads {address} from another host"


def unresolved(soup: BeautifulSoup) -> Iterator[str]:
    """Yield syntax that should have become something else, and messages of the parser."""
    body = soup.find("article") or soup.find("main")
    if body is None:
        return
    for tag in body.select(".system-message, .problematic"):
        yield f"message of the parser: {tag.get_text(' ', strip=True)[:80]}"
    for text in body.find_all(string=UNRESOLVED):
        if not is_verbatim(text.parent):
            yield f"unresolved text: {' '.join(text.split())[:80]}"


def is_verbatim(tag: Tag) -> bool:
    """Return whether the text of a tag is code or a formula and may hold anything."""
    names = {parent.name for parent in [tag, *tag.parents]}
    classes = {name for parent in [tag, *tag.parents] for name in parent.get("class", [])}
    return bool(names & {"pre", "code", "script", "style"} or "math" in classes)


def sizes(root: Path) -> Iterator[str]:
    """Yield one line per page of the book with the size of its HTML."""
    for name in page_names(root):
        page = html(root, name)
        if page.exists():
            yield f"{name:<32}{page.stat().st_size / 1e3:8.0f} kB"


def main() -> int:
    """Check the book of the present folder, print what is wrong, and return the exit code."""
    root = Path.cwd()
    if not (root / HTML / "index.html").exists():
        print(f"error: {HTML} holds no built book; run `make book` first", file=sys.stderr)
        return 1
    print(*sizes(root), sep="\n")
    problems = check(root)
    if problems:
        print(*problems, f"{len(problems)} problems in the built book", sep="\n", file=sys.stderr)
        return 1
    print("No problem found in the built book.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
