"""Waiting for another process's lock on a file: within a bound, with a word, ended by Ctrl-C.

SQLite can wait by itself, but in C: no signal is handled before it gives up. So it waits in slices,
and what is asked of it is asked again between them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")

_SLICE: Final = 0.05  # seconds that SQLite waits by itself
_TELL_AFTER: Final = 1.0  # seconds after which somebody is told


class PatientConnection(sqlite3.Connection):
    """A connection whose statements wait for other processes, for `patience` seconds each.

    Asking again is right for what is asked here: a statement that found the file locked has done
    nothing, and the only ones for several rows replace and delete.
    """

    path: str = ""
    patience: float = 0.0

    @classmethod
    def to(cls, uri: str, path: str, patience: float) -> PatientConnection:
        """Open the file, for any thread; BEGIN is written out. sqlite3.Error."""
        connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=min(patience, _SLICE),
            isolation_level=None,
            check_same_thread=False,  # ImageFile lets one thread in at a time
            factory=cls,
        )
        connection.path, connection.patience = path, patience
        return connection

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Execute a statement, see the class."""
        return self._wait(partial(super().execute, sql, parameters))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """Execute a statement for each of several rows, see the class."""
        return self._wait(partial(super().executemany, sql, list(parameters)))

    def _wait(self, work: Callable[[], T]) -> T:
        begun, told = time.monotonic(), False
        while True:
            try:
                return work()
            except sqlite3.OperationalError as error:
                waited = time.monotonic() - begun
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or waited >= self.patience:
                    raise
            if waited >= _TELL_AFTER and not told:
                told = True
                _tell(self.path, self.patience)


def _tell(path: str, patience: float) -> None:
    import logging  # a card that waits for nobody starts faster without it

    logging.getLogger("jukicard.memory").warning(
        "waiting %g s for another program that is writing to %s", patience, path
    )
