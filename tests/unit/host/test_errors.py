"""Every status word becomes the right typed error, and no error shows data."""

from __future__ import annotations

import inspect
import pickle

import pytest

from jukicard.apdu import CommandApdu, Ins, StatusWord
from jukihost import errors
from jukihost.errors import (
    AppletNotFound,
    AuthenticationBlocked,
    AuthenticationRejected,
    CardSuspended,
    CardTerminated,
    CardWarning,
    ChannelNotSupported,
    CommandNotAllowed,
    ConditionsNotSatisfied,
    FileNotFound,
    NotSupported,
    PinBlocked,
    PinRejected,
    ProtocolError,
    RecordNotFound,
    ReferenceNotFound,
    ReferenceNotUsable,
    SecureMessagingRefused,
    SecurityStatusNotSatisfied,
    StatusError,
    WrongLength,
    WrongParameters,
    check,
    error_for,
)
from tests.support.published.vectors import load

READ = CommandApdu(0x00, Ins.READ_BINARY, 0, 0, ne=256)
SELECT_NAME = CommandApdu(0x00, Ins.SELECT, 0x04, 0x0C, b"\xa0\0\0\1\x51")
SELECT_FILE = CommandApdu(0x00, Ins.SELECT, 0x02, 0x0C, b"\0\2")
VERIFY = CommandApdu(0x00, Ins.VERIFY, 0, 0x80, b"7391")
CHANGE = CommandApdu(0x00, Ins.CHANGE_REFERENCE_DATA, 1, 0x80, b"7391")
RESET_COUNTER = CommandApdu(0x00, Ins.RESET_RETRY_COUNTER, 0, 0x80, b"7391")
AUTHENTICATE = CommandApdu(0x00, Ins.MUTUAL_AUTHENTICATE, 0, 0x81, b"\x5a" * 40, 40)
COMMANDS = (READ, SELECT_NAME, SELECT_FILE, VERIFY, CHANGE, RESET_COUNTER, AUTHENTICATE)


def expected_by_sw1(status: int) -> type[Exception] | None:
    """ISO/IEC 7816-4, 5.6, table 5, written once more for the test."""
    if status == 0x9000:
        return None
    sw1 = status >> 8
    if sw1 == 0x61 or not (0x60 < sw1 < 0x70 or 0x90 <= sw1 <= 0x9F):
        return ProtocolError
    return StatusError


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: f"{c.ins:02X}-{c.p1:02X}")
def test_all_65536_status_words_have_a_meaning(command: CommandApdu) -> None:
    for value in range(0x10000):
        error = error_for(command, StatusWord(value))
        expected = expected_by_sw1(value)
        if expected is None:
            assert error is None
            continue
        assert isinstance(error, expected)
        if isinstance(error, StatusError):
            assert (error.status, error.ins) == (value, command.ins)
            assert f"{value:04X}" in str(error)
            # Only a proprietary status may have no better type than the base.
            assert (type(error) is StatusError) == (value >> 12 == 9), f"{value:04X}"


@pytest.mark.parametrize(
    ("command", "status", "kind"),
    [
        (READ, 0x6982, SecurityStatusNotSatisfied),
        (READ, 0x6985, ConditionsNotSatisfied),
        (READ, 0x6986, CommandNotAllowed),
        (READ, 0x6981, CommandNotAllowed),
        (READ, 0x6987, SecureMessagingRefused),
        (READ, 0x6988, SecureMessagingRefused),
        (READ, 0x6282, CardWarning),
        (READ, 0x6700, WrongLength),
        (READ, 0x6C20, WrongLength),
        (READ, 0x6B00, WrongParameters),
        (READ, 0x6A86, WrongParameters),
        (READ, 0x6A83, RecordNotFound),
        (READ, 0x6A88, ReferenceNotFound),
        (READ, 0x6A82, FileNotFound),
        (READ, 0x6881, ChannelNotSupported),
        (READ, 0x6D00, NotSupported),
        (READ, 0x6E00, NotSupported),
        (READ, 0x63C2, CardWarning),
        (READ, 0x6283, CardWarning),
        (SELECT_FILE, 0x6A82, FileNotFound),
        (SELECT_FILE, 0x6283, CardWarning),
        (SELECT_NAME, 0x6A82, AppletNotFound),
        (SELECT_NAME, 0x6283, CardSuspended),
        (SELECT_NAME, 0x6A81, CardSuspended),
        (SELECT_NAME, 0x6285, CardTerminated),
        (VERIFY, 0x6300, PinRejected),
        (VERIFY, 0x6982, SecurityStatusNotSatisfied),
        (AUTHENTICATE, 0x6300, AuthenticationRejected),
        (AUTHENTICATE, 0x6983, AuthenticationBlocked),
        (AUTHENTICATE, 0x6984, ReferenceNotUsable),
    ],
)
def test_status_and_command_decide(
    command: CommandApdu, status: int, kind: type[StatusError]
) -> None:
    error = error_for(command, StatusWord(status))
    assert type(error) is kind


