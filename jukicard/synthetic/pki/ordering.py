"""The test authorities as terminals order from them: one counter for all, with a register.

`jukihost` says as a protocol what a terminal needs of an authority; this fits it by structure and
is offered under the entry-point group `jukihost.authorities`. Neither side imports the other.
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from jukicard.crypto.asymmetric import EcPublicKey, RsaPublicKey
from jukicard.crypto.curves import P256
from jukicard.environment import RandomSource, SystemRandom
from jukicard.synthetic.characters import CertificateText, certificate_text
from jukicard.synthetic.eras import JAPAN
from jukicard.synthetic.person import MAX_ADDRESS, MAX_NAME, Sex
from jukicard.synthetic.pki.authorities import (
    Authority,
    authentication_authority,
    governor_authority,
    operator_authority,
    signature_authority,
)
from jukicard.synthetic.pki.certificates import (
    Certificate,
    authentication_certificate,
    operator_certificate,
    signature_certificate,
)
from jukicard.synthetic.pki.registerfile import Changing, Entry, RegisterFile, StrPath
from jukicard.synthetic.pki.revocation import Register, RevocationReason
from jukicard.synthetic.places import Municipality, municipality

KINDS: Final = ("signature", "authentication", "operator")
CARDS: Final = ("juki", "mynumber", "operator")
LIST_LASTS: Final = datetime.timedelta(days=1)
"""How long a list of revoked certificates is of use."""
_WEAK_BITS: Final = 1024
_DRAWS: Final = 16


class Request(Protocol):
    """What is ordered; see `jukihost.issuing.CertificateRequest`, which is one."""

    @property
    def kind(self) -> str:
        """One of `KINDS`."""

    @property
    def card(self) -> str:
        """One of `CARDS`."""

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo in DER."""

    @property
    def card_number(self) -> bytes:
        """Eight bytes."""

    @property
    def municipality(self) -> str:
        """Five digits."""

    @property
    def issued(self) -> datetime.datetime:
        """The moment from which it is valid, with a time zone."""

    @property
    def last_day(self) -> datetime.date:
        """With the end of this day, in Japan, it ends."""

    @property
    def name(self) -> str:
        """The holder's name, for signatures; the operator's identifier."""

    @property
    def address(self) -> str:
        """The holder's address, for signatures."""

    @property
    def sex(self) -> int:
        """The code of JIS X 0303, for signatures."""

    @property
    def birth(self) -> datetime.date | None:
        """The holder's birth date, for signatures."""

    @property
    def foreign(self) -> bool:
        """Whether the holder has no Japanese era in a certificate."""


@dataclass(frozen=True, slots=True, repr=False)
class _Ordered:
    """A holder as an order names them: fits `certificates.Subject`."""

    municipality: Municipality
    certificate_name: CertificateText
    certificate_address: CertificateText
    certificate_birth: str
    sex: int


