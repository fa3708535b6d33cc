"""How long something took, less what the machine was too busy to run at all."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Final, Self

SLACK: Final = 0.2
"""Seconds that anything bounded may take beyond its bound."""
_STEP: Final = 0.005


class Stalls:
    """A `with` block in which a thread sleeps in short steps and notes how long it overslept.

    That is how long whoever waits may have been kept waiting for a processor besides.
    """

    def __init__(self) -> None:
        self._longest = 0.0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
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

    def allowed(self, bound: float) -> float:
        """Return what a wait of `bound` seconds may take: with its slack, on this machine."""
        return bound + SLACK + 3 * self._longest

    def _look(self) -> None:
        while not self._over.is_set():
            begun = time.monotonic()
            time.sleep(_STEP)
            self._longest = max(self._longest, time.monotonic() - begun - _STEP)


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