@pytest.mark.parametrize("command", [VERIFY, CHANGE, RESET_COUNTER])
@pytest.mark.parametrize("left", range(16))
def test_every_number_of_tries(command: CommandApdu, left: int) -> None:
    error = error_for(command, StatusWord.retries(left))
    assert isinstance(error, PinBlocked if left == 0 else PinRejected)
    assert error.retries_left == left
    if left:
        assert ("1 try left" if left == 1 else f"{left} tries left") in str(error)
    else:
        assert "blocked" in str(error)


@pytest.mark.parametrize("command", [VERIFY, CHANGE, RESET_COUNTER])
@pytest.mark.parametrize("status", [0x6983, 0x6984])
def test_both_ways_to_say_blocked(command: CommandApdu, status: int) -> None:
    error = error_for(command, StatusWord(status))
    assert isinstance(error, PinBlocked)
    assert error.retries_left == 0


@pytest.mark.parametrize("left", range(16))
def test_authentication_counts_too(left: int) -> None:
    error = error_for(AUTHENTICATE, StatusWord.retries(left))
    assert isinstance(error, AuthenticationRejected)
    assert error.retries_left == left


@pytest.mark.parametrize("xx", range(256))
def test_incomplete_answer_says_how_to_get_the_rest(xx: int) -> None:
    error = error_for(READ, StatusWord(0x6100 | xx))
    assert type(error) is ProtocolError
    assert "GET RESPONSE" in str(error)


def test_published_statuses_have_a_type_of_their_own() -> None:
    cases = load("apdu/iso7816_status_words")["cases"]
    fixed = [case["sw"] for case in cases if "X" not in case["sw"] and case["sw"] != "9000"]
    assert len(fixed) > 10
    for status in fixed:
        error = error_for(READ, StatusWord(int(status, 16)))
        assert isinstance(error, StatusError), status
        assert type(error) is not StatusError, status


def status_errors() -> list[type[StatusError]]:
    found = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, StatusError)
    ]
    assert len(found) > 20
    return found


@pytest.mark.parametrize("kind", status_errors())
def test_text_says_what_and_what_next(kind: type[StatusError]) -> None:
    error = kind(StatusWord(0x6F00), Ins.VERIFY)
    assert kind.what
    assert kind.advice
    assert str(error).startswith(kind.what)
    assert kind.advice in str(error)


@pytest.mark.parametrize("kind", status_errors())
def test_errors_survive_a_process_boundary(kind: type[StatusError]) -> None:
    error = pickle.loads(pickle.dumps(kind(StatusWord(0x63C1), Ins.VERIFY)))
    assert type(error) is kind
    assert (error.status, error.ins) == (0x63C1, Ins.VERIFY)


def test_check_raises_and_shows_no_data() -> None:
    with pytest.raises(PinRejected) as caught:
        check(VERIFY, StatusWord(0x63C1))
    shown = f"{caught.value} {caught.value!r} {caught.value.args}"
    assert "7391" not in shown
    assert b"7391".hex() not in shown


def test_check_lets_success_pass() -> None:
    for command in COMMANDS:
        check(command, StatusWord.OK)


def test_every_error_is_a_card_error_with_a_docstring() -> None:
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == errors.__name__
    ]
    assert len(kinds) > 35
    for kind in kinds:
        assert issubclass(kind, errors.CardError)
        assert kind.__doc__
