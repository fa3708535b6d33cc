"""What is written on a card, file by file, encoded from the manual's page on the card.

A mapping of an application's EFs to their contents; nothing here is shown in a repr or an error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import rsa

from jukicard.apdu import Tlv
from jukihost.conversation.jukifiles import digits, encode_card_info, encode_code
from jukihost.conversation.secrets import BirthPin, NumberA, NumberB
from jukihost.errors import CardError
from jukihost.issuing.records import Records, public_key_objects
from jukihost.models import CardForm, CardInfo, ResidentCode, Sex

Contents: TypeAlias = Mapping[int, bytes]
"""An application's EFs, or the domain's tags, with what is written there."""
NAME_COLUMNS, ADDRESS_COLUMNS = 20, 24
"""How many characters a line of the name and of the address has on the face."""
_FACE_BYTES: Final = 12288
_NUMBER_BYTES: Final = 2048
_ATTRIBUTES_BYTES: Final = 1280
_NUMBER_FILE_BYTES: Final = 17
_UNKNOWN_128, _UNKNOWN_256 = b"\xff" * 128, b"\xff" * 256
"""Parts of unknown meaning, which are FF here (docs/card.md, section 6)."""
_TEXT_MAKE: Final = bytes.fromhex("01030E01")
_SURFACE_MAKE: Final = bytes.fromhex("06030E01")
_JPEG_2000: Final = (bytes.fromhex("0000000C6A502020"), bytes.fromhex("FF4FFF51"))
_BOTH_CERTIFICATES: Final = bytes.fromhex("8F8F00")


class ContentsRefused(CardError):
    """What was to be written does not fit the card; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HolderItems:
    """The holder as the card shows them. `repr` shows nothing.

    name: family, U+3000, given, as it stands on the card; foreign: with the Gregorian year in the
        numbers, as it is printed on a foreign resident's card.
    my_number, security_code: of a My Number card, 12 and 4 digits.
    photo: JPEG 2000, for form 2 and for My Number cards.
    """

    name: str
    address: str
    sex: Sex
    birth: date
    foreign: bool = False
    my_number: str | None = None
    security_code: str | None = None
    photo: bytes | None = None

    def __repr__(self) -> str:
        return "<HolderItems>"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOrder:
    """What goes onto a card: the code, the card's own data, the holder's items.

    with_certificates: False leaves JPKI without contents, for who wants none and for Juki cards of
    the last days; the counter can make them later.
    """

    code: ResidentCode
    info: CardInfo
    holder: HolderItems = field(repr=False)
    with_certificates: bool = True

    def check(self, *, successor: bool, with_surface: bool) -> None:
        """ContentsRefused where something is missing or impossible, before a card is touched."""
        holder, info = self.holder, self.info
        try:
            encode_card_info(info)
        except ValueError as error:
            raise ContentsRefused(f"the card's own data cannot be: {error}") from None
        needs_photo = successor or (with_surface and info.form is CardForm.WITH_PHOTO)
        number, code = holder.my_number, holder.security_code
        for is_so, what in (
            (bool(holder.name and holder.address), "name and address are not empty"),
            (
                not successor or info.form is CardForm.WITH_PHOTO,
                "a My Number card has one form, with photo",
            ),
            (
                not needs_photo or (holder.photo or b"").startswith(_JPEG_2000),
                "the face has a photo, a JPEG 2000 file",
            ),
            (
                not successor or _is_number(number),
                "a My Number card has the holder's individual number, 12 digits",
            ),
            (not successor or _are_digits(code, 4), "and a security code of 4 digits"),
            (
                successor or (number, code) == (None, None),
                "individual number and security code are a My Number card's",
            ),
        ):
            if not is_so:
                raise ContentsRefused(f"this cannot go onto the card: {what}; nothing was written")


def juki(order: CardOrder) -> dict[int, bytes]:
    """Return the Juki application's: the resident record code and the card's own data."""
    return {0x0002: encode_code(order.code), 0x0003: encode_card_info(order.info)}


def domain(info: CardInfo) -> dict[int, bytes]:
    """Return the issuer domain's data objects: municipality and expiry."""
    return place_and_end(info.municipality, info.expires)


def place_and_end(municipality: str, expires: date) -> dict[int, bytes]:
    """Return the issuer domain's data objects of any card: municipality and expiry."""
    return {0xF0: digits(municipality, 5).encode("ascii"), 0xF2: _day(expires)}


def domain_certificates(records: Records) -> dict[int, bytes]:
    """Return the successor's further data objects: who signs the municipality's records."""
    upper, key = records.upper()
    return {0xF7: key, 0xF8: _value(upper), 0x7F21: _value(records.certificate())}


