"""A trace that is kept: what of it is kept, written in every form, and read again or refused."""

from __future__ import annotations

import datetime
import json
import struct
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from jukicard.apdu.trace import (
    BytePattern,
    DumpCommand,
    DumpReset,
    DumpResponse,
    TraceLevel,
    parse_dump,
)
from jukicard.apdu.trace.formats import (
    FORMATS,
    MAX_BYTES,
    format_of,
    read_trace,
    write_trace,
)
from jukicard.apdu.trace.record import HAZARD, POWER, ApduTrace, TraceError, TraceNote

ATR = bytes.fromhex("3BE000FF8131FE4514")
PIN = b"7391"
VERIFY = b"\x00\x20\x00\x80\x04" + PIN
READ = bytes.fromhex("00B2010400")
CODE = b"\x01\x0b12345678901"
SELECT = bytes.fromhex("00A4040C0AD3921000310001010401")
NOON = datetime.datetime(2026, 4, 1, 12, tzinfo=datetime.UTC)
SECRETS = (PIN, PIN.hex().encode(), CODE[2:], CODE[2:].hex().encode(), b"C0FFEE", b"\xc0\xff\xee")


def trace(level: TraceLevel = TraceLevel.REDACTED, *, timed: bool = False) -> ApduTrace:
    clock = iter(NOON + datetime.timedelta(seconds=number) for number in range(100))
    made = ApduTrace(
        level, title="a session", clock=(lambda: next(clock)) if timed else None,
        card=b"\xc0\xff\xee",
    )  # fmt: skip
    made.reset(ATR)
    for command, answer in ((SELECT, b"\x90\x00"), (VERIFY, b"\x63\xc2"), (READ, CODE + b"\x90\0")):
        made.command(command)
        made.response(answer)
    made.comment("why: 2 tries left")
    made.comment("Pulled(at=3)", HAZARD)
    made.command(bytes.fromhex("00B0000000"))
    return made


def test_secrets_are_kept_only_where_that_was_asked_for() -> None:
    kept = [event.pattern for event in trace().events if isinstance(event, DumpCommand)]
    assert str(kept[1]) == "0020008004????????"
    full = [e.pattern for e in trace(TraceLevel.FULL).events if isinstance(e, DumpCommand)]
    assert full[1].raw == VERIFY


@pytest.mark.parametrize("level", [TraceLevel.HEADERS, TraceLevel.REDACTED])
@pytest.mark.parametrize("form", FORMATS)
def test_no_form_tells_a_secret(form: str, level: TraceLevel) -> None:
    """Recorded so, or recorded in full and shown so; the card is left out as well."""
    recorded = trace(level)
    recorded.card = b""
    shown = trace(TraceLevel.FULL).at(level)
    assert write_trace(shown, form) == write_trace(recorded, form)
    for secret in SECRETS:
        assert secret not in write_trace(shown, form)


def test_what_a_file_says_of_itself_is_not_believed() -> None:
    lying = trace(TraceLevel.FULL)
    lying.level = TraceLevel.HEADERS
    for secret in SECRETS:
        assert secret not in write_trace(lying.at(TraceLevel.REDACTED), "json")


def test_where_lengths_are_hidden_nothing_is_taken_for_harmless() -> None:
    """A SELECT whose Lc is hidden may be anything: its data are not shown."""
    dump = "> 00A4040C??D3921000310001010401\n< 9000\n"
    [command, _] = read_trace(dump.encode()).at(TraceLevel.REDACTED).events
    assert isinstance(command, DumpCommand)
    assert str(command.pattern) == "00A4040C" + "??" * 11


@pytest.mark.parametrize("level", TraceLevel)
@pytest.mark.parametrize("timed", [False, True])
def test_json_reads_what_it_wrote(level: TraceLevel, timed: bool) -> None:
    written = trace(level, timed=timed)
    read = read_trace(write_trace(written, "json"))
    assert read.entries == written.entries
    assert (read.level, read.title, read.card) == (level, "a session", b"\xc0\xff\xee")
    assert (read.entries[0].time == NOON) is timed


def test_json_says_what_each_event_means() -> None:
    events = json.loads(write_trace(trace(), "json"))["events"]
    assert [event.get("says") for event in events] == [
        None,
        "SELECT by DF name, no answer data",
        "9000 done",
        "VERIFY, reference 00 of the application",
        "63C2 failed, 2 tries left",
        "READ RECORD: record 1",
        "9000 done",
        None,
        None,
        "READ BINARY at offset 0",
    ]


def test_a_dump_has_the_events_without_notes() -> None:
    read = read_trace(write_trace(trace(TraceLevel.FULL), "dump"))
    assert read.events == trace(TraceLevel.FULL).events
    assert not any(isinstance(entry.event, TraceNote) for entry in read.entries)
    assert read.level is TraceLevel.FULL
    assert read_trace(write_trace(trace(), "dump")).level is TraceLevel.REDACTED


