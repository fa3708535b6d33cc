"""The line format of what went over the wire, for files and for replay, one event a line:

# a comment
ATR 3BE000FF8131FE4514          reset, and what the card answered
RESET                           reset without a known answer
> 00A4040C0AD392F000260100000001
< 9000
> 0020008004????????            hidden bytes
< 63C2
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.trace.redaction import (
    BytePattern,
    TraceLevel,
    parse_or_none,
    redact_command,
    redact_response,
    without_data,
)


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
        self._last = without_data(parse_or_none(raw))
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
    try:
        return parse_bytes(text)
    except DumpError as error:
        raise DumpError(f"line {number}: {error}") from None


def parse_bytes(text: str) -> BytePattern:
    """Read bytes as `str(BytePattern)` writes them; bytes may be apart. DumpError."""
    digits = "".join(text.split())
    if len(digits) % 2:
        raise DumpError("half a byte")
    if "?" not in digits and _HEX_DIGITS.issuperset(digits):
        return BytePattern.of(bytes.fromhex(digits))
    return BytePattern(tuple(_parse_byte(digits[i : i + 2]) for i in range(0, len(digits), 2)))


def _parse_byte(pair: str) -> int | None:
    if pair == "??":
        return None
    if not _HEX_DIGITS.issuperset(pair):
        raise DumpError("neither hexadecimal digits nor ??")
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
