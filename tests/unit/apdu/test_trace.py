"""Traces for people and dumps for replay: readable, exact, and without secrets by default."""

from __future__ import annotations

import pytest

from jukicard.apdu import (
    BytePattern,
    DumpCommand,
    DumpError,
    DumpReset,
    DumpResponse,
    DumpWriter,
    Trace,
    TraceLevel,
    TraceObserver,
    parse_dump,
    write_dump,
)

ATR = bytes.fromhex("3BE000FF8131FE4514")
PIN = "31323334"
CODE = "010B3132333435363738393031"


def play(observer: TraceObserver) -> None:
    """Let an observer see a reset, a SELECT, two VERIFY, a protected read and a mistake."""
    observer.reset(ATR)
    for command, response in (
        ("00A4040C0AD392F000260100000001", "9000"),
        ("00200080", "63C3"),
        (f"0020008004{PIN}", "63C2"),
        ("00B2010400", f"{CODE}9000"),
        ("0CB0000000000D97010A8E0801020304050607080000", "87090101020304050607089000"),
        (f"0020008005{PIN}", "6700"),
        ("00A4040007A000000151000000", "6F0A8408A0000001510000009000"),
    ):
        observer.command(bytes.fromhex(command))
        observer.response(bytes.fromhex(response))
    observer.reset(b"")


READABLE = """\
reset, ATR 3BE000FF8131FE4514 (T=1)
> SELECT by DF name, no answer data
    00 A4 04 0C 0A D392F000260100000001
< 9000 done
> VERIFY: how many tries are left, reference 00 of the application
    00 20 00 80
< 63C3 failed, 3 tries left
> VERIFY, reference 00 of the application
    00 20 00 80 04 <4 bytes>
< 63C2 failed, 2 tries left
> READ RECORD: record 1
    00 B2 01 04 00
< <13 bytes> 9000 done
> READ BINARY at offset 0 [secure messaging]
    0C B0 00 00 00000D <13 bytes> 0000
< <11 bytes> 9000 done
> malformed command of 9 bytes
    00 20 00 80 <5 bytes>
< 6700 wrong length
> SELECT by DF name, FCI
    00 A4 04 00 07 A0000001510000 00
< 6F0A8408A000000151000000 9000 done
reset
"""

DUMP = """\
ATR 3BE000FF8131FE4514
> 00A4040C0AD392F000260100000001
< 9000
> 00200080
< 63C3
> 0020008004????????
< 63C2
> 00B2010400
< ??????????????????????????9000
> 0CB0000000000D??????????????????????????0000
< ??????????????????????9000
> 00200080??????????
< 6700
> 00A4040007A000000151000000
< 6F0A8408A0000001510000009000
RESET
"""


def test_a_trace_is_readable_and_shows_no_secret() -> None:
    trace = Trace()
    play(trace)
    assert trace.text == READABLE
    assert trace.lines == tuple(READABLE.splitlines())
    assert trace.level is TraceLevel.REDACTED
    assert PIN not in trace.text
    assert CODE not in trace.text


def test_the_level_headers_shows_no_data_at_all() -> None:
    trace = Trace(TraceLevel.HEADERS)
    play(trace)
    for secret in (PIN, CODE, "D392F000260100000001", "A000000151"):
        assert secret not in trace.text
    assert "    00 A4 04 0C 0A <10 bytes>\n< 9000 done\n" in trace.text
    assert "< <12 bytes> 9000 done\n" in trace.text
    assert "> SELECT by DF name, no answer data\n" in trace.text


def test_the_level_full_shows_everything() -> None:
    trace = Trace(TraceLevel.FULL)
    play(trace)
    assert f"    00 20 00 80 04 {PIN}\n" in trace.text
    assert f"< {CODE} 9000 done\n" in trace.text
    assert f"    00 20 00 80 05{PIN}\n" in trace.text
    assert "<" not in trace.text.replace("\n< ", "\n")


def test_a_trace_keeps_the_last_lines_or_hands_them_over() -> None:
    trace = Trace(keep=4)
    play(trace)
    assert trace.lines == tuple(READABLE.splitlines()[-4:])
    lines: list[str] = []
    handing = Trace(write=lines.append)
    play(handing)
    assert lines == READABLE.splitlines()
    assert handing.lines == ()


def test_a_trace_holds_no_secret_between_command_and_response() -> None:
    trace = Trace()
    writer = DumpWriter(lambda line: None)
    for observer in (trace, writer):
        observer.command(bytes.fromhex(f"0020008004{PIN}"))
        held = [getattr(observer, name) for name in type(observer).__slots__]
        assert b"1234" not in [getattr(value, "data", None) for value in held]
        assert PIN not in repr(held)


@pytest.mark.parametrize(
    ("command", "response", "lines"),
    [
        ("00", "6700", ("> malformed command of 1 byte", "    <1 byte>", "< 6700 wrong length")),
        ("", "", ("> malformed command of 0 bytes", "< malformed response of 0 bytes")),
        ("00B0000000", "61", ("> READ BINARY at offset 0", "    00 B0 00 00 00",
                              "< malformed response of 1 byte")),
        ("00A40400", "9000", ("> SELECT by DF name, FCI", "    00 A4 04 00", "< 9000 done")),
        ("00B0000000FFFF", "9000", ("> READ BINARY at offset 0", "    00 B0 00 00 00FFFF",
                                    "< 9000 done")),
        ("00C0000000", "416108", ("> GET RESPONSE of 256 bytes", "    00 C0 00 00 00",
                                  "< <1 byte> 6108 done, more bytes wait for GET RESPONSE")),
    ],
)  # fmt: skip
def test_edges(command: str, response: str, lines: tuple[str, ...]) -> None:
    trace = Trace()
    trace.command(bytes.fromhex(command))
    trace.response(bytes.fromhex(response))
    assert trace.lines == lines


