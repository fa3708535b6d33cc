"""The ways in which known clients read a file, each written as that client does it.

docs/card.md, section 6: every client that reads the real card should accept this one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from jukicard import Card
from jukicard.apdu import CommandApdu, Tlv
from jukicard.apdu.tlv import read_length
from tests.support.cards.face_cards import (
    face_card,
    selected,
    verify,
)
from tests.support.cards.face_order import (
    BIRTH_CODE,
    NUMBER_A,
    NUMBER_B,
    PIN,
)
from tests.support.published.transcript import play, send

Read = Callable[[int, int], tuple[bytes, int]]
"""READ BINARY with an offset and an Ne: the data and the status."""


def reading(card: Card, *, extended: bool = False) -> Read:
    def read(offset: int, ne: int) -> tuple[bytes, int]:
        command = CommandApdu(0, 0xB0, offset >> 8, offset & 0xFF, ne=ne, extended=extended)
        answer = card.transmit(command.encode())
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    return read


def ok(answer: tuple[bytes, int]) -> bytes:
    data, status = answer
    assert status == 0x9000, "this client gives up on anything but 9000"
    return data


def object_length(head: bytes) -> int:
    """The length of the data object that `head` begins, with a tag of two bytes."""
    length, start = read_length(head, 2)
    return start + length


def header_then_blocks(read: Read) -> bytes:
    """Seven bytes, blocks of 256 while more than 255 bytes are left, then exactly the rest."""
    content = ok(read(0, 7))
    total = object_length(content)
    while total - len(content) > 255:
        content += ok(read(len(content), 256))
    if total > len(content):
        content += ok(read(len(content), total - len(content)))
    return content


def four_then_255(read: Read) -> bytes:
    """Four bytes (or what the length needs), then 255 at a time, then exactly the rest."""
    content = ok(read(0, 4))
    if content[2] == 0x82:
        content += ok(read(4, 1))
    total = object_length(content)
    while len(content) < total:
        content += ok(read(len(content), min(255, total - len(content))))
    return content


def eight_then_255(read: Read) -> bytes:
    """Eight bytes to see the length, then from the start in blocks of 255 bounded by it."""
    total = object_length(ok(read(0, 8)))
    content = b""
    while len(content) < total:
        content += ok(read(len(content), min(255, total - len(content))))
    return content


def until_refused(size: int) -> Callable[[Read], bytes]:
    """Blocks of one size until 6B00 or an empty answer."""

    def client(read: Read) -> bytes:
        content = b""
        while True:
            data, status = read(len(content), size)
            if status == 0x6B00 or not data:
                return content
            assert status == 0x9000
            content += data

    return client


def until_short(size: int) -> Callable[[Read], bytes]:
    """Blocks of one size until one is short, which must still be 9000, or 6B00."""

    def client(read: Read) -> bytes:
        content = b""
        while True:
            data, status = read(len(content), size)
            if status == 0x6B00:
                return content
            assert status == 0x9000
            content += data
            if len(data) < size:
                return content

    return client


def first_block_then_rest(read: Read) -> bytes:
    """256 bytes; when the object is longer, blocks of up to 256 to its end."""
    content = ok(read(0, 256))
    total = object_length(content)
    while len(content) < total:
        content += ok(read(len(content), min(256, total - len(content))))
    return content


CLIENTS: Final[dict[str, Callable[[Read], bytes]]] = {
    "header, then blocks of 256": header_then_blocks,
    "four bytes, then 255": four_then_255,
    "eight bytes, then 255": eight_then_255,
    "FF until refused": until_refused(0xFF),
    "E0 until short": until_short(0xE0),
    "256 until short": until_short(256),
    "256, then what the object says": first_block_then_rest,
}
FILES: Final = {
    ("text", 2): (0x11, PIN),
    ("text", 3): (0x15, NUMBER_B),
    ("text", 4): None,
    ("text", 5): None,
    ("text", 7): None,
    ("surface", 1): (0x11, BIRTH_CODE),
    ("surface", 2): (0x12, NUMBER_B),
    ("surface", 5): (0x13, NUMBER_A),
}


def opened(application: str, fid: int) -> Card:
    card = selected(application)
    credential = FILES[application, fid]
    if credential is not None:
        play(card, verify(*credential))
    play(card, f"00A4020C02{fid:04X} -> 9000")
    return card


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(("application", "fid"), FILES)
def test_every_client_reads_the_same_object(application: str, fid: int, client: str) -> None:
    card = opened(application, fid)
    content = CLIENTS[client](reading(card))
    whole, _ = Tlv.parse_first(content)
    expected, _ = Tlv.parse_first(reading(card, extended=True)(0, 65_536)[0])
    assert whole == expected
    assert len(whole.children) > 1


AS_LONG_AS_ITS_OBJECT: Final = {("text", 3), ("text", 4)}
"""Files whose size is known and is that of the object; others are larger and filled with FF."""


@pytest.mark.parametrize(("application", "fid"), sorted(FILES.keys() - AS_LONG_AS_ITS_OBJECT))
def test_a_client_that_reads_whole_blocks_of_256_gets_them(application: str, fid: int) -> None:
    """It asks for so many bytes that the object fits, and gives up when it gets fewer."""
    read = reading(opened(application, fid))
    total = object_length(ok(read(0, 8)))
    content = b""
    while len(content) < -(-total // 256) * 256:
        block = ok(read(len(content), 256))
        assert len(block) == 256
        content += block
    assert not content[total:].strip(b"\xff"), "behind the object there is FF only"


def test_the_basic_information_of_text_is_read_as_256_bytes() -> None:
    card = opened("text", 5)
    content, status = reading(card)(0, 256)
    assert (len(content), status) == (256, 0x9000)
    play(card, f"00B000A25E -> {'FF' * 94} 9000\n00B0010000 -> 6B00")


@pytest.mark.parametrize(("application", "fid"), FILES)
def test_a_client_with_extended_lengths_reads_at_once(application: str, fid: int) -> None:
    card = opened(application, fid)
    by_le_0 = send(card, "00B00000000000")
    assert by_le_0 == send(card, "00B0000000FFFF")
    offset = 300 if len(by_le_0) > 1000 else 3
    assert send(card, f"00B0{offset:04X}000010") == by_le_0[2 * offset : 2 * offset + 32] + "9000"


def test_the_individual_number_is_read_with_16_or_17_bytes_and_by_short_identifier() -> None:
    number = "FF100C" + NUMBER_A.encode().hex().upper()
    play(
        selected("text"),
        f"""
        002000910431323334  -> 9000
        00A4020C020001      -> 9000
        00B0000010          -> {number}FF 9000
        00B0000011          -> {number}FFFF 9000
        00B0000000          -> {number}FFFF 9000
        00B081030C          -> {number[6:]} 9000
        00B0001100          -> 6B00
        """,
    )


def test_the_counters_are_queried_as_a_client_shows_them() -> None:
    """One client lists them all; another refuses cards whose counters are not 3 and 10."""
    card = face_card()
    play(
        card,
        """
        00A4040C0AD3921000310001010408 -> 9000
        00A4020C020011 -> 9000
        00200080       -> 63C3
        00A4020C020014 -> 9000
        00200080       -> 63CA
        00A4020C020015 -> 9000
        00200080       -> 63CA
        00A4040C0AD3921000310001010402 -> 9000
        00A4020C020013 -> 9000
        00200080       -> 63CA
        00A4020C020012 -> 9000
        00200080       -> 63CA
        00A4020C020011 -> 9000
        00200080       -> 63CA
        """,
    )


@pytest.mark.parametrize("aid", ["0408", "0402", "0100"])
def test_select_answers_with_and_without_control_information(aid: str) -> None:
    card = face_card()
    name = f"D392100031000101{aid}"
    play(card, f"00A4040C0A{name} -> 9000\n00A404000A{name} -> 9000")
    answer = send(card, f"00A404000A{name}00")
    assert answer.endswith("9000")
    information = Tlv.parse(bytes.fromhex(answer[:-4]))
    assert information.tag == 0x6F
    assert information.children[0] == Tlv(0x84, bytes.fromhex(name))
    play(card, "00A40000 -> 9000\n00A4020C020004 -> 9000" if aid != "0100" else "00A40000 -> 9000")


def test_a_partial_name_selects_and_walks_through_the_applications() -> None:
    play(
        face_card(),
        """
        00A4040C01D3       -> 9000   # common, the first on this card
        00B2010C00         -> * 9000
        00A4040E01D3       -> 9000   # the next: surface
        00A4020C020005     -> 9000
        00A4040E01D3       -> 9000   # the next: text
        00A4020C020008     -> 9000
        00A4040E01D3       -> 6A82
        00A4040C0AD3921000310001010403 -> 6A82
        """,
    )
