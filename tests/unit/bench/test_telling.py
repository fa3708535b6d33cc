"""What the server tells the pages that are open: exchanges as they happen, and what was missed."""

from __future__ import annotations

import json
import socket
import time

import pytest

from jukicard.cli.bench.stream import MOST_PAGES, MOST_ROWS
from jukihost import TcpConnection
from tests.support.stalls import SLACK, Stalls
from tests.unit.bench.conftest import Page
from tests.unit.bench.onbench import READ_CODE, SELECT, WRONG, said


def test_an_exchange_of_a_terminal_is_told_within_a_tenth_of_a_second(page: Page) -> None:
    with page.stream() as events:
        events.until("card")
        with TcpConnection("127.0.0.1", page.slots[0].port) as terminal:
            events.until("rows")
            took = []
            for _ in range(10):
                with Stalls() as stalls:
                    begun = time.monotonic()
                    terminal.transmit(READ_CODE)
                    told = events.until("rows")
                    late = time.monotonic() - begun
                took.append(late - stalls.allowed(-SLACK))  # less what the machine was busy
                assert told["rows"][-1]["status"] == "6982" or told["rows"][-1]["refused"]
    assert sorted(took)[5] < 0.1


def test_tries_and_channels_follow(page: Page) -> None:
    with page.stream() as events:
        events.until("card")
        with TcpConnection("127.0.0.1", page.slots[0].port) as terminal:
            terminal.transmit(SELECT)
            terminal.transmit(WRONG)
            events.until("card", lambda told: '"left": 2' in json.dumps(told["look"]))
            events.until("bench", lambda told: told["slots"][0]["connected"])
        events.until("bench", lambda told: not told["slots"][0]["connected"])
        events.until("card", lambda told: told["look"]["channels"] == [])


def test_a_page_that_comes_back_is_told_what_it_missed_and_nothing_twice(page: Page) -> None:
    with page.stream() as events:
        events.until("card")
        said(page, SELECT)
        seen = events.until("rows")["rows"]
        while len(seen) < 2:
            seen += events.until("rows")["rows"]
        last = events.last
    said(page, READ_CODE)
    with page.stream(last) as events:
        assert events.until("hello")["again"] is True
        told = events.until("rows")
        assert told["gone"] == 0
        assert told["rows"][0]["number"] == seen[-1]["number"] + 1
    for wrong in ("", "x", "00000000-1", f"{last}0000000000000000000", last.replace("-", "")):
        with page.stream(wrong) as events:
            assert events.until("hello")["again"] is False
            assert events.until("rows")["rows"][0]["number"] == 1


def test_a_page_that_is_late_gets_the_last_ones_and_how_many_are_gone(page: Page) -> None:
    page.bench.begin_looking()
    slot = page.slots[0]._card
    slot.power_on()
    for _ in range(3000):
        slot.transmit(READ_CODE)
    with page.stream() as events:
        told = events.until("rows")
    assert (len(told["rows"]), told["gone"]) == (MOST_ROWS, 3001 - MOST_ROWS)


def test_a_page_that_reads_nothing_costs_no_memory_and_stops_nobody(page: Page) -> None:
    with page.stream() as hanging, page.stream() as events:
        hanging.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        slot = page.slots[0]._card
        slot.power_on()
        for _ in range(5000):
            slot.transmit(READ_CODE)
        number = page.bench.exchanges.last
        events.until("rows", lambda told: told["rows"][-1]["number"] == number)
        assert len(page.bench.exchanges) <= 2000


def test_there_are_only_so_many_pages(page: Page) -> None:
    opened = []
    for _ in range(MOST_PAGES):
        context = page.stream()
        opened.append((context, context.__enter__()))
    for _, events in opened:
        events.until("hello")
    assert page.ask("events")[0] == 503
    assert page.ask()[0] == 200
    for context, _ in opened:
        context.__exit__(None, None, None)
    end = time.monotonic() + 60
    while page.server._stream is not None and page.server._stream.pages:
        assert time.monotonic() < end
        time.sleep(0.05)
    with page.stream() as events:
        events.until("hello")


def test_exchanges_are_told_no_more_when_the_last_page_has_left(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jukicard.cli.bench.stream.LINGER", 0.1)
    with page.stream() as events:
        events.until("card")
    end = time.monotonic() + 60
    while page.bench._looking:
        assert time.monotonic() < end
        time.sleep(0.05)
    before = page.bench.exchanges.last
    said(page, SELECT)
    assert page.bench.exchanges.last == before
