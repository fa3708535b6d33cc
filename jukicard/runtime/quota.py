"""The memory of applications that came after issue: their own parts, within one quota together."""

from __future__ import annotations

from collections.abc import Callable

from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.memory import ApplicationMemory


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


def used(memory: ApplicationMemory) -> int:
    """Return how many bytes a part of the memory takes: its values and their names."""
    return sum(len(key) + len(value) for key, value in memory.items())
