"""A trace as a capture file that Wireshark decodes: PDUs exported to its dissector `iso7816`.

pcapng as draft-ietf-opsawg-pcapng has it, link type 252 (LINKTYPE_WIRESHARK_UPPER_PDU), whose tags
stand in Wireshark's exported_pdu_tlvs.h. A byte that the trace hides is written as 00, and a
comment on the packet says so; notes of the trace are comments on the packet before them.
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import Iterator
from typing import Final

from jukicard.apdu.trace.dump import DumpCommand, DumpReset
from jukicard.apdu.trace.readable import count
from jukicard.apdu.trace.record import ApduTrace, TraceNote, printable
from jukicard.apdu.trace.redaction import BytePattern

LINK_TYPE: Final = 252
_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_PACKET: Final = 6
_COMMENT: Final = 1
_TIME_RESOLUTION: Final = 9
_DISSECTOR_NAME: Final = 12
_DIRECTION: Final = 35
_SENT: Final = 0
_RECEIVED: Final = 1
_MICROSECOND: Final = datetime.timedelta(microseconds=1)
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MAX_COMMENT: Final = 4096


def to_pcapng(trace: ApduTrace) -> bytes:
    """Return the trace as a capture file. Where it has no times, they count up from 1970."""
    # a section of unknown length, version 1.0, little endian; times in microseconds
    parts = [
        _block(_SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _options([])),
        _block(
            _INTERFACE,
            struct.pack("<HHI", LINK_TYPE, 0, 0) + _options([(_TIME_RESOLUTION, b"\x06")]),
        ),
    ]
    last = -1
    for pdu, comments, time in _packets(trace):
        last = last + 1 if time is None else max(0, (time - _EPOCH) // _MICROSECOND)
        parts.append(_packet(pdu, comments, last))
    return b"".join(parts)


_Packet = tuple[bytes, list[str], datetime.datetime | None]


def _packets(trace: ApduTrace) -> Iterator[_Packet]:
    """Yield each event that has bytes, with what is said of it."""
    waiting: _Packet | None = None
    early = [trace.title] if trace.title else []
    for event, time in trace.entries:
        if isinstance(event, TraceNote):
            (waiting[1] if waiting is not None else early).append(str(event))
            continue
        if waiting is not None:
            yield waiting
        shown = BytePattern.of(event.atr) if isinstance(event, DumpReset) else event.pattern
        dissector = b"iso7816.atr" if isinstance(event, DumpReset) else b"iso7816"
        direction = _SENT if isinstance(event, DumpCommand) else _RECEIVED
        pdu = _pdu(dissector, direction, bytes(value or 0 for value in shown.values))
        waiting = (pdu, [*early, *_hidden(shown)], time)
        early = []
    if waiting is not None:
        yield waiting


def _hidden(pattern: BytePattern) -> list[str]:
    size = pattern.values.count(None)
    return [f"{count(size)} hidden, shown as 00"] if size else []


def _pdu(dissector: bytes, direction: int, content: bytes) -> bytes:
    """Return content with the tags that say who decodes it; they are big endian."""
    name = dissector + bytes(-len(dissector) % 4)
    return (
        struct.pack(">HH", _DISSECTOR_NAME, len(name))
        + name
        + struct.pack(">HHI", _DIRECTION, 4, direction)
        + bytes(4)
        + content
    )


def _packet(pdu: bytes, comments: list[str], microseconds: int) -> bytes:
    head = struct.pack(
        "<IIIII", 0, microseconds >> 32, microseconds & 0xFFFFFFFF, len(pdu), len(pdu)
    )
    said = [(_COMMENT, printable(one)[:_MAX_COMMENT].encode()) for one in comments]
    return _block(_PACKET, head + _padded(pdu) + _options(said))


def _options(options: list[tuple[int, bytes]]) -> bytes:
    if not options:
        return b""
    made = (struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
    return b"".join(made) + bytes(4)


def _padded(raw: bytes) -> bytes:
    return raw + bytes(-len(raw) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size
