"""A reader with a PIN pad behind SCardControl, written from PC/SC part 10 alone.

It takes PIN_VERIFY_STRUCTURE and PIN_MODIFY_STRUCTURE apart field by field, lets a script type, and
sends what the structure says to the card, as a reader's firmware does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

GET_FEATURES = 0x42000000 + 3400
VERIFY, MODIFY, PROPERTIES, TLV = 0x42330006, 0x42330007, 0x4233000A, 0x42330012
PIN_PROPERTIES = bytes.fromhex("0000 07 00")
TLV_PROPERTIES = bytes.fromhex("01020110 020107 030100 060104 070110 0B02E608 0C02EC34")


@dataclass
class Structure:
    """All fields of one structure, by their names in part 10 without the Hungarian letters."""

    timeout: int
    timeout2: int
    format: int
    block: int
    length_format: int
    longest: int
    shortest: int
    validation: int
    messages: int
    language: int
    indices: bytes
    prologue: bytes
    apdu: bytes
    offsets: tuple[int, int] = (0, 0)
    confirm: int = 0


def take_apart(code: int, raw: bytes) -> Structure:
    """Read one structure; AssertionError for one that is not as long as it says."""
    if code == VERIFY:
        head = struct.Struct("<BBBBB BB BB H B 3s I")
        t, t2, fmt, block, fmt2, most, least, valid, count, lang, index, teo, size = head.unpack(
            raw[: head.size]
        )
        assert head.size == 19
        made = Structure(
            t, t2, fmt, block, fmt2, most, least, valid, count, lang, bytes((index,)), teo, raw[19:]
        )
    else:
        head = struct.Struct("<BBBBB BB BB BBB H 3s 3s I")
        t, t2, fmt, block, fmt2, old, new, most, least, conf, valid, count, lang, msg, teo, size = (
            head.unpack(raw[: head.size])
        )
        assert head.size == 24
        made = Structure(
            t, t2, fmt, block, fmt2, most, least, valid, count, lang, msg, teo, raw[24:],
            (old, new), conf,
        )  # fmt: skip
    assert size == len(made.apdu)
    return made


@dataclass
class PadReader:
    """`typed` is what the holder types at each prompt; a status (bytes) is answered as it is."""

    card: Callable[[bytes], bytes]
    typed: list[str | bytes] = field(default_factory=list)
    features: bytes = bytes.fromhex("060442330006 070442330007 0A044233000A 120442330012")
    tlv: bytes = TLV_PROPERTIES
    seen: list[Structure] = field(default_factory=list)

    def control(self, code: int, data: bytes) -> bytes:
        """Answer SCardControl."""
        if code == GET_FEATURES:
            return self.features
        if code == PROPERTIES:
            return PIN_PROPERTIES
        if code == TLV:
            return self.tlv
        assert code in (VERIFY, MODIFY), f"{code:08X}"
        structure = take_apart(code, data)
        self.seen.append(structure)
        return self._type(structure)

    def _type(self, structure: Structure) -> bytes:
        entries = [self.typed.pop(0) for _ in range(1 + (structure.confirm & 1))]
        for entry in entries:
            if isinstance(entry, bytes):
                return entry
            if not structure.shortest <= len(entry) <= structure.longest:
                return bytes.fromhex("6403")
        if len(set(entries)) > 1:
            return bytes.fromhex("6402")
        assert (structure.format, structure.block, structure.length_format) == (0x82, 0, 0)
        header, count, rest = structure.apdu[:4], structure.apdu[4:5], structure.apdu[5:]
        assert (count, rest) == (b"\0", b"")
        digits = str(entries[0]).encode()
        return self.card(header + bytes((len(digits),)) + digits)