def test_a_malformed_response_is_shown_at_the_level_full_only() -> None:
    for level in TraceLevel:
        trace = Trace(level)
        trace.response(b"\x31")
        shown = ": 31" if level is TraceLevel.FULL else ""
        assert trace.lines == (f"< malformed response of 1 byte{shown}",)


def test_a_response_alone_or_twice_is_hidden() -> None:
    trace = Trace()
    trace.command(bytes.fromhex("00A4040005A000000151"))
    for _ in range(2):
        trace.response(bytes.fromhex("6F0084009000"))
    trace.reset(b"")
    trace.response(bytes.fromhex("6F0084009000"))
    assert trace.lines[2:] == ("< 6F008400 9000 done", "< <4 bytes> 9000 done", "reset",
                               "< <4 bytes> 9000 done")  # fmt: skip


def test_a_malformed_answer_to_reset_is_named_so() -> None:
    trace = Trace()
    trace.reset(b"\x3b\xff")
    assert trace.lines == ("reset, ATR 3BFF (malformed)",)


def test_comments_stand_on_lines_of_their_own() -> None:
    trace = Trace()
    lines: list[str] = []
    trace.comment("one\ntwo")
    DumpWriter(lines.append).comment("one\n\ntwo")
    assert trace.lines == ("# one", "# two")
    assert lines == ["# one", "#", "# two"]
    assert parse_dump("\n".join(lines)) == ()


# -- dumps ----------------------------------------------------------------------------------------


def dump(level: TraceLevel = TraceLevel.REDACTED) -> str:
    lines: list[str] = []
    play(DumpWriter(lines.append, level))
    return "".join(f"{line}\n" for line in lines)


def test_a_dump_has_wildcards_for_what_is_hidden() -> None:
    assert dump() == DUMP
    assert "D392F0" not in dump(TraceLevel.HEADERS)


@pytest.mark.parametrize("level", TraceLevel)
def test_a_dump_survives(level: TraceLevel) -> None:
    text = dump(level)
    events = parse_dump(text)
    assert len(events) == 16
    assert write_dump(events) == text


def test_a_full_dump_is_exact_and_matches_the_redacted_one() -> None:
    full = parse_dump(dump(TraceLevel.FULL))
    redacted = parse_dump(dump())
    assert full[0] == redacted[0] == DumpReset(ATR)
    assert full[-1] == DumpReset(b"")
    assert full[5] == DumpCommand(BytePattern.of(bytes.fromhex(f"0020008004{PIN}")))
    for exact, hidden in zip(full, redacted, strict=True):
        if not isinstance(exact, DumpReset) and not isinstance(hidden, DumpReset):
            assert type(exact) is type(hidden)
            assert hidden.pattern.matches(exact.pattern.raw)


def test_a_dump_is_read_with_comments_blanks_and_either_case() -> None:
    text = (
        "# a card\n\n  ATR 3b e0 00 ff 81 31 fe 45 14\r\n> 00 a4 04 0c\n\t< ?? 90 00\n> \n<\nRESET"
    )
    assert parse_dump(text) == (
        DumpReset(ATR),
        DumpCommand(BytePattern.of(bytes.fromhex("00A4040C"))),
        DumpResponse(BytePattern((None, 0x90, 0x00))),
        DumpCommand(BytePattern(())),
        DumpResponse(BytePattern(())),
        DumpReset(b""),
    )


def test_a_command_without_an_answer_is_a_card_that_kept_silent() -> None:
    events = parse_dump("> 00B0000000\n> 00B0000000\nRESET\n")
    assert [type(event) for event in events] == [DumpCommand, DumpCommand, DumpReset]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("< 9000", "without a command"),
        ("> 00B0000000\n< 9000\n< 9000", "line 3: a response without a command"),
        ("ATR 3B00\n< 9000", "line 2: a response without a command"),
        ("> 00B00000000", "half a byte"),
        ("> 00B0000G", "hexadecimal"),
        ("> 00B0?000", "hexadecimal"),
        ("> 00B000??0?", "hexadecimal"),
        (">00B00000", "begins with none"),
        ("00B00000", "begins with none"),
        ("atr 3B00", "begins with none"),
        ("RESET 3B00", "begins with none"),
        ("ATR", "known in full"),
        ("ATR 3B??", "known in full"),
        ("> +1+2+3+4", "hexadecimal"),
        ("> ０１０２", "hexadecimal"),
        ("> 0x00B0", "hexadecimal"),
    ],
)
def test_what_is_no_dump_is_refused(text: str, why: str) -> None:
    with pytest.raises(DumpError, match=why):
        parse_dump(text)


def test_an_error_never_quotes_the_line() -> None:
    with pytest.raises(DumpError) as refused:
        parse_dump(f"> 0020008004{PIN}Z0")
    assert str(refused.value) == "line 1: neither hexadecimal digits nor ??"
