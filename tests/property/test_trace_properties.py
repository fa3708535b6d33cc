"""No secret comes through a trace, whatever the bytes around it, and every dump reads back."""

from __future__ import annotations

from hypothesis import given, strategies as st

from jukicard.apdu import (
    BytePattern,
    CommandApdu,
    DumpCommand,
    DumpEvent,
    DumpReset,
    DumpResponse,
    DumpWriter,
    MalformedApduError,
    Trace,
    TraceLevel,
    parse_dump,
    write_dump,
)
from jukicard.apdu.trace.difference import compare_traces
from jukicard.apdu.trace.formats import FORMATS, read_trace, write_trace
from jukicard.apdu.trace.record import ApduTrace, TraceEntry

SECRET = bytes.fromhex("C0FFEE5EC2E7D00D")
"""Eight bytes that nothing else in these tests contains."""
byte = st.integers(0, 255)
small = st.binary(max_size=6)


def watched(commands: list[tuple[bytes, bytes]], level: TraceLevel) -> str:
    """Return everything that a trace and a dump of these exchanges show, without blanks."""
    trace = Trace(level)
    lines: list[str] = []
    writer = DumpWriter(lines.append, level)
    kept, full = ApduTrace(level), ApduTrace(TraceLevel.FULL)
    for command, response in commands:
        for observer in (trace, writer, kept, full):
            observer.command(command)
            observer.response(response)
    files = [write_trace(one, form) for one in (kept, full.at(level)) for form in FORMATS]
    written = "".join(file.decode("latin-1") + file.hex().upper() for file in files)
    return "".join((trace.text + "".join(lines) + written).split())


def shows(text: str) -> bool:
    """Tell whether any three consecutive bytes of the secret are in `text`."""
    return any(SECRET[i : i + 3].hex().upper() in text for i in range(len(SECRET) - 2))


# A plain SELECT shows its data and its answer, and is no command to send a secret with.
shown_at_default = {*range(0x00, 0x04), *range(0x40, 0x50)}
hiding_headers = st.tuples(byte, byte, byte, byte).filter(
    lambda header: header[1] != 0xA4 or header[0] not in shown_at_default
)


@given(
    hiding_headers, small, small, st.integers(0, 256), st.booleans(),
    st.sampled_from((TraceLevel.REDACTED, TraceLevel.HEADERS)),
)  # fmt: skip
def test_the_data_of_a_command_and_its_answer_stay_hidden(
    header: tuple[int, int, int, int],
    before: bytes,
    after: bytes,
    ne: int,
    extended: bool,
    level: TraceLevel,
) -> None:
    cla, ins, p1, p2 = header
    data = before + SECRET + after
    command = CommandApdu(cla, ins, p1, p2, data, ne, extended=extended)
    assert not shows(watched([(command.encode(), data + b"\x90\0")], level))
    assert shows(watched([(command.encode(), b"\x90\0")], TraceLevel.FULL))


@given(
    byte, byte, byte, byte, small, small, st.sampled_from((TraceLevel.REDACTED, TraceLevel.HEADERS))
)
def test_what_is_malformed_stays_hidden(
    cla: int, ins: int, p1: int, p2: int, before: bytes, after: bytes, level: TraceLevel
) -> None:
    raw = bytes((cla, ins, p1, p2)) + before + SECRET + after
    try:
        CommandApdu.parse(raw)
    except MalformedApduError:
        assert not shows(watched([(raw, before + SECRET + b"\x90\0")], level))


@given(
    st.binary(min_size=1, max_size=3), st.sampled_from((TraceLevel.REDACTED, TraceLevel.HEADERS))
)
def test_what_is_shorter_than_a_header_stays_hidden(raw: bytes, level: TraceLevel) -> None:
    trace = Trace(level)
    trace.command(raw)
    assert trace.lines[1:] == (f"    <{len(raw)} byte{'s' if len(raw) > 1 else ''}>",)


@given(
    st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=40))), st.sampled_from(TraceLevel)
)
def test_a_dump_of_any_bytes_reads_back_and_matches(
    exchanges: list[tuple[bytes, bytes]], level: TraceLevel
) -> None:
    lines: list[str] = []
    writer = DumpWriter(lines.append, level)
    for command, response in exchanges:
        writer.command(command)
        writer.response(response)
    events = parse_dump("\n".join(lines))
    assert len(events) == 2 * len(exchanges)
    sent = [raw for exchange in exchanges for raw in exchange]
    for event, raw in zip(events, sent, strict=True):
        assert not isinstance(event, DumpReset)
        assert event.pattern.matches(raw)
        assert event.pattern.is_exact or level is not TraceLevel.FULL


patterns = st.lists(st.one_of(st.none(), byte), max_size=20).map(
    lambda values: BytePattern(tuple(values))
)
blocks: st.SearchStrategy[tuple[DumpEvent, ...]] = st.one_of(
    st.binary(max_size=33).map(lambda atr: (DumpReset(atr),)),
    patterns.map(lambda command: (DumpCommand(command),)),
    st.tuples(patterns.map(DumpCommand), patterns.map(DumpResponse)),
)


@given(st.lists(blocks, max_size=6))
def test_events_survive(given_blocks: list[tuple[DumpEvent, ...]]) -> None:
    events = tuple(event for block in given_blocks for event in block)
    assert parse_dump(write_dump(events)) == events


@given(st.lists(blocks, max_size=6), st.sampled_from(TraceLevel), st.text(max_size=9))
def test_a_kept_trace_survives(
    given_blocks: list[tuple[DumpEvent, ...]], level: TraceLevel, text: str
) -> None:
    trace = ApduTrace(level, title=text)
    for block in given_blocks:
        trace.entries += map(TraceEntry, block)
        trace.comment(text)
    trace.reset(b"\x3b\x00")
    read = read_trace(write_trace(trace, "json"))
    assert (read.entries, read.level, read.title) == (trace.entries, level, text)
    assert read_trace(write_trace(trace, "dump")).events == trace.events
    assert compare_traces(trace, read) == []
    for form in FORMATS:
        for shown in TraceLevel:
            write_trace(trace.at(shown), form)


@given(st.lists(blocks, max_size=6), st.sampled_from(TraceLevel), st.sampled_from(TraceLevel))
def test_what_is_hidden_once_is_hidden(
    given_blocks: list[tuple[DumpEvent, ...]], first: TraceLevel, second: TraceLevel
) -> None:
    """Whatever is hidden in it already, a lower level shows no more than a higher one."""
    trace = ApduTrace(TraceLevel.FULL)
    for block in given_blocks:
        trace.entries += map(TraceEntry, block)
    lower, higher = sorted((first, second), key=[*TraceLevel].index)
    assert trace.at(higher).at(lower).events == trace.at(lower).events
    for less, more in zip(trace.at(lower).events, trace.at(higher).events, strict=True):
        if not isinstance(less, DumpReset) and not isinstance(more, DumpReset):
            assert all(
                one is None or one == other
                for one, other in zip(less.pattern.values, more.pattern.values, strict=True)
            )


@given(st.lists(blocks, max_size=5), st.lists(blocks, max_size=5))
def test_a_difference_is_one_from_both_sides(
    left: list[tuple[DumpEvent, ...]], right: list[tuple[DumpEvent, ...]]
) -> None:
    one, other = (
        ApduTrace(entries=[TraceEntry(event) for block in blocks for event in block])
        for blocks in (left, right)
    )
    assert bool(compare_traces(one, other)) is bool(compare_traces(other, one))
    assert compare_traces(one, one) == []
