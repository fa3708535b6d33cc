"""Very many cards behind one TCP port: a client names the card it wants, then all is as in `tcp`.

One thread serves all clients, with one selector: an idle card costs its memory and nothing else. A
card's command is answered in that thread, so one that takes long (a key pair made on the card)
makes the others wait; who cannot have that starts more processes.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from jukicard.environment import CardEnvironment
from jukicard.memory import (
    ImageError,
    ImageProblem,
    PersistentMemory,
    SqliteBackend,
)
from jukicard.runtime.card import Card
from jukicard.transport import (
    CardFault,
    CardNotPresent,
    CardPort,
    SlotState,
    StatusCallback,
    log_status,
)
from jukicard.transport.address import listen
from jukicard.transport.contactless import as_found
from jukicard.transport.jukitcp import (
    CHOOSE,
    CHOSEN,
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
from jukicard.transport.serving import Server, Told, join
from jukicard.transport.slot import CardSlot, describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from jukicard.memory.sqlite import StrPath

_TICK: Final = 1.0  # seconds between looks at who takes too long
_READ_BYTES: Final = 65_536
_BACKLOG: Final = 1024
_MOST_WAITING: Final = 4 * 65_600  # bytes of answers that a client has not read yet


class UnknownCardError(LookupError):
    """There is no card of the name a client gave."""


class CardSource(Protocol):
    """Where the cards come from; both methods are called from the server's thread only."""

    def open(self, name: str) -> CardPort:
        """Return the card of that name, without power. UnknownCardError; others: it is damaged."""
        ...

    def release(self, name: str, card: CardPort) -> None:
        """The last client has left it; the card has no power."""
        ...


class ImageCards:
    """The cards of a file (`jukicard new --count`), each opened when it is asked for.

    tell: told in words of an application that is out of use on a card that was opened.
    """

    def __init__(self, path: StrPath, tell: Callable[[str], None] = lambda said: None) -> None:
        self.path = path
        self._tell = tell
        self._open: dict[str, SqliteBackend] = {}

    def open(self, name: str) -> CardPort:
        """Open one card. UnknownCardError; ImageError when it is damaged or another has it."""
        try:
            backend = SqliteBackend(self.path, name)
        except ImageError as error:
            if error.problem is ImageProblem.NO_SUCH_CARD:
                raise UnknownCardError(name) from None
            raise
        try:
            card = Card(CardEnvironment(memory=PersistentMemory(backend)))
        except BaseException:
            backend.close()
            raise
        self._open[name] = backend
        for application in card.applications:
            if application.fault:
                self._tell(f"card {name!r}: {application.fault}")
        return as_found(card)

    def release(self, name: str, card: CardPort) -> None:
        """Let go of the card's place in the file."""
        self._open.pop(name).close()


class _Client:
    """One connection: what has come, what has to go out, and the card it named."""

    __slots__ = ("card", "deadline", "greeted", "incoming", "leaving", "name", "outgoing", "sock")

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.sock = sock
        self.incoming = bytearray()
        self.outgoing = bytearray(MAGIC)
        self.deadline: float | None = deadline
        self.greeted = False
        self.leaving = False
        self.name = ""
        self.card: CardSlot | None = None

    def next_frame(self) -> tuple[int, bytes] | None:
        """Take a whole frame off what has come, None when there is none yet. ProtocolViolation."""
        if len(self.incoming) < HEADER:
            return None
        end = HEADER + length_of(bytes(self.incoming[:HEADER]))
        if len(self.incoming) < end:
            return None
        kind, payload = self.incoming[0], bytes(self.incoming[HEADER:end])
        del self.incoming[:end]
        return kind, payload


