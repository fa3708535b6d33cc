"""Characters, blocks and frames of a card, for whoever tests readers, drivers and firmware.

Everywhere else in this project a card takes a command APDU and returns a response APDU. A reader
sees less and more: bytes with procedure bytes between them (T=0), blocks with numbers and checks
(T=1), frames in a field (ISO/IEC 14443). Each view stands between such a reader and a `CardPort`;
it has no thread and no clock, and the same bytes in give the same bytes out.

`ContactCard`: a whole contact card, with PPS and the choice of a protocol (ISO/IEC 7816-3:2006, 6
and 9). `T0Card` speaks T=0 from the first byte (10 and 12.2), `T1Card` T=1 (11). `Iso14443Card` and
`Iso14443TypeACard`: ISO/IEC 14443-3:2018 and 14443-4:2018.
"""

from jukicard.transport.tpdu.contact import ContactCard, Pps, atr_variant
from jukicard.transport.tpdu.edc import CRC, CRC_A, CRC_B, CRC_OF_DRIVERS, LRC, Edc
from jukicard.transport.tpdu.iso14443 import Iso14443Card, atqb_from_atr
from jukicard.transport.tpdu.power import MAX_COMMAND_BYTES, WaitPolicy, never
from jukicard.transport.tpdu.t0 import T0Card
from jukicard.transport.tpdu.t0_cases import TpduCase, tpdu_case
from jukicard.transport.tpdu.t1 import T1Card
from jukicard.transport.tpdu.t1_blocks import T1Parameters
from jukicard.transport.tpdu.type_a import Ats, Iso14443TypeACard

__all__ = [
    "CRC",
    "CRC_A",
    "CRC_B",
    "CRC_OF_DRIVERS",
    "LRC",
    "MAX_COMMAND_BYTES",
    "Ats",
    "ContactCard",
    "Edc",
    "Iso14443Card",
    "Iso14443TypeACard",
    "Pps",
    "T0Card",
    "T1Card",
    "T1Parameters",
    "TpduCase",
    "WaitPolicy",
    "atqb_from_atr",
    "atr_variant",
    "never",
    "tpdu_case",
]
