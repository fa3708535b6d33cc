"""Chains of card verifiable certificates, checked as the card will check them.

A terminal looks at its own chain before it shows it: an expired certificate is better found at the
counter's desk than in the card's refusal.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from jukihost.crypto.curves import Curve, curve_of
from jukihost.crypto.cvc import Authorization, CvCertificate, Role
from jukihost.crypto.signatures import (
    CertificateError,
    Scheme,
    VerificationKey,
    algorithm_of,
    verify_signature,
)

# BSI TR-03110-3, 2.2: a root certifies roots (links) and authorities, an authority terminals.
_MAY_CERTIFY: Final = {
    Role.ROOT: {Role.ROOT, Role.AUTHORITY, Role.FOREIGN_AUTHORITY},
    Role.AUTHORITY: {Role.TERMINAL},
    Role.FOREIGN_AUTHORITY: {Role.TERMINAL},
    Role.TERMINAL: set[Role](),
}


@dataclass(frozen=True)
class VerifiedChain:
    """What a chain proves: its last certificate, that certificate's key, and its rights.

    `rights` is the conjunction of the masks from the newest root down: nobody can pass on a right
    they do not have (BSI TR-03110-3, 2.7).
    """

    certificate: CvCertificate
    key: VerificationKey
    rights: Authorization


def verify_root(root: CvCertificate) -> VerificationKey:
    """Check a self-signed root certificate and return its key; CertificateError."""
    key = root_key(root)
    if root.authority != root.holder:
        raise CertificateError("the root certificate is not self-signed")
    verify_signature(root.key.oid, key, root.body, root.signature)
    return key


def verify_chain(
    anchor: CvCertificate, chain: Sequence[CvCertificate], on: date | None = None
) -> VerifiedChain:
    """Check a chain below a trusted root; CertificateError says which rule it breaks.

    `anchor` is trusted as it is, self-signed or a link. With `on`, the newest root and all below
    it must be valid on that day; the links before it may have expired, because they only carry the
    trust from one root to the next (BSI TR-03110-3, 2.5.2). An empty chain is an error. So is a
    certificate with another kind of authorization than the one above it: the BSI's worked example
    has one, but nobody can say which rights of the upper one it keeps.
    """
    if not chain:
        raise CertificateError("the chain is empty")
    issuer, key = anchor, root_key(anchor)
    rights = anchor.authorization
    for certificate in chain:
        if certificate.role is not Role.ROOT:
            check_day(issuer, on)
        key = _verify_link(issuer, key, certificate)
        rights = (
            certificate.authorization
            if certificate.role is Role.ROOT
            else _conjunction(rights, certificate.authorization)
        )
        issuer = certificate
    check_day(issuer, on)
    return VerifiedChain(issuer, key, rights)


def _verify_link(
    issuer: CvCertificate, issuer_key: VerificationKey, subject: CvCertificate
) -> VerificationKey:
    name = subject.holder.decode("latin-1")
    if subject.authority != issuer.holder:
        raise CertificateError(f"{name} names another authority than the one above it")
    if subject.role not in _MAY_CERTIFY[issuer.role]:
        raise CertificateError(
            f"{name}: a certificate of role {issuer.role.name} cannot certify "
            f"role {subject.role.name}"
        )
    if subject.authorization.oid != issuer.authorization.oid or (
        len(subject.authorization.mask) != len(issuer.authorization.mask)
    ):
        raise CertificateError(f"{name} has another kind of authorization than its authority")
    if subject.expiration < subject.effective:
        raise CertificateError(f"{name} expires before it is effective")
    verify_signature(issuer.key.oid, issuer_key, subject.body, subject.signature)
    if subject.role is Role.ROOT:
        return root_key(subject)
    if subject.key.curve is not None:
        raise CertificateError(f"{name} has domain parameters, which are the root's to choose")
    return subject.key.resolve(_inherited(issuer_key))


def _inherited(key: VerificationKey) -> Curve | None:
    return curve_of(key) if isinstance(key, ec.EllipticCurvePublicKey) else None


def root_key(root: CvCertificate) -> VerificationKey:
    """Return the key of a root that is trusted as it is; CertificateError when it is no root."""
    if root.role is not Role.ROOT:
        raise CertificateError("the trust anchor is no root certificate")
    if algorithm_of(root.key.oid).scheme is Scheme.ECDSA and root.key.curve is None:
        raise CertificateError("the root certificate has no domain parameters")
    return root.key.resolve(None)


def check_day(certificate: CvCertificate, on: date | None) -> None:
    """Check that a certificate is valid on a day, without one nothing; CertificateError."""
    if on is not None and not certificate.effective <= on <= certificate.expiration:
        raise CertificateError(
            f"{certificate.holder.decode('latin-1')} is valid from "
            f"{certificate.effective} to {certificate.expiration}, not on {on}"
        )


def _conjunction(left: Authorization, right: Authorization) -> Authorization:
    return Authorization(right.oid, bytes(map(operator.and_, left.mask, right.mask)))
