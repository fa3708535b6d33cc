"""Contactless cards frame by frame: activation of both types, the rules of the block protocol."""

from __future__ import annotations

from typing import Any

import pytest

from jukicard import issue_card
from jukicard.apdu import Atqb, Atr
from jukicard.transport.tpdu import (
    CRC_A,
    CRC_B,
    Ats,
    Iso14443Card,
    Iso14443TypeACard,
    atqb_from_atr,
)
from jukicard.transport.tpdu.picc import PiccState
from tests.support.readers.iso14443_reader import SIZES, Pcd, Type
from tests.support.readers.tpdu_line import CountingCard, answer_to, numbered, size_asked

ATR = bytes.fromhex("3B888001000014E0B38191005E")
SELECT_JUKI = bytes.fromhex("00A4040C0AD3921000310001010401")
SELECT_IN_BLOCK = "0A 03" + SELECT_JUKI.hex()
PUPI = bytes.fromhex("A1A2A3A4")


def atqb(frame: int = 0x81, options: int = 0x93) -> Atqb:
    return Atqb(pupi=PUPI, application_data=bytes(4), protocol_info=bytes((0, frame, options)))


def sent(card: Iso14443Card | Iso14443TypeACard, text: str) -> str:
    """Send a frame, return the answer's; both in hex and without CRC; `-` for silence."""
    edc = CRC_B if isinstance(card, Iso14443Card) else CRC_A
    raw = card.receive(edc.seal(bytes.fromhex(text)))
    assert not raw or edc.fits(raw)
    return raw[:-2].hex(" ").upper() if raw else "-"


def state(card: Iso14443Card | Iso14443TypeACard) -> PiccState:
    return card.state


def talk(card: Iso14443Card | Iso14443TypeACard, *script: str) -> None:
    for sent_text, expected in zip(script[::2], script[1::2], strict=True):
        assert sent(card, sent_text) == expected, sent_text


def type_b(
    port: CountingCard | None = None, *, active: bool = True, **options: Any
) -> Iso14443Card:
    card = Iso14443Card(port or CountingCard(ATR, lambda command: 0), **{"atqb": atqb(), **options})
    card.power_on()
    if active:
        assert sent(card, "050008") != "-"
        assert sent(card, "1D A1A2A3A4 00 08 01 00") == "00"
    return card


# -- activation, Type B: ISO/IEC 14443-3:2018, 7 ---------------------------------------------------


def test_a_juki_card_answers_as_its_atr_says() -> None:
    card = Iso14443Card(issue_card("juki-v1", seed=1, contactless=True))
    card.power_on()
    talk(card, "05 00 00", "50 00 00 00 00 00 00 14 E0 B3 81 91")
    assert Atr.contactless_b(card.atqb).raw == card.atr == ATR
    talk(card, "1D 00000000 00 08 01 03", "03", SELECT_IN_BLOCK, "0A 03 90 00")


def test_the_buffer_index_comes_from_the_atr_or_as_told() -> None:
    known = Atr.contactless_b(atqb(), mbli=5)
    for mbli, first in ((None, "5"), (7, "7")):
        card = Iso14443Card(CountingCard(known.raw, size_asked), mbli=mbli)
        card.power_on()
        talk(card, "050000", "50 00 00 00 00 00 00 00 00 00 81 93")
        assert sent(card, "1D 00000000 00 08 01 02") == f"{first}2"


def test_only_a_type_b_atr_has_an_atqb() -> None:
    assert atqb_from_atr(Atr.parse(ATR), PUPI).pupi == PUPI
    for atr in ("3BE000FF8131FE4514", "3B80800101", "3B00"):
        with pytest.raises(ValueError, match="Type B"):
            atqb_from_atr(Atr.parse(bytes.fromhex(atr)))
        with pytest.raises(ValueError, match="Type B"):
            Iso14443Card(CountingCard(bytes.fromhex(atr), size_asked))


