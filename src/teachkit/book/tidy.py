"""Repair the theme's HTML as each page is rendered, so that it is valid and usable without sight or mouse."""

from __future__ import annotations

from typing import Any

from bs4 import BeautifulSoup
from sphinx.jinja2glue import BuiltinTemplateLoader


class TidyTemplates(BuiltinTemplateLoader):
    """Sphinx's template loader; what it renders is repaired if it is a whole page."""

    def render(self, template: str, context: dict[str, Any]) -> str:
        """Render a template and repair the page."""
        html = super().render(template, context)
        return tidy(html) if "<html" in html else html


def tidy(html: str) -> str:
    """Return a page with the repairs of this module."""
    page = BeautifulSoup(html, "html.parser")
    repairs = [_name_the_sidebar, _drop_thebe, _name_the_buttons, _list_the_citations, _save_the_notebooks]
    for repair in [*repairs, _close_off_new_windows]:
        repair(page)
    return str(page)


def _name_the_sidebar(page: BeautifulSoup) -> None:
    """Put the title and the search field of the sidebar into a landmark."""
    for sidebar in page.select("#pst-primary-sidebar"):
        sidebar["role"], sidebar["aria-label"] = "navigation", "Book"


def _drop_thebe(page: BeautifulSoup) -> None:
    """Drop what sphinx-thebe leaves in every page, used or not."""
    for script in page.select('script[type="text/x-thebe-config"]'):
        follower = script.find_next_sibling("script")
        if follower is not None and "kernelName" in (follower.string or ""):
            follower.decompose()
        script.decompose()


def _name_the_buttons(page: BeautifulSoup) -> None:
    """Let a button's name begin with the text that it shows; speech input calls it by that text."""
    for summary in page.select("summary[aria-label]"):
        if summary.get_text(strip=True):
            del summary["aria-label"]
    for icon in page.select("i.theme-switch[title]"):
        del icon["title"]  # The button has a name; as a picture, each icon would bring one more.
    for button in page.select("button[aria-label], a[aria-label]"):
        shown, name = " ".join(button.get_text(" ").split()), button["aria-label"]
        if shown and shown.casefold() not in name.casefold():
            button["aria-label"] = f"{shown}: {name}"


def _list_the_citations(page: BeautifulSoup) -> None:
    """Make the bibliography a list of items; its own role for entries is withdrawn and not allowed in a list."""
    for entry in page.select('.citation-list[role="list"] > [role="doc-biblioentry"]'):
        entry["role"] = "listitem"


def _save_the_notebooks(page: BeautifulSoup) -> None:
    """Save a notebook instead of showing its JSON in a new window."""
    for link in page.select('a[href$=".ipynb"]:not([href^="http"])'):
        link["download"] = ""
        del link["target"]


def _close_off_new_windows(page: BeautifulSoup) -> None:
    """Keep a page that opens in a new window from reaching back to ours."""
    for link in page.select('a[target="_blank"]'):
        link["rel"] = ["noopener"]
