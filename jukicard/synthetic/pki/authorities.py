"""The test certificate authorities: for signatures, for authentication, and 47 governors before."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import cache
from typing import Final

from jukicard.crypto.kdf import HashName
from jukicard.synthetic.eras import JAPAN, years_before
from jukicard.synthetic.pki import x509
from jukicard.synthetic.pki.keys import PublishedKey, published_key
from jukicard.synthetic.places import Prefecture

ORGANISATION: Final = "JPKI-TEST"
SIGNATURE_POLICY: Final = "1.2.392.200149.8.5.1.0.20"
"""The policy of the signature certificates of JPKI's test environment."""
AUTHENTICATION_POLICY: Final = "1.2.392.200149.8.5.1.3.30"
"""The policy of authentication certificates."""
OPERATOR_POLICY: Final = "2.999.2.1"
"""The policy of operators' certificates: under the arc for examples, as there is no real one."""
_SERVICE: Final = "公的個人認証サービス"
_AGENCY: Final = "Japan Agency for Local Authority Information Systems"
_AGENCY_JAPANESE: Final = "地方公共団体情報システム機構"
_CERTIFICATE_AND_CRL_SIGN: Final = (b"\x06", 1)

DAY_ENDS: Final = datetime.time(14, 59, 59, tzinfo=datetime.UTC)
"""When certificates end: 23:59:59 in Japan."""

_GENERATIONS: Final = (
    (1, datetime.datetime(2015, 10, 20, 2, 40, 28, tzinfo=datetime.UTC)),
    (0x0132C4AB, datetime.datetime(2019, 9, 14, 23, 41, 56, tzinfo=datetime.UTC)),
    (0x067C6A21, datetime.datetime(2023, 7, 16, 0, 50, 27, tzinfo=datetime.UTC)),
    (0x0A31F70C, datetime.datetime(2027, 7, 18, 0, 31, 9, tzinfo=datetime.UTC)),
    (0x0E5502B7, datetime.datetime(2031, 7, 20, 0, 12, 44, tzinfo=datetime.UTC)),
    (0x12A9C3D6, datetime.datetime(2035, 7, 15, 0, 44, 51, tzinfo=datetime.UTC)),
    (0x16F01E58, datetime.datetime(2039, 7, 17, 0, 20, 33, tzinfo=datetime.UTC)),
)
"""Serial number and beginning of each certificate: the real authorities' first three, then ours."""
_YEARS: Final = 10

