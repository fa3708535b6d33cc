"""What whoever holds a part of the memory may do with it."""

from __future__ import annotations

from typing import Protocol


class ApplicationMemory(Protocol):
    """The memory of one application, and all of it that the application reaches.

    Keys are ASCII text, values are `bytes`, no subclass of either; both may be empty. `name` is
    what the part is called. Fits `Partition` by structure.
    """

    @property
    def name(self) -> str:
        """What this part of the memory is called."""
        ...

    def get(self, key: str, /) -> bytes | None:
        """Return a value, with the running transaction's writes made; None when there is none."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Write in the running transaction. Raises `TransactionError` when there is none."""
        ...

    def delete(self, key: str) -> None:
        """Delete in the running transaction; a key that is not there stays so.

        Raises `TransactionError` when there is no transaction.
        """
        ...

    def put_now(self, key: str, value: bytes) -> None:
        """Write so that it lands before this returns, and no rollback takes it back.

        For what must not be undone: retry counters (written before the comparison), signature
        counters, termination. Raises `MemoryFailureError` when nothing was changed.
        """
        ...

    def keys(self) -> list[str]:
        """Return the keys, the running transaction's writes made, in ascending order."""
        ...

    def items(self) -> list[tuple[str, bytes]]:
        """Return the keys with their values, in ascending order of the keys."""
        ...
