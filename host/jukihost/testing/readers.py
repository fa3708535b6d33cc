"""Connections to the card of a test, whatever it is made of: it is known by its shape only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

from jukihost.connection import Connection, translated
from jukihost.testing.pcscd import Pcscd
from jukihost.transport.base import BaseConnection
from jukihost.transport.pcsc.connection import PcscConnection
from jukihost.transport.tcp import TcpConnection
from jukihost.transport.vpcd import VpcdConnection

IN_PROCESS: Final = "in-process"
TCP: Final = "tcp"
VPCD: Final = "vpcd"
WAYS: Final = (IN_PROCESS, TCP, VPCD)
"""The ways to a card in a test that need nothing beside it."""
SECONDS: Final = 30.0
"""How long an answer may take, unless it is of a card in the same process."""
_INSERTED: Final = 10.0
"""How long a card that dials may take to be in the reader, in seconds."""


class OfferedCard(Protocol):
    """What the fixture `juki_card` must have for `juki_reader` to reach it."""

    @property
    def reader(self) -> Connection:
        """A reader in this process with the card in it, not open yet."""

    def serve(self) -> tuple[str, int]:
        """Serve the card with this project's TCP protocol; return host and port."""

    def serve_vpcd(self) -> tuple[str, int]:
        """Wait for a virtual reader that dials; return host and port."""

    def dial_vpcd(self, host: str, port: int) -> AbstractContextManager[None]:
        """Be in the virtual reader that listens there, for the length of a `with` block."""


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
    if way == VPCD:
        return VpcdConnection(*card.serve_vpcd(), listening=False, timeout=SECONDS)
    return TcpConnection(*card.serve(), timeout=SECONDS)


@contextmanager
def in_pcscd(card: OfferedCard, pcscd: Pcscd) -> Iterator[BaseConnection]:
    """Put the card of a test into the reader of a pcscd, give an open connection, take it out."""
    try:
        with (
            card.dial_vpcd(*pcscd.address),
            PcscConnection(pcscd.reader, wait=_INSERTED, timeout=SECONDS) as connection,
        ):
            yield connection
    finally:
        pcscd.wait_until_empty()


def real(reader: str) -> BaseConnection:
    """Return a connection to the card in a real reader, by its name or its number."""
    return PcscConnection(int(reader) if reader.isdecimal() else reader)
