"""Certificates of the holders, issued when a card is personalised (docs/card.md, JPKI)."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from jukicard.crypto.asymmetric import EcPublicKey, RsaPublicKey
from jukicard.environment import RandomSource
from jukicard.synthetic.characters import CertificateText
from jukicard.synthetic.codes import random_digits
from jukicard.synthetic.draws import below, between, choice
from jukicard.synthetic.eras import JAPAN, birthday_after, years_before
from jukicard.synthetic.person import Person
from jukicard.synthetic.pki import x509
from jukicard.synthetic.pki.authorities import DAY_ENDS, ORGANISATION, Authority
from jukicard.synthetic.places import Municipality

STATEMENT: Final = "http://www.jpki.go.jp/cps.html"
"""Where the real certificates say their practice statement is; a name, nothing is fetched."""
_DIGITAL_SIGNATURE_NON_REPUDIATION: Final = (b"\xc0", 6)
_DIGITAL_SIGNATURE: Final = (b"\x80", 7)
_ATTRIBUTE: Final = "1.2.392.200149.8.5.5."
_SERIALS: Final = (0x10000, 0x7FFFFFFF)
_BASE_36: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_KIND: Final = "003A"
"""How the common name in an authentication certificate ends on the cards it was seen on."""


class Dweller(Protocol):
    """Whose municipality a certificate names; a `Person` is one."""

    @property
    def municipality(self) -> Municipality:
        """Where the holder lives."""


class Subject(Dweller, Protocol):
    """What a certificate for signatures says of its holder; a `Person` is one."""

    @property
    def certificate_name(self) -> CertificateText:
        """The name as certificates hold it."""

    @property
    def certificate_address(self) -> CertificateText:
        """The address as certificates hold it."""

    @property
    def certificate_birth(self) -> str:
        """Number of the era and date, nine digits."""

    @property
    def sex(self) -> int:
        """The code of JIS X 0303."""


@dataclass(frozen=True, slots=True, repr=False)
class Certificate:
    """A certificate that an authority issued: DER, number, dates, and the CRL it may be on."""

    der: bytes
    serial: int
    not_before: datetime.datetime
    not_after: datetime.datetime
    authority: Authority
    crl_point: bytes

    def __repr__(self) -> str:
        return f"<Certificate {self.serial:08X} of {self.authority!r}>"


def certificate_expiry(
    person: Person, issued: datetime.date, card_expires: datetime.date
) -> datetime.date:
    """Return the last day of a certificate of the successor: the fifth birthday, or the card's
    last day if that is earlier."""
    return min(birthday_after(person.birth, issued, 5), card_expires)


def juki_certificate_expiry(issued: datetime.date, card_expires: datetime.date) -> datetime.date:
    """Return the last day of a Juki card's certificate: three years, or the card's last day.

    Three years end on the eve of the same day, and on the last of the month where there is none.
    """
    later = years_before(issued, -3)
    is_same_day = later.day == issued.day
    return min(later - datetime.timedelta(days=1) if is_same_day else later, card_expires)


def signature_certificate(
    person: Subject,
    public: RsaPublicKey,
    *,
    authority: Authority,
    issued: datetime.date,
    expires: datetime.date,
    random: RandomSource,
) -> Certificate:
    """Issue a certificate for signatures (署名用電子証明書): it says who and where the holder is.

    It begins at some time of the day's office hours, or at the moment `issued`, and ends with the
    day `expires`; the random source gives that time, the serial number and the end of the common
    name. ValueError when the dates are in the wrong order or not within the authority's own.
    """
    begins = _begins(random, issued)
    place = person.municipality
    where = (("L", place.prefecture.romanised), ("L", place.romanised))
    common = f"{begins.astimezone(JAPAN):%Y%m%d%H%M%S}{place.code}{random_digits(random, 9)}"
    point = authority.crl_point(
        ("OU", place.prefecture.romanised), ("CN", f"{place.romanised} CRLDP")
    )
    return _issue(
        authority,
        public,
        subject=x509.name(("C", "JP"), *where, ("CN", common)),
        begins=begins,
        expires=expires,
        random=random,
        crl_point=point,
        extensions=(
            x509.key_usage(*_DIGITAL_SIGNATURE_NON_REPUDIATION),
            x509.subject_alternative(*_four_items(person)),
            x509.certificate_policies(authority.policy, STATEMENT),
            x509.issuer_alternative(x509.directory_name(authority.japanese)),
        ),
    )


def authentication_certificate(
    person: Dweller,
    public: RsaPublicKey,
    *,
    authority: Authority,
    issued: datetime.date,
    expires: datetime.date,
    random: RandomSource,
) -> Certificate:
    """Issue a certificate for authentication (利用者証明用電子証明書): a number, no person.

    Dates, randomness and ValueError as with `signature_certificate`.
    """
    begins = _begins(random, issued)
    unique = "".join(choice(random, _BASE_36) for _ in range(14))
    common = f"{unique}{person.municipality.code}{_KIND}"
    return _issue(
        authority,
        public,
        subject=x509.name(("C", "JP"), ("CN", common)),
        begins=begins,
        expires=expires,
        random=random,
        crl_point=authority.crl_point(("CN", "CRLDP")),
        extensions=(
            x509.key_usage(*_DIGITAL_SIGNATURE),
            x509.certificate_policies(authority.policy, STATEMENT),
            x509.issuer_alternative(x509.directory_name(authority.japanese)),
        ),
    )


def operator_certificate(
    identifier: str,
    municipality: str,
    public: EcPublicKey,
    *,
    authority: Authority,
    issued: datetime.date,
    expires: datetime.date,
    random: RandomSource,
) -> Certificate:
    """Issue the certificate of an operator's key (P-256): it names the operator by an identifier.

    municipality: five digits. Dates, randomness and ValueError as with `signature_certificate`.
    """
    return _issue(
        authority,
        public,
        subject=x509.name(
            ("C", "JP"), ("O", ORGANISATION), ("OU", municipality), ("CN", identifier)
        ),
        begins=_begins(random, issued),
        expires=expires,
        random=random,
        crl_point=authority.crl_point(("CN", "CRLDP")),
        extensions=(
            x509.key_usage(*_DIGITAL_SIGNATURE),
            x509.certificate_policies(authority.policy, STATEMENT),
        ),
    )


def _four_items(person: Subject) -> tuple[bytes, ...]:
    """Name, birth, sex and address and where substitutes stand, in the order of real cards."""
    name, address = person.certificate_name, person.certificate_address
    return tuple(
        x509.other_name(_ATTRIBUTE + number, text)
        for number, text in (
            ("1", name.text),
            ("4", person.certificate_birth),
            ("3", str(int(person.sex))),
            ("5", address.text),
            ("2", name.flags),
            ("6", address.flags),
        )
    )


def _begins(random: RandomSource, day: datetime.date) -> datetime.datetime:
    """Return the moment that is given, or one of the day between 9:00 and 16:59:59 in Japan."""
    if isinstance(day, datetime.datetime):
        return day.astimezone(datetime.UTC).replace(microsecond=0)
    opening = datetime.datetime.combine(day, datetime.time(9), tzinfo=JAPAN)
    moment = opening + datetime.timedelta(seconds=below(random, 8 * 3600))
    return moment.astimezone(datetime.UTC)


def _issue(
    authority: Authority,
    public: RsaPublicKey | EcPublicKey,
    *,
    subject: bytes,
    begins: datetime.datetime,
    expires: datetime.date,
    random: RandomSource,
    crl_point: bytes,
    extensions: Iterable[bytes],
) -> Certificate:
    ends = datetime.datetime.combine(expires, DAY_ENDS)
    if not authority.not_before <= begins < ends <= authority.not_after:
        raise ValueError(
            f"no test authority issues a certificate from {begins:%Y-%m-%d} to {expires}; this one"
            f" does from {authority.not_before:%Y-%m-%d} to {authority.not_after:%Y-%m-%d}"
        )
    serial = between(random, *_SERIALS)
    while serial in (authority.serial, authority.responder_serial):
        serial = between(random, *_SERIALS)
    encoded = x509.certificate(
        serial=serial,
        hash_name=authority.hash_name,
        issuer=authority.subject,
        not_before=begins,
        not_after=ends,
        subject=subject,
        public=public,
        extensions=(
            *extensions,
            x509.crl_distribution_point(crl_point),
            x509.authority_key(authority.key.public, authority.subject, authority.serial),
            x509.subject_key(public),
        ),
        key=authority.key,
    )
    return Certificate(encoded, serial, begins, ends, authority, crl_point)
