"""Where a serial reader is found: a pseudo-terminal, its link of a fixed name, the reader file."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from pathlib import Path
from typing import Final

try:
    import termios
    import tty
except ImportError:  # no Unix: a line is refused when it is opened
    pass

DRIVER: Final = Path("/usr/lib/pcsc/drivers/serial/libccidtwin.so")
"""libccid's driver of serial readers, where Debian puts it."""
_PLAINLY: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""How the file of a claim is opened: no link is followed, no FIFO waited for."""
_TRIES: Final = 20
"""How often the file of a claim may go away while it is locked."""
_OTHER: Final = "choose another name"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class LineRefused(OSError):
    """The line of a serial reader cannot be made; the text says why and what to do."""


class LinkedLine:
    """A pseudo-terminal behind a link of a fixed name.

    A line that nobody holds open cannot be waited on, so this side does until a driver comes;
    then it lets go and is told when the driver leaves.
    """

    def __init__(self, link: str) -> None:
        self.link = link
        self._claim = Claim(link)
        self.master = -1
        self._slave = -1
        self._path = ""

    def open(self) -> None:
        """Make the line and its link. LineRefused."""
        if not hasattr(os, "openpty"):
            raise LineRefused(
                "a serial reader needs a pseudo-terminal, which this system has not; "
                "serve the card over TCP or to vpcd instead"
            )
        self._claim.take()
        try:
            self.master, self._slave = os.openpty()
        except OSError as error:
            self._claim.leave()
            raise LineRefused(
                f"no pseudo-terminal can be made ({error.strerror}): close terminals that are not "
                "needed"
            ) from None
        self._path = os.ttyname(self._slave)
        os.set_blocking(self.master, False)
        tty.setraw(self._slave)
        try:
            self._claim.link_to(self._path)
        except LineRefused:
            self._path = ""
            self.close()
            raise

    def drop_output(self) -> None:
        """Forget what was said to a driver that no longer reads."""
        with contextlib.suppress(termios.error):
            termios.tcflush(self.master, termios.TCIOFLUSH)

    def let_go(self) -> None:
        """Leave the line to the driver, which holds it open now."""
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1

    def hold(self) -> None:
        """Hold the line open for the next driver; answers that nobody has read are gone."""
        if self._slave < 0:
            with contextlib.suppress(OSError, termios.error):
                self._slave = os.open(self._path, os.O_RDWR | os.O_NOCTTY)
                tty.setraw(self._slave, termios.TCSANOW)
                termios.tcflush(self._slave, termios.TCIFLUSH)

    def unlink(self) -> None:
        """Remove the link, if it is still the one that was made here, and free its name."""
        with contextlib.suppress(OSError):
            if self._path and os.readlink(self.link) == self._path:
                os.unlink(self.link)
        self._claim.leave()

    def close(self) -> None:
        """Remove the link and close the line; again does nothing."""
        self.unlink()
        self.let_go()
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


class Claim:
    """The name of a link, for one reader at a time: a locked file beside it says whose it is.

    The lock goes with the process. Where the link leads does not tell whether its reader lives: a
    terminal that is opened later gets the number of one that is gone.
    """

    def __init__(self, link: str) -> None:
        self.link = link
        folder, name = os.path.split(link)
        self.path = os.path.join(folder, f".{name}.lock")
        self._file = -1
        self._leaving = threading.Lock()

    def take(self) -> None:
        """Claim the name; the link that a killed reader left is removed. LineRefused."""
        self._file = self._locked()
        try:
            self._make_way()
        except BaseException:
            self.leave()
            raise

    def link_to(self, line: str) -> None:
        """Make the link, and note where it leads for whoever comes after a kill. LineRefused."""
        try:
            os.pwrite(self._file, line.encode(), 0)
            os.truncate(self._file, len(line.encode()))
            os.symlink(line, self.link)
        except OSError as error:
            raise _not_made(self.link, error) from None

    def leave(self) -> None:
        """Free the name; again, and from another thread, does nothing."""
        with self._leaving:
            file, self._file = self._file, -1
        if file >= 0:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            os.close(file)

    def _locked(self) -> int:
        """Open the file beside the link, locked. LineRefused."""
        from filelock import lock_descriptor  # not every system has locks; only a reader needs one

        for _ in range(_TRIES):
            try:
                file = os.open(self.path, os.O_RDWR | os.O_CREAT | _PLAINLY, 0o600)
            except OSError as error:
                raise _not_made(self.path, error) from None
            free = lock_descriptor(file, blocking=False)
            if free and _same(file, self.path):
                return file
            os.close(file)
            if not free:
                raise LineRefused(f"a reader of that name runs at {self.link}: {_OTHER}, or end it")
        raise LineRefused(f"{self.path} is no file of a reader: {_OTHER}, or remove it")

    def _make_way(self) -> None:
        """Remove a link that leads nowhere, or where a reader that is gone led it. LineRefused."""
        link = self.link
        try:
            leads = os.readlink(link) if stat.S_ISLNK(os.lstat(link).st_mode) else ""
            left = os.pread(self._file, 4096, 0).decode(errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise _not_made(self.link, error) from None
        if not leads:
            raise LineRefused(f"{link} exists and is no link to a line: {_OTHER}")
        if os.path.exists(link) and leads != left:
            raise LineRefused(
                f"{link} exists and leads to {leads}, where no reader led it: {_OTHER}, or "
                f"rm {link}"
            )
        try:
            os.unlink(link)
        except OSError as error:
            raise LineRefused(
                f"{link} was left by a reader that is gone and cannot be removed: {error.strerror}"
            ) from None


def _not_made(path: str, error: OSError) -> LineRefused:
    return LineRefused(
        f"{path} cannot be made: {error.strerror}; name a path in a folder that is there and "
        "that you may write to, as --ccid /PATH/NAME"
    )


def _same(file: int, path: str) -> bool:
    """Tell whether an open file is the plain one that a path leads to."""
    try:
        found, there = os.fstat(file), os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and os.path.samestat(found, there)


def link_of(name: str) -> str:
    """Return the path of the link for a reader's name, or for a path that ends in one.

    LineRefused for a name that neither a driver nor a reader file takes.
    """
    folder, _, last = name.rpartition("/")
    if not _NAME.fullmatch(last) or re.search(r"[\s:\"']", folder):
        raise LineRefused(
            f"{name!r} is no name for a reader: up to 40 letters, digits, '.', '_' and '-', or a "
            "path that ends so, without blanks, colons and quotes"
        )
    if "/" in name:
        return os.path.abspath(name)
    runtime = os.environ.get("XDG_RUNTIME_DIR") or ("/run" if os.geteuid() == 0 else "")
    if not runtime:
        raise LineRefused(f"there is no folder for {name}: name a path, as --ccid /PATH/{name}")
    return f"{runtime}/jukicard-{name}"


def reader_entry(name: str, link: str, model: str, channel: int = 0, driver: Path = DRIVER) -> str:
    """Return the entry of reader.conf by which pcscd finds the reader."""
    return (
        f'FRIENDLYNAME "{name}"\nDEVICENAME {link}:{model}\nLIBPATH {driver}\nCHANNELID {channel}\n'
    )


def write_entry(folder: str, link: str, entry: str) -> Path:
    """Put an entry into a folder of reader files; one that is there already stays. LineRefused."""
    path = _entry_path(folder, link)
    try:
        try:
            file = path.open("x", encoding="utf-8")
        except FileExistsError:
            if _says(path, entry):
                return path
            raise LineRefused(
                f"{path} exists and says something else: remove it, or choose another place"
            ) from None
        try:
            with file:
                file.write(entry)
        except OSError:
            path.unlink(missing_ok=True)
            raise
    except LineRefused:
        raise
    except OSError as error:
        raise LineRefused(
            f"{path} cannot be written: {error.strerror}; the folder of Debian's pcscd is "
            "/etc/reader.conf.d and is root's"
        ) from None
    return path


def remove_entry(folder: str, link: str, entry: str) -> None:
    """Take an entry out of a folder of reader files, if it is there and says just that."""
    path = _entry_path(folder, link)
    with contextlib.suppress(OSError):
        if _says(path, entry):
            path.unlink()


def _says(path: Path, entry: str) -> bool:
    """Tell whether that is a file with just this in it; a line would be read for ever."""
    return stat.S_ISREG(path.lstat().st_mode) and path.read_bytes() == entry.encode()


def _entry_path(folder: str, link: str) -> Path:
    return Path(folder) / os.path.basename(link)
