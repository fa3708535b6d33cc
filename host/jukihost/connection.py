"""The one interface of everything that carries bytes to a card and back."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Protocol, Self, runtime_checkable


class Connection(Protocol):
    """A card within reach: bytes in, bytes out; no knowledge of ISO/IEC 7816-4.

    Making one does no I/O, `open` does. Every failure is a `TransportError`. What fits this shape
    is a connection, whether it inherits from it or not.
    """

    @property
    def description(self) -> str:
        """Where the card is, for people: a reader's name, an address."""

    @property
    def atr(self) -> bytes:
        """The answer to reset of the card, 2 to 33 bytes; only while open."""

    def open(self) -> None:
        """Reach the card and power it on."""

    def close(self) -> None:
        """Let go of the card; closing twice is allowed."""

    def transmit(self, command: bytes) -> bytes:
        """Send one command APDU (up to 65544 bytes) and return the answer (2 to 65538 bytes)."""

    def reset(self) -> bytes:
        """Reset the card without taking its power away and return the new ATR."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


@runtime_checkable
class Transactional(Protocol):
    """A connection or channel that other programs share, and that can be kept from them."""

    def transaction(self) -> AbstractContextManager[None]:
        """Keep every other program away from the card for the length of a `with` block."""


@runtime_checkable
class Forgetting(Protocol):
    """A connection or channel that can make the card forget what was proven to it."""

    def forget(self) -> bytes | None:
        """Reset the card; return the new ATR, None when there is none (yet). TransportError."""


def forget(layer: object) -> bytes | None:
    """Make the card forget what was proven to it, where `layer` can; return the ATR of a reset."""
    return layer.forget() if isinstance(layer, Forgetting) else None


def exclusive(layer: object) -> AbstractContextManager[None]:
    """Return a transaction of `layer`, or nothing to hold where the card cannot be shared.

    A connection without a `transaction` method has one user by its nature.
    """
    return layer.transaction() if isinstance(layer, Transactional) else nullcontext()
