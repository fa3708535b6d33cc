"""What personalisation writes into text, surface and common, byte for byte, and who signed it."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable

import pytest

from jukicard import Card
from jukicard.apdu import Tlv
from jukicard.applets.certificates import CvCertificate, RecordSigner
from jukicard.applets.surface import AID as SURFACE
from jukicard.applets.surface.jukiobjects import (
    TYPE_A,
    TYPE_B,
    JukiBirthRecord,
    JukiInformation,
    PhotoFace,
    PlainFace,
)
from jukicard.applets.surface.objects import BasicInformation, BirthRecord, CardFace, NumberImage
from jukicard.applets.text import AID as TEXT
from jukicard.applets.text.objects import (
    IntegrityRecord,
    SessionPublicKey,
    SignedPublicKey,
)
from jukicard.crypto.asymmetric import SignatureError
from jukicard.errors import IsoError
from tests.support.cards.face_cards import (
    face_card,
    personalise,
    read_file,
    selected,
    verify,
)
from tests.support.cards.face_order import (
    ADDRESS_IMAGE,
    BIRTH,
    BIRTH_CODE,
    CODE_IMAGE,
    EXPIRES,
    JUKI_EXPIRES,
    JUKI_NUMBER,
    MY_NUMBER,
    NAME_IMAGE,
    NUMBER_A,
    NUMBER_B,
    NUMBER_IMAGE,
    PHOTO,
    PIN,
    FaceOrder,
    common_contents,
    issuer_key,
    juki_contents,
    key,
    signer,
    surface_contents,
    text_contents,
)
from tests.support.naive.rsa_signature import assert_signed, pkcs1_hash_info
from tests.support.published.transcript import play

SPECIMEN = bytes.fromhex(
    "ff2065df2108000e002000590064df220fe9bb92e6a190e38080e5b9b9e4b99fdf2336e69db1e4baace983bde6b885"
    "e780ace5b882e8a6b3e5b883e5ad90e58d97efbc91efbc92efbc8defbc97efbc8defbc92efbc90efbc92df24083139"
    "383030323137df250131"
)


def opened(application: str, *credentials: tuple[int, str], kind: str = "successor") -> Card:
    card = selected(application, kind)
    for fid, value in credentials:
        play(card, verify(fid, value))
    return card


def content(card: Card, fid: int) -> bytes:
    """The object in a file, after it was seen that what follows it is FF."""
    raw, _ = read_file(card, fid)
    _, end = Tlv.parse_first(raw)
    assert set(raw[end:]) <= {0xFF}
    return raw[:end]


# -- text -----------------------------------------------------------------------------------------


def test_the_individual_number_stands_in_seventeen_bytes() -> None:
    raw, _ = read_file(opened("text", (0x14, NUMBER_A)), 1)
    assert raw == b"\xff\x10\x0c" + MY_NUMBER.encode() + b"\xff\xff"


def test_the_four_items_are_the_published_bytes_of_the_specimen() -> None:
    assert content(opened("text", (0x15, NUMBER_B)), 2) == SPECIMEN


def test_the_integrity_record_covers_the_two_files_as_real_cards_hash_them() -> None:
    card = opened("text", (0x11, PIN))
    record = IntegrityRecord.parse(content(card, 3))
    number_file, _ = read_file(card, 1)
    assert record.number_hash == hashlib.sha256(number_file).digest()
    # behind FF20 65 and the table of offsets
    assert record.attributes_hash == hashlib.sha256(SPECIMEN[14:]).digest()
    hashes = b"\xdf\x31\x20" + record.number_hash + b"\xdf\x32\x20" + record.attributes_hash
    assert_signed(key("municipality 2048").public, hashes, record.signature)


@pytest.mark.parametrize("application", ["text", "surface"])
def test_the_certificate_says_whose_key_signed_the_records(application: str) -> None:
    raw, _ = read_file(selected(application), 4)
    certificate = CvCertificate.parse(raw)
    assert raw[:9] == bytes.fromhex("7F218202335F4E8201")
    assert certificate.body.key == key("municipality 2048").public
    assert_signed(key("authority").public, raw[10 : 10 + 297], certificate.signature)


def test_the_other_free_files_of_text() -> None:
    card = selected("text")
    basic = content(card, 5)
    assert basic[:7] + basic[8:11] == bytes.fromhex("FF40819EDF4104" + "030E01")
    assert basic[11:14] + basic[30:34] == bytes.fromhex("DF4210" + "DF438180")
    assert SessionPublicKey.parse(content(card, 6)).key == key("authority").public
    signed = SignedPublicKey.parse(content(card, 7))
    assert signed.key == key("card").public
    body = content(card, 7)[5 : 5 + 270]
    assert_signed(key("municipality 2048").public, body, signed.signature)
    assert read_file(card, 8)[0] == b"\xff" * 16


# -- surface --------------------------------------------------------------------------------------


def test_the_birth_record_holds_nothing_but_the_birth_date() -> None:
    raw = content(opened("surface", (0x11, BIRTH_CODE)), 1)
    record = BirthRecord.parse(raw)
    assert len(raw) == 5 + 0x21E
    assert (record.birth, record.key) == (BIRTH, key("card").public)
    assert_signed(key("municipality 2048").public, raw[5 : 5 + 11 + 270], record.signature)


def test_the_face_is_signed_in_three_groups() -> None:
    raw = content(opened("surface", (0x12, NUMBER_B)), 2)
    face = CardFace.parse(raw)
    assert (face.birth, face.sex, face.expires) == (BIRTH, "1", EXPIRES)
    assert (face.name_image, face.address_image) == (NAME_IMAGE, ADDRESS_IMAGE)
    assert (face.photo, face.code_image) == (PHOTO, CODE_IMAGE)
    objects = {child.tag: child.encode() for child in Tlv.parse(raw).children}
    groups = (
        objects[0xDF22] + objects[0xDF23] + objects[0xDF24],
        objects[0xDF25] + objects[0xDF26],
        objects[0xDF27],
    )
    info = pkcs1_hash_info(key("municipality 2048").public, face.signature)
    # a DigestInfo of 115 bytes: one SHA-256 identifier, three hashes
    assert info[:19] == bytes.fromhex("3071300D060960864801650304020105000460")
    assert info[19:] == b"".join(hashlib.sha256(group).digest() for group in groups)


def test_the_picture_of_the_number_is_signed_whole() -> None:
    raw = content(opened("surface", (0x13, NUMBER_A)), 5)
    image = NumberImage.parse(raw)
    assert image.image == NUMBER_IMAGE
    objects = Tlv.parse(raw).children
    signed = objects[0].encode() + objects[1].encode()
    assert_signed(key("municipality 2048").public, signed, image.signature)


def test_the_free_files_of_surface() -> None:
    card = selected("surface")
    basic = BasicInformation.parse(content(card, 3))
    assert (basic.municipality, basic.version) == ("13221", 0)
    assert basic.identification == bytes.fromhex("06030E01")
    assert read_file(card, 6)[0] == b"\xff" * 16


def test_a_juki_card_without_a_photo_shows_when_it_ends_and_nothing_of_its_holder() -> None:
    card = opened("surface", (0x12, JUKI_NUMBER["juki-a"]), kind="juki-a")
    raw = content(card, 2)
    face = PlainFace.parse(raw)
    assert (face.expires, face.kind) == (JUKI_EXPIRES, TYPE_A)
    objects = Tlv.parse(raw).children
    signed = objects[1].encode() + objects[2].encode()
    assert_signed(key("municipality 1024", 1024).public, signed, face.signature)
    assert JukiInformation.parse(content(card, 3)).kind == TYPE_A
    applet = card.applications.get(SURFACE)
    assert applet is not None
    memory = card.snapshot().partitions[applet.partition_name]
    kept = b"".join(memory.values())
    for personal in (b"19800217", b"550217", NAME_IMAGE, ADDRESS_IMAGE, PHOTO):
        assert personal not in kept


def test_a_juki_card_with_a_photo_shows_the_four_items_and_the_photo() -> None:
    card = opened("surface", (0x12, JUKI_NUMBER["juki-b"]), kind="juki-b")
    raw = content(card, 2)
    face = PhotoFace.parse(raw)
    assert (face.birth, face.sex, face.expires, face.kind) == (BIRTH, "1", JUKI_EXPIRES, TYPE_B)
    assert (face.name_image, face.address_image) == (NAME_IMAGE, ADDRESS_IMAGE)
    assert face.photo == PHOTO
    objects = Tlv.parse(raw).children
    signed = b"".join(item.encode() for item in objects[1:-1])
    assert_signed(key("municipality 1024", 1024).public, signed, face.signature)
    assert JukiInformation.parse(content(card, 3)).kind == TYPE_B


def test_the_number_in_the_qr_code_opens_the_birth_date_only() -> None:
    card = opened("surface", (0x11, BIRTH_CODE), kind="juki-b")
    record = JukiBirthRecord.parse(content(card, 1))
    assert record.birth == BIRTH
    signed = b"\xdf\x11\x0819800217"
    assert_signed(key("municipality 1024", 1024).public, signed, record.signature)
    assert read_file(card, 2) == (b"", 0x6982)


def test_a_foreign_residents_number_has_the_gregorian_year() -> None:
    juki = face_card("juki-b")
    personalise(juki, juki_contents("juki-b", gregorian=True))
    play(juki, f"00A4040C0A{SURFACE} -> 9000")
    play(juki, verify(0x12, "20190331800217") + verify(0x11, "800217"))
    successor = face_card()
    personalise(successor, surface_contents(gregorian=True))
    personalise(successor, text_contents(gregorian=True))
    play(successor, f"00A4040C0A{SURFACE} -> 9000")
    play(successor, verify(0x12, "80021720352285") + verify(0x11, "800217"))
    play(successor, f"00A4040C0A{TEXT} -> 9000")
    play(successor, verify(0x15, "80021720352285"))


# -- common ---------------------------------------------------------------------------------------


def test_the_records_of_common() -> None:
    play(
        selected("common"),
        """
        00B2010C00     -> 011C343030303030303132373139383433 3133323231 3230333530323137 9000
        00A4020C020001 -> 9000
        00B2010400     -> 011C343030303030303132373139383433 3133323231 3230333530323137 9000
        00B2020400     -> 6A83
        00A4020C020002 -> 9000
        00B2010400     -> 0110363030303033300805303031000000009000
        00B2011400     -> 0110363030303033300805303031000000009000
        00DC010C02011C -> 6982
        00E2000802011C -> 6982
        """,
    )


# -- what personalisation refuses -----------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: text_contents(my_number="53768667718"),
        lambda: text_contents(security_code="22"),
        lambda: text_contents(the_pin="123"),
        lambda: text_contents(the_pin="12345"),
        lambda: text_contents(the_pin="12a4"),
        lambda: text_contents(address="あ" * 600),
        lambda: text_contents(birth=datetime.date(1800, 1, 1)),
        lambda: text_contents(own_keys={2: issuer_key(1024)}),
        lambda: text_contents(own_keys={1: issuer_key(1024)}),
        lambda: text_contents(issuer=issuer_key(1024)),
        lambda: surface_contents(issuer=issuer_key(1024)),
        lambda: surface_contents(municipality="1322"),
        lambda: surface_contents(the_photo=bytes(12_000)),
        lambda: surface_contents(number_image=bytes(1_600)),
        lambda: surface_contents(my_number="x" * 12),
        lambda: common_contents(serial="1"),
        lambda: common_contents(municipality="132210"),
        lambda: common_contents(the_pin="12"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    make: Callable[[], FaceOrder],
) -> None:
    card = face_card()
    before = card.snapshot()
    contents = make()
    with pytest.raises((ValueError, IsoError)):
        personalise(card, contents)
    assert card.snapshot().partitions == before.partitions


@pytest.mark.parametrize("sex", ["0", "3", "", "male", "１"])
def test_sex_is_one_of_three_digits(sex: str) -> None:
    for make in (text_contents, surface_contents):
        with pytest.raises(ValueError, match="1, 2 or 9"):
            make(sex=sex)


def test_a_certificate_of_another_key_is_noticed() -> None:
    with pytest.raises(ValueError, match="another key"):
        RecordSigner(key("card"), signer().certificate)
    with pytest.raises(SignatureError):
        key("card").public.verify("sha256", b"", signer().sign(b""))


@pytest.mark.parametrize(
    "make",
    [
        lambda: text_contents().holder,
        lambda: text_contents().numbers(),
        signer,
        lambda: signer().certificate,
    ],
)
def test_the_repr_of_contents_shows_none_of_them(make: Callable[[], object]) -> None:
    contents = make()
    assert repr(contents) == f"<{type(contents).__name__}>"
