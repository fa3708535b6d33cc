"""A bound on what a person types or a pipe brings: no wait of the command line is endless."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SECONDS: Final = 300.0
"""How long a prompt waits for a line, and a reader of standard input for its next piece."""


class NothingCame(Exception):
    """Nothing was typed, or came through a pipe, within the bound; the text says how long it is."""


@contextmanager
def bounded() -> Iterator[None]:
    """End what waits inside with NothingCame when it takes longer than `SECONDS`.

    By a timer's signal: reading a terminal waits in C. A system without one (Windows), or a thread
    that is not the main one, waits without a bound.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() != threading.main_thread():
        yield
        return

    def late(number: int, frame: FrameType | None) -> None:
        raise NothingCame(f"{SECONDS:g} s")

    before = signal.signal(signal.SIGALRM, late)
    try:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
