"""What the memory should do, in few words: two dictionaries and the rules of docs/tearing.md."""

from __future__ import annotations

from collections.abc import Mapping

from jukicard.memory import PersistentMemory

Place = tuple[str, str]
Values = dict[Place, bytes]

PARTITIONS = ("A", "B")
KEYS = ("x", "y", "")


class Model:
    """`landed` is what a power cut leaves; `pending` is the running transaction, `None` without."""

    def __init__(self, landed: Mapping[Place, bytes] | None = None) -> None:
        self.landed: Values = dict(landed or {})
        self.pending: dict[Place, bytes | None] | None = None

    def view(self) -> Values:
        merged = {**self.landed, **(self.pending or {})}
        return {place: value for place, value in merged.items() if value is not None}

    def changed(self) -> set[Place]:
        return {p for p, v in (self.pending or {}).items() if v != self.landed.get(p)}

    def begin(self) -> None:
        assert self.pending is None
        self.pending = {}

    def put(self, place: Place, value: bytes | None) -> None:
        assert self.pending is not None
        self.pending[place] = value

    def drop(self, partition: str) -> None:
        for place in self.view():
            if place[0] == partition:
                self.put(place, None)

    def put_now(self, place: Place, value: bytes) -> None:
        self.landed[place] = value
        if self.pending is not None:
            self.pending.pop(place, None)

    def commit(self) -> None:
        self.landed = self.view()
        self.pending = None

    def rollback(self) -> None:
        self.pending = None


def flat(contents: Mapping[str, Mapping[str, bytes]]) -> Values:
    return {
        (name, key): value for name, values in contents.items() for key, value in values.items()
    }


def nested(values: Values) -> dict[str, dict[str, bytes]]:
    contents: dict[str, dict[str, bytes]] = {}
    for (name, key), value in values.items():
        contents.setdefault(name, {})[key] = value
    return contents


def assert_reads_as(memory: PersistentMemory, expected: Values) -> None:
    """Compare by every way of reading, absent keys and partitions included."""
    assert memory.partitions() == sorted({name for name, _ in expected})
    for name in PARTITIONS:
        partition = memory.partition(name)
        here = {key: value for (other, key), value in expected.items() if other == name}
        assert {key: partition.get(key) for key in KEYS} == {key: here.get(key) for key in KEYS}
        assert partition.keys() == sorted(here)
        assert partition.items() == sorted(here.items())
