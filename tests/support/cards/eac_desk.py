"""A Juki card that lets systems in by certificate, the authorities behind it, and a naive terminal.

The certificates are made by `cvc_writer`; the terminal's part of the protocol is written here from
docs/card.md, on the cipher library alone.
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from jukicard.apdu import CommandApdu, ResponseApdu, Tlv
from tests.support.cards.juki_desk import Desk, desk, issued
from tests.support.naive.cvc_writer import ECDSA_SHA256, Draft, key, sign
from tests.support.naive.sm_reader import NaiveReader
from tests.support.naive.terminal import NaiveTerminal, cmac

TERMINAL_TYPE = bytes.fromhex("88370101")
ROOT, AUTHORITY, SYSTEM = b"JPJUKICVCA00001", b"JPMUNICIPAL0001", b"JPTERMINAL00001"
ROOT_KEY, AUTHORITY_KEY, SYSTEM_KEY, CHIP_KEY, EPHEMERAL = (key(number) for number in range(11, 16))
CVCA, DV, TERMINAL = 0xC0, 0x80, 0x00
ALL_RIGHTS = 0x1F
CA_AES128 = bytes.fromhex("04007F00070202030202")

ROOT_DRAFT = Draft(
    ROOT, ROOT, ROOT_KEY, ROOT_KEY, bytes((CVCA | ALL_RIGHTS,)), parameters=True,
    terminal_type=TERMINAL_TYPE,
)  # fmt: skip
DV_DRAFT = Draft(
    ROOT, AUTHORITY, AUTHORITY_KEY, ROOT_KEY, bytes((DV | ALL_RIGHTS,)),
    terminal_type=TERMINAL_TYPE,
)  # fmt: skip
SYSTEM_DRAFT = Draft(
    AUTHORITY, SYSTEM, SYSTEM_KEY, AUTHORITY_KEY, bytes((TERMINAL | 0b01000,)),
    terminal_type=TERMINAL_TYPE,
)  # fmt: skip
"""A system for the counter: bit 3, as the key with reference 4."""


def der(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def point(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def certificate(draft: Draft) -> bytes:
    """The whole certificate, DO 7F21."""
    return Tlv(0x7F21, draft.content()).encode()


@dataclass
class EacTerminal:
    """The terminal's steps, each by itself so that a test may leave one out or do it wrong."""

    desk: Desk
    ephemeral: ec.EllipticCurvePrivateKey = field(default_factory=lambda: EPHEMERAL)

    @property
    def terminal(self) -> NaiveTerminal:
        return self.desk.terminal

    @property
    def compressed(self) -> bytes:
        return point(self.ephemeral)[1:33]

    def _answer(self, command: CommandApdu) -> ResponseApdu:
        return self.terminal.plain(command)

    def _send(self, ins: int, p1: int, p2: int, data: bytes) -> int:
        return int(self._answer(CommandApdu(0x00, ins, p1, p2, data)).status)

    def set_issuer(self, reference: bytes) -> int:
        return self._send(0x22, 0x81, 0xB6, Tlv(0x83, reference).encode())

    def verify_certificate(self, content: bytes) -> int:
        return self._send(0x2A, 0x00, 0xBE, content)

    def present(self, *drafts: Draft) -> int:
        """Show certificates one after the other; the last status, or the first refusal."""
        status = 0x9000
        for draft in drafts:
            for status in (self.set_issuer(draft.issuer), self.verify_certificate(draft.content())):
                if status != 0x9000:
                    return status
        return status

    def set_terminal(self, reference: bytes = SYSTEM, algorithm: bytes = ECDSA_SHA256) -> int:
        objects = Tlv(0x80, algorithm), Tlv(0x83, reference), Tlv(0x91, self.compressed)
        return self._send(0x22, 0x81, 0xA4, b"".join(tlv.encode() for tlv in objects))

    def signature(self, signer: ec.EllipticCurvePrivateKey = SYSTEM_KEY) -> bytes:
        challenge = self.terminal.get_challenge().data
        return sign(signer, self.terminal.card_number + challenge + self.compressed)

    def external_authenticate(self, signature: bytes) -> int:
        return self._send(0x82, 0x00, 0x00, signature)

    def set_chip(self, algorithm: bytes = CA_AES128) -> int:
        return self._send(0x22, 0x41, 0xA4, Tlv(0x80, algorithm).encode())

    def general_authenticate(self, sent: bytes | None = None) -> int:
        """Agree on keys; on success the card has proven its key, and a session is open."""
        public = point(self.ephemeral) if sent is None else sent
        data = Tlv(0x7C, [Tlv(0x80, public)]).encode()
        answer = self._answer(CommandApdu(0x00, 0x86, 0, 0, data, 256))
        if answer.status == 0x9000:
            nonce, token = (tlv.value for tlv in Tlv.parse(answer.data).children)
            secret = self.ephemeral.exchange(ec.ECDH(), CHIP_KEY.public_key()) + nonce
            enc, mac = (hashlib.sha1(secret + bytes((0, 0, 0, n))).digest()[:16] for n in (1, 2))
            covered = Tlv(0x7F49, [Tlv(0x06, CA_AES128), Tlv(0x86, public)]).encode()
            assert token == cmac(mac, covered)[:8], "the card has not proven its key"
            self.terminal.sessions[0] = NaiveReader(enc, mac, 0)
        return int(answer.status)

    def prove_terminal(self) -> None:
        """Terminal authentication, all of it."""
        assert self.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
        assert self.set_terminal() == 0x9000
        assert self.external_authenticate(self.signature()) == 0x9000

    def establish(self) -> None:
        """Terminal and chip authentication."""
        self.prove_terminal()
        assert self.set_chip() == 0x9000
        assert self.general_authenticate() == 0x9000


def eac_desk(*anchors: Draft) -> EacTerminal:
    """A powered card that trusts the authorities given, or the one root."""
    snapshot = issued(
        trust_anchors=[certificate(draft) for draft in anchors or (ROOT_DRAFT,)],
        chip_key=der(CHIP_KEY),
    )
    return EacTerminal(desk(snapshot))


def date_of(there: EacTerminal) -> datetime.date:
    """The card's date, which its certificates have moved."""
    application = there.desk.card.applications.get(bytes.fromhex("D3921000310001010401"))
    assert application is not None
    date = application.applet.trust.date  # type: ignore[attr-defined]
    assert isinstance(date, datetime.date)
    return date
