"""What every connection of this package does alike: open once, close always, refuse when closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeAlias

from jukihost.errors import CommandNotCarried, ConnectionNotOpen
from jukihost.models import Awaited
from jukihost.transport.contactless import read_uid

OnWait: TypeAlias = Callable[[Awaited], None]
"""Told what is waited for, when something is; perhaps in another thread."""


class BaseConnection(ABC):
    """A connection with its context manager; a subclass says how to reach its card."""

    _on_wait: OnWait | None = None

    @property
    @abstractmethod
    def description(self) -> str:
        """Where the card is, for people."""

    @property
    @abstractmethod
    def atr(self) -> bytes:
        """The answer to reset, 2 to 33 bytes. ConnectionNotOpen."""

    @abstractmethod
    def open(self) -> None:
        """Reach the card and power it on. TransportError."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the card; closing twice is allowed, and closing never fails."""

    @abstractmethod
    def transmit(self, command: bytes) -> bytes:
        """Send one command APDU and return the answer. TransportError."""

    @abstractmethod
    def reset(self) -> bytes:
        """Reset the card without taking its power away and return the new ATR. TransportError."""

    def uid(self) -> bytes:
        """Return the number by which a contactless reader found the card: no identity.

        See `jukihost.transport.contactless.read_uid`, which any other connection may be given to.
        NotOffered where no contactless reader answers; ProtocolError, TransportError.
        """
        return read_uid(self)

    def reconnect(self) -> bytes:
        """Start afresh after a failure: close, open, return the ATR. TransportError."""
        self.close()
        self.open()
        return self.atr

    def _tell(self, what: str, seconds: float) -> None:
        """Tell that this is waited for, `seconds` at most."""
        if self._on_wait is not None:
            self._on_wait(Awaited(what, seconds))

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, Exception):
            self.close()
        else:
            self._close_at_once()

    def _close_at_once(self) -> None:
        """Let go of the card without waiting for anything: the program was interrupted."""
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.description}>"


def not_open() -> ConnectionNotOpen:
    """Return the error for a connection that is not open."""
    return ConnectionNotOpen("the connection is not open; use it inside `with`, or call open()")


def check_length(command: bytes, longest: int) -> None:
    """CommandNotCarried unless the command has 2 to `longest` bytes."""
    if not 2 <= len(command) <= longest:
        raise CommandNotCarried(
            f"this connection carries commands of 2 to {longest} bytes, not "
            f"{len(command)}; nothing was sent"
        )
