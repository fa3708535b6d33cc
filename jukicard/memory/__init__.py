"""What a card keeps without power: persistent memory, its backends, and snapshots of it."""

from jukicard.memory.backend import Backend, MemoryFailureError, PowerLoss, RamBackend
from jukicard.memory.image import ImageError, ImageProblem
from jukicard.memory.persistent import Partition, PersistentMemory, TransactionError
from jukicard.memory.snapshot import MemorySnapshot
from jukicard.memory.sqlite import (
    CardEntry,
    SqliteBackend,
    create_card,
    create_cards,
    delete_card,
    list_cards,
)

__all__ = [
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
