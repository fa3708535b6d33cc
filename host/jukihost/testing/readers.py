"""Connections to the card of a test, whatever it is made of: it is known by its shape only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from jukihost.connection import Connection, translated
from jukihost.transport.base import BaseConnection
from jukihost.transport.tcp import TcpConnection

IN_PROCESS: Final = "in-process"
TCP: Final = "tcp"
WAYS: Final = (IN_PROCESS, TCP)
"""The ways to a card in a test."""
SECONDS: Final = 30.0
"""How long an answer over TCP may take."""


class OfferedCard(Protocol):
    """What the fixture `juki_card` must have for `juki_reader` to reach it."""

    @property
    def reader(self) -> Connection:
        """A reader in this process with the card in it, not open yet."""

    def serve(self) -> tuple[str, int]:
        """Serve the card with this project's TCP protocol; return host and port."""


class InProcess(BaseConnection):
    """A reader in this process as a connection of this package: every failure is a TransportError.

    Takes what has the shape of a connection and raises ConnectionError, as readers do that do not
    know this package.
    """

    def __init__(self, reader: Connection) -> None:
        self._reader = reader

    @property
    def description(self) -> str:
        """What the reader says of itself."""
        return self._reader.description

    @property
    def atr(self) -> bytes:
        """The answer to reset of the card. CardRemoved, ConnectionNotOpen."""
        with _translating():
            return self._reader.atr

    def open(self) -> None:
        """Give the card power. CardRemoved when there is none, CardMute when it fails."""
        with _translating():
            self._reader.open()

    def close(self) -> None:
        """Take the card's power."""
        self._reader.close()

    def transmit(self, command: bytes) -> bytes:
        """Send one command and return the answer. TransportError."""
        with _translating():
            return self._reader.transmit(command)

    def reset(self) -> bytes:
        """Reset the card and return the ATR. TransportError."""
        with _translating():
            return self._reader.reset()


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except ConnectionError as error:
        raise translated(error) from error


def reach(card: OfferedCard, way: str = IN_PROCESS) -> BaseConnection:
    """Return a connection to the card of a test, not open yet. ValueError for an unknown way."""
    if way not in WAYS:
        raise ValueError(f"there is no way {way!r} to a card; there is {', '.join(WAYS)}")
    if way == IN_PROCESS:
        return InProcess(card.reader)
    host, port = card.serve()
    return TcpConnection(host, port, timeout=SECONDS)
