"""A card that is a recording: answers what it answered then, to exactly the same commands.

The dump format is that of `jukicard.apdu.trace`: `ATR …`, `> command`, `< answer`, `??` for a byte
that may be any.
"""

from __future__ import annotations

from types import TracebackType

from jukicard.apdu.trace import (
    BytePattern,
    DumpCommand,
    DumpEvent,
    DumpReset,
    DumpResponse,
    parse_dump,
)
from jukihost.errors import CardRemovedOrMute, ReplayMismatch
from jukihost.transport.base import BaseConnection, not_open


class ReplayConnection(BaseConnection):
    """Plays a recorded trace once, from its first line to its last.

    A command without an answer in the trace is a card that was pulled out. Leaving a `with` block
    without an error, while the trace goes on, is a ReplayMismatch too.
    """

    def __init__(self, dump: str) -> None:
        """Take the text of a dump; DumpError (a ValueError) when it is malformed."""
        self._events = parse_dump(dump)
        self._next = 0
        self._open = False
        self._atr = b""

    @property
    def description(self) -> str:
        """That it is a recording, and how far it has been played."""
        return f"recorded trace, event {self._next} of {len(self._events)}"

    @property
    def atr(self) -> bytes:
        """The ATR of the last reset, empty when it was not recorded. ConnectionNotOpen."""
        self._check_open()
        return self._atr

    @property
    def finished(self) -> bool:
        """Tell whether every event was played."""
        return self._next == len(self._events)

    def open(self) -> None:
        """Play the reset that comes next; a trace may also begin without one."""
        self._open = True
        event = self._peek()
        if isinstance(event, DumpReset):
            self._reset_to(event)

    def close(self) -> None:
        """Stop playing; `open` goes on where it stopped."""
        self._open = False

    def transmit(self, command: bytes) -> bytes:
        """Return the recorded answer.

        ReplayMismatch when the trace goes on otherwise, or hides a part of the answer.
        """
        self._check_open()
        event = self._peek()
        if not (isinstance(event, DumpCommand) and event.pattern.matches(command)):
            raise ReplayMismatch(
                f"the trace goes on with {_show(event)} (event {self._next + 1} "
                f"of {len(self._events)}), the program sent {_header(command)}; "
                "record it again if the program is right"
            )
        answer = self._events[self._next + 1] if self._next + 1 < len(self._events) else None
        if not isinstance(answer, DumpResponse):
            self._next += 1
            raise CardRemovedOrMute(
                "the card was pulled out, or failed, here when the trace was recorded"
            )
        if not answer.pattern.is_exact:
            raise ReplayMismatch(
                f"the answer to {_header(command)} is hidden in the trace; only a "
                "trace with all data can be replayed (synthetic cards only)"
            )
        self._next += 2
        return answer.pattern.raw

    def reset(self) -> bytes:
        """Play the recorded reset that must come next."""
        self._check_open()
        event = self._peek()
        if not isinstance(event, DumpReset):
            raise ReplayMismatch(
                f"the trace goes on with {_show(event)}, the program reset the "
                "card; record it again if the program is right"
            )
        return self._reset_to(event)

    def forget(self) -> bytes | None:
        """Play the reset that ends a session, unless the trace goes on without one."""
        self._check_open()
        event = self._peek()
        return self._reset_to(event) if isinstance(event, DumpReset) else None

    def check_finished(self) -> None:
        """ReplayMismatch unless every event was played."""
        if not self.finished:
            raise ReplayMismatch(
                f"the trace goes on with {_show(self._peek())}, the program "
                "stopped; record it again if the program is right"
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        if error is None:
            self.check_finished()

    def _peek(self) -> DumpEvent | None:
        return None if self.finished else self._events[self._next]

    def _reset_to(self, event: DumpReset) -> bytes:
        self._next += 1
        self._atr = event.atr
        return event.atr

    def _check_open(self) -> None:
        if not self._open:
            raise not_open()


def _show(event: DumpEvent | None) -> str:
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


def _header(command: bytes | BytePattern) -> str:
    """Return CLA INS P1 P2 and the length, never data."""
    pattern = BytePattern.of(command) if isinstance(command, bytes) else command
    size = len(pattern)
    header = str(BytePattern(pattern.values[:4])) + " " if size >= 4 else ""
    return f"{header}({size} bytes)"
