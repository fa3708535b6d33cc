"""Certificate authorities: what a terminal asks of one, and what it checks of the answer.

An authority is whatever fits `CertificateAuthority`, with values of Python's own types only: it can
be written without this library. The functions here are how terminals speak to one: its refusals
become typed errors, and what it issues is compared with what was ordered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jukihost.clock import JAPAN
from jukihost.crypto.foreign import (
    ForeignDataError,
    check_revocation_list,
    load_certificate,
)
from jukihost.issuing.errors import (
    AuthorityAway,
    AuthorityBroken,
    AuthorityRefused,
    CertificateUnknown,
    CertificateWrong,
)
from jukihost.issuing.terms import CardKind, check_certificate_issue
from jukihost.models import Sex
from jukihost.signing.certificates import CertificateMalformed, Holder, holder_of

_LONGEST_WORDS: Final = 300
_DAY_ENDS: Final = time(23, 59, 59, 999999, tzinfo=JAPAN)
_SELECTORS: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
"""Variation selectors of Unicode, which no certificate holds."""


class CertificateUse(StrEnum):
    """What the key of a certificate is for."""

    SIGNATURE = "signature"
    AUTHENTICATION = "authentication"
    OPERATOR = "operator"


class RevocationReason(IntEnum):
    """Why a certificate is revoked (RFC 5280, 5.3.1)."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    AFFILIATION_CHANGED = 3
    """An item of the holder changed."""
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRequest:
    """An order for one certificate. `repr` shows nothing of the holder.

    use, card: what the key is for, on what kind of card.
    public_key: as the card gave it, SubjectPublicKeyInfo in DER. card_number: eight bytes.
    municipality: five digits.
    issued: the moment from which it is valid, the clock's; last_day: with its end, in Japan, it
        ends; see `certificate_last_day`.
    name, address, sex, birth, foreign: of the holder, for signatures only; a certificate for
        authentication names nobody, so nobody is told whose it is. `foreign` gets no Japanese era.
        For an operator `name` is the identifier.
    """

    use: CertificateUse
    card: CardKind
    public_key: bytes = field(repr=False)
    card_number: bytes
    municipality: str
    issued: datetime
    last_day: date
    name: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    sex: int = field(default=Sex.NOT_APPLICABLE.value, repr=False)
    birth: date | None = field(default=None, repr=False)
    foreign: bool = field(default=False, repr=False)

    @property
    def kind(self) -> str:
        """The use by its name, as authorities ask for it."""
        return self.use.value