@pytest.mark.parametrize(
    "options", [{"afi": 256}, {"afi": -1}, {"mbli": 16}, {"multiplier": 0}, {"multiplier": 60}]
)
def test_parameters_outside_the_standard(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        type_b(**options)


def test_every_request_parameter() -> None:
    for param in range(256):
        card = type_b(active=False)
        # 7.7.3: three bits reserved, wake-up, five numbers of slots
        assert (sent(card, f"0500{param:02X}") != "-") == (param < 0x20 and param & 7 <= 4)


def test_an_extended_atqb_is_for_readers_that_ask_for_it() -> None:
    long = Atqb(pupi=PUPI, application_data=bytes(4), protocol_info=bytes.fromhex("00819350"))
    card = type_b(active=False, atqb=long)
    talk(card, "05 00 00", "50 A1 A2 A3 A4 00 00 00 00 00 81 93")
    talk(card, "05 00 10", "50 A1 A2 A3 A4 00 00 00 00 00 81 93 50")


@pytest.mark.parametrize("mine", [0x00, 0x20, 0x21, 0x05])
def test_every_application_family(mine: int) -> None:
    for afi in range(256):
        expected = afi == 0 or (
            mine != 0
            and (afi >> 4 in (0, mine >> 4))
            and (afi & 15 in (0, mine & 15))
        )  # fmt: skip
        card = type_b(active=False, afi=mine)
        assert (sent(card, f"05{afi:02X}00") != "-") == expected, f"{afi:02X}"


def test_the_states() -> None:
    port = CountingCard(ATR, lambda command: 0)
    card = type_b(port, active=False)
    talk(card, "1D A1A2A3A4 00 08 01 00", "-", "50 A1A2A3A4", "-")  # not asked for yet
    assert state(card) is PiccState.IDLE
    assert sent(card, "050000") != "-"
    assert state(card) is PiccState.READY
    talk(card, "50 A1A2A3A5", "-", "1D A1A2A3A5 00 08 01 00", "-", "1D A1A2A3A4 00 08 01", "-")
    assert state(card) is PiccState.READY
    talk(card, "50 A1A2A3A4", "00", "050000", "-")  # halted: only a wake-up counts
    assert state(card) is PiccState.HALT
    assert sent(card, "050008") != "-"
    talk(card, "1D A1A2A3A4 00 08 01 00 112233", "00")  # higher layer information is not answered
    assert state(card) is PiccState.ACTIVE
    talk(card, "050008", "-", "1D A1A2A3A4 00 08 01 00", "-", "02 11", "02 90 00", "C2", "C2")
    assert state(card) is PiccState.HALT
    talk(card, "C2", "-", "02 11", "-", "050000", "-")
    assert port.journal == ["on"]
    assert sent(card, "050008") != "-"
    talk(card, "1D A1A2A3A4 00 08 01 00", "00", "02 22", "02 90 00")
    assert port.journal == ["on", "reset"]  # chosen again: what a program sees as a reset


@pytest.mark.parametrize("param4", range(256))
def test_every_card_identifier(param4: int) -> None:
    card = type_b(active=False)
    assert sent(card, "050000") != "-"
    answer = sent(card, f"1D A1A2A3A4 00 08 01 {param4:02X}")
    assert answer == (f"{param4:02X}" if param4 <= 14 else "-")
    if param4 <= 14:
        for cid in range(15):
            # rule 12; 7.1.2.2: blocks with another identifier are for another card
            assert sent(card, f"BA {cid:02X}") == (f"AB {cid:02X}" if cid == param4 else "-")
        # no identifier at all is for the card with number 0
        assert sent(card, "B2") == ("A3" if param4 == 0 else "-")


def test_a_card_without_identifiers_and_addresses() -> None:
    card = type_b(active=False, atqb=atqb(options=0x90))
    assert sent(card, "050000") != "-"
    talk(card, "1D A1A2A3A4 00 08 01 07", "00")
    talk(card, "0A 07 11", "-", "0A 00 11", "-", "06 21 11", "-", "02 11", "02 90 00")


def test_a_reader_of_another_protocol_is_not_answered() -> None:
    card = type_b(active=False)
    assert sent(card, "050000") != "-"
    talk(card, "1D A1A2A3A4 00 08 00 00", "-", "1D A1A2A3A4 00 08 01 00", "00")


def test_damaged_frames_are_not_answered() -> None:
    card = type_b(active=False)
    raw = CRC_B.seal(bytes.fromhex("050000"))
    for place in range(len(raw)):
        wrong = bytearray(raw)
        wrong[place] ^= 0x10
        assert card.receive(bytes(wrong)) == b""
        assert card.receive(raw[:place]) == b""
    assert card.receive(raw)


# -- activation, Type A: ISO/IEC 14443-4:2018, 5 ---------------------------------------------------


def type_a(**options: Any) -> Iso14443TypeACard:
    card = Iso14443TypeACard(CountingCard(ATR, lambda command: 0), **options)
    card.power_on()
    return card


def test_type_a_says_what_it_can() -> None:
    card = type_a()
    told = "0D 78 80 90 02 00 00 14 E0 B3 81 91 00"
    talk(card, "E0 80", told, "E0 80", "-", "02 11", "02 90 00")
    card = type_a(ats=Ats(fsci=5, fwi=4, sfgi=1, has_cid=False, has_nad=True))
    talk(card, "E0 80", "05 75 80 41 01", "06 21 11", "06 12 90 00", "0B 00 11", "-")


@pytest.mark.parametrize("param", range(256))
def test_every_rats(param: int) -> None:
    card = type_a()
    answered = sent(card, f"E0 {param:02X}") != "-"
    assert answered == (param & 15 <= 14)
    assert (card.state is PiccState.ACTIVE) == answered
    if answered and param & 15:
        talk(card, f"0A {param & 15:02X} 11", f"0A {param & 15:02X} 90 00", "03 11", "-")


def test_parameter_selection_comes_once_and_first() -> None:
    card = type_a()
    talk(card, "D0 11 00", "-")
    assert sent(card, "E0 83") != "-"
    talk(card, "D3 11 05", "-", "D0 11 00", "-", "D3 11 00", "D3", "D3 11 00", "-")
    card = type_a()
    assert sent(card, "E0 80") != "-"
    talk(card, "02 11", "02 90 00", "D0 11 00", "-")


def test_type_a_is_halted_and_chosen_again() -> None:
    port = CountingCard(ATR, lambda command: 0)
    card = Iso14443TypeACard(port)
    card.power_on()
    talk(card, "50 00", "-", "E0 80", "-")
    assert state(card) is PiccState.HALT
    card.select()
    assert sent(card, "E0 80") != "-"
    talk(card, "C2", "C2", "02 11", "-")
    card.select()
    assert sent(card, "E0 80") != "-"
    assert port.journal == ["on", "reset"]


@pytest.mark.parametrize(
    "options", [{"fsci": 13}, {"fwi": 15}, {"sfgi": 15}, {"historical_bytes": bytes(16)}]
)
def test_an_ats_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        Ats(**options)


# -- the block protocol: ISO/IEC 14443-4:2018, 7.5.3 to 7.5.5 --------------------------------------


def long_answers() -> CountingCard:
    return CountingCard(ATR, lambda command: 25)  # with a frame of 16: 13, 13 and 1 byte


def short_frames(port: CountingCard, **options: Any) -> Iso14443Card:
    card = type_b(port, active=False, **options)
    assert sent(card, "050000") != "-"
    talk(card, "1D A1A2A3A4 00 00 01 00", "00")
    return card


def test_numbers_alternate_and_a_block_that_comes_again_is_not_answered() -> None:
    port = CountingCard(ATR, lambda command: 0)
    talk(
        type_b(port),
        "03 11", "-",  # the first number is 0: rule A
        "02 11", "02 90 00", "02 11", "-", "02 22", "-", "03 22", "03 90 00",
        "B3", "03 90 00", "B2", "A3", "B3", "03 90 00",  # rules 11 and 12
        "A2", "-", "A3", "03 90 00",  # out of turn: the card is in no chain
    )  # fmt: skip
    assert port.executed == {b"\x11": 1, b"\x22": 1}


def test_nothing_was_sent_yet() -> None:
    talk(type_b(), "B3", "-", "A3", "-", "B2", "A3", "A2", "-")


def test_a_chain_to_the_card() -> None:
    port = CountingCard(ATR, lambda command: 0)
    talk(
        type_b(port),
        "12 11", "A2", "12 11", "-", "B2", "A2",  # rules 2 and 11
        "B3", "A2", "13 22", "A3", "02 33", "02 90 00", "B2", "02 90 00",
    )  # fmt: skip
    assert port.executed == {b"\x11\x22\x33": 1}


def test_a_chain_to_the_reader() -> None:
    port = long_answers()
    card = short_frames(port)
    whole = answer_to(b"\x11", 25)
    first, second, third = (whole[i : i + 13].hex(" ").upper() for i in (0, 13, 26))
    talk(
        card,
        "02 11", f"12 {first}", "B2", f"12 {first}", "A2", f"12 {first}",
        "A3", f"13 {second}", "A3", f"13 {second}", "B3", f"13 {second}",  # rule 11
        "A2", f"02 {third}", "A2", f"02 {third}", "A3", "-",  # rule 13
    )  # fmt: skip
    assert port.executed == {b"\x11": 1}


def test_a_new_command_ends_a_chain() -> None:
    port = CountingCard(ATR, lambda command: 25 if command == b"\x11" else 0)
    card = short_frames(port)
    assert sent(card, "02 11")[:2] == "12"
    talk(card, "03 22", "03 90 00", "A2", "-")
    card = short_frames(port)
    assert sent(card, "02 11")[:2] == "12"
    talk(card, "13 33", "A3", "A2", "-", "02 44", "02 90 00")
    assert port.executed == {b"\x11": 2, b"\x22": 1, b"\x33\x44": 1}


def test_waiting_time() -> None:
    port = CountingCard(ATR, lambda command: 0)
    card = type_b(port, wait=lambda command: 2, multiplier=0x3B)
    talk(
        card,
        "F2 3B", "-",  # nobody asked
        "02 11", "F2 3B", "B2", "F2 3B", "F2 3A", "-", "03 22", "-", "02 11", "-", "A3", "-",
        "F2 3B", "F2 3B", "B2", "F2 3B", "F2 3B", "02 90 00", "F2 3B", "-", "B2", "02 90 00",
    )  # fmt: skip
    assert port.executed == {b"\x11": 1}


def test_waiting_time_before_a_long_answer() -> None:
    card = short_frames(long_answers(), wait=lambda command: 1)
    talk(card, "02 11", "F2 01", "A3", "-")
    assert sent(card, "F2 01")[:2] == "12"
    assert sent(card, "A3")[:2] == "13"


def test_a_node_address_comes_back_in_the_first_block() -> None:
    card = short_frames(long_answers())
    whole = answer_to(b"\x11\x22", 25)
    talk(card, "16 21 11", "A2", "03 22", f"17 12 {whole[:12].hex(' ').upper()}")
    talk(
        card, "A2", f"12 {whole[12:25].hex(' ').upper()}", "A3", f"03 {whole[25:].hex(' ').upper()}"
    )
    assert sent(card, "02 33")[:2] == "12"  # the next command has none


def test_a_frame_longer_than_the_card_takes_is_not_answered() -> None:
    port = CountingCard(ATR, lambda command: 0)
    card = type_b(port, atqb=atqb(frame=0x01))  # FSC 16: 13 bytes of information
    talk(card, "02" + "11" * 14, "-", "02" + "11" * 13, "02 90 00")
    assert port.executed == {b"\x11" * 13: 1}


def test_a_command_longer_than_any_stays_too_long() -> None:
    card = Iso14443Card(issue_card("juki-v1", seed=1, contactless=True))
    card.power_on()
    pcd = Pcd(card.receive, fsd_code=8)
    assert pcd.activate()
    assert pcd.transmit(bytes.fromhex("00D6000000FFFF") + bytes(80_000)) == b"\x67\x00"
    assert pcd.transmit(SELECT_JUKI) == b"\x90\x00"


@pytest.mark.parametrize("kind", Type)
@pytest.mark.parametrize("fsc_code", [0, 5, 8, 12])
@pytest.mark.parametrize("fsd_code", [0, 5, 8, 12])
@pytest.mark.parametrize("cid", [None, 0, 14])
def test_lengths_around_frames(kind: Type, fsc_code: int, fsd_code: int, cid: int | None) -> None:
    port = CountingCard(ATR, size_asked)
    card = (
        Iso14443Card(port, atqb=atqb(frame=fsc_code << 4 | 1))
        if kind is Type.B
        else Iso14443TypeACard(port, ats=Ats(fsci=fsc_code, has_nad=True))
    )
    card.power_on()
    pcd = Pcd(card.receive, kind=kind, fsd_code=fsd_code, cid=cid, nad=0x21)
    assert pcd.activate()
    assert pcd.fsc == SIZES[fsc_code]
    for size in (0, 1, 7, 8, 9, 57, 58, 59, 249, 250, 251, 252, 253, 254, 255, 256):
        for nc in (8, 9, 13, 61, 251, 252, 253, 254, 255, 256):
            command = numbered(nc * 1000 + size, nc, size)
            assert pcd.transmit(command) == answer_to(command, size)
    assert set(port.executed.values()) == {1}


def test_the_longest_command_and_the_longest_answer() -> None:
    port = CountingCard(ATR, size_asked)
    card = type_b(port, active=False, wait=lambda command: 3, multiplier=2)
    pcd = Pcd(card.receive, fsd_code=12)
    assert pcd.activate()
    command = numbered(1, 65_544, 65_536)
    assert pcd.transmit(command) == answer_to(command, 65_536)
    assert pcd.waits == [2, 2, 2]
