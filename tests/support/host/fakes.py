"""Cards for the host's tests: a script, a small Juki card, and both over real sockets.

Written from the specification (ISO/IEC 7816-4, the facts on the real cards), never from the
emulator: a host that was tested against its own twin only would share its mistakes.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import NoReturn, Self

from jukicard.apdu import CommandApdu, ResponseApdu
from jukihost.errors import NotOffered
from jukihost.pinpad import PadEntry

JUKI_ATR = bytes.fromhex("3BE000FF8131FE4514")
JUKI_AID = bytes.fromhex("D3921000310001010401")
CARD_INFO = bytes.fromhex("FF2022") + b"".join(
    (
        bytes.fromhex("DF2105"),
        b"13221",
        bytes.fromhex("DF2201"),
        b"2",
        bytes.fromhex("DF2308"),
        b"20090420",
        bytes.fromhex("DF2408"),
        b"20190420",
    )
)
CODE_RECORD = bytes.fromhex("010B") + b"12345678903"


class ScriptedConnection:
    """Expects exactly these commands, in this order, and gives these answers (hexadecimal)."""

    description = "script"
    atr = JUKI_ATR

    def __init__(self, *exchanges: tuple[str, str]) -> None:
        self._left = [(bytes.fromhex(c), bytes.fromhex(r)) for c, r in exchanges]

    def open(self) -> None: ...

    def close(self) -> None: ...

    def reset(self) -> bytes:
        return self.atr

    def transmit(self, command: bytes) -> bytes:
        assert self._left, f"unexpected command {command.hex()}"
        expected, answer = self._left.pop(0)
        assert command.hex() == expected.hex()
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.check_finished()

    def check_finished(self) -> None:
        assert not self._left, f"{len(self._left)} commands were not sent"


class OneUser:
    """The capabilities of a channel to a card that nobody else can reach; it counts."""

    forgotten = 0

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()

    def forget(self) -> bytes | None:
        self.forgotten += 1
        return None

    def pin_entry(self, entry: PadEntry) -> NoReturn:
        raise NotOffered("no pad")


class AnswerChannel(OneUser):
    """A channel that answers from a function and remembers every command."""

    def __init__(self, answer: Callable[[CommandApdu], ResponseApdu]) -> None:
        self._answer = answer
        self.seen: list[CommandApdu] = []

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        self.seen.append(command)
        return self._answer(command)


def answers(*statuses: str) -> AnswerChannel:
    """Return a channel that gives these answers (hexadecimal) one after the other."""
    left: Iterator[str] = iter(statuses)
    return AnswerChannel(lambda _: ResponseApdu.parse(bytes.fromhex(next(left))))


class FakeJukiCard:
    """The Juki application as far as a terminal without keys sees it; also a connection.

    `open_files`: the card info and code may be read, as if the terminal had authenticated.
    """

    description = "fake Juki card"

    def __init__(
        self,
        pin: str = "1234",
        *,
        tries: int = 3,
        open_files: bool = False,
        select_status: int = 0x9000,
        iso_change: bool = False,
    ) -> None:
        self.pin = pin.encode("ascii")
        self.tries = tries
        self.open_files = open_files
        self.select_status = select_status
        self.iso_change = iso_change
        self.atr = JUKI_ATR
        self.commands: list[bytes] = []
        self._selected = False
        self._ef: int | None = None
        self._verified = False

    def open(self) -> None:
        self.reset()

    def close(self) -> None:
        self.reset()

    def reset(self) -> bytes:
        self._selected, self._ef, self._verified = False, None, False
        return self.atr

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def transmit(self, command: bytes) -> bytes:
        self.commands.append(command)
        data, status = self._answer(CommandApdu.parse(command), command)
        return data + status.to_bytes(2, "big")

    def _answer(self, command: CommandApdu, raw: bytes) -> tuple[bytes, int]:
        match (command.ins, command.p1):
            case (0xA4, 0x04):
                return b"", self._select(command.data)
            case (0xA4, 0x02) if self._selected:
                self._ef = int.from_bytes(command.data, "big")
                return b"", 0x9000 if self._ef in (0x1C, 2, 3) else 0x6A82
            case (0x20, 0x00) if self._ef == 0x1C:
                return b"", self._verify(command.data, raw)
            case (0x24, p1) if self._ef == 0x1C:
                return b"", self._change(p1, command.data)
            case (0xB0, _) if self._ef == 3:
                return self._read(CARD_INFO + b"\xff" * 4, command)
            case (0xB2, 0x01) if self._ef == 2:
                return (CODE_RECORD, 0x9000) if self.open_files else (b"", 0x6982)
        return b"", 0x6986 if self._ef is None else 0x6981

    def _select(self, aid: bytes) -> int:
        if aid != JUKI_AID:
            return 0x6A82
        self._selected, self._ef = True, None
        return self.select_status

    def _verify(self, data: bytes, raw: bytes) -> int:
        if len(raw) == 5:
            return 0x6700
        if not data:
            return 0x63C0 | self.tries
        if not self.tries:
            return 0x6984
        self._verified = data == self.pin
        self.tries = 3 if self._verified else self.tries - 1
        return 0x9000 if self._verified else 0x63C0 | self.tries

    def _change(self, p1: int, data: bytes) -> int:
        if p1 == 0 and self.iso_change:
            status = self._verify(data[:4], bytes(9))
            if status != 0x9000:
                return status
            data = data[4:]
        elif p1 != 1:
            return 0x6A86
        if not self._verified:
            return 0x6982
        self.pin = data
        return 0x9000

    def _read(self, content: bytes, command: CommandApdu) -> tuple[bytes, int]:
        if not self.open_files:
            return b"", 0x6982
        offset = command.p1 << 8 | command.p2
        if offset >= len(content):
            return b"", 0x6B00
        return content[offset : offset + command.ne], 0x9000


class ByteStream:
    """The card's end of a socket: reads exactly, sends whole or in the worst pieces."""

    def __init__(self, sock: socket.socket, *, fragmented: bool = False) -> None:
        self.socket = sock
        self.fragmented = fragmented

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def send(self, data: bytes) -> None:
        if not self.fragmented:
            self.socket.sendall(data)
            return
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in data:
            self.socket.sendall(bytes((byte,)))
            time.sleep(0.0005)