class CertificateAuthority(Protocol):
    """Who certifies the keys of cards and takes that back: everything a terminal asks of one.

    It refuses with ValueError, in words that name no holder; OSError says that it cannot be reached
    now, LookupError that it has issued no certificate of a number. Numbers are unique over all that
    it issues. Safe to be asked again: see each method.
    """

    def issue(self, request: CertificateRequest, /) -> bytes:
        """Issue a certificate and return it in DER.

        For the same key on the same card and the same holder it returns the one that it issued
        before: whoever lost the answer asks again.
        """

    def authority(self, serial: int, /) -> bytes:
        """Return the certificate, in DER, of the authority that issued one."""

    def revoke(self, serial: int, reason: int, since: datetime, /) -> None:
        """Revoke a certificate from a moment on; for reason 6 it is on hold.

        One on hold can be revoked for good. Revoked for good it stays as it is, and that is no
        refusal.
        """

    def release(self, serial: int, /) -> None:
        """Take a certificate off hold; a valid one stays valid. ValueError: revoked for good."""

    def revocation(self, serial: int, /) -> tuple[datetime, int] | None:
        """Return since when a certificate is revoked and for which reason; None while valid."""

    def crl(self, serial: int, at: datetime, /) -> bytes:
        """Return the revocation list of a moment, in DER, on which a certificate would stand."""

    def certificates(self, card_number: bytes, /) -> tuple[tuple[str, bytes], ...]:
        """Return what it issued for keys of a card, oldest first: the kind, and DER."""


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate that is what was ordered, and that of its authority, both in DER."""

    use: CertificateUse
    der: bytes = field(repr=False)
    authority: bytes = field(repr=False)
    serial: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class CertificateStanding:
    """What an authority says of a certificate: since when it is revoked or on hold, and why."""

    since: datetime | None = None
    reason: RevocationReason | None = None

    @property
    def valid(self) -> bool:
        """Neither revoked nor on hold; whether it has ended its dates say."""
        return self.since is None

    @property
    def held(self) -> bool:
        """On hold, which can be taken back."""
        return self.reason is RevocationReason.CERTIFICATE_HOLD


def certify(authority: CertificateAuthority, request: CertificateRequest) -> IssuedCertificate:
    """Have a key certified, and see that the certificate is what was ordered.

    Asked again, for whatever reason, it returns the same certificate. IssueEnded, AuthorityRefused,
    AuthorityAway, CertificateWrong.
    """
    check_certificate_issue(request.card, request.issued)
    with _asking(request.name, request.address):
        raw = authority.issue(request)
        found = _read(raw)
        above = authority.authority(found.serial_number)
    _check(request, found, _read_above(above))
    return _issued(request.use, found, raw, above)


def certificates_of(
    authority: CertificateAuthority, card_number: bytes, *, but: Collection[bytes] = ()
) -> tuple[IssuedCertificate, ...]:
    """Return the certificates of a card's keys that are not revoked or on hold, oldest first.

    but: without these, in DER. AuthorityAway, CertificateWrong.
    """
    found = []
    with _asking():
        issued = authority.certificates(card_number)
        for kind, raw in (one for one in issued if one[1] not in but):
            certificate = _read(raw)
            if authority.revocation(certificate.serial_number) is None:
                above = authority.authority(certificate.serial_number)
                found.append(_issued(CertificateUse(kind), certificate, raw, above))
    return tuple(found)


def supersede_others(
    authority: CertificateAuthority,
    card_number: bytes,
    kept: Collection[IssuedCertificate],
    since: datetime,
) -> None:
    """Revoke what was issued for keys that a card has no more: of the same uses as those `kept`.

    AuthorityAway, AuthorityRefused.
    """
    uses, but = {one.use for one in kept}, {one.der for one in kept}
    for one in certificates_of(authority, card_number, but=but):
        if one.use in uses:
            revoke_certificate(authority, one.serial, RevocationReason.SUPERSEDED, since)


def _issued(
    use: CertificateUse, found: x509.Certificate, raw: bytes, above: bytes
) -> IssuedCertificate:
    return IssuedCertificate(
        use=use,
        der=raw,
        authority=above,
        serial=found.serial_number,
        first=found.not_valid_before_utc,
        last=found.not_valid_after_utc,
    )


def revoke_certificate(
    authority: CertificateAuthority, serial: int, reason: RevocationReason, since: datetime
) -> None:
    """Revoke a certificate for good; one that is so already stays as it is.

    CertificateUnknown, AuthorityRefused, AuthorityAway. ValueError for the reason of a hold, which
    is `hold_certificate`.
    """
    if reason is RevocationReason.CERTIFICATE_HOLD:
        raise ValueError("a hold is not for good: hold_certificate puts a certificate on hold")
    _revoke(authority, serial, reason, since)


def hold_certificate(authority: CertificateAuthority, serial: int, since: datetime) -> None:
    """Put a certificate on hold; a revoked one stays so. Errors as `revoke_certificate`."""
    _revoke(authority, serial, RevocationReason.CERTIFICATE_HOLD, since)


def _revoke(
    authority: CertificateAuthority, serial: int, reason: RevocationReason, since: datetime
) -> None:
    if since.utcoffset() is None:
        raise ValueError("the moment of a revocation needs a time zone")
    with _asking():
        authority.revoke(serial, reason, since)


def release_certificate(authority: CertificateAuthority, serial: int) -> None:
    """Take a certificate off hold; a valid one stays valid.

    AuthorityRefused for one that was revoked for good. CertificateUnknown, AuthorityAway.
    """
    with _asking():
        authority.release(serial)


def certificate_standing(authority: CertificateAuthority, serial: int) -> CertificateStanding:
    """Return whether one is valid, on hold or revoked. CertificateUnknown, AuthorityAway."""
    with _asking():
        revoked = authority.revocation(serial)
        if revoked is None:
            return CertificateStanding()
        since, reason = revoked
        return CertificateStanding(since, _known_reason(reason))


def revocation_list(authority: CertificateAuthority, serial: int, at: datetime) -> bytes:
    """Return the list of a moment on which a certificate would stand, for `Trust(crls=...)`.

    CertificateUnknown, AuthorityAway; AuthorityBroken when it is no list.
    """
    with _asking():
        raw = authority.crl(serial, at)
    try:
        check_revocation_list(raw)
    except ForeignDataError as error:
        raise AuthorityBroken(str(error)) from None
    return raw


def _known_reason(reason: int) -> RevocationReason:
    try:
        return RevocationReason(reason)
    except ValueError:
        return RevocationReason.UNSPECIFIED


@contextmanager
def _asking(*private: str) -> Iterator[None]:
    """Tell an authority's failures in types; words that name a holder are not repeated."""
    try:
        yield
    except ForeignDataError as error:
        raise CertificateWrong(str(error)) from None
    except LookupError as error:
        raise CertificateUnknown(
            f"the authority has no certificate of this number ({_words(error, private)})"
        ) from None
    except ValueError as error:
        raise AuthorityRefused(f"the authority refused: {_words(error, private)}") from None
    except OSError as error:
        raise AuthorityAway(
            f"the authority cannot be reached now: {_words(error, private)}; nothing is lost, ask "
            "again later"
        ) from None


