"""A card on a TCP port, for one client at a time: the protocol of `jukitcp`, one card, one port.

Another client is told FF `busy` and sent away. A client that leaves takes the card's power with it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from jukicard.transport import (
    CardFault,
    CardNotPresent,
    CardPort,
    SlotState,
    StatusCallback,
    log_status,
)
from jukicard.transport.address import listen
from jukicard.transport.jukitcp import (
    ERROR,
    FRAME_SECONDS,
    GREETING_SECONDS,
    HEADER,
    MAGIC,
    ProtocolViolation,
    frame,
    length_of,
    obey,
)
from jukicard.transport.serving import ServedSlot, Server, join
from jukicard.transport.slot import CardWorking

_TICK: Final = 1.0  # seconds between looks at the clock while the client is silent
_FAREWELL_SECONDS: Final = 0.5  # for a refused client to read why


class TcpServer(ServedSlot, Server):
    """Serves one card on one TCP port; `insert`, `remove` and `reset` work while it runs.

    `start` returns at once; `close` takes the card's power and ends the threads.
    """

    def __init__(
        self,
        card: CardPort | None,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        allow_remote: bool = False,
        index: int = 0,
        on_status: StatusCallback = log_status,
    ) -> None:
        """`port` 0 takes any free one, to be read from `port` after `start`."""
        super().__init__(host, port, on_status, index, card)
        self._allow_remote = allow_remote
        self._seat = threading.Condition()  # guards _client
        self._client: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()

    @property
    def connected(self) -> bool:
        """Whether a client is there."""
        return self._client is not None

    def start(self) -> None:
        """Listen and serve; OSError (port taken), AddressRefused (other machines reach it)."""
        self._listener = listen(self.host, self.port, allow_remote=self._allow_remote)
        self.port = self._listener.getsockname()[1]
        self._spawn("tcp-accept", self._accept_clients, self._listener)
        self._tell(SlotState.WAITING, "listening")

    def _close(self, seconds: float) -> None:
        self._stopping.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._hang_up()
        ended = join(self._threads, seconds, lambda most: self._tell(SlotState.WORKING, most))
        self._threads.clear()
        if self._listener is not None:
            self._listener.close()
        if ended:
            self._card.leave()

    def remove(self) -> CardPort:
        """Take the card out and return it; the client is told FF at its next request."""
        card = self._card.remove()
        self._tell(SlotState.REMOVED)
        return card

    def _accept_clients(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                self._stopping.wait(_TICK / 10)
                continue
            with contextlib.suppress(OSError):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._adopt(client):
                self._spawn("tcp-client", self._serve, client)
            else:
                _send_away(client, "busy: another client has the card")

    def _adopt(self, client: socket.socket) -> bool:
        """Give this client the seat; one that is just leaving is waited for a moment."""
        with self._seat:
            self._seat.wait_for(
                lambda: self._client is None or self._stopping.is_set(), _FAREWELL_SECONDS
            )
            if self._client is not None or self._stopping.is_set():
                return False
            self._client = client
            return True

    def _serve(self, client: socket.socket) -> None:
        """Answer one client until it leaves or breaks the protocol."""
        stream, why = _Stream(client), ""
        try:
            stream.send(MAGIC)
            if stream.take(len(MAGIC), GREETING_SECONDS) != MAGIC:
                raise EOFError("the client speaks another protocol")
            self._tell(SlotState.CONNECTED)
            while True:
                stream.send(self._answer(*stream.frame()))
        except ProtocolViolation as violation:
            why = str(violation)
            _send_away(client, why, greet=False)
        except (EOFError, OSError) as error:
            why = str(error)
        finally:
            self._card.leave()
            with self._seat:
                self._client = None
                client.close()
                self._seat.notify_all()
            if not self._stopping.is_set():
                self._tell(SlotState.LOST, why)

    def _answer(self, kind: int, payload: bytes) -> bytes:
        """Obey one request; return the frame to send back."""
        try:
            return obey(self._card, kind, payload)
        except (CardNotPresent, CardWorking) as error:
            return frame(ERROR, str(error).encode())
        except CardFault as fault:
            self._tell(SlotState.FAULT, fault.told)
            return frame(ERROR, str(fault).encode())

    def _hang_up(self) -> None:
        with self._seat, contextlib.suppress(OSError):
            self._seat.notify_all()
            if self._client is not None:
                self._client.shutdown(socket.SHUT_RDWR)

    def _spawn(self, name: str, work: Callable[[socket.socket], None], sock: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(sock,), name=name, daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()


class _Stream:
    """Takes whole pieces off a socket; EOFError at the end, TimeoutError half-way, OSError."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(_TICK)
        self._sock = sock

    def frame(self) -> tuple[int, bytes]:
        """Return type and payload of the next frame, however long the client thinks first."""
        header = self.take(HEADER, None)
        return header[0], self.take(length_of(header), FRAME_SECONDS)

    def send(self, frame: bytes) -> None:
        """Send all of it; TimeoutError when the client takes too long to read it."""
        self._sock.settimeout(FRAME_SECONDS)
        self._sock.sendall(frame)
        self._sock.settimeout(_TICK)

    def take(self, size: int, seconds: float | None) -> bytes:
        """Return exactly `size` bytes; `seconds` None waits for the first byte without limit."""
        buffer, begun = bytearray(), time.monotonic()
        while len(buffer) < size:
            try:
                chunk = self._sock.recv(size - len(buffer))
            except TimeoutError:
                chunk = None
            if chunk == b"":
                raise EOFError("the client closed the connection")
            if chunk is None and seconds is None and not buffer:
                begun = time.monotonic()
            elif time.monotonic() - begun > (seconds or FRAME_SECONDS):
                raise TimeoutError("the client stopped in the middle of a frame")
            buffer += chunk or b""
        return bytes(buffer)


def _send_away(client: socket.socket, why: str, *, greet: bool = True) -> None:
    """Tell a client why it must leave, and close without the reset that would eat the message."""
    with contextlib.suppress(OSError):
        client.settimeout(_FAREWELL_SECONDS)
        client.sendall((MAGIC if greet else b"") + frame(ERROR, why.encode()))
        client.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + _FAREWELL_SECONDS
        while time.monotonic() < deadline and client.recv(65_536):
            pass
    client.close()
