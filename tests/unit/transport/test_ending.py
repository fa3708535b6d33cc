"""A server ends within its bound whatever its card does, says what it waits for, and at once on
Ctrl-C; who wants a card that works waits no longer than was said."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jukicard.transport import CardPort, SlotState, SlotStatus, serving, slot
from jukicard.transport.address import listen
from jukicard.transport.slot import CardSlot, CardWorking
from jukicard.transport.tcp import TcpServer
from jukicard.transport.tcpmany import ManyCardsServer
from jukicard.transport.vpcd import VpcdServer
from jukihost.errors import TransportError
from jukihost.transport.tcp import TcpConnection
from jukihost.transport.vpcd import VpcdConnection
from tests.support.readers.echo_card import EchoCard
from tests.support.stalls import Within

BOUND = 0.4
WAIT = bytes.fromhex("5C000000")


class OneCard:
    """The source of a server for many cards."""

    def __init__(self, card: CardPort) -> None:
        self._card = card

    def open(self, name: str) -> CardPort:
        return self._card

    def release(self, name: str, card: CardPort) -> None: ...


Statuses = list[SlotStatus]
Make = Callable[[CardPort, Callable[[SlotStatus], object]], tuple[Any, Callable[[], Any]]]


def tcp(card: CardPort, tell: Callable[[SlotStatus], object]) -> tuple[Any, Callable[[], Any]]:
    server = TcpServer(card, on_status=tell)  # type: ignore[arg-type]
    return server, lambda: TcpConnection(server.host, server.port)


def many(card: CardPort, tell: Callable[[SlotStatus], object]) -> tuple[Any, Callable[[], Any]]:
    server = ManyCardsServer(OneCard(card), on_status=tell)  # type: ignore[arg-type]
    return server, lambda: TcpConnection(server.host, server.port, card="card")


def vpcd(card: CardPort, tell: Callable[[SlotStatus], object]) -> tuple[Any, Callable[[], Any]]:
    cards = [card, None, None]
    server = VpcdServer(cards, "127.0.0.1", 0, listen=True, on_status=tell, absence=0)  # type: ignore[arg-type]

    def connect() -> VpcdConnection:
        port = int(server.slots[0].address.rpartition(":")[2])
        return VpcdConnection("127.0.0.1", port, listening=False)

    return server, connect


EVERY_SERVER = pytest.mark.parametrize("make", [tcp, many, vpcd])


@contextlib.contextmanager
def working(card: EchoCard, connection: Any) -> Iterator[None]:
    """A card that is in the middle of a command while the block runs."""

    def ask() -> None:
        with contextlib.suppress(Exception):
            connection.transmit(WAIT)

    connection.open()
    thread = threading.Thread(target=ask)
    thread.start()
    assert card.entered.wait(60)
    try:
        yield
    finally:
        card.gate.set()
        thread.join(60)
        connection.close()
        assert not thread.is_alive()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter bounds than usual."""
    monkeypatch.setattr(serving, "CLOSE_SECONDS", BOUND)
    monkeypatch.setattr(serving, "_TELL_AFTER", 0.1)
    monkeypatch.setattr(slot, "WORKING_SECONDS", BOUND)


@EVERY_SERVER
@pytest.mark.usefixtures("quick")
def test_closing_waits_for_a_command_so_long_and_says_so(make: Make) -> None:
    told: Statuses = []
    card = EchoCard()
    server, connect = make(card, told.append)
    server.start()
    with working(card, connect()):
        with Within(BOUND):
            server.close()
        assert [one.detail for one in told if one.state is SlotState.WORKING] == ["0.4 s"]
    deadline = time.monotonic() + 60
    while card.journal[-1] != "off":  # its thread takes the power when the command is done
        assert time.monotonic() < deadline
        time.sleep(0.02)


@EVERY_SERVER
@pytest.mark.usefixtures("quick")
def test_who_was_interrupted_waits_for_no_command(make: Make) -> None:
    told: Statuses = []
    card = EchoCard()
    server, connect = make(card, told.append)
    with contextlib.ExitStack() as stack:
        block = contextlib.ExitStack()
        block.enter_context(server)
        stack.enter_context(working(card, connect()))
        with pytest.raises(KeyboardInterrupt), Within(0), block:
            raise KeyboardInterrupt
        assert not [one for one in told if one.state is SlotState.WORKING]


@EVERY_SERVER
def test_a_command_that_ends_is_waited_for(make: Make) -> None:
    told: Statuses = []
    card = EchoCard()
    server, connect = make(card, told.append)
    server.start()
    timer = threading.Timer(0.2, card.gate.set)
    with working(card, connect()):
        timer.start()
        server.close()
        assert not card.powered
    assert not [one for one in told if one.state is SlotState.WORKING]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("work", [CardSlot.remove, CardSlot.reset, CardSlot.power_off])
def test_a_card_that_works_is_not_taken_out(work: Callable[[CardSlot], object]) -> None:
    card = EchoCard()
    held = CardSlot(card)
    held.power_on()
    thread = threading.Thread(target=held.transmit, args=(WAIT,))
    thread.start()
    assert card.entered.wait(60)
    with pytest.raises(CardWorking, match=r"working on a command for 0\.4 s"), Within(BOUND):
        work(held)
    card.gate.set()
    thread.join(60)
    work(held)


class ResetAtLength(EchoCard):
    """A reset takes until the gate opens."""

    def reset(self) -> bytes:
        self.entered.set()
        assert self.gate.wait(60)
        return super().reset()


@pytest.mark.parametrize("make", [tcp, vpcd])
@pytest.mark.parametrize("asks", [False, True], ids=["leaves", "asks for more"])
@pytest.mark.usefixtures("quick")
def test_who_uses_a_card_that_is_being_reset_is_followed_by_the_next(
    make: Make, asks: bool
) -> None:
    told: Statuses = []
    card = ResetAtLength()
    server, connect = make(card, told.append)
    with server:
        slot = server.slots[0] if isinstance(server, VpcdServer) else server
        connection = connect()
        connection.open()
        by_hand = threading.Thread(target=slot.reset)
        by_hand.start()
        assert card.entered.wait(60)
        if asks:
            with pytest.raises(TransportError):
                connection.open()
        connection.close()
        time.sleep(BOUND * 2)
        assert slot.powered  # nobody takes it from under the reset
        card.gate.set()
        by_hand.join(60)
        deadline = time.monotonic() + 60
        while slot.powered:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with connect() as following:
            assert following.transmit(bytes(4)) == bytes.fromhex("000000009000")


def test_a_host_that_nobody_resolves_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jukicard.transport.address._RESOLVER_SECONDS", BOUND)
    stuck, look_up = threading.Event(), socket.getaddrinfo

    def hangs(host: str, port: int, type: int, flags: int = 0) -> object:
        if not flags & socket.AI_NUMERICHOST:
            stuck.wait(60)
        return look_up(host, port, type=type, flags=flags)

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    with pytest.raises(OSError, match=r"no answer about 'card.invalid'"), Within(BOUND):
        listen("card.invalid", 0)
    stuck.set()


def test_a_host_that_does_not_exist_is_refused() -> None:
    with pytest.raises(OSError, match=r"not known|resolution"):
        listen("no-such-host.invalid", 0)
