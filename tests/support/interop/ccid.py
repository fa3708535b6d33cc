"""A pcscd of the tests' own with libccid, the driver of real readers, unmodified.

Its bundle is copied, so that its options can be others, and the system's is hidden: no real reader
is ever taken. It runs beside the pcscd of the virtual readers, at a socket of its own, so the
programs that use it are others than this process (`terminal`).
"""

from __future__ import annotations

import plistlib
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Self

from jukicard.transport.ccid.place import DRIVER
from tests.support import counted
from tests.support.interop.daemon import start_daemon, stop_daemon
from tests.support.interop.pcscd import missing_parts as missing_for_pcscd
from tests.support.interop.terminal import Terminal

BUNDLE: Final = Path("/usr/lib/pcsc/drivers/ifd-ccid.bundle")
DRIVER_FILE: Final = f"{BUNDLE.name}/Contents/Linux/libccid.so"
"""The driver of USB readers, below the folder of a daemon."""
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

    options: libccid's ifdDriverOptions. devices: vendors and products that it shall know besides
    its own. said: pcscd's options that say what it logs. environment: what else it is told.
    """

    def __init__(
        self,
        folder: Path,
        entries: Mapping[str, str],
        *,
        options: int = 0,
        devices: Iterable[tuple[int, int]] = (),
        said: str = "",
        **environment: str,
    ) -> None:
        self._names = tuple(entries)
        self._said = said
        self.readers = [f"{name} 00 00" for name in entries]
        """What PC/SC calls each reader; a driver of several numbers them as it finds them."""
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
        told = plistlib.loads(settings.read_bytes())
        told["ifdDriverOptions"] = f"{options:#06x}"
        for vendor, product in devices:
            told["ifdVendorID"].append(f"{vendor:#06x}")
            told["ifdProductID"].append(f"{product:#06x}")
            told["ifdFriendlyName"].append("test reader")
        settings.write_bytes(plistlib.dumps(told))
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
        counted.tell(f"{', '.join(self.readers)}: pcscd started {self.starts} times")
        return self

    def __exit__(self, *_: object) -> None:
        self.terminal.close()
        stop_daemon(self._process)

    def _start(self) -> bool:
        """Start pcscd once; return whether all readers came."""
        self.starts += 1
        self._process = start_daemon(
            _MOUNTS, self.sockets, self._config, self._log, self._said, **self._environment
        )
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until:
            assert self._process.poll() is None, f"pcscd ended: {self.log}"
            found = {name.rsplit(" ", 2)[0]: name for name in self.terminal.readers()}
            if found.keys() == set(self._names):
                self.readers[:] = [found[name] for name in self._names]
                return True
            if "init failed" in self.log.lower():
                return False
            time.sleep(0.02)
        return False
