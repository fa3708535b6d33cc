"""The JPKI session against scripts of what real clients send and real cards answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord
from jukihost.channel import PlainChannel
from jukihost.conversation.refusals import NoCertificate, PinNotVerified
from jukihost.conversation.secrets import SignaturePassword
from jukihost.errors import (
    AppletNotFound,
    FileNotFound,
    PinBlocked,
    PinFormatError,
    PinRejected,
    ProtocolError,
    StatusError,
    WrongParameters,
)
from jukihost.sessions.jpki import (
    Availability,
    JpkiKey,
    JpkiSession,
    SignatureVariant,
    TokenKind,
)
from jukihost.signing.key import HashName
from jukihost.signing.raw import sign_raw, verify_raw
from tests.support.host.fakes import AnswerChannel, ScriptedConnection, answers
from tests.support.host.pki import Authority, SoftwareKey

SELECT = ("00A4040C0AD392F000260100000001", "9000")
DIGEST_INFO = "3031300D060960864801650304020105000420" + "AB" * 32


def ef(identifier: str) -> tuple[str, str]:
    return (f"00A4020C02{identifier}", "9000")


def session(*exchanges: tuple[str, str]) -> JpkiSession:
    return JpkiSession(PlainChannel(ScriptedConnection(SELECT, *exchanges))).open()


def name(text: str) -> str:
    return text.ljust(32).encode().hex()


# --- the token ---


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("JPKIAPICCTOKEN", TokenKind.JUKI_CARD),
        ("JPKIAPICCTOKEN2", TokenKind.MY_NUMBER_CARD),
        ("JPKIAPGPSETOKEN", TokenKind.ANDROID),
        ("JPKIAPIOSTOKEN", TokenKind.IPHONE),
        ("SOMETHING NEW", None),
    ],
)
def test_token(text: str, kind: TokenKind | None) -> None:
    content = name(text) + "00" * 128
    token = session(ef("0006"), ("00B00000A0", content + "9000")).token()
    assert (token.name, token.kind) == (text, kind)
    assert len(token.content) == 160


def test_token_whose_name_is_no_text() -> None:
    with pytest.raises(ProtocolError, match="name"):
        session(ef("0006"), ("00B00000A0", "FF" * 160 + "9000")).token()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("8F8F00", Availability(True, True)),
        ("8F0000", Availability(True, False)),
        ("008F00", Availability(False, True)),
        ("000000", Availability(False, False)),
    ],
)
def test_availability(content: str, expected: Availability) -> None:
    assert session(ef("0008"), ("00B0000003", content + "9000")).availability() == expected


def test_availability_of_a_card_that_does_not_say() -> None:
    script = [("00A4020C020008", "6A82"), ef("001A"), ("00A4020C020017", "6A82")]
    assert session(*script).availability() == Availability(True, False)


def test_availability_that_is_too_short() -> None:
    with pytest.raises(ProtocolError):
        session(ef("0008"), ("00B0000003", "8F9000"), ("00B0000102", "6B00")).availability()


def test_another_card() -> None:
    with pytest.raises(AppletNotFound):
        JpkiSession(answers("6A82")).open()


# --- certificates ---


def issued() -> SoftwareKey:
    return Authority.make().issue()


class Files:
    """Transparent files by identifier, filled with FF as real ones are; counts what was read."""

    def __init__(self, files: dict[int, bytes], size: int = 2048) -> None:
        self.files = {number: content.ljust(size, b"\xff") for number, content in files.items()}
        self.current = b""
        self.read = 0

    def answer(self, command: CommandApdu) -> ResponseApdu:
        if command.ins == 0xB0:
            offset = command.p1 << 8 | command.p2
            piece = self.current[offset : offset + command.ne]
            self.read += len(piece)
            return ResponseApdu(piece)
        if command.p1 == 0x02:
            number = int.from_bytes(command.data, "big")
            if number not in self.files:
                return ResponseApdu(status=StatusWord.FILE_NOT_FOUND)
            self.current = self.files[number]
        return ResponseApdu()


def test_certificates_are_read_to_their_end_and_no_further() -> None:
    key = issued()
    der = [it.public_bytes(Encoding.DER) for it in (key.certificate, key.authorities[0])]
    files = Files({0x0A: der[0], 0x0B: der[1]})
    jpki = JpkiSession(AnswerChannel(files.answer)).open()
    assert jpki.certificate(JpkiKey.AUTHENTICATION) == key.certificate
    assert files.read == len(der[0])
    assert jpki.authority_certificate(JpkiKey.AUTHENTICATION) == key.authorities[0]
    with pytest.raises(FileNotFound):
        jpki.certificate(JpkiKey.SIGNATURE)


@pytest.mark.parametrize("size", [1, 254, 255, 256, 257, 511, 512, 513, 1300])
def test_objects_of_every_size(size: int) -> None:
    from jukicard.apdu import Tlv

    content = Tlv(0x30, bytes(index % 251 for index in range(size))).encode()
    files = Files({0x02: content})
    assert JpkiSession(AnswerChannel(files.answer)).open().read_object(0x02) == content


@pytest.mark.parametrize("filler", [b"", b"\xff", b"\x00" * 2000])
def test_no_certificate_yet(filler: bytes) -> None:
    jpki = JpkiSession(AnswerChannel(Files({0x01: filler}).answer)).open()
    with pytest.raises(NoCertificate, match="issued at the counter"):
        jpki.certificate(JpkiKey.SIGNATURE)


@pytest.mark.parametrize(
    "content", ["3080", "30820800" + "00" * 10, "3003020100", "30850000000001"]
)
def test_malformed_certificate(content: str) -> None:
    jpki = JpkiSession(AnswerChannel(Files({0x01: bytes.fromhex(content)}, 300).answer)).open()
    with pytest.raises(ProtocolError):
        jpki.certificate(JpkiKey.SIGNATURE)


def test_certificate_before_the_password() -> None:
    with pytest.raises(PinNotVerified) as caught:
        session(ef("0001"), ("00B0000000", "6982")).certificate(JpkiKey.SIGNATURE)
    assert caught.value.status == 0x6982


# --- PINs ---


@pytest.mark.parametrize(
    ("key", "file", "left"),
    [
        (JpkiKey.SIGNATURE, "001B", 5),
        (JpkiKey.AUTHENTICATION, "0018", 3),
    ],
)
def test_retries(key: JpkiKey, file: str, left: int) -> None:
    assert session(ef(file), ("00200080", f"63C{left}")).pin_retries(key) == left


def test_password_goes_in_capitals() -> None:
    session(ef("001B"), ("00200080084142434431323334", "9000")).verify_password("abcd1234")


def test_pin_of_the_authentication_key() -> None:
    session(ef("0018"), ("002000800431323334", "9000")).verify_pin("1234")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("63C4", PinRejected),
        ("63C0", PinBlocked),
        ("6984", PinBlocked),
        ("6983", PinBlocked),
    ],
)
def test_refused_password(status: str, kind: type[StatusError]) -> None:
    with pytest.raises(kind) as caught:
        session(ef("001B"), ("0020008006414243444546", status)).verify_password("ABCDEF")
    assert "ABCDEF" not in f"{caught.value}{caught.value!r}"


def test_changes() -> None:
    session(ef("001B"), ("0024018006414243444531", "9000")).change_password("abcde1")
    session(ef("0018"), ("002401800435363738", "9000")).change_pin("5678")


@pytest.mark.parametrize(
    "act",
    [
        lambda jpki: jpki.verify_password("ABC"),
        lambda jpki: jpki.verify_password("A" * 17),
        lambda jpki: jpki.verify_password("ABC-12"),
        lambda jpki: jpki.verify_password("ＡＢＣ１２３"),
        lambda jpki: jpki.verify_password("straße1"),
        lambda jpki: jpki.change_password("ABCDEF"),
        lambda jpki: jpki.change_password("123456"),
        lambda jpki: jpki.change_password("ABC12"),
        lambda jpki: jpki.verify_pin("12345"),
        lambda jpki: jpki.change_pin("12"),
    ],
)
def test_malformed_secrets_send_nothing(act: Callable[[JpkiSession], object]) -> None:
    with pytest.raises(PinFormatError, match="nothing was sent"):
        act(session())


def test_password_of_the_first_years_can_be_verified() -> None:
    session(ef("001B"), ("00200080044A554B49", "9000")).verify_password("juki")


def test_change_before_verification() -> None:
    with pytest.raises(PinNotVerified):
        session(ef("001B"), ("0024018006414243444531", "6982")).change_password("ABCDE1")


# --- signatures ---


@pytest.mark.parametrize(
    ("key", "file"),
    [
        (JpkiKey.SIGNATURE, "001A"),
        (JpkiKey.AUTHENTICATION, "0017"),
    ],
)
def test_sign(key: JpkiKey, file: str) -> None:
    script = [ef(file), (f"802A008033{DIGEST_INFO}00", "5A" * 128 + "9000")]
    assert session(*script).sign(key, bytes.fromhex(DIGEST_INFO)) == b"\x5a" * 128


@pytest.mark.parametrize("variant", SignatureVariant)
def test_variants_are_p1(variant: SignatureVariant) -> None:
    script = [ef("001A"), (f"802A{variant:02X}8002010200", "5A9000")]
    assert session(*script).sign(JpkiKey.SIGNATURE, b"\1\2", variant) == b"\x5a"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("6982", PinNotVerified),
        ("6A86", WrongParameters),
        ("6985", StatusError),
        ("6700", StatusError),
    ],
)
def test_refused_signature(status: str, kind: type[StatusError]) -> None:
    with pytest.raises(kind, match=status):
        session(ef("001A"), ("802A0080010100", status)).sign(JpkiKey.SIGNATURE, b"\1")


@pytest.mark.parametrize("size", [0, 256])
def test_too_little_or_too_much_to_sign(size: int) -> None:
    with pytest.raises(ValueError, match="1 to 255"):
        session().sign(JpkiKey.SIGNATURE, bytes(size))


def test_key_for_the_signing_functions() -> None:
    key = issued()
    files = Files(
        {
            0x01: key.certificate.public_bytes(Encoding.DER),
            0x02: key.authorities[0].public_bytes(Encoding.DER),
            0x1A: b"",
        }
    )

    def answer(command: CommandApdu) -> ResponseApdu:
        if command.ins == 0x2A:
            return ResponseApdu(key.sign(command.data))
        return files.answer(command)

    jpki = JpkiSession(AnswerChannel(answer)).open()
    card_key = jpki.signing_key(JpkiKey.SIGNATURE)
    assert card_key.authorities == key.authorities
    assert card_key.public_key.public_numbers() == key.public_key.public_numbers()
    verify_raw(
        key.certificate, b"text", sign_raw(card_key, b"text", HashName.SHA384), HashName.SHA384
    )
    assert "function" not in repr(card_key)


# --- the password ---


def test_password_shows_nowhere() -> None:
    password = SignaturePassword("Secret123")
    assert "ecret" not in f"{password}{password!r}".lower()
    assert password.encode() == b"SECRET123"
    assert password == SignaturePassword("SECRET123")
    assert password != SignaturePassword("SECRET124")
    assert len({password, SignaturePassword("secret123")}) == 1
    with pytest.raises(TypeError, match="not stored"):
        password.__reduce__()
