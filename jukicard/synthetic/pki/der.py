"""DER for certificates: written byte by byte, so that order, string types and lengths are as meant.

ITU-T X.690, 8 and 10. Every function returns a whole data object, tag and length included.
"""

from __future__ import annotations

import datetime
from functools import cache
from typing import Final

from jukicard.apdu.tlv import Tlv

NULL: Final = b"\x05\x00"
TRUE: Final = b"\x01\x01\xff"
_UTC_TIME_UNTIL: Final = 2049


def node(tag: int, *parts: bytes) -> bytes:
    """Return a data object with any tag."""
    return Tlv(tag, b"".join(parts)).encode()


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE."""
    return node(0x30, *parts)


def set_of_one(part: bytes) -> bytes:
    """Return a SET OF with one element, which needs no sorting."""
    return node(0x31, part)


def explicit(number: int, part: bytes) -> bytes:
    """Return an element under a context-specific tag of its own."""
    return node(0xA0 | number, part)


def integer(value: int) -> bytes:
    """Return an INTEGER; ValueError when it is negative: nothing in a certificate is."""
    if value < 0:
        raise ValueError("a number in a certificate is not negative")
    return node(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def enumerated(value: int) -> bytes:
    """Return an ENUMERATED from 0 to 127."""
    return node(0x0A, bytes((value,)))


def octets(value: bytes) -> bytes:
    """Return an OCTET STRING."""
    return node(0x04, value)


def bits(value: bytes, unused: int = 0) -> bytes:
    """Return a BIT STRING; `unused` is how many of the last bits do not count."""
    return node(0x03, bytes((unused,)), value)


def utf8(text: str) -> bytes:
    """Return a UTF8String."""
    return node(0x0C, text.encode())


def printable(text: str) -> bytes:
    """Return a PrintableString; UnicodeEncodeError for anything but ASCII."""
    return node(0x13, text.encode("ascii"))


def ia5(text: str) -> bytes:
    """Return the contents of an IA5String, for the implicit tags of a GeneralName."""
    return text.encode("ascii")


@cache
def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER (ITU-T X.690, 8.19)."""
    first, second, *others = (int(arc) for arc in dotted.split("."))
    return node(0x06, b"".join(_arc(arc) for arc in (40 * first + second, *others)))


def _arc(value: int) -> bytes:
    out = bytes((value & 0x7F,))
    while value := value >> 7:
        out = bytes((value & 0x7F | 0x80,)) + out
    return out


def generalized_time(moment: datetime.datetime) -> bytes:
    """Return a GeneralizedTime in UTC, to the second. ValueError without a time zone."""
    return node(0x18, f"{_utc(moment):%Y%m%d%H%M%SZ}".encode())


def time(moment: datetime.datetime) -> bytes:
    """Return a Time as in a certificate: UTCTime up to 2049 (RFC 5280, 4.1.2.5)."""
    utc = _utc(moment)
    if utc.year > _UTC_TIME_UNTIL:
        return generalized_time(utc)
    return node(0x17, f"{utc:%y%m%d%H%M%SZ}".encode())


def _utc(moment: datetime.datetime) -> datetime.datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment in a certificate has a time zone")
    return moment.astimezone(datetime.UTC)
