"""What is written on cards, byte for byte: published and hand-written objects, every offset."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, strategies as st

from jukicard.apdu import Tlv
from jukicard.profiles.recordoffice import RecordOffice
from jukicard.synthetic.people import SPECIMEN
from jukihost.issuing import (
    AuthorityAway,
    AuthorityBroken,
    AuthorityRefused,
    ContentsRefused,
    contents,
)
from jukihost.issuing.contents import CardOrder
from jukihost.issuing.records import Records
from jukihost.models import CardForm, CardInfo
from tests.unit.host_issuing.cardorders import order_of

RECORDS = Records(RecordOffice(), "13221")
CARD_KEY = rsa.RSAPublicNumbers(65537, int("C9" + "AB" * 254 + "AD", 16)).public_key()
KEY_HEX = "9003010001" + "91820100" + "C9" + "AB" * 254 + "AD"
INFO = CardInfo("13221", CardForm.WITH_PHOTO, date(2024, 4, 1), date(2035, 2, 17))
ATTRIBUTES = (
    "df2108000e002000590064df220fe9bb92e6a190e38080e5b9b9e4b99fdf2336e69db1e4baace983bde6b885e780ac"
    "e5b882e8a6b3e5b883e5ad90e58d97efbc91efbc92efbc8defbc97efbc8defbc92efbc90efbc92"
    "df24083139383030323137df250131"
)
"""Of the public test card, behind the tag and the length of the template."""


def ordered(profile: str = "mynumber", form: int = 2, **changed: object) -> CardOrder:
    order = order_of(profile, SPECIMEN, form)
    if profile == "mynumber":
        order = replace(order, info=INFO)
    return replace(order, **changed)  # type: ignore[arg-type]


def key_of_municipality() -> rsa.RSAPublicNumbers:
    body = Tlv.parse(RECORDS.certificate()).children[0].value
    exponent, modulus = Tlv.parse_all(body[32:])
    return rsa.RSAPublicNumbers(
        int.from_bytes(exponent.value, "big"), int.from_bytes(modulus.value, "big")
    )


def signed(signature: bytes) -> bytes:
    """What a signature of the municipality is over: the hashes in its DigestInfo."""
    numbers = key_of_municipality()
    block = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(256, "big")
    padding, info = block[2:].split(b"\0", 1)
    assert block[:2] == b"\0\1"
    assert set(padding) == {0xFF}
    algorithm, digest = Tlv.parse(info).children
    assert algorithm.encode().hex() == "300d06096086480165030402010500"
    return digest.value


def sha256(*groups: bytes) -> bytes:
    return b"".join(hashlib.sha256(group).digest() for group in groups)


def parts(raw: bytes) -> dict[int, bytes]:
    return {child.tag: child.encode() for child in Tlv.parse(raw).children}


def value(encoded: bytes) -> bytes:
    return Tlv.parse(encoded).value


# -- vectors --------------------------------------------------------------------------------------


def test_the_text_application_has_the_bytes_of_the_public_test_card() -> None:
    found = contents.text(ordered(), RECORDS, CARD_KEY)
    assert found[0x0001].hex() == "ff100c353337363836363737313838"
    assert found[0x0002].hex() == "ff2065" + ATTRIBUTES
    file, items = found[0x0001] + b"\xff\xff", bytes.fromhex(ATTRIBUTES)[11:]
    number, attributes = sha256(file), sha256(items)
    head = bytes.fromhex("ff3082014bdf3120") + number + bytes.fromhex("df3220") + attributes
    assert found[0x0003][: len(head)] == head
    assert found[0x0003][len(head) : len(head) + 5].hex() == "df33820100"
    assert signed(found[0x0003][-256:]) == sha256(head[5:])
    assert found[0x0004] == RecordOffice().certificate("13221")
    assert len(found[0x0004]) == 568
    assert found[0x0005].hex() == (
        "ff40819edf410401030e01df421036303030303334080530303100000000df438180" + "ff" * 128
    )
    assert found[0x0006][:9].hex() == "a18201099003010001"
    assert len(found[0x0006]) == 269
    own = bytes.fromhex("df51820109" + KEY_HEX)
    assert found[0x0007][: 5 + len(own)] == bytes.fromhex("ff50820213") + own
    assert signed(found[0x0007][-256:]) == sha256(own)
    assert (found[0x0014], found[0x0015]) == (b"537686677188", b"55021720350000")
    assert sorted(found) == [1, 2, 3, 4, 5, 6, 7, 0x14, 0x15]


def test_the_successors_surface() -> None:
    found = contents.successor_surface(ordered(), RECORDS, CARD_KEY)
    birth = bytes.fromhex("df11083139383030323137df12820109" + KEY_HEX)
    assert found[0x0001][: 5 + len(birth)] == bytes.fromhex("ff1082021e") + birth
    assert signed(found[0x0001][-256:]) == sha256(birth)
    face = parts(found[0x0002])
    assert list(face) == [0xDF21, *range(0xDF22, 0xDF2B)]
    assert face[0xDF22].hex() == "df22083139383030323137"
    assert face[0xDF23].hex() == "df230131"
    assert face[0xDF24].hex() == "df24820109" + KEY_HEX.lower()
    assert face[0xDF29].hex() == "df29083230333530323137"
    groups = (
        face[0xDF22] + face[0xDF23] + face[0xDF24],
        face[0xDF25] + face[0xDF26],
        face[0xDF27],
    )
    assert signed(value(face[0xDF28])) == sha256(*groups)
    assert value(face[0xDF27]) == ordered().holder.photo
    assert value(face[0xDF2A]) == RecordOffice().text_image("0000", 4)
    assert found[0x0003].hex() == (
        "ff3082013bdf310406030e01df321036303030303234080530303100000000df330100df34053133323231"
        "df3582011036393030303235080530303100000000" + "ff" * 256
    )
    number = parts(found[0x0005])
    assert value(number[0xDF41]) == RecordOffice().text_image("5376 8667 7188", 14)
    assert signed(value(number[0xDF43])) == sha256(number[0xDF41] + number[0xDF42])
    assert (found[0x0011], found[0x0012]) == (b"550217", b"55021720350000")
    assert found[0x0013] == b"537686677188"


def test_the_surface_of_a_juki_card_of_form_1_shows_its_last_day_only() -> None:
    found = contents.juki_surface(ordered("juki-v2", 1), RECORDS)
    last = order_of("juki-v2").info.expires
    end = bytes.fromhex("df2908") + f"{last:%Y%m%d}".encode() + bytes.fromhex("df2b0131")
    head = bytes.fromhex("ff2082011d" + "df2106" + "000e" + "0019" + "001d")
    assert found[0x0002][: len(head) + len(end)] == head + end
    assert signed(found[0x0002][-256:]) == sha256(end)
    assert found[0x0003].hex() == "ff3011df33023032df34053133323231df360131"
    assert found[0x0012] == f"{last:%Y%m%d}".encode()
    assert sorted(found) == [2, 3, 4, 0x12]


def test_the_surface_of_a_juki_card_of_form_2_shows_the_items() -> None:
    found = contents.juki_surface(ordered("juki-v2", 2), RECORDS)
    face, last = parts(found[0x0002]), order_of("juki-v2").info.expires
    tags = [0xDF22, 0xDF23, 0xDF25, 0xDF26, 0xDF27, 0xDF29, 0xDF2B]
    assert list(face) == [0xDF21, *tags, 0xDF28]
    assert signed(value(face[0xDF28])) == sha256(b"".join(face[tag] for tag in tags))
    assert face[0xDF2B].hex() == "df2b0132"
    birth = bytes.fromhex("df11083139383030323137")
    assert parts(found[0x0001])[0xDF11] == birth
    assert signed(found[0x0001][-256:]) == sha256(birth)
    assert (found[0x0011], found[0x0012]) == (b"550217", f"{last:%Y%m%d}550217".encode())


def test_the_other_applications() -> None:
    order = ordered()
    assert contents.common("400000012719843", INFO, RECORDS) == {
        0x0001: bytes.fromhex("011c") + b"4000000127198431322120350217",
        0x0002: bytes.fromhex("011036303030303330080530303100000000"),
    }
    assert contents.juki(order) == {
        0x0002: bytes.fromhex("010b") + SPECIMEN.resident_code.encode(),
        0x0003: bytes.fromhex(
            "ff2022"
            + "df21053133323231"
            + "df220132"
            + "df23083230323430343031"
            + "df24083230333530323137"
        ),
    }
    assert contents.domain(INFO) == {0xF0: b"13221", 0xF2: b"20350217"}
    upper = contents.domain_certificates(RECORDS)
    assert upper[0xF7].hex() == "36303030303333080530303100000000"
    assert (len(upper[0xF8]), len(upper[0x7F21])) == (563, 563)
    assert contents.jpki((b"a", b"b"), None, successor=False) == {1: b"a", 2: b"b"}
    assert contents.jpki((b"a", b"b"), (b"c", b"d"), successor=True) == {
        1: b"a", 2: b"b", 0x0A: b"c", 0x0B: b"d", 8: b"\x8f\x8f\x00",
    }  # fmt: skip
    assert contents.operator("OP1", "13221", (b"a", b"b")) == {
        1: bytes.fromhex("ff200edf21034f5031df22053133323231"),
        2: b"a",
        3: b"b",
    }


@given(sizes=st.lists(st.integers(0, 400), min_size=1, max_size=9))
def test_every_offset_points_at_its_object(sizes: list[int]) -> None:
    items = [Tlv(0xDF22 + n, bytes([n]) * size) for n, size in enumerate(sizes)]
    raw = contents._with_offsets(0xFF20, items)
    table = value(parts(raw)[0xDF21])
    places = [int.from_bytes(table[at : at + 2], "big") for at in range(0, len(table), 2)]
    assert [raw[place : place + 2] for place in places] == [
        (0xDF22 + n).to_bytes(2, "big") for n in range(len(sizes))
    ]


@pytest.mark.parametrize("size", [*range(90, 130), *range(225, 260), *range(65490, 65540)])
def test_offsets_hold_where_the_length_of_the_template_grows(size: int) -> None:
    item = Tlv(0xDF22, b"A" * size)
    try:
        raw = contents._with_offsets(0xFF20, [item])
    except ContentsRefused:
        assert size > 65500
        return
    place = int.from_bytes(value(parts(raw)[0xDF21]), "big")
    assert raw[place:] == item.encode()


def test_foreign_residents_numbers_have_the_gregorian_year() -> None:
    holder = replace(ordered().holder, foreign=True)
    found = contents.successor_surface(ordered(holder=holder), RECORDS, CARD_KEY)
    assert (found[0x0011], found[0x0012]) == (b"800217", b"80021720350000")


# -- what cannot be -------------------------------------------------------------------------------


def holder(**changed: object) -> dict[str, object]:
    return {"holder": replace(ordered().holder, **changed)}  # type: ignore[arg-type]


WRONG: dict[str, tuple[str, dict[str, object]]] = {
    "no name": ("name and address", holder(name="")),
    "no address": ("name and address", holder(address="")),
    "no photo": ("JPEG 2000", holder(photo=None)),
    "a PNG": ("JPEG 2000", holder(photo=b"\x89PNG\r\n\x1a\n")),
    "no number": ("12 digits", holder(my_number=None)),
    "a wrong check digit": ("12 digits", holder(my_number="537686677189")),
    "letters": ("12 digits", holder(my_number="53768667718A")),
    "no code": ("security code", holder(security_code=None)),
    "a short code": ("security code", holder(security_code="123")),
    "full-width digits": ("security code", holder(security_code="１２３４")),
    "no photo card": ("one form", {"info": replace(INFO, form=CardForm.NAME_ONLY)}),
    "over before it began": ("expire", {"info": replace(INFO, expires=date(2000, 1, 1))}),
    "no municipality": ("digits", {"info": replace(INFO, municipality="1322")}),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_go_onto_a_card_is_refused_in_words(what: str) -> None:
    why, changed = WRONG[what]
    order = replace(ordered(), **changed)  # type: ignore[arg-type]
    with pytest.raises(ContentsRefused, match=why) as told:
        order.check(successor=True, with_surface=True)
    for secret in (SPECIMEN.name, SPECIMEN.address, "53768667718", SPECIMEN.resident_code):
        assert secret not in str(told.value)


def test_what_fits_is_not_refused() -> None:
    ordered().check(successor=True, with_surface=True)
    for form in (1, 2):
        order_of("juki-v2", SPECIMEN, form).check(successor=False, with_surface=True)
    plain = order_of("juki-v1", SPECIMEN, 2)
    replace(plain, holder=replace(plain.holder, photo=None)).check(
        successor=False, with_surface=False
    )
    with pytest.raises(ContentsRefused, match="My Number card's"):
        ordered().check(successor=False, with_surface=True)


def test_a_photo_that_does_not_fit_is_refused() -> None:
    big = replace(ordered().holder, photo=(ordered().holder.photo or b"") + bytes(12000))
    with pytest.raises(ContentsRefused, match="12288"):
        contents.successor_surface(ordered(holder=big), RECORDS, CARD_KEY)
    long = replace(ordered().holder, address="あ" * 500)
    with pytest.raises(ContentsRefused, match="1280"):
        contents.text(ordered(holder=long), RECORDS, CARD_KEY)


def test_nothing_of_the_holder_shows() -> None:
    order = ordered()
    for text in (repr(order), repr(order.holder)):
        for secret in (SPECIMEN.name, SPECIMEN.address, "5376", SPECIMEN.resident_code, "1980"):
            assert secret not in text


# -- record signers that answer wrongly -----------------------------------------------------------


class Strange(RecordOffice):
    """A record signer of which some methods are replaced."""

    def __init__(self, **methods: Callable[..., object]) -> None:
        for name, method in methods.items():
            setattr(self, name, method)


def raises(error: Exception) -> Callable[..., object]:
    def method(*_: object) -> object:
        raise error

    return method


def sign_of(other: str) -> Callable[..., object]:
    return lambda _, hashes: RecordOffice().sign(other, hashes)


@pytest.mark.parametrize(
    ("methods", "kind"),
    [
        ({"sign": lambda *_: bytes(256)}, AuthorityBroken),
        ({"sign": lambda *_: b"short"}, AuthorityBroken),
        ({"sign": lambda m, h: RecordOffice().sign(m, tuple(reversed([*h, h[0][::-1]])))},
         AuthorityBroken),
        ({"sign": raises(OSError("no token"))}, AuthorityAway),
        ({"sign": raises(ValueError("closed"))}, AuthorityRefused),
        ({"certificate": lambda _: b"\x7f\x21\x00"}, AuthorityBroken),
        ({"certificate": lambda _: b"nothing"}, AuthorityBroken),
        ({"certificate": lambda _: RecordOffice().upper_certificate()}, AuthorityBroken),
        ({"named_key": lambda _: b"1"}, AuthorityBroken),
        ({"delivery_key": lambda: b"\x90\x01\x03"}, AuthorityBroken),
        ({"text_image": lambda *_: b"GIF89a"}, AuthorityBroken),
    ],
)  # fmt: skip
def test_what_a_record_signer_gives_is_checked(
    methods: dict[str, Callable[..., object]], kind: type[Exception]
) -> None:
    records = Records(Strange(**methods), "13221")

    def write() -> None:
        contents.text(ordered(), records, CARD_KEY)
        contents.successor_surface(ordered(), records, CARD_KEY)

    with pytest.raises(kind):
        write()
