"""A stranger's SCP03: yubikit, of yubikey-manager, in an environment of its own (`make test`).

It knows mode S8, AES-128 and level 33 only. In process it is loaded from there, with our own
cryptography; over PC/SC it runs by itself, see `yubikey_manager_client.py`.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, Protocol

from tests.support.interop.missing import require

HOME: Final = Path(sys.prefix) / "yubikit"
CLIENT: Final = Path(__file__).with_name("yubikey_manager_client.py")


class Connection(Protocol):
    """Whatever carries bytes to a card; every connection of this project does."""

    def transmit(self, command: bytes, /) -> bytes: ...


def needed() -> None:
    """Skip, or fail, the test where the environment is not there."""
    require("yubikit", [] if (HOME / ".installed").exists() else [str(HOME)])


def part(name: str) -> Any:
    """Return a module of yubikit, `core.smartcard` for example."""
    needed()
    [packages] = HOME.glob("lib/python*/site-packages")
    sys.path.append(str(packages))  # at the end: what we have ourselves comes from here
    try:
        return importlib.import_module(f"yubikit.{name}")
    finally:
        sys.path.remove(str(packages))


class Carrier:
    """Our connection as yubikit wants one."""

    transport = None

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def send_and_receive(self, apdu: bytes) -> tuple[bytes, int]:
        """Send a command and return data and status of the answer."""
        answer = self.connection.transmit(bytes(apdu))
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    def close(self) -> None:
        """Nothing to do: the test closes it."""


def static_keys(key: bytes | None = None) -> Any:
    """Return one key three times as yubikit has it; its own default is the well-known one."""
    scp = part("core.smartcard.scp")
    return scp.StaticKeys.default() if key is None else scp.StaticKeys(key, key, key)


def opened(connection: Connection, key: bytes | None = None, version: int = 0) -> Any:
    """Return yubikit's session with the issuer domain, its SCP03 open."""
    scp = part("core.smartcard.scp")
    session = part("securitydomain").SecurityDomainSession(Carrier(connection))
    session.authenticate(scp.Scp03KeyParams(scp.KeyRef(1, version), static_keys(key)))
    return session


def over_pcsc(reader: str, *commands: str, key: str = "") -> list[str]:
    """Run yubikit by itself on a reader; return answer and status of each command, in hex.

    `key` is one key for all three, the well-known one unless given; `KEY:2` for the version.
    `put-key=VERSION:REPLACED:KEY` and `delete-key=VERSION` are done by its own methods.
    """
    needed()
    done = subprocess.run(
        [HOME / "bin/python", CLIENT, reader, key, *commands],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()
