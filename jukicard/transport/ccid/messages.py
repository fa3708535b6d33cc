"""Messages of CCID 1.1 (6.1 and 6.2): what the driver sends, and what a reader answers."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

HEADER: Final = 10
"""Bytes before abData."""
MAX_MESSAGE: Final = 271
"""dwMaxCCIDMessageLength in bytes: what every reader takes at least (CCID 1.1, 5.1)."""

# What may be in bError besides the offset of a wrong byte (CCID 1.1, table 6.2-2).
CMD_ABORTED: Final = 0xFF
ICC_MUTE: Final = 0xFE
HW_ERROR: Final = 0xFB
PROTOCOL: Final = 0xF6
PROCEDURE: Final = 0xF4
PIN_TIMEOUT: Final = 0xF0
PIN_CANCELLED: Final = 0xEF
SLOT_BUSY: Final = 0xE0
NOT_SUPPORTED: Final = 0x00

# Offsets of fields in a message, which as bError say that the field is wrong.
LENGTH, SLOT, FIRST, LEVEL = 1, 5, 7, 8


class CcidError(Exception):
    """A message that fails: bStatus says so and `code` (0 to 255) is its bError."""

    def __init__(self, code: int) -> None:
        super().__init__(f"bError {code:02X}")
        self.code = code

    def __reduce__(self) -> tuple[type[CcidError], tuple[int], dict[str, object]]:
        return CcidError, (self.code,), self.__dict__


class Kind(IntEnum):
    """bMessageType of what a driver sends (CCID 1.1, 6.1)."""

    SET_PARAMETERS = 0x61
    POWER_ON = 0x62
    POWER_OFF = 0x63
    SLOT_STATUS = 0x65
    SECURE = 0x69
    T0_APDU = 0x6A
    ESCAPE = 0x6B
    GET_PARAMETERS = 0x6C
    RESET_PARAMETERS = 0x6D
    CLOCK = 0x6E
    XFR_BLOCK = 0x6F
    MECHANICAL = 0x71
    ABORT = 0x72
    DATA_RATE = 0x73


DATA_BLOCK, STATUS, PARAMETERS, ESCAPED, RATES = 0x80, 0x81, 0x82, 0x83, 0x84
"""bMessageType of the answers (CCID 1.1, 6.2)."""

ANSWERED_BY: Final = {
    Kind.SET_PARAMETERS: PARAMETERS,
    Kind.GET_PARAMETERS: PARAMETERS,
    Kind.RESET_PARAMETERS: PARAMETERS,
    Kind.POWER_ON: DATA_BLOCK,
    Kind.XFR_BLOCK: DATA_BLOCK,
    Kind.SECURE: DATA_BLOCK,
    Kind.ESCAPE: ESCAPED,
    Kind.DATA_RATE: RATES,
}
"""The answer to a message; whatever is not here is answered with the slot's status."""


class Icc(IntEnum):
    """bmICCStatus: the card in the slot (CCID 1.1, 6.2.6)."""

    ACTIVE = 0
    INACTIVE = 1
    ABSENT = 2


class Request(NamedTuple):
    """A message of the driver: `fields` are bytes 7 to 9, which each kind uses in its own way."""

    kind: int
    slot: int
    seq: int
    fields: bytes
    data: bytes

    def __repr__(self) -> str:
        return f"<Request {self.kind:02X} slot {self.slot}, {len(self.data)} bytes>"

    @property
    def level(self) -> int:
        """wLevelParameter of PC_to_RDR_XfrBlock and PC_to_RDR_Secure."""
        return self.fields[1] | self.fields[2] << 8

    @property
    def answered_by(self) -> int:
        """bMessageType of its answer."""
        return ANSWERED_BY.get(self.kind, STATUS)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def parse(cls, message: bytes) -> Request:
        """Read a message, whatever it is; bytes that did not come are taken for 0."""
        head = message[:HEADER].ljust(HEADER, b"\0")
        return cls(head[0], head[5], head[6], head[7:], message[HEADER:])


def length_fits(message: bytes) -> bool:
    """Tell whether a message is as long as its dwLength says."""
    return len(message) >= HEADER and len(message) - HEADER == int.from_bytes(
        message[1:5], "little"
    )


def answer(request: Request, icc: Icc, data: bytes = b"", last: int = 0) -> bytes:
    """Return the answer to a message that was done; `last` is its byte 9."""
    return _encode(request, icc, 0, last, data)


def refusal(request: Request, icc: Icc, code: int) -> bytes:
    """Return the answer to a message that failed: bmCommandStatus 1, and bError."""
    return _encode(request, 0x40 | icc, code, 0, b"")


def time_extension(request: Request, icc: Icc, multiplier: int = 1) -> bytes:
    """Return what asks the driver for that many times its waiting time (bmCommandStatus 2)."""
    return _encode(request, 0x80 | icc, multiplier, 0, b"")


def _encode(request: Request, status: int, error: int, last: int, data: bytes) -> bytes:
    length = len(data).to_bytes(4, "little")
    head = bytes((request.slot, request.seq, status, error, last))
    return bytes((request.answered_by,)) + length + head + data
