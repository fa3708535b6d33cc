"""What a reader with a pad is told: PIN_VERIFY_STRUCTURE and PIN_MODIFY_STRUCTURE.

PC/SC part 10, 2.5.2 and 2.5.3. The digits are ASCII and are put behind the header of the command:
the command goes out with an empty data field, so that a reader which puts nothing in sends what no
card takes for a PIN.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from jukihost.errors import NotOffered
from jukihost.pinpad import PadEntry
from jukihost.transport.pcsc.features import Feature, ReaderFeatures

_FORMAT: Final = 0x82
"""Positions are in bytes, from the first one after Lc; left-justified, ASCII."""
_APPENDED: Final = bytes((_FORMAT, 0x00, 0x00))
"""The format, no block of a fixed size, and no length in the data."""
_BY_KEY: Final = 0x02
"""The entry ends when the holder presses the key for that."""
_CONFIRMED: Final = 0x01
"""A new value is typed twice; the present one is not asked for."""
_PROLOGUE: Final = bytes(3)
"""The driver fills it in where the protocol has one."""
_MESSAGE: Final = bytes((0,))
_MESSAGES: Final = bytes((1, 2, 0))
"""Enter the new PIN, confirm the new PIN, and one that is not shown."""


def fit(entry: PadEntry, features: ReaderFeatures, reader: str) -> tuple[int, PadEntry]:
    """Return the control code for an entry, and the entry within what the pad takes.

    NotOffered when the reader has no pad, or its pad takes nothing of these lengths.
    """
    code = features.codes.get(Feature.MODIFY_PIN_DIRECT if entry.new else Feature.VERIFY_PIN_DIRECT)
    if code is None:
        raise NotOffered(
            f"{reader} has no pad to {'change' if entry.new else 'verify'} a PIN on; have it typed "
            "at the terminal; nothing was sent to the card"
        )
    told = features.properties
    shortest = max(entry.shortest, (told and told.shortest_pin) or 0)
    longest = min(entry.longest, (told and told.longest_pin) or entry.longest)
    if shortest > longest:
        raise NotOffered(
            f"the pad of {reader} does not take {entry.shortest} to {entry.longest} digits; have "
            "them typed at the terminal; nothing was sent to the card"
        )
    return code, replace(entry, shortest=shortest, longest=longest)


def pin_structure(entry: PadEntry, header: bytes) -> bytes:
    """Return the structure for one entry; `header` is CLA INS P1 P2 of the card's command."""
    command = header + b"\0"
    digits = bytes((entry.longest, entry.shortest))  # wPINMaxExtraDigit, little-endian
    language = entry.pad.language.to_bytes(2, "little")
    middle = bytes(2) + digits + bytes((_CONFIRMED,)) if entry.new else digits
    shown = _MESSAGES if entry.new else _MESSAGE
    return (
        bytes((entry.pad.timeout, entry.pad.timeout))
        + _APPENDED
        + middle
        + bytes((_BY_KEY, 2 if entry.new else 1))
        + language
        + shown
        + _PROLOGUE
        + len(command).to_bytes(4, "little")
        + command
    )
