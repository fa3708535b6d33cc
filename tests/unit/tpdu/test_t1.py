"""What T=1 scenarios do not show: parameters, node addresses, lengths around IFSC and IFSD."""

from __future__ import annotations

from typing import Any

import pytest

from jukicard.apdu import Atr
from jukicard.transport.tpdu import CRC_OF_DRIVERS, T1Card
from tests.support.readers.t1_reader import T1Reader
from tests.support.readers.tpdu_line import CountingCard, answer_to, numbered, size_asked

JUKI = bytes.fromhex("3BE000FF8131FE4514")


def with_ifsc(ifsc: int) -> bytes:
    return bytes(Atr.build(protocols=(1, 1), interface_bytes={"TA3": ifsc}))


@pytest.mark.parametrize(
    "options",
    [
        {"nad": 0x80},
        {"nad": 0x11},
        {"nad": 0x08},
        {"nad": -1},
        {"announced_ifsc": 0},
        {"announced_ifsc": 255},
        {"multiplier": 0},
        {"multiplier": 256},
    ],
)
def test_parameters_that_t1_does_not_allow(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        T1Card(CountingCard(JUKI, size_asked), **options)


def test_an_atr_without_t1() -> None:
    with pytest.raises(ValueError, match="T=1"):
        T1Card(CountingCard(bytes.fromhex("3B00"), size_asked))


@pytest.mark.parametrize("ifsc", [1, 31, 32, 254])
@pytest.mark.parametrize("ifsd", [1, 31, 32, 254])
@pytest.mark.parametrize("nc", [8, 31, 32, 33, 253, 254, 255, 256, 508, 509])
def test_lengths_around_information_fields(ifsc: int, ifsd: int, nc: int) -> None:
    port = CountingCard(with_ifsc(ifsc), size_asked)
    card = T1Card(port)
    reader = T1Reader(card.receive, ifsc=ifsc)
    card.power_on()
    assert reader.change_ifsd(ifsd)
    for size in (0, 1, 29, 30, 31, 251, 252, 253, 254, 255, 256, 506, 507):
        command = numbered(size, nc, size)
        assert reader.transmit(command) == answer_to(command, size)
    assert set(port.executed.values()) == {1}


def test_the_longest_command_and_the_longest_answer() -> None:
    port = CountingCard(JUKI, size_asked)
    card = T1Card(port)
    reader = T1Reader(card.receive, ifsc=254)
    card.power_on()
    command = numbered(1, 65_544, 65_536)
    assert reader.transmit(command) == answer_to(command, 65_536)
    assert port.executed[command] == 1


def test_the_answer_goes_back_to_the_node_it_came_from() -> None:
    card = T1Card(CountingCard(JUKI, size_asked), nad=0x21)
    card.power_on()
    reader = T1Reader(card.receive, ifsc=254, nad=0x21)
    command = numbered(1, 8, 3)
    assert reader.transmit(command) == answer_to(command, 3)
    card.reset()
    for nad in range(256):
        stranger = bytes((nad, 0x80, 0, nad ^ 0x80))
        answer = card.receive(stranger)
        if nad != 0x21:
            assert answer == bytes.fromhex("12820090")
        else:
            assert answer[:1] == b"\x12"
        card.reset()


def test_another_checksum() -> None:
    card = T1Card(CountingCard(JUKI, size_asked), edc=CRC_OF_DRIVERS)
    card.power_on()
    reader = T1Reader(card.receive, checksum=CRC_OF_DRIVERS.compute, ifsc=254)
    command = numbered(1, 300, 300)
    assert reader.transmit(command) == answer_to(command, 300)


def test_how_long_it_takes_is_asked_once_with_the_command() -> None:
    asked: list[bytes] = []

    def wait(command: bytes) -> int:
        asked.append(command)
        return len(asked)

    card = T1Card(CountingCard(JUKI, size_asked), wait=wait, multiplier=9)
    reader = T1Reader(card.receive, ifsc=254)
    card.power_on()
    commands = [numbered(number, 300, 5) for number in range(3)]
    for command in commands:
        assert reader.transmit(command) == answer_to(command, 5)
    assert asked == commands
    assert reader.waits == [9] * 6
