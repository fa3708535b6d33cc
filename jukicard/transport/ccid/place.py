"""Where a serial reader is found: a pseudo-terminal, its link of a fixed name, the reader file."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path
from typing import Final

try:
    import termios
    import tty
except ImportError:  # no Unix: a line is refused when it is opened
    pass

DRIVER: Final = Path("/usr/lib/pcsc/drivers/serial/libccidtwin.so")
"""libccid's driver of serial readers, where Debian puts it."""
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
        _free(self.link)
        try:
            self.master, self._slave = os.openpty()
        except OSError as error:
            raise LineRefused(
                f"no pseudo-terminal can be made ({error.strerror}): close terminals that are not "
                "needed"
            ) from None
        self._path = os.ttyname(self._slave)
        os.set_blocking(self.master, False)
        tty.setraw(self._slave)
        try:
            os.symlink(self._path, self.link)
        except OSError as error:
            self._path = ""
            self.close()
            raise LineRefused(
                f"{self.link} cannot be made: {error.strerror}; name a path in a folder that is "
                "there and that you may write to, as --ccid /PATH/NAME"
            ) from None

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
        """Remove the link, if it is still the one that was made here."""
        with contextlib.suppress(OSError):
            if self._path and os.readlink(self.link) == self._path:
                os.unlink(self.link)

    def close(self) -> None:
        """Remove the link and close the line; again does nothing."""
        self.unlink()
        self.let_go()
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


def _free(link: str) -> None:
    """Make way for a link: one that leads nowhere is what a killed reader left. LineRefused."""
    try:
        mode = os.lstat(link).st_mode
    except OSError:
        return
    if not stat.S_ISLNK(mode):
        raise LineRefused(f"{link} exists and is no link to a line: choose another name")
    if os.path.exists(link):
        raise LineRefused(
            f"{link} exists and leads to {os.readlink(link)}: a reader of that name runs, or one "
            f"was killed; choose another name, or end it and rm {link}"
        )
    try:
        os.unlink(link)
    except OSError as error:
        raise LineRefused(f"{link} leads nowhere and cannot be removed: {error.strerror}") from None


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