def test_text_for_people() -> None:
    assert write_trace(trace(), "text").decode().splitlines()[:5] == [
        "reset, ATR 3BE000FF8131FE4514 (T=1)",
        "> SELECT by DF name, no answer data",
        "    00 A4 04 0C 0A D3921000310001010401",
        "< 9000 done",
        "> VERIFY, reference 00 of the application",
    ]
    assert "# from here on: Pulled(at=3)\n" in write_trace(trace(), "text").decode()


def test_an_unknown_form() -> None:
    with pytest.raises(ValueError, match="there is text, dump, json, pcapng, html"):
        write_trace(trace(), "xml")
    assert [format_of(name) for name in ("a.json", "b.TXT", "c.html", "d", "e.doc")] == [
        "json",
        "dump",
        "html",
        None,
        None,
    ]


VERSION_1 = """\
{"format": "jukicard-trace", "version": 1, "level": "full", "title": "kept", "card": "C0FFEE", "events": [
 {"note": "Pulled(at=3)", "kind": "hazard"},
 {"reset": "3BE000FF8131FE4514", "time": "2026-04-01T12:00:00+00:00"},
 {"command": "0020008004????????", "says": "VERIFY, reference 00 of the application"},
 {"answer": "63C2", "says": "63C2 failed, 2 tries left"},
 {"note": "the power is off", "kind": "power"},
 {"note": "why: wrong value", "kind": "remark"}
]}
"""  # noqa: E501 - as it was written


def test_the_first_version_is_read_for_good() -> None:
    read = read_trace(VERSION_1.encode())
    assert (read.level, read.title, read.card) == (TraceLevel.FULL, "kept", b"\xc0\xff\xee")
    assert [entry.event for entry in read.entries] == [
        TraceNote("Pulled(at=3)", HAZARD),
        DumpReset(ATR),
        DumpCommand(BytePattern((0, 0x20, 0, 0x80, 4, None, None, None, None))),
        DumpResponse(BytePattern.of(b"\x63\xc2")),
        TraceNote("the power is off", POWER),
        TraceNote("why: wrong value"),
    ]
    assert read.entries[1].time == NOON
    assert write_trace(read, "json").decode() == VERSION_1


# -- what cannot be read ---------------------------------------------------------------------------

GOOD = write_trace(trace(), "json")


def changed(**values: object) -> bytes:
    return json.dumps({**json.loads(GOOD), **values}).encode()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "nothing in it"),
        (b" \n\t ", "nothing in it"),
        (b"# only a comment\n", "no event"),
        (b"\x00\x01\x02\xff", "no text"),
        (write_trace(trace(), "pcapng"), "a capture file"),
        (write_trace(trace(), "html"), "a page or XML"),
        (b"\x1f\x8b\x08\x00", "a compressed file"),
        (b"SQLite format 3\x00", "a file of cards"),
        (b"hello world", "line 1"),
        (b"> 00A4\n> 0\n", "line 2"),
        (b"< 9000\n", "without a command"),
        (GOOD[:-20], "cut off"),
        (b"[" * 100_000, "cut off"),
        (b'{"format": ' + b"9" * 10_000 + b"}", "cut off"),
        (b"[]", "no trace of this project"),
        (b"{}", "no trace of this project"),
        (changed(format="har"), "no trace of this project"),
        (changed(version=2), "later release"),
        (changed(version="1"), "version"),
        (changed(version=0), "version"),
        (changed(level="some"), "level is none of headers, redacted, full"),
        (changed(level=None), "level"),
        (changed(title=1), "title"),
        (changed(card="xyz"), "hexadecimal"),
        (changed(events={}), "no list"),
        (changed(events=[1]), "event 1 is none"),
        (changed(events=[{}]), "event 1 is none"),
        (changed(events=[["time", "reset"]]), "event 1 is none"),
        (changed(events=["command"]), "event 1 is none"),
        (changed(events=[[[]]]), "event 1 is none"),
        (changed(events=[{"reset": "3B0"}]), "event 1 is none"),
        (changed(events=[{"reset": "??"}]), "event 1 is none"),
        (changed(events=[{"command": "0"}]), "event 1 is none"),
        (changed(events=[{"command": ["00"]}]), "event 1 is none"),
        (changed(events=[{"command": "00B0", "time": "noon"}]), "event 1 is none"),
        (changed(events=[{"command": "00B0", "time": "2026-04-01T12:00:00"}]), "event 1 is none"),
        (changed(events=[{"note": "x", "kind": "secret"}]), "event 1 is none"),
        (changed(events=[{"answer": "9000"}]), "event 1 is an answer without"),
        (changed(events=[{"reset": ""}, {"answer": "9000"}]), "event 2 is an answer without"),
    ],
)  # fmt: skip
def test_what_is_no_trace_is_refused_in_words(raw: bytes, said: str) -> None:
    with pytest.raises(TraceError, match=said) as caught:
        read_trace(raw)
    assert "xyz" not in str(caught.value)


