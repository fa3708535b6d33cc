"""How a server ends: within a bound, with a word when a card takes long, at once on Ctrl-C."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

CLOSE_SECONDS: Final = 5.0
"""How long closing a server waits for a command that runs."""
AT_ONCE: Final = 0.03
"""The same in seconds, for a program that was interrupted."""
_TELL_AFTER: Final = 1.0


def patience(error: BaseException | None) -> float:
    """Return how long a `with` block that ends with this error may take to close."""
    return CLOSE_SECONDS if error is None or isinstance(error, Exception) else AT_ONCE


def join(threads: Iterable[threading.Thread], seconds: float, tell: Callable[[str], None]) -> bool:
    """Wait until the threads have ended; tell whether they have.

    `tell` is called once when it takes long, with how long it may take. A thread that goes on is
    a daemon: it takes its card's power when its command is done, and holds up no end of a program.
    """
    begun = time.monotonic()
    told = seconds <= _TELL_AFTER
    waiting = [one for one in threads if one.ident and one is not threading.current_thread()]
    for thread in waiting:
        if not told:
            thread.join(max(0.0, begun + _TELL_AFTER - time.monotonic()))
            if thread.is_alive():
                told = True
                tell(f"{seconds:g} s")
        thread.join(max(0.0, begun + seconds - time.monotonic()))
    return not any(thread.is_alive() for thread in waiting)
