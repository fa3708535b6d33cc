"""What went over the wire, for people (`Trace`) and for replay (`DumpWriter`, `parse_dump`).

Both show no secrets unless told to: `jukicard.apdu.redaction` decides what is shown.

The line format of a dump, one event a line:

    # a comment
    ATR 3BE000FF8131FE4514          reset, and what the card answered
    RESET                           reset without a known answer
    > 00A4040C0AD392F000260100000001
    < 9000
    > 0020008004????????            hidden bytes
    < 63C2
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from jukicard.apdu.atr import Atr, AtrError
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.describe import describe
from jukicard.apdu.redaction import (
    BytePattern,
    TraceLevel,
    parse_or_none,
    redact_command,
    redact_response,
)
from jukicard.apdu.status import StatusWord

__all__ = [
    "BytePattern",
    "DumpCommand",
    "DumpError",
    "DumpEvent",
    "DumpReset",
    "DumpResponse",
    "DumpWriter",
    "Trace",
    "TraceLevel",
    "TraceObserver",
    "parse_dump",
    "write_dump",
]


class TraceObserver(Protocol):
    """Whoever wants to see an exchange as it is on the wire; it gets everything, unredacted.

    An observer must keep neither the bytes nor anything made of them that is not redacted.
    """

    def command(self, raw: bytes) -> None:
        """Take a command on its way to the card."""

    def response(self, raw: bytes) -> None:
        """Take the answer to the last command."""

    def reset(self, atr: bytes) -> None:
        """Take a reset (or power-on) and the answer to it; empty when it is not known."""


class Trace:
    """An observer that keeps readable lines, or hands them to `write` one by one.

    A command is two lines, its meaning and its bytes; an answer and a reset are one:

        > VERIFY, reference 00 of the application
            00 20 00 80 04 <4 bytes>
        < 63C2 failed, 2 tries left

    Only redacted text is kept, the last `keep` lines of it (None: all).
    """

    __slots__ = ("_last", "_level", "_lines", "_write")

    def __init__(
        self,
        level: TraceLevel = TraceLevel.REDACTED,
        *,
        write: Callable[[str], object] | None = None,
        keep: int | None = None,
    ) -> None:
        self._level = level
        self._write = write
        self._lines: deque[str] = deque(maxlen=keep)
        self._last: CommandApdu | None = None

    @property
    def level(self) -> TraceLevel:
        """How much is shown."""
        return self._level

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines kept, oldest first."""
        return tuple(self._lines)

    @property
    def text(self) -> str:
        """The lines kept, each with its line end."""
        return "".join(f"{line}\n" for line in self._lines)

    def command(self, raw: bytes) -> None:
        """Render a command."""
        command = parse_or_none(raw)
        self._last = _without_data(command)
        if command is None:
            self._emit(f"> malformed command of {_count(len(raw))}")
        else:
            self._emit(f"> {describe(command)}")
        if raw:
            self._emit(f"    {_render_command(raw, command, self._level)}")

    def response(self, raw: bytes) -> None:
        """Render an answer: its data as far as shown, its status and what that means."""
        shown = redact_response(raw, self._last, self._level)
        if len(raw) < 2:
            data = f": {shown}" if raw and shown.is_exact else ""
            self._emit(f"< malformed response of {_count(len(raw))}{data}")
        else:
            status = StatusWord(raw[-2] << 8 | raw[-1])
            data = _render_data(BytePattern(shown.values[:-2]))
            self._emit(f"< {data}{' ' if data else ''}{status} {status.meaning}")
        self._last = None

    def reset(self, atr: bytes) -> None:
        """Render a reset and the answer to it."""
        self._last = None
        self._emit(f"reset, ATR {_render_atr(atr)}" if atr else "reset")

    def comment(self, text: str) -> None:
        """Add a remark; the caller answers for what is in it."""
        for line in text.splitlines():
            self._emit(f"# {line}")

    def _emit(self, line: str) -> None:
        if self._write is None:
            self._lines.append(line)
        else:
            self._write(line)


def _without_data(command: CommandApdu | None) -> CommandApdu | None:
    """Return what is needed to judge the answer, without the data that may be a secret.

    A SELECT too long to be one keeps its length: it is part of what makes it harmless.
    """
    return command and command.replace(data=bytes(len(command.data)))


def _render_command(raw: bytes, command: CommandApdu | None, level: TraceLevel) -> str:
    """Return header, Lc, data and Le apart, the data as `<n bytes>` where it is hidden."""
    if command is None:
        shown = redact_command(raw, level)
        header = BytePattern(shown.values[:4]) if None not in shown.values[:4] else BytePattern(())
        rest = BytePattern(shown.values[len(header) :])
        return " ".join(filter(None, (_spaced(header), _render_data(rest))))
    shown = redact_command(raw, level)
    start = 4 + (3 if command.extended else 1) if command.data else len(raw)
    end = start + len(command.data)
    data = BytePattern(shown.values[start:end])
    parts = (
        _spaced(BytePattern(shown.values[:4])),
        str(BytePattern(shown.values[4:start])),
        _render_data(data),
        str(BytePattern(shown.values[end:])),
    )
    return " ".join(filter(None, parts))


