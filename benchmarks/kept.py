"""A card kept in a file: opening it, power on, and what a write takes beside the disk's time."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from benchmarks.timing import Effort, Work, micro, table
from jukicard import Card, issue_card
from jukicard.environment import CardEnvironment
from jukicard.memory import PersistentMemory, RamBackend, SqliteBackend, create_card

JUKI = "application D3921000310001010401"
TRIES = "tries/001C"
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a RAM disk is what is meant


def measure(effort: Effort) -> None:
    """Measure cards of both generations, in a file in memory and in one on the disk."""
    for profile in ("juki-v1", "mynumber"):
        for where in (IN_MEMORY, None):
            if where is None or where.is_dir():
                with tempfile.TemporaryDirectory(dir=where) as folder:
                    _measure(effort, profile, Path(folder), "disk" if where is None else "RAM disk")


def _measure(effort: Effort, profile: str, folder: Path, disk: str) -> None:
    path = folder / "card.juki"
    snapshot = issue_card(profile, seed=1).snapshot()
    create_card(path, "card", snapshot)
    memory = PersistentMemory(SqliteBackend(path, "card"))
    card = Card(CardEnvironment(memory=memory))
    ram = PersistentMemory.restore(snapshot, RamBackend())
    measured = effort.compare(
        {
            "a try lands (put_now)": _writing(memory),
            "the same in RAM": _writing(ram),
            "power on": card.power_on,
            "opening, the file open already": lambda: _open(path),
        }
    )
    memory.close()
    measured |= effort.compare({"opening": lambda: _open(path)})
    rows = [(name, micro(one.best), micro(one.median)) for name, one in measured.items()]
    table(f"{profile} in a file on a {disk}", ("what", "best", "median"), rows)


def _writing(memory: PersistentMemory) -> Work:
    partition, values = memory.partition(JUKI), itertools.cycle((b"\2", b"\3"))
    return lambda: partition.put_now(TRIES, next(values))


def _open(path: Path) -> None:
    memory = PersistentMemory(SqliteBackend(path, "card"))
    Card(CardEnvironment(memory=memory))
    memory.close()
