"""Every page of the built book, in both themes, on a desktop and on a phone."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from teachkit.book.pages import page_names

PAGES = [f"{name}.html" for name in page_names(Path(__file__).parents[2])]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOURS = ["color-contrast", "link-in-text-block"]
PHONE, DESKTOP = 375, 1280


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", [*PAGES, "search.html", "404.html"])
def test_page(visit, path, theme, width):
    seen = visit(path, theme=theme, width=width)
    assert shown_theme(seen.page) == theme
    expect_none(seen.foreign, "requests to another host")
    expect_none(seen.errors, "errors in the console")
    expect_none(violations(seen.page, theme), "violations of accessibility")
    expect_none(wide_elements(seen.page), "elements wider than the page")
    expect_none(seen.page.locator("mjx-merror").all_inner_texts(), "formulas with an error")


def shown_theme(page):
    return page.evaluate("document.documentElement.dataset.theme")


def violations(page, theme):
    """Return one line per element that breaks a rule of accessibility; the dark theme changes colours alone."""
    rules = {"type": "tag", "values": RULES} if theme == "light" else {"type": "rule", "values": COLOURS}
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    nodes = [(rule["id"], node["html"][:160]) for rule in found for node in rule["nodes"]]
    return [f"{rule}: {html}" for rule, html in nodes if not is_point(page, rule, html)]


def is_point(page, rule, html):
    """Say whether a target is too near to others because it is a point of data, which the criterion exempts.

    Clouds of points that agree lie close together. Each point has a place in the order of the keyboard.
    """
    return rule == "target-size" and "tk-handle" in html and "/evaluation.html" in page.url


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


@pytest.mark.parametrize("path", PAGES)
def test_page_has_one_search_field_and_one_title(visit, path):
    page = visit(path).page
    assert page.locator("input[type=search]").count() == 1
    assert page.locator("h1:visible").count() == 1
    assert page.title().strip()
    assert page.evaluate("document.documentElement.lang") == "en"


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
