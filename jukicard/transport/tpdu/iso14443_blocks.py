"""Blocks of ISO/IEC 14443-4: every PCB has one meaning or none, decided here for all 256 values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

FRAME_SIZES: Final = (16, 24, 32, 40, 48, 64, 96, 128, 256, 512, 1024, 2048, 4096)
"""FSC and FSD in bytes by their code, prologue and CRC included (ISO/IEC 14443-3:2018, 7.9.4.3).

Codes D to F are reserved and are taken for C.
"""
CRC_BYTES: Final = 2
MAX_CID: Final = 14
MAX_WTXM: Final = 59
"""The largest multiplier of the frame waiting time (ISO/IEC 14443-4:2018, 7.3)."""
_HAS_CID: Final = 0x08
_HAS_NAD: Final = 0x04


def frame_size(code: int) -> int:
    """Return the frame size in bytes for a code of 0 to 15."""
    return FRAME_SIZES[min(code, len(FRAME_SIZES) - 1)]


class BlockKind(Enum):
    """What a block is for; the value is its PCB without number, chaining, CID and NAD."""

    INFORMATION = 0x02
    ACK = 0xA2
    NAK = 0xB2
    DESELECT = 0xC2
    WTX = 0xF2


@dataclass(frozen=True, slots=True)
class Pcb:
    """The meaning of a PCB; `number` is 0 for S-blocks, `more` and `nad` are for I-blocks only."""

    kind: BlockKind
    number: int
    more: bool
    cid: bool
    nad: bool


# ISO/IEC 14443-4:2018, 7.1.2.1: figures 14 to 16; what they fix has to be as they say.
# S(PARAMETERS) is optional for a card; this one has no use for it.
def _meaning(value: int) -> Pcb | None:
    cid = bool(value & _HAS_CID)
    if value & 0xE2 == 0x02:
        more, nad = bool(value & 0x10), bool(value & _HAS_NAD)
        return Pcb(BlockKind.INFORMATION, value & 1, more, cid, nad)
    if value & 0xE6 == 0xA2:
        return Pcb(BlockKind(value & 0xF6), value & 1, False, cid, False)
    if value & 0xF7 in (BlockKind.DESELECT.value, BlockKind.WTX.value):
        return Pcb(BlockKind(value & 0xF7), 0, False, cid, False)
    return None


PCBS: Final[tuple[Pcb | None, ...]] = tuple(_meaning(value) for value in range(256))
"""The meaning of every PCB; None for those that a card does not answer."""


@dataclass(frozen=True, slots=True)
class PiccBlock:
    """A block without CRC. `cid` and `nad` are None when the block has none.

    Its repr shows no information field: that may hold a PIN.
    """

    kind: BlockKind
    number: int = 0
    inf: bytes = b""
    more: bool = False
    cid: int | None = None
    nad: int | None = None

    def __repr__(self) -> str:
        return f"<PiccBlock {self.kind.name} {self.number} {len(self.inf)} bytes>"

    def encode(self) -> bytes:
        """Return the bytes of the block, without CRC."""
        pcb = self.kind.value | self.number | self.more << 4
        prologue = bytearray((pcb,))
        if self.cid is not None:
            prologue[0] |= _HAS_CID
            prologue.append(self.cid)
        if self.nad is not None:
            prologue[0] |= _HAS_NAD
            prologue.append(self.nad)
        return bytes(prologue) + self.inf


def parse(frame: bytes) -> PiccBlock | None:
    """Read a block without CRC that a reader sent; None when it is none that a card answers.

    A CID byte with the bits set that a reader leaves 0 is an error (7.1.2.2), so is a node
    address with one of the bits that were once for programming voltage (7.1.2.3).
    """
    pcb = PCBS[frame[0]] if frame else None
    start = 1 + pcb.cid + pcb.nad if pcb else 1
    if pcb is None or len(frame) < start:
        return None
    cid = frame[1] if pcb.cid else None
    nad = frame[start - 1] if pcb.nad else None
    inf = frame[start:]
    if (cid or 0) > MAX_CID or (nad or 0) & 0x88 or not _length_fits(pcb.kind, inf):
        return None
    return PiccBlock(pcb.kind, pcb.number, inf, pcb.more, cid, nad)


def _length_fits(kind: BlockKind, inf: bytes) -> bool:
    match kind:
        case BlockKind.INFORMATION:
            return True
        case BlockKind.WTX:
            return len(inf) == 1
        case _:
            return not inf
