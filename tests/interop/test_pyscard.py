"""A card in the virtual reader as any PC/SC program meets it: power, lengths, removal, hangs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jukicard.transport import SlotState
from tests.support.interop.pcscd import Pcscd, scard
from tests.support.readers.echo_card import EchoCard

OK = [0x90, 0x00]


class Handle:
    """A connection to the card in a reader; each call checks the result code."""

    def __init__(self, context: Any, reader: str) -> None:
        result, self.card, self.protocol = scard.SCardConnect(
            context,
            reader,
            scard.SCARD_SHARE_SHARED,
            scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
        )
        assert result == 0, scard.SCardGetErrorMessage(result)

    def try_transmit(self, command: bytes) -> tuple[int, list[int]]:
        result, answer = scard.SCardTransmit(self.card, self.protocol, list(command))
        return result, answer

    def transmit(self, command: bytes) -> bytes:
        result, answer = self.try_transmit(command)
        assert result == 0, scard.SCardGetErrorMessage(result)
        return bytes(answer)

    def reconnect(self, how: int) -> None:
        result, _ = scard.SCardReconnect(self.card, scard.SCARD_SHARE_SHARED, self.protocol, how)
        assert result == 0, scard.SCardGetErrorMessage(result)

    def atr(self) -> bytes:
        result, _, _, _, atr = scard.SCardStatus(self.card)
        assert result == 0, scard.SCardGetErrorMessage(result)
        return bytes(atr)

    def close(self) -> None:
        scard.SCardDisconnect(self.card, scard.SCARD_UNPOWER_CARD)


@pytest.fixture
def connect(pcscd: Pcscd) -> Iterator[Callable[[str], Handle]]:
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    assert result == 0
    handles = []

    def connect(reader: str) -> Handle:
        handles.append(Handle(context, reader))
        return handles[-1]

    yield connect
    for handle in handles:
        handle.close()
    scard.SCardReleaseContext(context)


Connect = Callable[[str], Handle]


def test_power_reset_and_transmit(pcscd: Pcscd, connect: Connect) -> None:
    card = EchoCard()
    handle = connect(pcscd.insert(card))
    assert handle.atr() == card.atr
    assert handle.transmit(b"\0\xa4\4\0") == b"\0\xa4\4\0\x90\x00"
    handle.reconnect(scard.SCARD_RESET_CARD)
    handle.reconnect(scard.SCARD_UNPOWER_CARD)
    assert handle.transmit(b"\0\xa4\4\0") == b"\0\xa4\4\0\x90\x00"
    assert [step for step in card.journal if step != "on"][:2] == ["reset", "off"]
    assert card.powered


@pytest.mark.parametrize(
    "atr",
    [
        "3BE000FF8131FE4514",  # T=1
        "3B888001000014E0B38191005E",  # contactless, T=0 and T=1
        "3B00",  # T=0
    ],
)
def test_every_kind_of_atr(pcscd: Pcscd, connect: Connect, atr: str) -> None:
    handle = connect(pcscd.insert(EchoCard(bytes.fromhex(atr))))
    assert handle.atr().hex().upper() == atr
    assert handle.transmit(b"\0\1\2\3") == b"\0\1\2\3\x90\x00"


@pytest.mark.parametrize("size", [4, 5, 261, 262, 5_000, 65_533])
def test_extended_commands_pass(pcscd: Pcscd, connect: Connect, size: int) -> None:
    command = bytes(index % 251 for index in range(size))
    assert connect(pcscd.insert(EchoCard())).transmit(command) == command + bytes(OK)


@pytest.mark.parametrize(
    ("asked", "answered"), [(256, 256), (257, 257), (65_533, 65_533), (65_534, 0), (65_536, 0)]
)
def test_extended_answers_pass_up_to_65533_bytes(
    pcscd: Pcscd, connect: Connect, asked: int, answered: int
) -> None:
    answer = connect(pcscd.insert(EchoCard())).transmit(b"\xb0" + asked.to_bytes(3, "big"))
    assert answer == bytes(answered) + (bytes(OK) if answered else b"\x67\x00")


def test_a_command_too_long_for_the_driver_costs_the_connection_not_the_card(
    pcscd: Pcscd, connect: Connect
) -> None:
    reader = pcscd.insert(EchoCard())
    result, _ = connect(reader).try_transmit(bytes(65_536))
    assert result != 0
    pcscd.wait_for_card(present=False)
    pcscd.wait_for_card()
    assert connect(reader).transmit(b"\0\1\2\3") == b"\0\1\2\3\x90\x00"


def test_insertion_and_removal_are_seen(pcscd: Pcscd, connect: Connect) -> None:
    card = EchoCard()
    handle = connect(pcscd.insert(card))
    pcscd.remove()
    result, _ = handle.try_transmit(b"\0\1\2\3")
    assert result in (scard.SCARD_W_REMOVED_CARD, scard.SCARD_E_NO_SMARTCARD)
    assert not card.powered
    other = EchoCard(bytes.fromhex("3B00"))
    handle = connect(pcscd.insert(other))
    assert handle.atr() == other.atr
    assert handle.transmit(b"\0\1\2\3") == b"\0\1\2\3\x90\x00"


def test_a_card_removed_and_inserted_in_one_go_is_missed(pcscd: Pcscd, connect: Connect) -> None:
    handle = connect(pcscd.insert(EchoCard()))
    slot = pcscd.slots.slots[0]
    slot.insert(slot.remove())
    pcscd.wait_for_card(present=False)
    pcscd.wait_for_card()
    assert handle.try_transmit(b"\0\1\2\3")[0] != 0


def test_two_slots_hold_two_cards(pcscd: Pcscd, connect: Connect) -> None:
    cards = EchoCard(), EchoCard(bytes.fromhex("3B00"))
    handles = [connect(pcscd.insert(card, slot)) for slot, card in enumerate(cards)]
    for handle, card in zip(handles, cards, strict=True):
        assert handle.atr() == card.atr
    pcscd.remove(0)
    assert handles[0].try_transmit(b"\0\1\2\3")[0] != 0
    assert handles[1].transmit(b"\0\1\2\3") == b"\0\1\2\3\x90\x00"


def test_an_idle_card_is_left_alone(pcscd: Pcscd, connect: Connect) -> None:
    handle = connect(pcscd.insert(EchoCard()))
    lost = pcscd.statuses.count(SlotState.LOST)
    time.sleep(3)  # longer than the watchdog waits
    assert handle.transmit(b"\0\1\2\3") == b"\0\1\2\3\x90\x00"
    assert pcscd.statuses.count(SlotState.LOST) == lost


@pytest.mark.parametrize("value", [0x00, 0x01, 0x02])
def test_a_one_byte_apdu_hangs_the_reader_and_the_watchdog_frees_it(
    pcscd: Pcscd, connect: Connect, value: int
) -> None:
    reader = pcscd.insert(EchoCard())
    lost = pcscd.statuses.count(SlotState.LOST)
    handle = connect(reader)
    handle.transmit(b"\0\1\2\3")
    time.sleep(1)  # two polls of the reader, by which the watchdog knows that it polls
    _, answer = handle.try_transmit(bytes((value,)))
    assert answer == []
    assert "hangs" in pcscd.statuses.wait_for(SlotState.LOST, lost + 1).detail
    pcscd.wait_for_card(present=False)
    pcscd.wait_for_card()
    assert connect(reader).transmit(b"\0\1\2\3") == b"\0\1\2\3\x90\x00"


@pytest.mark.parametrize("value", [0x03, 0x05, 0xFF])
def test_other_one_byte_apdus_are_wrong_length(pcscd: Pcscd, connect: Connect, value: int) -> None:
    assert connect(pcscd.insert(EchoCard())).transmit(bytes((value,))) == b"\x67\x00"


@pytest.mark.parametrize("command", [b"\xee\0\0\0", b"\xef\0\0\0"])
def test_a_card_that_fails_is_gone_and_comes_back(
    pcscd: Pcscd, connect: Connect, command: bytes
) -> None:
    reader = pcscd.insert(EchoCard())
    faults = pcscd.statuses.count(SlotState.FAULT)
    handle = connect(reader)
    _, answer = handle.try_transmit(command)
    assert answer == []
    pcscd.statuses.wait_for(SlotState.FAULT, faults + 1)
    pcscd.wait_for_card(present=False)
    pcscd.wait_for_card()
    assert handle.try_transmit(b"\0\1\2\3")[0] == scard.SCARD_W_REMOVED_CARD
    assert connect(reader).transmit(b"\0\1\2\3") == b"\0\1\2\3\x90\x00"


def test_many_commands_are_not_slowed_down_by_delayed_acknowledgement(
    pcscd: Pcscd, connect: Connect, record_property: Callable[[str, object], None]
) -> None:
    """44 ms for each command without the card's quick ACK: then this would take 8.8 s."""
    handle = connect(pcscd.insert(EchoCard()))
    begun = time.perf_counter()
    for _ in range(200):
        handle.transmit(b"\0\1\2\3")
    seconds = time.perf_counter() - begun
    record_property("microseconds_per_apdu", seconds / 200 * 1e6)
    assert seconds < 4
