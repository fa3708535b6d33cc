"""Terminal authentication with certificates: the card's part, one object for each attempt.

# ICAO Doc 9303-11, 7.1; BSI TR-03110-3, B.3 and B.4

The order of the commands: (MSE: SET DST, PSO: VERIFY CERTIFICATE) once for each certificate from
a trust anchor down, then MSE: SET AT, GET CHALLENGE, EXTERNAL AUTHENTICATE. A `CertificateError`
has the status word to answer with; `OutOfOrder` is 6985 and `AuthenticationFailed` 6300.

The object is volatile. What has to survive is the caller's to write, in the transaction of the
command: `today` after each certificate, and the trust anchors in `renewed`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import NamedTuple

from jukicard.apdu import StatusWord
from jukicard.crypto.asymmetric import SignatureError
from jukicard.crypto.cvc import (
    Authorization,
    Certificate,
    CertificateError,
    CertificateExpired,
    Holder,
    Role,
    RoleNotAllowed,
    WrongIssuer,
    date_after,
    verify_certificate,
)
from jukicard.securemessaging.session import AuthenticationFailed, OutOfOrder


class WrongAlgorithm(CertificateError):
    """MSE: SET AT names another algorithm than the terminal's certificate."""

    status = StatusWord.INCORRECT_DATA


class AuthenticatedTerminal(NamedTuple):
    """What a successful terminal authentication proved."""

    reference: bytes
    authorization: Authorization
    ephemeral: bytes
    """Comp(ePK.IFD): the key that chip authentication must be done with, and no other."""
    expires: datetime.date
    """The last day of the certificate that proved it."""


class TerminalAuthentication:
    """One attempt, from the trust anchors to an authenticated terminal.

    `today` is the card's date and moves forward with each accepted certificate that may move it;
    `renewed` collects the trust anchors that came with link certificates.
    """

    __slots__ = ("_anchors", "_imported", "_issuer", "_latest", "_terminal", "renewed", "today")

    today: datetime.date
    renewed: list[Holder]

    def __init__(
        self,
        anchors: Iterable[Holder],
        today: datetime.date,
        latest: datetime.date | None = None,
    ) -> None:
        """Start from the trust anchors; `latest` as in `verify_certificate`."""
        self._anchors = {anchor.reference: anchor for anchor in anchors}
        self._latest = latest
        self._issuer: Holder | None = None
        self._imported: Holder | None = None
        self._terminal: tuple[Holder, bytes] | None = None
        self.today = today
        self.renewed = []

    def select_issuer(self, reference: bytes) -> None:
        """MSE: SET DST: name the key that verifies the next certificate. WrongIssuer (6A88)."""
        self._issuer = None
        self._issuer = self._find(reference)

    def verify_certificate(self, content: bytes) -> Holder:
        """PSO: VERIFY CERTIFICATE: verify and import. CertificateError, OutOfOrder.

        Of the keys that are no trust anchors, only the one imported last can be used.
        """
        issuer, self._issuer = self._issuer, None
        if issuer is None:
            raise OutOfOrder("no key for verification selected")
        certificate = Certificate.parse_content(content)
        holder = verify_certificate(certificate, issuer, self.today, self._latest)
        self.today = date_after(self.today, issuer, holder)
        self._import(holder)
        return holder

    def _import(self, holder: Holder) -> None:
        # ICAO Doc 9303-11, 7.1.4.3.7: a trust anchor is never overwritten by a lesser key
        if holder.reference in self._anchors:
            raise WrongIssuer("the holder's reference is a trust anchor's already")
        if holder.authorization.role is Role.CVCA:
            self._anchors[holder.reference] = holder
            self.renewed.append(holder)
        else:
            self._imported = holder

    def select_terminal(self, reference: bytes, algorithm: bytes, ephemeral: bytes) -> None:
        """MSE: SET AT: name the terminal, its algorithm (the identifier's value), Comp(ePK.IFD).

        CertificateError: WrongIssuer for an unknown name (6A88), RoleNotAllowed for an
        authority's (6985), WrongAlgorithm (6A80), CertificateExpired (6985).
        """
        self._terminal = None
        holder = self._find(reference)
        self._check_valid(holder)
        if holder.authorization.role is not Role.TERMINAL:
            raise RoleNotAllowed("only a terminal authenticates itself")
        if algorithm != holder.algorithm:
            raise WrongAlgorithm("not the algorithm of the terminal's certificate")
        self._terminal = holder, ephemeral

    @property
    def ready(self) -> bool:
        """Whether a terminal is selected, so that its signature can be verified."""
        return self._terminal is not None

    def authenticate(
        self, signature: bytes, identifier: bytes, challenge: bytes, auxiliary: bytes = b""
    ) -> AuthenticatedTerminal:
        """EXTERNAL AUTHENTICATE: verify the signature of ID.IC || r.IC || Comp(ePK.IFD).

        # BSI TR-03110-3, B.3; `auxiliary` is the authenticated auxiliary data, absent as a rule

        The caller has taken the challenge away before. AuthenticationFailed, OutOfOrder; after
        either, and after success, a terminal must be selected again.
        """
        selected, self._terminal = self._terminal, None
        if selected is None:
            raise OutOfOrder("no terminal selected")
        holder, ephemeral = selected
        self._check_valid(holder)
        try:
            holder.verify(identifier + challenge + ephemeral + auxiliary, signature)
        except SignatureError:
            raise AuthenticationFailed from None
        return AuthenticatedTerminal(
            holder.reference, holder.authorization, ephemeral, holder.expires
        )

    def _check_valid(self, holder: Holder) -> None:
        """The card's date may have moved on since the certificate was accepted."""
        if holder.expires < self.today:
            raise CertificateExpired("the certificate has expired since it was accepted")

    def _find(self, reference: bytes) -> Holder:
        if self._imported is not None and self._imported.reference == reference:
            return self._imported
        try:
            return self._anchors[reference]
        except KeyError:
            raise WrongIssuer("no key of this name") from None
