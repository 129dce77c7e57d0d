"""A server of the built book and one headless browser for all browser tests."""

import os
import shutil
import threading
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, sync_playwright

from teachkit.book.pages import HTML
from teachkit.book.serve import address, server

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HEIGHT = 900


@dataclass
class Visit:
    """A page that was opened, with what went wrong while it loaded and since."""

    page: Page
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def settle(self):
        """Wait until the formulas are set and nothing moves any more."""
        self.page.evaluate("async () => { await window.MathJax?.startup?.promise; await document.fonts.ready }")
        self.page.evaluate("() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => 0)))")


@pytest.fixture(scope="session")
def site(root):
    """The address of the built book, with a slash at the end."""
    running = server(root / HTML)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield address(running)
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium that reaches this machine alone."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        message = f"no browser in PATH; looked for {', '.join(BROWSERS)}"
        if os.environ.get("TEACHKIT_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    options = ["--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=options)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, site):
    """A function that opens a page of the book: ``visit("search.html", theme="dark", width=375)``."""
    contexts = []

    def open_page(path, *, theme="light", width=1280, scripts=True, status=200):
        context = browser.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme=theme,
            reduced_motion="reduce",
            java_script_enabled=scripts,
        )
        contexts.append(context)
        seen = Visit(context.new_page())
        record(seen)
        answer = seen.page.goto(site + path, wait_until="load")
        assert answer.status == status, f"{path}: {answer.status}"
        if scripts:
            seen.settle()
        return seen

    yield open_page
    for context in contexts:
        context.close()


def record(seen):
    """Note requests to other hosts, answers that are errors, and messages of the console."""
    page = seen.page

    def request(sent):
        if urlsplit(sent.url).hostname not in (None, "127.0.0.1"):
            seen.foreign.append(sent.url)

    def response(got):
        if got.status >= 400 and not got.request.is_navigation_request():
            seen.errors.append(f"{got.status} for {got.url}")

    def console(message):
        # Chromium reports each failed answer here too, without its address.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            seen.errors.append(message.text)

    page.on("request", request)
    page.on("response", response)
    page.on("console", console)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
