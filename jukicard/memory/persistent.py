"""The card's persistent memory: partitions of named values, one transaction, one way out of it.

What holds and what does not is specified in docs/tearing.md. How it is done: the values in RAM are
changed at once, and the running transaction remembers what was there before (an undo log). So
reading never looks at two places, committing nothing costs nothing, and rolling back is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import NoReturn, Self, final

from jukicard.memory.backend import (
    META,
    Backend,
    Contents,
    MemoryFailureError,
    check_name,
    check_value,
)
from jukicard.memory.snapshot import MemorySnapshot, meta_of

_Undo = dict[tuple[str, str], bytes | None]
CommitObserver = Callable[[Mapping[str, tuple[str, ...]]], None]


class TransactionError(Exception):
    """A mistake in the program: a write outside a transaction, a second one inside, no recovery."""


@final
class Partition:
    """One application's part of the memory: the only handle an applet gets, and all it can reach.

    Keys are ASCII text, values are `bytes`; both may be empty. `get(key)` returns the value, with
    the running transaction's writes made, or `None`; it is the dictionary's own method, because
    everything a card does begins with it.

    `size` is how many bytes the values and their names take, kept with every change once `count`
    was called; `None` before, and when a change was interrupted.
    """

    __slots__ = ("_memory", "_values", "get", "name", "size")

    name: str
    get: Callable[[str], bytes | None]
    size: int | None
    _values: dict[str, bytes]
    _memory: PersistentMemory

    def __init__(self, memory: PersistentMemory, name: str, values: dict[str, bytes]) -> None:
        keep = object.__setattr__
        keep(self, "name", name)
        keep(self, "get", values.get)
        keep(self, "_values", values)
        keep(self, "_memory", memory)
        keep(self, "size", None)

    def __setattr__(self, attribute: str, value: object) -> None:
        """Refuse: a handle with another name would write where its holder has no right to."""
        raise AttributeError(f"{attribute} of a partition's handle cannot be set")

    def put(self, key: str, value: bytes) -> None:
        """Write in the running transaction. Raises `TransactionError` when there is none."""
        if type(key) is not str or type(value) is not bytes or not key.isascii():
            check_name(key)
            check_value(value)
        self._memory._remember(self, key)
        if self.size is None:
            self._values[key] = value
        else:
            self._change(key, value)

    def delete(self, key: str) -> None:
        """Delete in the running transaction; a key that is not there stays so.

        Raises `TransactionError` when there is no transaction.
        """
        check_name(key)
        self._memory._remember(self, key)
        self._change(key, None)

    def put_now(self, key: str, value: bytes) -> None:
        """Write so that it lands before this returns, and no rollback takes it back.

        For what must not be undone: retry counters (written before the comparison), signature
        counters, termination. Works inside and outside a transaction; a pending write to the same
        key is discarded. Raises `MemoryFailureError` when nothing was changed.
        """
        if type(key) is not str or type(value) is not bytes or not key.isascii():
            check_name(key)
            check_value(value)
        self._memory._put_now(self, key, value)

    def keys(self) -> list[str]:
        """Return the keys, the running transaction's writes made, in ascending order."""
        return sorted(self._values)

    def items(self) -> list[tuple[str, bytes]]:
        """Return the keys with their values, in ascending order of the keys."""
        return sorted(self._values.items())

    def count(self) -> int:
        """Count the bytes that the values and their names take, and keep `size` from here on."""
        values = self._values
        size = sum(map(len, values)) + sum(map(len, values.values()))
        object.__setattr__(self, "size", size)
        return size

    def _change(self, key: str, value: bytes | None) -> None:
        """Set or remove a value; whoever is interrupted in between leaves `size` to be counted."""
        size, old = self.size, self._values.get(key)
        object.__setattr__(self, "size", None)
        _set(self._values, key, value)
        if size is not None:
            object.__setattr__(self, "size", size + _taken(key, value) - _taken(key, old))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a partition holds keys: it is not copied or pickled")

    def __repr__(self) -> str:
        return f"<Partition {self.name}, {len(self._values)} values>"


