"""What a test did with a card, for people: the redacted exchange, each refusal with its reason.

Only redacted text is kept, so that no PIN, key or resident code can reach a report.
"""

from __future__ import annotations

from typing import Final

from jukicard.apdu.ins import ins_label
from jukicard.apdu.trace import Trace
from jukicard.apdu.trace.record import ApduTrace
from jukicard.runtime.events import CardEvent, LifeCycleChanged, Refusal, RetryCounterChanged
from jukicard.testing.hazards import Hazard

LONGEST: Final = 400
"""The last lines of the exchange that are kept."""
MOST_REFUSALS: Final = 50


class Journal:
    """Listens to a card and to the way to it; an observer of bytes and a listener of events."""

    def __init__(self, recording: ApduTrace | None = None) -> None:
        """`recording` is told all of it too, unredacted."""
        self._recording = recording
        self._trace = Trace(keep=LONGEST)
        self._remarks: list[str] = []
        self._refusals: list[str] = []
        self.left_out = 0
        """How many refusals were not kept."""

    @property
    def trace(self) -> str:
        """The exchange: two lines a command, one an answer, and remarks of what happened."""
        return self._trace.text

    @property
    def refusals(self) -> tuple[str, ...]:
        """What the card refused and why, in order."""
        return tuple(self._refusals)

    def hear(self, event: CardEvent) -> None:
        """Take an event of the card; it is told behind the answer it belongs to."""
        match event:
            case Refusal(ins=ins, status=status, reason=reason):
                self._remarks.append(f"why: {reason}")
                if len(self._refusals) < MOST_REFUSALS:
                    self._refusals.append(f"{ins_label(ins)} {status.hex}: {reason}")
                else:
                    self.left_out += 1
            case RetryCounterChanged(reference=reference, tries_left=left):
                self._remarks.append(f"{reference}: tries left {left}")
            case LifeCycleChanged(what=what, state=state):
                self._remarks.append(f"{what} is {state} now")
            case _:
                pass

    def happened(self, hazard: Hazard) -> None:
        """Take a hazard that comes now."""
        self._remarks.append(f"hazard: {hazard!r}")

    def command(self, raw: bytes) -> None:
        """Take a command on its way to the card."""
        self._trace.command(raw)
        if self._recording is not None:
            self._recording.command(raw)

    def response(self, raw: bytes) -> None:
        """Take the answer to it."""
        self._trace.response(raw)
        if self._recording is not None:
            self._recording.response(raw)
        self._tell()

    def broke_off(self, error: BaseException) -> None:
        """Take that no answer came; of the error its kind only, its text may hold anything."""
        self._remarks.append(f"no answer: {type(error).__name__}")
        self._tell()

    def reset(self, atr: bytes) -> None:
        """Take a reset and the answer to it."""
        self._trace.reset(atr)
        if self._recording is not None:
            self._recording.reset(atr)
        self._tell()

    def _tell(self) -> None:
        for remark in self._remarks:
            self._trace.comment(remark)
            if self._recording is not None:
                self._recording.comment(remark)
        self._remarks.clear()
