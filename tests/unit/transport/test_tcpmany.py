"""Many cards behind one port: each to one client, named first; nobody ends or waits for another."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from jukicard import PersistentMemory, SqliteBackend, TcpServer, create_cards, issue_card
from jukicard.environment import CardEnvironment
from jukicard.runtime.card import Card
from jukicard.transport import CardPort, SlotState, SlotStatus, tcpmany
from jukicard.transport.jukitcp import MAGIC, MAX_PAYLOAD, frame
from jukicard.transport.tcpmany import ImageCards, ManyCardsServer, UnknownCardError
from jukihost import CardBusy, JukiSession, NoCard, ProtocolError, TcpConnection, build_channel

NAMES = [str(number) for number in range(1, 9)]
DAMAGED = "damaged"


class Cards:
    """Cards in memory; it remembers which are open."""

    def __init__(self) -> None:
        first = issue_card(seed=1)
        self.cards = {name: first.fork() for name in NAMES}
        self.open_now: set[str] = set()

    def open(self, name: str) -> CardPort:
        if name == DAMAGED:
            raise RuntimeError("a secret of the card")
        if name not in self.cards:
            raise UnknownCardError(name)
        assert name not in self.open_now
        self.open_now.add(name)
        return self.cards[name]

    def powered(self, name: str) -> bool:
        return self.cards[name].powered

    def release(self, name: str, card: CardPort) -> None:
        assert card is self.cards[name]
        self.open_now.remove(name)


@pytest.fixture
def cards() -> Cards:
    return Cards()


@pytest.fixture
def told() -> list[SlotStatus]:
    return []


@pytest.fixture
def server(cards: Cards, told: list[SlotStatus]) -> Iterator[ManyCardsServer]:
    with ManyCardsServer(cards, on_status=told.append) as running:
        yield running
    assert not cards.open_now


def raw(server: ManyCardsServer) -> socket.socket:
    """A client that has not said anything yet."""
    return socket.create_connection((server.host, server.port), timeout=60)


def rest_of(sock: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    said = b""
    try:
        while chunk := sock.recv(65_536):
            said += chunk
    except ConnectionResetError:
        pass
    return said


def test_each_client_has_its_own_card(server: ManyCardsServer, cards: Cards) -> None:
    with ExitStack() as stack:
        found = {}
        for name in NAMES:
            connection = TcpConnection(server.host, server.port, card=name)
            juki = JukiSession(build_channel(stack.enter_context(connection)))
            found[name] = stack.enter_context(juki)
        assert cards.open_now == set(NAMES)
        assert server.clients == len(NAMES)
        with pytest.raises(Exception, match="2 tries left"):
            found["3"].verify_pin("0000")
        assert [found[name].pin_retries() for name in NAMES] == [3, 3, 2, 3, 3, 3, 3, 3]


def test_a_card_keeps_what_happened_to_it(server: ManyCardsServer) -> None:
    for tries in (2, 1):
        with (
            TcpConnection(server.host, server.port, card="1") as connection,
            JukiSession(build_channel(connection)) as juki,
            pytest.raises(Exception, match=f"{tries} tr"),
        ):
            juki.verify_pin("0000")


def test_one_client_a_card(server: ManyCardsServer) -> None:
    with (
        TcpConnection(server.host, server.port, card="1"),
        pytest.raises(CardBusy),
        TcpConnection(server.host, server.port, card="1"),
    ):
        pass
    with TcpConnection(server.host, server.port, card="2") as again:
        assert again.atr


def test_unknown_damaged_and_missing_names(server: ManyCardsServer, told: list[SlotStatus]) -> None:
    with (
        pytest.raises(NoCard, match="'nobody'"),
        TcpConnection(server.host, server.port, card="nobody"),
    ):
        pass
    with pytest.raises(NoCard), TcpConnection(server.host, server.port, card=DAMAGED):
        pass
    with pytest.raises(Exception, match="card"), TcpConnection(server.host, server.port):
        pass
    assert any(status.state is SlotState.FAULT for status in told)


def test_a_name_given_to_a_single_card_is_refused() -> None:
    with (
        TcpServer(issue_card(seed=1)) as single,
        pytest.raises(ProtocolError, match="one card only"),
        TcpConnection(single.host, single.port, card="1"),
    ):
        pass


CHOSEN = MAGIC + frame(0x05, b"1")


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
        pytest.param(MAGIC + frame(0x01), id="no card chosen"),
        pytest.param(MAGIC + frame(0x05, b"\xff\xfe"), id="a name that is no text"),
        pytest.param(MAGIC + frame(0x05), id="an empty name"),
        pytest.param(CHOSEN + frame(0x05, b"2"), id="a second card"),
        pytest.param(CHOSEN + frame(0x77), id="an unknown request"),
        pytest.param(CHOSEN + frame(0x01, b"x"), id="a payload where none belongs"),
        pytest.param(CHOSEN + b"\x03\xff\xff\xff\xff", id="a payload too long"),
        pytest.param(MAGIC + b"\x05" + (MAX_PAYLOAD + 1).to_bytes(4, "big"), id="a name too long"),
    ],
)
def test_who_breaks_the_protocol_is_sent_away(
    server: ManyCardsServer, cards: Cards, said: bytes
) -> None:
    with closing(raw(server)) as client:
        client.sendall(said)
        answer = rest_of(client)
        assert answer.startswith(MAGIC)
        if said.startswith(MAGIC):
            assert b"\xff" in answer
    with TcpConnection(server.host, server.port, card="1") as again:
        assert again.atr


def test_random_bytes_end_nobody_else(server: ManyCardsServer) -> None:
    draw = random.Random(1)
    with TcpConnection(server.host, server.port, card="1") as calm:
        for _ in range(200):
            with closing(raw(server)) as client:
                client.sendall(draw.choice((b"", MAGIC, CHOSEN[:-1] + b"2")) + draw.randbytes(40))
        assert calm.transmit(bytes.fromhex("00A404000AD392100031000101040100"))[-2:] == b"\x90\x00"


def test_who_stays_silent_or_stops_half_way_leaves_in_time(
    server: ManyCardsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcpmany, "GREETING_SECONDS", 0.2)
    monkeypatch.setattr(tcpmany, "FRAME_SECONDS", 0.2)
    monkeypatch.setattr(tcpmany, "_TICK", 0.05)
    with closing(raw(server)) as silent, closing(raw(server)) as half:
        half.sendall(CHOSEN + b"\x03\x00\x00\x00\x05\x00")
        rest_of(silent)
        rest_of(half)
    with TcpConnection(server.host, server.port, card="1") as idle:
        threading.Event().wait(0.5)  # an idle client that owes nothing stays
        assert idle.transmit(bytes.fromhex("0084000008"))[-2:] != b""


def test_a_client_that_reads_nothing_is_cut_off(
    server: ManyCardsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcpmany, "FRAME_SECONDS", 0.2)
    monkeypatch.setattr(tcpmany, "_TICK", 0.05)
    with closing(raw(server)) as greedy:
        greedy.sendall(CHOSEN + frame(0x01))
        command = frame(0x03, bytes.fromhex("00CA006600"))

        def ask_on() -> None:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                greedy.sendall(command * 64)

        with pytest.raises(OSError):  # noqa: PT011 - a reset or a broken pipe, as it happens
            ask_on()
    with TcpConnection(server.host, server.port, card="2") as other:
        assert other.atr


def test_closing_takes_every_card_s_power(cards: Cards) -> None:
    server = ManyCardsServer(cards)
    server.start()
    with closing(raw(server)) as client:
        client.sendall(CHOSEN + frame(0x01))
        while client.recv(65_536)[-1:] != cards.cards["1"].atr[-1:]:
            pass
        assert cards.powered("1")
        server.close()
        server.close()
        assert rest_of(client) == b""
    assert not cards.powered("1")
    assert not cards.open_now


def test_cards_of_a_file_are_opened_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "cards.juki"
    snapshot = issue_card(seed=1).environment.memory.snapshot()
    create_cards(path, [(name, snapshot) for name in NAMES])
    with (
        ManyCardsServer(ImageCards(path)) as server,
        TcpConnection(server.host, server.port, card="5") as connection,
        JukiSession(build_channel(connection)) as juki,
        pytest.raises(Exception, match="2 tries left"),
    ):
        juki.verify_pin("0000")
    backend = SqliteBackend(path, "5")
    with closing(backend), closing(SqliteBackend(path, "6")) as other:
        for one, tries in ((backend, 2), (other, 3)):
            card = Card(CardEnvironment(memory=PersistentMemory(one)))
            card.power_on()
            card.transmit(bytes.fromhex("00A404000AD392100031000101040100"))
            card.transmit(bytes.fromhex("00A4020C02001C"))
            assert card.transmit(bytes.fromhex("00200080"))[1] == 0xC0 | tries
