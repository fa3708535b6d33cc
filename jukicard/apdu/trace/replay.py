"""A trace played again: as the card that was recorded, or as the terminal that spoke to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.trace.chance import answer_without_chance, depends_on_chance
from jukicard.apdu.trace.describe import describe
from jukicard.apdu.trace.difference import overlap
from jukicard.apdu.trace.dump import DumpCommand, DumpEvent, DumpReset, DumpResponse
from jukicard.apdu.trace.record import REMARK, ApduTrace, TraceError, TraceNote, event_lines
from jukicard.apdu.trace.redaction import (
    BytePattern,
    TraceLevel,
    parse_pattern,
    redact_command,
    redact_response,
)

_AGAIN: Final = "record it again if the program is right"
_CHANCE: Final = (
    "both are made of the program's random numbers, which are other ones each time: an "
    "authentication or a protected session cannot be played, only sent again"
)


class Strayed(Exception):
    """The program does not what was recorded; the text says where, and has no data."""


class NothingAnswered(Exception):
    """The command that comes now had no answer when it was recorded."""


class Playback:
    """What a card said, once and in order: the answer of each command, the ATR of each reset."""

    def __init__(self, events: Sequence[DumpEvent]) -> None:
        self._events = events
        self.played = 0
        """How many events were played."""

    @property
    def finished(self) -> bool:
        """Tell whether every event was played."""
        return self.played == len(self._events)

    @property
    def next(self) -> DumpEvent | None:
        """The event that comes now; None at the end."""
        return None if self.finished else self._events[self.played]

    def transmit(self, command: bytes) -> bytes:
        """Return the recorded answer. Strayed, NothingAnswered."""
        event = self.next
        if not (isinstance(event, DumpCommand) and event.pattern.matches(command)):
            raise Strayed(
                f"the trace goes on with {_named(event)} (event {self.played + 1} "
                f"of {len(self._events)}), the program sent {_header(BytePattern.of(command))}; "
                f"{_CHANCE if _by_chance(event, command) else _AGAIN}"
            )
        after = self._events[self.played + 1 : self.played + 2]
        if not after or not isinstance(after[0], DumpResponse):
            self.played += 1
            raise NothingAnswered
        if not after[0].pattern.is_exact:
            raise Strayed(
                f"the answer to {_header(event.pattern)} is hidden in the trace; only a "
                "trace with all data can be replayed (synthetic cards only)"
            )
        self.played += 2
        return after[0].pattern.raw

    def reset(self) -> bytes:
        """Play the reset that must come now; empty when its answer was not recorded. Strayed."""
        event = self.next
        if not isinstance(event, DumpReset):
            raise Strayed(
                f"the trace goes on with {_named(event)}, the program reset the card; {_AGAIN}"
            )
        self.played += 1
        return event.atr

    def check_finished(self) -> None:
        """Strayed unless every event was played."""
        if not self.finished:
            raise Strayed(
                f"the trace goes on with {_named(self.next)}, the program stopped; {_AGAIN}"
            )


def check_playable(trace: ApduTrace) -> None:
    """Look whether a trace can be played as a card. TraceError with the reason."""
    if not any(isinstance(event, DumpReset) and event.atr for event in trace.events):
        raise TraceError("it has no answer to reset, and a card has one: record from the reset on")
    _check_whole(trace, DumpResponse, "answer")


def _check_whole(trace: ApduTrace, kind: type[DumpCommand | DumpResponse], what: str) -> None:
    hidden = sum(isinstance(e, kind) and not e.pattern.is_exact for e in trace.events)
    if hidden:
        raise TraceError(
            f"the data of {hidden} {what}{'s' * (hidden > 1)} are hidden in it: such a trace is "
            "for reading. To replay a session, record it in full, with a synthetic card; what is "
            "typed on a reader's pad is never recorded"
        )


class Repeated(NamedTuple):
    """What came of sending a trace's commands: how many were sent, and where it went otherwise."""

    sent: int
    problem: list[str]
    """Lines that say what is different; empty where nothing was."""


