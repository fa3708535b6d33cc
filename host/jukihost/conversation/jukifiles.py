"""The contents of the Juki application's files: read strictly, written in one way."""

from __future__ import annotations

from datetime import date
from typing import Final

from jukicard.apdu import Tlv, TlvError
from jukicard.apdu.tlv import parse_simple
from jukihost.errors import ProtocolError
from jukihost.models import CardForm, CardInfo, ResidentCode

INFO_LIMIT: Final = 256
"""More than EF 0003 ever holds, in bytes."""

_INFO, _MUNICIPALITY, _FORM, _ISSUED, _EXPIRES = 0xFF20, 0xDF21, 0xDF22, 0xDF23, 0xDF24
_CODE: Final = 0x01


def parse_card_info(content: bytes) -> CardInfo:
    """Read the content of EF 0003, which may be followed by FF. ProtocolError."""
    try:
        info, end = Tlv.parse_first(content)
        if info.tag != _INFO or content[end:].strip(b"\xff"):
            raise ValueError("not one data object FF20")
        values = {child.tag: child.value.decode("ascii") for child in info.children}
        if len(values) != len(info.children):
            raise ValueError("a data object twice")
        found = CardInfo(
            municipality=digits(values[_MUNICIPALITY], 5),
            form=CardForm(int(digits(values[_FORM], 1))),
            issued=day(values[_ISSUED]),
            expires=day(values[_EXPIRES]),
        )
        if found.expires < found.issued:
            raise ValueError("expires before it was issued")
    except (TlvError, ValueError, KeyError):
        raise ProtocolError(
            "the card's own data (EF 0003) is malformed; have the card checked at the counter"
        ) from None
    return found


def encode_card_info(info: CardInfo) -> bytes:
    """Return the content of EF 0003. ValueError for what could not be read back."""
    if info.expires < info.issued:
        raise ValueError("the card would expire before it was issued")
    values = {
        _MUNICIPALITY: digits(info.municipality, 5),
        _FORM: str(info.form.value),
        _ISSUED: f"{info.issued:%Y%m%d}",
        _EXPIRES: f"{info.expires:%Y%m%d}",
    }
    return Tlv(_INFO, [Tlv(tag, text.encode("ascii")) for tag, text in values.items()]).encode()


def parse_code(record: bytes) -> ResidentCode:
    """Read record 1 of EF 0002, `01 0B` and eleven digits. ProtocolError, without the content."""
    try:
        [(number, value)] = parse_simple(record)
        if number != _CODE:
            raise ValueError("another data object")
        return ResidentCode(value.decode("ascii"))
    except (TlvError, ValueError):
        raise ProtocolError(
            "the resident record code in the card is malformed; "
            "have the card checked at the counter"
        ) from None


def encode_code(code: ResidentCode) -> bytes:
    """Return record 1 of EF 0002, `01 0B` and eleven digits."""
    value = code.reveal().encode("ascii")
    return bytes((_CODE, len(value))) + value


def digits(text: str, count: int) -> str:
    """Return `text`; ValueError unless it is `count` digits."""
    if len(text) != count or not (text.isascii() and text.isdigit()):
        raise ValueError("not digits, or not as many as needed")
    return text


def day(text: str) -> date:
    """Return the day that eight digits say, YYYYMMDD. ValueError."""
    found = digits(text, 8)
    return date(int(found[:4]), int(found[4:6]), int(found[6:]))
