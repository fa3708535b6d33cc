"""What of an exchange may be shown: the one place that decides it, for traces and dumps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from jukicard.apdu.command import CommandApdu, MalformedApduError, Typed
from jukicard.apdu.ins import Ins

HEADER_BYTES: Final = 4
"""CLA INS P1 P2: shown always, because no command of this project carries a secret there."""
MAX_NAME_BYTES: Final = 16
"""A DF name or a path has at most 16 bytes; a longer SELECT carries something else."""


class TraceLevel(Enum):
    """How much of the data fields is shown; headers, length fields and statuses always are."""

    HEADERS = "headers"
    """No data at all, not even names of applications."""
    REDACTED = "redacted"
    """Data of commands on a short list of harmless ones; the default."""
    FULL = "full"
    """Everything. **Shows PINs, keys and resident codes**: for synthetic cards only."""


@dataclass(frozen=True, slots=True)
class BytePattern:
    """Bytes of which some are hidden: `values` has the byte, or None where any byte may stand."""

    values: tuple[int | None, ...]

    @classmethod
    def of(cls, raw: bytes) -> BytePattern:
        """Return the pattern of exactly these bytes."""
        return cls(tuple(raw))

    @classmethod
    def hidden(cls, count: int) -> BytePattern:
        """Return the pattern of `count` hidden bytes."""
        return cls((None,) * count)

    @property
    def is_exact(self) -> bool:
        """True when nothing is hidden."""
        return None not in self.values

    @property
    def raw(self) -> bytes:
        """The bytes; ValueError when some are hidden."""
        shown = bytes(value for value in self.values if value is not None)
        if len(shown) != len(self.values):
            raise ValueError(
                f"{len(self.values) - len(shown)} of {len(self.values)} bytes are hidden"
            )
        return shown

    def matches(self, raw: bytes) -> bool:
        """Tell whether `raw` has this length and these bytes, hidden ones being any."""
        return len(raw) == len(self.values) and all(
            value is None or value == byte for value, byte in zip(self.values, raw, strict=True)
        )

    def part(self, start: int, end: int | None = None) -> BytePattern:
        """Return the pattern of the bytes from `start` to `end`, counted as slices are."""
        return BytePattern(self.values[start:end])

    def __add__(self, other: BytePattern) -> BytePattern:
        return BytePattern(self.values + other.values)

    def __len__(self) -> int:
        return len(self.values)

    def __str__(self) -> str:
        """Return two upper-case hexadecimal digits for a byte, `??` for a hidden one."""
        return "".join("??" if value is None else f"{value:02X}" for value in self.values)


def parse_or_none(raw: bytes) -> CommandApdu | None:
    """Return the command, or None when `raw` is malformed."""
    try:
        return CommandApdu.parse(raw)
    except MalformedApduError:
        return None


def without_data(command: CommandApdu | None) -> CommandApdu | None:
    """Return what is needed to judge the answer, without the data that may be a secret.

    A SELECT too long to be one keeps its length: it is part of what makes it harmless.
    """
    return command and command.replace(data=bytes(len(command.data)))


def shows_data(command: CommandApdu | None, level: TraceLevel) -> bool:
    """Tell whether the data fields of a command and of its response are shown at `level`.

    None stands for a command that is malformed or unknown. Its bytes may be anything.
    """
    if level is not TraceLevel.REDACTED:
        return level is TraceLevel.FULL
    return command is not None and _is_harmless(command)


# A list of what may be shown: whatever is not on it, is not shown. A response that comes through
# GET RESPONSE is that command's, so it stays hidden. A protected SELECT hides what it selects.
def _is_harmless(command: CommandApdu) -> bool:
    """Tell whether it is a whole, unprotected SELECT by file identifier, path or name."""
    cla = command.cla
    if cla.secure or cla.chained or not cla.interindustry:
        return False
    return (
        command.ins == Ins.SELECT
        and command.p1 in _SELECT_P1
        and len(command.data) <= MAX_NAME_BYTES
    )


# ISO/IEC 7816-4:2020, 11.2.2, coding of P1
_SELECT_P1: Final = frozenset((0x00, 0x01, 0x02, 0x03, 0x04, 0x08, 0x09))


def parse_pattern(pattern: BytePattern) -> CommandApdu | None:
    """Return the command of which some data may be hidden (then zeros); None when malformed."""
    command = parse_or_none(bytes(value or 0 for value in pattern.values))
    if command is None or pattern.is_exact:
        return command
    start = data_start(command)
    outside = pattern.values[:start] + pattern.values[start + len(command.data) :]
    return None if None in outside else command


def data_start(command: CommandApdu) -> int:
    """Return where the data of a command begins that has some."""
    return HEADER_BYTES + (3 if command.extended else 1)


def redact_command(raw: bytes | BytePattern, level: TraceLevel) -> BytePattern:
    """Return what may be shown of a command: of a malformed one, its first four bytes at most.

    Fewer than four malformed bytes are no header and stay hidden. FULL hides nothing, but of what
    was typed on a reader's pad no level shows data.
    """
    said = BytePattern.of(raw) if isinstance(raw, bytes) else raw
    if isinstance(raw, Typed):
        level = TraceLevel.HEADERS
    if level is TraceLevel.FULL:
        return said
    command = parse_pattern(said)
    if command is None:
        shown = said.part(0, HEADER_BYTES if len(said) >= HEADER_BYTES else 0)
        return shown + BytePattern.hidden(len(said) - len(shown))
    if not command.data or shows_data(command, level):
        return said
    start = data_start(command)
    end = start + len(command.data)
    return said.part(0, start) + BytePattern.hidden(end - start) + said.part(end)


def redact_response(
    raw: bytes | BytePattern, command: CommandApdu | None, level: TraceLevel
) -> BytePattern:
    """Return what may be shown of the response to `command` (None: malformed or unknown).

    The status is shown always. A response shorter than a status is hidden, except at FULL.
    """
    said = BytePattern.of(raw) if isinstance(raw, bytes) else raw
    if isinstance(raw, Typed):
        level = TraceLevel.HEADERS
    if level is TraceLevel.FULL:
        return said
    if len(said) < 2:
        return BytePattern.hidden(len(said))
    if shows_data(command, level):
        return said
    return BytePattern.hidden(len(said) - 2) + said.part(-2)


def observed(command: bytes, answer: bytes | None = None) -> bytes:
    """Return what an observer is told of a command, or of the answer to it.

    That is the bytes themselves; zeros in the place of the data where these were typed on a pad.
    """
    raw = command if answer is None else answer
    if not isinstance(command, Typed):
        return raw
    hidden = TraceLevel.HEADERS
    shown = redact_command(raw, hidden) if answer is None else redact_response(raw, None, hidden)
    return Typed(value or 0 for value in shown.values)
