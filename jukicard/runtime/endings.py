"""What a command takes away from what was proven, until the channels have lost it.

Whoever writes a PIN, a key or a key pair, blocks one or takes a file out of use says so here: the
store of files does it for every application. When the command is over, whatever became of it, the
dispatcher ends what rests on that (docs/card.md, section 3).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from jukicard.apdu.aid import Aid
from jukicard.filesystem.access import Proof
from jukicard.memory import ApplicationMemory


class Ended(NamedTuple):
    """What ended: all that was proven, or all to some applications, or what rests on some thing.

    written: what other channels lose. blocked: what every channel loses, the one that did it too.
    """

    everything: bool
    applications: frozenset[Aid]
    written: frozenset[tuple[Aid, Proof]]
    blocked: frozenset[tuple[Aid, Proof]]


_NONE: Final[frozenset[Any]] = frozenset()


class Endings:
    """Collects what ends while a command runs; `pending` while there is any."""

    __slots__ = ("_applications", "_counters", "_everything", "_written", "pending")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all of it, as when there are no channels any more that it could end on."""
        self._everything = False
        self._applications: frozenset[Aid] = _NONE
        self._written: frozenset[tuple[Aid, Proof]] = _NONE
        self._counters: dict[tuple[Aid, Proof], tuple[ApplicationMemory, str]] = {}
        self.pending = False

    def end_all(self) -> None:
        """End all that other channels have proven, to whatever application."""
        self._everything = self.pending = True

    def end_all_of(self, aid: Aid) -> None:
        """End all that other channels have proven to one application."""
        self._applications |= {aid}
        self.pending = True

    def end(self, aid: Aid, of: Proof) -> None:
        """End what other channels have proven to an application with this one thing."""
        self._written |= {(aid, of)}
        self.pending = True

    def end_if_blocked(self, aid: Aid, of: Proof, memory: ApplicationMemory, counter: str) -> None:
        """End what any channel has proven with it when its counter is 0 once all is over.

        A counter goes down before a comparison, and up again after one that held.
        """
        self._counters[aid, of] = memory, counter
        self.pending = True

    def take(self, *, certain: bool) -> Ended:
        """Return what ended, and collect anew.

        certain: memory holds what the card will find there. Where a power cut left that open, what
        may be blocked counts as blocked.
        """
        ended = Ended(
            self._everything,
            self._applications,
            self._written,
            frozenset(
                proof
                for proof, (memory, counter) in self._counters.items()
                if not (certain and memory.get(counter) not in (None, b"\0"))
            ),
        )
        self.clear()
        return ended
