"""Certificates and chains: the published ones verify, and every broken one is refused."""

from __future__ import annotations

import dataclasses
from datetime import date
from itertools import product
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from jukicard.apdu import Tlv
from jukihost.crypto.certificate_chain import verify_chain, verify_root
from jukihost.crypto.curves import CURVES, P256
from jukihost.crypto.cvc import (
    Authorization,
    CertificateKey,
    CvCertificate,
    Role,
    issue_certificate,
)
from jukihost.crypto.signatures import (
    ECDSA_SHA256,
    ID_TA,
    CertificateError,
    ecdsa_signer,
    verify_signature,
)
from tests.support.published.vectors import load

VECTORS = load("crypto/cvc_chains")
CHAINS = VECTORS["cases"]
SELF_SIGNED = [case["certificate"] for case in VECTORS["self_signed"]]
BSI = load("securemessaging/bsi_eac2_worked_example")["steps"]["terminal_authentication"]
EVERY_CERTIFICATE = sorted(
    {
        *SELF_SIGNED,
        *(case["trust_anchor"] for case in CHAINS),
        *(raw for case in CHAINS for raw in case["certificates"]),
        *(BSI[f"{who}_certificate"] for who in ("cvca", "dv", "terminal")),
    }
)


def _parse(text: str) -> CvCertificate:
    return CvCertificate.parse(bytes.fromhex(text))


@pytest.mark.parametrize("text", EVERY_CERTIFICATE, ids=lambda text: text[-12:])
def test_published_certificates_are_read_without_loss(text: str) -> None:
    certificate = _parse(text)
    assert certificate.encode().hex().upper() == text
    key = Tlv.parse(certificate.body).find(0x7F49)
    assert key is not None
    assert certificate.key.encode() == key
    authorization = Tlv.parse(certificate.body).find(0x7F4C)
    assert certificate.authorization.encode() == authorization


def test_there_are_as_many_certificates_as_the_source_says() -> None:
    assert len(EVERY_CERTIFICATE) >= 18


@pytest.mark.parametrize("text", SELF_SIGNED, ids=lambda text: text[-12:])
def test_published_roots_are_self_signed(text: str) -> None:
    root = _parse(text)
    verify_root(root)
    with pytest.raises(CertificateError, match="wrong"):
        verify_root(dataclasses.replace(root, body=root.body[:-1] + bytes((root.body[-1] ^ 1,))))


@pytest.mark.parametrize("case", CHAINS, ids=lambda case: case["name"])
def test_published_chain(case: dict[str, Any]) -> None:
    anchor = _parse(case["trust_anchor"])
    chain = [_parse(text) for text in case["certificates"]]
    assert [link.holder.decode() for link in chain] == case["expected_chr"]
    if "RSA" in case["name"]:
        _check_signatures_of_mixed_chain(anchor, chain)
        return
    last = chain[-1]
    for day in (None, last.effective, last.expiration):
        verified = verify_chain(anchor, chain, day)
        assert verified.certificate is last
        assert verified.rights.role is Role.TERMINAL
    for day in (date(2000, 1, 1), date(2099, 12, 31)):
        with pytest.raises(CertificateError, match="valid from"):
            verify_chain(anchor, chain, day)


def _check_signatures_of_mixed_chain(anchor: CvCertificate, chain: list[CvCertificate]) -> None:
    """The BSI's root has the authorization of another terminal type, which this side refuses.

    The signatures and references are right all the same.
    """
    with pytest.raises(CertificateError, match="another kind of authorization"):
        verify_chain(anchor, chain)
    issuer, curve = anchor, anchor.key.curve
    for link in chain:
        assert link.authority == issuer.holder
        verify_signature(issuer.key.oid, issuer.key.resolve(curve), link.body, link.signature)
        issuer = link


def test_bsi_worked_example_chain() -> None:
    _check_signatures_of_mixed_chain(
        _parse(BSI["cvca_certificate"]),
        [_parse(BSI["dv_certificate"]), _parse(BSI["terminal_certificate"])],
    )


