"""Between a reader and its key pad: what PC_to_RDR_Secure is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jukicard.transport.tpdu import Edc


class SecureRequest(NamedTuple):
    """One PC_to_RDR_Secure (CCID 1.1, 6.1.11) and what it takes to do it.

    slot: the number of the slot.
    body: from bPINOperation on (0 verify, 1 modify), the byte 10 of the message.
    level: its wLevelParameter.
    protocol: 0 or 1, what PC_to_RDR_SetParameters made of the slot.
    edc: the checksum of a block of T=1, as the driver set it or the ATR says.
    tpdu: whether the reader is at TPDU level; then the APDU has the T=1 prologue of bTeoPrologue.
    transmit: to the card. A block of T=1 and back, header and data of T=0 and data and status back;
        otherwise an APDU and its answer. No trace or recording has its data. CcidError.
    more_time: ask the driver for time at once. A serial reader also does that by itself.
    ended: whether the card was pulled or the reader closes: give up with CMD_ABORTED.

    Its repr shows no body.
    """

    slot: int
    body: bytes
    level: int
    protocol: int
    edc: Edc
    tpdu: bool
    transmit: Callable[[bytes], bytes]
    more_time: Callable[[], None]
    ended: Callable[[], bool]

    def __repr__(self) -> str:
        return f"<SecureRequest slot {self.slot}, {len(self.body)} bytes>"


SecureHandler = Callable[[SecureRequest], bytes]
"""Does it, as long as a person takes; returns abData of RDR_to_PC_DataBlock. CcidError."""