def repeat(
    trace: ApduTrace,
    transmit: Callable[[bytes], bytes],
    reset: Callable[[], bytes],
    note: Callable[[TraceNote], None] = lambda note: None,
    broken: type[Exception] = ConnectionError,
) -> Repeated:
    """Send a trace's commands and compare what is answered; stop where it goes otherwise.

    Answers that mean the same are the same. A command that was made of the card's random numbers
    (an authentication, secure messaging) is not sent when these are other ones now: that would be
    a failed authentication. TraceError for a trace whose commands are hidden. What `transmit` and
    `reset` raise comes through; where the trace has no answer either, `broken` does not.
    """
    _check_whole(trace, DumpCommand, "command")
    terminal = _Terminal(transmit, reset, broken)
    for entry in trace.entries:
        match entry.event:
            case TraceNote(kind=kind):
                if kind != REMARK:
                    terminal.unanswered()
                    note(entry.event)
            case DumpReset(atr):
                terminal.reset(atr)
            case DumpCommand(pattern):
                terminal.command(pattern)
            case DumpResponse(pattern):
                terminal.answer(pattern)
        if terminal.problem:
            break
    else:
        terminal.unanswered()
    return Repeated(terminal.sent, terminal.problem)


class _Terminal:
    """The terminal's side of a trace, played to a card."""

    def __init__(
        self,
        transmit: Callable[[bytes], bytes],
        reset: Callable[[], bytes],
        broken: type[Exception],
    ) -> None:
        self._transmit = transmit
        self._reset = reset
        self._broken = broken
        self._waiting: BytePattern | None = None
        """A command not sent yet: whether it had an answer decides what may happen."""
        self._command: CommandApdu | None = None
        """What an answer belongs to; of GET RESPONSE the command before it."""
        self._chance = 0
        """The last command whose answer had other random numbers than it had then."""
        self.sent = 0
        self.problem: list[str] = []

    def reset(self, atr: bytes) -> None:
        self.unanswered()
        now = self._reset()
        if atr and now != atr:
            self._differs("the card's answer to reset is another", DumpReset(atr), DumpReset(now))

    def command(self, pattern: BytePattern) -> None:
        self.unanswered()
        self._waiting = pattern
        command = parse_pattern(pattern)
        if command is None or command.ins != Ins.GET_RESPONSE:
            self._command = command
        if self._chance and command is not None and depends_on_chance(command):
            self.problem = [
                f"command {self.sent + 1}, {describe(command)}, cannot be repeated: it was made of "
                f"the card's random numbers, and those of command {self._chance} are other ones "
                "now. Repeat it on the card that a recording holds, or on one issued from the "
                "same seed"
            ]

    def answer(self, then: BytePattern) -> None:
        sent, now = self._send()
        sealed = answer_without_chance(then, self._command)
        if not overlap(sealed, answer_without_chance(now, self._command)):
            shown = (redact_response(it, self._command, TraceLevel.REDACTED) for it in (then, now))
            self._differs(f"command {self.sent} is answered otherwise", *map(DumpResponse, shown))
            self.problem[1:1] = [f"  {line}" for line in event_lines(_shown(sent))]
        if not sealed.is_exact and then != now:
            self._chance = self.sent

    def unanswered(self) -> None:
        """Send a command that had no answer then; that there is none now either is right."""
        if self._waiting is None or self.problem:
            return
        try:
            sent, _ = self._send()
        except self._broken:
            return
        self.problem = [f"command {self.sent} had no answer then, and has one now"]
        self.problem += [f"  {line}" for line in event_lines(_shown(sent))]

    def _send(self) -> tuple[BytePattern, BytePattern]:
        sent, self._waiting = self._waiting or BytePattern(()), None
        self.sent += 1
        return sent, BytePattern.of(self._transmit(sent.raw))

    def _differs(self, what: str, then: DumpEvent, now: DumpEvent) -> None:
        self.problem = [
            what,
            *(f"  then: {line}" for line in event_lines(then)),
            *(f"  now:  {line}" for line in event_lines(now)),
        ]


def _by_chance(event: DumpEvent | None, sent: bytes) -> bool:
    """Tell whether a command is another one only by what was made of random numbers."""
    if not isinstance(event, DumpCommand):
        return False
    command, now = parse_pattern(event.pattern), parse_pattern(BytePattern.of(sent))
    return (
        command is not None
        and now is not None
        and event.pattern.part(0, 4).matches(sent[:4])
        and depends_on_chance(command)
        and depends_on_chance(now)
    )


def _shown(command: BytePattern) -> DumpCommand:
    return DumpCommand(redact_command(command, TraceLevel.REDACTED))


def _named(event: DumpEvent | None) -> str:
    """Name an event by what is no secret in it."""
    match event:
        case DumpCommand(pattern):
            return f"command {_header(pattern)}"
        case DumpReset():
            return "a reset"
        case DumpResponse():
            return "an answer"
        case None:
            return "nothing more"


def _header(pattern: BytePattern) -> str:
    """Return CLA INS P1 P2 and the length, never data."""
    size = len(pattern)
    header = f"{pattern.part(0, 4)} " if size >= 4 else ""
    return f"{header}({size} bytes)"
