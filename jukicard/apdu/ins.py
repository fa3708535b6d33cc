"""Instruction bytes by name (ISO/IEC 7816-4:2020 table 4, 7816-8, 7816-9, GlobalPlatform)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class Ins(IntEnum):
    """The instructions this project knows; an even and an odd one of a pair have two names.

    `_ODD` is the form whose data field is BER-TLV (ISO/IEC 7816-4:2020, 5.5.1).
    """

    DEACTIVATE_FILE = 0x04
    ERASE_RECORD = 0x0C
    ERASE_BINARY = 0x0E
    ERASE_BINARY_ODD = 0x0F
    VERIFY = 0x20
    VERIFY_ODD = 0x21
    MANAGE_SECURITY_ENVIRONMENT = 0x22
    CHANGE_REFERENCE_DATA = 0x24
    RESET_RETRY_COUNTER = 0x2C
    PERFORM_SECURITY_OPERATION = 0x2A
    CHANGE_KEY = 0x32
    """JICSAP CHANGE KEY, sent with CLA 80."""
    ACTIVATE_FILE = 0x44
    GENERATE_ASYMMETRIC_KEY_PAIR = 0x46
    INITIALIZE_UPDATE = 0x50
    """GlobalPlatform, sent with CLA 80."""
    MANAGE_CHANNEL = 0x70
    MUTUAL_AUTHENTICATE = 0x82
    """Also EXTERNAL AUTHENTICATE: one instruction, told apart by the data fields."""
    GET_CHALLENGE = 0x84
    GENERAL_AUTHENTICATE = 0x86
    GENERAL_AUTHENTICATE_ODD = 0x87
    INTERNAL_AUTHENTICATE = 0x88
    SEARCH_BINARY = 0xA0
    SEARCH_BINARY_ODD = 0xA1
    SEARCH_RECORD = 0xA2
    SELECT = 0xA4
    SET_SESSION_KEY = 0xAE
    """JICSAP SET SESSION KEY, sent with CLA 80."""
    READ_BINARY = 0xB0
    READ_BINARY_ODD = 0xB1
    READ_RECORD = 0xB2
    READ_RECORD_ODD = 0xB3
    GET_RESPONSE = 0xC0
    GET_DATA = 0xCA
    GET_DATA_ODD = 0xCB
    WRITE_BINARY = 0xD0
    WRITE_BINARY_ODD = 0xD1
    WRITE_RECORD = 0xD2
    UPDATE_BINARY = 0xD6
    UPDATE_BINARY_ODD = 0xD7
    PUT_KEY = 0xD8
    """GlobalPlatform, sent with CLA 80."""
    PUT_DATA = 0xDA
    PUT_DATA_ODD = 0xDB
    UPDATE_RECORD = 0xDC
    UPDATE_RECORD_ODD = 0xDD
    APPEND_RECORD = 0xE2
    """Also GlobalPlatform STORE DATA, with CLA 80."""
    DELETE_FILE = 0xE4
    INSTALL = 0xE6
    """Also ISO TERMINATE DF, with an interindustry class."""
    TERMINATE_EF = 0xE8
    SET_STATUS = 0xF0
    GET_STATUS = 0xF2
    TERMINATE_CARD_USAGE = 0xFE

    @property
    def label(self) -> str:
        """The name as the standard prints it, for example `READ BINARY`."""
        return self.name.replace("_", " ").replace(" ODD", " (odd)")


def is_valid_ins(value: int) -> bool:
    """Tell whether an instruction byte may exist at all.

    6X and 9X are invalid (ISO/IEC 7816-3:2006, 10.3.3: they are procedure bytes in T=0).
    """
    return value >> 4 not in (0x6, 0x9)


INSTRUCTIONS: Final[tuple[int, ...]] = tuple(
    Ins(value) if value in Ins._value2member_map_ else value for value in range(256)
)
"""All 256 instruction bytes; those with a name are members of `Ins`."""


# GlobalPlatform Card Specification 2.3.1, 11; JICSAP and its relatives on Japanese cards
_PROPRIETARY: Final[Mapping[int, str]] = {
    0x2A: "COMPUTE DIGITAL SIGNATURE",
    0x2C: "RESET RETRY COUNTER",
    0x32: "CHANGE KEY",
    0x50: "INITIALIZE UPDATE",
    0x82: "EXTERNAL AUTHENTICATE",
    0xA2: "VERIFY CERTIFICATE",
    0xA4: "SELECT",
    0xAE: "SET SESSION KEY",
    0xC0: "GET RESPONSE",
    0xCA: "GET DATA",
    0xCB: "GET DATA (odd)",
    0xD8: "PUT KEY",
    0xE2: "STORE DATA",
    0xE4: "DELETE",
    0xE6: "INSTALL",
    0xF0: "SET STATUS",
    0xF2: "GET STATUS",
}


def ins_label(value: int, *, proprietary: bool = False) -> str:
    """Return the printed name of an instruction, or `INS xx` for one without a name.

    proprietary: it came with a proprietary class, in which the same byte is another command.
    """
    if proprietary:
        return _PROPRIETARY.get(value) or f"INS {value:02X}"
    ins = INSTRUCTIONS[value]
    return ins.label if isinstance(ins, Ins) else f"INS {value:02X}"
