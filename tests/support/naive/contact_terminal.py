"""The interface device's end of a contact card up to its protocol: a second opinion on ATR and PPS.

Written from ISO/IEC 7816-3:2006, 6.3, 8 and 9; it imports nothing of the card.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import Protocol

from tests.support.readers.t0_reader import T0Reader
from tests.support.readers.t1_reader import T1Reader, crc, lrc

Line = Callable[[bytes], bytes]


class Reader(Protocol):
    def transmit(self, apdu: bytes) -> bytes: ...


class AtrRead:
    """What a terminal wants to know of an ATR: protocols, TA1, TA2, IFSC and code of T=1."""

    def __init__(self, raw: bytes) -> None:
        self.speed, self.ifsc, self.crc, self.specific = 0x11, 32, False, False
        present, at, level, kind, types = raw[1] >> 4, 2, 1, None, []
        said = False  # of T=1, from the third level on, the first time counts
        while True:
            here = {}
            for bit, letter in enumerate("ABCD"):
                if present >> bit & 1:
                    here[letter] = raw[at]
                    at += 1
            if level == 1:
                self.speed = here.get("A", 0x11)
            elif level == 2:
                self.specific = "A" in here
                self.insists = here.get("A", 0) & 15
            elif kind == 1 and not said:
                said = True
                self.ifsc, self.crc = here.get("A", 32), bool(here.get("C", 0) & 1)
            if "D" not in here:
                break
            present, kind = here["D"] >> 4, here["D"] & 15
            types.append(kind)
            level += 1
        self.offered = sorted({t for t in types if t != 15}) or [0]
        self.first = self.insists if self.specific else self.offered[0]


def pps_request(protocol: int, speed: int | None = None) -> bytes:
    """Return a PPS request (9.2)."""
    body = bytes((0xFF, protocol)) if speed is None else bytes((0xFF, 0x10 | protocol, speed))
    return body + bytes((reduce(xor, body),))


def pps_succeeded(request: bytes, response: bytes) -> bool:
    """Judge a PPS response (9.3): the same T, and each of PPS1 to PPS3 the same or absent."""
    if len(response) < 3 or response[0] != 0xFF or reduce(xor, response):
        return False
    if response[1] & 0x8F != request[1] & 0x8F or response[1] & ~request[1]:
        return False
    said = dict(zip(_parts(request[1]), request[2:-1], strict=True))
    if len(response) != 3 + len(_parts(response[1])):
        return False
    back = dict(zip(_parts(response[1]), response[2:-1], strict=True))
    return all(said[bit] == value for bit, value in back.items())


def _parts(pps0: int) -> list[int]:
    return [bit for bit in (0x10, 0x20, 0x40) if pps0 & bit]


def reader_for(protocol: int, atr: AtrRead, line: Line) -> Reader:
    """Return the reader's end of the protocol that was chosen."""
    if protocol == 0:
        return T0Reader(line)
    return T1Reader(line, checksum=crc if atr.crc else lrc, ifsc=atr.ifsc)
