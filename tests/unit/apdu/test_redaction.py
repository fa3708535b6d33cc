"""What may be shown: a short list of commands, and nothing of what is malformed or protected."""

from __future__ import annotations

import pytest

from jukicard.apdu import BytePattern, CommandApdu, TraceLevel
from jukicard.apdu.trace.redaction import redact_command, redact_response, shows_data

SELECT = "00A4040C0AD392F000260100000001"
REDACTED = TraceLevel.REDACTED


def shown(raw: str, level: TraceLevel = REDACTED) -> str:
    return str(redact_command(bytes.fromhex(raw), level))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (SELECT, SELECT),
        ("00A40000023F0000", "00A40000023F0000"),
        ("03A4040005A00000015100", "03A4040005A00000015100"),
        ("002000800431323334", "0020008004????????"),
        ("00200080043132333400", "0020008004????????00"),
        ("00200080000004313233340000", "00200080000004????????0000"),
        ("00200080", "00200080"),
        ("0084000008", "0084000008"),
        ("00B000000000FF", "00B000000000FF"),
        ("00DA5F510131", "00DA5F5101??"),
        ("002241A403830101", "002241A403??????"),
        # SELECT that is protected, chained, proprietary, too long for a name, or no SELECT at all
        ("0CA4040C0587030131FF", "0CA4040C05??????????"),
        ("10A4040C0531323334FF", "10A4040C05??????????"),
        ("80A4040C0531323334FF", "80A4040C05??????????"),
        ("20A4040C0531323334FF", "20A4040C05??????????"),
        ("FFA4040C0531323334FF", "FFA4040C05??????????"),
        ("00A4200C0531323334FF", "00A4200C05??????????"),
        ("00A4040C11" + "31" * 17, "00A4040C11" + "??" * 17),
        ("00A4040C10" + "31" * 16, "00A4040C10" + "31" * 16),
    ],
)
def test_a_command_at_the_default_level(raw: str, expected: str) -> None:
    assert shown(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("0020008005313233", "00200080????????"),
        ("00A4040C0AD392F0", "00A4040C????????"),
        ("0020008004313233343536", "00200080??????????????"),
        ("313233", "??????"),
        ("3132", "????"),
        ("31", "??"),
        ("", ""),
    ],
)
def test_a_malformed_command_shows_its_header_at_most(raw: str, expected: str) -> None:
    assert shown(raw) == expected
    assert shown(raw, TraceLevel.HEADERS) == expected
    assert shown(raw, TraceLevel.FULL) == raw


def test_headers_shows_no_data_and_full_shows_all() -> None:
    assert shown(SELECT, TraceLevel.HEADERS) == "00A4040C0A" + "??" * 10
    assert shown("00A4040000", TraceLevel.HEADERS) == "00A4040000"
    assert shown("002000800431323334", TraceLevel.FULL) == "002000800431323334"


@pytest.mark.parametrize(
    ("command", "response", "expected"),
    [
        (SELECT, "6F00", "6F00"),
        ("00A4040005A00000015100", "6F028400" + "9000", "6F0284009000"),
        ("00B0000000", "313233349000", "????????9000"),
        ("00B2010400", "010B31319000", "????????9000"),
        ("00C0000000", "6F0284009000", "????????9000"),
        ("0084000008", "01020304050607089000", "????????????????9000"),
        ("00CA5F5100", "E0006A82", "????6A82"),
        ("0CA4040C058703013100", "990290009000", "????????9000"),
        ("0020008005313233", "31329000", "????9000"),
        ("00B0000000", "31", "??"),
        (SELECT, "31", "??"),
        (SELECT, "", ""),
    ],
)
def test_a_response_at_the_default_level(command: str, response: str, expected: str) -> None:
    raw = bytes.fromhex(command)
    parsed = None if raw.startswith(b"\x00\x20\x00\x80\x05") else CommandApdu.parse(raw)
    assert str(redact_response(bytes.fromhex(response), parsed, REDACTED)) == expected
    assert str(redact_response(bytes.fromhex(response), parsed, TraceLevel.FULL)) == response


def test_a_response_without_a_command_is_hidden() -> None:
    assert str(redact_response(b"\x31\x32\x90\0", None, REDACTED)) == "????9000"
    assert str(redact_response(b"\x31\x32\x90\0", None, TraceLevel.HEADERS)) == "????9000"


@pytest.mark.parametrize("ins", range(256))
def test_of_all_commands_only_plain_select_shows_data(ins: int) -> None:
    showing = set()
    for cla in range(256):
        command = CommandApdu(cla, ins, 4, 0, b"12345")
        assert shows_data(command, TraceLevel.FULL)
        assert not shows_data(command, TraceLevel.HEADERS)
        visible = str(redact_command(command.encode(), REDACTED)).endswith("3132333435")
        assert visible is shows_data(command, REDACTED)
        if visible:
            showing.add(cla)
    assert showing == ({*range(0x00, 0x04), *range(0x40, 0x50)} if ins == 0xA4 else set())


@pytest.mark.parametrize("p1", range(256))
def test_only_a_select_by_something_known_shows_data(p1: int) -> None:
    allowed = p1 in (0, 1, 2, 3, 4, 8, 9)
    assert shows_data(CommandApdu(0, 0xA4, p1, 0, b"12345"), REDACTED) is allowed


# -- patterns -------------------------------------------------------------------------------------


def test_a_pattern_matches_what_it_shows() -> None:
    pattern = BytePattern.of(b"\x61") + BytePattern.hidden(2) + BytePattern.of(b"\x90\0")
    assert str(pattern) == "61????9000"
    assert len(pattern) == 5
    assert not pattern.is_exact
    assert pattern.matches(b"\x61\x01\x02\x90\0")
    for other in (
        b"\x61\x01\x90\0",
        b"\x62\1\2\x90\0",
        b"\x61\1\2\x90\1",
        b"\x61\1\2\x90\0\0",
        b"",
    ):
        assert not pattern.matches(other)
    with pytest.raises(ValueError, match="2 of 5"):
        _ = pattern.raw


def test_an_exact_pattern_is_its_bytes() -> None:
    pattern = BytePattern.of(b"\0\xff")
    assert pattern.is_exact
    assert pattern.raw == b"\0\xff"
    assert pattern.matches(b"\0\xff")
    assert str(BytePattern(())) == ""
    assert BytePattern(()).raw == b""
