"""Wire types of ISO/IEC 7816-4: the vocabulary that the card and the terminal share.

Standard library only. Everything a byte on the wire can mean is decided here, once; the rest of
the project handles typed values.
"""

from jukicard.apdu.aid import Aid
from jukicard.apdu.atr import Atqb, Atr, AtrError, Convention
from jukicard.apdu.cla import ClassByte, ClassKind, SecureMessagingIndication
from jukicard.apdu.command import CommandApdu, MalformedApduError
from jukicard.apdu.ins import Ins, ins_label, is_valid_ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv, TlvError
from jukicard.apdu.trace import (
    BytePattern,
    DumpCommand,
    DumpError,
    DumpEvent,
    DumpReset,
    DumpResponse,
    DumpWriter,
    Trace,
    TraceLevel,
    TraceObserver,
    parse_dump,
    write_dump,
)
from jukicard.apdu.trace.describe import describe

__all__ = [
    "Aid",
    "Atqb",
    "Atr",
    "AtrError",
    "BytePattern",
    "ClassByte",
    "ClassKind",
    "CommandApdu",
    "Convention",
    "DumpCommand",
    "DumpError",
    "DumpEvent",
    "DumpReset",
    "DumpResponse",
    "DumpWriter",
    "Ins",
    "MalformedApduError",
    "ResponseApdu",
    "SecureMessagingIndication",
    "StatusWord",
    "Tlv",
    "TlvError",
    "Trace",
    "TraceLevel",
    "TraceObserver",
    "describe",
    "ins_label",
    "is_valid_ins",
    "parse_dump",
    "write_dump",
]
