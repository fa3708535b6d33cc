"""Two programs of their own over one card: one holds it, the other waits for it.

The holder knows nothing but pyscard. The waiter is this module run as a program: signals reach a
program's main thread only, so whoever is to be interrupted needs a process of its own.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final, Self

from jukihost.connection import Capabilities
from jukihost.transport.base import OnWait
from jukihost.transport.pcsc.connection import AtClose, PcscConnection, list_readers
from jukihost.transport.tcp import TcpConnection
from jukihost.transport.vpcd import VpcdConnection

ROOT: Final = Path(__file__).parents[3]
HOLDER: Final = """
import sys
from smartcard import scard
result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
assert result == 0, result
result, card, _ = scard.SCardConnect(
    context, sys.argv[1], scard.SCARD_SHARE_SHARED,
    scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1)
assert result == 0, result
for line in sys.stdin:
    word = line.strip()
    if word == "hold":
        result = scard.SCardBeginTransaction(card)
        while result in (scard.SCARD_W_RESET_CARD, scard.SCARD_W_UNPOWERED_CARD):
            scard.SCardReconnect(
                card, scard.SCARD_SHARE_SHARED,
                scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1, scard.SCARD_LEAVE_CARD)
            result = scard.SCardBeginTransaction(card)
    elif word == "let go":
        result = scard.SCardEndTransaction(card, scard.SCARD_LEAVE_CARD)
    assert result == 0, result
    print(word, flush=True)
scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
"""
SELECT_JUKI: Final = bytes.fromhex("00A4040C0AD3921000310001010401")


class _Program:
    """A process whose lines are read and written one by one."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            self.process.kill()

    def say(self, line: str) -> None:
        """Write a line."""
        _pipe(self.process.stdin).write(f"{line}\n")
        _pipe(self.process.stdin).flush()

    def hear(self) -> str:
        """Read a line."""
        line = str(_pipe(self.process.stdout).readline())
        assert line, _pipe(self.process.stderr).read()
        return line.strip()


def _pipe(pipe: IO[Any] | None) -> IO[Any]:
    assert pipe is not None
    return pipe


class Holder(_Program):
    """Another program, connected to the card; `hold` and `let_go` are done when they return."""

    def __init__(self, reader: str) -> None:
        super().__init__("-c", HOLDER, reader)

    def hold(self) -> None:
        """Begin a transaction."""
        self._do("hold")

    def let_go(self) -> None:
        """End it."""
        self._do("let go")

    def _do(self, word: str) -> None:
        self.say(word)
        assert self.hear() == word


class Waiter(_Program):
    """A program that uses `jukihost`: says when it begins what blocks, and how that ended."""

    def __init__(self, where: str, operation: str, timeout: float = 30.0) -> None:
        """`where`: a PC/SC reader, or `tcp:`, `vpcd:` or `vpcd-dial:` before a port."""
        super().__init__("-m", __name__, where, operation, str(timeout))
        assert self.hear() == "ready"

    def begin(self) -> None:
        """Let it begin; returns when it is about to."""
        self.say("go")
        assert self.hear() == "begun"

    def interrupt(self) -> float:
        """Press Ctrl-C; return when that was (of time.monotonic)."""
        self.process.send_signal(signal.SIGINT)
        return time.monotonic()

    def end(self) -> dict[str, Any]:
        """Return its report: `error`, `kinds`, `text`, `at`, `seconds`, `told`, `threads`."""
        report: dict[str, Any] = json.loads(self.hear())
        return report


def _connection(where: str, timeout: float, at_close: AtClose, on_wait: OnWait) -> Any:
    kind, _, port = where.partition(":")
    match kind:
        case "tcp":
            return TcpConnection("127.0.0.1", int(port), timeout=timeout, on_wait=on_wait)
        case "vpcd" | "vpcd-dial":
            return VpcdConnection(
                "127.0.0.1",
                int(port),
                listening=kind == "vpcd",
                timeout=timeout,
                wait=timeout,
                on_wait=on_wait,
            )
        case _:
            return PcscConnection(where, timeout=timeout, at_close=at_close, on_wait=on_wait)


def _transmit(connection: PcscConnection) -> object:
    return connection.transmit(SELECT_JUKI)


def _transaction(connection: PcscConnection) -> None:
    with connection.transaction():
        connection.transmit(SELECT_JUKI)


def _in_transaction(connection: PcscConnection) -> None:
    with connection.transaction():
        connection.transmit(bytes.fromhex("5C000000"))


def _everything(connection: Any) -> None:
    connection._wait = 20  # to connect while another program does is refused now and then
    can = Capabilities.of(connection)
    while True:
        with connection:
            connection.transmit(SELECT_JUKI)
            with can.transaction():
                for _ in range(20):
                    connection.transmit(SELECT_JUKI)
                can.forget()
            connection.reset()


OPERATIONS: Final[dict[str, tuple[bool, Callable[[Any], object]]]] = {
    "open": (False, lambda connection: connection.open()),
    "transmit": (True, _transmit),
    "transaction": (True, _transaction),
    "reset": (True, PcscConnection.reset),
    "reconnect": (True, PcscConnection.reconnect),
    "forget": (True, PcscConnection.forget),
    "close": (True, PcscConnection.close),
    "in a transaction": (True, _in_transaction),
    "everything": (False, _everything),
    "look": (False, lambda _: list_readers()),
}
"""What a waiter can do: whether it connects before it says `ready`, and the work."""


def main(where: str, operation: str, timeout: str) -> None:
    """Run one operation and report on it."""
    # a shell that put the tests into the background has it ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    connected, work = OPERATIONS[operation]
    told: list[str] = []
    power = operation in ("close", "in a transaction", "everything")
    at_close = AtClose.POWER_OFF if power else AtClose.LEAVE
    connection = _connection(where, float(timeout), at_close, told.append)
    if connected:
        connection.open()
        connection.transmit(SELECT_JUKI)
    _print("ready")
    sys.stdin.readline()
    error: BaseException | None = None
    begun = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            if connected:
                stack.push(connection)  # its end as in a `with` block, which it is in already
            _print("begun")
            begun = time.monotonic()
            work(connection)
    except BaseException as raised:  # noqa: BLE001 - reported
        error = raised
    ended = time.monotonic()
    kinds = [kind.__name__ for kind in type(error).__mro__] if error else []
    report = {
        "error": type(error).__name__ if error else None,
        "kinds": kinds,
        "text": str(error),
        "at": ended,
        "seconds": ended - begun,
        "told": told,
    }
    _print(json.dumps(report))
    sys.stdin.readline()


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
