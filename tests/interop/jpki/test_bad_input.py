"""What no client should send, sent through PC/SC: a documented answer, and the card is intact."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from jukicard import Card
from jukicard.transport.traced import TracedCard
from jukihost.channel import build_channel
from jukihost.conversation.refusals import PinNotVerified
from jukihost.errors import (
    CardRemoved,
    ConditionsNotSatisfied,
    PinFormatError,
    TransportError,
    WrongLength,
)
from jukihost.sessions.jpki import JpkiKey, JpkiSession, SignatureVariant
from jukihost.transport.pcsc.connection import PcscConnection
from tests.support.cards.jpki_terminal import PASSWORD, PIN, Certificates, session, verify
from tests.support.interop.clients import Desk

MESSAGE = b"JPKI"
INFO = bytes.fromhex("3031300D060960864801650304020105000420") + hashlib.sha256(MESSAGE).digest()
HEAD, TAIL = INFO[:16].hex(), INFO[16:].hex()
SIGN = f"802A0080 33 {INFO.hex()} 00"
SIGNED = "*9000"

SELECT = "00A4040C 0A D392F000260100000001 -> 9000\n"
READY = f"{SELECT} 00200098 04 {PIN.encode().hex()} -> 9000\n 00A4020C 02 0017 -> 9000\n"
"""The PIN is verified and the authentication key is the current EF."""

SCRIPTS = {
    "lengths": f"""
        802A0080 -> 6700
        802A0080 00 -> 6700
        802A0080 33 {INFO.hex()} -> 6700
        802A0080 F6 {"11" * 246} 00 -> 6700
        802A0080 FF {"11" * 255} 00 -> 6700
        802A0080 32 {INFO.hex()} 00 -> 6700
        802A0080 34 {INFO.hex()} 00 -> 6700
        802A0280 1F {"11" * 31} 00 -> 6985
        802A0280 21 {"11" * 33} 00 -> 6985
        802A0480 33 {INFO.hex()} 00 -> 6985
        802A0080 F5 {"11" * 245} 00 -> {SIGNED}
        802A0080 01 11 00 -> {SIGNED}
        """,
    "parameters and classes": f"""
        802A0680 33 {INFO.hex()} 00 -> 6A86
        802AFF80 33 {INFO.hex()} 00 -> 6A86
        802A0000 33 {INFO.hex()} 00 -> 6A86
        002A0080 33 {INFO.hex()} 00 -> 6D00
        002A9E9A 33 {INFO.hex()} 00 -> 6D00
        812A0080 33 {INFO.hex()} 00 -> 6881
        FF2A0080 33 {INFO.hex()} 00 -> 6E00
        """,
    "files": f"""
        802A008A 33 {INFO.hex()} 00 -> 6981
        00A4020C 02 0018 -> 9000
        {SIGN} -> 6981
        00A4020C 02 0006 -> 9000
        {SIGN} -> 6981
        00A4020C 02 0077 -> 6A82
        {SIGN} -> 6981
        802A009D 33 {INFO.hex()} 00 -> 6A82
        802A009A 33 {INFO.hex()} 00 -> 6982
        {SELECT}
        {SIGN} -> 6986
        802A0097 33 {INFO.hex()} 00 -> {SIGNED}
        """,
    "chains": f"""
        902A0080 10 {HEAD} -> 9000
        802A0080 23 {TAIL} 00 -> {SIGNED}
        902A0080 10 {HEAD} -> 9000
        00200080 -> 6883
        802A0080 23 {TAIL} 00 -> {SIGNED}
        902A0080 10 {HEAD} -> 9000
        802A0180 23 {TAIL} 00 -> 6883
        902A0080 FF {"11" * 255} -> 9000
        802A0080 23 {TAIL} 00 -> 6700
        90200080 04 {PIN.encode().hex()} -> 6884
        """,
    "extended lengths": f"""
        802A0080 000033 {INFO.hex()} 0000 -> {SIGNED}
        802A0080 000033 {INFO.hex()} 0100 -> {SIGNED}
        902A0080 000010 {HEAD} -> 9000
        802A0080 000023 {TAIL} 0000 -> {SIGNED}
        802A0080 000034 {INFO.hex()} 0000 -> 6700
        802A0080 0000F6 {"11" * 246} 0000 -> 6700
        802A0080 000200 {"11" * 512} 0000 -> 6700
        802A0080 000000 {INFO.hex()} 0000 -> 6700
        """,
    "an answer in parts": f"""
        802A0080 33 {INFO.hex()} 80 -> *6180
        00C00000 80 -> *9000
        00C00000 00 -> 6985
        802A0080 000033 {INFO.hex()} 00FF -> *6101
        {SIGN} -> {SIGNED}
        00C00000 01 -> 6985
        """,
}


def play(card: Card, send: Callable[[bytes], bytes], script: str) -> None:
    """Send `command -> answer` lines; an answer `*9000` has any data before the status."""
    played = 0
    for line in filter(str.strip, script.splitlines()):
        command, _, wanted = line.replace(" ", "").partition("->")
        answer = send(bytes.fromhex(command)).hex().upper()
        good = (
            answer.endswith(wanted[1:]) and len(answer) > 4 if "*" in wanted else answer == wanted
        )
        assert good, f"{line.strip()[:60]}: {answer}; {card.last_refusal}"
        played += 1
    assert played, "a script without a line tests nothing"


def check_intact(reader: str, certificates: Certificates) -> None:
    """Nothing was lost, and both keys sign with what their certificates say."""
    with session(reader) as jpki:
        assert jpki.pin_retries(JpkiKey.AUTHENTICATION) == 3
        assert jpki.pin_retries(JpkiKey.SIGNATURE) == 5
        for key, pin, certificate in (
            (JpkiKey.AUTHENTICATION, PIN, certificates.authentication),
            (JpkiKey.SIGNATURE, PASSWORD, certificates.signature),
        ):
            verify(jpki, key, pin)
            assert jpki.certificate(key) == certificate
            public = certificate.public_key()
            assert isinstance(public, rsa.RSAPublicKey)
            signature = jpki.sign(key, INFO)
            public.verify(signature, MESSAGE, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_variant_has_its_answer(
    desk: Desk, card: Card, certificates: Certificates, name: str
) -> None:
    reader = desk.pcscd.insert(card)
    with PcscConnection(reader) as connection:
        play(card, connection.transmit, READY + SCRIPTS[name])
    check_intact(reader, certificates)


def test_refusals_are_typed_for_the_terminal(
    desk: Desk, card: Card, certificates: Certificates
) -> None:
    reader = desk.pcscd.insert(card)
    key = JpkiKey.AUTHENTICATION
    with session(reader) as jpki:
        with pytest.raises(PinNotVerified):
            jpki.sign(key, INFO)
        with pytest.raises(PinNotVerified):
            jpki.certificate(JpkiKey.SIGNATURE)
        jpki.verify_pin(PIN)
        with pytest.raises(PinNotVerified):
            jpki.sign(JpkiKey.SIGNATURE, INFO)
        with pytest.raises(WrongLength):
            jpki.sign(key, bytes(246))
        with pytest.raises(ConditionsNotSatisfied):
            jpki.sign(key, bytes(31), SignatureVariant.PREHASHED)
        with pytest.raises(PinFormatError):
            jpki.verify_pin("12345")
    check_intact(reader, certificates)


# -- a card that is pulled while it signs ---------------------------------------------------------


class PulledWhileSigning:
    """An observer that holds the card's answer to a signature until the test let it go."""

    def __init__(self) -> None:
        self.signing = threading.Event()
        self.pulled = threading.Event()

    def command(self, raw: bytes) -> None:
        if raw[1] == 0x2A:
            self.signing.set()

    def response(self, raw: bytes) -> None:
        if self.signing.is_set():
            self.pulled.wait(60)

    def reset(self, atr: bytes) -> None:
        pass


def test_a_card_pulled_while_it_signs_is_an_error_and_the_card_is_intact(
    desk: Desk, card: Card, certificates: Certificates
) -> None:
    pulled = PulledWhileSigning()
    reader = desk.pcscd.insert(TracedCard(card, pulled))
    with PcscConnection(reader) as connection, ThreadPoolExecutor(2) as threads:
        jpki = JpkiSession(build_channel(connection)).open()
        jpki.verify_pin(PIN)
        signature = threads.submit(jpki.sign, JpkiKey.AUTHENTICATION, INFO)
        assert pulled.signing.wait(60)
        removal = threads.submit(desk.pcscd.slots.slots[0].remove)
        try:
            # pcscd reports no failure, but an answer without a single byte
            with pytest.raises(CardRemoved):
                signature.result(20)
        finally:
            pulled.pulled.set()
        removal.result(20)
        desk.pcscd.wait_for_card(present=False)
        with pytest.raises(TransportError):
            jpki.pin_retries(JpkiKey.AUTHENTICATION)
    reader = desk.pcscd.insert(card)
    with session(reader) as again, pytest.raises(PinNotVerified):
        again.sign(JpkiKey.AUTHENTICATION, INFO)
    check_intact(reader, certificates)
