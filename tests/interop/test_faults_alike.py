"""A terminal sees the same fault as the same error, whatever connection it has to the card.

Where a connection cannot tell two faults apart (vpcd and its reader say alike of a card that was
pulled and of one that failed), its error is both, so that either name catches it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from jukicard import Card, issue_card
from jukicard.apdu import CommandApdu
from jukicard.memory import PersistentMemory, RamBackend
from jukicard.testing.faults import FaultyBackend
from jukihost.channel import build_channel
from jukihost.connection import Connection
from jukihost.errors import (
    AnswerTimeout,
    CardBusy,
    CardError,
    CardFailure,
    CardMute,
    CardRemoved,
    ConnectionNotOpen,
    NoCard,
    PinRejected,
    TransportError,
)
from jukihost.models import Purpose
from jukihost.sessions.juki import JukiSession
from jukihost.transport.pcsc.connection import PcscConnection
from jukihost.transport.tcp import TcpConnection
from tests.support.host.custody import PublicMasters
from tests.support.interop.places import Make, Place, everywhere
from tests.support.readers.echo_card import EchoCard
from tests.support.stalls import Within

OLD, NEW = "1234", "5678"
SELECT_JUKI = bytes.fromhex("00A4040C0AD3921000310001010401")
SELECT_PIN = bytes.fromhex("00A4020C02001C")
WRONG_PIN = bytes.fromhex("002000800430303030")
CHALLENGE = CommandApdu(0x00, 0x84, 0x00, 0x00, ne=8)
WAIT = CommandApdu(0x5C, 0x00, 0x00, 0x00)


def faulty_card() -> tuple[Card, FaultyBackend]:
    backend = FaultyBackend(RamBackend())
    return issue_card("juki-v1", seed=1, memory=PersistentMemory(backend)), backend


@contextlib.contextmanager
def at_the_counter(connection: Connection, pin: str) -> Iterator[JukiSession]:
    """A session that may change the PIN."""
    with JukiSession(build_channel(connection)) as juki:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublicMasters())
        juki.verify_pin(pin)
        yield juki


def change_back_and_forth(juki: JukiSession) -> None:
    """Change the PIN often enough for a few writes."""
    for pin in (NEW, OLD) * 3:
        juki.change_pin(pin)


def revive(connection: Connection) -> None:
    """Open the connection again; a reader may take a moment until it has the card again."""
    connection.close()
    deadline = time.monotonic() + 60
    while True:
        try:
            connection.open()
            return
        except NoCard:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def pin_of(connection: Connection) -> str:
    """Return which of the two is the PIN; one of them must be."""
    for pin in (OLD, NEW):
        with contextlib.suppress(PinRejected), JukiSession(build_channel(connection)) as juki:
            juki.verify_pin(pin)
            return pin
    raise AssertionError("the PIN is neither the old nor the new one")


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize("write", [1, 2, 3])
@everywhere()
def test_a_power_cut_is_a_mute_card(
    make: Make, write: int, landed: bool, request: pytest.FixtureRequest
) -> None:
    card, backend = faulty_card()
    with make(card, request, 20) as place, contextlib.closing(place.connection) as connection:
        connection.open()
        with contextlib.suppress(CardError), at_the_counter(connection, OLD) as juki:
            backend.landed = landed
            backend.cut_after = backend.writes + write
            with pytest.raises(CardMute):
                change_back_and_forth(juki)
            with pytest.raises(TransportError):  # and stays so, until it is started again
                build_channel(connection).transmit(CHALLENGE)
        backend.cut_after = None
        revive(connection)
        pin = pin_of(connection)
        with at_the_counter(connection, pin) as juki:
            assert juki.pin_retries() == 3


@everywhere()
def test_a_power_cut_while_nothing_is_proven(make: Make, request: pytest.FixtureRequest) -> None:
    card, backend = faulty_card()
    with make(card, request, 20) as place, contextlib.closing(place.connection) as connection:
        connection.open()
        backend.cut_after = backend.writes + 1
        with pytest.raises(CardMute), JukiSession(build_channel(connection)) as juki:
            juki.verify_pin("0000")
        backend.cut_after = None
        revive(connection)
        with JukiSession(build_channel(connection)) as juki:
            assert juki.pin_retries() in (2, 3)


@everywhere(without=("vpcd, the card listens", "vpcd, the card dials", "pcsc"))
def test_a_reset_starts_a_card_that_lost_its_power(
    make: Make, request: pytest.FixtureRequest
) -> None:
    """vpcd cannot tell that a card failed but by closing the connection."""
    card, backend = faulty_card()
    with make(card, request, 20) as place, contextlib.closing(place.connection) as connection:
        connection.open()
        channel = build_channel(connection)
        for command in (SELECT_JUKI, SELECT_PIN):
            assert channel.transmit(CommandApdu.parse(command)).status == 0x9000
        backend.cut_after = backend.writes + 1
        for command in (WRONG_PIN, SELECT_JUKI):
            with pytest.raises(CardMute):
                channel.transmit(CommandApdu.parse(command))
        backend.cut_after = None
        assert connection.reset() == card.atr
        with JukiSession(build_channel(connection)) as juki:
            assert juki.pin_retries() in (2, 3)


@everywhere()
def test_a_memory_that_refuses_a_write_is_a_failure_of_the_card(
    make: Make, request: pytest.FixtureRequest
) -> None:
    card, backend = faulty_card()
    with make(card, request, 20) as place, contextlib.closing(place.connection) as connection:
        connection.open()
        with at_the_counter(connection, OLD) as juki:
            backend.fail_after = backend.writes + 1
            with pytest.raises(CardFailure) as caught:
                juki.change_pin(NEW)
            assert caught.value.status == 0x6581
        assert pin_of(connection) == OLD


@everywhere()
def test_a_bug_in_the_card_is_a_failure_of_the_card(
    make: Make, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = issue_card("juki-v1", seed=1, on_bug=lambda bug: None)
    with make(card, request, 20) as place, contextlib.closing(place.connection) as connection:
        connection.open()
        with JukiSession(build_channel(connection)) as juki:
            with monkeypatch.context() as patch:
                patch.setattr(PersistentMemory, "commit", lambda memory: 1 / 0)
                with pytest.raises(CardFailure) as caught:
                    juki.verify_pin(OLD)
            assert caught.value.status == 0x6F00
            juki.pin_retries()


@everywhere()
def test_a_card_that_was_pulled_is_removed(make: Make, request: pytest.FixtureRequest) -> None:
    card = issue_card("juki-v1", seed=1)
    with make(card, request, 20) as place, contextlib.closing(place.connection) as connection:
        connection.open()
        with contextlib.suppress(CardError), JukiSession(build_channel(connection)) as juki:
            juki.pin_retries()
            place.pull()
            with pytest.raises(CardRemoved) as caught:
                juki.pin_retries()
            assert isinstance(caught.value, NoCard)


@everywhere()
def test_a_connection_that_is_not_open_says_so(make: Make, request: pytest.FixtureRequest) -> None:
    with make(issue_card("juki-v1", seed=1), request, 20) as place:
        channel = build_channel(place.connection)
        for _ in range(2):
            with pytest.raises(ConnectionNotOpen, match="inside `with`"):
                channel.transmit(CHALLENGE)
            place.connection.open()
            channel.transmit(CHALLENGE)
            place.connection.close()


@everywhere(without=("in process",))
def test_a_silent_card_is_a_timeout(make: Make, request: pytest.FixtureRequest) -> None:
    """In process the card has the terminal's own thread: while it is silent, nobody waits."""
    card = EchoCard()
    with make(card, request, 2) as place, contextlib.closing(place.connection) as connection:
        try:
            connection.open()
            channel = build_channel(connection)
            with pytest.raises(AnswerTimeout) as caught, Within(2), channel.transaction():
                channel.transmit(WAIT)
            assert not isinstance(caught.value, CardBusy)
            with pytest.raises(ConnectionNotOpen):
                channel.transmit(CHALLENGE)
        finally:
            card.gate.set()


