"""The project's own transport, the host's end, against fake cards on real sockets."""

from __future__ import annotations

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
from jukihost.transport.tcp import GREETING, MAX_PAYLOAD, TcpConnection
from tests.support.host.fakes import JUKI_ATR, Behaviour, ByteStream, listening_card
from tests.support.ports import kept_port

Log = list[tuple[int, bytes]]


def frame(kind: int, payload: bytes = b"") -> bytes:
    return bytes((kind,)) + len(payload).to_bytes(4, "big") + payload


def read(stream: ByteStream) -> tuple[int, bytes]:
    head = stream.read(5)
    return head[0], stream.read(int.from_bytes(head[1:], "big"))


def card(
    log: Log,
    *,
    fragmented: bool = False,
    answer: Callable[[int, bytes], bytes | None] = lambda kind, payload: None,
) -> Behaviour:
    """A card as the protocol says, unless `answer` says otherwise."""

    def behave(stream: ByteStream) -> None:
        stream.fragmented = fragmented
        stream.send(GREETING)
        assert stream.read(8) == b"JUKITCP1"
        while True:
            kind, payload = read(stream)
            log.append((kind, payload))
            usual = {
                1: frame(0x81, JUKI_ATR),
                2: frame(0x81, JUKI_ATR),
                3: frame(0x83, payload),
                4: frame(0x84),
            }[kind]
            special = answer(kind, payload)
            stream.send(usual if special is None else special)
            if special == b"":
                return

    return behave


def dial(address: tuple[str, int], timeout: float = 30.0) -> TcpConnection:
    return TcpConnection(*address, timeout=timeout)


@pytest.mark.parametrize("fragmented", [False, True])
def test_a_whole_conversation(fragmented: bool) -> None:
    log: Log = []
    with listening_card(card(log, fragmented=fragmented)) as address, dial(address) as connection:
        assert connection.atr == JUKI_ATR
        assert connection.transmit(b"\0\xb0\0\0") == b"\0\xb0\0\0"
        assert connection.reset() == JUKI_ATR
    assert log == [(1, b""), (3, b"\0\xb0\0\0"), (2, b""), (4, b"")]


@pytest.mark.parametrize("size", [0, 1, 4, 255, 65_535, 65_544, MAX_PAYLOAD])
def test_every_length(size: int) -> None:
    log: Log = []
    with listening_card(card(log)) as address, dial(address) as connection:
        command = bytes(index % 253 for index in range(size))
        assert connection.transmit(command) == command
    assert log[1] == (3, command)


def test_too_long_is_not_sent() -> None:
    log: Log = []
    with listening_card(card(log)) as address, dial(address) as connection:
        with pytest.raises(CommandNotCarried, match="nothing was sent"):
            connection.transmit(bytes(MAX_PAYLOAD + 1))
        connection.transmit(b"\0\0\0\0")
    assert [kind for kind, _ in log] == [1, 3, 4]


def test_failure_of_a_command_shows_none_of_it() -> None:
    log: Log = []
    pin = b"\0\x20\0\x80\x047391"

    def answer(kind: int, payload: bytes) -> bytes | None:
        return frame(0xFF, b"could not do " + payload) if kind == 3 else None

    with listening_card(card(log, answer=answer)) as address, dial(address) as connection:
        with pytest.raises(CardMute, match="look there") as caught:
            connection.transmit(pin)
        assert "7391" not in str(caught.value)
        assert connection.reset() == JUKI_ATR
    assert [kind for kind, _ in log] == [1, 3, 2, 4]


def test_failure_of_power_on_tells_why_without_control_characters() -> None:
    def answer(kind: int, payload: bytes) -> bytes | None:
        return frame(0xFF, b"no power \x1b[2J in the slot\n" + b"\xff") if kind == 1 else None

    with listening_card(card([], answer=answer)) as address:
        with pytest.raises(CardMute, match=r"no power .* in the slot") as caught:
            dial(address).open()
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("greeting", [b"JUKITCP2", b"HTTP/1.1", bytes(8)])
def test_something_else_listens(greeting: bytes) -> None:
    def behave(stream: ByteStream) -> None:
        stream.send(greeting)
        stream.read(9)

    with listening_card(behave) as address, pytest.raises(ProtocolError, match="check the port"):
        dial(address).open()


