"""Where `jukicard new` puts a card: which names and which files it takes, and how it is put there.

Nothing is replaced but a file of cards, or an empty one, that no program has open.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jukicard.cli.cards import CARD_SEPARATOR
from jukicard.cli.problems import UsageProblem, UserError

_ADVICE: Final = {
    errno.EACCES: "choose a directory that you may write to",
    errno.EPERM: "choose a directory that you may write to",
    errno.EROFS: "choose a directory that you may write to",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOENT: "choose a directory that exists",
    errno.ENOTDIR: "choose a directory that exists",
    errno.ENOSPC: "make room on the disk",
}


class Place:
    """A name that a new card's file may get; made only where that can be."""

    def __init__(self, name: str, *, force: bool) -> None:
        """UserError where there is something already that must stay, UsageProblem for a name."""
        check_name(name)
        self.path = Path(name)
        self._force = force
        with self._writing():
            # SQLite writes a journal beside the file: its longer name has to do as well.
            _status(self._journal)
            self.path.parent.stat()
            self._check_free()

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """Lend an empty, private file for the unfinished card; it is gone afterwards.

        UserError, in words about the file that was asked for, when it cannot be written.
        """
        import secrets  # noqa: TID251  (the name of a file on this machine, nothing of a card)

        # Named before it is made, and removed twice: Ctrl-C at whatever instant leaves nothing.
        draft = self.path.with_name(f".jukicard-{secrets.token_hex(8)}")
        try:
            try:
                with self._writing(draft):
                    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
                    yield draft
            finally:
                _remove(draft)
        finally:
            _remove(draft)

    def take(self, draft: Path) -> None:
        """Give the finished file its name in one step; UserError when it is not free any more."""
        from jukicard.memory.inuse import alone_with

        with self._writing():
            if not self._check_free():
                return self._link(draft)
            with alone_with(self.path):
                self._check_free()  # it is what we have locked, and nobody has put another there
                self._journal.unlink(missing_ok=True)
                draft.replace(self.path)

    def _check_free(self) -> bool:
        """Say whether there is a file to replace; UserError where it must not be replaced."""
        found = _status(self.path)
        if found is None:
            if _status(self._journal) is not None:
                raise UserError(
                    f"{self._journal} is left of another card, and would be played into this one:"
                    " remove it or choose another name"
                )
            return False
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"{self.path} exists and is {_kind(found)}: choose another name")
        if found.st_size and not _is_image(self.path):
            raise UserError(f"{self.path} exists and is no file of cards: choose another name")
        if not self._force:
            raise self._exists()
        return True

    def _link(self, draft: Path) -> None:
        """Give the draft its name, and never another file's."""
        try:
            try:
                self.path.hardlink_to(draft)
            except FileExistsError:
                raise
            except OSError:  # a file system without links: take the name first, then fill it
                self.path.touch(exist_ok=False)
                draft.replace(self.path)
        except FileExistsError:
            raise self._exists() from None

    @property
    def _journal(self) -> Path:
        """What SQLite leaves beside a file that was cut off while it was written."""
        return Path(f"{self.path}-journal")

    def _exists(self) -> UserError:
        return UserError(f"{self.path} exists; --force replaces it, and every card in it is lost")

    @contextlib.contextmanager
    def _writing(self, draft: Path | None = None) -> Iterator[None]:
        """Tell of the file that was asked for, and not of the draft that nobody knows."""
        from jukicard.memory import ImageError, MemoryFailureError

        try:
            yield
        except OSError as error:
            advice = _ADVICE.get(error.errno or 0, "choose another place")
            raise UserError(f"{self.path} cannot be written ({error.strerror}): {advice}") from None
        except (ImageError, MemoryFailureError) as error:
            hidden = os.path.realpath(draft or self.path)
            raise UserError(str(error).replace(hidden, str(self.path))) from None


def _remove(draft: Path) -> None:
    for left in (draft, Path(f"{draft}-journal")):
        left.unlink(missing_ok=True)


def check_name(name: str) -> None:
    """Refuse what is no name of a file, or one that could not be opened again. UsageProblem."""
    if not name or name.endswith(os.sep):
        raise UsageProblem("the card needs a file: give it a name, for example card.juki")
    if CARD_SEPARATOR in name:
        raise UsageProblem(
            f"{name} cannot be opened again, as what follows {CARD_SEPARATOR} names a card in a"
            " file: choose a name without it"
        )


def _status(path: Path) -> os.stat_result | None:
    """Return what is there, of a link the link itself; None for nothing. OSError."""
    try:
        return path.lstat()
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return None


def _kind(found: os.stat_result) -> str:
    if stat.S_ISDIR(found.st_mode):
        return "a directory"
    return "a symbolic link" if stat.S_ISLNK(found.st_mode) else "no regular file"


def _is_image(path: Path) -> bool:
    """Say whether the beginning is that of a file of cards, be it damaged or of a later release."""
    from jukicard.memory.imagefile import has_our_header

    return has_our_header(path)
