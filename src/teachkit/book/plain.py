"""MyST Markdown as the plain Markdown that Jupyter and Colab show: no directive and no role is left.

A reference becomes a readable text, with a link into the published book if there is one.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import yaml

from teachkit.book.blocks import Block, blocks
from teachkit.book.references import References, statement_name

_TOKEN = re.compile(
    r"(?P<escape>\\.)"
    r"|\{(?P<role>[\w:+-]+)\}(?P<tick>`+)(?P<content>.+?)(?<!`)(?P=tick)(?!`)"
    r"|(?P<code>(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<math>\$\$.+?\$\$|\$(?!\$)(?:\\.|[^\\$])+\$)"
    r"|(?P<image>!?)\[(?P<text>(?:\\.|[^\[\]\\])*)\]\((?P<target>[^()\s]+)\)",
    re.DOTALL,
)
_EXPLICIT = re.compile(r"(?P<text>.+?)\s*<(?P<target>[^<>]+)>", re.DOTALL)
_ADMONITIONS = ("admonition", "note", "tip", "hint", "important", "warning", "caution", "seealso")


@dataclass(frozen=True)
class Plain:
    """Turns the text of one page into plain Markdown.

    Attributes:
        page: The page's name, such as ``chapters/flows``.
        references: What its references mean.
    """

    page: str
    references: References

    def markdown(self, text: str, start: int = 1) -> str:
        """Return a piece of the page as plain Markdown.

        Args:
            text: MyST Markdown without front matter and code cells.
            start: The number of its first line in the page.

        Raises:
            ValueError: With the line, when something has no plain form or a reference leads nowhere.
        """
        pieces = []
        for block in blocks(text, start):
            try:
                pieces.append(textwrap.indent(self._block(block), block.indent))
            except ValueError as error:
                where = "" if str(error).startswith(f"{self.page}.md") else f"{self.page}.md:{block.line}: "
                raise ValueError(f"{where}{error}") from error
        return re.sub(r"\n{3,}", "\n\n", "\n".join(pieces)).strip("\n")

    def _block(self, block: Block) -> str:
        if block.kind == "text":
            return self.inline(block.body)
        if block.kind == "math":
            return f"$$\n{block.body}{self._tag(block.name)}\n$$"
        if block.kind == "directive":
            return f"\n{self._directive(block)}\n"
        return block.body if block.kind == "code" else ""

    def _tag(self, label: str) -> str:
        return rf" \tag{{{self.references.places[label].name[1:-1]}}}" if label else ""

    # --- directives -----------------------------------------------------------------------------

    def _directive(self, block: Block) -> str:
        if block.name == "prf:proof":
            return self._proof(block)
        if block.name.startswith("prf:"):
            return quote(f"**{self.inline(statement_name(block))}.**\n\n{self._inside(block)}")
        if block.name in _ADMONITIONS:
            return self._admonition(block)
        forms: dict[str, Callable[[Block], str]] = {
            "math": lambda block: f"$$\n{block.body}{self._tag(block.options.get('label', ''))}\n$$",
            "figure": self._figure,
            "image": lambda block: f"_{block.options.get('alt', '')}_",
            "item": self._item,
        }
        if block.name not in forms:
            raise ValueError(f"the directive {{{block.name}}} has no plain form")
        return forms[block.name](block)

    def _inside(self, block: Block) -> str:
        return self.markdown(block.body, block.line + 1)

    def _proof(self, block: Block) -> str:
        text = self._inside(block)
        first = "\n\n" if text.startswith("$$") else " "
        return f"*Proof.*{first}{text}" + ("\n\n∎" if text.endswith("$$") else " ∎")

    def _admonition(self, block: Block) -> str:
        title = block.argument or block.name.capitalize()
        if "dropdown" in block.options.get("class", ""):
            return f"<details>\n<summary>{title}</summary>\n\n{self._inside(block)}\n\n</details>"
        return quote(f"**{self.inline(title)}**\n\n{self._inside(block)}")

    def _figure(self, block: Block) -> str:
        address = f"{self.page}.html#{block.options.get('name', '')}".rstrip("#")
        caption = self._inside(block).replace("\n", " ") or block.options.get("alt", "")
        return f"_{self.references.link('Figure', address)}: {caption}_"

    def _item(self, block: Block) -> str:
        known = yaml.safe_load(block.body)
        points = f"{known['points']} point{'' if known['points'] == 1 else 's'}"
        about = self.references.to_label(known["statement"], page=self.page)
        return f'_{points}, on {about}. Check with_ `sheet.check("{block.argument}", ...)`.'

    # --- inside a line --------------------------------------------------------------------------

    def inline(self, text: str) -> str:
        """Return a text with its roles and links made plain; code and formulas stay as they are."""
        return _TOKEN.sub(self._token, text)

    def _token(self, match: re.Match[str]) -> str:
        if match["role"]:
            return self._role(match["role"], " ".join(match["content"].split()))
        if match["target"]:
            return self._link(match)
        return match[0]

    def _role(self, name: str, content: str) -> str:
        if name == "result":
            return self.references.to_number(content)
        if name in ("cite:t", "cite:p"):
            return self._citation(content.split(","), bracketed=name == "cite:p")
        explicit = _EXPLICIT.fullmatch(content)
        text, target = (explicit["text"], explicit["target"]) if explicit else ("", content)
        if name in ("prf:ref", "ref", "numref", "eq"):
            return self.references.to_label(target, text, self.page)
        if name == "doc":
            return self.references.to_page(target, text, self.page)
        raise ValueError(f"the role {{{name}}} has no plain form")

    def _citation(self, keys: list[str], *, bracketed: bool) -> str:
        works = [self.references.to_work(key.strip(), bracketed=bracketed) for key in keys]
        return f"({'; '.join(works)})" if bracketed else " and ".join(works)

    def _link(self, match: re.Match[str]) -> str:
        text, target = match["text"], match["target"]
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        if match["image"]:
            return f"_{text}_"
        if target.startswith("#"):
            return self.references.to_label(target[1:], text, self.page)
        return self.references.to_page(target, text, self.page)


def quote(text: str) -> str:
    r"""Return a text as a block quotation.

    Jupyter takes the formulas out before it reads Markdown, with any ``>`` inside them. So each gets a line of its own.

    >>> print(quote("Let\n\n$$\nx = 1\n$$"))
    > Let
    >
    > $$ x = 1 $$
    """
    text = re.sub(r"\$\$.+?\$\$", _one_line, text, flags=re.DOTALL)
    text = re.sub(r"(?<![\\$])\$(?!\$)(?:\\.|[^\\$])+\$", _one_line, text)
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _one_line(match: re.Match[str]) -> str:
    return " ".join(match[0].split())
