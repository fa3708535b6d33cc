"""The driver's end of the vpcd protocol, and a bench that puts it opposite a served card."""

from __future__ import annotations

import socket
from typing import Self

from jukicard.transport.vpcd import VpcdServer
from tests.support.readers.echo_card import EchoCard
from tests.support.readers.statuses import Statuses

ATR = bytes.fromhex("3BE000FF8131FE4514")
OFF, ON, RESET, GET_ATR = b"\0", b"\1", b"\2", b"\4"


class Driver:
    """The reader's end of one connection, sending length and body apart as Debian's does."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(60)
        self.sock = sock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, message: bytes) -> None:
        self.sock.sendall(len(message).to_bytes(2, "big"))
        self.sock.sendall(message)

    def receive(self) -> bytes:
        return self._take(int.from_bytes(self._take(2), "big"))

    def _take(self, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            chunk = self.sock.recv(size - len(taken))
            assert chunk, "the card closed the connection"
            taken += chunk
        return taken

    def ask(self, message: bytes) -> bytes:
        self.send(message)
        return self.receive()

    def power_on(self) -> Self:
        self.send(ON)
        assert self.ask(GET_ATR) == ATR
        return self

    def is_closed(self) -> bool:
        try:
            return self.sock.recv(1) == b""
        except ConnectionError:
            return True


class Bench:
    """A driver that listens, a card, and the server between them."""

    def __init__(
        self, cards: list[EchoCard], watchdog: float | None = None, absence: float = 0
    ) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(60)
        self.statuses = Statuses()
        self.card = cards[0]
        self.server = VpcdServer(
            cards,
            "127.0.0.1",
            self.listener.getsockname()[1],
            on_status=self.statuses,
            watchdog=watchdog,
            absence=absence,
        )

    def driver(self) -> Driver:
        return Driver(self.listener.accept()[0])
