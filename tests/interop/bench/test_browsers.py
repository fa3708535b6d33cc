"""Several browsers at one bench: closed in the middle, left open for very long, and losing it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page as Tab, expect

from jukicard import issue_card
from jukihost import TcpConnection
from tests.interop.bench.conftest import Opened
from tests.unit.bench.conftest import Page, open_page

SELECT: Final = bytes.fromhex("00A4040C0AD3921000310001010401")
WRONG: Final = bytes.fromhex("0020009C04") + b"9999"
VERIFY: Final = bytes.fromhex("0020009C04") + b"1234"
READ_CODE: Final = bytes.fromhex("00B2011400")


@pytest.fixture
def page() -> Iterator[Page]:
    with open_page(issue_card("juki-v1", seed=1)) as opened:
        yield opened


def said(page: Page, *commands: bytes) -> list[bytes]:
    with TcpConnection("127.0.0.1", page.slots[0].port) as terminal:
        return [terminal.transmit(command) for command in commands]


def test_two_browsers_see_the_same_and_what_the_other_does(page: Page, open_tab: Opened) -> None:
    with open_tab(page.server.link) as one, open_tab(page.server.link, locale="ja-JP") as other:
        said(page, SELECT, WRONG)
        for tab in (one, other):
            expect(tab.locator("#rows > li")).to_have_count(3)
            expect(tab.locator("#card-1 .low")).to_be_visible()
        one.locator("#card-1").get_by_role("button", name="Suspend").click()
        expect(other.locator("#card-1 .chip")).to_have_text("一時停止")
        other.locator("#slot-0").get_by_role("button", name="抜く", exact=True).click()
        expect(one.locator("#slot-0")).to_contain_text("no card")


def test_a_browser_that_is_closed_in_the_middle_stops_nobody(
    page: Page, chromium: Browser, open_tab: Opened
) -> None:
    with (
        open_tab(page.server.link) as stays,
        TcpConnection("127.0.0.1", page.slots[0].port) as terminal,
    ):
        context = chromium.new_context()
        leaves = context.new_page()
        leaves.goto(page.server.link)
        expect(leaves.locator("#connection")).to_have_class("connected")
        talking = threading.Event()

        def talk() -> None:
            while not talking.is_set():
                terminal.transmit(READ_CODE)
                time.sleep(0.002)

        talker = threading.Thread(target=talk)
        talker.start()
        try:
            expect(leaves.locator("#rows > li.refused").first).to_be_visible()
            context.close()
            time.sleep(0.3)
        finally:
            talking.set()
            talker.join()
        last = page.bench.exchanges.last
        expect(stays.locator(f"#rows > li[data-number='{last}']")).to_be_visible()
    assert said(page, SELECT) == [b"\x90\x00"]


def test_a_page_says_that_the_program_has_ended(page: Page, open_tab: Opened) -> None:
    with open_tab(page.server.link) as tab:
        page.server.close()
        expect(tab.locator("#connection")).to_have_class("ended")
        expect(tab.locator("#connection")).to_contain_text("start it again")
    assert said(page, SELECT) == [b"\x90\x00"]


def heap(tab: Tab) -> dict[str, float]:
    """What the page has after its rubbish was collected."""
    session = tab.context.new_cdp_session(tab)
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    found = session.send("Performance.getMetrics")["metrics"]
    session.detach()
    return {one["name"]: one["value"] for one in found}


@pytest.mark.soak
@pytest.mark.slow
def test_a_page_that_is_left_open_over_a_thousand_sessions_does_not_grow(
    page: Page, open_tab: Opened
) -> None:
    sit_through(page, open_tab, 1000)


def test_a_page_that_is_left_open_over_many_sessions_does_not_grow(
    page: Page, open_tab: Opened
) -> None:
    sit_through(page, open_tab, 120)


def sit_through(page: Page, open_tab: Opened, sessions: int) -> None:
    """A third of the sessions fills the page; after it nothing grows any more."""
    with open_tab(page.server.link) as tab:
        for _ in range(sessions // 3):
            said(page, SELECT, VERIFY, READ_CODE, READ_CODE)
        time.sleep(0.5)
        before = heap(tab)
        for _ in range(sessions - sessions // 3):
            said(page, SELECT, VERIFY, READ_CODE, READ_CODE)
        last = page.bench.exchanges.last
        expect(tab.locator(f"#rows > li[data-number='{last}']")).to_be_visible(timeout=20_000)
        assert tab.locator("#rows > li").count() <= 500
        after = heap(tab)
    if sessions >= 300:  # the page was full before
        assert after["Nodes"] < before["Nodes"] * 1.3
        assert after["JSHeapUsedSize"] < before["JSHeapUsedSize"] * 1.5
    assert after["JSHeapUsedSize"] < 40_000_000
    assert after["JSEventListeners"] < 5000


def resident() -> int:
    """How much memory this process has, in KiB."""
    with open("/proc/self/status", encoding="ascii") as status:
        found = re.search(r"VmRSS:\s+(\d+)", status.read())
    assert found
    return int(found[1])


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [5, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_thousand_exchanges_a_second_leave_memory_and_page_as_they_are(
    page: Page, open_tab: Opened, seconds: int
) -> None:
    slot = page.slots[0]._card
    with open_tab(page.server.link) as tab, page.stream() as hanging:
        slot.power_on()
        begun, sent, early = time.monotonic(), 0, 0
        while (now := time.monotonic() - begun) < seconds:
            while sent < now * 1000:
                slot.transmit(READ_CODE)
                sent += 1
            if not early and now > seconds / 4:
                early = resident()
            time.sleep(0.005)
        last = page.bench.exchanges.last
        expect(tab.locator(f"#rows > li[data-number='{last}']")).to_be_visible(timeout=20_000)
        assert tab.locator("#rows > li").count() <= 500
        assert len(page.bench.exchanges) <= 2000
        assert resident() - early < 30_000
        assert hanging.last == ""  # it has read nothing all the time
    assert sent > seconds * 500
