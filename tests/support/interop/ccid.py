"""A pcscd of the tests' own with libccid, the driver of real readers, unmodified.

Its bundle is copied, so that its options can be others, and the system's is hidden: no real reader
is ever taken. It runs beside the pcscd of the virtual readers, at a socket of its own, so the
programs that use it are others than this process (`terminal`).
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from jukicard.transport.ccid.place import DRIVER
from tests.support.interop.daemon import start_daemon, stop_daemon
from tests.support.interop.pcscd import missing_parts as missing_for_pcscd
from tests.support.interop.terminal import Terminal

BUNDLE: Final = Path("/usr/lib/pcsc/drivers/ifd-ccid.bundle")
_MOUNTS: Final = f"mount -t tmpfs tmpfs {BUNDLE}"
_STARTS: Final = 10  # the serial driver gives up where a busy machine takes more than 100 ms
_SECONDS: Final = 10


def missing_parts() -> list[str]:
    """Return what of the system is missing; empty when a daemon can start."""
    there = DRIVER.exists() and BUNDLE.exists()
    return missing_for_pcscd() + ([] if there else ["libccid"])


class CcidDaemon:
    """pcscd with these readers: `entries` has a reader file for each name that pcscd shall show.

    with CcidDaemon(folder, {"Desk": reader_entry(...)}) as daemon: daemon.terminal...

    options: libccid's ifdDriverOptions. environment: what else the daemon is told.
    """

    def __init__(
        self, folder: Path, entries: Mapping[str, str], *, options: int = 0, **environment: str
    ) -> None:
        self.readers = [f"{name} 00 00" for name in entries]
        self.sockets = folder / "run"
        self.bundle = folder / BUNDLE.name
        self._log = folder / "pcscd.log"
        self._config = folder / "readers"
        for made in (self.sockets, self._config):
            made.mkdir()
        for name, entry in entries.items():
            (self._config / name.replace(" ", "-")).write_text(entry)
        shutil.copytree(BUNDLE, self.bundle)
        settings = self.bundle / "Contents" / "Info.plist"
        told = settings.read_text()
        key, none = "<key>ifdDriverOptions</key>\n\t<string>", "0x0000"
        assert key + none in told
        settings.write_text(told.replace(key + none, key + f"{options:#06x}"))
        self._environment = {"PCSCLITE_HP_DROPDIR": str(folder), **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self.terminal = Terminal(self.socket)
        self.starts = 0
        """How often pcscd was started until its readers were there."""

    @property
    def socket(self) -> str:
        """PCSCLITE_CSOCK_NAME of whoever uses this daemon."""
        return str(self.sockets / "pcscd.comm")

    @property
    def log(self) -> str:
        """What the daemon has said."""
        return self._log.read_text(errors="replace")

    def __enter__(self) -> Self:
        try:
            while not self._start():
                stop_daemon(self._process)
                assert self.starts < _STARTS, f"no readers: {self.log}"
                self.terminal.forget()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.terminal.close()
        stop_daemon(self._process)

    def _start(self) -> bool:
        """Start pcscd once; return whether all readers came."""
        self.starts += 1
        self._process = start_daemon(
            _MOUNTS, self.sockets, self._config, self._log, **self._environment
        )
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            assert self._process.poll() is None, f"pcscd ended: {self.log}"
            if set(self.terminal.readers()) == set(self.readers):
                return True
            if "init failed" in self.log.lower():
                return False
            time.sleep(0.02)
        return False
