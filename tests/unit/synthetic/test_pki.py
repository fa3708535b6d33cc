"""Certificates follow the JPKI profiles to the byte: docs/card.md, JPKI, lists the sources."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import ExtensionOID, NameOID
from hypothesis import given, strategies as st

from jukicard.apdu.tlv import Tlv
from jukicard.crypto.asymmetric import RsaPublicKey
from jukicard.environment import SeededRandom
from jukicard.synthetic.people import SPECIMEN, Person, draw_person
from jukicard.synthetic.pki import (
    Authority,
    Certificate,
    authentication_authority,
    authentication_certificate,
    certificate_expiry,
    governor_authority,
    juki_certificate_expiry,
    pick_key,
    signature_authority,
    signature_certificate,
)
from jukicard.synthetic.pki.x509 import certificate as write_certificate
from jukicard.synthetic.places import prefectures

ISSUED = datetime.date(2025, 10, 27)
EXPIRES = datetime.date(2030, 2, 17)
JUKI_ISSUED = datetime.date(2015, 4, 1)
KEY = pick_key(SeededRandom(5), 2048).public
UTC = datetime.UTC

E = ExtensionOID
SIGNATURE_ORDER = [
    E.KEY_USAGE,
    E.SUBJECT_ALTERNATIVE_NAME,
    E.CERTIFICATE_POLICIES,
    E.ISSUER_ALTERNATIVE_NAME,
    E.CRL_DISTRIBUTION_POINTS,
    E.AUTHORITY_KEY_IDENTIFIER,
    E.SUBJECT_KEY_IDENTIFIER,
]
AUTHENTICATION_ORDER = [kind for kind in SIGNATURE_ORDER if kind != E.SUBJECT_ALTERNATIVE_NAME]
CA_ORDER = [
    E.KEY_USAGE,
    E.SUBJECT_ALTERNATIVE_NAME,
    E.BASIC_CONSTRAINTS,
    E.CRL_DISTRIBUTION_POINTS,
    E.SUBJECT_KEY_IDENTIFIER,
]
CRITICAL = {E.KEY_USAGE, E.CERTIFICATE_POLICIES, E.BASIC_CONSTRAINTS}


def sign(
    person: Person = SPECIMEN, seed: int = 1, public: RsaPublicKey = KEY, **other: Any
) -> Certificate:
    given: dict[str, Any] = {
        "authority": signature_authority(ISSUED),
        "issued": ISSUED,
        "expires": EXPIRES,
        "random": SeededRandom(seed),
        **other,
    }
    return signature_certificate(person, public, **given)


def authenticate(seed: int = 1) -> Certificate:
    return authentication_certificate(
        SPECIMEN,
        KEY,
        authority=authentication_authority(ISSUED),
        issued=ISSUED,
        expires=EXPIRES,
        random=SeededRandom(seed),
    )


def juki(seed: int = 1) -> Certificate:
    return signature_certificate(
        SPECIMEN,
        pick_key(SeededRandom(seed), 1024).public,
        authority=governor_authority(SPECIMEN.municipality.prefecture),
        issued=JUKI_ISSUED,
        expires=juki_certificate_expiry(JUKI_ISSUED, datetime.date(2025, 4, 1)),
        random=SeededRandom(seed),
    )


def read(raw: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(raw)


def verify(found: x509.Certificate, ca: x509.Certificate) -> None:
    """Check name and signature; by hand, because the library takes no SHA-1 in certificates."""
    assert found.issuer == ca.subject
    key = ca.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert found.signature_hash_algorithm is not None
    key.verify(
        found.signature, found.tbs_certificate_bytes, PKCS1v15(), found.signature_hash_algorithm
    )


def raw_extensions(raw: bytes) -> list[tuple[str, bool, bytes]]:
    """Each extension as it stands: identifier, critical, value."""
    fields = Tlv.parse(raw).children[0].children
    (group,) = (field for field in fields if field.tag == 0xA3)
    found = []
    for one in group.children[0].children:
        parts = one.children
        if len(parts) == 3:
            assert parts[1].encode() == b"\x01\x01\xff"
        found.append((parts[0].encode().hex(), len(parts) == 3, parts[-1].value))
    return found


def value_of(raw: bytes, kind: x509.ObjectIdentifier) -> bytes:
    index = [extension.oid for extension in read(raw).extensions].index(kind)
    return raw_extensions(raw)[index][2]


def text_of(name: x509.Name) -> list[tuple[str, str]]:
    names = {
        NameOID.COUNTRY_NAME: "C",
        NameOID.LOCALITY_NAME: "L",
        NameOID.ORGANIZATION_NAME: "O",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
        NameOID.COMMON_NAME: "CN",
    }
    return [(names[one.oid], str(one.value)) for one in name]


AGENCY = ("OU", "Japan Agency for Local Authority Information Systems")
SIGN_CA = [("C", "JP"), ("O", "JPKI-TEST"), ("OU", "JPKI for digital signature"), AGENCY]
AUTH_CA = [("C", "JP"), ("O", "JPKI-TEST"), ("OU", "JPKI for user authentication"), AGENCY]


# -- certificates for signatures ------------------------------------------------------------------


def test_a_signature_certificate_has_the_fields_of_the_profile() -> None:
    issued = sign()
    found = read(issued.der)
    assert issued.der[:2] == b"\x30\x82"
    assert len(issued.der) == int.from_bytes(issued.der[2:4], "big") + 4
    assert found.version is x509.Version.v3
    assert found.serial_number == issued.serial > 0
    assert found.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.11"
    assert found.signature_algorithm_parameters is not None
    assert text_of(found.issuer) == SIGN_CA
    assert text_of(found.subject)[:3] == [("C", "JP"), ("L", "Tokyo-to"), ("L", "Kiyose-shi")]
    assert found.not_valid_after_utc == datetime.datetime(2030, 2, 17, 14, 59, 59, tzinfo=UTC)
    assert b"\x17\x0d300217145959Z" in issued.der
    assert found.not_valid_before_utc == issued.not_before


def test_the_common_name_is_time_municipality_and_digits() -> None:
    issued = sign()
    kind, common = text_of(read(issued.der).subject)[3]
    japan = issued.not_before + datetime.timedelta(hours=9)
    assert kind == "CN"
    assert common[:19] == f"{japan:%Y%m%d%H%M%S}13221"
    assert len(common) == 28
    assert common.isdigit()
    assert japan.date() == ISSUED
    assert 9 <= japan.hour < 17


def test_extensions_have_order_and_criticality() -> None:
    for raw, order in (
        (sign().der, SIGNATURE_ORDER),
        (authenticate().der, AUTHENTICATION_ORDER),
        (juki().der, SIGNATURE_ORDER),
        (signature_authority(ISSUED).certificate, CA_ORDER),
        (authentication_authority(ISSUED).certificate, CA_ORDER),
    ):
        found = read(raw).extensions
        assert [extension.oid for extension in found] == order
        assert {one.oid for one in found if one.critical} == CRITICAL & set(order)


def test_the_four_items_are_written_to_the_byte() -> None:
    value = value_of(sign().der, E.SUBJECT_ALTERNATIVE_NAME)
    expected = [
        ("01", "黒桐　幹也"),
        ("04", "319800217"),
        ("03", "1"),
        ("05", "東京都清瀬市観布子南１２－７－２０２"),
        ("02", "00000"),
        ("06", "0" * 18),
    ]
    names = Tlv.parse(value).children
    assert len(names) == len(expected)
    for name, (number, text) in zip(names, expected, strict=True):
        type_id, wrapped = name.children
        (string,) = wrapped.children
        assert (name.tag, wrapped.tag, string.tag) == (0xA0, 0xA0, 0x0C)
        assert type_id.encode().hex().upper() == f"060A2A83088C9B55080505{number}"
        assert string.value.decode() == text


def test_substitutes_are_flagged_in_the_certificate() -> None:
    person = dataclasses.replace(SPECIMEN, family="髙﨑", street="𠮷見本１番地")
    names = read(sign(person).der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    texts = [
        Tlv.parse(name.value).value.decode()
        for name in names.value
        if isinstance(name, x509.OtherName)
    ]
    assert texts[0] == "高崎　幹也"
    assert texts[3] == "東京都清瀬市吉見本１番地"
    assert texts[4] == "11000"
    assert texts[5] == "000000100000"


def test_key_usage_policy_and_issuer_alternative_name_are_exact() -> None:
    raw = sign().der
    assert value_of(raw, E.KEY_USAGE) == bytes.fromhex("030206C0")
    policies = read(raw).extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert [policy.policy_identifier.dotted_string for policy in policies] == [
        "1.2.392.200149.8.5.1.0.20"
    ]
    assert [policy.policy_qualifiers for policy in policies] == [["http://www.jpki.go.jp/cps.html"]]
    issuer = value_of(raw, E.ISSUER_ALTERNATIVE_NAME)
    assert len(issuer) == 166
    assert issuer.hex().startswith("3081a3a481a030819d")
    assert issuer == value_of(signature_authority(ISSUED).certificate, E.SUBJECT_ALTERNATIVE_NAME)
    for part in ("公的個人認証サービス署名用", "地方公共団体情報システム機構"):
        assert part.encode() in issuer


def test_string_types_are_printable_for_the_country_only() -> None:
    for raw in (sign().der, authenticate().der, juki().der):
        found = read(raw)
        for name in (found.issuer, found.subject):
            types = [Tlv.parse(rdn_value(one)).tag for one in name.rdns]
            assert types == [0x13] + [0x0C] * (len(types) - 1)


def rdn_value(rdn: x509.RelativeDistinguishedName) -> bytes:
    """The value of the one attribute of an RDN, in DER as the library read it."""
    raw = x509.Name([rdn]).public_bytes()
    attribute = Tlv.parse(raw).children[0].children[0]
    return attribute.children[1].encode()


def test_the_distribution_point_names_prefecture_and_municipality() -> None:
    issued = sign()
    points = read(issued.der).extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    (point,) = points
    assert point.full_name is not None
    (name,) = point.full_name
    assert isinstance(name, x509.DirectoryName)
    assert text_of(name.value) == [
        *SIGN_CA[:3],
        ("OU", "CRL Distribution Points"),
        ("OU", "Tokyo-to"),
        ("CN", "Kiyose-shi CRLDP"),
    ]
    assert name.value.public_bytes() == issued.crl_point


@pytest.mark.parametrize("issue", [sign, authenticate, juki])
def test_key_identifiers_name_the_authority_and_the_holder(
    issue: Callable[[], Certificate],
) -> None:
    issued = issue()
    found, ca = read(issued.der), read(issued.authority.certificate)
    by = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    own = found.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    of_ca = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert by.key_identifier == of_ca.digest
    assert by.authority_cert_serial_number == ca.serial_number
    assert by.authority_cert_issuer == [x509.DirectoryName(ca.subject)]
    assert own == x509.SubjectKeyIdentifier.from_public_key(found.public_key())
    verify(found, ca)


# -- certificates for authentication, Juki cards, authorities --------------------------------------


def test_an_authentication_certificate_names_nobody() -> None:
    issued = authenticate()
    found = read(issued.der)
    assert text_of(found.issuer) == AUTH_CA
    assert value_of(issued.der, E.KEY_USAGE) == bytes.fromhex("03020780")
    (country, (kind, common)) = text_of(found.subject)
    assert country == ("C", "JP")
    assert kind == "CN"
    assert common[14:] == "13221003A"
    assert len(common) == 23
    policies = found.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert policies[0].policy_identifier.dotted_string == "1.2.392.200149.8.5.1.3.30"
    for personal in (SPECIMEN.name, SPECIMEN.address, "319800217", "Kiyose", "Tokyo"):
        assert personal.encode() not in issued.der
    alternative = value_of(issued.der, E.ISSUER_ALTERNATIVE_NAME)
    assert len(alternative) == 175
    assert "公的個人認証サービス利用者証明用".encode() in alternative


def test_a_juki_certificate_is_of_its_time() -> None:
    issued = juki()
    found = read(issued.der)
    assert isinstance(found.signature_hash_algorithm, hashes.SHA1)
    assert found.public_key().key_size == 1024  # type: ignore[union-attr]
    assert text_of(found.issuer) == [
        ("C", "JP"),
        ("O", "JPKI-TEST"),
        ("OU", "Governor of Tokyo-to"),
    ]
    assert found.not_valid_after_utc == datetime.datetime(2018, 3, 31, 14, 59, 59, tzinfo=UTC)
    modern = governor_authority(SPECIMEN.municipality.prefecture, "sha256")
    assert isinstance(read(modern.certificate).signature_hash_algorithm, hashes.SHA256)


def test_every_prefecture_has_a_governor_with_a_key_of_its_own() -> None:
    governors = [governor_authority(prefecture) for prefecture in prefectures().values()]
    assert len({governor.key.public for governor in governors}) == 47
    assert len({governor.subject for governor in governors}) == 47
    for governor in governors:
        found = read(governor.certificate)
        verify(found, found)


@pytest.mark.parametrize(
    ("day", "serial", "begins", "ends"),
    [
        ("2015-10-21", 1, "2015-10-20T02:40:28", "2025-10-19T14:59:59"),
        ("2019-09-15", 1, "2015-10-20T02:40:28", "2025-10-19T14:59:59"),
        ("2019-09-16", 0x0132C4AB, "2019-09-14T23:41:56", "2029-09-14T14:59:59"),
        ("2025-10-27", 0x067C6A21, "2023-07-16T00:50:27", "2033-07-15T14:59:59"),
        ("2044-07-17", 0x16F01E58, "2039-07-17T00:20:33", "2049-07-16T14:59:59"),
    ],
)
def test_authorities_are_renewed(day: str, serial: int, begins: str, ends: str) -> None:
    for choose, subject in (
        (signature_authority, SIGN_CA),
        (authentication_authority, AUTH_CA),
    ):
        authority = choose(datetime.date.fromisoformat(day))
        found = read(authority.certificate)
        assert found.serial_number == serial
        assert found.not_valid_before_utc == datetime.datetime.fromisoformat(begins + "+00:00")
        assert found.not_valid_after_utc == datetime.datetime.fromisoformat(ends + "+00:00")
        assert text_of(found.subject) == text_of(found.issuer) == subject
        verify(found, found)
        assert authority.certificate[:2] == b"\x30\x82"


def test_an_authority_certificate_may_sign_certificates_and_lists_only() -> None:
    raw = signature_authority(ISSUED).certificate
    assert value_of(raw, E.KEY_USAGE) == bytes.fromhex("03020106")
    assert value_of(raw, E.BASIC_CONSTRAINTS) == bytes.fromhex("30030101FF")
    points = read(raw).extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert points[0].full_name == [x509.DirectoryName(read(raw).subject)]


def test_all_authorities_have_keys_of_their_own() -> None:
    days = [datetime.date(year, 12, 1) for year in range(2015, 2045)]
    found: set[Authority] = {
        choose(day) for day in days for choose in (signature_authority, authentication_authority)
    }
    assert len(found) == 14
    assert len({authority.key.name for authority in found}) == 14


# -- any person, any day --------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.dates(datetime.date(2016, 1, 1), datetime.date(2043, 12, 31)))
def test_any_resident_gets_certificates_that_fit_into_the_card(
    seed: int, issued: datetime.date
) -> None:
    random = SeededRandom(seed)
    person = draw_person(random, issued=issued)
    expires = certificate_expiry(person, issued, issued + datetime.timedelta(days=3000))
    made = signature_certificate(
        person,
        KEY,
        authority=signature_authority(issued),
        issued=issued,
        expires=expires,
        random=random,
    )
    assert issued < expires <= issued + datetime.timedelta(days=5 * 366)
    assert made.der[:2] == b"\x30\x82"
    assert len(made.der) <= 2048
    found = read(made.der)
    verify(found, read(made.authority.certificate))
    assert 0 < found.serial_number == made.serial
    assert made.serial not in (made.authority.serial, made.authority.responder_serial)


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert sign(seed=4).der == sign(seed=4).der
    assert authenticate(seed=4).der == authenticate(seed=4).der
    assert sign(seed=4).der != sign(seed=5).der
    assert authenticate(seed=4).der != authenticate(seed=5).der


def test_a_key_that_was_made_in_the_card_is_certified_too() -> None:
    public = RsaPublicKey(pick_key(SeededRandom(8), 2048).public.modulus, 65537)
    found = read(sign(public=public).der)
    assert found.public_key().public_numbers().n == public.modulus  # type: ignore[union-attr]


# -- dates ----------------------------------------------------------------------------------------


def test_certificates_end_on_the_fifth_birthday_or_with_the_card() -> None:
    late = datetime.date(2035, 2, 17)
    assert certificate_expiry(SPECIMEN, ISSUED, late) == EXPIRES
    assert certificate_expiry(SPECIMEN, ISSUED, datetime.date(2028, 1, 1)).year == 2028
    assert juki_certificate_expiry(datetime.date(2012, 2, 29), late) == datetime.date(2015, 2, 28)
    assert juki_certificate_expiry(JUKI_ISSUED, datetime.date(2016, 5, 5)).year == 2016


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"expires": datetime.date(2034, 1, 1)}, "no test authority issues a certificate"),
        ({"issued": datetime.date(2023, 7, 15)}, "no test authority issues a certificate"),
        ({"expires": datetime.date(2025, 10, 26)}, "no test authority issues a certificate"),
    ],
)
def test_dates_that_do_not_fit_are_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        sign(**wrong)


def test_there_was_no_authority_before_2015() -> None:
    for choose in (signature_authority, authentication_authority):
        with pytest.raises(ValueError, match="2015"):
            choose(datetime.date(2015, 10, 20))


@pytest.mark.parametrize("serial", [0, -1])
def test_a_serial_number_is_positive(serial: int) -> None:
    authority = signature_authority(ISSUED)
    with pytest.raises(ValueError, match="positive"):
        write_certificate(
            serial=serial,
            hash_name="sha256",
            issuer=authority.subject,
            not_before=authority.not_before,
            not_after=authority.not_after,
            subject=authority.subject,
            public=KEY,
            extensions=(),
            key=authority.key,
        )


def test_reprs_name_no_person() -> None:
    issued = sign()
    assert repr(issued) == (
        f"<Certificate {issued.serial:08X} of <Authority JPKI for digital signature, "
        "from 2023-07-16>>"
    )
