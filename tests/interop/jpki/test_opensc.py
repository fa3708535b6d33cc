"""OpenSC's JPKI driver takes the card for a real one: it binds, reads, and says what a PIN did."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from cryptography import x509

from jukicard import Card, CardOptions, issue_card
from jukicard.apdu import StatusWord
from jukicard.apdu.trace import DumpCommand, DumpWriter, parse_dump
from jukicard.transport.traced import TracedCard
from jukihost.conversation.refusals import PinNotVerified
from jukihost.sessions.jpki import JpkiKey
from tests.support.cards.jpki_terminal import (
    PASSWORD,
    PIN,
    Certificates,
    block,
    der,
    shared_session,
    tries_left,
    verify,
)
from tests.support.interop.clients import Desk

SELECT_JPKI = bytes.fromhex("00A4040C0AD392F000260100000001")

BOTH_KEYS = pytest.mark.parametrize(
    ("key", "number", "right", "wrong"),
    [
        pytest.param(JpkiKey.AUTHENTICATION, "1", PIN, "9999", id="authentication"),
        pytest.param(JpkiKey.SIGNATURE, "2", PASSWORD, "ZZZ999", id="signature"),
    ],
)


def answering_6983(options: CardOptions) -> CardOptions:
    return replace(options, blocked_status=StatusWord.AUTHENTICATION_METHOD_BLOCKED)


@pytest.fixture(autouse=True)
def programs(desk: Desk) -> None:
    desk.need("opensc-tool", "pkcs15-tool")


# -- recognition ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "asked"), [("juki-v2", False), ("mynumber", True)], ids=["ATR", "application"]
)
def test_the_card_is_recognised_by_its(desk: Desk, profile: str, *, asked: bool) -> None:
    lines: list[str] = []
    desk.pcscd.insert(TracedCard(issue_card(profile, seed=1), DumpWriter(lines.append)))
    assert desk.ask("opensc-tool", "--name").strip() == "jpki"
    commands = [e for e in parse_dump("\n".join(lines)) if isinstance(e, DumpCommand)]
    assert commands, "OpenSC always asks for other cards' applications first"
    assert any(command.pattern.matches(SELECT_JPKI) for command in commands) == asked


def test_a_card_with_the_signature_pair_only_is_known_but_not_usable(desk: Desk) -> None:
    """As all Juki cards were: the driver wants the PIN of the other pair, hence `compat`."""
    desk.pcscd.insert(issue_card("juki-v2", seed=1))
    assert desk.ask("opensc-tool", "--name").strip() == "jpki"
    assert "Unsupported card" in desk.refused("pkcs15-tool", "--dump")


# -- reading --------------------------------------------------------------------------------------


def test_the_dump_shows_pins_keys_and_certificates(
    desk: Desk, each_card: Card, certificates: Certificates
) -> None:
    desk.pcscd.insert(each_card)
    said = desk.ask("pkcs15-tool", "--dump")
    assert re.findall(r"^([A-Z].*?) \[(.*)\]", said, re.MULTILINE) == [
        ("PKCS#15 Card", "JPKI"),
        ("PIN", "User Authentication PIN"),
        ("PIN", "Digital Signature PIN"),
        ("Private RSA Key", "User Authentication Key"),
        ("Private RSA Key", "Digital Signature Key"),
        ("Public RSA Key", "User Authentication Public Key"),
        ("Public RSA Key", "Digital Signature Public Key"),
        ("X.509 Certificate", "User Authentication Certificate"),
        ("X.509 Certificate", "Digital Signature Certificate"),
        ("X.509 Certificate", "User Authentication Certificate CA"),
        ("X.509 Certificate", "Digital Signature Certificate CA"),
    ]
    assert re.findall(r"Tries left +: (\d+)", said) == ["3", "5"]
    # of the signature certificate it shows none: that one needs the password
    serials = re.findall(r"Encoded serial : 02 .. ([0-9A-F]+)", said)
    assert [int(serial, 16) for serial in serials] == [
        certificates.authentication.serial_number,
        certificates.authentication_ca.serial_number,
        certificates.signature_ca.serial_number,
    ]


def read_certificate(desk: Desk, number: int, *arguments: str) -> bytes:
    said = desk.ask("pkcs15-tool", "--read-certificate", str(number), *arguments)
    return der(x509.load_pem_x509_certificate(said.encode()))


def test_certificates_are_read_to_the_byte(
    desk: Desk, each_card: Card, certificates: Certificates
) -> None:
    desk.pcscd.insert(each_card)
    assert read_certificate(desk, 1) == der(certificates.authentication)
    assert read_certificate(desk, 3) == der(certificates.authentication_ca)
    assert read_certificate(desk, 4) == der(certificates.signature_ca)


def test_the_signature_certificate_needs_its_password(
    desk: Desk, each_card: Card, certificates: Certificates
) -> None:
    desk.pcscd.insert(each_card)
    assert "Certificate read failed" in desk.refused("pkcs15-tool", "--read-certificate", "2")
    given = ("--verify-pin", "--auth-id", "2", "--pin", PASSWORD)
    assert read_certificate(desk, 2, *given) == der(certificates.signature)


# -- PINs -----------------------------------------------------------------------------------------


@BOTH_KEYS
def test_right_and_wrong_pins_are_reported_as_such(
    desk: Desk, each_card: Card, key: JpkiKey, number: str, right: str, wrong: str
) -> None:
    reader = desk.pcscd.insert(each_card)
    most = tries_left(reader, key)
    give = ("pkcs15-tool", "--verify-pin", "--auth-id", number, "--pin")
    assert "PIN code or key incorrect" in desk.refused(*give, wrong)
    assert tries_left(reader, key) == most - 1
    desk.ask(*give, right)
    assert tries_left(reader, key) == most


@BOTH_KEYS
@pytest.mark.parametrize("blocked", ["6984", "6983"])
def test_a_blocked_pin_is_reported_as_such(
    desk: Desk, key: JpkiKey, number: str, right: str, wrong: str, blocked: str
) -> None:
    """What the real card answers means something else to OpenSC; the option is for such clients."""
    options = answering_6983 if blocked == "6983" else None
    reader = desk.pcscd.insert(issue_card("mynumber", seed=1, options=options))
    give = ("pkcs15-tool", "--verify-pin", "--auth-id", number, "--pin")
    for _ in range(tries_left(reader, key)):
        assert "PIN code or key incorrect" in desk.refused(*give, wrong)
    said = {"6984": "Reference data not usable", "6983": "Authentication method blocked"}
    assert said[blocked] in desk.refused(*give, right)
    assert tries_left(reader, key) == 0


# -- two programs at once -------------------------------------------------------------------------


def dumped_tries(desk: Desk) -> list[str]:
    return re.findall(r"Tries left +: (\d+)", desk.ask("pkcs15-tool", "--dump"))


@BOTH_KEYS
def test_a_second_program_binds_while_the_pin_is_verified(
    desk: Desk, card: Card, key: JpkiKey, number: str, right: str, wrong: str
) -> None:
    reader = desk.pcscd.insert(card)
    with shared_session(reader) as jpki:
        verify(jpki, key, right)
        assert dumped_tries(desk) == ["3", "5"]
        assert len(jpki.sign(key, b"still verified")) == 256
        # and a wrong PIN of one program is a wrong PIN for the other, too
        desk.refused("pkcs15-tool", "--verify-pin", "--auth-id", number, "--pin", wrong)
        with pytest.raises(PinNotVerified):
            jpki.sign(key, b"not verified")


@BOTH_KEYS
def test_a_second_program_binds_while_the_pin_is_blocked(
    desk: Desk, card: Card, key: JpkiKey, number: str, right: str, wrong: str
) -> None:
    reader = desk.pcscd.insert(card)
    block(reader, key)
    with shared_session(reader):
        assert dumped_tries(desk) == (["0", "5"] if number == "1" else ["3", "0"])
        assert "not usable" in desk.refused(
            "pkcs15-tool", "--verify-pin", "--auth-id", number, "--pin", right
        )
        # the other PIN works as before
        number, right = ("2", PASSWORD) if number == "1" else ("1", PIN)
        desk.ask("pkcs15-tool", "--verify-pin", "--auth-id", number, "--pin", right)
