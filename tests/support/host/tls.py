"""A PostgreSQL server on another machine, for tests: it lets in who is proven, and nobody else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jukihost.database import upgrade_database
from tests.support.host.postgresql import USER, running

HOST: Final = str(ip_address((127 << 24) + random.randrange(1 << 16, 1 << 23)))
"""An address of this machine that no other server has, and stands for another machine."""
UNNAMED: Final = str(ip_address(HOST) + 1)
"""Another address of the same server, which its certificate does not name."""
_ONLY_PROVEN: Final = b"local all all trust\nhostssl all all 127.0.0.0/8 cert\n"


class Authority:
    """Certifies servers and terminals."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.certificate, _ = self._certify("authority", self._key, None)

    def _certify(
        self, name: str, key: ec.EllipticCurvePrivateKey, host: str | None
    ) -> tuple[bytes, bytes]:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(key is self._key, None), critical=True)
        )
        if host is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def certify(self, name: str, host: str | None = None) -> tuple[bytes, bytes]:
        """Return a certificate and its key."""
        return self._certify(name, ec.generate_private_key(ec.SECP256R1()), host)


@contextmanager
def proven_server() -> Iterator[Authority]:
    """Run a server that is certified for `HOST`, and listens there and at `UNNAMED`."""
    authority = Authority()
    certificate, key = authority.certify("server", HOST)
    files = {
        "server.crt": certificate,
        "server.key": key,
        "ca.crt": authority.certificate,
        "pg_hba.conf": _ONLY_PROVEN,
    }
    settings = [f"listen_addresses={HOST},{UNNAMED}", "ssl=on", "ssl_ca_file=ca.crt"]
    with running(*settings, files=files) as server:
        upgrade_database(server.make("juki"))
        yield authority


def address(folder: Path, trusted: Authority, certifier: Authority, name: str = USER) -> str:
    """Return the server's address, for who has a certificate of `certifier` and trusts another."""
    certificate, key = certifier.certify(name)
    for file, content in (("t.crt", certificate), ("t.key", key), ("ca", trusted.certificate)):
        (folder / file).write_bytes(content)
        (folder / file).chmod(0o600)
    files = f"sslcert={folder}/t.crt&sslkey={folder}/t.key&sslrootcert={folder}/ca"
    return f"postgresql://{USER}@{HOST}/juki?{files}"