@pytest.mark.parametrize("case", CHAINS, ids=lambda case: case["name"])
def test_every_changed_byte_of_a_published_chain_is_refused(case: dict[str, Any]) -> None:
    """Every byte of the first link, in its body as in its signature."""
    anchor = _parse(case["trust_anchor"])
    raw = bytes.fromhex(case["certificates"][0])
    refused = 0
    for at in range(len(raw)):
        changed = raw[:at] + bytes((raw[at] ^ 0x01,)) + raw[at + 1 :]
        try:
            link = CvCertificate.parse(changed)
        except CertificateError:
            refused += 1
            continue
        with pytest.raises(CertificateError):
            verify_signature(anchor.key.oid, anchor.key.resolve(None), link.body, link.signature)
        with pytest.raises(CertificateError):
            verify_chain(anchor, [link])
    assert refused > 20


@pytest.mark.parametrize("text", EVERY_CERTIFICATE[:3], ids=lambda text: text[-12:])
def test_truncated_or_extended_certificates_are_refused(text: str) -> None:
    raw = bytes.fromhex(text)
    for changed in [*(raw[:size] for size in range(len(raw))), raw + b"\0", raw + raw]:
        with pytest.raises(CertificateError):
            CvCertificate.parse(changed)


# -- certificates of our own making, and each rule broken once ------------------------------------

ARC = bytes.fromhex("883701")  # 2.999.1, the arc for examples
FROM, TO = date(2026, 1, 1), date(2026, 12, 31)
ROOT_MASK, DV_MASK, TERMINAL_MASK = b"\xc0\xff", b"\x80\x0f", b"\x00\x3c"


class Pki:
    """A root, an authority and a terminal, with their keys."""

    def __init__(self, curve: ec.EllipticCurve | None = None) -> None:
        curve = curve or ec.SECP256R1()
        self.keys = [ec.generate_private_key(curve) for _ in range(3)]
        self.root = self.make(0, 0, ROOT_MASK)
        self.authority = self.make(0, 1, DV_MASK)
        self.terminal = self.make(1, 2, TERMINAL_MASK)

    def make(self, issuer: int, subject: int, mask: bytes, /, **changes: Any) -> CvCertificate:
        names = [b"JPTEST00001", b"JPTESTDV00001", b"JPTESTTERM00001"]
        values: dict[str, Any] = {
            "authority": names[issuer],
            "holder": names[subject],
            "key": self.keys[subject].public_key(),
            "authorization": Authorization(ARC, mask),
            "effective": FROM,
            "expiration": TO,
            "sign": ecdsa_signer(self.keys[issuer]),
        }
        return issue_certificate(**{**values, **changes})


PKI = Pki()


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_an_issued_chain_verifies(curve: Any) -> None:
    pki = Pki(curve.algorithm)
    verify_root(pki.root)
    verified = verify_chain(pki.root, [pki.authority, pki.terminal], FROM)
    assert verified.certificate == pki.terminal
    assert isinstance(verified.key, ec.EllipticCurvePublicKey)
    assert verified.key.public_numbers() == pki.keys[2].public_key().public_numbers()
    assert pki.terminal.key.curve is None
    assert pki.root.key.curve is curve
    assert CvCertificate.parse(pki.terminal.encode()) == pki.terminal
    # Nobody passes on what they do not have: 3C and 0F have 0C in common.
    assert verified.rights == Authorization(ARC, b"\x00\x0c")


def test_rights_are_never_wider_than_above() -> None:
    for dv, terminal in product((0x00, 0x55, 0xFF), repeat=2):
        chain = [PKI.make(0, 1, bytes((0x80, dv))), PKI.make(1, 2, bytes((0x3F, terminal)))]
        root = PKI.make(0, 0, b"\xc1\x0f")
        assert verify_chain(root, chain).rights.mask == bytes((0, dv & terminal & 0x0F))


def test_a_link_renews_the_root() -> None:
    new = Pki()
    link = PKI.make(0, 0, b"\xc0\x0f", holder=b"JPTEST00002", key=new.keys[0].public_key())
    dv = new.make(
        0,
        1,
        DV_MASK,
        authority=b"JPTEST00002",
        effective=date(2030, 1, 1),
        expiration=date(2030, 12, 31),
    )
    with pytest.raises(CertificateError, match="JPTEST00002 is valid"):
        verify_chain(PKI.root, [link, dv], date(2030, 2, 1))
    newer = PKI.make(
        0,
        0,
        b"\xc0\x0f",
        holder=b"JPTEST00002",
        key=new.keys[0].public_key(),
        effective=date(2029, 1, 1),
        expiration=date(2031, 1, 1),
    )
    # The old root has expired by then; it only carries the trust.
    assert verify_chain(PKI.root, [newer, dv], date(2030, 2, 1)).rights.mask == b"\x80\x0f"
    # A root key that signs for a new root does not keep the old one's name alive.
    with pytest.raises(CertificateError, match="another authority"):
        verify_chain(PKI.root, [newer, PKI.authority])


