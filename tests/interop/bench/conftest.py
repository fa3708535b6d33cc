"""A real Chromium at the page of a bench, driven by Playwright; headless."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final, TypeAlias
from zlib import crc32

import pytest
from playwright.sync_api import Browser, Page as Tab, expect, sync_playwright

from jukicard import issue_card
from tests.support.interop.missing import require
from tests.unit.bench.conftest import Page, open_page

SWITCHES: Final = (
    "--no-sandbox",  # root has none
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
)
Opened: TypeAlias = Callable[..., AbstractContextManager[Tab]]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whoever needs the browser, and keep them on one worker: they share it.

    A short run has every second of them, always the same.
    """
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.xdist_group("bench"))
            if crc32(item.name.encode()) % 2:
                item.add_marker(pytest.mark.soak)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module; each test has contexts of its own in it.

    While it is there the thread has an event loop that runs, and whoever else needs one fails.
    """
    found = shutil.which("chromium")
    require("browser", [] if found else ["chromium"])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(SWITCHES))
        yield browser
        browser.close()


@pytest.fixture
def open_tab(chromium: Browser) -> Opened:
    """Open a link in a window of its own; whatever the page complains of fails the test."""

    @contextlib.contextmanager
    def opened(link: str, **options: object) -> Iterator[Tab]:
        said: list[str] = []
        context = chromium.new_context(
            viewport={"width": 1280, "height": 900},
            locale=str(options.get("locale", "en-GB")),
            color_scheme=options.get("scheme", "light"),  # type: ignore[arg-type]
            accept_downloads=True,
        )
        tab = context.new_page()
        tab.set_default_timeout(10_000)
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        tab.on(
            "console",
            lambda told: said.append(told.text) if told.type in {"error", "warning"} else None,
        )
        tab.goto(link)
        tab.locator("#connection.connected").wait_for()
        try:
            yield tab
        finally:
            context.close()
        assert not [line for line in said if not _is_of_the_end(line)]

    return opened


def _is_of_the_end(line: str) -> bool:
    """Whether it is what Chromium says of a refused request or of a server that has ended."""
    return line.startswith("Failed to load resource: ")


@pytest.fixture
def page() -> Iterator[Page]:
    """The page of a bench with one Juki card."""
    with open_page(issue_card("juki-v1", seed=1)) as opened:
        yield opened


@pytest.fixture
def tab(page: Page, open_tab: Opened) -> Iterator[Tab]:
    """A browser's tab with the page, once it shows the first card."""
    with open_tab(page.server.link) as opened:
        expect(opened.locator("#card-1 .chip")).to_have_text("activated")
        yield opened