def jpki(
    signature: tuple[bytes, bytes], authentication: tuple[bytes, bytes] | None, *, successor: bool
) -> dict[int, bytes]:
    """Return JPKI's certificates: each the holder's and its authority's, in DER."""
    found = dict(zip((0x0001, 0x0002), signature, strict=True))
    if authentication is not None:
        found |= dict(zip((0x000A, 0x000B), authentication, strict=True))
    if successor:
        found[0x0008] = _BOTH_CERTIFICATES
    return found


def common(serial: str, info: CardInfo, records: Records) -> dict[int, bytes]:
    """Return the common application's records: the card's number, place and end; a key's name."""
    text = digits(serial, 15) + digits(info.municipality, 5)
    card = text.encode("ascii") + _day(info.expires)
    return {0x0001: _simple(card), 0x0002: _simple(records.named_key("common"))}


def text(order: CardOrder, records: Records, card_key: rsa.RSAPublicKey) -> dict[int, bytes]:
    """Return the text application's: the individual number and the four items, signed."""
    holder = order.holder
    number = _my_number(holder)
    individual = Tlv(0xFF10, number.encode("ascii")).encode()
    file = individual.ljust(_NUMBER_FILE_BYTES, b"\xff")
    items = [
        Tlv(0xDF22, holder.name.encode("utf-8")),
        Tlv(0xDF23, holder.address.encode("utf-8")),
        Tlv(0xDF24, _day(holder.birth)),
        Tlv(0xDF25, _sex(holder)),
    ]
    hashes = [Tlv(0xDF31, _sha256(file)), Tlv(0xDF32, _sha256(_joined(items)))]
    own = Tlv(0xDF51, _key(card_key))
    information = [
        Tlv(0xDF41, _TEXT_MAKE),
        Tlv(0xDF42, records.named_key("text")),
        Tlv(0xDF43, _UNKNOWN_128),
    ]
    return {
        0x0001: individual,
        0x0002: _fitting(_with_offsets(0xFF20, items), _ATTRIBUTES_BYTES, "name and address"),
        0x0003: _sealed(0xFF30, hashes, 0xDF33, records),
        0x0004: records.certificate(),
        0x0005: Tlv(0xFF40, information).encode(),
        0x0006: Tlv(0xA1, records.delivery_key()).encode(),
        0x0007: _sealed(0xFF50, [own], 0xDF52, records),
        0x0014: NumberA(number).encode(),
        0x0015: _number_b(order).encode(),
    }


def successor_surface(
    order: CardOrder, records: Records, card_key: rsa.RSAPublicKey
) -> dict[int, bytes]:
    """Return the surface of a My Number card: the face as images, signed."""
    holder, number = order.holder, _my_number(order.holder)
    key = _key(card_key)
    first = [Tlv(0xDF22, _day(holder.birth)), Tlv(0xDF23, _sex(holder)), Tlv(0xDF24, key)]
    images = _images(holder, records)
    photo = [Tlv(0xDF27, holder.photo or b"")]
    # one signature over three hashes, so that who has no photo can check the rest
    signature = records.sign(_joined(first), _joined(images), _joined(photo))
    code = holder.security_code or ""
    behind = [
        Tlv(0xDF28, signature),
        Tlv(0xDF29, _day(order.info.expires)),
        Tlv(0xDF2A, records.text_image(code, len(code))),
    ]
    shown = f"{number[:4]} {number[4:8]} {number[8:]}"
    image = records.text_image(shown, len(shown))
    return {
        0x0001: _sealed(
            0xFF10, [Tlv(0xDF11, _day(holder.birth)), Tlv(0xDF12, key)], 0xDF13, records
        ),
        0x0002: _fitting(
            _with_offsets(0xFF20, [*first, *images, *photo, *behind]), _FACE_BYTES, "the face"
        ),
        0x0003: Tlv(0xFF30, _surface_information(order, records)).encode(),
        0x0004: records.certificate(),
        0x0005: _fitting(
            _sealed(0xFF40, [Tlv(0xDF41, image), Tlv(0xDF42, key)], 0xDF43, records),
            _NUMBER_BYTES,
            "the image of the individual number",
        ),
        0x0011: BirthPin.of_date(holder.birth, foreign=holder.foreign).encode(),
        0x0012: _number_b(order).encode(),
        0x0013: NumberA(number).encode(),
    }


def _surface_information(order: CardOrder, records: Records) -> list[Tlv]:
    reference = records.named_key("surface-reference") + _UNKNOWN_256
    return [
        Tlv(0xDF31, _SURFACE_MAKE),
        Tlv(0xDF32, records.named_key("surface")),
        Tlv(0xDF33, b"\x00"),
        Tlv(0xDF34, order.info.municipality.encode("ascii")),
        Tlv(0xDF35, reference),
    ]


