"""Every wait over a socket has a bound, tells what it waits for, and ends on Ctrl-C at once."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from jukicard.transport.tcp import TcpServer
from jukicard.transport.vpcd import VpcdServer
from jukihost.errors import AnswerTimeout, ConnectionNotOpen, Unreachable
from jukihost.models import Awaited
from jukihost.transport.base import BaseConnection
from jukihost.transport.tcp import GREETING, TcpConnection
from jukihost.transport.vpcd import VpcdConnection
from tests.support.interop.waiting import Waiter
from tests.support.ports import kept_port
from tests.support.readers.echo_card import EchoCard
from tests.support.soak import times
from tests.support.stalls import Stalls, Within

ATR = bytes.fromhex("3BE000FF8131FE4514")
COMMAND = b"\0\x84\0\0\x08"
BOUND = 1.0
TELL_AFTER = 0.05


def frame(kind: int, payload: bytes = b"") -> bytes:
    return bytes((kind,)) + len(payload).to_bytes(4, "big") + payload


def message(payload: bytes) -> bytes:
    return len(payload).to_bytes(2, "big") + payload


# What a card says in the end, before it falls silent: the greeting, the ATR, half an answer.
TCP = [b"", GREETING[:4], GREETING, GREETING + frame(0x81, ATR)[:7]]
TCP_LATER = [b"", frame(0x83, b"\x90\0")[:3], frame(0x83, b"\x90\0")[:-1]]
VPCD = [b"", message(ATR)[:1], message(ATR)[:5]]
VPCD_LATER = [b"", message(b"\x90\0")[:1], message(b"\x90\0")[:-1]]


@contextlib.contextmanager
def saying(*pieces: bytes) -> Iterator[int]:
    """Listen, say this to whoever comes (each piece after something was heard), then nothing."""
    over = threading.Event()

    def serve(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock, _ = server.accept()
            with sock:
                sock.settimeout(20)
                for number, piece in enumerate(pieces):
                    if number:
                        sock.recv(65_536)
                    sock.sendall(piece)
                over.wait(60)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(60)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Awaited]:
    """What a person was told, after less than the usual time."""
    monkeypatch.setattr("jukihost.transport.stream.TELL_AFTER", TELL_AFTER)
    return []


def tcp(port: int, told: list[Awaited], timeout: float = BOUND) -> TcpConnection:
    return TcpConnection("127.0.0.1", port, timeout=timeout, on_wait=told.append)


def vpcd(port: int, told: list[Awaited], timeout: float = BOUND) -> VpcdConnection:
    return VpcdConnection("127.0.0.1", port, listening=False, timeout=timeout, on_wait=told.append)


Connect = Callable[..., BaseConnection]


@pytest.mark.parametrize(
    ("connect", "said"),
    [*((tcp, said) for said in TCP), *((vpcd, said) for said in VPCD)],
)
def test_open_has_a_bound_and_is_told_once(
    connect: Connect, said: bytes, told: list[Awaited]
) -> None:
    with saying(said) as port:
        connection = connect(port, told)
        with pytest.raises(AnswerTimeout), Within(BOUND):
            connection.open()
        assert [(str(what), what.seconds) for what in told] == [("the card to answer", BOUND)]
        with pytest.raises(ConnectionNotOpen):
            connection.transmit(COMMAND)


@pytest.mark.parametrize(
    ("connect", "before", "said"),
    [
        *((tcp, (GREETING, frame(0x81, ATR)), said) for said in TCP_LATER),
        *((vpcd, (message(ATR),), said) for said in VPCD_LATER),
    ],
)
def test_a_command_has_a_bound_and_is_told_once(
    connect: Connect, before: tuple[bytes, ...], said: bytes, told: list[Awaited]
) -> None:
    with saying(*before, said) as port:
        connection = connect(port, told)
        connection.open()
        with pytest.raises(AnswerTimeout, match="check what it did"), Within(BOUND):
            connection.transmit(COMMAND)
        assert [(str(what), what.seconds) for what in told] == [("the card to answer", BOUND)]
        with pytest.raises(ConnectionNotOpen):
            connection.transmit(COMMAND)


def test_a_card_that_does_not_take_a_command_has_a_bound(told: list[Awaited]) -> None:
    with saying(GREETING, frame(0x81, ATR)) as port:
        connection = tcp(port, told)
        connection.open()
        assert connection._stream is not None
        with pytest.raises(AnswerTimeout, match="take the command"), Within(BOUND):
            connection._stream.send(bytes(50_000_000), BOUND)
        assert len(told) == 1


def test_closing_has_a_bound(told: list[Awaited]) -> None:
    with saying(GREETING, frame(0x81, ATR)) as port:
        connection = tcp(port, told)
        connection.open()
        with Within(BOUND):
            connection.close()


@pytest.mark.parametrize("connect", [tcp, vpcd])
def test_who_was_interrupted_waits_for_no_power_to_go_off(
    connect: Connect, told: list[Awaited]
) -> None:
    said = (GREETING, frame(0x81, ATR)) if connect is tcp else (message(ATR),)
    with (
        saying(*said) as port,
        pytest.raises(KeyboardInterrupt),
        Within(0),
        connect(port, told, timeout=60),
    ):
        raise KeyboardInterrupt
    assert told == []


@pytest.mark.parametrize("connect", [tcp, vpcd])
def test_an_address_that_takes_no_connection_has_a_bound(
    connect: Connect, told: list[Awaited]
) -> None:
    """A listener whose queue is full lets a caller wait, as a firewall does."""
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            other = stack.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        connection = connect(full.getsockname()[1], told)
        with pytest.raises(Unreachable, match="nobody answers"), Within(BOUND):
            connection.open()
    assert [str(what) for what in told] == [f"127.0.0.1:{full_port(connection)} to be reached"]


def full_port(connection: BaseConnection) -> int:
    assert isinstance(connection, TcpConnection | VpcdConnection)
    return connection._address[1]


@pytest.mark.parametrize("kind", [TcpConnection, VpcdConnection])
def test_a_name_that_nobody_resolves_has_a_bound(
    kind: type[TcpConnection | VpcdConnection],
    told: list[Awaited],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jukihost.waiting.TELL_AFTER", TELL_AFTER)
    stuck, look_up = threading.Event(), socket.getaddrinfo

    def hangs(host: str, port: int, type: int, flags: int = 0) -> object:
        if not flags:
            stuck.wait(60)
        return look_up(host, 0, flags=flags)

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    connection = kind("card.invalid", 4000, timeout=BOUND, on_wait=told.append)
    with pytest.raises(Unreachable, match=r"no host 'card.invalid'"), Within(BOUND):
        connection.open()
    assert [str(what) for what in told] == ["the address of card.invalid"]
    stuck.set()


def test_a_name_that_does_not_exist_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="no host"):
        TcpConnection("no-such-host.invalid", 4000, timeout=10).open()


def test_waiting_for_a_virtual_card_is_told_at_once_and_has_a_bound(told: list[Awaited]) -> None:
    connection = VpcdConnection("127.0.0.1", 0, wait=BOUND, on_wait=told.append)
    _, port = connection.listen()
    with pytest.raises(Unreachable, match="no card called"), Within(BOUND):
        connection.open()
    assert told == [f"a card to call 127.0.0.1:{port}"]
    assert told[0].seconds == BOUND


# --- Ctrl-C ---

SILENT: dict[str, tuple[bytes, ...]] = {
    "tcp": (GREETING, frame(0x81, ATR)),
    "vpcd-dial": (message(ATR),),
}


@pytest.mark.parametrize("where", SILENT)
@pytest.mark.parametrize("operation", ["open", "transmit"])
def test_ctrl_c_ends_a_wait_for_the_card_at_once(where: str, operation: str) -> None:
    said = SILENT[where] if operation == "transmit" else ()
    answers = {"tcp": frame(0x83, b"\x90\0"), "vpcd-dial": message(b"\x90\0")}
    said = (*said, answers[where]) if said else said  # the waiter's first command is answered
    with saying(*said) as port, Waiter(f"{where}:{port}", operation) as waiter:
        waiter.begin()
        time.sleep(0.3)
        with Stalls() as stalls:
            pressed = waiter.interrupt()
            report = waiter.end()
        assert report["error"] == "KeyboardInterrupt"
        assert report["at"] - pressed <= stalls.allowed(0)


def test_ctrl_c_ends_a_wait_for_a_virtual_card_at_once() -> None:
    with kept_port() as port, Waiter(f"vpcd:{port}", "open") as waiter:
        waiter.begin()
        time.sleep(0.3)
        with Stalls() as stalls:
            pressed = waiter.interrupt()
            report = waiter.end()
        assert report["error"] == "KeyboardInterrupt"
        assert report["at"] - pressed <= stalls.allowed(0)


@pytest.mark.parametrize("where", ["tcp", "vpcd-dial"])
def test_ctrl_c_at_random_instants(where: str) -> None:
    """The whole of what a program does, again and again."""
    draw = random.Random(8)
    for _ in range(times(4, soak=100)):
        with contextlib.ExitStack() as stack:
            if where == "tcp":
                server = stack.enter_context(TcpServer(EchoCard(), on_status=lambda _: None))
                port = server.port
            else:
                slots = stack.enter_context(
                    VpcdServer([EchoCard()], "127.0.0.1", 0, listen=True, on_status=lambda _: None)
                ).slots
                port = int(slots[0].address.rpartition(":")[2])
            waiter = stack.enter_context(Waiter(f"{where}:{port}", "everything"))
            waiter.begin()
            time.sleep(draw.uniform(0.0, 0.5))
            with Stalls() as stalls:
                pressed = waiter.interrupt()
                report = waiter.end()
        assert report["error"] == "KeyboardInterrupt", report
        assert report["at"] - pressed <= stalls.allowed(0), report
