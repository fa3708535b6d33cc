"""Programs that use the card as strangers: each its own process, home and settings.

They run in the network of the virtual reader, where nothing but loopback is, so none of them can
reach anything outside. OpenSC is never loaded in the process that serves the card: it would wait
for itself.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.interop.ccidreader import CcidReaders
from tests.support.interop.missing import require
from tests.support.interop.pcscd import Pcscd

# Cards of this family all have the serial number 00000000: a file cache would mix them up.
_NO_FILE_CACHE: Final = "app default { use_file_caching = no; }\n"
# One PKCS#11 slot, that of the authentication key, instead of one for each PIN.
_ONE_SLOT: Final = 'app opensc-pkcs11 { pkcs11 { create_slots_for_pins = "user"; } }\n'
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def opensc_module() -> Path | None:
    """Return the path of OpenSC's PKCS#11 module, None when it is not installed."""
    return next(Path("/usr/lib").glob("*/opensc-pkcs11.so"), None)


@dataclass(frozen=True)
class Done:
    """How a program ended and what it said."""

    command: tuple[str, ...]
    status: int
    output: str
    errors: str

    @property
    def said(self) -> str:
        return self.output + self.errors

    def __str__(self) -> str:
        return f"{' '.join(self.command)}\nended with {self.status}\n{self.said}"


class Desk:
    """A place to work at: a reader, a home directory, and the programs a person would start."""

    def __init__(self, pcscd: Pcscd | CcidReaders, directory: Path) -> None:
        self.pcscd = pcscd
        self.directory = directory
        self.home = directory / "home"
        self.home.mkdir()
        settings = directory / "opensc.conf"
        settings.write_text(_NO_FILE_CACHE)
        self.environment = {
            "PATH": _PATH,
            "HOME": str(self.home),
            "TMPDIR": str(directory),
            "LC_ALL": "C.UTF-8",
            "OPENSC_CONF": str(settings),
            "PCSCLITE_CSOCK_NAME": os.environ["PCSCLITE_CSOCK_NAME"],
        }

    def need(self, *programs: str) -> None:
        """Skip or fail the test unless these programs and OpenSC's module are installed."""
        missing = [name for name in programs if shutil.which(name, path=_PATH) is None]
        if opensc_module() is None:
            missing.append("opensc-pkcs11.so")
        require("client", missing)

    @property
    def module(self) -> str:
        """The path of OpenSC's PKCS#11 module."""
        path = opensc_module()
        assert path is not None
        return str(path)

    def offer_one_slot(self) -> None:
        """Let OpenSC show the authentication key only, as those do who use no other."""
        with Path(self.environment["OPENSC_CONF"]).open("a") as settings:
            settings.write(_ONE_SLOT)

    def file(self, name: str, content: str | bytes) -> Path:
        """Write a file and return its path."""
        path = self.directory / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def start(self, *command: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Start a program; `options` are those of Popen, without input unless told."""
        words = [str(word) for word in command]
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("cwd", self.directory)
        return self.pcscd.network.run(
            lambda: subprocess.Popen(words, env=self.environment, text=True, **options)
        )

    def run(self, *command: str | Path, typed: str | None = None, timeout: float = 60) -> Done:
        """Run a program to its end and return how it went; `typed` is its input."""
        process = self.start(
            *command,
            stdin=subprocess.DEVNULL if typed is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with process:
            try:
                output, errors = process.communicate(typed, timeout)
            finally:
                process.kill()
        return Done(tuple(map(str, command)), process.returncode, output, errors)

    def ask(self, *command: str | Path, typed: str | None = None, timeout: float = 60) -> str:
        """Run a program that must succeed; return its output, without its messages."""
        done = self.run(*command, typed=typed, timeout=timeout)
        assert done.status == 0, done
        return done.output

    def refused(self, *command: str | Path) -> str:
        """Run a program that must not succeed; return all it said."""
        done = self.run(*command)
        assert done.status != 0, done
        return done.said

    @contextmanager
    def running(self, *command: str | Path, log: Path) -> Iterator[subprocess.Popen[str]]:
        """Start a program that stays, its output in a file; end it and all it started."""
        with log.open("w") as output:
            process = self.start(
                *command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)

    def free_port(self) -> int:
        """Return a TCP port of loopback that nobody listens on."""

        def look() -> int:
            with socket.socket() as some_socket:
                some_socket.bind(("127.0.0.1", 0))
                return int(some_socket.getsockname()[1])

        return self.pcscd.network.run(look)
