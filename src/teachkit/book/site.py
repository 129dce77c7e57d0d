"""Sphinx extension: what depends on the repository's address, and the site's own pages.

The address stands in pyproject.toml and nowhere else. While it is empty, no page shows a button,
a link or a tag that would need it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

from teachkit._files import write_whole
from teachkit.book.launch import launch, publish, rewrite

_ADDRESS = re.compile(r"https://github\.com/([A-Za-z0-9][A-Za-z0-9-]*)/([A-Za-z0-9._-]+?)(?:\.git)?/?")
_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<meta name="description" content="{title}: the first page of the book.">
<meta http-equiv="refresh" content="0; url={page}">
</head>
<body>
<main><h1>{title}</h1><p><a href="{page}">Go to the first page</a></p></main>
</body>
</html>
"""


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub."""

    owner: str
    name: str

    @property
    def url(self) -> str:
        """Where the source is."""
        return f"https://github.com/{self.owner}/{self.name}"

    @property
    def prefix(self) -> str:
        """The path of the published pages on their host."""
        return "/" if self.name.lower() == f"{self.owner.lower()}.github.io" else f"/{self.name}/"

    @property
    def site(self) -> str:
        """Where the pages are published."""
        return f"https://{self.owner.lower()}.github.io{self.prefix}"


def read_repository(root: Path) -> Repository | None:
    """Return the repository that pyproject.toml names, or None while it names none.

    Raises:
        ConfigError: The address is not one of a repository on GitHub.
    """
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    address = settings.get("tool", {}).get("teachkit", {}).get("repository", "").strip()
    if not address:
        return None
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ConfigError(
            f"pyproject.toml: [tool.teachkit] repository: expected https://github.com/OWNER/NAME, got {address!r}"
        )
    return Repository(*match.groups())


def _configure(app: Sphinx, config: Config) -> None:
    """Derive every setting that needs the address from it."""
    config.template_bridge = "teachkit.book.tidy.TidyTemplates"
    repository = app.tk_repository
    config.notfound_urls_prefix = repository.prefix if repository else "/"
    if repository is None:
        config.html_baseurl = ""
        return
    config.teachkit_repository = repository.url
    config.html_baseurl = config.ogp_site_url = repository.site
    config.sitemap_url_scheme = "{link}"
    config.sitemap_excludes = ["404.html", "search.html", "genindex.html"]
    config.html_theme_options |= {
        "repository_url": repository.url,
        "repository_branch": "main",
        "path_to_docs": "",
        "use_repository_button": True,
        "use_issues_button": True,
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    }


def _page(app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Mend what the theme and its extensions put into every page."""
    context["script_files"] = [x for x in context["script_files"] if not _is_thebe(x)]
    context["css_files"] = [x for x in context["css_files"] if not _is_thebe(x)]
    if app.tk_repository is None and "metatags" in context:
        context["metatags"] = re.sub(r'<meta property="og:url"[^>]*>\n?', "", context["metatags"])
    launch(app, pagename, context)


def _is_thebe(file: Any) -> bool:
    """Whether a file belongs to sphinx-thebe, which the book does not use and which loads itself twice."""
    body = getattr(file, "attributes", {}).get("body") or ""
    return "THEBE_JS_URL" in body or "sphinx-thebe" in str(getattr(file, "filename", file))


def _index(app: Sphinx, exception: Exception | None) -> None:
    """Write the page that the bare address shows; Jupyter Book writes one without a doctype."""
    if exception or app.builder.format != "html" or app.config.root_doc == "index":
        return
    page = app.builder.get_target_uri(app.config.root_doc)
    with write_whole(Path(app.outdir) / "index.html") as file:
        file.write(_INDEX.format(title=app.config.project, page=page).encode())


def setup(app: Sphinx) -> dict[str, Any]:
    """Read the address and register the events; the sitemap needs one."""
    app.add_config_value("teachkit_repository", "", "html")
    app.tk_repository = read_repository(Path(app.confdir or app.srcdir))
    if app.tk_repository:
        app.setup_extension("sphinx_sitemap")
    app.connect("config-inited", _configure, priority=100)
    app.connect("env-get-updated", rewrite)
    app.connect("html-page-context", _page, priority=900)
    app.connect("build-finished", _index)
    app.connect("build-finished", publish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
