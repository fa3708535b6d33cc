"""Who certifies what is on a synthetic card: test authorities, whose keys are published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jukicard.kit.personalisation import CertifiedKey
from jukicard.profiles.catalogue import Generation

if TYPE_CHECKING:
    import datetime

    from jukicard.crypto.kdf import HashName
    from jukicard.profiles.cardorder import CardOrder
    from jukicard.synthetic.pki import Authority

AUTHORITY_KEYS: Final = ("issuer", "cv-authority", "cv-root")
"""The keys that sign the records of cards, and each other: a municipality's, and those above it."""


def authority_key(name: str) -> bytes:
    """Return the private key of an authority, PKCS #8. ValueError for another name."""
    from jukicard.synthetic.pki.keys import published_key

    if name not in AUTHORITY_KEYS:
        raise ValueError(f"there is no authority {name!r}; there is {', '.join(AUTHORITY_KEYS)}")
    return published_key(name).private_der


def certified_key(card: CardOrder, use: str) -> CertifiedKey:
    """Return a key of the published pool, with a test certificate for the holder.

    use: `signature` or `authentication`; `operator` has a new key of P-256. ValueError for others.
    """
    from jukicard.synthetic import pki

    if use == "operator":
        return _operators_key(card)

    issue = {
        "signature": pki.signature_certificate,
        "authentication": pki.authentication_certificate,
    }.get(use)
    if issue is None:
        raise ValueError(
            f"there are no certificates for {use!r}: for signature, authentication, operator"
        )
    authority, expires = _jpki_authority(card, use)
    key = card.keys.take(card.rsa_bits)
    certificate = issue(
        card.its_person(),
        key.public,
        authority=authority,
        issued=card.issued,
        expires=expires,
        random=card.random,
    )
    return CertifiedKey(
        key=key.private_der, certificate=certificate.der, authority=authority.certificate
    )


def _operators_key(card: CardOrder) -> CertifiedKey:
    from jukicard.applets.operator.personalisation import operator_identifier
    from jukicard.crypto.asymmetric import EcPrivateKey
    from jukicard.crypto.curves import P256
    from jukicard.synthetic import pki

    key, authority = EcPrivateKey.generate(P256, card.random.take), pki.operator_authority()
    certificate = pki.operator_certificate(
        operator_identifier(card.serial),
        card.its_person().municipality.code,
        key.public,
        authority=authority,
        issued=card.issued,
        expires=pki.juki_certificate_expiry(card.issued, card.its_end()),
        random=card.random,
    )
    return CertifiedKey(key=key.der, certificate=certificate.der, authority=authority.certificate)


def _jpki_authority(card: CardOrder, use: str) -> tuple[Authority, datetime.date]:
    """Return who certifies the holder's key, and until when."""
    from jukicard.synthetic import pki

    if card.profile.generation is Generation.MY_NUMBER:
        expires = pki.certificate_expiry(card.its_person(), card.issued, card.its_end())
        if use == "signature":
            return pki.signature_authority(card.issued), expires
        return pki.authentication_authority(card.issued), expires
    hash_name: HashName = "sha1" if card.rsa_bits == 1024 else "sha256"
    governor = pki.governor_authority(card.its_person().municipality.prefecture, hash_name)
    return governor, pki.juki_certificate_expiry(card.issued, card.its_end())