@final
class PersistentMemory:
    """All that a card keeps without power. One card, one memory, used by one thread at a time.

    Without a backend the values live in this object only: cut the power with `recover`, keep them
    with `snapshot`. With one, every commit and every `put_now` that changes something is one
    `Backend.write`, and values are read from RAM all the same.

    `on_commit`, when set, is told after each landing which keys of which partitions changed; never
    the values. What it raises reaches the caller, but undoes nothing.

    Raises `MemoryFailureError` when the backend cannot be read, `ImageError` when it is damaged.
    """

    __slots__ = (
        "__weakref__",
        "_backend",
        "_meta",
        "_partitions",
        "_uncertain",
        "_undo",
        "on_commit",
    )

    def __init__(self, backend: Backend | None = None) -> None:
        contents = {} if backend is None else backend.load()
        meta = meta_of(contents.pop(META, {}))
        self._start(backend, contents, meta)

    def _start(self, backend: Backend | None, contents: Contents, meta: Mapping[str, str]) -> None:
        self._backend = backend
        self._meta = meta
        self._undo: _Undo | None = None
        # True while a write is under way: whoever is interrupted then does not know what landed.
        self._uncertain = False
        self.on_commit: CommitObserver | None = None
        self._partitions = {
            name: Partition(self, name, values) for name, values in contents.items()
        }

    @property
    def is_kept(self) -> bool:
        """True when a backend keeps the values: they may be another process's work, or damaged."""
        return self._backend is not None

    @property
    def backend(self) -> Backend | None:
        """What keeps the values; None where they are in this process only."""
        return self._backend

    @property
    def meta(self) -> Mapping[str, str]:
        """What was written about the card when it was made (`MemorySnapshot.meta`)."""
        return self._meta

    def partition(self, name: str) -> Partition:
        """Return the handle of a partition, the same object each time.

        A partition exists as soon as it holds a value, so the handle of one that does not is
        empty. It stays usable after `drop_partition`; who drops an application drops its handle.
        Raises `ValueError` for a name that is empty or not ASCII.
        """
        partition = self._partitions.get(name)
        if partition is None:
            check_name(name)
            if name == META:
                raise ValueError("a partition has a name")
            partition = self._partitions[name] = Partition(self, name, {})
        return partition

    def partitions(self) -> list[str]:
        """Return the names of the partitions that hold values, in ascending order."""
        return sorted(name for name, partition in self._partitions.items() if partition._values)

    def drop_partition(self, name: str) -> None:
        """Delete all values of a partition, in the running transaction.

        Raises `TransactionError` when there is no transaction.
        """
        partition = self.partition(name)
        if self._undo is None:
            raise TransactionError(f"drop of partition {name} outside a transaction")
        for key in sorted(partition._values):
            partition.delete(key)

    def begin(self) -> None:
        """Start a transaction.

        Raises `TransactionError` when one is running, or when the power went in the middle of a
        write and `recover` has not been called since.
        """
        if self._undo is not None:
            raise TransactionError("a transaction is running already")
        if self._uncertain:
            raise TransactionError("a write was interrupted: recover() first")
        self._undo = {}

    def commit(self) -> None:
        """Make all writes of the transaction land, in one write of the backend, and end it.

        However it returns, the transaction has ended: `MemoryFailureError` says that nothing was
        changed. Raises `TransactionError` when no transaction is running.
        """
        undo = self._undo
        if undo:
            self._commit(undo)
        elif undo is None:
            raise TransactionError("no transaction to commit")
        else:
            self._undo = None

    def rollback(self) -> None:
        """Take back all writes of the running transaction and end it; without one, do nothing."""
        undo = self._undo
        if undo:
            self._restore(undo)
        self._undo = None

    def transaction(self) -> _Transaction:
        """Return a context manager: `begin`, then `commit`; `rollback` when anything is raised."""
        return _Transaction(self)

    @property
    def is_interrupted(self) -> bool:
        """Whether the power went at a write, and nobody has looked yet at what has landed."""
        return self._uncertain

    def recover(self) -> bool:
        """Power on: drop what is pending and take what the backend holds.

        Returns whether that is something else than what was here. Handles stay valid. Raises
        `MemoryFailureError` when the backend cannot be read, `ImageError` when what it holds is
        damaged; the memory then refuses to write until a later `recover` succeeds.
        """
        self.rollback()
        if self._backend is None:
            return False
        self._uncertain = True
        contents = self._backend.load()
        self._meta = meta_of(contents.pop(META, {}))
        for name in contents:
            self.partition(name)
        changed = False
        for name, partition in self._partitions.items():
            changed |= _replace(partition._values, contents.get(name, {}))
            if partition.size is not None:
                partition.count()
        self._uncertain = False
        return changed

    def snapshot(self, meta: Mapping[str, str] | None = None) -> MemorySnapshot:
        """Return what a power cut at this instant would leave; pending writes are not in it.

        `meta` replaces the memory's own. Raises `TransactionError` when an interrupted write has
        not been recovered from, for then nobody knows.
        """
        if self._uncertain:
            raise TransactionError("a write was interrupted: recover() first")
        contents = {name: partition._values.copy() for name, partition in self._partitions.items()}
        for (name, key), old in (self._undo or {}).items():
            _set(contents[name], key, old)
        snapshot = MemorySnapshot.adopt({n: v for n, v in contents.items() if v}, self._meta)
        return snapshot if meta is None else snapshot.with_meta(meta)

    @classmethod
    def restore(cls, snapshot: MemorySnapshot, backend: Backend | None = None) -> Self:
        """Return a memory with a snapshot's values and meta, independent of all others.

        A backend given is made to hold exactly these, in one write; `MemoryFailureError` when it
        cannot. Without one this copies five small dictionaries and shares the values.
        """
        memory = cls.__new__(cls)
        if backend is not None:
            changes = _difference(backend.load(), snapshot.contents())
            if changes:
                backend.write(changes)
        memory._start(backend, snapshot.copies(), snapshot.meta)
        return memory

    def keep_in(self, backend: Backend) -> None:
        """Keep everything in a backend from here on, which is made to hold exactly these values.

        For a memory that is in this process only: RuntimeError when a backend keeps it already, and
        in a transaction. `MemoryFailureError` when the backend cannot be written.
        """
        if self._backend is not None or self._undo is not None:
            raise RuntimeError("this memory is kept already, or in a transaction")
        changes = _difference(backend.load(), self.snapshot().contents())
        if changes:
            backend.write(changes)
        self._backend = backend

    def close(self) -> None:
        """Roll back what is pending and close the backend."""
        self.rollback()
        if self._backend is not None:
            self._backend.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a memory holds keys: take a snapshot, it is not copied or pickled")

    def __repr__(self) -> str:
        state = "interrupted" if self._uncertain else "idle" if self._undo is None else "pending"
        return f"<PersistentMemory, {len(self.partitions())} partitions, {state}>"

    # What follows is for Partition and the methods above.

    def _remember(self, partition: Partition, key: str) -> None:
        """Note the value that a rollback must bring back, before it is changed."""
        undo = self._undo
        if undo is None:
            raise TransactionError(f"write to partition {partition.name} outside a transaction")
        place = (partition.name, key)
        if place not in undo:
            undo[place] = partition._values.get(key)

    def _commit(self, undo: _Undo) -> None:
        changes = self._changes(undo)
        try:
            if changes:
                self._write(changes)
            self._undo = None
            self._uncertain = False
        except BaseException:
            self.rollback()
            raise
        if changes:
            self._tell(changes)

    def _put_now(self, partition: Partition, key: str, value: bytes) -> None:
        if self._backend is not None or self._uncertain:
            self._write({partition.name: {key: value}})
        if partition.size is None:
            partition._values[key] = value
        else:
            partition._change(key, value)
        if self._undo:
            self._undo.pop((partition.name, key), None)
        self._uncertain = False
        if self.on_commit is not None:
            self._tell({partition.name: {key: value}})

    def _write(self, changes: Mapping[str, Mapping[str, bytes | None]]) -> None:
        """Write to the backend; `_uncertain` is left set, for the caller to end the operation."""
        if self._uncertain:
            raise TransactionError("a write was interrupted: recover() first")
        if self._backend is None:
            return
        self._uncertain = True
        try:
            self._backend.write(changes)
        except MemoryFailureError:
            self._uncertain = False
            raise

    def _changes(self, undo: _Undo) -> dict[str, dict[str, bytes | None]]:
        """Return what the transaction has changed; writing the same value again is no change."""
        changes: dict[str, dict[str, bytes | None]] = {}
        for (name, key), old in undo.items():
            new = self._partitions[name].get(key)
            if new != old:
                changes.setdefault(name, {})[key] = new
        return changes

    def _restore(self, undo: _Undo) -> None:
        for (name, key), old in undo.items():
            self._partitions[name]._change(key, old)

    def _tell(self, changes: Mapping[str, Mapping[str, object]]) -> None:
        if self.on_commit is not None:
            self.on_commit({name: tuple(sorted(keys)) for name, keys in sorted(changes.items())})


class _Transaction:
    """What `PersistentMemory.transaction` returns; written out because it runs once a command."""

    __slots__ = ("_memory",)

    def __init__(self, memory: PersistentMemory) -> None:
        self._memory = memory

    def __enter__(self) -> None:
        self._memory.begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._memory.commit()
        else:
            self._memory.rollback()


def _set(values: dict[str, bytes], key: str, value: bytes | None) -> None:
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value


def _taken(key: str, value: bytes | None) -> int:
    return 0 if value is None else len(key) + len(value)


def _replace(values: dict[str, bytes], wanted: Mapping[str, bytes]) -> bool:
    """Make a dictionary equal to another, the same object still; say whether it was not."""
    if values == wanted:
        return False
    values.clear()
    values.update(wanted)
    return True


def _difference(old: Contents, new: Contents) -> dict[str, dict[str, bytes | None]]:
    """Return the changes that turn `old` into `new`."""
    changes: dict[str, dict[str, bytes | None]] = {}
    for name in old.keys() | new.keys():
        before, after = old.get(name, {}), new.get(name, {})
        updates = {
            k: after.get(k) for k in before.keys() | after.keys() if before.get(k) != after.get(k)
        }
        if updates:
            changes[name] = updates
    return changes
