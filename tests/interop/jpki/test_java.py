"""Java's SunPKCS11 provider lists the certificates in the card and signs with its keys."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from jukicard import Card
from jukihost.sessions.jpki import JpkiKey
from tests.support.cards.jpki_terminal import PASSWORD, PIN, Certificates, der, tries_left
from tests.support.interop.clients import Desk, Done

PROGRAM = Path(__file__).with_name("Sign.java")
MESSAGE = "転入届を出します"


def sign(desk: Desk, slot: int, pin: str) -> Done:
    desk.need("java")
    # it is compiled at every start: no time is lost on optimising it
    java = ("java", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-Dsun.jnu.encoding=UTF-8")
    return desk.run(*java, PROGRAM, desk.module, str(slot), MESSAGE, typed=f"{pin}\n")


@pytest.mark.parametrize(("slot", "pin"), [(0, PIN), (1, PASSWORD)])
def test_the_key_of_each_slot_signs(
    desk: Desk, card: Card, certificates: Certificates, slot: int, pin: str
) -> None:
    desk.pcscd.insert(card)
    done = sign(desk, slot, pin)
    assert done.status == 0, done
    entries = [line.split() for line in done.output.splitlines()]
    keys = [entry for entry in entries if entry[0] == "key"]
    assert len(keys) == 1
    _, signature, shown = keys[0]
    certificate = (certificates.authentication, certificates.signature)[slot]
    assert b64decode(shown) == der(certificate)
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(b64decode(signature), MESSAGE.encode(), padding.PKCS1v15(), hashes.SHA256())
    authorities = {b64decode(entry[1]) for entry in entries if entry[0] == "certificate"}
    both = {der(certificates.authentication_ca), der(certificates.signature_ca)}
    assert authorities == (both if slot == 0 else set())


def test_a_wrong_pin_is_reported_as_incorrect(desk: Desk, card: Card) -> None:
    reader = desk.pcscd.insert(card)
    done = sign(desk, 0, "9999")
    assert done.status != 0
    assert "CKR_PIN_INCORRECT" in done.errors
    assert tries_left(reader, JpkiKey.AUTHENTICATION) == 2
