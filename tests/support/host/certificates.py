"""Authorities, a system and a chip's key of the test's own, for sessions by certificate."""

from __future__ import annotations

from datetime import date

from cryptography.hazmat.primitives.asymmetric import ec

from jukicard import Card
from jukicard.crypto.asymmetric import EcPrivateKey
from jukicard.crypto.curves import BRAINPOOL_P256R1
from jukicard.crypto.cvc import Certificate, trust_anchor
from jukicard.environment import SeededRandom
from jukicard.kit.features.certificates import Certificates
from jukihost.authentication.eac import TerminalIdentity
from jukihost.crypto.cvc import Authorization, CvCertificate, issue_certificate
from jukihost.crypto.signatures import ecdsa_signer
from jukihost.models import Purpose
from jukihost.sessions.juki import TERMINAL_TYPE, JukiSession

ROOT, AUTHORITY, TERMINAL = (ec.generate_private_key(ec.BrainpoolP256R1()) for _ in range(3))
CHIP = EcPrivateKey.generate(BRAINPOOL_P256R1, SeededRandom("chip").take)
CHIP_KEY = ec.EllipticCurvePublicKey.from_encoded_point(ec.BrainpoolP256R1(), CHIP.public.point)
FROM, UNTIL = date(2015, 1, 1), date(2040, 1, 1)


def certificate(
    signer: ec.EllipticCurvePrivateKey,
    names: tuple[bytes, bytes],
    key: ec.EllipticCurvePrivateKey,
    mask: int,
    oid: bytes = TERMINAL_TYPE,
) -> CvCertificate:
    return issue_certificate(
        authority=names[0],
        holder=names[1],
        key=key.public_key(),
        authorization=Authorization(oid, bytes((mask,))),
        effective=FROM,
        expiration=UNTIL,
        sign=ecdsa_signer(signer),
    )


def identity(*purposes: Purpose, authority_mask: int = 0x9F) -> TerminalIdentity:
    mask = sum(1 << (purpose - 1) for purpose in purposes)
    middle = certificate(ROOT, (b"JPROOT0001", b"JPAUTH0001"), AUTHORITY, authority_mask)
    own = certificate(AUTHORITY, (b"JPAUTH0001", b"JPTERM0001"), TERMINAL, mask)
    return TerminalIdentity((middle, own), ecdsa_signer(TERMINAL))


def trust(card: Card) -> None:
    """Let a card trust the root, and give it the chip's key."""
    root = certificate(ROOT, (b"JPROOT0001", b"JPROOT0001"), ROOT, 0xDF)
    found = card.applications.get(JukiSession.AID)
    assert found is not None
    assert isinstance(found.applet, Certificates)
    with card.environment.memory.transaction():
        found.applet.trust.add_anchor(trust_anchor(Certificate.parse_content(root.content)))
        found.applet.trust.set_chip_key(CHIP.der)