def juki_surface(order: CardOrder, records: Records) -> dict[int, bytes]:
    """Return the surface of a Juki card: of form 1 its last day and type, of form 2 all items."""
    holder, info = order.holder, order.info
    kind = str(info.form.value).encode("ascii")
    end = [Tlv(0xDF29, _day(info.expires)), Tlv(0xDF2B, kind)]
    information = [
        Tlv(0xDF33, b"02"),
        Tlv(0xDF34, info.municipality.encode("ascii")),
        Tlv(0xDF36, kind),
    ]
    found = {0x0003: Tlv(0xFF30, information).encode(), 0x0004: records.certificate()}
    if info.form is CardForm.NAME_ONLY:
        number = NumberB.of_juki_card(info.expires)
        shown = end
    else:
        number = NumberB.of_juki_card(info.expires, holder.birth, foreign=holder.foreign)
        birth = _day(holder.birth)
        shown = [Tlv(0xDF22, birth), Tlv(0xDF23, _sex(holder)), *_images(holder, records)]
        shown += [Tlv(0xDF27, holder.photo or b""), *end]
        found[0x0001] = _sealed(0xFF10, [Tlv(0xDF11, birth)], 0xDF13, records)
        found[0x0011] = BirthPin.of_date(holder.birth, foreign=holder.foreign).encode()
    signature = Tlv(0xDF28, records.sign(_joined(shown)))
    found[0x0002] = _fitting(_with_offsets(0xFF20, [*shown, signature]), _FACE_BYTES, "the face")
    found[0x0012] = number.encode()
    return found


def operator(
    identifier: str, municipality: str, certificate: tuple[bytes, bytes]
) -> dict[int, bytes]:
    """Return an operator card's: who it is, and the certificate with its authority's."""
    who = [
        Tlv(0xDF21, identifier.encode("ascii")),
        Tlv(0xDF22, digits(municipality, 5).encode("ascii")),
    ]
    return {0x0001: Tlv(0xFF20, who).encode(), 0x0002: certificate[0], 0x0003: certificate[1]}


def _images(holder: HolderItems, records: Records) -> list[Tlv]:
    return [
        Tlv(0xDF25, records.text_image(holder.name, NAME_COLUMNS)),
        Tlv(0xDF26, records.text_image(holder.address, ADDRESS_COLUMNS)),
    ]


def _number_b(order: CardOrder) -> NumberB:
    holder = order.holder
    return NumberB.of_face(
        holder.birth, order.info.expires.year, holder.security_code or "", foreign=holder.foreign
    )


def _my_number(holder: HolderItems) -> str:
    if holder.my_number is None:
        raise ContentsRefused("a My Number card has the holder's individual number")
    return holder.my_number


def _with_offsets(tag: int, items: Sequence[Tlv]) -> bytes:
    """Return a template that begins with the places of its objects, from the file's first byte."""
    encoded = [item.encode() for item in items]
    table = 3 + 2 * len(items)  # DF21, a length byte, two bytes an object
    body = table + sum(map(len, encoded))
    at = len(Tlv(tag, bytes(body)).encode()) - body + table
    places = []
    for one in encoded:
        places.append(at)
        at += len(one)
    if at > 0xFFFF:
        raise ContentsRefused("what the face shows is too long for a card")
    offsets = Tlv(0xDF21, b"".join(place.to_bytes(2, "big") for place in places))
    return Tlv(tag, [offsets, *items]).encode()


def _sealed(tag: int, items: Sequence[Tlv], signature: int, records: Records) -> bytes:
    """Return a template with the signature over its objects, tags and lengths included."""
    return Tlv(tag, [*items, Tlv(signature, records.sign(_joined(items)))]).encode()


def _fitting(content: bytes, most: int, what: str) -> bytes:
    if len(content) > most:
        raise ContentsRefused(
            f"{what} would take {len(content)} bytes on the card, which has {most} for it: take a "
            "smaller photo, or shorten what is printed; nothing was written"
        )
    return content


def _joined(items: Sequence[Tlv]) -> bytes:
    return b"".join(item.encode() for item in items)


def _key(key: rsa.RSAPublicKey) -> bytes:
    numbers = key.public_numbers()
    return public_key_objects(numbers.e, numbers.n)


def _simple(value: bytes) -> bytes:
    return bytes((0x01, len(value))) + value


def _value(template: bytes) -> bytes:
    return Tlv.parse(template).value


def _day(day: date) -> bytes:
    return f"{day.year:04}{day:%m%d}".encode("ascii")


def _sex(holder: HolderItems) -> bytes:
    return str(holder.sex.value).encode("ascii")


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _are_digits(text: str | None, count: int) -> bool:
    return text is not None and len(text) == count and text.isascii() and text.isdigit()


def _is_number(number: str | None) -> bool:
    """Tell whether these are an individual number's 12 digits, the last a check digit."""
    if number is None or not _are_digits(number, 12):
        return False
    # 番号法施行令 the last digit: weights 2 to 7, then 2 to 6, from the right, modulo 11
    weights = (2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6)
    total = sum(int(d) * w for d, w in zip(reversed(number[:11]), weights, strict=True))
    rest = total % 11
    return int(number[11]) == (0 if rest <= 1 else 11 - rest)
