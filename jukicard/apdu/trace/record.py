"""What was said between a terminal and a card, kept event for event, to be written and read."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.trace.dump import DumpCommand, DumpEvent, DumpReset, DumpResponse
from jukicard.apdu.trace.readable import command_lines, reset_line, response_line
from jukicard.apdu.trace.redaction import (
    TraceLevel,
    parse_pattern,
    redact_command,
    redact_response,
    without_data,
)

MAX_EVENTS: Final = 200_000
"""The most events of a trace that is read from a file."""
REMARK: Final = "remark"
HAZARD: Final = "hazard"
POWER: Final = "power"
NOTES: Final = (REMARK, HAZARD, POWER)
"""Kinds of notes: words for people, a hazard that the card has from here on, its power taken."""


class TraceError(ValueError):
    """A trace cannot be read, or not be used for this; the text says why, and has no data."""


@dataclass(frozen=True, slots=True)
class TraceNote:
    """What is said of the events around it: why the card refused, what happened. No secret."""

    text: str
    kind: str = REMARK

    def __str__(self) -> str:
        """Return it for people, as it was given: it may hold what controls a terminal."""
        return f"from here on: {self.text}" if self.kind == HAZARD else self.text


TraceEvent = DumpEvent | TraceNote


class TraceEntry(NamedTuple):
    """An event and when it was; None where nobody said."""

    event: TraceEvent
    time: datetime.datetime | None = None


class ApduTrace:
    """An observer that keeps what it may: a trace, to be shown, written, compared and replayed.

    It is given to `build_channel(observer=)`, or stands in a `TracedCard`.

    level: how much is kept. FULL keeps PINs, keys and resident codes: for synthetic cards only.
    title: what it is a trace of, in a few words.
    clock: tells the time of an event; without one, no times are kept.
    card: the card as it was before (an export of its memory, with its keys), so that the session
        can be repeated; of synthetic cards only.
    """

    def __init__(
        self,
        level: TraceLevel = TraceLevel.REDACTED,
        *,
        title: str = "",
        clock: Callable[[], datetime.datetime] | None = None,
        card: bytes = b"",
        entries: Iterable[TraceEntry] = (),
    ) -> None:
        self.level = level
        self.title = title
        self.card = card
        self.entries = list(entries)
        """Every event with its time, oldest first."""
        self._clock = clock
        self._last: CommandApdu | None = None

    def __repr__(self) -> str:
        return f"<ApduTrace {self.level.value}, {len(self.entries)} events>"

    @property
    def events(self) -> tuple[DumpEvent, ...]:
        """Resets, commands and answers, without notes and times."""
        return tuple(e.event for e in self.entries if not isinstance(e.event, TraceNote))

    # -- an observer -------------------------------------------------------------------------------

    def command(self, raw: bytes) -> None:
        """Keep a command."""
        shown = redact_command(raw, self.level)
        self._last = without_data(parse_pattern(shown))
        self._keep(DumpCommand(shown))

    def response(self, raw: bytes) -> None:
        """Keep the answer to the last command."""
        self._keep(DumpResponse(redact_response(raw, self._last, self.level)))
        self._last = None

    def reset(self, atr: bytes) -> None:
        """Keep a reset and the answer to it."""
        self._last = None
        self._keep(DumpReset(atr))

    def comment(self, text: str, kind: str = REMARK) -> None:
        """Keep a note; the caller answers for what is in it."""
        self._keep(TraceNote(text, kind))

    def _keep(self, event: TraceEvent) -> None:
        self.entries.append(TraceEntry(event, None if self._clock is None else self._clock()))

    # -- what can be made of it --------------------------------------------------------------------

    def at(self, level: TraceLevel) -> ApduTrace:
        """Return what of this trace is shown at a level; below FULL the card is left out.

        What the trace says of its own level is not believed.
        """
        if level is TraceLevel.FULL:
            return self
        lower = min(level, self.level, key=[*TraceLevel].index)
        made = ApduTrace(lower, title=self.title)
        last: CommandApdu | None = None
        for event, time in self.entries:
            kept: TraceEvent = event
            if isinstance(event, DumpCommand):
                last = parse_pattern(event.pattern)
                kept = DumpCommand(redact_command(event.pattern, level))
            elif isinstance(event, DumpResponse):
                kept = DumpResponse(redact_response(event.pattern, last, level))
            made.entries.append(TraceEntry(kept, time))
        return made

    @property
    def lines(self) -> Iterator[str]:
        """The trace for people: two lines a command, one an answer, and the notes."""
        for event, _ in self.entries:
            yield from event_lines(event)


def event_lines(event: TraceEvent) -> list[str]:
    """Return an event for people; of a stranger's text nothing that moves a terminal's cursor."""
    match event:
        case DumpReset(atr):
            return [reset_line(atr)]
        case DumpCommand(pattern):
            return command_lines(pattern, parse_pattern(pattern))
        case DumpResponse(pattern):
            return [response_line(pattern)]
        case TraceNote():
            return [f"# {printable(line)}" for line in str(event).splitlines()]


def printable(text: str) -> str:
    """Return text of anybody's with `?` for what cannot be printed, or turns writing round."""
    return "".join(one if one.isprintable() else "?" for one in text)
