"""A pcscd of the tests' own with two virtual readers, apart from everything else on the machine.

Its socket, readers and ports are seen by the tests only, so it gets along with a pcscd and with
real readers that are there already:

- a private network namespace: the driver listens on all interfaces, and here loopback is all;
- a private mount namespace: /run/pcscd is a temporary directory, and of the drivers only the
  virtual reader's is left.

libpcsclite reads PCSCLITE_CSOCK_NAME once in a process, therefore `SOCKET_DIRECTORY` is chosen when
this module is imported, which `tests/interop/conftest.py` does before any test runs.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import importlib
import importlib.util
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from jukicard.transport import CardPort
from jukicard.transport.vpcd import DEFAULT_PORT, VpcdServer
from tests.support.interop.daemon import start_daemon, stop_daemon
from tests.support.readers.statuses import Statuses

T = TypeVar("T")

# Without pyscard nothing here starts, and `missing_parts` says why.
scard: Final[Any] = (
    importlib.import_module("smartcard.scard") if importlib.util.find_spec("smartcard") else None
)

SOCKET_DIRECTORY: Final = Path(tempfile.mkdtemp(prefix="jukicard-pcscd-"))
atexit.register(shutil.rmtree, SOCKET_DIRECTORY, ignore_errors=True)
os.environ["PCSCLITE_CSOCK_NAME"] = str(SOCKET_DIRECTORY / "pcscd.comm")

READERS: Final = ("Virtual PCD 00 00", "Virtual PCD 00 01")
_LONG_GONE: Final = 5.0
"""Seconds after which a card that was taken out is no longer there, whatever pcscd says.

One that goes while pcscd powers it is called mute, and present, until another comes.
"""
_DRIVERS: Final = Path("/usr/lib/pcsc/drivers")
_READER_FILE: Final = f"""\
FRIENDLYNAME "Virtual PCD"
DEVICENAME /dev/null:{DEFAULT_PORT:#X}
LIBPATH {_DRIVERS}/libifdvpcd.so
CHANNELID {DEFAULT_PORT:#X}
"""
_MOUNTS: Final = f"mount --bind {_DRIVERS}/serial {_DRIVERS}"
_CLONE_NEWNET: Final = 0x40000000
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP_RUNNING: Final = 0x1 | 0x40


def missing_parts() -> list[str]:
    """Return what of the system is missing for a pcscd of our own; empty when it can start."""
    missing = [
        name
        for name in ("pcscd", "opensc-tool", "pcsc_scan", "unshare", "mount")
        if shutil.which(name) is None
    ]
    if not (_DRIVERS / "serial" / "libifdvpcd.so").exists():
        missing.append("vsmartcard-vpcd")
    if scard is None:
        missing.append("pyscard")
    if os.geteuid() != 0:
        missing.append("root (pcscd, and namespaces of its own)")
    elif subprocess.run(
        ["unshare", "--net", "--mount", "true"], capture_output=True, check=False
    ).returncode:
        missing.append("the right to make namespaces (CAP_SYS_ADMIN)")
    return missing


class PrivateNetwork:
    """A network with a loopback interface and nothing else, entered by one thread.

    What that thread starts, threads and processes, is inside; the caller stays outside.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "private-network", initializer=_enter_private_network)

    def run(self, work: Callable[[], T]) -> T:
        """Call `work` inside and return what it returns."""
        return self._thread.submit(work).result(timeout=60)

    def close(self) -> None:
        """Let go of the network; it ends when the last one inside does."""
        self._thread.shutdown()


def _enter_private_network() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING))


class Pcscd:
    """The daemon, its readers, and two empty slots that wait for cards."""

    def __init__(self, directory: Path) -> None:
        self.readers = READERS
        self.network = PrivateNetwork()
        self.statuses = Statuses()
        self.slots = VpcdServer([None, None], on_status=self.statuses)
        self._log = directory / "pcscd.log"
        self._config = directory / "readers"
        self._config.mkdir()
        (self._config / "vpcd").write_text(_READER_FILE)
        self._process: subprocess.Popen[bytes] | None = None
        self._context: Any = None

    def start(self) -> None:
        """Start pcscd and wait until the readers are there."""
        self._process = self.network.run(self._spawn)
        deadline = time.monotonic() + 60
        while self._context is None or scard.SCardListReaders(self._context, [])[1] != [*READERS]:
            assert self._process.poll() is None, f"pcscd ended: {self._log.read_text()}"
            assert time.monotonic() < deadline, f"no readers: {self._log.read_text()}"
            time.sleep(0.02)
            result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
            self._context = None if result else context
        self.network.run(self.slots.start)

    def _spawn(self) -> subprocess.Popen[bytes]:
        return start_daemon(_MOUNTS, SOCKET_DIRECTORY, self._config, self._log)

    def stop(self) -> None:
        """Stop what was started here, and nothing else."""
        if self._context is not None:
            scard.SCardReleaseContext(self._context)
        stop_daemon(self._process)
        self.slots.close()
        self.network.close()

    def insert(self, card: CardPort, slot: int = 0) -> str:
        """Put a card in and wait until PC/SC sees it; return the reader's name."""
        self.slots.slots[slot].insert(card)
        self.wait_for_card(slot=slot)
        return READERS[slot]

    def remove(self, slot: int = 0) -> None:
        """Take the card out, if there is one, and wait until PC/SC sees that."""
        if self.slots.slots[slot].occupied:
            self.slots.slots[slot].remove()
        self.wait_for_card(slot=slot, present=False)

    def wait_for_card(self, slot: int = 0, *, present: bool = True, timeout: float = 60) -> float:
        """Wait until the reader has, or has not, a card; return the seconds that took."""
        wanted = scard.SCARD_STATE_PRESENT if present else scard.SCARD_STATE_EMPTY
        begun, known = time.monotonic(), scard.SCARD_STATE_UNAWARE
        while (waited := time.monotonic() - begun) < timeout:
            result, states = scard.SCardGetStatusChange(
                self._context, 500, [(READERS[slot], known)]
            )
            if result not in (scard.SCARD_S_SUCCESS, scard.SCARD_E_TIMEOUT):
                raise AssertionError(scard.SCardGetErrorMessage(result))
            known = states[0][1]
            mute = bool(known & scard.SCARD_STATE_MUTE)
            if (known & wanted and not mute) or (mute and not present and waited > _LONG_GONE):
                return waited
        raise AssertionError(
            f"{READERS[slot]} has {'no' if present else 'a'} card: {known:#x}; "
            f"{self.statuses.told[-5:]}; {self._log.read_text()[-2000:]}"
        )
