"""What an authority knows of the certificates it issued, and the lists of those it revoked."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import IntEnum

from jukicard.synthetic.pki import der, x509
from jukicard.synthetic.pki.authorities import Authority
from jukicard.synthetic.pki.certificates import Certificate


class RevocationReason(IntEnum):
    """Why a certificate was revoked (RFC 5280, 5.3.1), as far as an authority here needs it."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6


@dataclass(frozen=True, slots=True)
class Revocation:
    """When a certificate was revoked, and why."""

    since: datetime.datetime
    reason: RevocationReason


class Register:
    """The certificates of one authority, and which of them are revoked.

    `crl` writes the list that a certificate's distribution point names; `ocsp.answer` answers one
    question. Neither asks what time it is: dates are passed in.
    """

    __slots__ = ("_issued", "_next_crl", "_revoked", "authority")

    def __init__(self, authority: Authority, *, next_crl: int = 1) -> None:
        """Start with no certificate; `next_crl` is the number of the next list."""
        self.authority = authority
        self._issued: dict[int, Certificate] = {}
        self._revoked: dict[int, Revocation] = {}
        self._next_crl = next_crl

    def add(self, certificate: Certificate) -> None:
        """Take up a certificate; ValueError when another authority issued it or its number is
        there already."""
        if certificate.authority != self.authority:
            raise ValueError("another authority issued this certificate")
        if certificate.serial in self._issued:
            raise ValueError("a certificate with this number is there already")
        self._issued[certificate.serial] = certificate

    def knows(self, serial: int) -> bool:
        """Tell whether a certificate has this number."""
        return serial in self._issued

    def revocation(self, serial: int) -> Revocation | None:
        """Return when and why a certificate was revoked, or None."""
        return self._revoked.get(serial)

    def revoke(
        self,
        certificate: Certificate,
        since: datetime.datetime,
        reason: RevocationReason = RevocationReason.UNSPECIFIED,
    ) -> None:
        """Revoke a certificate from a moment on; one on hold may be revoked for good.

        ValueError when it is not in the register or is revoked already.
        """
        known = self._revoked.get(certificate.serial)
        if self._issued.get(certificate.serial) != certificate:
            raise ValueError("this certificate is not in the register")
        if known is not None and known.reason is not RevocationReason.CERTIFICATE_HOLD:
            raise ValueError("this certificate is revoked already")
        self._revoked[certificate.serial] = Revocation(since, reason)

    def release(self, certificate: Certificate) -> None:
        """Take a certificate off hold; ValueError unless it is on hold."""
        known = self._revoked.get(certificate.serial)
        if known is None or known.reason is not RevocationReason.CERTIFICATE_HOLD:
            raise ValueError("this certificate is not on hold")
        del self._revoked[certificate.serial]

    def crl(
        self, point: bytes, this_update: datetime.datetime, next_update: datetime.datetime
    ) -> bytes:
        """Return the CRL in DER of one distribution point, a `Certificate.crl_point`.

        RFC 5280, 5.1 and 5.2.5: the critical extension issuingDistributionPoint names the point,
        as a directory name, and says that the list is of holders' certificates only. Each list
        has a number one higher than the one before.
        """
        entries = [
            _entry(serial, revocation)
            for serial, revocation in sorted(self._revoked.items())
            if self._issued[serial].crl_point == point
        ]
        issuer = self.authority
        body = der.sequence(
            der.integer(1),
            x509.algorithm(issuer.hash_name),
            issuer.subject,
            der.time(this_update),
            der.time(next_update),
            der.sequence(*entries) if entries else b"",
            der.explicit(0, der.sequence(*self._extensions(point))),
        )
        self._next_crl += 1
        return x509.signed(body, issuer.key, issuer.hash_name)

    def _extensions(self, point: bytes) -> tuple[bytes, ...]:
        issuer = self.authority
        only_user_certificates = der.node(0x81, b"\xff")
        return (
            x509.authority_key(issuer.key.public, issuer.subject, issuer.serial),
            x509.extension("2.5.29.20", der.integer(self._next_crl)),
            x509.extension(
                "2.5.29.28",
                der.sequence(x509.distribution_point_name(point), only_user_certificates),
                critical=True,
            ),
        )

    def __repr__(self) -> str:
        return f"<Register of {self.authority!r}: {len(self._issued)} certificates>"


def _entry(serial: int, revocation: Revocation) -> bytes:
    """Return one of revokedCertificates; the reason is left out when it says nothing."""
    reason = b""
    if revocation.reason is not RevocationReason.UNSPECIFIED:
        reason = der.sequence(x509.extension("2.5.29.21", der.enumerated(revocation.reason)))
    return der.sequence(der.integer(serial), der.time(revocation.since), reason)
