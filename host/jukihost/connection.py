"""The one interface of everything that carries bytes to a card and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Final, Protocol, Self, runtime_checkable

from jukihost.errors import (
    CardBusy,
    CardError,
    CardMute,
    CardRemoved,
    CardRemovedOrNotOpen,
    CardReset,
    NotOffered,
    TransportError,
)
from jukihost.pinpad import PadEntry


class Connection(Protocol):
    """A card within reach: bytes in, bytes out; no knowledge of ISO/IEC 7816-4.

    Making one does no I/O, `open` does. Every failure is a `TransportError`. What fits this shape
    is a connection, whether it inherits from it or not; one that does not know this package's
    errors (a reader in the same process) raises ConnectionError, see `translated`.
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
    """A connection to a card that other programs share, and that can be kept from them."""

    def transaction(self) -> AbstractContextManager[None]:
        """Keep every other program away from the card for the length of a `with` block."""


@runtime_checkable
class Forgetting(Protocol):
    """A connection that has a way of its own to make the card forget what was proven to it."""

    def forget(self) -> bytes | None:
        """Reset the card; return the new ATR, None when there is none (yet). TransportError."""


@runtime_checkable
class PinEntering(Protocol):
    """A connection to a reader on which the holder may type a PIN."""

    def pin_entry(self, entry: PadEntry) -> Callable[[bytes], bytes]:
        """Return what has an entry typed and sent: header of the command in, answer out.

        NotOffered when the reader has no pad, or none that can take it; nothing was sent then.
        The answer is the driver's, whatever its length.
        """


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a connection can do beside carrying bytes: looked up once, by the channel put on it.

    transaction: keeps other programs away from the card for the length of a `with` block; on a
        connection with one user by its nature there is nothing to hold.
    forget: makes the card forget what was proven to it, by a reset unless the connection has a way
        of its own; returns the ATR of the reset, None when there is none. TransportError when it
        fails: the connection is closed then, which takes the power.
    pin_entry: has a PIN typed on the reader, see `PinEntering`; NotOffered where it has no pad.
    """

    transaction: Callable[[], AbstractContextManager[None]]
    forget: Callable[[], bytes | None]
    pin_entry: Callable[[PadEntry], Callable[[bytes], bytes]]

    @classmethod
    def of(cls, connection: Connection) -> Capabilities:
        """Look at a connection; sends nothing."""
        return cls(
            connection.transaction if isinstance(connection, Transactional) else nullcontext,
            connection.forget
            if isinstance(connection, Forgetting)
            else partial(_forget_by_reset, connection),
            connection.pin_entry
            if isinstance(connection, PinEntering)
            else partial(_no_pad, connection),
        )


RESET_TEXT: Final = "another program has reset the card; reconnect(), then select and verify anew"
"""What to do after a CardReset, on every connection that is not PC/SC."""
_FAULTS: Final[Mapping[object, tuple[type[TransportError], str]]] = {
    "removed": (CardRemoved, "the card is gone: put it back, then open the connection again"),
    "mute": (CardMute, "the card failed in the middle of it; reset it, or open it again"),
    "busy": (CardBusy, "another program has this card; close it, then try again"),
    "reset": (CardReset, RESET_TEXT),
    "closed": (
        CardRemovedOrNotOpen,
        "the connection is not open, or its card was changed; use it inside `with`, or call open()",
    ),
}


def translated(error: ConnectionError) -> TransportError:
    """Return what the failure of a connection that is not of this package is called here.

    Its attribute `fault` says so in a word: `removed` (also where there is none), `mute`,
    `busy`, `reset`, `closed`.
    """
    kind, text = _FAULTS.get(getattr(error, "fault", None), _FAULTS["removed"])
    return kind(text)


def _no_pad(connection: Connection, entry: PadEntry) -> Callable[[bytes], bytes]:
    raise NotOffered(
        f"{connection.description} is no reader with a PIN pad; have the PIN typed at the "
        "terminal; nothing was sent to the card"
    )


def _forget_by_reset(connection: Connection) -> bytes:
    try:
        return connection.reset()
    except ConnectionError as error:
        connection.close()
        raise translated(error) from error
    except CardError:
        connection.close()
        raise