def _spaced(pattern: BytePattern) -> str:
    return pattern.raw.hex(" ").upper()


def _render_data(data: BytePattern) -> str:
    if data.is_exact:
        return str(data)
    return f"<{_count(len(data))}>"


def _count(size: int) -> str:
    return "1 byte" if size == 1 else f"{size} bytes"


def _render_atr(atr: bytes) -> str:
    try:
        parsed = Atr.parse(atr)
    except AtrError:
        return f"{atr.hex().upper()} (malformed)"
    return f"{parsed} ({', '.join(f'T={t}' for t in parsed.protocols)})"


# -- the line format ------------------------------------------------------------------------------


class DumpError(ValueError):
    """A line of a dump cannot be read; the text has its number, never its content."""


@dataclass(frozen=True, slots=True)
class DumpReset:
    """A reset; `atr` is what the card answered, empty when it was not recorded."""

    atr: bytes


@dataclass(frozen=True, slots=True)
class DumpCommand:
    """A command, with hidden bytes where the dump has `??`."""

    pattern: BytePattern


@dataclass(frozen=True, slots=True)
class DumpResponse:
    """The answer to the command before it, with hidden bytes where the dump has `??`."""

    pattern: BytePattern


DumpEvent = DumpReset | DumpCommand | DumpResponse


class DumpWriter:
    """An observer that hands the lines of a dump to `write`, without line ends.

    Below FULL a hidden byte is written `??`; what is written then can be compared with, and a
    response with hidden bytes cannot be replayed.
    """

    __slots__ = ("_last", "_level", "_write")

    def __init__(
        self, write: Callable[[str], object], level: TraceLevel = TraceLevel.REDACTED
    ) -> None:
        self._write = write
        self._level = level
        self._last: CommandApdu | None = None

    def command(self, raw: bytes) -> None:
        """Write a command."""
        self._last = _without_data(parse_or_none(raw))
        self._write(f"> {redact_command(raw, self._level)}".rstrip())

    def response(self, raw: bytes) -> None:
        """Write the answer to the last command."""
        self._write(f"< {redact_response(raw, self._last, self._level)}".rstrip())
        self._last = None

    def reset(self, atr: bytes) -> None:
        """Write a reset and the answer to it."""
        self._last = None
        self._write(f"ATR {atr.hex().upper()}" if atr else "RESET")

    def comment(self, text: str) -> None:
        """Write a remark, each of its lines as a comment; the caller answers for what is in it."""
        for line in text.splitlines():
            self._write(f"# {line}".rstrip())


def parse_dump(text: str) -> tuple[DumpEvent, ...]:
    """Read a dump: its events in order, without comments and empty lines.

    Hexadecimal digits may be in either case and bytes may be apart. DumpError when a line is none
    of the format, or an answer has no command before it.
    """
    events: list[DumpEvent] = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        event = _parse_line(content, number)
        if isinstance(event, DumpResponse) and not (events and isinstance(events[-1], DumpCommand)):
            raise DumpError(f"line {number}: a response without a command before it")
        events.append(event)
    return tuple(events)


def _parse_line(content: str, number: int) -> DumpEvent:
    word, _, rest = content.partition(" ")
    match word:
        case ">":
            return DumpCommand(_parse_pattern(rest, number))
        case "<":
            return DumpResponse(_parse_pattern(rest, number))
        case "ATR":
            atr = _parse_pattern(rest, number)
            if not atr.is_exact or not len(atr):
                raise DumpError(f"line {number}: an ATR is known in full")
            return DumpReset(atr.raw)
        case "RESET" if not rest:
            return DumpReset(b"")
        case _:
            raise DumpError(f"line {number}: begins with none of >, <, ATR, RESET, #")


_HEX_DIGITS: Final = frozenset("0123456789ABCDEFabcdef")


def _parse_pattern(text: str, number: int) -> BytePattern:
    digits = "".join(text.split())
    if len(digits) % 2:
        raise DumpError(f"line {number}: half a byte")
    pairs = (digits[i : i + 2] for i in range(0, len(digits), 2))
    return BytePattern(tuple(_parse_byte(pair, number) for pair in pairs))


def _parse_byte(pair: str, number: int) -> int | None:
    if pair == "??":
        return None
    if not _HEX_DIGITS.issuperset(pair):
        raise DumpError(f"line {number}: neither hexadecimal digits nor ??")
    return int(pair, 16)


def write_dump(events: Iterable[DumpEvent]) -> str:
    """Return the dump of these events, each line with its end; `parse_dump` reads it back."""
    return "".join(f"{_event_line(event)}\n" for event in events)


def _event_line(event: DumpEvent) -> str:
    match event:
        case DumpReset(atr):
            return f"ATR {atr.hex().upper()}" if atr else "RESET"
        case DumpCommand(pattern):
            return f"> {pattern}".rstrip()
        case DumpResponse(pattern):
            return f"< {pattern}".rstrip()
