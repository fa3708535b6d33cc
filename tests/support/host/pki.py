"""A small synthetic certificate authority and keys in software, for the host's signature tests.

Nothing of it is the emulator's; the certificates have the layout of the public JPKI profiles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
LAST = datetime(2028, 1, 1, tzinfo=UTC)

_HASHES: dict[int, hashes.HashAlgorithm] = {
    35: hashes.SHA1(),
    51: hashes.SHA256(),
    67: hashes.SHA384(),
    83: hashes.SHA512(),
}
HOLDER = {
    1: "黒桐　幹也",
    4: "319800217",
    3: "1",
    5: "東京都清瀬市観布子南１２－７－２０２",
    2: "00000",
    6: "0" * 18,
}


@cache
def private_key(number: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    """One key for each number, made once a run."""
    return rsa.generate_private_key(65537, bits)


def name(*units: str, common: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "JP")]
    parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, "JPKI-TEST"))
    parts += [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units]
    if common:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common))
    return x509.Name(parts)


def usage(*names: str) -> x509.KeyUsage:
    every = [
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ]
    return x509.KeyUsage(**{one: one in names for one in every})


def other_name(number: int, text: str) -> x509.OtherName:
    value = text.encode()
    length = bytes((len(value),)) if len(value) < 128 else bytes((0x81, len(value)))
    oid = x509.ObjectIdentifier(f"1.2.392.200149.8.5.5.{number}")
    return x509.OtherName(oid, b"\x0c" + length + value)


@dataclass(frozen=True)
class Authority:
    """A certificate authority with its revocation data."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, number: int = 1, unit: str = "JPKI for digital signature") -> Authority:
        key = private_key(number)
        subject = name(unit)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(number)
            .not_valid_before(FIRST - timedelta(days=365))
            .not_valid_after(LAST + timedelta(days=3650))
            .add_extension(usage("key_cert_sign", "crl_sign"), critical=True)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    def issue(
        self,
        number: int = 100,
        *,
        first: datetime = FIRST,
        last: datetime = LAST,
        bits: int = 2048,
        usages: Sequence[str] = ("digital_signature", "content_commitment"),
        holder: dict[int, str] | None = None,
    ) -> SoftwareKey:
        key = private_key(number, bits)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name("Test", common=f"20200101101010{number:014}"))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(number)
            .not_valid_before(first)
            .not_valid_after(last)
            .add_extension(usage(*usages), critical=True)
        )
        names = HOLDER if holder is None else holder
        if names:
            alternative = [other_name(kind, text) for kind, text in names.items()]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternative), False)
        policy = x509.ObjectIdentifier("1.2.392.200149.8.5.1.0.20")
        builder = builder.add_extension(
            x509.CertificatePolicies([x509.PolicyInformation(policy, None)]), critical=True
        ).add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False
        )
        certificate = builder.sign(self.key, hashes.SHA256())
        return SoftwareKey(key, certificate, (self.certificate,))

    def revocation_list(
        self, *revoked: x509.Certificate, at: datetime = NOW, days: int = 7
    ) -> bytes:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(at - timedelta(days=1))
            .next_update(at + timedelta(days=days))
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False
            )
        )
        for certificate in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(at - timedelta(days=2))
                .build()
            )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def ocsp_response(self, certificate: x509.Certificate, *, good: bool = True) -> bytes:
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=certificate,
            issuer=self.certificate,
            algorithm=hashes.SHA1(),
            cert_status=ocsp.OCSPCertStatus.GOOD if good else ocsp.OCSPCertStatus.REVOKED,
            this_update=NOW - timedelta(hours=1),
            next_update=NOW + timedelta(days=1),
            revocation_time=None if good else NOW - timedelta(days=2),
            revocation_reason=None,
        )
        response = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, self.certificate).sign(
            self.key, hashes.SHA256()
        )
        return response.public_bytes(Encoding.DER)


@dataclass(frozen=True)
class SoftwareKey:
    """What a card's key is to the signing functions, in software; `asked` counts."""

    private: rsa.RSAPrivateKey
    certificate: x509.Certificate
    authorities: tuple[x509.Certificate, ...]
    asked: list[bytes] | None = None

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        return self.private.public_key()

    @property
    def sign(self) -> Callable[[bytes], bytes]:
        return self._sign

    def _sign(self, digest_info: bytes) -> bytes:
        if self.asked is not None:
            self.asked.append(digest_info)
        algorithm = _HASHES[len(digest_info)]
        digest = digest_info[-algorithm.digest_size :]
        return self.private.sign(digest, padding.PKCS1v15(), Prehashed(algorithm))

    def watched(self) -> SoftwareKey:
        return replace(self, asked=[])


def blank_pdf() -> bytes:
    """A PDF file of one empty page, written by hand."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
    ]
    out, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 4\n0000000000 65535 f \n"
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start
