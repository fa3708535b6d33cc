"""How long something took, less what the machine was too busy to run at all."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

SLACK: Final = 0.2
"""Seconds that anything bounded may take beyond its bound."""
_STEP: Final = 0.005


class Stalls:
    """A `with` block that notes how long whoever waits in it waited for a processor besides.

    The system says it of each thread of this process and of those that it started. Of others nobody
    does: a thread sleeps in short steps, and the longest that one took beyond its sleep and its own
    work stands for each of the few turns they need.
    """

    def __init__(self) -> None:
        self._longest = self._queued = 0.0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._before = _queued()
        self._after: dict[str, float] = {}
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._watch.join()
        self._after |= _queued()
        self._after.pop(str(self._watch.native_id), None)
        self._queued = sum(
            max(0.0, until - self._before.get(one, 0.0)) for one, until in self._after.items()
        )

    def allowed(self, bound: float) -> float:
        """Return what a wait of `bound` seconds may take: with its slack, on this machine.

        To be asked after the block; within it, only what others were kept waiting is known.
        """
        return bound + SLACK + 3 * self._longest + self._queued

    def _look(self) -> None:
        begun, worked = time.monotonic(), time.thread_time()
        while not self._over.is_set():
            time.sleep(_STEP)
            self._after |= _queued()  # before one that has been started is gone
            now, work = time.monotonic(), time.thread_time()
            self._longest = max(self._longest, now - begun - _STEP - (work - worked))
            begun, worked = now, work


def _queued() -> dict[str, float]:
    """Return by thread how many seconds it was ready and had no processor.

    Of this process, and of those that come from it. Linux says so
    (Documentation/scheduler/sched-stats.rst); empty where nobody does.
    """
    found, processes = {}, ["self"]
    for process in processes:
        with suppress(OSError):  # it has ended
            threads = os.listdir(f"/proc/{process}/task")
            for thread in threads:
                folder = Path(f"/proc/{process}/task/{thread}")
                with suppress(OSError, IndexError):
                    found[thread] = int((folder / "schedstat").read_text("ascii").split()[1]) / 1e9
                    processes += (folder / "children").read_text("ascii").split()
    return found


class Within(Stalls):
    """A `with` block that must be over in `seconds`, as `allowed` counts them."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self.took = 0.0

    def __enter__(self) -> Self:
        super().__enter__()
        self._begun = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.took = time.monotonic() - self._begun
        super().__exit__(kind, error, trace)
        if error is None or isinstance(error, Exception):
            allowed = self.allowed(self._seconds)
            assert self.took <= allowed, f"{self.took:.3f} s, bound {allowed:.3f} s"