class CertificateDesk:
    """All test authorities behind one counter: orders, revocations, lists.

    register: the file that knows what was issued and revoked; several processes may share it. None:
        in this process's memory only.
    random: where numbers come from; the operating system unless given.

    ValueError refuses an order, LookupError says that no certificate has a number, OSError that the
    register cannot be used; each in words, with nothing of a holder in them.
    """

    def __init__(
        self, register: StrPath | None = None, *, random: RandomSource | None = None
    ) -> None:
        self._register = RegisterFile(register)
        self._random: RandomSource = SystemRandom() if random is None else random

    def issue(self, request: Request) -> bytes:
        """Issue a certificate and return it in DER; for the same key and holder, the same one.

        ValueError for an order that cannot be, a key that was certified for another holder, and
        one whose certificate was revoked or has ended.
        """
        public, place = _public_key(request), municipality(request.municipality)
        authority = _authority(request, place, public)
        key = hashlib.sha256(request.public_key).digest()
        holder = _digest(request)
        with self._register.changing() as register:
            known = register.of_key(str(request.kind), request.card_number, key)
            if known is not None:
                return _again(known, holder, request.issued)
            made = self._make(register, request, place, public, authority)
            register.add(
                Entry(
                    serial=made.serial,
                    issuer=_named(authority),
                    kind=str(request.kind),
                    card=str(request.card),
                    municipality=request.municipality,
                    issued=request.issued.isoformat(),
                    bits=_bits(public),
                    card_number=bytes(request.card_number),
                    key=key,
                    holder=holder,
                    der=made.der,
                    point=made.crl_point,
                )
            )
            return made.der

    def authority(self, serial: int) -> bytes:
        """Return the certificate, in DER, of the authority that issued one. LookupError."""
        with self._register.reading() as register:
            return _authority_of(_found(register, serial)).certificate

    def revoke(self, serial: int, reason: int, since: datetime.datetime) -> None:
        """Revoke a certificate from a moment on; reason 6 puts it on hold (RFC 5280, 5.3.1).

        One on hold can be revoked for good; one that was revoked for good stays as it is.
        LookupError; ValueError for a reason that no certificate here is revoked for.
        """
        why = _reason(reason)
        if since.utcoffset() is None:
            raise ValueError("the moment of a revocation needs a time zone")
        with self._register.changing() as register:
            known = _found(register, serial).revocation
            if known is None or (
                known[1] == RevocationReason.CERTIFICATE_HOLD
                and why is not RevocationReason.CERTIFICATE_HOLD
            ):
                register.revoke(serial, since, int(why))

    def release(self, serial: int) -> None:
        """Take a certificate off hold; one that is valid stays so.

        LookupError; ValueError for one that was revoked for good.
        """
        with self._register.changing() as register:
            known = _found(register, serial).revocation
            if known is not None and known[1] != RevocationReason.CERTIFICATE_HOLD:
                raise ValueError("this certificate was revoked for good: issue another one")
            register.revoke(serial, None, None)

    def revocation(self, serial: int) -> tuple[datetime.datetime, int] | None:
        """Return since when a certificate is revoked and for which reason; None. LookupError."""
        with self._register.reading() as register:
            return _found(register, serial).revocation

    def crl(self, serial: int, at: datetime.datetime) -> bytes:
        """Return the list of a moment, in DER, on which a certificate would stand. LookupError."""
        if at.utcoffset() is None:
            raise ValueError("the moment of a list needs a time zone")
        with self._register.changing() as register:
            entry = _found(register, serial)
            authority = _authority_of(entry)
            number = register.next_list(entry.issuer)
            kept = Register(authority, next_crl=number)
            for revoked in register.revoked(entry.issuer, entry.point):
                when = revoked.revocation
                if when is not None and when[0] <= at:
                    one = _certificate(revoked, authority)
                    kept.add(one)
                    kept.revoke(one, when[0], RevocationReason(when[1]))
            start = at.astimezone(datetime.UTC).replace(microsecond=0)
            return kept.crl(entry.point, start, start + LIST_LASTS)

    def certificates(self, card_number: bytes) -> tuple[tuple[str, bytes], ...]:
        """Return what was issued for keys of a card, oldest first: the kind, and DER."""
        with self._register.reading() as register:
            return tuple((entry.kind, entry.der) for entry in register.of_card(card_number))

    def _make(
        self,
        register: Changing,
        request: Request,
        place: Municipality,
        public: RsaPublicKey | EcPublicKey,
        authority: Authority,
    ) -> Certificate:
        for _ in range(_DRAWS):
            made = _issue(request, place, public, authority, self._random)
            if register.find(made.serial) is None:
                return made
        raise OSError("the register has no number left for a certificate")

    def __repr__(self) -> str:
        return "<CertificateDesk of the test authorities>"


def _issue(
    request: Request,
    place: Municipality,
    public: RsaPublicKey | EcPublicKey,
    authority: Authority,
    random: RandomSource,
) -> Certificate:
    issued, expires = request.issued, request.last_day
    if isinstance(public, EcPublicKey):
        return operator_certificate(
            _checked(request.name, MAX_NAME, "an operator's identifier"),
            place.code,
            public,
            authority=authority,
            issued=issued,
            expires=expires,
            random=random,
        )
    holder = _holder(request, place)
    if request.kind == "signature":
        return signature_certificate(
            holder, public, authority=authority, issued=issued, expires=expires, random=random
        )
    return authentication_certificate(
        holder, public, authority=authority, issued=issued, expires=expires, random=random
    )


def _holder(request: Request, place: Municipality) -> _Ordered:
    """Return what a certificate says of its holder: one for authentication says nothing."""
    from jukicard.kit.eras import era_of

    if request.kind != "signature":
        nothing = certificate_text("")
        return _Ordered(place, nothing, nothing, "", Sex.NOT_APPLICABLE)
    if request.birth is None:
        raise ValueError("a certificate for signatures needs the holder's birth date")
    era = 0 if request.foreign else era_of(request.birth).number
    return _Ordered(
        place,
        certificate_text(_checked(request.name, MAX_NAME, "a name")),
        certificate_text(_checked(request.address, MAX_ADDRESS, "an address")),
        f"{era}{request.birth:%Y%m%d}",
        Sex(request.sex),
    )


