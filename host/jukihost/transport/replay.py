"""A card that is a recording: answers what it answered then, to exactly the same commands.

The dump format is that of `jukicard.apdu.trace`: `ATR …`, `> command`, `< answer`, `??` for a byte
that may be any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from jukicard.apdu.trace import DumpReset, parse_dump
from jukicard.apdu.trace.record import ApduTrace
from jukicard.apdu.trace.replay import NothingAnswered, Playback, Strayed
from jukihost.errors import CardRemovedOrMute, ReplayMismatch
from jukihost.transport.base import BaseConnection, not_open


class ReplayConnection(BaseConnection):
    """Plays a recorded trace once, from its first line to its last.

    A command without an answer in the trace is a card that was pulled out. Leaving a `with` block
    without an error, while the trace goes on, is a ReplayMismatch too.
    """

    def __init__(self, dump: str | ApduTrace) -> None:
        """Take a trace, or the text of a dump; DumpError (a ValueError) when it is malformed."""
        self._events = parse_dump(dump) if isinstance(dump, str) else dump.events
        self._card = Playback(self._events)
        self._open = False
        self._atr = b""

    @property
    def description(self) -> str:
        """That it is a recording, and how far it has been played."""
        return f"recorded trace, event {self._card.played} of {len(self._events)}"

    @property
    def atr(self) -> bytes:
        """The ATR of the last reset, empty when it was not recorded. ConnectionNotOpen."""
        self._check_open()
        return self._atr

    @property
    def finished(self) -> bool:
        """Tell whether every event was played."""
        return self._card.finished

    def open(self) -> None:
        """Play the reset that comes next; a trace may also begin without one."""
        self._open = True
        if isinstance(self._card.next, DumpReset):
            self._atr = self._card.reset()

    def close(self) -> None:
        """Stop playing; `open` goes on where it stopped."""
        self._open = False

    def transmit(self, command: bytes) -> bytes:
        """Return the recorded answer.

        ReplayMismatch when the trace goes on otherwise, or hides a part of the answer.
        """
        self._check_open()
        try:
            with _told():
                return self._card.transmit(command)
        except NothingAnswered:
            raise CardRemovedOrMute(
                "the card was pulled out, or failed, here when the trace was recorded"
            ) from None

    def reset(self) -> bytes:
        """Play the recorded reset that must come next."""
        self._check_open()
        with _told():
            self._atr = self._card.reset()
        return self._atr

    def forget(self) -> bytes | None:
        """Play the reset that ends a session, unless the trace goes on without one."""
        self._check_open()
        return self.reset() if isinstance(self._card.next, DumpReset) else None

    def check_finished(self) -> None:
        """ReplayMismatch unless every event was played."""
        with _told():
            self._card.check_finished()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        if error is None:
            self.check_finished()

    def _check_open(self) -> None:
        if not self._open:
            raise not_open()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except Strayed as strayed:
        raise ReplayMismatch(str(strayed)) from None
