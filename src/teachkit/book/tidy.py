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
    for repair in REPAIRS:
        repair(page)
    return str(page)


REPAIRS = ()