@pytest.mark.parametrize("atr", [b"", b"\x3b", bytes(34)])
def test_impossible_atr(atr: bytes) -> None:
    def answer(kind: int, payload: bytes) -> bytes | None:
        return frame(0x81, atr) if kind == 1 else None

    with listening_card(card([], answer=answer)) as address, pytest.raises(ProtocolError):
        dial(address).open()


@pytest.mark.parametrize("kind", [k for k in range(256) if k not in (0x83, 0xFF)])
def test_every_wrong_type_of_answer_ends_the_connection(kind: int) -> None:
    def answer(request: int, payload: bytes) -> bytes | None:
        return frame(kind, b"\x90\0") if request == 3 else None

    with listening_card(card([], answer=answer)) as address, dial(address) as connection:
        with pytest.raises(ProtocolError, match=f"answer {kind:02X}"):
            connection.transmit(b"\0\xb0\0\0")
        with pytest.raises(ConnectionNotOpen):
            connection.transmit(b"\0\xb0\0\0")


@pytest.mark.parametrize("length", [MAX_PAYLOAD + 1, 0xFFFFFFFF])
def test_answer_too_long_is_not_waited_for(length: int) -> None:
    def answer(kind: int, payload: bytes) -> bytes | None:
        return b"\x83" + length.to_bytes(4, "big") if kind == 3 else None

    with (
        listening_card(card([], answer=answer)) as address,
        dial(address) as connection,
        pytest.raises(ProtocolError, match=str(length)),
    ):
        connection.transmit(b"\0\xb0\0\0")


@pytest.mark.parametrize("cut", [0, 1, 4, 5, 6])
def test_card_that_goes_away_in_its_answer(cut: int) -> None:
    def behave(stream: ByteStream) -> None:
        stream.send(GREETING)
        stream.read(8)
        read(stream)
        stream.send(frame(0x81, JUKI_ATR))
        read(stream)
        stream.send(frame(0x83, b"\x90\0")[:cut])

    with (
        listening_card(behave) as address,
        dial(address) as connection,
        pytest.raises(CardRemoved, match="reconnect"),
    ):
        connection.transmit(b"\0\xb0\0\0")


def test_silence_has_a_limit_also_in_the_greeting() -> None:
    def silent(stream: ByteStream) -> None:
        stream.read(100)

    with listening_card(silent) as address, pytest.raises(AnswerTimeout):
        dial(address, timeout=0.2).open()


def test_nobody_listens() -> None:
    with kept_port() as port, pytest.raises(Unreachable, match="nobody answers"):
        dial(("127.0.0.1", port)).open()


def test_reconnect_after_the_card_went_away() -> None:
    log: Log = []
    gone = card(log, answer=lambda kind, payload: b"" if kind == 3 else None)
    with listening_card(gone, card(log)) as address, dial(address) as connection:
        with pytest.raises(CardRemoved):
            connection.transmit(b"\0\xb0\0\0")
        assert connection.reconnect() == JUKI_ATR
        assert connection.transmit(b"\0\xb0\0\0")


def test_constructor_does_nothing_and_closed_is_said() -> None:
    connection = TcpConnection("::1", 1)
    with pytest.raises(ConnectionNotOpen, match="open"):
        connection.transmit(b"\0\0")
    with pytest.raises(ConnectionNotOpen, match="open"):
        connection.reset()
    with pytest.raises(ConnectionNotOpen, match="open"):
        _ = connection.atr
    connection.close()
    assert repr(connection) == "<TcpConnection card at [::1]:1>"
