"""In what two states of a card differ: where and how much, and of values only what is no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.memory import MemorySnapshot

MOST: Final = 1000
"""How many differences are shown."""
_NOWHERE: Final[Mapping[str, bytes]] = {}
_HIDDEN: Final = frozenset({"random"})
"""The partition of a snapshot that says where a seeded generator stood."""


def differences(before: MemorySnapshot, after: MemorySnapshot) -> list[dict[str, str]]:
    """Return a row for each value that is not the same: its place, and both as far as shown.

    Of tries and life-cycle states the values, of all else the length.
    """
    rows: list[dict[str, str]] = []
    old, new = before.partitions, after.partitions
    for place in sorted({*old, *new} - _HIDDEN):
        was, now = old.get(place, _NOWHERE), new.get(place, _NOWHERE)
        for key in sorted({*was, *now}):
            if was.get(key) == now.get(key):
                continue
            shown, other = _shown(key, was.get(key)), _shown(key, now.get(key))
            if shown == other:
                other = f"{other}, other ones"
            rows.append({"place": place, "what": key, "before": shown, "after": other})
    return rows[:MOST]


def _shown(key: str, value: bytes | None) -> str:
    if value is None:
        return "nothing"
    kind = key.partition("/")[0]
    if len(value) == 1 and kind == "tries":
        return f"{value[0]} left"
    if len(value) == 1 and kind == "state":
        try:
            return LifeCycleState(value[0]).name.lower()
        except ValueError:
            return "no state"
    return f"{len(value)} {'byte' if len(value) == 1 else 'bytes'}"