def _checked(text: str, most: int, what: str) -> str:
    if not 0 < len(text) <= most:
        raise ValueError(f"{what} in a certificate has 1 to {most} characters")
    return text


def _public_key(request: Request) -> RsaPublicKey | EcPublicKey:
    """Check what an order is of, and return its key. ValueError."""
    if request.kind not in KINDS or request.card not in CARDS:
        raise ValueError(
            f"there are certificates for {', '.join(KINDS)}, on the cards {', '.join(CARDS)}"
        )
    if (request.kind == "operator") is not (request.card == "operator"):
        raise ValueError("an operator's certificate is on an operator card, and no other is")
    if len(request.card_number) != 8:
        raise ValueError("a card number has eight bytes")
    if request.issued.utcoffset() is None:
        raise ValueError("the moment from which a certificate is valid needs a time zone")
    try:
        key = load_der_public_key(request.public_key)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the public key is none (SubjectPublicKeyInfo in DER)") from None
    if request.kind == "operator":
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            return EcPublicKey(P256, point)
        raise ValueError("an operator's key is one of P-256")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in (1024, 2048):
        numbers = key.public_numbers()
        return RsaPublicKey(numbers.n, numbers.e)
    raise ValueError("the key of a certificate is one of RSA with 1024 or 2048 bits")


def _authority(
    request: Request, place: Municipality, public: RsaPublicKey | EcPublicKey
) -> Authority:
    day = request.issued.astimezone(JAPAN).date()
    return _choose(str(request.kind), str(request.card), place, day, _bits(public))


def _authority_of(entry: Entry) -> Authority:
    day = datetime.datetime.fromisoformat(entry.issued).astimezone(JAPAN).date()
    return _choose(entry.kind, entry.card, municipality(entry.municipality), day, entry.bits)


def _choose(kind: str, card: str, place: Municipality, day: datetime.date, bits: int) -> Authority:
    """Return who certifies: the governor on a Juki card, the agency on its successor."""
    if kind == "operator":
        return operator_authority()
    if card == "juki":
        return governor_authority(place.prefecture, "sha1" if bits == _WEAK_BITS else "sha256")
    if bits == _WEAK_BITS:
        raise ValueError("the key on a My Number card has 2048 bits")
    return signature_authority(day) if kind == "signature" else authentication_authority(day)


def _bits(public: RsaPublicKey | EcPublicKey) -> int:
    return 256 if isinstance(public, EcPublicKey) else public.modulus.bit_length()


def _named(authority: Authority) -> str:
    return f"{authority.unit}/{authority.serial:X}/{authority.hash_name}"


def _digest(request: Request) -> bytes:
    """Return a hash of everything in an order that its certificate says of the holder."""
    parts = [str(request.card), request.municipality]
    if request.kind != "authentication":
        parts += [request.name, request.address, str(int(request.sex))]
        parts += [str(request.birth), str(request.foreign)]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


def _again(known: Entry, holder: bytes, at: datetime.datetime) -> bytes:
    """Return a certificate that was issued already, if it is what is ordered. ValueError."""
    if known.holder != holder:
        raise ValueError(
            "this key was certified before, with other items of its holder: have the card make "
            "another key pair"
        )
    if known.revocation is not None or _certificate(known, _authority_of(known)).not_after < at:
        raise ValueError(
            "this key was certified before, and that certificate was revoked or has ended: have "
            "the card make another key pair"
        )
    return known.der


def _certificate(entry: Entry, authority: Authority) -> Certificate:
    from cryptography import x509

    read = x509.load_der_x509_certificate(entry.der)
    return Certificate(
        entry.der,
        entry.serial,
        read.not_valid_before_utc,
        read.not_valid_after_utc,
        authority,
        entry.point,
    )


def _found(register: Changing, serial: int) -> Entry:
    entry = register.find(serial) if 0 < serial < 1 << 63 else None
    if entry is None:
        raise LookupError("no certificate of the test authorities has this number")
    return entry


def _reason(reason: int) -> RevocationReason:
    try:
        return RevocationReason(reason)
    except ValueError:
        raise ValueError(
            "the reasons for a revocation are "
            + ", ".join(f"{one.value} ({one.name.lower()})" for one in RevocationReason)
        ) from None
