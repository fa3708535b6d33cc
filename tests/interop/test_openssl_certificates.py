"""OpenSSL reads, verifies and rejects the test certificates, lists and answers as it should."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jukicard import LocalReader, issue_card
from jukicard.environment import SeededRandom
from jukicard.synthetic.people import SPECIMEN
from jukicard.synthetic.pki import (
    Authority,
    Certificate,
    authentication_authority,
    authentication_certificate,
    governor_authority,
    juki_certificate_expiry,
    pick_key,
    signature_authority,
    signature_certificate,
)
from jukicard.synthetic.pki.ocsp import answer, responder
from jukicard.synthetic.pki.revocation import Register, RevocationReason
from jukicard.synthetic.places import prefectures
from jukihost.channel import build_channel
from jukihost.issuing import (
    CardKind,
    certify,
    find_authority,
    hold_certificate,
    personalise,
    revocation_list,
)
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from tests.interop.openssl import OpenSsl, openssl_in
from tests.unit.host_issuing.cardorders import means, moment, order_of
from tests.unit.host_issuing.orders import order

pytestmark = pytest.mark.interop

UTC = datetime.UTC
ISSUED = datetime.date(2025, 10, 27)
EXPIRES = datetime.date(2030, 2, 17)
JUKI_ISSUED = datetime.date(2015, 4, 1)
NOW = datetime.datetime(2026, 1, 5, 3, tzinfo=UTC)
LATER = NOW + datetime.timedelta(days=7)
POLICY = "1.2.392.200149.8.5.1.0.20"


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSsl:
    return openssl_in(tmp_path)


def issue(seed: int = 1, authority: Authority | None = None) -> Certificate:
    return signature_certificate(
        SPECIMEN,
        pick_key(SeededRandom(seed), 2048).public,
        authority=authority or signature_authority(ISSUED),
        issued=ISSUED,
        expires=EXPIRES,
        random=SeededRandom(seed),
    )


def issue_authentication() -> Certificate:
    return authentication_certificate(
        SPECIMEN,
        pick_key(SeededRandom(1), 2048).public,
        authority=authentication_authority(ISSUED),
        issued=ISSUED,
        expires=EXPIRES,
        random=SeededRandom(1),
    )


def issue_juki() -> Certificate:
    return signature_certificate(
        SPECIMEN,
        pick_key(SeededRandom(1), 1024).public,
        authority=governor_authority(SPECIMEN.municipality.prefecture),
        issued=JUKI_ISSUED,
        expires=juki_certificate_expiry(JUKI_ISSUED, datetime.date(2025, 4, 1)),
        random=SeededRandom(1),
    )


def at(moment: datetime.datetime) -> tuple[str, str]:
    return "-attime", str(int(moment.timestamp()))


def verify(
    openssl: OpenSsl, issued: Certificate, ca: Authority, *options: str | Path
) -> tuple[int, str]:
    return openssl.run(
        "verify", "-check_ss_sig", *options,
        "-CAfile", openssl.put("ca", ca.certificate), openssl.put("user", issued.der),
    )  # fmt: skip


# -- chains ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("issued", [issue(), issue_authentication()], ids=["sign", "auth"])
def test_a_chain_verifies_strictly(openssl: OpenSsl, issued: Certificate) -> None:
    status, said = verify(openssl, issued, issued.authority, "-x509_strict", *at(NOW))
    assert status == 0, said


def test_a_juki_chain_verifies_where_its_algorithms_are_allowed(openssl: OpenSsl) -> None:
    issued = issue_juki()
    moment = datetime.datetime(2016, 1, 1, tzinfo=UTC)
    status, said = verify(openssl, issued, issued.authority, "-auth_level", "0", *at(moment))
    assert status == 0, said
    status, said = verify(openssl, issued, issued.authority, "-auth_level", "1", *at(moment))
    assert status != 0
    assert "too weak" in said or "too small" in said


def test_the_policy_is_found_in_the_chain(openssl: OpenSsl) -> None:
    issued = issue()
    arguments = ("-policy_check", "-explicit_policy", *at(NOW), "-policy")
    assert verify(openssl, issued, issued.authority, *arguments, POLICY)[0] == 0
    assert verify(openssl, issued, issued.authority, *arguments, "1.2.3.4")[0] != 0


@pytest.mark.parametrize(
    ("moment", "complaint"),
    [
        (datetime.datetime(2025, 10, 26, 23, tzinfo=UTC), "not yet valid"),
        (datetime.datetime(2030, 2, 17, 14, 59, 58, tzinfo=UTC), None),
        (datetime.datetime(2030, 2, 17, 15, tzinfo=UTC), "has expired"),
    ],
)
def test_a_certificate_is_valid_for_its_days(
    openssl: OpenSsl, moment: datetime.datetime, complaint: str | None
) -> None:
    issued = issue()
    status, said = verify(openssl, issued, issued.authority, *at(moment))
    assert (status == 0) == (complaint is None), said
    assert complaint is None or complaint in said


def test_another_authority_does_not_vouch_for_it(openssl: OpenSsl) -> None:
    for other in (
        authentication_authority(ISSUED),
        signature_authority(datetime.date(2020, 1, 1)),
        governor_authority(SPECIMEN.municipality.prefecture),
    ):
        status, said = verify(openssl, issue(), other, *at(NOW))
        assert status != 0
        assert "unable to get local issuer" in said


def test_a_changed_certificate_is_refused(openssl: OpenSsl) -> None:
    issued = issue()
    at_name = issued.der.index("黒桐".encode())
    changed = bytearray(issued.der)
    changed[at_name + 2] ^= 1
    ca = openssl.put("ca", issued.authority.certificate)
    user = openssl.put("user", bytes(changed))
    status, said = openssl.run("verify", *at(NOW), "-CAfile", ca, user)
    assert status != 0
    assert "signature failure" in said


def test_every_authority_signed_itself(openssl: OpenSsl) -> None:
    years = (2016, 2020, 2024, 2028, 2032, 2036, 2040)
    authorities = [
        choose(datetime.date(year, 6, 1))
        for year in years
        for choose in (signature_authority, authentication_authority)
    ]
    authorities += [governor_authority(place) for place in (*prefectures().values(),)[::12]]
    for authority in authorities:
        path = openssl.put("ca", authority.certificate)
        moment = at(authority.not_before + datetime.timedelta(days=1))
        openssl.said("verify", "-auth_level", "0", "-check_ss_sig", *moment, "-CAfile", path, path)


# -- what OpenSSL reads ---------------------------------------------------------------------------


def test_the_fields_read_as_on_the_published_cards(openssl: OpenSsl) -> None:
    path = openssl.put("user", issue().der)
    text = openssl.said(
        "x509", "-in", path, "-noout", "-text", "-nameopt", "sep_comma_plus_space,utf8"
    )
    for line in (
        "Issuer: C=JP, O=JPKI-TEST, OU=JPKI for digital signature, "
        "OU=Japan Agency for Local Authority Information Systems",
        "Not After : Feb 17 14:59:59 2030 GMT",
        "X509v3 Key Usage: critical\n                Digital Signature, Non Repudiation",
        "othername: 1.2.392.200149.8.5.5.1::黒桐　幹也, "
        "othername: 1.2.392.200149.8.5.5.4::319800217, "
        "othername: 1.2.392.200149.8.5.5.3::1, "
        "othername: 1.2.392.200149.8.5.5.5::東京都清瀬市観布子南１２－７－２０２, "
        "othername: 1.2.392.200149.8.5.5.2::00000, "
        "othername: 1.2.392.200149.8.5.5.6::000000000000000000",
        "X509v3 Certificate Policies: critical",
        "CPS: http://www.jpki.go.jp/cps.html",
    ):
        assert line in text, text
    assert re.search(r"Subject: C=JP, L=Tokyo-to, L=Kiyose-shi, CN=\d{28}\n", text)


def test_the_structure_is_that_of_the_profile(openssl: OpenSsl) -> None:
    """Depth, kind and value of every object in the certificate, in order."""
    path = openssl.write("user.der", issue().der)
    text = openssl.said("asn1parse", "-inform", "DER", "-in", path)
    objects = re.findall(r"d=(\d+).*?(?:prim|cons): (.+?)\s*(?::(.*))?$", text, re.M)
    names = [value for _, kind, value in objects if kind == "OBJECT"]
    assert names == [
        "sha256WithRSAEncryption",
        *("countryName", "organizationName", "organizationalUnitName", "organizationalUnitName"),
        *("countryName", "localityName", "localityName", "commonName"),
        "rsaEncryption",
        "X509v3 Key Usage",
        "X509v3 Subject Alternative Name",
        "X509v3 Certificate Policies",
        "X509v3 Issuer Alternative Name",
        "X509v3 CRL Distribution Points",
        "X509v3 Authority Key Identifier",
        "X509v3 Subject Key Identifier",
        "sha256WithRSAEncryption",
    ]
    kinds = [kind for _, kind, _ in objects]
    assert kinds.count("PRINTABLESTRING") == 2
    assert kinds.count("UTF8STRING") == 6
    assert kinds.count("UTCTIME") == 2
    assert kinds.count("BOOLEAN") == 2
    assert "030206C0" in text


# -- revocation -----------------------------------------------------------------------------------


def test_a_revoked_certificate_is_found_on_its_list(openssl: OpenSsl) -> None:
    revoked, good = issue(1), issue(2)
    known = Register(revoked.authority)
    known.add(revoked)
    known.add(good)
    known.revoke(revoked, NOW, RevocationReason.KEY_COMPROMISE)
    raw = known.crl(revoked.crl_point, NOW, LATER)
    crl = openssl.put("list", raw, "crl")
    text = openssl.said("crl", "-in", crl, "-noout", "-text")
    assert f"Serial Number: {revoked.serial:08X}" in text
    assert "X509v3 Issuing Distribution Point: critical" in text
    assert "CN = Kiyose-shi CRLDP" in text
    check = ("-crl_check", "-CRLfile", crl, *at(NOW + datetime.timedelta(hours=1)))
    status, said = verify(openssl, good, good.authority, *check)
    assert status == 0, said
    status, said = verify(openssl, revoked, revoked.authority, *check)
    assert status != 0
    assert "certificate revoked" in said
    status, said = verify(openssl, good, good.authority, *check[:3], *at(LATER + (LATER - NOW)))
    assert "CRL has expired" in said


def test_a_list_of_another_town_says_nothing(openssl: OpenSsl) -> None:
    issued = issue()
    known = Register(issued.authority)
    point = issued.authority.crl_point(("OU", "Osaka-fu"), ("CN", "Osaka-shi Kita-ku CRLDP"))
    crl = openssl.put("list", known.crl(point, NOW, LATER), "crl")
    check = ("-crl_check", "-CRLfile", crl, *at(NOW + datetime.timedelta(hours=1)))
    status, said = verify(openssl, issued, issued.authority, *check)
    assert status != 0
    assert "CRL" in said


@pytest.mark.parametrize(
    ("state", "responder_ends", "expected"),
    [
        ("good", LATER, "user.pem: good"),
        ("revoked", LATER, "user.pem: revoked"),
        ("unknown", LATER, "user.pem: unknown"),
        ("good", NOW - datetime.timedelta(days=1), None),
    ],
)
def test_ocsp_answers_verify(
    openssl: OpenSsl, state: str, responder_ends: datetime.datetime, expected: str | None
) -> None:
    issued = issue()
    known = Register(issued.authority)
    if state != "unknown":
        known.add(issued)
    if state == "revoked":
        known.revoke(issued, NOW, RevocationReason.CERTIFICATE_HOLD)
    ca = openssl.put("ca", issued.authority.certificate)
    user = openssl.put("user", issued.der)
    request = openssl.folder / "request.der"
    openssl.said("ocsp", "-issuer", ca, "-cert", user, "-reqout", request)
    signer = responder(issued.authority, NOW - datetime.timedelta(days=30), responder_ends)
    raw = answer(known, request.read_bytes(), signer=signer, produced_at=NOW, next_update=LATER)
    response = openssl.write("response.der", raw)
    status, said = openssl.run(
        "ocsp", "-no_nonce", "-reqin", request, "-respin", response, "-issuer", ca, "-cert", user,
        "-CAfile", ca, *at(NOW + datetime.timedelta(hours=1)),
        "-validity_period", "4000000000",
    )  # fmt: skip
    if expected is None:
        assert "Response Verify Failure" in said
        assert "expired" in said
    else:
        assert status == 0, said
        assert "Response verify OK" in said
        assert expected in said
        assert "Nonce" not in said
        assert (state == "revoked") == ("Reason: certificateHold" in said)


def test_openssl_verifies_what_a_terminal_wrote_onto_a_card(openssl: OpenSsl) -> None:
    card, by = issue_card("mynumber", seed=1, blank=True), means()
    with LocalReader(card) as connection:
        made = personalise(connection, order_of("mynumber"), by, at=moment("mynumber"))
        with JpkiSession(build_channel(connection)) as jpki:
            public = jpki.certificate(JpkiKey.AUTHENTICATION).public_bytes(Encoding.DER)
    assert public in [one.der for one in made.certificates]
    for name, one in zip(("signature", "authentication"), made.certificates, strict=True):
        root, holder = openssl.put(f"{name}-root", one.authority), openssl.put(name, one.der)
        openssl.said("verify", "-CAfile", root, *at(moment("mynumber")), holder)


@pytest.mark.parametrize(
    ("card", "bits", "level"),
    [(CardKind.JUKI, 1024, "0"), (CardKind.JUKI, 2048, "1"), (CardKind.MY_NUMBER, 2048, "1")],
)
def test_openssl_verifies_what_a_terminal_ordered(
    openssl: OpenSsl, card: CardKind, bits: int, level: str
) -> None:
    desk = find_authority("test")
    asked = order(7, card=card, bits=bits)
    issued = certify(desk, asked)
    root = openssl.put("root", issued.authority)
    holder = openssl.put("holder", issued.der)
    moment = asked.issued + datetime.timedelta(days=1)
    hold_certificate(desk, issued.serial, moment)
    crl = openssl.put("list", revocation_list(desk, issued.serial, moment), "crl")
    usual = ("-auth_level", level, "-CAfile", root)
    said = openssl.said("verify", *usual, *at(asked.issued), holder)
    assert said.endswith("holder.pem: OK\n")
    status, text = openssl.run("verify", *usual, "-crl_check", "-CRLfile", crl, *at(moment), holder)
    assert status != 0
    assert "certificate revoked" in text
