"""All 256 instruction bytes: which may exist, which have a name, and that the name is right."""

from __future__ import annotations

import pytest

from jukicard.apdu import Ins, ins_label, is_valid_ins
from jukicard.apdu.ins import INSTRUCTIONS

ALL = range(256)

# Written down again from ISO/IEC 7816-4:2020, table 4 (with 7816-8 and 7816-9).
ISO_NAMES = {
    0x04: "DEACTIVATE FILE",
    0x0C: "ERASE RECORD",
    0x0E: "ERASE BINARY",
    0x0F: "ERASE BINARY",
    0x20: "VERIFY",
    0x21: "VERIFY",
    0x22: "MANAGE SECURITY ENVIRONMENT",
    0x24: "CHANGE REFERENCE DATA",
    0x2A: "PERFORM SECURITY OPERATION",
    0x2C: "RESET RETRY COUNTER",
    0x44: "ACTIVATE FILE",
    0x46: "GENERATE ASYMMETRIC KEY PAIR",
    0x70: "MANAGE CHANNEL",
    0x82: "MUTUAL AUTHENTICATE",
    0x84: "GET CHALLENGE",
    0x86: "GENERAL AUTHENTICATE",
    0x87: "GENERAL AUTHENTICATE",
    0x88: "INTERNAL AUTHENTICATE",
    0xA0: "SEARCH BINARY",
    0xA1: "SEARCH BINARY",
    0xA2: "SEARCH RECORD",
    0xA4: "SELECT",
    0xB0: "READ BINARY",
    0xB1: "READ BINARY",
    0xB2: "READ RECORD",
    0xB3: "READ RECORD",
    0xC0: "GET RESPONSE",
    0xCA: "GET DATA",
    0xCB: "GET DATA",
    0xD0: "WRITE BINARY",
    0xD1: "WRITE BINARY",
    0xD2: "WRITE RECORD",
    0xD6: "UPDATE BINARY",
    0xD7: "UPDATE BINARY",
    0xDA: "PUT DATA",
    0xDB: "PUT DATA",
    0xDC: "UPDATE RECORD",
    0xDD: "UPDATE RECORD",
    0xE2: "APPEND RECORD",
    0xE4: "DELETE FILE",
    0xE8: "TERMINATE EF",
    0xFE: "TERMINATE CARD USAGE",
}
# Sent with a proprietary class: GlobalPlatform Card Specification 2.3.1, table 11-1; JICSAP.
OTHER_NAMES = {
    0x32: "CHANGE KEY",
    0x50: "INITIALIZE UPDATE",
    0xAE: "SET SESSION KEY",
    0xD8: "PUT KEY",
    0xE6: "INSTALL",
    0xF0: "SET STATUS",
    0xF2: "GET STATUS",
}


@pytest.mark.parametrize("value", ALL)
def test_an_instruction_has_the_name_of_the_standard_or_none(value: int) -> None:
    name = {**ISO_NAMES, **OTHER_NAMES}.get(value)
    assert INSTRUCTIONS[value] == value
    assert isinstance(INSTRUCTIONS[value], Ins) is (name is not None)
    if name is None:
        assert ins_label(value) == f"INS {value:02X}"
    else:
        odd = " (odd)" if value & 1 else ""
        assert ins_label(value) == f"{name}{odd}" == Ins(value).label


@pytest.mark.parametrize("value", ALL)
def test_procedure_bytes_are_no_instructions(value: int) -> None:
    # ISO/IEC 7816-3:2006, 10.3.3: 6X and 9X
    assert is_valid_ins(value) is (f"{value:02X}"[0] not in "69")


def test_no_name_is_given_to_what_is_no_instruction() -> None:
    assert [ins for ins in Ins if not is_valid_ins(ins)] == []


def test_an_odd_instruction_has_its_even_one() -> None:
    # ISO/IEC 7816-4:2020, 5.5: bit 1 tells a BER-TLV data field
    odd = [ins for ins in Ins if ins & 1]
    assert odd
    assert [ins for ins in odd if Ins(ins - 1).name + "_ODD" != ins.name] == []
