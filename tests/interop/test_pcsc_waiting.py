"""While another program holds the card: every wait has a bound, tells, and ends on Ctrl-C at once.

The holder and the waiter are processes of their own around a real pcscd. One waiter a test runs
through its operations at seeded random instants of Ctrl-C.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from jukicard import issue_card
from jukihost.errors import (
    AnswerTimeout,
    CardBusy,
    CardBusyOrSilent,
    CardHeldHere,
    CardReset,
    ConnectionNotOpen,
    PcscUnavailable,
)
from jukihost.transport.pcsc.connection import AtClose, PcscConnection
from tests.support.interop.pcscd import Pcscd
from tests.support.interop.waiting import ROOT, SELECT_JUKI, Holder, Waiter
from tests.support.readers.echo_card import EchoCard
from tests.support.soak import times
from tests.support.stalls import Stalls, Within

ATR = bytes.fromhex("3BE000FF8131FE4514")
SELECT_JPKI = bytes.fromhex("00A4040C0AD392F000260100000001")
SELECT_PIN = bytes.fromhex("00A4020C020018")
VERIFY = bytes.fromhex("002000800431323334")
SELECT_KEY = bytes.fromhex("00A4020C020017")
SIGN = bytes.fromhex("802A0080046461746100")
WAIT = bytes.fromhex("5C000000")
HELD_UP = ["open", "transmit", "transaction", "reset", "reconnect", "forget", "close"]
OTHERS = "another program to let go of the card"


@pytest.fixture
def reader(pcscd: Pcscd) -> str:
    """A reader with a card in it."""
    return pcscd.insert(issue_card("juki-v1", seed=1))


def pcsc_threads() -> int:
    return sum(thread.name == "pcsc" for thread in threading.enumerate())


def sockets() -> int:
    links = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
    return sum(link.is_symlink() and os.readlink(link).startswith("socket:") for link in links)


def _transmit(connection: PcscConnection) -> None:
    connection.transmit(SELECT_JUKI)


def _transact(connection: PcscConnection) -> None:
    with connection.transaction():
        connection.transmit(SELECT_JUKI)


def settled(expected: int) -> None:
    """Wait until as many sockets are open as before, and no thread is left."""
    deadline = time.monotonic() + 60
    while (pcsc_threads(), sockets()) != (0, expected):
        assert time.monotonic() < deadline, (pcsc_threads(), sockets(), expected)
        time.sleep(0.02)


# --- a bound ---


@pytest.mark.parametrize("operation", HELD_UP)
def test_a_wait_for_another_program_has_a_bound_and_is_told(reader: str, operation: str) -> None:
    with Holder(reader) as holder, Waiter(reader, operation, timeout=1.3) as waiter:
        holder.hold()
        with Stalls() as stalls:
            waiter.begin()
            report = waiter.end()
        assert 1.3 <= report["seconds"] <= stalls.allowed(1.3)
        assert len(report["told"]) == 1
        assert report["told"][0].endswith(OTHERS)
        if operation == "close":  # never fails
            assert report["error"] is None
        else:
            assert "CardBusy" in report["kinds"]
            assert "AnswerTimeout" in report["kinds"]
            assert "another program holds the card for itself" in report["text"]
        holder.let_go()


@pytest.mark.parametrize("operation", HELD_UP)
def test_who_lets_go_in_time_is_waited_for(reader: str, operation: str) -> None:
    with Holder(reader) as holder, Waiter(reader, operation) as waiter:
        holder.hold()
        waiter.begin()
        time.sleep(0.3)
        holder.let_go()
        report = waiter.end()
        assert (report["error"], report["told"]) == (None, [])
        assert 0.2 < report["seconds"] < 10


def test_a_card_that_does_not_answer_has_a_bound(pcscd: Pcscd) -> None:
    card = EchoCard()
    reader = pcscd.insert(card)
    try:
        with PcscConnection(reader) as connection:
            with Within(0.5), contextlib.ExitStack() as stack:
                caught = stack.enter_context(pytest.raises(AnswerTimeout, match="has not answered"))
                stack.enter_context(connection.transaction())
                connection._timeout = 0.5
                connection.transmit(WAIT)
            assert not isinstance(caught.value, CardBusy)  # nobody else can hold it
            with pytest.raises(ConnectionNotOpen):
                connection.transmit(SELECT_JUKI)
            connection._timeout = 2
            with pytest.raises(CardBusyOrSilent), Within(2):  # the reader still waits for it
                connection.reconnect()
            card.gate.set()
            connection._timeout = 20
            assert connection.reconnect() == ATR
            assert connection.transmit(SELECT_JUKI) == SELECT_JUKI + b"\x90\x00"
    finally:
        card.gate.set()


def test_a_thread_that_is_not_the_main_one_has_the_same_bound(reader: str) -> None:
    errors: list[BaseException] = []

    def work(connection: PcscConnection) -> None:
        try:
            connection.transmit(SELECT_JUKI)
        except CardBusyOrSilent as error:
            errors.append(error)

    with Holder(reader) as holder, PcscConnection(reader) as connection:
        connection.transmit(SELECT_JUKI)
        holder.hold()
        connection._timeout = 0.4
        thread = threading.Thread(target=work, args=(connection,))
        with Within(0.4):
            thread.start()
            thread.join(60)
        assert len(errors) == 1
        holder.let_go()
        connection._timeout = 20
        assert connection.reconnect() == ATR


# --- nothing is left ---


def test_a_hundred_failures_leave_no_thread_and_no_handle(reader: str) -> None:
    with PcscConnection(reader, at_close=AtClose.LEAVE):
        pass  # the one watching thread of a process has two sockets
    before = sockets()
    refused: list[BaseException] = []
    with Holder(reader) as holder:
        holder.hold()
        for _ in range(100):
            # so short a bound is over before the service has answered, now and then
            with pytest.raises((CardBusyOrSilent, PcscUnavailable)) as caught:
                PcscConnection(reader, timeout=0.05).open()
            refused.append(caught.value)
        assert any(isinstance(error, CardBusyOrSilent) for error in refused)
        assert pcsc_threads() <= 2
        holder.let_go()
        settled(before)
        with PcscConnection(reader) as connection:
            assert connection.transmit(SELECT_JUKI) == b"\x90\x00"


@pytest.mark.parametrize("operation", ["transmit", "transaction"])
def test_nor_do_those_of_connections_that_were_open(reader: str, operation: str) -> None:
    with PcscConnection(reader, at_close=AtClose.LEAVE):
        pass
    before = sockets()
    with Holder(reader) as holder:
        connections = [
            PcscConnection(reader, at_close=AtClose.LEAVE) for _ in range(times(20, soak=100))
        ]
        for connection in connections:
            connection.open()
        holder.hold()
        for connection in connections:
            connection._timeout = 0.02
            work = _transmit if operation == "transmit" else _transact
            with pytest.raises(CardBusyOrSilent):
                work(connection)
        holder.let_go()
        settled(before)
        with PcscConnection(reader) as connection:
            assert connection.transmit(SELECT_JUKI) == b"\x90\x00"


def test_a_connection_goes_on_when_the_other_program_has_let_go(reader: str) -> None:
    with PcscConnection(reader) as connection:
        for _ in range(3):
            with Holder(reader) as holder:
                connection.transmit(SELECT_JUKI)
                holder.hold()
                connection._timeout = 0.2
                with pytest.raises(CardBusyOrSilent):
                    connection.transmit(SELECT_JUKI)
                holder.let_go()
            connection._timeout = 20
            assert connection.reconnect() == ATR
            with connection.transaction():
                assert connection.transmit(SELECT_JUKI) == b"\x90\x00"


@pytest.mark.parametrize("direct", [True, False])
def test_a_card_that_was_left_to_itself_has_forgotten_the_pin(pcscd: Pcscd, direct: bool) -> None:
    """Cut off in the middle of a command, the card still loses its power, and what it knew."""
    card = issue_card("mynumber", seed=3, contactless=True)
    stuck, gate = threading.Event(), threading.Event()

    class Slow:
        """The card, stuck in one command."""

        def __getattr__(self, name: str) -> object:
            return getattr(card, name)

        def transmit(self, command: bytes, /) -> bytes:
            if command == WAIT:
                stuck.set()
                assert gate.wait(60)
            return card.transmit(command)

    reader = pcscd.insert(Slow())  # type: ignore[arg-type]  # what is asked of it is the card's
    try:
        connection = PcscConnection(reader)
        connection.open()
        if not direct:
            assert connection._link is not None
            assert connection._link.lane is not None
            connection._link.lane.close()
            connection._link.lane = None
        with contextlib.ExitStack() as stack:
            stack.enter_context(connection.transaction())
            for command in (SELECT_JPKI, SELECT_PIN, VERIFY, SELECT_KEY):
                assert connection.transmit(command) == b"\x90\x00"
            assert connection.transmit(SIGN)[-2:] == b"\x90\x00"
            connection._timeout = 0.2
            with pytest.raises(AnswerTimeout):
                connection.transmit(WAIT)
        assert stuck.is_set()
        gate.set()
        connection._timeout = 20
        with connection, connection.transaction():
            for command in (SELECT_JPKI, SELECT_KEY):
                assert connection.transmit(command) == b"\x90\x00"
            assert connection.transmit(SIGN) == b"\x69\x82"
    finally:
        gate.set()


# --- a second connection of one program ---


def test_a_second_connection_of_one_thread_is_refused(reader: str) -> None:
    with PcscConnection(reader) as first, PcscConnection(reader) as second:
        with first.transaction():
            for work in (
                lambda: second.transmit(SELECT_JUKI),
                lambda: second.transaction().__enter__(),
                second.reset,
                second.reconnect,
                PcscConnection(reader, wait=30).open,
            ):
                with pytest.raises(CardHeldHere, match="in a transaction of another"), Within(0):
                    work()
            assert first.transmit(SELECT_JUKI) == b"\x90\x00"
        assert second.transmit(SELECT_JUKI) == b"\x90\x00"


def test_and_closing_it_waits_for_nobody(reader: str) -> None:
    with PcscConnection(reader) as first:
        second = PcscConnection(reader)
        second.open()
        second.transmit(SELECT_JUKI)
        with first.transaction():
            with Within(0):
                second.close()
            assert first.transmit(SELECT_JUKI) == b"\x90\x00"
        deadline = time.monotonic() + 60
        while pcsc_threads() > 1:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with pytest.raises(CardReset):  # as it would have been if it had closed afterwards
            first.transmit(SELECT_JUKI)


# --- Ctrl-C ---


@pytest.mark.parametrize("operation", HELD_UP)
def test_ctrl_c_ends_a_wait_for_another_program_at_once(reader: str, operation: str) -> None:
    with Holder(reader) as holder, Waiter(reader, operation) as waiter:
        holder.hold()
        waiter.begin()
        time.sleep(0.4)
        with Stalls() as stalls:
            pressed = waiter.interrupt()
            report = waiter.end()
        assert report["error"] == "KeyboardInterrupt"
        assert report["at"] - pressed <= stalls.allowed(0)
        holder.let_go()


def test_ctrl_c_ends_a_wait_for_the_card_at_once(pcscd: Pcscd) -> None:
    card = EchoCard()
    reader = pcscd.insert(card)
    try:
        with Waiter(reader, "in a transaction") as waiter:
            waiter.begin()
            assert card.entered.wait(60)
            with Stalls() as stalls:
                pressed = waiter.interrupt()
                report = waiter.end()
        assert report["error"] == "KeyboardInterrupt"
        assert report["at"] - pressed <= stalls.allowed(0)
    finally:
        card.gate.set()


@pytest.mark.parametrize("held", [True, False])
def test_ctrl_c_at_random_instants(reader: str, held: bool) -> None:
    """The whole of what a program does, alone with the card, or while another takes it in turns."""
    draw = random.Random(8)
    with Holder(reader) as holder:
        for _ in range(times(6, soak=100)):
            with Waiter(reader, "everything") as waiter:
                waiter.begin()
                instant = time.monotonic() + draw.uniform(0.0, 0.5)
                while held and time.monotonic() < instant - 0.05:
                    holder.hold()
                    time.sleep(draw.uniform(0.0, 0.05))
                    holder.let_go()
                if held:
                    holder.hold()
                time.sleep(max(0.0, instant - time.monotonic()))
                with Stalls() as stalls:
                    pressed = waiter.interrupt()
                    report = waiter.end()
                if held:
                    holder.let_go()
            assert report["error"] == "KeyboardInterrupt", report
            assert report["at"] - pressed <= stalls.allowed(0), report


def test_the_command_line_says_what_it_waits_for_and_ends_at_once(reader: str) -> None:
    command = [sys.executable, "-m", "jukihost", "status", "--reader", reader]
    with Holder(reader) as holder:
        holder.hold()
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert line == f"waiting 30 s for {OTHERS} ...\n"
            with Within(0.1):
                process.send_signal(signal.SIGINT)
                assert process.wait(60) == 130
            assert process.stderr.read() == "jukihost: interrupted\n"
        holder.let_go()
