"""The card's end of vpcd against a driver written here: framing, power, removal, faults, hangs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from typing_extensions import Buffer

from jukicard.transport import CardNotPresent, SlotState
from jukicard.transport.address import AddressRefused
from jukicard.transport.readerlink import ReaderLink
from jukicard.transport.vpcd import VpcdServer
from tests.support.ports import kept_port
from tests.support.readers.echo_card import EchoCard
from tests.support.readers.statuses import Statuses
from tests.support.readers.vpcd_driver import ATR, GET_ATR, OFF, ON, RESET, Bench, Driver


def test_control_bytes(bench: Bench) -> None:
    with bench.driver() as driver:
        assert driver.ask(GET_ATR) == ATR  # presence needs no power
        assert bench.card.journal == []
        driver.power_on()
        driver.send(RESET)
        assert driver.ask(GET_ATR) == ATR
        driver.send(OFF)
        assert driver.ask(GET_ATR) == ATR
        assert bench.card.journal == ["on", "reset", "off"]


def test_power_on_twice_is_a_cold_reset_and_reset_without_power_gives_it(bench: Bench) -> None:
    with bench.driver() as driver:
        driver.send(RESET)
        driver.power_on()
        assert bench.card.journal == ["on", "off", "on"]


@pytest.mark.parametrize("size", [2, 4, 5, 255, 256, 4095, 4096, 4097, 65_533])
def test_commands_of_every_size_come_through(bench: Bench, size: int) -> None:
    command = bytes(index % 251 for index in range(size))
    with bench.driver().power_on() as driver:
        assert driver.ask(command) == command + b"\x90\x00"


@pytest.mark.parametrize(("asked", "expected"), [(65_533, 65_535), (65_534, 2), (65_536, 2)])
def test_an_answer_that_does_not_fit_is_wrong_length(
    bench: Bench, asked: int, expected: int
) -> None:
    with bench.driver().power_on() as driver:
        answer = driver.ask(b"\xb0" + asked.to_bytes(3, "big"))
        assert len(answer) == expected
        assert answer[-2:] == (b"\x90\x00" if expected > 2 else b"\x67\x00")


def test_the_longest_command_and_then_another(bench: Bench) -> None:
    with bench.driver().power_on() as driver:
        assert driver.ask(b"\0" * 65_535) == b"\x67\x00"  # its echo would be 65,537 bytes
        assert driver.ask(b"\0\1\2\3") == b"\0\1\2\3\x90\x00"


def test_all_one_byte_messages_that_are_no_control_are_wrong_length(bench: Bench) -> None:
    with bench.driver().power_on() as driver:
        for value in {*range(256)} - {0, 1, 2, 4}:
            assert driver.ask(bytes((value,))) == b"\x67\x00"


def test_an_empty_message_is_given_to_the_card(bench: Bench) -> None:
    with bench.driver().power_on() as driver:
        assert driver.ask(b"") == b"\x67\x00"


def test_messages_in_pieces_and_in_one_piece(bench: Bench) -> None:
    command = b"\0\xb2\1\4"
    frame = b"\0\4" + command
    with bench.driver().power_on() as driver:
        for byte in frame:
            driver.sock.sendall(bytes((byte,)))
        assert driver.receive() == command + b"\x90\x00"
        driver.sock.sendall(frame * 3 + b"\0\1\4")
        assert [driver.receive() for _ in range(4)] == [command + b"\x90\x00"] * 3 + [ATR]


def test_a_command_without_power_closes(bench: Bench) -> None:
    with bench.driver() as driver:
        driver.send(b"\0\0\0\0")
        assert driver.is_closed()
    assert "no power" in bench.statuses.wait_for(SlotState.LOST).detail


def test_the_card_comes_back_after_the_driver_dropped_it(bench: Bench) -> None:
    bench.driver().power_on().sock.close()
    bench.statuses.wait_for(SlotState.LOST)
    assert bench.card.journal == ["on", "off"]
    with bench.driver().power_on():
        assert bench.statuses.count(SlotState.CONNECTED) == 2


def test_waiting_is_told_once_and_ends_when_a_driver_comes() -> None:
    statuses = Statuses()
    with (
        kept_port() as port,
        VpcdServer([EchoCard()], "127.0.0.1", port, on_status=statuses),
    ):
        told = statuses.wait_for(SlotState.WAITING)
        assert told.address == f"127.0.0.1:{port}"
        assert "refused" in told.detail
        with socket.create_server(("127.0.0.1", port)) as listener:
            listener.settimeout(60)
            Driver(listener.accept()[0]).power_on().sock.close()
    assert statuses.count(SlotState.WAITING) == 1


def test_a_socket_connected_to_itself_is_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect_to_self(address: tuple[str, int], timeout: float) -> socket.socket:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())
        return sock

    monkeypatch.setattr(socket, "create_connection", connect_to_self)
    statuses = Statuses()
    with VpcdServer([EchoCard()], "127.0.0.1", 40_000, on_status=statuses):
        statuses.wait_for(SlotState.WAITING)
    assert statuses.count(SlotState.CONNECTED) == 0


def test_remove_and_insert_while_it_runs(bench: Bench) -> None:
    slot = bench.server.slots[0]
    with bench.driver().power_on() as driver:
        assert slot.remove() is bench.card
        assert driver.is_closed()
    assert bench.card.journal == ["on", "off"]
    with pytest.raises(CardNotPresent):
        slot.remove()
    with pytest.raises(CardNotPresent):
        slot.reset()
    other = EchoCard()
    slot.insert(other)
    with pytest.raises(RuntimeError, match="already"):
        slot.insert(bench.card)
    with bench.driver().power_on():
        assert other.journal == ["on"]
    states = [status.state for status in bench.statuses.told]
    assert states[:4] == [
        SlotState.CONNECTED,
        SlotState.REMOVED,
        SlotState.INSERTED,
        SlotState.CONNECTED,
    ]


@pytest.mark.parametrize("how", ["reader leaves", "card fails", "removed and inserted"])
def test_a_card_stays_away_long_enough_to_be_missed(how: str) -> None:
    bench = Bench([EchoCard()], absence=0.3)
    with bench.listener, bench.server, bench.driver().power_on() as driver:
        if how == "reader leaves":
            driver.sock.close()
        elif how == "card fails":
            driver.send(b"\xee\0\0\0")
            assert driver.is_closed()
        else:
            slot = bench.server.slots[0]
            slot.insert(slot.remove())
        left = time.monotonic()
        with bench.driver().power_on():
            assert time.monotonic() - left > 0.2


def test_a_listening_card_stays_away_only_when_it_left_itself() -> None:
    with VpcdServer(
        [EchoCard()], "127.0.0.1", 0, listen=True, absence=60, on_status=Statuses()
    ) as server:
        port = int(server.slots[0].address.rpartition(":")[2])

        def dial() -> Driver:
            return Driver(socket.create_connection(("127.0.0.1", port), timeout=10))

        with dial().power_on():
            pass
        with dial().power_on() as driver:  # the reader left by itself, so it knows
            driver.send(b"\xee\0\0\0")
            assert driver.is_closed()
        with dial() as driver:
            assert driver.is_closed()


def test_a_card_removed_during_a_command_answers_nobody(bench: Bench) -> None:
    slot = bench.server.slots[0]
    with bench.driver().power_on() as driver:
        driver.send(b"\x5c\0\0\0")
        assert bench.card.entered.wait(60)
        puller = threading.Thread(target=slot.remove)
        puller.start()
        assert driver.is_closed()
        bench.card.gate.set()
        puller.join(60)
        assert not puller.is_alive()
    assert bench.card.journal == ["on", "off"]
    assert not slot.occupied


def test_reset_behind_the_readers_back(bench: Bench) -> None:
    slot = bench.server.slots[0]
    slot.reset()  # no power yet: nothing to reset
    with bench.driver().power_on() as driver:
        slot.reset()
        assert driver.ask(b"\0\0\0\0") == b"\0\0\0\0\x90\x00"
    assert bench.card.journal[:2] == ["on", "reset"]


@pytest.mark.parametrize("command", [b"\xee", b"\xef"])
def test_a_card_that_raises_ends_the_connection_not_the_server(
    bench: Bench, command: bytes
) -> None:
    with bench.driver().power_on() as driver:
        driver.send(command + b"\xca\xfe\xba\xbe")
        assert driver.is_closed()
    fault = bench.statuses.wait_for(SlotState.FAULT)
    assert fault.detail.startswith("the card failed: ")
    assert "echo_card.py:" in fault.detail
    assert "cafe" not in str(bench.statuses.told).lower()
    assert bench.card.journal == ["on", "off"]
    with bench.driver().power_on() as driver:
        assert driver.ask(b"\0\0\0\0") == b"\0\0\0\0\x90\x00"


def test_a_callback_that_raises_does_not_end_the_slot() -> None:
    def complain(_: object) -> None:
        raise RuntimeError("the listener's own problem")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        with VpcdServer([EchoCard()], "127.0.0.1", listener.getsockname()[1], on_status=complain):
            Driver(listener.accept()[0]).power_on().sock.close()


def test_several_slots_use_the_ports_that_follow() -> None:
    cards = [EchoCard(), None, EchoCard()]
    with VpcdServer(cards, "127.0.0.1", 4_000) as server:  # of which the system gives nobody any
        assert [slot.address for slot in server.slots] == [
            "127.0.0.1:4000",
            "127.0.0.1:4001",
            "127.0.0.1:4002",
        ]
        assert [slot.occupied for slot in server.slots] == [True, False, True]


class TestListening:
    """The driver dials out to the card."""

    @pytest.fixture
    def statuses(self) -> Statuses:
        return Statuses()

    @pytest.fixture
    def server(self, statuses: Statuses) -> Iterator[VpcdServer]:
        with VpcdServer(
            [EchoCard(), None], "127.0.0.1", 0, listen=True, on_status=statuses, absence=0
        ) as server:
            yield server

    @pytest.fixture
    def dial(self, server: VpcdServer) -> Callable[[int], Driver]:
        def dial(slot: int) -> Driver:
            port = int(server.slots[slot].address.rpartition(":")[2])
            return Driver(socket.create_connection(("127.0.0.1", port), timeout=10))

        return dial

    def test_a_driver_dials(self, dial: Callable[[int], Driver]) -> None:
        with dial(0).power_on() as driver:
            assert driver.ask(b"\0\0\0\0") == b"\0\0\0\0\x90\x00"
        with dial(0).power_on():
            pass

    def test_an_empty_slot_lets_in_and_sends_away(
        self, server: VpcdServer, dial: Callable[[int], Driver]
    ) -> None:
        with dial(1) as driver:
            assert driver.is_closed()
        server.slots[1].insert(EchoCard())
        with dial(1).power_on():
            server.slots[1].remove()
        with dial(1) as driver:
            assert driver.is_closed()

    def test_a_second_driver_waits_for_the_first(self, dial: Callable[[int], Driver]) -> None:
        with dial(0) as first, dial(0) as second:
            first.power_on()
            second.send(GET_ATR)
            second.sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                second.sock.recv(1)
            first.sock.close()
            second.sock.settimeout(60)
            assert second.receive() == ATR

    def test_other_machines_are_refused(self) -> None:
        with pytest.raises(AddressRefused):
            VpcdServer([EchoCard()], "0.0.0.0", 0, listen=True).start()

    def test_a_taken_port_leaves_nothing_open(self) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
            server = VpcdServer([EchoCard(), EchoCard()], "127.0.0.1", port - 1, listen=True)
            with pytest.raises(OSError, match="in use"):
                server.start()
        assert server.slots == ()


def test_close_wakes_every_slot_and_may_be_repeated() -> None:
    bench = Bench([EchoCard(), EchoCard()])
    with bench.listener:
        bench.server.start()
        with bench.driver().power_on() as driver:
            bench.server.close()
            assert driver.is_closed()
        bench.server.close()
    assert not any(slot._thread.is_alive() for slot in bench.server.slots)
    assert bench.card.journal == ["on", "off"]


class CountingSocket(socket.socket):
    """Counts how often delayed ACK was turned off, and how often something was sent.

    The length of a message is received apart from its body, as the driver sends it.
    """

    receives = acknowledged = sends = 0

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        self.receives += 1
        return super().recv(2 if self.receives % 2 else size, flags)

    def setsockopt(self, level: int, name: int, value: int | Buffer | None, *rest: int) -> None:
        self.acknowledged += (level, name, value) == (socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        super().setsockopt(level, name, value, *rest)

    def sendall(self, data: Buffer, flags: int = 0, /) -> None:
        self.sends += 1
        super().sendall(data, flags)


def test_what_the_driver_waits_for_is_acknowledged_at_once_and_an_answer_is_one_send() -> None:
    """The length, because the body waits for that; a body is acknowledged by its answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener, CountingSocket() as sock:
        sock.connect(listener.getsockname())
        driver = Driver(listener.accept()[0])
        link = ReaderLink(sock, None)
        for count in range(1, 4):
            with driver.sock.dup() as copy:
                Driver(copy).send(b"\0\1\2\3")
            assert link.receive() == b"\0\1\2\3"
            link.send(b"\x90\x00")
            assert sock.receives == 2 * count
            assert sock.acknowledged == count
            assert sock.sends == count
        with driver.sock.dup() as copy:
            Driver(copy).send(ON)  # has no answer that would acknowledge it
        assert link.receive() == ON
        assert sock.acknowledged == 3 + 2
        driver.sock.close()
