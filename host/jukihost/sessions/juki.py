"""The Juki application (住基AP): the holder's PIN, the card's dates, the resident record code."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Final

from jukicard.apdu import Aid, Tlv, TlvError
from jukicard.apdu.tlv import parse_simple
from jukihost.errors import ProtocolError
from jukihost.models import CardForm, CardInfo, ResidentCode
from jukihost.sessions import pinfile
from jukihost.sessions.pin import Pin
from jukihost.sessions.session import AppletSession

EF_PIN: Final = 0x001C
EF_CODE: Final = 0x0002
EF_CARD_INFO: Final = 0x0003

_INFO, _MUNICIPALITY, _FORM, _ISSUED, _EXPIRES = 0xFF20, 0xDF21, 0xDF22, 0xDF23, 0xDF24
_INFO_LIMIT: Final = 256
"""More than EF 0003 ever holds, in bytes."""


class JukiSession(AppletSession):
    """A conversation with the Juki application::

        with JukiSession(channel) as juki:
            juki.verify_pin(pin)
    """

    AID: ClassVar[Aid] = Aid("D3921000310001010401")

    def pin_retries(self) -> int:
        """Return how many tries the PIN has left, 0 when it is blocked; costs no try."""
        return pinfile.retries_left(self, EF_PIN)

    def verify_pin(self, pin: Pin | str) -> None:
        """Verify the holder's PIN.

        PinFormatError before anything is sent; PinRejected with the tries left, PinBlocked.
        """
        pinfile.verify(self, EF_PIN, Pin.of(pin).encode())

    def change_pin(self, new: Pin | str, *, old: Pin | str | None = None) -> None:
        """Set a new PIN, after `verify_pin` or, with `old`, together with it.

        The cards' own way is the first, P1 = 01; the second is the ISO form, P1 = 00, for cards
        that have only that. PinFormatError, PinRejected, PinBlocked, SecurityStatusNotSatisfied.
        """
        encoded = Pin.of(new).encode()
        if old is None:
            pinfile.change(self, EF_PIN, encoded)
        else:
            pinfile.exchange(self, EF_PIN, Pin.of(old).encode(), encoded)

    def card_info(self) -> CardInfo:
        """Return EF 0003: municipality, form, issue and expiry date.

        SecurityStatusNotSatisfied before authentication, ProtocolError when it is malformed.
        """
        return parse_card_info(self.read_binary(EF_CARD_INFO, _INFO_LIMIT))

    def read_code(self) -> ResidentCode:
        """Return the resident record code (住民票コード), record 1 of EF 0002.

        SecurityStatusNotSatisfied unless terminal and holder are authenticated and secure
        messaging is on; ProtocolError when it is malformed.
        """
        return parse_code(self.read_record(EF_CODE, 1))


def parse_card_info(content: bytes) -> CardInfo:
    """Read the content of EF 0003, which may be followed by FF. ProtocolError."""
    try:
        info, end = Tlv.parse_first(content)
        if info.tag != _INFO or content[end:].strip(b"\xFF"):
            raise ValueError("not one data object FF20")
        values = {child.tag: child.value.decode("ascii") for child in info.children}
        if len(values) != len(info.children):
            raise ValueError("a data object twice")
        found = CardInfo(
            municipality=_digits(values[_MUNICIPALITY], 5),
            form=CardForm(int(_digits(values[_FORM], 1))),
            issued=_date(values[_ISSUED]),
            expires=_date(values[_EXPIRES]),
        )
        if found.expires < found.issued:
            raise ValueError("expires before it was issued")
    except (TlvError, ValueError, KeyError):
        raise ProtocolError("the card's own data (EF 0003) is malformed; "
                            "have the card checked at the counter") from None
    return found


def parse_code(record: bytes) -> ResidentCode:
    """Read record 1 of EF 0002, `01 0B` and eleven digits. ProtocolError, without the content."""
    try:
        [(number, digits)] = parse_simple(record)
        if number != 1:
            raise ValueError("another data object")
        return ResidentCode(digits.decode("ascii"))
    except (TlvError, ValueError):
        raise ProtocolError("the resident record code in the card is malformed; "
                            "have the card checked at the counter") from None


def _digits(text: str, count: int) -> str:
    if len(text) != count or not text.isdigit():
        raise ValueError("not digits, or not as many as needed")
    return text


def _date(text: str) -> date:
    digits = _digits(text, 8)
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
