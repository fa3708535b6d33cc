"""What the surface application is personalised with: the card's face as images, signed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jukicard.applets.certificates import NO_SIGNATURE, KeyIdentifier, record_signer
from jukicard.applets.surface import files as names
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
from jukicard.kit.verification import birth_digits, juki_number, number_a, number_b

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jukicard.applets.surface import SurfaceApplet
    from jukicard.kit.layouts import CardObject
    from jukicard.kit.personalisation import Order

NAMED_KEY: Final = KeyIdentifier("6000024")
"""The key that EF 0003 names, that of a test hierarchy; what it is for is not known."""
NAME_COLUMNS: Final = 20
ADDRESS_COLUMNS: Final = 24
"""How many characters a line of the name and of the address has on the card's face."""
REFERENCE: Final = SealedReference(KeyIdentifier("6900025"))


def personalise(applet: SurfaceApplet, order: Order) -> None:
    """Write the files and the verification numbers that open them, as the layout has them."""
    if applet.tree is names.TREES["mynumber"]:
        _write_successor(applet, order)
    else:
        _write_juki(applet, order)


def _write_successor(applet: SurfaceApplet, order: Order) -> None:
    holder, number = order.holder, order.numbers().individual_number
    code = holder.security_code
    pictures = _pictures(order)
    key = applet.signing.rsa_public(applet.tree.ef(names.CARD_KEY))
    signer = record_signer(order)
    face = CardFace(
        holder.birth,
        holder.sex,
        key,
        *pictures,
        NO_SIGNATURE,
        order.expires,
        order.text_image(code, len(code)),
    )
    image = order.text_image(f"{number[:4]} {number[4:8]} {number[8:]}", len(number) + 2)
    _write(
        applet,
        {
            names.BIRTH: BirthRecord.issue(holder.birth, key, signer),
            names.FACE: face.signed_by(signer),
            names.BASIC_INFORMATION: BasicInformation(holder.municipality, NAMED_KEY, REFERENCE),
            names.CERTIFICATE: signer.certificate,
            names.NUMBER_IMAGE: NumberImage.issue(image, key, signer),
        },
    )
    _set(applet, names.BIRTH_CODE, birth_digits(holder.birth, gregorian=holder.gregorian))
    verified = number_b(holder.birth, order.expires, code, gregorian=holder.gregorian)
    _set(applet, names.NUMBER_B, verified)
    _set(applet, names.NUMBER_A, number_a(number))


def _write_juki(applet: SurfaceApplet, order: Order) -> None:
    signer = record_signer(order)
    plain = order.form == 1
    _write(
        applet,
        {
            names.BASIC_INFORMATION: JukiInformation(
                order.holder.municipality, TYPE_A if plain else TYPE_B
            ),
            names.CERTIFICATE: signer.certificate,
        },
    )
    if plain:
        _write(applet, {names.FACE: PlainFace.issue(order.expires, signer)})
        _set(applet, names.NUMBER_B, juki_number(order.expires))
    else:
        _write_photo(applet, order)


def _write_photo(applet: SurfaceApplet, order: Order) -> None:
    holder, signer = order.holder, record_signer(order)
    shown = PhotoFace(holder.birth, holder.sex, *_pictures(order), order.expires)
    _write(
        applet,
        {
            names.FACE: shown.signed_by(signer),
            names.BIRTH: JukiBirthRecord.issue(holder.birth, signer),
        },
    )
    number = juki_number(order.expires, holder.birth, gregorian=holder.gregorian)
    _set(applet, names.NUMBER_B, number)
    _set(applet, names.BIRTH_CODE, birth_digits(holder.birth, gregorian=holder.gregorian))


def _pictures(order: Order) -> tuple[bytes, bytes, bytes]:
    """Return name, address and photo, as the face shows them."""
    return (
        order.text_image(order.holder.name, NAME_COLUMNS),
        order.text_image(order.holder.address, ADDRESS_COLUMNS),
        order.photo(),
    )


def _write(applet: SurfaceApplet, written: Mapping[int, CardObject]) -> None:
    for fid, card_object in written.items():
        applet.files.put_content(applet.tree.ef(fid), card_object.encode())


def _set(applet: SurfaceApplet, fid: int, value: str) -> None:
    applet.pins.set_value(applet.tree.ef(fid), value.encode("ascii"))
