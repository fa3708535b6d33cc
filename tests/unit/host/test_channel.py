"""The decorators of a channel, each by itself, whole where finite: 61XX, 6CXX, all channels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from hypothesis import given, strategies as st

from jukicard.apdu import ClassByte, CommandApdu, Ins, ResponseApdu, StatusWord
from jukicard.apdu.trace import Trace
from jukihost.channel import (
    MAX_ROUNDS,
    ApduChannel,
    ChannelDecorator,
    CommandChaining,
    LogicalChannelChannel,
    PlainChannel,
    ResponseChaining,
    RightLength,
    Tracing,
    build_channel,
    open_logical_channel,
)
from jukihost.errors import (
    CardRemoved,
    ChannelNotSupported,
    CommandNotCarried,
    NotOffered,
    ProtocolError,
    StatusError,
)
from jukihost.securemessaging import Iso7816Session, SecureChannel
from tests.support.host.fakes import AnswerChannel, OneUser, ScriptedConnection, answers

READ = CommandApdu(0x00, Ins.READ_BINARY, 0, 0, ne=256)


# --- PlainChannel ---


def test_plain_channel_encodes_and_parses() -> None:
    with ScriptedConnection(("00B0000000", "AABB9000")) as connection:
        response = PlainChannel(connection).transmit(READ)
    assert response == ResponseApdu(b"\xaa\xbb")


@pytest.mark.parametrize("answer", ["", "90"])
def test_answer_without_status_is_a_protocol_error(answer: str) -> None:
    with pytest.raises(ProtocolError, match=f"{len(answer) // 2} bytes"):
        PlainChannel(ScriptedConnection(("00B0000000", answer))).transmit(READ)


class Failing(ScriptedConnection):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def transmit(self, command: bytes) -> bytes:
        raise self.error


def test_foreign_connection_that_lost_its_card() -> None:
    with pytest.raises(CardRemoved):
        PlainChannel(Failing(ConnectionError("no card in the reader"))).transmit(READ)


def test_other_errors_pass_unchanged() -> None:
    error = CommandNotCarried("too long")
    with pytest.raises(CommandNotCarried) as caught:
        PlainChannel(Failing(error)).transmit(READ)
    assert caught.value is error


# --- RightLength ---


@pytest.mark.parametrize("xx", range(256))
@pytest.mark.parametrize("extended", [False, True])
def test_right_length_for_all_xx(xx: int, extended: bool) -> None:
    inner = answers(f"6C{xx:02X}", "01029000")
    command = CommandApdu(0x00, Ins.READ_BINARY, 1, 2, ne=17, extended=extended)
    response = RightLength(inner).transmit(command)
    assert response == ResponseApdu(b"\1\2")
    assert inner.seen == [command, command.replace(ne=xx or 256)]
    assert inner.seen[1].ne == (256 if xx == 0 else xx)


def test_right_length_asks_once_more_only() -> None:
    inner = answers("6C10", "6C11")
    assert RightLength(inner).transmit(READ).status == 0x6C11
    assert len(inner.seen) == 2


@pytest.mark.parametrize("sw1", sorted(set(range(256)) - {0x6C}))
def test_right_length_leaves_all_else_alone(sw1: int) -> None:
    inner = answers(f"{sw1:02X}20")
    assert RightLength(inner).transmit(READ).status == sw1 << 8 | 0x20
    assert inner.seen == [READ]


# --- ResponseChaining ---


@pytest.mark.parametrize("xx", range(256))
def test_response_chaining_for_all_xx(xx: int) -> None:
    inner = answers(f"0161{xx:02X}", "02039000")
    assert ResponseChaining(inner).transmit(READ) == ResponseApdu(b"\1\2\3")
    assert inner.seen[1] == CommandApdu(0x00, Ins.GET_RESPONSE, 0, 0, ne=xx or 256)
    assert inner.seen[1].encode() == bytes((0x00, 0xC0, 0x00, 0x00, xx))


@pytest.mark.parametrize("cla", [v for v in range(0xFF) if v & 0x60 != 0x20])
def test_get_response_keeps_the_channel_and_nothing_else(cla: int) -> None:
    inner = answers("6101", "AA9000")
    ResponseChaining(inner).transmit(CommandApdu(cla, Ins.READ_BINARY, 0, 0, ne=1))
    sent = inner.seen[1].cla
    assert sent.channel == ClassByte(cla).channel
    assert sent.interindustry
    assert not sent.chained
    assert not sent.secure


def test_response_chaining_keeps_data_with_the_last_status() -> None:
    # A protected answer carries its data objects with an error status.
    inner = answers("6102", "01026101", "036A82")
    response = ResponseChaining(inner).transmit(READ)
    assert response == ResponseApdu(b"\1\2\3", StatusWord.FILE_NOT_FOUND)


PROTECTED = CommandApdu(0x0C, Ins.READ_BINARY, 0, 0, bytes(14), 256)
WHOLE = "8703010203 99026110 8E081122334455667788".replace(" ", "")


def test_whole_protected_answer_is_left_to_secure_messaging() -> None:
    """Its status 61XX is under its MAC: the rest is asked for in the session, not in plain."""
    inner = answers(WHOLE + "6110")
    assert ResponseChaining(inner).transmit(PROTECTED).data == bytes.fromhex(WHOLE)
    assert len(inner.seen) == 1


@pytest.mark.parametrize("cut", [0, 1, 5, 10, 14, 18])
def test_protected_answer_in_parts_is_put_together(cut: int) -> None:
    """Over T=0 it comes in pieces, whatever its own status; nothing more is fetched after it."""
    inner = answers(WHOLE[: 2 * cut] + "6112", WHOLE[2 * cut :] + "6110")
    found = ResponseChaining(inner).transmit(PROTECTED)
    assert found == ResponseApdu(bytes.fromhex(WHOLE), StatusWord(0x6110))
    assert [command.ins for command in inner.seen] == [Ins.READ_BINARY, Ins.GET_RESPONSE]


@pytest.mark.parametrize(
    ("cla", "answer"),
    [(0x00, WHOLE), (0x0C, WHOLE.replace("9902", "9903")), (0x0C, WHOLE.replace("6110", "6111")),
     (0x0C, WHOLE.replace("8E08", "8E07")), (0x0C, WHOLE + "00"), (0x0C, "")],
)  # fmt: skip
def test_what_only_looks_whole_is_fetched(cla: int, answer: str) -> None:
    inner = answers(answer + "6110", "9000")
    ResponseChaining(inner).transmit(PROTECTED.replace(cla=ClassByte(cla)))
    assert [command.ins for command in inner.seen] == [Ins.READ_BINARY, Ins.GET_RESPONSE]


def test_card_without_progress_is_stopped() -> None:
    inner = answers("6110", "6110")
    with pytest.raises(ProtocolError, match="sends none"):
        ResponseChaining(inner).transmit(READ)


def test_card_without_end_is_stopped() -> None:
    inner = AnswerChannel(lambda _: ResponseApdu(b"x", StatusWord.more_data(1)))
    with pytest.raises(ProtocolError, match=str(MAX_ROUNDS)):
        ResponseChaining(inner).transmit(READ)
    assert len(inner.seen) == MAX_ROUNDS + 1


def test_card_with_too_much_is_stopped() -> None:
    inner = AnswerChannel(lambda _: ResponseApdu(bytes(256), StatusWord.more_data(256)))
    with pytest.raises(ProtocolError, match="65536"):
        ResponseChaining(inner).transmit(READ)
    assert len(inner.seen) == 257


def test_65536_bytes_are_not_too_much() -> None:
    left = [256] * 255

    def answer(_: CommandApdu) -> ResponseApdu:
        last = not left
        return ResponseApdu(
            bytes(left.pop() if left else 256), StatusWord.OK if last else StatusWord.more_data(256)
        )

    assert len(ResponseChaining(AnswerChannel(answer)).transmit(READ).data) == 65_536


def test_wrong_length_within_response_chaining() -> None:
    script = (("00B0000000", "6120"), ("00C0000020", "6C03"), ("00C0000003", "0102039000"))
    with ScriptedConnection(*script) as connection:
        assert build_channel(connection).transmit(READ).data == b"\1\2\3"


def test_more_data_after_the_right_length() -> None:
    script = (("00B0000010", "6C02"), ("00B0000002", "6102"), ("00C0000002", "01029000"))
    with ScriptedConnection(*script) as connection:
        response = build_channel(connection).transmit(READ.replace(ne=16))
    assert response == ResponseApdu(b"\1\2")


# --- CommandChaining ---


class ChainingCard(OneUser):
    """Collects a chain as ISO/IEC 7816-4, 5.3.3 says, and answers its whole command."""

    def __init__(self) -> None:
        self.whole = bytearray()
        self.done: list[CommandApdu] = []
        self.sizes: list[int] = []

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        self.whole += command.data
        self.sizes.append(len(command.data))
        if command.cla.chained:
            assert command.ne == 0
            return ResponseApdu()
        self.done.append(command.replace(data=bytes(self.whole)))
        self.whole.clear()
        return ResponseApdu(b"done")


@given(
    data=st.binary(max_size=2000),
    limit=st.integers(1, 700),
    ne=st.integers(0, 65_536),
    cla=st.sampled_from([0x00, 0x0C, 0x80, 0x84, 0x43, 0x64]),
)
def test_chained_command_arrives_whole(data: bytes, limit: int, ne: int, cla: int) -> None:
    card = ChainingCard()
    command = CommandApdu(cla, Ins.UPDATE_BINARY, 1, 2, data, ne)
    assert CommandChaining(card, limit).transmit(command) == ResponseApdu(b"done")
    assert [c.header for c in card.done] == [command.header]
    assert (card.done[0].data, card.done[0].ne) == (data, ne)
    assert all(size <= limit for size in card.sizes)
    assert len(card.sizes) == max(1, -(-len(data) // limit))


@pytest.mark.parametrize(
    ("size", "links"), [(0, 1), (1, 1), (254, 1), (255, 1), (256, 2), (510, 2), (511, 3)]
)
def test_limits_of_a_chain(size: int, links: int) -> None:
    card = ChainingCard()
    CommandChaining(card).transmit(CommandApdu(0x00, Ins.PUT_DATA, 0, 0, bytes(size)))
    assert len(card.sizes) == links


def test_refused_link_ends_the_chain() -> None:
    inner = answers("9000", "6884", "9000")
    command = CommandApdu(0x00, Ins.PUT_DATA, 0, 0, bytes(700))
    assert CommandChaining(inner).transmit(command).status == 0x6884
    assert len(inner.seen) == 2


def test_links_are_short_commands() -> None:
    inner = answers("9000", "9000")
    CommandChaining(inner).transmit(CommandApdu(0x00, Ins.PUT_DATA, 0, 0, bytes(300), 256))
    assert [c.case for c in inner.seen] == ["3S", "4S"]


def test_command_in_a_chain_of_its_own_passes() -> None:
    inner = answers("9000")
    command = CommandApdu(0x10, Ins.PUT_DATA, 0, 0, bytes(300))
    CommandChaining(inner).transmit(command)
    assert inner.seen == [command]


def test_extended_lengths_instead_of_a_chain() -> None:
    command = CommandApdu(0x00, Ins.PUT_DATA, 0, 0, bytes(300))
    with ScriptedConnection((command.encode().hex(), "9000")) as connection:
        build_channel(connection, data_limit=65_535).transmit(command)


@pytest.mark.parametrize("limit", [-1, 0, 65_536])
def test_impossible_limit(limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 65535"):
        CommandChaining(answers(), limit)


# --- LogicalChannelChannel ---

PARTS = [v for v in range(0xFF) if v & 0x60 != 0x20 and ClassByte(v).channel == 0]


@pytest.mark.parametrize("number", range(1, 20))
@pytest.mark.parametrize("cla", PARTS)
def test_all_channels_with_all_other_bits(number: int, cla: int) -> None:
    inner = answers("9000")
    channel = LogicalChannelChannel(inner, number)
    command = CommandApdu(cla, Ins.READ_BINARY, 0, 0, ne=1)
    if (number, cla) in ((19, 0x94), (19, 0x98), (19, 0x9C)):
        with pytest.raises(ValueError, match="FF"):
            channel.transmit(command)
        return
    channel.transmit(command)
    before, after = ClassByte(cla), inner.seen[0].cla
    assert after.channel == number
    assert (after.chained, after.secure) == (before.chained, before.secure)
    assert (after.value >= 0x80) == (cla >= 0x80)
    if number < 4:
        assert after.value == cla | number


@pytest.mark.parametrize("cla", [v for v in range(256) if v & 0x60 == 0x20 or v == 0xFF])
def test_class_without_a_channel(cla: int) -> None:
    inner = answers()
    with pytest.raises(ValueError, match="has no channel"):
        LogicalChannelChannel(inner, 1).transmit(CommandApdu(cla, 0xB0, 0, 0))
    assert inner.seen == []


def test_command_for_another_channel_is_a_mistake() -> None:
    inner = answers("9000")
    channel = LogicalChannelChannel(inner, 2)
    with pytest.raises(ValueError, match="names channel 3"):
        channel.transmit(CommandApdu(0x03, 0xB0, 0, 0))
    channel.transmit(CommandApdu(0x02, 0xB0, 0, 0))
    assert [c.cla.value for c in inner.seen] == [0x02]


@pytest.mark.parametrize("number", range(1, 20))
def test_open_any_channel_and_close_it(number: int) -> None:
    inner = answers(f"{number:02X}9000", "9000", "9000")
    with open_logical_channel(inner) as channel:
        assert channel.number == number
        channel.transmit(READ)
    assert [c.encode().hex().upper() for c in inner.seen] == [
        "0070000001",
        READ.replace(cla=ClassByte.build(channel=number)).encode().hex().upper(),
        f"007080{number:02X}",
    ]
    assert channel.closed
    with pytest.raises(ValueError, match="closed"):
        channel.transmit(READ)
    channel.close()


@pytest.mark.parametrize("number", range(1, 20))
def test_open_a_named_channel(number: int) -> None:
    inner = answers("9000")
    assert open_logical_channel(inner, number).number == number
    assert inner.seen[0].encode().hex().upper() == f"007000{number:02X}"


@pytest.mark.parametrize("answer", [*(f"{n:02X}" for n in (0, *range(20, 256))), "", "0101"])
def test_impossible_channel_from_the_card(answer: str) -> None:
    with pytest.raises(ProtocolError, match="1 to 19"):
        open_logical_channel(answers(f"{answer}9000"))


@pytest.mark.parametrize("number", [None, 1])
def test_card_without_channels(number: int | None) -> None:
    with pytest.raises(ChannelNotSupported):
        open_logical_channel(answers("6881"), number)


@pytest.mark.parametrize("number", [-1, 0, 20])
def test_number_is_checked_before_anything_is_sent(number: int) -> None:
    inner = answers("9000")
    with pytest.raises(ValueError, match="1 to 19"):
        open_logical_channel(inner, number)
    assert inner.seen == []


def test_channel_that_cannot_be_closed_stays_open() -> None:
    channel = LogicalChannelChannel(answers("6A86", "9000"), 1)
    with pytest.raises(StatusError):
        channel.close()
    assert not channel.closed
    channel.close()
    assert channel.closed


def test_channel_that_a_reset_closed_is_closed() -> None:
    inner = answers("6881")
    with LogicalChannelChannel(inner, 1) as channel:
        pass
    assert channel.closed
    channel.close()
    assert len(inner.seen) == 1


def fail_inside(channel: LogicalChannelChannel) -> None:
    with channel:
        raise CardRemoved("first")


def test_failing_close_does_not_hide_the_first_error() -> None:
    with pytest.raises(CardRemoved, match="first"):
        fail_inside(LogicalChannelChannel(answers("6A86"), 1))
    with pytest.raises(StatusError), LogicalChannelChannel(answers("6A86"), 1):
        pass


# --- Tracing, order, transactions ---


def test_trace_sees_the_wire_and_shows_no_pin() -> None:
    trace = Trace()
    script = (
        ("0020008004" + b"7391".hex(), "63C2"),
        ("00B0000000", "6C02"),
        ("00B0000002", "37399000"),
    )
    with ScriptedConnection(*script) as connection:
        channel = build_channel(connection, observer=trace)
        channel.transmit(CommandApdu(0x00, Ins.VERIFY, 0, 0x80, b"7391"))
        channel.transmit(READ)
    assert trace.text.count("READ BINARY") == 2
    assert "63C2" in trace.text
    assert "37 33" not in trace.text
    assert "3733" not in trace.text
    assert "3739" not in trace.text


def test_observer_is_told_of_a_command_that_gets_no_answer() -> None:
    trace = Trace()
    with pytest.raises(CardRemoved):
        Tracing(PlainChannel(Failing(ConnectionError())), trace).transmit(READ)
    assert len(trace.lines) == 2


def test_build_sends_nothing() -> None:
    with ScriptedConnection() as connection:
        build_channel(connection, observer=Trace())


class Shared(ScriptedConnection):
    def __init__(self) -> None:
        super().__init__()
        self.held: list[str] = []

    def transaction(self) -> AbstractContextManager[None]:
        @contextmanager
        def hold() -> Iterator[None]:
            self.held.append("begin")
            yield
            self.held.append("end")

        return hold()


def test_every_layer_passes_a_transaction_on() -> None:
    connection = Shared()
    channel: ApduChannel = build_channel(connection, observer=Trace())
    channel = LogicalChannelChannel(ChannelDecorator(channel), 1)
    with channel.transaction():
        assert connection.held == ["begin"]
    assert connection.held == ["begin", "end"]


def test_connection_with_one_user_needs_no_transaction() -> None:
    with build_channel(ScriptedConnection()).transaction():
        pass


def test_plain_decorator_changes_nothing() -> None:
    inner = answers("9000")
    assert ChannelDecorator(inner).transmit(READ).status == StatusWord.OK
    assert inner.seen == [READ]


# --- forgetting ---


def test_every_layer_makes_the_card_forget() -> None:
    class Resetting(ScriptedConnection):
        def reset(self) -> bytes:
            resets.append("reset")
            return b"\x3b\x00"

    resets: list[str] = []
    connection = Resetting()
    channel: ApduChannel = ChannelDecorator(build_channel(connection, observer=Trace()))
    assert channel.forget() == b"\x3b\x00"
    session = Iso7816Session.aes(bytes(16), bytes(16))
    assert SecureChannel(channel, session).forget() == b"\x3b\x00"
    assert not session.alive
    assert len(resets) == 2


def test_a_session_over_what_only_carries_commands_refuses() -> None:
    class OnlyCarries:
        def transmit(self, command: CommandApdu) -> ResponseApdu:
            raise AssertionError(command)

    channel = SecureChannel(OnlyCarries(), Iso7816Session.aes(bytes(16), bytes(16)))
    with pytest.raises(NotOffered, match="build_channel"):
        channel.forget()
    with pytest.raises(NotOffered):
        channel.transaction()
    assert channel.alive
