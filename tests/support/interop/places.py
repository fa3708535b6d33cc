"""One card over every connection there is: in process, TCP, vpcd both ways round, PC/SC."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

import pytest

from jukicard.transport import CardPort
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.tcp import TcpServer
from jukicard.transport.vpcd import VpcdServer
from jukihost.connection import Connection
from jukihost.transport.pcsc.connection import PcscConnection
from jukihost.transport.tcp import TcpConnection
from jukihost.transport.vpcd import VpcdConnection
from tests.support.interop.pcscd import Pcscd


class Place(NamedTuple):
    """A connection that is not open yet, and how to pull its card out."""

    connection: Any
    pull: Callable[[], object]


Make = Callable[[CardPort, pytest.FixtureRequest, float], AbstractContextManager[Place]]
"""Puts a card somewhere: the card, the test's request (for pcscd), and a connection's `timeout`."""


@contextlib.contextmanager
def _local(card: CardPort, _: pytest.FixtureRequest, timeout: float) -> Iterator[Place]:
    reader = LocalReader(card)
    fits: Connection = reader
    yield Place(fits, reader.remove)


@contextlib.contextmanager
def _tcp(card: CardPort, _: pytest.FixtureRequest, timeout: float) -> Iterator[Place]:
    with TcpServer(card, on_status=_quiet) as server:
        yield Place(TcpConnection(server.host, server.port, timeout=timeout), server.remove)


@contextlib.contextmanager
def _vpcd_card_listens(card: CardPort, _: pytest.FixtureRequest, timeout: float) -> Iterator[Place]:
    with VpcdServer([card], "127.0.0.1", 0, listen=True, on_status=_quiet) as server:
        [slot] = server.slots
        port = int(slot.address.rpartition(":")[2])
        yield Place(
            VpcdConnection("127.0.0.1", port, listening=False, timeout=timeout), slot.remove
        )


@contextlib.contextmanager
def _vpcd_card_dials(card: CardPort, _: pytest.FixtureRequest, timeout: float) -> Iterator[Place]:
    connection = VpcdConnection("127.0.0.1", 0, timeout=timeout)
    port = connection.listen()[1]
    with VpcdServer([card], "127.0.0.1", port, on_status=_quiet) as server:
        yield Place(connection, server.slots[0].remove)


@contextlib.contextmanager
def _pcsc(card: CardPort, request: pytest.FixtureRequest, timeout: float) -> Iterator[Place]:
    pcscd: Pcscd = request.getfixturevalue("pcscd")
    yield Place(PcscConnection(pcscd.insert(card), wait=10, timeout=timeout), pcscd.remove)


def _quiet(_: object) -> None:
    """Say nothing of what a slot reports."""


PLACES: Final[dict[str, Make]] = {
    "in process": _local,
    "tcp": _tcp,
    "vpcd, the card listens": _vpcd_card_listens,
    "vpcd, the card dials": _vpcd_card_dials,
    "pcsc": _pcsc,
}
"""Every connection to a software card."""
_PCSC: Final = (pytest.mark.interop, pytest.mark.xdist_group("pcscd"))


def everywhere(*, without: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    """Run a test over every connection, as its argument `make`."""
    return pytest.mark.parametrize(
        "make",
        [
            pytest.param(make, id=name, marks=_PCSC if name == "pcsc" else ())
            for name, make in PLACES.items()
            if name not in without
        ],
    )