def _chain_faults() -> dict[str, tuple[str, list[CvCertificate]]]:
    """Chains below `PKI.root` that break one rule, and the words of the refusal."""
    make, dv, terminal = PKI.make, PKI.authority, PKI.terminal
    other = Pki()
    parameters = ecdsa_signer(PKI.keys[1])
    return {
        "empty": ("empty", []),
        "terminal below the root": ("cannot certify", [make(0, 2, TERMINAL_MASK)]),
        "authority below an authority": (
            "cannot certify",
            [dv, make(1, 1, DV_MASK, authority=dv.holder, holder=b"JPTESTDV00002")],
        ),
        "root below an authority": (
            "cannot certify",
            [dv, make(1, 0, ROOT_MASK, holder=b"JPTEST00009")],
        ),
        "terminal as authority": (
            "cannot certify",
            [dv, terminal, make(2, 2, TERMINAL_MASK, holder=b"JPTESTTERM00002")],
        ),
        "wrong authority": (
            "another authority",
            [make(0, 1, DV_MASK, authority=b"JPTEST00007"), terminal],
        ),
        "order": ("another authority", [terminal, dv]),
        "missing link": ("another authority", [terminal]),
        "foreign key, right name": ("wrong", [dv, other.terminal]),
        "foreign authority": ("wrong", [other.authority, other.terminal]),
        "other terminal type": (
            "another kind",
            [
                dv,
                make(
                    1, 2, TERMINAL_MASK, authorization=Authorization(ARC + b"\x01", TERMINAL_MASK)
                ),
            ],
        ),
        "shorter mask": ("another kind", [dv, make(1, 2, b"\x00")]),
        "longer mask": ("another kind", [dv, make(1, 2, TERMINAL_MASK + b"\xff")]),
        "own domain parameters": (
            "root's to choose",
            [dv, _with_parameters(terminal, PKI.keys[2], parameters)],
        ),
        "point of another curve": (
            "of no use",
            [
                dv,
                make(
                    1,
                    2,
                    TERMINAL_MASK,
                    key=ec.generate_private_key(ec.BrainpoolP256R1()).public_key(),
                ),
            ],
        ),
    }


def _with_parameters(
    certificate: CvCertificate, key: ec.EllipticCurvePrivateKey, sign: Any
) -> CvCertificate:
    """The certificate with domain parameters it should not have, signed anew."""
    public = CertificateKey.of(key.public_key(), ECDSA_SHA256, parameters=True)
    return _rewritten(certificate, 0x7F49, public.encode(), sign)


def _rewritten(certificate: CvCertificate, tag: int, part: Tlv | None, sign: Any) -> CvCertificate:
    body = Tlv.parse(certificate.body)
    parts = [part if child.tag == tag else child for child in body.children]
    new = Tlv(0x7F4E, [child for child in parts if child is not None])
    return CvCertificate.parse(Tlv(0x7F21, [new, Tlv(0x5F37, sign(new.encode()))]).encode())


@pytest.mark.parametrize("fault", list(_chain_faults()))
def test_a_chain_that_breaks_a_rule_is_refused(fault: str) -> None:
    words, chain = _chain_faults()[fault]
    with pytest.raises(CertificateError, match=words):
        verify_chain(PKI.root, chain)


@pytest.mark.parametrize(
    ("which", "changes"),
    [
        (0, {"effective": date(2026, 7, 2)}),
        (0, {"expiration": date(2026, 6, 30)}),
        (1, {"effective": date(2026, 7, 2)}),
        (1, {"expiration": date(2026, 6, 30)}),
    ],
    ids=["authority later", "authority expired", "terminal later", "terminal expired"],
)
def test_certificates_of_another_day_are_refused(which: int, changes: dict[str, Any]) -> None:
    chain = [
        PKI.make(0, 1, DV_MASK, **(changes if which == 0 else {})),
        PKI.make(1, 2, TERMINAL_MASK, **(changes if which == 1 else {})),
    ]
    verify_chain(PKI.root, chain)
    with pytest.raises(CertificateError, match="not on 2026-07-01"):
        verify_chain(PKI.root, chain, date(2026, 7, 1))


