"""Which applications are on a card, and how SELECT by name finds one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jukicard.filesystem.commands import Occurrence
from jukicard.filesystem.selection import pick_occurrence
from jukicard.memory import Partition
from jukicard.runtime.application import Application, ConfinedApplication, Surroundings
from jukicard.runtime.firewall import StepBudget
from jukicard.runtime.kinds import find_kind, is_own
from jukicard.runtime.placement import Entry, Placement, entries_from_bytes, entries_to_bytes

STEP_BUDGET: Final = 1_000_000
"""How many lines of Python an application from elsewhere may run for one command."""
_KEY: Final = "applications"


class Registry:
    """The applications in the order they were installed; the first is selected by default.

    What is on the card is what its memory says, the running transaction's writes made: an
    installation that is rolled back leaves nothing here either.
    """

    __slots__ = ("_applications", "_budget", "_entries", "_memory", "_raw", "_surroundings")

    def __init__(self, memory: Partition, surroundings: Surroundings) -> None:
        """Read what is on the card, whose own partition `memory` is.

        UnknownAppletError for a kind that there is not here; ValueError, TypeError, KeyError or
        AttributeError when the memory is damaged.
        """
        self._memory = memory
        self._surroundings = surroundings
        self._budget = StepBudget(STEP_BUDGET)
        self._entries: list[Entry] = []
        self._applications: list[Application] = []
        self._raw: bytes | None = None
        self._now()

    def _now(self) -> list[Application]:
        """Return the applications; read anew when anything but the last reading is in memory."""
        raw = self._memory.get(_KEY)
        if raw != self._raw:
            entries = [] if raw is None else entries_from_bytes(raw, is_own)
            known = list(zip(self._entries, self._applications, strict=True))
            self._applications = [
                next((one for entry, one in known if entry == wanted), None) or self._make(wanted)
                for wanted in entries
            ]
            self._entries, self._raw = entries, raw
        return self._applications

    def _make(self, entry: Entry) -> Application:
        placement = entry.placement
        kind = find_kind(placement.kind, entry.package)
        if kind.confined:
            return ConfinedApplication(placement, kind, self._surroundings, self._budget)
        return Application(placement, kind, self._surroundings)

    def install(self, placement: Placement) -> Application:
        """Put an application on the card, behind all others, in the running transaction.

        UnknownAppletError when there is no such kind here, ValueError when the card has an
        application of that name, TransactionError when no transaction runs.
        """
        if self.get(placement.aid) is not None:
            raise ValueError(f"there is an application {placement.aid} on the card already")
        entry = Entry(placement, find_kind(placement.kind).package)
        self._memory.put(_KEY, entries_to_bytes([*self._entries, entry]))
        installed = self._now()[-1]
        # what a rollback does not undo (`put_now`) may be left of an installation before
        self._surroundings.environment.memory.drop_partition(installed.partition_name)
        return installed

    def __iter__(self) -> Iterator[Application]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    @property
    def default(self) -> Application | None:
        """What is selected after a reset without being asked for."""
        return next(iter(self), None)

    def find(
        self, partial: bytes, occurrence: Occurrence, current: Application | None
    ) -> Application | None:
        """Return the application a full or truncated name selects, None when there is none."""
        matches = [application for application in self if application.aid.startswith(partial)]
        return pick_occurrence(matches, current, occurrence)

    def get(self, aid: bytes) -> Application | None:
        """Return the application with exactly this identifier, or None."""
        return next((found for found in self if found.aid == aid), None)
