"""All 256 classes and instructions, in several shapes: closed by default, and never 6F00."""

from __future__ import annotations

import pytest

from jukicard import Card, issue_card
from jukicard.runtime.boundary import raise_bug
from tests.support.published.transcript import play, send

SELECT = "00A4040C0AD3921000310001010401"
PIN = "0020009C04 31323334 -> 9000"

# What docs/card.md promises of the Juki application, by instruction.
FILES = bytes.fromhex("A4 B0 B1 B2 B3 A0 A1 A2 D0 D1 D2 D6 D7 DC DD E2 0C 0E 0F CA CB DA DB")
PINS = bytes.fromhex("20 24 2C")
AUTHENTICATION = bytes.fromhex("84 82 22 2A 86")
LIFE_CYCLE = bytes.fromhex("44 04 E6 E8 FE")
CARD = bytes.fromhex("70 C0")
KNOWN = frozenset(FILES + PINS + AUTHENTICATION + LIFE_CYCLE + CARD)
PROPRIETARY = frozenset(bytes.fromhex("32 AE C0"))
CHAINABLE = frozenset(bytes.fromhex("2A 46 82 86 87 88 D0 D1 D2 D6 D7 D8 DA DB DC DD E2"))

SHAPES = {
    "case 1": b"",
    "case 2": b"\x00",
    "case 2, Le 1": b"\x01",
    "case 3": b"\x01\xaa",
    "case 3, two bytes": b"\x02\x00\x02",
    "case 3, an object": b"\x03\x54\x01\x00",
    "case 4": b"\x03\x54\x01\x00\x00",
    "case 4, 40 bytes": b"\x28" + bytes(range(40)) + b"\x28",
    "case 2 extended": b"\x00\x00\x00",
    "case 3 extended": b"\x00\x00\x01\xaa",
    "case 4 extended": b"\x00\x00\x03\x54\x01\x00\x00\x00",
}
ISO_SW1 = frozenset(range(0x61, 0x6F)) | {0x90}
"""Every first byte of a status that ISO/IEC 7816-4 gives a meaning, but 6F."""


@pytest.fixture
def card() -> Card:
    card = issue_card("juki-v1", seed=1, pin="1234", on_bug=raise_bug)
    card.power_on()
    play(card, f"{SELECT} -> 9000")
    return card


def expected(cla: int, ins: int) -> str | None:
    """Return the status by class and instruction alone; None where more decides."""
    if cla == 0xFF or cla & 0x60 == 0x20:
        return "6E00"
    channel = 4 + (cla & 0x0F) if cla & 0x40 else cla & 0x03
    if channel:
        return "6881"  # only the basic channel is open
    secure = cla & 0x20 if cla & 0x40 else cla & 0x0C
    if secure:
        # no session is open; only 0C says that the header is authentic
        return "6988" if cla & 0x40 or secure == 0x0C else "6882"
    if cla & 0x10:
        return "9000" if ins in CHAINABLE else "6884"
    if ins >> 4 in (6, 9):
        return "6D00"
    if ins not in (PROPRIETARY if cla & 0x80 else KNOWN):
        return "6D00"
    return None


@pytest.mark.parametrize("shape", SHAPES)
def test_every_class_and_instruction(card: Card, shape: str) -> None:
    body = SHAPES[shape]
    select = bytes.fromhex(SELECT)
    for cla in range(256):
        for ins in range(256):
            answer = card.transmit(bytes((cla, ins, 0, 0)) + body)
            sw = answer[-2:].hex().upper()
            assert answer[-2] in ISO_SW1, f"{cla:02X}{ins:02X} {shape}: {sw}"
            wanted = expected(cla, ins)
            if wanted is not None:
                assert sw == wanted, f"{cla:02X}{ins:02X} {shape}"
            if cla & 0x10 or sw == "9000":
                # drop a chain that began, close a channel that was opened
                card.reset()
                card.transmit(select)


def test_what_the_manual_names_is_known(card: Card) -> None:
    for ins in KNOWN:
        assert send(card, f"00{ins:02X}FFFF")[-4:] not in ("6D00", "6E00"), f"{ins:02X}"
    assert send(card, "8032FFFF") != "6D00"


