"""The project's own transport, the card's end: greeting, frames, refusals, one client a time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Self

import pytest
from hypothesis import given, settings, strategies as st

from jukicard.transport import SlotState, tcp
from jukicard.transport.address import AddressRefused
from jukicard.transport.tcp import TcpServer
from tests.support import soak
from tests.support.readers.echo_card import EchoCard
from tests.support.readers.statuses import Statuses
from tests.support.stalls import Within

ATR = bytes.fromhex("3BE000FF8131FE4514")


class Client:
    """The other side, byte by byte from the description in the module, not from its code."""

    def __init__(self, server: TcpServer, greeting: bytes = b"JUKITCP1") -> None:
        self.sock = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        self.sock.sendall(greeting)

    def __enter__(self) -> Self:
        assert self.take(8) == b"JUKITCP1"
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def take(self, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            chunk = self.sock.recv(size - len(taken))
            if not chunk:
                raise EOFError
            taken += chunk
        return taken

    def frame(self) -> tuple[int, bytes]:
        header = self.take(5)
        return header[0], self.take(int.from_bytes(header[1:], "big"))

    def ask(self, kind: int, payload: bytes = b"") -> tuple[int, bytes]:
        self.sock.sendall(bytes((kind,)) + len(payload).to_bytes(4, "big") + payload)
        return self.frame()

    def is_closed(self) -> bool:
        try:
            return self.sock.recv(1) == b""
        except ConnectionError:
            return True


@pytest.fixture
def statuses() -> Statuses:
    return Statuses()


@pytest.fixture
def card() -> EchoCard:
    return EchoCard()


@pytest.fixture
def server(card: EchoCard, statuses: Statuses) -> Iterator[TcpServer]:
    with TcpServer(card, on_status=statuses) as server:
        yield server


def test_every_request(server: TcpServer, card: EchoCard) -> None:
    with Client(server) as client:
        assert client.ask(1) == (0x81, ATR)
        assert client.ask(2) == (0x81, ATR)
        assert client.ask(3, b"\0\xa4\4\0") == (0x83, b"\0\xa4\4\0\x90\x00")
        assert client.ask(4) == (0x84, b"")
        assert card.journal == ["on", "reset", "off"]


@pytest.mark.parametrize("size", [1, 255, 65_535, 65_544])
def test_commands_of_every_size(server: TcpServer, size: int) -> None:
    command = bytes(2) + bytes(index % 251 for index in range(size - 2)) if size > 1 else b"\0"
    expected = command + b"\x90\x00" if size > 1 else b"\x67\x00"
    with Client(server) as client:
        client.ask(1)
        assert client.ask(3, command) == (0x83, expected)


def test_the_longest_answer(server: TcpServer) -> None:
    with Client(server) as client:
        client.ask(1)
        kind, answer = client.ask(3, b"\xb0" + (65_536).to_bytes(3, "big"))
        assert (kind, len(answer)) == (0x83, 65_538)


@pytest.mark.parametrize("size", [65_601, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_frame_that_is_too_long_is_refused_and_ends_it(server: TcpServer, size: int) -> None:
    with Client(server) as client:
        client.sock.sendall(b"\3" + size.to_bytes(4, "big") + b"x" * 100)
        kind, text = client.frame()
        assert kind == 0xFF
        assert b"65600" in text
        assert client.is_closed()


@pytest.mark.parametrize("kind", sorted({*range(256)} - {1, 2, 3, 4}))
def test_every_unknown_request_is_refused_and_ends_it(server: TcpServer, kind: int) -> None:
    with Client(server) as client:
        answer, text = client.ask(kind)
        assert answer == 0xFF
        assert text.decode() == f"unknown request {kind:02X}"
        assert client.is_closed()


@pytest.mark.parametrize("kind", [1, 2, 4])
def test_a_payload_where_none_belongs_is_refused(server: TcpServer, kind: int) -> None:
    with Client(server) as client:
        assert client.ask(kind, b"x") == (0xFF, f"request {kind:02X} has no payload".encode())
        assert client.is_closed()


@pytest.mark.parametrize("greeting", [b"JUKITCP2", b"GET / HT", b"\0" * 8, b"jukitcp1"])
def test_another_greeting_closes(server: TcpServer, greeting: bytes, card: EchoCard) -> None:
    with Client(server, greeting) as client:
        assert client.is_closed()
    assert card.journal == []


def test_half_a_greeting_or_frame_is_not_waited_for_for_ever(
    server: TcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "_TICK", 0.05)
    monkeypatch.setattr(tcp, "GREETING_SECONDS", 0.1)
    monkeypatch.setattr(tcp, "FRAME_SECONDS", 0.1)
    with Client(server, b"JUKI") as client:
        assert client.is_closed()
    with Client(server) as client:
        client.sock.sendall(b"\3\0")
        assert client.is_closed()
    with Client(server) as client:
        client.sock.sendall(b"\3\0\0\0\4\0")
        assert client.is_closed()


def test_without_power_or_card_a_command_fails_and_the_connection_stays(server: TcpServer) -> None:
    with Client(server) as client:
        assert client.ask(3, b"\0\0\0\0") == (0xFF, b"the card has no power")
        server.remove()
        assert client.ask(1) == (0xFF, b"no card in the slot")
        assert client.ask(3, b"\0\0\0\0") == (0xFF, b"no card in the slot")
        assert client.ask(4) == (0x84, b"")
        server.insert(EchoCard())
        assert client.ask(1) == (0x81, ATR)


def test_a_card_exchanged_meanwhile_has_no_power(server: TcpServer, card: EchoCard) -> None:
    with Client(server) as client:
        client.ask(1)
        assert server.remove() is card
        server.insert(EchoCard())
        assert client.ask(3, b"\0\0\0\0")[0] == 0xFF
    assert card.journal == ["on", "off"]


def test_reset_behind_the_clients_back(server: TcpServer, card: EchoCard) -> None:
    server.reset()
    with Client(server) as client:
        client.ask(1)
        server.reset()
        assert card.journal == ["on", "reset"]
        assert client.ask(3, b"\0\0\0\0")[0] == 0x83


@pytest.mark.parametrize("command", [b"\xee", b"\xef"])
def test_a_card_that_raises_is_told_without_data(
    server: TcpServer, statuses: Statuses, card: EchoCard, command: bytes
) -> None:
    with Client(server) as client:
        client.ask(1)
        kind, text = client.ask(3, command + b"\xca\xfe\xba\xbe")
        assert kind == 0xFF
        assert text.startswith(b"the card failed: ")
        assert b"cafe" not in text
        assert "cafe" not in str(statuses.told)
        assert statuses.count(SlotState.FAULT) == 1
        assert card.journal == ["on", "off"]
        assert client.ask(3, b"\0\0\0\0") == (0xFF, b"the card has no power")
        assert client.ask(2) == (0x81, ATR)


def test_a_client_that_leaves_takes_the_power_with_it(
    server: TcpServer, card: EchoCard, statuses: Statuses
) -> None:
    with Client(server) as client:
        client.ask(1)
    statuses.wait_for(SlotState.LOST)
    assert card.journal == ["on", "off"]


def test_a_second_client_is_told_busy_and_the_first_goes_on(server: TcpServer) -> None:
    with Client(server) as first:
        first.ask(1)
        with Client(server) as second:
            kind, text = second.frame()
            assert kind == 0xFF
            assert text.startswith(b"busy")
            assert second.is_closed()
        assert first.ask(3, b"\0\0\0\0")[0] == 0x83


def test_a_client_right_after_another_is_not_busy(server: TcpServer) -> None:
    for _ in range(50):
        with Client(server) as client:
            assert client.ask(1) == (0x81, ATR)


@settings(max_examples=soak.times(40, soak=1_000))
@given(noise=st.binary(max_size=200), greeted=st.booleans())
def test_garbage_harms_nobody(noise: bytes, greeted: bool) -> None:
    with TcpServer(EchoCard(), on_status=Statuses()) as server:
        with Client(server, (b"JUKITCP1" if greeted else b"") + noise):
            pass
        with Client(server) as client:
            assert client.ask(1) == (0x81, ATR)


def test_close_ends_a_running_client_and_every_thread(server: TcpServer, card: EchoCard) -> None:
    before = threading.active_count()
    with Client(server) as client:
        client.ask(1)
        with Within(4):
            server.close()
        assert client.is_closed()
    server.close()
    assert threading.active_count() < before
    assert card.journal == ["on", "off"]


def test_other_machines_are_refused_unless_allowed() -> None:
    with pytest.raises(AddressRefused):
        TcpServer(EchoCard(), "0.0.0.0").start()
    with TcpServer(EchoCard(), "0.0.0.0", allow_remote=True, on_status=Statuses()) as server:
        assert server.port


def test_a_taken_port_is_an_os_error(server: TcpServer) -> None:
    with pytest.raises(OSError, match="in use"):
        TcpServer(EchoCard(), port=server.port).start()
