"""A browser, a site, and what holds in every test: nothing on the console, nothing asked of any other origin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, sync_playwright

from tests.page import chromium
from tests.page.serving import Site, serve

_STATUS = re.compile(r"Failed to load resource: .* status of (\d+)")

OpenPage = Callable[..., Page]


@dataclass
class Watch:
    """What a page did that it should not. The browser itself reports statuses: those that the site gave out may be."""

    site: Site
    offences: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        """Collect from every page of a context."""
        context.on("console", self._said)
        context.on("weberror", lambda error: self.offences.append(f"uncaught: {error.error}"))
        context.on("request", self._asked)
        context.on("dialog", self._dialog)

    def _said(self, message: ConsoleMessage) -> None:
        status = _STATUS.match(message.text)
        if status is None or int(status[1]) not in self.site.refused:
            self.offences.append(f"console {message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.site.address, f"blob:{self.site.address}")):
            self.offences.append(f"asked {request.url}")

    def _dialog(self, dialog: Dialog) -> None:
        self.offences.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for the session."""
    path = chromium.executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def served() -> Iterator[Site]:
    """One site for the session."""
    with serve() as site:
        yield site


@pytest.fixture
def site(served: Site) -> Site:
    """The site, which has not been asked anything."""
    served.reset()
    return served


@pytest.fixture
def watch(site: Site) -> Watch:
    """What must stay empty."""
    return Watch(site)


@pytest.fixture
def open_page(browser: Browser, site: Site, watch: Watch) -> Iterator[OpenPage]:
    """Opens the page in a fresh context, with the options of one; `query` comes behind the address."""
    contexts: list[BrowserContext] = []

    def open_(query: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(180_000)  # megabytes of text take a browser their time
        watch.watch(context)
        page = context.new_page()
        page.goto(site.address + query)
        page.wait_for_selector(".welcome")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert watch.offences == []


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """The page, on a desk, in light colours."""
    return open_page()
