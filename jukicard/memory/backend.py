"""What survives power-off: the three operations of a backend, the two ways it can fail, and RAM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

Contents = dict[str, dict[str, bytes]]
"""Partition name, then key, then value. No partition in it is empty."""

Changes = Mapping[str, Mapping[str, bytes | None]]
"""What one write changes, by partition and key. `None` deletes, also what is not there."""

META: Final = ""
"""The partition no applet can name: what the image says about itself, such as its profile."""


class MemoryFailureError(Exception):
    """The memory refused a write or could not be read: disk full, I/O error, locked, replaced.

    Nothing has changed, neither in the backend nor in the image in RAM. The card answers 6581
    (ISO/IEC 7816-4:2020, table 6: memory failure). The text names the file and says what to do;
    it holds no key and no value.
    """


class PowerLoss(BaseException):
    """The power went in the middle of a write; only fault-injecting backends raise it.

    Not an `Exception`, so that no handler between the memory and the reader mistakes it for one:
    a card without power does not handle anything. Power it on again (`PersistentMemory.recover`).
    """


class Backend(Protocol):
    """Where one card's values are kept. `PersistentMemory` reads it when the power comes on only.

    After a `write` that raised anything but `MemoryFailureError` it is unknown whether the changes
    landed, all of them or none; `load` then tells.
    """

    def load(self) -> Contents:
        """Return everything that has landed; the caller owns the dictionaries.

        Raises `MemoryFailureError` when it cannot be read, `ImageError` when it is damaged.
        """

    def write(self, changes: Changes) -> None:
        """Make all the changes or none, and return when they will be found by the next `load`.

        Raises `MemoryFailureError` when nothing was changed.
        """

    def close(self) -> None:
        """Let go of files and locks. Closing twice does nothing."""


class RamBackend:
    """A backend whose values live as long as this object does: a chip in the drawer.

    For fault injection and for tests that power a card off and on. A card that needs neither takes
    `PersistentMemory()` without a backend, which then keeps no second copy.
    """

    __slots__ = ("_contents",)

    def __init__(self, contents: Mapping[str, Mapping[str, bytes]] | None = None) -> None:
        self._contents: Contents = {n: dict(v) for n, v in (contents or {}).items() if v}

    def load(self) -> Contents:
        """Return a copy; the values themselves are shared."""
        return {name: values.copy() for name, values in self._contents.items()}

    def write(self, changes: Changes) -> None:
        """Replace the contents in one assignment, so that an interrupt finds the old or the new."""
        contents = self._contents.copy()
        for name, updates in changes.items():
            values = apply(contents.get(name, {}), updates)
            if values:
                contents[name] = values
            else:
                contents.pop(name, None)
        self._contents = contents

    def close(self) -> None:
        """Keep everything: there is nothing to let go of."""

    def __repr__(self) -> str:
        return f"<RamBackend, {describe(self._contents)}>"


def apply(values: Mapping[str, bytes], updates: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """Return the values of one partition with the updates made."""
    merged = {**values, **updates}
    return {key: value for key, value in merged.items() if value is not None}


def describe(contents: Mapping[str, Mapping[str, bytes]]) -> str:
    """Return the size of some contents in words, for a `repr` that must not show them."""
    values = [value for partition in contents.values() for value in partition.values()]
    return f"{len(contents)} partitions, {len(values)} values, {sum(map(len, values))} bytes"


def check_name(name: str) -> None:
    """Refuse a partition's name or a key that is not ASCII text (`ValueError`, `TypeError`).

    ASCII has one spelling of each name: no normalisation, no lone surrogate that one backend takes
    and the other does not. A subclass of `str` is refused too: it could compare as it likes.
    """
    if type(name) is not str:
        raise TypeError(f"a name in the memory is text, not {type(name).__name__}")
    if not name.isascii():
        raise ValueError(f"a name in the memory is ASCII text, not {name!r}")


def check_value(value: bytes) -> None:
    """Refuse a value that is not `bytes`: it is shared between forks, so it must not change.

    A subclass is refused too: an image is written with its length and its content, as it tells.
    """
    if type(value) is not bytes:
        raise TypeError(f"a value in the memory is bytes, not {type(value).__name__}")
