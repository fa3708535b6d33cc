"""Several browsers at one bench: closed in the middle, left open for very long, and losing it."""

from __future__ import annotations

import contextlib
import re
import threading
import time

import pytest
from playwright.sync_api import Browser, Page as Tab, expect

from jukicard.cli.bench.stream import MOST_PAGES
from jukihost import TcpConnection
from tests.interop.bench.conftest import Opened
from tests.support.ports import kept_port
from tests.unit.bench.conftest import Page
from tests.unit.bench.onbench import READ_CODE, SELECT, VERIFY, WRONG, said
from tests.unit.bench.test_command import started


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
                time.sleep(0.01)

        talker = threading.Thread(target=talk)
        talker.start()
        try:
            expect(leaves.locator("#rows > li.refused").first).to_be_visible(timeout=20_000)
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
        tab.locator("[data-key='card-1-snapshot']").click()
        expect(tab.locator("#problem")).to_contain_text("does not answer: it may have ended")
    assert said(page, SELECT) == [b"\x90\x00"]


@pytest.mark.parametrize("boot", ["", "another run"])
def test_a_line_that_breaks_is_found_again_and_nothing_is_shown_twice(
    page: Page, open_tab: Opened, boot: str
) -> None:
    with open_tab(page.server.link) as tab:
        said(page, SELECT, WRONG)
        expect(tab.locator("#rows > li")).to_have_count(3)
        stream, server, loop = page.server._stream, page.server._server, page.server._loop
        assert stream
        assert server
        assert loop
        stream.boot = boot or stream.boot
        tab.evaluate(
            "() => { const line = document.getElementById('connection'); window.seen = [];"
            " new MutationObserver(() => seen.push(line.className))"
            ".observe(line, {attributes: true}) }"
        )
        for one in list(server.server_state.connections):
            loop.call_soon_threadsafe(one.transport.abort)
        tab.wait_for_function("() => seen.includes('lost') && seen.at(-1) === 'connected'")
        said(page, SELECT)
        expect(tab.locator("#rows > li", has_text="SELECT")).to_have_count(2)
        expect(tab.locator("#rows > li")).to_have_count(5)


def test_one_page_too_many_is_told_that_and_not_that_all_has_ended(
    page: Page, open_tab: Opened, chromium: Browser
) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_PAGES):
            stack.enter_context(page.stream()).until("hello")
        context = stack.enter_context(contextlib.closing(chromium.new_context()))
        tab = context.new_page()
        tab.goto(page.server.link)
        expect(tab.locator("#connection")).to_have_class("full")
        expect(tab.locator("#connection")).to_contain_text("close one")
    with open_tab(page.server.link) as after:
        expect(after.locator("#card-1 .chip")).to_be_visible()


def test_a_page_of_a_program_that_was_killed_waits_and_then_asks_for_the_new_link(
    chromium: Browser,
) -> None:
    with kept_port() as port, contextlib.closing(chromium.new_context()) as context:
        options = "--tcp", "127.0.0.1", "--port", str(port), "juki-v1:1"
        tab = context.new_page()
        with started(*options) as (_, lines):
            tab.goto(lines[-1].removeprefix("the page: "))
            expect(tab.locator("#connection")).to_have_class("connected")
        expect(tab.locator("#connection")).to_have_class("lost")
        with started(*options):
            expect(tab.locator("#connection")).to_have_class("ended", timeout=10_000)


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