def _words(error: Exception, private: tuple[str, ...]) -> str:
    text = "".join(c for c in str(error)[:_LONGEST_WORDS] if c.isprintable())
    if not text or any(item and item in text for item in private):
        return "it did not say why"
    return text


def _read(raw: bytes) -> x509.Certificate:
    if not isinstance(raw, bytes):
        raise AuthorityBroken("the authority did not give a certificate as bytes; update it")
    return load_certificate(raw, "what the authority issued")


_read_above: Final = lru_cache(maxsize=16)(_read)
"""The same for an authority's own, which is the same each time and names no holder."""


def _check(request: CertificateRequest, found: x509.Certificate, above: x509.Certificate) -> None:
    """Compare a certificate with its order. CertificateWrong."""
    ends = datetime.combine(request.last_day, _DAY_ENDS).astimezone(UTC)
    starts, last = found.not_valid_before_utc, found.not_valid_after_utc
    for is_so, what in (
        (_key_of(found) == request.public_key, "it is of another key"),
        (_issued_by(found, above), "its authority's certificate does not verify it"),
        (starts <= request.issued, "it is not valid yet"),
        (request.issued <= last, "it has ended"),
        (last <= ends, "it lasts longer than ordered"),
        (_names(request, found), "it names another holder"),
    ):
        if not is_so:
            raise CertificateWrong(
                f"the authority's certificate is not what was ordered: {what}; nothing was written "
                "to the card, have the authority looked at"
            )


def _key_of(found: x509.Certificate) -> bytes:
    return found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _issued_by(found: x509.Certificate, above: x509.Certificate) -> bool:
    # Not the library's own way: it refuses SHA-1, with which the authorities before 2016 signed.
    key, algorithm = above.public_key(), found.signature_hash_algorithm
    if not isinstance(key, rsa.RSAPublicKey) or algorithm is None:
        return False
    try:
        key.verify(found.signature, found.tbs_certificate_bytes, PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return found.issuer == above.subject


def _names(request: CertificateRequest, found: x509.Certificate) -> bool:
    try:
        holder = holder_of(found)
    except CertificateMalformed:
        return False
    if request.use is not CertificateUse.SIGNATURE:
        return holder is None
    return holder is not None and _is(
        holder, request.name, request.address, request.sex, request.birth
    )


def names_holder(one: IssuedCertificate, name: str, address: str, sex: int, birth: date) -> bool:
    """Tell whether a certificate for signatures names a holder, as far as its characters can."""
    try:
        holder = holder_of(_read(one.der))
    except CertificateMalformed:
        return False
    return holder is not None and _is(holder, name, address, sex, birth)


def _is(holder: Holder, name: str, address: str, sex: int, birth: date | None) -> bool:
    return (
        (holder.birth, holder.sex.value) == (birth, sex)
        and _same(name, holder.name, holder.name_substitutes)
        and _same(address, holder.address, holder.address_substitutes)
    )


def _same(ordered: str, written: str, substitutes: str) -> bool:
    """Tell whether a text is the one ordered, where no substitute stands in for a character."""
    plain = [c for c in ordered if not any(ord(c) in selectors for selectors in _SELECTORS)]
    flags = substitutes or "0" * len(written)
    return len(plain) == len(written) == len(flags) and all(
        wanted == got or flag != "0"
        for wanted, got, flag in zip(plain, written, flags, strict=True)
    )