Behaviour = Callable[[ByteStream], None]


@contextmanager
def listening_card(*behaviours: Behaviour) -> Iterator[tuple[str, int]]:
    """Listen on a free port and play one behaviour for each connection, one after the other."""
    server = socket.create_server(("127.0.0.1", 0))
    failures: list[BaseException] = []

    def serve() -> None:
        for behaviour in behaviours:
            try:
                sock, _ = server.accept()
            except OSError:
                return
            with sock:
                _play(behaviour, sock, failures)

    with _thread(serve, failures), server:
        yield server.getsockname()[:2]
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def dialling_card(address: tuple[str, int], *behaviours: Behaviour) -> Iterator[None]:
    """Connect to a reader that listens and play one behaviour for each connection."""
    failures: list[BaseException] = []

    def serve() -> None:
        for behaviour in behaviours:
            with socket.create_connection(address, 5) as sock:
                _play(behaviour, sock, failures)

    with _thread(serve, failures):
        yield


def _play(behaviour: Behaviour, sock: socket.socket, failures: list[BaseException]) -> None:
    try:
        behaviour(ByteStream(sock))
    except (EOFError, ConnectionError):
        pass
    except BaseException as error:  # noqa: BLE001 - told to the test by _thread
        failures.append(error)


@contextmanager
def _thread(run: Callable[[], None], failures: list[BaseException]) -> Iterator[None]:
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive(), "the fake card did not end"
    assert not failures, failures
