"""What a reader does on the line to a card with T=0: one TPDU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from jukicard.transport.ccid.messages import ICC_MUTE, PROCEDURE, PROTOCOL, CcidError

_NULL: Final = 0x60


def tpdu(line: Callable[[bytes], bytes], command: bytes) -> bytes:
    """Do one T=0 TPDU as a reader does (ISO/IEC 7816-3:2006, 10.3); return data and status.

    command: the header (a case 1 command of 4 bytes gets P3 = 00) with the data that goes down.
    `line` takes bytes to the card and returns those that come back. CcidError when the card keeps
    silent, or says what is no procedure byte; PROTOCOL for a command that is none.
    """
    header, data = command[:5].ljust(5, b"\0"), command[5:]
    if len(command) < 4 or (data and len(data) != header[4]):
        raise CcidError(PROTOCOL)
    wanted = 0 if data else header[4] or 256  # what may come up; nothing has to
    arrived, at, out = line(header), 0, bytearray()
    while True:
        if at == len(arrived):
            raise CcidError(ICC_MUTE)
        byte = arrived[at]
        at += 1
        if byte == _NULL:
            continue
        if byte & 0xF0 in (0x60, 0x90):
            if at == len(arrived):
                raise CcidError(ICC_MUTE)
            return bytes(out) + arrived[at - 1 : at + 1]
        if byte not in (header[1], header[1] ^ 0xFF):
            raise CcidError(PROCEDURE)
        alone = byte != header[1]
        if data:
            sent, data = (data[:1], data[1:]) if alone else (data, b"")
            arrived, at = arrived[at:] + line(sent), 0
        else:
            size = 1 if alone else wanted - len(out)
            if not 0 < size <= len(arrived) - at:
                raise CcidError(PROCEDURE if size < 1 else ICC_MUTE)
            out += arrived[at : at + size]
            at += size
