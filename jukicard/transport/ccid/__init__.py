"""A reader as a reader driver sees it: the reader's end of CCID 1.1, and a serial line to it.

`CcidReader` takes messages and answers them, with any number of slots, at the level of TPDUs, short
or extended APDUs. `SerialReader` (in `serial`, not imported here: it needs pseudo-terminals) is one
that the unmodified libccid takes for hardware. USB CCID, revision 1.1 (2005).
"""

from jukicard.transport.ccid.messages import MAX_MESSAGE, CcidError, time_extension
from jukicard.transport.ccid.reader import CcidReader, EscapeHandler, no_escape
from jukicard.transport.ccid.seam import SecureHandler, SecureRequest
from jukicard.transport.ccid.slot import CcidSlot, ExchangeLevel

__all__ = [
    "MAX_MESSAGE",
    "CcidError",
    "CcidReader",
    "CcidSlot",
    "EscapeHandler",
    "ExchangeLevel",
    "SecureHandler",
    "SecureRequest",
    "no_escape",
    "time_extension",
]
