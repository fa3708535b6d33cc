"""Ways from a terminal to a card, each with a hand that puts the card in and takes it out."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Protocol

from jukicard import Card
from jukicard.transport.contactless import Contactless, as_found
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.tcp import TcpServer
from jukicard.transport.vpcd import VpcdServer
from jukihost.connection import Connection
from jukihost.transport.pcsc.connection import PcscConnection
from jukihost.transport.tcp import TcpConnection
from jukihost.transport.vpcd import VpcdConnection
from tests.support.interop.ccidreader import CcidReaders
from tests.support.interop.pcscd import Pcscd
from tests.support.readers.statuses import Statuses


class Rig(Protocol):
    """A reader with a card that a test can pull."""

    @property
    def connection(self) -> Connection: ...

    def insert(self, card: Card) -> None: ...
    def remove(self) -> None: ...


class LocalRig:
    """Two readers as on any desk: a card goes into the one that is made for it."""

    def __init__(self) -> None:
        self.readers = {False: LocalReader(), True: LocalReader(contactless=Contactless())}
        self.reader = self.readers[False]

    @property
    def connection(self) -> Connection:
        return self.reader

    def insert(self, card: Card) -> None:
        self.reader = self.readers[as_found(card) is not card]
        self.reader.insert(card)

    def remove(self) -> None:
        self.reader.remove()


class TcpRig:
    def __init__(self, stack: ExitStack) -> None:
        self.server = stack.enter_context(TcpServer(None, on_status=Statuses()))
        self.connection: Connection = TcpConnection(self.server.host, self.server.port)

    def insert(self, card: Card) -> None:
        self.server.insert(as_found(card))

    def remove(self) -> None:
        self.server.remove()


class VpcdRig:
    """The card dials the terminal's own reader, as it would dial the driver."""

    def __init__(self, stack: ExitStack) -> None:
        reader = VpcdConnection(port=0, wait=10)
        stack.callback(reader.close)
        host, port = reader.listen()
        self.server = stack.enter_context(
            VpcdServer([None], host, port, on_status=Statuses(), absence=0)
        )
        self.connection: Connection = reader

    def insert(self, card: Card) -> None:
        self.server.slots[0].insert(card)

    def remove(self) -> None:
        self.server.slots[0].remove()


class VpcdListeningRig(VpcdRig):
    """The terminal's own reader dials a card that listens."""

    def __init__(self, stack: ExitStack) -> None:
        self.server = stack.enter_context(
            VpcdServer([None], "127.0.0.1", 0, listen=True, on_status=Statuses(), absence=0)
        )
        port = int(self.server.slots[0].address.rpartition(":")[2])
        self.connection = VpcdConnection(port=port, listening=False)


class PcscRig:
    def __init__(self, pcscd: Pcscd | CcidReaders) -> None:
        self.pcscd = pcscd
        self.connection: Connection = PcscConnection(pcscd.readers[0])

    def insert(self, card: Card) -> None:
        self.pcscd.insert(card)

    def remove(self) -> None:
        self.pcscd.remove()
