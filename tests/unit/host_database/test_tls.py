"""A server on another machine: each side proves who it is, or there is no connection."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from jukihost.database import DatabaseAway, upgrade_database
from jukihost.database.address import read_address
from jukihost.database.engine import make_engine
from tests.support.host.postgresql import USER, running

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("postgresql")]

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


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
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


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take loopback addresses for those of other machines."""
    monkeypatch.setattr("jukihost.database.address.is_this_machine", lambda host: False)


def address(folder: Path, trusted: Authority, certifier: Authority, name: str = USER) -> str:
    certificate, key = certifier.certify(name)
    for file, content in (("t.crt", certificate), ("t.key", key), ("ca", trusted.certificate)):
        (folder / file).write_bytes(content)
        (folder / file).chmod(0o600)
    files = f"sslcert={folder}/t.crt&sslkey={folder}/t.key&sslrootcert={folder}/ca"
    return f"postgresql://{USER}@{HOST}/juki?{files}"


@pytest.mark.usefixtures("elsewhere")
def test_both_sides_are_proven(authority: Authority, tmp_path: Path) -> None:
    upgrade_database(address(tmp_path, authority, authority))
    engine = make_engine(read_address(address(tmp_path, authority, authority)))
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        )
        assert tuple(found.one()) == (True, f"/CN={USER}")
    engine.dispose()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("server_known", "terminal_known", "name"),
    [(False, True, USER), (True, False, USER), (True, True, "somebody")],
    ids=["unknown server", "unknown terminal", "terminal of another name"],
)
def test_whoever_is_not_proven_is_not_talked_to(
    authority: Authority, tmp_path: Path, server_known: bool, terminal_known: bool, name: str
) -> None:
    place = address(
        tmp_path,
        authority if server_known else Authority(),
        authority if terminal_known else Authority(),
        name,
    )
    with pytest.raises(DatabaseAway, match="knows this database, user and certificate"):
        upgrade_database(place)


@pytest.mark.usefixtures("elsewhere")
def test_a_certificate_is_for_the_host_that_was_asked_for(
    authority: Authority, tmp_path: Path
) -> None:
    place = address(tmp_path, authority, authority).replace(HOST, UNNAMED)
    with pytest.raises(DatabaseAway):
        upgrade_database(place)
