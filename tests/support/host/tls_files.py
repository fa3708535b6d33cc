"""Certificates for machines that speak TLS with each other, of an authority made for one test."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jukihost.clock import machine_time


def tls_files(folder: Path, name: str = "town") -> tuple[Path, Path, Path]:
    """Make an authority and a machine's certificate of it: the authority's, the machine's, its key.

    All in PEM, in a folder, for a day; the machine is 127.0.0.1.
    """
    authority, key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    above, own = _name(f"authority of {name}"), _name(f"machine of {name}")
    ca = _made(above, above, authority, authority, x509.BasicConstraints(ca=True, path_length=0))
    mine = _made(own, above, key, authority, x509.BasicConstraints(ca=False, path_length=None))
    files = tuple(folder / f"{name}.{what}.pem" for what in ("ca", "certificate", "key"))
    files[0].write_bytes(ca.public_bytes(Encoding.PEM))
    files[1].write_bytes(mine.public_bytes(Encoding.PEM))
    files[2].touch(0o600)
    files[2].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files[0], files[1], files[2]


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _made(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    constraints: x509.BasicConstraints,
) -> x509.Certificate:
    now, hour = machine_time(), datetime.timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - hour)
        .not_valid_after(now + 24 * hour)
        .add_extension(constraints, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
        )
        .sign(by, hashes.SHA256())
    )
