"""A pcscd for tests: apart from a running one and from real readers, with one virtual reader.

The daemon sees a /run and a folder of drivers of its own (a mount namespace), so it gets along with
whatever is on the machine; its reader waits on a free port for a card to dial. A process has one at
most, because libpcsclite looks once where its daemon is, and a machine too: see `PcscdInUse`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jukihost.errors import CardError
from jukihost.models import Reader
from jukihost.transport.pcsc.connection import list_readers

if TYPE_CHECKING:
    from filelock import BaseFileLock

SECONDS: Final = 15.0
"""How long the daemon and its reader may take to be there."""
_POLL: Final = 0.6
"""The driver looks for its card every 0.4 s."""
_DRIVERS: Final = Path("/usr/lib/pcsc/drivers")
_DRIVER: Final = _DRIVERS / "serial" / "libifdvpcd.so"
_NAME: Final = "Tests PCD"
_READER: Final = f"""\
FRIENDLYNAME "{_NAME}"
DEVICENAME /dev/null:{{port:#X}}
LIBPATH {_DRIVERS / _DRIVER.name}
CHANNELID {{port:#X}}
"""
_START: Final = f"""
mount -t tmpfs tmpfs /run && mkdir /run/pcscd && mount --bind "$1" /run/pcscd &&
mount --bind {_DRIVERS}/serial {_DRIVERS} && exec pcscd --foreground --config "$2"
"""
_SOCKET: Final = "PCSCLITE_CSOCK_NAME"
_HINT: Final = (
    "with pytest-xdist add --dist loadgroup, so that one worker has all tests with pcscd; "
    "otherwise wait until the other run is over"
)


class PcscdUnavailable(RuntimeError):
    """No pcscd of the tests' own can be started here; the text says what is missing."""


class PcscdInUse(PcscdUnavailable):
    """Another process of this machine has the tests' pcscd, or this one had it already."""


def missing_for_pcscd() -> list[str]:
    """Return what this machine lacks for a pcscd of the tests' own; empty when it can start."""
    missing = [
        name for name in ("pcscd", "unshare", "mount", "setpriv") if shutil.which(name) is None
    ]
    if not _DRIVER.exists():
        missing.append("vsmartcard-vpcd (the virtual reader's driver)")
    if importlib.util.find_spec("smartcard") is None:
        missing.append("pyscard (pip install 'jukicard[pcsc]')")
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        missing.append("root")
    elif (
        not missing
        and subprocess.run(
            ["unshare", "--mount", "true"],  # noqa: S607 - found above
            capture_output=True,
            check=False,
        ).returncode
    ):
        missing.append("the right to make a mount namespace (CAP_SYS_ADMIN)")
    return missing


class Pcscd:
    """The daemon, its virtual reader, and the address at which a card dials into that.

        with Pcscd() as pcscd:
            card.dial_vpcd(*pcscd.address)
            with PcscConnection(pcscd.reader, wait=10) as connection: ...

    PcscdUnavailable, PcscdInUse at the start.
    """

    _had: bool = False

    def __init__(self) -> None:
        self.address = ("127.0.0.1", 0)
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = contextlib.ExitStack()

    @property
    def reader(self) -> str:
        """The name of its reader."""
        return f"{_NAME} 00 00"

    def __enter__(self) -> Pcscd:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the daemon and wait until its reader is there, at most `SECONDS`."""
        if missing := missing_for_pcscd():
            raise PcscdUnavailable(f"no pcscd of the tests' own, missing: {', '.join(missing)}")
        if Pcscd._had:
            raise PcscdInUse(
                "this process has, or had, a pcscd of the tests' own: there is one a process; use "
                "the fixture juki_pcscd, which starts one for the whole run"
            )
        self._ending.callback(_lock_machine().release)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        Pcscd._had = True
        folder = Path(self._ending.enter_context(tempfile.TemporaryDirectory(prefix="jukihost-")))
        sockets, config, log = folder / "run", folder / "readers", folder / "log"
        sockets.mkdir()
        config.mkdir()
        self._ending.callback(_set, _SOCKET, os.environ.get(_SOCKET))
        _set(_SOCKET, str(sockets / "pcscd.comm"))
        self.address = ("127.0.0.1", _kept_ports(2, self._ending))
        (config / "vpcd").write_text(_READER.format(port=self.address[1]))
        # with this process, killed or not, the daemon goes as well
        command = [
            "setpriv",
            "--pdeathsig",
            "TERM",
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
        ]
        with log.open("wb") as said:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [*command, _START, "sh", str(sockets), str(config)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        deadline = time.monotonic() + SECONDS
        while self.reader not in [one.name for one in _readers()]:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise PcscdUnavailable(
                    "the tests' pcscd has no reader. It said: "
                    f"{log.read_text(errors='replace')[-500:] or 'nothing'}. A process that has "
                    "used PC/SC before cannot have it: use juki_pcscd before that"
                )
            time.sleep(0.05)

    def wait_until_empty(self) -> None:
        """Wait until PC/SC sees no card in the reader, at most `SECONDS`. PcscdUnavailable."""
        deadline = time.monotonic() + SECONDS
        if not any(one.card_present for one in _readers()):
            time.sleep(_POLL)  # a card that failed is gone to PC/SC before the driver has looked
        while any(one.card_present for one in _readers()):
            if time.monotonic() > deadline:
                raise PcscdUnavailable("a card does not leave the reader of the tests' pcscd")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the daemon; again does nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self._ending.close()


def _set(name: str, value: str | None) -> None:
    """Set an environment variable; None takes it away."""
    os.environ.pop(name, None)
    if value is not None:
        os.environ[name] = value


def _lock_machine() -> BaseFileLock:
    """Take the one place on this machine. PcscdInUse."""
    from filelock import FileLock, Timeout

    lock = FileLock(Path(tempfile.gettempdir()) / "jukihost-pcscd.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise PcscdInUse(f"another process of this machine has the tests' pcscd: {_HINT}") from None
    return lock


def _readers() -> Sequence[Reader]:
    try:
        return list_readers()
    except CardError:
        return ()


def _kept_ports(count: int, ending: contextlib.ExitStack) -> int:
    """Return the first of so many ports in a row that nothing listens on; OSError.

    They are kept until the end: no other program is given one, and the reader's driver, which asks
    for its own by number with SO_REUSEADDR, may listen there.
    """
    for _ in range(100):
        with contextlib.ExitStack() as taken, contextlib.suppress(OSError):
            first = _bound(0, taken)
            for port in range(first + 1, first + count):
                _bound(port, taken)
            ending.enter_context(taken.pop_all())
            return first
    raise OSError("no free ports in a row: close programs that hold many")


def _bound(port: int, taken: contextlib.ExitStack) -> int:
    """Bind a socket that does not listen to a port, 0 for any, and return which; OSError."""
    kept = taken.enter_context(socket.socket())
    kept.bind(("", port))
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # now that nobody else has it
    return int(kept.getsockname()[1])
