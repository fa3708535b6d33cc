"""Every call of PC/SC has a bound, tells what it waits for, and leaves nothing behind.

Against a stand-in whose calls do not return; `tests/interop/test_pcsc_waiting.py` has a real pcscd.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from jukihost.errors import (
    AnswerTimeout,
    CardBusy,
    CardBusyOrSilent,
    CardHeldHere,
    CardMute,
    ConnectionNotOpen,
    NoCard,
    NoReader,
    PcscUnavailable,
    TransportError,
)
from jukihost.models import Awaited
from jukihost.transport.pcsc.connection import AtClose, PcscConnection, list_readers
from tests.support.host.blocking_scard import BlockingScard
from tests.support.host.fake_scard import FakeReader, FakeScard
from tests.support.stalls import Within

READER, ATR = "ACS ACR39U", bytes.fromhex("3BE000FF8131FE4514")
COMMAND = b"\0\x84\0\0\x08"
BOUND = 0.2


def one_card() -> BlockingScard:
    return BlockingScard([FakeReader(READER, ATR)])


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "pcsc"]


def nothing_left(scard: FakeScard) -> None:
    """Wait until every thread has ended, and look at what they left."""
    for thread in threads():
        thread.join(60)
        assert not thread.is_alive()
    assert (scard.contexts, scard.connected, scard.held) == (0, 0, 0)


def opened(scard: FakeScard, **options: Any) -> PcscConnection:
    """Return an open connection that takes its time to open, and has little from then on."""
    connection = PcscConnection(scard=scard, **options)
    connection.open()
    connection._timeout = BOUND
    return connection


def _transact(connection: PcscConnection) -> None:
    with connection.transaction():
        pass


def _transact_and(work: Callable[[PcscConnection], object]) -> Callable[[PcscConnection], None]:
    def inside(connection: PcscConnection) -> None:
        with connection.transaction():
            work(connection)

    return inside


def _transmit(connection: PcscConnection) -> None:
    connection.transmit(COMMAND)


OPENING = [
    ("SCardEstablishContext", PcscUnavailable),
    ("SCardListReaders", PcscUnavailable),
    ("SCardGetStatusChange", PcscUnavailable),
    ("SCardConnect", CardBusyOrSilent),
    ("SCardStatus", CardBusyOrSilent),
]
OPENED = [
    ("SCardTransmit", _transmit, CardBusyOrSilent),
    ("SCardBeginTransaction", _transact, CardBusyOrSilent),
    ("SCardReconnect", PcscConnection.reset, CardBusyOrSilent),
    ("SCardReconnect", PcscConnection.reconnect, CardBusyOrSilent),
    ("SCardReconnect", PcscConnection.forget, CardBusyOrSilent),
    ("SCardStatus", PcscConnection.reset, CardBusyOrSilent),
    ("SCardTransmit", _transact_and(_transmit), AnswerTimeout),
    ("SCardReconnect", _transact_and(PcscConnection.reset), AnswerTimeout),
]


@pytest.mark.parametrize(("call", "kind"), OPENING)
def test_open_has_a_bound(call: str, kind: type[TransportError]) -> None:
    scard = one_card()
    connection = PcscConnection(scard=scard, timeout=BOUND)
    with scard.stuck(call):
        with pytest.raises(kind, match=r"answer(ed)? for 0\.2 s") as caught, Within(BOUND):
            connection.open()
        assert type(caught.value) is kind
        with pytest.raises(ConnectionNotOpen):
            connection.transmit(COMMAND)
    nothing_left(scard)
    with connection:
        assert connection.atr == ATR
    nothing_left(scard)


@pytest.mark.parametrize(("call", "work", "kind"), OPENED)
def test_what_is_asked_of_an_open_connection_has_a_bound(
    call: str, work: Callable[[PcscConnection], object], kind: type[TransportError]
) -> None:
    scard = one_card()
    with contextlib.closing(opened(scard)) as connection:
        with scard.stuck(call):
            with pytest.raises(kind, match=r"for 0\.2 s") as caught, Within(BOUND):
                work(connection)
            assert type(caught.value) is kind
            with pytest.raises(ConnectionNotOpen):
                connection.transmit(COMMAND)
        nothing_left(scard)
        assert connection.reconnect() == ATR
        assert connection.transmit(COMMAND) == b"\x90\0"
    nothing_left(scard)


@pytest.mark.parametrize("call", ["SCardDisconnect", "SCardReleaseContext"])
def test_close_has_a_bound_and_goes_on_by_itself(call: str) -> None:
    scard = one_card()
    connection = opened(scard)
    with scard.stuck(call):
        with Within(BOUND):
            connection.close()
        with pytest.raises(ConnectionNotOpen):
            connection.transmit(COMMAND)
        with pytest.raises(CardBusy), Within(BOUND):  # the card is not let go of yet
            connection.open()
    nothing_left(scard)


def test_the_end_of_a_transaction_has_a_bound() -> None:
    scard = one_card()
    with contextlib.closing(opened(scard)) as connection:
        with scard.stuck("SCardEndTransaction"), Within(BOUND), connection.transaction():
            pass
        nothing_left(scard)
        with pytest.raises(ConnectionNotOpen):
            connection.transmit(COMMAND)


@pytest.mark.parametrize("call", ["SCardEstablishContext", "SCardListReaders"])
def test_looking_for_readers_has_a_bound(call: str) -> None:
    scard = one_card()
    with (
        scard.stuck(call),
        pytest.raises(PcscUnavailable, match="restart it"),
        Within(BOUND),
    ):
        list_readers(scard, timeout=BOUND)
    nothing_left(scard)
    assert [reader.name for reader in list_readers(scard, timeout=BOUND)] == [READER]


# --- a hundred failures ---


@pytest.mark.parametrize("call", [call for call, _ in OPENING])
def test_a_hundred_failures_to_open_are_one_thread_and_then_none(call: str) -> None:
    scard = one_card()
    with scard.stuck(call):
        for _ in range(100):
            with pytest.raises(TransportError):
                PcscConnection(scard=scard, timeout=0.02).open()
        deadline = time.monotonic() + 60
        while len(threads()) > 1:  # what was only slow
            assert time.monotonic() < deadline
            time.sleep(0.01)
    nothing_left(scard)


@pytest.mark.parametrize("call", ["SCardTransmit", "SCardBeginTransaction", "SCardDisconnect"])
def test_a_hundred_open_connections_that_fail_leave_nothing(call: str) -> None:
    scard = one_card()
    connections = [opened(scard) for _ in range(100)]
    assert len(threads()) == 100
    with scard.stuck(call):
        for connection in connections:
            connection._timeout = 0.01
            with contextlib.suppress(CardBusyOrSilent), Within(0.01):
                if call == "SCardTransmit":
                    connection.transmit(COMMAND)
                elif call == "SCardBeginTransaction":
                    _transact(connection)
            connection.close()
    nothing_left(scard)


def test_a_connection_that_nobody_closed_leaves_nothing() -> None:
    scard = one_card()
    PcscConnection(scard=scard).open()
    nothing_left(scard)


# --- what the card has to forget ---


@pytest.mark.parametrize("used", [True, False])
@pytest.mark.parametrize("at_close", list(AtClose))
def test_a_card_left_to_itself_is_powered_off_as_close_would(used: bool, at_close: AtClose) -> None:
    scard = one_card()
    connection = opened(scard, at_close=at_close)
    if used:
        connection.transmit(COMMAND)
    with scard.stuck("SCardBeginTransaction"), pytest.raises(CardBusy):
        _transact(connection)
    nothing_left(scard)
    # what sent nothing has proven nothing, and takes the power from nobody who is at work by now
    expected = at_close if used else AtClose.LEAVE
    assert [call for call in scard.calls if call[0] == "SCardDisconnect"] == [
        ("SCardDisconnect", expected.value)
    ]


def test_what_was_proven_is_forgotten_although_the_program_was_told_to_leave_the_card() -> None:
    scard = one_card()
    connection = opened(scard, at_close=AtClose.LEAVE)
    connection.transmit(COMMAND)
    with scard.stuck("SCardReconnect"), pytest.raises(CardBusyOrSilent):
        connection.forget()
    nothing_left(scard)
    assert ("SCardDisconnect", AtClose.POWER_OFF.value) in scard.calls


# --- telling ---


@pytest.mark.parametrize(
    ("call", "work", "expected"),
    [
        ("SCardConnect", PcscConnection.open, "another program to let go of the card"),
        ("SCardEstablishContext", PcscConnection.open, "the PC/SC service to answer"),
        ("SCardBeginTransaction", _transact, "another program to let go of the card"),
        ("SCardTransmit", _transmit, "the card to answer, or another program to let go"),
        ("SCardTransmit", _transact_and(_transmit), "the card to answer"),
        ("SCardDisconnect", PcscConnection.close, "another program to let go of the card"),
    ],
)
def test_a_person_is_told_once_what_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    work: Callable[[PcscConnection], object],
    expected: str,
) -> None:
    monkeypatch.setattr("jukihost.waiting.TELL_AFTER", 0.02)
    monkeypatch.setattr("jukihost.transport.pcsc.link.TELL_AFTER", 0.02)
    scard = one_card()
    told: list[Awaited] = []
    connection = PcscConnection(scard=scard, on_wait=told.append)
    if work is not PcscConnection.open:
        connection.open()
    told.clear()
    connection._timeout = BOUND
    with scard.stuck(call), contextlib.suppress(TransportError):
        work(connection)
    connection.close()
    assert len(told) == 1
    assert told[0].startswith(expected)
    assert 0 < told[0].seconds <= BOUND
    nothing_left(scard)


def test_nobody_is_told_of_what_is_quick() -> None:
    scard = one_card()
    told: list[str] = []
    with PcscConnection(scard=scard, on_wait=told.append) as connection, connection.transaction():
        connection.transmit(COMMAND)
    assert told == []


# --- what open waits for ---

ONCE = [
    ("SCardEstablishContext", 0x8010001D, "the PC/SC service to start"),
    ("SCardListReaders", 0x8010001E, "the PC/SC service to start"),
    ("SCardListReaders", 0x8010002E, "a reader"),
    ("SCardConnect", 0x80100009, "a reader"),
    ("SCardConnect", 0x80100017, "a reader"),
    ("SCardConnect", 0x8010000C, "a card"),
    ("SCardConnect", 0x80100069, "a card"),
    ("SCardConnect", 0x80100067, "a card"),
    ("SCardConnect", 0x80100066, "a card that answers"),
    ("SCardConnect", 0x8010000F, "a card that answers"),
    ("SCardConnect", 0x80100016, "a card that answers"),
    ("SCardConnect", 0x8010000B, "another program to let go of the card"),
    ("SCardStatus", 0x80100069, "a card"),
    ("SCardStatus", 0x80100068, "a card"),
]
FOR_EVER = [
    ("SCardEstablishContext", 0x80100027),  # not allowed
    ("SCardConnect", 0x8010006A),
    ("SCardConnect", 0x80100099),  # no code of PC/SC
]


@pytest.mark.parametrize(("call", "code", "awaited"), ONCE)
def test_what_may_pass_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, call: str, code: int, awaited: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    scard = one_card()
    scard.fail[call] = [code] * 3
    told: list[str] = []
    with PcscConnection(scard=scard, wait=30, on_wait=told.append) as connection:
        assert connection.transmit(COMMAND) == b"\x90\0"
    assert told == [awaited]
    nothing_left(scard)


@pytest.mark.parametrize(("call", "code", "awaited"), ONCE)
def test_and_not_for_longer_than_was_said(call: str, code: int, awaited: str) -> None:
    scard = one_card()
    scard.fail[call] = [code] * 1000
    with pytest.raises(TransportError, match=f"{code:08X}|no reader"), Within(0.3):
        PcscConnection(scard=scard, wait=0.3).open()
    assert len(scard.fail[call]) < 999
    nothing_left(scard)


@pytest.mark.parametrize(("call", "code"), FOR_EVER)
def test_what_does_not_pass_is_not_waited_for(call: str, code: int) -> None:
    scard = one_card()
    scard.fail[call] = [code]
    with pytest.raises(TransportError, match=f"{code:08X}"), Within(0):
        PcscConnection(scard=scard, wait=30).open()
    nothing_left(scard)


@pytest.mark.parametrize(
    ("readers", "kind"),
    [([], NoReader), ([FakeReader(READER)], NoCard)],
)
def test_one_context_is_enough_to_wait_for_reader_and_card(
    readers: list[FakeReader], kind: type[TransportError]
) -> None:
    scard = FakeScard(readers)
    with pytest.raises(kind):
        PcscConnection(scard=scard, wait=0.6).open()
    assert sum(call[0] == "SCardEstablishContext" for call in scard.calls) == 1
    nothing_left(scard)


def test_what_goes_wrong_last_is_the_error() -> None:
    scard = one_card()
    scard.fail = {"SCardEstablishContext": [0x8010001D], "SCardConnect": [0x80100066] * 9}
    with pytest.raises(CardMute):
        PcscConnection(scard=scard, wait=0.6).open()


# --- a second connection of one program ---


@pytest.mark.parametrize(
    "work",
    [
        _transmit,
        _transact,
        PcscConnection.reset,
        PcscConnection.reconnect,
        PcscConnection.open,
    ],
)
def test_a_second_connection_is_refused_while_the_first_holds_the_card(
    work: Callable[[PcscConnection], object],
) -> None:
    scard = one_card()
    with PcscConnection(scard=scard) as first, PcscConnection(scard=scard) as second:
        with first.transaction():
            with pytest.raises(CardHeldHere, match=f"holds the card in {READER} itself"), Within(0):
                work(second)
            assert first.transmit(COMMAND) == b"\x90\0"
        work(second)
    nothing_left(scard)


def test_what_a_second_connection_cannot_make_the_card_forget_goes_with_its_power() -> None:
    scard = one_card()
    with PcscConnection(scard=scard) as first:
        second = PcscConnection(scard=scard, at_close=AtClose.LEAVE)
        second.open()
        second.transmit(COMMAND)
        with first.transaction(), scard.stuck("SCardDisconnect"):  # as PC/SC does until its end
            with pytest.raises(CardHeldHere), Within(0):
                second.forget()
            with pytest.raises(ConnectionNotOpen):
                second.transmit(COMMAND)
    nothing_left(scard)
    assert ("SCardDisconnect", AtClose.POWER_OFF.value) in scard.calls


def test_a_second_connection_is_not_opened_while_the_first_holds_the_card() -> None:
    scard = one_card()
    with (
        PcscConnection(scard=scard) as first,
        first.transaction(),
        pytest.raises(CardHeldHere, match="end its `with` block first"),
        Within(0),
    ):
        PcscConnection(scard=scard, wait=30).open()
    with PcscConnection(scard=scard):
        pass
    nothing_left(scard)


def test_a_second_connection_may_be_closed_while_the_first_holds_the_card() -> None:
    scard = one_card()
    with PcscConnection(scard=scard) as first:
        second = PcscConnection(scard=scard)
        second.open()
        with first.transaction(), scard.stuck("SCardDisconnect"), Within(0):
            second.close()
    nothing_left(scard)


def test_another_reader_is_another_card() -> None:
    scard = BlockingScard([FakeReader(READER, ATR), FakeReader("Other", ATR)])
    with (
        PcscConnection(READER, scard=scard) as first,
        first.transaction(),
        PcscConnection("Other", scard=scard) as second,
        second.transaction(),
    ):
        assert second.transmit(COMMAND) == b"\x90\0"


def test_another_thread_waits_as_another_program_would() -> None:
    scard = one_card()
    held, done = threading.Event(), threading.Event()

    def other() -> None:
        with PcscConnection(scard=scard) as connection:
            held.set()
            with connection.transaction():
                done.set()

    with PcscConnection(scard=scard) as first:
        with scard.stuck("SCardBeginTransaction"), pytest.raises(CardBusy):
            _transact(opened(scard))
        with first.transaction():
            thread = threading.Thread(target=other)
            thread.start()
            assert held.wait(60)
        thread.join(60)
    assert done.is_set()
    nothing_left(scard)


def test_a_transaction_that_ended_badly_holds_nothing() -> None:
    scard = one_card()
    with contextlib.closing(opened(scard)) as first:
        with (
            scard.stuck("SCardTransmit"),
            pytest.raises(AnswerTimeout),
            first.transaction(),
        ):
            first.transmit(COMMAND)
        nothing_left(scard)
        with PcscConnection(scard=scard) as second, second.transaction():
            assert second.transmit(COMMAND) == b"\x90\0"
