"""What went over the wire, for people: lines of text that show no secrets unless told to.

`jukicard.apdu.trace.redaction` decides what is shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from jukicard.apdu.atr import Atr, AtrError
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.trace.describe import describe
from jukicard.apdu.trace.redaction import (
    BytePattern,
    TraceLevel,
    data_start,
    parse_or_none,
    redact_command,
    redact_response,
    without_data,
)


class TraceObserver(Protocol):
    """Whoever wants to see an exchange as it is on the wire; it gets everything, unredacted.

    An observer must keep neither the bytes nor anything made of them that is not redacted. It never
    gets what was typed on a reader's pad.
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
        self._last = without_data(command)
        for line in command_lines(redact_command(raw, self._level), command):
            self._emit(line)

    def response(self, raw: bytes) -> None:
        """Render an answer: its data as far as shown, its status and what that means."""
        self._emit(response_line(redact_response(raw, self._last, self._level)))
        self._last = None

    def reset(self, atr: bytes) -> None:
        """Render a reset and the answer to it."""
        self._last = None
        self._emit(reset_line(atr))

    def comment(self, text: str) -> None:
        """Add a remark; the caller answers for what is in it."""
        for line in text.splitlines():
            self._emit(f"# {line}")

    def _emit(self, line: str) -> None:
        if self._write is None:
            self._lines.append(line)
        else:
            self._write(line)


def command_lines(shown: BytePattern, command: CommandApdu | None) -> list[str]:
    """Return a command's meaning and its bytes; `command` is None for a malformed one."""
    if not len(shown):
        return [f"> {meaning_of(shown, command)}"]
    return [f"> {meaning_of(shown, command)}", f"    {command_bytes(shown, command)}"]


def meaning_of(shown: BytePattern, command: CommandApdu | None) -> str:
    """Say in words what a command asks for, or that it is malformed."""
    return describe(command) if command else f"malformed command of {count(len(shown))}"


def command_bytes(shown: BytePattern, command: CommandApdu | None) -> str:
    """Return header, Lc, data and Le apart, the data as `<n bytes>` where it is hidden."""
    if command is None:
        header = shown.part(0, 0 if None in shown.values[:4] else 4)
        rest = shown.part(len(header))
        return " ".join(filter(None, (_spaced(header), data_text(rest))))
    start = data_start(command) if command.data else len(shown)
    end = start + len(command.data)
    parts = (
        _spaced(shown.part(0, 4)),
        str(shown.part(4, start)),
        data_text(shown.part(start, end)),
        str(shown.part(end)),
    )
    return " ".join(filter(None, parts))


def response_line(shown: BytePattern) -> str:
    """Return an answer: its data as far as shown, its status and what that means."""
    if len(shown) < 2:
        data = f": {shown}" if len(shown) and shown.is_exact else ""
        return f"< malformed response of {count(len(shown))}{data}"
    status = status_of(shown)
    data = data_text(shown.part(0, -2))
    return f"< {data}{' ' if data else ''}{status_text(status)}"


def status_of(shown: BytePattern) -> StatusWord | None:
    """Return the status of an answer of two bytes or more; None where it is hidden."""
    sw1, sw2 = shown.values[-2:]
    return None if sw1 is None or sw2 is None else StatusWord(sw1 << 8 | sw2)


def status_text(status: StatusWord | None) -> str:
    """Return a status and what it means."""
    return "????" if status is None else f"{status} {status.meaning}"


def reset_line(atr: bytes) -> str:
    """Return a reset and the answer to it."""
    return f"reset, ATR {atr_text(atr)}" if atr else "reset"


def data_text(data: BytePattern) -> str:
    """Return bytes in hexadecimal digits, or how many there are where some are hidden."""
    return str(data) if data.is_exact else f"<{count(len(data))}>"


def count(size: int) -> str:
    """Return a number of bytes, in words."""
    return "1 byte" if size == 1 else f"{size} bytes"


def atr_text(atr: bytes) -> str:
    """Return an ATR and the protocols that it offers."""
    try:
        parsed = Atr.parse(atr)
    except AtrError:
        return f"{atr.hex().upper()} (malformed)"
    return f"{parsed} ({', '.join(f'T={t}' for t in parsed.protocols)})"


def _spaced(pattern: BytePattern) -> str:
    return pattern.raw.hex(" ").upper()
