"""A web server that lets in whoever proves a certificate of the card's authority.

OpenSSL's test server: TLS 1.2 and RSASSA-PKCS1-v1_5 with SHA-256 only, because the card has no PSS
that its clients would use, and TLS 1.3 knows nothing else for RSA keys.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.support.cards.jpki_terminal import pem
from tests.support.interop.clients import Desk

PAGE: Final = "welcome.html"
WELCOME: Final = "<title>Welcome</title><h1>Welcome to the counter</h1>"


@dataclass(frozen=True)
class TlsServer:
    """A running server and what it tells."""

    url: str
    address: str
    certificate: Path
    key_hash: str
    log: Path

    @property
    def client(self) -> str | None:
        """The subject of the last client certificate that the authority vouches for."""
        seen = re.findall(r"^depth=0 (.*)\nverify return:1$", self.said, re.MULTILINE)
        return seen[-1] if seen else None

    @property
    def served(self) -> bool:
        """Whether a client got the page, which it does only after a complete handshake."""
        return f"FILE:{PAGE}" in self.said

    @property
    def said(self) -> str:
        return self.log.read_text()


@contextmanager
def tls_server(desk: Desk, authority: x509.Certificate) -> Iterator[TlsServer]:
    """Serve WELCOME to those whose certificate `authority` issued."""
    key = rsa.generate_private_key(65537, 2048)
    own = desk.file("server.pem", _self_signed(key))
    port = desk.free_port()
    desk.file(PAGE, WELCOME)
    server = TlsServer(
        url=f"https://localhost:{port}/{PAGE}",
        address=f"localhost:{port}",
        certificate=own,
        key_hash=_key_hash(key.public_key()),
        log=desk.directory / "server.log",
    )
    command: list[str | Path] = ["openssl", "s_server", "-accept", str(port), "-WWW"]
    command += ["-cert", own, "-key", desk.file("server.key", _private(key))]
    command += ["-Verify", "4", "-verify_return_error", "-CAfile"]
    command += [desk.file("authority.pem", pem(authority)), "-nameopt", "RFC2253"]
    command += ["-tls1_2", "-client_sigalgs", "RSA+SHA256"]
    with desk.running(*command, log=server.log) as process:
        deadline = time.monotonic() + 60
        while "ACCEPT" not in server.said:
            assert process.poll() is None, server.said
            assert time.monotonic() < deadline, server.said
            time.sleep(0.02)
        yield server


def _self_signed(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=now - datetime.timedelta(days=1),
        not_valid_after=now + datetime.timedelta(days=1),
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    return pem(builder.sign(key, hashes.SHA256()))


def _private(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _key_hash(key: rsa.RSAPublicKey) -> str:
    """What browsers pin a key by: base64 of the SHA-256 of its SubjectPublicKeyInfo."""
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(info).digest()).decode()