GOVERNORS_FROM: Final = datetime.datetime(2003, 8, 24, 15, 0, 0, tzinfo=datetime.UTC)
GOVERNORS_UNTIL: Final = datetime.datetime(2049, 12, 31, 14, 59, 59, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Authority:
    """A test certificate authority: its names in DER, its key, its certificate's number and dates.

    unit: the OU that tells it apart, "JPKI for digital signature" for example.
    policy: the policy of the certificates that it issues. hash_name: what it signs with.
    """

    unit: str
    subject: bytes
    japanese: bytes
    key: PublishedKey
    serial: int
    not_before: datetime.datetime
    not_after: datetime.datetime
    hash_name: HashName
    policy: str

    @property
    def certificate(self) -> bytes:
        """The self-signed certificate in DER."""
        return _certificate(self)

    @property
    def responder_serial(self) -> int:
        """The number of its OCSP responder's certificate."""
        return self.serial + 1

    def crl_point(self, *more: tuple[str, str]) -> bytes:
        """Return the name of one of its CRLs: below `OU=CRL Distribution Points`."""
        return x509.name(*_base(self.unit), ("OU", "CRL Distribution Points"), *more)

    def __repr__(self) -> str:
        return f"<Authority {self.unit}, from {self.not_before:%Y-%m-%d}>"


def signature_authority(day: datetime.date) -> Authority:
    """Return the CA that issues certificates for signatures on a day.

    ValueError before 21 October 2015: there was none yet.
    """
    return _agency(
        _generation(day), "sign", "JPKI for digital signature", "署名用", SIGNATURE_POLICY
    )


def authentication_authority(day: datetime.date) -> Authority:
    """Return the CA that issues certificates for authentication on a day.

    ValueError before 21 October 2015: there was none yet.
    """
    return _agency(
        _generation(day),
        "auth",
        "JPKI for user authentication",
        "利用者証明用",
        AUTHENTICATION_POLICY,
    )


@cache
def governor_authority(prefecture: Prefecture, hash_name: HashName = "sha1") -> Authority:
    """Return the CA of a prefecture's governor, which issued the certificates of Juki cards.

    Its names and dates are made up: the real profile was never published. It lasts from the first
    Juki card to 2049, so that a card of any day has one. hash_name: "sha1" as then, or "sha256".
    """
    unit = f"Governor of {prefecture.romanised}"
    return Authority(
        unit=unit,
        subject=x509.name(*_base(unit)),
        japanese=x509.name(("C", "JP"), ("O", _SERVICE), ("OU", f"{prefecture.name}知事")),
        key=published_key(f"governor-{prefecture.code}"),
        serial=1,
        not_before=GOVERNORS_FROM,
        not_after=GOVERNORS_UNTIL,
        hash_name=hash_name,
        policy=SIGNATURE_POLICY,
    )


@cache
def operator_authority() -> Authority:
    """Return the CA that certifies the keys of operators; made up, as nothing of it is known."""
    unit = "Operators"
    return Authority(
        unit=unit,
        subject=x509.name(*_base(unit)),
        japanese=x509.name(("C", "JP"), ("O", ORGANISATION), ("OU", "操作者")),
        key=published_key("operators"),
        serial=1,
        not_before=GOVERNORS_FROM,
        not_after=GOVERNORS_UNTIL,
        hash_name="sha256",
        policy=OPERATOR_POLICY,
    )


def _base(unit: str) -> tuple[tuple[str, str], ...]:
    return ("C", "JP"), ("O", ORGANISATION), ("OU", unit)


def _generation(day: datetime.date) -> int:
    """Return the number of the latest generation that had begun before a day, from 1."""
    begun = [
        index
        for index, (_, since) in enumerate(_GENERATIONS, 1)
        if since.astimezone(JAPAN).date() < day
    ]
    if not begun:
        raise ValueError("certificates of this kind are issued from 21 October 2015 on")
    return begun[-1]


@cache
def _agency(generation: int, kind: str, unit: str, japanese: str, policy: str) -> Authority:
    serial, since = _GENERATIONS[generation - 1]
    last = years_before(since.astimezone(JAPAN).date(), -_YEARS) - datetime.timedelta(days=1)
    return Authority(
        unit=unit,
        subject=x509.name(*_base(unit), ("OU", _AGENCY)),
        japanese=x509.name(
            ("C", "JP"), ("O", _SERVICE), ("OU", _SERVICE + japanese), ("OU", _AGENCY_JAPANESE)
        ),
        key=published_key(f"{kind}-{generation}"),
        serial=serial,
        not_before=since,
        not_after=datetime.datetime.combine(last, DAY_ENDS),
        hash_name="sha256",
        policy=policy,
    )


@cache
def _certificate(authority: Authority) -> bytes:
    return x509.certificate(
        serial=authority.serial,
        hash_name=authority.hash_name,
        issuer=authority.subject,
        not_before=authority.not_before,
        not_after=authority.not_after,
        subject=authority.subject,
        public=authority.key.public,
        extensions=(
            x509.key_usage(*_CERTIFICATE_AND_CRL_SIGN),
            x509.subject_alternative(x509.directory_name(authority.japanese)),
            x509.basic_constraints_ca(),
            x509.crl_distribution_point(authority.subject),
            x509.subject_key(authority.key.public),
        ),
        key=authority.key,
    )
