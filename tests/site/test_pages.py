"""Every page of the built book, in both themes, on a desktop and on a phone."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from teachkit.book.pages import page_names

PAGES = [f"{name}.html" for name in page_names(Path(__file__).parents[2])]
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
COLOURS = {"type": "rule", "values": COLOUR_RULES}
LAYOUT = {"type": "rule", "values": ["target-size", "scrollable-region-focusable", "aria-hidden-focus", "bypass"]}
ALL_TAGS = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PHONE, DESKTOP = 375, 1280


@pytest.mark.parametrize("path", [*PAGES, "search.html", "404.html"])
def test_page_on_a_desktop(visit, path):
    seen = visit(path, width=DESKTOP)
    expect_none(violations(seen.page, ALL_TAGS, without=COLOUR_RULES), "violations of accessibility")
    expect_readable_in_both_themes(seen)
    expect_sound(seen)


@pytest.mark.parametrize("path", [*PAGES, "search.html", "404.html"])
def test_page_on_a_phone(visit, path):
    """The rules that depend on the width; colours don't, so one page tells them of what phones alone show."""
    seen = visit(path, width=PHONE)
    expect_none(violations(seen.page, LAYOUT), "violations of accessibility")
    if path == PAGES[0]:
        expect_readable_in_both_themes(seen)
    expect_sound(seen)


def expect_sound(seen):
    page = seen.page
    expect_none(seen.foreign, "requests to another host")
    expect_none(seen.errors, "errors in the console")
    expect_none(wide_elements(page), "elements wider than the page")
    expect_none(page.locator("mjx-merror").all_inner_texts(), "formulas with an error")
    assert page.locator("input[type=search]:not(main *)").count() == 1
    assert page.locator("h1:visible").count() == 1
    assert page.title().strip()
    assert page.evaluate("document.documentElement.lang") == "en"


def expect_readable_in_both_themes(seen):
    for theme in ("light", "dark"):
        seen.page.emulate_media(color_scheme=theme)
        seen.page.wait_for_function("(theme) => document.documentElement.dataset.theme === theme", arg=theme)
        seen.settle()
        seen.page.evaluate(LOOKS)
        expect_none(violations(seen.page, COLOURS, context="[data-look]"), f"unreadable elements, {theme} theme")


@pytest.mark.parametrize(("theme", "grey"), [("light", "#999"), ("dark", "#666")])
def test_one_pale_sentence_is_found(visit, theme, grey):
    page = visit(PAGES[0], theme=theme).page
    sentence = page.locator("article p").last
    sentence.evaluate("(p, grey) => { p.style.color = grey; }", grey)
    page.evaluate(LOOKS)
    [found] = violations(page, COLOURS, context="[data-look]")
    # Which attribute comes first is up to the browser.
    assert re.match(r'color-contrast: <p [^>]*style="color:', found)


def shown_theme(page):
    return page.evaluate("document.documentElement.dataset.theme")


def violations(page, rules, context=None, without=()):
    """Return one line per element that breaks a rule of accessibility; none of the rules reads style sheets."""
    options = {
        "runOnly": rules,
        "rules": {name: {"enabled": False} for name in without},
        "resultTypes": ["violations"],
        "preload": False,
    }
    found = Axe().run(page, context=context, options=options).response["violations"]
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]


# Marks one element of each look: its own colours and size, and what lies behind it.
LOOKS = """() => {
  const memory = new Map([[null, ""]]);
  const behind = (element) => {
    if (memory.has(element)) return memory.get(element);
    const style = getComputedStyle(element);
    const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.visibility].join();
    const all = own === "rgba(0, 0, 0, 0),none,1,visible" ? "" : `${own};`;
    memory.set(element, behind(element.parentElement) + all);
    return memory.get(element);
  };
  const looks = new Set();
  for (const element of document.body.querySelectorAll("*")) {
    element.removeAttribute("data-look");
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const style = getComputedStyle(element);
    const text = [element.localName, style.color, style.fontSize, style.fontWeight, style.textDecorationLine];
    const around = [getComputedStyle(element.parentElement).color, style.display, behind(element)];
    const look = [...text, ...around].join("|");
    if (element.getClientRects().length === 0 || looks.has(look)) continue;
    looks.add(look);
    element.setAttribute("data-look", "");
  }
}"""


WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const hidden = (element) => {
    const style = getComputedStyle(element);
    return style.overflowX !== "visible" || style.position === "fixed";
  };
  const scrolls = (element) => {
    for (let box = element.parentElement; box !== document.body; box = box.parentElement) {
      if (hidden(box)) return false;
    }
    return getComputedStyle(element).position !== "fixed";
  };
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > width && scrolls(element))
    .map((element) => element.outerHTML.slice(0, 160));
}"""


def wide_elements(page):
    """Return the elements that stick out when the page scrolls sideways."""
    return page.evaluate(WIDE)


def expect_none(problems, what):
    """Fail with one line per problem; pytest's own message would cut the list."""
    __tracebackhide__ = True
    assert not problems, "\n".join([f"{len(problems)} {what}", *problems])


def test_a_short_formula_in_bold_type_does_not_scroll(visit):
    page = visit("chapters/coupling_images.html").page
    assert page.locator("main strong span.math").count() > 0
    assert page.locator("main strong span.math.tk-wide").count() == 0


def test_unknown_address_shows_the_page_for_it(visit):
    seen = visit("no/such/page.html", status=404)
    assert "not found" in seen.page.locator("h1:visible").inner_text().lower()
    assert seen.errors == []


def test_first_address_shows_the_first_page(visit, site):
    page = visit("404.html").page
    page.goto(site, wait_until="commit")
    page.wait_for_url(f"{site}{PAGES[0]}")
    assert page.locator("h1:visible").count() == 1


def test_search_finds_a_word_of_the_book(visit):
    page = visit("search.html?q=Jacobian").page
    page.locator("#search-results li a").first.wait_for()
    assert page.locator("#search-results li").count() >= 1


def test_search_finds_nothing_for_a_word_that_is_not_there(visit):
    page = visit("search.html?q=xylophonist").page
    page.locator("#search-results .search-summary, #search-results p").first.wait_for()
    assert page.locator("#search-results li").count() == 0


@pytest.mark.parametrize("start", ["light", "dark"])
def test_switch_changes_the_theme_and_the_choice_stays(visit, start):
    page = visit(PAGES[0], theme=start).page
    button = page.locator("button.theme-switch-button:visible").first
    themes = []
    for _ in range(3):
        button.click()
        themes.append(shown_theme(page))
    assert {"light", "dark"} == set(themes)
    page.reload()
    assert shown_theme(page) == themes[-1]


@pytest.mark.parametrize("path", PAGES)
def test_text_is_there_without_scripts(visit, path):
    page = visit(path, scripts=False).page
    assert page.locator("h1:visible").count() == 1
    assert len(page.locator("article").inner_text()) > 100
