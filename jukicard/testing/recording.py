"""A session with a synthetic card, recorded in full: with the card as it was before it.

Such a recording holds all that repeating it takes, the card's keys and PINs among it.
"""

from __future__ import annotations

import ast
import contextlib
import datetime
from typing import Final

from jukicard.apdu.trace.dump import DumpReset
from jukicard.apdu.trace.record import HAZARD, POWER, ApduTrace, TraceError, TraceNote
from jukicard.apdu.trace.redaction import TraceLevel
from jukicard.apdu.trace.replay import Repeated, repeat
from jukicard.memory import MemorySnapshot
from jukicard.runtime.card import Card
from jukicard.testing.hazardous import HazardousCard
from jukicard.testing.hazards import HAZARDS, Hazard
from jukicard.transport import CardPort
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.traced import TracedCard

POWER_OFF: Final = "the power is off"
PUT_BACK: Final = "the card is put back"
_LONGEST: Final = 500
"""The longest text of a hazard, in characters."""


def recording_of(card: Card, title: str, today: datetime.date) -> ApduTrace:
    """Return an empty recording that holds a card as it is now; `today` is the day of its times."""
    at = datetime.datetime.combine(today, datetime.time(), datetime.UTC)
    taken = card.snapshot().export_with_keys()
    return ApduTrace(TraceLevel.FULL, title=title, clock=lambda: at, card=taken)


class RecordingCard(TracedCard):
    """A card in front of a recording, which is told of its power, too."""

    def __init__(self, card: CardPort, recording: ApduTrace) -> None:
        super().__init__(card, recording)
        self._recording = recording

    def power_off(self) -> None:
        """Take the power; tell of it."""
        super().power_off()
        self._recording.comment(POWER_OFF, POWER)


def recorded_card(trace: ApduTrace) -> Card:
    """Return the card that a recording holds, without power. TraceError, ImageError."""
    if not trace.card:
        raise TraceError("it holds no card: say which card to send it to")
    return Card.restore(MemorySnapshot.from_bytes(trace.card))


def repeat_session(trace: ApduTrace, card: Card) -> Repeated:
    """Send a trace's commands to a card and compare, with the hazards that it had. TraceError."""
    line = HazardousCard(card)
    reader = LocalReader(line)

    def note(note: TraceNote) -> None:
        if note.kind == HAZARD:
            line.add(hazard_of(note.text))
        elif note.kind == POWER and note.text == POWER_OFF:
            reader.close()
        elif note.kind == POWER:
            line.put_back()

    def reset() -> bytes:
        with contextlib.suppress(ConnectionError):
            return reader.reset()
        reader.open()
        return reader.atr

    with contextlib.closing(reader):
        if not isinstance(next(iter(trace.events), None), DumpReset):
            reader.open()
        return repeat(trace, reader.transmit, reset, note)


def hazard_of(text: str) -> Hazard:
    """Return the hazard that a text writes, `Pulled(at=3)`; nothing is run. TraceError."""
    kinds = {getattr(kind, "__name__", ""): kind for kind in HAZARDS}
    try:
        call = ast.parse(text[: _LONGEST + 1], mode="eval").body
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)) or call.args:
            raise ValueError
        values = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        return kinds[call.func.id](**values)
    except (SyntaxError, ValueError, TypeError, KeyError, RecursionError, MemoryError):
        raise TraceError("it has a hazard that there is not: record it with this release") from None
