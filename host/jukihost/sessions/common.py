"""The common card application (共通カードAP) of the successor: its number, its place, its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

from jukicard.apdu import Aid, CommandApdu, Ins, TlvError
from jukicard.apdu.tlv import parse_simple
from jukihost.conversation import pinfile
from jukihost.conversation.holder import WithPin
from jukihost.conversation.jukifiles import day, digits
from jukihost.conversation.secrets import Pin
from jukihost.errors import ProtocolError
from jukihost.pinpad import PinPad

EF_CARD: Final = 0x0001
EF_KEY_REFERENCE: Final = 0x0002
AUTHENTICATION_KEY: Final = 0x19
"""Short identifier of the key that INTERNAL AUTHENTICATE uses."""
SERIAL_DIGITS: Final = 15
_MAX_CHALLENGE: Final = 255


@dataclass(frozen=True, slots=True)
class CommonRecord:
    """Record 1 of EF 0001: serial number (15 digits), municipality (5 digits), last day."""

    serial: str
    municipality: str
    expires: date

    @property
    def manufacturing_number(self) -> str:
        """The part of the serial number that clients show (製造番号): without its first two."""
        return self.serial[2:]


class CommonSession(WithPin):
    """A conversation with the common card application::

    with CommonSession(channel) as common:
        print(common.record().expires)
    """

    AID: ClassVar[Aid] = Aid("D3921000310001010100")
    PIN: ClassVar[int] = 0x001C

    def record(self) -> CommonRecord:
        """Return the card's serial number, municipality and last day; free. ProtocolError."""
        return parse_common(self.read_record(EF_CARD, 1))

    def key_reference(self) -> bytes:
        """Return record 1 of EF 0002, the reference of the card's key, as it is."""
        return self.read_record(EF_KEY_REFERENCE, 1)

    def change_pin(self, new: Pin | str | PinPad) -> None:
        """Replace the PIN, after `verify_pin`. PinFormatError, SecurityStatusNotSatisfied."""
        pinfile.change_key(self, self.PIN, Pin.entered(new))

    def internal_authenticate(self, challenge: bytes) -> bytes:
        """Let the card sign a challenge of 1 to 255 bytes; return the RSA signature (SHA-256)."""
        if not 1 <= len(challenge) <= _MAX_CHALLENGE:
            raise ValueError(f"a challenge has 1 to {_MAX_CHALLENGE} bytes, not {len(challenge)}")
        # ISO/IEC 7816-4:2020, 11.6.2; P2 = 80 and the short identifier of the key's EF (JICSAP)
        command = CommandApdu(
            0x00, Ins.INTERNAL_AUTHENTICATE, 0x00, 0x80 | AUTHENTICATION_KEY, challenge, 256
        )
        return self.ask(command).data


def parse_common(record: bytes) -> CommonRecord:
    """Read `01 1C` and 28 digits. ProtocolError, without the content."""
    try:
        [(number, value)] = parse_simple(record)
        text = digits(value.decode("ascii"), 28)
        if number != 1:
            raise ValueError("another data object")
        return CommonRecord(text[:15], text[15:20], day(text[20:]))
    except (TlvError, ValueError):
        raise ProtocolError("the card's number in the card is malformed") from None
