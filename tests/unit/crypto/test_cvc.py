"""Card verifiable certificates: published chains, and every refusal with its reason."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from jukicard.apdu import Tlv
from jukicard.crypto.asymmetric import EcPublicKey, SignatureError
from jukicard.crypto.curves import BRAINPOOL_P256R1, BRAINPOOL_P512R1
from jukicard.crypto.cvc import (
    Authorization,
    Certificate,
    CertificateError,
    CertificateExpired,
    Holder,
    MalformedCertificate,
    Role,
    RoleNotAllowed,
    WrongIssuer,
    WrongSignature,
    date_after,
    trust_anchor,
    verify_certificate,
)
from tests.support.naive.cvc_writer import Draft, digits, key
from tests.support.published.vectors import load

h = bytes.fromhex
CHAINS = load("crypto/cvc_chains")
BSI = load("securemessaging/bsi_eac2_worked_example")["steps"]["terminal_authentication"]
TODAY = datetime.date(2026, 4, 1)

ROOT = Draft(b"JPTESTCA00001", b"JPTESTCA00001", key(1), key(1), b"\xff\xff", parameters=True)
DV = Draft(b"JPTESTCA00001", b"JPTESTDV00001", key(2), key(1), b"\xbf\xf0")
FOREIGN_DV = DV.with_(mask=b"\x7f\xf0")
TERMINAL = Draft(b"JPTESTDV00001", b"JPTESTTM00001", key(3), key(2), b"\x3f\x3f")
LINK = Draft(b"JPTESTCA00001", b"JPTESTCA00002", key(4), key(1), b"\xff\xff", parameters=True)


def anchor() -> Holder:
    return trust_anchor(Certificate.parse_content(ROOT.content()))


def verified(draft: Draft, issuer: Holder, today: datetime.date = TODAY) -> Holder:
    return verify_certificate(Certificate.parse_content(draft.content()), issuer, today)


@pytest.mark.parametrize("chain", CHAINS["cases"], ids=lambda chain: chain["name"])
def test_published_chains(chain: dict[str, Any]) -> None:
    issuer = trust_anchor(Certificate.parse(h(chain["trust_anchor"])))
    today = issuer.effective
    names = []
    for raw in map(h, chain["certificates"]):
        certificate = Certificate.parse(raw)
        assert Tlv(0x7F21, certificate.content).encode() == raw
        holder = verify_certificate(certificate, issuer, today)
        today = date_after(today, issuer, holder)
        assert holder.authorization.role is certificate.authorization.role
        names.append(holder.reference.decode())
        issuer = holder
    assert names == chain["expected_chr"]
    assert issuer.authorization.role is Role.TERMINAL


@pytest.mark.parametrize("chain", CHAINS["cases"], ids=lambda chain: chain["name"])
def test_published_chains_with_any_byte_of_a_body_changed(chain: dict[str, Any]) -> None:
    issuer = trust_anchor(Certificate.parse(h(chain["trust_anchor"])))
    content = Certificate.parse(h(chain["certificates"][0])).content
    for position in range(len(content)):
        bad = bytearray(content)
        bad[position] ^= 1
        with pytest.raises(CertificateError):
            verify_certificate(Certificate.parse_content(bytes(bad)), issuer, issuer.effective)


@pytest.mark.parametrize("case", CHAINS["self_signed"], ids=lambda case: case["tcId"])
def test_published_self_signed_roots(case: dict[str, Any]) -> None:
    certificate = Certificate.parse(h(case["certificate"]))
    root = trust_anchor(certificate)
    assert certificate.issuer == certificate.holder == root.reference
    root.verify(certificate.body, certificate.signature)
    with pytest.raises(SignatureError):
        root.verify(certificate.body + b"\0", certificate.signature)


def test_bsi_worked_example_chain() -> None:
    root = trust_anchor(Certificate.parse(h(BSI["cvca_certificate"])))
    assert root.curve is BRAINPOOL_P512R1
    certificate = Certificate.parse(h(BSI["cvca_certificate"]))
    root.verify(certificate.body, certificate.signature)
    dv = verify_certificate(Certificate.parse(h(BSI["dv_certificate"])), root, root.effective)
    terminal = verify_certificate(
        Certificate.parse(h(BSI["terminal_certificate"])), dv, root.effective
    )
    assert terminal.reference == b"DETESTATDE019"
    assert isinstance(terminal.key, EcPublicKey)
    assert terminal.curve is BRAINPOOL_P512R1


def test_rights_are_shared_by_the_whole_chain() -> None:
    dv = verified(DV, anchor())
    terminal = verified(TERMINAL, dv)
    assert terminal.authorization.mask == b"\x3f\x30"
    granted = {bit for bit in range(-2, 20) if terminal.authorization.grants(bit)}
    assert granted == {4, 5, 8, 9, 10, 11, 12, 13}


@given(st.binary(min_size=2, max_size=2), st.binary(min_size=2, max_size=2))
def test_rights_never_widen(own: bytes, issuers: bytes) -> None:
    kind = b"\x06"
    mine, theirs = Authorization(kind, own), Authorization(kind, issuers)
    limited = mine.limited_by(theirs)
    assert limited.role is mine.role
    for bit in range(14):
        assert limited.grants(bit) == (mine.grants(bit) and theirs.grants(bit))
    for foreign in (Authorization(b"\x07", issuers), Authorization(kind, issuers + b"\xff")):
        nothing = mine.limited_by(foreign)
        assert nothing.role is mine.role
        assert not any(nothing.grants(bit) for bit in range(24))


def test_a_link_renews_the_key_and_widens_no_right() -> None:
    root = trust_anchor(Certificate.parse_content(ROOT.with_(mask=b"\xc0\x0f").content()))
    renewed = verified(LINK, root)
    assert renewed.authorization.mask == b"\xc0\x0f"
    again = trust_anchor(renewed.certificate, renewed.authorization.mask)
    assert again == renewed
    dv = verified(DV.with_(issuer=LINK.holder, signer=key(4), mask=b"\xbf\xff"), renewed)
    assert dv.authorization.mask == b"\x80\x0f"
    with pytest.raises(WrongIssuer):
        verified(DV, renewed)


def test_an_expired_link_is_accepted_and_nothing_else_that_expired() -> None:
    after = datetime.date(2027, 4, 1)
    last_day = datetime.date(2027, 3, 31)
    assert verified(LINK, anchor(), after).reference == LINK.holder
    assert verified(DV, anchor(), last_day).reference == DV.holder
    with pytest.raises(CertificateExpired):
        verified(DV, anchor(), after)
    with pytest.raises(CertificateExpired):  # the issuer has expired, the certificate not
        verified(DV.with_(expires="280331"), anchor(), after)
    with pytest.raises(CertificateExpired):
        verified(TERMINAL, verified(DV, anchor()), after)


def test_a_card_with_a_clock_refuses_the_future() -> None:
    certificate = Certificate.parse_content(DV.with_(effective="260402").content())
    verify_certificate(certificate, anchor(), TODAY)
    verify_certificate(certificate, anchor(), TODAY, datetime.date(2026, 4, 2))
    with pytest.raises(CertificateExpired):
        verify_certificate(certificate, anchor(), TODAY, TODAY)


def test_the_date_moves_forward_and_for_accurate_certificates_only() -> None:
    root = anchor()
    later = datetime.date(2026, 5, 1)
    domestic = verified(DV.with_(effective="260501"), root)
    foreign = verified(FOREIGN_DV.with_(effective="260501"), root)
    assert date_after(TODAY, root, domestic) == later
    assert date_after(TODAY, root, foreign) == later
    terminal = TERMINAL.with_(effective="260601")
    assert date_after(TODAY, domestic, verified(terminal, domestic)) == datetime.date(2026, 6, 1)
    assert date_after(TODAY, foreign, verified(terminal, foreign)) == TODAY
    assert date_after(datetime.date(2027, 1, 1), root, domestic) == datetime.date(2027, 1, 1)


@pytest.mark.parametrize("issuer_role", Role)
@pytest.mark.parametrize("role", Role)
def test_who_may_issue_what(issuer_role: Role, role: Role) -> None:
    allowed = {
        (Role.CVCA, Role.CVCA),
        (Role.CVCA, Role.DOMESTIC_DV),
        (Role.CVCA, Role.FOREIGN_DV),
        (Role.DOMESTIC_DV, Role.TERMINAL),
        (Role.FOREIGN_DV, Role.TERMINAL),
    }
    root = anchor()
    mask = bytes((issuer_role << 6, 0))
    issuer = Holder(
        root.reference, root.key, root.algorithm, root.curve,
        Authorization(root.authorization.terminal_type, mask),
        root.effective, root.expires, root.certificate,
    )  # fmt: skip
    draft = DV.with_(mask=bytes((role << 6, 0)), parameters=role is Role.CVCA)
    if (issuer_role, role) in allowed:
        assert verified(draft, issuer).authorization.role is role
    else:
        with pytest.raises(RoleNotAllowed):
            verified(draft, issuer)


def test_only_an_authority_is_a_trust_anchor() -> None:
    for draft in (DV, FOREIGN_DV, TERMINAL):
        with pytest.raises(RoleNotAllowed):
            trust_anchor(Certificate.parse_content(draft.content()))


def test_wrong_issuer_and_wrong_signature() -> None:
    with pytest.raises(WrongIssuer):
        verified(DV.with_(issuer=b"JPTESTCA00009"), anchor())
    with pytest.raises(WrongSignature):
        verified(DV.with_(signer=key(9)), anchor())
    content = DV.content()
    for bit in range(8 * 64):
        bad = bytearray(content)
        bad[-64 + bit // 8] ^= 1 << bit % 8
        with pytest.raises(WrongSignature):
            verify_certificate(Certificate.parse_content(bytes(bad)), anchor(), TODAY)


def test_keys_that_are_none() -> None:
    good = DV.key_object().find(0x86)
    assert good is not None
    point = good.value
    for bad in (point[:-1] + bytes((point[-1] ^ 1,)), b"\0", point[:-1], bytes(65)):
        with pytest.raises(MalformedCertificate):
            verified(DV.with_(point=bad), anchor())


def test_domain_parameters_belong_to_authorities() -> None:
    with pytest.raises(MalformedCertificate):
        verified(LINK.with_(parameters=False), anchor())
    with pytest.raises(MalformedCertificate):
        trust_anchor(Certificate.parse_content(ROOT.with_(parameters=False).content()))
    with pytest.raises(MalformedCertificate):
        verified(DV.with_(parameters=True), anchor())
    assert verified(DV, anchor()).curve is BRAINPOOL_P256R1


def test_the_algorithm_is_the_authoritys() -> None:
    sha512 = h("04007F00070202020205")
    with pytest.raises(MalformedCertificate):
        verified(DV.with_(algorithm=sha512), anchor())


def test_parameters_of_an_unknown_curve() -> None:
    items = ROOT.items()
    parameters = items[2].children
    for index in range(1, len(parameters)):
        if parameters[index].tag == 0x86:
            continue
        changed = bytearray(parameters[index].value)
        changed[-1] ^= 2
        bad_key = [*parameters]
        bad_key[index] = Tlv(parameters[index].tag, bytes(changed))
        bad = [*items]
        bad[2] = Tlv(0x7F49, bad_key)
        with pytest.raises(MalformedCertificate):
            Certificate.parse_content(ROOT.content(bad))


BAD_DATES = ("260230", "261301", "260001", "260100", "26040", "2604011")


@pytest.mark.parametrize("date", BAD_DATES)
def test_dates_that_are_none(date: str) -> None:
    with pytest.raises(MalformedCertificate):
        Certificate.parse_content(DV.with_(effective=date).content())


def test_dates_in_other_codings() -> None:
    for raw in (b"260401", h("260401"), bytes((2, 6, 0, 4, 0, 10))):
        items = DV.items()
        items[5] = Tlv(0x5F25, raw)
        with pytest.raises(MalformedCertificate):
            Certificate.parse_content(DV.content(items))
    assert digits("260401") == bytes((2, 6, 0, 4, 0, 1))


def test_malformed_certificates() -> None:
    items = DV.items()
    bad_bodies = {
        "another profile": DV.with_(profile=b"\1").items(),
        "empty profile": DV.with_(profile=b"").items(),
        "empty issuer": DV.with_(issuer=b"").items(),
        "long issuer": DV.with_(issuer=bytes(17)).items(),
        "empty holder": DV.with_(holder=b"").items(),
        "empty mask": DV.with_(mask=b"").items(),
        "empty terminal type": DV.with_(terminal_type=b"").items(),
        "unknown algorithm": DV.with_(algorithm=b"\x2a\x03").items(),
        "expires before effective": DV.with_(effective="270401").items(),
        "trailing object": [*items, Tlv(0x5F24, items[6].value)],
        "two extensions": [*items, Tlv(0x65, b""), Tlv(0x65, b"")],
        "broken extension": [*items, Tlv(0x65, b"\x73\x05\x00")],
        "primitive extension": [*items, Tlv(0x65, b"\x53\x00")],
        "swapped": [items[1], items[0], *items[2:]],
        "nothing": [],
    }
    bad_bodies |= {f"without {item.tag:X}": [x for x in items if x is not item] for item in items}
    bad_bodies |= {f"twice {item.tag:X}": [*items, item] for item in items}
    accepted = []
    for name, body in bad_bodies.items():
        try:
            Certificate.parse_content(DV.content(body))
        except MalformedCertificate:
            continue
        accepted.append(name)
    assert accepted == []
    good = DV.content()
    for content in (b"", good[:-1], good + b"\0", good + good, Tlv(0x7F21, good).encode()):
        with pytest.raises(MalformedCertificate):
            Certificate.parse_content(content)
    for raw in (b"", good, Tlv(0x7F22, good).encode(), Tlv(0x7F21, good).encode() + b"\0"):
        with pytest.raises(MalformedCertificate):
            Certificate.parse(raw)


def test_well_formed_extensions_are_ignored() -> None:
    extension = Tlv(0x65, [Tlv(0x73, [Tlv(0x06, b"\x2a"), Tlv(0x80, b"\1")])])
    assert verified(DV.with_(extra=[extension]), anchor()).reference == DV.holder


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_malformed(raw: bytes) -> None:
    for parse in (Certificate.parse, Certificate.parse_content):
        with pytest.raises(MalformedCertificate):
            parse(raw)


@given(st.data())
def test_a_changed_certificate_is_refused_with_a_status(data: st.DataObject) -> None:
    bad = bytearray(DV.content())
    for _ in range(data.draw(st.integers(1, 3))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    if bytes(bad[:-64]) == DV.content()[:-64]:
        bad[10] ^= 1
    with pytest.raises(CertificateError) as refused:
        verify_certificate(Certificate.parse_content(bytes(bad)), anchor(), TODAY)
    assert refused.value.status in (0x6A80, 0x6A88, 0x6300, 0x6985)