def test_the_first_and_the_last_day_are_valid() -> None:
    chain = [PKI.authority, PKI.terminal]
    for day in (FROM, TO):
        verify_chain(PKI.root, chain, day)
    for day in (date(2025, 12, 31), date(2027, 1, 1)):
        with pytest.raises(CertificateError):
            verify_chain(PKI.root, chain, day)


@pytest.mark.parametrize("anchor", ["authority", "terminal"])
def test_only_a_root_is_a_trust_anchor(anchor: str) -> None:
    with pytest.raises(CertificateError, match="no root"):
        verify_chain(getattr(PKI, anchor), [PKI.terminal])
    with pytest.raises(CertificateError, match="no root"):
        verify_root(getattr(PKI, anchor))


def test_a_root_without_domain_parameters_is_refused() -> None:
    bare = CertificateKey.of(PKI.keys[0].public_key(), ECDSA_SHA256, parameters=False)
    root = _rewritten(PKI.root, 0x7F49, bare.encode(), ecdsa_signer(PKI.keys[0]))
    with pytest.raises(CertificateError, match="no domain parameters"):
        verify_root(root)
    with pytest.raises(CertificateError, match="no domain parameters"):
        verify_chain(
            PKI.root, [_rewritten(PKI.root, 0x7F49, bare.encode(), ecdsa_signer(PKI.keys[0]))]
        )
    with pytest.raises(CertificateError, match="no domain parameters"):
        PKI.terminal.key.resolve(None)


def test_a_link_is_no_self_signed_root() -> None:
    link = PKI.make(0, 0, ROOT_MASK, holder=b"JPTEST00002")
    with pytest.raises(CertificateError, match="not self-signed"):
        verify_root(link)


_OID_TLV = Tlv(0x06, ECDSA_SHA256)
_POINT = Tlv(0x86, P256.encode(P256.base))
BODY_FAULTS: dict[str, tuple[int, Tlv | None]] = {
    "profile 01": (0x5F29, Tlv(0x5F29, b"\x01")),
    "profile empty": (0x5F29, Tlv(0x5F29, b"")),
    "profile missing": (0x5F29, None),
    "authority missing": (0x42, None),
    "authority too short": (0x42, Tlv(0x42, b"JP00001")),
    "authority too long": (0x42, Tlv(0x42, b"J" * 17)),
    "holder missing": (0x5F20, None),
    "holder empty": (0x5F20, Tlv(0x5F20, b"")),
    "authorization missing": (0x7F4C, None),
    "authorization without mask": (0x7F4C, Tlv(0x7F4C, [Tlv(0x06, ARC)])),
    "authorization with an empty mask": (0x7F4C, Tlv(0x7F4C, [Tlv(0x06, ARC), Tlv(0x53, b"")])),
    "authorization turned round": (0x7F4C, Tlv(0x7F4C, [Tlv(0x53, b"\0\0"), Tlv(0x06, ARC)])),
    "date missing": (0x5F25, None),
    "date too short": (0x5F25, Tlv(0x5F25, b"\x02\x06\x00\x01\x00")),
    "date in packed digits": (0x5F25, Tlv(0x5F25, b"\x26\x01\x01")),
    "date in ASCII": (0x5F24, Tlv(0x5F24, b"261231")),
    "date with a digit of ten": (0x5F24, Tlv(0x5F24, b"\x02\x06\x01\x02\x03\x0a")),
    "month 13": (0x5F24, Tlv(0x5F24, b"\x02\x06\x01\x03\x00\x01")),
    "day 0": (0x5F24, Tlv(0x5F24, b"\x02\x06\x01\x02\x00\x00")),
    "30 February": (0x5F24, Tlv(0x5F24, b"\x02\x06\x00\x02\x03\x00")),
    "key missing": (0x7F49, None),
    "key empty": (0x7F49, Tlv(0x7F49, b"")),
    "key without algorithm": (0x7F49, Tlv(0x7F49, [_POINT])),
    "key of an unknown algorithm": (0x7F49, Tlv(0x7F49, [Tlv(0x06, ID_TA + b"\x09\x09"), _POINT])),
    "key with two points": (0x7F49, Tlv(0x7F49, [_OID_TLV, _POINT, _POINT])),
    "key without a point": (0x7F49, Tlv(0x7F49, [_OID_TLV])),
    "RSA key under an EC algorithm": (
        0x7F49,
        Tlv(0x7F49, [_OID_TLV, Tlv(0x81, b"\xff" * 256), Tlv(0x82, b"\x01\0\x01")]),
    ),
    "EC key under an RSA algorithm": (
        0x7F49,
        Tlv(0x7F49, [Tlv(0x06, ID_TA + b"\x01\x02"), _POINT]),
    ),
    "RSA key with exponent 1": (
        0x7F49,
        Tlv(0x7F49, [Tlv(0x06, ID_TA + b"\x01\x02"), Tlv(0x81, b"\xff" * 256), Tlv(0x82, b"\x01")]),
    ),
    "RSA key without modulus": (
        0x7F49,
        Tlv(0x7F49, [Tlv(0x06, ID_TA + b"\x01\x02"), Tlv(0x81, b""), Tlv(0x82, b"\x01\0\x01")]),
    ),
}


