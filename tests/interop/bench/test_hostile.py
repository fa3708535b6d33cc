"""Nothing that a card or a terminal sends runs as script in the page, or is anything but text."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from playwright.sync_api import Browser, Error, Page as Tab, expect

from jukicard import Card, issue_card
from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.runtime.applet import Applet, BasicState
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Placement
from jukihost import TcpConnection
from tests.interop.bench.conftest import Opened
from tests.unit.bench.conftest import Page, open_page

AID: Final = Aid("F03C7363726970743E")
SCRIPT: Final = "<img src=x onerror=hit=1><script>hit=1</script>\"'`--><svg/onload=hit=1>"
TURNED: Final = "\u202e\u2066\x00\x1b[31m\u2028{0}$&"
ATR: Final = bytes.fromhex("3B08") + b"<script>"


class HostileTexts(Applet[BasicState]):
    """An application from elsewhere that says in every text of its own what a browser might run."""

    type_name = "<b>hostile</b>"

    def new_state(self) -> BasicState:
        return BasicState()

    def select(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        return ResponseApdu(SCRIPT.encode())

    def process(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        raise IsoError(StatusWord.CONDITIONS_NOT_SATISFIED, f"{SCRIPT}{TURNED}")

    @property
    def description(self) -> list[tuple[str, str]]:
        return [(SCRIPT, SCRIPT), ("__proto__", TURNED), ("constructor", "javascript:hit=1")]


offer_applet(HostileTexts)


def hostile_card() -> Card:
    return issue_card(
        "juki-v1",
        seed=1,
        applications=[Placement(AID, HostileTexts.type_name)],
        options=lambda options: replace(options, atr=ATR),
    )


@pytest.fixture
def page() -> Iterator[Page]:
    with open_page(hostile_card(), label=SCRIPT + "{}") as opened:
        yield opened


@pytest.fixture
def tab(page: Page, open_tab: Opened) -> Iterator[Tab]:
    with open_tab(page.server.link) as opened:
        expect(opened.locator("#card-1 .chip")).to_be_visible()
        yield opened


def check_nothing_ran(tab: Tab) -> None:
    assert tab.evaluate("() => typeof window.hit") == "undefined"
    assert tab.locator("script").count() == 1
    assert tab.locator("img, iframe, object, embed, svg, style, b").count() == 0
    links = {link.get_attribute("href") for link in tab.locator("a").all()}
    assert {"#exchanges", "session/all.html"} <= links
    assert all(re.fullmatch(r"#exchanges|session/all\.html|#rule-\w{4}", str(one)) for one in links)


def test_texts_of_cards_applications_and_terminals_stay_texts(page: Page, tab: Tab) -> None:
    with TcpConnection("127.0.0.1", page.slots[0].port) as terminal:
        terminal.transmit(CommandApdu(0x00, 0xA4, 0x04, 0x00, bytes(AID), 256).encode())
        terminal.transmit(bytes.fromhex("00B0000000"))
        terminal.transmit(SCRIPT.encode())
        terminal.transmit(CommandApdu(0x00, 0xA4, 0x04, 0x00, b"<script>hit=1//").encode())
        expect(tab.locator("#rows > li.refused").first).to_be_visible()
        status, _ = page.do(do="snapshot", card=1, name=SCRIPT[:60])
        assert status == 200
        expect(tab.locator("#snapshots")).to_contain_text(SCRIPT[:60])
    expect(tab.locator("#card-1 h4")).to_contain_text(SCRIPT)
    expect(tab.locator("#card-1")).to_contain_text("<b>hostile</b>")
    refused = tab.locator("#rows > li.refused", has_text="onerror=hit=1")
    refused.get_by_role("button").click()
    expect(tab.get_by_role("dialog")).to_contain_text(SCRIPT)
    tab.keyboard.press("Escape")
    for one in tab.locator("summary").all():
        one.click()
    check_nothing_ran(tab)
    tab.get_by_label("Language").select_option("ja")
    expect(tab.locator("#snapshots")).to_contain_text(SCRIPT[:60])
    check_nothing_ran(tab)


def test_what_turns_writing_round_or_moves_a_cursor_is_not_shown(page: Page, tab: Tab) -> None:
    with TcpConnection("127.0.0.1", page.slots[0].port) as terminal:
        terminal.transmit(CommandApdu(0x00, 0xA4, 0x04, 0x0C, bytes(AID)).encode())
        terminal.transmit(bytes.fromhex("00B0000000"))
    expect(tab.locator("#rows > li.refused")).to_be_visible()
    shown = tab.locator("#rows").inner_text()
    assert "{0}$&" in shown
    assert not [sign for sign in "\u202e\u2066\x1b\u2028" if sign in shown]


def test_the_saved_session_runs_nothing(page: Page, open_tab: Opened, tab: Tab) -> None:
    with TcpConnection("127.0.0.1", page.slots[0].port) as terminal:
        terminal.transmit(CommandApdu(0x00, 0xA4, 0x04, 0x00, bytes(AID), 256).encode())
        terminal.transmit(bytes.fromhex("00B0000000"))
    body = page.ask("session/all.html")[2].decode()
    other = tab.context.new_page()
    other.route("**/*", lambda route: route.fulfill(body=body, content_type="text/html"))
    other.goto("http://saved.invalid/")
    assert "onerror=hit=1" in other.locator("body").inner_text()
    assert other.evaluate("() => typeof window.hit") == "undefined"
    assert other.locator("script, img, svg").count() == 0


@pytest.mark.parametrize(
    "attempt",
    [
        "document.body.innerHTML = '<p>x</p>'",
        "document.body.insertAdjacentHTML('beforeend', '<p>x</p>')",
        "document.write('x')",
        "new DOMParser().parseFromString('<p>x</p>', 'text/html')",
        "document.createElement('iframe').srcdoc = '<p>x</p>'",
        "document.createElement('script').src = '/other.js'",
        "document.createElement('script').textContent = 'hit = 1'",
        "trustedTypes.createPolicy('x', {createHTML: text => text})",
    ],
)
def test_the_policy_of_the_page_itself_forbids_markup_from_texts(
    page: Page, chromium: Browser, attempt: str
) -> None:
    with contextlib.closing(chromium.new_context()) as context:
        tab = context.new_page()
        tab.goto(page.server.link)
        with pytest.raises(Error, match=r"requires 'Trusted|disallowed|Policy"):
            tab.evaluate(f"() => {{ {attempt} }}")
        assert tab.locator("header").count() == 1
        check_nothing_ran(tab)


def test_nothing_of_another_place_is_loaded(page: Page, chromium: Browser) -> None:
    with contextlib.closing(chromium.new_context()) as context:
        tab, asked = context.new_page(), []
        context.on("requestfinished", lambda request: asked.append(request.url))
        tab.goto(page.server.link)
        tab.evaluate(
            "() => { const image = document.createElement('img');"
            f" image.src = '{page.origin[:-1]}0/x.png'; document.body.append(image);"
            " return fetch('https://example.invalid/').catch(() => 0) }"
        )
        tab.wait_for_timeout(300)
    assert len(asked) > 5
    assert not [url for url in asked if not url.startswith(page.server.link)]
