"""The certificate of a card: which one is believed, and why every other is not."""

from __future__ import annotations

from datetime import date

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jukicard.apdu import Tlv
from jukihost.crypto.cardcertificate import (
    CARD,
    CARD_ISSUER,
    CardCertificateError,
    CardCertificateExpired,
    CardCertificateForged,
    CardIssuerUnknown,
    ForeignCardCertificate,
    NotACardCertificate,
    card_reference,
    parse_card_certificate,
    verify_card_certificate,
)
from jukihost.crypto.certificate_chain import verify_chain
from jukihost.crypto.curves import CURVES, Curve
from jukihost.crypto.cvc import Authorization, CvCertificate, issue_certificate
from jukihost.crypto.signatures import CertificateError, ecdsa_signer
from jukihost.errors import CardError
from tests.support.cards.card_certificates import (
    CARD_DRAFT,
    CARD_TYPE,
    CERTIFICATE,
    ISSUER,
    ISSUER_DRAFT,
    ISSUER_KEY,
    LONG,
    NUMBER,
    OTHER_NUMBER,
)
from tests.support.cards.eac_desk import (
    CHIP_KEY,
    DV_DRAFT,
    ROOT_DRAFT,
    TERMINAL_TYPE,
    certificate,
    point,
)
from tests.support.naive.cvc_writer import Draft, key

ON = date(2020, 2, 29)
FIRST, LAST = date(2016, 1, 4), date(2026, 1, 3)


def read(draft: Draft) -> CvCertificate:
    return CvCertificate.parse(certificate(draft))


ROOT = read(ISSUER_DRAFT)


def verify(
    given: Draft | CvCertificate = CARD_DRAFT, *roots: CvCertificate, on: date = ON
) -> ec.EllipticCurvePublicKey:
    found = read(given) if isinstance(given, Draft) else given
    return verify_card_certificate(found, roots or (ROOT,), card_number=NUMBER, on=on)


@pytest.mark.parametrize("raw", [CERTIFICATE, LONG])
@pytest.mark.parametrize("on", [FIRST, ON, LAST])
def test_a_good_one_gives_the_cards_key(raw: bytes, on: date) -> None:
    found = verify(parse_card_certificate(raw), on=on)
    assert found.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint) == point(CHIP_KEY)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: str(curve.name))
def test_the_hosts_own_issuer_on_every_curve(curve: Curve) -> None:
    """Written by this library; root and card on one curve."""
    library = curve.private_key(5).curve
    root_key, chip = ec.generate_private_key(library), ec.generate_private_key(library)
    sign = ecdsa_signer(root_key)
    root, own = (
        issue_certificate(
            authority=ISSUER, holder=holder, key=public, authorization=kind,
            effective=FIRST, expiration=LAST, sign=sign,
        )
        for holder, public, kind in (
            (ISSUER, root_key.public_key(), CARD_ISSUER),
            (card_reference(NUMBER), chip.public_key(), CARD),
        )
    )  # fmt: skip
    assert verify(own, root) == chip.public_key()


def test_the_names_are_those_of_the_cards_side() -> None:
    assert card_reference(NUMBER) == CARD_DRAFT.holder
    assert CARD.oid == CARD_ISSUER.oid == CARD_TYPE != TERMINAL_TYPE
    assert (CARD.mask, CARD_ISSUER.mask) == (CARD_DRAFT.mask, ISSUER_DRAFT.mask)


@pytest.mark.parametrize("on", [date(2016, 1, 3), date(2026, 1, 4), date(2000, 1, 1)])
def test_not_on_that_day(on: date) -> None:
    with pytest.raises(CardCertificateExpired, match=r"(8139200000000123|JPCARDS00001) is valid"):
        verify(on=on)


@pytest.mark.parametrize(
    "root",
    [
        ISSUER_DRAFT.with_(effective="200301"),
        ISSUER_DRAFT.with_(effective="150101", expires="200228"),
    ],
)
def test_an_issuer_not_on_that_day(root: Draft) -> None:
    with pytest.raises(CardCertificateExpired, match="JPCARDS00001 is valid"):
        verify(CARD_DRAFT, read(root))


def test_another_cards() -> None:
    with pytest.raises(ForeignCardCertificate, match="another card's"):
        verify_card_certificate(read(CARD_DRAFT), [ROOT], card_number=OTHER_NUMBER, on=ON)
    for holder in (b"8139200000000124", b"0139200000000123", NUMBER):
        with pytest.raises(ForeignCardCertificate):
            verify(CARD_DRAFT.with_(holder=holder))


def test_every_changed_byte_of_body_and_signature() -> None:
    """No byte can be changed; most make a forgery, some are not even read."""
    told: set[type[Exception]] = set()
    for at in range(len(CERTIFICATE)):
        for bit in (0x01, 0x80):
            raw = bytearray(CERTIFICATE)
            raw[at] ^= bit
            with pytest.raises(CardCertificateError) as caught:
                verify(parse_card_certificate(bytes(raw)))
            told.add(type(caught.value))
    assert told == {NotACardCertificate, CardIssuerUnknown, CardCertificateForged}


