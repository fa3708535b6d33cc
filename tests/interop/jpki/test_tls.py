"""TLS client authentication with the authentication key: OpenSSL, curl and GnuTLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jukicard import Card
from jukihost.sessions.jpki import JpkiKey
from tests.support.cards.jpki_terminal import PIN, Certificates, pem, tries_left
from tests.support.interop.clients import Desk
from tests.support.interop.tls_server import PAGE, WELCOME, TlsServer, tls_server

TOKEN = "pkcs11:token=JPKI%20%28User%20Authentication%20PIN%29"
KEY = f"{TOKEN};id=%01;type=private"


@pytest.fixture
def server(desk: Desk, card: Card, certificates: Certificates) -> Iterator[TlsServer]:
    desk.need("openssl")
    desk.environment["PKCS11_MODULE_PATH"] = desk.module  # for OpenSSL's engine
    desk.pcscd.insert(card)
    with tls_server(desk, certificates.authentication_ca) as server:
        yield server


@pytest.fixture
def own(desk: Desk, certificates: Certificates) -> Path:
    """The holder's certificate as a file: the engine gives programs the key only."""
    return desk.file("own.pem", pem(certificates.authentication))


def check_proven(server: TlsServer, certificates: Certificates) -> None:
    assert server.served, server.said
    assert server.client == certificates.authentication.subject.rfc4514_string()


def openssl(desk: Desk, server: TlsServer, *arguments: str | Path) -> str:
    """Fetch the page with OpenSSL's test client."""
    client = ("openssl", "s_client", "-connect", server.address, "-CAfile", server.certificate)
    request = f"GET /{PAGE} HTTP/1.0\r\n\r\n"
    return desk.run(*client, "-ign_eof", *arguments, typed=request).said


def test_openssl(desk: Desk, server: TlsServer, own: Path, certificates: Certificates) -> None:
    key = f"{KEY};pin-value={PIN}"
    said = openssl(
        desk, server, "-engine", "pkcs11", "-keyform", "engine", "-key", key, "-cert", own
    )
    assert WELCOME in said
    check_proven(server, certificates)


def test_curl(desk: Desk, server: TlsServer, own: Path, certificates: Certificates) -> None:
    desk.need("curl")
    key = f"{KEY};pin-value={PIN}"
    curl = ("curl", "--silent", "--show-error", "--cacert", server.certificate, server.url)
    said = desk.ask(*curl, "--engine", "pkcs11", "--key-type", "ENG", "--key", key, "--cert", own)
    assert said == WELCOME
    check_proven(server, certificates)


def test_gnutls(desk: Desk, server: TlsServer, certificates: Certificates) -> None:
    desk.need("gnutls-cli")
    desk.environment["GNUTLS_PIN"] = PIN
    certificate = f"{TOKEN};id=%01;type=cert"
    client = ("gnutls-cli", "--x509cafile", server.certificate, "--port")
    host, _, port = server.address.partition(":")
    proof = ("--x509certfile", certificate, "--x509keyfile", KEY)
    request = f"GET /{PAGE} HTTP/1.0\r\n\r\n"
    said = desk.run(*client, port, *proof, host, typed=request).said
    assert WELCOME in said
    check_proven(server, certificates)


def test_without_a_certificate_there_is_no_page(desk: Desk, server: TlsServer) -> None:
    said = openssl(desk, server)
    assert WELCOME not in said
    assert not server.served


def test_a_wrong_pin_is_one_lost_try_and_no_page(desk: Desk, server: TlsServer, own: Path) -> None:
    key = f"{KEY};pin-value=9999"
    said = openssl(
        desk, server, "-engine", "pkcs11", "-keyform", "engine", "-key", key, "-cert", own
    )
    assert WELCOME not in said
    assert not server.served
    assert tries_left(desk.pcscd.readers[0], JpkiKey.AUTHENTICATION) == 2
