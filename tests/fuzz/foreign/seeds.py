"""Right inputs to begin with: certificates, lists, answers and signatures of synthetic people."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from jukihost.signing.validity import Trust
from tests.support.host.pki import FIRST, LAST, NOW, Authority, SoftwareKey, name, usage

DATA: Final = Path(__file__).parents[2] / "data" / "foreign"
URI: Final = x509.UniformResourceIdentifier("http://crl.jpki.example/x?a=b")


@cache
def authority() -> Authority:
    """The authority that is trusted."""
    return Authority.make()


@cache
def key() -> SoftwareKey:
    """A signer that it has issued a certificate to."""
    return authority().issue()


@cache
def trust() -> Trust:
    """What signatures are checked against."""
    return Trust((authority().certificate,), NOW)


@cache
def odd() -> tuple[bytes, ...]:
    """Certificates that went wrong once."""
    return tuple(path.read_bytes() for path in sorted(DATA.glob("*.der")))


@cache
def certificates() -> tuple[bytes, ...]:
    """Certificates in DER: those of the profile, and some with everything that there is."""
    found = [key().certificate, authority().certificate, *map(_with, _EXTENSIONS)]
    found += [
        _builder().add_extension(_EXTENSIONS[0], critical=False).sign(_EC, hashes.SHA384()),
        _builder().sign(ed25519.Ed25519PrivateKey.generate(), None),
        _builder().sign(authority().key, hashes.SHA256(), rsa_padding=_PSS),
    ]
    return tuple(one.public_bytes(Encoding.DER) for one in found)


_EC: Final = ec.generate_private_key(ec.SECP384R1())
_PSS: Final = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
_POINT: Final = x509.DistributionPoint([URI], None, frozenset([x509.ReasonFlags.superseded]), None)
_EXTENSIONS: Final[tuple[x509.ExtensionType, ...]] = (
    x509.SubjectAlternativeName(
        [
            x509.DNSName("a.example"),
            x509.RFC822Name("a@a.example"),
            URI,
            x509.IPAddress(ip_network("10.0.0.0/8").network_address),
            x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
            x509.DirectoryName(name("unit")),
        ]
    ),
    x509.IssuerAlternativeName([x509.DirectoryName(name("unit"))]),
    x509.NameConstraints(
        [x509.DNSName("a.example"), x509.IPAddress(ip_network("10.0.0.0/8"))], [URI]
    ),
    x509.PolicyConstraints(1, 2),
    x509.InhibitAnyPolicy(3),
    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.OCSP_SIGNING]),
    x509.CRLDistributionPoints([_POINT]),
    x509.FreshestCRL([_POINT]),
    x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, URI)]
    ),
    x509.TLSFeature([x509.TLSFeatureType.status_request]),
    x509.OCSPNoCheck(),
    x509.PrecertPoison(),
    x509.CertificatePolicies(
        [
            x509.PolicyInformation(
                x509.ObjectIdentifier("1.2.392.200149.8.5.1.0.20"),
                ["http://a.example", x509.UserNotice(x509.NoticeReference("o", [1, 2]), "text")],
            )
        ]
    ),
    x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x30\x00"),
    x509.SubjectInformationAccess(
        [x509.AccessDescription(x509.ObjectIdentifier("1.3.6.1.5.5.7.48.5"), URI)]
    ),
)


def _builder() -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name("other", common="すべて"))
        .issuer_name(name("other"))
        .public_key(_EC.public_key())
        .serial_number(1 << 150)
        .not_valid_before(FIRST)
        .not_valid_after(LAST + timedelta(days=365 * 40))
    )


def _with(extension: x509.ExtensionType) -> x509.Certificate:
    builder = _builder().add_extension(extension, critical=False)
    return builder.add_extension(usage("key_agreement", "encipher_only"), critical=True).sign(
        authority().key, hashes.SHA256()
    )


@cache
def revocation_lists() -> tuple[bytes, ...]:
    """Revocation lists in DER; all but the first revoke the signer's certificate."""
    entry = (
        x509.RevokedCertificateBuilder()
        .serial_number(key().certificate.serial_number)
        .revocation_date(NOW - timedelta(days=2))
        .add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        .add_extension(x509.InvalidityDate(NOW.replace(tzinfo=None)), critical=False)
        .add_extension(x509.CertificateIssuer([URI]), critical=False)
    )
    rich = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority().certificate.subject)
        .last_update(NOW - timedelta(days=1))
        .next_update(LAST)
        .add_revoked_certificate(entry.build())
        .add_extension(x509.CRLNumber(7), critical=False)
        .add_extension(
            x509.IssuingDistributionPoint([URI], None, False, True, None, False, False), True
        )
        .sign(authority().key, hashes.SHA256())
    )
    return (
        authority().revocation_list(),
        authority().revocation_list(key().certificate),
        rich.public_bytes(Encoding.DER),
    )


@cache
def ocsp_answers() -> tuple[bytes, ...]:
    """OCSP responses about the signer's certificate; the first says that it is good."""
    certificate = key().certificate
    return (
        authority().ocsp_response(certificate),
        authority().ocsp_response(certificate, good=False),
    )


@cache
def bundles() -> tuple[bytes, ...]:
    """Files of certificates in PEM."""
    ours = [it.public_bytes(Encoding.PEM) for it in (key().certificate, authority().certificate)]
    return (ours[0], b"".join(ours), b"text\n" + b"between\n".join(ours * 2) + b"behind\n")
