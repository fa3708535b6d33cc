"""The forms in which a trace is written, and read again where that can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from jukicard.apdu.trace.dump import DumpCommand, DumpError, parse_dump, write_dump
from jukicard.apdu.trace.html import to_html
from jukicard.apdu.trace.jsonfile import from_json, to_json
from jukicard.apdu.trace.pcapng import to_pcapng
from jukicard.apdu.trace.record import MAX_EVENTS, ApduTrace, TraceEntry, TraceError
from jukicard.apdu.trace.redaction import TraceLevel

MAX_BYTES: Final = 16 << 20
"""The largest file of a trace that is read, in bytes."""


def _text(trace: ApduTrace) -> str:
    return "".join(f"{line}\n" for line in trace.lines)


_WRITERS: Final[dict[str, Callable[[ApduTrace], str | bytes]]] = {
    "text": _text,
    "dump": lambda trace: write_dump(trace.events),
    "json": to_json,
    "pcapng": to_pcapng,
    "html": to_html,
}
FORMATS: Final = tuple(_WRITERS)
"""text and html for people, pcapng for Wireshark, json and dump to be read again."""
_BY_SUFFIX: Final = {"txt": "dump", "htm": "html"} | {name: name for name in FORMATS}
_FOREIGN: Final = (
    (b"\x0a\x0d\x0d\x0a", "a capture file"),
    (b"\xd4\xc3\xb2\xa1", "a capture file"),
    (b"\xa1\xb2\xc3\xd4", "a capture file"),
    (b"\x1f\x8b", "a compressed file"),
    (b"PK\x03\x04", "a compressed file"),
    (b"SQLite format 3", "a file of cards"),
    (b"<!", "a page or XML"),
    (b"<?", "a page or XML"),
    (b"<h", "a page or XML"),
)
_ADVICE: Final = "a trace that can be read is JSON or a dump (jukicard trace convert writes both)"


def format_of(name: str) -> str | None:
    """Return the form that the name of a file asks for by what follows its last dot, or None."""
    return _BY_SUFFIX.get(name.rpartition(".")[2].lower())


def write_trace(trace: ApduTrace, form: str) -> bytes:
    """Return the trace in one of FORMATS, as it is: use `at` first to leave out secrets.

    ValueError for an unknown form.
    """
    if form not in _WRITERS:
        raise ValueError(f"there is no form {form!r}; there is {', '.join(FORMATS)}")
    made = _WRITERS[form](trace)
    return made if isinstance(made, bytes) else made.encode()


def read_trace(raw: bytes) -> ApduTrace:
    """Read a trace that was written as json or dump. TraceError in words for anything else.

    The text of the error never has content of the file.
    """
    if len(raw) > MAX_BYTES:
        raise TraceError(f"it has more than {MAX_BYTES >> 20} MiB: record less at a time")
    if not raw.strip():
        raise TraceError("there is nothing in it")
    for magic, what in _FOREIGN:
        if raw.startswith(magic):
            raise TraceError(f"it is {what}, and no trace: {_ADVICE}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TraceError(f"it is no text, and so no trace: {_ADVICE}") from None
    return from_json(text) if text.lstrip().startswith(("{", "[")) else from_dump(text)


def from_dump(text: str) -> ApduTrace:
    """Read a dump, see `jukicard.apdu.trace.dump`. TraceError when it is none or has no event."""
    try:
        events = parse_dump(text)
    except DumpError as error:
        raise TraceError(f"it is no dump of a trace ({error}): {_ADVICE}") from None
    if not events:
        raise TraceError("it has comments and no event")
    if len(events) > MAX_EVENTS:
        raise TraceError(f"it has more than {MAX_EVENTS} events: record less at a time")
    hidden = any(isinstance(event, DumpCommand) and not event.pattern.is_exact for event in events)
    level = TraceLevel.REDACTED if hidden else TraceLevel.FULL
    return ApduTrace(level, entries=map(TraceEntry, events))
