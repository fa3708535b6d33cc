"""A trace as a page for a browser: one file that loads nothing and runs nothing."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from html import escape
from typing import Final

from jukicard.apdu.trace.dump import DumpCommand, DumpReset, DumpResponse
from jukicard.apdu.trace.objects import object_lines
from jukicard.apdu.trace.readable import (
    command_bytes,
    data_text,
    meaning_of,
    reset_line,
    response_line,
    status_of,
    status_text,
)
from jukicard.apdu.trace.record import ApduTrace, TraceEvent, printable
from jukicard.apdu.trace.redaction import parse_pattern

_LEVELS: Final = {
    "headers": "without the data of any command or answer",
    "redacted": "without PINs, keys, codes and contents",
    "full": "with everything, PINs and keys too",
}
_HEAD: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ padding: .3em .6em; text-align: left; vertical-align: top }}
tr {{ border-top: 1px solid #8884 }}
code, pre {{ font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; margin: 0 }}
pre {{ white-space: pre-wrap }}
.command {{ font-weight: 600 }}
.refused {{ color: #b3261e; font-weight: 600 }}
.note, .reset, time {{ color: #666 }}
time {{ font-weight: normal; white-space: nowrap }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{commands} commands, {level}.</p>
<table>
<tr><th>#</th><th>time</th><th>what was said</th><th>bytes</th></tr>
"""


def to_html(trace: ApduTrace) -> str:
    """Return the page: a row an event, what it means and its bytes as far as the trace has them."""
    commands = sum(isinstance(entry.event, DumpCommand) for entry in trace.entries)
    head = _HEAD.format(
        title=_text(trace.title or "What terminal and card said"),
        commands=commands,
        level=_LEVELS[trace.level.value],
    )
    return head + "".join(_rows(trace)) + "</table>\n</body>\n</html>\n"


def _rows(trace: ApduTrace) -> Iterator[str]:
    number = 0
    for event, time in trace.entries:
        number += isinstance(event, DumpCommand)
        kind, said, shown = _cells(event)
        which = str(number) if isinstance(event, DumpCommand) else ""
        yield (
            f'<tr class="{kind}"><td>{which}</td><td>{_time(time)}</td>'
            f"<td>{_text(said)}</td><td>{shown}</td></tr>\n"
        )


def _cells(event: TraceEvent) -> tuple[str, str, str]:
    """Return the class of a row, what it says, and its bytes as HTML."""
    match event:
        case DumpReset():
            return "reset", reset_line(event.atr), ""
        case DumpCommand(pattern):
            command = parse_pattern(pattern)
            shown = _text(command_bytes(pattern, command))
            return "command", f"→ {meaning_of(pattern, command)}", f"<code>{shown}</code>"
        case DumpResponse(pattern) if len(pattern) < 2:
            return "refused", response_line(pattern), ""
        case DumpResponse(pattern):
            status, data = status_of(pattern), pattern.part(0, -2)
            kind = "answer" if status is not None and status.is_ok else "refused"
            shown = f"<code>{_text(data_text(data))}</code>" if len(data) else ""
            tree = object_lines(data.raw) if data.is_exact else []
            if tree:
                shown += f"<pre>{_text(chr(10).join(tree))}</pre>"
            return kind, f"← {status_text(status)}", shown
        case _:
            return "note", str(event), ""


def _time(time: datetime.datetime | None) -> str:
    return "" if time is None else f"<time>{_text(time.isoformat(' '))}</time>"


def _text(said: str) -> str:
    """Return text of anybody's as HTML shows it."""
    return escape("\n".join(printable(line) for line in said.splitlines()))
