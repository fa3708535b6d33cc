"""Certificates: what they say of their holder, and every reason not to trust one."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography import x509

from jukihost.models import Sex
from jukihost.signing.certificates import (
    CertificateKind,
    CertificateMalformed,
    holder_of,
    kind_of,
    summarize,
)
from jukihost.signing.validity import (
    CertificateExpired,
    CertificateNotTrusted,
    CertificateNotValid,
    CertificateNotYetValid,
    CertificateRevoked,
    RevocationUnknown,
    Trust,
)
from tests.support.host.pki import FIRST, HOLDER, LAST, NOW, Authority

AUTHORITY = Authority.make()
OTHER = Authority.make(2, "another authority")
IMPOSTOR = Authority.make(3)
"""Another key under the same name."""
KEY = AUTHORITY.issue()
CERTIFICATE = KEY.certificate
TRUST = Trust((AUTHORITY.certificate,), NOW)
SECOND = timedelta(seconds=2)


def trust(
    *,
    at: datetime = NOW,
    crls: tuple[bytes, ...] = (),
    ocsps: tuple[bytes, ...] = (),
    required: bool = False,
) -> Trust:
    return Trust((AUTHORITY.certificate,), at, crls, ocsps, required)


# --- what it says ---


def test_holder() -> None:
    holder = holder_of(CERTIFICATE)
    assert holder is not None
    assert (holder.name, holder.address) == (HOLDER[1], HOLDER[5])
    assert (holder.birth, holder.birth_text) == (date(1980, 2, 17), "319800217")
    assert holder.sex is Sex.MALE
    assert (holder.name_substitutes, holder.address_substitutes) == ("00000", "0" * 18)
    assert "黒桐" not in repr(holder)


def test_nobody_named() -> None:
    assert holder_of(AUTHORITY.certificate) is None
    assert holder_of(AUTHORITY.issue(103, holder={}).certificate) is None


@pytest.mark.parametrize(
    "change",
    [
        {1: None},
        {3: None},
        {4: None},
        {5: None},
        {3: "3"},
        {3: "x"},
        {4: "31980021"},
        {4: "319801317"},
        {4: "３19800217"},
    ],
)
def test_holder_malformed(change: dict[int, str | None]) -> None:
    items = {number: change.get(number, text) for number, text in HOLDER.items()}
    known = {number: text for number, text in items.items() if text is not None}
    with pytest.raises(CertificateMalformed) as caught:
        holder_of(AUTHORITY.issue(104, holder=known).certificate)
    assert "黒桐" not in str(caught.value)


def test_birth_date_not_known_whole() -> None:
    holder = holder_of(AUTHORITY.issue(104, holder=HOLDER | {4: "319800000"}).certificate)
    assert holder is not None
    assert holder.birth is None


def test_summary() -> None:
    summary = summarize(CERTIFICATE)
    assert summary.kind is CertificateKind.SIGNATURE
    assert (summary.serial_number, summary.key_bits) == (100, 2048)
    assert (summary.first, summary.last) == (FIRST, LAST)
    assert "JPKI-TEST" in summary.issuer
    assert not summary.expired(LAST)
    assert summary.expired(LAST + SECOND)
    assert kind_of(AUTHORITY.certificate) is CertificateKind.AUTHORITY


# --- whom to trust ---


def test_chain_from_the_anchor_down() -> None:
    assert TRUST.check(CERTIFICATE) == (AUTHORITY.certificate, CERTIFICATE)


@pytest.mark.parametrize(
    ("at", "kind"),
    [
        (FIRST - SECOND, CertificateNotYetValid),
        (LAST + SECOND, CertificateExpired),
        (datetime(2000, 1, 1, tzinfo=UTC), CertificateNotYetValid),
        (datetime(2050, 1, 1, tzinfo=UTC), CertificateExpired),
    ],
)
def test_dates(at: datetime, kind: type[Exception]) -> None:
    trust(at=FIRST).check(CERTIFICATE)
    trust(at=LAST).check(CERTIFICATE)
    with pytest.raises(kind):
        trust(at=at).check(CERTIFICATE)


def test_time_without_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        trust(at=datetime(2026, 4, 1))


@pytest.mark.parametrize("anchors", [(), (OTHER.certificate,), (IMPOSTOR.certificate,)])
def test_strangers(anchors: tuple[x509.Certificate, ...]) -> None:
    with pytest.raises(CertificateNotTrusted):
        Trust(anchors, NOW).check(CERTIFICATE)


def test_holders_are_no_authorities() -> None:
    below = Authority(KEY.private, CERTIFICATE).issue(105)
    with pytest.raises(CertificateNotTrusted):
        TRUST.check(below.certificate, (CERTIFICATE,))


def test_old_keys_only_where_they_are_expected() -> None:
    old = AUTHORITY.issue(101, bits=1024).certificate
    with pytest.raises(CertificateNotTrusted, match="too weak"):
        TRUST.check(old)
    dataclasses.replace(TRUST, historic=True).check(old)


@pytest.mark.parametrize(
    ("usages", "right"),
    [
        (("digital_signature",), True),
        (("content_commitment",), True),
        (("key_cert_sign",), False),
        (("key_encipherment",), False),
    ],
)
def test_usage(usages: tuple[str, ...], right: bool) -> None:
    certificate = AUTHORITY.issue(106, usages=usages).certificate
    if right:
        TRUST.check(certificate)
    else:
        with pytest.raises(CertificateNotValid, match="not for signatures"):
            TRUST.check(certificate)


# --- revocation ---

GOOD_LIST = AUTHORITY.revocation_list()
BAD_LIST = AUTHORITY.revocation_list(CERTIFICATE)
OLD_LIST = AUTHORITY.revocation_list(at=NOW - timedelta(days=30))
OLD_BAD_LIST = AUTHORITY.revocation_list(CERTIFICATE, at=NOW - timedelta(days=30))
FORGED_LIST = IMPOSTOR.revocation_list()
FORGED_BAD_LIST = IMPOSTOR.revocation_list(CERTIFICATE)
OTHERS_LIST = OTHER.revocation_list()
GOOD_ANSWER = AUTHORITY.ocsp_response(CERTIFICATE)
BAD_ANSWER = AUTHORITY.ocsp_response(CERTIFICATE, good=False)
OTHERS_ANSWER = AUTHORITY.ocsp_response(AUTHORITY.issue(107).certificate)


@pytest.mark.parametrize(
    ("given", "required", "kind"),
    [
        # nothing, or nothing that is about this certificate
        ({}, False, None),
        ({}, True, RevocationUnknown),
        ({"crls": (OTHERS_LIST,)}, False, None),
        ({"crls": (OTHERS_LIST,)}, True, RevocationUnknown),
        ({"ocsps": (OTHERS_ANSWER,)}, False, None),
        ({"ocsps": (OTHERS_ANSWER,)}, True, RevocationUnknown),
        # good
        ({"crls": (GOOD_LIST,)}, True, None),
        ({"ocsps": (GOOD_ANSWER,)}, True, None),
        ({"crls": (OTHERS_LIST, GOOD_LIST), "ocsps": (OTHERS_ANSWER,)}, True, None),
        # revoked: whatever else is given
        ({"crls": (BAD_LIST,)}, False, CertificateRevoked),
        ({"crls": (BAD_LIST,)}, True, CertificateRevoked),
        ({"ocsps": (BAD_ANSWER,)}, False, CertificateRevoked),
        ({"crls": (GOOD_LIST,), "ocsps": (BAD_ANSWER,)}, False, CertificateRevoked),
        ({"crls": (BAD_LIST,), "ocsps": (GOOD_ANSWER,)}, False, CertificateRevoked),
        # out of date or forged: never taken for good news
        ({"crls": (OLD_LIST,)}, False, RevocationUnknown),
        ({"crls": (OLD_BAD_LIST,)}, False, RevocationUnknown),
        ({"crls": (FORGED_LIST,)}, False, RevocationUnknown),
        ({"crls": (FORGED_BAD_LIST,)}, True, RevocationUnknown),
        ({"crls": (OLD_LIST,), "ocsps": (GOOD_ANSWER,)}, True, None),
    ],
)
def test_revocation(
    given: dict[str, tuple[bytes, ...]], required: bool, kind: type[Exception] | None
) -> None:
    checked = trust(crls=given.get("crls", ()), ocsps=given.get("ocsps", ()), required=required)
    if kind is None:
        assert checked.check(CERTIFICATE)[-1] == CERTIFICATE
    else:
        with pytest.raises(kind) as caught:
            checked.check(CERTIFICATE)
        assert type(caught.value) is kind


def test_revocation_after_the_time_that_counts() -> None:
    before = NOW - timedelta(days=3)
    listed = AUTHORITY.revocation_list(CERTIFICATE)
    # The list is newer than the time it is asked about: it cannot tell.
    with pytest.raises((RevocationUnknown, CertificateRevoked)):
        trust(at=before, crls=(listed,), required=True).check(CERTIFICATE)


def test_what_is_no_revocation_data() -> None:
    for given in ({"crls": (b"text",)}, {"ocsps": (b"text",)}):
        with pytest.raises(ValueError, match="cannot be used: it is damaged, or not of its form"):
            trust(crls=given.get("crls", ()), ocsps=given.get("ocsps", ()))
