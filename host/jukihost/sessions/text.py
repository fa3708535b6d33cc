"""The surface text application (券面事項入力補助): My Number and the four items, as text.

On the successor card only. What may be read depends on which secret was verified: the PIN opens
both, verification number A the My Number, number B the four items.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Final

from jukicard.apdu import Aid, Tlv
from jukihost.conversation import pinfile
from jukihost.conversation.holder import WithNumbers, WithPin
from jukihost.conversation.secrets import Pin
from jukihost.conversation.templates import birth_date, interpret, sex_of, template
from jukihost.errors import ProtocolError
from jukihost.models import Sex
from jukihost.pinpad import PinPad

EF_MY_NUMBER: Final = 0x0001
EF_ATTRIBUTES: Final = 0x0002
EF_SIGNATURE: Final = 0x0003
EF_BASIC_INFO: Final = 0x0005

MY_NUMBER_FILE_BYTES: Final = 17
"""The whole of EF 0001, filler included: its signature covers all of it."""
MY_NUMBER_DIGITS: Final = 12

_OFFSETS: Final = 0xDF21
_NAME: Final = "the four items"


@dataclass(frozen=True, slots=True)
class Attributes:
    """The four items (基本4情報); nothing of them shows in the repr.

    `birth` is None where the register does not know month or day; `birth_text` always has the
    eight digits. `raw` is the file, which `TextSignature` speaks of.
    """

    name: str = field(repr=False)
    address: str = field(repr=False)
    birth: date | None = field(repr=False)
    birth_text: str = field(repr=False)
    sex: Sex = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MyNumber:
    """The twelve digits of the individual number (個人番号), and the file they are in.

    The digits show only through `reveal`.
    """

    _digits: str = field(repr=False)
    raw: bytes = field(repr=False)

    def reveal(self) -> str:
        """Return the digits: only for who has the right to see them."""
        return self._digits


@dataclass(frozen=True, slots=True)
class TextSignature:
    """EF 0003: hashes of the number's file and of the four items, and a signature over both."""

    number_digest: bytes
    attributes_digest: bytes
    signature: bytes

    def check(
        self, *, number: MyNumber | None = None, attributes: Attributes | None = None
    ) -> None:
        """Compare what was read with the signed hashes; ProtocolError when it differs.

        The signature itself is the caller's to check: the card does not hold the root of its key.
        """
        if number is not None:
            _compare(self.number_digest, number.raw)
        if attributes is not None:
            _compare(self.attributes_digest, _signed_part(attributes.raw))


@dataclass(frozen=True, slots=True)
class TextInfo:
    """EF 0005: the application's version bytes and the identifier of the issuer's key."""

    version: bytes
    key_identifier: bytes


class TextSession(WithNumbers, WithPin):
    """A conversation with the surface text application::

        with TextSession(channel) as text:
            text.verify_pin(pin)
            holder = text.attributes()

    The PIN opens everything, verification number A the My Number, number B the four items.
    """

    AID: ClassVar[Aid] = Aid("D3921000310001010408")
    PIN: ClassVar[int] = 0x0011
    NUMBER_A: ClassVar[int] = 0x0014
    NUMBER_B: ClassVar[int] = 0x0015

    # --- secrets ---

    def change_pin(self, new: Pin | str | PinPad) -> None:
        """Replace the PIN, after `verify_pin`. PinFormatError, PinNotVerified."""
        pinfile.change(self, self.PIN, Pin.entered(new))

    # --- the counter (purpose COUNTER, after `authenticate`; TerminalNotAuthenticated) ---

    # --- contents ---

    def my_number(self) -> MyNumber:
        """Return the My Number. PinNotVerified, ProtocolError."""
        raw = self.read_binary(EF_MY_NUMBER, MY_NUMBER_FILE_BYTES)
        head, digits = raw[:3], raw[3 : 3 + MY_NUMBER_DIGITS]
        if head != b"\xff\x10\x0c" or len(digits) != MY_NUMBER_DIGITS or not digits.isdigit():
            raise ProtocolError("the My Number in the card is malformed")
        return MyNumber(digits.decode("ascii"), raw)

    def attributes(self) -> Attributes:
        """Return name, address, birth date and sex. PinNotVerified, ProtocolError."""
        return parse_attributes(self.read_object(EF_ATTRIBUTES))

    def signature(self) -> TextSignature:
        """Return the hashes and the signature of the contents. PinNotVerified, ProtocolError."""
        values = template(self.read_object(EF_SIGNATURE), 0xFF30, "the signature")
        return interpret(
            "the signature", lambda: TextSignature(values[0xDF31], values[0xDF32], values[0xDF33])
        )

    def basic_info(self) -> TextInfo:
        """Return what the application says about itself; free to read. ProtocolError."""
        name = "the basic information"
        values = template(self.read_object(EF_BASIC_INFO), 0xFF40, name)
        return interpret(name, lambda: TextInfo(values[0xDF41], values[0xDF42]))


def parse_attributes(raw: bytes) -> Attributes:
    """Read EF 0002. ProtocolError, without the content."""
    values = template(raw, 0xFF20, _NAME)
    return interpret(
        _NAME,
        lambda: Attributes(
            name=values[0xDF22].decode("utf-8"),
            address=values[0xDF23].decode("utf-8"),
            birth=birth_date(values[0xDF24]),
            birth_text=values[0xDF24].decode("ascii"),
            sex=sex_of(values[0xDF25]),
            raw=raw,
        ),
    )


def _signed_part(raw: bytes) -> bytes:
    """Return the part of EF 0002 that is signed: what follows the table of offsets."""
    return b"".join(child.encode() for child in Tlv.parse(raw).children if child.tag != _OFFSETS)


def _compare(expected: bytes, covered: bytes) -> None:
    if not hmac.compare_digest(expected, hashlib.sha256(covered).digest()):
        raise ProtocolError("what the card holds is not what was signed; have it checked")
