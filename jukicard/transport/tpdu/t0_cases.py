"""Which way the data of a T=0 command goes: the header does not say it, so the card has to know."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from jukicard.apdu.cla import ClassByte
from jukicard.apdu.ins import Ins


class TpduCase(Enum):
    """The four cases of a command TPDU (ISO/IEC 7816-3:2006, 12.2)."""

    NO_DATA = 1
    OUTGOING = 2
    INCOMING = 3
    BOTH = 4


CasePolicy = Callable[[bytes], TpduCase]
"""Says for a header (CLA INS P1 P2 P3) which case it is."""

_OUTGOING: Final = frozenset(
    {Ins.GET_CHALLENGE, Ins.READ_BINARY, Ins.READ_RECORD, Ins.GET_RESPONSE, Ins.GET_DATA}
)
_BOTH: Final = frozenset(
    {
        Ins.GENERAL_AUTHENTICATE,
        Ins.GENERAL_AUTHENTICATE_ODD,
        Ins.INTERNAL_AUTHENTICATE,
        Ins.SEARCH_RECORD,
        Ins.READ_BINARY_ODD,
        Ins.READ_RECORD_ODD,
        Ins.GET_DATA_ODD,
        Ins.INITIALIZE_UPDATE,
        Ins.GET_STATUS,
    }
)
_MUTUAL_MESSAGE: Final = 40
"""Nc of MUTUAL AUTHENTICATE with this project's suites; EXTERNAL AUTHENTICATE has another."""


def tpdu_case(header: bytes) -> TpduCase:
    """Return the case of a command by what ISO/IEC 7816-4 and -8 say of its instruction.

    `header` is CLA INS P1 P2 P3. Every one has a case: instructions that are not known take data
    when P3 is not 00.
    """
    cla = ClassByte(header[0])
    ins, p1, p2, p3 = header[1:5]
    if ins == Ins.GET_RESPONSE or (not cla.secure and _answers_only(ins, p1, p2)):
        return TpduCase.OUTGOING
    if p3 == 0:
        return TpduCase.NO_DATA
    if cla.chained and ins != Ins.GENERAL_AUTHENTICATE:  # a step of a dialogue is answered
        return TpduCase.INCOMING
    if cla.secure or ins in _BOTH or _answers_too(header):
        return TpduCase.BOTH
    return TpduCase.INCOMING


def _answers_only(ins: int, p1: int, p2: int) -> bool:
    match ins:
        case Ins.MANAGE_CHANNEL:
            # ISO/IEC 7816-4:2020, 11.1.2: only the card's own choice of a channel is answered
            return p1 == 0 and p2 == 0
        case Ins.GENERATE_ASYMMETRIC_KEY_PAIR:
            return True
        case _:
            return ins in _OUTGOING


def _answers_too(header: bytes) -> bool:
    """Tell whether a command with data has an answer, for those where parameters decide."""
    cla, ins, p1, p2, p3 = header
    match ins:
        case Ins.SELECT:
            # ISO/IEC 7816-4:2020, table 63: P2 0C asks for nothing
            return p2 & 0x0C != 0x0C
        case Ins.MUTUAL_AUTHENTICATE:
            return p3 == _MUTUAL_MESSAGE
        case Ins.PERFORM_SECURITY_OPERATION:
            # ISO/IEC 7816-8:2021: HASH has P1 90; verifying has P1 00 and a template in P2. In a
            # proprietary class the cards' own signature command has P1 00 too.
            return bool(cla & 0x80) or p1 not in (0x00, 0x90)
        case _:
            return False
