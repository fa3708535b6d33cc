"""How what went over the wire is shown and kept; no secrets unless told to.

readable: lines for people (`Trace`); dump: the line format (`DumpWriter`, `parse_dump`). What is
hidden is decided in redaction alone, what a command means is said in describe.
"""

from jukicard.apdu.trace.dump import (
    DumpCommand,
    DumpError,
    DumpEvent,
    DumpReset,
    DumpResponse,
    DumpWriter,
    parse_dump,
    write_dump,
)
from jukicard.apdu.trace.readable import Trace, TraceObserver
from jukicard.apdu.trace.redaction import BytePattern, TraceLevel

__all__ = [
    "BytePattern",
    "DumpCommand",
    "DumpError",
    "DumpEvent",
    "DumpReset",
    "DumpResponse",
    "DumpWriter",
    "Trace",
    "TraceLevel",
    "TraceObserver",
    "parse_dump",
    "write_dump",
]
