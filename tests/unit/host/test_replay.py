"""A recording as a card: plays exactly once, and says where a program strays, without data."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from jukicard.apdu.trace import DumpError, DumpWriter, TraceLevel
from jukihost.channel import build_channel
from jukihost.errors import CardRemoved, ConnectionNotOpen, ReplayMismatch
from jukihost.sessions.juki import JukiSession
from jukihost.transport.replay import ReplayConnection
from tests.support.host.fakes import JUKI_ATR, FakeJukiCard

DUMP = """\
# a PIN, verified
ATR 3BE000FF8131FE4514
> 00A4040C0AD3921000310001010401
< 9000
> 00A4020C02001C
< 9000
> 0020008004????????
< 9000
"""


def test_plays_a_session_from_end_to_end() -> None:
    with ReplayConnection(DUMP) as connection:
        assert connection.atr == JUKI_ATR
        with JukiSession(build_channel(connection)) as juki:
            juki.verify_pin("1234")
        assert connection.finished


def test_wrong_command_shows_headers_only() -> None:
    connection = ReplayConnection("> 00200080047391??31\n< 9000")
    connection.open()
    with pytest.raises(ReplayMismatch) as caught:
        connection.transmit(bytes.fromhex("0024018004") + b"8642")
    text = str(caught.value)
    assert "00200080 (9 bytes)" in text
    assert "00240180 (9 bytes)" in text
    for secret in ("7391", "8642", "38363432", "37333931"):
        assert secret not in text


def test_nothing_is_played_by_a_wrong_command() -> None:
    with ReplayConnection("> 00B0000000\n< AA9000") as connection:
        with pytest.raises(ReplayMismatch):
            connection.transmit(b"\0\xb0\0\1\0")
        assert connection.transmit(b"\0\xb0\0\0\0") == b"\xaa\x90\0"


@pytest.mark.parametrize("sent", [b"", b"\0", b"73", b"739"])
def test_command_too_short_for_a_header_is_not_shown(sent: bytes) -> None:
    connection = ReplayConnection("> 00B0000000\n< 9000")
    connection.open()
    with pytest.raises(ReplayMismatch, match=rf"sent \({len(sent)} bytes\)") as caught:
        connection.transmit(sent)
    assert len(sent) < 2 or sent.hex() not in str(caught.value)


def test_one_command_too_many() -> None:
    with ReplayConnection("> 00B0000000\n< 9000") as connection:
        connection.transmit(b"\0\xb0\0\0\0")
        with pytest.raises(ReplayMismatch, match="nothing more"):
            connection.transmit(b"\0\xb0\0\0\0")


def test_one_command_too_few() -> None:
    with (
        pytest.raises(ReplayMismatch, match="goes on with command 00A4040C"),
        ReplayConnection(DUMP),
    ):
        pass


def fail_early() -> None:
    with ReplayConnection(DUMP):
        raise RuntimeError("the first error")


def test_first_error_is_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="the first error"):
        fail_early()


def test_recorded_removal() -> None:
    with ReplayConnection("> 00B0000000\nATR 3B00\n> 00B0000000\n< 9000") as connection:
        with pytest.raises(CardRemoved):
            connection.transmit(b"\0\xb0\0\0\0")
        assert connection.reconnect() == b"\x3b\0"
        assert connection.transmit(b"\0\xb0\0\0\0") == b"\x90\0"


def test_reset_must_be_recorded() -> None:
    with ReplayConnection("ATR 3B00\nRESET\n> 00B0000000\n< 9000") as connection:
        assert connection.atr == b"\x3b\0"
        with pytest.raises(ReplayMismatch, match="goes on with a reset"):
            connection.transmit(b"\0\xb0\0\0\0")
        assert connection.reset() == b""
        with pytest.raises(ReplayMismatch, match="reset the card"):
            connection.reset()
        connection.transmit(b"\0\xb0\0\0\0")


def test_hidden_answer_cannot_be_played() -> None:
    connection = ReplayConnection("> 00B0000000\n< ????9000")
    connection.open()
    with pytest.raises(ReplayMismatch, match="hidden"):
        connection.transmit(b"\0\xb0\0\0\0")


def test_malformed_dump() -> None:
    with pytest.raises(DumpError, match="line 2"):
        ReplayConnection("> 00B0000000\nnonsense")


def test_not_open() -> None:
    connection = ReplayConnection(DUMP)
    with pytest.raises(ConnectionNotOpen):
        connection.transmit(b"\0\0\0\0")
    with pytest.raises(ConnectionNotOpen):
        connection.reset()
    with pytest.raises(ConnectionNotOpen):
        _ = connection.atr
    assert connection.description == "recorded trace, event 0 of 7"


@given(
    st.lists(
        st.tuples(st.binary(min_size=4, max_size=40), st.binary(min_size=2, max_size=40)),
        max_size=8,
    )
)
def test_what_the_dump_writer_writes_is_played_back(exchanges: list[tuple[bytes, bytes]]) -> None:
    lines: list[str] = []
    writer = DumpWriter(lines.append, TraceLevel.FULL)
    writer.reset(JUKI_ATR)
    for command, answer in exchanges:
        writer.command(command)
        writer.response(answer)
    with ReplayConnection("\n".join(lines)) as connection:
        for command, answer in exchanges:
            assert connection.transmit(command) == answer


def test_a_recorded_session_plays_again() -> None:
    lines: list[str] = []
    writer = DumpWriter(lines.append, TraceLevel.FULL)
    card = FakeJukiCard()
    writer.reset(card.atr)

    def session(juki: JukiSession) -> int:
        juki.verify_pin("1234")
        return juki.pin_retries()

    with JukiSession(build_channel(card, observer=writer)) as juki:
        recorded = session(juki)
    with (
        ReplayConnection("\n".join(lines)) as connection,
        JukiSession(build_channel(connection)) as juki,
    ):
        assert session(juki) == recorded == 3


def test_a_trace_without_the_end_of_its_session_plays_as_well() -> None:
    """Traces of before sessions made the card forget: what they leave out is not missed."""
    dump = (
        "ATR 3BE000FF8131FE4514\n> 00A4040C0AD3921000310001010401\n< 9000\n"
        "> 00A4020C02001C\n< 9000\n> 002000800431323334\n< 9000\n"
    )
    for reset in ("", "RESET\n"):
        with ReplayConnection(dump + reset) as connection:
            with JukiSession(build_channel(connection)) as juki:
                juki.verify_pin("1234")
            assert connection.finished
