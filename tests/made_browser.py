"""Headless Chromium, driven by Playwright, and what a page in it complained of and asked for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None
)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no browser: install Debian's package chromium")


@dataclass
class Opened:
    """The page in a browser, with what it complained of and what it asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of Playwright's."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


def open_tab(browser: Any, address: str, **options: Any) -> Opened:
    """A page in the light scheme on a desktop, unless ``options`` of a Playwright page say otherwise."""
    settings = {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light", **options}
    opened = Opened(browser.new_page(**settings))
    page = opened.page
    page.on("console", lambda m: opened.complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("request", lambda request: opened.requests.append(request.url))
    page.goto(address)
    return opened


@contextmanager
def opened_page(address: str, **options: Any) -> Iterator[Opened]:
    """A page in a browser of its own, as ``open_tab`` opens it."""
    with chromium() as browser:
        yield open_tab(browser, address, **options)
