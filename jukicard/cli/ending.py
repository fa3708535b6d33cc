"""How a program that serves until told to end hears of the wish, at whatever instant it comes.

Python notes a signal and acts on it between two steps of a program. One that comes after the last
step before a call that waits is noted, and the call waits on; one that is acted on while an object
is let go raises where nobody can catch it. Both are lost, and a program that waits for ever would
end at the second wish only. So each signal writes to a socket that is waited for too, and the wish
is kept.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Final, NoReturn, TextIO

_WISHES: Final = ("SIGINT", "SIGTERM", "SIGHUP")
_MOST: Final = 4096


class Ending:
    """The wish to end, as those hear it that wait for it."""

    def __init__(self, noted: socket.socket) -> None:
        """`noted` becomes readable with each signal."""
        noted.setblocking(False)
        self._noted = noted
        self._wished = False

    def wish(self, number: int, frame: object) -> NoReturn:
        """Handle a signal: what SIGINT is to Python. Raises KeyboardInterrupt."""
        del number, frame
        self._wished = True
        raise KeyboardInterrupt

    def wait(self, seconds: float | None = None) -> None:
        """Wait so long, or until told to end: KeyboardInterrupt."""
        self._wait(None if seconds is None else time.monotonic() + seconds)

    def check(self) -> None:
        """Raise KeyboardInterrupt when told to end, also when that got lost."""
        if self._wished:
            raise KeyboardInterrupt

    def lines(self, typed: TextIO) -> Iterator[str]:
        """Return the lines that are typed, until the end of input. OSError, KeyboardInterrupt."""
        number = _number_of(typed)
        if number is None:
            yield from typed
            return
        kept = b""
        while True:
            self._wait(None, number)
            if not (came := os.read(number, _MOST)):
                break
            *whole, kept = (kept + came).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
        if kept:
            yield kept.decode(errors="replace")

    def _wait(self, deadline: float | None, other: int | None = None) -> None:
        """Wait until then, or for something to read in `other`. KeyboardInterrupt: told to end."""
        wanted = [self._noted.fileno(), *([] if other is None else [other])]
        ready: list[int] = []
        while other not in ready:
            self.check()
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return
            ready = _readable(wanted, left)
            with contextlib.suppress(BlockingIOError):
                self._noted.recv(_MOST)  # some signals are no wish
        self.check()


def _number_of(typed: TextIO) -> int | None:
    """Return the number of a file that can be waited for: in Windows only a socket can."""
    try:
        return typed.fileno() if os.name == "posix" else None
    except io.UnsupportedOperation:  # a text in memory
        return None


def _readable(wanted: list[int], seconds: float | None) -> list[int]:
    if not hasattr(select, "poll"):
        return select.select(wanted, [], [], seconds)[0]
    poll = select.poll()  # select knows the first 1,024 files only
    for one in wanted:
        poll.register(one, select.POLLIN)
    return [one for one, _ in poll.poll(None if seconds is None else seconds * 1000)]


@contextlib.contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Make SIGTERM and SIGHUP what SIGINT is: a wish to end, not a failure."""
    noted, note = socket.socketpair()
    with noted, note:
        note.setblocking(False)
        ending = Ending(noted)
        # In the background, reading from the terminal then fails and does not stop the program.
        wanted: dict[str, Callable[[int, object], NoReturn] | signal.Handlers] = {
            **dict.fromkeys(_WISHES, ending.wish),
            "SIGTTIN": signal.SIG_IGN,
        }
        noted_before = signal.set_wakeup_fd(note.fileno(), warn_on_full_buffer=False)
        before = {
            getattr(signal, name): signal.signal(getattr(signal, name), handler)
            for name, handler in wanted.items()
            if hasattr(signal, name)  # not every system has all of them
        }
        try:
            with contextlib.suppress(KeyboardInterrupt):
                yield ending
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(noted_before)
