"""A trace as JSON: one object, an event a line.

    {"format": "jukicard-trace", "version": 1, "level": "redacted", "title": "", "events": [
     {"reset": "3BE000FF8131FE4514", "time": "2026-04-01T09:00:00+00:00"},
     {"command": "0020008004????????", "says": "VERIFY, reference 00 of the application"},
     {"answer": "9000", "says": "9000 done"},
     {"note": "PIN: tries left 3", "kind": "remark"}
    ]}

`says` is for readers of the file; it is not read back. `time` and `card` are there where known.
"""

from __future__ import annotations

import datetime
import json
from typing import Any, Final

from jukicard.apdu.trace.dump import (
    DumpCommand,
    DumpError,
    DumpReset,
    DumpResponse,
    parse_bytes,
)
from jukicard.apdu.trace.readable import meaning_of, status_of, status_text
from jukicard.apdu.trace.record import (
    MAX_EVENTS,
    NOTES,
    REMARK,
    ApduTrace,
    TraceEntry,
    TraceError,
    TraceEvent,
    TraceNote,
)
from jukicard.apdu.trace.redaction import BytePattern, TraceLevel, parse_pattern

FORMAT: Final = "jukicard-trace"
VERSION: Final = 1


def to_json(trace: ApduTrace) -> str:
    """Return the trace as JSON, which `from_json` reads back."""
    head: dict[str, object] = {
        "format": FORMAT,
        "version": VERSION,
        "level": trace.level.value,
        "title": trace.title,
    }
    if trace.card:
        head["card"] = trace.card.hex().upper()
    events = ",\n ".join(json.dumps(_written(entry)) for entry in trace.entries)
    return f'{json.dumps(head)[:-1]}, "events": [\n {events}\n]}}\n'


def _written(entry: TraceEntry) -> dict[str, str]:
    made = _written_event(entry.event)
    return made if entry.time is None else made | {"time": entry.time.isoformat()}


def _written_event(event: TraceEvent) -> dict[str, str]:
    match event:
        case DumpReset(atr):
            return {"reset": atr.hex().upper()}
        case DumpCommand(pattern):
            return {"command": str(pattern), "says": meaning_of(pattern, parse_pattern(pattern))}
        case DumpResponse(pattern):
            says = status_text(status_of(pattern)) if len(pattern) > 1 else "malformed"
            return {"answer": str(pattern), "says": says}
        case TraceNote(text, kind):
            return {"note": text, "kind": kind}


def from_json(text: str) -> ApduTrace:
    """Read a trace. TraceError in words; the text has the number of an event, never its content."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        raise TraceError("it is no whole JSON: it was cut off, or changed by hand") from None
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise TraceError("it is JSON, and no trace of this project")
    version = read.get("version")
    if not isinstance(version, int) or version < 1:
        raise TraceError("its version is no number")
    if version > VERSION:
        raise TraceError(
            f"it was written by a later release (version {version}, this one reads {VERSION}): "
            "read it with that one"
        )
    return _trace(read)


def _trace(read: dict[str, Any]) -> ApduTrace:
    levels = {level.value: level for level in TraceLevel}
    level, events = levels.get(str(read.get("level"))), read.get("events")
    if level is None:
        raise TraceError(f"its level is none of {', '.join(levels)}")
    if not isinstance(events, list):
        raise TraceError("it has no list of events")
    if len(events) > MAX_EVENTS:
        raise TraceError(f"it has more than {MAX_EVENTS} events: record less at a time")
    try:
        title, card = _text(read.get("title", "")), bytes.fromhex(_text(read.get("card", "")))
    except (ValueError, TypeError):
        raise TraceError("its title is no text, or its card no hexadecimal digits") from None
    trace = ApduTrace(level, title=title, card=card)
    answerable = False
    for number, event in enumerate(events, start=1):
        try:
            entry = _entry(event)
        except (ValueError, TypeError, KeyError, OverflowError):
            raise TraceError(
                f"event {number} is none: an event has reset, command, answer or note, and "
                "perhaps a time"
            ) from None
        if isinstance(entry.event, DumpResponse) and not answerable:
            raise TraceError(f"event {number} is an answer without a command before it")
        if not isinstance(entry.event, TraceNote):
            answerable = isinstance(entry.event, DumpCommand)
        trace.entries.append(entry)
    return trace


def _entry(event: Any) -> TraceEntry:
    if not isinstance(event, dict):
        raise TypeError("no object")
    time = None
    if "time" in event:
        time = datetime.datetime.fromisoformat(_text(event["time"]))
        if time.tzinfo is None:
            raise ValueError("a time without a zone")
    return TraceEntry(_event(event), time)


def _event(event: dict[str, Any]) -> TraceEvent:
    if "reset" in event:
        return DumpReset(bytes.fromhex(_text(event["reset"])))
    if "command" in event:
        return DumpCommand(_pattern(event["command"]))
    if "answer" in event:
        return DumpResponse(_pattern(event["answer"]))
    kind = _text(event.get("kind", REMARK))
    if kind not in NOTES:
        raise ValueError("an unknown kind of note")
    return TraceNote(_text(event["note"]), kind)


def _pattern(text: object) -> BytePattern:
    try:
        return parse_bytes(_text(text))
    except DumpError as error:
        raise ValueError from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value
