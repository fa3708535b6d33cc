"""Begins the command line, so that a Ctrl-C at any instant ends it in words.

The command line tells of a Ctrl-C once it runs. Before, its modules are loaded; and while an object
is let go, or the lock of a module is, Python prints a KeyboardInterrupt and goes on without it.
"""

from __future__ import annotations

import _thread
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

_SOON: Final = 0.01
"""Seconds after which whoever lost a Ctrl-C has gone on, and one that was put off is begun."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of the command line and return its exit code, see the help text."""
    with _none_lost() as interrupt:
        with _put_off(interrupt):
            from jukihost.cli import main as run
        return run(argv)


@contextmanager
def _none_lost() -> Iterator[Callable[[], None]]:
    """Interrupt this thread once more where Python goes on without a KeyboardInterrupt."""
    lock, over, here = _thread.allocate_lock(), False, _thread.get_ident()

    def interrupt() -> None:
        time.sleep(_SOON)
        with lock:
            if over:
                return
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(here, signal.SIGINT)  # also out of a call that waits
            else:
                _thread.interrupt_main()

    def interrupt_soon() -> None:
        _thread.start_new_thread(interrupt, ())

    def tell(lost: Any) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            interrupt_soon()
        else:
            before(lost)

    before, sys.unraisablehook = sys.unraisablehook, tell
    try:
        yield interrupt_soon
    finally:
        sys.unraisablehook = before
        with lock:
            over = True


@contextmanager
def _put_off(interrupt: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C wait for the end of this; the second is Python's own affair."""
    noted = False

    def note(number: int, frame: object) -> None:
        nonlocal noted
        del number, frame
        noted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # a shell may have it ignored, and a program its own way
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        if noted:
            interrupt()
        else:
            signal.signal(signal.SIGINT, signal.default_int_handler)
