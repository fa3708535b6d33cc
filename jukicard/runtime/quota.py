"""The memory of applications that came after issue: their own parts, within one quota together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Final, NamedTuple

from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.memory import ApplicationMemory, Partition

USUAL_SHARE: Final = 1_024
"""How many bytes are an application's own that says nothing else: 64 of them fit 65,536."""
_SIZE: Final = attrgetter("size")


class LimitedMemory:
    """A part of the memory that refuses what is more than there is room for, with 6A84.

    room: how many bytes are left for all who share the quota, names of values included.
    """

    __slots__ = ("_memory", "_room", "delete", "get", "items", "keys")

    def __init__(self, memory: ApplicationMemory, room: Callable[[], int]) -> None:
        self._memory = memory
        self._room = room
        self.get = memory.get
        self.delete = memory.delete
        self.keys = memory.keys
        self.items = memory.items

    @property
    def name(self) -> str:
        """What this part of the memory is called."""
        return self._memory.name

    def put(self, key: str, value: bytes) -> None:
        """Write in the running transaction; IsoError 6A84."""
        self._check(key, value)
        self._memory.put(key, value)

    def put_now(self, key: str, value: bytes) -> None:
        """Write so that no rollback takes it back; IsoError 6A84."""
        self._check(key, value)
        self._memory.put_now(key, value)

    def _check(self, key: str, value: bytes) -> None:
        old = self._memory.get(key)
        more = len(value) - len(old) if old is not None else len(key) + len(value)
        if more > 0 and more > self._room():
            raise IsoError(
                StatusWord.NOT_ENOUGH_MEMORY,
                "the quota of memory for applications that came after issue is used up",
            )


class Usage(NamedTuple):
    """How many bytes of the quota are an application's own, 0 for none, and how many it keeps."""

    own: int
    used: int

    @property
    def description(self) -> str:
        """The same in words."""
        share = f"{self.own:,} bytes of its own" if self.own else "shares what nobody has reserved"
        return f"{share}, {self.used:,} used"


class Share(NamedTuple):
    """What one application may take of the quota, alone or with others: `most` bytes.

    parts: the parts of memory whose values count, names included. Each keeps its own count, so
        that what others have written costs who asks neither time nor steps.
    """

    most: int
    parts: tuple[Partition, ...]

    def left(self) -> int:
        """Return how many bytes are left."""
        sizes: list[int] = list(map(_SIZE, self.parts))
        if None in sizes:  # one was interrupted
            sizes = [part.count() for part in self.parts]
        return self.most - sum(sizes)


def shares(quota: int, of: Mapping[Partition, int]) -> tuple[list[Share], Share]:
    """Return the share of each part of memory, given how many bytes are reserved for it.

    0: it has part, with all others like it, in what nobody has reserved. That comes second; what is
    left of it is what can still be reserved.
    """
    for part in of:
        part.count()
    common = Share(quota - sum(of.values()), tuple(part for part, own in of.items() if not own))
    return [Share(own, (part,)) if own else common for part, own in of.items()], common