@everywhere(without=("in process", "vpcd, the card listens", "vpcd, the card dials"))
def test_a_card_that_another_has_is_busy(make: Make, request: pytest.FixtureRequest) -> None:
    """A local reader and vpcd have one user by their nature."""
    with make(issue_card("juki-v1", seed=1), request, 2) as place:
        first = place.connection
        first.open()
        with contextlib.closing(first), contextlib.ExitStack() as stack:
            second = _second(place)
            if not isinstance(first, TcpConnection):
                # another thread, for a second connection of one thread is another matter
                held, done = threading.Event(), threading.Event()

                def hold() -> None:
                    with first.transaction():
                        held.set()
                        done.wait(60)

                thread = threading.Thread(target=hold)
                thread.start()
                stack.callback(thread.join)
                stack.callback(done.set)
                assert held.wait(60)
            with pytest.raises(CardBusy):
                second.open()
            second.close()


def _second(place: Place) -> Connection:
    """Return another connection to the same place."""
    first = place.connection
    if isinstance(first, TcpConnection):
        return TcpConnection(*first._address)
    assert isinstance(first, PcscConnection)
    return PcscConnection(first._wanted, timeout=2)


class Interrupting(EchoCard):
    """A card during whose command Ctrl-C is pressed."""

    def transmit(self, command: bytes, /) -> bytes:
        if command[0] == 0x5C:
            os.kill(os.getpid(), signal.SIGINT)
            if threading.current_thread() is threading.main_thread():
                time.sleep(10)
        return super().transmit(command)


@everywhere()
def test_ctrl_c_ends_an_exchange_and_closes_the_connection(
    make: Make, request: pytest.FixtureRequest
) -> None:
    card = Interrupting()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with make(card, request, 20) as place, contextlib.closing(place.connection) as connection:
        try:
            connection.open()
            channel = build_channel(connection)
            channel.transmit(CHALLENGE)
            with Within(0), pytest.raises(KeyboardInterrupt):
                channel.transmit(WAIT)
            with pytest.raises(ConnectionNotOpen):
                channel.transmit(CHALLENGE)
            card.gate.set()
            revive(connection)
            channel.transmit(CHALLENGE)
        finally:
            card.gate.set()
            signal.signal(signal.SIGINT, before)