def test_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(TraceError, match="16 MiB"):
        read_trace(b">" * (MAX_BYTES + 1))
    with pytest.raises(TraceError, match="200000 events"):
        read_trace(b"RESET\n" * 200_001)


# -- Wireshark's file, read by its definition ------------------------------------------------------


def blocks(raw: bytes) -> Iterator[tuple[int, bytes]]:
    while raw:
        kind, size = struct.unpack_from("<II", raw)
        assert size % 4 == 0
        assert raw[size - 4 : size] == raw[4:8]
        yield kind, raw[8 : size - 4]
        raw = raw[size:]


def test_pcapng_by_its_definition() -> None:
    found = list(blocks(write_trace(trace(timed=True), "pcapng")))
    assert [kind for kind, _ in found[:3]] == [0x0A0D0D0A, 1, 6]
    assert struct.unpack_from("<H", found[1][1])[0] == 252
    pdus = []
    times = []
    for _, body in found[2:]:
        _, high, low, size, whole = struct.unpack_from("<IIIII", body)
        times.append(high << 32 | low)
        assert size == whole
        pdus.append(body[20 : 20 + size])
    assert (
        pdus[0]
        == bytes.fromhex("000C000C")
        + b"iso7816.atr\0"
        + bytes.fromhex("002300040000000100000000")
        + ATR
    )
    sent = bytes.fromhex("000C0008") + b"iso7816\0" + bytes.fromhex("002300040000000000000000")
    received = sent[:-8] + bytes.fromhex("0000000100000000")
    assert pdus[1:4] == [sent + SELECT, received + b"\x90\0", sent + VERIFY[:5] + bytes(4)]
    assert len(pdus) == 8
    assert times[0] == int(NOON.timestamp()) * 10**6
    assert times == sorted(times)
    assert b"4 bytes hidden, shown as 00" in found[5][1]
    assert b"why: 2 tries left" in found[8][1]


def test_pcapng_without_times_counts() -> None:
    found = list(blocks(write_trace(trace(), "pcapng")))[2:]
    assert [struct.unpack_from("<III", body)[2] for _, body in found] == list(range(8))


# -- hostile contents ------------------------------------------------------------------------------

HOSTILE = "<script>alert('1')</script>\x1b[2J\u202e\n</td>&\"\x00"


def hostile() -> ApduTrace:
    made = ApduTrace(TraceLevel.FULL, title=HOSTILE)
    made.reset(b"<b>\x1b[2J</b>")
    made.comment(HOSTILE)
    made.command(b"\x00\x20\x00\x80\x09</table>\x1b")
    made.response(b"<i>\x90\x00")
    made.command(b"</p>")
    made.response(b"<")
    made.comment(HOSTILE, HAZARD)
    return read_trace(write_trace(made, "json"))


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.said += data


def test_a_page_runs_and_loads_nothing() -> None:
    page = Page()
    page.feed(write_trace(hostile(), "html").decode())
    assert set(page.tags) <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "p", "table", "tr", "th", "td"),
        *("code", "pre", "time"),
    }
    assert not {name for name, _ in page.attributes} & {"src", "href", "style", "onclick"}
    assert "<script>alert('1')</script>?[2J?" in page.said
    assert "default-src 'none'" in str(page.attributes)


def test_the_page_shows_what_was_said() -> None:
    page = Page()
    page.feed(write_trace(trace(timed=True), "html").decode())
    assert "VERIFY, reference 00 of the application" in page.said
    assert "00 20 00 80 04 <4 bytes>" in page.said
    assert "63C2 failed, 2 tries left" in page.said
    assert "2026-04-01 12:00:00+00:00" in page.said
    assert ("class", "refused") in page.attributes


def test_the_page_draws_the_data_objects_of_an_answer() -> None:
    made = ApduTrace(TraceLevel.FULL)
    made.command(bytes.fromhex("00A4040000"))
    made.response(bytes.fromhex("6F0C840AD3921000310001010401 9000"))
    page = Page()
    page.feed(write_trace(made, "html").decode())
    assert "6F 12 bytes\n  84 D3921000310001010401" in page.said


@pytest.mark.parametrize("form", ["text", "html", "pcapng"])
def test_nothing_for_people_controls_a_terminal(form: str) -> None:
    shown = write_trace(hostile(), form)
    text = shown.decode("utf-8", "ignore")
    assert "\u202e" not in text
    if form != "pcapng":  # there the bytes themselves are
        assert "\x1b" not in text
        assert "\x00" not in text


def test_dump_of_hostile_bytes_reads_back() -> None:
    assert parse_dump(write_trace(hostile(), "dump").decode()) == hostile().events
    assert isinstance(hostile().events[2], DumpResponse)