SOME = frozenset(bytes.fromhex("00 01 02 03 04 05 14 1F 20 7F 80 81 82 83 9C 9F A0 FE FF"))
"""Values of P1 and P2 on both sides of every border there is."""


def test_no_parameter_opens_anything_or_changes_anything(card: Card) -> None:
    """All of P1 with some of P2 and the other way round."""
    before = card.snapshot()
    for ins in sorted(KNOWN - {0x70, 0xA4, 0x84}):
        for p1 in range(256):
            for p2 in range(256) if p1 in SOME else SOME:
                answer = card.transmit(bytes((0, ins, p1, p2, 0)))
                assert answer[-2] in ISO_SW1
                if len(answer) > 2:
                    assert ins == 0xCA, f"{ins:02X}{p1:02X}{p2:02X} answers data"
    assert card.snapshot() == before


BEFORE = {
    "nothing proven": [],
    "PIN verified": ["0020009C04 31323334 -> 9000"],
    "PIN wrong": ["0020009C04 39393939 -> 63C2"],
    "PIN blocked": [f"0020009C04 39393939 -> 63C{left}" for left in (2, 1, 0)],
}
"""What can be done with the PIN beforehand."""
READING = bytes.fromhex("B0 B1 B2 B3 A0 A1 A2 CA CB C0")


@pytest.mark.parametrize("state", BEFORE)
@pytest.mark.parametrize("channel", [0, 1, 4])
def test_the_resident_record_code_is_in_no_answer(card: Card, state: str, channel: int) -> None:
    """P8: whoever authenticates nothing reads no digit of it, with any reading command.

    Every P1-P2 of every reading command on the basic channel with the PIN verified, and some of
    them in the other states and on other channels; the code's EF is current each time.
    """
    code = _code(card)
    cla = channel if channel < 4 else 0x40
    if channel:
        play(card, f"007000{channel:02X} -> 9000")
    play(card, f"{cla:02X}{SELECT[2:]} -> 9000")
    for line in BEFORE[state]:
        play(card, f"{cla:02X}{line[2:]}")
    current = bytes((cla,)) + bytes.fromhex("A4020C020002")
    found = 0
    for ins in READING:
        bodies = (b"\0",) if ins in (0xB0, 0xB2, 0xCA, 0xC0) else (b"\x03\x54\x01\x00\x00",)
        p1s = range(256) if channel == 0 and state == "PIN verified" else sorted(SOME)
        for p1 in p1s:
            card.transmit(current)
            for p2 in range(256):
                for body in bodies:
                    answer = card.transmit(bytes((cla, ins, p1, p2)) + body)
                    assert code not in answer
                    assert code[:6] not in answer
                    found += len(answer) > 2
    assert found, f"{state}: something is readable, so the search saw answers"


def _code(card: Card) -> bytes:
    partition = card.environment.memory.partition("application D3921000310001010401")
    record = next(value for key, value in partition.items() if key == "content/0002")
    return record[4:15]


@pytest.mark.parametrize("ins", sorted(KNOWN | PROPRIETARY))
def test_no_instruction_answers_the_code_to_any_shape(card: Card, ins: int) -> None:
    """The others answer 6D00 (above); these with the code's file current and the PIN verified."""
    code = _code(card)
    play(card, PIN)
    for cla in (0x00, 0x80):
        for p1 in (0x00, 0x01, 0x02, 0x04, 0x80, 0x82, 0xFF):
            for p2 in (0x00, 0x01, 0x04, 0x05, 0x06, 0x0C, 0x14, 0x15, 0x80, 0x82, 0xFF):
                card.transmit(bytes.fromhex("00A4020C020002"))
                for body in SHAPES.values():
                    answer = card.transmit(bytes((cla, ins, p1, p2)) + body)
                    assert code not in answer
                    assert code[:6] not in answer
        play(card, f"{SELECT} -> *")


class TestDroppedLinks:
    """Commands of reserved classes inside a chain: found as an exception of the class byte."""

    @pytest.mark.parametrize("cla", [*range(0x20, 0x40), *range(0xA0, 0xC0), 0xFF])
    def test_reserved_classes_have_no_commands(self, card: Card, cla: int) -> None:
        play(
            card,
            f"""
            {cla:02X}32009C04 31323334 -> 6E00
            10D6000001 AA -> 9000
            {cla:02X}D6000001 AA -> 6E00
            """,
        )
