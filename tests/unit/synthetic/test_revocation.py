"""Revocation: the register as a model, its lists, and the answers to OCSP requests."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jukicard.apdu.tlv import Tlv
from jukicard.environment import SeededRandom
from jukicard.synthetic.people import SPECIMEN
from jukicard.synthetic.pki import (
    Certificate,
    authentication_authority,
    pick_key,
    signature_authority,
    signature_certificate,
)
from jukicard.synthetic.pki.ocsp import MAX_QUESTIONS, MAX_REQUEST, Responder, answer, responder
from jukicard.synthetic.pki.revocation import Register, RevocationReason
from jukicard.synthetic.places import municipality

UTC = datetime.UTC
ISSUED = datetime.date(2025, 10, 27)
NOW = datetime.datetime(2026, 1, 5, 3, tzinfo=UTC)
LATER = NOW + datetime.timedelta(days=7)
AUTHORITY = signature_authority(ISSUED)
KEY = pick_key(SeededRandom(1), 2048).public


def issue(seed: int, place: str = "13221") -> Certificate:
    return signature_certificate(
        replace(SPECIMEN, municipality=municipality(place)),
        KEY,
        authority=AUTHORITY,
        issued=ISSUED,
        expires=datetime.date(2030, 2, 17),
        random=SeededRandom(seed),
    )


FIRST, SECOND, ELSEWHERE = issue(1), issue(2), issue(3, "27127")
POINT = FIRST.crl_point


def register(*certificates: Certificate) -> Register:
    made = Register(AUTHORITY)
    for certificate in certificates:
        made.add(certificate)
    return made


def crl(of: Register, point: bytes = POINT) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(of.crl(point, NOW, LATER))


def ca_key() -> rsa.RSAPublicKey:
    key = x509.load_der_x509_certificate(AUTHORITY.certificate).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


# -- lists ----------------------------------------------------------------------------------------


def test_a_list_has_what_was_revoked_at_its_point_only() -> None:
    known = register(FIRST, SECOND, ELSEWHERE)
    known.revoke(FIRST, NOW, RevocationReason.AFFILIATION_CHANGED)
    known.revoke(ELSEWHERE, NOW)
    here, there = crl(known), crl(known, ELSEWHERE.crl_point)
    assert [entry.serial_number for entry in here] == [FIRST.serial]
    assert [entry.serial_number for entry in there] == [ELSEWHERE.serial]
    (entry,) = here
    assert entry.revocation_date_utc == NOW
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.affiliation_changed
    assert not list(next(iter(there)).extensions)


def test_an_empty_list_is_signed_dated_and_numbered() -> None:
    known = register(FIRST)
    found = crl(known)
    assert len(found) == 0
    assert found.is_signature_valid(ca_key())
    assert found.issuer.public_bytes() == AUTHORITY.subject
    assert (found.last_update_utc, found.next_update_utc) == (NOW, LATER)
    again = crl(known)
    numbers = [
        one.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        for one in (found, again)
    ]
    assert numbers == [1, 2]


def test_a_list_names_its_point_as_certificates_do() -> None:
    found = crl(register(FIRST)).extensions
    point = found.get_extension_for_class(x509.IssuingDistributionPoint)
    assert point.critical
    assert point.value.only_contains_user_certs
    assert not point.value.only_contains_ca_certs
    certificate = x509.load_der_x509_certificate(FIRST.der)
    (own,) = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.value.full_name == own.full_name
    by = found.get_extension_for_class(x509.AuthorityKeyIdentifier)
    expected = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    assert by.value == expected.value


# -- the register ---------------------------------------------------------------------------------


def test_certificates_of_others_are_not_taken_up() -> None:
    known = Register(authentication_authority(ISSUED))
    with pytest.raises(ValueError, match="another authority"):
        known.add(FIRST)
    ours = register(FIRST)
    with pytest.raises(ValueError, match="already"):
        ours.add(FIRST)
    with pytest.raises(ValueError, match="not in the register"):
        ours.revoke(SECOND, NOW)
    assert not ours.knows(SECOND.serial)


def test_the_repr_names_no_certificate() -> None:
    assert "1 certificates" in repr(register(FIRST))


class RegisterModel(RuleBasedStateMachine):
    """What is issued, on hold and revoked: only a hold can be changed or taken back."""

    def __init__(self) -> None:
        super().__init__()
        self.register = Register(AUTHORITY)
        self.waiting = [FIRST, SECOND, ELSEWHERE]
        self.issued: list[Certificate] = []
        self.revoked: dict[int, RevocationReason] = {}

    @precondition(lambda self: self.waiting)
    @rule()
    def add(self) -> None:
        certificate = self.waiting.pop()
        self.register.add(certificate)
        self.issued.append(certificate)

    @precondition(lambda self: self.issued)
    @rule(data=st.data(), reason=st.sampled_from(RevocationReason))
    def revoke(self, data: st.DataObject, reason: RevocationReason) -> None:
        certificate = data.draw(st.sampled_from(self.issued))
        known = self.revoked.get(certificate.serial)
        if known in (None, RevocationReason.CERTIFICATE_HOLD):
            self.register.revoke(certificate, NOW, reason)
            self.revoked[certificate.serial] = reason
        else:
            with pytest.raises(ValueError, match="revoked already"):
                self.register.revoke(certificate, NOW, reason)

    @precondition(lambda self: self.issued)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        certificate = data.draw(st.sampled_from(self.issued))
        if self.revoked.get(certificate.serial) is RevocationReason.CERTIFICATE_HOLD:
            self.register.release(certificate)
            del self.revoked[certificate.serial]
        else:
            with pytest.raises(ValueError, match="not on hold"):
                self.register.release(certificate)

    @invariant()
    def lists_and_register_agree(self) -> None:
        listed = {
            entry.serial_number
            for point in (POINT, ELSEWHERE.crl_point)
            for entry in crl(self.register, point)
        }
        assert listed == set(self.revoked)
        for certificate in self.issued:
            found = self.register.revocation(certificate.serial)
            assert (found and found.reason) == self.revoked.get(certificate.serial)


TestRegister = RegisterModel.TestCase


# -- OCSP -----------------------------------------------------------------------------------------


def signer(until: datetime.datetime = LATER) -> Responder:
    return responder(AUTHORITY, NOW - datetime.timedelta(days=30), until)


def request(
    certificate: Certificate,
    algorithm: hashes.HashAlgorithm | None = None,
    nonce: bytes | None = None,
) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        x509.load_der_x509_certificate(certificate.der),
        x509.load_der_x509_certificate(certificate.authority.certificate),
        algorithm or hashes.SHA1(),
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


def ask(known: Register, raw: bytes, by: Responder | None = None) -> ocsp.OCSPResponse:
    return ocsp.load_der_ocsp_response(
        answer(known, raw, signer=by or signer(), produced_at=NOW, next_update=LATER)
    )


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()])
def test_good_revoked_and_unknown_are_told_apart(algorithm: hashes.HashAlgorithm) -> None:
    known = register(FIRST, SECOND)
    known.revoke(SECOND, NOW, RevocationReason.CERTIFICATE_HOLD)
    good = ask(known, request(FIRST, algorithm))
    assert good.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    assert good.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert (good.serial_number, good.produced_at_utc) == (FIRST.serial, NOW)
    assert (good.this_update_utc, good.next_update_utc) == (NOW, LATER)
    revoked = ask(known, request(SECOND, algorithm))
    assert revoked.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert revoked.revocation_time_utc == NOW
    assert revoked.revocation_reason is x509.ReasonFlags.certificate_hold
    unknown = ask(known, request(ELSEWHERE, algorithm))
    assert unknown.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


def test_an_answer_is_signed_by_a_responder_that_the_authority_certified() -> None:
    response = ask(register(FIRST), request(FIRST))
    (certificate,) = response.certificates
    certificate.verify_directly_issued_by(x509.load_der_x509_certificate(AUTHORITY.certificate))
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(response.signature, response.tbs_response_bytes, PKCS1v15(), hashes.SHA256())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert response.responder_key_hash == own.digest


@given(st.binary(min_size=1, max_size=32))
def test_a_nonce_comes_back(nonce: bytes) -> None:
    response = ask(register(FIRST), request(FIRST, nonce=nonce))
    assert response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce


def test_without_a_nonce_there_is_none() -> None:
    assert not list(ask(register(FIRST), request(FIRST)).extensions)


def test_a_responder_may_have_expired() -> None:
    (certificate,) = ask(
        register(FIRST), request(FIRST), signer(NOW - datetime.timedelta(days=1))
    ).certificates
    assert certificate.not_valid_after_utc < NOW


def test_another_authoritys_certificates_are_not_answered_for() -> None:
    other = authentication_authority(ISSUED)
    foreign = replace(FIRST, authority=other)
    raw = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        b"\1" * 20, b"\2" * 20, foreign.serial, hashes.SHA1()
    )
    for encoded in (
        raw.build().public_bytes(Encoding.DER),
        request(FIRST, hashes.SHA384()),  # not a hash function that is known here
    ):
        status = ask(register(FIRST), encoded).response_status
        assert status is ocsp.OCSPResponseStatus.UNAUTHORIZED
    strange = responder(other, NOW, LATER)
    with pytest.raises(ValueError, match="another authority"):
        answer(register(FIRST), b"", signer=strange, produced_at=NOW, next_update=LATER)


IDENTIFIERS = (
    "04141feeba1d10bc222ada94852d16fe432be900edc004141b718157f05260765300351e60924229a3ca1460"
)
MALFORMED = [
    b"",
    b"\x30",
    b"\x30\x00",
    b"\x31\x00",
    b"\x30\x02\x30\x00",
    bytes.fromhex("3004300230 00"),
    bytes.fromhex("30063004300230 00"),
    bytes.fromhex("3008300630043002 3000"),
    bytes.fromhex("300A30083006300430023000"),
    b"\x30\x80\x00\x00",
    bytes(MAX_REQUEST + 1),
    # what would go back in the answer, and make that unreadable
    *(
        bytes.fromhex(start + IDENTIFIERS + end)
        for start, end in (
            ("304e304c304a30483046301206052b0e03021a05092a864886f70d010101", "0204067c6a21"),
            ("304530433041303f303d300906052b0e03021a8500", "0204067c6a21"),
            ("30433041303f303d303b300906052b0e03021a0500", "02020000"),
            (
                "305630543041303f303d300906052b0e03021a0500",
                "0204067c6a21a20f300d300b06092b0601050507300102",
            ),
            (
                "306a30683041303f303d300906052b0e03021a0500",
                "0204067c6a21a2233021301f06092b060105050730010224120410"
                "000102030405060708090a0b0c0d0e0f",
            ),
        )
    ),
]


@pytest.mark.parametrize("raw", MALFORMED)
def test_what_is_no_request_is_malformed(raw: bytes) -> None:
    status = ask(register(FIRST), raw).response_status
    assert status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


@given(st.data())
def test_damaged_requests_get_an_answer(data: st.DataObject) -> None:
    raw = bytearray(request(FIRST, nonce=b"12345678"))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    response = answer(
        register(FIRST),
        bytes(raw[:cut] if data.draw(st.booleans()) else raw),
        signer=signer(),
        produced_at=NOW,
        next_update=LATER,
    )
    ocsp.load_der_ocsp_response(response)


@pytest.mark.parametrize("count", [1, MAX_QUESTIONS, MAX_QUESTIONS + 1])
def test_several_questions_have_as_many_answers(count: int) -> None:
    single = ocsp_entry(request(FIRST))
    raw = wrap(0x30, wrap(0x30, wrap(0x30, single * count)))
    response = ask(register(FIRST), raw)
    if count > MAX_QUESTIONS:
        assert response.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    else:
        statuses = [one.certificate_status for one in response.responses]
        assert statuses == [ocsp.OCSPCertStatus.GOOD] * count


def ocsp_entry(raw: bytes) -> bytes:
    """The one Request in an OCSPRequest, tag and length included."""
    return Tlv.parse(raw).children[0].children[0].value


def wrap(tag: int, content: bytes) -> bytes:
    return Tlv(tag, content).encode()
