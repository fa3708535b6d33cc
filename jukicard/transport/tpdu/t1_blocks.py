"""Blocks of T=1: every PCB has one meaning or none, decided here for all 256 values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

from jukicard.apdu.atr import Atr
from jukicard.transport.tpdu.edc import CRC, LRC, Edc

MAX_IFS: Final = 254
"""The largest information field, in bytes; LEN FF is reserved (ISO/IEC 7816-3:2006, 11.3.2.3)."""
DEFAULT_IFS: Final = 32
"""IFSC without an interface byte, and IFSD until S(IFS) (ISO/IEC 7816-3:2006, 11.4.2)."""


class BlockError(Enum):
    """Why a block is invalid; the value goes into the R-block (ISO/IEC 7816-3:2006, 11.3.2.2)."""

    NONE = 0
    EDC = 1
    OTHER = 2


class Supervision(IntEnum):
    """What an S-block is about; the value is in the low five bits of its PCB."""

    RESYNCH = 0
    IFS = 1
    ABORT = 2
    WTX = 3


class IBlock(int):
    """PCB of an information block: 0 N(S) M 00000."""

    @property
    def number(self) -> int:
        """N(S), 0 or 1."""
        return self >> 6 & 1

    @property
    def more(self) -> bool:
        """M: another block of the chain follows."""
        return bool(self & 0x20)


class RBlock(int):
    """PCB of a receive-ready block: 100 N(R) 00ee, ee 0 to 2."""

    @property
    def number(self) -> int:
        """N(R), 0 or 1: the number of the I-block that is expected."""
        return self >> 4 & 1


class SBlock(int):
    """PCB of a supervisory block: 11 r ccccc, r 1 for a response."""

    @property
    def kind(self) -> Supervision:
        """What it is about."""
        return Supervision(self & 0x1F)

    @property
    def response(self) -> bool:
        """Whether it answers a request."""
        return bool(self & 0x20)


Pcb = IBlock | RBlock | SBlock


# ISO/IEC 7816-3:2006, 11.3.2.2: figures 19 to 21 and table 12; what they leave open is reserved
def _meaning(value: int) -> Pcb | None:
    if value & 0x80 == 0:
        return IBlock(value) if value & 0x1F == 0 else None
    if value & 0x40 == 0:
        return RBlock(value) if value & 0x2F <= BlockError.OTHER.value else None
    return SBlock(value) if value & 0x1F <= Supervision.WTX else None


PCBS: Final[tuple[Pcb | None, ...]] = tuple(_meaning(value) for value in range(256))
"""The meaning of every PCB; None for those that are reserved."""


@dataclass(frozen=True, slots=True)
class Block:
    """A valid block without NAD and EDC; the information field is 0 to 254 bytes.

    Its repr shows no information field: that may hold a PIN.
    """

    pcb: Pcb
    inf: bytes = b""

    def __repr__(self) -> str:
        return f"<Block PCB={self.pcb:02X} LEN={len(self.inf):02X}>"


class InvalidBlock(ValueError):
    """Received bytes that are no valid block; `error` is what an R-block says about them."""

    def __init__(self, error: BlockError) -> None:
        super().__init__(error)
        self.error = error


def i_block(number: int, inf: bytes, *, more: bool) -> Block:
    """Return I(N(S), M) with an information field."""
    return Block(IBlock(number << 6 | more << 5), inf)


def r_block(number: int, error: BlockError = BlockError.NONE) -> Block:
    """Return R(N(R)), an acknowledgement or an error report."""
    return Block(RBlock(0x80 | number << 4 | error.value))


def s_block(kind: Supervision, inf: bytes = b"", *, response: bool = False) -> Block:
    """Return S(kind request) or S(kind response)."""
    return Block(SBlock(0xC0 | response << 5 | kind), inf)


def encode(block: Block, nad: int, edc: Edc) -> bytes:
    """Return the bytes of a block (ISO/IEC 7816-3:2006, 11.3.1)."""
    return edc.seal(bytes((nad, block.pcb, len(block.inf))) + block.inf)


def decode(raw: bytes, *, nad: int, edc: Edc, ifs: int) -> Block:
    """Read a block that was sent to `nad` by an end that may send `ifs` bytes of information.

    InvalidBlock says EDC for a wrong code and OTHER for everything else: cut or too long, another
    node address, a reserved PCB, a length that the PCB does not allow.
    """
    if len(raw) < 3 + edc.size or len(raw) != 3 + raw[2] + edc.size:
        raise InvalidBlock(BlockError.OTHER)
    if not edc.fits(raw):
        raise InvalidBlock(BlockError.EDC)
    pcb = PCBS[raw[1]]
    inf = raw[3 : 3 + raw[2]]
    if raw[0] != nad or pcb is None or not _length_fits(pcb, inf, ifs):
        raise InvalidBlock(BlockError.OTHER)
    return Block(pcb, inf)


def _length_fits(pcb: Pcb, inf: bytes, ifs: int) -> bool:
    match pcb:
        case IBlock():
            return len(inf) <= ifs
        case RBlock():
            return not inf
        case SBlock(kind=Supervision.IFS):
            # ISO/IEC 7816-3:2006, 11.4.2: 00 and FF are reserved
            return len(inf) == 1 and 1 <= inf[0] <= MAX_IFS
        case SBlock(kind=Supervision.WTX):
            return len(inf) == 1
        case _:
            return not inf


def swapped(nad: int) -> int:
    """Return the node address with source and destination exchanged.

    ISO/IEC 7816-3:2006, 11.3.2.1: DAD in bits 7 to 5, SAD in bits 3 to 1, bits 8 and 4 are 0.
    """
    return nad >> 4 & 0x07 | (nad & 0x07) << 4


def is_valid_nad(nad: int) -> bool:
    """Tell whether a node address may be used: 00, or source and destination that differ."""
    return nad == 0 or (nad & 0x88 == 0 and nad >> 4 != nad & 0x07)


@dataclass(frozen=True, slots=True)
class T1Parameters:
    """What an answer to reset says about T=1: the card's IFSC in bytes and the code it uses."""

    ifsc: int
    edc: Edc

    @classmethod
    def from_atr(cls, atr: Atr) -> T1Parameters:
        """Read the first interface bytes for T=1 (ISO/IEC 7816-3:2006, 11.4).

        ValueError when the card does not offer T=1 or names a reserved IFSC.
        """
        if 1 not in atr.protocols:
            raise ValueError(f"the ATR {atr.hex} does not offer T=1")
        level = _first_level(atr)
        ifsc = atr.interface_bytes.get(f"TA{level}", DEFAULT_IFS)
        if not 1 <= ifsc <= MAX_IFS:
            raise ValueError(f"TA{level} is {ifsc:02X}: an IFSC is 01 to FE")
        uses_crc = atr.interface_bytes.get(f"TC{level}", 0) & 0x01
        return cls(ifsc, CRC if uses_crc else LRC)


def _first_level(atr: Atr) -> int:
    """Return i of the first TAi, TBi, TCi that are specific to T=1: i > 2 (8.2.3); 0 without."""
    for level, protocol in enumerate(atr.types, start=2):
        if level > 2 and protocol == 1:
            return level
    return 0