@pytest.mark.parametrize("fault", BODY_FAULTS)
def test_a_body_that_is_not_of_the_profile_is_refused_though_signed(fault: str) -> None:
    tag, part = BODY_FAULTS[fault]
    with pytest.raises(CertificateError):
        _rewritten(PKI.terminal, tag, part, ecdsa_signer(PKI.keys[1]))


def test_outer_structures_are_refused() -> None:
    body, signature = Tlv.parse(PKI.terminal.body), Tlv(0x5F37, PKI.terminal.signature)
    for outer in (
        Tlv(0x7F21, [signature, body]),
        Tlv(0x7F21, [body]),
        Tlv(0x7F21, [signature]),
        Tlv(0x7F21, [body, signature, signature]),
        Tlv(0x7F21, b""),
        Tlv(0x7F4E, [body, signature]),
        Tlv(0x7F21, [body, Tlv(0x5F38, b"x")]),
    ):
        with pytest.raises(CertificateError):
            CvCertificate.parse(outer.encode())
    for raw in (b"", b"\x7f", b"\x7f\x21", b"\x00"):
        with pytest.raises(CertificateError, match="malformed"):
            CvCertificate.parse(raw)


def test_altered_domain_parameters_are_refused() -> None:
    """A base point or order of the attacker's choice (CVE-2020-0601 had that)."""
    key = Tlv.parse(PKI.root.body).find(0x7F49)
    assert key is not None
    # prime, both coefficients, base point, order and cofactor; not the scheme, not the public point
    assert [child.tag for child in key.children] == [0x06, *range(0x81, 0x88)]
    for at, child in enumerate(key.children):
        if child.tag in (0x06, 0x86):
            continue
        value = bytearray(child.value)
        value[-1] ^= 1
        children = [*key.children[:at], Tlv(child.tag, bytes(value)), *key.children[at + 1 :]]
        with pytest.raises(CertificateError):
            _rewritten(PKI.root, 0x7F49, Tlv(0x7F49, children), ecdsa_signer(PKI.keys[0]))


def test_what_cannot_be_issued() -> None:
    for changes, words in (
        ({"expiration": date(2025, 1, 1)}, "expire"),
        ({"expiration": date(2100, 1, 1)}, "2000 to 2099"),
        ({"effective": date(1999, 12, 31)}, "2000 to 2099"),
        ({"holder": b"short"}, "8 to 16"),
        ({"authority": b"x" * 17}, "8 to 16"),
        ({"oid": ID_TA + b"\x01\x02"}, "data objects of its algorithm"),
    ):
        with pytest.raises(CertificateError, match=words):
            PKI.make(1, 2, TERMINAL_MASK, **changes)


def test_an_authorization_is_never_empty() -> None:
    for oid, mask in ((ARC, b""), (b"", b"\x00"), (b"", b"")):
        with pytest.raises(CertificateError, match="mask"):
            Authorization(oid, mask)


def test_an_expiry_before_the_first_day_is_refused_in_a_chain() -> None:
    early = Tlv(0x5F24, b"\x02\x05\x01\x02\x03\x01")
    backwards = _rewritten(PKI.terminal, 0x5F24, early, ecdsa_signer(PKI.keys[1]))
    with pytest.raises(CertificateError, match="before it is effective"):
        verify_chain(PKI.root, [PKI.authority, backwards])
