"""OpenSSH logs in with the authentication key: its own client and server, through OpenSC."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jukicard import Card, issue_card
from jukihost.sessions.jpki import JpkiKey
from tests.support.cards.jpki_terminal import PIN, Certificates, tries_left
from tests.support.interop.clients import Desk

# The server wants a directory in /run, and root unlocked, whatever this machine has: it gets both
# in a mount namespace of its own.
START = """
mount -t tmpfs tmpfs /run && mkdir /run/sshd && mount --bind "$1" /etc/shadow &&
exec /usr/sbin/sshd -D -e -f "$2"
"""
ASK_PIN = '#!/bin/sh\necho "$1" >>"$HOME/asked"\necho {pin}\n'


class SshServer:
    """A server that lets root in with the keys of one file."""

    def __init__(self, desk: Desk, authorized: Path, port: int) -> None:
        self.port = port
        self.log = desk.directory / "sshd.log"
        self.host_key = desk.directory / "host"
        desk.ask("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.host_key)
        public = " ".join((desk.directory / "host.pub").read_text().split()[:2])
        self.known = desk.file("known", f"[127.0.0.1]:{port} {public}\n")
        self.config = desk.file(
            "sshd_config",
            f"ListenAddress 127.0.0.1:{port}\nHostKey {self.host_key}\nPidFile none\n"
            f"AuthorizedKeysFile {authorized}\nStrictModes no\nUsePAM no\n"
            "PermitRootLogin yes\nPasswordAuthentication no\nLogLevel VERBOSE\n",
        )

    @property
    def said(self) -> str:
        return self.log.read_text()


@contextmanager
def ssh_server(desk: Desk, authorized: Path) -> Iterator[SshServer]:
    server = SshServer(desk, authorized, desk.free_port())
    shadow = desk.file("shadow", "root:*:19000:0:99999:7:::\n")
    command = ("unshare", "--mount", "--propagation", "private", "sh", "-c", START, "sh")
    with desk.running(*command, shadow, server.config, log=server.log) as process:
        deadline = time.monotonic() + 60
        while "Server listening" not in server.said:
            assert process.poll() is None, server.said
            assert time.monotonic() < deadline, server.said
            time.sleep(0.02)
        yield server


def give_pin(desk: Desk, pin: str) -> None:
    """Answer ssh's question for the PIN with a program, as desktops do."""
    program = desk.file("ask", ASK_PIN.format(pin=pin))
    program.chmod(0o700)
    desk.environment |= {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force"}


def ssh(desk: Desk, server: SshServer) -> tuple[str, ...]:
    return (
        *("ssh", "-F", "none", "-p", str(server.port), "-o", f"PKCS11Provider={desk.module}"),
        *("-o", f"UserKnownHostsFile={server.known}", "-o", "PreferredAuthentications=publickey"),
        *("root@127.0.0.1", "echo", "welcome"),
    )


@pytest.fixture(autouse=True)
def programs(desk: Desk) -> None:
    desk.need("ssh", "ssh-keygen", "sshd")


@pytest.fixture
def server(desk: Desk, card: Card, certificates: Certificates) -> Iterator[SshServer]:
    """A server that knows the key of the inserted card, as `ssh-keygen` reads it out."""
    desk.pcscd.insert(card)
    keys = desk.ask("ssh-keygen", "-D", desk.module).splitlines()
    line = next(key for key in keys if key.endswith("User Authentication Public Key"))
    public = certificates.authentication.public_key()
    assert line.startswith(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())
    with ssh_server(desk, desk.file("authorized", line + "\n")) as server:
        yield server


def test_the_card_logs_in(desk: Desk, server: SshServer, certificates: Certificates) -> None:
    give_pin(desk, PIN)
    assert desk.ask(*ssh(desk, server)).strip() == "welcome"
    assert re.search(r"^Accepted publickey for root .* RSA SHA256:", server.said, re.MULTILINE)
    asked = (desk.home / "asked").read_text()
    assert "PIN for 'JPKI (User Authentication PIN)'" in asked


def test_a_wrong_pin_does_not(desk: Desk, server: SshServer) -> None:
    give_pin(desk, "9999")
    assert "Permission denied" in desk.refused(*ssh(desk, server))
    assert "Accepted publickey" not in server.said
    assert tries_left(desk.pcscd.readers[0], JpkiKey.AUTHENTICATION) == 2


def test_another_card_does_not(desk: Desk, server: SshServer) -> None:
    desk.pcscd.remove()
    desk.pcscd.insert(issue_card("mynumber", seed=2))
    give_pin(desk, PIN)
    assert "Permission denied" in desk.refused(*ssh(desk, server))
    assert "Accepted" not in server.said
