"""Collects what slots report and waits for it, so that no test of a server sleeps and hopes."""

from __future__ import annotations

import threading

from jukicard.transport import SlotState, SlotStatus


class Statuses:
    """A status callback that remembers, and `wait_for` a state to have been told n times."""

    def __init__(self) -> None:
        self.told: list[SlotStatus] = []
        self._news = threading.Condition()

    def __call__(self, status: SlotStatus) -> None:
        with self._news:
            self.told.append(status)
            self._news.notify_all()

    def count(self, state: SlotState) -> int:
        return sum(status.state is state for status in self.told)

    def wait_for(self, state: SlotState, times: int = 1, timeout: float = 60) -> SlotStatus:
        """Return the last report of this state once it came `times` times."""
        with self._news:
            seen = self._news.wait_for(lambda: self.count(state) >= times, timeout)
        assert seen, f"{state} was told {self.count(state)} times, not {times}: {self.told}"
        return [status for status in self.told if status.state is state][-1]
