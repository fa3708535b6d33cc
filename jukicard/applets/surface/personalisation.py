"""How the surface application gets its contents before the card is handed out."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from jukicard.applets.certificates import RSA_2048_BYTES, KeyIdentifier, RecordSigner
from jukicard.applets.counter import install_counter
from jukicard.applets.surface import SurfaceApplet, files as names
from jukicard.applets.surface.jukiobjects import (
    TYPE_A,
    TYPE_B,
    JukiBirthRecord,
    JukiInformation,
    PhotoFace,
    PlainFace,
)
from jukicard.applets.surface.objects import (
    BasicInformation,
    BirthRecord,
    CardFace,
    NumberImage,
    SealedReference,
)
from jukicard.crypto.asymmetric import RsaPrivateKey
from jukicard.kit.keys import KeyPair
from jukicard.kit.layouts import CardObject
from jukicard.kit.verification import birth_digits, juki_number, number_a, number_b

NAMED_KEY = KeyIdentifier("6000024")
"""The key that EF 0003 names, that of a test hierarchy; what it is for is not known."""
_REFERENCE = SealedReference(KeyIdentifier("6900025"))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SurfaceContents:
    """What the successor's surface application is personalised with; the repr shows none of it.

    municipality: five digits. my_number: the individual number, twelve digits. sex: 1, 2 or 9.
    security_code: the four digits on the card's face. name_image, address_image, number_image,
    code_image: 1-bit PNG. photo: grey JPEG 2000. signer: the municipality's key of 2048 bits with
    its certificate. card_key: the card's own key, 2048 bits. counter: the key the counter gets in
    with. gregorian: the birth date on the face has a Gregorian year (foreign residents).
    """

    card_number: bytes
    municipality: str
    my_number: str
    birth: datetime.date
    sex: str
    expires: datetime.date
    security_code: str
    name_image: bytes
    address_image: bytes
    photo: bytes
    number_image: bytes
    code_image: bytes
    signer: RecordSigner
    card_key: RsaPrivateKey
    counter: KeyPair | None = None
    gregorian: bool = False

    def __post_init__(self) -> None:
        _check_sex(self.sex)

    def __repr__(self) -> str:
        return "<SurfaceContents>"

    @property
    def birth_code(self) -> str:
        """The birth date in six digits."""
        return birth_digits(self.birth, gregorian=self.gregorian)

    @property
    def number_a(self) -> str:
        """Verification number A: the individual number."""
        return number_a(self.my_number)

    @property
    def number_b(self) -> str:
        """Verification number B, fourteen digits."""
        return number_b(self.birth, self.expires, self.security_code, gregorian=self.gregorian)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JukiPhoto:
    """What only the face of a Juki card of type B shows; the repr shows none of it.

    sex: 1, 2 or 9. The images as in `SurfaceContents`. gregorian: for foreign residents.
    """

    birth: datetime.date
    sex: str
    name_image: bytes
    address_image: bytes
    photo: bytes
    gregorian: bool = False

    def __post_init__(self) -> None:
        _check_sex(self.sex)

    def __repr__(self) -> str:
        return "<JukiPhoto>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JukiSurfaceContents:
    """What a Juki card's surface application is personalised with; the repr shows none of it.

    face: what a card of type B shows, None for type A. municipality: five digits. signer: the
    municipality's key of up to 2048 bits, with its certificate. counter: the key the counter gets
    in with.
    """

    card_number: bytes
    municipality: str
    expires: datetime.date
    signer: RecordSigner
    face: JukiPhoto | None = None
    counter: KeyPair | None = None

    def __repr__(self) -> str:
        return "<JukiSurfaceContents>"

    @property
    def number(self) -> str:
        """The verification number: eight digits for type A, fourteen for type B."""
        face = self.face
        if face is None:
            return juki_number(self.expires)
        return juki_number(self.expires, face.birth, gregorian=face.gregorian)

    @property
    def birth_code(self) -> str | None:
        """What the QR code of type B holds, six digits; type A has none."""
        face = self.face
        return None if face is None else birth_digits(face.birth, gregorian=face.gregorian)


def personalise(applet: SurfaceApplet, contents: SurfaceContents | JukiSurfaceContents) -> None:
    """Write the contents, inside a transaction of the card's memory.

    ValueError when they are those of the other layout, or do not fit their files.
    """
    successor = isinstance(contents, SurfaceContents)
    if applet.tree is not names.TREES["mynumber" if successor else "juki"]:
        raise ValueError("these are the contents of the other layout")
    if isinstance(contents, SurfaceContents):
        _write_successor(applet, contents)
    else:
        _write_juki(applet, contents)
    install_counter(applet, contents.card_number, contents.counter)


def _write_successor(applet: SurfaceApplet, contents: SurfaceContents) -> None:
    signer, key = contents.signer, contents.card_key.public
    face = CardFace(
        contents.birth,
        contents.sex,
        key,
        contents.name_image,
        contents.address_image,
        contents.photo,
        bytes(RSA_2048_BYTES),
        contents.expires,
        contents.code_image,
    )
    written: list[tuple[int, CardObject]] = [
        (names.BIRTH, BirthRecord.issue(contents.birth, key, signer)),
        (names.FACE, face.signed_by(signer)),
        (names.BASIC_INFORMATION, BasicInformation(contents.municipality, NAMED_KEY, _REFERENCE)),
        (names.CERTIFICATE, signer.certificate),
        (names.NUMBER_IMAGE, NumberImage.issue(contents.number_image, key, signer)),
    ]
    _write(applet, written)
    applet.signing.load(applet.tree.ef(names.CARD_KEY), contents.card_key.der, check=False)
    _set(applet, names.BIRTH_CODE, contents.birth_code)
    _set(applet, names.NUMBER_B, contents.number_b)
    _set(applet, names.NUMBER_A, contents.number_a)


def _write_juki(applet: SurfaceApplet, contents: JukiSurfaceContents) -> None:
    signer, face = contents.signer, contents.face
    kind = TYPE_A if face is None else TYPE_B
    written: list[tuple[int, CardObject]] = [
        (names.BASIC_INFORMATION, JukiInformation(contents.municipality, kind)),
        (names.CERTIFICATE, signer.certificate),
    ]
    if face is None:
        written.append((names.FACE, PlainFace.issue(contents.expires, signer)))
    else:
        shown = PhotoFace(
            face.birth,
            face.sex,
            face.name_image,
            face.address_image,
            face.photo,
            contents.expires,
        )
        written += [
            (names.FACE, shown.signed_by(signer)),
            (names.BIRTH, JukiBirthRecord.issue(face.birth, signer)),
        ]
    _write(applet, written)
    _set(applet, names.NUMBER_B, contents.number)
    if contents.birth_code is not None:
        _set(applet, names.BIRTH_CODE, contents.birth_code)


def _write(applet: SurfaceApplet, written: Iterable[tuple[int, CardObject]]) -> None:
    for fid, card_object in written:
        applet.files.put_content(applet.tree.ef(fid), card_object.encode())


def _set(applet: SurfaceApplet, fid: int, value: str) -> None:
    applet.pins.set_value(applet.tree.ef(fid), value.encode("ascii"))


def _check_sex(sex: str) -> None:
    if sex not in ("1", "2", "9"):
        raise ValueError("sex is 1, 2 or 9")
