"""The terminal's only clock: what time it is, and which legal day.

Nothing else in the host asks the machine, or a database, for the time (a test reads every module):
so a test moves the one clock there is, and a clock that is wrong is noticed in one place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from jukihost.errors import TerminalError

JAPAN: Final = timezone(timedelta(hours=9), "JST")
"""Japan's time, which has had no summer time since 1951."""
TOLERANCE: Final = timedelta(seconds=2)
"""How far a clock may be corrected backwards before it counts as running backwards."""


class ClockRanBackwards(TerminalError):
    """The clock says an earlier time than it said before: nothing can be dated by it."""


class ClocksDisagree(TerminalError):
    """Another terminal on the same database has a clock that is ahead of this one's."""


def machine_time() -> datetime:
    """Return what the machine's clock says, in UTC, whatever it said before: for a trace's times.

    What is decided or kept is dated by a `Clock`.
    """
    return datetime.now(UTC)


class Clock:
    """A clock that never goes back: `now` is later than or equal to every `now` before.

    A correction of up to two seconds is waited out: `now` says the same time until the machine's
    clock has caught up. Safe to share between threads.
    """

    def __init__(self, source: Callable[[], datetime] = machine_time) -> None:
        self._source = source
        self._last: datetime | None = None
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the time, in UTC. ClockRanBackwards."""
        with self._lock:
            said = self._source().astimezone(UTC)
            if self._last is not None and said < self._last:
                if self._last - said > TOLERANCE:
                    raise ClockRanBackwards(
                        f"the clock ran backwards: it said {readable(self._last)} before and says "
                        f"{readable(said)} now; set the machine's clock right, then start again"
                    )
                said = self._last
            self._last = said
            return said

    def today(self) -> date:
        """Return the day that it is in Japan. ClockRanBackwards."""
        return day_in_japan(self.now())


class MovableClock(Clock):
    """A clock that stands still until it is moved, for tests and rehearsals."""

    def __init__(self, at: datetime) -> None:
        super().__init__(lambda: self._at)
        self._at = _aware(at)

    def move(self, by: timedelta) -> None:
        """Move it; a clock that was moved backwards says so when it is asked."""
        self._at += by

    def put(self, to: datetime) -> None:
        """Set it. ValueError where the time has no zone."""
        self._at = _aware(to)


def day_in_japan(moment: datetime) -> date:
    """Return the legal day of a moment: the day in Japan. ValueError where it has no zone."""
    return _aware(moment).astimezone(JAPAN).date()


def _aware(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("a moment needs a zone: datetime(..., tzinfo=UTC), or JAPAN")
    return moment


def readable(moment: datetime) -> str:
    """Return a moment for people to read, in Japan's time."""
    return moment.astimezone(JAPAN).strftime("%Y-%m-%d %H:%M:%S JST")
