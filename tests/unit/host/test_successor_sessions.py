"""Text, surface and common sessions: published example objects, malformed ones, right commands."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest
from hypothesis import given, strategies as st

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord, Tlv
from jukicard.apdu.tlv import encode_length
from jukihost.channel import PlainChannel
from jukihost.conversation.refusals import PinNotVerified
from jukihost.conversation.secrets import BirthPin, NumberA, NumberB, era_date
from jukihost.conversation.session import AppletSession
from jukihost.errors import PinFormatError, ProtocolError
from jukihost.models import CardForm, Sex
from jukihost.sessions.common import CommonSession, parse_common
from jukihost.sessions.surface import Face, SurfaceSession
from jukihost.sessions.text import TextSession, parse_attributes
from tests.support.host.fakes import AnswerChannel, ScriptedConnection, answers

# The test person that several public clients use.
ATTRIBUTES = bytes.fromhex(
    "ff2065df2108000e002000590064df220fe9bb92e6a190e38080e5b9b9e4b99fdf2336e69db1e4baace983bde6b885e7"
    "80ace5b882e8a6b3e5b883e5ad90e58d97efbc91efbc92efbc8defbc97efbc8defbc92efbc90efbc92df240831393830"
    "30323137df250131"
)
MY_NUMBER = b"\xff\x10\x0c" + b"537686677188" + b"\xff\xff"
COMMON = b"\x01\x1c" + b"400000012719843" + b"13221" + b"20350217"


def files(kind: type[AppletSession], filler: int = 300, **content: bytes) -> AnswerChannel:
    """A card whose transparent files (by `efXXXX`) anybody may read, filled up with FF.

    The file of the My Number has a filler of its own, of known length.
    """
    known = {int(name[2:], 16): value for name, value in content.items()}
    current = [b""]

    def answer(command: CommandApdu) -> ResponseApdu:
        if command.ins == 0xA4 and command.p1 == 4:
            assert command.data == kind.AID
        elif command.ins == 0xA4:
            value = known.get(int.from_bytes(command.data, "big"))
            if value is None:
                return ResponseApdu(status=StatusWord.FILE_NOT_FOUND)
            current[0] = value + b"\xff" * (filler if len(value) > 17 else 0)
        elif command.ins == 0xB0:
            offset = command.p1 << 8 | command.p2
            if offset and offset >= len(current[0]):
                return ResponseApdu(status=StatusWord.WRONG_P1_P2)
            return ResponseApdu(current[0][offset : offset + command.ne])
        return ResponseApdu()

    return AnswerChannel(answer)


# --- text ---


def test_published_attributes() -> None:
    found = TextSession(files(TextSession, ef0002=ATTRIBUTES)).open().attributes()
    assert found.name == "黒桐　幹也"
    assert found.address == "東京都清瀬市観布子南１２－７－２０２"
    assert (found.birth, found.birth_text) == (date(1980, 2, 17), "19800217")
    assert found.sex is Sex.MALE
    assert found.raw == ATTRIBUTES
    assert "黒桐" not in repr(found)
    assert "1980" not in repr(found)


def test_published_my_number() -> None:
    number = TextSession(files(TextSession, ef0001=MY_NUMBER)).open().my_number()
    assert number.reveal() == "537686677188"
    assert "5376" not in f"{number}{number!r}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 17,
        MY_NUMBER[:14],
        b"\xff\x20" + MY_NUMBER[2:],
        MY_NUMBER.replace(b"537", b"53x"),
    ],
)
def test_malformed_my_number(content: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        TextSession(files(TextSession, ef0001=content)).open().my_number()
    assert "376" not in str(caught.value)


def signature_file(number: bytes, attributes: bytes) -> bytes:
    covered = attributes[attributes.index(bytes.fromhex("DF22")) :]
    return Tlv(
        0xFF30,
        [
            Tlv(0xDF31, hashlib.sha256(number).digest()),
            Tlv(0xDF32, hashlib.sha256(covered).digest()),
            Tlv(0xDF33, bytes(256)),
        ],
    ).encode()


def test_signed_hashes() -> None:
    raw = signature_file(MY_NUMBER, ATTRIBUTES)
    assert len(raw) == 336  # what is published of the file's size
    text = TextSession(files(TextSession, ef0001=MY_NUMBER, ef0002=ATTRIBUTES, ef0003=raw)).open()
    signature = text.signature()
    signature.check(number=text.my_number(), attributes=text.attributes())
    for number, attributes in (
        (MY_NUMBER.replace(b"537", b"538"), ATTRIBUTES),
        (MY_NUMBER, ATTRIBUTES.replace(b"198002", b"198003")),
    ):
        other = TextSession(files(TextSession, ef0001=number, ef0002=attributes)).open()
        with pytest.raises(ProtocolError, match="not what was signed"):
            signature.check(number=other.my_number(), attributes=other.attributes())


@pytest.mark.parametrize("filler", [0, 1, 94, 256, 300])
def test_free_parts_of_the_text_application(filler: int) -> None:
    """Whatever fills the files, and if nothing does."""
    info = Tlv(
        0xFF40, [Tlv(0xDF41, b"\1\3\x0e\1"), Tlv(0xDF42, b"k" * 16), Tlv(0xDF43, bytes(128))]
    ).encode()
    certificate = Tlv(0x7F21, [Tlv(0x5F4E, bytes(297)), Tlv(0x5F37, bytes(256))]).encode()
    text = TextSession(files(TextSession, filler, ef0004=certificate, ef0005=info)).open()
    assert text.certificate() == certificate
    assert text.basic_info().key_identifier == b"k" * 16


@pytest.mark.parametrize(
    "change",
    [
        (b"\xdf\x25\x01\x31", b"\xdf\x25\x01\x33"),
        (b"19800217", b"19800230"),
        (b"\xdf\x22\x0f\xe9", b"\xdf\x22\x0f\xff"),
        (b"\xdf\x24", b"\xdf\x2b"),
        (b"\xff\x20", b"\xff\x30"),
        (b"\xff\x20\x65", b"\xff\x20\x64"),
        (b"\xdf\x25", b"\xdf\x22"),
    ],
)
def test_malformed_attributes(change: tuple[bytes, bytes]) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_attributes(ATTRIBUTES.replace(*change))
    assert caught.value.__cause__ is None
    assert "黒" not in str(caught.value)


@given(st.binary(max_size=80))
def test_any_bytes_as_attributes(content: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_attributes(content)


@pytest.mark.parametrize("digits", ["19800200", "19800017", "19800000"])
def test_birth_date_that_is_not_known_whole(digits: str) -> None:
    found = parse_attributes(ATTRIBUTES.replace(b"19800217", digits.encode()))
    assert (found.birth, found.birth_text) == (None, digits)


def script(kind: type[AppletSession], *exchanges: tuple[str, str]) -> PlainChannel:
    select = (f"00A4040C0A{kind.AID.hex().upper()}", "9000")
    return PlainChannel(ScriptedConnection(select, *exchanges))


def test_secrets_of_the_text_application() -> None:
    text = TextSession(
        script(
            TextSession,
            ("00A4020C020011", "9000"),
            ("00200080", "63C3"),
            ("00A4020C020014", "9000"),
            ("00200080", "63CA"),
            ("00A4020C020015", "9000"),
            ("00200080", "63CA"),
            ("00A4020C020011", "9000"),
            ("002000800431323334", "9000"),
            ("00A4020C020011", "9000"),
            ("002401800435363738", "9000"),
            ("00A4020C020014", "9000"),
            ("002000800C353337363836363737313838", "9000"),
            ("00A4020C020015", "9000"),
            ("002000800E3535303231373230333531323334", "9000"),
        )
    ).open()
    assert [text.pin_retries(), text.number_a_retries(), text.number_b_retries()] == [3, 10, 10]
    text.verify_pin("1234")
    text.change_pin("5678")
    text.verify_number_a("537686677188")
    text.verify_number_b(NumberB.of_face(date(1980, 2, 17), 2035, "1234"))


def test_text_without_a_secret() -> None:
    for read in (TextSession.my_number, TextSession.attributes, TextSession.signature):
        with pytest.raises(PinNotVerified):
            read(TextSession(answers("9000", "9000", "6982")).open())


# --- surface ---

FACE = Tlv(
    0xFF20,
    [
        Tlv(0xDF21, bytes(18)),
        Tlv(0xDF22, b"19800217"),
        Tlv(0xDF23, b"2"),
        Tlv(0xDF24, b"key"),
        Tlv(0xDF25, b"\x89PNG name"),
        Tlv(0xDF26, b"\x89PNG address"),
        Tlv(0xDF27, bytes(5000)),
        Tlv(0xDF28, b"signature"),
        Tlv(0xDF29, b"20350217"),
        Tlv(0xDF2A, b"\x89PNG code"),
    ],
).encode()


def test_face_is_read_whole() -> None:
    face = SurfaceSession(files(SurfaceSession, ef0002=FACE)).open().face()
    assert face.photo == bytes(5000)
    assert (face.name_image, face.address_image, face.security_code_image) == (
        b"\x89PNG name",
        b"\x89PNG address",
        b"\x89PNG code",
    )
    assert (face.birth, face.sex, face.expires) == (
        date(1980, 2, 17),
        Sex.FEMALE,
        date(2035, 2, 17),
    )
    assert "1980" not in repr(face)
    assert "PNG" not in repr(face)


def test_rest_of_the_surface() -> None:
    birth = Tlv(0xFF10, [Tlv(0xDF11, b"19800217"), Tlv(0xDF12, b"k"), Tlv(0xDF13, b"s")])
    info = Tlv(
        0xFF30,
        [
            Tlv(0xDF31, b"\6\3\x0e\1"),
            Tlv(0xDF32, b"k" * 16),
            Tlv(0xDF33, b"\1"),
            Tlv(0xDF34, b"13221"),
            Tlv(0xDF35, bytes(272)),
        ],
    )
    number = Tlv(0xFF40, [Tlv(0xDF41, b"\x89PNG"), Tlv(0xDF42, b"k"), Tlv(0xDF43, b"s")])
    surface = SurfaceSession(
        files(
            SurfaceSession,
            ef0001=birth.encode(),
            ef0003=info.encode(),
            ef0004=b"\x7f\x21\x01\x00",
            ef0005=number.encode(),
        )
    ).open()
    assert surface.birth().birth == date(1980, 2, 17)
    assert surface.basic_info().municipality == "13221"
    assert surface.certificate() == b"\x7f\x21\x01\x00"
    assert surface.number_image().image == b"\x89PNG"


@pytest.mark.parametrize(
    "tag", [0xDF22, 0xDF23, 0xDF24, 0xDF25, 0xDF26, 0xDF27, 0xDF28, 0xDF29, 0xDF2A]
)
def test_face_with_a_part_missing(tag: int) -> None:
    kept = [child for child in Tlv.parse(FACE).children if child.tag != tag]
    channel = files(SurfaceSession, ef0002=Tlv(0xFF20, kept).encode())
    with pytest.raises(ProtocolError, match="face"):
        SurfaceSession(channel).open().face()


def test_length_beyond_the_file() -> None:
    content = b"\xff\x20" + encode_length(20_000) + bytes(100)
    with pytest.raises(ProtocolError, match="shorter"):
        SurfaceSession(files(SurfaceSession, ef0002=content)).open().face()
    content = b"\xff\x20" + encode_length(40_000) + bytes(100)
    with pytest.raises(ProtocolError, match="more than any file"):
        SurfaceSession(files(SurfaceSession, ef0002=content)).open().face()


def test_numbers_of_the_surface() -> None:
    surface = SurfaceSession(
        script(
            SurfaceSession,
            ("00A4020C020011", "9000"),
            ("00200080", "63C3"),
            ("00A4020C020013", "9000"),
            ("00200080", "63CA"),
            ("00A4020C020012", "9000"),
            ("00200080", "63CA"),
            ("00A4020C020011", "9000"),
            ("0020008006353530323137", "9000"),
            ("00A4020C020013", "9000"),
            ("002000800C323039373335353830323837", "9000"),
            ("00A4020C020012", "9000"),
            ("002000800E3230313930343230353530323137", "9000"),
        )
    ).open()
    assert [
        surface.birth_pin_retries(),
        surface.number_a_retries(),
        surface.number_b_retries(),
    ] == [3, 10, 10]
    surface.verify_birth(BirthPin.of_date(date(1980, 2, 17)))
    surface.verify_number_a("209735580287")
    surface.verify_number_b(NumberB.of_juki_card(date(2019, 4, 20), date(1980, 2, 17)))


def test_surface_without_a_number() -> None:
    for read in (SurfaceSession.face, SurfaceSession.birth, SurfaceSession.number_image):
        with pytest.raises(PinNotVerified):
            read(SurfaceSession(answers("9000", "9000", "6982")).open())


# --- common ---


def test_published_record() -> None:
    common = CommonSession(
        script(CommonSession, ("00A4020C020001", "9000"), ("00B2010400", COMMON.hex() + "9000"))
    ).open()
    record = common.record()
    assert (record.serial, record.municipality, record.expires) == (
        "400000012719843",
        "13221",
        date(2035, 2, 17),
    )
    assert record.manufacturing_number == "0000012719843"


@pytest.mark.parametrize(
    "record",
    [
        b"",
        COMMON[:-1],
        COMMON + b"\0",
        b"\2" + COMMON[1:],
        COMMON.replace(b"0217", b"0230"),
        COMMON.replace(b"13221", b"1322x"),
        b"\x01\x1b" + COMMON[2:-1],
    ],
)
def test_malformed_record(record: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_common(record)


def test_commands_of_the_common_application() -> None:
    common = CommonSession(
        script(
            CommonSession,
            ("00A4020C02001C", "9000"),
            ("00200080", "63C3"),
            ("00A4020C02001C", "9000"),
            ("002000800431323334", "9000"),
            ("00A4020C02001C", "9000"),
            ("803200800435363738", "9000"),
            ("00A4020C020002", "9000"),
            ("00B2010400", "01" * 16 + "9000"),
            ("0088009902010200", "5A" * 256 + "9000"),
        )
    ).open()
    assert common.pin_retries() == 3
    common.verify_pin("1234")
    common.change_pin("5678")
    assert common.key_reference() == b"\1" * 16
    assert common.internal_authenticate(b"\1\2") == b"\x5a" * 256
    for size in (0, 256):
        with pytest.raises(ValueError, match="challenge"):
            common.internal_authenticate(bytes(size))


# --- what is printed on a card ---


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (date(1868, 10, 23), "011023"),
        (date(1912, 7, 29), "450729"),
        (date(1912, 7, 30), "010730"),
        (date(1926, 12, 24), "151224"),
        (date(1926, 12, 25), "011225"),
        (date(1980, 2, 17), "550217"),
        (date(1989, 1, 7), "640107"),
        (date(1989, 1, 8), "010108"),
        (date(2019, 4, 30), "310430"),
        (date(2019, 5, 1), "010501"),
        (date(2026, 4, 1), "080401"),
    ],
)
def test_era_dates(day: date, text: str) -> None:
    assert era_date(day) == text


def test_no_era_before_meiji() -> None:
    with pytest.raises(ValueError, match="Meiji"):
        era_date(date(1868, 10, 22))


def test_number_of_a_foreign_residents_juki_card() -> None:
    number = NumberB.of_juki_card(date(2019, 4, 20), date(1980, 2, 17), foreign=True)
    assert number.encode() == b"20190420800217"


def test_number_of_a_juki_card_without_photo() -> None:
    assert NumberB.of_juki_card(date(2019, 4, 20)).encode() == b"20190420"


JUKI_WITH_PHOTO = [
    *(child for child in Tlv.parse(FACE).children if child.tag not in (0xDF24, 0xDF2A)),
    Tlv(0xDF2B, b"2"),
]
JUKI_NAME_ONLY = [
    Tlv(0xDF21, bytes(6)),
    Tlv(0xDF29, b"20190420"),
    Tlv(0xDF2B, b"1"),
    Tlv(0xDF28, b"signature"),
]


def face_of(parts: list[Tlv]) -> Face:
    channel = files(SurfaceSession, ef0002=Tlv(0xFF20, parts).encode())
    return SurfaceSession(channel).open().face()


def test_faces_of_juki_cards() -> None:
    with_photo, name_only = face_of(JUKI_WITH_PHOTO), face_of(JUKI_NAME_ONLY)
    assert (with_photo.form, with_photo.photo) == (CardForm.WITH_PHOTO, bytes(5000))
    assert (with_photo.security_code_image, with_photo.public_key) == (None, None)
    assert (name_only.form, name_only.expires) == (CardForm.NAME_ONLY, date(2019, 4, 20))
    assert (name_only.birth, name_only.birth_text, name_only.sex, name_only.photo) == (None,) * 4


@pytest.mark.parametrize("tag", [0xDF22, 0xDF23, 0xDF25, 0xDF26, 0xDF27, 0xDF28, 0xDF29])
def test_face_of_a_juki_card_with_a_part_missing(tag: int) -> None:
    with pytest.raises(ProtocolError, match="face"):
        face_of([child for child in JUKI_WITH_PHOTO if child.tag != tag])


def test_form_that_is_none() -> None:
    with pytest.raises(ProtocolError, match="face"):
        face_of([*JUKI_WITH_PHOTO[:-1], Tlv(0xDF2B, b"3")])


@pytest.mark.parametrize("text", ["", "123", "1234567890123", "12345678901x", "１２３４５６７８"])
def test_numbers_that_are_none(text: str) -> None:
    for kind in (NumberA, NumberB, BirthPin):
        with pytest.raises(PinFormatError, match="digits") as caught:
            kind(text)
        assert not text or text not in str(caught.value)


def test_kinds_of_secrets_are_not_each_other() -> None:
    assert NumberB("20190420") != BirthPin("201904")
    assert repr(NumberB("1" * 14)) == "<NumberB ****>"
