"""The card surface application (券面事項確認): what is printed on the card, as images and data.

The verification numbers are printed on the face or in its QR code; there is no PIN to remember.
Juki cards have this application from 2009 on, with fewer parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Final

from jukicard.apdu import Aid
from jukihost.conversation import pinfile
from jukihost.conversation.holder import WithNumbers
from jukihost.conversation.jukifiles import digits
from jukihost.conversation.secrets import BirthPin
from jukihost.conversation.templates import birth_date, day_of, interpret, sex_of, template
from jukihost.models import CardForm, Sex
from jukihost.pinpad import PinPad

EF_BIRTH: Final = 0x0001
EF_FACE: Final = 0x0002
EF_BASIC_INFO: Final = 0x0003
EF_NUMBER_IMAGE: Final = 0x0005
EF_BIRTH_PIN: Final = 0x0011


@dataclass(frozen=True, slots=True)
class BirthRecord:
    """EF 0001: the birth date alone, for an age check, with its signature.

    `public_key` is that of the card, None on Juki cards.
    """

    birth: date | None = field(repr=False)
    birth_text: str = field(repr=False)
    public_key: bytes | None = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Face:
    """EF 0002: what the card shows; nothing of it in the repr.

    `name_image`, `address_image` and `security_code_image` are PNG files, `photo` is a JPEG 2000
    file. `form` is the face of a Juki card, None on the successor. What a card does not show is
    None: on a Juki card without photo all but `expires`, on one with photo the security code.
    `birth` is None too where the register does not know month or day, `birth_text` is not then.
    """

    form: CardForm | None
    expires: date
    birth: date | None = field(repr=False)
    birth_text: str | None = field(repr=False)
    sex: Sex | None = field(repr=False)
    name_image: bytes | None = field(repr=False)
    address_image: bytes | None = field(repr=False)
    photo: bytes | None = field(repr=False)
    security_code_image: bytes | None = field(repr=False)
    public_key: bytes | None = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SurfaceInfo:
    """EF 0003: make and issuer's key (None on Juki cards), version, municipality, face.

    `form` is the face of a Juki card, None on the successor.
    """

    make: bytes | None
    key_identifier: bytes | None
    version: bytes
    municipality: str
    form: CardForm | None


@dataclass(frozen=True, slots=True)
class NumberImage:
    """EF 0005: the My Number as an image (PNG), with its signature."""

    image: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    signature: bytes = field(repr=False)


class SurfaceSession(WithNumbers):
    """A conversation with the card surface application::

        with SurfaceSession(channel) as surface:
            surface.verify_number_b(NumberB.of_face(born, 2035, "1234"))
            photo = surface.face().photo

    Verification number A opens everything, number B, a Juki card's only one, the face.
    """

    AID: ClassVar[Aid] = Aid("D3921000310001010402")
    NUMBER_A: ClassVar[int] = 0x0013
    NUMBER_B: ClassVar[int] = 0x0012

    # --- numbers ---

    def birth_pin_retries(self) -> int:
        """Return how many tries the birth number has left, 0 when it is blocked; costs none."""
        return pinfile.retries_left(self, EF_BIRTH_PIN)

    def verify_birth(self, pin: BirthPin | str | PinPad) -> None:
        """Verify the birth date, for an age check. PinFormatError, PinRejected, PinBlocked."""
        pinfile.verify(self, EF_BIRTH_PIN, BirthPin.entered(pin))

    # --- the counter (purpose COUNTER, after `authenticate`; TerminalNotAuthenticated) ---

    def unblock_birth(self) -> None:
        """Give the birth number its tries back; its value never changes."""
        self._unblock(EF_BIRTH_PIN)

    # --- contents ---

    def birth(self) -> BirthRecord:
        """Return the birth date, after `verify_birth`. PinNotVerified, ProtocolError."""
        name = "the birth date"
        values = template(self.read_object(EF_BIRTH), 0xFF10, name)
        return interpret(
            name,
            lambda: BirthRecord(
                birth_date(values[0xDF11]),
                values[0xDF11].decode("ascii"),
                values.get(0xDF12),
                values[0xDF13],
            ),
        )

    def face(self) -> Face:
        """Return what the card shows, after number A or B. PinNotVerified, ProtocolError."""
        name = "the card's face"
        values = template(self.read_object(EF_FACE), 0xFF20, name)
        return interpret(name, lambda: _face(values))

    def basic_info(self) -> SurfaceInfo:
        """Return what the application says about itself; free to read. ProtocolError."""
        name = "the basic information"
        values = template(self.read_object(EF_BASIC_INFO), 0xFF30, name)
        return interpret(
            name,
            lambda: SurfaceInfo(
                make=values.get(0xDF31),
                key_identifier=values.get(0xDF32),
                version=values[0xDF33],
                municipality=digits(values[0xDF34].decode("ascii"), 5),
                form=_form(values.get(0xDF36)),
            ),
        )

    def number_image(self) -> NumberImage:
        """Return the image of the My Number, after number A only. PinNotVerified."""
        name = "the image of the My Number"
        values = template(self.read_object(EF_NUMBER_IMAGE), 0xFF40, name)
        return interpret(name, lambda: NumberImage(values[0xDF41], values[0xDF42], values[0xDF43]))


_PHOTO_CARD: Final = frozenset({0xDF22, 0xDF23, 0xDF25, 0xDF26, 0xDF27})
_SHOWN: Final = {
    None: _PHOTO_CARD | {0xDF24, 0xDF2A},
    CardForm.WITH_PHOTO: _PHOTO_CARD,
    CardForm.NAME_ONLY: frozenset[int](),
}
"""What each kind of card shows beside its last day."""


def _face(values: Mapping[int, bytes]) -> Face:
    """Return the face; KeyError or ValueError when a part is missing or impossible."""
    form = _form(values.get(0xDF2B))
    if not _SHOWN[form] <= values.keys():
        raise ValueError("a part is missing")
    birth, sex = values.get(0xDF22), values.get(0xDF23)
    return Face(
        form=form,
        expires=day_of(values[0xDF29]),
        birth=None if birth is None else birth_date(birth),
        birth_text=None if birth is None else birth.decode("ascii"),
        sex=None if sex is None else sex_of(sex),
        name_image=values.get(0xDF25),
        address_image=values.get(0xDF26),
        photo=values.get(0xDF27),
        security_code_image=values.get(0xDF2A),
        public_key=values.get(0xDF24),
        signature=values[0xDF28],
    )


def _form(value: bytes | None) -> CardForm | None:
    return None if value is None else CardForm(int(value.decode("ascii")))
