"""Wire types of ISO/IEC 7816-4: the vocabulary that the card and the terminal share.

Standard library only. Everything a byte on the wire can mean is decided here, once; the rest of
the project handles typed values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jukicard.apdu.aid import Aid
from jukicard.apdu.atr import Atqb, Atr, AtrError, Convention
from jukicard.apdu.cla import ClassByte, ClassKind, SecureMessagingIndication
from jukicard.apdu.command import CommandApdu, MalformedApduError
from jukicard.apdu.ins import Ins, ins_label, is_valid_ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv, TlvError

if TYPE_CHECKING:
    from jukicard.apdu.trace import (
        BytePattern as BytePattern,
        DumpCommand as DumpCommand,
        DumpError as DumpError,
        DumpEvent as DumpEvent,
        DumpReset as DumpReset,
        DumpResponse as DumpResponse,
        DumpWriter as DumpWriter,
        Trace as Trace,
        TraceLevel as TraceLevel,
        TraceObserver as TraceObserver,
        parse_dump as parse_dump,
        write_dump as write_dump,
    )
    from jukicard.apdu.trace.describe import describe as describe

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


def __getattr__(name: str) -> object:
    """Load what is shown and kept of exchanges when it is first used: a card needs none of it."""
    if name not in __all__:
        raise AttributeError(f"module 'jukicard.apdu' has no attribute {name!r}")
    from importlib import import_module

    home = "trace.describe" if name == "describe" else "trace"
    value = globals()[name] = getattr(import_module(f"jukicard.apdu.{home}"), name)
    return value
