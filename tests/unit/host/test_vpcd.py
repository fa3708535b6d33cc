"""The reader's end of vpcd against fake cards on sockets: both directions, every failure."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable

import pytest

from jukihost.errors import (
    AnswerTimeout,
    CardMute,
    CardRemoved,
    CommandNotCarried,
    ConnectionNotOpen,
    ProtocolError,
    Unreachable,
)
from jukihost.transport.stream import AddressNotLocal
from jukihost.transport.vpcd import MAX_MESSAGE, VpcdConnection
from tests.support.host.fakes import (
    JUKI_ATR,
    Behaviour,
    ByteStream,
    dialling_card,
    listening_card,
)
from tests.support.ports import kept_port
from tests.support.stalls import Within


def frame(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


def read(stream: ByteStream) -> bytes:
    return stream.read(int.from_bytes(stream.read(2), "big"))


def card(
    log: list[bytes],
    *,
    fragmented: bool = False,
    atr: bytes = JUKI_ATR,
    answer: Callable[[bytes], bytes] = lambda command: command[::-1] + b"\x90\0",
) -> Behaviour:
    """A vpcd card as the protocol says: only 04 and commands are answered."""

    def behave(stream: ByteStream) -> None:
        stream.fragmented = fragmented
        while True:
            message = read(stream)
            log.append(message)
            if message == b"\4":
                stream.send(frame(atr))
            elif len(message) > 1:
                stream.send(frame(answer(message)))
            elif message == b"\0":
                return

    return behave


def after_atr(then: Callable[[ByteStream], None]) -> Behaviour:
    """A card that powers on and gives its ATR, and then misbehaves."""

    def behave(stream: ByteStream) -> None:
        assert read(stream) == b"\1"
        assert read(stream) == b"\4"
        stream.send(frame(JUKI_ATR))
        then(stream)

    return behave


def dial(address: tuple[str, int], timeout: float = 30.0) -> VpcdConnection:
    return VpcdConnection(*address, listening=False, timeout=timeout)


@pytest.mark.parametrize("fragmented", [False, True])
def test_dial_a_card_that_listens(fragmented: bool) -> None:
    log: list[bytes] = []
    with listening_card(card(log, fragmented=fragmented)) as address, dial(address) as connection:
        assert connection.atr == JUKI_ATR
        assert connection.transmit(b"\0\xb0\0\0\4") == b"\4\0\0\xb0\0\x90\0"
        assert connection.reset() == JUKI_ATR
    assert log == [b"\1", b"\4", b"\0\xb0\0\0\4", b"\2", b"\4", b"\0"]


@pytest.mark.parametrize("fragmented", [False, True])
def test_wait_for_a_card_that_dials(fragmented: bool) -> None:
    log: list[bytes] = []
    reader = VpcdConnection("127.0.0.1", 0, timeout=60)
    address = reader.listen()
    assert reader.listen() == address
    assert f":{address[1]}" in reader.description
    with dialling_card(address, card(log, fragmented=fragmented)), reader:
        assert reader.transmit(b"\0\xb0\0\0") == b"\0\0\xb0\0\x90\0"
    assert log == [b"\1", b"\4", b"\0\xb0\0\0", b"\0"]


@pytest.mark.parametrize("size", [2, 3, 255, 256, 4096, MAX_MESSAGE - 2, MAX_MESSAGE])
def test_every_length_that_fits(size: int) -> None:
    log: list[bytes] = []
    echo = card(log, answer=lambda command: command)
    with listening_card(echo) as address, dial(address) as connection:
        command = bytes(index % 251 for index in range(size))
        assert connection.transmit(command) == command
    assert log[2] == command


@pytest.mark.parametrize("size", [0, 1, MAX_MESSAGE + 1, 70_000])
def test_what_the_protocol_cannot_carry_is_not_sent(size: int) -> None:
    log: list[bytes] = []
    with listening_card(card(log)) as address, dial(address) as connection:
        with pytest.raises(CommandNotCarried, match="nothing was sent"):
            connection.transmit(b"\2" * size)
        assert connection.transmit(b"\0\0")
    assert log == [b"\1", b"\4", b"\0\0", b"\0"]


def test_one_message_is_one_segment() -> None:
    # Length and body apart would cost 44 ms each time: the second waits for a delayed ACK.
    pieces: list[bytes] = []

    def behave(stream: ByteStream) -> None:
        pieces.append(stream.socket.recv(100))
        stream.send(frame(b"\x90\0"))

    with listening_card(after_atr(behave)) as address, dial(address) as connection:
        connection.transmit(b"\0\xa4\0\0")
    assert pieces == [frame(b"\0\xa4\0\0")]


@pytest.mark.parametrize("sent", [b"", b"\0", b"\0\5", b"\0\5abc"])
def test_card_that_goes_away_in_its_answer(sent: bytes) -> None:
    def leave(stream: ByteStream) -> None:
        read(stream)
        stream.send(sent)

    with listening_card(after_atr(leave)) as address, dial(address) as connection:
        with pytest.raises(CardRemoved, match="reconnect"):
            connection.transmit(b"\0\xb0\0\0")
        with pytest.raises(ConnectionNotOpen):
            connection.transmit(b"\0\xb0\0\0")
        with pytest.raises(ConnectionNotOpen):
            _ = connection.atr


def test_card_that_resets_the_connection() -> None:
    def slam(stream: ByteStream) -> None:
        read(stream)
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with (
        listening_card(after_atr(slam)) as address,
        dial(address) as connection,
        pytest.raises(CardRemoved),
    ):
        connection.transmit(b"\0\xb0\0\0")


@pytest.mark.parametrize("sent", [b"", b"\0", b"\0\5abc"])
def test_silence_has_a_limit(sent: bytes) -> None:
    def wait(stream: ByteStream) -> None:
        read(stream)
        stream.send(sent)
        stream.socket.settimeout(60)
        assert stream.socket.recv(1) == b""  # hung up, nothing more is asked

    with listening_card(after_atr(wait)) as address, dial(address) as connection:
        connection._timeout = 0.2
        with Within(0.2) as bound, pytest.raises(AnswerTimeout, match="in time"):
            connection.transmit(b"\0\xb0\0\0")
        assert bound.took > 0.1
        with pytest.raises(ConnectionNotOpen):
            connection.transmit(b"\0\xb0\0\0")


def test_a_trickle_does_not_extend_the_limit() -> None:
    def trickle(stream: ByteStream) -> None:
        read(stream)
        stream.send(b"\x01\0")
        for _ in range(100):
            time.sleep(0.05)
            stream.socket.sendall(b"x")

    with listening_card(after_atr(trickle)) as address, dial(address) as connection:
        connection._timeout = 0.3
        with Within(0.3), pytest.raises(AnswerTimeout):
            connection.transmit(b"\0\xb0\0\0")


@pytest.mark.parametrize("atr", [b"\x3b", bytes(34)])
def test_impossible_atr(atr: bytes) -> None:
    with (
        listening_card(card([], atr=atr)) as address,
        pytest.raises(ProtocolError, match=f"this one {len(atr)}"),
    ):
        dial(address).open()


def test_card_without_atr_is_mute() -> None:
    with listening_card(card([], atr=b"")) as address, pytest.raises(CardMute):
        dial(address).open()


def test_nobody_listens() -> None:
    with kept_port() as port, pytest.raises(Unreachable, match="nobody answers"):
        dial(("127.0.0.1", port)).open()


def test_nobody_calls() -> None:
    reader = VpcdConnection("127.0.0.1", 0, wait=0.1)
    with pytest.raises(Unreachable, match=r"within 0\.1 s"):
        reader.open()


def test_port_in_use() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(Unreachable, match="in use"),
    ):
        VpcdConnection("127.0.0.1", server.getsockname()[1], wait=0.1).open()


# loopback and not, with and without a name to look up; 192.0.2.0/24 is nobody's (RFC 5737)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "8.8.8.8"])
def test_other_machines_are_not_listened_to_unasked(host: str) -> None:
    with pytest.raises(AddressNotLocal, match="allow it explicitly"):
        VpcdConnection(host, 0).listen()
    with pytest.raises(AddressNotLocal):
        VpcdConnection(host, 0, wait=0.1).open()


def test_a_name_of_this_machine_in_its_network_is_no_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: [found])
    with pytest.raises(AddressNotLocal):
        VpcdConnection("localhost", 0).listen()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", None])
def test_loopback_is_listened_to(host: str | None) -> None:
    reader = VpcdConnection(port=0) if host is None else VpcdConnection(host, 0)
    _, port = reader.listen()
    [listener] = [it for it in vars(reader).values() if isinstance(it, socket.socket)]
    bound = ipaddress.ip_address(listener.getsockname()[0])
    assert bound.is_loopback
    assert listener.getsockname()[1] == port
    reader.close()


def test_other_machines_are_listened_to_when_asked() -> None:
    reader = VpcdConnection("0.0.0.0", 0, allow_remote=True)
    _, port = reader.listen()
    assert port
    reader.close()


def test_next_card_may_call_after_the_first_left() -> None:
    first: list[bytes] = []
    second: list[bytes] = []
    reader = VpcdConnection("127.0.0.1", 0, timeout=60, wait=60)
    address = reader.listen()

    def leave(stream: ByteStream) -> None:
        first.append(read(stream))

    with dialling_card(address, after_atr(leave), card(second)), reader:
        with pytest.raises(CardRemoved):
            reader.transmit(b"\0\xb0\0\0")
        reader.open()
        assert reader.transmit(b"\0\xb0\0\0")
    assert first == [b"\0\xb0\0\0"]
    assert second == [b"\1", b"\4", b"\0\xb0\0\0", b"\0"]


def test_reconnect_dials_again() -> None:
    log: list[bytes] = []
    with listening_card(card(log), card(log)) as address, dial(address) as connection:
        assert connection.reconnect() == JUKI_ATR
    assert log == [b"\1", b"\4", b"\0"] * 2


def test_interrupted_exchange_is_not_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    from jukihost.transport.stream import Stream

    def interrupt(self: Stream, count: int, deadline: float) -> bytes:
        raise KeyboardInterrupt

    with listening_card(card([])) as address, dial(address) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(Stream, "receive", interrupt)
            with pytest.raises(KeyboardInterrupt):
                connection.transmit(b"\0\xb0\0\0")
        with pytest.raises(ConnectionNotOpen):
            connection.transmit(b"\0\xb0\0\0")


def test_constructor_does_nothing_and_closed_is_said() -> None:
    connection = VpcdConnection("host.invalid", 1, listening=False)
    with pytest.raises(ConnectionNotOpen, match="open"):
        connection.transmit(b"\0\0")
    with pytest.raises(ConnectionNotOpen, match="open"):
        connection.reset()
    with pytest.raises(ConnectionNotOpen, match="open"):
        _ = connection.atr
    connection.close()
    connection.close()
    assert repr(connection) == "<VpcdConnection virtual card at host.invalid:1>"