def test_somebody_elses_signature() -> None:
    for forged in (
        CARD_DRAFT.with_(signer=key(99)),
        CARD_DRAFT.with_(signer=CHIP_KEY),
        CARD_DRAFT.with_(signer=key(99), expires="150103", effective="140101"),
        CARD_DRAFT.with_(signer=key(99), holder=b"8139200000000124"),
    ):
        with pytest.raises(CardCertificateForged, match="not signed by its issuer"):
            verify(forged)


def test_fields_that_are_not_those_of_the_signed_body() -> None:
    """Whoever hands over an object with other fields than its body has is not believed."""
    honest, other = read(CARD_DRAFT), read(CARD_DRAFT.with_(key=key(99), signer=key(99)))
    object.__setattr__(honest, "key", other.key)
    assert verify(honest) == CHIP_KEY.public_key()


def test_an_issuer_nobody_trusts() -> None:
    for roots in ([], [read(ROOT_DRAFT)], [read(ISSUER_DRAFT.with_(holder=b"JPCARDS00002"))]):
        with pytest.raises(CardIssuerUnknown, match="issued by JPCARDS00001"):
            verify_card_certificate(read(CARD_DRAFT), roots, card_number=NUMBER, on=ON)


def test_an_authority_of_systems_issues_no_cards() -> None:
    """The same name and key, but trusted for systems only."""
    root = read(ISSUER_DRAFT.with_(terminal_type=TERMINAL_TYPE))
    with pytest.raises(CardIssuerUnknown):
        verify(CARD_DRAFT, root)


def test_several_roots() -> None:
    """A renewed root may keep its name; each is tried, and each certificate has its own."""
    renewed = ISSUER_DRAFT.with_(key=key(41), signer=key(41))
    for order in ((read(renewed), ROOT), (ROOT, read(renewed))):
        assert verify(CARD_DRAFT, *order) == CHIP_KEY.public_key()
        assert verify(CARD_DRAFT.with_(signer=key(41)), *order) == CHIP_KEY.public_key()
    with pytest.raises(CardCertificateForged):
        verify(CARD_DRAFT, read(renewed))


WRONG_KINDS = {
    "a system's": CARD_DRAFT.with_(terminal_type=TERMINAL_TYPE),
    "an authority's": CARD_DRAFT.with_(mask=b"\x80"),
    "an issuer's": ISSUER_DRAFT,
    "of systems": DV_DRAFT,
    "of nobody": CARD_DRAFT.with_(terminal_type=CARD_TYPE + b"\x01"),
}


@pytest.mark.parametrize("name", WRONG_KINDS)
def test_of_another_kind(name: str) -> None:
    with pytest.raises(NotACardCertificate, match="something else than a card"):
        parse_card_certificate(certificate(WRONG_KINDS[name]))
    with pytest.raises(NotACardCertificate):
        verify(WRONG_KINDS[name])


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x7f\x21\x00", CARD_DRAFT.content(), CERTIFICATE[:-1], CERTIFICATE + b"\0",
     certificate(CARD_DRAFT.with_(profile=b"\1"))],
)  # fmt: skip
def test_malformed(raw: bytes) -> None:
    with pytest.raises(NotACardCertificate, match="of no use"):
        parse_card_certificate(raw)


def test_a_key_that_is_none() -> None:
    for draft in (
        CARD_DRAFT.with_(parameters=True),
        CARD_DRAFT.with_(point=b"\4" + bytes(64)),
        CARD_DRAFT.with_(point=b"\4" + bytes(63)),
        CARD_DRAFT.with_(point=point(CHIP_KEY)[:-1] + b"\0"),
    ):
        with pytest.raises(NotACardCertificate):
            verify(draft)


def _rsa_key(draft: Draft, public: rsa.RSAPublicKey) -> bytes:
    """The draft's certificate with an RSA key in place of its own."""
    numbers = public.public_numbers()
    items = draft.items()
    items[2] = Tlv(0x7F49, [
        Tlv(0x06, bytes.fromhex("04007F00070202020102")),
        Tlv(0x81, numbers.n.to_bytes(256, "big")), Tlv(0x82, numbers.e.to_bytes(3, "big")),
    ])  # fmt: skip
    return Tlv(0x7F21, draft.content(items)).encode()


def test_an_rsa_key() -> None:
    public = rsa.generate_private_key(65537, 2048).public_key()
    with pytest.raises(NotACardCertificate, match="elliptic curve"):
        verify(CvCertificate.parse(_rsa_key(CARD_DRAFT, public)))


def test_a_root_that_is_none() -> None:
    for root in (ISSUER_DRAFT.with_(mask=b"\x80"), ISSUER_DRAFT.with_(parameters=False)):
        with pytest.raises(CertificateError) as caught:
            verify(CARD_DRAFT, read(root))
        assert not isinstance(caught.value, CardCertificateError), "the terminal's own mistake"


def test_it_ends_no_chain_of_systems() -> None:
    with pytest.raises(CertificateError, match="cannot certify"):
        verify_chain(ROOT, [read(CARD_DRAFT)], ON)


def test_every_refusal_is_one_of_a_card() -> None:
    assert issubclass(CardCertificateError, CardError)
    assert Authorization(CARD_TYPE, b"\0") == CARD
    assert ISSUER_KEY.public_key() != CHIP_KEY.public_key()
