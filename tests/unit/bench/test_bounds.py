"""What a bench keeps, hides and waits for: each of it bounded, hidden and told in its own place."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from typing import Final

import pytest

from jukicard import issue_card
from jukicard.cli.bench.bench import WAIT, NotPossible
from jukicard.cli.bench.exchanges import MOST_NOTES, SHOWN, Exchanges, Note
from jukicard.cli.bench.server import MOST_CONNECTIONS
from jukicard.cli.bench.watched import WatchedCard
from jukicard.memory import MemoryFailureError
from jukicard.runtime.events import LifeCycleChanged
from jukihost import TcpConnection
from tests.unit.bench.conftest import Page
from tests.unit.bench.onbench import SELECT, bench_with, look, rows

CHALLENGE: Final = bytes.fromhex("0084000008")


def test_contents_that_anybody_may_read_are_not_shown_either() -> None:
    bench, [slot] = bench_with(issue_card("mynumber", seed=1))
    read = 0
    with bench.looked_at():
        slot.card.power_on()
        for application in look(bench)["applications"]:
            aid = bytes.fromhex(application["aid"])
            slot.card.transmit(bytes((0x00, 0xA4, 0x04, 0x0C, len(aid))) + aid)
            for file in application["files"]:
                if file["kind"] != "transparent" or file["read"] != "Always":
                    continue
                slot.card.transmit(bytes.fromhex(f"00A4020C02{file['fid']}"))
                answer = slot.card.transmit(bytes.fromhex("00B0000000"))
                if answer[-2:] == b"\x90\x00" and len(answer) > 20:
                    read += 1
                    packed = json.dumps(rows(bench)).replace(" ", "").upper()
                    assert answer[4:20].hex().upper() not in packed
                    assert f"<{len(answer) - 2}bytes>".upper() in packed
    assert read


def test_of_an_error_its_kind_alone_is_told() -> None:
    exchanges = Exchanges(lambda: 0.0)
    watched = WatchedCard(1, issue_card("juki-v1", seed=1), exchanges)

    def fail(command: bytes) -> bytes:
        raise RuntimeError(f"secret {command.hex()}")

    watched._send = fail
    watched.watch(True)
    with pytest.raises(RuntimeError):
        watched.transmit(b"\x00\x20\x00\x9c\x041234")
    [text] = exchanges.since(0)[0]
    assert json.loads(text)["notes"] == [{"kind": "fault", "text": "no answer: RuntimeError"}]
    assert "secret" not in text


def test_remarks_of_one_exchange_and_bytes_of_one_row_are_bounded() -> None:
    exchanges = Exchanges(lambda: 0.0)
    exchanges.add(1, notes=[Note("bench", "x")] * 1000)
    assert len(json.loads(exchanges.since(0)[0][0])["notes"]) == MOST_NOTES
    watched = WatchedCard(1, issue_card("juki-v1", seed=1), exchanges)
    for _ in range(1000):
        watched._hear(LifeCycleChanged(None, "card", "activated"))
    assert len(watched._notes) == MOST_NOTES
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    with bench.looked_at():
        slot.card.power_on()
        slot.card.transmit(
            bytes.fromhex("00A4040C00") + (60_000).to_bytes(2, "big") + bytes(60_000)
        )
    assert len(rows(bench)[-1]["command"]) < 3 * SHOWN + 100


def test_what_was_not_seen_is_told_once() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    slot.card.power_on()
    slot.card.transmit(SELECT)
    for _ in range(2):
        with bench.looked_at():
            assert [row["notes"][0]["kind"] for row in rows(bench)] == ["unseen"]


def test_whatever_is_done_is_seen() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    slot.card.power_on()
    for act in (
        lambda: bench.snapshot(1),
        lambda: bench.drop(1),
        lambda: bench.fork(card=1),
        lambda: bench.take_away(2),
        lambda: bench.pull(0),
        lambda: bench.insert(1, 0),
        lambda: bench.suspend(1),
        lambda: bench.set_hazard(1, "Mute", {}),
        lambda: bench.clear_hazards(1),
    ):
        before = bench.marks()
        act()
        assert bench.marks() != before


def test_numbers_that_were_drawn_are_no_difference() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    kept = bench.snapshot(1)
    slot.card.power_on()
    slot.card.transmit(SELECT)
    assert len(slot.card.transmit(CHALLENGE)) == 10
    assert bench.compare({"snapshot": kept}, {"card": 1}) == []


def test_a_card_that_cannot_be_looked_at_says_so_and_the_bench_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, _ = bench_with(issue_card("juki-v1", seed=1), issue_card("mynumber", seed=1))
    bench.refresh()

    def fail(card: object) -> dict[str, object]:
        raise MemoryFailureError("the disk is away")

    monkeypatch.setattr("jukicard.cli.bench.bench.look_at", fail)
    bench.suspend(1)
    assert bench.refresh() is True
    shown = bench.looks()
    assert (shown[1][1]["failed"], shown[1][1]["profile"]) == ("the disk is away", "juki-v1")
    assert "failed" not in shown[2][1]


def test_an_action_waits_no_longer_than_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert WAIT <= 10
    monkeypatch.setattr("jukicard.cli.bench.bench.WAIT", 0.1)
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    bench.set_hazard(1, "Delayed", {"seconds": 3.0})
    slot.card.power_on()
    worker = threading.Thread(target=slot.card.transmit, args=(SELECT,))
    worker.start()
    try:
        while bench.ports[0].quiet():  # type: ignore[attr-defined]  # it has not begun
            bench.ports[0].done()  # type: ignore[attr-defined]
            time.sleep(0.01)
        with pytest.raises(NotPossible, match=r"at work for 0\.1 s"):
            bench.snapshot(1)
    finally:
        worker.join()


def test_a_card_that_was_at_work_is_looked_at_when_it_is_done(page: Page) -> None:
    page.bench.set_hazard(1, "Delayed", {"seconds": 0.7})
    with page.stream() as events:
        events.until("card")
        with TcpConnection("127.0.0.1", page.slots[0].port) as terminal:
            terminal.transmit(SELECT)
            events.until("card", lambda told: '"kind": "juki", "v' in json.dumps(told["look"]))


def test_a_page_that_takes_nothing_is_given_up(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jukicard.cli.bench.stream.STALLED", 0.3)
    slot = page.slots[0]._card
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect(("127.0.0.1", page.server.port))
        sock.sendall(f"GET {page.path}events HTTP/1.1\r\nHost: {page.host}\r\n\r\n".encode())
        stream = page.server._stream
        assert stream is not None
        end = time.monotonic() + 60
        while not stream.pages:
            assert time.monotonic() < end
            time.sleep(0.01)
        slot.power_on()
        while stream.pages:
            assert time.monotonic() < end, "it is waited for without end"
            for _ in range(200):
                slot.transmit(SELECT)
            time.sleep(0.03)


def test_there_are_only_so_many_connections(page: Page) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS + 1):
            idle = socket.create_connection(("127.0.0.1", page.server.port), timeout=10)
            stack.enter_context(contextlib.closing(idle))
        end = time.monotonic() + 10
        while page.ask()[0] != 503:  # the last ones may not have been taken yet
            assert time.monotonic() < end
            time.sleep(0.05)
    end = time.monotonic() + 10
    while page.ask()[0] != 200:
        assert time.monotonic() < end
        time.sleep(0.05)
