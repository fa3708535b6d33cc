"""What a card keeps without power: persistent memory, its backends, and snapshots of it.

What concerns SQLite is loaded when it is first used: most cards live in a process only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jukicard.memory.access import ApplicationMemory
from jukicard.memory.backend import Backend, MemoryFailureError, PowerLoss, RamBackend
from jukicard.memory.image import ImageError, ImageProblem
from jukicard.memory.persistent import Partition, PersistentMemory, TransactionError
from jukicard.memory.snapshot import MemorySnapshot

if TYPE_CHECKING:
    from jukicard.memory.sqlite import (
        CardEntry,
        SqliteBackend,
        create_card,
        create_cards,
        delete_card,
        list_cards,
    )

__all__ = [
    "ApplicationMemory",
    "Backend",
    "CardEntry",
    "ImageError",
    "ImageProblem",
    "MemoryFailureError",
    "MemorySnapshot",
    "Partition",
    "PersistentMemory",
    "PowerLoss",
    "RamBackend",
    "SqliteBackend",
    "TransactionError",
    "create_card",
    "create_cards",
    "delete_card",
    "list_cards",
]

_SQLITE: Final = frozenset(
    {"CardEntry", "SqliteBackend", "create_card", "create_cards", "delete_card", "list_cards"}
)


def __getattr__(name: str) -> object:
    if name not in _SQLITE:
        raise AttributeError(f"module 'jukicard.memory' has no attribute {name!r}")
    from jukicard.memory import sqlite

    value = globals()[name] = getattr(sqlite, name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
