"""The Juki session, byte by byte, against scripts of real cards and a small card in memory."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from jukicard.apdu import CommandApdu, Ins, ResponseApdu, StatusWord, Tlv
from jukihost.channel import PlainChannel, build_channel
from jukihost.conversation import pinfile
from jukihost.conversation.jukifiles import parse_card_info, parse_code
from jukihost.conversation.probe import KNOWN_APPLICATIONS, card_probe
from jukihost.conversation.secrets import Pin
from jukihost.conversation.session import AppletSession
from jukihost.errors import (
    AppletNotFound,
    CardRemoved,
    CardSuspended,
    CardTerminated,
    ConnectionNotOpen,
    FileNotFound,
    PinBlocked,
    PinFormatError,
    PinRejected,
    ProtocolError,
    SecurityStatusNotSatisfied,
    StatusError,
)
from jukihost.models import ApplicationState, CardForm
from jukihost.sessions.juki import JukiSession
from tests.support.host.fakes import (
    CARD_INFO,
    CODE_RECORD,
    AnswerChannel,
    FakeJukiCard,
    ScriptedConnection,
    answers,
)

SELECT = ("00A4040C0AD3921000310001010401", "9000")
PIN_FILE = ("00A4020C02001C", "9000")


class FileSession(AppletSession):
    """What every session can do with files and PINs, at the Juki application and with no rules."""

    AID = JukiSession.AID


def session(*exchanges: tuple[str, str]) -> JukiSession:
    """An open session whose further commands must be exactly these."""
    return JukiSession(PlainChannel(ScriptedConnection(SELECT, *exchanges))).open()


# --- opening ---


def test_constructor_sends_nothing() -> None:
    juki = JukiSession(answers())
    with pytest.raises(ConnectionNotOpen):
        juki.pin_retries()


def test_open_selects_without_asking_for_control_information() -> None:
    with ScriptedConnection(SELECT) as connection, JukiSession(PlainChannel(connection)) as juki:
        assert not juki.suspended


@pytest.mark.parametrize("status", ["6A86", "6B00", "6700"])
def test_card_that_insists_on_control_information(status: str) -> None:
    script = ((SELECT[0], status), ("00A404000AD392100031000101040100", "6F009000"))
    with ScriptedConnection(*script) as connection:
        JukiSession(PlainChannel(connection)).open()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("6A82", AppletNotFound),
        ("6285", CardTerminated),
        ("6283", CardSuspended),
        ("6A81", CardSuspended),
        ("6D00", StatusError),
        ("6999", StatusError),
    ],
)
def test_refused_selection(status: str, kind: type[StatusError]) -> None:
    juki = JukiSession(answers(status))
    with pytest.raises(kind):
        juki.open()
    with pytest.raises(ConnectionNotOpen):
        juki.pin_retries()


@pytest.mark.parametrize("status", ["6283", "6A81"])
def test_who_resumes_a_card_may_open_it(status: str) -> None:
    with JukiSession(answers(status), allow_suspended=True) as juki:
        assert juki.suspended


@pytest.mark.parametrize("status", ["6285", "6A82"])
def test_only_suspension_is_allowed(status: str) -> None:
    with pytest.raises(StatusError):
        JukiSession(answers(status), allow_suspended=True).open()


def test_closed_session_is_closed() -> None:
    with JukiSession(build_channel(FakeJukiCard())) as juki:
        pass
    with pytest.raises(ConnectionNotOpen):
        juki.pin_retries()


# --- the PIN ---


@pytest.mark.parametrize("left", range(16))
def test_retries_are_asked_for_with_four_bytes(left: int) -> None:
    assert session(PIN_FILE, ("00200080", f"63C{left:X}")).pin_retries() == left


@pytest.mark.parametrize("status", ["6983", "6984"])
def test_blocked_is_no_tries(status: str) -> None:
    assert session(PIN_FILE, ("00200080", status)).pin_retries() == 0


@pytest.mark.parametrize("status", ["9000", "6300"])
def test_card_that_does_not_count(status: str) -> None:
    with pytest.raises(ProtocolError, match="how many tries"):
        session(PIN_FILE, ("00200080", status)).pin_retries()


@pytest.mark.parametrize("status", ["6700", "6A88", "6D00"])
def test_card_that_does_not_know_the_question(status: str) -> None:
    with pytest.raises(StatusError, match=status):
        session(PIN_FILE, ("00200080", status)).pin_retries()


def test_verify_in_ascii() -> None:
    session(PIN_FILE, ("002000800431323334", "9000")).verify_pin("1234")


@pytest.mark.parametrize(
    ("status", "kind", "left"),
    [
        ("63C2", PinRejected, 2),
        ("63C1", PinRejected, 1),
        ("63C0", PinBlocked, 0),
        ("6983", PinBlocked, 0),
        ("6984", PinBlocked, 0),
    ],
)
def test_refused_pin(status: str, kind: type[PinRejected | PinBlocked], left: int) -> None:
    juki = session(PIN_FILE, ("002000800437333931", status))
    with pytest.raises(kind) as caught:
        juki.verify_pin(Pin("7391"))
    assert isinstance(caught.value, PinRejected | PinBlocked)
    assert caught.value.retries_left == left
    assert "7391" not in f"{caught.value}{caught.value!r}"


def test_malformed_pin_costs_nothing() -> None:
    card = FakeJukiCard()
    with JukiSession(build_channel(card)) as juki:
        sent = len(card.commands)
        for bad in ("123", "12345", "abcd", "１２３４"):
            with pytest.raises(PinFormatError):
                juki.verify_pin(bad)
        assert len(card.commands) == sent
    assert card.tries == 3


def test_change_before_verification_is_refused() -> None:
    with (
        FileSession(build_channel(FakeJukiCard())) as session,
        pytest.raises(SecurityStatusNotSatisfied),
    ):
        pinfile.change(session, 0x1C, b"5678")


def test_changed_pin_is_the_pin() -> None:
    card = FakeJukiCard(iso_change=True)
    with FileSession(build_channel(card)) as session:
        pinfile.verify(session, 0x1C, b"1234")
        pinfile.change(session, 0x1C, b"5678")
        pinfile.exchange(session, 0x1C, b"5678", b"9012")
        with pytest.raises(PinRejected):
            pinfile.exchange(session, 0x1C, b"5678", b"0000")
        with pytest.raises(PinRejected):
            pinfile.verify(session, 0x1C, b"1234")
        pinfile.verify(session, 0x1C, b"9012")
        assert pinfile.retries_left(session, 0x1C) == 3


@given(st.lists(st.one_of(st.sampled_from(["right", "wrong", "ask"])), max_size=12))
def test_tries_as_a_model_counts_them(steps: list[str]) -> None:
    left = 3
    with JukiSession(build_channel(FakeJukiCard("1234"))) as juki:
        for step in steps:
            if step == "ask":
                assert juki.pin_retries() == left
            elif left == 0:
                with pytest.raises(PinBlocked):
                    juki.verify_pin("1234" if step == "right" else "4321")
            elif step == "right":
                juki.verify_pin("1234")
                left = 3
            else:
                left -= 1
                with pytest.raises(PinRejected if left else PinBlocked) as caught:
                    juki.verify_pin("4321")
                assert isinstance(caught.value, PinRejected | PinBlocked)
                assert caught.value.retries_left == left
        assert juki.pin_retries() == left


# --- files ---


def test_no_such_file() -> None:
    with FileSession(build_channel(FakeJukiCard())) as files, pytest.raises(FileNotFound):
        files.read_binary(0x0009)


INFO = {0xDF21: b"13221", 0xDF22: b"1", 0xDF23: b"20090420", 0xDF24: b"20190420"}


def info_file(changes: dict[int, bytes | None], outer: int = 0xFF20) -> bytes:
    values = {tag: value for tag, value in (INFO | changes).items() if value is not None}
    return Tlv(outer, [Tlv(tag, value) for tag, value in values.items()]).encode()


def test_info_of_a_card_without_photo_and_with_filler() -> None:
    assert parse_card_info(info_file({}) + b"\xff" * 9).form is CardForm.NAME_ONLY
    assert parse_card_info(info_file({0xDF25: b"later"})).municipality == "13221"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 16,
        CARD_INFO[:-1],
        CARD_INFO + b"\0",
        CARD_INFO + CARD_INFO,
        info_file({}, outer=0xFF30),
        info_file({0xDF21: None}),
        info_file({0xDF24: None}),
        info_file({0xDF21: b"1322"}),
        info_file({0xDF21: b"1322a"}),
        info_file({0xDF21: "１３".encode()}),
        info_file({0xDF22: b"0"}),
        info_file({0xDF22: b"3"}),
        info_file({0xDF22: b""}),
        info_file({0xDF23: b"20090431"}),
        info_file({0xDF23: b"00000101"}),
        info_file({0xDF23: b"+2009042"}),
        info_file({0xDF24: b"20080101"}),
        Tlv(0xFF20, info_file({})[3:] + Tlv(0xDF21, b"13221").encode()).encode(),
    ],
)
def test_malformed_info(content: bytes) -> None:
    with pytest.raises(ProtocolError, match="EF 0003") as caught:
        parse_card_info(content)
    assert caught.value.__cause__ is None
    assert "2009" not in str(caught.value)


@given(st.binary(max_size=60))
def test_any_bytes_as_info_are_refused_in_one_way(content: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_card_info(content)


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\x01",
        CODE_RECORD[:-1],
        CODE_RECORD + b"\0",
        CODE_RECORD + CODE_RECORD,
        b"\x02" + CODE_RECORD[1:],
        b"\x01\x0b12345678904",
        b"\x01\x0a1234567890",
        b"\x01\x0b1234567890a",
        b"\x01\x0b" + b"\xff" * 11,
    ],
)
def test_malformed_code_is_not_shown(record: bytes) -> None:
    with pytest.raises(ProtocolError, match="resident record code") as caught:
        parse_code(record)
    assert caught.value.__cause__ is None
    assert "1234" not in str(caught.value)


class File:
    """A transparent file of a given size, read as real cards are read."""

    def __init__(self, size: int, end: str) -> None:
        self.content = bytes(index % 251 for index in range(size))
        self.end = end

    def answer(self, command: CommandApdu) -> ResponseApdu:
        if command.ins != Ins.READ_BINARY:
            return ResponseApdu()
        offset = command.p1 << 8 | command.p2
        piece = self.content[offset : offset + command.ne]
        if not piece and self.end == "6B00":
            return ResponseApdu(status=StatusWord.WRONG_P1_P2)
        short = len(piece) < command.ne and self.end == "6282"
        return ResponseApdu(piece, StatusWord.END_OF_FILE if short else StatusWord.OK)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 513, 32_767, 32_768])
@pytest.mark.parametrize("end", ["9000", "6282", "6B00"])
def test_files_of_every_size_and_end(size: int, end: str) -> None:
    file = File(size, end)
    channel = AnswerChannel(file.answer)
    assert FileSession(channel).open().read_binary(1) == file.content
    assert max(command.p1 for command in channel.seen if command.ins == Ins.READ_BINARY) < 0x80


@pytest.mark.parametrize("most", [1, 2, 100, 224, 253, 255])
@pytest.mark.parametrize("size", [1, 223, 224, 225, 256, 448, 600, 2048])
@pytest.mark.parametrize("end", ["9000", "6282", "6B00"])
def test_a_reader_that_gives_less_at_a_time_crops_nothing(most: int, size: int, end: str) -> None:
    file = File(size, end)

    def crop(command: CommandApdu) -> ResponseApdu:
        answer = file.answer(command)
        short = answer.data[:most]
        return ResponseApdu(short, answer.status if short == answer.data else StatusWord.OK)

    files = FileSession(AnswerChannel(crop)).open()
    assert files.read_binary(1) == file.content
    assert files.read_binary(1, 2048) == file.content
    file.content = Tlv(0xFF20, file.content).encode() + b"\xff" * 500
    assert files.read_object(1) == file.content.rstrip(b"\xff")
    file.content = b"\xff" * size
    assert files.read_object(1) == b""


def test_a_card_that_says_where_a_file_ends_is_asked_no_further() -> None:
    channel = AnswerChannel(File(300, "6282").answer)
    FileSession(channel).open().read_binary(1)
    assert sum(command.ins == Ins.READ_BINARY for command in channel.seen) == 2


@pytest.mark.parametrize("limit", [1, 17, 256, 300])
def test_no_more_is_read_than_asked(limit: int) -> None:
    file = File(1000, "9000")
    assert (
        FileSession(AnswerChannel(file.answer)).open().read_binary(1, limit) == file.content[:limit]
    )


def test_offset_error_at_the_start_is_an_error() -> None:
    with pytest.raises(StatusError, match="6B00"):
        FileSession(answers("9000", "9000", "6B00")).open().read_binary(1)


def test_card_that_sends_more_than_asked() -> None:
    with pytest.raises(ProtocolError, match="were asked"):
        FileSession(answers("9000", "9000", "01029000")).open().read_binary(1, 1)


# --- around the session ---


def test_session_speaks_through_the_channel_it_is_given() -> None:
    channel = answers("9000", "9000", "63C3")
    juki = JukiSession(channel).open()
    assert juki.channel is channel
    assert juki.pin_retries() == 3
    assert len(channel.seen) == 3


def test_card_pulled_out_in_the_middle() -> None:
    card = FakeJukiCard()
    with JukiSession(build_channel(card)) as juki:
        card.transmit = gone  # type: ignore[method-assign]
        with pytest.raises(CardRemoved):
            juki.verify_pin("1234")


def gone(command: bytes) -> bytes:
    raise ConnectionError("no card in the reader")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("9000", ApplicationState.PRESENT),
        ("6283", ApplicationState.SUSPENDED),
        ("6A81", ApplicationState.SUSPENDED),
        ("6285", ApplicationState.TERMINATED),
        ("6A82", ApplicationState.ABSENT),
        ("6D00", ApplicationState.ABSENT),
        ("6E00", ApplicationState.ABSENT),
        ("6982", ApplicationState.FAILING),
        ("6985", ApplicationState.FAILING),
        ("6999", ApplicationState.FAILING),
        ("6581", ApplicationState.FAILING),
        ("6F00", ApplicationState.FAILING),
        ("6200", ApplicationState.FAILING),
        ("9100", ApplicationState.FAILING),
    ],
)
def test_probe(status: str, state: ApplicationState) -> None:
    channel = answers(*([status] * len(KNOWN_APPLICATIONS)))
    found = card_probe(channel)
    assert [application.state for application in found] == [state] * len(KNOWN_APPLICATIONS)
    assert [command.data for command in channel.seen] == [aid for _, _, aid in KNOWN_APPLICATIONS]


def test_probe_of_a_juki_card() -> None:
    found = {
        application.name: application.state
        for application in card_probe(build_channel(FakeJukiCard()))
    }
    assert found.pop("juki") is ApplicationState.PRESENT
    assert set(found.values()) == {ApplicationState.ABSENT}
