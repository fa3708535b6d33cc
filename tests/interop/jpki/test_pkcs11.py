"""Programs that sign through OpenSC's PKCS#11 module: `pkcs11-tool` and GnuTLS's `p11tool`.

What the card signed is checked by OpenSSL, with the key in the certificate.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509

from jukicard import Card, CardOptions, issue_card
from jukicard.apdu import StatusWord
from jukicard.runtime.boundary import raise_bug
from jukihost.sessions.jpki import JpkiKey
from tests.support.cards.jpki_terminal import (
    PASSWORD,
    PIN,
    Certificates,
    block,
    public_pem,
    tries_left,
)
from tests.support.interop.clients import Desk

MESSAGE = "申請します\n".encode()
SHA256_INFO = bytes.fromhex("3031300D060960864801650304020105000420")


@dataclass(frozen=True)
class Slot:
    """One of the two slots that OpenSC makes of the card, one for each PIN."""

    index: str
    label: str
    key: JpkiKey
    pin: str
    wrong: str
    certificate: Callable[[Certificates], x509.Certificate]

    @property
    def login(self) -> tuple[str, ...]:
        return ("pkcs11-tool", "--slot-index", self.index, "--login", "--pin", self.pin)

    @property
    def wrong_login(self) -> tuple[str, ...]:
        return (*self.login[:-1], self.wrong, "--list-objects")


AUTHENTICATION = Slot(
    index="0",
    label="User Authentication",
    key=JpkiKey.AUTHENTICATION,
    pin=PIN,
    wrong="9999",
    certificate=lambda certificates: certificates.authentication,
)
SIGNATURE = Slot(
    index="1",
    label="Digital Signature",
    key=JpkiKey.SIGNATURE,
    pin=PASSWORD,
    wrong="ZZZ999",
    certificate=lambda certificates: certificates.signature,
)
BOTH_SLOTS = pytest.mark.parametrize(
    "slot", [AUTHENTICATION, SIGNATURE], ids=["authentication", "signature"]
)


@pytest.fixture(autouse=True)
def programs(desk: Desk) -> None:
    desk.need("pkcs11-tool", "openssl")


def check_signature(desk: Desk, signature: Path, certificate: x509.Certificate) -> None:
    """Let OpenSSL check RSASSA-PKCS1-v1_5 with SHA-256 over MESSAGE."""
    message = desk.file("message", MESSAGE)
    key = desk.file("key.pem", public_pem(certificate))
    checking = ("openssl", "dgst", "-sha256", "-verify", key, "-signature", signature)
    assert "Verified OK" in desk.ask(*checking, message)
    other = desk.file("other", MESSAGE + b"!")
    assert "Verification failure" in desk.refused(*checking, other)


def test_there_is_a_slot_for_each_pin(desk: Desk, card: Card) -> None:
    desk.pcscd.insert(card)
    slots = desk.ask("pkcs11-tool", "--list-slots")
    assert re.findall(r"token label +: (.*)", slots) == [
        "JPKI (User Authentication PIN)",
        "JPKI (Digital Signature PIN)",
    ]
    assert re.findall(r"pin min/max +: (.*)", slots) == ["4/4", "6/16"]
    assert "locked" not in slots


def labels(listing: str, kind: str) -> list[str]:
    return re.findall(rf"^{kind}.*\n +label: +(.*)", listing, re.MULTILINE)


@BOTH_SLOTS
def test_each_pin_shows_its_key_and_certificate(
    desk: Desk, each_card: Card, certificates: Certificates, slot: Slot
) -> None:
    desk.pcscd.insert(each_card)
    public = desk.ask("pkcs11-tool", "--slot-index", slot.index, "--list-objects")
    assert labels(public, "Private Key Object") == []
    listing = desk.ask(*slot.login, "--list-objects")
    assert labels(listing, "Private Key Object") == [f"{slot.label} Key"]
    assert f"{slot.label} Certificate" in labels(listing, "Certificate Object")
    serials = [int(serial, 16) for serial in re.findall(r"serial: +([0-9A-F]+)", listing)]
    assert slot.certificate(certificates).serial_number in serials


@BOTH_SLOTS
def test_each_key_signs_and_openssl_verifies(
    desk: Desk, each_card: Card, certificates: Certificates, slot: Slot
) -> None:
    desk.pcscd.insert(each_card)
    ready = desk.file("info", SHA256_INFO + hashlib.sha256(MESSAGE).digest())
    whole = desk.file("message", MESSAGE)
    for mechanism, data in (("RSA-PKCS", ready), ("SHA256-RSA-PKCS", whole)):
        signature = desk.directory / mechanism
        desk.ask(*slot.login, "--sign", "--mechanism", mechanism, "-i", data, "-o", signature)
        check_signature(desk, signature, slot.certificate(certificates))


@BOTH_SLOTS
def test_openscs_own_test_finds_no_error(desk: Desk, each_card: Card, slot: Slot) -> None:
    desk.pcscd.insert(each_card)
    said = desk.ask(*slot.login, "--test")
    assert f"testing key 0 ({slot.label} Key)" in said
    assert "SHA256-RSA-PKCS: OK" in said
    assert said.rstrip().endswith("No errors")


@BOTH_SLOTS
def test_it_finds_none_on_a_contactless_card(desk: Desk, slot: Slot) -> None:
    desk.pcscd.insert(issue_card("mynumber", seed=1, contactless=True, on_bug=raise_bug))
    said = desk.ask(*slot.login, "--test")
    assert f"testing key 0 ({slot.label} Key)" in said
    assert "SHA256-RSA-PKCS: OK" in said
    assert said.rstrip().endswith("No errors")


@BOTH_SLOTS
def test_a_wrong_pin_is_reported_as_incorrect(desk: Desk, card: Card, slot: Slot) -> None:
    reader = desk.pcscd.insert(card)
    most = tries_left(reader, slot.key)
    assert "CKR_PIN_INCORRECT" in desk.refused(*slot.wrong_login)
    assert tries_left(reader, slot.key) == most - 1
    desk.ask(*slot.login, "--list-objects")
    assert tries_left(reader, slot.key) == most


def test_the_last_try_but_one_shows_on_the_token(desk: Desk, card: Card) -> None:
    desk.pcscd.insert(card)
    for _ in range(2):
        desk.refused(*AUTHENTICATION.wrong_login)
    assert "final user PIN try" in desk.ask("pkcs11-tool", "--list-slots")


@BOTH_SLOTS
@pytest.mark.parametrize(
    ("blocked", "code"), [(0x6984, "CKR_GENERAL_ERROR"), (0x6983, "CKR_PIN_LOCKED")]
)
def test_a_blocked_pin_is_reported_and_shows_on_the_token(
    desk: Desk, slot: Slot, blocked: int, code: str
) -> None:
    """To 6984, which real cards answer, OpenSC has no PIN error; the option 6983 is for that."""

    def answering(options: CardOptions) -> CardOptions:
        return replace(options, blocked_status=StatusWord(blocked))

    reader = desk.pcscd.insert(issue_card("mynumber", seed=1, options=answering))
    block(reader, slot.key)
    assert code in desk.refused(*slot.login, "--list-objects")
    assert desk.ask("pkcs11-tool", "--list-slots").count("user PIN locked") == 1


def test_gnutls_lists_and_signs(desk: Desk, card: Card) -> None:
    desk.need("p11tool")
    desk.pcscd.insert(card)
    desk.environment["GNUTLS_PIN"] = PIN
    token = "pkcs11:token=JPKI%20%28User%20Authentication%20PIN%29"
    tool = ("p11tool", "--provider", desk.module, "--batch", "--login")
    listing = desk.ask(*tool, "--list-all", token)
    assert re.findall(r"Type: (Private .*)", listing) == ["Private key (RSA-2048)"]
    said = desk.run(*tool, "--test-sign", f"{token};id=%01;type=private")
    assert said.status == 0, said
    assert said.said.count("... ok") == 3, said
