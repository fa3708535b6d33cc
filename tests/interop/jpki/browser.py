"""Chromium with a card, on a screen that nobody sees: what a person does with it, by program.

Everything it needs is its own: home, profile, certificate store, display, policies; the policies'
directory is the system's, so it gets another one in a mount namespace.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.support.interop.clients import Desk
from tests.support.interop.tls_server import TlsServer

PROGRAMS: Final = ("chromium", "Xvfb", "xdotool", "certutil", "modutil", "unshare", "mount")
PROMPT: Final = "Unlock Security Device"
"""The title of the window in which Chromium asks for a PIN."""

_SWITCHES: Final = (
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    "--window-position=0,0",
    "--window-size=1000,700",
)
_START: Final = """
mount -t tmpfs tmpfs /etc/chromium && mkdir -p /etc/chromium/policies/managed &&
cp "$1" /etc/chromium/policies/managed/ && shift && exec chromium "$@"
"""


@dataclass(frozen=True)
class Browser:
    """A browser that is open at a page of a server."""

    desk: Desk
    process: subprocess.Popen[str]
    log: Path

    def check(self) -> None:
        """Fail with what it said when it has ended."""
        assert self.process.poll() is None, self.log.read_text()

    def windows(self, title: str) -> list[str]:
        """Return the visible windows with this title."""
        search = ("xdotool", "search", "--onlyvisible", "--name", title)
        return self.desk.run(*search).output.split()

    def press(self, window: str, *what: str) -> None:
        """Go to a window and press keys there; the window may be gone meanwhile."""
        focus = ("windowfocus", "--sync", window)
        self.desk.run("xdotool", *focus, *what, timeout=10)

    def type_pin(self, window: str, pin: str) -> None:
        """Type the PIN into the window that asks for it, and wait until that is gone."""
        self.press(window, "type", "--delay", "50", pin)
        self.press(window, "key", "Return")
        deadline = time.monotonic() + 60
        while window in self.windows(PROMPT) and time.monotonic() < deadline:
            time.sleep(0.1)


@contextmanager
def browser(desk: Desk, server: TlsServer) -> Iterator[Browser]:
    """Open the server's page in a browser that has the card and picks its certificate unasked."""
    _make_certificate_store(desk)
    choice = json.dumps({"pattern": server.url, "filter": {}})
    policy = desk.file("policy.json", json.dumps({"AutoSelectCertificateForUrls": [choice]}))
    # the path of a socket has 107 characters at most, and Chromium makes one here
    with TemporaryDirectory() as short, _display(desk):
        desk.environment["TMPDIR"] = short
        command = ("unshare", "--mount", "--propagation", "private", "sh", "-c", _START, "sh")
        arguments = (
            *_SWITCHES,
            f"--user-data-dir={desk.directory / 'profile'}",
            f"--ignore-certificate-errors-spki-list={server.key_hash}",
            server.url,
        )
        log = desk.directory / "chromium.log"
        with desk.running(*command, policy, *arguments, log=log) as process:
            yield Browser(desk, process, log)


def _make_certificate_store(desk: Desk) -> None:
    """Make the store where Chromium looks for certificates, with OpenSC's module in it."""
    directory = desk.home / ".pki" / "nssdb"
    directory.mkdir(parents=True)
    store = f"sql:{directory}"
    desk.ask("certutil", "-N", "-d", store, "--empty-password")
    desk.ask("modutil", "-force", "-dbdir", store, "-add", "opensc", "-libfile", desk.module)


@contextmanager
def _display(desk: Desk) -> Iterator[None]:
    # Without -noreset it throws out whoever is just connecting when its last client goes, and
    # xdotool comes and goes before the browser is there.
    screen = ("-screen", "0", "1000x700x24", "-nolisten", "tcp", "-noreset")
    server = desk.start(
        "Xvfb", "-displayfd", "1", *screen, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with server:
        assert server.stdout is not None
        try:
            number = server.stdout.readline().strip()
            assert number, "no display"
            desk.environment["DISPLAY"] = f":{number}"
            yield
        finally:
            server.terminate()