class ManyCardsServer(Told, Server):
    """Serves the cards of a source on one TCP port, each to one client at a time.

    `start` returns at once; `close` takes every card's power and ends the thread. A client that
    leaves takes its card's power with it.
    """

    def __init__(
        self,
        source: CardSource,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        allow_remote: bool = False,
        on_status: StatusCallback = log_status,
        unnamed: Callable[[], str | None] | None = None,
    ) -> None:
        """`port` 0 takes any free one, to be read from `port` after `start`.

        unnamed: returns which card a client gets that names none, None when there is none left for
            it; without it every client has to name one.
        """
        super().__init__(host, port, on_status)
        self._source = source
        self._unnamed = unnamed
        self._allow_remote = allow_remote
        self._clients: dict[socket.socket, _Client] = {}
        self._taken: set[str] = set()
        self._thread: threading.Thread | None = None
        self._wake: socket.socket | None = None

    def __repr__(self) -> str:
        return f"<ManyCardsServer {self.address}, {len(self._clients)} clients>"

    @property
    def clients(self) -> int:
        """How many clients are there."""
        return len(self._clients)

    def start(self) -> None:
        """Listen and serve; OSError (port taken), AddressRefused (other machines reach it)."""
        listener = listen(self.host, self.port, allow_remote=self._allow_remote, backlog=_BACKLOG)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._wake, woken = socket.socketpair()
        self._thread = threading.Thread(
            target=self._run, args=(listener, woken), name="tcp-many", daemon=True
        )
        self._thread.start()
        self._tell(SlotState.WAITING, "listening")

    def _close(self, seconds: float) -> None:
        if self._wake is not None:
            self._wake.close()  # wakes the selector
            self._wake = None
        if self._thread is not None:
            join([self._thread], seconds, lambda most: self._tell(SlotState.WORKING, most))
            self._thread = None

    # -- all that follows runs in the server's own thread ------------------------------------------

    def _run(self, listener: socket.socket, woken: socket.socket) -> None:
        with selectors.DefaultSelector() as selector, listener, woken:
            self._selector = selector
            selector.register(listener, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            looked = time.monotonic()
            while True:
                for key, events in selector.select(_TICK):
                    if key.fileobj is woken:
                        break
                    if key.fileobj is listener:
                        self._accept(listener)
                    else:
                        self._attend(key.data, events)
                else:
                    now = time.monotonic()
                    if now - looked >= _TICK:
                        looked = now
                        self._send_late_ones_away(now)
                    continue
                break
            for client in list(self._clients.values()):
                self._part(client)

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError as error:  # out of file descriptors, as a rule: those there go on
            self._tell(SlotState.FAULT, f"a client could not be let in: {error.strerror}")
            time.sleep(0.01)
            return
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = _Client(sock, time.monotonic() + GREETING_SECONDS)
        self._clients[sock] = client
        self._selector.register(sock, selectors.EVENT_READ, client)
        self._send(client)

    def _attend(self, client: _Client, events: int) -> None:
        if client.sock not in self._clients:
            return
        if events & selectors.EVENT_WRITE:
            self._send(client)
        if events & selectors.EVENT_READ and client.sock in self._clients:
            try:
                chunk = client.sock.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                chunk = b""
            if not chunk:
                self._part(client)
            elif not client.leaving:
                client.incoming += chunk
                self._advance(client)

    def _advance(self, client: _Client) -> None:
        """Obey whatever is complete of what has come."""
        try:
            if not client.greeted and not self._greet(client):
                return
            while (found := client.next_frame()) is not None:
                client.deadline = None  # the next one has its own time
                client.outgoing += self._answer(client, *found)
                if len(client.outgoing) > _MOST_WAITING:
                    raise ProtocolViolation("the client does not read its answers")
        except ProtocolViolation as violation:
            client.outgoing += frame(ERROR, str(violation).encode())
            client.leaving = True
        if client.deadline is None and (client.incoming or client.outgoing):
            client.deadline = time.monotonic() + FRAME_SECONDS
        self._send(client)

    def _greet(self, client: _Client) -> bool:
        """Tell whether the client has greeted; one that speaks otherwise is cut off."""
        said = bytes(client.incoming[: len(MAGIC)])
        if not MAGIC.startswith(said):
            self._part(client)
            return False
        if len(said) < len(MAGIC):
            return False
        del client.incoming[: len(MAGIC)]
        client.greeted, client.deadline = True, None
        return True

    def _answer(self, client: _Client, kind: int, payload: bytes) -> bytes:
        if kind == CHOOSE:
            return self._choose(client, payload)
        if client.card is None:
            self._choose_for(client)
        try:
            return obey(self._card_of(client), kind, payload)
        except CardNotPresent as error:
            return frame(ERROR, str(error).encode())
        except CardFault as fault:
            self._tell(SlotState.FAULT, f"{client.name}: {fault.told}")
            return frame(ERROR, str(fault).encode())

    @staticmethod
    def _card_of(client: _Client) -> CardSlot:
        if client.card is None:
            raise ProtocolViolation("there are many cards here: choose one by its name (05) first")
        return client.card

    def _choose_for(self, client: _Client) -> None:
        """Give a client that names no card the next one, where it gets one."""
        if self._unnamed is None:
            return
        try:
            name = self._unnamed()
        except Exception as error:  # noqa: BLE001 - the others have their cards
            self._tell(SlotState.FAULT, str(error) or describe(error))
            raise ProtocolViolation("no card: the next one cannot be had, see the server") from None
        if name is None:
            raise ProtocolViolation("no card is left")
        self._choose(client, name.encode())

    def _choose(self, client: _Client, payload: bytes) -> bytes:
        if client.card is not None:
            raise ProtocolViolation("a card was chosen already: connect again for another one")
        name = payload.decode("utf-8", "replace")
        if name in self._taken:
            raise ProtocolViolation("busy: another client has this card")
        try:
            card = self._source.open(name)
        except UnknownCardError:
            raise ProtocolViolation("no card of that name") from None
        except Exception as error:  # noqa: BLE001 - one damaged card must not end the others
            self._tell(SlotState.FAULT, f"{name}: {error if str(error) else describe(error)}")
            raise ProtocolViolation("no card: it cannot be opened, see the server") from None
        client.card, client.name = CardSlot(card), name
        self._taken.add(name)
        return frame(CHOSEN)

    def _send(self, client: _Client) -> None:
        """Send what goes out now; the rest when the client has read."""
        try:
            sent = client.sock.send(client.outgoing)
        except BlockingIOError:
            sent = 0
        except OSError:
            return self._part(client)
        del client.outgoing[:sent]
        if client.outgoing:
            self._selector.modify(client.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, client)
        elif client.leaving:
            with contextlib.suppress(OSError):  # no reset, which would eat the message
                client.sock.shutdown(socket.SHUT_WR)
        elif self._selector.get_key(client.sock).events != selectors.EVENT_READ:
            self._selector.modify(client.sock, selectors.EVENT_READ, client)
        if client.greeted and not client.outgoing and not client.incoming and not client.leaving:
            client.deadline = None
        return None

    def _send_late_ones_away(self, now: float) -> None:
        for client in list(self._clients.values()):
            if client.deadline is not None and client.deadline < now:
                self._part(client)

    def _part(self, client: _Client) -> None:
        """Close a connection; its card has no power then, and is free for another."""
        if self._clients.pop(client.sock, None) is None:
            return
        self._selector.unregister(client.sock)
        client.sock.close()
        if client.card is not None:
            card = client.card.remove()
            self._taken.discard(client.name)
            with contextlib.suppress(Exception):  # its clean-up must not end the others
                self._source.release(client.name, card)
