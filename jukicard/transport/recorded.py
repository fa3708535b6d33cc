"""A card that is a recording: what a reader or a server holds where no card is at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jukicard.apdu.trace.dump import DumpReset
from jukicard.apdu.trace.record import ApduTrace
from jukicard.apdu.trace.replay import NothingAnswered, Playback, Strayed, check_playable
from jukicard.transport import CardFault


class RecordedCard:
    """Fits CardPort: answers what a card answered then, to the same commands in the same order.

    A program that strays from the trace gets `Strayed` with where and how, then and ever after, in
    the same process; over a server the card is mute, and `problem` has the words. A reset where
    none was recorded is answered as long as no command came since the last one: readers reset a
    card as they like.
    """

    def __init__(self, trace: ApduTrace) -> None:
        """Take a trace with all data. TraceError for one that cannot be played, with the reason."""
        check_playable(trace)
        self._events = len(trace.events)
        self._playback = Playback(trace.events)
        self._reset_at: int | None = None
        self._atr = next(e.atr for e in trace.events if isinstance(e, DumpReset) and e.atr)
        self.problem = ""
        """Where the program strayed, in words."""

    def __repr__(self) -> str:
        return f"<RecordedCard, {self.progress}>"

    @property
    def finished(self) -> bool:
        """Tell whether all of the trace was played."""
        return self._playback.finished

    @property
    def progress(self) -> str:
        """How much of the trace was played, in words."""
        return f"{self._playback.played} of {self._events} events"

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        return self._atr

    def power_on(self) -> bytes:
        """Play the recorded reset that comes now. Strayed."""
        return self.reset()

    def reset(self) -> bytes:
        """Play the recorded reset that comes now. Strayed."""
        if not isinstance(self._playback.next, DumpReset) and self._playback.played in (
            0,
            self._reset_at,
        ):
            return self._atr
        with self._noting():
            self._atr = self._playback.reset() or self._atr
        self._reset_at = self._playback.played
        return self._atr

    def power_off(self) -> None:
        """Take the power; a trace does not tell of that."""

    def transmit(self, command: bytes, /) -> bytes:
        """Return the recorded answer. Strayed; CardFault where none was recorded."""
        try:
            with self._noting():
                return self._playback.transmit(command)
        except NothingAnswered:
            raise CardFault("the card did not answer here when it was recorded") from None

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Note where the program strays first: what it does after that says no more."""
        if self.problem:
            raise Strayed(self.problem)
        try:
            yield
        except Strayed as strayed:
            self.problem = str(strayed)
            raise
